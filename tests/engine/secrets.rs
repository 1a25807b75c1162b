//! Key and documents are where they belong and nowhere else: looked for in every byte that a run writes, and in what it
//! leaves behind when it is made to die.

use std::fs;
use std::io::Read as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::Stdio;

use rusqlite::Connection;
use serde_json::Value;

use crate::harness::{Ground, program, skipped};

const TITLE: &str = "title-marker-b71c";
const CONTENT: &str = "content-marker-e09d";

fn marked() -> Ground {
    let ground = Ground::with("small");
    let db = Connection::open(ground.server().join("app.db")).unwrap();
    db.execute("UPDATE documents SET title = ?1 || rowid", [TITLE]).unwrap();
    // Else a warning, with the title, would be told on standard output, which is no log.
    db.execute("UPDATE files SET sha256 = NULL", []).unwrap();
    let path: String = db.query_row("SELECT path FROM files LIMIT 1", [], |row| row.get(0)).unwrap();
    fs::write(ground.server().join(path), CONTENT.repeat(5000)).unwrap();
    ground
}

fn key_of(ground: &Ground, name: &str) -> String {
    let file: Value = serde_json::from_slice(&fs::read(ground.key(name)).unwrap()).unwrap();
    file["key"].as_str().unwrap().to_owned()
}

#[test]
fn every_byte_that_a_run_writes_goes_where_it_belongs() {
    if !crate::faults::strace_works() {
        return;
    }
    let ground = marked();
    // A server at work, so that SQLite itself writes the copy, and not the system by a call that shows no bytes.
    let server = Connection::open(ground.server().join("app.db")).unwrap();
    server.pragma_update(None, "journal_mode", "wal").unwrap();
    server.execute("UPDATE users SET nickname = 'at work'", []).unwrap();
    let log = ground.path("strace.log");
    let output = ground
        .command("strace")
        .args(["-f", "-y", "-xx", "-s", "16777216", "-o"])
        .arg(&log)
        .args([
            "-e",
            "trace=execve,write,writev,pwrite64,pwritev,pwritev2,sendto,sendmsg,copy_file_range,sendfile,splice",
        ])
        .arg(program())
        .args(ground.create_arguments("a", &["--progress", "none"]))
        .output()
        .unwrap();
    drop(server);
    assert!(output.status.success(), "{output:?}");
    let key = key_of(&ground, "a");
    let log = fs::read_to_string(log).unwrap();
    // As strace writes them with -xx.
    let escaped = |bytes: &[u8]| -> String { bytes.iter().map(|byte| format!("\\x{byte:02x}")).collect() };
    let raw: Vec<u8> = (0..32).map(|n| u8::from_str_radix(&key[2 * n..2 * n + 2], 16).unwrap()).collect();
    let keys = [escaped(&raw), escaped(key.as_bytes()), escaped(key.to_uppercase().as_bytes())];
    let (title, content) = (escaped(TITLE.as_bytes()), escaped(CONTENT.as_bytes()));
    let path_of = |name: &str| [escaped(name.as_bytes()), name.to_owned()];

    let mut seen = (0, 0);
    for line in log.lines() {
        // Into which file: the first argument, or of those that copy the third.
        let to = |names: [String; 2]| {
            let targets = line.split(", ").take(if line.contains("copy_file_range(") { 3 } else { 1 });
            targets.last().is_some_and(|target| names.iter().any(|name| target.contains(name)))
        };
        assert!(!line.contains(&content), "a content is written in the clear: {line:.300}");
        if line.contains(&title) {
            assert!(
                to(path_of("cfms-backup-snapshot-")),
                "a title is written elsewhere than into the private copy: {line:.300}"
            );
            seen.0 += 1;
        }
        if keys.iter().any(|key| line.contains(key)) {
            assert!(to(path_of(".a.key")), "the key is written elsewhere than into its file: {line:.300}");
            seen.1 += 1;
        }
        let copies = ["copy_file_range(", "sendfile(", "splice("].iter().any(|call| line.contains(call));
        // The database may be copied by the system, into the private copy.
        assert!(!copies || to(path_of("cfms-backup-snapshot-")), "bytes are copied past this test: {line:.300}");
    }
    assert!(seen.0 > 0 && seen.1 > 0, "the test sees what is written: {seen:?}");
    assert_eq!(log.matches("execve(").count(), 1, "the program starts no other");

    // And what is left when it is done.
    assert_eq!(ground.names("tmp"), [""; 0]);
    let archive = fs::read(ground.archive("a")).unwrap();
    for marker in [TITLE.as_bytes(), CONTENT.as_bytes(), key.as_bytes(), &raw] {
        assert!(!archive.windows(marker.len()).any(|window| window == marker));
    }
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(!said.to_lowercase().contains(&key) && !said.contains(CONTENT));
}

#[test]
fn the_private_copy_is_nobody_elses_while_it_is_made() {
    if !crate::faults::strace_works() {
        return;
    }
    let ground = marked();
    let log = ground.path("strace.log");
    let traced = ground
        .command("strace")
        .args(["-f", "-o"])
        .arg(&log)
        .args(["-e", "trace=openat,openat2,open,creat,mkdir,mkdirat,unlink,unlinkat,chmod,fchmod,fchmodat,rmdir"])
        .arg(program())
        .args(ground.create_arguments("a", &["--progress", "none"]))
        .output()
        .unwrap();
    assert!(traced.status.success(), "{traced:?}");
    let log = fs::read_to_string(log).unwrap();
    let made: Vec<_> =
        log.lines().filter(|line| line.contains("mkdir") && line.contains("cfms-backup-snapshot-")).collect();
    assert!(!made.is_empty() && made.iter().all(|line| line.contains("0700")), "{made:?}");
    // Created so that only its owner may read it; never in the output folder.
    let created: Vec<_> = log.lines().filter(|line| line.contains("O_CREAT") && !line.contains("ENOENT")).collect();
    assert!(created.len() >= 3, "{created:?}");
    for line in created {
        let archive = line.contains(".a.cfms.enc");
        assert!(archive || line.contains("0600") || line.contains("/dev/null"), "readable by others: {line}");
        assert!(!line.contains("/out/") || line.contains("/.a."), "{line}");
    }
}

/// Killed by a signal that dumps core, a run must leave none; where this machine dumps none at all, nothing is proven.
#[test]
fn a_run_that_dies_leaves_no_core_dump() {
    let ground = marked();
    let unlimited = "ulimit -c unlimited 2>/dev/null; exec \"$@\"";
    let mut control = ground.command("sh").args(["-c", unlimited, "sh", "sleep", "60"]).spawn().unwrap();
    until("sleep runs", || {
        fs::read_to_string(format!("/proc/{}/comm", control.id())).is_ok_and(|name| name == "sleep\n")
    });
    abort(control.id());
    if !control.wait().unwrap().core_dumped() {
        skipped("this machine writes no core dumps, so none can be missing");
        return;
    }
    let mut child = ground
        .command("sh")
        .args(["-c", unlimited, "sh", program()])
        .args(ground.create_arguments("a", &["--progress", "json"]))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The first event comes when all is set up, and the key is made soon after.
    let mut first = [0];
    child.stderr.as_mut().unwrap().read_exact(&mut first).unwrap();
    abort(child.id());
    let ended = child.wait().unwrap();
    assert_eq!(ended.signal(), Some(6), "{ended:?}");
    assert!(!ended.core_dumped());
}

fn abort(pid: u32) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::ABORT).unwrap();
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = std::time::Instant::now();
    while !holds() {
        assert!(begun.elapsed().as_secs() < 30, "never: {what}");
        std::thread::yield_now();
    }
}
