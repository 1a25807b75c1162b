//! A file on its way to its final name.
//!
//! While it is written it is `.NAME.cfms-partial`, locked. The lock is the claim on the name: who holds it may publish,
//! everybody else is refused. A partial file without a lock belongs to a run that died, and the next run removes it.
//! So that nothing is ever overwritten, publishing is a rename that does not replace; where the file system has none,
//! holding the claim and looking beforehand is what keeps two runs apart.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use cap_fs_ext::{FollowSymlinks, OpenOptionsFollowExt};
use cap_std::fs::{OpenOptions, OpenOptionsExt};
use rustix::fs::RenameFlags;
use rustix::io::Errno;

use super::folder::{Folder, partial_name};
use crate::error::{Error, Result};

/// A claimed name and the file that will bear it. Dropped, it leaves nothing behind.
#[derive(Debug)]
pub(crate) struct PartialFile {
    folder: Arc<Folder>,
    final_name: String,
    /// Holds the lock, by a description of its own until the end: the file that is written is closed before.
    claim: File,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Partial,
    Published,
    Gone,
}

impl PartialFile {
    /// Claims `final_name` in `folder` and creates the partial file with those permissions (less the umask).
    ///
    /// # Errors
    /// [`Error::AlreadyExists`] where the name is taken, [`Error::NameBusy`] where another run claims it.
    pub(crate) fn claim(folder: &Arc<Folder>, final_name: &str, mode: u32) -> Result<Self> {
        let partial = partial_name(final_name);
        let claim = loop {
            if let Some(claim) = try_claim(folder, &partial, final_name, mode)? {
                break claim;
            }
        };
        let claimed = Self { folder: folder.clone(), final_name: final_name.to_owned(), claim, state: State::Partial };
        // Only now, as the claim keeps others from publishing it between the look and the end.
        if folder.holds(final_name)? {
            return Err(Error::AlreadyExists { path: folder.join(final_name) });
        }
        Ok(claimed)
    }

    /// The folder that it is in.
    pub(crate) fn folder(&self) -> &Arc<Folder> {
        &self.folder
    }

    /// Where it will be.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.join(&self.final_name)
    }

    /// A second handle of the file, to write it.
    pub(crate) fn writer(&self) -> Result<File> {
        self.claim.try_clone().map_err(|e| Error::io("write", self.path(), e))
    }

    /// A handle of its own position, to read back what was written.
    pub(crate) fn reader(&self) -> Result<File> {
        let mut options = OpenOptions::new();
        options.read(true).follow(FollowSymlinks::No);
        let file = self.folder.dir.open_with(partial_name(&self.final_name), &options);
        Ok(file.map_err(|e| Error::io("read back", self.path(), e))?.into_std())
    }

    /// Gives the file to the folder's owner: a server must be able to read what root wrote for it.
    pub(crate) fn give_to(&self, (user, group): (u32, u32)) -> Result<()> {
        std::os::unix::fs::fchown(&self.claim, Some(user), Some(group))
            .map_err(|e| Error::io("change the owner of", self.path(), e))
    }

    /// Makes what `writer` wrote durable. A failed sync or close is final: the system may have dropped the data.
    pub(crate) fn seal(&self, writer: File) -> Result<()> {
        writer.sync_all().map_err(|e| Error::io("sync", self.path(), e))?;
        nix::unistd::close(writer).map_err(|e| Error::io("close", self.path(), e.into()))
    }

    /// Gives the file its final name, durably.
    pub(crate) fn publish(&mut self) -> Result<()> {
        let (dir, partial) = (&self.folder.dir, partial_name(&self.final_name));
        let is_ours = |name: &str| self.folder.is_still(name, &self.claim).unwrap_or(false);
        let replaced = || Error::Io {
            action: "publish",
            path: self.path(),
            source: io::Error::other("somebody replaced the file while it was written"),
        };
        if !is_ours(&partial) {
            return Err(replaced());
        }
        let renamed = rustix::fs::renameat_with(dir, &partial, dir, &self.final_name, RenameFlags::NOREPLACE);
        match renamed {
            Ok(()) => {}
            Err(Errno::EXIST) => return Err(Error::AlreadyExists { path: self.path() }),
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
                if self.folder.holds(&self.final_name)? {
                    return Err(Error::AlreadyExists { path: self.path() });
                }
                dir.rename(&partial, dir, &self.final_name).map_err(|e| Error::io("rename", self.path(), e))?;
            }
            Err(error) => return Err(Error::io("rename", self.path(), error.into())),
        }
        if !is_ours(&self.final_name) {
            return Err(replaced());
        }
        self.state = State::Published;
        self.folder.sync()
    }

    /// Takes a published file away again, because the backup failed after all.
    pub(crate) fn retract(&mut self) {
        if self.state == State::Published && self.folder.is_still(&self.final_name, &self.claim).unwrap_or(false) {
            let _ = self.folder.dir.remove_file(&self.final_name);
            let _ = self.folder.sync();
            self.state = State::Gone;
        }
    }
}

