//! A server's database file and what SQLite keeps beside it: how it is written, and its locks.
//!
//! Nothing here writes a byte of it, and nothing creates a file beside it.

use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::error::{Error, Result};

/// The bytes on which SQLite's locks lie, of every database file.
const PENDING: i64 = 0x4000_0000;
const RESERVED: i64 = PENDING + 1;
const SHARED: i64 = PENDING + 2;
const SHARED_LENGTH: i64 = 510;
/// The byte of a `-shm` file on which every process that has it open holds a lock.
const SHM_ALIVE: i64 = 128;

/// A database and what SQLite puts beside it.
#[derive(Debug, Clone)]
pub(super) struct DatabaseFiles {
    /// As it was named, for messages.
    pub(super) named: PathBuf,
    /// Where it really is.
    pub(super) main: PathBuf,
}

pub(super) const JOURNAL: &str = "-journal";
pub(super) const WAL: &str = "-wal";
const SHM: &str = "-shm";
/// The suffixes of the files that hold part of a database's state.
pub(super) const COMPANIONS: [&str; 2] = [JOURNAL, WAL];

/// How a database is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// In its place, what was there before going into a journal.
    Rollback,
    /// Into a write-ahead log, by a process that is alive.
    LivingWal,
    /// Into a write-ahead log that no process has open, so that SQLite would create files beside it to read it.
    AbandonedWal,
}

impl DatabaseFiles {
    pub(super) fn of(named: &Path) -> Result<Self> {
        let main = named.canonicalize().map_err(|e| Error::io("read", named, e))?;
        Ok(Self { named: named.to_path_buf(), main })
    }

    pub(super) fn beside(&self, suffix: &str) -> PathBuf {
        let mut path = self.main.clone().into_os_string();
        path.push(suffix);
        path.into()
    }

    /// The database and all that SQLite ever puts beside it, there or not.
    pub(super) fn all(&self) -> [PathBuf; 4] {
        [self.main.clone(), self.beside(JOURNAL), self.beside(WAL), self.beside(SHM)]
    }

    /// Bytes of the database, and of what is not merged into it.
    pub(super) fn sizes(&self) -> Result<(u64, u64)> {
        let main = fs::metadata(&self.main).map_err(|e| Error::io("read", &self.named, e))?.len();
        let beside = COMPANIONS.iter().filter_map(|suffix| fs::metadata(self.beside(suffix)).ok());
        Ok((main, beside.map(|found| found.len()).sum()))
    }

    /// When any of it was last written.
    pub(super) fn last_change(&self) -> Option<SystemTime> {
        let beside = COMPANIONS.iter().map(|suffix| self.beside(suffix));
        let all = std::iter::once(self.main.clone()).chain(beside);
        all.filter_map(|path| fs::metadata(path).ok()?.modified().ok()).max()
    }

    /// How it is written, by its header and by what lies beside it. `main` is the database, open and locked: the mode
    /// cannot change then.
    ///
    /// Companions that SQLite did not make are refused here, before it opens the database and with it all of them.
    pub(super) fn mode(&self, main: &File) -> Result<Mode> {
        self.refuse_odd_companions()?;
        let mut header = [0; 20];
        main.read_exact_at(&mut header, 0).map_err(|e| match e.kind() {
            ErrorKind::UnexpectedEof => self.not_cfms("it is no SQLite database: it is too short"),
            _ => Error::io("read", &self.named, e),
        })?;
        if !header.starts_with(b"SQLite format 3\0") {
            return Err(self.not_cfms("it is no SQLite database, or an encrypted one"));
        }
        let is_wal = header[18] == 2 || header[19] == 2 || self.beside(WAL).exists();
        Ok(match is_wal {
            false => Mode::Rollback,
            true if self.is_shm_alive() => Mode::LivingWal,
            true => Mode::AbandonedWal,
        })
    }

    /// Refuses what cannot be a database, with the reason.
    pub(super) fn not_cfms(&self, missing: &str) -> Error {
        Error::NotCfms { path: self.named.clone(), missing: missing.to_owned() }
    }

    /// A pipe would be waited for, and a link may lead anywhere: SQLite makes neither.
    fn refuse_odd_companions(&self) -> Result<()> {
        for path in [JOURNAL, WAL, SHM].map(|suffix| self.beside(suffix)) {
            match fs::symlink_metadata(&path) {
                Ok(found) if found.is_file() => {}
                Ok(_) => {
                    let problem = format!("{} is not a regular file", path.display());
                    return Err(Error::DatabaseDamaged { path: self.named.clone(), problem });
                }
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(Error::io("read", path, error)),
            }
        }
        Ok(())
    }

