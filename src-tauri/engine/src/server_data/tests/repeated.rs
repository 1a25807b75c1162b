use serde_json::{Value, json};

use super::*;
use crate::warning::WarningCode;

/// A schema that lost its primary keys, as an import of rows may leave it.
const KEYLESS: &str = "
    CREATE TABLE files (id, sha256, path, created_time, active);
    CREATE TABLE folders (id, name, created_time, parent_id);
    CREATE TABLE documents (id, title, created_time, folder_id);
    CREATE TABLE document_revisions (id, document_id, file_id, created_time);
    CREATE TABLE folder_access_rules (id, access_type, folder_id, rule_data);";

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

fn ids(table: &Value) -> Vec<&Value> {
    table.as_array().expect("an array").iter().map(|row| &row["id"]).collect()
}

fn members(snapshot: &Snapshot, which: WhichContents) -> Vec<(String, String)> {
    let mut members = Vec::new();
    let mut note = |row: ContentRow| {
        members.push((row.member("files"), row.path));
        Ok(())
    };
    snapshot.for_each_content(which, Order::ById, &mut note).expect("the contents");
    members
}

#[test]
fn of_documents_and_folders_with_one_id_the_first_is_one_and_the_others_are_orphans() {
    let snapshot = Server::bare(&format!(
        "{KEYLESS}
         INSERT INTO documents VALUES ('d', 'first', 1, 'f'), ('e', 'other', 1, NULL), ('d', 'second', 2, NULL),
             (NULL, 'null', 1, NULL), (NULL, 'null again', 1, NULL), (7, 'number', 1, NULL), ('7', 'text', 1, NULL);
         INSERT INTO folders VALUES ('f', 'F', 1, NULL), ('f', 'F2', 1, NULL);
         INSERT INTO document_revisions VALUES (1, 'd', 'x', 1), (2, 'd', 'x', 2);
         INSERT INTO folder_access_rules VALUES (1, 'read', 'f', '{{}}')"
    ))
    .snapshot();
    let documents = parsed(&printed(|out, job| snapshot.write_documents(out, job)));
    assert_eq!(ids(&documents), [&json!("d"), &json!("e"), &Value::Null, &json!(7)]);
    assert_eq!(documents[0]["title"], "first");
    assert_eq!(ids(&documents[0]["revisions"]), [1, 2]);
    let folders = parsed(&printed(|out, job| snapshot.write_folders(out, job)));
    assert_eq!((ids(&folders).len(), &folders[0]["name"]), (1, &json!("F")));
    assert_eq!(ids(&folders[0]["access_rules"]), [1]);
    assert_eq!((snapshot.counts().documents, snapshot.counts().folders), (4, 1));

    assert!(snapshot.has_orphans().expect("an answer"));
    let orphans = parsed(&printed(|out, job| snapshot.write_orphans(out, job)));
    let titles: Vec<_> = orphans["documents"].as_array().expect("rows").iter().map(|row| &row["title"]).collect();
    assert_eq!(titles, ["second", "null again", "text"]);
    assert_eq!(orphans["folders"], json!([{ "id": "f", "name": "F2", "created_time": 1, "parent_id": null }]));
    let warnings = snapshot.take_warnings();
    assert!(warnings.iter().all(|warning| warning.code == WarningCode::RepeatedId));
    assert_eq!(warnings.len(), 4);
}

#[test]
fn of_files_with_one_id_the_first_with_a_content_is_one() {
    let server = Server::bare(&format!(
        "{KEYLESS}
         INSERT INTO files VALUES ('x', NULL, 'content/gone', 1, 1), ('y', NULL, 'content/y', 1, 1),
             ('x', NULL, 'content/here', 1, 1), ('x', NULL, 'content/here too', 1, 1), ('z', NULL, 'content/gone', 1, 1),
             ('z', NULL, 'content/gone too', 1, 1), ('avatar', NULL, 'content/a', 1, 1), ('avatar', NULL, 'content/b', 1, 1);
         INSERT INTO document_revisions VALUES (1, 'd', 'x', 1), (2, 'd', 'y', 1), (3, 'd', 'z', 1)"
    ));
    for there in ["y", "here", "here too", "b"] {
        server.put(&format!("content/{there}"), there);
    }
    let contents = server.open().contents(&[]).expect("contents");
    let mut snapshot = server.snapshot();
    snapshot.tell_apart(&|row| contents.size_of(row).is_ok()).expect("they are told apart");

    let expected = [("files/x", "content/here"), ("files/y", "content/y"), ("files/z", "content/gone")];
    let expected = expected.map(|(member, path)| (member.to_owned(), path.to_owned()));
    assert_eq!(members(&snapshot, WhichContents::OfDocuments), expected);
    let avatar = ("files/avatar".to_owned(), "content/b".to_owned());
    assert_eq!(members(&snapshot, WhichContents::Others), [avatar]);
    assert_eq!((snapshot.counts().files, snapshot.counts().other_files), (3, 1));

    let files = parsed(&printed(|out, job| snapshot.write_files(out, job)));
    assert_eq!((ids(&files).len(), &files[0]["path"]), (3, &json!("content/here")));
    let orphans = parsed(&printed(|out, job| snapshot.write_orphans(out, job)));
    let paths: Vec<_> = orphans["files"].as_array().expect("rows").iter().map(|row| &row["path"]).collect();
    assert_eq!(paths, ["content/gone", "content/here too", "content/gone too"]);
    let warned: Vec<_> = snapshot.take_warnings().into_iter().filter_map(|warning| warning.file_id).collect();
    assert_eq!(warned, ["avatar", "x", "x", "z"]);
}

#[test]
fn a_content_whose_name_would_lie_below_another_is_named_by_its_digest() {
    let mut snapshot = Server::with(
        "INSERT INTO files VALUES ('a', NULL, '1', 1, 1), ('a-', NULL, '2', 1, 1), ('a/b', NULL, '3', 1, 1),
             ('a/b/c', NULL, '4', 1, 1), ('c/d', NULL, '5', 1, 1), ('cc', NULL, '6', 1, 1), ('e', NULL, '7', 1, 1),
             ('e/f', NULL, '8', 1, 1);
         INSERT INTO document_revisions VALUES (1, 'd', 'a', 1), (2, 'd', 'a-', 1), (3, 'd', 'a/b', 1),
             (4, 'd', 'a/b/c', 1), (5, 'd', 'c/d', 1), (6, 'd', 'cc', 1), (7, 'd', 'e/f', 1)",
    )
    .snapshot();
    snapshot.tell_apart(&|_| true).expect("they are told apart");
    let members = members(&snapshot, WhichContents::OfDocuments);
    let by_digest: Vec<_> =
        members.iter().filter(|(member, _)| member.starts_with("files/%")).map(|(_, path)| path.as_str()).collect();
    // e is no document's content, so its name is another folder's.
    assert_eq!(by_digest, ["3", "4"]);
    assert_eq!(members.len(), 7);
    assert!(snapshot.take_warnings().is_empty());
}
