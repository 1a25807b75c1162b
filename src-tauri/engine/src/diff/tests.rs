//! Rights across the two lines of servers, and rows that no server writes.

use serde_json::{Value, json};
use tempfile::tempdir;

use super::*;
use crate::archive::forge::SmallServer;
use crate::tree::OnDamage;

fn archive(folders: Value, documents: Value) -> Archive {
    let folder = tempdir().unwrap();
    let server = SmallServer { folders, documents, ..SmallServer::new() };
    Archive::open(&server.whole().write(folder.path(), true), None, OnDamage::Refuse, &Job::silent()).unwrap()
}

fn board_alone() -> Value {
    json!([{ "id": 1, "access_type": "read", "rule_data": { "match_groups": [{ "groups": { "require": ["board"] } }] } }])
}

fn document(id: &str, folder: &str) -> Value {
    json!({ "id": id, "title": id, "created_time": 1.0, "folder_id": folder, "access_rules": [], "revisions": [] })
}

fn changes(old: &Archive, new: &Archive) -> Vec<ObjectChange> {
    let differences = diff(Side::Archive(old), Side::Archive(new), &Job::silent()).unwrap();
    let changes: Vec<_> = differences.changes().collect();
    let by_number: Vec<_> = (0..).map_while(|number| differences.change(number)).collect();
    assert_eq!(changes, by_number);
    assert!(differences.ranks().eq(changes.iter().map(|change| change.rank)));
    changes
}

#[test]
fn a_folder_that_protects_on_one_line_alone_is_told_for_what_is_in_it() {
    let folder = |more: Value| {
        let mut folder =
            json!({ "id": "f", "name": "F", "created_time": 1.0, "parent_id": null, "access_rules": board_alone() });
        folder.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!([folder])
    };
    let later = archive(folder(json!({ "inherit": true })), json!([document("d", "f")]));
    let older = archive(folder(json!({})), json!([document("d", "f")]));
    let opened = changes(&later, &older);
    assert_eq!(opened.len(), 1, "the folder itself is protected on both: {opened:?}");
    assert_eq!((opened[0].id.as_str(), opened[0].rights.len()), ("d", 3), "read, and what needs it");
    assert!(opened[0].rights.iter().all(|right| right.lets_in_more && !right.lets_in_fewer));
    assert!(!opened[0].rights_from_above, "that the document inherits no more is its own");
    assert!(changes(&older, &later)[0].rights.iter().all(|right| !right.lets_in_more));
}

#[test]
fn the_root_of_the_two_lines_is_one_place() {
    let later = archive(
        json!([{ "id": "/", "name": "/", "created_time": 1.0, "parent_id": null, "inherit": false }]),
        json!([document("d", "/")]),
    );
    let mut at_root = document("d", "");
    at_root["folder_id"] = Value::Null;
    assert_eq!(changes(&archive(json!([]), json!([at_root])), &later), []);
}

#[test]
fn rules_that_mean_the_same_are_the_same_however_they_are_written() {
    let with = |rules: Value| {
        let mut document = document("d", "");
        document["access_rules"] = rules;
        archive(json!([]), json!([document]))
    };
    let group = |require: Value| json!({ "groups": { "require": require } });
    let one = json!([{ "id": 1, "access_type": "read", "rule_data": { "match_groups": [group(json!(["a", "b"]))] } }]);
    let two = json!([
        { "id": 1, "access_type": "read", "rule_data": { "match": "any", "match_groups": [group(json!(["b"]))] } },
        { "id": 2, "access_type": "read", "rule_data": { "match_groups": [{}, group(json!(["a"]))] } },
    ]);
    assert_eq!(changes(&with(one.clone()), &with(two)), []);
    assert!(changes(&with(one), &with(json!([])))[0].rights[0].lets_in_more);
}

#[test]
fn rows_of_one_id_are_compared_once_and_the_further_ones_told() {
    let once = archive(json!([]), json!([document("d", "")]));
    let twice = archive(json!([]), json!([document("d", ""), document("d", "elsewhere")]));
    for (old, new) in [(&once, &twice), (&twice, &once), (&twice, &twice)] {
        let found = diff(Side::Archive(old), Side::Archive(new), &Job::silent()).unwrap();
        assert!(found.is_empty(), "{:?}", found.changes().collect::<Vec<_>>());
        assert!(found.not_compared_total() >= 1);
    }
}

#[test]
fn what_is_shown_and_what_lies_behind_it_are_told_apart() {
    let with = |revisions: &[(u64, &str)]| {
        let mut document = document("d", "");
        let rows = revisions.iter().map(|(id, file)| json!({ "id": id, "file_id": file, "created_time": *id as f64 }));
        document["revisions"] = rows.collect();
        archive(json!([]), json!([document]))
    };
    let told = |old: &[(u64, &str)], new: &[(u64, &str)]| {
        let change = changes(&with(old), &with(new)).pop().unwrap();
        (change.content, change.revisions_added, change.revisions_removed, change.revisions_changed)
    };
    assert_eq!(told(&[(1, "f1")], &[(1, "f1"), (2, "f2")]), (ContentChange::Changed, 1, 0, 0));
    assert_eq!(told(&[(1, "f1"), (2, "f2")], &[(2, "f2")]), (ContentChange::Same, 0, 1, 0));
    assert_eq!(told(&[(1, "f1"), (2, "f2")], &[(1, "f3"), (2, "f2")]), (ContentChange::Same, 0, 0, 1));
    assert_eq!(told(&[(1, "f1")], &[(1, "nowhere")]), (ContentChange::Gone, 0, 0, 1));
    assert_eq!(told(&[], &[(1, "f1")]), (ContentChange::Found, 1, 0, 0));
}
