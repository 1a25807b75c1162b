use serde_json::{Value, json};

use super::*;
use crate::warning::WarningCode;

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn an_empty_server_has_empty_tables() {
    let snapshot = Server::with("SELECT 1").snapshot();
    assert_eq!(printed(|out, job| snapshot.write_folders(out, job)), "[]");
    assert_eq!(printed(|out, job| snapshot.write_documents(out, job)), "[]");
    assert_eq!(printed(|out, job| snapshot.write_files(out, job)), "[]");
    assert!(!snapshot.has_orphans().expect("an answer"));
    assert_eq!(printed(|out, job| snapshot.write_orphans(out, job)), "{}");
}

#[test]
fn a_document_is_printed_as_a_server_prints_it() {
    let snapshot = Server::with(
        r#"INSERT INTO documents VALUES ('d1', '预算 "2026"', 5, NULL), ('d0', 'empty', 1e16, 'f1');
           INSERT INTO document_revisions VALUES (1, 'd1', 'late', 9.25), (2, 'd1', 'early', 1.0000001);
           INSERT INTO document_access_rules VALUES (7, 'read', 'd1', '{"match":"all","match_groups":[]}'),
               (3, 'write', 'd1', 'not JSON')"#,
    )
    .snapshot();
    let expected = r#"[
  {
    "id": "d1",
    "title": "预算 \"2026\"",
    "created_time": 5.0,
    "folder_id": null,
    "access_rules": [
      {
        "id": 3,
        "access_type": "write",
        "rule_data": "not JSON"
      },
      {
        "id": 7,
        "access_type": "read",
        "rule_data": {
          "match": "all",
          "match_groups": []
        }
      }
    ],
    "revisions": [
      {
        "id": 2,
        "document_id": "d1",
        "file_id": "early",
        "created_time": 1.0000001
      },
      {
        "id": 1,
        "document_id": "d1",
        "file_id": "late",
        "created_time": 9.25
      }
    ]
  },
  {
    "id": "d0",
    "title": "empty",
    "created_time": 1e+16,
    "folder_id": "f1",
    "access_rules": [],
    "revisions": []
  }
]"#;
    assert_eq!(printed(|out, job| snapshot.write_documents(out, job)), expected);
    assert_eq!(printed(|out, job| snapshot.write_documents(out, job)), expected, "a second time");
}

#[test]
fn every_column_of_an_exported_row_is_carried_whatever_it_holds() {
    let snapshot = Server::with(
        "ALTER TABLE folders ADD COLUMN inherit BOOLEAN; ALTER TABLE folders ADD COLUMN \"odd \"\"name\" TEXT;
         ALTER TABLE folders ADD COLUMN blob; ALTER TABLE folders ADD COLUMN access_rules INT;
         ALTER TABLE document_revisions ADD COLUMN parent_revision_id INTEGER;
         INSERT INTO folders VALUES ('f', 'F', 1, NULL, 0, 'x', X'00FF', 5), ('g', 'G', 1, 'f', 2, NULL, 1e400, NULL),
             ('h', 'H', 1, 'nowhere', 1, '', -9223372036854775808, NULL);
         INSERT INTO documents VALUES ('d', 'D', 1, 'f');
         INSERT INTO document_revisions VALUES (1, 'd', 'x', 1, NULL), (2, 'd', 'x', 2, 1)",
    )
    .snapshot();
    let text = printed(|out, job| snapshot.write_folders(out, job));
    assert!(text.contains("\"blob\": 1e999"), "{text}");
    let folders = parsed(&text.replace("1e999", "\"infinite\""));
    assert_eq!(
        folders[0],
        json!({"id": "f", "name": "F", "created_time": 1.0, "parent_id": null, "access_rules": [], "inherit": false,
               "odd \"name": "x", "blob": {"blob_hex": "00ff"}, "column:access_rules": 5})
    );
    assert_eq!(folders[1]["inherit"], json!(2), "a boolean that is neither stays what it is");
    assert_eq!(folders[2]["inherit"], json!(true));
    assert_eq!(folders[2]["blob"], json!(i64::MIN));
    let documents = parsed(&printed(|out, job| snapshot.write_documents(out, job)));
    assert_eq!(documents[0]["revisions"][1]["parent_revision_id"], json!(1));
}

