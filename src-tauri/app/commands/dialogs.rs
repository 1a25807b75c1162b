//! The system's own dialogs for files and folders.

use std::path::Path;

use rfd::AsyncFileDialog;
use serde::Deserialize;
use tauri::State;

use crate::places;
use crate::state::Application;

/// What a source is picked by.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SourceKind {
    /// The server's folder.
    Folder,
    /// Its database file.
    File,
}

// These are async: a dialog that is waited for on the window's own thread never opens.

#[tauri::command]
pub(crate) async fn pick_folder(
    application: State<'_, Application>,
    title: String,
    start: Option<String>,
) -> Result<Option<String>, ()> {
    let dialog = dialog(&application, &title, start.as_deref());
    Ok(dialog.pick_folder().await.map(|picked| shown(picked.path())))
}

#[tauri::command]
pub(crate) async fn pick_source(
    application: State<'_, Application>,
    title: String,
    start: Option<String>,
    kind: SourceKind,
) -> Result<Option<String>, ()> {
    let dialog = dialog(&application, &title, start.as_deref());
    let picked = match kind {
        SourceKind::Folder => dialog.pick_folder().await,
        SourceKind::File => {
            let dialog = dialog.add_filter("SQLite", &["db", "sqlite", "sqlite3"]).add_filter("*", &["*"]);
            dialog.pick_file().await
        }
    };
    Ok(picked.map(|picked| shown(picked.path())))
}

/// What of a backup is picked.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum BackupPart {
    /// Its archive, or its key: either leads to the other.
    Either,
    /// Its key.
    Key,
}

#[tauri::command]
pub(crate) async fn pick_backup(
    application: State<'_, Application>,
    title: String,
    start: Option<String>,
    part: BackupPart,
) -> Result<Option<String>, ()> {
    let dialog = dialog(&application, &title, start.as_deref());
    let dialog = match part {
        BackupPart::Either => dialog.add_filter("*.cfms.enc, *.key", &["cfms.enc", "key"]),
        BackupPart::Key => dialog.add_filter("*.key", &["key"]),
    };
    Ok(dialog.add_filter("*", &["*"]).pick_file().await.map(|picked| shown(picked.path())))
}

fn dialog(application: &Application, title: &str, start: Option<&str>) -> AsyncFileDialog {
    let dialog = AsyncFileDialog::new().set_title(title);
    let start = start.map(|text| application.typed(text));
    match start.as_deref().and_then(places::nearest_folder) {
        Some(folder) => dialog.set_directory(folder),
        None => dialog.set_directory(&application.home),
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
