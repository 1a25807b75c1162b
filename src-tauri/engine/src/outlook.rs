//! What would happen at a destination, told before anything is done there.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::fs::{Access, access};
use rustix::io::Errno;
use serde::Serialize;
use ts_rs::TS;

use crate::create::{Destination, SPARED_ON_SERVER_DISK};
use crate::error::{Error, ErrorReport};
use crate::names::BackupName;
use crate::volume;

/// Bytes that a key file takes up.
const KEY_BYTES: u64 = 4096;
/// How many numbers are tried for a default name that is taken.
const ATTEMPTS: u32 = 1000;

/// What is known of a destination before a backup is made.
#[derive(Debug, Clone, Serialize, TS)]
#[ts(export)]
pub struct Outlook {
    /// The folder of the archive.
    pub archive: FolderOutlook,
    /// The folder of the key.
    pub key: FolderOutlook,
    /// Whether the archive would lie on the disk of the server's data.
    pub same_disk: bool,
    /// Whether the key would lie in the archive's folder.
    pub key_beside_archive: bool,
    /// The name that a backup would get now if none is given.
    pub default_name: String,
    /// What a backup of the given name would fail with: [`Error::AlreadyExists`], as names are never taken over.
    pub name_problem: Option<ErrorReport>,
}

/// What is known of one output folder.
#[derive(Debug, Clone, Serialize, TS)]
#[ts(export)]
pub struct FolderOutlook {
    /// The folder.
    pub path: PathBuf,
    /// Whether it is there already; if not, a backup creates it.
    pub exists: bool,
    /// Where the disk that it lies on is mounted.
    pub mount_point: Option<PathBuf>,
    /// Bytes that are free there.
    #[ts(type = "number | null")]
    pub free_bytes: Option<u64>,
    /// What a backup would fail with there.
    pub problem: Option<ErrorReport>,
}

/// Looks at `destination` for a backup of the server at `source` (its folder or its database) of about `needed` bytes,
/// without touching it. A relative folder is one of the current directory.
pub fn outlook(destination: &Destination, source: Option<&Path>, needed: Option<u64>) -> Outlook {
    let archive_dir = absolute(&destination.archive_dir);
    let key_dir = destination.key_dir.as_deref().map_or_else(|| archive_dir.clone(), absolute);
    let same_disk = source.is_some_and(|source| volume::same_disk(&archive_dir, source));
    let key_beside_archive = volume::is_same_folder(&archive_dir, &key_dir);
    let spared = if same_disk { SPARED_ON_SERVER_DISK } else { 0 };
    let taken = destination.name.as_ref().and_then(|name| file_in_the_way(name, &archive_dir, &key_dir));
    Outlook {
        default_name: default_name(&archive_dir, &key_dir),
        name_problem: taken.map(|path| Error::AlreadyExists { path }.report()),
        archive: FolderOutlook::of(archive_dir, needed, spared),
        key: FolderOutlook::of(key_dir, Some(KEY_BYTES), 0),
        same_disk,
        key_beside_archive,
    }
}

impl FolderOutlook {
    fn of(path: PathBuf, needed: Option<u64>, spared: u64) -> Self {
        let nearest = volume::nearest_existing(&path);
        let free_bytes = nearest.as_deref().and_then(volume::free_bytes);
        let problem = nearest.as_deref().and_then(|nearest| problem(&path, nearest, needed, free_bytes, spared));
        Self {
            exists: path.is_dir(),
            mount_point: volume::mount_of(&path).map(|mount| mount.mount_point),
            free_bytes,
            problem: problem.map(|problem| problem.report()),
            path,
        }
    }
}

/// What a backup of `needed` bytes in the folder `path` would fail with. `nearest` is as much of it as is there.
fn problem(path: &Path, nearest: &Path, needed: Option<u64>, free: Option<u64>, spared: u64) -> Option<Error> {
    let path = || path.to_path_buf();
    if let Some(mount_point) = volume::unmounted_mount_point(&path()) {
        return Some(Error::NotMounted { path: path(), mount_point });
    }
    if !nearest.is_dir() {
        return Some(Error::not_a_folder(path()));
    }
    if let Err(error) = access(nearest, Access::WRITE_OK | Access::EXEC_OK) {
        return Some(match error {
            Errno::ACCESS | Errno::PERM => Error::PermissionDenied { action: "write", path: path() },
            error => Error::io("write", path(), error.into()),
        });
    }
    let needed = needed?;
    if volume::max_file_size(nearest).is_some_and(|most| most < needed) {
        return Some(Error::FileTooLarge { path: path(), needed: Some(needed) });
    }
    let available = free?;
    match available.checked_sub(needed) {
        None => Some(Error::NoSpace { path: path(), needed: Some(needed), available: Some(available) }),
        Some(left) if left < spared => Some(Error::WouldFillServerDisk { path: path(), needed, available }),
        Some(_) => None,
    }
}

