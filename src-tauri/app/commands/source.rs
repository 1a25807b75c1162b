//! What is known before a backup: of the source and of the destination.

use std::path::PathBuf;

use cfms_backup::{BackupName, Destination, Job, Outlook, ServerData, Survey};
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
    name: Option<String>,
    source: Option<String>,
    needed: Option<u64>,
) -> Answer<Outlook> {
    let typed = |text: String| application.typed(&text);
    let (name, bad_name) = match name.map(|name| BackupName::parse(&name)).transpose() {
        Ok(name) => (name, None),
        Err(error) => (None, Some(error.report())),
    };
    let destination = Destination { archive_dir: typed(archive_dir), key_dir: key_dir.map(typed), name };
    let source = source.map(typed);
    blocking(move || {
        let foreseen = cfms_backup::outlook(&destination, source.as_deref(), needed);
        Ok(Outlook { name_problem: bad_name.or(foreseen.name_problem), ..foreseen })
    })
    .await
}
