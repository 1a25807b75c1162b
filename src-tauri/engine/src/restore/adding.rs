//! Contents on their way into the data directory of a server that is there.
//!
//! Each is written into a private folder in it, and renamed into place when all are on the disk: then come the database's
//! rows. A list of what is renamed is written before. So whatever dies, the next run knows which files nobody's row points
//! at, and removes them; rows that point at nothing there are never.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use cap_fs_ext::{DirExt, FollowSymlinks, OpenOptionsFollowExt};
use cap_std::ambient_authority;
use cap_std::fs::{Dir, DirBuilder, DirBuilderExt, MetadataExt, OpenOptions, OpenOptionsExt};
use rustix::fs::{AtFlags, Gid, RenameFlags, Uid};
use rustix::io::Errno;
use serde_json::json;

use crate::error::{Error, Result};
use crate::own_folder::{self, OwnFolder, handle};
use crate::server_data::{Incoming, ServerData, plain};

/// How the private folders of these runs begin.
const OWN_PREFIX: &str = ".cfms-adding-";
/// The list of what is renamed: lines of JSON, each a file's number in its file system and its place. The first, with the
/// number 0, is the copy of the database.
const JOURNAL: &str = "journal";

/// The data directory and the private folder in it.
pub(super) struct Adding {
    path: PathBuf,
    top: Dir,
    own: OwnFolder,
    /// To whom everything is given: the owner of the data directory, where root writes.
    owner: Option<(u32, u32)>,
    /// The modes of new files and folders: those of the data directory.
    modes: (u32, u32),
    /// Whether nothing is to be taken back any more, or only the next run can tell.
    is_settled: bool,
}

impl Adding {
    /// Begins in the folder `path`.
    pub(super) fn begin(path: &Path) -> Result<Self> {
        let top = Dir::open_ambient_dir(path, ambient_authority()).map_err(|e| Error::io("open", path, e))?;
        let own = OwnFolder::create(&top, path, OWN_PREFIX)?;
        let found = top.dir_metadata().map_err(|e| Error::io("look at", path, e))?;
        let is_anothers = rustix::process::geteuid().is_root() && found.uid() != 0;
        let owner = is_anothers.then(|| (found.uid(), found.gid()));
        let mode = found.mode() & 0o777;
        let modes = ((mode & 0o666) | 0o600, mode | 0o700);
        Ok(Self { path: path.to_path_buf(), top, own, owner, modes, is_settled: false })
    }

