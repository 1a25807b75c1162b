//! What `inspect` promises: facts without reading contents.

use serde_json::json;
use tempfile::tempdir;

use super::*;
use crate::archive::forge::{Forge, SmallServer, encrypt, write_archive};
use crate::error::Error;

fn look_into(forge: &Forge) -> Result<Inspection> {
    let folder = tempdir().unwrap();
    inspect(&forge.write(folder.path(), true), None)
}

#[test]
fn facts_counts_and_the_largest_documents_are_told() {
    let inspection = look_into(&SmallServer::new().whole()).unwrap();
    assert_eq!(inspection.metadata.documents_count, 2);
    assert_eq!((inspection.members, inspection.contents, inspection.content_bytes), (8, 3, 3005));
    assert_eq!((inspection.revisions, inspection.access_rules, inspection.contents_missing), (5, 2, 0));
    assert_eq!(inspection.scope, Scope::DocumentsOnly);
    assert_eq!(inspection.created_by.as_deref(), Some("cfms-backup 0.1.0"));
    assert_eq!((inspection.snapshot_at, inspection.server_name.as_deref()), (Some(1.5), Some("Testserver")));
    assert_eq!(inspection.key.backup_name.as_deref(), Some("b"));
    // Two revisions of the first document share a content, which counts once.
    let largest: Vec<_> =
        inspection.largest.iter().map(|d| (d.document_id.as_str(), d.title.as_str(), d.bytes)).collect();
    assert_eq!(largest, [("d1", "Budget", 3005), ("d2", "财务", 5)]);
}

#[test]
fn only_the_ten_largest_documents_are_told_and_the_largest_first() {
    let mut server = SmallServer::new();
    let rows = server.documents.as_array_mut().unwrap();
    rows.clear();
    for number in 0..40 {
        let file = if number % 3 == 0 { "f2" } else { "f1" };
        rows.push(json!({ "id": format!("d{number:02}"), "title": "t", "folder_id": null, "revisions": [{ "file_id": file }] }));
    }
    let inspection = look_into(&server.whole()).unwrap();
    let bytes: Vec<_> = inspection.largest.iter().map(|document| document.bytes).collect();
    assert_eq!(bytes, [3000; 10]);
    let ids: Vec<_> = inspection.largest.iter().map(|document| document.document_id.as_str()).collect();
    assert_eq!(ids[..3], ["d00", "d03", "d06"], "of equal ones the first");
}

#[test]
fn the_servers_database_makes_it_a_backup_of_the_whole_server() {
    let forge = SmallServer::new().forge().member("server/app.db", b"SQLite").member("server/files/avatar", b"1234");
    let inspection = look_into(&forge.manifest(|_| {}).end()).unwrap();
    assert_eq!(inspection.scope, Scope::WholeServer);
    assert_eq!((inspection.contents, inspection.content_bytes), (4, 3009));
}

#[test]
fn missing_contents_and_stored_warnings_are_told() {
    let mut server = SmallServer::new();
    server.contents.remove(0);
    let warning = json!({ "code": "missing", "file_id": "f1", "title": "Budget", "path": "./x", "reason": "gone" });
    let forge = server.forge().manifest(|manifest| manifest["warnings"] = json!([warning]));
    let inspection = look_into(&forge.end()).unwrap();
    assert_eq!(inspection.contents_missing, 1);
    assert_eq!(inspection.warnings[0].title.as_deref(), Some("Budget"));
}

#[test]
fn warnings_beyond_those_that_are_listed_are_counted() {
    let listed = |number: usize, total: Option<u64>| {
        let warning = json!({ "code": "missing", "file_id": "f", "reason": "gone" });
        let forge = SmallServer::new().forge().manifest(|manifest| {
            manifest["warnings"] = vec![warning.clone(); number].into();
            manifest["warnings_total"] = json!(total);
        });
        let inspection = look_into(&forge.end()).unwrap();
        (inspection.warnings.len(), inspection.warnings_total)
    };
    assert_eq!(listed(10_000, Some(10_501)), (10_000, 10_501));
    assert_eq!(listed(10_000, None), (10_000, 10_000), "of an older backup");
    assert_eq!(listed(10_501, Some(3)), (10_000, 10_501), "what is there counts");
}

