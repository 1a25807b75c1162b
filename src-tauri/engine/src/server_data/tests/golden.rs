use std::collections::BTreeMap;

use serde_json::Value;

use super::*;
use crate::skipped::golden;

/// The members of the archive that a real server made, opened by openssl and tar.
fn members() -> Option<BTreeMap<String, String>> {
    let folder = golden("golden")?;
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let script = r#"
        set -e
        key=$(sed -n 's/.*"key": "\([0-9a-f]*\)".*/\1/p' "$1/golden.key")
        iv=$(head -c 16 "$1/golden.cfms.enc" | od -An -v -tx1 | tr -d ' \n')
        tail -c +17 "$1/golden.cfms.enc" | openssl enc -d -aes-256-cbc -K "$key" -iv "$iv" | tar x -C "$2"
    "#;
    let unpacked = Command::new("sh").arg("-c").arg(script).arg("sh").arg(folder).arg(scratch.path()).status();
    if !unpacked.is_ok_and(|status| status.success()) {
        skipped("openssl or tar is not there");
        return None;
    }
    let names = ["documents.json", "folders.json", "files.json"];
    let read = |name: &str| fs::read_to_string(scratch.path().join(name)).expect("a member");
    Some(names.iter().map(|name| ((*name).to_owned(), read(name))).collect())
}

#[test]
fn the_tables_of_a_real_server_are_those_that_it_writes_itself_byte_by_byte() {
    let (Some(members), Some(server)) = (members(), golden("server")) else { return };
    let snapshot = ServerData::open(&server)
        .and_then(|server| server.snapshot(false, &[], &Job::silent()))
        .expect("a snapshot of a folder that cannot be written to");
    assert_eq!(printed(|out, job| snapshot.write_folders(out, job)), members["folders.json"]);
    assert_eq!(printed(|out, job| snapshot.write_documents(out, job)), members["documents.json"]);
    assert_eq!(printed(|out, job| snapshot.write_files(out, job)), members["files.json"]);
    assert!(snapshot.take_warnings().is_empty());
}

#[test]
fn a_later_server_keeps_its_further_columns() {
    let Some(server) = golden("server_master") else { return };
    let snapshot =
        ServerData::open(&server).and_then(|server| server.snapshot(false, &[], &Job::silent())).expect("a snapshot");
    let folders: Value = serde_json::from_str(&printed(|out, job| snapshot.write_folders(out, job))).expect("JSON");
    let documents: Value = serde_json::from_str(&printed(|out, job| snapshot.write_documents(out, job))).expect("JSON");
    let root = folders.as_array().expect("an array").iter().find(|folder| folder["id"] == "/").expect("the root");
    assert!(root["inherit"].is_boolean() && root["status"].is_number(), "{root}");
    let document = &documents[0];
    for key in ["current_revision_id", "inherit", "status", "status_operation_id"] {
        assert!(document.get(key).is_some(), "{key}");
    }
    assert!(document["revisions"][0].get("parent_revision_id").is_some());
    assert_eq!(documents.as_array().map(Vec::len), Some(snapshot.counts().documents as usize));
}

#[test]
fn a_real_server_lacks_none_of_its_contents() {
    for name in ["server", "server_master"] {
        let Some(server) = golden(name) else { return };
        let survey =
            ServerData::open(&server).and_then(|server| server.survey(&[], false, &Job::silent())).expect("a survey");
        let lacking: Vec<_> = survey.warnings.iter().filter(|warning| warning.code.content_is_lacking()).collect();
        assert!(lacking.is_empty(), "{name}: {lacking:?}");
        assert!(survey.files > 0 && survey.content_bytes > 0 && !survey.incomplete);
    }
}
