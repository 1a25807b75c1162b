//! `list`, `show` and `cat`: what is in an archive, and one document out of it.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::program::{Backup, Run, Server, command, run};

/// A verb on an archive.
fn on(verb: &str, backup: &Backup, more: &[&str]) -> Run {
    run([verb, backup.archive.to_str().unwrap()].iter().chain(more))
}

/// Every document's path, as SQLite itself puts it together, with its id, and where its newest content is.
fn documents(server: &Server) -> Vec<(String, String, Option<PathBuf>)> {
    let database = Connection::open(server.root.join("app.db")).unwrap();
    let query = "WITH RECURSIVE up(id, path, above) AS (
                   SELECT id, replace(replace(title, '\\', '\\\\'), '/', '\\/'), folder_id FROM documents
                   UNION ALL
                   SELECT up.id, replace(replace(f.name, '\\', '\\\\'), '/', '\\/') || '/' || up.path, f.parent_id
                   FROM up JOIN folders f ON f.id = up.above)
                 SELECT up.path, up.id, (SELECT f.path FROM document_revisions r JOIN files f ON f.id = r.file_id
                                         WHERE r.document_id = up.id ORDER BY r.created_time DESC LIMIT 1)
                 FROM up WHERE above IS NULL";
    let mut statement = database.prepare(query).unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get::<_, Option<String>>(2)?))).unwrap();
    rows.map(|row| {
        let (path, id, content) = row.unwrap();
        (path, id, content.map(|content| server.root.join(content)))
    })
    .collect()
}

/// The bytes that `cat` writes, and its exit code.
fn cat(archive: &Path, document: &str, more: &[&str]) -> (Vec<u8>, Option<i32>) {
    let output = command(["cat", archive.to_str().unwrap(), document].iter().chain(more)).output().unwrap();
    (output.stdout, output.status.code())
}

#[test]
fn every_document_is_listed_by_its_path_and_comes_out_byte_for_byte() {
    let server = Server::new();
    server.execute("UPDATE documents SET title = 'either/or \\ both' WHERE id = (SELECT max(id) FROM documents)");
    let backup = server.backup("a");
    let listed = on("list", &backup, &["--tree", "--json"]);
    assert_eq!(listed.code, Some(0), "{listed:?}");
    let mut listed: Vec<_> = listed.document()["entries"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|entry| entry["kind"] == "document")
        .map(|entry| (entry["path"].as_str().unwrap().to_owned(), entry["id"].as_str().unwrap().to_owned()))
        .collect();
    let expected = documents(&server);
    assert!(expected.len() > 40);
    let mut paths: Vec<_> = expected.iter().map(|(path, id, _)| (path.clone(), id.clone())).collect();
    listed.sort();
    paths.sort();
    assert_eq!(listed, paths);
    for (path, id, content) in expected.into_iter().step_by(5) {
        let Some(content) = content.filter(|content| content.exists()) else { continue };
        let content = fs::read(content).unwrap();
        assert!(cat(&backup.archive, &id, &[]) == (content.clone(), Some(0)), "{id}");
        assert!(cat(&backup.archive, &format!("/{path}"), &[]) == (content, Some(0)), "{path}");
    }
}

#[test]
fn a_list_is_of_one_folder_and_with_tree_of_all_below() {
    let server = Server::whole();
    let backup = server.backup("a");
    let entries = |more: &[&str]| on("list", &backup, more).document()["entries"].as_array().unwrap().len();
    let (top, all) = (entries(&["--json"]), entries(&["--json", "--tree"]));
    assert!(top < all, "{top} {all}");
    let text = on("list", &backup, &["--tree"]).out;
    assert_eq!(text.lines().count(), all);
    let first = on("list", &backup, &["--json"]).document()["entries"][0].clone();
    assert_eq!(first["kind"], "folder");
    let below = on("list", &backup, &[first["path"].as_str().unwrap(), "--json"]).document();
    assert_eq!(below, on("list", &backup, &[first["id"].as_str().unwrap(), "--json"]).document());
    let parent = format!("{}/", first["path"].as_str().unwrap());
    let paths = below["entries"].as_array().unwrap().iter().map(|entry| entry["path"].as_str().unwrap());
    assert!(paths.clone().count() > 0 && paths.clone().all(|path| path.starts_with(&parent)));
}

