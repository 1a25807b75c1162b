//! What is known before a backup: of the source, of the destination, of the name.

use std::path::PathBuf;

use cfms_backup::{BackupName, Destination, ErrorReport, Job, Outlook, ServerData, Survey};
use tauri::State;

use super::{Answer, blocking};
use crate::state::Application;

#[tauri::command]
pub(crate) async fn survey(
    application: State<'_, Application>,
    path: String,
    allow_outside: Vec<String>,
) -> Answer<Survey> {
    let path = application.typed(&path);
    let allowed: Vec<PathBuf> = allow_outside.iter().map(|folder| application.typed(folder)).collect();
    blocking(move || ServerData::open(&path)?.survey(&allowed, false, &Job::silent())).await
}

#[tauri::command]
pub(crate) async fn destination_outlook(
    application: State<'_, Application>,
    archive_dir: String,
    key_dir: Option<String>,
    source: Option<String>,
    needed: Option<u64>,
) -> Answer<Outlook> {
    let typed = |text: String| application.typed(&text);
    let destination = Destination { archive_dir: typed(archive_dir), key_dir: key_dir.map(typed), name: None };
    let source = source.map(typed);
    blocking(move || Ok(cfms_backup::outlook(&destination, source.as_deref(), needed))).await
}

/// What is wrong with a name, if anything is. No name is a good one: it is then made of the time.
#[tauri::command]
pub(crate) fn check_name(name: String) -> Option<ErrorReport> {
    if name.is_empty() { None } else { BackupName::parse(&name).err().map(|error| error.report()) }
}
