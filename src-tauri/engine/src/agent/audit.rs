//! Who asked for what, from where, and how it ended: lines of JSON in the agent's own folder, and told to whoever runs it.
//!
//! Never a secret: neither passwords nor tokens nor keys are among what an entry has.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use crate::error::{Error, Result};
use crate::names::shown;
use crate::protocol::code;

/// Bytes after which a new log is begun. The one before is kept, the one before that is not.
const MAX_SIZE: u64 = 16 * 1024 * 1024;
/// Characters of a text that came from a client.
const MAX_TEXT: usize = 256;
/// Refusals of one address that are noted in a minute. Or strangers could fill the log until nothing else is left in it.
const REFUSALS: u32 = 30;
/// Addresses whose refusals are counted in a minute.
const MAX_ADDRESSES: usize = 10_000;

/// One line of the audit log.
#[derive(Debug, Clone, Serialize)]
pub struct Entry {
    /// When, in Unix seconds.
    pub time: f64,
    /// From where.
    pub address: String,
    /// Who, as the client says.
    pub username: String,
    /// What was asked for.
    pub action: String,
    /// The backup that it was about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backup_name: Option<String>,
    /// How it ended, as it was answered.
    pub code: i64,
    /// In words.
    pub result: String,
}

/// What is told of every entry.
pub type Listener = Box<dyn Fn(&Entry) + Send + Sync>;

/// Writes the log.
pub(super) struct Audit {
    path: PathBuf,
    file: Mutex<File>,
    refusals: Mutex<Refusals>,
    listener: Listener,
}

/// How many refusals there were in this minute, by address.
#[derive(Default)]
struct Refusals {
    minute: u64,
    of: HashMap<String, u32>,
}

impl Audit {
    pub(super) fn open(folder: &Path, listener: Listener) -> Result<Self> {
        let path = folder.join("audit.log");
        let file = open(&path).map_err(|e| Error::io("open", &path, e))?;
        Ok(Self { path, file: Mutex::new(file), refusals: Mutex::default(), listener })
    }

    /// Notes an entry. A log that cannot be written stops nothing: the entry is told all the same.
    pub(super) fn note(&self, mut entry: Entry) {
        match self.refusals.lock().unwrap_or_else(PoisonError::into_inner).count(&entry) {
            count if count > REFUSALS => return,
            REFUSALS => entry.result.push_str(" (further refusals of this minute are not noted)"),
            _ => {}
        }
        for text in [&mut entry.username, &mut entry.action, &mut entry.result] {
            *text = shortened(text);
        }
        entry.backup_name = entry.backup_name.map(|name| shortened(&name));
        (self.listener)(&entry);
        let mut line = serde_json::to_string(&entry).unwrap_or_default();
        line.push('\n');
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if file.metadata().is_ok_and(|about| about.len() + line.len() as u64 > MAX_SIZE)
            && std::fs::rename(&self.path, self.path.with_extension("log.1")).is_ok()
            && let Ok(next) = open(&self.path)
        {
            *file = next;
        }
        let _ = file.write_all(line.as_bytes());
    }
}

impl Refusals {
    /// Which of the minute's refusals of its address an entry is; 0 for what is none.
    fn count(&mut self, entry: &Entry) -> u32 {
        if entry.code == code::OK || entry.code == 0 {
            return 0;
        }
        let minute = (entry.time / 60.0) as u64;
        if minute != self.minute || self.of.len() >= MAX_ADDRESSES {
            (self.minute, self.of) = (minute, HashMap::new());
        }
        let count = self.of.entry(entry.address.clone()).or_default();
        *count += 1;
        *count
    }
}

fn open(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)
}

fn shortened(text: &str) -> String {
    shown(&text.chars().take(MAX_TEXT).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(username: &str) -> Entry {
        Entry {
            time: 1.5,
            address: "192.0.2.1".to_owned(),
            username: username.to_owned(),
            action: "login".to_owned(),
            backup_name: None,
            code: 401,
            result: "Invalid credentials".to_owned(),
        }
    }

    #[test]
    fn an_entry_is_one_line_whatever_a_client_calls_itself() {
        let folder = tempfile::tempdir().unwrap();
        let audit = Audit::open(folder.path(), Box::new(|_| ())).unwrap();
        audit.note(entry("a\n{\"forged\": 1}\u{202e}\u{9b}"));
        audit.note(entry(&"x".repeat(100_000)));
        let text = std::fs::read_to_string(folder.path().join("audit.log")).unwrap();
        assert_eq!(text.lines().count(), 2);
        assert!(text.is_ascii() && text.len() < 1000, "{text}");
        assert!(text.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()));
    }

    #[test]
    fn strangers_cannot_fill_the_log() {
        let folder = tempfile::tempdir().unwrap();
        let audit = Audit::open(folder.path(), Box::new(|_| ())).unwrap();
        for n in 0..1000 {
            audit.note(entry(&format!("stranger-{n}")));
        }
        audit.note(Entry { address: "192.0.2.2".to_owned(), ..entry("another") });
        audit.note(Entry { code: 200, ..entry("admin") });
        audit.note(Entry { time: 61.0, ..entry("later") });
        let text = std::fs::read_to_string(folder.path().join("audit.log")).unwrap();
        assert_eq!(text.lines().count(), 33);
        for name in ["stranger-0", "stranger-29", "not noted", "another", "admin", "later"] {
            assert!(text.contains(name), "{name}");
        }
    }

    #[test]
    fn the_log_does_not_grow_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        let audit = Audit::open(folder.path(), Box::new(|_| ())).unwrap();
        audit.file.lock().unwrap().set_len(MAX_SIZE).unwrap();
        audit.note(entry("admin"));
        assert!(std::fs::metadata(folder.path().join("audit.log")).unwrap().len() < 1000);
        assert_eq!(std::fs::metadata(folder.path().join("audit.log.1")).unwrap().len(), MAX_SIZE);
    }
}
