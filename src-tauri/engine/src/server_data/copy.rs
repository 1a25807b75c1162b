//! Copying a server's database while the server may be at work on it, or after it died.
//!
//! ```text
//! rollback journal   the file is copied under SQLite's shared lock; a journal left by a crash too, and rolled back in
//!                    the copy
//! WAL, in use        one read transaction, SQLite's backup interface copies it
//! WAL, abandoned     the file and its WAL are copied under the shared lock, and merged in the copy
//! ```
//!
//! A server in rollback-journal mode cannot commit while its database is read, and waits five seconds before it gives up.
//! So nothing but copying happens under the lock, and as fast as the system can; of a large database only what changed since
//! a [draft](super::draft) that was made without it.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, TryLockError};
use std::time::{Duration, Instant};

use rusqlite::backup::{Backup, StepResult};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::columns::Tables;
use super::connection::{DatabaseCopy, PATIENCE, open_connection, sqlite_error};
use super::draft;
use super::open_unlinked;
use super::private_folder::{PrivateFolder, Room};
use super::source::{COMPANIONS, DatabaseFiles, JOURNAL, Mode, SharedLock, WAL};
use crate::clock::unix_now;
use crate::error::{Error, Result};
use crate::job::Job;
use crate::volume;

/// Between two tries. A server that commits ten times a second leaves gaps longer than this.
const PAUSE: Duration = Duration::from_millis(2);
/// Bytes that are copied between two looks at whether to stop.
const STEP: u64 = 16 * 1024 * 1024;
/// Tries to copy a database whose server starts or stops meanwhile.
const ATTEMPTS: u32 = 5;
/// Bytes from which on a draft is made: what is smaller is copied in a moment.
const DRAFTED_FROM: u64 = 64 * 1024 * 1024;
/// Bytes beside the database's own size that must be free for the copy.
const SPARE: u64 = 4 * 1024 * 1024;

/// One connection on a source at a time in this process, and none while plain handles of it are opened and closed: closing
/// one would drop the locks of the other (POSIX wants it so).
static TURN: Mutex<()> = Mutex::new(());

/// Copies the database file `database`, reporting the copied bytes to `job`. The copy is never in one of `forbidden`: the
/// server's folder, or those that the backup is written to.
pub(super) fn take(database: &Path, server_stopped: bool, forbidden: &[&Path], job: &Job) -> Result<DatabaseCopy> {
    let files = DatabaseFiles::of(database)?;
    if !server_stopped
        && let Some(mount) = volume::mount_of(&files.main)
        && volume::is_network(&mount.filesystem)
    {
        return Err(Error::NetworkFilesystem { path: files.named, filesystem: mount.filesystem });
    }
    let (size, unmerged) = files.sizes()?;
    if size == 0 {
        return Err(files.not_cfms("it is empty"));
    }
    let turn = wait_for_turn(&files, job)?;
    // What is not merged yet is copied, and then once more in its place.
    let room = Room { needed: size + 2 * unmerged + SPARE, largest: size };
    let folder = PrivateFolder::create(room, forbidden)?;
    let mut copy =
        Copy { files: &files, folder: &folder, meter: Meter { job, told: 0, of: size + unmerged }, draft: None, job };
    let taken_at = copy.make()?;
    drop(turn);
    Ok(DatabaseCopy { source: files.named, folder, taken_at })
}

/// The making of a copy.
struct Copy<'a> {
    files: &'a DatabaseFiles,
    folder: &'a PrivateFolder,
    meter: Meter<'a>,
    /// What was copied without a lock.
    draft: Option<File>,
    job: &'a Job,
}

