//! Archives made to harm their reader: each is judged quickly, in little memory, and nothing of it is believed.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use serde_json::Value;

use crate::harness::{Ground, program, python, script};

const SECONDS: f64 = 2.0;
const PEAK_KIB: u64 = 32 * 1024;

#[test]
fn hostile_archives_are_judged_within_two_seconds_and_32_mib() {
    let ground = Ground::bare();
    python("make_hostile.py", [ground.path("out")]);
    let index: Vec<Value> = serde_json::from_slice(&fs::read(ground.path("out/index.json")).unwrap()).unwrap();
    assert!(index.len() > 100);
    let before = ground.names("out");
    let mut complaints = Vec::new();
    for case in &index {
        let name = case["name"].as_str().unwrap();
        for verb in ["verify", "inspect"] {
            let archive = ground.archive(name);
            judged(
                &ground,
                &[verb.as_ref(), archive.as_os_str(), "--json".as_ref()],
                &case[verb],
                name,
                &mut complaints,
            );
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    assert_eq!(ground.names("out"), before, "an archive wrote something");
    assert!(!Path::new("/tmp/cfms-escaped").exists());
    assert_eq!(ground.names("tmp"), [""; 0]);
}

#[test]
fn hostile_key_files_are_refused_in_words() {
    let ground = Ground::with("small");
    ground.create("a", &[]).ended(0);
    let key = |name: &str| ground.path("keys").join(name);
    let digits = "5".repeat(64);
    for (name, text) in [
        ("empty", String::new()),
        ("no-json", "key".to_owned()),
        ("deep", "[".repeat(60_000)),
        ("short", format!(r#"{{"key": "{}", "algorithm": "AES-256-CBC"}}"#, &digits[1..])),
        ("long", format!(r#"{{"key": "{digits}5", "algorithm": "AES-256-CBC"}}"#)),
        ("no-hex", format!(r#"{{"key": "{}x", "algorithm": "AES-256-CBC"}}"#, &digits[1..])),
        ("number", r#"{"key": 5, "algorithm": "AES-256-CBC"}"#.to_owned()),
        ("other-cipher", format!(r#"{{"key": "{digits}", "algorithm": "AES-256-GCM"}}"#)),
        ("no-cipher", format!(r#"{{"key": "{digits}"}}"#)),
        ("array", "[1]".to_owned()),
    ] {
        fs::write(key(name), text).unwrap();
    }
    fs::File::create(key("gigantic")).unwrap().set_len(1 << 40).unwrap();
    fs::create_dir(key("folder")).unwrap();
    symlink("/dev/zero", key("device")).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(key("pipe")).status().unwrap().success());
    let mut complaints = Vec::new();
    let archive = ground.archive("a");
    for name in ground.names("keys") {
        let key = key(&name);
        for verb in ["verify", "inspect"] {
            let arguments = [verb.as_ref(), archive.as_os_str(), "--json".as_ref(), "--key".as_ref(), key.as_os_str()];
            judged(&ground, &arguments, &Value::from(vec![1, 4]), &name, &mut complaints);
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn what_is_no_file_is_no_archive() {
    let ground = Ground::with("small");
    ground.create("a", &[]).ended(0);
    fs::create_dir(ground.archive("folder")).unwrap();
    symlink("/dev/zero", ground.archive("device")).unwrap();
    symlink("nowhere", ground.archive("dangling")).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(ground.archive("pipe")).status().unwrap().success());
    let key = ground.key("a");
    let mut complaints = Vec::new();
    for name in ["folder", "device", "dangling", "pipe"] {
        for verb in ["verify", "inspect"] {
            let archive = ground.archive(name);
            let arguments = [verb.as_ref(), archive.as_os_str(), "--json".as_ref(), "--key".as_ref(), key.as_os_str()];
            judged(&ground, &arguments, &Value::from(vec![1]), name, &mut complaints);
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

/// Runs the program under measured.py and notes what is against the promise.
fn judged(ground: &Ground, arguments: &[&std::ffi::OsStr], codes: &Value, name: &str, complaints: &mut Vec<String>) {
    let output = script("measured.py")
        .arg(program())
        .args(arguments)
        .env("MEASURED_TIMEOUT", "20")
        .env("TMPDIR", ground.path("tmp"))
        .output()
        .unwrap();
    let run: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    let verb = arguments[0].to_string_lossy();
    let mut complain = |what: String| complaints.push(format!("{verb} {name}: {what}"));
    if !codes.as_array().unwrap().contains(&run["code"]) {
        complain(format!("ended with {} for {codes}: {:.300} {:.300}", run["code"], run["stdout"], run["stderr"]));
    }
    if run["stderr"].as_str().unwrap().contains("panicked") {
        complain(format!("panicked: {}", run["stderr"]));
    }
    if run["seconds"].as_f64().unwrap() > SECONDS {
        complain(format!("took {} s", run["seconds"]));
    }
    if run["peak_kib"].as_u64().unwrap() > PEAK_KIB {
        complain(format!("held {} KiB", run["peak_kib"]));
    }
}
