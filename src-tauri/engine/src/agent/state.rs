//! The agent's own folder. Whoever could write to it could have the agent give out any file: so nobody else may, and in it
//! no link is followed and no file of another is taken for one's own.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use rustix::io::Errno;
use zeroize::Zeroizing;

use crate::error::{Error, Result};

/// Takes the folder for this process, and creates it where it is missing.
pub(super) fn claim(folder: &Path) -> Result<File> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|e| Error::io("create", folder, e))?;
    let handle = File::open(folder).map_err(|e| Error::io("open", folder, e))?;
    check(&handle, folder)?;
    match handle.try_lock() {
        Ok(()) => Ok(handle),
        Err(TryLockError::WouldBlock) => {
            let source = io::Error::other("another agent uses it");
            Err(Error::Io { action: "use", path: folder.to_path_buf(), source })
        }
        Err(TryLockError::Error(error)) => Err(Error::io("lock", folder, error)),
    }
}

/// Opens a file of the folder; where `options` create it, it is this user's alone.
pub(super) fn open(path: &Path, options: &mut OpenOptions) -> Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    // The flags of open(2) are small positive numbers.
    let opened = options.mode(0o600).custom_flags(flags.bits().cast_signed()).open(path);
    let in_the_way = || Error::InTheWay { path: path.to_path_buf() };
    let file = match opened {
        Err(error) if error.raw_os_error() == Some(Errno::LOOP.raw_os_error()) => return Err(in_the_way()),
        opened => opened.map_err(|e| Error::io("open", path, e))?,
    };
    match file.metadata() {
        Ok(found) if found.is_file() => check(&file, path).map(|()| file),
        _ => Err(in_the_way()),
    }
}

/// What is in a file of the folder; `None` where there is none.
pub(super) fn read(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>> {
    let mut file = match open(path, OpenOptions::new().read(true)) {
        Err(Error::NotFound { .. }) => return Ok(None),
        opened => opened?,
    };
    let mut bytes = Zeroizing::new(Vec::new());
    file.read_to_end(&mut bytes).map_err(|e| Error::io("read", path, e))?;
    Ok(Some(bytes))
}

/// Writes a file of the folder anew. The old one is there until the new one is whole.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    let (new, mut file) = create_beside(path)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all()).and_then(|()| fs::rename(&new, path));
    written.map_err(|e| Error::io("write", path, e))
}

/// Creates the file that is to take the place of `path`, to append to.
pub(super) fn create_beside(path: &Path) -> Result<(PathBuf, File)> {
    let new = path.with_added_extension("new");
    // What a dead run left there is of no use.
    match fs::remove_file(&new) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(Error::io("replace", &new, error)),
        _ => {}
    }
    let file = open(&new, OpenOptions::new().append(true).create_new(true))?;
    Ok((new, file))
}

/// Whether it is this user's, and no other may write to it.
fn check(file: &File, path: &Path) -> Result<()> {
    let found = file.metadata().map_err(|e| Error::io("read", path, e))?;
    let problem = if found.uid() != rustix::process::geteuid().as_raw() {
        "it belongs to another user"
    } else if found.mode() & 0o022 != 0 {
        "others may write to it"
    } else {
        return Ok(());
    };
    Err(Error::StateNotPrivate { path: path.to_path_buf(), problem })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn a_folder_that_others_may_write_to_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        for (mode, is_taken) in [(0o700, true), (0o755, true), (0o720, false), (0o702, false), (0o1777, false)] {
            fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode)).unwrap();
            let claimed = claim(folder.path());
            let is_refused = matches!(&claimed, Err(Error::StateNotPrivate { .. }));
            assert!(claimed.is_ok() == is_taken && is_refused != is_taken, "{mode:o}: {claimed:?}");
        }
    }

    #[test]
    fn a_folder_of_another_user_is_refused() {
        // /proc/1 is root's, and /proc/self this user's: one who is root can give a folder away.
        let folder = tempfile::tempdir().unwrap();
        let path = match rustix::process::geteuid().is_root() {
            true => {
                std::os::unix::fs::chown(folder.path(), Some(65534), None).unwrap();
                folder.path()
            }
            false => Path::new("/usr"),
        };
        let refused = claim(path).unwrap_err();
        assert!(matches!(&refused, Error::StateNotPrivate { .. }), "{refused}");
        assert!(refused.to_string().contains("belongs to another user"), "{refused}");
    }

    #[test]
    fn links_are_neither_read_nor_written_through() {
        let folder = tempfile::tempdir().unwrap();
        let (victim, link) = (folder.path().join("victim"), folder.path().join("link"));
        fs::write(&victim, "untouched").unwrap();
        symlink(&victim, &link).unwrap();
        symlink(&victim, folder.path().join("link.new")).unwrap();
        assert!(matches!(read(&link), Err(Error::InTheWay { .. })));
        assert!(matches!(open(&link, OpenOptions::new().append(true).create(true)), Err(Error::InTheWay { .. })));
        replace(&link, b"new").unwrap();
        assert_eq!(fs::read(&victim).unwrap(), b"untouched");
        assert_eq!(&**read(&link).unwrap().unwrap(), b"new");
        assert!(read(&folder.path().join("nothing")).unwrap().is_none());
    }

    #[test]
    fn what_is_no_plain_file_or_may_be_written_by_others_is_not_ones_own() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(read(folder.path()), Err(Error::InTheWay { .. })));
        let open_to_all = folder.path().join("open");
        fs::write(&open_to_all, "x").unwrap();
        fs::set_permissions(&open_to_all, fs::Permissions::from_mode(0o666)).unwrap();
        assert!(matches!(read(&open_to_all), Err(Error::StateNotPrivate { .. })));
    }
}
