//! The system asks the program to end: the backup that runs cleans up first.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::iterator::Signals;
use tauri::{AppHandle, Manager as _};

use crate::state::Application;

/// From now on SIGTERM, SIGINT and SIGHUP end the program with 128 plus their number, after the backup that runs has
/// cleaned up; a second one ends it at once.
pub(crate) fn stop_gently(app: AppHandle) -> io::Result<()> {
    // A limit on the size of files is then an error of the write, not the program's death.
    signal_hook::flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false)))?;
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP])?;
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        let mut asked = false;
        for signal in signals.forever() {
            if asked {
                signal_hook::low_level::exit(128 + signal);
            }
            asked = true;
            let app = app.clone();
            std::thread::spawn(move || {
                app.state::<Application>().running.stop_and_wait();
                app.exit(128 + signal);
            });
        }
    })?;
    Ok(())
}
