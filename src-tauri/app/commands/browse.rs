//! Looking through an opened backup, and taking out of it.

use std::sync::Arc;

use cfms_backup::extract::{Conflict, Extracted, Revisions, Wanted};
use cfms_backup::{Error, Event, Job};
use serde::Deserialize;
use tauri::State;
use tauri::ipc::Channel;
use ts_rs::TS;

use super::{Answer, blocking, failed_internally};
use crate::browsing::{Browsing, Described, ListState, Rows, Together};
use crate::command_line::CommandLine;
use crate::preview::{Preview, preview};
use crate::state::Application;

/// Ids that a command line names; with more it would be longer than any terminal takes.
const MAX_IDS: usize = 500;

/// What is to be taken out of the opened backup.
#[derive(Debug, Clone, Deserialize, TS)]
#[ts(export)]
pub(crate) struct SaveRequest {
    /// The rows, by their numbers.
    keys: Vec<u32>,
    /// The folder that they go into.
    output: String,
    /// Each revision, and not the latest alone.
    all_revisions: bool,
}

/// Rows of the list, by their places in it.
#[tauri::command]
pub(crate) async fn list_rows(application: State<'_, Application>, from: usize, count: usize) -> Answer<Rows> {
    let backup = opened(&application)?;
    blocking(move || Ok(backup.rows(from, count))).await
}

/// The numbers of the rows from one place in the list to another.
#[tauri::command]
pub(crate) async fn list_keys(application: State<'_, Application>, from: usize, to: usize) -> Answer<Vec<u32>> {
    let backup = opened(&application)?;
    blocking(move || Ok(backup.keys(from, to))).await
}

/// Opens or closes a folder in the list.
#[tauri::command]
pub(crate) async fn open_row(application: State<'_, Application>, key: u32, open: bool) -> Answer<ListState> {
    let backup = opened(&application)?;
    blocking(move || Ok(backup.set_open(key, open))).await
}

/// Lists what has a text in its title; without a text, the tree, opened so far that `keep` is seen.
#[tauri::command]
pub(crate) async fn search_titles(
    application: State<'_, Application>,
    text: String,
    keep: Option<u32>,
) -> Answer<ListState> {
    let backup = opened(&application)?;
    blocking(move || Ok(backup.search(&text, keep))).await
}

/// Where in the list the next title is that begins so.
#[tauri::command]
pub(crate) async fn find_title(application: State<'_, Application>, text: String, after: usize) -> Answer<Option<u32>> {
    let backup = opened(&application)?;
    blocking(move || Ok(backup.find(&text, after))).await
}

/// What is to be known of a row.
#[tauri::command]
pub(crate) async fn describe_row(application: State<'_, Application>, key: u32) -> Answer<Described> {
    let backup = opened(&application)?;
    blocking(move || backup.describe(key).ok_or_else(|| no_row(key))).await
}

/// How much rows are together.
#[tauri::command]
pub(crate) async fn sum_rows(application: State<'_, Application>, keys: Vec<u32>) -> Answer<Together> {
    let backup = opened(&application)?;
    blocking(move || Ok(backup.together(&keys))).await
}

/// As much of a document's content as is shown; without a number, of the revision that the server shows.
#[tauri::command]
pub(crate) async fn preview_content(
    application: State<'_, Application>,
    key: u32,
    revision: Option<u32>,
) -> Answer<Preview> {
    let backup = opened(&application)?;
    blocking(move || {
        let revision = backup.revision(key, revision).ok_or_else(|| no_row(key))?;
        preview(backup.archive(), revision, &Job::silent())
    })
    .await
}

/// Takes rows out, each with all that is below it. What is there already stays: new files get other names.
#[tauri::command]
pub(crate) async fn save_rows(
    application: State<'_, Application>,
    request: SaveRequest,
    on_event: Channel<Event>,
) -> Answer<Extracted> {
    let backup = opened(&application)?;
    let output = application.typed(&request.output);
    let (opened, log) = (application.opened.clone(), application.log.clone());
    blocking(move || {
        let turn = opened.begin();
        let wanted = Wanted {
            picked: backup.picked(&request.keys),
            revisions: if request.all_revisions { Revisions::All } else { Revisions::Latest },
            conflict: Conflict::Rename,
            ..Wanted::default()
        };
        if wanted.picked.is_empty() {
            return Err(Error::NotInBackup { wanted: String::new() });
        }
        let job = turn.job(move |event| drop(on_event.send(event)));
        let saved = cfms_backup::extract(backup.archive(), &wanted, &output, &job);
        match &saved {
            Ok(saved) => log.line(format_args!("documents were saved, {} files, {} bytes", saved.files, saved.bytes)),
            Err(error) => log.line(format_args!("documents were saved, {:?}", error.code())),
        }
        saved
    })
    .await
}

/// The command line that takes out the same; nothing where no line could name it all.
#[tauri::command]
pub(crate) async fn save_command(application: State<'_, Application>, request: SaveRequest) -> Answer<Option<String>> {
    let backup = opened(&application)?;
    let output = application.typed(&request.output);
    blocking(move || {
        let Some(ids) = backup.ids(&request.keys).filter(|ids| ids.len() <= MAX_IDS) else { return Ok(None) };
        let archive = backup.archive();
        let mut line = CommandLine::new("cfms-backup extract")
            .argument(&archive.path().display().to_string())
            .path("--key", archive.key_path())
            .path("--output", &output)
            .option("--conflict", "rename");
        if request.all_revisions {
            line = line.option("--revisions", "all");
        }
        for id in ids {
            line = line.argument(id);
        }
        Ok(Some(line.finish()))
    })
    .await
}

pub(super) fn opened(application: &Application) -> Answer<Arc<Browsing>> {
    application.opened.backup().ok_or_else(|| failed_internally("read", "no backup is open").report())
}

fn no_row(key: u32) -> Error {
    Error::NotInBackup { wanted: key.to_string() }
}
