//! Which pairs this agent made, and for whom: only these are given out or removed, never what else lies in the folder.

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::state;
use crate::create::Report;
use crate::error::{Error, Result};
use crate::hex;
use crate::protocol::Part;
use crate::server_data::{Account, open_unlinked};

/// Bytes of a key file that are looked at. Ours have three hundred.
const MAX_KEY_FILE: u64 = 64 * 1024;
/// Records above which such are struck off, the oldest first, whose pairs are not there any more.
const MANY: usize = 4096;

/// A pair that was made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) backup_name: String,
    pub(super) username: String,
    /// When that user's account was made, in Unix seconds: a later one of the same name is another user's.
    account_created: Option<f64>,
    archive: Made,
    key: Made,
}

/// For whom a pair is made.
#[derive(Debug, Clone)]
pub(super) struct Owner {
    pub(super) username: String,
    account_created: Option<f64>,
}

/// A file as it was when it was made: another one under its name is not it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Made {
    path: PathBuf,
    inode: u64,
    size: u64,
    /// When it was written last: seconds and nanoseconds. Inodes are used again.
    modified: (i64, i64),
    /// In lower-case hex.
    sha256: String,
}

/// A file that is to be given out.
pub(super) struct Opened {
    pub(super) file: File,
    pub(super) size: u64,
    /// What it must turn out to be, in lower-case hex.
    pub(super) sha256: String,
}

/// The list of them, in the agent's own folder.
pub(super) struct Records {
    path: PathBuf,
    all: Mutex<Vec<Record>>,
}

impl Records {
    /// Reads the list in `folder`. A pair that is not there stays on it: its disk may be mounted later.
    pub(super) fn open(folder: &Path) -> Result<Self> {
        let path = folder.join("records.json");
        let unusable = |error: serde_json::Error| Error::io("understand", &path, error.into());
        let all = match state::read(&path)? {
            Some(text) => serde_json::from_slice(&text).map_err(unusable)?,
            None => Vec::new(),
        };
        Ok(Self { path, all: Mutex::new(all) })
    }

    /// Notes that a pair was made for a user.
    pub(super) fn add(&self, report: &Report, owner: &Owner) -> Result<()> {
        let key = File::open(&report.key_path).map_err(|e| Error::io("read", &report.key_path, e))?;
        let key_digest = digest_of(&key, &report.key_path)?;
        let record = Record {
            backup_name: report.backup_name.clone(),
            username: owner.username.clone(),
            account_created: owner.account_created,
            archive: Made::at(&report.archive_path, report.archive_sha256.clone())?,
            key: Made::at(&report.key_path, key_digest)?,
        };
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        // A pair of that name that was there before has been taken away by somebody.
        let others = all.iter().filter(|old| old.backup_name != record.backup_name).cloned();
        let mut with_it: Vec<_> = others.chain([record.clone()]).collect();
        strike_off(&mut with_it, MANY);
        self.save(&with_it)?;
        *all = with_it;
        Ok(())
    }

    /// The pair of that name that was made for that user.
    pub(super) fn find(&self, backup_name: &str, owner: &Owner) -> Option<Record> {
        let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().find(|record| record.backup_name == backup_name && record.is_of(owner)).cloned()
    }

    /// Removes a pair and strikes it off. Where another file stands under one of its names, neither is touched. `false` where
    /// none of the two is there: it stays on the list, as its disk may not be mounted.
    pub(super) fn remove(&self, record: &Record) -> Result<bool> {
        // The archive first: a key without its archive opens nothing, an archive without its key is lost.
        let files = [&record.archive, &record.key];
        if let Some(other) = files.iter().find(|made| made.is_another()) {
            let source = std::io::Error::other("it was changed since it was made, so it is left as it is");
            return Err(Error::Io { action: "remove", path: other.path.clone(), source });
        }
        let mut is_there = false;
        for made in files {
            match fs::remove_file(&made.path) {
                Ok(()) => is_there = true,
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(Error::io("remove", &made.path, error));
                }
                _ => {}
            }
        }
        if is_there {
            let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
            all.retain(|other| other != record);
            self.save(&all)?;
        }
        Ok(is_there)
    }

    fn save(&self, all: &[Record]) -> Result<()> {
        let text = serde_json::to_vec_pretty(all).map_err(|e| Error::io("write", &self.path, e.into()))?;
        state::replace(&self.path, &text)
    }
}

