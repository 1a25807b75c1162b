//! Rows on their way from a backup into a server's database: in a private database of their own, with the columns of the
//! one that they go into.
//!
//! The target's columns are asked first. So a row is kept as that database will have it, and what it carries beside that
//! is counted. All that follows (what is there already, what differs, what is written) is asked of SQLite, which has both
//! databases open, and nothing of it is in memory.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags, params_from_iter};

use super::connection::{open_connection, sqlite_error};
use super::private_folder::{PrivateFolder, Room};
use crate::error::{Error, Result};

mod columns;
mod puts;

pub(crate) use columns::Kind;
pub(super) use columns::{TargetColumn, TargetTable, TargetTables};
pub(crate) use puts::{Placed, Put};

/// Bytes that must be free beside twice the members' own.
const SPARE: u64 = 16 * 1024 * 1024;
/// Columns that the target lacks and that are named.
const MAX_DROPPED: usize = 1000;

/// A row: its columns and their values.
pub(crate) type IncomingRow = Vec<(String, Value)>;

/// The rows.
pub(crate) struct Incoming {
    connection: Connection,
    folder: PrivateFolder,
    tables: TargetTables,
    dropped: BTreeMap<(&'static str, String), Dropped>,
    /// How many rows there are of each kind.
    next: [i64; Kind::ALL.len()],
}

/// A column that rows carry and the target lacks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Dropped {
    /// Rows that have a value in it.
    pub(crate) rows: u64,
    /// Rows that would be open to more people, or deleted no more, without it.
    pub(crate) revealing: u64,
}

