//! Putting back what a backup holds.
//!
//! ```text
//! the whole server    into a new data directory: database, contents, configuration, TLS pair, as they were
//! documents           into a new data directory, with a database of its own that has no users
//! documents           into the database of a server that is there, beside what it has
//! ```
//!
//! The archive is verified and a [plan](RestorePlan) made before anything is written. What is written goes into a private
//! folder in the data directory first, and gets its place only when all of it is whole and on the disk; the database's rows
//! come last.

use std::path::{Path, PathBuf};

use crate::error::{Error, RestoreError, Result};
use crate::job::Job;
use crate::server_data::{ServerData, has_server};
use crate::tree::{Archive, OnDamage};
use crate::verify::verify;

mod adding;
mod contents;
mod documents;
mod into_server;
mod new_directory;
mod plan;
mod staging;
mod whole;

pub use plan::{
    ContentTold, DroppedColumn, Mended, OnConflict, Relocated, RestoreConflict, RestoreCounts, RestorePlan, RestoreWay,
    Restored, RestoredKind, WiderAccess,
};

/// What is put back, and how.
#[derive(Debug, Clone, Default)]
pub struct RestoreOptions {
    /// Make the plan, and write nothing.
    pub dry_run: bool,
    /// Neither check the archive as a whole before, nor read back what was written.
    pub no_verify: bool,
    /// Take documents alone, also from a backup of the whole server.
    pub documents_only: bool,
    /// Folders and documents, by path or id; all where there are none.
    pub only: Vec<String>,
    /// The folder that everything goes into, by path or id.
    pub into: Option<String>,
    /// The database of an unused server whose like the new one is.
    pub like: Option<PathBuf>,
    /// What is done with what is there already and differs.
    pub on_conflict: OnConflict,
    /// Let more people in than the backup's server did.
    pub accept_wider_access: bool,
}

impl RestoreOptions {
    /// Whether they can only be meant of documents.
    fn are_of_documents(&self) -> bool {
        self.documents_only || !self.only.is_empty() || self.into.is_some() || self.like.is_some()
    }
}

/// Puts `archive` back into `data_dir`, which is made where it is missing.
///
/// To a server that is there the backup's documents are added, and nothing else of it is touched. A folder without a server gets one: the backup's own where the backup is of the whole server and nothing asks for less,
/// else one with the documents alone. With [`OnDamage::Keep`] a damaged archive is put back as far as it goes, and what is
/// damaged is told.
///
/// # Errors
/// [`RestoreError`] where something has to be decided about; [`Error::AlreadyExists`] where anything is in the way; damage of
/// the archive; [`Error::NoSpace`] and what else writing meets; [`Error::Cancelled`]. Nothing is left behind then.
pub fn restore(archive: &Archive, data_dir: &Path, options: &RestoreOptions, job: &Job) -> Result<Restored> {
    let data_dir = &std::path::absolute(data_dir).map_err(|e| Error::io("read", data_dir, e))?;
    let server = has_server(data_dir)?;
    if let Some(path) = server.as_ref().filter(|_| options.like.is_some()) {
        return Err(RestoreError::LikeNeedsNew { path: path.clone() }.into());
    }
    if !options.no_verify {
        let verification = verify(archive.path(), Some(archive.key_path()), job)?;
        verification.damage().filter(|_| archive.on_damage() == OnDamage::Refuse).map_or(Ok(()), Err)?;
    }
    if server.is_some() {
        return into_server::restore(archive, data_dir, options, job);
    }
    if options.are_of_documents() || !archive.holds_server() {
        return new_directory::restore(archive, data_dir, options, job);
    }
    whole::restore(archive, data_dir, options, job)
}

/// Removes what restores into the server in `data_dir` that died left there, and says how many contents of theirs were in
/// place already.
///
/// # Errors
/// Those of opening the server's data, and of reading its database.
pub fn clean(data_dir: &Path) -> Result<u64> {
    let data_dir = &std::path::absolute(data_dir).map_err(|e| Error::io("read", data_dir, e))?;
    match has_server(data_dir)? {
        Some(_) => {
            let data = ServerData::open(data_dir)?;
            let _lock = data.lock()?;
            adding::sweep(&data)
        }
        None => staging::Staging::sweep(data_dir, "app.db").map(|()| 0),
    }
}
