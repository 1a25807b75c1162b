//! What `verify` promises about archives that are sound, odd, cut or hostile.

use serde_json::{Value, json};
use tempfile::tempdir;

use super::*;
use crate::archive::forge::{Forge, SmallServer, encrypt, encrypt_unpadded, write_archive};
use crate::skipped::golden;

mod cut_and_flipped;
mod hostile;

fn check_archive(forge: &Forge, with_digest: bool) -> Result<Verification> {
    let folder = tempdir().unwrap();
    verify(&forge.write(folder.path(), with_digest), None, &Job::silent())
}

fn found(forge: &Forge, with_digest: bool) -> Verification {
    check_archive(forge, with_digest).unwrap()
}

/// The findings in short: code and subject.
fn short(verification: &Verification) -> Vec<(FindingCode, Option<&str>)> {
    verification.findings.iter().map(|finding| (finding.code, finding.subject.as_deref())).collect()
}

fn warnings_only(verification: &Verification) -> bool {
    verification.findings.iter().all(|finding| finding.severity == Severity::Warning)
}

#[test]
fn a_sound_archive_with_digest_and_manifest_is_verified() {
    let verification = found(&SmallServer::new().whole(), true);
    assert_eq!(verification.findings, []);
    assert_eq!(verification.verdict, Verdict::Verified);
    assert_eq!((verification.members, verification.content_bytes), (8, 3005));
    assert_eq!(verification.metadata.as_ref().map(|metadata| metadata.documents_count), Some(2));
    assert!(verification.not_checked.is_empty() && verification.damage().is_none());
}

#[test]
fn without_a_digest_or_a_manifest_nothing_is_proven_and_the_report_says_so() {
    let server = SmallServer::new();
    let without_digest = found(&server.whole(), false);
    assert_eq!((without_digest.verdict, without_digest.not_checked), (Verdict::Readable, vec![NotChecked::NoDigest]));
    let without_manifest = found(&server.forge().end(), true);
    assert_eq!(
        (without_manifest.verdict, without_manifest.not_checked),
        (Verdict::Readable, vec![NotChecked::NoManifest])
    );
}

#[test]
fn a_tar_that_ends_at_a_members_border_is_truncated_even_with_good_padding() {
    let forge = SmallServer::new().forge();
    assert_eq!(short(&found(&forge, true))[0].0, FindingCode::Truncated);
    let mut half_an_end = forge.manifest(|_| {});
    half_an_end.tar.resize(half_an_end.tar.len() + 512, 0);
    assert_eq!(short(&found(&half_an_end, true)), [(FindingCode::Truncated, None)]);
    assert_eq!(short(&found(&Forge::default(), true))[0].0, FindingCode::Truncated, "an empty tar has no end either");
}

#[test]
fn another_archives_key_is_a_wrong_key_and_no_damage() {
    let folder = tempdir().unwrap();
    let path = SmallServer::new().whole().write(folder.path(), true);
    let text = std::fs::read_to_string(folder.path().join("b.key")).unwrap();
    std::fs::write(folder.path().join("b.key"), text.replace("0707", "0708")).unwrap();
    assert!(matches!(verify(&path, None, &Job::silent()), Err(Error::WrongKey { .. })));
    assert!(matches!(crate::inspect(&path, None), Err(Error::WrongKey { .. })));
}

#[test]
fn a_destroyed_start_or_end_is_damage_and_never_a_wrong_key() {
    let folder = tempdir().unwrap();
    let sound = encrypt(&SmallServer::new().whole().tar);
    let end = sound.len();
    for (what, destroyed) in [("start", 0..1024), ("end", end - 1024..end), ("both", 0..0)] {
        let mut archive = sound.clone();
        if what == "both" {
            archive[..1024].fill(0x55);
            archive[end - 1024..].fill(0x55);
        }
        archive[destroyed].fill(0x55);
        let path = write_archive(folder.path(), &archive, false);
        let verification = verify(&path, None, &Job::silent()).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(verification.verdict, Verdict::Damaged, "{what}");
    }
}

