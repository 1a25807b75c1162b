//! The opened backup held against another one, or against a server.
//!
//! What differs is told by an engine that borrows both sides. So a thread of its own keeps the two, and answers what the
//! page asks of them; it ends, and lets go of both, with the value that stands for it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use cfms_backup::diff::{ObjectChange, Side};
use cfms_backup::tree::LiveServer;
use cfms_backup::{Archive, Error, Job, Result, ServerData};

use crate::browsing::Browsing;
use crate::running::Turn;

mod changes;
mod told;

use changes::Changes;
use told::ComparedSide;
pub(crate) use told::{ChangeRank, ChangeRows, Comparison};

/// What the opened backup is compared with.
#[derive(Debug, Clone)]
pub(crate) enum Other {
    /// Another backup; without a key, the one beside it.
    Backup {
        /// Its archive.
        archive: PathBuf,
        /// Its key.
        key: Option<PathBuf>,
    },
    /// A server on this computer: its folder or its database.
    Server(PathBuf),
}

/// A comparison that was made.
pub(crate) struct Comparing {
    /// Nothing while it is ending.
    asks: Option<Sender<Ask>>,
    thread: Option<JoinHandle<()>>,
}

type Ask = Box<dyn FnOnce(&mut Changes<'_>) + Send>;

impl Comparing {
    /// Compares; the older one of two backups is the old side, and a server always the new one.
    ///
    /// # Errors
    /// Those of opening the other side and of comparing.
    pub(crate) fn begin(
        backup: Arc<Browsing>,
        other: Other,
        turn: &Turn,
        listener: impl Fn(cfms_backup::Event) + Send + Sync + 'static,
    ) -> Result<(Self, Comparison)> {
        let job = turn.job(listener);
        let (asks, asked) = channel();
        let (ready, made) = channel();
        let thread = std::thread::Builder::new()
            .name("comparison".into())
            .spawn(move || {
                // Who does not wait for it any more needs no answer.
                if let Err(error) = compare(&backup, &other, &job, &ready, &asked) {
                    let _ = ready.send(Err(error));
                }
            })
            .map_err(|error| Error::io("compare", "", error))?;
        let comparing = Self { asks: Some(asks), thread: Some(thread) };
        // A thread that ended without an answer has panicked; the log has its place.
        let comparison = made.recv().unwrap_or(Err(Error::Cancelled))?;
        Ok((comparing, comparison))
    }

    /// What `question` finds in what differs.
    pub(crate) fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut Changes<'_>) -> T + Send + 'static,
    ) -> Option<T> {
        let (answer, answered) = channel();
        let ask: Ask = Box::new(move |changes| drop(answer.send(question(changes))));
        self.asks.as_ref()?.send(ask).ok()?;
        answered.recv().ok()
    }

    /// The change of that number.
    pub(crate) fn change(&self, number: u32) -> Option<ObjectChange> {
        self.ask(move |changes| changes.change(number))?
    }
}

impl Drop for Comparing {
    fn drop(&mut self) {
        self.asks = None;
        if let Some(thread) = self.thread.take() {
            // It has nothing to tell but a panic, which is in the log.
            let _ = thread.join();
        }
    }
}

fn compare(
    backup: &Browsing,
    other: &Other,
    job: &Job,
    ready: &Sender<Result<Comparison>>,
    asked: &Receiver<Ask>,
) -> Result<()> {
    let (mut archive, mut server) = (None, None);
    match other {
        Other::Backup { archive: path, key } => {
            // What was allowed with the opened backup is allowed with the other.
            archive = Some(Archive::open(path, key.as_deref(), backup.archive().on_damage(), job)?);
        }
        Other::Server(path) => server = Some(LiveServer::open(&ServerData::open(path)?, &[], false, job)?),
    }
    let opened = Side::Archive(backup.archive());
    let other = match (&archive, &server) {
        (Some(archive), _) => Side::Archive(archive),
        (None, Some(server)) => Side::Server(server),
        (None, None) => opened,
    };
    let is_older = matches!(other, Side::Archive(_)) && other.state_of() < opened.state_of();
    let (old, new) = if is_older { (other, opened) } else { (opened, other) };
    let differences = cfms_backup::diff(old, new, job)?;
    let mut changes = Changes::of(&differences);
    let told = Comparison {
        old: ComparedSide::of(old, !is_older),
        new: ComparedSide::of(new, is_older),
        totals: *differences.totals(),
        ranks: changes.ranks(),
        compared_by: *differences.basis(),
        not_compared: differences.not_compared().to_vec(),
        not_compared_total: differences.not_compared_total(),
        list: changes.state(),
    };
    let _ = ready.send(Ok(told));
    for ask in asked {
        ask(&mut changes);
    }
    Ok(())
}
