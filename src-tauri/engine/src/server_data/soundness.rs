//! Whether the copy of a database is sound as a whole.
//!
//! Tables that no JSON member shows, users and groups above all, are never read for a backup; damage to them would go
//! along unnoticed until somebody needs it. SQLite looks at every page in about a second and a half for a GiB.

use std::path::PathBuf;

use rusqlite::{Connection, ErrorCode};

use super::copy::sqlite_error;
use crate::error::Result;

/// How many problems are named.
const NAMED: usize = 3;
/// How SQLite begins to speak of values that break a rule of their table: odd data, on sound pages.
const ODD_VALUES: [&str; 4] = ["CHECK constraint failed", "NULL value in", "NUMERIC value in", "TEXT value in"];

/// A look at the copy's pages, on a connection of its own: it takes a while, and another thread can take it.
#[derive(Debug)]
pub(crate) struct SoundnessCheck {
    connection: Connection,
    /// The database that the copy was taken of, for messages.
    source: PathBuf,
}

impl SoundnessCheck {
    pub(super) fn new(connection: Connection, source: PathBuf) -> Self {
        Self { connection, source }
    }

    /// The first things that are wrong with the pages, in SQLite's words; `None` where nothing is.
    ///
    /// # Errors
    /// Cancellation.
    pub(crate) fn run(self) -> Result<Option<String>> {
        let problems = self.problems().map_err(|error| sqlite_error(&self.source, error))?;
        let mut named = problems.into_iter().filter(|problem| is_damage(problem)).collect::<Vec<_>>();
        named.truncate(NAMED);
        Ok((!named.is_empty()).then(|| named.join("; ")))
    }

    fn problems(&self) -> rusqlite::Result<Vec<String>> {
        let mut statement = self.connection.prepare("PRAGMA quick_check")?;
        let mut rows = statement.query([])?;
        let mut problems: Vec<String> = Vec::new();
        loop {
            match rows.next() {
                Ok(None) => break,
                Ok(Some(row)) => problems.extend(row.get::<_, String>(0)?.lines().map(str::to_owned)),
                Err(error) if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) => Err(error)?,
                // It could not even look on: because of the pages, or of what the schema has it compute.
                Err(error) => {
                    let is_of_pages = matches!(
                        error.sqlite_error_code(),
                        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::SystemIoFailure)
                    );
                    problems.extend(is_of_pages.then(|| error.to_string()));
                    break;
                }
            }
        }
        Ok(problems)
    }
}

/// Whether a line of SQLite's answer tells of damage: `*** in database main ***` is a heading.
pub(super) fn is_damage(line: &str) -> bool {
    line != "ok" && !line.starts_with("***") && !ODD_VALUES.iter().any(|odd| line.starts_with(odd))
}
