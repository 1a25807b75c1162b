//! What a tree promises: everything is somewhere, once, whatever the rows say; and what is read out is what was put in.

use serde_json::{Value, json};
use tempfile::tempdir;

use super::*;
use crate::archive::forge::{Forge, SmallServer};
use crate::error::{Error, Result};
use crate::job::Job;

fn open(forge: &Forge) -> Result<Archive> {
    open_with(forge, OnDamage::Refuse)
}

fn open_with(forge: &Forge, on_damage: OnDamage) -> Result<Archive> {
    let folder = tempdir().unwrap();
    // What is open stays readable when its name is gone.
    Archive::open(&forge.write(folder.path(), true), None, on_damage, &Job::silent())
}

fn server_of(folders: Value, documents: Value) -> Archive {
    let server = SmallServer { folders, documents, ..SmallServer::new() };
    open(&server.whole()).unwrap()
}

/// What lies where, a line each, two blanks a floor.
fn drawn(tree: &Tree) -> String {
    fn draw(tree: &Tree, place: Place, depth: usize, drawing: &mut String) {
        let indent = "  ".repeat(depth);
        for folder in tree.folders_in(place) {
            drawing.push_str(&format!("{indent}{}/\n", folder.id()));
            draw(tree, Place::In(folder.index()), depth + 1, drawing);
        }
        for document in tree.documents_in(place) {
            drawing.push_str(&format!("{indent}{}\n", document.id()));
        }
    }
    let mut drawing = String::new();
    draw(tree, Place::Root, 0, &mut drawing);
    drawing.push_str("without a folder:\n");
    draw(tree, Place::WithoutFolder, 1, &mut drawing);
    drawing
}

fn folder(id: &str, parent: Option<&str>) -> Value {
    json!({ "id": id, "name": id, "created_time": 1.0, "parent_id": parent, "access_rules": [] })
}

fn document(id: &str, folder: Option<&str>) -> Value {
    json!({ "id": id, "title": id, "created_time": 1.0, "folder_id": folder, "access_rules": [], "revisions": [] })
}

#[test]
fn folders_and_documents_are_where_they_were() {
    let archive = open(&SmallServer::new().whole()).unwrap();
    assert_eq!(drawn(archive.tree()), "outer/\n  inner/\n    d1\nd2\nwithout a folder:\n");
    let document = archive.tree().document_of_id("d1").unwrap();
    assert_eq!((document.title(), document.path().as_str()), ("Budget", "Out\"er/内/Budget"));
    let revisions: Vec<_> =
        document.revisions().map(|revision| (revision.id(), revision.file_id(), revision.size())).collect();
    assert_eq!(revisions, [("1", "f1", Some(5)), ("2", "f2", Some(3000)), ("3", "f2", Some(3000))]);
    assert_eq!(document.rules().len(), 1);
}

#[test]
fn what_lies_nowhere_is_found_without_a_folder() {
    let archive = server_of(
        json!([
            folder("child", Some("parent")),
            folder("parent", None),
            folder("ring b", Some("ring a")),
            folder("ring a", Some("ring c")),
            folder("ring c", Some("ring b")),
            folder("tail", Some("ring c")),
            folder("self", Some("self")),
            folder("lost", Some("nowhere")),
            folder("parent", Some("child")),
        ]),
        json!([
            document("in ring", Some("ring a")),
            document("lost document", Some("gone")),
            document("twice", Some("parent")),
            document("twice", Some("child")),
        ]),
    );
    let expected = "parent/\n  child/\n  twice\nwithout a folder:\n  lost/\n  parent/\n  ring b/\n    ring c/\n      ring a/\n        in ring\n      tail/\n  self/\n  lost document\n  twice\n";
    // A ring is opened at its first row; the others hang below.
    assert_eq!(drawn(archive.tree()), expected);
    assert_eq!(archive.tree().folders().count() + archive.tree().documents().len(), 13);
}

#[test]
fn the_root_row_of_later_servers_is_the_top_and_no_folder() {
    let archive = server_of(
        json!([folder("top", Some("/")), { "id": "/", "name": "/", "created_time": 1.0, "parent_id": null, "inherit": false }]),
        json!([document("d", Some("/")), document("deeper", Some("top"))]),
    );
    assert_eq!(drawn(archive.tree()), "top/\n  deeper\nd\nwithout a folder:\n");
    assert!(matches!(archive.tree().find("/").unwrap(), Entry::Root));
}

