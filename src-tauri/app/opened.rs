//! The one backup that the window looks into, and the one work that may be done with it at a time.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cfms_backup::Canceller;

use crate::browsing::Browsing;
use crate::comparing::Comparing;
use crate::running::{Running, Turn};

/// What a backup's files are called, behind its name.
const ARCHIVE_SUFFIX: &str = ".cfms.enc";
const KEY_SUFFIX: &str = ".key";

/// The opened backup. With the last that uses it its key is wiped from memory.
#[derive(Clone, Default)]
pub(crate) struct Opened {
    browsing: Arc<Mutex<Option<Arc<Browsing>>>>,
    comparison: Arc<Mutex<Option<Arc<Comparing>>>>,
    work: Running,
}

/// The two files of a backup, as far as they were found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Pair {
    /// The archive.
    pub(crate) archive: Option<PathBuf>,
    /// The key.
    pub(crate) key: Option<PathBuf>,
}

impl Opened {
    /// Looks into this backup from now on, and into no other any more.
    pub(crate) fn open(&self, browsing: Browsing) -> Arc<Browsing> {
        self.close();
        let browsing = Arc::new(browsing);
        *self.place() = Some(browsing.clone());
        browsing
    }

    /// Looks into none any more; whatever is done with it is stopped.
    pub(crate) fn close(&self) {
        self.work.stop_and_wait();
        self.forget_comparison();
        *self.place() = None;
    }

    /// What it is compared with, if it is.
    pub(crate) fn comparison(&self) -> Option<Arc<Comparing>> {
        self.compared().clone()
    }

    /// Keeps a comparison that was made.
    pub(crate) fn keep_comparison(&self, comparing: Comparing) {
        *self.compared() = Some(Arc::new(comparing));
    }

    /// Lets go of the other side.
    pub(crate) fn forget_comparison(&self) {
        // It waits for its thread, and nobody else has to wait with it.
        let forgotten = self.compared().take();
        drop(forgotten);
    }

    /// The backup, if one is open.
    pub(crate) fn backup(&self) -> Option<Arc<Browsing>> {
        self.place().clone()
    }

    /// Begins to work with a backup; what was being done is stopped.
    pub(crate) fn begin(&self) -> Turn {
        loop {
            self.work.stop_and_wait();
            if let Some(turn) = self.work.begin() {
                return turn;
            }
        }
    }

    /// Asks what is being done to stop.
    pub(crate) fn stop(&self) {
        self.work.cancel();
    }

    fn compared(&self) -> MutexGuard<'_, Option<Arc<Comparing>>> {
        self.comparison.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn place(&self) -> MutexGuard<'_, Option<Arc<Browsing>>> {
        self.browsing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened").field("is_open", &self.place().is_some()).finish_non_exhaustive()
    }
}

impl Turn {
    /// A job that tells `listener`, and ends with this turn.
    pub(crate) fn job(&self, listener: impl Fn(cfms_backup::Event) + Send + Sync + 'static) -> cfms_backup::Job {
        let canceller: Canceller = self.canceller();
        cfms_backup::Job::new(listener).with_canceller(canceller)
    }
}

impl Pair {
    /// The pair that one or two files are of. A single one's partner is looked for beside it, then in `archives` or `keys`.
    pub(crate) fn of(files: &[PathBuf], archives: Option<&Path>, keys: Option<&Path>) -> Self {
        let is_key = |file: &&PathBuf| file.to_string_lossy().ends_with(KEY_SUFFIX);
        let given_key = files.iter().find(is_key).cloned();
        let given_archive = files.iter().find(|file| !is_key(file)).cloned();
        let partner = |of: &Option<PathBuf>, from: &str, to: &str, elsewhere: Option<&Path>| {
            let of = of.as_ref()?;
            let name = of.file_name()?.to_str()?;
            let name = format!("{}{to}", name.strip_suffix(from).unwrap_or(name));
            let places = [of.parent(), elsewhere];
            places.into_iter().flatten().map(|folder| folder.join(&name)).find(|file| file.is_file())
        };
        let key = given_key.clone().or_else(|| partner(&given_archive, ARCHIVE_SUFFIX, KEY_SUFFIX, keys));
        let archive = given_archive.or_else(|| partner(&given_key, KEY_SUFFIX, ARCHIVE_SUFFIX, archives));
        Self { archive, key }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn either_file_of_a_pair_leads_to_the_other() {
        let scratch = tempfile::tempdir().unwrap();
        let below = |name: &str| scratch.path().join(name);
        let (archives, keys) = (below("archives"), below("keys"));
        for folder in [&archives, &keys] {
            fs::create_dir(folder).unwrap();
        }
        let (archive, key) = (archives.join("a.b.cfms.enc"), keys.join("a.b.key"));
        let whole = Pair { archive: Some(archive.clone()), key: Some(key.clone()) };
        fs::write(&archive, "").unwrap();
        fs::write(&key, "").unwrap();
        let of = |files: &[&PathBuf]| {
            let files: Vec<_> = files.iter().copied().cloned().collect();
            Pair::of(&files, Some(&archives), Some(&keys))
        };
        assert_eq!(of(&[&archive]), whole);
        assert_eq!(of(&[&key]), whole);
        assert_eq!(of(&[&key, &archive]), whole);
        let beside = archives.join("a.b.key");
        fs::write(&beside, "").unwrap();
        assert_eq!(of(&[&archive]).key, Some(beside), "what lies beside is nearer");
        let alone = below("alone.cfms.enc");
        assert_eq!(of(&[&alone]), Pair { archive: Some(alone), key: None });
        assert_eq!(of(&[]), Pair::default());
    }
}
