//! One moment of a server's database, in a private copy.
//!
//! ```text
//! in order      one read transaction, SQLite's backup interface copies it, the transaction ends
//! after a crash copied with its journal or WAL under SQLite's shared lock, repaired in the copy
//! ```
//!
//! A server in rollback-journal mode cannot commit while it is read, and waits five seconds before it gives up. So nothing
//! else happens in the transaction than copying.

use std::fs::{self, File};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, TryLockError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rusqlite::backup::{Backup, StepResult};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension};
use sha2::{Digest, Sha256};

use super::columns::Tables;
use super::content_index::{ContentIndex, WhichContents};
use super::contents::OpenContent;
use super::private_folder::PrivateFolder;
use super::rows::Warnings;
use super::source::{COMPANIONS, DatabaseFiles, SharedLock};
use crate::error::{Error, Result};
use crate::hex;
use crate::job::Job;
use crate::volume;

/// How long a lock is waited for.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two tries. A server that commits ten times a second leaves gaps longer than this.
const PAUSE: Duration = Duration::from_millis(2);
/// Bytes that are copied between two looks at whether to stop.
const STEP: usize = 4 * 1024 * 1024;
/// Tries to copy a crashed database before somebody else has repaired it.
const ATTEMPTS: u32 = 3;
/// Bytes beside the database's own size that must be free for the copy.
const SPARE: u64 = 1024 * 1024;

/// One connection on a source at a time in this process, and none while plain handles of it are opened and closed: closing
/// one would drop the locks of the other (POSIX wants it so).
static TURN: Mutex<()> = Mutex::new(());

/// The copy, and what is known of it. Its file has no name any more and vanishes with this.
#[derive(Debug)]
pub(crate) struct Snapshot {
    /// The database that it was taken of, for messages.
    pub(super) source: PathBuf,
    pub(super) connection: Connection,
    pub(super) tables: Tables,
    pub(super) contents: ContentIndex,
    pub(super) warnings: Warnings,
    file: File,
    size: u64,
    taken_at: f64,
    counts: Counts,
    schema_sha256: String,
    alembic_version: Option<String>,
}

/// How many rows there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) documents: u64,
    pub(crate) folders: u64,
    /// Files that some revision points to.
    pub(crate) files: u64,
    /// Files that none does.
    pub(crate) other_files: u64,
    pub(crate) users: u64,
}

/// Copies the database file `database` of the server in `root`, reporting the copied bytes to `job`.
pub(super) fn take(root: &Path, database: &Path, server_stopped: bool, job: &Job) -> Result<Snapshot> {
    let files = DatabaseFiles::of(database)?;
    if !server_stopped
        && let Some(mount) = volume::mount_of(&files.main)
        && volume::is_network(&mount.filesystem)
    {
        return Err(Error::NetworkFilesystem { path: files.named, filesystem: mount.filesystem });
    }
    let size = files.size()?;
    if size == 0 {
        return Err(files.not_cfms("it is empty"));
    }
    let turn = wait_for_turn(&files, job)?;
    let root = root.canonicalize().map_err(|e| Error::io("read", root, e))?;
    let folder = PrivateFolder::create(size + size / 8 + SPARE, &root)?;
    let mut copy = Copy { files: &files, folder: &folder, meter: Meter { job, told: 0, of: size }, job };
    let taken_at = copy.make()?;
    drop(turn);
    Snapshot::open(files.named, folder, taken_at)
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
        Some(ErrorCode::DiskFull) => Error::NoSpace { path: std::env::temp_dir(), needed: 0, available: 0 },
        Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen | ErrorCode::ReadOnly) => {
            Error::Io { action: "read", path, source: io::Error::other(problem) }
        }
        _ => Error::DatabaseDamaged { path, problem },
    }
}

impl Snapshot {
    /// When the copy was taken, in Unix seconds.
    pub(crate) fn taken_at(&self) -> f64 {
        self.taken_at
    }

