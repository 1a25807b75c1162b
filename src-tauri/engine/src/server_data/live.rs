//! Reading a few rows of the live database, in a transaction so short that its server notices nothing.

use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::connection::{open_connection, sqlite_error};
use super::copy::{self, is_busy, needs_repair, wait, wait_for_turn};
use super::snapshot::Snapshot;
use super::source::{DatabaseFiles, Mode, SharedLock};
use crate::error::{Error, Result};
use crate::job::Job;

/// How long a lock is waited for: as long as servers wait.
const PATIENCE: Duration = Duration::from_secs(5);

/// What `read` reads of `database`. One that a crash left behind is recovered in a private copy, as for a backup, which is
/// never in one of `forbidden`.
///
/// # Errors
/// [`Error::DatabaseLocked`] where the server holds it too long, and the others of a snapshot.
pub(super) fn read<T>(
    database: &Path,
    forbidden: &[&Path],
    read: impl Fn(&Connection) -> rusqlite::Result<T>,
) -> Result<T> {
    let files = DatabaseFiles::of(database)?;
    let job = Job::silent();
    let deadline = Instant::now() + PATIENCE;
    loop {
        let turn = wait_for_turn(&files, &job)?;
        match attempt(&files, &read)? {
            Attempt::Read(found) => return Ok(found),
            Attempt::Busy => {}
            Attempt::NeedsRepair => {
                drop(turn);
                let snapshot = Snapshot::of(copy::take(database, false, forbidden, &job)?, &job)?;
                return read(&snapshot.connection).map_err(|e| sqlite_error(database, e));
            }
        }
        drop(turn);
        wait(deadline, &files, &job).map_err(|error| match error {
            Error::DatabaseLocked { path, .. } => Error::DatabaseLocked { path, seconds: PATIENCE.as_secs() },
            error => error,
        })?;
    }
}

enum Attempt<T> {
    Read(T),
    /// Somebody writes.
    Busy,
    /// SQLite would have to write before it could read.
    NeedsRepair,
}

fn attempt<T>(files: &DatabaseFiles, read: impl Fn(&Connection) -> rusqlite::Result<T>) -> Result<Attempt<T>> {
    let unreadable = |e| Error::io("read", &files.named, e);
    let file = File::open(&files.main).map_err(unreadable)?;
    let Some(lock) = SharedLock::take(file).map_err(unreadable)? else { return Ok(Attempt::Busy) };
    let mode = files.mode(lock.file())?;
    drop(lock);
    if mode == Mode::AbandonedWal {
        return Ok(Attempt::NeedsRepair);
    }
    let outcome = (|| {
        let connection = open_connection(&files.main, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        // The last connection to leave would merge a WAL into the database, and write it.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        connection.execute_batch("PRAGMA query_only = ON; BEGIN")?;
        read(&connection)
    })();
    match outcome {
        Ok(found) => Ok(Attempt::Read(found)),
        Err(error) if is_busy(&error) => Ok(Attempt::Busy),
        Err(error) if needs_repair(&error) => Ok(Attempt::NeedsRepair),
        Err(error) => Err(sqlite_error(&files.named, error)),
    }
}
