//! Making a backup.
//!
//! Snapshot of the database, then one pass: tar, cipher, digest, disk. The finished file is read back from disk before
//! the key, which names its digest, and then the archive get their final names.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde::Serialize;
use ts_rs::TS;

use crate::archive::destination::{Claim, Published};
use crate::archive::encrypt::{Encryptor, Written};
use crate::archive::key::{Key, KeyFile, key_file_text};
pub use crate::archive::metadata::{Metadata, Scope};
use crate::archive::tar_writer::{TarWriter, archive_size};
use crate::clock::unix_now;
use crate::error::{Error, Result};
use crate::hex;
use crate::job::{Job, Phase};
use crate::names::BackupName;
use crate::server_data::{ServerData, Snapshot, SoundnessCheck};
use crate::verify::{Verification, verify_unpublished};
use crate::volume;
use crate::warning::{Warning, WarningCode};

mod content;
mod contents;
mod found;
mod ledger;
mod members;
mod places;
mod spool;

use contents::Contents;
use members::Members;
pub(crate) use places::{SPARED_ON_SERVER_DISK, check_destination, check_space, key_dir, refuse_unmounted};
use places::{check_disks, claim_names, outputs};

/// Where a backup goes.
#[derive(Debug, Clone)]
pub struct Destination {
    /// The archive's folder. It is created where it is missing.
    pub archive_dir: PathBuf,
    /// The key's folder; `None` is the archive's.
    pub key_dir: Option<PathBuf>,
    /// The backup's name; `None` is `backup_<time>`, made unique.
    pub name: Option<BackupName>,
}

/// How a backup is made.
#[derive(Debug, Clone)]
pub struct Options {
    /// What goes in.
    pub scope: Scope,
    /// Read the finished archive back and check it. On by default.
    pub verify: bool,
    /// Take a backup that lacks many contents as done with warnings, not as incomplete.
    pub allow_missing: bool,
    /// Folders outside the server's own from which contents may be read, if a row names a file in them.
    pub allow_outside: Vec<PathBuf>,
    /// Refuse a destination on the disk of the server's data.
    pub require_other_disk: bool,
    /// The server is stopped, so a network file system's missing locks do not matter.
    pub server_stopped: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            scope: Scope::WholeServer,
            verify: true,
            allow_missing: false,
            allow_outside: Vec::new(),
            require_other_disk: false,
            server_stopped: false,
        }
    }
}

/// How a backup ended, when it did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum Outcome {
    /// All of it is there.
    Done,
    /// It is written; the warnings say what a person should know.
    DoneWithWarnings,
    /// It is written, and lacks so many contents that it must not be relied on.
    Incomplete,
}

/// What a backup is, once it is made.
#[derive(Debug, Clone, Serialize, TS)]
#[ts(export)]
pub struct Report {
    /// How it ended.
    pub outcome: Outcome,
    /// The name, without ending.
    pub backup_name: String,
    /// The archive.
    pub archive_path: PathBuf,
    /// The key.
    pub key_path: PathBuf,
    /// The key file's size in bytes.
    #[ts(type = "number")]
    pub key_size: u64,
    /// The archive's metadata.
    pub metadata: Metadata,
    /// What went in.
    pub scope: Scope,
    /// The archive's size in bytes.
    #[ts(type = "number")]
    pub archive_size: u64,
    /// The archive's SHA-256, lower-case hex.
    pub archive_sha256: String,
    /// Members of the archive.
    #[ts(type = "number")]
    pub members: u64,
    /// Bytes of the contents that went in.
    #[ts(type = "number")]
    pub content_bytes: u64,
    /// The moment whose state the archive holds, in Unix seconds.
    pub snapshot_at: f64,
    /// How long it took, in seconds.
    pub duration_seconds: f64,
    /// What reading back found; `None` where it was not asked for.
    pub verification: Option<Verification>,
    /// Whether the archive lies on the disk of the server's data.
    pub same_disk: bool,
    /// Whether the key lies in the archive's folder.
    pub key_beside_archive: bool,
    /// Contents of documents that the archive lacks, of the files that [`Report::metadata`] counts.
    #[ts(type = "number")]
    pub contents_missing: u64,
    /// Contents of no document (avatars, uploads) that the archive lacks.
    #[ts(type = "number")]
    pub other_contents_missing: u64,
    /// Whether the server keeps its contents in S3, so that none could be read.
    pub contents_in_s3: bool,
    /// The members that hold the server's own files: none of a backup of the documents only.
    pub server_files: Vec<String>,
    /// Those of the documents' missing contents that lie outside the server's folder, or behind a link, and were not read.
    #[ts(type = "number")]
    pub contents_outside: u64,
    /// The folder below which the missing contents that are not outside should be, where they share one.
    pub missing_below: Option<PathBuf>,
    /// Uploads that never finished and have no content; nothing is lost with them.
    #[ts(type = "number")]
    pub unfinished_uploads: u64,
    /// What a person should know; at most [`MAX_WARNINGS`].
    pub warnings: Vec<Warning>,
    /// How many warnings there are in all.
    #[ts(type = "number")]
    pub warnings_total: u64,
}

