//! Whether the copy of a database is sound as a whole.
//!
//! Tables that no JSON member shows, users and groups above all, are never read for a backup; damage to them would go
//! along unnoticed until somebody needs it. SQLite looks at every page in about a second and a half for a GiB. Indexes that
//! do not fit their tables would be worse than damage: what is made with them is wrong.

use std::panic::resume_unwind;
use std::path::Path;
use std::thread::{self, JoinHandle};

use rusqlite::{Connection, ErrorCode, InterruptHandle};

use super::agreement;
use super::columns::Tables;
use super::connection::{DatabaseCopy, sqlite_error};
use crate::error::{Error, Result};
use crate::job::Job;

/// How many problems are named.
const NAMED: usize = 3;
/// How SQLite begins to speak of values that break a rule of their table: odd data, on sound pages.
const ODD_VALUES: [&str; 4] = ["CHECK constraint failed", "NULL value in", "NUMERIC value in", "TEXT value in"];

/// A look at the copy: it takes a while, so a thread of its own takes it, from the first moment on.
pub(crate) struct SoundnessCheck {
    /// `None` once somebody waits for it.
    looking: Option<JoinHandle<Result<Vec<String>>>>,
    stop: InterruptHandle,
}

impl SoundnessCheck {
    /// Begins to look at the indexes of `copy`, which may lose its name meanwhile, and at all its `pages` if they go along.
    pub(crate) fn begin(copy: &DatabaseCopy, pages: bool, job: &Job) -> Result<Self> {
        let connection = copy.connect(job)?;
        let stop = connection.get_interrupt_handle();
        let source = copy.source.clone();
        let looking = thread::Builder::new()
            .name("soundness".to_owned())
            .spawn(move || look(&connection, pages, &source))
            .map_err(|error| Error::io("start looking at the copy of", &copy.source, error))?;
        Ok(Self { looking: Some(looking), stop })
    }

    /// The first things that are wrong with the pages, in SQLite's words; `None` where nothing is.
    ///
    /// # Errors
    /// [`Error::DatabaseDamaged`]: an index does not fit its table; [`Error::NotCfms`]; cancellation.
    pub(crate) fn finish(mut self) -> Result<Option<String>> {
        let Some(looking) = self.looking.take() else { return Ok(None) };
        let problems = looking.join().unwrap_or_else(|panic| resume_unwind(panic))?;
        let mut named = problems.into_iter().filter(|problem| is_damage(problem)).collect::<Vec<_>>();
        named.truncate(NAMED);
        Ok((!named.is_empty()).then(|| named.join("; ")))
    }
}

impl Drop for SoundnessCheck {
    /// Nobody wants to know any more: the copy, of which it may be the last reader, goes at once.
    fn drop(&mut self) {
        if let Some(looking) = self.looking.take() {
            self.stop.interrupt();
            // Whatever it found, there is another error that ended the backup.
            let _ = looking.join();
        }
    }
}

fn look(connection: &Connection, pages: bool, source: &Path) -> Result<Vec<String>> {
    let tables = Tables::of(connection, source)?;
    if let Some(problem) = agreement::disagreement(connection, &tables).map_err(|error| sqlite_error(source, error))? {
        return Err(Error::DatabaseDamaged { path: source.to_path_buf(), problem });
    }
    match pages {
        true => problems(connection).map_err(|error| sqlite_error(source, error)),
        false => Ok(Vec::new()),
    }
}

fn problems(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare("PRAGMA quick_check")?;
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

/// Whether a line of SQLite's answer tells of damage: `*** in database main ***` is a heading.
pub(super) fn is_damage(line: &str) -> bool {
    line != "ok" && !line.starts_with("***") && !ODD_VALUES.iter().any(|odd| line.starts_with(odd))
}
