//! A new data directory under construction: a private folder in it, that holds everything until the end.
//!
//! Then what it holds is renamed into place, `init` first and the database last: a server that starts without `init`
//! deletes its database. A list of what is to be renamed is written before, so that the next run can take a half-done
//! end back after a crash. Until the database is in its place there is no server, and nothing here is anybody else's.

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use cap_fs_ext::{DirExt, FollowSymlinks, OpenOptionsFollowExt};
use cap_std::ambient_authority;
use cap_std::fs::{Dir, DirBuilder, DirBuilderExt, MetadataExt, OpenOptions, OpenOptionsExt};
use rustix::fs::{AtFlags, RenameFlags};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::own_folder::{self, OwnFolder, handle};

/// How the private folders of restores begin.
const OWN_PREFIX: &str = ".cfms-restore-";
/// The list of what is renamed at the end.
const JOURNAL: &str = "journal";
/// Where in the private folder the data directory grows.
const TREE: &str = "tree";
/// Bytes that a journal may have.
const MAX_JOURNAL: u64 = 1 << 20;

/// The data directory and the private folder in it. Dropped, it leaves nothing behind.
pub(super) struct Staging {
    path: PathBuf,
    top: Dir,
    own: OwnFolder,
    tree: Dir,
    folders: HashSet<String>,
    /// To whom everything is given: the owner of the data directory, where root writes.
    owner: Option<(u32, u32)>,
    /// Folders that were made for the data directory, the highest first.
    made: Vec<PathBuf>,
    is_done: bool,
}

#[derive(Serialize, Deserialize)]
struct Renamed {
    name: String,
    dev: u64,
    ino: u64,
}

impl Staging {
    /// Begins in the folder `path`, which is made where it is missing.
    pub(super) fn begin(path: &Path) -> Result<Self> {
        let made = make(path)?;
        let top = Dir::open_ambient_dir(path, ambient_authority()).map_err(|e| Error::io("open", path, e))?;
        let own = OwnFolder::create(&top, path, OWN_PREFIX)?;
        let failed = |action, error| Error::io(action, path.join(&own.name), error);
        own.dir.create_dir_with(TREE, DirBuilder::new().mode(0o700)).map_err(|e| failed("create", e))?;
        let tree = own.dir.open_dir_nofollow(TREE).map_err(|e| failed("open", e))?;
        let owner = owner_of(&top).map_err(|e| Error::io("look at", path, e))?.filter(|_| made.is_empty());
        let (path, folders) = (path.to_path_buf(), HashSet::new());
        Ok(Self { path, top, own, tree, folders, owner, made, is_done: false })
    }

    /// Takes back what runs that died left in `path`: their private folders, and what they had begun to put in place.
    pub(super) fn sweep(path: &Path, database: &str) -> Result<()> {
        let Ok(top) = Dir::open_ambient_dir(path, ambient_authority()) else { return Ok(()) };
        for (name, own) in own_folder::dead(&top, OWN_PREFIX).map_err(|e| Error::io("read", path, e))? {
            if top.symlink_metadata(database).is_err() {
                take_back(&top, &own, &read_journal(&own));
            }
            top.remove_dir_all(&name).map_err(|e| Error::io("remove", path.join(&name), e))?;
        }
        Ok(())
    }

    /// A new file at `place`, readable by its owner alone.
    pub(super) fn create(&mut self, place: &str) -> Result<File> {
        let failed = |error| Error::io("create", self.path.join(place), error);
        for (at, _) in place.match_indices('/') {
            if !self.folders.contains(&place[..at]) {
                match self.tree.create_dir_with(&place[..at], DirBuilder::new().mode(0o700)) {
                    Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(failed(error)),
                    _ => drop(self.folders.insert(place[..at].to_owned())),
                }
            }
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600).follow(FollowSymlinks::No);
        let file = self.tree.open_with(place, &options).map_err(failed)?.into_std();
        if let Some((user, group)) = self.owner {
            std::os::unix::fs::fchown(&file, Some(user), Some(group))
                .map_err(|e| Error::io("change the owner of", self.path.join(place), e))?;
        }
        Ok(file)
    }

    /// Opens a file that was made, to read it.
    pub(super) fn open(&self, place: &str) -> Result<File> {
        let mut options = OpenOptions::new();
        options.read(true).follow(FollowSymlinks::No);
        let file =
            self.tree.open_with(place, &options).map_err(|e| Error::io("read back", self.path.join(place), e))?;
        Ok(file.into_std())
    }

    /// Removes a file that was made.
    pub(super) fn remove(&self, place: &str) -> Result<()> {
        self.tree.remove_file(place).map_err(|e| Error::io("remove", self.path.join(place), e))
    }

    /// Makes everything durable: in bulk, as one file at a time would take hours.
    pub(super) fn sync(&self) -> Result<()> {
        let synced = handle(&self.own.dir).and_then(|handle| Ok(rustix::fs::syncfs(handle)?));
        synced.map_err(|e| Error::io("sync", &self.path, e))
    }

