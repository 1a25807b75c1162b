//! The files and folders that are the server's own, and no row's content: whoever can write a row could else have the keys
//! of old backups put into a backup of the documents.
//!
//! They are known by where they are and by what they are (device and inode), so that neither another spelling of a path
//! nor a hard link leads to them.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::source::DatabaseFiles;

/// Folders of the data directory in which no contents lie.
const FOLDERS: [&str; 2] = ["content/backups", "content/ssl"];
/// Files in such folders that are known by what they are. Real servers have dozens.
const MOST: usize = 100_000;

/// What a file is, by whatever name: device and inode.
pub(super) type FileId = (u64, u64);

/// The server's own. The default is nothing at all.
#[derive(Debug, Default)]
pub(super) struct Own {
    files: HashSet<FileId>,
    folders: HashSet<FileId>,
    /// Files that may not be there yet, like a database's log: the folder, and the name in it.
    names: Vec<(FileId, OsString)>,
}

impl Own {
    /// What is the own of the server in `root`: its `database` and what SQLite puts beside it, its other `files`, and the
    /// folders of keys and backups with all that is in them.
    pub(super) fn of(root: &Path, database: &Path, files: impl Iterator<Item = PathBuf>) -> Self {
        let mut own = Self::default();
        let beside = DatabaseFiles::of(database).map(|files| files.all()).unwrap_or_default();
        for path in files.chain([database.to_path_buf()]).chain(beside) {
            own.add_file(&path);
        }
        for folder in FOLDERS {
            own.add_folder(root.join(folder));
        }
        own
    }

    pub(super) fn is_file(&self, id: FileId) -> bool {
        self.files.contains(&id)
    }

    pub(super) fn is_folder(&self, id: FileId) -> bool {
        self.folders.contains(&id)
    }

    /// Whether the file `name` in `folder` is one, there or not. Some disks do not tell upper from lower case.
    pub(super) fn is_named(&self, folder: FileId, name: &str) -> bool {
        let is_name = |own: &OsStr| own.eq_ignore_ascii_case(name);
        self.names.iter().any(|(id, own)| *id == folder && is_name(own))
    }

    /// Whether `path`, which has no links, is one of them or in one of the folders.
    pub(super) fn holds(&self, path: &Path) -> bool {
        let id = |path: &Path| fs::metadata(path).ok().map(|found| id_of(&found));
        id(path).is_some_and(|id| self.is_file(id)) || path.ancestors().filter_map(id).any(|id| self.is_folder(id))
    }

    fn add_file(&mut self, path: &Path) {
        if let Ok(found) = fs::metadata(path) {
            self.files.insert(id_of(&found));
        }
        if let (Some(Ok(folder)), Some(name)) = (path.parent().map(fs::metadata), path.file_name()) {
            self.names.push((id_of(&folder), name.to_owned()));
        }
    }

    fn add_folder(&mut self, folder: PathBuf) {
        let mut pending = vec![folder];
        while let Some(folder) = pending.pop() {
            let Ok(found) = fs::metadata(&folder) else { continue };
            if !found.is_dir() || !self.folders.insert(id_of(&found)) {
                continue;
            }
            for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
                let Ok(found) = entry.metadata() else { continue };
                if found.is_dir() {
                    pending.push(entry.path());
                } else if self.files.len() < MOST {
                    self.files.insert(id_of(&found));
                }
            }
        }
    }
}

/// What `found` is.
pub(super) fn id_of(found: &Metadata) -> FileId {
    (found.dev(), found.ino())
}
