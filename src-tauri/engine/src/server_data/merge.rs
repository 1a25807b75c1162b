//! Rows of a backup and a server's database brought together: what is there already, what differs, and what is written.
//!
//! Everything is decided and done by SQLite, on a connection that has both databases open: the server's as `main`, the
//! rows as `incoming`. It is rehearsed on a private copy of the server's database first; what was decided there is kept
//! beside the rows, and holds for the server's own only while the same would be decided on it.
//!
//! ```text
//! decided_folders, decided_documents   each object: what is found (verdict), what is done (act), where it goes
//! file_states                          each content: whether its row, and its content, are there
//! puts                                 the contents that are written: under which id and at which path
//! ```

use std::path::Path;

use rusqlite::Connection;
use rusqlite::functions::FunctionFlags;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use ts_rs::TS;

use super::connection::sqlite_error;
use super::incoming::{Incoming, Kind, TargetColumn, TargetTable};
use super::rows::text_of;
use crate::error::{Error, Result};

mod apply;
mod compare;
mod decide;
mod found;

pub(crate) use decide::FileState;
pub(crate) use found::UnitCounts;

/// What is done with documents and folders that are there already and differ.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum OnConflict {
    /// Nothing at all is written.
    #[default]
    Stop,
    /// What is there stays.
    Keep,
    /// What is there becomes as it was in the backup.
    Replace,
    /// The old document is put beside the present one.
    Copy,
}

/// How the two are brought together.
#[derive(Debug, Clone)]
pub(crate) struct MergeSettings {
    pub(crate) on_conflict: OnConflict,
    /// The folder that what is at the top goes to, by its id.
    pub(crate) into: Option<String>,
    /// Whether the backup has a row for the root, as later servers do.
    pub(crate) backup_has_root: bool,
    /// Whether nobody has used the database yet: all comes as it was, what belongs to nothing too.
    pub(crate) is_new: bool,
    /// What is added to the title of a copy.
    pub(crate) copy_suffix: String,
}

/// A server's database, the rows, and how they are brought together.
pub(crate) struct Merge<'m> {
    connection: &'m Connection,
    incoming: &'m Incoming,
    settings: &'m MergeSettings,
    /// The server's database, for messages.
    named: &'m Path,
    /// Whether the server keeps a row for the root, as later ones do.
    target_has_root: bool,
    rowids: [&'static str; 2],
}

impl<'m> Merge<'m> {
    /// Opens the rows beside the database of `connection`.
    pub(super) fn open(
        connection: &'m Connection,
        incoming: &'m Incoming,
        settings: &'m MergeSettings,
        named: &'m Path,
    ) -> Result<Self> {
        let opened = || -> rusqlite::Result<()> {
            let path = incoming.path();
            connection.execute("ATTACH ?1 AS incoming", [path.as_os_str().to_string_lossy()])?;
            // Servers do not enforce what their rows point at, and their rows do not always hold it. Temporary tables are on
            // the disk: there may be millions of rows.
            connection.execute_batch(
                "PRAGMA foreign_keys = OFF; PRAGMA temp_store = FILE; PRAGMA incoming.cache_size = -4096;
                 PRAGMA incoming.synchronous = OFF; PRAGMA incoming.journal_mode = MEMORY",
            )?;
            add_functions(connection)
        };
        opened().map_err(|e| sqlite_error(named, e))?;
        let target_has_root =
            incoming.tables().of(Kind::Folders).is_some_and(|table| table.column("inherit").is_some());
        let rowid = |kind| incoming.tables().of(kind).map_or("rowid", rowid_of);
        let rowids = [rowid(Kind::Folders), rowid(Kind::Documents)];
        Ok(Self { connection, incoming, settings, named, target_has_root, rowids })
    }

    /// Closes the rows again, so that nothing of them is left open on the connection.
    pub(super) fn close(self) -> Result<()> {
        self.run("DETACH incoming")
    }

    /// The column of the folder or document that says where it lies.
    fn parent_column(kind: Kind) -> &'static str {
        if kind == Kind::Folders { "parent_id" } else { "folder_id" }
    }

    fn rowid(&self, kind: Kind) -> &'static str {
        self.rowids[usize::from(kind == Kind::Documents)]
    }

    fn table(&self, kind: Kind) -> Option<&TargetTable> {
        self.incoming.tables().of(kind)
    }

    fn has(&self, kind: Kind) -> bool {
        self.table(kind).is_some()
    }

    fn columns(&self, kind: Kind) -> &[TargetColumn] {
        self.table(kind).map(|table| table.columns.as_slice()).unwrap_or_default()
    }

    fn run(&self, sql: &str) -> Result<()> {
        self.connection.execute_batch(sql).map_err(|e| self.failed(e))
    }

    fn asking<T>(&self, ask: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        ask(self.connection).map_err(|e| self.failed(e))
    }

    fn failed(&self, error: rusqlite::Error) -> Error {
        sqlite_error(self.named, error)
    }
}

/// The name under which rows' numbers are to be had.
fn rowid_of(table: &TargetTable) -> &'static str {
    ["rowid", "_rowid_", "oid"].into_iter().find(|name| table.column(name).is_none()).unwrap_or("rowid")
}

fn add_functions(connection: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_DIRECTONLY;
    connection.create_scalar_function("cfms_rule", 1, flags, |context| {
        Ok(crate::rule_text::meaning(&text_of(context.get_raw(0))))
    })?;
    connection.create_scalar_function("cfms_text", 1, flags, |context| Ok(text_of(context.get_raw(0))))?;
    connection.create_scalar_function("cfms_digest", 1, flags, |context| {
        Ok(Sha256::digest(text_of(context.get_raw(0)).as_bytes()).to_vec())
    })
}