    /// A new file in the private folder.
    pub(super) fn create(&self, name: &str) -> Result<File> {
        let shown = self.path.join(&self.own.name).join(name);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600).follow(FollowSymlinks::No);
        let file = self.own.dir.open_with(name, &options).map_err(|e| Error::io("create", &shown, e))?.into_std();
        self.give(&file).map_err(|e| Error::io("change the owner of", &shown, e))?;
        Ok(file)
    }

    /// The same for a file that its owner alone may read.
    pub(super) fn create_private(&self, name: &str) -> Result<File> {
        let file = self.create(name)?;
        let private = rustix::fs::fchmod(&file, rustix::fs::Mode::from_raw_mode(0o600));
        private.map_err(|e| Error::io("create", self.path.join(name), e.into()))?;
        Ok(file)
    }

    /// Removes such a file.
    pub(super) fn discard(&self, name: &str) -> Result<()> {
        self.own.dir.remove_file(name).map_err(|e| Error::io("remove", self.path.join(&self.own.name).join(name), e))
    }

    /// Puts every content that was written in its place; `set_aside` is a file of this name beside them that goes where the
    /// contents go.
    pub(super) fn publish(&self, incoming: &Incoming, set_aside: &str) -> Result<()> {
        self.write_journal(incoming, set_aside)?;
        // The journal and the contents with it: in bulk, as one file at a time would take hours.
        self.sync()?;
        self.rename(set_aside, &self.top, set_aside, set_aside)?;
        let mut folders = Folders { adding: self, last: None };
        incoming.each_written(|n, place, _| folders.put(&n.to_string(), place))?;
        self.sync()
    }

    /// Opens what was put in its place, to read it.
    pub(super) fn open(&self, place: &str) -> Result<File> {
        let failed = |e| Error::io("read back", self.path.join(place), e);
        let (folder, name) = place.rsplit_once('/').unwrap_or(("", place));
        let mut options = OpenOptions::new();
        options.read(true).follow(FollowSymlinks::No);
        let folder = open_folder(&self.top, folder).map_err(failed)?;
        Ok(folder.open_with(name, &options).map_err(failed)?.into_std())
    }

    /// Rows point at what was put in place: it stays.
    pub(super) fn keep(mut self) {
        self.is_settled = true;
        let _ = self.top.remove_dir_all(&self.own.name);
    }

    /// Takes everything back that no row of the server's points at, and the copy `set_aside` where that is sure to be of no
    /// use.
    pub(super) fn take_back(mut self, data: &ServerData, set_aside: Option<&str>) {
        // Where that cannot be told now, the next run can.
        self.is_settled = true;
        if let Some(aside) = set_aside {
            let _ = self.top.remove_file(aside);
        }
        if settle(&self.top, &self.own.dir, data).is_ok() {
            let _ = self.top.remove_dir_all(&self.own.name);
        }
    }

    fn rename(&self, from: &str, to: &Dir, name: &str, shown: &str) -> Result<()> {
        let shown = || self.path.join(shown);
        match rustix::fs::renameat_with(&self.own.dir, from, to, name, RenameFlags::NOREPLACE) {
            Ok(()) => Ok(()),
            Err(Errno::EXIST) => Err(Error::AlreadyExists { path: shown() }),
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) if to.symlink_metadata(name).is_err() => {
                rustix::fs::renameat(&self.own.dir, from, to, name).map_err(|e| Error::io("rename", shown(), e.into()))
            }
            Err(error) => Err(Error::io("rename", shown(), error.into())),
        }
    }

    fn write_journal(&self, incoming: &Incoming, set_aside: &str) -> Result<()> {
        let failed = |e: io::Error| Error::io("write", self.path.join(&self.own.name).join(JOURNAL), e);
        let mut journal = BufWriter::new(self.create(JOURNAL)?);
        writeln!(journal, "{}", json!([0, set_aside])).map_err(failed)?;
        incoming.each_written(|n, place, _| {
            let written = self.own.dir.symlink_metadata(n.to_string()).map_err(failed)?;
            writeln!(journal, "{}", json!([written.ino(), place])).map_err(failed)
        })?;
        let file = journal.into_inner().map_err(|e| failed(e.into_error()))?;
        file.sync_all().map_err(failed)
    }

    fn sync(&self) -> Result<()> {
        let synced = handle(&self.own.dir).and_then(|handle| Ok(rustix::fs::syncfs(handle)?));
        synced.map_err(|e| Error::io("sync", &self.path, e))
    }

    fn give(&self, file: &File) -> io::Result<()> {
        if let Some((user, group)) = self.owner {
            std::os::unix::fs::fchown(file, Some(user), Some(group))?;
        }
        Ok(rustix::fs::fchmod(file, rustix::fs::Mode::from_raw_mode(self.modes.0))?)
    }
}

impl Drop for Adding {
    fn drop(&mut self) {
        // Nothing was put in place yet, or `settle` decides.
        if !self.is_settled && self.own.dir.symlink_metadata(JOURNAL).is_err() {
            let _ = self.top.remove_dir_all(&self.own.name);
        }
    }
}

/// Folders of the data directory, made where they are missing and never reached through a link.
struct Folders<'a> {
    adding: &'a Adding,
    last: Option<(String, Dir)>,
}

