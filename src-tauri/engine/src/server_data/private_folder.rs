//! A folder for one copy of a database: private, on no server's disk space by accident, and gone when it is not needed.
//!
//! It lies in the system's place for temporary files, mode 0700, with a file `lock` that its run keeps locked. So a later
//! run tells a folder in use from one that a killed run left, and removes the latter.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rand::TryRng;

use crate::error::{Error, Result};
use crate::volume;

const PREFIX: &str = "cfms-backup-snapshot-";
const LOCK: &str = "lock";
const DATABASE: &str = "snapshot.db";
/// All that is ever in such a folder, the lock last.
const MEMBERS: [&str; 5] = [DATABASE, "snapshot.db-journal", "snapshot.db-wal", "snapshot.db-shm", LOCK];

/// The folder. Dropping it removes it.
#[derive(Debug)]
pub(super) struct PrivateFolder {
    path: PathBuf,
    _lock: File,
}

impl PrivateFolder {
    /// Makes one where `needed` bytes are free, but never below `forbidden`.
    pub(super) fn create(needed: u64, forbidden: &Path) -> Result<Self> {
        let mut refused = None;
        for base in bases().into_iter().filter(|base| !base.starts_with(forbidden)) {
            remove_dead(&base);
            match volume::free_bytes(&base) {
                Some(available) if available < needed => {
                    refused.get_or_insert(Error::NoSpace { path: base, needed, available });
                    continue;
                }
                _ => {}
            }
            match Self::create_in(&base) {
                Ok(folder) => return Ok(folder),
                Err(error) => {
                    refused.get_or_insert(Error::io("create a folder for the snapshot in", base, error));
                }
            }
        }
        Err(refused.unwrap_or_else(|| Error::NotFound { path: base() }))
    }

    /// Where the copy goes.
    pub(super) fn database(&self) -> PathBuf {
        self.path.join(DATABASE)
    }

    /// Where SQLite looks for a file that belongs to the copy: `-wal`, `-journal`.
    pub(super) fn beside_database(&self, suffix: &str) -> PathBuf {
        self.path.join(format!("{DATABASE}{suffix}"))
    }

    /// A new file in it that nobody else can read.
    pub(super) fn create_file(&self, path: &Path) -> io::Result<File> {
        File::options().read(true).write(true).create_new(true).mode(0o600).open(path)
    }

    /// Removes the copies, for another attempt.
    pub(super) fn empty(&self) {
        for member in MEMBERS.iter().filter(|member| **member != LOCK) {
            let _ = fs::remove_file(self.path.join(member));
        }
    }

    fn create_in(base: &Path) -> io::Result<Self> {
        // A run that cleans may take a folder away before its lock is held; the next name then.
        for _ in 0..100 {
            let name = rand::rngs::SysRng.try_next_u64().map_err(io::Error::other)?;
            let path = base.join(format!("{PREFIX}{name:016x}"));
            match fs::DirBuilder::new().mode(0o700).create(&path) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => continue,
                outcome => outcome?,
            }
            match Self::hold(&path) {
                Ok(Some(lock)) => return Ok(Self { path, _lock: lock }),
                Ok(None) => remove(&path),
                Err(error) => {
                    remove(&path);
                    return Err(error);
                }
            }
        }
        Err(ErrorKind::AlreadyExists.into())
    }

    /// Makes and takes the lock of the folder at `path`; `None` if a run that cleans was faster.
    fn hold(path: &Path) -> io::Result<Option<File>> {
        match File::options().write(true).create_new(true).mode(0o600).open(path.join(LOCK)) {
            Ok(lock) => match lock.try_lock() {
                Err(TryLockError::WouldBlock) => Ok(None),
                // Where there are no locks nobody can take this one for a dead run's either.
                Ok(()) | Err(TryLockError::Error(_)) => Ok((lock.metadata()?.nlink() > 0).then_some(lock)),
            },
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl Drop for PrivateFolder {
    fn drop(&mut self) {
        remove(&self.path);
    }
}

/// Where temporary files go if there is room.
pub(super) fn base() -> PathBuf {
    bases().into_iter().next().unwrap_or_else(std::env::temp_dir)
}

/// Places for temporary files, best first. `/var/tmp` before `/tmp`, which may be in memory.
fn bases() -> Vec<PathBuf> {
    let mut bases = Vec::new();
    let chosen = std::env::var_os("TMPDIR").map(PathBuf::from).filter(|path| path.is_absolute());
    for base in chosen.into_iter().chain([PathBuf::from("/var/tmp"), std::env::temp_dir()]) {
        if let Ok(base) = base.canonicalize()
            && base.is_dir()
            && !bases.contains(&base)
        {
            bases.push(base);
        }
    }
    bases
}

/// Removes what dead runs of this user left in `base`.
fn remove_dead(base: &Path) {
    let me = rustix::process::geteuid().as_raw();
    for entry in fs::read_dir(base).into_iter().flatten().flatten() {
        let is_ours = entry.file_name().as_encoded_bytes().starts_with(PREFIX.as_bytes())
            && entry.metadata().is_ok_and(|found| found.is_dir() && found.uid() == me);
        if !is_ours {
            continue;
        }
        let path = entry.path();
        let flags = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();
        match File::options().write(true).custom_flags(flags).open(path.join(LOCK)) {
            Ok(lock) if lock.try_lock().is_ok() => remove(&path),
            // Killed between making the folder and its lock; where it is not empty, this does nothing.
            Err(error) if error.kind() == ErrorKind::NotFound => drop(fs::remove_dir(&path)),
            _ => {}
        }
    }
}

/// Removes a folder, its lock last: what cannot be removed now still has one, and is found by a later run.
fn remove(folder: &Path) {
    for member in MEMBERS {
        match fs::remove_file(folder.join(member)) {
            Err(error) if error.kind() != ErrorKind::NotFound => return,
            _ => {}
        }
    }
    let _ = fs::remove_dir(folder);
}