#[test]
fn bad_padding_alone_is_damage_of_its_own_name() {
    let folder = tempdir().unwrap();
    let mut tar = SmallServer::new().whole().tar;
    tar.extend([16; 15]);
    tar.push(17);
    let verification =
        verify(&write_archive(folder.path(), &encrypt_unpadded(tar), false), None, &Job::silent()).unwrap();
    assert_eq!(short(&verification), [(FindingCode::Padding, None)]);
}

#[test]
fn what_contradicts_the_manifest_is_damage() {
    let server = SmallServer::new();
    let other_digest = server.forge().manifest(|m| m["members"][4]["sha256"] = json!("00".repeat(32))).end();
    assert_eq!(short(&found(&other_digest, true)), [(FindingCode::Manifest, Some("files/f1"))]);
    let other_size = server.forge().manifest(|m| m["members"][4]["size"] = json!(4)).end();
    assert_eq!(short(&found(&other_size, true)), [(FindingCode::Manifest, Some("files/f1"))]);
    let mut changed = server.forge().manifest(|_| {}).end();
    let content = changed.tar.windows(5).position(|bytes| bytes == b"first").expect("the content of f1");
    changed.tar[content] ^= 1;
    assert_eq!(
        short(&found(&changed, true)),
        [(FindingCode::Manifest, Some("files/f1"))],
        "nothing is said of the server's own SHA-256, which was right"
    );
    let unannounced = server.forge().unannounced("files/extra", b"x").manifest(|_| {}).end();
    assert_eq!(short(&found(&unannounced, true)), [(FindingCode::Manifest, Some("files/extra"))]);
    let mut promised = server.forge();
    promised.tar.truncate(promised.tar.len() - 512);
    let promised = promised.manifest(|_| {}).end();
    assert_eq!(
        short(&found(&promised, true)),
        [(FindingCode::Manifest, Some("files/f3"))],
        "f3 was promised, and only that is told"
    );
}

#[test]
fn a_content_that_the_backup_never_held_is_a_warning_with_title_and_reason() {
    let mut server = SmallServer::new();
    server.contents.remove(1);
    let warning =
        json!({ "code": "missing", "file_id": "f2", "document_id": "d1", "title": "Budget", "reason": "gone" });
    let forge = server.forge().manifest(|manifest| {
        manifest["contents_missing"] = json!([
            { "file_id": "f2", "code": "missing", "reason": "not on disk" },
            { "file_id": "never", "code": "unfinished", "reason": "its upload never finished" },
        ]);
        manifest["warnings"] = json!([warning, { "code": "of_the_future", "reason": "?" }]);
    });
    let verification = found(&forge.end(), true);
    assert_eq!(verification.verdict, Verdict::Verified);
    assert_eq!(
        verification.findings,
        [Finding {
            severity: Severity::Warning,
            code: FindingCode::ContentMissing,
            subject: Some("f2".to_owned()),
            title: Some("Budget".to_owned()),
            reason: "not on disk".to_owned(),
        }]
    );
    let by_another_maker = found(&server.forge().end(), true);
    assert_eq!(short(&by_another_maker), [(FindingCode::ContentMissing, Some("f2"))]);
    assert!(warnings_only(&by_another_maker));
}

#[test]
fn a_content_stored_in_part_is_told_with_its_reason() {
    let forge = SmallServer::new().forge().manifest(|manifest| {
        manifest["warnings"] = json!([{ "code": "changed", "file_id": "f2", "title": "Budget", "reason": "it grew" }]);
    });
    let verification = found(&forge.end(), true);
    assert_eq!(verification.verdict, Verdict::Verified);
    assert_eq!(verification.findings[0].reason, "it grew");
}

