//! What extracting promises of names, places and conflicts. The proofs from outside are in tests/cli.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use serde_json::{Value, json};
use tempfile::{TempDir, tempdir};

use super::*;
use crate::archive::forge::{Forge, SmallServer};

fn opened(forge: &Forge, on_damage: OnDamage) -> Archive {
    let folder = tempdir().unwrap();
    Archive::open(&forge.write(folder.path(), true), None, on_damage, &Job::silent()).unwrap()
}

fn out(forge: &Forge, wanted: &Wanted, output: &Path) -> Result<Extracted> {
    extract(&opened(forge, OnDamage::Refuse), wanted, output, &Job::silent())
}

/// Every file below a folder with its bytes; links with where they lead.
fn tree(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(&dir).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
            let about = fs::symlink_metadata(&path).unwrap();
            if about.is_dir() {
                found.insert(name + "/", Vec::new());
                open.push(path);
            } else if about.is_file() {
                found.insert(name, fs::read(&path).unwrap());
            } else {
                found.insert(name, fs::read_link(&path).unwrap().to_str().unwrap().into());
            }
        }
    }
    found
}

fn names(folder: &Path) -> Vec<String> {
    tree(folder).into_keys().filter(|name| name != map::NAME).collect()
}

fn place() -> (TempDir, PathBuf) {
    let folder = tempdir().unwrap();
    let output = folder.path().join("new/out");
    (folder, output)
}

#[test]
fn everything_comes_out_with_its_bytes_times_and_modes_and_a_map() {
    let (_folder, output) = place();
    let mut server = SmallServer::new();
    server.documents[0]["revisions"][2]["created_time"] = json!(1_700_000_000.25);
    server.folders[1]["created_time"] = json!(1_600_000_000.0);
    let extracted = out(&server.whole(), &Wanted::default(), &output).unwrap();
    assert_eq!((extracted.files, extracted.folders, extracted.bytes, extracted.missing_total), (2, 2, 3005, 0));
    assert_eq!(names(&output), ["Out_er/", "Out_er/内/", "Out_er/内/Budget", "财务"]);
    assert_eq!(tree(&output)["Out_er/内/Budget"], [b'2'; 3000]);
    assert_eq!(tree(&output)["财务"], b"first");
    let about = |name: &str| fs::metadata(output.join(name)).unwrap();
    let budget = about("Out_er/内/Budget");
    assert_eq!((budget.mtime(), budget.mtime_nsec()), (1_700_000_000, 250_000_000));
    assert_eq!(about("Out_er").mtime(), 1_600_000_000);
    for (name, mode) in [("Out_er", 0o700), ("Out_er/内/Budget", 0o600), (map::NAME, 0o600)] {
        assert_eq!(about(name).permissions().mode() & 0o777, mode, "{name}");
    }
    let map: Value = serde_json::from_slice(&fs::read(extracted.map_path.unwrap()).unwrap()).unwrap();
    let budget = map["files"].as_array().unwrap().iter().find(|file| file["document_id"] == "d1").unwrap();
    assert_eq!((&budget["path"], &budget["document_path"]), (&json!("Out_er/内/Budget"), &json!("Out\"er/内/Budget")));
    assert_eq!(
        (&budget["revision_id"], &budget["file_id"], &budget["proof"]),
        (&json!("3"), &json!("f2"), &json!("manifest"))
    );
}

#[test]
fn a_folder_comes_out_under_its_name_and_every_revision_if_wanted() {
    let (_folder, output) = place();
    let wanted = Wanted {
        paths: vec!["inner".into()],
        documents: vec!["d2".into()],
        revisions: Revisions::All,
        ..Wanted::default()
    };
    out(&SmallServer::new().whole(), &wanted, &output).unwrap();
    let revision = |title: &str, number: u32| format!("{title} (revision {number})");
    assert_eq!(
        names(&output),
        [
            "内/".to_owned(),
            format!("内/{}", revision("Budget", 1)),
            format!("内/{}", revision("Budget", 2)),
            format!("内/{}", revision("Budget", 3)),
            revision("财务", 1),
            revision("财务", 2),
        ]
    );
    assert_eq!(tree(&output)[&revision("财务", 1)], b"", "an empty content is a file");
}

#[test]
fn of_rows_that_share_an_id_the_one_that_was_picked_comes_out() {
    let (_folder, output) = place();
    let mut server = SmallServer::new();
    let mut twin = server.documents[0].clone();
    twin["title"] = json!("Twin");
    server.documents.as_array_mut().unwrap().push(twin);
    let archive = opened(&server.whole(), OnDamage::Refuse);
    let twin = archive.tree().documents().find(|document| document.title() == "Twin").unwrap();
    let wanted = Wanted { picked: vec![Picked::Document(twin.index())], ..Wanted::default() };
    extract(&archive, &wanted, &output, &Job::silent()).unwrap();
    assert_eq!(names(&output), ["Twin"]);
    let inner = archive.tree().folders().find(|folder| folder.name() == "内").unwrap();
    let wanted = Wanted { picked: vec![Picked::Folder(inner.index()), Picked::WithoutFolder], ..Wanted::default() };
    let output = output.with_file_name("folders");
    extract(&archive, &wanted, &output, &Job::silent()).unwrap();
    let found = names(&output);
    assert!(found.contains(&"内/".to_owned()) && found.contains(&"Without a folder/".to_owned()), "{found:?}");
}

