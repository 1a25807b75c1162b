//! The one server that the window is connected to, and who signs in there.

use std::sync::{Mutex, PoisonError};

use cfms_backup::remote::{Address, Remote, SignIn};
use cfms_backup::{Canceller, Job};
use tauri::async_runtime;
use tokio::sync::{Mutex as Turns, MutexGuard as Turn};

/// The line to a server, if there is one. Whatever is asked over it waits for its turn.
#[derive(Debug, Default)]
pub(crate) struct Server {
    line: Turns<Option<Connected>>,
    /// Stops what is asked over the line before somebody is signed in.
    asking: Mutex<Canceller>,
}

/// A server that answered.
#[derive(Debug)]
pub(crate) struct Connected {
    pub(crate) address: Address,
    pub(crate) remote: Remote,
    /// Who is about to sign in, until that has ended one way or the other.
    pub(crate) attempt: Option<Attempt>,
}

/// Somebody who signs in.
#[derive(Debug)]
pub(crate) struct Attempt {
    pub(crate) who: SignIn,
    /// Keep the password in the system's keyring, once it was right.
    pub(crate) remember: bool,
}

impl Server {
    /// The line, once nobody else uses it.
    pub(crate) async fn line(&self) -> Turn<'_, Option<Connected>> {
        self.line.lock().await
    }

    /// A job that ends when the person leaves the server.
    pub(crate) fn job(&self) -> Job {
        let canceller = Canceller::new();
        *self.asking.lock().unwrap_or_else(PoisonError::into_inner) = canceller.clone();
        Job::silent().with_canceller(canceller)
    }

    /// Stops what is asked, hangs up, and forgets who was signed in.
    pub(crate) async fn leave(&self) {
        self.asking.lock().unwrap_or_else(PoisonError::into_inner).cancel();
        *self.line().await = None;
    }

    /// The same, for a thread that may wait.
    pub(crate) fn leave_and_wait(&self) {
        async_runtime::block_on(self.leave());
    }
}
