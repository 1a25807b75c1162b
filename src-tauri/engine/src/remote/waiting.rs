//! Waiting for a server, and stopping to wait.

use std::future::Future;
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval};

use crate::error::{Error, Result};
use crate::job::Job;

/// How often a wish to stop is looked for. A person feels no delay.
const LOOK: Duration = Duration::from_millis(100);

/// Waits for `work` as long as `job` goes on.
///
/// # Errors
/// Those of `work`, and [`Error::Cancelled`](crate::Error::Cancelled), which drops it.
pub(crate) async fn unless_stopped<T>(job: &Job, work: impl Future<Output = Result<T>>) -> Result<T> {
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tokio::pin!(work);
    loop {
        tokio::select! {
            biased;
            outcome = &mut work => return outcome,
            _ = look.tick() => job.check()?,
        }
    }
}

/// Runs `work`, which blocks, where it keeps nobody waiting.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    spawn_blocking(work).await.unwrap_or_else(|error| match error.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        // It never began: the program is ending.
        Err(_) => Err(Error::Cancelled),
    })
}
