//! How many rows there are.
//!
//! SQLite would say it at once, from an index. But on damaged pages an index may know other rows than its table, so that a
//! backup that goes by it lacks rows and nobody notices; and pages that lead to each other have no end. So every table that
//! is exported is counted row by row, and so are its indexes.

use std::path::Path;

use rusqlite::{Connection, ErrorCode};

use super::columns::{Table, Tables};
use super::connection::sqlite_error;
use crate::error::{Error, Result};

/// Bytes that a row, or an entry of an index, takes up at least.
const SMALLEST: u64 = 4;

/// Counts the rows of `tables`, which are those of a database of `size` bytes that is called `path`.
///
/// # Errors
/// [`Error::DatabaseDamaged`]: an index does not fit its table, or there is no end.
pub(super) fn measure(connection: &Connection, tables: &mut Tables, size: u64, path: &Path) -> Result<()> {
    let Tables { documents, folders, files, revisions, document_rules, folder_rules } = tables;
    let rules = [document_rules.as_mut(), folder_rules.as_mut()].into_iter().flatten();
    for table in [documents, folders, files, revisions].into_iter().chain(rules) {
        table.rows = rows(connection, table, size / SMALLEST).map_err(|trouble| trouble.error(path))?;
    }
    Ok(())
}

/// The rows of another table; `None` where it has no end.
pub(super) fn rows_of(connection: &Connection, name: &str, size: u64) -> rusqlite::Result<Option<u64>> {
    count(connection, name, "NOT INDEXED", size / SMALLEST)
}

fn rows(connection: &Connection, table: &Table, most: u64) -> Result<u64, Trouble> {
    let name = table.name;
    let endless = || Trouble::Damage(format!("the table {name} has no end"));
    let rows = count(connection, name, "NOT INDEXED", most)?.ok_or_else(endless)?;
    // A partial index does not have them all.
    let mut indexes = connection.prepare("SELECT name FROM pragma_index_list(?1) WHERE NOT partial")?;
    for index in indexes.query_map([name], |row| row.get::<_, String>(0))? {
        let by = format!("INDEXED BY \"{}\"", index?.replace('"', "\"\""));
        let entries = match count(connection, name, &by, most) {
            // One that needs a function or a collation of its server's is not used here either.
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::Unknown) => continue,
            entries => entries?.ok_or_else(endless)?,
        };
        if entries != rows {
            let problem = format!("the table {name} has {rows} rows, and an index of it {entries}");
            return Err(Trouble::Damage(problem));
        }
    }
    Ok(rows)
}

fn count(connection: &Connection, name: &str, by: &str, most: u64) -> rusqlite::Result<Option<u64>> {
    // A plain count could not be interrupted.
    let query = format!("SELECT count(*) FROM (SELECT 1 FROM main.{name} {by} LIMIT {})", most.saturating_add(1));
    let rows: i64 = connection.query_row(&query, [], |row| row.get(0))?;
    let rows = rows.unsigned_abs();
    Ok((rows <= most).then_some(rows))
}

/// Why rows cannot be relied on.
enum Trouble {
    Sqlite(rusqlite::Error),
    Damage(String),
}

impl From<rusqlite::Error> for Trouble {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl Trouble {
    fn error(self, path: &Path) -> Error {
        match self {
            Self::Sqlite(error) => sqlite_error(path, error),
            Self::Damage(problem) => Error::DatabaseDamaged { path: path.to_path_buf(), problem },
        }
    }
}
