//! The system asks the program to end: the backup that runs cleans up first.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGXFSZ};
use signal_hook::iterator::Signals;
use tauri::{AppHandle, Manager as _};

use crate::state::Application;

/// One wish to stop often arrives as several signals: what comes so soon after the first is no second wish.
const ONE_WISH: Duration = Duration::from_secs(1);

/// From now on SIGTERM, SIGINT, SIGQUIT and SIGHUP end the program with 128 plus their number, after the backup that runs
/// has cleaned up; one that comes a second later ends it at once. SIGHUP stays without effect where it was when the
/// program was started (`nohup`).
pub(crate) fn stop_gently(app: AppHandle) -> io::Result<()> {
    // A limit on the size of files is then an error of the write, not the program's death.
    signal_hook::flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false)))?;
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGQUIT])?;
    if hangup_is_heeded() {
        signals.add_signal(SIGHUP)?;
    }
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        let mut asked: Option<Instant> = None;
        for signal in signals.forever() {
            match asked {
                Some(asked) if asked.elapsed() >= ONE_WISH => signal_hook::low_level::exit(128 + signal),
                Some(_) => continue,
                None => asked = Some(Instant::now()),
            }
            let app = app.clone();
            std::thread::spawn(move || {
                app.state::<Application>().running.stop_and_wait();
                app.exit(128 + signal);
            });
        }
    })?;
    Ok(())
}

/// Whether the program was not started with SIGHUP ignored. Where the system does not tell, it keeps its effect.
fn hangup_is_heeded() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored.and_then(|set| u64::from_str_radix(set.trim(), 16).ok()).is_some_and(|set| set >> (SIGHUP - 1) & 1 == 0)
}