impl Copy<'_> {
    /// Leaves a plain database in the folder and says of which moment, in Unix seconds, it is.
    fn make(&mut self) -> Result<f64> {
        let mut deadline = Instant::now() + PATIENCE;
        for _ in 0..ATTEMPTS {
            let mut lock = self.lock(deadline)?;
            if self.draft.is_none() && self.deserves_draft(&lock)? {
                self.refuse_foreign()?;
                drop(lock);
                self.make_draft()?;
                deadline = Instant::now() + PATIENCE;
                lock = self.lock(deadline)?;
            }
            let taken_at = unix_now();
            let is_copied = match self.files.mode(lock.file())? {
                Mode::Rollback => self.copy_locked(lock).map(|()| Some(taken_at)),
                Mode::AbandonedWal => self.copy_abandoned(lock).map(|is_same| is_same.then_some(taken_at)),
                Mode::LivingWal => {
                    drop(lock);
                    // SQLite wants to make the copy itself.
                    self.begin_anew();
                    self.copy_living(deadline)
                }
            };
            if let Some(taken_at) = is_copied? {
                self.make_plain()?;
                return Ok(taken_at);
            }
            // Its server came or went meanwhile.
            self.begin_anew();
            self.wait(deadline)?;
        }
        Err(locked(self.files))
    }

    fn begin_anew(&mut self) {
        self.draft = None;
        self.folder.empty();
    }

    fn lock(&self, deadline: Instant) -> Result<SharedLock> {
        let unreadable = |e| Error::io("read", &self.files.named, e);
        loop {
            let file = File::open(&self.files.main).map_err(unreadable)?;
            match SharedLock::take(file).map_err(unreadable)? {
                Some(lock) => return Ok(lock),
                None => self.wait(deadline)?,
            }
        }
    }

    /// Whether its server would wait long while all of it is copied under the lock.
    fn deserves_draft(&self, lock: &SharedLock) -> Result<bool> {
        let size = lock.file().metadata().map_err(|e| Error::io("read", &self.files.named, e))?.len();
        Ok(size >= DRAFTED_FROM && self.files.mode(lock.file())? == Mode::Rollback)
    }

    fn make_draft(&mut self) -> Result<()> {
        let original = File::open(&self.files.main).map_err(|e| Error::io("read", &self.files.named, e))?;
        self.draft = Some(self.copy_file(&original, &self.folder.database())?);
        Ok(())
    }

    /// Copies a database in rollback-journal mode, which nobody writes while it is locked.
    fn copy_locked(&mut self, lock: SharedLock) -> Result<()> {
        self.refuse_foreign()?;
        self.copy_files(&lock)
    }

    /// Copies a database in WAL mode that nobody has open. `false` if that changed.
    fn copy_abandoned(&mut self, lock: SharedLock) -> Result<bool> {
        let unreadable = |e| Error::io("read", &self.files.named, e);
        let before = self.files.state().map_err(unreadable)?;
        if let Some(wait) = before.unsettled_for() {
            std::thread::sleep(wait);
        }
        self.copy_files(&lock)?;
        let unreadable = |e| Error::io("read", &self.files.named, e);
        Ok(self.files.state().map_err(unreadable)? == before)
    }

    fn copy_files(&mut self, lock: &SharedLock) -> Result<()> {
        match self.draft.take() {
            Some(draft) => self.put_right(&draft, lock.file())?,
            None => drop(self.copy_file(lock.file(), &self.folder.database())?),
        }
        self.copy_companion(WAL)?;
        // A living server's journal is of a transaction that has not reached the database; SQLite tells it by the same
        // lock from one that a crash left.
        let is_in_transaction = lock.is_reserved().map_err(|e| Error::io("read", &self.files.named, e))?;
        if is_in_transaction { Ok(()) } else { self.copy_companion(JOURNAL) }
    }

    /// Copies a database in WAL mode as its server sees it. `None` if the server has gone.
    fn copy_living(&mut self, deadline: Instant) -> Result<Option<f64>> {
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
        let taken_at = unix_now();
        Tables::of(&source, &self.files.named)?;
        self.copy_transaction(&source, deadline)?;
        Ok(Some(taken_at))
    }

    /// Copies what the open transaction of `source` sees.
    fn copy_transaction(&mut self, source: &Connection, deadline: Instant) -> Result<()> {
        let failed = |e| sqlite_error(&self.files.named, e);
        let (folder, named, of) = (self.folder, &self.files.named, self.meter.of);
        let unwritable = |e| copy_refused(folder, named, of, e);
        let path = self.folder.database();
        self.folder.create_file(&path).map_err(|e| Error::io("create", &path, e))?;
        let mut target = open_connection(&path, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(unwritable)?;
        let settings = "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; \
                        PRAGMA cache_size = -4096";
        target.execute_batch(settings).map_err(unwritable)?;
        let page: i64 = source.query_row("PRAGMA page_size", [], |row| row.get(0)).map_err(failed)?;
        let page = u64::try_from(page).unwrap_or(4096).max(512);
        let backup = Backup::new(source, &mut target).map_err(unwritable)?;
        loop {
            // SQLite counts in int; a step has at most 32768 pages.
            let step = backup.step((STEP / page) as i32).map_err(unwritable)?;
            let done = backup.progress();
            self.meter.reach(u64::from((done.pagecount - done.remaining).unsigned_abs()) * page)?;
            match step {
                StepResult::Done => return Ok(()),
                StepResult::More => {}
                _ => self.wait(deadline)?,
            }
        }
    }

    /// Looks at the tables before all of them are copied: another program's database may be of any size. One that SQLite
    /// would have to repair first is looked at in its copy.
    fn refuse_foreign(&self) -> Result<()> {
        let look = || {
            let source = open_connection(&self.files.main, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
            source.execute_batch("PRAGMA query_only = ON; BEGIN; SELECT 1 FROM sqlite_schema LIMIT 1")?;
            Ok(source)
        };
        match look() {
            Ok(source) => Tables::of(&source, &self.files.named).map(|_| ()),
            Err(error) if is_busy(&error) || needs_repair(&error) => Ok(()),
            Err(error) => Err(sqlite_error(&self.files.named, error)),
        }
    }

    fn copy_companion(&mut self, suffix: &str) -> Result<()> {
        let path = self.files.beside(suffix);
        match open_unlinked(&path) {
            Ok(file) if suffix == JOURNAL && !is_hot(&file).map_err(|e| Error::io("read", &path, e))? => Ok(()),
            Ok(file) => self.copy_file(&file, &self.folder.beside_database(suffix)).map(drop),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(Error::io("read", path, error)),
        }
    }

    fn put_right(&self, draft: &File, original: &File) -> Result<()> {
        let checked = draft::put_right(draft, original, || self.job.check().map_err(io::Error::other));
        checked.map_err(|error| {
            let error = error.downcast::<Error>();
            error.unwrap_or_else(|error| self.copy_error(&self.folder.database(), error))
        })
    }

    fn copy_file(&mut self, from: &File, to: &Path) -> Result<File> {
        let mut target = self.folder.create_file(to).map_err(|e| Error::io("create", to, e))?;
        let mut from = io::Read::take(from, 0);
        loop {
            // The system copies from file to file, and where the file system can, only shares what is there.
            from.set_limit(STEP);
            match io::copy(&mut from, &mut target).map_err(|e| self.copy_error(to, e))? {
                0 => return Ok(target),
                copied => self.meter.add(copied)?,
            }
        }
    }

    fn copy_error(&self, to: &Path, error: io::Error) -> Error {
        // Which of the two files it was is not told; only a full disk is surely the copy's.
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                Error::io("write", to, error)
            }
            _ => Error::io("copy", &self.files.named, error),
        }
    }

    /// Repairs the copy where it needs that, and makes it a database that is one file.
    fn make_plain(&self) -> Result<()> {
        let path = self.folder.database();
        let failed = |e| copy_refused(self.folder, &self.files.named, self.meter.of, e);
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
}

