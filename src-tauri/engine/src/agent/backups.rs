//! Backups, one at a time, and what is told of the one that runs.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::json;
use tokio::sync::{Mutex, OwnedMutexGuard, broadcast};

use super::Core;
use super::records::Owner;
use crate::create::{Destination, Options, Outcome, Report, Scope, check_destination, create};
use crate::error::{Code, Error, Result};
use crate::job::{Canceller, Event, Job};
use crate::names::BackupName;
use crate::protocol::{action, code};
use crate::server_data::ServerData;

/// Events that wait for a listener; of one that is slower the oldest are dropped, which their absolute values heal.
const WAITING_EVENTS: usize = 64;

/// Makes backups.
pub(super) struct Backups {
    folder: PathBuf,
    /// Paths of the server's own folder are told as the server tells them.
    root: PathBuf,
    /// The agent's own folder, which is no client's business.
    own: Option<PathBuf>,
    scope: Scope,
    running: Arc<Mutex<()>>,
    count: AtomicU64,
    canceller: Canceller,
    events: broadcast::Sender<Progress>,
}

/// An event of a running backup, as listeners get it.
#[derive(Debug, Clone)]
pub(super) struct Progress {
    /// Which backup.
    pub(super) backup: u64,
    /// The message.
    pub(super) text: Arc<str>,
}

/// The right to make the one backup that may run.
pub(super) struct Turn(OwnedMutexGuard<()>);

impl Backups {
    /// Into `folder`, which is the server's own unless another is given.
    pub(super) fn new(root: &Path, folder: Option<PathBuf>, is_whole: bool) -> Self {
        Self {
            folder: folder.unwrap_or_else(|| root.join("content/backups")),
            root: root.to_path_buf(),
            own: None,
            scope: if is_whole { Scope::WholeServer } else { Scope::DocumentsOnly },
            running: Arc::default(),
            count: AtomicU64::new(0),
            canceller: Canceller::new(),
            events: broadcast::Sender::new(WAITING_EVENTS),
        }
    }

    /// The same, which tells nobody where `own` is.
    pub(super) fn hiding(self, own: &Path) -> Self {
        Self { own: Some(own.to_path_buf()), ..self }
    }

    /// Whether backups hold users, configuration and TLS pair too.
    pub(super) fn are_whole(&self) -> bool {
        self.scope == Scope::WholeServer
    }

    /// The turn to make a backup; `None` while another is being made.
    pub(super) fn turn(&self) -> Option<Turn> {
        if self.canceller.is_cancelled() {
            return None;
        }
        Arc::clone(&self.running).try_lock_owned().ok().map(Turn)
    }

    /// What the running backup tells.
    pub(super) fn listen(&self) -> broadcast::Receiver<Progress> {
        self.events.subscribe()
    }

    /// Stops the running backup and waits until it has cleaned up. No other begins any more.
    pub(super) async fn stop(&self) {
        self.canceller.cancel();
        drop(self.running.lock().await);
    }

    /// A path as a server says it: relative to its folder, where it lies in it.
    pub(super) fn shown(&self, path: &Path) -> String {
        self.told(&path.display().to_string())
    }

    /// Words that name paths, with these as a server says them. What the agent keeps for itself has no place.
    pub(super) fn told(&self, words: &str) -> String {
        let own = self.own.iter().fold(words.to_owned(), |words, own| replaced(&words, own, "(the agent's folder)"));
        if self.root.parent().is_none() { own } else { replaced(&own, &self.root, ".") }
    }

    /// Tries whether backups can be written.
    pub(super) fn check_folder(&self, source: &ServerData) -> Result<()> {
        check_destination(source, &self.destination(None), &self.options())
    }

    fn destination(&self, name: Option<BackupName>) -> Destination {
        Destination { archive_dir: self.folder.clone(), key_dir: None, name }
    }

    fn options(&self) -> Options {
        Options { scope: self.scope, ..Options::default() }
    }

    fn job(&self) -> Job {
        let events = self.events.clone();
        let backup = self.count.fetch_add(1, Ordering::Relaxed);
        let tell = move |event: Event| {
            if events.receiver_count() == 0 {
                return;
            }
            let text = json!({ "action": action::BACKUP_PROGRESS, "data": event }).to_string().into();
            // Whoever listened may have gone meanwhile.
            let _ = events.send(Progress { backup, text });
        };
        Job::new(tell).with_canceller(self.canceller.clone())
    }
}

/// Makes a backup for a user, and goes on with it when nobody waits for it any more.
pub(super) async fn generate(
    core: Arc<Core>,
    turn: Turn,
    (address, owner): (IpAddr, Owner),
    name: Option<BackupName>,
) -> Result<Report> {
    let work = tokio::task::spawn_blocking(move || {
        let Turn(_running) = turn;
        let backups = &core.backups;
        let asked = name.as_ref().map(BackupName::to_string);
        let (destination, options) = (backups.destination(name), backups.options());
        let report = create(&core.source, &destination, &options, &backups.job());
        let report = report.and_then(|report| match core.records.add(&report, &owner) {
            Ok(()) => Ok(report),
            Err(error) => {
                // A pair that is nobody's could be neither fetched nor removed.
                for path in [&report.archive_path, &report.key_path] {
                    let _ = std::fs::remove_file(path);
                }
                Err(error)
            }
        });
        let (code, told) = match &report {
            Ok(report) => (code_of(report), outcome(report)),
            Err(error) => (refusal(error), error.to_string()),
        };
        let made = report.as_ref().ok().map(|report| report.backup_name.clone());
        let made = made.or(asked);
        core.note_backup_deed(address, &owner.username, action::GENERATE_BACKUP, made.as_deref(), (code, &told));
        report
    });
    work.await.unwrap_or(Err(Error::Cancelled))
}

/// `words` with `place` for the path `folder`.
fn replaced(words: &str, folder: &Path, place: &str) -> String {
    let folder = folder.display().to_string();
    let mut told = String::new();
    let mut rest = words;
    while let Some(at) = rest.find(&folder) {
        let (before, after) = (&rest[..at], &rest[at + folder.len()..]);
        // Neither the end of a longer path, nor the beginning of a longer name.
        let is_whole = before.chars().next_back().is_none_or(|c| !is_of_name(c) && c != '/')
            && after.chars().next().is_none_or(|c| !is_of_name(c));
        told.push_str(before);
        told.push_str(if is_whole { place } else { &folder });
        rest = after;
    }
    told + rest
}

fn is_of_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '.' | '_' | '-')
}

/// The code of the answer that tells of a backup that is written. Whoever asks must not take an incomplete one, which is
/// there and can be fetched, for one to rely on.
pub(super) fn code_of(report: &Report) -> i64 {
    if report.outcome == Outcome::Incomplete { code::FAILED } else { code::OK }
}

/// The code of the answer that tells of a backup that failed.
pub(super) fn refusal(error: &Error) -> i64 {
    let is_the_requests = matches!(error.code(), Code::BadName | Code::AlreadyExists | Code::NameBusy);
    if is_the_requests { code::BAD_REQUEST } else { code::FAILED }
}

fn outcome(report: &Report) -> String {
    match report.outcome {
        Outcome::Done => "done".to_owned(),
        Outcome::DoneWithWarnings => format!("done, with {} warnings", report.warnings_total),
        Outcome::Incomplete => incomplete(report),
    }
}

/// What is the matter with a backup that lacks many contents.
pub(super) fn incomplete(report: &Report) -> String {
    format!(
        "the backup is written but incomplete: {} of {} contents are missing; is the disk that holds them mounted?",
        report.contents_missing, report.metadata.files_count
    )
}
