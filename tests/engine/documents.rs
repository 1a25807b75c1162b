//! `restore` of documents into a new data directory. The oracles are same_documents.py, which compares row by row and byte by
//! byte, openssl and tar, and what a real server's restore made of its own archive.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::harness::{Ground, Run, everything_below, golden, program, python, root};

pub(crate) fn restore(ground: &Ground, name: &str, dir: &str, more: &[&str]) -> Run {
    let mut command = ground.command(program());
    command.args(["restore", "--json"]).arg(ground.archive(name)).arg("--data-dir").arg(ground.path(dir)).args(more);
    command.output().expect("the program starts").into()
}

/// What the oracle finds.
fn differences(ground: &Ground, run: &Run, more: &[&str]) -> Vec<String> {
    let report = ground.path("report.json");
    fs::write(&report, &run.out).unwrap();
    let mut arguments = vec![ground.server().into_os_string(), ground.path("new").into(), report.into()];
    arguments.extend(more.iter().map(Into::into));
    let found: Value = serde_json::from_str(&python("same_documents.py", arguments)).unwrap();
    found["differences"].as_array().unwrap().iter().map(|d| d.as_str().unwrap().to_owned()).collect()
}

/// The database of an unused later server, as the tests have them.
fn later_database(ground: &Ground) -> PathBuf {
    let path = ground.path("empty.db");
    let code = "import sqlite3, sys; sys.path.insert(0, sys.argv[1]); import schemas
sqlite3.connect(sys.argv[2]).executescript(schemas.LATER).close()";
    let made = Command::new("python3").args(["-B", "-c", code]).arg(root().join("tests/support")).arg(&path).status();
    assert!(made.unwrap().success());
    path
}

fn rows(ground: &Ground, query: &str) -> Vec<String> {
    let database = Connection::open(ground.path("new/app.db")).unwrap();
    let mut statement = database.prepare(query).unwrap();
    let rows = statement.query_map([], |row| row.get::<_, Option<String>>(0)).unwrap();
    rows.map(|row| row.unwrap().unwrap_or_default()).collect()
}

#[test]
fn documents_of_any_server_come_back_row_by_row_and_byte_by_byte() {
    for (kind, is_later) in [("small", false), ("awkward", false), ("later", true), ("misfits", true)] {
        for made_of in [&[][..], &["--documents-only"]] {
            let ground = Ground::with(kind);
            ground.create("a", &[&["--allow-missing"], made_of].concat()).ended(0);
            let like = later_database(&ground);
            let like = ["--like", like.to_str().unwrap()];
            let run =
                restore(&ground, "a", "new", &[&["--documents-only"], &like[..if is_later { 2 } else { 0 }]].concat())
                    .ended(0);
            assert_eq!(differences(&ground, &run, &["--ids"]), [""; 0], "{kind} {made_of:?}");
            assert_eq!(run.document()["has_no_users"], true);
            assert!(run.document()["read_back"].as_u64().unwrap() > 0);
            assert_eq!(ground.names("tmp"), [""; 0]);
        }
    }
}

#[test]
fn a_backup_of_restored_documents_is_the_same_backup() {
    let same = "import sys; sys.path.insert(0, sys.argv[1]); from opened import Opened
old, new = Opened(sys.argv[2]), Opened(sys.argv[3])
print([n for n in old.names if n not in new or old.sha256(n) != new.sha256(n)], old.names == new.names)";
    for kind in ["small", "awkward", "later"] {
        let ground = Ground::with(kind);
        let only = ["--documents-only", "--allow-missing"];
        ground.create("a", &only).ended(0);
        let like = later_database(&ground);
        let like = ["--like", like.to_str().unwrap()];
        restore(&ground, "a", "new", &like[..if kind == "later" { 2 } else { 0 }]).ended(0);
        fs::rename(ground.server(), ground.path("gone")).unwrap();
        fs::rename(ground.path("new"), ground.server()).unwrap();
        ground.create("b", &only).ended(0);
        let support = root().join("tests/support");
        let output = Command::new("python3")
            .args(["-B", "-c", same])
            .args([support, ground.archive("a"), ground.archive("b")])
            .output()
            .unwrap();
        let found = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        // The time of it; of the awkward one also that paths which lead out were mended.
        let expected = if kind == "awkward" {
            "['files.json', 'metadata.json', 'manifest.json'] True"
        } else {
            "['metadata.json', 'manifest.json'] True"
        };
        let sorted = |text: &str| {
            let mut letters: Vec<_> =
                text.split(['\'', '[', ']', ',', ' ']).filter(|w| !w.is_empty()).map(str::to_owned).collect();
            letters.sort();
            letters
        };
        assert_eq!(sorted(&found), sorted(expected), "{kind}: {output:?}");
    }
}

