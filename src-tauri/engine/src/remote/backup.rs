//! A backup that the server makes, on its own disk.

use std::sync::Arc;

use serde::Serialize;
use tokio::time::Instant;
use ts_rs::TS;

use super::Remote;
use super::asking::{Asking, PATIENCE, Repeat};
use super::quoting::Unsaid;
use super::session::nothing;
use crate::archive::metadata::Metadata;
use crate::error::{Error, RemoteError, Result};
use crate::job::{Event, Job, Phase, PlannedPhase};
use crate::names::{ARCHIVE_SUFFIX, BackupName, KEY_SUFFIX};
use crate::protocol::{Broadcast, GenerateBackup, GeneratedBackup, Response, action, code};
use crate::warning::{Warning, WarningCode};

/// What a server has made. Paths are the server's, as it tells them.
#[derive(Debug, Clone, Serialize, TS)]
#[ts(export)]
pub struct OnServer {
    /// The name, without ending.
    pub backup_name: String,
    /// The archive, there.
    pub archive_path: String,
    /// The key, there.
    pub key_path: String,
    /// The archive's metadata.
    pub metadata: Metadata,
    /// Why it must not be relied on, in the server's words: it lacks most contents.
    pub incomplete: Option<String>,
    /// What a person should know; a thousand or so at most.
    pub warnings: Vec<Warning>,
    /// How many warnings there were.
    #[ts(type = "number")]
    pub warnings_total: u64,
    /// How long it took, in seconds.
    pub duration_seconds: f64,
}

impl Remote {
    /// Has the server make a backup, under `name` or one that it chooses. With `fetching` the progress leaves room for a
    /// [download](Self::download) that follows.
    ///
    /// # Errors
    /// [`NoBackupAction`](RemoteError::NoBackupAction), the server's own refusals, and where a backup may have been made
    /// all the same, [`OutcomeUnknown`](RemoteError::OutcomeUnknown) if the line broke meanwhile, and
    /// [`OutcomeUnclear`](RemoteError::OutcomeUnclear) if the answer is not understood: it is never asked twice.
    pub async fn back_up(&mut self, name: Option<&BackupName>, fetching: bool, job: &Job) -> Result<OnServer> {
        if !self.backs_up() {
            return Err(self.no_backup_action().into());
        }
        let started = Instant::now();
        let listens = self.listen(job).await?;
        self.reach(job).await?;
        job.phase(Phase::ServerWork, None, None)?;
        let mut progress = Progress::new(fetching, self.unsaid.clone(), job);
        let (dial, framing, session) = (Arc::clone(&self.dial), self.framing, self.session.clone());
        let data = GenerateBackup { backup_name: name.map(|name| name.as_str().to_owned()) };
        let asking = Asking {
            action: action::GENERATE_BACKUP,
            data: &data,
            signed: true,
            repeat: Repeat::Never,
            patience: None,
        };
        let mut hear = |broadcast| progress.hear(broadcast);
        let work = self.response(&asking, &mut hear, job);
        let response = Self::staying_signed_in(&*dial, framing, session, work).await.map_err(unclear)?;
        if listens {
            // Broadcasts are binary messages, and so are the pieces of a file: what listens must not download.
            self.connection = None;
        }
        let incomplete = incomplete(&response, &self.unsaid);
        if response.code != code::OK && incomplete.is_none() {
            return Err(self.not_made(name, &response));
        }
        let mut generated: GeneratedBackup<Metadata> =
            self.held(&response, "the answer to generate_backup has another shape").map_err(unclear)?;
        generated.metadata.version = self.unsaid.cleaned(&generated.metadata.version);
        let made = self.name_of(&generated, name).map_err(unclear)?;
        let mut warnings = progress.end();
        self.work_done = progress.done;
        if !self.sends_files() {
            warnings.push(left_on_server(self.unsaid.cleaned(&generated.key_path)));
        }
        self.made = Some((made.clone(), generated.metadata.clone()));
        Ok(OnServer {
            backup_name: made.as_str().to_owned(),
            archive_path: self.unsaid.cleaned(&generated.archive_path),
            key_path: self.unsaid.cleaned(&generated.key_path),
            metadata: generated.metadata,
            incomplete,
            warnings_total: progress.unlisted.saturating_add(warnings.len() as u64),
            warnings,
            duration_seconds: started.elapsed().as_secs_f64(),
        })
    }

    /// What the backup is called that the server made, which must be the one that it was asked for.
    fn name_of(&self, generated: &GeneratedBackup<Metadata>, asked: Option<&BackupName>) -> Result<BackupName> {
        let archive = file_name(&generated.archive_path).strip_suffix(ARCHIVE_SUFFIX);
        let key = file_name(&generated.key_path).strip_suffix(KEY_SUFFIX);
        let made = archive.filter(|_| archive == key).and_then(|name| BackupName::parse(name).ok());
        match made {
            None => Err(self.odd_words("its names for archive and key are none of a backup", &generated.archive_path)),
            Some(made) if asked.is_some_and(|asked| *asked != made) => {
                Err(self.odd_words("it has made another backup than the one that was asked for", made.as_str()))
            }
            Some(made) => Ok(made),
        }
    }