    fn is_shm_alive(&self) -> bool {
        match super::open_nonblocking(&self.beside(SHM)) {
            Ok(shm) => is_locked(&shm, SHM_ALIVE).unwrap_or(true),
            Err(error) => error.kind() != ErrorKind::NotFound,
        }
    }

    /// What the files look like, to tell later whether they changed.
    pub(super) fn state(&self) -> io::Result<State> {
        Ok(State {
            main: Stamp::of(&self.main)?,
            wal: Stamp::of(&self.beside(WAL))?,
            has_shm: self.beside(SHM).exists(),
        })
    }
}

/// A moment of the files.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct State {
    main: Option<Stamp>,
    wal: Option<Stamp>,
    has_shm: bool,
}

impl State {
    /// How long to wait until a write cannot fall into the clock tick of the last one any more: file times are only so fine.
    pub(super) fn unsettled_for(&self) -> Option<Duration> {
        const TICK: Duration = Duration::from_millis(20);
        let newest = [&self.main, &self.wal].into_iter().flatten().map(|stamp| stamp.modified).max()?;
        match SystemTime::now().duration_since(newest) {
            Ok(age) => TICK.checked_sub(age),
            // Written in the future: the clock was set back.
            Err(_) => None,
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Stamp {
    modified: SystemTime,
    changed: (i64, i64),
    size: u64,
    inode: u64,
}

impl Stamp {
    fn of(path: &Path) -> io::Result<Option<Self>> {
        match fs::metadata(path) {
            Ok(found) => Self::from(&found).map(Some),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn from(found: &Metadata) -> io::Result<Self> {
        Ok(Self {
            modified: found.modified()?,
            changed: (found.ctime(), found.ctime_nsec()),
            size: found.len(),
            inode: found.ino(),
        })
    }
}

/// Holds SQLite's shared lock on a database by a lock of the open file, not of the process: nobody writes the database or
/// rolls its journal back until it is dropped.
pub(super) struct SharedLock {
    file: File,
}

impl SharedLock {
    /// `None` while somebody writes.
    pub(super) fn take(file: File) -> io::Result<Option<Self>> {
        // A writer that waits for its readers holds PENDING, so that no new one comes in: SQLite's own order.
        if !try_lock(&file, LockKind::Read, PENDING, 1)? {
            return Ok(None);
        }
        let is_shared = try_lock(&file, LockKind::Read, SHARED, SHARED_LENGTH);
        try_lock(&file, LockKind::None, PENDING, 1)?;
        Ok(is_shared?.then_some(Self { file }))
    }

    /// Whether somebody is in a transaction that will write: then a journal is not one that a crash left.
    pub(super) fn is_reserved(&self) -> io::Result<bool> {
        is_locked(&self.file, RESERVED)
    }

    /// The locked file.
    pub(super) fn file(&self) -> &File {
        &self.file
    }
}

#[derive(Clone, Copy)]
enum LockKind {
    Read,
    None,
}

#[cfg(target_os = "linux")]
mod ofd {
    use nix::errno::Errno;
    use nix::fcntl::{FcntlArg, fcntl};
    use nix::libc;

    use super::{File, LockKind, io};

    /// `false` if somebody else's lock is in the way. File systems without locks hold nobody up.
    pub(super) fn try_lock(file: &File, kind: LockKind, start: i64, length: i64) -> io::Result<bool> {
        let kind = match kind {
            LockKind::Read => libc::F_RDLCK,
            LockKind::None => libc::F_UNLCK,
        };
        match fcntl(file, FcntlArg::F_OFD_SETLK(&range(kind, start, length))) {
            Ok(_) | Err(Errno::ENOLCK | Errno::EOPNOTSUPP | Errno::EINVAL) => Ok(true),
            Err(Errno::EAGAIN | Errno::EACCES) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether anybody holds a lock on that byte.
    pub(super) fn is_locked(file: &File, byte: i64) -> io::Result<bool> {
        let mut found = range(libc::F_WRLCK, byte, 1);
        fcntl(file, FcntlArg::F_OFD_GETLK(&mut found))?;
        Ok(i32::from(found.l_type) != libc::F_UNLCK)
    }

    fn range(kind: i32, start: i64, length: i64) -> libc::flock {
        // The constants are small numbers; only their declared types differ.
        libc::flock { l_type: kind as i16, l_whence: libc::SEEK_SET as i16, l_start: start, l_len: length, l_pid: 0 }
    }
}

#[cfg(target_os = "linux")]
use ofd::{is_locked, try_lock};

#[cfg(not(target_os = "linux"))]
fn try_lock(_: &File, _: LockKind, _: i64, _: i64) -> io::Result<bool> {
    Err(ErrorKind::Unsupported.into())
}

#[cfg(not(target_os = "linux"))]
fn is_locked(_: &File, _: i64) -> io::Result<bool> {
    Err(ErrorKind::Unsupported.into())
}