impl Drop for PartialFile {
    fn drop(&mut self) {
        let partial = partial_name(&self.final_name);
        if self.state == State::Partial && self.folder.is_still(&partial, &self.claim).unwrap_or(false) {
            // Best effort: what stays is recognised and removed by the next run.
            let _ = self.folder.dir.remove_file(&partial);
        }
    }
}

/// One attempt at creating and locking the partial file; `None` if another run's hand was in between.
fn try_claim(folder: &Folder, partial: &str, final_name: &str, mode: u32) -> Result<Option<File>> {
    let shown = folder.join(final_name);
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true).mode(mode).follow(FollowSymlinks::No);
    match folder.dir.open_with(partial, &options) {
        Ok(file) => {
            let file = file.into_std();
            match file.try_lock() {
                // A sweep of another run may have taken it for a dead one's in the moment before the lock.
                Ok(()) => {
                    Ok(folder.is_still(partial, &file).map_err(|e| Error::io("look at", &shown, e))?.then_some(file))
                }
                Err(std::fs::TryLockError::WouldBlock) => Err(Error::NameBusy { path: shown }),
                // A file system without locks: creating the file exclusively is the claim there.
                Err(std::fs::TryLockError::Error(_)) => Ok(Some(file)),
            }
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => match folder.remove_if_dead(partial) {
            Ok(true) => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            _ => Err(Error::NameBusy { path: shown }),
        },
        Err(error) => Err(Error::io("create", shown, error)),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;
    use std::path::Path;

    use super::*;
    use crate::names::BackupName;
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt};

    fn folder() -> (tempfile::TempDir, Arc<Folder>) {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(dir.path()).unwrap();
        (dir, folder)
    }

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_dropped_claim_leaves_nothing_behind() {
        let (dir, folder) = folder();
        let claim = PartialFile::claim(&folder, "a.cfms.enc", 0o666).unwrap();
        claim.writer().unwrap().write_all(b"half").unwrap();
        assert_eq!(names(dir.path()), [".a.cfms.enc.cfms-partial"]);
        drop(claim);
        assert!(names(dir.path()).is_empty());
    }

    #[test]
    fn a_published_file_has_its_name_its_bytes_and_its_mode() {
        let (dir, folder) = folder();
        let mut claim = PartialFile::claim(&folder, "a.key", 0o600).unwrap();
        let mut writer = claim.writer().unwrap();
        writer.write_all(b"whole").unwrap();
        claim.seal(writer).unwrap();
        claim.publish().unwrap();
        drop(claim);
        assert_eq!(names(dir.path()), ["a.key"]);
        assert_eq!(fs::read(dir.path().join("a.key")).unwrap(), b"whole");
        assert_eq!(fs::metadata(dir.path().join("a.key")).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_name_that_is_taken_is_refused_even_by_a_dangling_link() {
        let (dir, folder) = folder();
        std::os::unix::fs::symlink("nowhere", dir.path().join("a.key")).unwrap();
        assert!(matches!(PartialFile::claim(&folder, "a.key", 0o600), Err(Error::AlreadyExists { .. })));
        assert_eq!(names(dir.path()), ["a.key"]);
    }

    #[test]
    fn a_name_is_claimed_by_one_run_only() {
        let (_dir, folder) = folder();
        let first = PartialFile::claim(&folder, "a.key", 0o600).unwrap();
        assert!(matches!(PartialFile::claim(&folder, "a.key", 0o600), Err(Error::NameBusy { .. })));
        drop(first);
        assert!(PartialFile::claim(&folder, "a.key", 0o600).is_ok());
    }

    #[test]
    fn a_file_that_appears_under_the_name_meanwhile_is_not_overwritten() {
        let (dir, folder) = folder();
        let mut claim = PartialFile::claim(&folder, "a.key", 0o600).unwrap();
        fs::write(dir.path().join("a.key"), "another's").unwrap();
        assert!(matches!(claim.publish(), Err(Error::AlreadyExists { .. })));
        claim.retract();
        assert_eq!(fs::read(dir.path().join("a.key")).unwrap(), b"another's");
    }

    #[test]
    fn the_partial_file_of_a_dead_run_is_replaced_by_a_new_one() {
        let (dir, folder) = folder();
        let left = dir.path().join(".a.key.cfms-partial");
        fs::write(&left, "left").unwrap();
        fs::set_permissions(&left, fs::Permissions::from_mode(0o644)).unwrap();
        let before = fs::metadata(&left).unwrap().ino();
        let _keeps_the_number = fs::File::open(&left).unwrap();
        let claim = PartialFile::claim(&folder, "a.key", 0o600).unwrap();
        let after = claim.claim.metadata().unwrap();
        assert_ne!(after.ino(), before);
        assert_eq!((after.len(), after.mode() & 0o777), (0, 0o600));
    }

    #[test]
    fn a_sweep_removes_what_dead_runs_left_and_nothing_else() {
        let (dir, folder) = folder();
        for name in [
            ".dead.cfms.enc.cfms-partial",
            ".dead.key.cfms-partial",
            "mine.key",
            ".other.cfms-partial",
            ".x.key",
            ".bad\\name.key.cfms-partial",
        ] {
            fs::write(dir.path().join(name), "").unwrap();
        }
        fs::create_dir(dir.path().join(".folder.key.cfms-partial")).unwrap();
        let _alive = PartialFile::claim(&folder, "alive.key", 0o600).unwrap();
        let swept = folder.sweep().unwrap();
        assert_eq!(swept.iter().map(BackupName::as_str).collect::<Vec<_>>(), ["dead"]);
        let left = [
            ".alive.key.cfms-partial",
            ".bad\\name.key.cfms-partial",
            ".folder.key.cfms-partial",
            ".other.cfms-partial",
            ".x.key",
            "mine.key",
        ];
        assert_eq!(names(dir.path()), left);
    }

    #[test]
    fn a_claim_that_cannot_be_published_leaves_nothing_behind() {
        let (dir, folder) = folder();
        let mut claim = PartialFile::claim(&folder, "a.key", 0o600).unwrap();
        fs::write(dir.path().join("a.key"), "another's").unwrap();
        claim.publish().unwrap_err();
        claim.retract();
        drop(claim);
        assert_eq!(names(dir.path()), ["a.key"]);
    }

    #[test]
    fn a_file_that_was_put_in_the_partial_ones_place_is_not_published() {
        let (dir, folder) = folder();
        let mut claim = PartialFile::claim(&folder, "a.key", 0o600).unwrap();
        let partial = dir.path().join(".a.key.cfms-partial");
        fs::remove_file(&partial).unwrap();
        fs::write(&partial, "bogus").unwrap();
        assert!(matches!(claim.publish(), Err(Error::Io { action: "publish", .. })));
        assert!(!dir.path().join("a.key").exists());
    }

    #[test]
    fn a_retracted_file_is_gone_and_another_in_its_place_stays() {
        let (dir, folder) = folder();
        let mut claim = PartialFile::claim(&folder, "a.key", 0o600).unwrap();
        claim.publish().unwrap();
        claim.retract();
        assert!(names(dir.path()).is_empty());

        let mut claim = PartialFile::claim(&folder, "a.key", 0o600).unwrap();
        claim.publish().unwrap();
        fs::remove_file(dir.path().join("a.key")).unwrap();
        fs::write(dir.path().join("a.key"), "another's").unwrap();
        claim.retract();
        assert_eq!(names(dir.path()), ["a.key"]);
    }
}
