//! The two files of a backup from the claim on their names to their publication.
//!
//! The order at the end is what keeps an archive from ever being without its key: the key is complete, synced and under
//! its final name before the archive gets its own; if the archive then cannot be published, the key is taken away.

use std::fs::{DirBuilder, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use zeroize::Zeroizing;

use super::partial::{Folder, PartialFile};
use crate::error::{Error, Result};
use crate::names::BackupName;

/// How often a default name is made another before giving up.
const ATTEMPTS: u32 = 1000;

/// Both names of a backup, claimed. Dropped before [`Claim::publish`], it leaves nothing behind.
#[derive(Debug)]
pub(crate) struct Claim {
    name: BackupName,
    archive: PartialFile,
    key: PartialFile,
    orphaned_keys: Vec<PathBuf>,
    // After the files: a folder can be removed only once they are gone.
    created: CreatedFolders,
}

/// Where a backup is to be written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    /// The archive's folder.
    pub(crate) archive_dir: &'a Path,
    /// The key's folder.
    pub(crate) key_dir: &'a Path,
    /// A folder whose owner gets what is written into it, where the caller may give files away.
    pub(crate) give_away_in: Option<&'a Path>,
}

impl Claim {
    /// Claims `name`, or a name made of `now` (Unix seconds) that is free in both folders. Missing folders are created.
    pub(crate) fn new(place: Place<'_>, name: Option<&BackupName>, now: u64) -> Result<Self> {
        let mut created = CreatedFolders::default();
        created.create(place.archive_dir, 0o777, place.give_away_in)?;
        // Whoever can list a key's folder knows which backups there are: a new one is private.
        created.create(place.key_dir, 0o700, place.give_away_in)?;
        let archive_folder = Folder::open(place.archive_dir)?;
        let same = place.key_dir == place.archive_dir;
        let key_folder = if same { archive_folder.clone() } else { Folder::open(place.key_dir)? };
        let orphaned_keys = sweep(&archive_folder, &key_folder, same)?;

        let claim = |name: &BackupName| -> Result<(PartialFile, PartialFile)> {
            let key = PartialFile::claim(&key_folder, &name.key_file(), 0o600)?;
            let archive = PartialFile::claim(&archive_folder, &name.archive_file(), 0o666)?;
            Ok((archive, key))
        };
        let (name, (archive, key)) = match name {
            Some(name) => (name.clone(), claim(name)?),
            None => claim_free_name(&BackupName::of_time(now), claim)?,
        };
        for (file, folder, dir) in [(&archive, &archive_folder, place.archive_dir), (&key, &key_folder, place.key_dir)]
        {
            if place.give_away_in.is_some_and(|given| given == dir) {
                file.give_to(folder.owner()?)?;
            }
        }
        Ok(Self { name, archive, key, orphaned_keys, created })
    }

    /// The name that was claimed.
    pub(crate) fn name(&self) -> &BackupName {
        &self.name
    }

    /// The archive's final path.
    pub(crate) fn archive_path(&self) -> PathBuf {
        self.archive.path()
    }

    /// The key's final path.
    pub(crate) fn key_path(&self) -> PathBuf {
        self.key.path()
    }

    /// Keys of runs that died between publishing the key and the archive. They are only named: nobody but the person
    /// knows that they open nothing.
    pub(crate) fn orphaned_keys(&self) -> &[PathBuf] {
        &self.orphaned_keys
    }

    /// A handle to write the archive.
    pub(crate) fn archive_writer(&self) -> Result<File> {
        self.archive.writer()
    }

    /// Makes the written archive durable.
    pub(crate) fn seal_archive(&self) -> Result<()> {
        self.archive.seal(self.archive.writer()?)
    }

    /// A handle to read the archive back.
    pub(crate) fn archive_reader(&self) -> Result<File> {
        self.archive.reader()
    }

