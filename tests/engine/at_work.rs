//! A server goes on working while it is backed up, and each backup holds one moment of it.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use serde_json::Value;

use crate::harness::{Ground, python, rounds, script};

#[test]
fn a_server_with_a_rollback_journal_works_on_and_every_backup_is_of_one_moment() {
    backed_up_while_it_writes("delete", rounds(6, 100), 48);
}

#[test]
fn a_server_with_a_write_ahead_log_works_on_and_every_backup_is_of_one_moment() {
    backed_up_while_it_writes("wal", rounds(6, 100), 48);
}

/// The copy takes longer than a moment, and the server waits for all of it.
#[test]
fn a_server_with_a_large_database_works_on_too() {
    for mode in ["delete", "wal"] {
        backed_up_while_it_writes(mode, rounds(2, 6), rounds(192, 1024));
    }
}

fn backed_up_while_it_writes(mode: &str, backups: u64, mebibytes: u64) {
    let ground = Ground::bare();
    let mebibytes = mebibytes.to_string();
    let mut writer = script("writers.py")
        .args(["busy".as_ref(), ground.server().as_os_str(), mode.as_ref(), mebibytes.as_ref()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(writer.stdout.take().unwrap());
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");

    let mut ticks = Vec::new();
    for _ in 0..backups {
        // Read back by openssl and Python, so not by the program once more.
        ground.create("moment", &["--no-verify"]).ended(0);
        let held: Value =
            serde_json::from_str(&python("writers.py", ["check".as_ref(), ground.archive("moment").as_os_str()]))
                .unwrap();
        ticks.push(held["tick"].as_u64().unwrap());
        std::fs::remove_file(ground.archive("moment")).unwrap();
        std::fs::remove_file(ground.key("moment")).unwrap();
    }

    drop(writer.stdin.take());
    line.clear();
    said.read_line(&mut line).unwrap();
    assert!(writer.wait().unwrap().success());
    let report: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(report["refusals"], Value::Array(Vec::new()), "the server was refused its lock");
    assert!(report["longest_wait"].as_f64().unwrap() < 5.0, "{report}");
    // The writer really wrote between and during the backups.
    assert!(report["commits"].as_u64().unwrap() >= ticks.len() as u64, "{report} {ticks:?}");
    assert!(ticks.windows(2).all(|pair| pair[0] <= pair[1]) && ticks.first() != ticks.last(), "{ticks:?}");
    assert_eq!(ground.names("tmp"), [""; 0]);
}
