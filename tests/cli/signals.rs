//! Ctrl-C, SIGTERM and the like: the run stops, cleans up and says so in its exit code.

use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rusqlite::Connection;
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
fn a_backup_whose_terminal_is_closed_leaves_nothing_behind_and_exits_with_129() {
    stopped_in("encrypt", Signal::HUP, 129);
}

#[test]
fn a_backup_that_is_quit_leaves_nothing_behind_and_exits_with_131() {
    stopped_in("encrypt", Signal::QUIT, 131);
}

#[test]
fn a_backup_stopped_while_it_is_read_back_leaves_nothing_behind() {
    stopped_in("verify", Signal::TERM, 143);
}

fn stopped_in(phase: &str, signal: Signal, code: i32) {
    let server = Server::whole().with_hole(512 << 20);
    let temporary = server.folder.path().join("tmp");
    fs::create_dir(&temporary).unwrap();
    let mut child = listening(server.create_arguments(&["--json", "--progress=json"]))
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

#[test]
fn a_backup_that_was_started_to_outlive_its_terminal_does() {
    let server = Server::whole().with_hole(512 << 20);
    let mut child = Command::new("sh")
        .args(["-c", "trap '' HUP; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_cfms-backup")])
        .args(server.create_arguments(&["--name=a", "--no-verify", "--progress=json"]))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut events = BufReader::new(child.stderr.take().unwrap());
    wait_for(&mut events, "encrypt");
    kill_process(pid(&child), Signal::HUP).unwrap();
    let mut rest = String::new();
    events.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{rest}");
    assert_eq!(names(&server.out()), ["a.cfms.enc", "a.key"]);
}

/// A run that cannot clean up, because it waits for a reader of its standard error who never reads.
#[test]
fn one_wish_that_comes_as_several_signals_is_one_and_a_second_one_leaves_at_once() {
    let server = Server::whole();
    let (reader, mut writer) = std::io::pipe().unwrap();
    rustix::io::ioctl_fionbio(&writer, true).unwrap();
    while writer.write(&[b'.'; 4096]).is_ok() {}
    while writer.write(b".").is_ok() {}
    rustix::io::ioctl_fionbio(&writer, false).unwrap();

    let mut child = command(server.create_arguments(&["--progress=plain"])).stderr(writer).spawn().unwrap();
    // That of SIGXFSZ is the last to come.
    until("the handlers are there", || signal_set(&child, "SigCgt:") & bit(Signal::XFSZ) != 0);
    let begun = Instant::now();
    until("a second wish ends it", || {
        let ended = child.try_wait().unwrap().is_some();
        if !ended {
            kill_process(pid(&child), Signal::INT).unwrap();
        }
        ended
    });
    assert!(begun.elapsed() >= Duration::from_secs(1), "it left after {:?}", begun.elapsed());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    drop(reader);
}

/// Stopped before it has the database's lock or after, never while: a server would wait until somebody goes on with it.
#[test]
fn ctrl_z_stops_a_backup_only_when_the_database_is_copied() {
    let server = Server::whole();
    let database = Connection::open(server.root.join("app.db")).unwrap();
    database.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let mut child = listening(server.create_arguments(&["--name=a", "--progress=json"]))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut events = BufReader::new(child.stderr.take().unwrap());
    let mut said = String::new();
    events.read_line(&mut said).unwrap();
    assert!(said.contains("\"snapshot\""), "it waits for the lock: {said}");
    kill_process(pid(&child), Signal::TSTP).unwrap();
    until("the signal is delivered", || signal_set(&child, "ShdPnd:") & bit(Signal::TSTP) == 0);
    database.execute_batch("ROLLBACK").unwrap();

    until("it stops", || status(&child, "State:").starts_with('T'));
    database.execute_batch("BEGIN EXCLUSIVE; ROLLBACK").unwrap();
    rustix::io::ioctl_fionbio(events.get_ref(), true).unwrap();
    // What it has said by now, and then no more.
    let mut more = Vec::new();
    events.read_to_end(&mut more).unwrap_err();
    said.push_str(std::str::from_utf8(&more).unwrap());
    let copied = said.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()).any(|event| {
        event["event"] == "done"
            && event["bytes"].as_u64() == Some(fs::metadata(database.path().unwrap()).unwrap().len())
    });
    assert!(copied, "it stopped before the copy was made: {said}");

    rustix::io::ioctl_fionbio(events.get_ref(), false).unwrap();
    kill_process(pid(&child), Signal::CONT).unwrap();
    events.read_to_string(&mut said).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{said}");
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

/// The program, listening to all signals, whatever whoever runs these tests has ignored.
fn listening(arguments: Vec<OsString>) -> Command {
    let program = command(arguments);
    let mut listening = Command::new("env");
    listening.arg("--default-signal=HUP,INT,QUIT,TERM,TSTP").arg(program.get_program()).args(program.get_args());
    listening.stdin(Stdio::null());
    listening
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
    u64::from_str_radix(&status(child, name), 16).unwrap()
}

fn status(child: &Child, name: &str) -> String {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    status.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned()
}

fn bit(signal: Signal) -> u64 {
    1 << (signal.as_raw() - 1)
}

fn pid(child: &Child) -> Pid {
    Pid::from_child(child)
}