    pub(crate) fn counts(&self) -> Counts {
        self.counts
    }

    /// SHA-256 of the schema's texts, each followed by a line feed, in their order.
    pub(crate) fn schema_sha256(&self) -> String {
        self.schema_sha256.clone()
    }

    /// What the server's migrations call its schema, on servers that have them.
    pub(crate) fn alembic_version(&self) -> Option<String> {
        self.alembic_version.clone()
    }

    /// Bytes of the copy.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// The copy itself: a plain SQLite file that needs no other beside it.
    pub(crate) fn open_bytes(&self) -> Result<OpenContent> {
        let mut file = self.file.try_clone().map_err(|e| Error::io("read the snapshot of", &self.source, e))?;
        // SQLite reads at places of its own, so the handles do not disturb each other.
        file.rewind().map_err(|e| Error::io("read the snapshot of", &self.source, e))?;
        OpenContent::of_file(file).map_err(|refusal| Error::Io {
            action: "read the snapshot of",
            path: self.source.clone(),
            source: io::Error::other(refusal.reason),
        })
    }

    /// Opens the copy in `folder` and takes its name away.
    fn open(source: PathBuf, folder: PrivateFolder, taken_at: f64) -> Result<Self> {
        let path = folder.database();
        let failed = |e| sqlite_error(&source, e);
        let connection = open_connection(&path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(failed)?;
        let file = File::open(&path).map_err(|e| Error::io("read", &path, e))?;
        let size = file.metadata().map_err(|e| Error::io("read", &path, e))?.len();
        // One transaction for all that follows: SQLite need not look for changes before every query.
        connection.execute_batch("PRAGMA temp_store = FILE; PRAGMA cache_size = -10240; BEGIN").map_err(failed)?;
        let schema_sha256 = schema_sha256(&connection).map_err(failed)?;
        drop(folder);

        let tables = Tables::of(&connection, &source)?;
        let contents = ContentIndex::build(&connection, &tables).map_err(failed)?;
        let counts = Counts::of(&connection, &tables, &contents).map_err(failed)?;
        let alembic_version = alembic_version(&connection).map_err(failed)?;
        let warnings = Warnings::default();
        Ok(Self {
            source,
            connection,
            tables,
            contents,
            warnings,
            file,
            size,
            taken_at,
            counts,
            schema_sha256,
            alembic_version,
        })
    }
}

impl Counts {
    fn of(connection: &Connection, tables: &Tables, contents: &ContentIndex) -> rusqlite::Result<Self> {
        let count = |table: &str| -> rusqlite::Result<u64> {
            let rows: i64 = connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0))?;
            Ok(rows.unsigned_abs())
        };
        let has_users = connection.query_row(
            "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'users')",
            [],
            |row| row.get(0),
        )?;
        Ok(Self {
            documents: count(tables.documents.name)?,
            folders: count(tables.folders.name)?,
            files: contents.count(WhichContents::OfDocuments) as u64,
            other_files: contents.count(WhichContents::Others) as u64,
            users: if has_users { count("users")? } else { 0 },
        })
    }
}

/// The making of a copy.
struct Copy<'a> {
    files: &'a DatabaseFiles,
    folder: &'a PrivateFolder,
    meter: Meter<'a>,
    job: &'a Job,
}

