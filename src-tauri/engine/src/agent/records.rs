//! Which pairs this agent made, and for whom: only these are given out or removed, never what else lies in the folder.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rustix::fs::OFlags;
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::create::Report;
use crate::error::{Error, Result};
use crate::hex;
use crate::protocol::Part;
use crate::server_data::Account;

/// Bytes of a key file that are looked at. Ours have three hundred.
const MAX_KEY_FILE: u64 = 64 * 1024;

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
    /// Reads the list in `folder`. Pairs that are not there any more are struck off.
    pub(super) fn open(folder: &Path) -> Result<Self> {
        let path = folder.join("records.json");
        let mut all: Vec<Record> = match fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text).map_err(|error| Error::Io {
                action: "understand",
                path: path.clone(),
                source: error.into(),
            })?,
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(Error::io("read", &path, error)),
        };
        all.retain(|record| record.archive.path.exists() || record.key.path.exists());
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
        let with_it: Vec<_> = others.chain([record.clone()]).collect();
        self.save(&with_it)?;
        *all = with_it;
        Ok(())
    }

    /// The pair of that name that was made for that user.
    pub(super) fn find(&self, backup_name: &str, owner: &Owner) -> Option<Record> {
        let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().find(|record| record.backup_name == backup_name && record.is_of(owner)).cloned()
    }

    /// Removes a pair and strikes it off. Where another file stands under one of its names, neither is touched.
    pub(super) fn remove(&self, record: &Record) -> Result<()> {
        // The archive first: a key without its archive opens nothing, an archive without its key is lost.
        let files = [&record.archive, &record.key];
        if let Some(other) = files.iter().find(|made| made.is_another()) {
            let source = std::io::Error::other("it was changed since it was made, so it is left as it is");
            return Err(Error::Io { action: "remove", path: other.path.clone(), source });
        }
        for made in files {
            match fs::remove_file(&made.path) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(Error::io("remove", &made.path, error));
                }
                _ => {}
            }
        }
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|other| other != record);
        self.save(&all)
    }

    fn save(&self, all: &[Record]) -> Result<()> {
        let written = |e| Error::io("write", &self.path, e);
        let text = serde_json::to_vec_pretty(all).map_err(|e| written(e.into()))?;
        let new = self.path.with_extension("json.new");
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new).map_err(written)?;
        file.write_all(&text).and_then(|()| file.sync_all()).map_err(written)?;
        fs::rename(&new, &self.path).map_err(written)
    }
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
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
        // The flags of open(2) are small positive numbers.
        let file = match OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(&made.path) {
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
