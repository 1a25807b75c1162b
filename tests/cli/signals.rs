//! Ctrl-C and SIGTERM: the run stops, cleans up and says so in its exit code.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::program::{Server, command, names};

/// Much longer than anything here takes; a run that hangs fails instead of hanging the tests.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn an_interrupted_backup_leaves_nothing_behind_and_exits_with_130() {
    stopped_in("encrypt", Signal::INT, 130);
}

#[test]
fn a_terminated_backup_leaves_nothing_behind_and_exits_with_143() {
    stopped_in("encrypt", Signal::TERM, 143);
}

#[test]
fn a_backup_stopped_while_it_is_read_back_leaves_nothing_behind() {
    stopped_in("verify", Signal::TERM, 143);
}

fn stopped_in(phase: &str, signal: Signal, code: i32) {
    let server = Server::whole().with_hole(512 << 20);
    let temporary = server.folder.path().join("tmp");
    fs::create_dir(&temporary).unwrap();
    let mut child = command(server.create_arguments(&["--json", "--progress=json"]))
        .env("TMPDIR", &temporary)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut events = BufReader::new(child.stderr.take().unwrap());
    wait_for(&mut events, phase);
    assert_no_core_dumps(&child);
    assert!(!names(&server.out()).iter().any(|name| name.ends_with(".cfms.enc")), "nothing is published yet");
    kill_process(pid(&child), signal).unwrap();
    // Whatever is said from now on must not block the run.
    let mut rest = String::new();
    events.read_to_string(&mut rest).unwrap();
    let output = child.wait_with_output().unwrap();

    assert_eq!(output.status.code(), Some(code));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["error"]["code"], "cancelled");
    assert_eq!(names(&server.out()), [""; 0]);
    assert_eq!(names(&temporary), [""; 0]);
}

/// A run that cannot clean up, because it waits for a reader of its standard error who never reads.
#[test]
fn a_second_signal_leaves_at_once() {
    let server = Server::whole();
    let (reader, mut writer) = std::io::pipe().unwrap();
    rustix::io::ioctl_fionbio(&writer, true).unwrap();
    while writer.write(&[b'.'; 4096]).is_ok() {}
    while writer.write(b".").is_ok() {}
    rustix::io::ioctl_fionbio(&writer, false).unwrap();

    let mut child = command(server.create_arguments(&["--progress=plain"])).stderr(writer).spawn().unwrap();
    // That of SIGXFSZ is the last to come.
    until("the handlers are there", || signal_set(&child, "SigCgt:") & bit(Signal::XFSZ) != 0);
    kill_process(pid(&child), Signal::INT).unwrap();
    until("the first signal is delivered", || signal_set(&child, "ShdPnd:") & bit(Signal::INT) == 0);
    assert!(child.try_wait().unwrap().is_none(), "it waits for its reader");
    kill_process(pid(&child), Signal::INT).unwrap();
    until("the second signal ends it", || child.try_wait().unwrap().is_some());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    drop(reader);
}

#[test]
fn a_verification_can_be_stopped_too() {
    let server = Server::whole().with_hole(512 << 20);
    let run = server.create(&["--name=a", "--no-verify", "--progress=none"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    let archive = server.out().join("a.cfms.enc");
    let mut child = command(["verify".as_ref(), archive.as_os_str(), "--progress=json".as_ref()])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut events = BufReader::new(child.stderr.take().unwrap());
    wait_for(&mut events, "verify");
    kill_process(pid(&child), Signal::INT).unwrap();
    let mut rest = String::new();
    events.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(rest.contains("error: cancelled"), "{rest}");
}

/// Reads events until `phase` has got somewhere.
fn wait_for(events: &mut impl BufRead, phase: &str) {
    let mut current = String::new();
    for line in events.lines() {
        let event: Value = serde_json::from_str(&line.unwrap()).unwrap();
        match event["event"].as_str().unwrap() {
            "phase" => current = event["phase"].as_str().unwrap().to_owned(),
            "done" if current == phase && event["bytes"].as_u64().unwrap() > 0 => return,
            _ => {}
        }
    }
    panic!("the run ended before {phase} got anywhere");
}

fn assert_no_core_dumps(child: &Child) {
    let limits = fs::read_to_string(format!("/proc/{}/limits", child.id())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"]);
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "still not: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A set of signals of `/proc/PID/status`.
fn signal_set(child: &Child, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let set = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    u64::from_str_radix(set.trim(), 16).unwrap()
}

fn bit(signal: Signal) -> u64 {
    1 << (signal.as_raw() - 1)
}

fn pid(child: &Child) -> Pid {
    Pid::from_child(child)
}
