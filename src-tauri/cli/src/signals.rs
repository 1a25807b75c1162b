//! Signals: the first asks the running verb to stop and to clean up, one that comes a second later leaves at once.

use std::fs;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use cfms_backup::job::Canceller;
use cfms_backup::{Event, Phase};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGXFSZ};
use signal_hook::{flag, iterator, low_level};
use tokio::sync::watch;

use crate::exit::Exit;

/// One wish to stop often arrives as several signals, from a terminal that closes or from `timeout`: what comes so soon
/// after the first is no second wish.
const ONE_WISH: Duration = Duration::from_secs(1);

/// The signals that ask to stop.
const STOPPING: [(i32, Exit); 4] =
    [(SIGHUP, Exit::HungUp), (SIGINT, Exit::Interrupted), (SIGQUIT, Exit::Quit), (SIGTERM, Exit::Terminated)];

/// What signals have asked for.
#[derive(Clone, Default)]
pub(crate) struct Signals {
    stop: Arc<AtomicBool>,
    first: Arc<AtomicI32>,
    stopping: watch::Sender<bool>,
    pause: Arc<Pause>,
}

impl Signals {
    /// Listens from now on. SIGHUP stays without effect where it was when the program was started (`nohup`).
    ///
    /// # Errors
    /// The system's refusal to install a handler, or of a thread.
    pub(crate) fn listen() -> io::Result<Self> {
        let wanted = STOPPING.map(|(signal, _)| signal).into_iter().chain([SIGTSTP]);
        let may_be_ignored = |signal| [SIGHUP, SIGTSTP].contains(&signal);
        let heeded = wanted.filter(|&signal| !may_be_ignored(signal) || is_ignored(signal) == Some(false));
        let mut arriving = iterator::Signals::new(heeded.collect::<Vec<_>>())?;
        let signals = Self::default();
        let listener = signals.clone();
        thread::Builder::new().name("signals".to_owned()).spawn(move || listener.hear(arriving.forever()))?;
        // Unheeded on purpose: with a handler a write beyond `ulimit -f` fails with EFBIG instead of killing the run.
        flag::register(SIGXFSZ, Arc::default())?;
        Ok(signals)
    }

    /// What stops the running job once a signal came.
    pub(crate) fn canceller(&self) -> Canceller {
        Canceller::from_flag(Arc::clone(&self.stop))
    }

    /// Waits for a signal that asks to stop.
    pub(crate) fn stopped(&self) -> impl Future<Output = ()> + use<> {
        let mut stopping = self.stopping.subscribe();
        async move {
            // The listening thread holds the other end as long as the program runs.
            let _ = stopping.wait_for(|is_asked| *is_asked).await;
        }
    }

    /// The exit code of a cancelled run.
    pub(crate) fn exit(&self) -> Exit {
        exit_of(self.first.load(Ordering::Acquire))
    }

    /// What puts Ctrl-Z off while the job must not stand still: it is told the job's events.
    pub(crate) fn pause(&self) -> Arc<Pause> {
        Arc::clone(&self.pause)
    }

    fn hear(&self, arriving: impl Iterator<Item = i32>) {
        let mut asked: Option<Instant> = None;
        for signal in arriving {
            match asked {
                _ if signal == SIGTSTP => self.pause.wish(),
                None => {
                    asked = Some(Instant::now());
                    self.first.store(signal, Ordering::Release);
                    self.stop.store(true, Ordering::Release);
                    self.stopping.send_replace(true);
                }
                Some(asked) if asked.elapsed() >= ONE_WISH => low_level::exit(exit_of(signal).code().into()),
                Some(_) => {}
            }
        }
    }
}

/// Ctrl-Z. A run that stood still while it copies the database would hold the server's lock until somebody goes on.
#[derive(Default)]
pub(crate) struct Pause(Mutex<Wish>);

#[derive(Default)]
struct Wish {
    must_run: bool,
    is_wanted: bool,
}

impl Pause {
    /// Learns from a job's `event` whether the database is being copied.
    pub(crate) fn heed(&self, event: &Event) {
        let must_run = match event {
            Event::Phase { phase, .. } => *phase == Phase::Snapshot,
            Event::Plan { .. } => false,
            Event::Done { .. } | Event::Warning { .. } | Event::Connection { .. } => return,
        };
        let mut wish = self.lock();
        wish.must_run = must_run;
        if !must_run && std::mem::take(&mut wish.is_wanted) {
            stand_still();
        }
    }

    fn wish(&self) {
        let mut wish = self.lock();
        match wish.must_run {
            true => wish.is_wanted = true,
            // Under the mutex: the copying cannot begin meanwhile.
            false => stand_still(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Wish> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Does what SIGTSTP does to a program that does not listen to it.
fn stand_still() {
    // What the system refuses has no effect: the run goes on.
    let _ = low_level::emulate_default_handler(SIGTSTP);
}

fn exit_of(signal: i32) -> Exit {
    STOPPING.iter().find(|(of, _)| *of == signal).map_or(Exit::Interrupted, |(_, exit)| *exit)
}

/// Whether whoever started this program had it ignore `signal`; `None` where the system does not tell.
fn is_ignored(signal: i32) -> Option<bool> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let set = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
    let set = u64::from_str_radix(set.trim(), 16).ok()?;
    Some(set >> (signal - 1) & 1 == 1)
}
