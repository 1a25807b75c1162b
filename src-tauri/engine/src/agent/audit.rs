//! Who asked for what, from where, and how it ended: lines of JSON in the agent's own folder, and told to whoever runs it.
//!
//! Never a secret: neither passwords nor tokens nor keys are among what an entry has.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use super::log_file::{LogFile, NotWritten};
use super::quotas::Quotas;
use crate::error::Result;
use crate::names::shown;

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
    file: Mutex<LogFile>,
    quotas: Mutex<Quotas>,
    listener: Listener,
}

impl Audit {
    pub(super) fn open(folder: &Path, listener: Listener) -> Result<Self> {
        let file = LogFile::open(folder.join("audit.log"))?;
        Ok(Self { file: Mutex::new(file), quotas: Mutex::default(), listener })
    }

    /// Notes an entry, unless too many like it were noted in this minute: these are counted. A log that cannot be written
    /// stops nothing: the entry is told all the same.
    pub(super) fn note(&self, entry: Entry) {
        let entry = readable(entry);
        if self.this_minute(entry.time).take(&entry) {
            self.write(&entry);
        }
    }

    /// Takes a place for what is to be done to a backup; `false` where the user has none left in this minute.
    pub(super) fn takes_backup_deed(&self, username: &str, time: f64) -> bool {
        self.this_minute(time).take_backup_deed(username)
    }

    /// Notes, whatever else was noted, an entry of something for which there was a place.
    pub(super) fn note_backup_deed(&self, entry: Entry) {
        drop(self.this_minute(entry.time));
        self.write(&readable(entry));
    }

    /// The quotas, when it is told what was counted in the minute before.
    fn this_minute(&self, time: f64) -> MutexGuard<'_, Quotas> {
        let mut quotas = self.quotas.lock().unwrap_or_else(PoisonError::into_inner);
        quotas.sums_before(time).iter().for_each(|sum| self.write(sum));
        quotas
    }

    fn write(&self, entry: &Entry) {
        (self.listener)(entry);
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let lost = (file.lost() > 0)
            .then(|| of_the_log(entry.time, format!("{} entries could not be written before this", file.lost())));
        let text: String = lost.iter().chain([entry]).map(line).collect();
        match file.append(&text) {
            Ok(()) => lost.iter().for_each(|lost| (self.listener)(lost)),
            Err(NotWritten { error, is_first: true }) => {
                let told = format!("The audit log cannot be written, entries are told here alone: {error}");
                (self.listener)(&of_the_log(entry.time, told));
            }
            Err(_) => {}
        }
    }
}

/// What was counted last is told at the end.
impl Drop for Audit {
    fn drop(&mut self) {
        let sums = self.quotas.get_mut().unwrap_or_else(PoisonError::into_inner).sums_before(f64::INFINITY);
        sums.iter().for_each(|sum| self.write(sum));
    }
}

fn line(entry: &Entry) -> String {
    serde_json::to_string(entry).unwrap_or_default() + "\n"
}

/// An entry about the log itself.
pub(super) fn of_the_log(time: f64, result: String) -> Entry {
    let (address, username) = (String::new(), String::new());
    Entry { time, address, username, action: "audit".to_owned(), backup_name: None, code: 0, result }
}

/// Without what could pass for something else in a log.
fn readable(mut entry: Entry) -> Entry {
    for text in [&mut entry.username, &mut entry.action, &mut entry.result] {
        *text = shortened(text);
    }
    entry.backup_name = entry.backup_name.map(|name| shortened(&name));
    entry
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
    fn what_is_done_to_backups_is_noted_whatever_else_is_and_has_a_bound_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let audit = Audit::open(folder.path(), Box::new(|_| ())).unwrap();
        for code in [200, 401] {
            (0..1000).for_each(|_| audit.note(Entry { code, ..entry("admin") }));
        }
        let done = (0..1000).filter(|_| audit.takes_backup_deed("admin", 1.5)).count();
        assert!(done == 60 && audit.takes_backup_deed("another", 1.5) && audit.takes_backup_deed("admin", 61.0));
        for code in [0, 200, 500] {
            let broken = Entry { time: 61.0, code, result: "of a backup".to_owned(), ..entry("admin") };
            audit.note_backup_deed(broken);
        }
        drop(audit);
        let log = std::fs::read_to_string(folder.path().join("audit.log")).unwrap();
        assert_eq!(log.matches("of a backup").count(), 3);
    }
}