#[test]
fn a_servers_wrong_sha256_is_a_warning_beside_a_manifest_and_damage_without_one() {
    let mut server = SmallServer::new();
    server.files[1]["sha256"] = json!("ab".repeat(32));
    let with_manifest = found(&server.whole(), true);
    assert_eq!(short(&with_manifest), [(FindingCode::Sha256, Some("f2"))]);
    assert_eq!(with_manifest.verdict, Verdict::Verified);
    let without = found(&server.forge().end(), true);
    assert_eq!(short(&without), [(FindingCode::Sha256, Some("f2"))]);
    assert_eq!(without.verdict, Verdict::Damaged);
}

#[test]
fn references_that_point_nowhere_are_warnings() {
    let mut server = SmallServer::new();
    server.folders[0]["parent_id"] = json!("nowhere");
    server.documents[0]["revisions"][1]["file_id"] = json!("gone");
    server.documents[1]["folder_id"] = json!("nowhere");
    server.documents[1]["revisions"][0]["document_id"] = json!("d1");
    let verification = found(&server.whole(), true);
    assert_eq!(
        short(&verification),
        [
            (FindingCode::Reference, Some("inner")),
            (FindingCode::Reference, Some("d1")),
            (FindingCode::Reference, Some("d2")),
            (FindingCode::Reference, Some("d2")),
        ]
    );
    assert!(warnings_only(&verification));
    assert_eq!(verification.verdict, Verdict::Verified);
}

#[test]
fn folders_that_lie_within_themselves_are_warnings() {
    let mut server = SmallServer::new();
    let folder = |id: &str, parent: &str| json!({ "id": id, "name": id, "created_time": 1.0, "parent_id": parent, "access_rules": [] });
    let rows = server.folders.as_array_mut().unwrap();
    rows.extend([folder("self", "self"), folder("below", "round"), folder("round", "about"), folder("about", "round")]);
    server.metadata["folders_count"] = json!(6);
    let verification = found(&server.whole(), true);
    assert_eq!(short(&verification), ["self", "round", "about"].map(|id| (FindingCode::Reference, Some(id))));
    assert!(warnings_only(&verification));
    assert_eq!(verification.verdict, Verdict::Verified);
}

#[test]
fn an_id_in_several_rows_is_damage_and_named_once() {
    let ids = |verification: &Verification| {
        let told = verification.findings.iter().map(|f| (f.severity, f.code, f.subject.clone().unwrap_or_default()));
        told.collect::<Vec<_>>()
    };
    for (table, id) in [("folders", "outer"), ("documents", "d1"), ("files", "f2")] {
        let mut server = SmallServer::new();
        let rows = match table {
            "folders" => &mut server.folders,
            "documents" => &mut server.documents,
            _ => &mut server.files,
        };
        let rows = rows.as_array_mut().unwrap();
        let row = rows.iter().find(|row| row["id"] == id).unwrap().clone();
        rows.extend([row.clone(), row]);
        server.metadata[format!("{table}_count")] = json!(rows.len());
        let expected = [(Severity::Damage, FindingCode::DuplicateRow, id.to_owned())];
        for forge in [server.whole(), server.forge().end()] {
            let verification = found(&forge, true);
            assert_eq!(ids(&verification), expected, "{table}");
            assert_eq!(verification.findings_total, 1);
            let reason = &verification.findings[0].reason;
            assert!(reason.starts_with(&format!("3 rows of {table}.json have this id")), "{reason}");
        }
    }
}

#[test]
fn rows_without_an_id_are_no_rows_with_one_id() {
    let mut server = SmallServer::new();
    let row =
        json!({ "id": null, "title": "", "created_time": 1.0, "folder_id": null, "access_rules": [], "revisions": [] });
    server.documents.as_array_mut().unwrap().extend([row.clone(), row]);
    server.metadata["documents_count"] = json!(4);
    assert_eq!(found(&server.whole(), true).findings, []);
}

