//! Archives made to harm their reader: each is judged quickly, in little memory, and nothing of it is believed.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::harness::{Ground, everything_below, is_root, program, python, script, skipped};

const SECONDS: f64 = 2.0;
const PEAK_KIB: u64 = 32 * 1024;

#[test]
fn hostile_archives_are_judged_within_two_seconds_and_32_mib() {
    let ground = Ground::bare();
    python("make_hostile.py", [ground.path("out")]);
    let index: Vec<Value> = serde_json::from_slice(&fs::read(ground.path("out/index.json")).unwrap()).unwrap();
    assert!(index.len() > 100);
    let before = ground.names("out");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let cases = index.iter().flat_map(|case| {
        let archive = ground.archive(&text(&case["name"]));
        // A tree looks at more of an archive than `inspect` does, and must not be fooled by less.
        let list = case["inspect"].as_array().unwrap().iter().cloned().chain([1.into(), 5.into()]).collect();
        [("verify", &case["verify"]), ("inspect", &case["inspect"]), ("list", &list)]
            .map(|(verb, codes)| Case::new(verb, &archive, None, codes))
    });
    all_judged(&ground, cases.collect());
    assert_eq!(ground.names("out"), before, "an archive wrote something");
    assert!(!Path::new("/tmp/cfms-escaped").exists());
    assert_eq!(ground.names("tmp"), [""; 0]);
}

#[test]
fn hostile_archives_are_taken_out_into_their_folder_and_nowhere_else() {
    let ground = Ground::bare();
    python("make_hostile.py", [ground.path("out")]);
    let index: Vec<Value> = serde_json::from_slice(&fs::read(ground.path("out/index.json")).unwrap()).unwrap();
    // Those of a million rows make a million folders, which says more of the disk than of the program.
    let is_small =
        |case: &&Value| fs::metadata(ground.archive(case["name"].as_str().unwrap())).unwrap().len() < 1 << 20;
    let index: Vec<_> = index.iter().filter(is_small).collect();
    assert!(index.len() > 80, "{}", index.len());
    // The output folders, and all that is beside them: only the former may change.
    fs::create_dir(ground.path("taken")).unwrap();
    let mut runs = vec![("", Vec::new())];
    if is_root() && Command::new("setpriv").arg("--version").output().is_ok() {
        let nobody = "--reuid=65534 --regid=65534 --clear-groups".split(' ');
        runs.push(("nobody-", ["setpriv"].into_iter().chain(nobody).map(str::to_owned).collect()));
        for name in ["", "out", "taken"] {
            fs::set_permissions(ground.path(name), fs::Permissions::from_mode(0o777)).unwrap();
        }
        for name in ground.names("out") {
            fs::set_permissions(ground.path("out").join(name), fs::Permissions::from_mode(0o644)).unwrap();
        }
    } else {
        skipped("nothing is tried as another user, as this one is not root or there is no setpriv");
    }
    let refused_or_not = Value::from(vec![0, 1, 4, 5]);
    let before = ground.names("out");
    let cases = runs.iter().flat_map(|(prefix, as_whom)| {
        index.iter().flat_map(move |case| {
            let name = case["name"].as_str().unwrap();
            let flags: &[&[&str]] =
                if prefix.is_empty() { &[&["--keep-damaged"], &[]] } else { &[&["--keep-damaged"]] };
            flags.iter().map(move |&more| (format!("{prefix}{name}{}", more.len()), name, more, as_whom))
        })
    });
    let cases = cases.map(|(folder, name, more, as_whom)| {
        let mut case = Case::new("extract", &ground.archive(name), None, &refused_or_not);
        case.command.extend(["--output".to_owned(), ground.path("taken").join(folder).to_str().unwrap().to_owned()]);
        case.command.extend(more.iter().map(|&flag| flag.to_owned()));
        case.command.splice(0..0, as_whom.iter().cloned());
        case
    });
    all_judged(&ground, cases.collect());
    assert_eq!(ground.names("out"), before);
    assert_eq!(ground.names("tmp"), [""; 0]);
    assert_eq!(ground.names(""), ["commands.json", "keys", "out", "taken", "tmp"]);
    assert!(!Path::new("/tmp/cfms-escaped").exists());
    let taken = everything_below(&ground.path("taken"));
    assert!(taken.keys().any(|path| path.is_file()), "something must have come out");
    for path in taken.keys() {
        let about = fs::symlink_metadata(path).unwrap();
        assert!(about.is_dir() || about.is_file(), "{} is no plain file", path.display());
        assert_eq!(about.mode() & 0o077, 0, "{} is open to others", path.display());
    }
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
    pipe(&key("pipe"));
    let refused = Value::from(vec![1, 4]);
    let cases = ground.names("keys").into_iter().flat_map(|name| {
        ["verify", "inspect"].map(|verb| Case::new(verb, &ground.archive("a"), Some(&key(&name)), &refused))
    });
    all_judged(&ground, cases.collect());
}

