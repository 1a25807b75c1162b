//! `restore`: a server comes back as it was, whole or not at all. The oracle is same_server.py, which compares row by row
//! and byte by byte without our reader.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::faults::{strace_works, traced};
use crate::harness::{Ground, Run, Seeded, everything_below, golden, is_root, program, python, rounds, skipped};

fn arguments(ground: &Ground, name: &str, more: &[&str]) -> Vec<std::ffi::OsString> {
    let fixed = [
        "restore".into(),
        "--json".into(),
        ground.archive(name).into_os_string(),
        "--data-dir".into(),
        ground.path("new").into_os_string(),
    ];
    fixed.into_iter().chain(more.iter().map(Into::into)).collect()
}

fn restore(ground: &Ground, name: &str, more: &[&str]) -> Run {
    ground.command(program()).args(arguments(ground, name, more)).output().expect("the program starts").into()
}

/// What the oracle finds, and how many contents it compared.
fn compared(ground: &Ground, run: &Run) -> (Vec<String>, u64) {
    let report = ground.path("report.json");
    fs::write(&report, &run.out).unwrap();
    let found: Value =
        serde_json::from_str(&python("same_server.py", [ground.server(), ground.path("new"), report])).unwrap();
    let differences = found["differences"].as_array().unwrap().iter().map(|d| d.as_str().unwrap().to_owned()).collect();
    (differences, found["contents"].as_u64().unwrap())
}

/// What two archives hold alike, and what not, as openssl and tar see it.
const ROUND_TRIP: &str = "import sys; sys.path.insert(0, sys.argv[1]); from opened import Opened
old, new = Opened(sys.argv[2]), Opened(sys.argv[3])
other = [n for n in old.names if n not in new or old.sha256(n) != new.sha256(n)]
print(sorted(set(other) | {n for n in new.names if n not in old}), old.names == new.names)";