/// Strikes off what is more than `many`, as far as it is not there.
fn strike_off(all: &mut Vec<Record>, many: usize) {
    let mut excess = all.len().saturating_sub(many);
    all.retain(|record| {
        let is_struck = excess > 0 && record.archive.is_gone() && record.key.is_gone();
        excess -= usize::from(is_struck);
        !is_struck
    });
}

impl Owner {
    pub(super) fn of(account: &Account) -> Self {
        Self { username: account.username.clone(), account_created: account.created }
    }
}

impl Record {
    fn is_of(&self, owner: &Owner) -> bool {
        self.username == owner.username && self.account_created == owner.account_created
    }

    /// Opens one of the two files, if it is still the one that was made. `None` if not.
    pub(super) fn open(&self, part: Part) -> Result<Option<Opened>> {
        let made = match part {
            Part::Archive => &self.archive,
            Part::Key => &self.key,
        };
        let file = match open_unlinked(&made.path) {
            Ok(file) => file,
            // A link is as little what was made as nothing.
            Err(error) if error.kind() == ErrorKind::NotFound || is_link(&error) => return Ok(None),
            Err(error) => return Err(Error::io("read", &made.path, error)),
        };
        let found = file.metadata().map_err(|e| Error::io("read", &made.path, e))?;
        let is_it = made.is(&found);
        // Of an archive this turns out while it is sent; a key is looked at before.
        let is_it = is_it && (part == Part::Archive || digest_of(&file, &made.path)? == made.sha256);
        Ok(is_it.then(|| Opened { file, size: made.size, sha256: made.sha256.clone() }))
    }
}

impl Made {
    fn at(path: &Path, sha256: String) -> Result<Self> {
        let found = fs::symlink_metadata(path).map_err(|e| Error::io("read", path, e))?;
        let (inode, size, modified) = (found.ino(), found.len(), (found.mtime(), found.mtime_nsec()));
        Ok(Self { path: path.to_path_buf(), inode, size, modified, sha256 })
    }

    /// Whether there is something under its name that is not it.
    fn is_another(&self) -> bool {
        fs::symlink_metadata(&self.path).is_ok_and(|found| !self.is(&found))
    }

    fn is_gone(&self) -> bool {
        fs::symlink_metadata(&self.path).is_err_and(|error| error.kind() == ErrorKind::NotFound)
    }

    fn is(&self, found: &fs::Metadata) -> bool {
        let is_as_made = (found.ino(), found.len(), (found.mtime(), found.mtime_nsec()));
        found.is_file() && is_as_made == (self.inode, self.size, self.modified)
    }
}

/// Whether it is what is said of a link that is not to be followed.
fn is_link(error: &std::io::Error) -> bool {
    error.raw_os_error() == Some(Errno::LOOP.raw_os_error())
}

/// The SHA-256 of a key file, called `path`.
fn digest_of(file: &File, path: &Path) -> Result<String> {
    let mut text = Zeroizing::new(Vec::new());
    file.take(MAX_KEY_FILE).read_to_end(&mut text).map_err(|e| Error::io("read", path, e))?;
    Ok(hex::encode(&Sha256::digest(&*text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_too_many_records_the_oldest_go_whose_pairs_are_gone() {
        let folder = tempfile::tempdir().unwrap();
        let made = |name: String| {
            let path = folder.path().join(name);
            fs::write(&path, "x").unwrap();
            Made::at(&path, String::new()).unwrap()
        };
        let mut all: Vec<_> = (0..6)
            .map(|n| Record {
                backup_name: n.to_string(),
                username: "admin".to_owned(),
                account_created: None,
                archive: made(format!("{n}.cfms.enc")),
                key: made(format!("{n}.key")),
            })
            .collect();
        for gone in ["1.cfms.enc", "1.key", "2.key", "3.cfms.enc", "3.key", "4.cfms.enc", "4.key"] {
            fs::remove_file(folder.path().join(gone)).unwrap();
        }
        let names = |all: &[Record]| all.iter().map(|record| record.backup_name.clone()).collect::<String>();
        strike_off(&mut all, 6);
        assert_eq!(names(&all), "012345");
        strike_off(&mut all, 4);
        assert_eq!(names(&all), "0245");
        strike_off(&mut all, 1);
        assert_eq!(names(&all), "025", "what is there stays, and half a pair too");
    }
}
