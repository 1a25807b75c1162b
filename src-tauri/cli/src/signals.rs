//! Signals: the first asks the running verb to stop and to clean up, the second leaves at once.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use cfms_backup::job::Canceller;
use signal_hook::consts::{SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::flag;

use crate::exit::Exit;

/// What signals have asked for.
pub(crate) struct Signals {
    stop: Arc<AtomicBool>,
    signal: Arc<AtomicUsize>,
}

impl Signals {
    /// Listens from now on.
    ///
    /// # Errors
    /// The system's refusal to install a handler.
    pub(crate) fn listen() -> io::Result<Self> {
        let signals = Self { stop: Arc::default(), signal: Arc::default() };
        for (signal, exit) in [(SIGINT, Exit::Interrupted), (SIGTERM, Exit::Terminated)] {
            // Handlers run in the order of registration: at the first signal the shutdown is not armed yet.
            flag::register_conditional_shutdown(signal, exit.code().into(), Arc::clone(&signals.stop))?;
            flag::register_usize(signal, Arc::clone(&signals.signal), signal.unsigned_abs() as usize)?;
            flag::register(signal, Arc::clone(&signals.stop))?;
        }
        // Unheeded on purpose: with a handler a write beyond `ulimit -f` fails with EFBIG instead of killing the run.
        flag::register(SIGXFSZ, Arc::default())?;
        Ok(signals)
    }

    /// What stops the running job once a signal came.
    pub(crate) fn canceller(&self) -> Canceller {
        Canceller::from_flag(Arc::clone(&self.stop))
    }

    /// The exit code of a cancelled run.
    pub(crate) fn exit(&self) -> Exit {
        match self.signal.load(Ordering::Relaxed) {
            signal if signal == SIGTERM.unsigned_abs() as usize => Exit::Terminated,
            _ => Exit::Interrupted,
        }
    }
}