impl Folders<'_> {
    fn put(&mut self, staged: &str, place: &str) -> Result<()> {
        let (folder, name) = place.rsplit_once('/').unwrap_or(("", place));
        if self.last.as_ref().is_none_or(|(last, _)| last != folder) {
            self.last = Some((folder.to_owned(), self.make(folder)?));
        }
        match &self.last {
            Some((_, dir)) => self.adding.rename(staged, dir, name, place),
            None => Ok(()),
        }
    }

    fn make(&self, folder: &str) -> Result<Dir> {
        let Adding { path, top, owner, modes, .. } = self.adding;
        let failed = |action, error| Error::io(action, path.join(folder), error);
        let mut at = top.try_clone().map_err(|e| failed("open", e))?;
        for part in folder.split('/').filter(|part| !part.is_empty()) {
            match at.create_dir_with(part, DirBuilder::new().mode(modes.1)) {
                Ok(()) => {
                    if let Some((user, group)) = owner {
                        let (user, group) = (Uid::from_raw(*user), Gid::from_raw(*group));
                        rustix::fs::chownat(&at, part, Some(user), Some(group), AtFlags::SYMLINK_NOFOLLOW)
                            .map_err(|e| failed("change the owner of", e.into()))?;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(failed("create", error)),
            }
            at = at.open_dir_nofollow(part).map_err(|error| match at.symlink_metadata(part) {
                Ok(found) if !found.is_dir() => Error::InTheWay { path: path.join(folder) },
                _ => failed("open", error),
            })?;
        }
        Ok(at)
    }
}

/// Removes what runs that died left in the folder of `data`, and says how many files of theirs were in place already.
pub(super) fn sweep(data: &ServerData) -> Result<u64> {
    let path = data.root();
    let top = Dir::open_ambient_dir(path, ambient_authority()).map_err(|e| Error::io("open", path, e))?;
    let dead: Vec<_> = own_folder::dead(&top, OWN_PREFIX).map_err(|e| Error::io("read", path, e))?.collect();
    let mut removed = 0;
    for (name, own) in dead {
        removed += settle(&top, &own, data)?;
        top.remove_dir_all(&name).map_err(|e| Error::io("remove", path.join(&name), e))?;
    }
    Ok(removed)
}

/// Removes the files of the private folder's list that are in place and that no row of the server's points at.
fn settle(top: &Dir, own: &Dir, data: &ServerData) -> Result<u64> {
    let mut options = OpenOptions::new();
    options.read(true).follow(FollowSymlinks::No);
    let Ok(journal) = own.open_with(JOURNAL, &options) else { return Ok(0) };
    let recorded: HashSet<_> = data.recorded_paths()?.iter().filter_map(|path| plain(path)).collect();
    let (mut removed, mut kept, mut aside) = (0, 0, None);
    for line in BufReader::new(journal.into_std()).lines() {
        let Ok(line) = line else { break };
        let Ok((ino, place)) = serde_json::from_str::<(u64, String)>(&line) else { continue };
        if ino == 0 {
            aside = Some(place);
            continue;
        }
        // A row of it, or one that had lost it: either way it is the server's.
        if recorded.contains(&place) {
            kept += 1;
            continue;
        }
        let (folder, name) = place.rsplit_once('/').unwrap_or(("", &place));
        let Ok(folder) = open_folder(top, folder) else { continue };
        if folder.symlink_metadata(name).is_ok_and(|found| found.is_file() && found.ino() == ino) {
            folder.remove_file(name).map_err(|e| Error::io("remove", data.root().join(&place), e))?;
            removed += 1;
        }
    }
    // The copy of a database that nothing was written into is of no use.
    if let Some(aside) = aside.filter(|_| removed > 0 && kept == 0) {
        let _ = top.remove_file(aside);
    }
    Ok(removed)
}

/// The folder at `path` in `top`, through no link.
pub(super) fn open_folder(top: &Dir, path: &str) -> io::Result<Dir> {
    let mut parts = path.split('/').filter(|part| !part.is_empty());
    parts.try_fold(top.try_clone()?, |at, part| at.open_dir_nofollow(part))
}