impl Incoming {
    /// Makes the private database for rows of `size` bytes of JSON, which go into a database with `tables`.
    pub(super) fn create(size: u64, tables: TargetTables) -> Result<Self> {
        let needed = size.saturating_mul(2) + SPARE;
        let folder = PrivateFolder::create(Room { needed, largest: needed }, &[])?;
        let path = folder.database();
        folder.create_file(&path).map_err(|e| Error::io("write", &path, e))?;
        let made = || -> rusqlite::Result<Connection> {
            let connection = open_connection(&path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
            // Nobody else has it, and after a crash nobody wants it.
            connection
                .execute_batch("PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF; PRAGMA cache_size = -4096")?;
            for table in tables.present() {
                connection.execute_batch(&table.create())?;
            }
            connection.execute_batch("BEGIN")?;
            Ok(connection)
        };
        let connection = made().map_err(|e| sqlite_error(&path, e))?;
        connection.set_prepared_statement_cache_capacity(2 * Kind::ALL.len());
        Ok(Self { connection, folder, tables, dropped: BTreeMap::new(), next: [1; Kind::ALL.len()] })
    }

    /// The number that the next row of that kind gets.
    pub(crate) fn next(&self, kind: Kind) -> i64 {
        self.next[kind as usize]
    }

    /// Adds a row. `owner` is the number of the object that it belongs to; `rank` is 1 of what is at the top of what is
    /// restored, and 2 of what is restored only where the server does not have it.
    pub(crate) fn add(&mut self, kind: Kind, owner: Option<i64>, rank: u8, row: IncomingRow) -> Result<()> {
        let seq = self.next[kind as usize];
        self.next[kind as usize] += 1;
        let Some(table) = self.tables.of_mut(kind) else { return Ok(()) };
        let mut values = vec![Value::Null; table.columns.len() + 3];
        values[0] = Value::Integer(seq);
        values[1] = owner.map_or(Value::Null, Value::Integer);
        values[2] = Value::Integer(rank.into());
        for (key, value) in row {
            match table.columns.iter_mut().position(|column| column.is_called(&key)) {
                Some(index) => {
                    table.columns[index].is_carried = true;
                    values[index + 3] = value;
                }
                None => note_dropped(&mut self.dropped, kind, key, &value),
            }
        }
        let mut statement = self.connection.prepare_cached(&table.insert()).map_err(|e| self.failed(e))?;
        statement.execute(params_from_iter(values)).map(drop).map_err(|e| self.failed(e))
    }

    /// Takes rows of that kind away again, from the number `seq` on.
    pub(crate) fn forget_from(&mut self, kind: Kind, seq: i64) -> Result<()> {
        self.next[kind as usize] = seq;
        if self.tables.of(kind).is_none() {
            return Ok(());
        }
        let sql = format!("DELETE FROM {} WHERE incoming_seq >= ?1", kind.table());
        self.connection.execute(&sql, [seq]).map(drop).map_err(|e| self.failed(e))
    }

    /// All rows are there. `with_lone_files` keeps files that no revision among them names.
    pub(crate) fn finish(&mut self, with_lone_files: bool) -> Result<()> {
        let mut sql = String::new();
        for (kind, table) in Kind::ALL.iter().filter_map(|&kind| Some((kind, self.tables.of(kind)?))) {
            let by = if kind.is_object() { "id" } else { "incoming_owner" };
            sql += &format!("CREATE INDEX incoming_{name}_by ON {name} ({by});", name = table.name);
            if !kind.is_object() {
                sql += &format!("CREATE INDEX incoming_{name}_id ON {name} (id);", name = table.name);
            }
        }
        sql += "CREATE INDEX incoming_file ON document_revisions (file_id);";
        if !with_lone_files {
            sql +=
                "DELETE FROM files WHERE id NOT IN (SELECT file_id FROM document_revisions WHERE file_id IS NOT NULL);";
        }
        sql += "COMMIT";
        self.connection.execute_batch(&sql).map_err(|e| self.failed(e))
    }

    /// Gives back the memory that SQLite keeps for what it may need again.
    pub(crate) fn release_memory(&self) -> Result<()> {
        self.asking(|connection| connection.execute_batch("PRAGMA shrink_memory"))
    }

    /// The columns that rows carry and the target lacks, by table and name; the first of them.
    pub(crate) fn dropped(&self) -> impl Iterator<Item = (&'static str, &str, Dropped)> {
        self.dropped.iter().map(|((table, name), dropped)| (*table, name.as_str(), *dropped))
    }

    /// The columns of the target, and which of them are carried.
    pub(super) fn tables(&self) -> &TargetTables {
        &self.tables
    }

    /// Where the private database is.
    pub(super) fn path(&self) -> PathBuf {
        self.folder.database()
    }

    fn asking<T>(&self, ask: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        ask(&self.connection).map_err(|e| self.failed(e))
    }

    fn execute(&self, sql: &str, values: impl rusqlite::Params) -> Result<()> {
        self.asking(|connection| connection.prepare_cached(sql)?.execute(values).map(drop))
    }

    fn failed(&self, error: rusqlite::Error) -> Error {
        sqlite_error(&self.folder.database(), error)
    }
}

impl TargetTables {
    /// The tables of the database that is open in `connection` and called `path`.
    pub(super) fn read(connection: &Connection, path: &Path) -> Result<Self> {
        Self::of_connection(connection).map_err(|e| sqlite_error(path, e))
    }
}

fn note_dropped(dropped: &mut BTreeMap<(&'static str, String), Dropped>, kind: Kind, key: String, value: &Value) {
    if *value == Value::Null {
        return;
    }
    let is_set = |value: &Value| !matches!(value, Value::Integer(0)) && *value != Value::Real(0.0);
    let reveals = match &*key.to_ascii_lowercase() {
        "inherit" => !is_set(value),
        "status" => is_set(value),
        _ => false,
    };
    let has_room = dropped.len() < MAX_DROPPED;
    let key = (kind.table(), key);
    if has_room || dropped.contains_key(&key) || reveals {
        let noted = dropped.entry(key).or_default();
        noted.rows += 1;
        noted.revealing += u64::from(reveals);
    }
}
