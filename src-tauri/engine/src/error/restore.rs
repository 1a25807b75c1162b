//! What stops a restore: something of the server's, or of the backup's, that a person has to decide about.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::Code;

/// Why a restore wrote nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// Documents, folders or files are there already and differ.
    #[error("{count} of them are there already and differ, {first} first: nothing was written to {}", .path.display())]
    Conflicts {
        /// The server's folder.
        path: PathBuf,
        /// How many.
        count: u64,
        /// What the first is called.
        first: String,
    },
    /// Somebody would be let in whom the backup's server kept out.
    #[error("{count} folders or documents would be open to more people than in the backup: {first}")]
    WiderAccess {
        /// How many.
        count: u64,
        /// The first, and to whom, in words.
        first: String,
    },
    /// The database has no place for what keeps documents closed or deleted.
    #[error("the database {} has no {columns}, without which something would be open or deleted no more", .path.display())]
    ColumnsLacking {
        /// The database.
        path: PathBuf,
        /// The columns, with their tables.
        columns: String,
    },
    /// A running server has the database open.
    #[error("a running server has the database {} open (process {processes})", .path.display())]
    ServerRunning {
        /// The database.
        path: PathBuf,
        /// Numbers of its processes.
        processes: String,
    },
    /// The server wrote to the database after the plan was made.
    #[error("the database {} was changed after the plan was made", .path.display())]
    TargetChanged {
        /// The database.
        path: PathBuf,
    },
    /// The folder that everything should go into is not there.
    #[error("the server has no folder {wanted:?}")]
    NoSuchFolder {
        /// What was asked for.
        wanted: String,
    },
    /// The server that is there has its own database.
    #[error("there is a server with the database {} already", .path.display())]
    LikeNeedsNew {
        /// The database.
        path: PathBuf,
    },
    /// What was written is not what is there.
    #[error("the proof of {} failed: {problem}", .path.display())]
    NotProved {
        /// The server's folder.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
}

impl RestoreError {
    /// The machine's name.
    pub(super) fn code(&self) -> Code {
        match self {
            Self::Conflicts { .. } => Code::Conflicts,
            Self::WiderAccess { .. } => Code::WiderAccess,
            Self::ColumnsLacking { .. } => Code::ColumnsLacking,
            Self::ServerRunning { .. } => Code::ServerRunning,
            Self::TargetChanged { .. } => Code::TargetChanged,
            Self::NoSuchFolder { .. } => Code::NoSuchFolder,
            Self::LikeNeedsNew { .. } => Code::LikeNeedsNew,
            Self::NotProved { .. } => Code::NotProved,
        }
    }

    /// What the person can do now.
    pub(super) fn advice(&self) -> &'static str {
        match self {
            Self::Conflicts { .. } => {
                "See what differs with --dry-run, then say what is done with it: --on-conflict keep, replace or copy."
            }
            Self::WiderAccess { .. } => {
                "See who with --dry-run. Restore into a server of the backup's own version (--like), or accept it \
                 (--accept-wider-access)."
            }
            Self::ColumnsLacking { .. } => {
                "Start a server of the backup's version once in an empty folder and give its database: --like EMPTY.db."
            }
            Self::ServerRunning { .. } => "Stop the server first: in a running one documents are only added.",
            Self::TargetChanged { .. } => "Nothing was written. Try again, or stop the server first.",
            Self::NoSuchFolder { .. } => "Make the folder on the server first, or name another, by its id or its path.",
            Self::LikeNeedsNew { .. } => "Leave --like out, or choose a folder without a server.",
            Self::NotProved { .. } => {
                "Do not rely on this server's disk. The database as it was before lies beside it (app.db.before-restore-…)."
            }
        }
    }

    /// The parts of the message, for translations.
    pub(super) fn params(&self) -> BTreeMap<&'static str, String> {
        let path = |path: &PathBuf| ("path", path.display().to_string());
        match self {
            Self::Conflicts { path: at, count, first } => {
                BTreeMap::from([path(at), ("count", count.to_string()), ("first", first.clone())])
            }
            Self::WiderAccess { count, first } => {
                BTreeMap::from([("count", count.to_string()), ("first", first.clone())])
            }
            Self::ColumnsLacking { path: at, columns } => BTreeMap::from([path(at), ("columns", columns.clone())]),
            Self::ServerRunning { path: at, processes } => BTreeMap::from([path(at), ("processes", processes.clone())]),
            Self::TargetChanged { path: at } | Self::LikeNeedsNew { path: at } => BTreeMap::from([path(at)]),
            Self::NoSuchFolder { wanted } => BTreeMap::from([("wanted", wanted.clone())]),
            Self::NotProved { path: at, problem } => BTreeMap::from([path(at), ("problem", problem.clone())]),
        }
    }
}
