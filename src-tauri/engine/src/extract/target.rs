//! The folder that things are written into, through held handles: never through a link, never over what is there unasked.
//!
//! A file is written into a private folder of this run below the output folder, and gets its name only when it is whole
//! and on the disk. Syncing every small file by itself would take hours, so a batch of them is synced at once.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cap_fs_ext::{DirExt, FollowSymlinks, OpenOptionsFollowExt};
use cap_std::ambient_authority;
use cap_std::fs::{Dir, DirBuilder, DirBuilderExt, OpenOptions, OpenOptionsExt};
use rustix::fs::RenameFlags;
use rustix::io::Errno;

use super::Conflict;
use super::layout::Layout;
use crate::error::{Error, Result};
use crate::own_folder::{self, OwnFolder, handle};

/// How the private folders of runs begin.
pub(super) const OWN_PREFIX: &str = ".cfms-extract-";
/// Files, and bytes of them, that get their names together.
const BATCH: (usize, u64) = (1000, 256 << 20);
/// Folders that are held open.
const MAX_OPEN: usize = 64;

/// The output folder.
pub(super) struct Target {
    path: PathBuf,
    top: Dir,
    open: HashMap<usize, Dir>,
    /// Folders of the layout that were not there before.
    created: HashSet<usize>,
}

/// A run's private folder in the output folder, and what waits in it for its names.
pub(super) struct Staging<'t> {
    target: &'t mut Target,
    own: OwnFolder,
    waiting: Vec<Waiting>,
    bytes: u64,
    next: u64,
}

struct Waiting {
    staged: String,
    folder: usize,
    name: String,
    conflict: Conflict,
}

/// A file that is being written.
pub(super) struct Staged {
    pub(super) file: File,
    name: String,
}

impl Target {
    /// Opens the folder at `path`, or creates it.
    pub(super) fn open(path: &Path) -> Result<Self> {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(|e| Error::io("create", path, e))?;
        let top = Dir::open_ambient_dir(path, ambient_authority()).map_err(|e| Error::io("open", path, e))?;
        Ok(Self { path: path.to_path_buf(), top, open: HashMap::new(), created: HashSet::new() })
    }

    /// A file's path, for people.
    pub(super) fn path(&self, layout: &Layout, folder: usize, name: &str) -> PathBuf {
        self.path.join(layout.path_of(folder, name))
    }

    /// Whether anything bears that name. A folder that is not there holds nothing.
    pub(super) fn holds(
        &mut self,
        layout: &Layout,
        folder: usize,
        name: &str,
    ) -> Result<Option<cap_std::fs::Metadata>> {
        let shown = self.path(layout, folder, name);
        let Some(dir) = self.folder(layout, folder, false)? else { return Ok(None) };
        match dir.symlink_metadata(name) {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io("look at", shown, error)),
        }
    }

    /// Refuses a link, or a file, in the place of a folder.
    pub(super) fn check(&mut self, layout: &Layout, folder: usize) -> Result<()> {
        self.folder(layout, folder, false).map(drop)
    }

    /// Creates the folder, and those above it, where they are missing.
    pub(super) fn create(&mut self, layout: &Layout, folder: usize) -> Result<()> {
        self.folder(layout, folder, true).map(drop)
    }

    /// Sets the time of a folder that was created, as far as it can be set: it is for people only.
    fn set_time(&mut self, layout: &Layout, folder: usize) {
        let time = if self.created.contains(&folder) { layout.folders[folder].time } else { f64::NAN };
        if let (Ok(Some(dir)), Some(times)) = (self.folder(layout, folder, false), times(time)) {
            let _ = handle(dir).and_then(|handle| Ok(rustix::fs::futimens(handle, &times)?));
        }
    }

    fn folder(&mut self, layout: &Layout, folder: usize, create: bool) -> Result<Option<&Dir>> {
        if folder == 0 {
            return Ok(Some(&self.top));
        }
        if !self.open.contains_key(&folder) {
            let Some(dir) = self.walk(layout, folder, create)? else { return Ok(None) };
            if self.open.len() >= MAX_OPEN {
                self.open.clear();
            }
            self.open.insert(folder, dir);
        }
        Ok(self.open.get(&folder))
    }

    fn walk(&mut self, layout: &Layout, folder: usize, create: bool) -> Result<Option<Dir>> {
        let mut held: Option<Dir> = None;
        for step in layout.way_to(folder) {
            let from = held.as_ref().unwrap_or(&self.top);
            let name = layout.folders[step].name.as_str();
            let shown = || self.path.join(layout.path_of(layout.folders[step].parent, name));
            if create {
                match from.create_dir_with(name, DirBuilder::new().mode(0o700)) {
                    Ok(()) => drop(self.created.insert(step)),
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                    Err(error) => return Err(Error::io("create", shown(), error)),
                }
            }
            held = match from.open_dir_nofollow(name) {
                Ok(dir) => Some(dir),
                Err(error) if error.kind() == io::ErrorKind::NotFound && !create => return Ok(None),
                Err(error) => match from.symlink_metadata(name) {
                    Ok(found) if !found.is_dir() => return Err(Error::InTheWay { path: shown() }),
                    _ => return Err(Error::io("open", shown(), error)),
                },
            };
        }
        Ok(held)
    }
}

impl<'t> Staging<'t> {
    /// Makes the private folder, and removes those of runs that died.
    pub(super) fn begin(target: &'t mut Target) -> Result<Self> {
        sweep(&target.top);
        let own = OwnFolder::create(&target.top, &target.path, OWN_PREFIX)?;
        Ok(Self { target, own, waiting: Vec::new(), bytes: 0, next: 0 })
    }