    /// Puts everything in its place, `init` first and what holds `database` last; all of it or nothing.
    pub(super) fn publish(mut self, database: &str) -> Result<()> {
        let names = self.in_order(database)?;
        for name in &names {
            self.must_be_free(name)?;
        }
        if let Some((user, group)) = self.owner {
            for folder in &self.folders {
                let (user, group) = (rustix::fs::Uid::from_raw(user), rustix::fs::Gid::from_raw(group));
                rustix::fs::chownat(&self.tree, folder.as_str(), Some(user), Some(group), AtFlags::SYMLINK_NOFOLLOW)
                    .map_err(|e| Error::io("change the owner of", self.path.join(folder), e.into()))?;
            }
        }
        self.write_journal(&names)?;
        self.sync()?;
        let renamed = self.rename(&names).and_then(|()| self.sync());
        if renamed.is_err() {
            take_back(&self.top, &self.own.dir, &read_journal(&self.own.dir));
            return renamed;
        }
        self.is_done = true;
        Ok(())
    }

    fn rename(&self, names: &[String]) -> Result<()> {
        let failed = |name: &str, error: io::Error| Error::io("rename", self.path.join(name), error);
        for name in names {
            let _ = self.top.remove_dir(name);
            match rustix::fs::renameat_with(&self.tree, name.as_str(), &self.top, name.as_str(), RenameFlags::NOREPLACE)
            {
                Ok(()) => {}
                Err(rustix::io::Errno::EXIST) => return Err(Error::AlreadyExists { path: self.path.join(name) }),
                Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS | rustix::io::Errno::OPNOTSUPP) => {
                    self.must_be_free(name)?;
                    self.tree.rename(name, &self.top, name).map_err(|e| failed(name, e))?;
                }
                Err(error) => return Err(failed(name, error.into())),
            }
            // Each before the next: what comes last says that the rest is there.
            let synced = handle(&self.top).and_then(|top| top.sync_all());
            synced.map_err(|e| Error::io("sync", &self.path, e))?;
        }
        Ok(())
    }

    fn in_order(&self, database: &str) -> Result<Vec<String>> {
        let failed = |e| Error::io("read", self.path.join(&self.own.name), e);
        let entries = self.tree.entries().map_err(failed)?;
        let names = entries.map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()));
        let mut names = names.collect::<io::Result<Vec<_>>>().map_err(failed)?;
        let last = database.split('/').next().unwrap_or(database);
        names.sort_by_key(|name| (name == last, name != "init", name.clone()));
        Ok(names)
    }

    /// Nothing is in the way but a folder with nothing in it.
    fn must_be_free(&self, name: &str) -> Result<()> {
        let path = self.path.join(name);
        let is_free = match self.top.symlink_metadata(name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => true,
            Err(error) => return Err(Error::io("look at", path, error)),
            Ok(found) if found.is_dir() => {
                let entries = self.top.open_dir_nofollow(name).and_then(|dir| dir.entries());
                entries.map_err(|e| Error::io("read", &path, e))?.next().is_none()
            }
            Ok(_) => false,
        };
        if is_free { Ok(()) } else { Err(Error::AlreadyExists { path }) }
    }

    fn write_journal(&self, names: &[String]) -> Result<()> {
        let failed = |e| Error::io("write", self.path.join(&self.own.name).join(JOURNAL), e);
        let known = |name: &String| {
            let found = self.tree.symlink_metadata(name)?;
            Ok(Renamed { name: name.clone(), dev: found.dev(), ino: found.ino() })
        };
        let journal = names.iter().map(known).collect::<io::Result<Vec<_>>>().map_err(failed)?;
        let text = serde_json::to_vec(&journal).map_err(|e| failed(e.into()))?;
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let mut file = self.own.dir.open_with(JOURNAL, &options).map_err(failed)?.into_std();
        file.write_all(&text).and_then(|()| file.sync_all()).map_err(failed)
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // What cannot be removed now is removed by the next run.
        let _ = self.top.remove_dir_all(&self.own.name);
        if !self.is_done {
            for folder in self.made.iter().rev() {
                let _ = std::fs::remove_dir(folder);
            }
        }
    }
}

/// Makes the folder and those above it, and says which those are.
fn make(path: &Path) -> Result<Vec<PathBuf>> {
    use std::os::unix::fs::DirBuilderExt as _;
    let missing: Vec<_> =
        path.ancestors().take_while(|above| !above.as_os_str().is_empty() && !above.exists()).collect();
    let mut made = Vec::new();
    for folder in missing.into_iter().rev() {
        match std::fs::DirBuilder::new().mode(0o700).create(folder) {
            Ok(()) => made.push(folder.to_path_buf()),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(Error::io("create", folder, error)),
        }
    }
    Ok(made)
}

/// To whom what root writes in the folder belongs.
fn owner_of(dir: &Dir) -> io::Result<Option<(u32, u32)>> {
    let found = dir.dir_metadata()?;
    Ok((rustix::process::geteuid().is_root() && found.uid() != 0).then(|| (found.uid(), found.gid())))
}

/// Brings what was renamed back, as far as it is still the same.
fn take_back(top: &Dir, own: &Dir, journal: &[Renamed]) {
    let Ok(tree) = own.open_dir_nofollow(TREE) else { return };
    for Renamed { name, dev, ino } in journal.iter().rev() {
        let is_same = top.symlink_metadata(name).is_ok_and(|found| (found.dev(), found.ino()) == (*dev, *ino));
        if is_same {
            let _ = top.rename(name, &tree, name);
        }
    }
}

fn read_journal(own: &Dir) -> Vec<Renamed> {
    let mut options = OpenOptions::new();
    options.read(true).follow(FollowSymlinks::No);
    let Ok(file) = own.open_with(JOURNAL, &options) else { return Vec::new() };
    let mut text = Vec::new();
    let read = file.take(MAX_JOURNAL).read_to_end(&mut text);
    read.ok().and_then(|_| serde_json::from_slice(&text).ok()).unwrap_or_default()
}
