//! Writing into the live database of a server, in one transaction: all of it or nothing.

use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};

use super::connection::{PATIENCE, open_connection, sqlite_error};
use super::copy::{is_busy, wait_for_turn};
use super::incoming::Incoming;
use super::merge::{Merge, MergeSettings};
use super::source::DatabaseFiles;
use crate::error::{Error, Result};
use crate::job::Job;

/// Between two tries to get the lock.
const PAUSE: Duration = Duration::from_millis(20);

/// Does `act` with `database` and the rows of `incoming`, in one transaction that nobody else can write in. What a crash
/// left of an earlier transaction is rolled back, or forward, by SQLite before.
///
/// # Errors
/// [`Error::DatabaseLocked`] where the server holds it too long; what `act` returns. Nothing is written then.
pub(super) fn write<T>(
    database: &Path,
    incoming: &Incoming,
    settings: &MergeSettings,
    job: &Job,
    act: impl FnOnce(&Merge<'_>) -> Result<T>,
) -> Result<T> {
    let files = DatabaseFiles::of(database)?;
    let _turn = wait_for_turn(&files, job)?;
    // What lies beside it and is none of SQLite's is refused before SQLite opens it.
    files.mode(&File::open(&files.main).map_err(|e| Error::io("read", &files.named, e))?)?;
    let failed = |e| sqlite_error(database, e);
    let connection = open_connection(&files.main, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(failed)?;
    patiently(&connection, "PRAGMA cache_size = -8192; SELECT count(*) FROM main.sqlite_schema", database, job)?;
    let merge = Merge::open(&connection, incoming, settings, database)?;
    patiently(&connection, "BEGIN IMMEDIATE", database, job)?;
    let done = act(&merge)?;
    // Who reads at this moment keeps it from being written.
    patiently(&connection, "COMMIT", database, job)?;
    merge.close()?;
    connection.close().map_err(|(_, error)| failed(error))?;
    Ok(done)
}

/// Runs `sql` as soon as nobody's lock is in the way.
fn patiently(connection: &Connection, sql: &str, database: &Path, job: &Job) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match connection.execute_batch(sql) {
            Err(error) if is_busy(&error) => {}
            ran => return ran.map_err(|error| sqlite_error(database, error)),
        }
        job.check()?;
        if Instant::now() >= deadline {
            return Err(Error::DatabaseLocked { path: database.to_path_buf(), seconds: PATIENCE.as_secs() });
        }
        job.aside("waiting for the server, which has its database locked");
        job.advance(0)?;
        std::thread::sleep(PAUSE);
    }
}
