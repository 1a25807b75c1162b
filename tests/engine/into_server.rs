//! `restore` into a server that is there: rows all old or all new, contents of old rows untouched, nothing in between. The
//! oracle is Python's sqlite3, which reads the databases itself.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::documents::restore;
use crate::faults::{strace_works, traced};
use crate::harness::{Ground, Run, Seeded, program, rounds};

/// Everything that a server's database says, table by table, the contents of its files among it.
const STATE: &str = "import hashlib, json, os, sqlite3, sys
root = sys.argv[1]
db = sqlite3.connect(f'file:{root}/app.db?mode=ro', uri=True)
db.text_factory = lambda raw: raw.decode('utf-8', 'replace')
state = {'integrity': [r[0] for r in db.execute('PRAGMA integrity_check')]}
for (table,) in db.execute(\"SELECT name FROM sqlite_schema WHERE type = 'table'\").fetchall():
    state[table] = sorted((list(map(repr, r)) for r in db.execute(f'SELECT * FROM {table}')), key=str)
state['contents'] = {}
for id, path in db.execute('SELECT id, path FROM files'):
    try: state['contents'][id] = hashlib.sha256(open(os.path.join(root, path), 'rb').read()).hexdigest()
    except (OSError, ValueError): state['contents'][id] = None
print(json.dumps(state))";

fn state(server: &Path) -> Value {
    let output = Command::new("python3").args(["-B", "-c", STATE]).arg(server).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn change(server: &Path, sql: &str) {
    Connection::open(server.join("app.db")).unwrap().execute_batch(sql).unwrap();
}

fn path_of(server: &Path, file: &str) -> PathBuf {
    let database = Connection::open(server.join("app.db")).unwrap();
    let path: String = database.query_row("SELECT path FROM files WHERE id = ?1", [file], |row| row.get(0)).unwrap();
    server.join(path)
}

fn titles(server: &Path) -> BTreeMap<String, i64> {
    let database = Connection::open(server.join("app.db")).unwrap();
    let mut statement = database.prepare("SELECT title, count(*) FROM documents GROUP BY 1").unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    rows.map(Result::unwrap).collect()
}

/// Documents, a folder and contents that the server lost after its backup.
fn lose(server: &Path) {
    fs::remove_file(path_of(server, "file0")).unwrap();
    fs::remove_file(path_of(server, "file1")).unwrap();
    change(
        server,
        "PRAGMA foreign_keys = OFF; DELETE FROM documents WHERE id IN ('d1', 'd4');
         DELETE FROM document_revisions WHERE document_id IN ('d1', 'd4');
         DELETE FROM files WHERE id IN ('file1'); DELETE FROM folders WHERE id = 'f2';",
    );
}

fn left_behind(server: &Path) -> Vec<String> {
    let names = fs::read_dir(server).unwrap().map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    names.filter(|name| name.starts_with(".cfms-")).collect()
}

#[test]
fn what_a_server_lost_comes_back_and_a_second_time_there_is_nothing_to_do() {
    for kind in ["small", "awkward", "later", "misfits"] {
        let ground = Ground::with(kind);
        ground.create("a", &["--allow-missing"]).ended(0);
        let before = state(&ground.server());
        let run = restore(&ground, "a", "server", &[]).ended(0).document();
        assert_eq!(run["nothing_to_do"], true, "{kind}: {run}");
        assert_eq!(run["set_aside"], Value::Null);
        assert_eq!(state(&ground.server()), before);
    }
    let ground = Ground::with("small");
    ground.create("a", &[]).ended(0);
    let before = state(&ground.server());
    lose(&ground.server());
    let lost = state(&ground.server());
    let plan = restore(&ground, "a", "server", &["--dry-run"]).ended(0).document();
    assert_eq!((&plan["documents"], &plan["folders"], &plan["contents"]), (&json!(2), &json!(1), &json!(2)), "{plan}");
    assert_eq!(plan["contents_lost_there"], 1);
    assert_eq!(state(&ground.server()), lost);
    let run = restore(&ground, "a", "server", &[]).ended(0).document();
    assert_eq!((&run["read_back"], &run["way"]), (&json!(2), &json!("into_server")), "{run}");
    assert_eq!(state(&ground.server()), before);
    let aside = PathBuf::from(run["set_aside"].as_str().unwrap());
    let there = |table: &str| {
        let database = Connection::open(&aside).unwrap();
        database.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get::<_, i64>(0)).unwrap()
    };
    assert_eq!((there("documents"), there("users")), (4, 1), "the database as it was before");
    assert_eq!(restore(&ground, "a", "server", &[]).ended(0).document()["nothing_to_do"], true);
    assert_eq!((left_behind(&ground.server()), ground.names("tmp")), (Vec::new(), Vec::new()));
}

#[test]
fn what_is_there_and_differs_is_dealt_with_as_was_asked() {
    let ground = Ground::with("small");
    let server = ground.server();
    ground.create("a", &[]).ended(0);
    let backed_up = state(&server);
    let old = fs::read(path_of(&server, "file0")).unwrap();
    // Today's version of one document: another title, another content, another rule. And one document of tomorrow.
    fs::write(server.join("content/files/today"), "today's content").unwrap();
    change(
        &server,
        "PRAGMA foreign_keys = OFF; UPDATE documents SET title = 'Today' WHERE id = 'd0';
         INSERT INTO files VALUES ('today', NULL, './content/files/today', 9e9, 1);
         INSERT INTO document_revisions (document_id, file_id, created_time) VALUES ('d0', 'today', 9e9);
         UPDATE document_access_rules SET rule_data = '{\"match_groups\": [{\"groups\": {\"require\": [\"few\"]}}]}';
         INSERT INTO documents VALUES ('tomorrow', 'Tomorrow', 9e9, NULL);
         DELETE FROM documents WHERE id = 'd5'; DELETE FROM document_revisions WHERE document_id = 'd5';",
    );
    let today = state(&server);
    let run = restore(&ground, "a", "server", &[]);
    assert_eq!((run.code, run.error_code().as_str()), (Some(1), "conflicts"), "{run:?}");
    assert_eq!(state(&server), today);
    let plan = restore(&ground, "a", "server", &["--dry-run"]).ended(0).document();
    assert_eq!(
        plan["conflicts"],
        json!([
            { "kind": "document", "id": "d0", "title": "Document 0 文档", "differs": ["title", "access_rules", "revisions"] }
        ])
    );
    assert_eq!(plan["obstacle"]["code"], "conflicts");

    let run = restore(&ground, "a", "server", &["--on-conflict", "keep"]).ended(0).document();
    assert_eq!((&run["documents"], &run["conflicts_total"]), (&json!(1), &json!(1)));
    let kept = state(&server);
    let mut expected = today.clone();
    for table in ["documents", "document_revisions"] {
        let gained: Vec<_> =
            kept[table].as_array().unwrap().iter().filter(|r| !today[table].as_array().unwrap().contains(r)).collect();
        assert_eq!(gained.len(), 1, "{table}: {gained:?}");
        expected[table] = kept[table].clone();
    }
    assert_eq!(kept, expected, "nothing but the lost document");
    assert_eq!(restore(&ground, "a", "server", &["--on-conflict", "keep"]).ended(0).document()["nothing_to_do"], true);

    // A copy is open to whom the present one is.
    let copied = ["--only", "d0", "--on-conflict", "copy", "--accept-wider-access"];
    assert_eq!(restore(&ground, "a", "server", &copied[..4]).error_code(), "wider_access");
    restore(&ground, "a", "server", &copied).ended(0);
    let titles = titles(&server);
    let copy = titles.keys().find(|title| title.starts_with("Document 0 文档 (backup 20")).cloned().unwrap();
    assert_eq!((titles["Today"], titles[&copy]), (1, 1));
    let database = Connection::open(server.join("app.db")).unwrap();
    let (path, rule): (String, String) = database
        .query_row(
            "SELECT f.path, a.rule_data FROM documents d JOIN document_revisions r ON r.document_id = d.id
             JOIN files f ON f.id = r.file_id JOIN document_access_rules a ON a.document_id = d.id WHERE d.title = ?1",
            [&copy],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .unwrap();
    assert_eq!(fs::read(server.join(path)).unwrap(), old);
    assert!(rule.contains("few"), "the present one's rules: {rule}");
    drop(database);

    let replacing = restore(&ground, "a", "server", &["--on-conflict", "replace"]).ended(0).document();
    assert_eq!(replacing["documents"], 1);
    let replaced = state(&server);
    assert_eq!(replaced["contents"]["today"], today["contents"]["today"], "what is dropped stays on the disk");
    let rows = |state: &Value, table: &str, id: &str| -> Vec<Value> {
        let id = format!("'{id}'");
        let rows = state[table].as_array().unwrap().iter();
        rows.filter(|row| row.as_array().unwrap().contains(&json!(id))).cloned().collect()
    };
    assert_eq!(rows(&replaced, "documents", "d0"), rows(&backed_up, "documents", "d0"));
    assert_eq!(rows(&replaced, "document_revisions", "d0").len(), 1);
    assert_eq!(rows(&replaced, "documents", "tomorrow").len(), 1, "what came since stays");
}

#[test]
fn a_later_servers_numbers_that_are_taken_are_given_anew_and_still_point_right() {
    let ground = Ground::with("later");
    ground.create("a", &["--allow-missing"]).ended(0);
    let server = ground.server();
    change(
        &server,
        "DELETE FROM documents; DELETE FROM document_access_rules;
         UPDATE document_revisions SET document_id = 'mine', parent_revision_id = NULL, file_id = 'avatar';
         INSERT INTO documents SELECT 'mine', 'Mine', 1.0, '/', 3, 1, 0, NULL, NULL, NULL;",
    );
    restore(&ground, "a", "server", &[]).ended(0);
    let database = Connection::open(server.join("app.db")).unwrap();
    let count = |query: &str| database.query_row(query, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(count("SELECT count(*) FROM document_revisions WHERE document_id = 'mine'"), 16);
    assert_eq!(count("SELECT count(*) FROM document_revisions WHERE document_id <> 'mine'"), 16);
    let right = "SELECT count(*) FROM documents d JOIN document_revisions r ON r.id = d.current_revision_id
                 WHERE r.document_id = d.id AND d.id <> 'mine' AND r.created_time = 101.0";
    assert_eq!(count(right), 8);
    let parents = "SELECT count(*) FROM document_revisions r JOIN document_revisions p ON p.id = r.parent_revision_id
                   WHERE r.document_id = p.document_id AND p.created_time = 100.0";
    assert_eq!(count(parents), 8);
}

#[test]
fn nothing_is_written_through_a_link_or_over_a_file_and_it_is_told() {
    let ground = Ground::with("small");
    ground.create("a", &[]).ended(0);
    let server = ground.server();
    let outside = ground.path("outside");
    fs::create_dir(&outside).unwrap();
    lose(&server);
    let lost = path_of(&server, "file0");
    std::os::unix::fs::symlink(outside.join("x"), &lost).unwrap();
    let run = restore(&ground, "a", "server", &[]);
    assert_eq!((run.code, run.error_code().as_str()), (Some(1), "conflicts"), "{run:?}");
    let run = restore(&ground, "a", "server", &["--on-conflict", "keep"]).ended(0).document();
    assert_eq!(run["relocated"][0]["path"], "content/files/file0", "{run}");
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
    assert!(path_of(&server, "file0").ends_with("content/files/file0"));
}

#[test]
fn into_a_folder_of_the_server_or_not_at_all() {
    let ground = Ground::with("small");
    ground.create("a", &[]).ended(0);
    lose(&ground.server());
    change(&ground.server(), "INSERT INTO folders VALUES ('old', 'Old', 1.0, 'f1')");
    let run = restore(&ground, "a", "server", &["--only", "d1", "--into", "Nowhere"]);
    assert_eq!(run.error_code(), "no_such_folder");
    restore(&ground, "a", "server", &["--only", "d1", "--into", "Projects/Old"]).ended(0);
    let database = Connection::open(ground.server().join("app.db")).unwrap();
    let folder: String =
        database.query_row("SELECT folder_id FROM documents WHERE id = 'd1'", [], |row| row.get(0)).unwrap();
    assert_eq!(folder, "old");
}

fn arguments(ground: &Ground) -> Vec<std::ffi::OsString> {
    let server = ground.server();
    let fixed = ["restore".into(), "--json".into(), ground.archive("a").into(), "--data-dir".into(), server.into()];
    fixed.to_vec()
}

#[test]
fn killed_or_failing_anywhere_its_rows_are_all_old_or_all_new_and_the_next_run_mends_it() {
    if !strace_works() {
        return;
    }
    let ground = Ground::with("small");
    ground.create("a", &[]).ended(0);
    let whole = state(&ground.server());
    lose(&ground.server());
    let lost = state(&ground.server());
    let kept = ground.path("kept");
    let copy = |from: &Path, to: &Path| {
        let _ = fs::remove_dir_all(to);
        assert!(Command::new("cp").arg("-a").args([from, to]).status().unwrap().success());
    };
    copy(&ground.server(), &kept);
    let mut seeded = Seeded(6);
    let mut faults: Vec<_> = (1..=rounds(4, 8)).flat_map(|when| [("renameat2", when), ("syncfs", when)]).collect();
    faults.extend((0..rounds(6, 60)).map(|_| ("pwrite64", 1 + seeded.below(120))));
    faults.extend((0..rounds(4, 40)).map(|_| ("write", 1 + seeded.below(40))));
    faults.extend((0..rounds(3, 20)).map(|_| ("fdatasync", 1 + seeded.below(12))));
    faults.extend((0..rounds(3, 20)).map(|_| ("unlink", 1 + seeded.below(12))));
    let (mut old, mut new) = (0, 0);
    for (call, when) in faults {
        for injection in &["signal=SIGKILL", "error=EIO", "error=ENOSPC"][..rounds(2, 3) as usize] {
            let what = format!("{call} {when} {injection}");
            let (run, _): (Run, _) =
                traced(&ground, &format!("{call}:{injection}:when={when}"), call, arguments(&ground));
            let now = state(&ground.server());
            assert_eq!(now["integrity"], json!(["ok"]), "{what}");
            let mut as_lost = lost.clone();
            // A content that its row lost may be back before the rows are.
            as_lost["contents"]["file0"] = now["contents"]["file0"].clone();
            if now == whole {
                new += 1;
            } else {
                assert_eq!(now, as_lost, "{what}: {run:?}");
                assert_ne!(run.code, Some(0), "{what}");
                old += 1;
            }
            let again: Run = ground.command(program()).args(arguments(&ground)).output().unwrap().into();
            let again = again.ended(0);
            assert_eq!(state(&ground.server()), whole, "after {what}: {again:?}");
            assert_eq!(left_behind(&ground.server()), [""; 0], "{what}");
            copy(&kept, &ground.server());
        }
    }
    assert!(old > 0 && new > 0, "some came before the rows and some after: {old} {new}");
}

#[test]
fn what_a_killed_restore_left_is_removed_when_asked() {
    if !strace_works() {
        return;
    }
    let ground = Ground::with("small");
    ground.create("a", &[]).ended(0);
    for file in ["file1", "file4"] {
        fs::remove_file(path_of(&ground.server(), file)).unwrap();
    }
    change(
        &ground.server(),
        "PRAGMA foreign_keys = OFF; DELETE FROM documents WHERE id IN ('d1', 'd4');
         DELETE FROM document_revisions WHERE document_id IN ('d1', 'd4'); DELETE FROM files WHERE id IN ('file1', 'file4')",
    );
    let files = |ground: &Ground| {
        let mut found: Vec<_> = crate::harness::everything_below(&ground.server()).into_keys().collect();
        found.retain(|path| path.is_file());
        found
    };
    let before = files(&ground);
    // After the copy aside the contents are renamed; the second of them is not.
    let (run, _) = traced(&ground, "renameat2:signal=SIGKILL:when=3", "renameat2", arguments(&ground));
    assert_eq!(run.code, None);
    assert!(files(&ground).len() > before.len());
    let run = restore(&ground, "a", "server", &["--clean"]).ended(0).document();
    assert_eq!(run["removed"], 1);
    assert_eq!(files(&ground), before);
}