/// Whether SQLite would roll back by this journal. One that it only has at hand, or did not finish to begin, is empty or begins
/// with zeros.
fn is_hot(journal: &File) -> io::Result<bool> {
    let mut first = [0];
    Ok(journal.read_at(&mut first, 0)? > 0 && first != [0])
}

/// The error that SQLite's refusal to write the copy, of about `size` bytes, is.
fn copy_refused(folder: &PrivateFolder, source: &Path, size: u64, error: rusqlite::Error) -> Error {
    let path = folder.base().to_path_buf();
    let is_limited = || volume::max_file_size(&path).is_some_and(|most| most < size);
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => Error::NoSpace { path, needed: None, available: None },
        // SQLite has no word of its own for a limit.
        Some(ErrorCode::SystemIoFailure) if is_limited() => Error::FileTooLarge { path, needed: Some(size) },
        _ => sqlite_error(source, error),
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

pub(super) fn wait_for_turn(files: &DatabaseFiles, job: &Job) -> Result<MutexGuard<'static, ()>> {
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

pub(super) fn wait(deadline: Instant, files: &DatabaseFiles, job: &Job) -> Result<()> {
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

pub(super) fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed)
    )
}

/// Whether SQLite would have to write beside the database, or into it, before it could read.
pub(super) fn needs_repair(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen))
}
