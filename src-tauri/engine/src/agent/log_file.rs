//! The audit log's file: whole lines, a new one when it is full, and how many entries a disk did not take.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::state;
use crate::error::{Error, Result};

/// Bytes after which a new log is begun. The one before is kept, the one before that is not.
const MAX_SIZE: u64 = 16 * 1024 * 1024;

/// What is appended to.
pub(super) struct LogFile {
    path: PathBuf,
    file: File,
    lost: u64,
}

/// A line that was not written.
pub(super) struct NotWritten {
    /// Why.
    pub(super) error: io::Error,
    /// Whether the one before was.
    pub(super) is_first: bool,
}

impl LogFile {
    pub(super) fn open(path: PathBuf) -> Result<Self> {
        let file = state::open(&path, OpenOptions::new().append(true).create(true))?;
        Ok(Self { path, file, lost: 0 })
    }

    /// Lines that could not be written since the last that was.
    pub(super) fn lost(&self) -> u64 {
        self.lost
    }

    /// Appends `text`, which ends its lines, as a whole or not at all.
    pub(super) fn append(&mut self, text: &str) -> std::result::Result<(), NotWritten> {
        match self.try_append(text.as_bytes()) {
            Ok(()) => {
                self.lost = 0;
                Ok(())
            }
            Err(error) => {
                self.lost += 1;
                Err(NotWritten { error, is_first: self.lost == 1 })
            }
        }
    }

    fn try_append(&mut self, text: &[u8]) -> io::Result<()> {
        let mut size = self.file.metadata()?.len();
        // Where no new one can be begun, the old one goes on.
        if size + text.len() as u64 > MAX_SIZE && self.begin_anew().is_ok() {
            size = 0;
        }
        self.file.write_all(text).or_else(|error| {
            // Or the next line would be glued to half of this one.
            self.file.set_len(size)?;
            Err(error)
        })
    }

    /// The new one is there before the old one goes: of a disk that takes no more files, the old one is kept.
    fn begin_anew(&mut self) -> Result<()> {
        let (next, file) = state::create_beside(&self.path)?;
        let moved = match fs::rename(&self.path, before(&self.path)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => fs::rename(&next, &self.path),
        };
        moved.map_err(|e| Error::io("write", &self.path, e))?;
        self.file = file;
        Ok(())
    }
}

fn before(path: &Path) -> PathBuf {
    path.with_added_extension("1")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full(folder: &Path) -> LogFile {
        let log = LogFile::open(folder.join("audit.log")).unwrap();
        log.file.set_len(MAX_SIZE).unwrap();
        log
    }

    fn sizes(folder: &Path) -> [u64; 2] {
        ["audit.log", "audit.log.1"].map(|name| fs::metadata(folder.join(name)).map_or(u64::MAX, |found| found.len()))
    }

    #[test]
    fn the_log_does_not_grow_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = full(folder.path());
        fs::write(folder.path().join("audit.log.new"), "of a dead run").unwrap();
        for _ in 0..3 {
            assert!(log.append("line\n").is_ok());
        }
        assert_eq!(sizes(folder.path()), [15, MAX_SIZE]);
    }

    #[test]
    fn a_log_that_no_new_one_can_follow_goes_on_until_one_can() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = full(folder.path());
        // No file can be created under that name.
        let in_the_way = folder.path().join("audit.log.new");
        fs::create_dir(&in_the_way).unwrap();
        for _ in 0..2 {
            assert!(log.append("line\n").is_ok());
        }
        assert_eq!(sizes(folder.path()), [MAX_SIZE + 10, u64::MAX], "it is where it was");
        fs::remove_dir(&in_the_way).unwrap();
        assert!(log.append("line\n").is_ok());
        assert_eq!(sizes(folder.path()), [5, MAX_SIZE + 10]);
    }

    #[test]
    fn a_log_that_somebody_took_away_is_begun_anew_when_it_is_full() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = full(folder.path());
        fs::remove_file(folder.path().join("audit.log")).unwrap();
        assert!(log.append("line\n").is_ok());
        assert_eq!(sizes(folder.path()), [5, u64::MAX]);
    }
}