#[test]
fn files_json_holds_the_files_that_a_revision_points_to_by_id_with_orphans_too() {
    let snapshot = Server::with(
        "INSERT INTO files VALUES ('b', NULL, './content/b', 1, 1), ('a', 'AB', '\\content\\a', 2.5, 0),
             ('avatar', NULL, 'x', 1, 1), ('c', '', 'c', 3, 1);
         INSERT INTO documents VALUES ('d', 'D', 1, NULL);
         INSERT INTO document_revisions VALUES (1, 'd', 'b', 1), (2, 'd', 'b', 2), (3, 'd', 'a', 3), (4, 'gone', 'c', 4)",
    )
    .snapshot();
    let files = parsed(&printed(|out, job| snapshot.write_files(out, job)));
    let expected = json!([
        {"id": "a", "sha256": "AB", "path": "\\content\\a", "created_time": 2.5, "active": false},
        {"id": "b", "sha256": null, "path": "./content/b", "created_time": 1.0, "active": true},
        {"id": "c", "sha256": "", "path": "c", "created_time": 3.0, "active": true},
    ]);
    assert_eq!(files, expected);
    let counts = snapshot.counts();
    assert_eq!((counts.documents, counts.files, counts.other_files), (1, 3, 1));
}

#[test]
fn rows_that_belong_to_no_object_are_orphans_with_their_owner() {
    let snapshot = Server::with(
        "INSERT INTO documents VALUES ('d', 'D', 1, NULL); INSERT INTO folders VALUES ('f', 'F', 1, NULL);
         INSERT INTO document_revisions VALUES (1, 'd', 'x', 1), (2, 'gone', 'y', 2);
         INSERT INTO folder_access_rules VALUES (1, 'read', NULL, '{}'), (2, 'read', 'f', '{}'), (3, 'move', 'gone', 'x')",
    )
    .snapshot();
    assert!(snapshot.has_orphans().expect("an answer"));
    let text = printed(|out, job| snapshot.write_orphans(out, job));
    assert!(text.starts_with("{\n  \"document_revisions\": [\n    {\n      \"id\": 2,\n"), "{text}");
    let expected = json!({
        "document_revisions": [{"id": 2, "document_id": "gone", "file_id": "y", "created_time": 2.0}],
        "folder_access_rules": [
            {"id": 1, "access_type": "read", "folder_id": null, "rule_data": {}},
            {"id": 3, "access_type": "move", "folder_id": "gone", "rule_data": "x"},
        ],
    });
    assert_eq!(parsed(&text), expected);
}

#[test]
fn text_that_is_not_utf8_is_replaced_and_told_once() {
    let snapshot = Server::with(
        "INSERT INTO documents VALUES ('d', CAST(X'61FF62' AS TEXT), 1, NULL);
         INSERT INTO document_access_rules VALUES (1, 'read', 'd', CAST(X'7B7DFF' AS TEXT))",
    )
    .snapshot();
    for _ in 0..2 {
        let documents = parsed(&printed(|out, job| snapshot.write_documents(out, job)));
        assert_eq!(documents[0]["title"], "a\u{fffd}b");
        assert_eq!(documents[0]["access_rules"][0]["rule_data"], "{}\u{fffd}");
    }
    let warnings = snapshot.take_warnings();
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(warnings.iter().all(|warning| warning.code == WarningCode::NotUtf8));
    assert_eq!(warnings[0].document_id.as_deref(), Some("d"));
    assert_eq!(warnings[0].title.as_deref(), Some("a\u{fffd}b"));
    assert!(warnings[0].reason.starts_with("title of row 1 of documents"), "{}", warnings[0].reason);
}

#[test]
fn a_database_in_utf16_gives_the_same_text() {
    let snapshot = Server::bare(&format!(
        "PRAGMA encoding = 'UTF-16le'; {SCHEMA} INSERT INTO documents VALUES ('d', '财务 😀', 1, NULL)"
    ))
    .snapshot();
    assert_eq!(parsed(&printed(|out, job| snapshot.write_documents(out, job)))[0]["title"], "财务 😀");
}