#[test]
fn what_is_there_stops_everything_or_is_kept_or_is_replaced() {
    let (_folder, output) = place();
    let forge = SmallServer::new().whole();
    let wanted = |conflict| Wanted { conflict, ..Wanted::default() };
    fs::create_dir_all(output.join("Out_er/内")).unwrap();
    fs::write(output.join("Out_er/内/Budget"), "mine").unwrap();
    fs::write(output.join(map::NAME), "my map").unwrap();
    let before = tree(&output);
    let stopped = out(&forge, &wanted(Conflict::Stop), &output);
    assert!(matches!(stopped, Err(Error::AlreadyExists { path }) if path.ends_with("Out_er/内/Budget")));
    assert_eq!(tree(&output), before);

    out(&forge, &wanted(Conflict::Rename), &output).unwrap();
    let renamed = tree(&output);
    assert_eq!((&renamed["Out_er/内/Budget"], renamed["Out_er/内/Budget (2)"].len()), (&b"mine".to_vec(), 3000));
    assert_eq!((&renamed[map::NAME], renamed.contains_key("cfms-extracted (2).json")), (&b"my map".to_vec(), true));

    out(&forge, &wanted(Conflict::Overwrite), &output).unwrap();
    assert_eq!(tree(&output)["Out_er/内/Budget"].len(), 3000);
    fs::remove_file(output.join("财务")).unwrap();
    fs::create_dir(output.join("财务")).unwrap();
    assert!(matches!(out(&forge, &wanted(Conflict::Overwrite), &output), Err(Error::InTheWay { .. })));
}

#[test]
fn not_one_byte_goes_through_a_link() {
    let forge = SmallServer::new().whole();
    for conflict in [Conflict::Stop, Conflict::Rename, Conflict::Overwrite] {
        let (folder, output) = place();
        let outside = folder.path().join("outside");
        fs::create_dir_all(outside.join("内")).unwrap();
        fs::write(outside.join("file"), "theirs").unwrap();
        fs::create_dir_all(&output).unwrap();
        let before = tree(&outside);
        // A folder's name, a file's, the map's, and one below a folder that is there.
        symlink(&outside, output.join("Out_er")).unwrap();
        assert!(matches!(out(&forge, &Wanted { conflict, ..Wanted::default() }, &output), Err(Error::InTheWay { .. })));
        fs::remove_file(output.join("Out_er")).unwrap();
        fs::create_dir(output.join("Out_er")).unwrap();
        symlink(outside.join("内"), output.join("Out_er/内")).unwrap();
        assert!(matches!(out(&forge, &Wanted { conflict, ..Wanted::default() }, &output), Err(Error::InTheWay { .. })));
        fs::remove_file(output.join("Out_er/内")).unwrap();
        symlink(outside.join("file"), output.join("财务")).unwrap();
        symlink(outside.join("new map"), output.join(map::NAME)).unwrap();
        let extracted = out(&forge, &Wanted { conflict, ..Wanted::default() }, &output);
        match conflict {
            Conflict::Stop => assert!(matches!(extracted, Err(Error::AlreadyExists { .. }))),
            Conflict::Rename => assert_eq!(fs::read(output.join("财务 (2)")).unwrap(), b"first"),
            Conflict::Overwrite => assert!(matches!(extracted, Err(Error::InTheWay { .. }))),
        }
        assert_eq!(tree(&outside), before, "{conflict:?}");
    }
}

#[test]
fn hostile_names_end_as_files_of_the_folder() {
    let titles = [
        "..",
        "../up",
        "/etc/passwd",
        "a\0b",
        "CON",
        "con",
        "Con",
        "x\ny",
        ".",
        "",
        "~",
        "-rf",
        "%2e%2e",
        "C:",
        "a\\..\\..\\b",
    ];
    let mut server = SmallServer::new();
    let documents: Vec<_> = titles
        .iter()
        .enumerate()
        .map(|(n, title)| json!({ "id": format!("h{n}"), "title": title, "folder_id": "up", "revisions": [{ "id": n, "file_id": "f1", "created_time": -1e300 }] }))
        .collect();
    server.documents = json!(documents);
    server.folders =
        json!([{ "id": "up", "name": "..", "parent_id": "ring" }, { "id": "ring", "name": "/", "parent_id": "up" }]);
    let (folder, output) = place();
    let forge = server.forge();
    let links = [("files/link", b'2'), ("files/hard", b'1'), ("files/device", b'3'), ("../../escaped", b'0')];
    let forge = links.iter().fold(forge, |mut forge, (name, kind)| {
        forge.header(name, *kind, 0, |header| header[157..163].copy_from_slice(b"/etc/x"));
        forge
    });
    let extracted = out(&forge.end(), &Wanted::default(), &output).unwrap();
    assert_eq!(extracted.files, titles.len() as u64);
    let base = format!("{WITHOUT}/__/");
    let found = names(&output);
    assert_eq!(found.iter().filter(|name| name.starts_with(&base)).count(), titles.len() + 2, "{found:?}");
    assert_eq!(names(folder.path()).iter().filter(|name| !name.starts_with("new/out")).collect::<Vec<_>>(), ["new/"]);
    const WITHOUT: &str = crate::tree::WITHOUT_FOLDER;
}

