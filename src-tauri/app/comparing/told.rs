//! What the page is told of a comparison.

use std::path::PathBuf;

use cfms_backup::diff::{ChangeTotals, ChangedKind, ComparedBy, NotCompared, Rank, Side};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::browsing::ListState;

/// Two sides, and how much differs.
#[derive(Debug, Serialize, TS)]
#[ts(export)]
pub(crate) struct Comparison {
    /// The older one.
    pub(super) old: ComparedSide,
    /// The newer one.
    pub(super) new: ComparedSide,
    /// How many there are of each kind.
    pub(super) totals: ChangeTotals,
    /// How many changes matter most for what.
    pub(super) ranks: Vec<RankCount>,
    /// How contents were compared.
    pub(super) compared_by: ComparedBy,
    /// What could not be compared; the first of it.
    pub(super) not_compared: Vec<NotCompared>,
    /// How much could not be compared.
    #[ts(type = "number")]
    pub(super) not_compared_total: u64,
    /// The list of what differs.
    pub(super) list: ListState,
}

/// One of the two.
#[derive(Debug, Serialize, TS)]
#[ts(export)]
pub(crate) struct ComparedSide {
    /// Its archive, or the server's folder.
    path: PathBuf,
    /// Whether it is a server.
    is_server: bool,
    /// Whether it is the backup that is open.
    is_opened: bool,
    /// When the server was in that state, in Unix seconds.
    state_of: f64,
}

/// How many changes of a rank there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[ts(export)]
pub(crate) struct RankCount {
    /// The rank.
    pub(super) rank: ChangeRank,
    /// How many.
    pub(super) count: u32,
}

/// What matters most of a change, first what matters most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub(crate) enum ChangeRank {
    /// Anyone is let in who was not let in before.
    WiderRights,
    /// Its rights differ otherwise.
    Rights,
    /// It is not there any more.
    Removed,
    /// It has another content, or other revisions.
    Content,
    /// It lies elsewhere.
    Moved,
    /// It is called otherwise.
    Renamed,
    /// The server thinks otherwise of it.
    Status,
    /// It was not there.
    Added,
}

/// Some rows of the list of changes.
#[derive(Debug, Serialize, TS)]
#[ts(export)]
pub(crate) struct ChangeRows {
    /// Of which list they are.
    pub(super) epoch: u32,
    /// The rows.
    pub(super) rows: Vec<ChangeRow>,
}

/// Something that differs, or in the tree a folder that it lies in.
#[derive(Debug, Serialize, TS)]
#[ts(export)]
pub(crate) struct ChangeRow {
    /// Its number, as long as the list has its shape.
    pub(super) key: u32,
    /// Its floor, 0 for the top.
    pub(super) depth: u32,
    /// Whether it is open.
    pub(super) open: bool,
    /// Whether anything is below it.
    pub(super) has_below: bool,
    /// The row that it is below.
    pub(super) above: Option<u32>,
    /// What it is called.
    pub(super) title: String,
    /// The path of what it lies in; in the flat list only.
    pub(super) place: Option<String>,
    /// The change; nothing where it only leads to changes.
    pub(super) change: Option<u32>,
    /// What matters most of it.
    pub(super) rank: Option<ChangeRank>,
    /// What it is.
    pub(super) kind: ChangedKind,
    /// Whether its rights differ only by what lies above.
    pub(super) rights_from_above: bool,
}

impl ComparedSide {
    pub(super) fn of(side: Side<'_>, is_opened: bool) -> Self {
        let (path, is_server) = match side {
            Side::Archive(archive) => (archive.path(), false),
            Side::Server(server) => (server.root(), true),
        };
        Self { path: path.to_path_buf(), is_server, is_opened, state_of: side.state_of() }
    }
}

impl From<Rank> for ChangeRank {
    fn from(rank: Rank) -> Self {
        match rank {
            Rank::WiderRights => Self::WiderRights,
            Rank::Rights => Self::Rights,
            Rank::Removed => Self::Removed,
            Rank::Content => Self::Content,
            Rank::Moved => Self::Moved,
            Rank::Renamed => Self::Renamed,
            Rank::Status => Self::Status,
            Rank::Added => Self::Added,
        }
    }
}