#[test]
fn repeated_ids_beyond_the_limit_are_counted() {
    let repeated = MAX_FINDINGS + 500;
    let mut server = SmallServer::new();
    let rows = server.documents.as_array_mut().unwrap();
    for number in 0..2 * repeated {
        rows.push(json!({ "id": format!("n{}", number % repeated), "title": "", "folder_id": null, "revisions": [] }));
    }
    server.metadata["documents_count"] = json!(2 * repeated + 2);
    let verification = found(&server.whole(), true);
    assert_eq!((verification.findings.len(), verification.findings_total), (MAX_FINDINGS, repeated as u64));
}

#[test]
fn a_record_about_a_member_that_does_not_come_is_damage() {
    let sound = || SmallServer::new().forge().manifest(|_| {});
    let mut long_name = sound();
    long_name.header("././@LongLink", b'L', 300, |_| {});
    let mut long_link = sound();
    long_link.header("././@LongLink", b'K', 300, |_| {});
    let endings = [long_name.data(&[b'n'; 300]), long_link.data(&[b'n'; 300]), sound().pax(&[("path", "files/f9")])];
    for (number, ending) in endings.into_iter().enumerate() {
        assert_eq!(short(&found(&ending.end(), true)), [(FindingCode::Header, None)], "ending {number}");
    }
    let mut global = sound();
    global.header("pax_global_header", b'g', 16, |_| {});
    assert_eq!(found(&global.data(b"16 comment=fine\n").end(), true).findings, []);
}

#[test]
fn wrong_counts_and_missing_or_garbled_json_are_damage() {
    let mut server = SmallServer::new();
    server.metadata["files_count"] = json!(4);
    server.metadata["documents_count"] = json!(1);
    let counts = [(FindingCode::Counts, Some("documents.json")), (FindingCode::Counts, Some("files.json"))];
    assert_eq!(short(&found(&server.whole(), true)), counts);

    for (name, rest) in [("metadata.json", 3), ("folders.json", 3), ("documents.json", 3), ("files.json", 3)] {
        let server = SmallServer::new();
        let tables = [
            ("metadata.json", &server.metadata),
            ("folders.json", &server.folders),
            ("documents.json", &server.documents),
            ("files.json", &server.files),
        ];
        let others = || tables.iter().filter(|table| table.0 != name);
        assert_eq!(others().count(), rest);
        let contents =
            |forge: Forge| server.contents.iter().fold(forge, |f, (id, bytes)| f.member(&format!("files/{id}"), bytes));
        let without = contents(others().fold(Forge::default(), |forge, (name, value)| forge.json(name, value)));
        assert_eq!(short(&found(&without.manifest(|_| {}).end(), true)), [(FindingCode::Json, Some(name))]);
        for garbage in ["", "{", "[{}]", "nul", "[1]", "{\"version\": \"1.0\"} ", "[]x", "\u{feff}[]"] {
            let with = others().fold(Forge::default(), |forge, (name, value)| forge.json(name, value));
            let garbled = contents(with.member(name, garbage.as_bytes()));
            let verification = found(&garbled.manifest(|_| {}).end(), true);
            assert_eq!(short(&verification), [(FindingCode::Json, Some(name))], "{garbage:?} as {name}");
        }
    }
    let garbled_manifest = SmallServer::new().forge().unannounced("manifest.json", b"{}").end();
    assert_eq!(short(&found(&garbled_manifest, true)), [(FindingCode::Json, Some("manifest.json"))]);
    for orphans in ["{\"a\":[}", "5", "[]", "{\"a\": 5}"] {
        let garbled = SmallServer::new().forge().member("orphans.json", orphans.as_bytes()).manifest(|_| {}).end();
        assert_eq!(short(&found(&garbled, true)), [(FindingCode::Json, Some("orphans.json"))], "{orphans}");
    }
}

