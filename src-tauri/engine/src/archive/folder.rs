//! An output folder, and the partial files that dead runs left in it.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cap_fs_ext::{FollowSymlinks, OpenOptionsFollowExt, OpenOptionsSyncExt};
use cap_std::ambient_authority;
use cap_std::fs::{Dir, MetadataExt, OpenOptions};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use crate::error::{Error, Result};
use crate::names::{ARCHIVE_SUFFIX, BackupName, KEY_SUFFIX};

const PARTIAL_SUFFIX: &str = ".cfms-partial";

/// An output folder, used through one handle from first to last: renaming or replacing it meanwhile changes nothing.
#[derive(Debug)]
pub(crate) struct Folder {
    pub(super) dir: Dir,
    path: PathBuf,
}

impl Folder {
    /// Opens the folder at `path`.
    pub(crate) fn open(path: &Path) -> Result<Arc<Self>> {
        let dir = Dir::open_ambient_dir(path, ambient_authority()).map_err(|e| Error::io("open", path, e))?;
        Ok(Arc::new(Self { dir, path: path.to_path_buf() }))
    }

    /// Opens its folder `name`, which is no link; where it is not there it is created with those permissions (less the
    /// umask), and then `true`.
    pub(crate) fn open_or_create(&self, name: &OsStr, mode: u32) -> Result<(Arc<Self>, bool)> {
        let path = self.path.join(name);
        let is_new = match rustix::fs::mkdirat(&self.dir, name, Mode::from_raw_mode(mode)) {
            Ok(()) => true,
            Err(Errno::EXIST) => false,
            Err(error) => return Err(Error::io("create", path, error.into())),
        };
        // Also `..`: it is the person's own path.
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match rustix::fs::openat(&self.dir, name, flags, Mode::empty()) {
            Ok(handle) => Ok((Arc::new(Self { dir: Dir::from_std_file(handle.into()), path }), is_new)),
            Err(error) => Err(Error::io("open", path, error.into())),
        }
    }

    /// Gives the folder, just made and still empty, to another owner.
    pub(crate) fn give_to(&self, (user, group): (u32, u32)) -> Result<()> {
        let failed = |error: io::Error| Error::io("change the owner of", &self.path, error);
        // Whoever may rename in the folder above could have put another one in its place.
        let is_ours = self.owner()?.0 == rustix::process::geteuid().as_raw();
        if !is_ours || self.dir.entries().map_err(failed)?.next().is_some() {
            return Err(failed(io::Error::other("somebody put another folder in its place")));
        }
        let handle = self.readable().map_err(|e| failed(e.into()))?;
        std::os::unix::fs::fchown(handle, Some(user), Some(group)).map_err(failed)
    }

    /// Removes its folder `name` if it is empty.
    pub(crate) fn remove_empty(&self, name: &OsStr) -> io::Result<()> {
        self.dir.remove_dir(name)
    }

    /// Where the folder is now, if its path does not lead to it any more; without a place where the system does not tell.
    pub(crate) fn moved(&self) -> Option<Option<PathBuf>> {
        use std::os::unix::fs::MetadataExt as _;
        let held = self.dir.dir_metadata().ok()?;
        let is_there =
            std::fs::metadata(&self.path).is_ok_and(|found| found.dev() == held.dev() && found.ino() == held.ino());
        if is_there {
            return None;
        }
        let descriptor = self.dir.as_fd().as_raw_fd();
        Some(std::fs::read_link(format!("/proc/self/fd/{descriptor}")).ok())
    }

    /// The path of the file `name` in it, for people.
    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Whether anything, a dangling link too, has that name.
    pub(crate) fn holds(&self, name: &str) -> Result<bool> {
        match self.dir.symlink_metadata(name) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(Error::io("look at", self.join(name), error)),
        }
    }

    /// User and group that own the folder.
    pub(crate) fn owner(&self) -> Result<(u32, u32)> {
        let metadata = self.dir.dir_metadata().map_err(|e| Error::io("look at", &self.path, e))?;
        Ok((metadata.uid(), metadata.gid()))
    }

    /// Makes the names in it durable.
    pub(crate) fn sync(&self) -> Result<()> {
        match self.readable().and_then(rustix::fs::fsync) {
            // Some network file systems keep no folders that could be synced.
            Ok(()) | Err(Errno::INVAL) => Ok(()),
            Err(error) => Err(Error::io("sync", &self.path, error.into())),
        }
    }

    /// Removes the partial files of runs that died, and names the backups that they were to become.
    pub(crate) fn sweep(&self) -> Result<Vec<BackupName>> {
        let mut names = Vec::new();
        let entries = self.dir.entries().map_err(|e| Error::io("read", &self.path, e))?;
        for entry in entries {
            let entry = entry.map_err(|e| Error::io("read", &self.path, e))?;
            let Ok(file_name) = entry.file_name().into_string() else { continue };
            let Some(backup) = backup_of_partial(&file_name) else { continue };
            // What cannot be opened, locked or removed is another's, or in use: it is left alone.
            if self.remove_if_dead(&file_name).unwrap_or(false) && !names.contains(&backup) {
                names.push(backup);
            }
        }
        Ok(names)
    }

    /// The handle itself only names the folder (O_PATH): it takes one that is open for reading to sync it.
    fn readable(&self) -> rustix::io::Result<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        rustix::fs::openat(&self.dir, ".", flags, Mode::empty())
    }

    pub(super) fn remove_if_dead(&self, partial: &str) -> io::Result<bool> {
        let Some(file) = self.open_partial(partial)? else { return Ok(false) };
        if file.try_lock().is_err() || !self.is_still(partial, &file)? {
            return Ok(false);
        }
        self.dir.remove_file(partial)?;
        Ok(true)
    }

    /// The file `name`, if it is a regular one.
    fn open_partial(&self, name: &str) -> io::Result<Option<File>> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).follow(FollowSymlinks::No).nonblock(true);
        let file = self.dir.open_with(name, &options)?.into_std();
        Ok(file.metadata()?.is_file().then_some(file))
    }

    /// Whether `name` is still the file that was opened.
    pub(super) fn is_still(&self, name: &str, file: &File) -> io::Result<bool> {
        use std::os::unix::fs::MetadataExt as _;
        let opened = file.metadata()?;
        match self.dir.symlink_metadata(name) {
            Ok(named) => Ok(named.dev() == opened.dev() && named.ino() == opened.ino()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// What the file `final_name` is called while it is written.
pub(super) fn partial_name(final_name: &str) -> String {
    format!(".{final_name}{PARTIAL_SUFFIX}")
}

/// The backup whose archive or key was to be published from that partial file.
fn backup_of_partial(file_name: &str) -> Option<BackupName> {
    let target = file_name.strip_prefix('.')?.strip_suffix(PARTIAL_SUFFIX)?;
    let name = target.strip_suffix(ARCHIVE_SUFFIX).or_else(|| target.strip_suffix(KEY_SUFFIX))?;
    BackupName::parse(name).ok()
}