#[test]
fn what_is_no_file_is_no_archive() {
    let ground = Ground::with("small");
    ground.create("a", &[]).ended(0);
    fs::create_dir(ground.archive("folder")).unwrap();
    symlink("/dev/zero", ground.archive("device")).unwrap();
    symlink("nowhere", ground.archive("dangling")).unwrap();
    pipe(&ground.archive("pipe"));
    let refused = Value::from(vec![1]);
    let cases = ["folder", "device", "dangling", "pipe"].into_iter().flat_map(|name| {
        ["verify", "inspect"].map(|verb| Case::new(verb, &ground.archive(name), Some(&ground.key("a")), &refused))
    });
    all_judged(&ground, cases.collect());
}

/// A call of the program with the exit codes that are right.
struct Case {
    command: Vec<String>,
    codes: Vec<i64>,
}

impl Case {
    fn new(verb: &str, archive: &Path, key: Option<&Path>, codes: &Value) -> Self {
        let shown = |path: &Path| path.to_str().unwrap().to_owned();
        let mut command = vec![program().to_owned(), verb.to_owned(), "--json".to_owned(), shown(archive)];
        command.extend(key.into_iter().flat_map(|key| ["--key".to_owned(), shown(key)]));
        let codes = codes.as_array().unwrap().iter().map(|code| code.as_i64().unwrap()).collect();
        Self { command, codes }
    }

    /// What is against the promise.
    fn complaints(&self, run: &Value) -> Vec<String> {
        let (said, code) = (run["stderr"].as_str().unwrap(), run["code"].as_i64().unwrap());
        let mut complaints = Vec::new();
        if !self.codes.contains(&code) {
            complaints.push(format!("ended with {code} for {:?}: {:.300} {said:.300}", self.codes, run["stdout"]));
        }
        if said.contains("panicked") {
            complaints.push(format!("panicked: {said}"));
        }
        // A result, or an error with its code: always one document.
        if code != 0 && !run["stdout"].as_str().unwrap().contains(r#""code":"#) {
            complaints.push(format!("has no typed error: {:.300}", run["stdout"]));
        }
        // The processor's time: other work on the machine is not the archive's doing, and a hang is ended by the timeout.
        if run["cpu"].as_f64().unwrap() > SECONDS {
            complaints.push(format!("took {} s of the processor, {} s in all", run["cpu"], run["seconds"]));
        }
        if run["peak_kib"].as_u64().unwrap() > PEAK_KIB {
            complaints.push(format!("held {} KiB", run["peak_kib"]));
        }
        complaints.iter().map(|what| format!("{}: {what}", self.command[1..].join(" "))).collect()
    }
}

#[track_caller]
fn all_judged(ground: &Ground, cases: Vec<Case>) {
    assert!(!cases.is_empty());
    let commands: Vec<_> = cases.iter().map(|case| &case.command).collect();
    fs::write(ground.path("commands.json"), serde_json::to_string(&commands).unwrap()).unwrap();
    let mut measured = script("measured.py");
    measured.stdin(fs::File::open(ground.path("commands.json")).unwrap());
    let output = measured.env("MEASURED_TIMEOUT", "10").env("TMPDIR", ground.path("tmp")).output().unwrap();
    let runs: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    assert_eq!(runs.len(), cases.len());
    let complaints: Vec<_> = cases.iter().zip(&runs).flat_map(|(case, run)| case.complaints(run)).collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

fn pipe(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}
