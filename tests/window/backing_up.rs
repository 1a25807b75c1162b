//! The main job, from the window.

use std::fs;
use std::path::Path;
use std::process::Command;

use rustix::process::{Signal, kill_process};
use serde_json::{Value, json};

use crate::bench::{Bench, Start, Window, by_tar, command_line, runs, until};
use crate::dialog::choose_in_dialog;
use crate::webdriver::key;

#[test]
fn a_backup_from_the_window_opens_with_openssl_and_tar() {
    let Some(bench) = Bench::new("4M") else { return };
    let window = bench.open();
    window.wait_for("source-card");
    window.fill("backup-name", "first");
    window.click("start");
    window.wait_for("result-title");

    let (archive, key) = (bench.archives.join("first.cfms.enc"), bench.keys.join("first.key"));
    assert_eq!(bench.written(), ["first.cfms.enc", "first.key"]);
    assert!(window.text("result-archive").contains("first.cfms.enc"));
    assert!(window.text("result-key").contains("first.key"));
    assert!(!window.text("warning-item").is_empty(), "the content that the demonstration lacks is named");
    let metadata = unpacked(&archive, &key, "metadata.json");
    assert_eq!(metadata["version"], "1.0");
    let documents = metadata["documents_count"].as_u64().unwrap();
    assert!(documents > 0);
    assert!(window.text("metadata-table").contains(&documents.to_string()));
    assert!(unpacked(&archive, &key, "documents.json").as_array().is_some_and(|rows| rows.len() as u64 == documents));
    assert_eq!(window.title(), "CFMS Backup", "the percentage has gone");

    let diary = bench.diary();
    assert!(diary.contains("backup ended, done with warnings"), "{diary}");
    let secret: Value = serde_json::from_slice(&fs::read(&key).unwrap()).unwrap();
    for private in [secret["key"].as_str().unwrap(), "first", bench.server.to_str().unwrap()] {
        assert!(!diary.contains(private), "the diary says {private}: {diary}");
    }
}

#[test]
fn the_copied_command_makes_the_same_backup() {
    let Some(bench) = Bench::new("1M") else { return };
    let window = bench.open();
    window.wait_for("source-card");
    window.fill("backup-name", "with a space");
    window.click("scope-documents");
    let copy = "window.copied = null; \
                navigator.clipboard.writeText = (text) => { window.copied = text; return Promise.resolve(); }";
    window.asks(copy);
    window.click("copy-command");
    let line = until("the command is copied", || window.asks("return window.copied").as_str().map(str::to_owned));
    assert!(line.contains("--documents-only"), "{line}");
    let folder = command_line().parent().unwrap().to_path_buf();
    let path = std::env::join_paths([folder, "/usr/bin".into(), "/bin".into()]).unwrap();
    let run = Command::new("sh").args(["-c", &line]).env("PATH", path).output().unwrap();
    assert!(run.status.success(), "{line}: {}", String::from_utf8_lossy(&run.stderr));
    assert_eq!(bench.written(), ["with a space.cfms.enc", "with a space.key"]);
}

#[test]
fn a_cancelled_backup_leaves_nothing_behind() {
    let Some(bench) = Bench::new("1M") else { return };
    bench.swell(3 << 30);
    let window = bench.open();
    window.click("start");
    until("something is being written", || (!bench.written().is_empty()).then_some(()));
    until("the percentage is in the title", || window.title().contains(" % – CFMS Backup").then_some(()));
    window.click("cancel");
    window.wait_for("result-title");
    assert_eq!(bench.written(), [""; 0]);
    assert!(bench.diary().contains("backup ended, Cancelled"));
    // And the window is ready for the next one.
    window.click("back-to-form");
    window.wait_for("start");
}

#[test]
fn a_system_that_shuts_down_finds_the_backup_cleaned_up() {
    let Some(bench) = Bench::new("1M") else { return };
    let window = bench.open();
    window.wait_until_ready();
    // The backup waits for it, so that it cannot be done before the signal comes.
    let database = bench.lock_database();
    window.click("start");
    window.wait_for("progress-percent");
    let process = window.process();
    kill_process(process, Signal::TERM).unwrap();
    until("the program has ended", || (!runs(process)).then_some(()));
    drop(database);
    assert_eq!(bench.written(), [""; 0]);
    let diary = bench.diary();
    assert!(diary.contains("backup ended, Cancelled"), "{diary}");
    assert!(diary.ends_with("Z ended\n"), "{diary}");
}

#[test]
fn closing_during_a_backup_asks_first_and_leaves_nothing_behind() {
    let Some(bench) = Bench::new("1M") else { return };
    let window = bench.open();
    // All that begins a backup is looked at, and then the backup waits.
    window.wait_until_ready();
    let database = bench.lock_database();
    window.click("start");
    window.wait_for("progress-percent");
    window.ask_to_close(|| window.session.find("[role=dialog], [role=alertdialog], dialog[open]").is_some());
    assert!(window.find("cancel").is_some(), "the backup goes on meanwhile");
    let process = window.process();
    window.click("stop-and-close");
    until("the program has ended", || (!runs(process)).then_some(()));
    drop(database);
    assert_eq!(bench.written(), [""; 0]);
    assert!(bench.diary().contains("backup ended, Cancelled"));
}