#[test]
fn a_ring_and_a_tower_of_folders_cost_no_time() {
    let count = 50_000;
    let mut rows: Vec<_> =
        (0..count).map(|n: u32| folder(&n.to_string(), Some(&((n + 1) % count).to_string()))).collect();
    rows.extend(
        (0..count).map(|n| folder(&format!("t{n}"), n.checked_sub(1).map(|above| format!("t{above}")).as_deref())),
    );
    let archive = server_of(json!(rows), json!([document("deep", Some(&format!("t{}", count - 1)))]));
    let tree = archive.tree();
    assert_eq!(tree.folders_in(Place::WithoutFolder).map(Folder::id).collect::<Vec<_>>(), ["0"]);
    let deep = tree.document_of_id("deep").unwrap();
    assert!(deep.path().starts_with("…/") && deep.path().len() < 4096);
    assert_eq!(deep.access(Access::Read), Condition::Everyone);
}

#[test]
fn a_path_is_made_of_titles_and_an_id_is_taken_everywhere() {
    let archive = server_of(
        json!([
            { "id": "f1", "name": "A/B", "parent_id": null }, { "id": "f2", "name": "same", "parent_id": "f1" },
            { "id": "f3", "name": "same", "parent_id": "f1" },
        ]),
        json!([
            { "id": "d1", "title": "one", "folder_id": "f2" }, { "id": "d2", "title": "one", "folder_id": "f3" },
            { "id": "d3", "title": "d1", "folder_id": null }, { "id": "d4", "title": "two", "folder_id": "f3" },
            { "id": "d5", "title": "lost", "folder_id": "gone" }, { "id": "/x", "title": "y", "folder_id": null },
        ]),
    );
    let found = |wanted: &str| archive.tree().find(wanted).map(|entry| entry.id().map(str::to_owned));
    let is = |id: &str| Some(id.to_owned());
    assert_eq!(found(r"A\/B").unwrap(), is("f1"));
    assert_eq!(found(r"/A\/B/same/two").unwrap(), is("d4"), "of two folders the one that has it");
    assert_eq!(found("d1").unwrap(), is("d1"), "an id comes before a title");
    assert_eq!(found("/d1").unwrap(), is("d3"), "with a slash the title comes first");
    assert_eq!(found("/x").unwrap(), is("/x"));
    assert_eq!(found("Without a folder/lost").unwrap(), is("d5"));
    assert_eq!(archive.tree().document_of_id("d5").unwrap().path(), "Without a folder/lost");
    assert!(matches!(archive.tree().find("Without a folder").unwrap(), Entry::WithoutFolder));
    assert!(matches!(found(r"A\/B/same/one"), Err(Error::Ambiguous { ids, .. }) if ids == ["d1", "d2"]));
    assert!(matches!(found("A/B"), Err(Error::NotInBackup { .. })));
}

#[test]
fn the_latest_revision_is_the_current_one_else_the_newest() {
    let revision =
        |id: u32, file: &str, time: f64| json!({ "id": id, "document_id": "d", "file_id": file, "created_time": time });
    let revisions = json!([revision(7, "f2", 9.0), revision(8, "f1", 5.0)]);
    let archive = server_of(
        json!([]),
        json!([
            { "id": "newest", "title": "", "revisions": revisions },
            { "id": "current", "title": "", "current_revision_id": 8, "revisions": revisions },
            { "id": "none", "title": "", "revisions": [] },
            { "id": "strange", "title": "", "revisions": [{ "file_id": "not listed" }, { "id": 1 }] },
        ]),
    );
    let latest =
        |id: &str| archive.tree().document_of_id(id).unwrap().latest().map(|revision| revision.file_id().to_owned());
    assert_eq!(latest("newest").as_deref(), Some("f2"));
    assert_eq!(latest("current").as_deref(), Some("f1"));
    assert_eq!(latest("none"), None);
    assert_eq!(latest("strange").as_deref(), Some(""));
}

