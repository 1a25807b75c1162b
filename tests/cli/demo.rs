//! The demonstration server is a server.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use crate::program::{Server, names, run};

fn open(root: &Path) -> Connection {
    Connection::open_with_flags(root.join("app.db"), OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap()
}

fn column(root: &Path, sql: &str) -> Vec<String> {
    let database = open(root);
    let mut statement = database.prepare(sql).unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

#[test]
fn it_has_the_files_and_tables_of_a_server() {
    let server = Server::new();
    assert_eq!(names(&server.root), ["app.db", "config.toml", "content", "init"]);
    assert_eq!(names(&server.root.join("content")), ["files", "hello", "ssl"]);
    assert_eq!(names(&server.root.join("content/ssl")), ["cert.pem", "key.pem"]);
    let tables = column(&server.root, "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name");
    assert_eq!(
        tables,
        [
            "audit_entries",
            "document_access_rules",
            "document_revisions",
            "documents",
            "file_tasks",
            "files",
            "folder_access_rules",
            "folders",
            "group_permissions",
            "object_access_entries",
            "user_groups",
            "user_memberships",
            "user_permissions",
            "userblock_entries",
            "userblock_sub_entries",
            "users",
        ]
    );
    let broken: Vec<String> = column(&server.root, "SELECT \"table\" FROM pragma_foreign_key_check");
    assert_eq!(broken, [""; 0], "every reference points somewhere");
}

#[test]
fn one_content_is_missing_and_all_others_are_there() {
    let server = Server::new();
    let paths = column(&server.root, "SELECT path FROM files");
    let missing: Vec<_> = paths.iter().filter(|path| !server.root.join(path).exists()).collect();
    assert_eq!(missing.len(), 1, "{missing:?}");
    let on_disk = paths.iter().collect::<BTreeSet<_>>().len();
    assert_eq!(on_disk, paths.len(), "no two files share a path");
}

#[test]
fn it_has_what_makes_a_server_lively() {
    let server = Server::new();
    let count = |sql: &str| -> i64 { open(&server.root).query_row(sql, [], |row| row.get(0)).unwrap() };
    assert!(
        count("SELECT count(*) FROM folders WHERE parent_id IN (SELECT id FROM folders WHERE parent_id IS NOT NULL)")
            > 2
    );
    assert!(
        count("SELECT count(*) FROM (SELECT 1 FROM document_revisions GROUP BY document_id HAVING count(*) > 2)") > 5
    );
    assert!(count("SELECT count(*) FROM folder_access_rules") > 2);
    assert!(count("SELECT count(*) FROM document_access_rules") > 2);
    assert!(count("SELECT count(*) FROM documents WHERE unicode(title) > 0x4dff") > 5);
    assert!(count("SELECT count(*) FROM documents WHERE unicode(title) < 0x7f") > 5);
    assert_eq!(count("SELECT count(*) FROM users WHERE length(pass_hash) <> 64"), 0);
    assert_eq!(count("SELECT count(*) FROM document_access_rules WHERE NOT json_valid(rule_data)"), 0);
}

#[test]
fn the_same_seed_gives_the_same_documents_and_another_seed_others() {
    let folder = tempfile::tempdir().unwrap();
    let ids = |name: &str, seed: &str| {
        let root = folder.path().join(name);
        let run = run(["demo".as_ref(), root.as_os_str(), "--size=0".as_ref(), "--seed".as_ref(), seed.as_ref()]);
        assert_eq!(run.code, Some(0), "{run:?}");
        column(&root, "SELECT id || coalesce(sha256, '') FROM files ORDER BY id")
    };
    let first = ids("a", "7");
    assert_eq!(first, ids("b", "7"));
    assert_ne!(first, ids("c", "8"));
}

#[test]
fn its_size_is_about_what_was_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let run = run(["demo".as_ref(), folder.path().as_os_str(), "--size=12M".as_ref(), "--json".as_ref()]);
    let bytes = run.document()["content_bytes"].as_u64().unwrap();
    assert!((11 << 20..=13 << 20).contains(&bytes), "{bytes}");
}

#[test]
fn a_folder_that_holds_something_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("mine"), "precious").unwrap();
    let run = run(["demo".as_ref(), folder.path().as_os_str(), "--json".as_ref()]);
    assert_eq!(run.code, Some(1));
    assert_eq!(run.document()["error"]["code"], "not_empty");
    assert_eq!(names(folder.path()), ["mine"]);
}

#[test]
fn pictures_and_reports_are_what_their_readers_expect() {
    let folder = tempfile::tempdir().unwrap();
    run(["demo".as_ref(), folder.path().as_os_str(), "--size=16M".as_ref()]);
    let content = |title: &str| {
        let sql = format!(
            "SELECT f.path FROM documents d JOIN document_revisions r ON r.document_id = d.id
             JOIN files f ON f.id = r.file_id WHERE d.title LIKE '{title}' LIMIT 1"
        );
        fs::read(folder.path().join(&column(folder.path(), &sql)[0])).unwrap()
    };
    let png = content("%.png");
    assert!(png.starts_with(b"\x89PNG\r\n\x1a\n") && png.ends_with(b"IEND\xaeB`\x82"));

    let pdf = content("Audit report%");
    let text = String::from_utf8(pdf).unwrap();
    let (_, end) = text.rsplit_once("startxref\n").unwrap();
    let xref: usize = end.lines().next().unwrap().parse().unwrap();
    let mut lines = text[xref..].lines();
    assert_eq!(lines.next(), Some("xref"));
    let count: usize = lines.next().unwrap().strip_prefix("0 ").unwrap().parse().unwrap();
    for (number, line) in lines.take(count).enumerate().skip(1) {
        let offset: usize = line[..10].parse().unwrap();
        assert!(text[offset..].starts_with(&format!("{number} 0 obj\n")), "{number}");
    }
}
