//! What an archive says of itself first, and how much of a server it holds.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// `metadata.json`: what every reader of an archive looks at first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
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
