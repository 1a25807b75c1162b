//! The two files of a backup from the claim on their names to their publication.
//!
//! The order at the end is what keeps an archive from ever being without its key: the key is complete, synced and under
//! its final name before the archive gets its own; if the archive then cannot be published, the key is taken away.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use zeroize::Zeroizing;

use super::folder::Folder;
use super::partial::PartialFile;
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
        let archive_folder = created.open(place.archive_dir, 0o777, place.give_away_in)?;
        let same = place.key_dir == place.archive_dir;
        let key_folder = match same {
            true => archive_folder.clone(),
            // Whoever can list a key's folder knows which backups there are: a new one is private.
            false => created.open(place.key_dir, 0o700, place.give_away_in)?,
        };
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

    /// Publishes the key, then the archive, and says where they are. On failure neither is left.
    pub(crate) fn publish(mut self) -> Result<Published> {
        let published = self.key.publish().and_then(|()| self.archive.publish());
        if let Err(error) = published {
            self.archive.retract();
            self.key.retract();
            return Err(error);
        }
        self.created.keep();
        Ok(Published { archive: Whereabouts::of(&self.archive), key: Whereabouts::of(&self.key) })
    }
}

/// Where the two files of a backup are.
#[derive(Debug)]
pub(crate) struct Published {
    pub(crate) archive: Whereabouts,
    pub(crate) key: Whereabouts,
}

/// Where a file was published.
#[derive(Debug)]
pub(crate) struct Whereabouts {
    /// Its path; the one that was meant, where the system does not tell another.
    pub(crate) path: PathBuf,
    /// The path that was meant, if its folder was renamed or replaced meanwhile.
    pub(crate) instead_of: Option<PathBuf>,
}

impl Whereabouts {
    fn of(file: &PartialFile) -> Self {
        let meant = file.path();
        match file.folder().moved() {
            None => Self { path: meant, instead_of: None },
            Some(place) => {
                let path = place.zip(meant.file_name()).map(|(folder, name)| folder.join(name));
                Self { path: path.unwrap_or_else(|| meant.clone()), instead_of: Some(meant) }
            }
        }
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

/// Folders that this run made, each by the handle of the folder that it lies in: removed again, where they are still empty,
/// unless the backup is published.
#[derive(Debug, Default)]
struct CreatedFolders(Vec<(Arc<Folder>, OsString)>);

impl CreatedFolders {
    /// Opens the folder at `path`. What is missing of it is created with those permissions, through no link: between the
    /// creating of a folder and its use nobody can put another in its place.
    fn open(&mut self, path: &Path, mode: u32, give_away_in: Option<&Path>) -> Result<Arc<Folder>> {
        let existing = path.ancestors().find(|above| above.exists()).unwrap_or(Path::new(""));
        let missing = path.strip_prefix(existing).unwrap_or(path);
        let mut folder = Folder::open(if existing.as_os_str().is_empty() { Path::new(".") } else { existing })?;
        for name in missing.components().map(Component::as_os_str) {
            let (below, is_new) = folder.open_or_create(name, mode)?;
            if is_new {
                self.0.push((folder.clone(), name.to_owned()));
                if give_away_in.is_some_and(|given| given == path) {
                    below.give_to(folder.owner()?)?;
                }
                folder.sync()?;
            }
            folder = below;
        }
        Ok(folder)
    }

    fn keep(&mut self) {
        self.0.clear();
    }
}

impl Drop for CreatedFolders {
    fn drop(&mut self) {
        for (folder, name) in self.0.iter().rev() {
            // Not empty, or gone: then it is not ours alone, and stays.
            let _ = folder.remove_empty(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    fn claim(archive_dir: &Path, key_dir: &Path) -> Result<Claim> {
        let place = Place { archive_dir, key_dir, give_away_in: None };
        Claim::new(place, Some(&BackupName::parse("a").unwrap()), 0)
    }

    fn finished(claim: Claim) -> Published {
        claim.seal_archive().unwrap();
        claim.write_key(&Zeroizing::new("{}".to_owned())).unwrap();
        claim.publish().unwrap()
    }

    #[test]
    fn missing_folders_are_created_and_a_failed_run_takes_its_own_away_again() {
        let scratch = tempfile::tempdir().unwrap();
        let (out, keys) = (scratch.path().join("a/../a/out"), scratch.path().join("b/keys"));
        drop(claim(&out, &keys).unwrap());
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 0);

        let published = finished(claim(&out, &keys).unwrap());
        assert_eq!((&published.archive.path, published.archive.instead_of), (&out.join("a.cfms.enc"), None));
        assert!(published.key.path.exists() && published.key.instead_of.is_none());
    }

    #[test]
    fn a_folder_that_is_replaced_while_folders_are_created_is_not_followed() {
        let scratch = tempfile::tempdir().unwrap();
        let elsewhere = scratch.path().join("elsewhere");
        fs::create_dir(&elsewhere).unwrap();
        let folder = Folder::open(scratch.path()).unwrap();
        // As somebody would who is faster between the look and the creating.
        symlink(&elsewhere, scratch.path().join("out")).unwrap();
        assert!(folder.open_or_create("out".as_ref(), 0o777).is_err());
    }

    #[test]
    fn a_folder_that_is_renamed_meanwhile_is_told_with_the_place_where_the_backup_is() {
        let scratch = tempfile::tempdir().unwrap();
        let root = scratch.path().canonicalize().unwrap();
        let (out, keys, renamed) = (root.join("out"), root.join("keys"), root.join("renamed"));
        let claim = claim(&out, &keys).unwrap();
        fs::rename(&out, &renamed).unwrap();
        fs::create_dir(&out).unwrap();
        let Published { archive, key } = finished(claim);
        assert_eq!(archive.instead_of, Some(out.join("a.cfms.enc")));
        assert_eq!(archive.path, renamed.join("a.cfms.enc"));
        assert!(archive.path.exists());
        assert_eq!((key.path, key.instead_of), (keys.join("a.key"), None));
    }

    #[test]
    fn what_is_created_for_the_folder_owner_is_given_to_him_and_never_what_was_put_in_its_place() {
        if !crate::skipped::is_root("giving away") {
            return;
        }
        use std::os::unix::fs::{MetadataExt, chown};
        let scratch = tempfile::tempdir().unwrap();
        let content = scratch.path().join("content");
        fs::create_dir(&content).unwrap();
        chown(&content, Some(12345), Some(12346)).unwrap();
        let out = content.join("backups");
        let place = Place { archive_dir: &out, key_dir: &out, give_away_in: Some(&out) };
        finished(Claim::new(place, None, 0).unwrap());
        for path in fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().path()).chain([out]) {
            let found = fs::metadata(&path).unwrap();
            assert_eq!((found.uid(), found.gid()), (12345, 12346), "{}", path.display());
        }

        let full = scratch.path().join("full");
        fs::create_dir(&full).unwrap();
        fs::write(full.join("root's"), "").unwrap();
        assert!(Folder::open(&full).unwrap().give_to((12345, 12346)).is_err());
        assert_eq!(fs::metadata(&full).unwrap().uid(), 0);
    }
}
