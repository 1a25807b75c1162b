//! `extract`: documents come out as they went in, and nothing is lost, overwritten or hidden on the way.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::program::{Backup, Run, Server, golden, names, run};

fn extract(backup: &Backup, output: &Path, more: &[&str]) -> Run {
    let fixed = ["extract", backup.archive.to_str().unwrap(), "--json", "--output", output.to_str().unwrap()];
    run(fixed.iter().chain(more))
}

/// The newest content of every document, by its id, as SQLite tells it.
fn newest(server: &Server) -> BTreeMap<String, PathBuf> {
    let database = Connection::open(server.root.join("app.db")).unwrap();
    let query = "SELECT d.id, (SELECT f.path FROM document_revisions r JOIN files f ON f.id = r.file_id
                               WHERE r.document_id = d.id ORDER BY r.created_time DESC LIMIT 1) FROM documents d";
    let mut statement = database.prepare(query).unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, Option<String>>(1)?))).unwrap();
    rows.filter_map(|row| row.map(|(id, path)| Some((id, server.root.join(path?)))).unwrap()).collect()
}

#[test]
fn every_document_comes_out_byte_for_byte_and_the_map_says_which_it_is() {
    let server = Server::new();
    let backup = server.backup("a");
    let output = server.folder.path().join("taken/out");
    let taken = extract(&backup, &output, &[]);
    assert_eq!(taken.code, Some(0), "{taken:?}");
    let document = taken.document();
    let missing: Vec<_> =
        document["missing"].as_array().unwrap().iter().map(|m| m["title"].as_str().unwrap()).collect();
    assert_eq!(missing, ["Fire safety plan 2019.pdf"]);
    let map: Value = serde_json::from_slice(&fs::read(document["map_path"].as_str().unwrap()).unwrap()).unwrap();
    let files = map["files"].as_array().unwrap();
    let mut newest = newest(&server);
    newest.retain(|_, content| content.exists());
    assert!(newest.len() > 40);
    assert_eq!(files.len(), newest.len());
    for file in files {
        let content = &newest[file["document_id"].as_str().unwrap()];
        let path = output.join(file["path"].as_str().unwrap());
        assert!(fs::read(&path).unwrap() == fs::read(content).unwrap(), "{}", path.display());
    }
    assert_eq!(extract(&backup, &output, &[]).document()["error"]["code"], "already_exists");
    assert_eq!(extract(&backup, &output, &["--conflict", "rename", "--strict"]).code, Some(3), "one is missing");
    assert_eq!(extract(&backup, &output, &["--conflict=overwrite"]).code, Some(0));
    assert!(names(&output).iter().all(|name| !name.starts_with('.')), "nothing half is left");
}

#[test]
fn one_document_comes_out_alone_by_path_or_id() {
    let server = Server::whole();
    server.execute(
        "INSERT INTO folders VALUES ('fx', 'A/B', 1.0, NULL);
         INSERT INTO documents VALUES ('dx', 'one: two.txt', 1.0, 'fx');
         INSERT INTO files VALUES ('cx', NULL, './content/cx', 1.0, 1);
         INSERT INTO document_revisions (document_id, file_id, created_time) VALUES ('dx', 'cx', 1700000000.0);",
    );
    fs::write(server.root.join("content/cx"), "the content").unwrap();
    let backup = server.backup("a");
    for (n, more) in [&["A\\/B/one: two.txt"][..], &["dx"], &["--document", "dx"]].iter().enumerate() {
        let output = server.folder.path().join(n.to_string());
        let taken = extract(&backup, &output, more);
        assert_eq!((taken.code, &taken.document()["files"]), (Some(0), &json!(1)), "{taken:?}");
        assert_eq!(names(&output), ["cfms-extracted.json", "one_ two.txt"]);
        assert_eq!(fs::read(output.join("one_ two.txt")).unwrap(), b"the content");
    }
    let output = server.folder.path().join("nothing");
    assert_eq!(extract(&backup, &output, &["no such thing"]).document()["error"]["code"], "not_in_backup");
    assert!(!output.exists(), "what is not there makes no folder");
}

