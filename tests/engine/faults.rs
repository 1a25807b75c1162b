//! Whatever fails, whenever a run dies: never a bad archive under its name, never success without one, never a lost key,
//! never an overwritten file.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::process::Stdio;

use crate::harness::{Ground, Run, program, skipped};

mod calls;
mod deaths;
mod limits;
mod names;

/// Whether processes can be traced here; says so if not.
pub(crate) fn strace_works() -> bool {
    let works = std::process::Command::new("strace")
        .args(["-f", "-o", "/dev/null", "true"])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !works {
        skipped("strace is not here, or processes may not be traced");
    }
    works
}

/// What lay in the output folder before, and must lie there ever after.
struct Bystanders(BTreeMap<PathBuf, Vec<u8>>);

impl Bystanders {
    fn of(ground: &Ground) -> Self {
        ground.create("older", &[]).ended(0);
        fs::write(ground.path("out/notes.txt"), "somebody's").unwrap();
        fs::write(ground.path("out/lonely.key"), "a key without an archive").unwrap();
        Self(
            ["older.cfms.enc", "older.key", "notes.txt", "lonely.key"]
                .map(|name| ground.path("out").join(name))
                .map(|path| (path.clone(), fs::read(&path).unwrap()))
                .into(),
        )
    }

    #[track_caller]
    fn are_untouched(&self) {
        for (path, bytes) in &self.0 {
            assert!(fs::read(path).is_ok_and(|now| now == *bytes), "{} was touched", path.display());
        }
    }
}

/// What must hold after any run at all, however it ended.
#[track_caller]
fn nothing_bad_under_a_name(ground: &Ground, name: &str, run: &Run, what: &str) {
    let (archive, key) = (ground.archive(name).exists(), ground.key(name).exists());
    if archive {
        let verified = ground.on_archive("verify", name);
        assert_eq!(verified.code, Some(0), "{what}: {run:?}: {verified:?}");
        assert_eq!(verified.document()["verdict"], "verified", "{what}");
    }
    if run.code == Some(0) {
        assert!(archive && key, "{what}: success without a backup: {run:?}");
    }
}

/// What must hold besides after a run that could still clean up.
#[track_caller]
fn cleaned_up(ground: &Ground, name: &str, run: &Run, what: &str) {
    nothing_bad_under_a_name(ground, name, run, what);
    assert_eq!(run.signal, None, "{what}: it died: {run:?}");
    // The standard library itself panics where a folder that was only read cannot be closed, or no random number be had.
    let panics_of_its_own = ["during closedir", "failed to generate random data"];
    let is_its_own = panics_of_its_own.iter().any(|words| run.err.contains(words));
    assert!(!run.err.contains("panicked") || is_its_own, "{what}: {run:?}");
    assert_eq!(ground.archive(name).exists(), ground.key(name).exists(), "{what}: a key without an archive: {run:?}");
    assert_eq!(ground.names("tmp"), [""; 0], "{what}");
}

fn take_away(ground: &Ground, name: &str) {
    for path in [ground.archive(name), ground.key(name)] {
        if path.exists() {
            fs::remove_file(path).unwrap();
        }
    }
}

/// Every call of those names that a run makes, as (name, how manieth in its thread).
fn steps_of(ground: &Ground, calls: &[&str]) -> Vec<(String, u32)> {
    let log = ground.path("steps.log");
    let known: Vec<_> = calls.iter().filter(|call| knows(call)).copied().collect();
    let output = ground
        .command("strace")
        .args(["-f", "-qq", "-o"])
        .arg(&log)
        .args(["-e", &format!("trace={}", known.join(","))])
        .arg(program())
        .args(ground.create_arguments("steps", &[]))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    take_away(ground, "steps");
    let mut counts: BTreeMap<(String, String), u32> = BTreeMap::new();
    for line in fs::read_to_string(log).unwrap().lines() {
        let Some((thread, rest)) = line.split_once(' ') else { continue };
        let Some((call, _)) = rest.trim_start().split_once('(') else { continue };
        if known.contains(&call) {
            *counts.entry((call.to_owned(), thread.to_owned())).or_default() += 1;
        }
    }
    let mut most: BTreeMap<String, u32> = BTreeMap::new();
    for ((call, _), count) in counts {
        let entry = most.entry(call).or_default();
        *entry = count.max(*entry);
    }
    most.into_iter().flat_map(|(call, count)| (1..=count).map(move |when| (call.clone(), when))).collect()
}

/// Whether this machine has a call of that name: not every architecture has each.
fn knows(call: &str) -> bool {
    let tried = std::process::Command::new("strace")
        .args(["-o", "/dev/null", "-e", &format!("trace={call}"), "true"])
        .stderr(Stdio::null())
        .status();
    tried.is_ok_and(|status| status.success())
}

/// Makes a backup under strace with a fault put in, and gives the log of the calls that it met.
fn traced_backup(ground: &Ground, name: &str, injection: &str, call: &str) -> (Run, String) {
    traced(ground, injection, call, ground.create_arguments(name, &[]))
}

/// Runs the program with these arguments in the same way.
pub(crate) fn traced(ground: &Ground, injection: &str, call: &str, arguments: Vec<OsString>) -> (Run, String) {
    let log = ground.path("strace.log");
    let mut command = ground.command("strace");
    command.args(["-f", "-qq", "-o"]).arg(&log).args([
        "-e",
        &format!("trace={call}"),
        "-e",
        &format!("inject={injection}"),
    ]);
    let run = command.arg(program()).args(arguments).output().unwrap().into();
    (run, fs::read_to_string(log).unwrap())
}