#[test]
fn a_failure_says_what_to_do_and_keeps_the_form() {
    let Some(bench) = Bench::new("1M") else { return };
    let window = bench.open();
    window.fill("backup-name", "monday");
    window.click("scope-documents");
    window.wait_until_ready();
    let (database, away) = (bench.server.join("app.db"), bench.server.join("away.db"));
    fs::rename(&database, &away).unwrap();
    window.click("start");
    window.wait_for("result-title");
    assert!(window.text("error-title").len() > 5);
    assert!(window.text("error-advice").len() > 5);
    assert!(window.page().contains(bench.server.to_str().unwrap()), "{}", window.page());
    assert_eq!(bench.written(), [""; 0]);

    window.click("back-to-form");
    assert_eq!(window.value("backup-name"), "monday");
    assert_eq!(window.value("archive-dir"), bench.archives.to_str().unwrap());
    fs::rename(&away, &database).unwrap();
    window.click("start");
    window.wait_for("result-archive");
    assert_eq!(bench.written(), ["monday.cfms.enc", "monday.key"]);
}

#[test]
fn a_name_that_is_taken_is_told_before_the_start() {
    let Some(bench) = Bench::new("1M") else { return };
    fs::create_dir_all(&bench.archives).unwrap();
    let taken = bench.archives.join("taken.cfms.enc");
    fs::write(&taken, "somebody's").unwrap();
    let window = bench.open();
    window.fill("backup-name", "taken");
    assert!(window.text("name-problem").contains("taken.cfms.enc"));
    window.press(&[key::CONTROL, "b"]);
    until("the name's field has the keyboard", || (window.focus().as_deref() == Some("backup-name")).then_some(()));
    window.fill("backup-name", "free");
    window.click("start");
    window.wait_for("result-archive");
    assert_eq!(fs::read(taken).unwrap(), b"somebody's");
    assert_eq!(bench.written(), ["free.cfms.enc", "free.key", "taken.cfms.enc"]);
}

#[test]
fn the_keyboard_alone_is_enough() {
    let Some(bench) = Bench::new("1M") else { return };
    let window = bench.start(Start::default());
    window.tab_to("source-path");
    type_at_focus(&window, bench.server.to_str().unwrap());
    window.press(&[key::ENTER]);
    window.wait_for("source-card");
    window.tab_to("backup-name");
    type_at_focus(&window, "keys");
    window.press(&[key::CONTROL, "b"]);
    window.wait_for("result-title");
    assert_eq!(bench.written(), ["keys.cfms.enc", "keys.key"]);
    window.tab_to("done");
    window.press(&[key::ENTER]);
    window.wait_for("start");
    window.press(&[key::CONTROL, "3"]);
    window.wait_for("theme-select");
}

#[test]
fn a_source_is_chosen_in_the_systems_own_dialog() {
    let Some(bench) = Bench::new("1M") else { return };
    let window = bench.start(Start::default());
    window.click("source-browse-folder");
    choose_in_dialog(&window, &bench.server);
    until("the server is chosen", || (window.value("source-path") == bench.server.to_str().unwrap()).then_some(()));
    until("it is looked at", || window.page().contains("Harbour Works").then_some(()));
}

#[test]
fn what_was_used_and_chosen_is_there_after_the_next_start() {
    let Some(bench) = Bench::new("1M") else { return };
    let window = bench.start(Start::default());
    window.fill("source-path", bench.server.to_str().unwrap());
    window.press(&[key::ENTER]);
    window.click("start");
    window.wait_for("result-title");
    window.click("nav-settings");
    window.choose("theme-select", "dark");
    let process = window.process();
    window.resize(1000, 640);
    window.ask_to_close(|| !runs(process));
    drop(window);

    let window = bench.start(Start::default());
    until("the server is known", || window.page().contains("Harbour Works").then_some(()));
    assert_eq!(window.value("source-path"), bench.server.to_str().unwrap());
    assert_eq!(window.asks("return [innerWidth, innerHeight]"), json!([1000, 640]));
    assert_eq!(window.asks("return matchMedia('(prefers-color-scheme: dark)').matches"), true);
}

fn type_at_focus(window: &Window, text: &str) {
    for character in text.chars() {
        window.press(&[&character.to_string()]);
    }
}

/// A JSON member of an archive.
fn unpacked(archive: &Path, key: &Path, member: &str) -> Value {
    serde_json::from_slice(&by_tar(archive, key, &["x", "-O", member])).unwrap()
}
