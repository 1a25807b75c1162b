//! Opening a backup to look into it, and checking it.

use std::path::PathBuf;

use cfms_backup::inspect::KeyFacts;
use cfms_backup::{Archive, Event, Job, Metadata, OnDamage, Scope, Verification, Warning};
use serde::Serialize;
use tauri::State;
use tauri::ipc::Channel;
use ts_rs::TS;

use super::{Answer, blocking};
use crate::browsing::{Browsing, ListState};
use crate::command_line::CommandLine;
use crate::opened::Pair;
use crate::state::Application;

/// The two files of a backup, as far as they were found.
#[derive(Debug, Serialize, TS)]
#[ts(export)]
pub(crate) struct FoundPair {
    /// The archive.
    archive: Option<String>,
    /// The key.
    key: Option<String>,
}

/// A backup that was opened.
#[derive(Debug, Serialize, TS)]
#[ts(export)]
pub(crate) struct OpenedBackup {
    /// The archive.
    archive_path: PathBuf,
    /// Its size in bytes.
    #[ts(type = "number")]
    archive_size: u64,
    /// The key.
    key_path: PathBuf,
    /// What the key file says; never the key.
    key: KeyFacts,
    /// Whether both lie in one folder.
    key_beside_archive: bool,
    /// What the archive says of itself.
    metadata: Metadata,
    /// How much of a server it holds.
    scope: Scope,
    /// What made it; nothing where the archive does not tell.
    created_by: Option<String>,
    /// When the server was in this state, in Unix seconds.
    state_of: f64,
    /// The server's configured name.
    server_name: Option<String>,
    /// Members of the archive.
    #[ts(type = "number")]
    members: u64,
    /// Contents that it holds.
    #[ts(type = "number")]
    contents: u64,
    /// Their bytes.
    #[ts(type = "number")]
    content_bytes: u64,
    /// Contents that it names and does not hold.
    #[ts(type = "number")]
    contents_missing: u64,
    /// Revisions of all documents.
    #[ts(type = "number")]
    revisions: u64,
    /// The server's own files that are in it.
    server_files: Vec<&'static str>,
    /// The warnings that were stored with it; the first of them.
    warnings: Vec<Warning>,
    /// How many there were in all.
    #[ts(type = "number")]
    warnings_total: u64,
    /// What is wrong with the archive and was allowed, in English.
    flaws: Vec<String>,
    /// Whether it was opened in spite of damage.
    keeps_damaged: bool,
    /// Its list of folders and documents.
    list: ListState,
}

/// Finds the pair that one or two files are of.
#[tauri::command]
pub(crate) async fn find_pair(application: State<'_, Application>, files: Vec<String>) -> Answer<FoundPair> {
    let files: Vec<_> = files.iter().map(|file| application.typed(file)).collect();
    let settings = application.settings();
    let folder = |text: Option<String>| text.map(|text| application.typed(&text));
    let (archives, keys) = (folder(settings.archive_dir), folder(settings.key_dir));
    blocking(move || {
        let Pair { archive, key } = Pair::of(&files, archives.as_deref(), keys.as_deref());
        let shown = |path: Option<PathBuf>| path.map(|path| path.display().to_string());
        Ok(FoundPair { archive: shown(archive), key: shown(key) })
    })
    .await
}

/// Opens a backup; the one that was open is closed. Without a key, the one beside it.
#[tauri::command]
pub(crate) async fn open_backup(
    application: State<'_, Application>,
    archive: String,
    key: Option<String>,
    keep_damaged: bool,
) -> Answer<OpenedBackup> {
    let (archive, key) = (application.typed(&archive), key.map(|key| application.typed(&key)));
    let (opened, log) = (application.opened.clone(), application.log.clone());
    blocking(move || {
        opened.close();
        let on_damage = if keep_damaged { OnDamage::Keep } else { OnDamage::Refuse };
        let archive = Archive::open(&archive, key.as_deref(), on_damage, &Job::silent());
        log.line(format_args!("a backup was opened, {}", outcome(&archive)));
        let browsing = opened.open(Browsing::of(archive?));
        Ok(told(browsing.archive(), browsing.state()))
    })
    .await
}

/// Closes the backup that is open.
#[tauri::command]
pub(crate) async fn close_backup(application: State<'_, Application>) -> Answer<()> {
    let opened = application.opened.clone();
    blocking(move || {
        opened.close();
        Ok(())
    })
    .await
}

/// Checks a backup, whether it is open or not: one that is damaged may not open.
#[tauri::command]
pub(crate) async fn verify_backup(
    application: State<'_, Application>,
    archive: String,
    key: Option<String>,
    on_event: Channel<Event>,
) -> Answer<Verification> {
    let (archive, key) = (application.typed(&archive), key.map(|key| application.typed(&key)));
    let (opened, log) = (application.opened.clone(), application.log.clone());
    blocking(move || {
        let turn = opened.begin();
        log.line(format_args!("a check began"));
        let checked = cfms_backup::verify(&archive, key.as_deref(), &turn.job(move |event| drop(on_event.send(event))));
        match &checked {
            Ok(found) => {
                log.line(format_args!("a check ended, {:?}, {} findings", found.verdict, found.findings_total))
            }
            Err(error) => log.line(format_args!("a check ended, {:?}", error.code())),
        }
        checked
    })
    .await
}

/// The command line that checks the same backup.
#[tauri::command]
pub(crate) fn verify_command(application: State<'_, Application>, archive: String, key: Option<String>) -> String {
    let line = with_pair(CommandLine::new("cfms-backup verify"), &application, &archive, key.as_deref());
    line.finish()
}

/// Stops what is being done with a backup that is looked into.
#[tauri::command]
pub(crate) fn stop_looking(application: State<'_, Application>) {
    application.opened.stop();
}

/// A command line with an archive and its key.
fn with_pair(line: CommandLine, application: &Application, archive: &str, key: Option<&str>) -> CommandLine {
    let line = line.argument(&application.typed(archive).display().to_string());
    match key {
        Some(key) => line.path("--key", &application.typed(key)),
        None => line,
    }
}

fn told(archive: &Archive, list: ListState) -> OpenedBackup {
    let (contents, content_bytes) = archive.contents();
    let tree = archive.tree();
    OpenedBackup {
        archive_path: archive.path().to_path_buf(),
        archive_size: archive.size(),
        key_path: archive.key_path().to_path_buf(),
        key: archive.key().clone(),
        key_beside_archive: archive.path().parent() == archive.key_path().parent(),
        metadata: archive.metadata().clone(),
        scope: archive.scope(),
        created_by: archive.created_by().map(str::to_owned),
        state_of: archive.state_of(),
        server_name: archive.server_name().map(str::to_owned),
        members: archive.members(),
        contents,
        content_bytes,
        contents_missing: tree.contents_missing() as u64,
        revisions: tree.revisions_count() as u64,
        server_files: archive.server_files().collect(),
        warnings: archive.warnings().to_vec(),
        warnings_total: archive.warnings_total(),
        flaws: archive.flaws().to_vec(),
        keeps_damaged: archive.on_damage() == OnDamage::Keep,
        list,
    }
}

fn outcome(opened: &cfms_backup::Result<Archive>) -> String {
    opened.as_ref().map_or_else(|error| format!("{:?}", error.code()), |_| "done".to_owned())
}