fn round_trip(ground: &Ground, old: &str, new: &str) -> String {
    let support = crate::harness::root().join("tests/support");
    let mut command = Command::new("python3");
    command.args(["-B", "-c", ROUND_TRIP]).args([support, ground.archive(old), ground.archive(new)]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[test]
fn a_server_of_any_kind_comes_back_row_by_row_and_byte_by_byte() {
    for kind in ["small", "later", "awkward", "misfits"] {
        let ground = Ground::with(kind);
        ground.create("a", &["--allow-missing"]).ended(0);
        let before = everything_below(&ground.path("out"));
        let run = restore(&ground, "a", &[]).ended(0);
        let (differences, contents) = compared(&ground, &run);
        assert_eq!(differences, [""; 0], "{kind}: {run:?}");
        assert!(contents > 0, "{kind}");
        assert_eq!(run.document()["read_back"], contents, "{kind}");
        assert_eq!(everything_below(&ground.path("out")), before);
        assert_eq!(ground.names("tmp"), [""; 0], "{kind}");
    }
}

#[test]
fn real_servers_of_both_lines_come_back() {
    let Some(golden) = golden() else { return };
    for name in ["server", "server_master"] {
        let ground = Ground::with_copy_of(&golden.join(name));
        ground.create("a", &["--allow-missing"]).ended(0);
        let run = restore(&ground, "a", &[]).ended(0);
        assert_eq!(compared(&ground, &run).0, [""; 0], "{name}: {run:?}");
    }
}

#[test]
fn a_backup_of_what_came_back_is_the_same_backup() {
    let ground = Ground::with("small");
    ground.create("a", &[]).ended(0);
    let run = restore(&ground, "a", &["--strict"]).ended(0);
    assert!(run.document()["accounts"].as_array().is_some());
    fs::rename(ground.server(), ground.path("gone")).unwrap();
    fs::rename(ground.path("new"), ground.server()).unwrap();
    ground.create("b", &[]).ended(0);
    let same = round_trip(&ground, "a", "b");
    assert_eq!(same, "['manifest.json', 'metadata.json'] True", "all but the time of it");
}

#[test]
fn a_plan_writes_nothing_and_says_what_would_come() {
    let ground = Ground::with("small");
    ground.create("a", &[]).ended(0);
    let mut plan = restore(&ground, "a", &["--dry-run"]).ended(0).document();
    assert!(!ground.path("new").exists());
    let mut done = restore(&ground, "a", &[]).ended(0).document();
    assert_eq!((&plan["dry_run"], &plan["read_back"]), (&json!(true), &Value::Null));
    done["dry_run"] = json!(true);
    done["read_back"] = Value::Null;
    // Others write on the disk, too.
    plan["free_bytes"] = Value::Null;
    done["free_bytes"] = Value::Null;
    assert_eq!(plan, done);
}

#[test]
fn nothing_that_is_there_is_touched_and_what_is_not_in_the_way_stays() {
    let ground = Ground::with("small");
    ground.create("a", &[]).ended(0);
    let new = ground.path("new");
    for in_the_way in ["app.db", "init", "config.toml", "content/ssl/key.pem", "content/files/somebody's"] {
        fs::create_dir_all(new.join(in_the_way).parent().unwrap()).unwrap();
        fs::write(new.join(in_the_way), "# somebody's").unwrap();
        fs::write(new.join("main.py"), "the server's program").unwrap();
        let before = everything_below(&new);
        let run = restore(&ground, "a", &[]);
        // What is no database is none of a server that documents could be added to.
        let expected = if in_the_way == "app.db" { "not_cfms" } else { "already_exists" };
        assert_eq!((run.code, run.error_code().as_str()), (Some(1), expected), "{in_the_way}: {run:?}");
        // The folder's own time changes as the private folder in it comes and goes.
        assert_eq!(everything_below(&new), before, "{in_the_way}");
        fs::remove_dir_all(&new).unwrap();
    }
    let outside = ground.path("outside");
    fs::create_dir_all(&outside).unwrap();
    fs::create_dir_all(&new).unwrap();
    symlink(&outside, new.join("content")).unwrap();
    assert_eq!(restore(&ground, "a", &[]).error_code(), "already_exists");
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0, "nothing went through the link");
    fs::remove_file(new.join("content")).unwrap();
    fs::create_dir(new.join("content")).unwrap();
    fs::write(new.join("main.py"), "the server's program").unwrap();
    restore(&ground, "a", &[]).ended(0);
    assert_eq!(fs::read(new.join("main.py")).unwrap(), b"the server's program");
}

#[test]
fn damage_stops_it_before_anything_is_written_unless_it_is_allowed() {
    let ground = Ground::with("bulk");
    ground.create("a", &[]).ended(0);
    let mut bytes = fs::read(ground.archive("a")).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(ground.archive("a"), bytes).unwrap();
    for more in [&[][..], &["--no-verify"]] {
        let run = restore(&ground, "a", more);
        assert_eq!((run.code, run.error_code().as_str()), (Some(5), "damaged"), "{run:?}");
        assert!(!ground.path("new").exists(), "{more:?}");
    }
    let run = restore(&ground, "a", &["--keep-damaged"]).ended(0);
    assert_eq!(run.document()["damaged_total"], 1, "{run:?}");
    assert_eq!(compared(&ground, &run).0.len(), 1, "the one that is damaged differs");
}

/// A server whose database and configuration say what they should not.
#[test]
fn no_word_of_an_archive_leads_out_of_the_folder() {
    let ground = Ground::with("small");
    let (server, outside) = (ground.server(), ground.path("outside"));
    fs::create_dir(&outside).unwrap();
    let database = Connection::open(server.join("app.db")).unwrap();
    database.pragma_update(None, "foreign_keys", false).unwrap();
    let evil = [
        outside.join("absolute").display().to_string(),
        "../outside/up".to_owned(),
        "content/../../outside/inner".to_owned(),
        "content\\..\\..\\outside\\windows".to_owned(),
        "content/ssl/key.pem".to_owned(),
        "content/backups/x".to_owned(),
        "init".to_owned(),
        "app.db".to_owned(),
        ".cfms-restore-1/tree/x".to_owned(),
        "/etc/passwd".to_owned(),
    ];
    for (n, path) in evil.iter().enumerate() {
        database.execute("INSERT INTO files VALUES (?1, NULL, ?2, 1.0, 1)", (format!("evil{n}"), path)).unwrap();
        database
            .execute(
                "INSERT INTO document_revisions (document_id, file_id, created_time) VALUES ('evil', ?1, 1.0)",
                [format!("evil{n}")],
            )
            .unwrap();
    }
    database
        .execute_batch(
            "CREATE TABLE heard (what TEXT);
             CREATE TRIGGER spy AFTER UPDATE ON files BEGIN INSERT INTO heard VALUES (new.path); END;
             CREATE VIEW looks AS SELECT * FROM users;",
        )
        .unwrap();
    drop(database);
    fs::write(outside.join("up"), "a content outside").unwrap();
    let config =
        fs::read_to_string(server.join("config.toml")).unwrap().replace("./content/ssl/key.pem", "../outside/key.pem");
    fs::write(server.join("config.toml"), &config).unwrap();
    fs::write(outside.join("key.pem"), "a key outside").unwrap();
    ground.create("a", &["--allow-missing", "--allow-outside", outside.to_str().unwrap()]).ended(0);
    let before = everything_below(&outside);
    let run = restore(&ground, "a", &[]).ended(0);
    let document = run.document();
    assert_eq!(everything_below(&outside), before);
    assert_eq!(document["relocated_total"], evil.len() as u64, "{document}");
    assert_eq!(document["schema_oddities"], json!(["trigger spy", "view looks"]));
    let new = ground.path("new");
    let restored = Connection::open(new.join("app.db")).unwrap();
    let heard: i64 = restored.query_row("SELECT count(*) FROM heard", [], |row| row.get(0)).unwrap();
    assert_eq!(heard, 0, "a trigger of the archive ran");
    assert_eq!(fs::read(new.join("content/files/evil1")).unwrap(), b"a content outside");
    let path: String = restored.query_row("SELECT path FROM files WHERE id = 'evil1'", [], |row| row.get(0)).unwrap();
    assert_eq!(path, "./content/files/evil1");
    assert_eq!(document["mended"][0]["setting"], "[server] ssl_keyfile");
    assert_eq!(fs::read_to_string(new.join("config.toml.from-backup")).unwrap(), config);
    assert_eq!(fs::read(new.join("content/ssl/key.pem")).unwrap(), b"a key outside");
    assert!(!fs::read_to_string(new.join("config.toml")).unwrap().contains("outside"));
}

/// What the oracle finds, but for the program that lay there before.
fn without_program(ground: &Ground, run: &Run) -> Vec<String> {
    let (mut differences, _) = compared(ground, run);
    differences.retain(|difference| !difference.contains("main.py"));
    differences
}

#[test]
fn killed_or_failing_anywhere_it_leaves_no_server_or_a_whole_one_and_the_next_run_mends_it() {
    if !strace_works() {
        return;
    }
    let ground = Ground::with("small");
    ground.create("a", &[]).ended(0);
    let new = ground.path("new");
    // A folder that is there before, so that it is not simply gone afterwards.
    fs::create_dir(&new).unwrap();
    fs::write(new.join("main.py"), "the server's program").unwrap();
    let mut seeded = Seeded(5);
    let (mut whole, mut half) = (0, 0);
    let mut faults: Vec<_> = (1..=rounds(6, 9)).flat_map(|when| [("renameat2", when), ("fsync", when)]).collect();
    faults.extend((1..=3).map(|when| ("syncfs", when)));
    faults.extend((0..rounds(3, 60)).map(|_| ("write", 1 + seeded.below(60))));
    faults.extend((0..rounds(2, 30)).map(|_| ("mkdirat", 1 + seeded.below(8))));
    faults.extend((0..rounds(2, 30)).map(|_| ("openat", 20 + seeded.below(200))));
    let injections = ["signal=SIGKILL", "error=EIO", "error=ENOSPC"];
    for (call, when) in faults {
        for injection in &injections[..rounds(2, 3) as usize] {
            let what = format!("{call} {when} {injection}");
            let (run, log) =
                traced(&ground, &format!("{call}:{injection}:when={when}"), call, arguments(&ground, "a", &[]));
            if run.code == Some(0) {
                assert_eq!(without_program(&ground, &run), [""; 0], "{what}");
            } else if new.join("app.db").exists() {
                // Everything else is in its place before.
                assert!(log.contains("INJECTED") || log.contains("SIGKILL"), "{what}: {run:?}");
                let report = json!({ "relocated": [], "missing": [], "mended": [], "database": "app.db" });
                let told = Run { out: report.to_string(), ..run };
                let mut differences = without_program(&ground, &told);
                differences.retain(|difference| !difference.contains(".cfms-"));
                assert_eq!(differences, [""; 0], "{what}");
            }
            assert_eq!(fs::read(new.join("main.py")).unwrap(), b"the server's program", "{what}");
            if new.join("app.db").exists() {
                whole += 1;
            } else {
                half += u32::from(new.join("init").exists());
                let run = restore(&ground, "a", &[]).ended(0);
                assert_eq!(without_program(&ground, &run), [""; 0], "after {what}");
            }
            for entry in fs::read_dir(&new).unwrap() {
                let path = entry.unwrap().path();
                match path.is_dir() {
                    true => fs::remove_dir_all(path).unwrap(),
                    false if path.ends_with("main.py") => {}
                    false => fs::remove_file(path).unwrap(),
                }
            }
        }
    }
    assert!(whole > 0 && half > 0, "some came too late to matter, and some half-way: {whole} {half}");
}

#[test]
fn what_root_writes_belongs_to_the_owner_of_the_folder() {
    if !is_root() {
        return skipped("giving a folder to somebody needs root");
    }
    let ground = Ground::with("small");
    ground.create("a", &[]).ended(0);
    let new = ground.path("new");
    fs::create_dir(&new).unwrap();
    std::os::unix::fs::chown(&new, Some(65534), Some(65534)).unwrap();
    restore(&ground, "a", &[]).ended(0);
    for (path, _) in everything_below(&new) {
        use std::os::unix::fs::MetadataExt as _;
        let found = fs::symlink_metadata(&path).unwrap();
        assert_eq!((found.uid(), found.gid()), (65534, 65534), "{}", path.display());
    }
}