#[test]
fn a_document_is_shown_with_its_revisions_and_who_may_read_it() {
    let server = Server::new();
    server.execute(
        r#"INSERT INTO documents VALUES ('zz', 'Secret', 7.5, NULL);
           INSERT INTO files VALUES ('zz-old', NULL, './content/zz-old', 1.0, 1), ('zz-new', NULL, './content/zz-new', 2.0, 1);
           INSERT INTO document_revisions VALUES (90001, 'zz', 'zz-new', 200.0), (90002, 'zz', 'zz-old', 100.0);
           INSERT INTO document_access_rules (access_type, document_id, rule_data) VALUES
             ('read', 'zz', '{"match_groups": [{"groups": {"require": ["board"]}}]}'),
             ('write', 'zz', '{"match": "any", "match_groups": [{"rights": {"require": ["a"]}}, {"groups": {"require": ["b"]}}]}');"#,
    );
    fs::write(server.root.join("content/zz-old"), "old").unwrap();
    let backup = server.backup("a");
    let shown = on("show", &backup, &["Secret", "--json"]).document();
    assert_eq!((&shown["id"], &shown["created_time"]), (&json!("zz"), &json!(7.5)));
    assert_eq!(shown["access"]["read"]["words"], r#"the group "board""#);
    assert_eq!(shown["access"]["write"]["words"], r#"the group "board" and (the right "a" or the group "b")"#);
    assert_eq!(shown["access"]["move"]["words"], "everyone who is signed in");
    let revisions: Vec<_> =
        shown["revisions"].as_array().unwrap().iter().map(|r| (&r["id"], &r["size"], &r["content"])).collect();
    assert_eq!(
        revisions,
        [(&json!("90002"), &json!(3), &json!("held")), (&json!("90001"), &Value::Null, &json!("never_held"))]
    );
    let text = on("show", &backup, &["zz"]).out;
    assert!(text.contains("May read    the group \"board\"") && text.contains("(latest)"), "{text}");
    // The newest content is missing on the server, so the backup never held it; the older one is there.
    let missing = on("cat", &backup, &["zz"]);
    assert!(missing.code == Some(1) && missing.err.contains("never held"), "{missing:?}");
    assert_eq!(cat(&backup.archive, "zz", &["--revision", "90002"]), (b"old".to_vec(), Some(0)));
    assert_eq!(cat(&backup.archive, "zz", &["--revision", "5"]).1, Some(1));
}

#[test]
fn what_is_not_there_is_said_and_what_several_are_called_too() {
    let server = Server::whole();
    server.execute("INSERT INTO documents VALUES ('twin1', 'Twin', 1.0, NULL), ('twin2', 'Twin', 1.0, NULL)");
    let backup = server.backup("a");
    for verb in ["list", "show"] {
        let error = on(verb, &backup, &["No such thing", "--json"]);
        assert_eq!((error.code, &error.document()["error"]["code"]), (Some(1), &json!("not_in_backup")));
        let error = on(verb, &backup, &["Twin", "--json"]);
        assert_eq!((error.code, &error.document()["error"]["params"]["ids"]), (Some(1), &json!("twin1, twin2")));
    }
    let folder = on("list", &backup, &["--json"]).document()["entries"][0]["path"].as_str().unwrap().to_owned();
    assert_eq!(cat(&backup.archive, &folder, &[]).1, Some(1), "a folder has no content");
    assert_eq!(cat(&backup.archive, "twin1", &["--json"]).1, Some(2));
}

#[test]
fn a_content_that_was_damaged_ends_with_5_even_where_it_was_written() {
    let server = Server::whole().with_hole(32 << 20);
    let backup = server.backup("a");
    let mut bytes = fs::read(&backup.archive).unwrap();
    // The hole is by far the largest content, so the archive's middle lies in it.
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    fs::write(&backup.archive, bytes).unwrap();
    let found = on("verify", &backup, &["--json"]).document()["findings"].to_string();
    let Some(_) = found.find("files/zz_hole") else { panic!("the bit is elsewhere: {found}") };
    let (written, code) = cat(&backup.archive, "zz_hole", &[]);
    assert_eq!((written.len(), code), (32 << 20, Some(5)));
    let kept = command(["cat", backup.archive.to_str().unwrap(), "zz_hole", "--keep-damaged"]).output().unwrap();
    assert_eq!(kept.status.code(), Some(0));
    assert!(String::from_utf8(kept.stderr).unwrap().contains("its bytes are not those that the manifest says"));
}

#[test]
fn who_reads_no_further_has_what_it_wanted() {
    let server = Server::whole().with_hole(8 << 20);
    let backup = server.backup("a");
    let mut child = command(["cat", backup.archive.to_str().unwrap(), "zz_hole"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdout.take().unwrap().read_exact(&mut [0; 10]).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()));
}
