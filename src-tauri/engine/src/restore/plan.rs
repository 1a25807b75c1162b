//! What a restore does, as a value: shown before, carried out, and told afterwards with what came of it.

use std::path::PathBuf;

use serde::Serialize;
use ts_rs::TS;

use crate::error::ErrorReport;
use crate::rights::RightChange;
pub use crate::server_data::{Mended, OnConflict};

/// Things that are named in each list; all are counted.
pub(super) const MAX_NAMED: usize = 1000;

/// Where a backup goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum RestoreWay {
    /// The server as it was, into a new data directory.
    #[default]
    WholeServer,
    /// Documents into a new data directory, whose server has no users.
    NewFromDocuments,
    /// Documents into the database of a server that is there.
    IntoServer,
}

/// What is, or would be, put back.
#[derive(Debug, Clone, Default, Serialize, TS)]
#[ts(export)]
pub struct RestorePlan {
    /// Where it goes.
    pub way: RestoreWay,
    /// The data directory.
    pub data_dir: PathBuf,
    /// The database, in the data directory.
    pub database: String,
    /// Rows of documents that are written.
    #[ts(type = "number")]
    pub documents: u64,
    /// Rows of folders that are written.
    #[ts(type = "number")]
    pub folders: u64,
    /// Contents that are put back.
    #[ts(type = "number")]
    pub contents: u64,
    /// Their bytes.
    #[ts(type = "number")]
    pub content_bytes: u64,
    /// Of the contents: those whose rows the server has, and which its disk has lost.
    #[ts(type = "number")]
    pub contents_lost_there: u64,
    /// What of the backup's documents the server has.
    pub found_documents: RestoreCounts,
    /// What of the backup's folders the server has.
    pub found_folders: RestoreCounts,
    /// What is done with what is there already and differs.
    pub on_conflict: OnConflict,
    /// What is there already and differs; the first of it.
    pub conflicts: Vec<RestoreConflict>,
    /// How much there is.
    #[ts(type = "number")]
    pub conflicts_total: u64,
    /// What would be open to more people than in the backup; the first of it.
    pub wider_access: Vec<WiderAccess>,
    /// How much there is.
    #[ts(type = "number")]
    pub wider_access_total: u64,
    /// Columns that the backup carries and the database lacks.
    pub dropped_columns: Vec<DroppedColumn>,
    /// Groups that rules name and the server does not have; the first of them.
    pub unknown_groups: Vec<String>,
    /// Rights that rules name and nobody on the server has; the first of them.
    pub unknown_rights: Vec<String>,
    /// Rows of the backup that point at documents, folders or contents that are nowhere.
    #[ts(type = "number")]
    pub pointing_nowhere: u64,
    /// Rows that repeat the id of another, or belong to nothing, and are left out.
    #[ts(type = "number")]
    pub left_out: u64,
    /// Numbers of the running processes that have the database open.
    pub open_in: Vec<u32>,
    /// The accounts that come back; the first of them.
    pub accounts: Vec<String>,
    /// Those of them that may manage the system; the first of them.
    pub administrators: Vec<String>,
    /// Whether nobody can sign in to what is restored.
    pub has_no_users: bool,
    /// Contents that the backup never held; the first of them.
    pub missing: Vec<ContentTold>,
    /// How many there are.
    #[ts(type = "number")]
    pub missing_total: u64,
    /// Contents that are damaged or lost in the archive; the first of them. They are put back as far as they are there.
    pub damaged: Vec<ContentTold>,
    /// How many there are.
    #[ts(type = "number")]
    pub damaged_total: u64,
    /// Contents that go elsewhere than their rows said; the first of them. Their rows say so.
    pub relocated: Vec<Relocated>,
    /// How many there are.
    #[ts(type = "number")]
    pub relocated_total: u64,
    /// Contents whose SHA-256 the server had recorded otherwise; they are as they were backed up.
    #[ts(type = "number")]
    pub server_differs: u64,
    /// Settings of `config.toml` that led elsewhere. The backup's own text is in `config.toml.from-backup`.
    pub mended: Vec<Mended>,
    /// Triggers, views and virtual tables of the database, which no known server has.
    pub schema_oddities: Vec<String>,
    /// What SQLite finds wrong with the database, in its words; the backup, or the server, has it so.
    pub database_problems: Vec<String>,
    /// Rows that point at rows that are not there, in the database as it will be.
    #[ts(type = "number")]
    pub dangling_rows: u64,
    /// What stops it as it is.
    pub obstacle: Option<ErrorReport>,
    /// Bytes that are needed on the disk.
    #[ts(type = "number")]
    pub needed_bytes: u64,
    /// Bytes that are free there, where that can be told.
    #[ts(type = "number | null")]
    pub free_bytes: Option<u64>,
}