/// How many warnings a [`Report`] and a manifest list; fewer, where their texts are very long. The manifest's `contents_missing` lists every content.
pub const MAX_WARNINGS: usize = 10_000;

/// Makes a backup of `source` at `destination`.
///
/// # Errors
/// Any [`Error`]; nothing is left behind then.
pub fn create(source: &ServerData, destination: &Destination, options: &Options, job: &Job) -> Result<Report> {
    let started = Instant::now();
    let created_at = unix_now();
    if source.contents_in_s3() && !options.allow_missing {
        return Err(Error::ContentsInS3 { path: source.root().to_path_buf() });
    }
    let _only_run = source.lock()?;
    let same_disk = check_disks(source, destination, options)?;
    let claim = claim_names(source, destination, options, created_at)?;

    job.phase(Phase::Snapshot, std::fs::metadata(source.database()).map(|found| found.len()).ok(), None)?;
    let copy = source.copy_database(options.server_stopped, &outputs(destination), job)?;
    let check = SoundnessCheck::begin(&copy, options.scope == Scope::WholeServer, job)?;
    let mut snapshot = Snapshot::of(copy, job)?;
    job.settle();
    let contents = Contents::of(source, &mut snapshot, options)?;
    let mut members = Members::prepare(source, &snapshot, contents, options, created_at, job)?;
    let damage = check.finish()?;
    let expected = archive_size(members.footprint());
    check_space(destination, expected, same_disk)?;
    plan(&snapshot, expected, options, job);
    for key in claim.orphaned_keys() {
        members.warn(orphaned_key(key));
    }
    if let Some(problems) = damage {
        members.warn(damaged_database(source, &problems));
    }

    let key = Key::generate()?;
    let written = write_archive(&claim, &key, &mut members, expected, job)?;
    // Now it is known to the byte what reading back will go through.
    plan(&snapshot, written.size, options, job);
    let digest = hex::encode(&written.sha256);
    let name = claim.name().as_str();
    let text = key_file_text(&key, created_at, name, written.size, &digest);
    let verification = match options.verify {
        true => Some(read_back(&claim, &KeyFile::parse_own(&text, &claim.key_path())?, job)?),
        false => None,
    };

    job.phase(Phase::Publish, None, None)?;
    claim.write_key(&text)?;
    let mut report = Report {
        outcome: members.outcome(options),
        backup_name: name.to_owned(),
        archive_path: claim.archive_path(),
        key_path: claim.key_path(),
        key_size: text.len() as u64,
        metadata: members.metadata().clone(),
        scope: options.scope,
        archive_size: written.size,
        archive_sha256: digest,
        members: members.count(),
        content_bytes: members.content_bytes(),
        snapshot_at: snapshot.taken_at(),
        duration_seconds: 0.0,
        verification,
        same_disk,
        key_beside_archive: volume::is_same_folder(&destination.archive_dir, key_dir(destination)),
        contents_missing: members.missing(),
        other_contents_missing: members.others_missing(),
        contents_in_s3: source.contents_in_s3(),
        server_files: members.server_files(),
        contents_outside: members.outside(),
        missing_below: members.missing_below(),
        unfinished_uploads: members.unfinished_uploads(),
        warnings_total: members.warnings_total(),
        warnings: members.take_warnings(),
    };
    report.tell_where(claim.publish()?, job);
    report.duration_seconds = started.elapsed().as_secs_f64();
    Ok(report)
}

