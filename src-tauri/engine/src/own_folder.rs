//! A run's private folder within one of the person's: what is made in it gets its place only when it is whole, and what a
//! dead run left in one is known for that.

use std::fs::File;
use std::io;
use std::path::Path;

use cap_fs_ext::DirExt;
use cap_std::fs::{Dir, DirBuilder, DirBuilderExt};
use rustix::fs::{Mode, OFlags};

use crate::archive::key::fill_random;
use crate::error::{Error, Result};
use crate::hex;

/// The folder, which nobody else takes for a dead run's while this is held.
pub(crate) struct OwnFolder {
    pub(crate) dir: Dir,
    pub(crate) name: String,
    _lock: File,
}

impl OwnFolder {
    /// Makes one in `top`, which is at `path`; its name begins with `prefix`.
    pub(crate) fn create(top: &Dir, path: &Path, prefix: &str) -> Result<Self> {
        let mut random = [0; 8];
        fill_random(&mut random)?;
        let name = format!("{prefix}{}", hex::encode(&random));
        let failed = |action, error| Error::io(action, path.join(&name), error);
        top.create_dir_with(&name, DirBuilder::new().mode(0o700)).map_err(|e| failed("create", e))?;
        let dir = top.open_dir_nofollow(&name).map_err(|e| failed("open", e))?;
        let lock = handle(&dir).map_err(|e| failed("open", e))?;
        // A file system without locks has no sweeping either.
        let _ = lock.try_lock();
        Ok(Self { dir, name, _lock: lock })
    }
}

/// Those in `top` whose names begin with `prefix` and whose runs have died.
pub(crate) fn dead<'t>(top: &'t Dir, prefix: &'t str) -> io::Result<impl Iterator<Item = (String, Dir)> + 't> {
    let names = top.entries()?.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let folders = names.filter(move |name| name.starts_with(prefix)).filter_map(move |name| {
        let dir = top.open_dir_nofollow(&name).ok()?;
        let is_dead = handle(&dir).is_ok_and(|lock| lock.try_lock().is_ok());
        is_dead.then_some((name, dir))
    });
    Ok(folders)
}

/// A handle of a folder that can be locked and synced.
pub(crate) fn handle(dir: &Dir) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(dir, ".", flags, Mode::empty())?.into())
}