#[test]
fn values_that_are_no_json_numbers_and_rows_of_any_size_are_read() {
    let server = SmallServer::new();
    let rule = json!({ "id": 1, "access_type": "read", "rule_data": { "big": 0, "match_groups": [] } });
    let text =
        json!([{ "id": "inf", "title": "t", "created_time": 0, "access_rules": [rule], "revisions": [] }]).to_string();
    let text = text.replace("\"created_time\":0", "\"created_time\":1e999").replace("\"big\":0", "\"big\":1E+400");
    let many: Vec<_> = (0..20_000).map(|n| json!({ "id": n, "file_id": "f1", "created_time": f64::from(n), "document_id": "a long text to fill the row" })).collect();
    let huge = json!({ "id": "huge", "title": "t", "created_time": 2.5, "inherit": true, "access_rules": [rule], "revisions": many }).to_string();
    assert!(huge.len() > 1024 * 1024);
    let documents = format!("[{},{huge}]", &text[1..text.len() - 1]);
    let forge = Forge::default()
        .json("metadata.json", &server.metadata)
        .json("folders.json", &json!([]))
        .member("documents.json", documents.as_bytes())
        .json("files.json", &server.files);
    let archive = open(&forge.manifest(|_| {}).end()).unwrap();
    let inf = archive.tree().document_of_id("inf").unwrap();
    assert_eq!(inf.created_time(), f64::INFINITY);
    let huge = archive.tree().document_of_id("huge").unwrap();
    assert_eq!((huge.created_time(), huge.revisions().len(), huge.rules().len()), (2.5, 20_000, 1));
    assert_eq!(huge.latest().unwrap().id(), "19999");
}

#[test]
fn rules_of_folders_protect_what_is_in_them_only_where_they_are_inherited() {
    let rule = |group: &str| json!([{ "access_type": "read", "rule_data": { "match_groups": [{ "groups": { "require": [group] } }] } }]);
    let with = |inherit: Option<bool>| {
        let mut rows = vec![
            json!({ "id": "top", "name": "top", "parent_id": null, "access_rules": rule("a") }),
            json!({ "id": "mid", "name": "mid", "parent_id": "top", "access_rules": rule("b") }),
            json!({ "id": "cut", "name": "cut", "parent_id": "mid", "access_rules": [] }),
        ];
        let mut documents = vec![
            json!({ "id": "d", "title": "d", "folder_id": "mid", "access_rules": rule("c") }),
            json!({ "id": "e", "title": "e", "folder_id": "cut", "access_rules": [] }),
        ];
        for row in rows.iter_mut().chain(&mut documents) {
            if let Some(inherit) = inherit {
                row["inherit"] = json!(inherit && row["id"] != "cut");
            }
        }
        server_of(json!(rows), json!(documents))
    };
    let words =
        |archive: &Archive, id: &str| archive.tree().document_of_id(id).unwrap().access(Access::Write).to_string();
    assert_eq!(words(&with(None), "d"), "the group \"c\"");
    assert_eq!(words(&with(None), "e"), "everyone who is signed in");
    assert_eq!(words(&with(Some(true)), "d"), "all of the groups \"a\", \"b\", \"c\"");
    assert_eq!(words(&with(Some(true)), "e"), "everyone who is signed in", "its folder does not inherit");
    assert_eq!(words(&with(Some(false)), "d"), "the group \"c\"");
}

fn read(archive: &Archive, document: &str) -> Result<(Vec<u8>, Check)> {
    let mut bytes = Vec::new();
    let latest = archive.tree().document_of_id(document).unwrap().latest().unwrap();
    let check = archive.read(latest, &Job::silent(), |piece| {
        bytes.extend_from_slice(piece);
        Ok(())
    })?;
    Ok((bytes, check))
}

#[test]
fn a_content_comes_out_as_it_went_in_with_what_proves_it() {
    let server = SmallServer::new();
    let (bytes, check) = read(&open(&server.whole()).unwrap(), "d1").unwrap();
    assert_eq!(
        (bytes, check.proof, check.damage, check.server_differs),
        (vec![b'2'; 3000], Proof::Manifest, None, false)
    );
    let theirs = open(&server.forge().end()).unwrap();
    assert_eq!(read(&theirs, "d1").unwrap().1.proof, Proof::Server);
    let mut unproven = SmallServer::new();
    unproven.files[1]["sha256"] = Value::Null;
    assert_eq!(read(&open(&unproven.forge().end()).unwrap(), "d1").unwrap().1.proof, Proof::None);
}

#[test]
fn a_content_that_is_not_what_was_backed_up_is_called_damaged() {
    let server = SmallServer::new();
    let mut changed = server.whole();
    let at = changed.tar.windows(3000).position(|window| window == [b'2'; 3000]).unwrap();
    changed.tar[at + 1500] ^= 1;
    let damage = |forge: &Forge| read(&open(forge).unwrap(), "d1").unwrap().1.damage.unwrap();
    assert_eq!(damage(&changed), "its bytes are not those that the manifest says");
    let twice = server.forge().member("files/f2", b"another").manifest(|_| {}).end();
    assert_eq!(damage(&twice), "the archive holds it twice");
    let mut theirs = SmallServer::new();
    theirs.files[1]["sha256"] = json!("00".repeat(32));
    assert_eq!(damage(&theirs.forge().end()), "its SHA-256 is not the one that the server recorded");
    // The manifest shows that the content was like that already when it was backed up.
    let (_, check) = read(&open(&theirs.whole()).unwrap(), "d1").unwrap();
    assert_eq!((check.damage, check.server_differs), (None, true));
    let unknown = server.forge().manifest(|manifest| drop(manifest["members"].as_array_mut().unwrap().pop())).end();
    let (_, check) = read(&open(&unknown).unwrap(), "d2").unwrap();
    assert_eq!(check.damage, None, "another member is unknown, which is none of its business");
}