/// The name of a backup made now, as far as the folders can be seen.
fn default_name(archive_dir: &Path, key_dir: &Path) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let base = BackupName::of_time(now);
    let is_free = |name: &BackupName| file_in_the_way(name, archive_dir, key_dir).is_none();
    let numbered = (2..ATTEMPTS).map(|attempt| base.numbered(attempt));
    std::iter::once(base.clone()).chain(numbered).find(is_free).unwrap_or(base).to_string()
}

/// What lies where an archive or a key of that name would go. A link that leads nowhere is in the way, too.
fn file_in_the_way(name: &BackupName, archive_dir: &Path, key_dir: &Path) -> Option<PathBuf> {
    let files = [archive_dir.join(name.archive_file()), key_dir.join(name.key_file())];
    files.into_iter().find(|file| file.symlink_metadata().is_ok())
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;

    fn at(archive_dir: PathBuf) -> Destination {
        Destination { archive_dir, key_dir: None, name: None }
    }

    fn problem_at(archive_dir: PathBuf, source: Option<&Path>, needed: u64) -> Option<Code> {
        outlook(&at(archive_dir), source, Some(needed)).archive.problem.map(|problem| problem.code)
    }

    #[test]
    fn a_folder_that_is_not_there_yet_is_told_by_the_disk_it_would_be_on() {
        let scratch = tempfile::tempdir().expect("a temporary folder");
        let foreseen = outlook(&at(scratch.path().join("a/b")), Some(scratch.path()), Some(1));
        assert!(!foreseen.archive.exists);
        assert!(!scratch.path().join("a").exists(), "looking must not create anything");
        assert!(foreseen.archive.free_bytes.is_some_and(|free| free > 0));
        assert!(foreseen.same_disk);
        assert!(foreseen.key_beside_archive);
        assert!(foreseen.default_name.starts_with("backup_"));
    }

    #[test]
    fn what_does_not_fit_is_told_before_anything_is_done() {
        let scratch = tempfile::tempdir().expect("a temporary folder");
        let here = || scratch.path().to_path_buf();
        let free = volume::free_bytes(scratch.path()).expect("free space is known");
        assert_eq!(problem_at(here(), None, u64::MAX), Some(Code::NoSpace));
        assert_eq!(problem_at(here(), Some(scratch.path()), free - (1 << 29)), Some(Code::WouldFillServerDisk));
        assert_eq!(problem_at(here(), None, free / 2), None);
    }

    #[test]
    fn a_file_in_the_way_is_told() {
        let scratch = tempfile::tempdir().expect("a temporary folder");
        let file = scratch.path().join("file");
        std::fs::write(&file, "").expect("a file");
        assert_eq!(problem_at(file.join("below"), None, 1), Some(Code::NotAFolder));
        assert_eq!(problem_at(file, None, 1), Some(Code::NotAFolder));
    }

    #[test]
    fn a_name_that_is_taken_is_told_by_the_file_in_the_way() {
        let scratch = tempfile::tempdir().expect("a temporary folder");
        let (archives, keys) = (scratch.path().join("archives"), scratch.path().join("keys"));
        let in_the_way = |name: &str| {
            let name = Some(BackupName::parse(name).expect("a name"));
            let place = Destination { archive_dir: archives.clone(), key_dir: Some(keys.clone()), name };
            outlook(&place, None, None).name_problem.map(|problem| (problem.code, problem.params["path"].clone()))
        };
        assert_eq!(in_the_way("monday"), None, "folders that are not there yet hold nothing");
        for folder in [&archives, &keys] {
            std::fs::create_dir(folder).expect("a folder");
        }
        let (archive, key) = (archives.join("monday.cfms.enc"), keys.join("tuesday.key"));
        std::fs::write(&archive, "").expect("a file");
        std::os::unix::fs::symlink("nowhere", &key).expect("a link");
        assert_eq!(in_the_way("monday"), Some((Code::AlreadyExists, archive.display().to_string())));
        assert_eq!(in_the_way("tuesday"), Some((Code::AlreadyExists, key.display().to_string())));
        assert_eq!(in_the_way("wednesday"), None);
    }

    #[test]
    fn the_name_foreseen_is_one_that_is_free() {
        let scratch = tempfile::tempdir().expect("a temporary folder");
        let first = default_name(scratch.path(), scratch.path());
        let now: u64 = first["backup_".len()..].parse().expect("a time");
        // The clock may tick while this runs: all names of the next seconds are taken.
        for second in now..now + 30 {
            std::fs::write(scratch.path().join(format!("backup_{second}.key")), "").expect("a file");
        }
        assert!(default_name(scratch.path(), scratch.path()).ends_with("_2"));
    }
}