#[test]
fn what_a_real_servers_restore_makes_of_its_archive_ours_makes_too() {
    let Some(golden) = golden() else { return };
    let ground = Ground::bare();
    for name in ["golden.cfms.enc", "golden.key"] {
        fs::copy(golden.join("golden").join(name), ground.path("out").join(name)).unwrap();
    }
    let run = restore(&ground, "golden", "new", &[]);
    assert_eq!((run.code, run.error_code().as_str()), (Some(5), "damaged"), "its anom_wrongsha");
    let run = restore(&ground, "golden", "new", &["--keep-damaged"]).ended(0);
    assert_eq!(run.document()["damaged"][0]["file_id"], "anom_wrongsha");
    let code = "import json, sqlite3, sys; sys.path.insert(0, sys.argv[1]); import real_restore
state = real_restore.state(sqlite3.connect(sys.argv[3] + '/app.db'), sys.argv[3])
state['result'] = json.load(open(sys.argv[2]))['result']
print(real_restore.compare(sys.argv[2], state))";
    let expected = golden.join("golden/expected_restore_by_peer.json");
    let output = Command::new("python3")
        .args(["-B", "-c", code])
        .args([root().join("tests/support"), expected, ground.path("new")])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "[]", "{output:?}");
}

#[test]
fn what_keeps_documents_closed_or_deleted_is_never_dropped() {
    let ground = Ground::with("later");
    ground.create("a", &["--allow-missing"]).ended(0);
    for more in [&[][..], &["--accept-wider-access"]] {
        let run = restore(&ground, "a", "new", &[&["--documents-only"], more].concat());
        assert_eq!((run.code, run.error_code().as_str()), (Some(1), "columns_lacking"), "{run:?}");
        let error = &run.document()["error"];
        assert!(error["advice"].as_str().unwrap().contains("--like"), "{error}");
        assert_eq!(error["params"]["columns"], "documents.inherit, documents.status, folders.inherit, folders.status");
        assert!(!ground.path("new").exists());
    }
    let plan = restore(&ground, "a", "new", &["--documents-only", "--dry-run"]).ended(0).document();
    assert_eq!(plan["obstacle"]["code"], "columns_lacking");
    assert!(
        plan["dropped_columns"].as_array().unwrap().iter().any(|c| c["column"] == "sticker" && c["revealing"] == 0)
    );
}

#[test]
fn nobody_is_let_in_whom_the_backups_server_kept_out() {
    let ground = Ground::with("later");
    let database = Connection::open(ground.server().join("app.db")).unwrap();
    database
        .execute_batch(
            "UPDATE folders SET inherit = 1, status = 0 WHERE id <> '/'; UPDATE documents SET inherit = 1, status = 0;
             UPDATE folders SET inherit = 1 WHERE id = '/'; DELETE FROM document_access_rules;
             DELETE FROM folder_access_rules;
             INSERT INTO folder_access_rules (access_type, folder_id, rule_data) VALUES
                 ('read', 'secret', '{\"match_groups\": [{\"groups\": {\"require\": [\"board\"]}}]}');",
        )
        .unwrap();
    drop(database);
    ground.create("a", &["--allow-missing"]).ended(0);
    let run = restore(&ground, "a", "new", &["--documents-only"]);
    assert_eq!((run.code, run.error_code().as_str()), (Some(1), "wider_access"), "{run:?}");
    assert!(run.document()["error"]["message"].as_str().unwrap().contains("everyone who is signed in"), "{run:?}");
    assert!(!ground.path("new").exists());
    let plan = restore(&ground, "a", "new", &["--documents-only", "--dry-run"]).ended(0).document();
    let open: Vec<_> = plan["wider_access"].as_array().unwrap().iter().map(|w| w["id"].as_str().unwrap()).collect();
    assert_eq!(open, ["deleted", "d1", "d2", "d4", "d5", "d7"], "what lies in the folder, and not the folder");
    let run = restore(&ground, "a", "new", &["--documents-only", "--accept-wider-access"]).ended(0);
    assert_eq!(differences(&ground, &run, &[]), [""; 0]);
    // A part that lay in the folder, put elsewhere on the same kind of server, is open too.
    let like = later_database(&ground);
    let more = ["--like", like.to_str().unwrap(), "--only", "d1", "--into", "Elsewhere"];
    assert_eq!(restore(&ground, "a", "other", &more).error_code(), "wider_access");
}