#[test]
fn what_the_backup_never_held_and_what_it_has_lost_are_told_apart() {
    let mut server = SmallServer::new();
    server.contents.remove(1);
    let told = |manifest: &mut Value| {
        manifest["contents_missing"] = json!([{ "file_id": "f2", "code": "missing", "reason": "gone" }])
    };
    let holding = |archive: &Archive| archive.holding(archive.tree().document_of_id("d1").unwrap().latest().unwrap());
    let never = open(&server.forge().manifest(told).end()).unwrap();
    assert_eq!(holding(&never), Holding::Never { reason: "gone".to_owned() });
    assert!(matches!(read(&never, "d1"), Err(Error::ContentNotHeld { file_id, .. }) if file_id == "f2"));
    let promise = |manifest: &mut Value| {
        let members = manifest["members"].as_array_mut().unwrap();
        members.push(json!({ "name": "files/f2", "size": 1, "sha256": "00".repeat(32) }));
    };
    let lost = open(&server.forge().manifest(promise).end()).unwrap();
    assert!(matches!(holding(&lost), Holding::Lost { .. }));
    assert!(matches!(read(&lost, "d1"), Err(Error::Damaged { .. })));

    let mut cut = SmallServer::new().forge();
    let at = cut.tar.windows(9).position(|window| window == b"files/f2\0").unwrap();
    cut.tar.truncate(at + 1024);
    assert!(matches!(open(&cut), Err(Error::Truncated { .. })));
    let cut = open_with(&cut, OnDamage::Keep).unwrap();
    assert_eq!(cut.flaws().len(), 1);
    assert!(matches!(holding(&cut), Holding::Lost { .. }));
    let first = cut.tree().document_of_id("d1").unwrap().revisions().next().unwrap();
    assert_eq!(cut.holding(first), Holding::Held { size: 5 });
}

#[test]
fn damage_of_the_tables_is_an_error_of_its_kind() {
    let server = SmallServer::new();
    let without = Forge::default().json("metadata.json", &server.metadata).end();
    for on_damage in [OnDamage::Refuse, OnDamage::Keep] {
        assert!(matches!(open_with(&without, on_damage), Err(Error::Damaged { .. })));
    }
    let mut odd = SmallServer::new();
    odd.documents = json!([{ "title": "no id" }]);
    assert!(matches!(open(&odd.whole()), Err(Error::Damaged { .. })));
    let later = server.forge().manifest(|manifest| manifest["format"] = json!("cfms-backup/2")).end();
    assert!(matches!(open(&later), Err(Error::UnsupportedVersion { .. })));
}

#[test]
fn the_archive_of_a_real_server_is_a_tree() {
    let Some(folder) = crate::skipped::golden("golden") else { return };
    let archive = Archive::open(&folder.join("golden.cfms.enc"), None, OnDamage::Refuse, &Job::silent()).unwrap();
    let tree = archive.tree();
    assert_eq!((tree.folders().count(), tree.documents().len()), (11, 20));
    assert_eq!(tree.folders_in(Place::WithoutFolder).len() + tree.documents_in(Place::WithoutFolder).len(), 0);
    let Entry::Document(budget) = tree.find("项目资料/2025年度/第三季度/预算表.xlsx").unwrap() else {
        panic!("no document")
    };
    let read = budget.access(Access::Read).to_string();
    assert!(read.contains("the right \"super_create_document\" or one of the groups \"sysop\", \"财务部\""), "{read}");
    assert_eq!(budget.access(Access::Move).to_string(), "the group \"sysop\"");
    let mut proofs = tree
        .documents()
        .flat_map(Document::revisions)
        .map(|revision| archive.read(revision, &Job::silent(), |_| Ok(())).unwrap());
    assert_eq!(
        proofs.by_ref().filter(|check| check.damage.is_some()).count(),
        1,
        "the one whose sha256 the server has wrong"
    );
}
