//! Connections to databases of others: what may go wrong with them, and what they may not do.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::private_folder::{self, PrivateFolder};
use crate::error::{Error, Result};
use crate::job::Job;

/// How long a lock is waited for.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
/// Bytes that one value may have. A server takes messages of 1 MiB, so its texts are shorter; a larger one would be in memory
/// several times over.
const MAX_VALUE: i32 = 16 * 1024 * 1024;
/// Operations of SQLite's machine between two looks at whether to stop: a few milliseconds.
const OPERATIONS: i32 = 100_000;

/// A database of one moment, in a private folder that vanishes with this.
#[derive(Debug)]
pub(crate) struct DatabaseCopy {
    /// The database that was copied, for messages.
    pub(super) source: PathBuf,
    pub(super) folder: PrivateFolder,
    /// In Unix seconds.
    pub(super) taken_at: f64,
}

impl DatabaseCopy {
    pub(super) fn path(&self) -> PathBuf {
        self.folder.database()
    }

    /// A connection that reads it, until `job` is cancelled: some queries take seconds on a large server.
    pub(super) fn connect(&self, job: &Job) -> Result<Connection> {
        let open = || {
            let mut connection = open_connection(&self.path(), OpenFlags::SQLITE_OPEN_READ_ONLY)?;
            let canceller = job.canceller();
            connection.progress_handler(OPERATIONS, Some(move || canceller.is_cancelled()))?;
            // One transaction for all that follows: SQLite need not look for changes before every query.
            connection.execute_batch("PRAGMA temp_store = FILE; PRAGMA cache_size = -10240; BEGIN")?;
            Ok(connection)
        };
        open().map_err(|error| sqlite_error(&self.source, error))
    }
}

/// The error that SQLite's refusal to do something with the database `path` is.
pub(super) fn sqlite_error(path: &Path, error: rusqlite::Error) -> Error {
    let path = path.to_path_buf();
    let problem = error.to_string();
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed) => {
            Error::DatabaseLocked { path, seconds: PATIENCE.as_secs() }
        }
        Some(ErrorCode::NotADatabase) => {
            Error::NotCfms { path, missing: "it is no SQLite database, or an encrypted one".to_owned() }
        }
        Some(ErrorCode::PermissionDenied | ErrorCode::AuthorizationForStatementDenied) => {
            Error::PermissionDenied { action: "read", path }
        }
        Some(ErrorCode::OperationInterrupted) => Error::Cancelled,
        Some(ErrorCode::TooBig) => Error::DatabaseDamaged {
            path,
            problem: "one of its texts is larger than 16 MiB, which no server writes".to_owned(),
        },
        Some(ErrorCode::DiskFull) => Error::NoSpace { path: private_folder::base(), needed: None, available: None },
        Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen | ErrorCode::ReadOnly) => {
            Error::Io { action: "read", path, source: io::Error::other(problem) }
        }
        _ => Error::DatabaseDamaged { path, problem },
    }
}

/// A connection on which the schema, which is data of others, cannot do anything, and which does not wait for locks.
pub(super) fn open_connection(path: &Path, access: OpenFlags) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(Duration::ZERO)?;
    connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, MAX_VALUE)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    Ok(connection)
}