#[test]
fn another_version_is_refused_in_words() {
    let mut server = SmallServer::new();
    server.metadata["version"] = json!("2.0");
    let error = check_archive(&server.whole(), true).unwrap_err();
    assert!(matches!(&error, Error::UnsupportedVersion { version, .. } if version == "2.0"), "{error}");
    for (version, told) in [(json!(1.0), "1"), (json!(null), "null"), (json!(true), "true")] {
        server.metadata["version"] = version;
        let error = check_archive(&server.whole(), true).unwrap_err();
        assert!(matches!(&error, Error::UnsupportedVersion { version, .. } if version == told), "{error}");
    }
    let later = SmallServer::new().forge().manifest(|manifest| manifest["format"] = json!("cfms-backup/2")).end();
    let error = check_archive(&later, true).unwrap_err();
    let told = "manifest.json: cfms-backup/2";
    assert!(matches!(&error, Error::UnsupportedVersion { version, .. } if version == told), "{error}");
}

#[test]
fn duplicates_are_damage_also_where_only_one_has_a_dot() {
    let server = SmallServer::new();
    let forge = server.forge().unannounced("./files/f1", b"first").manifest(|_| {}).end();
    assert_eq!(short(&found(&forge, true)), [(FindingCode::DuplicateMember, Some("files/f1"))]);
}

#[test]
fn a_digest_in_the_key_file_that_is_none_is_damage() {
    for digest in [json!("zz"), json!("ab".repeat(31)), json!(5), json!([])] {
        let folder = tempdir().unwrap();
        let archive = SmallServer::new().whole().write(folder.path(), true);
        let key = folder.path().join("b.key");
        let mut text: serde_json::Value = serde_json::from_slice(&std::fs::read(&key).unwrap()).unwrap();
        text["archive_sha256"] = digest;
        std::fs::write(&key, text.to_string()).unwrap();
        let verification = verify(&archive, Some(&key), &Job::silent()).unwrap();
        assert_eq!(short(&verification), [(FindingCode::Digest, None)]);
        assert_eq!(verification.verdict, Verdict::Damaged);
    }
}

#[test]
fn archives_of_other_makers_get_every_check_that_they_allow() {
    let server = SmallServer::new();
    let mut forge = Forge::default();
    forge.header(".", b'5', 0, |_| {});
    forge = forge.pax(&[("mtime", "1.5"), ("path", "./documents.json")]).json("short", &server.documents);
    forge.header("./files", b'5', 0, |_| {});
    for (id, bytes) in &server.contents {
        forge = forge.pax(&[("path", &format!("./files/{id}"))]).member("./files/cut-off", bytes);
    }
    forge = forge.json("./files.json", &server.files).json("./folders.json", &server.folders);
    // The size only in the records, and a member that is not known.
    let metadata = server.metadata.to_string();
    forge = forge.pax(&[("size", &metadata.len().to_string())]);
    forge.header("./metadata.json", b'0', 0, |_| {});
    forge = forge.data(metadata.as_bytes()).member("notes.txt", b"hello").end();
    let verification = found(&forge, false);
    assert_eq!(verification.findings, []);
    assert_eq!(verification.verdict, Verdict::Readable);
    assert_eq!(verification.not_checked, [NotChecked::NoDigest, NotChecked::NoManifest]);
    assert_eq!(verification.members, 8);
}

#[test]
fn long_and_odd_names_are_names_and_never_paths() {
    let ids = ["../../etc/passwd", "/absolute", "a/../b", "%percent", "n\nl", &"long".repeat(60)];
    let mut server = SmallServer::new();
    let rows = server.files.as_array_mut().unwrap();
    rows.extend(
        ids.iter().map(|id| json!({ "id": id, "sha256": null, "path": "x", "created_time": 1.0, "active": true })),
    );
    server.metadata["files_count"] = json!(3 + ids.len());
    let mut ours = server.forge();
    for id in ids {
        let name = crate::names::content_member("files", id);
        if name.len() > 100 {
            ours.header("././@LongLink", b'L', name.len() as u64 + 1, |_| {});
            ours = ours.data(format!("{name}\0").as_bytes());
        }
        ours = ours.member(&name, b"");
    }
    assert_eq!(found(&ours.manifest(|_| {}).end(), true).findings, []);
    let theirs = ids
        .iter()
        .fold(server.forge(), |forge, id| forge.pax(&[("path", &format!("./files/{id}"))]).member("./files/x", b""));
    let theirs = found(&theirs.end(), false);
    assert_eq!(theirs.findings, []);
}

