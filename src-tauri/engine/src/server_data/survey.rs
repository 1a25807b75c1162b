//! What a backup of a server would hold.

use std::path::PathBuf;

use serde::Serialize;
use ts_rs::TS;

use crate::warning::Warning;

/// What was found in a data directory, before any backup.
#[derive(Debug, Clone, Serialize, TS)]
#[ts(export)]
pub struct Survey {
    /// The folder that the server runs in.
    pub root: PathBuf,
    /// Its database.
    pub database: PathBuf,
    /// Its name, from config.toml.
    pub server_name: Option<String>,
    /// Rows of documents.
    #[ts(type = "number")]
    pub documents: u64,
    /// Rows of folders.
    #[ts(type = "number")]
    pub folders: u64,
    /// Files that some revision points to.
    #[ts(type = "number")]
    pub files: u64,
    /// User accounts.
    #[ts(type = "number")]
    pub users: u64,
    /// Bytes of the contents of those files.
    #[ts(type = "number")]
    pub content_bytes: u64,
    /// Bytes of the database.
    #[ts(type = "number")]
    pub database_bytes: u64,
    /// About the size of an archive of the whole server, in bytes.
    #[ts(type = "number")]
    pub estimated_bytes: u64,
    /// About the size of an archive of the documents only, in bytes.
    #[ts(type = "number")]
    pub estimated_bytes_documents_only: u64,
    /// When the database was last written, in Unix seconds.
    pub last_change: Option<f64>,
    /// Contents that a backup would lack.
    #[ts(type = "number")]
    pub contents_missing: u64,
    /// Whether so many are missing that a backup would end incomplete.
    pub incomplete: bool,
    /// The folder below which the missing contents should be, where they share one.
    pub missing_below: Option<PathBuf>,
    /// Folders outside the server's own that rows name, with readable files in them: each may be allowed.
    pub outside_folders: Vec<PathBuf>,
    /// What is wrong already; at most a thousand, the contents that are missing among them.
    pub warnings: Vec<Warning>,
}