#[test]
fn a_tower_of_folders_is_cut_where_no_system_follows() {
    let mut server = SmallServer::new();
    let name = "n".repeat(200);
    let rows = (0..300).map(|n: u32| json!({ "id": n.to_string(), "name": name, "parent_id": n.checked_sub(1).map(|above| above.to_string()) }));
    server.folders = Value::from(rows.collect::<Vec<_>>());
    server.documents =
        json!([{ "id": "d", "title": "deep", "folder_id": "299", "revisions": [{ "id": 1, "file_id": "f1" }] }]);
    let (_folder, output) = place();
    assert_eq!(out(&server.whole(), &Wanted::default(), &output).unwrap().files, 1);
    let longest = names(&output).iter().map(String::len).max().unwrap();
    assert!(longest < 2500, "{longest}");
}

#[test]
fn damaged_contents_are_left_out_and_named_and_kept_only_if_asked() {
    let server = SmallServer::new();
    let mut changed = server.whole();
    let at = changed.tar.windows(3000).position(|window| window == [b'2'; 3000]).unwrap();
    changed.tar[at + 1500] ^= 1;
    let (_folder, output) = place();
    let archive = opened(&changed, OnDamage::Refuse);
    let extracted = extract(&archive, &Wanted::default(), &output, &Job::silent()).unwrap();
    assert_eq!((extracted.files, extracted.damaged_total), (1, 1));
    assert_eq!((extracted.damaged[0].file_id.as_str(), extracted.damaged[0].path.as_str()), ("f2", "Out_er/内/Budget"));
    assert!(matches!(extracted.damage(&archive), Some(Error::Damaged { .. })));
    assert!(!output.join("Out_er/内/Budget").exists());
    let archive = opened(&changed, OnDamage::Keep);
    let kept =
        extract(&archive, &Wanted { conflict: Conflict::Overwrite, ..Wanted::default() }, &output, &Job::silent())
            .unwrap();
    assert_eq!((kept.files, kept.damaged_total, kept.damage(&archive).is_none()), (2, 1, true));
    assert_eq!(fs::metadata(output.join("Out_er/内/Budget")).unwrap().len(), 3000);
}

#[test]
fn the_servers_files_come_only_when_asked_for() {
    let forge = SmallServer::new().forge();
    let forge = [
        ("server/app.db", "db"),
        ("server/config.toml", "toml"),
        ("server/ssl/key.pem", "key"),
        ("server/secret", "x"),
    ]
    .iter()
    .fold(forge, |forge, (name, text)| forge.member(name, text.as_bytes()));
    let forge = forge.manifest(|_| {}).end();
    let (folder, output) = place();
    out(&forge, &Wanted::default(), &output).unwrap();
    assert!(!output.join("server").exists());
    let only = folder.path().join("only");
    let wanted = Wanted { server_files: true, ..Wanted::default() };
    out(&forge, &wanted, &only).unwrap();
    assert_eq!(names(&only), ["server/", "server/app.db", "server/config.toml", "server/ssl/", "server/ssl/key.pem"]);
    let key = fs::metadata(only.join("server/ssl/key.pem")).unwrap();
    assert_eq!(key.permissions().mode() & 0o777, 0o600);
    assert!(matches!(out(&SmallServer::new().whole(), &wanted, &only), Err(Error::NotInBackup { .. })));
}

#[test]
fn what_failed_or_was_stopped_leaves_no_half_file_and_the_next_run_sweeps_up() {
    let (_folder, output) = place();
    let forge = SmallServer::new().whole();
    let job = Job::silent();
    job.canceller().cancel();
    let archive = opened(&forge, OnDamage::Refuse);
    assert!(matches!(extract(&archive, &Wanted::default(), &output, &job), Err(Error::Cancelled)));
    assert!(tree(&output).is_empty(), "{:?}", names(&output));
    // A run that died, one that is alive, and somebody's own folder.
    for name in [".cfms-extract-dead", ".cfms-extract-alive", ".cfms-extract-own"] {
        fs::create_dir_all(output.join(name)).unwrap();
        fs::write(output.join(name).join("0"), "half").unwrap();
    }
    fs::create_dir(output.join(".cfms-extract-own/folder")).unwrap();
    let alive = fs::File::open(output.join(".cfms-extract-alive")).unwrap();
    alive.lock().unwrap();
    extract(&archive, &Wanted::default(), &output, &Job::silent()).unwrap();
    let left: Vec<_> = names(&output).into_iter().filter(|name| name.starts_with('.') && name.ends_with('/')).collect();
    assert_eq!(left, [".cfms-extract-alive/", ".cfms-extract-own/", ".cfms-extract-own/folder/"]);
    assert!(output.join(".cfms-extract-own/0").exists());
}