    /// Why there is no backup.
    fn not_made(&self, asked: Option<&BackupName>, response: &Response) -> Error {
        // Our agent names the engine's own error.
        let code = response.data.get("code").and_then(|code| code.as_str());
        match asked.filter(|_| matches!(code, Some("already_exists" | "name_busy"))) {
            Some(name) => RemoteError::NameTaken { server: self.server.clone(), name: name.as_str().to_owned() }.into(),
            None => self.refusal(action::GENERATE_BACKUP, response),
        }
    }

    /// Asks our agent to tell how far it is. Whether it does.
    async fn listen(&mut self, job: &Job) -> Result<bool> {
        if self.info.agent.is_none() || !self.answers(action::REGISTER_LISTENER) {
            return Ok(false);
        }
        let data = nothing();
        let action = action::REGISTER_LISTENER;
        let asking = Asking { action, data: &data, signed: true, repeat: Repeat::Safe, patience: Some(PATIENCE) };
        match self.ask(asking, &mut |_| {}, job).await {
            Ok(_) => Ok(true),
            Err(Error::Cancelled) => Err(Error::Cancelled),
            // A backup without progress is a backup.
            Err(_) => Ok(false),
        }
    }
}

/// Phases that a server may plan, and bytes of each: what it says more is not believed.
const MAX_PHASES: usize = 16;
const MAX_TOTAL: u64 = 1 << 50;
/// Plans and warnings of one backup that are told. More are counted, or passed over.
const MAX_PLANS: usize = 100;
const MAX_WARNINGS: usize = 1000;

/// What the agent tells of its work, as one phase of this program's.
struct Progress<'a> {
    job: &'a Job,
    fetching: bool,
    unsaid: Unsaid,
    plan: Vec<PlannedPhase>,
    plans: usize,
    /// Bytes of the phases before the current one, and of the current one.
    before: u64,
    current: u64,
    done: u64,
    warnings: Vec<Warning>,
    /// Warnings beyond those.
    unlisted: u64,
}

impl<'a> Progress<'a> {
    fn new(fetching: bool, unsaid: Unsaid, job: &'a Job) -> Self {
        let (plan, warnings) = (Vec::new(), Vec::new());
        Self { job, fetching, unsaid, plan, plans: 0, before: 0, current: 0, done: 0, warnings, unlisted: 0 }
    }

    /// What is not understood is passed over: progress is no reason to fail.
    fn hear(&mut self, broadcast: Broadcast) {
        let event = (broadcast.action == action::BACKUP_PROGRESS).then_some(broadcast.data).flatten();
        match event.and_then(|event| serde_json::from_value(event).ok()) {
            Some(Event::Plan { phases, snapshot_at }) => self.replan(phases, snapshot_at),
            Some(Event::Phase { phase, .. }) => {
                if let Some(at) = self.plan.iter().position(|planned| planned.phase == phase) {
                    self.before = sum(&self.plan[..at]);
                    self.current = self.plan[at].total;
                }
            }
            Some(Event::Done { bytes, item, .. }) => {
                if let Some(item) = item {
                    self.job.aside(self.unsaid.cleaned(&item));
                }
                self.advance(self.before.saturating_add(bytes.min(self.current)));
            }
            Some(Event::Warning { warning }) => self.warn(warning),
            Some(Event::Connection { .. }) | None => {}
        }
    }

    fn warn(&mut self, mut warning: Warning) {
        if self.warnings.len() >= MAX_WARNINGS {
            self.unlisted += 1;
            return;
        }
        let about = [&mut warning.file_id, &mut warning.document_id, &mut warning.title, &mut warning.path];
        for text in about.into_iter().flatten().chain([&mut warning.reason]) {
            *text = self.unsaid.cleaned(text);
        }
        self.job.warn(&warning);
        self.warnings.push(warning);
    }

    fn replan(&mut self, mut plan: Vec<PlannedPhase>, snapshot_at: Option<f64>) {
        plan.truncate(MAX_PHASES);
        plan.iter_mut().for_each(|planned| planned.total = planned.total.min(MAX_TOTAL));
        let (total, was) = (sum(&plan), sum(&self.plan));
        self.plan = plan;
        if total == was || self.plans >= MAX_PLANS {
            return;
        }
        self.plans += 1;
        let mut phases = vec![(Phase::ServerWork, total)];
        if let Some(archive) =
            self.plan.iter().find(|planned| planned.phase == Phase::Encrypt).filter(|_| self.fetching)
        {
            phases.extend([(Phase::Download, archive.total), (Phase::Verify, archive.total)]);
        }
        self.job.plan(&phases, snapshot_at);
        // The snapshot was taken before the plan was known.
        let done = std::mem::take(&mut self.done);
        if self.job.phase(Phase::ServerWork, Some(total), None).is_ok() {
            self.advance(done);
        }
    }