#[test]
fn damage_ends_with_5_and_the_sound_rest_comes_out() {
    let server = Server::whole().with_hole(32 << 20);
    let backup = server.backup("a");
    backup.damage();
    let output = server.folder.path().join("taken");
    let taken = extract(&backup, &output, &[]);
    let document = taken.document();
    assert_eq!((taken.code, &document["error"]["code"]), (Some(5), &json!("damaged")), "{taken:?}");
    assert_eq!(document["damaged"][0]["title"], "A hole");
    assert!(document["files"].as_u64().unwrap() > 40 && !output.join("A hole").exists());
    let kept = extract(&backup, &output, &["--document", "zz_hole", "--keep-damaged"]);
    assert_eq!((kept.code, &kept.document()["damaged_total"]), (Some(0), &json!(1)), "{kept:?}");
    assert_eq!(fs::metadata(output.join("A hole")).unwrap().len(), 32 << 20);
}

#[test]
fn the_servers_own_files_are_those_of_the_server() {
    let server = Server::whole();
    let backup = server.backup("a");
    let output = server.folder.path().join("taken");
    assert_eq!(extract(&backup, &output, &["--server-files"]).code, Some(0));
    assert_eq!(names(&output), ["cfms-extracted.json", "server"]);
    assert_eq!(
        fs::read(output.join("server/config.toml")).unwrap(),
        fs::read(server.root.join("config.toml")).unwrap()
    );
    let count = |path: &Path| -> i64 {
        let database = Connection::open(path).unwrap();
        database.query_row("SELECT count(*) FROM documents", [], |row| row.get(0)).unwrap()
    };
    assert_eq!(count(&output.join("server/app.db")), count(&server.root.join("app.db")));
}

#[test]
fn a_real_servers_archive_comes_out_as_openssl_and_tar_have_it() {
    let Some(root) = golden() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (output, untarred) = (folder.path().join("out"), folder.path().join("tar"));
    fs::create_dir(&untarred).unwrap();
    let backup = Backup { archive: root.join("golden.cfms.enc"), key: root.join("golden.key") };
    let key: Value = serde_json::from_slice(&fs::read(&backup.key).unwrap()).unwrap();
    let line = r#"tail -c +17 "$1" | openssl enc -d -aes-256-cbc -K "$2" -iv "$(head -c 16 "$1" | od -An -tx1 | tr -d ' \n')" | tar x -C "$3""#;
    let arguments =
        ["-c", line, "sh", backup.archive.to_str().unwrap(), key["key"].as_str().unwrap(), untarred.to_str().unwrap()];
    assert!(Command::new("sh").args(arguments).status().unwrap().success());

    let refused = extract(&backup, &output, &["--revisions", "all"]);
    assert_eq!(refused.code, Some(5), "one content is not what the server had recorded: {refused:?}");
    assert_eq!(refused.document()["damaged"][0]["file_id"], "anom_wrongsha");
    let taken =
        extract(&backup, &output, &["--revisions", "all", "--keep-damaged", "--conflict", "overwrite"]).document();
    let map: Value = serde_json::from_slice(&fs::read(taken["map_path"].as_str().unwrap()).unwrap()).unwrap();
    let mut seen = std::collections::BTreeSet::new();
    for file in map["files"].as_array().unwrap() {
        let id = file["file_id"].as_str().unwrap();
        let ours = fs::read(output.join(file["path"].as_str().unwrap())).unwrap();
        assert!(ours == fs::read(untarred.join("files").join(id)).unwrap(), "{id}");
        seen.insert(id.to_owned());
    }
    let all: std::collections::BTreeSet<_> = names(&untarred.join("files")).into_iter().collect();
    assert_eq!(seen, all);
}
