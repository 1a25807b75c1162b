//! Having the server that the window is signed in to make a backup, and bringing it home.

use std::path::PathBuf;
use std::sync::Arc;

use cfms_backup::remote::{FetchedCopy, OnServer};
use cfms_backup::{BackupName, Destination, Error, ErrorReport, Event, Job, RemoteError, Result};
use serde::{Deserialize, Serialize};
use tauri::State;
use tauri::ipc::Channel;
use ts_rs::TS;

use super::account::hung_up;
use super::{Answer, blocking};
use crate::command_line::CommandLine;
use crate::server::Connected;
use crate::state::Application;

/// A backup of a server, as it was asked for in the window.
#[derive(Debug, Clone, Deserialize, TS)]
#[ts(export)]
pub(crate) struct RemoteRequest {
    /// The name; `None` or empty: the server chooses.
    name: Option<String>,
    /// A backup that the server has made already, of which only the copy is wanted.
    made: Option<String>,
    /// Where a copy goes; `None`: there is none.
    copy: Option<CopyPlace>,
}

/// Where the copy of a server's backup goes.
#[derive(Debug, Clone, Deserialize, TS)]
#[ts(export)]
pub(crate) struct CopyPlace {
    /// The folder of the archive.
    archive_dir: String,
    /// The folder of the key; `None` is the archive's.
    key_dir: Option<String>,
}

/// What has become of it.
#[derive(Debug, Serialize, TS)]
#[ts(export)]
pub(crate) struct RemoteReport {
    /// What the server made; `None` where it had made it already.
    made: Option<OnServer>,
    /// The files on this computer.
    copy: Option<FetchedCopy>,
    /// Why there is no copy, though the server has made a backup.
    failure: Option<ErrorReport>,
}

/// Makes a backup, and fetches it where that was asked for.
#[tauri::command]
pub(crate) async fn back_up_server(
    application: State<'_, Application>,
    request: RemoteRequest,
    on_event: Channel<Event>,
) -> Answer<RemoteReport> {
    let plan = Plan::of(request, &application);
    let turn = application.running.begin();
    let mut line = application.server.line().await;
    let connected = line.as_mut().ok_or_else(|| hung_up(""))?;
    let turn = turn.ok_or_else(|| {
        let (server, message) = (connected.address.to_string(), "another backup is running in this window".to_owned());
        Error::from(RemoteError::Busy { server, message }).report()
    })?;
    // An event that is lost heals with the next one; a page that is gone needs none.
    let job = Job::new(move |event| drop(on_event.send(event))).with_canceller(turn.canceller());
    application.log.line(format_args!("backup of a server began, copy {}", plan.copy.is_some()));
    let outcome = plan.carry_out(connected, &Arc::new(job)).await;
    let ending = match &outcome {
        Ok(RemoteReport { failure: Some(failure), .. }) => format!("made there, copy {:?}", failure.code),
        Ok(_) => "done".to_owned(),
        Err(error) => format!("{:?}", error.code()),
    };
    application.log.line(format_args!("backup of a server ended, {ending}"));
    outcome.map_err(|error| error.report())
}

/// Has the server remove its own copy of a backup that came home.
#[tauri::command]
pub(crate) async fn remove_from_server(application: State<'_, Application>, name: String) -> Answer<()> {
    let job = application.server.job();
    let mut line = application.server.line().await;
    let connected = line.as_mut().ok_or_else(|| hung_up(""))?;
    let removed = match BackupName::parse(&name) {
        Ok(name) => connected.remote.delete(&name, &job).await,
        Err(error) => Err(error),
    };
    removed.map_err(|error| error.report())
}

/// The command line that does the same; it asks for the password, or takes the keyring's.
#[tauri::command]
pub(crate) async fn server_command(
    application: State<'_, Application>,
    server: String,
    username: String,
    keyring: bool,
    request: RemoteRequest,
) -> Answer<String> {
    let plan = Plan::of(request, &application);
    blocking(move || Ok(plan.command(&server, &username, keyring))).await
}

/// The request in the engine's terms.
struct Plan {
    name: Option<String>,
    made: Option<String>,
    copy: Option<(PathBuf, Option<PathBuf>)>,
}

impl Plan {
    fn of(request: RemoteRequest, application: &Application) -> Self {
        let copy = request.copy.map(|place| {
            let archive_dir = application.typed(&place.archive_dir);
            let key_dir = place.key_dir.map(|folder| application.typed(&folder));
            let elsewhere = key_dir.filter(|folder| *folder != archive_dir);
            (archive_dir, elsewhere)
        });
        Self { name: request.name.filter(|name| !name.is_empty()), made: request.made, copy }
    }

    async fn carry_out(&self, connected: &mut Connected, job: &Arc<Job>) -> Result<RemoteReport> {
        let name = self.name.as_deref().map(BackupName::parse).transpose()?;
        let mut report = RemoteReport { made: None, copy: None, failure: None };
        let made = match &self.made {
            Some(made) => made.clone(),
            None => {
                let made = connected.remote.back_up(name.as_ref(), self.copy.is_some(), job).await?;
                report.made.insert(made).backup_name.clone()
            }
        };
        if let Some(place) = &self.copy {
            match bring_home(connected, &made, place, job).await {
                Ok(copy) => report.copy = Some(copy),
                Err(error) if report.made.is_none() => return Err(error),
                Err(error) => report.failure = Some(error.report()),
            }
        }
        Ok(report)
    }

    fn command(&self, server: &str, username: &str, keyring: bool) -> String {
        let line = match &self.made {
            None => CommandLine::new("cfms-backup remote backup"),
            Some(made) => CommandLine::new("cfms-backup remote download").argument(made),
        };
        let mut line = line.option("--server", server).option("--username", username).flag("--keyring", keyring);
        if let Some(name) = &self.name {
            line = line.option("--name", name);
        }
        if let Some((archive_dir, key_dir)) = &self.copy {
            line = line.path("--output", archive_dir);
            if let Some(folder) = key_dir {
                line = line.path("--key-dir", folder);
            }
        }
        line.finish()
    }
}

async fn bring_home(
    connected: &mut Connected,
    made: &str,
    (archive_dir, key_dir): &(PathBuf, Option<PathBuf>),
    job: &Arc<Job>,
) -> Result<FetchedCopy> {
    let destination = Destination { archive_dir: archive_dir.clone(), key_dir: key_dir.clone(), name: None };
    connected.remote.download(&BackupName::parse(made)?, &destination, job).await
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER: &str = "files.example.org:5105";

    #[test]
    fn the_command_says_where_to_and_holds_no_secret() {
        let plan = Plan { name: None, made: None, copy: None };
        assert_eq!(
            plan.command(SERVER, "admin", false),
            "cfms-backup remote backup --server files.example.org:5105 --username admin"
        );
        let copy = Some(("/mnt/备份".into(), Some("/mnt/keys".into())));
        let plan = Plan { name: Some("before update".into()), made: None, copy };
        assert_eq!(
            plan.command("[::1]:5105", "lin.wei", true),
            "cfms-backup remote backup --server '[::1]:5105' --username lin.wei --keyring --name 'before update' \
             --output '/mnt/备份' --key-dir /mnt/keys"
        );
    }

    #[test]
    fn a_backup_that_is_made_is_only_fetched() {
        let plan = Plan { name: None, made: Some("monday 1".into()), copy: Some(("/out".into(), None)) };
        assert_eq!(
            plan.command(SERVER, "admin", false),
            "cfms-backup remote download 'monday 1' --server files.example.org:5105 --username admin --output /out"
        );
    }
}