/// How many documents, or folders, of the backup the server has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, TS)]
#[ts(export)]
pub struct RestoreCounts {
    /// Not at all.
    #[ts(type = "number")]
    pub new: u64,
    /// Just so.
    #[ts(type = "number")]
    pub identical: u64,
    /// Under the same id, and otherwise.
    #[ts(type = "number")]
    pub conflicting: u64,
}

/// A document, folder or file that is there already and differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[ts(export)]
pub struct RestoreConflict {
    /// What it is.
    pub kind: RestoredKind,
    /// Its id; a file's path.
    pub id: String,
    /// Its title in the backup.
    pub title: String,
    /// What differs: the database's columns, `access_rules`, `revisions`, `content`.
    pub differs: Vec<String>,
}

/// What is restored as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum RestoredKind {
    /// A folder with its rules.
    Folder,
    /// A document with its revisions and rules.
    Document,
    /// A file in the data directory.
    File,
}

/// Something that would be open to more people than in the backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[ts(export)]
pub struct WiderAccess {
    /// What it is.
    pub kind: RestoredKind,
    /// Its id in the backup.
    pub id: String,
    /// Its path of titles in the backup.
    pub path: String,
    /// Who was let in on the backup's server, and who would be on this one.
    pub rights: Vec<RightChange>,
}

/// A column that the backup carries and the database lacks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[ts(export)]
pub struct DroppedColumn {
    /// Its table.
    pub table: String,
    /// Its name.
    pub column: String,
    /// Rows that have a value in it.
    #[ts(type = "number")]
    pub rows: u64,
    /// Rows that would be open to more people, or deleted no more, without it.
    #[ts(type = "number")]
    pub revealing: u64,
}

/// A content, and what is to be said of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[ts(export)]
pub struct ContentTold {
    /// Its id.
    pub file_id: String,
    /// What is the matter, in English.
    pub reason: String,
}

/// A content that goes elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[ts(export)]
pub struct Relocated {
    /// Its id.
    pub file_id: String,
    /// Where its row said that it was.
    pub recorded: String,
    /// Where it goes.
    pub path: String,
    /// Why, in English.
    pub reason: String,
}

/// What a restore did.
#[derive(Debug, Clone, Default, Serialize, TS)]
#[ts(export)]
pub struct Restored {
    /// What was planned, and done unless only the plan was asked for.
    #[serde(flatten)]
    #[ts(flatten)]
    pub plan: RestorePlan,
    /// Whether nothing was written, as was asked for.
    pub dry_run: bool,
    /// Whether there was nothing to do: everything is there already.
    pub nothing_to_do: bool,
    /// Contents that were read back and are what was backed up; nothing where that was not asked for.
    #[ts(type = "number | null")]
    pub read_back: Option<u64>,
    /// The copy of the server's database as it was before.
    pub set_aside: Option<PathBuf>,
    /// Lists of users, groups and memberships to make them anew from.
    pub lists: Vec<PathBuf>,
}

impl RestorePlan {
    /// Whether nothing would be written.
    pub fn is_empty(&self) -> bool {
        self.documents + self.folders + self.contents == 0
    }

    pub(super) fn note_missing(&mut self, file_id: &str, reason: String) {
        self.missing_total += 1;
        if self.missing.len() < MAX_NAMED {
            self.missing.push(ContentTold { file_id: file_id.to_owned(), reason });
        }
    }

    pub(super) fn note_damaged(&mut self, file_id: &str, reason: String) {
        self.damaged_total += 1;
        if self.damaged.len() < MAX_NAMED {
            self.damaged.push(ContentTold { file_id: file_id.to_owned(), reason });
        }
    }

    pub(super) fn note_relocated(&mut self, file_id: &str, recorded: &str, path: &str, reason: &str) {
        self.relocated_total += 1;
        if self.relocated.len() < MAX_NAMED {
            let [file_id, recorded, path, reason] = [file_id, recorded, path, reason].map(str::to_owned);
            self.relocated.push(Relocated { file_id, recorded, path, reason });
        }
    }
}