impl Report {
    /// Says where the files really are: a folder may have been renamed while they were written.
    fn tell_where(&mut self, published: Published, job: &Job) {
        for (file, path) in [(published.archive, &mut self.archive_path), (published.key, &mut self.key_path)] {
            *path = file.path;
            let Some(meant) = file.instead_of else { continue };
            let warning = folder_moved(&meant);
            job.warn(&warning);
            self.warnings_total += 1;
            if self.warnings.len() < MAX_WARNINGS {
                self.warnings.push(warning);
            }
            if self.outcome == Outcome::Done {
                self.outcome = Outcome::DoneWithWarnings;
            }
        }
    }
}

/// A file is not at the path that was meant.
pub(crate) fn folder_moved(meant: &Path) -> Warning {
    let reason = "its folder was renamed or replaced while the backup was written; it is where the report says";
    let mut warning = Warning::new(WarningCode::FolderMoved, reason);
    warning.path = Some(meant.display().to_string());
    warning
}

fn plan(snapshot: &Snapshot, expected: u64, options: &Options, job: &Job) {
    let mut phases = vec![(Phase::Snapshot, snapshot.size()), (Phase::Encrypt, expected)];
    if options.verify {
        phases.push((Phase::Verify, expected));
    }
    job.plan(&phases, Some(snapshot.taken_at()));
}

fn write_archive(claim: &Claim, key: &Key, members: &mut Members<'_>, expected: u64, job: &Job) -> Result<Written> {
    job.phase(Phase::Encrypt, Some(expected), Some(members.contents_total()))?;
    let encryptor = Encryptor::start(claim.archive_writer()?, claim.archive_path(), key)?;
    let mut tar = TarWriter::new(encryptor);
    let written = match members.write_to(&mut tar, job) {
        Ok(()) => tar.finish().and_then(|written| claim.seal_archive().map(|()| written)),
        Err(error) => Err(tar.explain(error)),
    };
    // A wish to stop may have come through a `Write`, which cannot say so.
    job.check()?;
    job.settle();
    written.map_err(|error| sized(error, expected, claim))
}

/// Completes the system's short refusals with what is known here.
fn sized(error: Error, expected: u64, claim: &Claim) -> Error {
    match error {
        Error::NoSpace { path, needed: None, .. } => {
            // What is written already will be free again.
            let written = claim.archive_writer().ok().and_then(|file| Some(file.metadata().ok()?.blocks() * 512));
            let free = path.parent().and_then(volume::free_bytes);
            let available = free.zip(written).map(|(free, written)| free + written);
            // A quota may be full on a disk that is not.
            let available = available.filter(|available| *available < expected);
            Error::NoSpace { path, needed: Some(expected), available }
        }
        Error::FileTooLarge { path, needed: None } => Error::FileTooLarge { path, needed: Some(expected) },
        error => error,
    }
}

/// Reads the archive from disk and checks it like any other, before it is anybody's backup.
fn read_back(claim: &Claim, key: &KeyFile, job: &Job) -> Result<Verification> {
    let verification = verify_unpublished(claim.archive_reader()?, &claim.archive_path(), key, &claim.key_path(), job)?;
    match verification.damage() {
        Some(damage) => Err(damage),
        None => Ok(verification),
    }
}

pub(crate) fn orphaned_key(path: &Path) -> Warning {
    let reason =
        "an earlier run died before its archive was finished; this key opens nothing that was published beside it";
    let mut warning = Warning::new(WarningCode::KeyWithoutArchive, reason);
    warning.path = Some(path.display().to_string());
    warning
}

fn damaged_database(source: &ServerData, problems: &str) -> Warning {
    let reason = format!("its pages are damaged, and it went along as it is: {problems}");
    let mut warning = Warning::new(WarningCode::DatabaseDamaged, reason);
    warning.path = Some(source.database().display().to_string());
    warning
}

fn unwritable(error: impl Into<std::io::Error>) -> Error {
    Error::io("write", "the archive", error.into())
}
