//! What the page is told of an opened backup.

use cfms_backup::rights::{Access, Condition};
use cfms_backup::tree::Status;
use serde::Serialize;
use ts_rs::TS;

/// The list as it is now.
#[derive(Debug, Clone, Copy, Serialize, TS)]
#[ts(export)]
pub(crate) struct ListState {
    /// How often it has changed: rows of another one are not of this.
    pub(super) epoch: u32,
    /// How many rows it has.
    pub(super) rows: u32,
    /// Where in it the row that was asked for is.
    pub(super) at: Option<u32>,
}

impl ListState {
    /// A list of so many rows, after so many changes, with the row that was asked for at that place.
    pub(crate) fn new(epoch: u32, rows: usize, at: Option<usize>) -> Self {
        Self { epoch, rows: rows as u32, at: at.map(|at| at as u32) }
    }
}

/// Some rows of the list.
#[derive(Debug, Serialize, TS)]
#[ts(export)]
pub(crate) struct Rows {
    /// Of which list they are.
    pub(super) epoch: u32,
    /// The rows.
    pub(super) rows: Vec<Row>,
}

/// A folder or document in the list.
#[derive(Debug, Serialize, TS)]
#[ts(export)]
pub(crate) struct Row {
    /// Its number, as long as the backup is open.
    pub(super) key: u32,
    /// What it is.
    pub(super) kind: RowKind,
    /// What it is called; empty for what lies in no folder.
    pub(super) title: String,
    /// Its floor, 0 for the top.
    pub(super) depth: u32,
    /// Whether it is open.
    pub(super) open: bool,
    /// Whether anything is below it.
    pub(super) has_below: bool,
    /// The row that it is below.
    pub(super) above: Option<u32>,
    /// Documents below it, or one.
    pub(super) documents: u32,
    /// Bytes of the content that the server shows, or of all below it.
    #[ts(type = "number")]
    pub(super) bytes: u64,
    /// Whether the backup holds that content.
    pub(super) held: Held,
    /// What the server thinks of it.
    pub(super) status: Status,
    /// The path of what it lies in; only where a search found it.
    pub(super) place: Option<String>,
}

/// What a row is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub(crate) enum RowKind {
    /// A folder.
    Folder,
    /// A document.
    Document,
    /// The place of what lies in no folder.
    WithoutFolder,
}

/// Whether the backup holds a content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub(crate) enum Held {
    /// It does.
    Yes,
    /// It never did.
    Never,
    /// It should, and does not.
    Lost,
    /// There is none: a folder, or a document without revisions.
    None,
}

/// What is to be known of one row.
#[derive(Debug, Serialize, TS)]
#[ts(export)]
pub(crate) struct Described {
    /// Its number.
    pub(super) key: u32,
    /// What it is.
    pub(super) kind: RowKind,
    /// What it is called.
    pub(super) title: String,
    /// Its id on the server; nothing for what is no row there.
    pub(super) id: Option<String>,
    /// Its path of titles.
    pub(super) path: String,
    /// When it was made, in Unix seconds.
    pub(super) created_time: Option<f64>,
    /// What the server thinks of it.
    pub(super) status: Status,
    /// Whom the server lets do what with it.
    pub(super) access: Vec<AccessTold>,
    /// Whether rules of the folders above are among those.
    pub(super) inherits: bool,
    /// Its revisions, the newest first; the first of them.
    pub(super) revisions: Vec<RevisionTold>,
    /// How many there are.
    pub(super) revisions_total: u32,
    /// Documents below it, or one.
    pub(super) documents: u32,
    /// Bytes of what is below it.
    #[ts(type = "number")]
    pub(super) bytes: u64,
    /// Documents below it whose content the backup does not hold.
    pub(super) missing: u32,
}

/// Whom something is open to.
#[derive(Debug, Serialize, TS)]
#[ts(export)]
pub(crate) struct AccessTold {
    /// What may be done.
    pub(super) access: Access,
    /// By whom.
    pub(super) condition: Condition,
}

/// A revision of a document.
#[derive(Debug, Serialize, TS)]
#[ts(export)]
pub(crate) struct RevisionTold {
    /// Its place among the document's revisions, 0 for the oldest.
    pub(super) number: u32,
    /// When it was made, in Unix seconds.
    pub(super) created_time: Option<f64>,
    /// Bytes of its content.
    #[ts(type = "number | null")]
    pub(super) size: Option<u64>,
    /// Whether the backup holds that.
    pub(super) held: Held,
    /// Why not, in English.
    pub(super) reason: Option<String>,
    /// Whether it is the one that the server shows.
    pub(super) is_latest: bool,
}

/// How much several rows are together.
#[derive(Debug, Default, Serialize, TS)]
#[ts(export)]
pub(crate) struct Together {
    /// Documents.
    pub(super) documents: u32,
    /// Bytes of their contents.
    #[ts(type = "number")]
    pub(super) bytes: u64,
    /// Documents whose content the backup does not hold.
    pub(super) missing: u32,
}