#[test]
fn contents_are_passed_over_and_not_read() {
    // The large content is a hole in a sparse file, so that the test costs no disk; reading it would take seconds.
    let folder = tempdir().unwrap();
    let size = 4_u64 << 30;
    let server = SmallServer::new();
    let mut before = server.forge();
    before.header("files/big", b'0', size, |_| {});
    let head = encrypt(&before.tar);
    let tail_plain = Forge::default().manifest(|_| {}).end().tar;
    let path = write_archive(folder.path(), &[], false);
    let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    let write_at = |bytes: &[u8], at| std::os::unix::fs::FileExt::write_all_at(&file, bytes, at).unwrap();
    // The head without its padding; then nothing, which decrypts to noise; then a tail whose IV is that nothing.
    write_at(&head[..head.len() - 16], 0);
    let tail_at = head.len() as u64 - 16 + size;
    write_at(&crate::archive::forge::encrypt_after(&[0; 16], &tail_plain), tail_at);
    let started = std::time::Instant::now();
    let inspection = inspect(&path, None).unwrap();
    assert_eq!((inspection.contents, inspection.content_bytes), (4, size + 3005));
    assert!(started.elapsed().as_millis() < 500, "{:?}", started.elapsed());
}

#[test]
fn damage_that_stands_in_the_way_is_an_error_of_its_kind() {
    let server = SmallServer::new();
    let mut cut = server.forge();
    cut.tar.truncate(cut.tar.len() - 1024);
    assert!(matches!(look_into(&cut), Err(Error::Truncated { .. })));
    let mut broken = server.whole();
    broken.tar[3] = b'!';
    assert!(matches!(look_into(&broken), Err(Error::Damaged { .. })));
    let without_tables = Forge::default().json("metadata.json", &server.metadata).end();
    let Err(Error::Damaged { problem, .. }) = look_into(&without_tables) else { panic!("no damage") };
    assert_eq!(problem, "folders.json: it is missing");
    let mut later = SmallServer::new();
    later.metadata["version"] = json!("2.0");
    assert!(matches!(look_into(&later.whole()), Err(Error::UnsupportedVersion { .. })));
    let later = SmallServer::new().forge().manifest(|manifest| manifest["format"] = json!("cfms-backup/2")).end();
    assert!(matches!(look_into(&later), Err(Error::UnsupportedVersion { .. })));
}

#[test]
fn an_archive_that_has_not_the_size_that_the_key_file_records_is_not_passed_off_as_the_one_meant() {
    let folder = tempdir().unwrap();
    let path = SmallServer::new().whole().write(folder.path(), true);
    let whole = std::fs::read(&path).unwrap();
    // The end marker's zeros go on for some blocks: without the last of them every member is still there.
    std::fs::write(&path, &whole[..whole.len() - 32]).unwrap();
    assert!(matches!(inspect(&path, None), Err(Error::Truncated { .. })));
    std::fs::write(&path, [&whole[..], &[0; 16]].concat()).unwrap();
    assert!(matches!(inspect(&path, None), Err(Error::Damaged { .. })));
}

#[test]
fn the_archive_of_a_real_server_is_looked_into() {
    let Some(folder) = crate::skipped::golden("golden") else { return };
    let inspection = inspect(&folder.join("golden.cfms.enc"), None).unwrap();
    assert_eq!((inspection.metadata.documents_count, inspection.metadata.folders_count), (20, 11));
    assert_eq!(inspection.contents, inspection.metadata.files_count);
    assert_eq!((inspection.contents_missing, inspection.created_by), (0, None));
    assert!(!inspection.largest.is_empty());
}