#[test]
fn a_part_comes_back_where_it_lay_or_in_the_folder_that_is_named() {
    let ground = Ground::with("small");
    ground.create("a", &[]).ended(0);
    let run = restore(&ground, "a", "new", &["--only", "Projects/合同"]).ended(0).document();
    assert_eq!((&run["documents"], &run["folders"], &run["contents"]), (&json!(2), &json!(2), &json!(2)));
    assert_eq!(rows(&ground, "SELECT id FROM documents ORDER BY id"), ["d1", "d4"]);
    assert_eq!(rows(&ground, "SELECT parent_id FROM folders ORDER BY id"), ["", "f1"]);
    assert_eq!(rows(&ground, "SELECT id FROM files ORDER BY id"), ["file1", "file4"]);
    fs::remove_dir_all(ground.path("new")).unwrap();

    restore(&ground, "a", "new", &["--only", "f2", "--only", "d0", "--into", "Old/2026"]).ended(0);
    assert_eq!(rows(&ground, "SELECT f.name FROM folders f ORDER BY f.name"), ["2026", "Old", "合同"]);
    let lies_in = "SELECT p.name FROM folders f JOIN folders p ON p.id = f.parent_id WHERE f.name = '合同'
                   UNION ALL SELECT p.name FROM documents d JOIN folders p ON p.id = d.folder_id WHERE d.id = 'd0'";
    assert_eq!(rows(&ground, lies_in), ["2026", "2026"]);
    assert_eq!(rows(&ground, "SELECT access_type FROM document_access_rules WHERE document_id = 'd0'"), ["read"]);
    fs::remove_dir_all(ground.path("new")).unwrap();

    restore(&ground, "a", "new", &["--into", "Old"]).ended(0);
    let lies_in = "SELECT p.name FROM documents d LEFT JOIN folders p ON p.id = d.folder_id ORDER BY d.id";
    assert_eq!(rows(&ground, lies_in), ["Projects", "合同", "Old", "Projects", "合同", "Old"]);
    assert_eq!(restore(&ground, "a", "other", &["--only", "nothing"]).error_code(), "not_in_backup");
}

#[test]
fn documents_of_the_first_servers_go_into_a_later_one() {
    let ground = Ground::with("small");
    ground.create("a", &[]).ended(0);
    let like = later_database(&ground);
    let run = restore(&ground, "a", "new", &["--like", like.to_str().unwrap()]).ended(0);
    assert_eq!(differences(&ground, &run, &[]), [""; 0]);
    assert_eq!(rows(&ground, "SELECT name FROM folders WHERE id = '/' AND parent_id IS NULL"), ["/"]);
    assert_eq!(
        rows(&ground, "SELECT count(*) || '' FROM documents WHERE folder_id = '/' AND inherit = 1 AND status = 0"),
        ["2"]
    );
    let current = "SELECT r.document_id FROM documents d JOIN document_revisions r ON r.id = d.current_revision_id
                   WHERE r.document_id = d.id";
    assert_eq!(rows(&ground, current).len(), 6);
}

#[test]
fn a_stale_journal_is_never_taken_for_the_new_databases() {
    let ground = Ground::with("small");
    ground.create("a", &[]).ended(0);
    let new = ground.path("new");
    fs::create_dir(&new).unwrap();
    for more in [&[][..], &["--documents-only"]] {
        for suffix in ["-wal", "-journal", "-shm"] {
            let stale = new.join(format!("app.db{suffix}"));
            fs::write(&stale, "somebody's").unwrap();
            let before = everything_below(&new);
            let run = restore(&ground, "a", "new", more);
            assert_eq!((run.code, run.error_code().as_str()), (Some(1), "already_exists"), "{suffix}: {run:?}");
            assert_eq!(everything_below(&new), before);
            fs::remove_file(stale).unwrap();
        }
    }
    // What a server's program brings along is not in the way, and says where the database goes.
    fs::write(new.join("config.toml"), "[database]\nfile = \"data/server.db\"\n").unwrap();
    fs::write(new.join("main.py"), "the server's program").unwrap();
    let run = restore(&ground, "a", "new", &["--documents-only"]).ended(0);
    assert_eq!(run.document()["database"], "data/server.db");
    assert!(new.join("data/server.db").is_file() && new.join("init").is_file());
}