impl Copy<'_> {
    /// Leaves a plain database in the folder and says of which moment, in Unix seconds, it is.
    fn make(&mut self) -> Result<f64> {
        let deadline = Instant::now() + PATIENCE;
        for _ in 0..ATTEMPTS {
            if !self.files.is_abandoned_wal()?
                && let Some(taken_at) = self.copy_living(deadline)?
            {
                self.make_plain()?;
                return Ok(taken_at);
            }
            self.folder.empty();
            if let Some(taken_at) = self.copy_crashed(deadline)? {
                self.make_plain()?;
                return Ok(taken_at);
            }
            // Somebody began to use it meanwhile, so it is most likely in order now.
            self.folder.empty();
            self.wait(deadline)?;
        }
        Err(self.locked())
    }

    /// Copies a database as its server sees it. `None` if SQLite would have to repair it first.
    fn copy_living(&mut self, deadline: Instant) -> Result<Option<f64>> {
        let path = self.folder.database();
        self.folder.create_file(&path).map_err(|e| Error::io("create", &path, e))?;
        let failed = |e| sqlite_error(&self.files.named, e);
        let source = match open_connection(&self.files.main, OpenFlags::SQLITE_OPEN_READ_ONLY) {
            Ok(source) => source,
            Err(error) if needs_repair(&error) => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        // The last connection to leave would merge the WAL into the database, and write it.
        source.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).map_err(failed)?;
        source.execute_batch("PRAGMA query_only = ON; BEGIN").map_err(failed)?;
        loop {
            match source.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(())) {
                Ok(()) => break,
                Err(error) if is_busy(&error) => self.wait(deadline)?,
                Err(error) if needs_repair(&error) => return Ok(None),
                Err(error) => return Err(failed(error)),
            }
        }
        let taken_at = now();
        // Before all of it is copied: any other program's database is refused at once.
        Tables::of(&source, &self.files.named)?;

        let mut target = open_connection(&path, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(failed)?;
        target
            .execute_batch(
                "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; \
                 PRAGMA cache_size = -4096",
            )
            .map_err(failed)?;
        let page: i64 = source.query_row("PRAGMA page_size", [], |row| row.get(0)).map_err(failed)?;
        let page = usize::try_from(page).unwrap_or(4096).max(512);
        let backup = Backup::new(&source, &mut target).map_err(failed)?;
        loop {
            // SQLite counts in int; a step has at most 8192 pages.
            let step = backup.step((STEP / page) as i32).map_err(failed)?;
            let done = backup.progress();
            self.meter.reach(u64::from((done.pagecount - done.remaining).unsigned_abs()) * page as u64)?;
            match step {
                StepResult::Done => break,
                StepResult::More => {}
                _ => self.wait(deadline)?,
            }
        }
        drop(backup);
        Ok(Some(taken_at))
    }

    /// Copies a database that no server has open, with what lies beside it. `None` if that changed meanwhile.
    fn copy_crashed(&mut self, deadline: Instant) -> Result<Option<f64>> {
        let unreadable = |e| Error::io("read", &self.files.named, e);
        let lock = loop {
            let main = File::open(&self.files.main).map_err(unreadable)?;
            match SharedLock::take(main).map_err(unreadable)? {
                Some(lock) => break lock,
                None => self.wait(deadline)?,
            }
        };
        let before = self.files.state().map_err(unreadable)?;
        if let Some(wait) = before.unsettled_for() {
            std::thread::sleep(wait);
        }
        let taken_at = now();
        self.copy_file(lock.file(), &self.folder.database())?;
        for suffix in COMPANIONS {
            let path = self.files.beside(suffix);
            match File::open(&path) {
                Ok(file) => self.copy_file(&file, &self.folder.beside_database(suffix))?,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(Error::io("read", path, error)),
            }
        }
        let is_same = self.files.state().map_err(unreadable)? == before;
        drop(lock);
        Ok(is_same.then_some(taken_at))
    }

    fn copy_file(&mut self, mut from: &File, to: &Path) -> Result<()> {
        let mut target = self.folder.create_file(to).map_err(|e| Error::io("create", to, e))?;
        let mut buffer = vec![0; 256 * 1024];
        loop {
            let read = match from.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(Error::io("read", &self.files.named, error)),
            };
            target.write_all(&buffer[..read]).map_err(|e| Error::io("write", to, e))?;
            self.meter.add(read as u64)?;
        }
    }

    /// Repairs the copy where it needs that, and makes it a database that is one file.
    fn make_plain(&self) -> Result<()> {
        let path = self.folder.database();
        let failed = |e| sqlite_error(&self.files.named, e);
        let connection = open_connection(&path, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(failed)?;
        // Exclusive: so a WAL is read without shared memory, which not every place for temporary files has.
        connection.execute_batch("PRAGMA locking_mode = EXCLUSIVE; PRAGMA synchronous = OFF").map_err(failed)?;
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(())).map_err(failed)?;
        let mode: String =
            connection.query_row("PRAGMA journal_mode = DELETE", [], |row| row.get(0)).map_err(failed)?;
        connection.close().map_err(|(_, e)| failed(e))?;
        let is_one_file = COMPANIONS.iter().all(|suffix| !self.folder.beside_database(suffix).exists());
        if mode != "delete" || !is_one_file {
            let problem = "its write-ahead log or journal could not be merged into the copy".to_owned();
            return Err(Error::DatabaseDamaged { path: self.files.named.clone(), problem });
        }
        match fs::metadata(&path) {
            Ok(found) if found.len() > 0 => Ok(()),
            _ => Err(self.files.not_cfms("it is empty")),
        }
    }

    fn wait(&self, deadline: Instant) -> Result<()> {
        wait(deadline, self.files, self.job)
    }

    fn locked(&self) -> Error {
        locked(self.files)
    }
}