    /// Writes the key file's `text`, makes it durable and reads it back.
    pub(crate) fn write_key(&self, text: &Zeroizing<String>) -> Result<()> {
        let mut writer = self.key.writer()?;
        writer.write_all(text.as_bytes()).map_err(|e| Error::io("write", self.key_path(), e))?;
        self.key.seal(writer)?;
        let mut read_back = Zeroizing::new(Vec::with_capacity(text.len() + 1));
        let limit = text.len() as u64 + 1;
        let outcome = self.key.reader()?.take(limit).read_to_end(&mut read_back);
        outcome.map_err(|e| Error::io("read back", self.key_path(), e))?;
        if read_back.as_slice() == text.as_bytes() {
            Ok(())
        } else {
            let source = io::Error::other("the disk returned something else than was written");
            Err(Error::Io { action: "read back", path: self.key_path(), source })
        }
    }

    /// Publishes the key, then the archive. On failure neither is left.
    pub(crate) fn publish(mut self) -> Result<()> {
        let published = self.key.publish().and_then(|()| self.archive.publish());
        if let Err(error) = published {
            self.archive.retract();
            self.key.retract();
            return Err(error);
        }
        self.created.keep();
        Ok(())
    }
}

fn claim_free_name<T>(base: &BackupName, claim: impl Fn(&BackupName) -> Result<T>) -> Result<(BackupName, T)> {
    let mut name = base.clone();
    for attempt in 2..ATTEMPTS {
        match claim(&name) {
            Err(Error::AlreadyExists { .. } | Error::NameBusy { .. }) => name = base.numbered(attempt),
            outcome => return outcome.map(|claimed| (name, claimed)),
        }
    }
    claim(&name).map(|claimed| (name, claimed))
}

/// Removes what dead runs left in both folders, and finds the keys that they had published without an archive.
fn sweep(archives: &Arc<Folder>, keys: &Arc<Folder>, same: bool) -> Result<Vec<PathBuf>> {
    let mut dead = archives.sweep()?;
    if !same {
        dead.extend(keys.sweep()?);
    }
    let mut orphaned = Vec::new();
    for name in dead {
        if keys.holds(&name.key_file())? && !archives.holds(&name.archive_file())? {
            orphaned.push(keys.join(&name.key_file()));
        }
    }
    orphaned.dedup();
    Ok(orphaned)
}

/// Folders that this run made: removed again, where they are still empty, unless the backup is published.
#[derive(Debug, Default)]
struct CreatedFolders(Vec<PathBuf>);

impl CreatedFolders {
    fn create(&mut self, path: &Path, mode: u32, give_away_in: Option<&Path>) -> Result<()> {
        let missing: Vec<&Path> = path.ancestors().take_while(|ancestor| !ancestor.exists()).collect();
        for folder in missing.into_iter().rev().filter(|folder| !folder.as_os_str().is_empty()) {
            match DirBuilder::new().mode(mode).create(folder) {
                Ok(()) => self.0.push(folder.to_path_buf()),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                Err(error) => return Err(Error::io("create", folder, error)),
            }
            let parent = match folder.parent() {
                Some(parent) if !parent.as_os_str().is_empty() => parent,
                _ => Path::new("."),
            };
            if give_away_in.is_some_and(|given| given == path) {
                let owner = std::fs::metadata(parent).map_err(|e| Error::io("look at", parent, e))?;
                // The link itself, if somebody has put one there meanwhile.
                std::os::unix::fs::lchown(folder, Some(owner.uid()), Some(owner.gid()))
                    .map_err(|e| Error::io("change the owner of", folder, e))?;
            }
            Folder::open(parent)?.sync()?;
        }
        Ok(())
    }

    fn keep(&mut self) {
        self.0.clear();
    }
}

impl Drop for CreatedFolders {
    fn drop(&mut self) {
        for folder in self.0.iter().rev() {
            // Not empty, or gone: then it is not ours alone, and stays.
            let _ = std::fs::remove_dir(folder);
        }
    }
}
