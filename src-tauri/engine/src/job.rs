//! A running verb seen from outside: its progress, and the wish to stop it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::error::{Error, Result};
use crate::warning::Warning;

/// How often [`Event::Done`] is sent at the most. A person sees no difference, and a channel is not flooded.
const INTERVAL: Duration = Duration::from_millis(100);

/// One step of a verb, in the order in which a backup goes through them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum Phase {
    /// A server is called and asked who it is.
    Connect,
    /// The server makes the backup.
    ServerWork,
    /// Archive and key come from the server.
    Download,
    /// The database is copied.
    Snapshot,
    /// Contents are looked at: what is there, how large it is.
    Survey,
    /// The archive is written.
    Encrypt,
    /// The archive is read back and checked.
    Verify,
    /// Key and archive get their final names.
    Publish,
    /// Contents are taken out of an archive.
    Extract,
    /// What was written is read from the disk again and compared.
    ReadBack,
    /// Two backups, or a backup and its server, are held against each other.
    Compare,
}

/// What a listener is told. Values are absolute, so that a lost event heals.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "event", rename_all = "snake_case")]
#[ts(export)]
pub enum Event {
    /// The work that lies ahead, in bytes a phase; told once it is known.
    Plan {
        /// The phases and the bytes that each will go through.
        phases: Vec<PlannedPhase>,
        /// When the server's state was taken, in Unix seconds.
        snapshot_at: Option<f64>,
    },
    /// A phase began.
    Phase {
        /// Which.
        phase: Phase,
        /// Bytes that it will go through, where known.
        #[ts(type = "number | null")]
        total: Option<u64>,
    },
    /// How far the current phase is.
    Done {
        /// Bytes that it went through.
        #[ts(type = "number")]
        bytes: u64,
        /// What it is working on: a document's place and title.
        item: Option<String>,
        /// How many contents it went through.
        #[ts(type = "number")]
        items: u64,
        /// How many there are.
        #[ts(type = "number | null")]
        items_total: Option<u64>,
    },
    /// Something that the person should know.
    Warning {
        /// What.
        warning: Warning,
    },
    /// The line to a server broke, or is there again.
    Connection {
        /// Which of the two.
        state: Line,
        /// The server's address.
        server: String,
        /// Why it broke, in English.
        problem: Option<String>,
    },
}

/// Whether there is a line to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum Line {
    /// It broke and is being made anew.
    Lost,
    /// It is there again, and the work goes on.
    Found,
}

/// A phase and its size, as far as known beforehand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct PlannedPhase {
    /// Which.
    pub phase: Phase,
    /// Bytes that it will go through.
    #[ts(type = "number")]
    pub total: u64,
}

/// Reports progress and hears the wish to stop, in one call, so that neither can be forgotten.
pub struct Job {
    cancelled: Canceller,
    listener: Option<Box<dyn Fn(Event) + Send + Sync>>,
    progress: Mutex<Progress>,
}

#[derive(Default)]
struct Progress {
    bytes: u64,
    item: Option<String>,
    items: u64,
    items_total: Option<u64>,
    told: Option<Instant>,
}

/// Stops a [`Job`] from another thread or from a signal handler's thread.
#[derive(Debug, Clone, Default)]
pub struct Canceller(Arc<AtomicBool>);

impl Canceller {
    /// A canceller that waits for its job: see [`Job::with_canceller`].
    pub fn new() -> Self {
        Self::default()
    }

    /// Shares a flag that somebody else sets, a signal handler for instance.
    pub fn from_flag(flag: Arc<AtomicBool>) -> Self {
        Self(flag)
    }

    /// Asks the job to stop. It ends with [`Error::Cancelled`] and leaves nothing behind.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether stopping was asked for.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Job").field("cancelled", &self.cancelled.is_cancelled()).finish_non_exhaustive()
    }
}

impl Job {
    /// A job that nobody watches.
    pub fn silent() -> Self {
        Self { cancelled: Canceller::default(), listener: None, progress: Mutex::default() }
    }

    /// A job whose events go to `listener`, which must be quick: the work waits for it.
    pub fn new(listener: impl Fn(Event) + Send + Sync + 'static) -> Self {
        Self { cancelled: Canceller::default(), listener: Some(Box::new(listener)), progress: Mutex::default() }
    }

    /// The same job, stopped by `canceller`.
    #[must_use]
    pub fn with_canceller(mut self, canceller: Canceller) -> Self {
        self.cancelled = canceller;
        self
    }

    /// What stops this job.
    pub fn canceller(&self) -> Canceller {
        self.cancelled.clone()
    }

    /// Hears the wish to stop.
    ///
    /// # Errors
    /// [`Error::Cancelled`] once stopping was asked for.
    pub fn check(&self) -> Result<()> {
        if self.cancelled.is_cancelled() { Err(Error::Cancelled) } else { Ok(()) }
    }

    /// Tells what lies ahead.
    pub fn plan(&self, phases: &[(Phase, u64)], snapshot_at: Option<f64>) {
        let phases = phases.iter().map(|&(phase, total)| PlannedPhase { phase, total }).collect();
        self.tell(Event::Plan { phases, snapshot_at });
    }

    /// Begins a phase of `total` bytes and `items_total` contents, where those are known.
    ///
    /// # Errors
    /// [`Error::Cancelled`] once stopping was asked for.
    pub fn phase(&self, phase: Phase, total: Option<u64>, items_total: Option<u64>) -> Result<()> {
        self.check()?;
        *self.lock() = Progress { items_total, ..Progress::default() };
        self.tell(Event::Phase { phase, total });
        Ok(())
    }

    /// Begins the next content, and names it where its name is known.
    pub fn item(&self, title: Option<String>) {
        let mut progress = self.lock();
        progress.items += 1;
        if title.is_some() {
            progress.item = title;
        }
    }

    /// Names something that is worked on and is none of the contents that are counted.
    pub fn aside(&self, title: impl Into<String>) {
        self.lock().item = Some(title.into());
    }

    /// Reports `bytes` more, really done.
    ///
    /// # Errors
    /// [`Error::Cancelled`] once stopping was asked for.
    pub fn advance(&self, bytes: u64) -> Result<()> {
        self.check()?;
        if self.listener.is_none() {
            return Ok(());
        }
        let mut progress = self.lock();
        progress.bytes += bytes;
        let now = Instant::now();
        if progress.told.is_some_and(|told| now.duration_since(told) < INTERVAL) {
            return Ok(());
        }
        progress.told = Some(now);
        let event = progress.event();
        drop(progress);
        self.tell(event);
        Ok(())
    }

    /// Tells where the phase stands, whatever was told last: the end of a phase is never swallowed.
    pub fn settle(&self) {
        let event = self.lock().event();
        self.tell(event);
    }

    /// Tells a warning.
    pub fn warn(&self, warning: &Warning) {
        self.tell(Event::Warning { warning: warning.clone() });
    }

    /// Tells that the line to `server` broke, or is there again.
    pub fn line(&self, state: Line, server: &str, problem: Option<String>) {
        self.tell(Event::Connection { state, server: server.to_owned(), problem });
    }

    fn tell(&self, event: Event) {
        if let Some(listener) = &self.listener {
            listener(event);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Progress {
    fn event(&self) -> Event {
        Event::Done { bytes: self.bytes, item: self.item.clone(), items: self.items, items_total: self.items_total }
    }
}
