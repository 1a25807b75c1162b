//! Making a backup, and the command line that would make the same.

use std::path::PathBuf;

use cfms_backup::{BackupName, Destination, Error, Event, Job, Options, Outcome, Report, Result, Scope, ServerData};
use serde::{Deserialize, Serialize};
use tauri::State;
use tauri::ipc::Channel;
use ts_rs::TS;

use super::{Answer, blocking};
use crate::command_line::CommandLine;
use crate::log::Log;
use crate::state::Application;

/// A backup as it was asked for in the window.
#[derive(Debug, Clone, Deserialize, TS)]
#[ts(export)]
pub(crate) struct BackupRequest {
    /// The server's folder or its database file.
    source: String,
    /// The folder of the archive.
    archive_dir: String,
    /// The folder of the key; `None` is the archive's.
    key_dir: Option<String>,
    /// The name; `None` or empty is made of the time.
    name: Option<String>,
    /// What goes in.
    #[ts(as = "Scope")]
    scope: RequestedScope,
    /// Read the archive back and check it.
    verify: bool,
    /// Take a backup that lacks many contents as done.
    allow_missing: bool,
    /// Folders outside the server's own from which contents may be read.
    allow_outside: Vec<String>,
    /// Refuse a destination on the disk of the server's data.
    require_other_disk: bool,
}

/// [`Scope`], as it comes from the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum RequestedScope {
    WholeServer,
    DocumentsOnly,
}

#[tauri::command]
pub(crate) async fn start_backup(
    application: State<'_, Application>,
    request: BackupRequest,
    on_event: Channel<Event>,
) -> Answer<Report> {
    let plan = Plan::of(request, &application);
    let log = application.log.clone();
    let turn = application.running.begin();
    blocking(move || {
        let turn = turn.ok_or_else(|| Error::SourceBusy { path: plan.source.clone() })?;
        // An event that is lost heals with the next one; a page that is gone needs none.
        let listener = move |event| drop(on_event.send(event));
        let job = Job::new(listener).with_canceller(turn.canceller());
        let made = plan.carry_out(&job, &log);
        drop(turn);
        made
    })
    .await
}

#[tauri::command]
pub(crate) fn cancel_backup(application: State<'_, Application>) {
    application.running.cancel();
}

#[tauri::command]
pub(crate) async fn backup_command(application: State<'_, Application>, request: BackupRequest) -> Answer<String> {
    let plan = Plan::of(request, &application);
    blocking(move || Ok(plan.command())).await
}

/// The request in the engine's terms.
struct Plan {
    source: PathBuf,
    archive_dir: PathBuf,
    key_dir: Option<PathBuf>,
    name: Option<String>,
    options: Options,
}

impl Plan {
    fn of(request: BackupRequest, application: &Application) -> Self {
        let typed = |text: &String| application.typed(text);
        let archive_dir = typed(&request.archive_dir);
        Self {
            source: typed(&request.source),
            key_dir: request.key_dir.as_ref().map(typed).filter(|folder| *folder != archive_dir),
            archive_dir,
            name: request.name.filter(|name| !name.is_empty()),
            options: Options {
                scope: match request.scope {
                    RequestedScope::WholeServer => Scope::WholeServer,
                    RequestedScope::DocumentsOnly => Scope::DocumentsOnly,
                },
                verify: request.verify,
                allow_missing: request.allow_missing,
                allow_outside: request.allow_outside.iter().map(typed).collect(),
                require_other_disk: request.require_other_disk,
                server_stopped: false,
            },
        }
    }

    fn carry_out(&self, job: &Job, log: &Log) -> Result<Report> {
        log.line(format_args!("backup began, {:?}, verify {}", self.options.scope, self.options.verify));
        let made = self.make(job);
        match &made {
            Ok(report) => log.line(format_args!(
                "backup ended, {}, {} warnings, {} bytes, {:.1} s",
                outcome(report.outcome),
                report.warnings_total,
                report.archive_size,
                report.duration_seconds
            )),
            Err(error) => log.line(format_args!("backup ended, {:?}", error.code())),
        }
        made
    }

    fn make(&self, job: &Job) -> Result<Report> {
        let name = self.name.as_deref().map(BackupName::parse).transpose()?;
        let destination = Destination { archive_dir: self.archive_dir.clone(), key_dir: self.key_dir.clone(), name };
        cfms_backup::create(&ServerData::open(&self.source)?, &destination, &self.options, job)
    }

    fn command(&self) -> String {
        let options = &self.options;
        let source = if self.source.is_file() { "--database" } else { "--data-dir" };
        let mut line =
            CommandLine::new("cfms-backup create").path(source, &self.source).path("--output", &self.archive_dir);
        if let Some(folder) = &self.key_dir {
            line = line.path("--key-dir", folder);
        }
        if let Some(name) = &self.name {
            line = line.option("--name", name);
        }
        line = line
            .flag("--documents-only", options.scope == Scope::DocumentsOnly)
            .flag("--no-verify", !options.verify)
            .flag("--allow-missing", options.allow_missing);
        for folder in &options.allow_outside {
            line = line.path("--allow-outside", folder);
        }
        line.flag("--require-other-disk", options.require_other_disk).finish()
    }
}

fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Done => "done",
        Outcome::DoneWithWarnings => "done with warnings",
        Outcome::Incomplete => "incomplete",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Plan {
        Plan {
            source: "/srv/my server".into(),
            archive_dir: "/mnt/备份".into(),
            key_dir: None,
            name: None,
            options: Options::default(),
        }
    }

    #[test]
    fn the_command_of_a_plain_backup_is_short() {
        assert_eq!(plan().command(), "cfms-backup create --data-dir '/srv/my server' --output '/mnt/备份'");
    }

    #[test]
    fn the_command_says_all_that_was_chosen() {
        let plan = Plan {
            key_dir: Some("/mnt/keys".into()),
            name: Some("before update".into()),
            options: Options {
                scope: Scope::DocumentsOnly,
                verify: false,
                allow_missing: true,
                allow_outside: vec!["/data/a".into(), "/data/b c".into()],
                require_other_disk: true,
                server_stopped: false,
            },
            ..plan()
        };
        assert_eq!(
            plan.command(),
            "cfms-backup create --data-dir '/srv/my server' --output '/mnt/备份' --key-dir /mnt/keys \
             --name 'before update' --documents-only --no-verify --allow-missing --allow-outside /data/a \
             --allow-outside '/data/b c' --require-other-disk"
        );
    }
}
