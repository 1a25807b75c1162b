//! Who asked for what, from where, and how it ended: lines of JSON in the agent's own folder, and told to whoever runs it.
//!
//! Never a secret: neither passwords nor tokens nor keys are among what an entry has.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use super::quotas::Quotas;
use super::state;
use crate::error::Result;
use crate::names::shown;

/// Bytes after which a new log is begun. The one before is kept, the one before that is not.
const MAX_SIZE: u64 = 16 * 1024 * 1024;
/// Characters of a text that came from a client.
const MAX_TEXT: usize = 256;
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
    quotas: Mutex<Quotas>,
    listener: Listener,
}

impl Audit {
    pub(super) fn open(folder: &Path, listener: Listener) -> Result<Self> {
        let path = folder.join("audit.log");
        let file = open(&path)?;
        Ok(Self { path, file: Mutex::new(file), quotas: Mutex::default(), listener })
    }

    /// Notes an entry, unless too many like it were noted in this minute: these are counted. A log that cannot be written
    /// stops nothing: the entry is told all the same.
    pub(super) fn note(&self, mut entry: Entry) {
        for text in [&mut entry.username, &mut entry.action, &mut entry.result] {
            *text = shortened(text);
        }
        entry.backup_name = entry.backup_name.map(|name| shortened(&name));
        let (is_noted, sums) = {
            let mut quotas = self.quotas.lock().unwrap_or_else(PoisonError::into_inner);
            let sums = quotas.sums_before(entry.time);
            (quotas.take(&entry), sums)
        };
        sums.iter().chain(is_noted.then_some(&entry)).for_each(|entry| self.write(entry));
    }

    fn write(&self, entry: &Entry) {
        (self.listener)(entry);
        let mut line = serde_json::to_string(entry).unwrap_or_default();
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

/// What was counted last is told at the end.
impl Drop for Audit {
    fn drop(&mut self) {
        let sums = self.quotas.get_mut().unwrap_or_else(PoisonError::into_inner).sums_before(f64::INFINITY);
        sums.iter().for_each(|sum| self.write(sum));
    }
}

fn open(path: &Path) -> Result<File> {
    state::open(path, OpenOptions::new().append(true).create(true))
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

    fn noted(entries: impl IntoIterator<Item = Entry>) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let audit = Audit::open(folder.path(), Box::new(|_| ())).unwrap();
        entries.into_iter().for_each(|entry| audit.note(entry));
        drop(audit);
        std::fs::read_to_string(folder.path().join("audit.log")).unwrap().lines().map(str::to_owned).collect()
    }

    fn count(lines: &[String], text: &str) -> usize {
        lines.iter().filter(|line| line.contains(text)).count()
    }

    #[test]
    fn strangers_cannot_fill_the_log_and_hide_nobody_in_it() {
        let many = (0..1000).map(|n| entry(&format!("stranger-{n}")));
        let after = [
            Entry { address: "192.0.2.2".to_owned(), ..entry("another") },
            Entry { code: 200, ..entry("admin") },
            Entry { time: 61.0, ..entry("later") },
        ];
        let lines = noted(many.chain(after));
        assert_eq!((lines.len(), count(&lines, "stranger-")), (64, 60));
        for text in ["another", "admin", "later", "940 more refusals"] {
            assert_eq!(count(&lines, text), 1, "{text}: {lines:?}");
        }
    }

    #[test]
    fn one_who_is_refused_again_and_again_takes_no_room_from_others_of_the_address() {
        let lines = noted((0..1000).map(|_| entry("guest")).chain([entry("admin")]));
        assert_eq!((lines.len(), count(&lines, "admin")), (22, 1));
        assert!(lines[21].contains("980 more refusals") && lines[21].contains("guest"), "{lines:?}");
    }

    #[test]
    fn a_storm_from_everywhere_is_bounded_too() {
        let storm = (0..5000).map(|n| Entry { address: format!("192.0.{}.{}", n / 250, n % 250), ..entry("x") });
        let lines = noted(storm.chain([Entry { code: 200, ..entry("admin") }]));
        assert_eq!((lines.len(), count(&lines, "admin"), count(&lines, "4400 more refusals")), (602, 1, 1));
    }

    #[test]
    fn who_may_do_something_cannot_fill_the_log_with_it() {
        let begun = (0..1000).map(|_| Entry { code: 0, result: "begun".to_owned(), ..entry("guest") });
        let lines = noted(begun.chain([Entry { code: 200, ..entry("admin") }]));
        assert_eq!((lines.len(), count(&lines, "admin"), count(&lines, "940 more requests")), (62, 1, 1));
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
