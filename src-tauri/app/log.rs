//! A diary of the program, for the person who asks what happened last night.
//!
//! It says when something began and how it ended, by code. It holds no path, no title, no name and no byte of a key, so
//! that it can be sent to anybody.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::places;

/// From this size on, in bytes, the diary is put away as `….old.log` and begun anew.
const FULL: u64 = 1 << 20;

/// The diary.
#[derive(Debug, Clone)]
pub(crate) struct Log(Arc<Mutex<PathBuf>>);

impl Log {
    /// `cfms-backup.log` in the program's folder for logs.
    pub(crate) fn below(folder: &Path) -> Self {
        Self(Arc::new(Mutex::new(folder.join("cfms-backup.log"))))
    }

    /// Adds a line with the time. A diary that cannot be written stops no work.
    pub(crate) fn line(&self, words: fmt::Arguments<'_>) {
        let path = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = append(&path, words);
    }
}

/// From now on a panic leaves its place in the diary. Its message stays out: it may quote a title.
pub(crate) fn name_the_place_of_panics(log: Log) {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if let Some(place) = panic.location() {
            log.line(format_args!("internal error at {}:{}", place.file(), place.line()));
        }
        usual(panic);
    }));
}

fn append(path: &Path, words: fmt::Arguments<'_>) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        places::create_private_folder(folder)?;
    }
    if fs::metadata(path).is_ok_and(|metadata| metadata.len() >= FULL) {
        fs::rename(path, path.with_extension("old.log"))?;
    }
    let now = OffsetDateTime::now_utc().replace_nanosecond(0).unwrap_or_else(|_| OffsetDateTime::now_utc());
    let line = format!("{} {words}\n", now.format(&Rfc3339).unwrap_or_default());
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)?.write_all(line.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_has_its_time_and_a_full_diary_is_put_away() {
        let folder = tempfile::tempdir().unwrap();
        let log = Log::below(folder.path());
        log.line(format_args!("backup began"));
        let path = folder.path().join("cfms-backup.log");
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.ends_with("Z backup began\n"), "{text}");

        fs::write(&path, vec![b'x'; FULL as usize]).unwrap();
        log.line(format_args!("backup ended"));
        assert!(fs::read_to_string(&path).unwrap().ends_with("Z backup ended\n"));
        assert_eq!(fs::metadata(folder.path().join("cfms-backup.old.log")).unwrap().len(), FULL);
    }
}