    /// A new file, readable by this user alone.
    pub(super) fn create(&mut self) -> Result<Staged> {
        let name = self.next.to_string();
        self.next += 1;
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600).follow(FollowSymlinks::No);
        let file = self.own.dir.open_with(&name, &options).map_err(|e| Error::io("create", self.shown(&name), e))?;
        Ok(Staged { file: file.into_std(), name })
    }

    /// Takes the file, which is whole, for its place. It gets its name with the batch.
    pub(super) fn keep(
        &mut self,
        layout: &Layout,
        staged: Staged,
        (folder, name): (usize, &str),
        (time, size): (f64, u64),
        conflict: Conflict,
    ) -> Result<()> {
        if let Some(times) = times(time) {
            // For people only: a file system that keeps no such time is no reason to fail.
            let _ = rustix::fs::futimens(&staged.file, &times);
        }
        self.waiting.push(Waiting { staged: staged.name, folder, name: name.to_owned(), conflict });
        self.bytes += size;
        if self.waiting.len() >= BATCH.0 || self.bytes >= BATCH.1 { self.flush(layout) } else { Ok(()) }
    }

    /// Throws the file away.
    pub(super) fn discard(&mut self, staged: Staged) -> Result<()> {
        self.own.dir.remove_file(&staged.name).map_err(|e| Error::io("remove", self.shown(&staged.name), e))
    }

    /// The output folder.
    pub(super) fn target(&mut self) -> &mut Target {
        self.target
    }

    /// Gives the waiting files their names.
    pub(super) fn flush(&mut self, layout: &Layout) -> Result<()> {
        self.sync()?;
        for waiting in std::mem::take(&mut self.waiting) {
            let shown = self.target.path(layout, waiting.folder, &waiting.name);
            let Some(folder) = self.target.folder(layout, waiting.folder, true)? else {
                return Err(Error::NotFound { path: shown });
            };
            publish(&self.own.dir, &waiting, folder).map_err(|error| match error {
                Errno::EXIST => Error::AlreadyExists { path: shown },
                Errno::ISDIR | Errno::NOTDIR | Errno::NOTEMPTY => Error::InTheWay { path: shown },
                error => Error::io("rename", shown, error.into()),
            })?;
        }
        self.bytes = 0;
        Ok(())
    }

    /// Ends: names and times are durable, and the private folder is gone.
    pub(super) fn finish(mut self, layout: &Layout) -> Result<()> {
        self.flush(layout)?;
        self.remove();
        // Deepest first: whatever is made in a folder changes its time.
        for folder in (1..layout.folders.len()).rev() {
            self.target.set_time(layout, folder);
        }
        self.sync()
    }

    fn sync(&self) -> Result<()> {
        let path = &self.target.path;
        let handle = handle(&self.target.top).map_err(|e| Error::io("open", path, e))?;
        rustix::fs::syncfs(handle).map_err(|e| Error::io("sync", path, e.into()))
    }

    fn shown(&self, name: &str) -> PathBuf {
        self.target.path.join(&self.own.name).join(name)
    }

    fn remove(&mut self) {
        // Only our own files are in it. What cannot be removed now is removed by the next run.
        let _ = empty(&self.own.dir);
        let _ = self.target.top.remove_dir(&self.own.name);
    }
}

impl Drop for Staging<'_> {
    fn drop(&mut self) {
        self.remove();
    }
}

fn publish(dir: &Dir, waiting: &Waiting, folder: &Dir) -> Result<(), Errno> {
    let (staged, name) = (waiting.staged.as_str(), waiting.name.as_str());
    if waiting.conflict == Conflict::Overwrite {
        // This replaces a link itself, and never what it leads to.
        return rustix::fs::renameat(dir, staged, folder, name);
    }
    match rustix::fs::renameat_with(dir, staged, folder, name, RenameFlags::NOREPLACE) {
        // Where the file system has no such rename, a hard link does not replace either.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
            match rustix::fs::linkat(dir, staged, folder, name, rustix::fs::AtFlags::empty()) {
                Ok(()) => rustix::fs::unlinkat(dir, staged, rustix::fs::AtFlags::empty()),
                Err(Errno::PERM | Errno::OPNOTSUPP | Errno::NOSYS) if folder.symlink_metadata(name).is_err() => {
                    rustix::fs::renameat(dir, staged, folder, name)
                }
                Err(error) => Err(error),
            }
        }
        renamed => renamed,
    }
}

/// Removes the private folders of runs that died; what cannot be removed stays.
fn sweep(top: &Dir) {
    let Ok(dead) = own_folder::dead(top, OWN_PREFIX) else { return };
    for (name, dir) in dead {
        if empty(&dir).is_ok() {
            let _ = top.remove_dir(&name);
        }
    }
}

/// Empties a private folder, if nothing but files of a run is in it.
fn empty(dir: &Dir) -> io::Result<()> {
    let names = dir.entries()?.map(|entry| entry.map(|entry| entry.file_name())).collect::<io::Result<Vec<_>>>()?;
    if !names.iter().all(|name| name.as_encoded_bytes().iter().all(u8::is_ascii_digit)) {
        return Err(io::ErrorKind::DirectoryNotEmpty.into());
    }
    names.iter().try_for_each(|name| dir.remove_file(name))
}

/// Unix seconds as times of a file; nothing for what no file system keeps.
fn times(unix_seconds: f64) -> Option<rustix::fs::Timestamps> {
    if !(0.0..=253_402_300_799.0).contains(&unix_seconds) {
        return None;
    }
    let time = Duration::from_secs_f64(unix_seconds);
    let spec = rustix::fs::Timespec { tv_sec: time.as_secs().try_into().ok()?, tv_nsec: time.subsec_nanos().into() };
    Some(rustix::fs::Timestamps { last_access: spec, last_modification: spec })
}
