//! What the desktop around the window is told.

use std::process::Command;

use crate::bench::{Bench, Start, until};
use crate::bus::{Bus, Told};

#[test]
fn the_desktop_shows_the_progress_and_the_end_of_a_backup_in_the_background() {
    let Some(bench) = Bench::new("1M") else { return };
    let bus = Bus::new(bench.folder());
    let server = bench.server.to_str().unwrap();
    let window = bench.start(Start { arguments: vec![server], bus: Some(&bus.address), ..Start::default() });
    window.wait_until_ready();
    // The backup waits until the window is out of sight.
    let database = bench.lock_database();
    window.fill("backup-name", "away");
    window.click("start");
    window.wait_for("progress-percent");
    let hide = "xdotool search --onlyvisible --name 'CFMS Backup' windowminimize";
    assert!(Command::new("sh").args(["-c", hide]).env("DISPLAY", &window.display).status().unwrap().success());
    until("the window is in the background", || (window.asks("return document.hasFocus()") == false).then_some(()));
    drop(database);

    let (mut notification, mut seen, mut gone) = (None, false, false);
    while notification.is_none() || !gone {
        match bus.next() {
            Told::Notification(title, text) => notification = Some((title, text)),
            Told::Progress(Some(_)) => seen = true,
            // Before the backup there was none either.
            Told::Progress(None) => gone = seen,
            Told::Shown(files) => panic!("nobody asked to show {files:?}"),
        }
    }
    let (title, text) = notification.unwrap();
    assert_eq!(title, "Backup finished");
    assert!(text.starts_with("Backed up and verified"), "{text}");

    window.wait_for("result-archive");
    window.click("show-archive");
    let file = format!("file://{}", bench.archives.join("away.cfms.enc").display());
    assert_eq!(bus.next(), Told::Shown(vec![file]));
}

#[test]
fn a_desktop_that_cannot_show_a_folder_is_said_not_to() {
    let Some(bench) = Bench::new("1M") else { return };
    let window = bench.open();
    window.fill("backup-name", "gone");
    window.click("start");
    window.wait_for("result-archive");
    std::fs::remove_file(bench.archives.join("gone.cfms.enc")).unwrap();
    window.click("show-archive");
    assert!(window.text("show-problem").contains("gone.cfms.enc"));
}