    fn advance(&mut self, done: u64) {
        if done > self.done {
            // A wish to stop is heard where the answer is waited for.
            let _ = self.job.advance(done - self.done);
            self.done = done;
        }
    }

    fn end(&mut self) -> Vec<Warning> {
        self.advance(sum(&self.plan));
        self.job.settle();
        std::mem::take(&mut self.warnings)
    }
}

/// An answer to `generate_backup` that is not understood: the work behind it may have been done.
fn unclear(error: Error) -> Error {
    match error {
        Error::Remote(error) => match *error {
            RemoteError::Protocol { server, problem, quoted } => {
                RemoteError::OutcomeUnclear { server, problem, quoted }.into()
            }
            error => error.into(),
        },
        error => error,
    }
}

/// Our agent's words where it has written a backup and does not call it one.
fn incomplete(response: &Response, unsaid: &Unsaid) -> Option<String> {
    let text = |name: &str| response.data.get(name).and_then(|value| value.as_str());
    (text("code") == Some("incomplete")).then(|| unsaid.cleaned(text("error").unwrap_or(&response.message)))
}

fn sum(phases: &[PlannedPhase]) -> u64 {
    phases.iter().fold(0, |sum, planned| sum.saturating_add(planned.total))
}

/// The last part of a path, which may be of any system.
fn file_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or_default()
}

fn left_on_server(key_path: String) -> Warning {
    let mut warning = Warning::new(
        WarningCode::LeftOnServer,
        "this server cannot send files: archive and key lie side by side on its disk, the key readable by every user of that \
         machine. Fetch both (scp, sftp), then remove them there",
    );
    warning.path = Some(key_path);
    warning
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use serde_json::json;

    use super::*;

    fn broadcast(data: serde_json::Value) -> Broadcast {
        Broadcast { action: action::BACKUP_PROGRESS.to_owned(), data: Some(data), status: None }
    }

    #[test]
    fn the_agents_phases_are_one_phase_that_never_runs_backwards() {
        let told = Arc::new(Mutex::new(Vec::new()));
        let listener = Arc::clone(&told);
        let job = Job::new(move |event| listener.lock().unwrap().push(event));
        let mut progress = Progress::new(true, Unsaid::default(), &job);
        let plan = json!({"event": "plan", "snapshot_at": 1.5, "phases": [
            {"phase": "snapshot", "total": 10}, {"phase": "encrypt", "total": 100}, {"phase": "verify", "total": 100}]});
        for event in [
            json!({"event": "phase", "phase": "snapshot", "total": 10}),
            json!({"event": "done", "bytes": 10, "item": null, "items": 0, "items_total": null}),
            plan.clone(),
            json!({"event": "phase", "phase": "encrypt", "total": 100}),
            json!({"event": "done", "bytes": 50, "item": "Finance / Ledger", "items": 1, "items_total": 2}),
            plan,
            json!({"event": "phase", "phase": "verify", "total": 100}),
            json!({"event": "done", "bytes": 1000, "item": null, "items": 0, "items_total": null}),
            json!({"event": "of tomorrow"}),
            json!({"event": "warning", "warning": {"code": "missing", "reason": "gone"}}),
        ] {
            progress.hear(broadcast(event));
        }
        assert_eq!(progress.end().len(), 1);
        let told = told.lock().unwrap();
        let plans: Vec<_> = told.iter().filter(|event| matches!(event, Event::Plan { .. })).collect();
        let [Event::Plan { phases, .. }] = plans[..] else { panic!("{plans:?}") };
        let phases: Vec<_> = phases.iter().map(|planned| (planned.phase, planned.total)).collect();
        assert_eq!(phases, [(Phase::ServerWork, 210), (Phase::Download, 100), (Phase::Verify, 100)]);
        let done: Vec<_> = told
            .iter()
            .filter_map(|event| if let Event::Done { bytes, .. } = event { Some(*bytes) } else { None })
            .collect();
        assert!(done.is_sorted() && done.last() == Some(&210), "{done:?}");
    }

    #[test]
    fn a_backup_is_named_after_its_archive_on_whatever_system() {
        assert_eq!(file_name("./content/backups/monday.cfms.enc"), "monday.cfms.enc");
        assert_eq!(file_name(r"C:\cfms\content\backups\monday.cfms.enc"), "monday.cfms.enc");
        assert_eq!(file_name(""), "");
    }
}