#[test]
fn tables_without_rules_or_with_rowid_columns_are_read() {
    let snapshot = Server::bare(
        "CREATE TABLE files (id, sha256, path, created_time, active);
         CREATE TABLE folders (ID, Name, created_time, parent_id);
         CREATE TABLE documents (id, title, created_time, folder_id, rowid, _rowid_);
         CREATE TABLE document_revisions (id, document_id, file_id, created_time);
         INSERT INTO documents VALUES ('d', 'D', 1, NULL, 'mine', 2), ('e', 'E', 1, NULL, NULL, 1);
         INSERT INTO folders VALUES ('f', 'F', 1, NULL);
         INSERT INTO document_revisions VALUES (1, 'e', 'x', 'text'), (1, 'd', 'x', 2)",
    )
    .snapshot();
    let documents = parsed(&printed(|out, job| snapshot.write_documents(out, job)));
    assert_eq!(documents[0]["rowid"], "mine");
    assert_eq!(documents[0]["created_time"], json!(1));
    assert_eq!(documents[0]["revisions"][0]["created_time"], json!(2));
    assert_eq!(documents[1]["revisions"][0]["created_time"], "text");
    assert_eq!(documents[1]["access_rules"], json!([]));
    assert_eq!(parsed(&printed(|out, job| snapshot.write_folders(out, job)))[0]["name"], "F");
}

#[test]
fn contents_come_by_id_with_a_document_that_shows_them_and_its_place() {
    let snapshot = Server::with(
        "INSERT INTO folders VALUES ('/', '/', 0, NULL), ('a', '财务', 1, '/'), ('b', '2026', 1, 'a'),
             ('x', 'X', 1, 'y'), ('y', 'Y', 1, 'x');
         INSERT INTO documents VALUES ('d', '预算', 1, 'b'), ('loop', 'L', 1, 'x'), ('root', 'R', 1, NULL);
         INSERT INTO files VALUES ('3', NULL, 'p3', 1, 1), ('1', 'AA', 'p1', 1, 0), ('2', NULL, 'p2', 1, 1),
             ('4', NULL, 'p4', 1, 1), ('0', NULL, 'p0', 1, 1);
         INSERT INTO document_revisions VALUES (1, 'd', '3', 1), (2, 'loop', '1', 1), (3, 'root', '2', 1),
             (4, 'gone', '4', 1), (5, 'd', '2', 1), (6, 'gone', '2', 1)",
    )
    .snapshot();
    let mut owners = snapshot.owners().expect("the owners");
    let mut seen = Vec::new();
    snapshot
        .for_each_content(WhichContents::OfDocuments, Order::ById, &mut |row| {
            let place = owners.of(&row)?.map(|owner| format!("{}: {}", owner.document_id, owner.place));
            seen.push((row.id, row.active, row.sha256, place.unwrap_or_default()));
            Ok(())
        })
        .expect("the contents");
    let expect = |id: &str, active, sha256: Option<&str>, place: &str| {
        (id.to_owned(), active, sha256.map(str::to_owned), place.to_owned())
    };
    assert_eq!(
        seen,
        [
            expect("1", false, Some("AA"), "loop: Y / X / L"),
            expect("2", true, None, "d: 财务 / 2026 / 预算"),
            expect("3", true, None, "d: 财务 / 2026 / 预算"),
            expect("4", true, None, ""),
        ]
    );
    let mut ids = Vec::new();
    let mut note = |row: ContentRow| {
        ids.push(row.id);
        Ok(())
    };
    snapshot.for_each_content(WhichContents::OfDocuments, Order::ById, &mut note).expect("the ids");
    snapshot.for_each_content(WhichContents::Others, Order::ById, &mut note).expect("the ids");
    assert_eq!(ids, ["1", "2", "3", "4", "0"]);
    let count = |which| snapshot.count_contents(which);
    assert_eq!((count(WhichContents::OfDocuments), count(WhichContents::Others)), (4, 1));
}

#[test]
fn writing_rows_hears_the_wish_to_stop() {
    let snapshot = Server::with("INSERT INTO folders VALUES ('f', 'F', 1, NULL)").snapshot();
    let job = Job::silent();
    job.canceller().cancel();
    let outcome = snapshot.write_folders(&mut std::io::sink(), &job);
    assert!(matches!(outcome, Err(Error::Cancelled)));
}

#[test]
fn an_error_of_the_archive_passes_through_unchanged() {
    struct Full;
    impl std::io::Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other(Error::NotFound { path: "marker".into() }))
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let snapshot = Server::with("SELECT 1").snapshot();
    let outcome = snapshot.write_folders(&mut Full, &Job::silent());
    assert!(matches!(outcome, Err(Error::NotFound { path }) if path == Path::new("marker")));
}