#[test]
fn kinds_that_no_backup_holds_are_damage_and_the_walk_goes_on() {
    for kind in [b'1', b'2', b'3', b'4', b'6', b'S', b'M', b'?'] {
        let mut forge = SmallServer::new().forge();
        forge.header("files/odd", kind, 0, |_| {});
        let verification = found(&forge.manifest(|_| {}).end(), true);
        assert_eq!(short(&verification), [(FindingCode::MemberKind, Some("files/odd"))], "kind {}", kind as char);
    }
    let sparse = SmallServer::new().forge().pax(&[("GNU.sparse.major", "1"), ("GNU.sparse.realsize", "1099511627776")]);
    let sparse = sparse.unannounced("files/sparse", b"map").manifest(|_| {}).end();
    assert_eq!(short(&found(&sparse, true)), [(FindingCode::MemberKind, Some("files/sparse"))]);
    let mut with_map = SmallServer::new().forge();
    with_map.header("files/sparse", b'S', 3, |header| header[482] = 1);
    let mut map = vec![0; 1024];
    map[504] = 1;
    let with_map = with_map.data(&map).data(b"abc").manifest(|_| {}).end();
    assert_eq!(short(&found(&with_map, true)), [(FindingCode::MemberKind, Some("files/sparse"))]);
}

#[test]
fn bytes_after_the_end_are_damage_and_so_is_an_end_in_the_middle() {
    let mut after = SmallServer::new().whole();
    let last = after.tar.len() - 1;
    after.tar[last] = 1;
    assert_eq!(short(&found(&after, true)), [(FindingCode::TrailingBytes, None)]);
    let mut middle = SmallServer::new().forge();
    middle.tar.resize(middle.tar.len() + 512, 0);
    let verification = found(&middle.manifest(|_| {}).end(), true);
    assert_eq!(short(&verification)[0], (FindingCode::TrailingBytes, None));
    let mut second = SmallServer::new().whole();
    second.tar.extend(SmallServer::new().whole().tar);
    assert_eq!(short(&found(&second, true)), [(FindingCode::TrailingBytes, None)]);
}

#[test]
fn one_damaged_header_does_not_hide_what_comes_after_it() {
    let server = SmallServer::new();
    let mut forge = server.whole();
    let header_of_f2 = forge.tar.windows(9).position(|window| window == b"files/f2\0").unwrap();
    forge.tar[header_of_f2 + 20] = b'!';
    let verification = found(&forge, false);
    assert_eq!(short(&verification), [(FindingCode::Header, None), (FindingCode::Manifest, Some("files/f2"))]);
    assert_eq!(verification.members, 7);
}

#[test]
fn odd_numbers_and_monstrous_strings_in_a_row_break_nothing() {
    let server = SmallServer::new();
    let title = "\\u00e4\\ud83d\\ude00".repeat(100_000);
    let text = server.documents.to_string().replace("Budget", &title).replace("1.0", "1e999");
    let forge = Forge::default()
        .json("metadata.json", &server.metadata)
        .json("folders.json", &server.folders)
        .member("documents.json", text.as_bytes())
        .json("files.json", &server.files);
    let forge = server.contents.iter().fold(forge, |forge, (id, bytes)| forge.member(&format!("files/{id}"), bytes));
    assert_eq!(found(&forge.manifest(|_| {}).end(), true).findings, []);
}

#[test]
fn findings_beyond_the_limit_are_counted_and_damage_comes_first() {
    let mut server = SmallServer::new();
    let rows = server.documents.as_array_mut().unwrap();
    for number in 0..MAX_FINDINGS + 500 {
        rows.push(json!({ "id": format!("n{number}"), "title": "", "folder_id": "nowhere", "revisions": [] }));
    }
    let verification = found(&server.whole(), true);
    assert_eq!(verification.findings.len(), MAX_FINDINGS);
    assert_eq!(verification.findings_total, MAX_FINDINGS as u64 + 501);
    assert_eq!(verification.findings[0].code, FindingCode::Counts);
    let Some(Error::Damaged { problem, .. }) = verification.damage() else { panic!("no damage") };
    assert!(problem.starts_with("documents.json: it has 10502 rows"), "{problem}");
}

