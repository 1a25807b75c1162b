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
    /// Makes one where `room` is, but never in or below one of the folders `forbidden`, whatever they are called.
    pub(super) fn create(room: Room, forbidden: &[&Path]) -> Result<Self> {
        Self::create_in_one_of(bases(), room, forbidden)
    }

    fn create_in_one_of(bases: Vec<PathBuf>, room: Room, forbidden: &[&Path]) -> Result<Self> {
        let forbidden: Vec<_> = forbidden.iter().filter_map(|folder| folder.canonicalize().ok()).collect();
        let mut refused = None;
        for base in bases {
            if forbidden.iter().any(|folder| base.starts_with(folder)) {
                continue;
            }
            remove_dead(&base);
            if let Some(refusal) = room.refusal(&base) {
                refused.get_or_insert(refusal);
                continue;
            }
            match Self::create_in(&base) {
                Ok(folder) => return Ok(folder),
                Err(error) => {
                    refused.get_or_insert(Error::io("create a folder for the snapshot in", base, error));
                }
            }
        }
        Err(refused.unwrap_or_else(|| Error::NoPlaceForSnapshot { path: base() }))
    }

    /// The place for temporary files that it lies in.
    pub(super) fn base(&self) -> &Path {
        self.path.parent().unwrap_or(&self.path)
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

/// What a copy takes up, in bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    /// All of its files.
    pub(super) needed: u64,
    /// The largest of them.
    pub(super) largest: u64,
}

impl Room {
    /// Why there is none in `base`, as far as that can be known before.
    fn refusal(self, base: &Path) -> Option<Error> {
        let Self { needed, largest } = self;
        if volume::max_file_size(base).is_some_and(|most| most < largest) {
            return Some(Error::FileTooLarge { path: base.to_path_buf(), needed: Some(largest) });
        }
        let available = volume::free_bytes(base)?;
        let path = || base.to_path_buf();
        (available < needed).then(|| Error::NoSpace { path: path(), needed: Some(needed), available: Some(available) })
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

#[cfg(test)]
mod tests {
    use super::*;

    const LITTLE: Room = Room { needed: 1, largest: 1 };

    #[test]
    fn the_snapshot_is_never_in_or_below_a_folder_that_is_forbidden() {
        let scratch = tempfile::tempdir().unwrap();
        let root = scratch.path().canonicalize().unwrap();
        let (out, allowed) = (root.join("out"), root.join("allowed"));
        fs::create_dir_all(out.join("tmp")).unwrap();
        fs::create_dir(&allowed).unwrap();
        let link = root.join("link");
        std::os::unix::fs::symlink(&out, &link).unwrap();
        let bases = || vec![out.clone(), out.join("tmp"), allowed.clone()];

        for forbidden in [&out, &link] {
            let folder = PrivateFolder::create_in_one_of(bases(), LITTLE, &[&root.join("other"), forbidden]).unwrap();
            assert_eq!(folder.base(), allowed);
        }
        let refused = PrivateFolder::create_in_one_of(bases(), LITTLE, &[&out, &allowed]).map(|_| ()).unwrap_err();
        assert!(matches!(refused, Error::NoPlaceForSnapshot { .. }), "{refused}");
        assert!(refused.advice().is_some_and(|advice| advice.contains("TMPDIR")));
    }

    #[test]
    fn a_place_without_room_is_passed_over_and_told_with_true_numbers() {
        let scratch = tempfile::tempdir().unwrap();
        let room = Room { needed: u64::MAX, largest: 1 };
        let bases = vec![scratch.path().to_path_buf()];
        let refused = PrivateFolder::create_in_one_of(bases, room, &[]).map(|_| ()).unwrap_err();
        assert!(matches!(refused, Error::NoSpace { needed: Some(u64::MAX), available: Some(1..), .. }), "{refused:?}");
    }
}