/// Reports bytes that may be reported twice, when a copy is begun anew.
struct Meter<'a> {
    job: &'a Job,
    told: u64,
    of: u64,
}

impl Meter<'_> {
    /// So many bytes are done.
    fn reach(&mut self, bytes: u64) -> Result<()> {
        let done = bytes.min(self.of);
        let more = done.saturating_sub(self.told);
        self.told += more;
        self.job.advance(more)
    }

    fn add(&mut self, bytes: u64) -> Result<()> {
        self.reach(self.told.saturating_add(bytes))
    }
}

fn wait_for_turn(files: &DatabaseFiles, job: &Job) -> Result<MutexGuard<'static, ()>> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match TURN.try_lock() {
            Ok(turn) => return Ok(turn),
            // A run that panicked left nothing behind that matters here.
            Err(TryLockError::Poisoned(turn)) => return Ok(turn.into_inner()),
            Err(TryLockError::WouldBlock) => wait(deadline, files, job)?,
        }
    }
}

fn wait(deadline: Instant, files: &DatabaseFiles, job: &Job) -> Result<()> {
    job.check()?;
    if Instant::now() >= deadline {
        return Err(locked(files));
    }
    std::thread::sleep(PAUSE);
    Ok(())
}

fn locked(files: &DatabaseFiles) -> Error {
    Error::DatabaseLocked { path: files.named.clone(), seconds: PATIENCE.as_secs() }
}

fn open_connection(path: &Path, access: OpenFlags) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(Duration::ZERO)?;
    // A schema is data of others, too: its views and triggers must not do anything.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    Ok(connection)
}

fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed)
    )
}

/// Whether SQLite would have to write beside the database, or into it, before it could read.
fn needs_repair(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen))
}

fn schema_sha256(connection: &Connection) -> rusqlite::Result<String> {
    let mut statement = connection.prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid")?;
    let mut rows = statement.query([])?;
    let mut digest = Sha256::new();
    while let Some(row) = rows.next()? {
        digest.update(super::rows::text_of(row.get_ref(0)?));
        digest.update(b"\n");
    }
    Ok(hex::encode(&digest.finalize()))
}

fn alembic_version(connection: &Connection) -> rusqlite::Result<Option<String>> {
    let exists: bool = connection.query_row(
        "SELECT EXISTS (SELECT 1 FROM pragma_table_info('alembic_version') WHERE name = 'version_num')",
        [],
        |row| row.get(0),
    )?;
    if !exists {
        return Ok(None);
    }
    connection
        .query_row("SELECT version_num FROM alembic_version LIMIT 1", [], |row| {
            Ok(super::rows::text_of(row.get_ref(0)?))
        })
        .optional()
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}
