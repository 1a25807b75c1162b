//! Holding the opened backup against another one, or against a server.

use cfms_backup::Event;
use cfms_backup::diff::ObjectChange;
use serde::Deserialize;
use tauri::State;
use tauri::ipc::Channel;
use ts_rs::TS;

use super::browse::opened;
use super::{Answer, blocking, failed_internally};
use crate::browsing::ListState;
use crate::command_line::CommandLine;
use crate::comparing::{ChangeRank, ChangeRows, Comparing, Comparison, Other};
use crate::state::Application;

/// What the opened backup is to be compared with.
#[derive(Debug, Clone, Deserialize, TS)]
#[ts(export)]
pub(crate) struct CompareRequest {
    /// The other archive, or the server's folder or database.
    path: String,
    /// The other archive's key; `None`: the one beside it, or none at all with a server.
    key: Option<String>,
    /// Whether it is a server.
    is_server: bool,
}

/// Compares; what was compared before is forgotten.
#[tauri::command]
pub(crate) async fn compare_backup(
    application: State<'_, Application>,
    request: CompareRequest,
    on_event: Channel<Event>,
) -> Answer<Comparison> {
    let backup = opened(&application)?;
    let other = other(&application, request);
    let (opened, log) = (application.opened.clone(), application.log.clone());
    blocking(move || {
        let turn = opened.begin();
        opened.forget_comparison();
        let made = Comparing::begin(backup, other, &turn, move |event| drop(on_event.send(event)));
        match &made {
            Ok(_) => log.line(format_args!("backups were compared")),
            Err(error) => log.line(format_args!("backups were compared, {:?}", error.code())),
        }
        let (comparing, comparison) = made?;
        opened.keep_comparison(comparing);
        Ok(comparison)
    })
    .await
}

/// The command line that compares the same.
#[tauri::command]
pub(crate) async fn compare_command(application: State<'_, Application>, request: CompareRequest) -> Answer<String> {
    let backup = opened(&application)?;
    let other = other(&application, request);
    blocking(move || {
        let archive = backup.archive();
        let line = CommandLine::new("cfms-backup diff").argument(&archive.path().display().to_string());
        let line = match other {
            Other::Server(path) => line.path("--data-dir", &path).path("--old-key", archive.key_path()),
            Other::Backup { archive: other, key } => {
                let line = line.argument(&other.display().to_string()).path("--old-key", archive.key_path());
                match key {
                    Some(key) => line.path("--new-key", &key),
                    None => line,
                }
            }
        };
        Ok(line.finish())
    })
    .await
}

/// Shows only changes of `rank`, or all, as a tree or flat.
#[tauri::command]
pub(crate) async fn shape_changes(
    application: State<'_, Application>,
    rank: Option<ChangeRank>,
    as_tree: bool,
) -> Answer<ListState> {
    ask(&application, move |comparing| comparing.ask(move |changes| changes.shape(rank, as_tree))).await
}

/// Rows of the list of changes, by their places in it.
#[tauri::command]
pub(crate) async fn change_rows(application: State<'_, Application>, from: usize, count: usize) -> Answer<ChangeRows> {
    ask(&application, move |comparing| comparing.ask(move |changes| changes.rows(from, count))).await
}

/// Opens or closes a folder in the tree of changes.
#[tauri::command]
pub(crate) async fn open_change(application: State<'_, Application>, key: u32, open: bool) -> Answer<ListState> {
    ask(&application, move |comparing| comparing.ask(move |changes| changes.set_open(key, open))).await
}

/// Where in the list of changes the next title is that begins so.
#[tauri::command]
pub(crate) async fn find_change(
    application: State<'_, Application>,
    text: String,
    after: usize,
) -> Answer<Option<u32>> {
    ask(&application, move |comparing| comparing.ask(move |changes| changes.find(&text, after))).await
}

/// What is to be known of a change.
#[tauri::command]
pub(crate) async fn describe_change(application: State<'_, Application>, number: u32) -> Answer<ObjectChange> {
    ask(&application, move |comparing| comparing.change(number)).await
}

/// Forgets what was compared.
#[tauri::command]
pub(crate) async fn leave_comparison(application: State<'_, Application>) -> Answer<()> {
    let opened = application.opened.clone();
    blocking(move || {
        opened.forget_comparison();
        Ok(())
    })
    .await
}

async fn ask<T: Send + 'static>(
    application: &Application,
    question: impl FnOnce(&Comparing) -> Option<T> + Send + 'static,
) -> Answer<T> {
    let opened = application.opened.clone();
    let nothing = || failed_internally("compare", "nothing is compared");
    blocking(move || opened.comparison().and_then(|comparing| question(&comparing)).ok_or_else(nothing)).await
}

fn other(application: &Application, request: CompareRequest) -> Other {
    let path = application.typed(&request.path);
    if request.is_server {
        return Other::Server(path);
    }
    Other::Backup { archive: path, key: request.key.map(|key| application.typed(&key)) }
}