#[test]
fn a_names_control_characters_never_reach_a_message_raw() {
    let forge = SmallServer::new().forge().unannounced("files/\u{1b}[2J\u{202e}x", b"").manifest(|_| {}).end();
    let error = found(&forge, true).damage().unwrap().to_string();
    assert!(error.contains("\\u{1b}[2J\\u{202e}x"), "{error}");
    assert!(!error.contains('\u{1b}'));
}

#[test]
fn progress_reaches_the_archives_size_and_the_wish_to_stop_is_heard() {
    use std::sync::{Arc, Mutex};
    let folder = tempdir().unwrap();
    let path = SmallServer::new().whole().write(folder.path(), true);
    let events = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&events);
    let job = Job::new(move |event| heard.lock().unwrap().push(event));
    let size = verify(&path, None, &job).unwrap().archive_size;
    let events = events.lock().unwrap();
    assert_eq!(events[0], crate::Event::Phase { phase: Phase::Verify, total: Some(size) });
    assert!(matches!(events.last(), Some(crate::Event::Done { bytes, .. }) if *bytes == size));

    let job = Job::silent();
    job.canceller().cancel();
    assert!(matches!(verify(&path, None, &job), Err(Error::Cancelled)));
}

#[test]
fn what_is_no_file_is_an_error_and_no_hang() {
    let folder = tempdir().unwrap();
    std::fs::write(
        folder.path().join("k.key"),
        json!({ "key": "07".repeat(32), "algorithm": "AES-256-CBC" }).to_string(),
    )
    .unwrap();
    let key = folder.path().join("k.key");
    assert!(matches!(verify(folder.path(), Some(&key), &Job::silent()), Err(Error::Io { .. })));
    let absent = folder.path().join("absent.cfms.enc");
    assert!(matches!(verify(&absent, Some(&key), &Job::silent()), Err(Error::NotFound { .. })));
    assert!(matches!(verify(&absent, None, &Job::silent()), Err(Error::NotFound { .. })));
}

#[test]
fn the_archive_of_a_real_server_is_sound_but_for_the_sha256_that_the_server_had_wrong() {
    let Some(folder) = golden("golden") else { return };
    let verification = verify(&folder.join("golden.cfms.enc"), None, &Job::silent()).unwrap();
    let damage: Vec<_> = verification.findings.iter().filter(|f| f.severity == Severity::Damage).collect();
    assert_eq!(damage.len(), 1, "{:?}", verification.findings);
    assert_eq!((damage[0].code, damage[0].subject.as_deref()), (FindingCode::Sha256, Some("anom_wrongsha")));
    assert_eq!(verification.not_checked, [NotChecked::NoDigest, NotChecked::NoManifest]);
    assert_eq!(verification.findings_total, 1, "{:?}", verification.findings);
}

#[test]
fn any_order_of_members_and_keys_gives_the_same_answer() {
    let server = SmallServer::new();
    let reversed: Value = {
        let mut rows = server.documents.clone();
        for row in rows.as_array_mut().unwrap() {
            let map = row.as_object_mut().unwrap();
            *map = map.clone().into_iter().rev().collect();
        }
        rows
    };
    let forge =
        server.contents.iter().fold(Forge::default(), |forge, (id, bytes)| forge.member(&format!("files/{id}"), bytes));
    let forge = forge.json("files.json", &server.files).json("documents.json", &reversed);
    let forge = forge.json("folders.json", &server.folders).json("metadata.json", &server.metadata);
    let verification = found(&forge.manifest(|_| {}).end(), true);
    assert_eq!((verification.verdict, verification.findings), (Verdict::Verified, vec![]));
}
