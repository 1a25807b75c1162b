//! Every row and byte of a server comes back out of its backup, read with openssl, tar, sqlite3 and Python alone.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::harness::{Ground, Run, everything_below, golden, python};

/// Backs up the server of `ground` and has the result compared by read_archive.py.
fn backed_up_and_compared(ground: &Ground, scope: &str) -> Run {
    let before = everything_below(&ground.server());
    let more: &[&str] = if scope == "documents" { &["--documents-only"] } else { &[] };
    let run = ground.create(scope, more).ended(0);
    assert_eq!(run.document()["verification"]["verdict"], "verified", "{run:?}");
    assert!(before == everything_below(&ground.server()), "the server's files were changed");
    let (archive, server) = (ground.archive(scope), ground.server());
    python("read_archive.py", [archive.as_os_str(), server.as_os_str(), scope.as_ref()]);
    ground.on_archive("verify", scope).ended(0);
    ground.on_archive("inspect", scope).ended(0);
    run
}

#[test]
fn every_row_and_byte_of_an_awkward_server_comes_back() {
    let ground = Ground::with("awkward");
    let whole = backed_up_and_compared(&ground, "whole");
    backed_up_and_compared(&ground, "documents");

    let warned = whole.warnings();
    let told = |code: &str, file: &str| warned.contains(&(code.to_owned(), file.to_owned()));
    assert!(told("missing", "missing"), "{warned:?}");
    assert!(told("sha256_mismatch", "wrong sha"), "{warned:?}");
    assert!(told("not_a_file", "path of a folder"), "{warned:?}");
    assert!(!warned.iter().any(|(code, file)| code == "sha256_mismatch" && file == "upper sha"), "{warned:?}");
}

#[test]
fn every_row_and_byte_of_a_later_server_comes_back() {
    let ground = Ground::with("later");
    let whole = backed_up_and_compared(&ground, "whole");
    backed_up_and_compared(&ground, "documents");
    // An upload that never finished is nobody's loss, so nobody is warned of it.
    assert_eq!(whole.document()["unfinished_uploads"], 1);
    assert_eq!(whole.warnings(), []);
}

#[test]
fn values_that_are_not_of_their_columns_type_come_back() {
    let ground = Ground::with("misfits");
    let whole = backed_up_and_compared(&ground, "whole");
    backed_up_and_compared(&ground, "documents");
    assert!(whole.warnings().iter().any(|(code, _)| code == "not_utf8"), "{whole:?}");
}

#[test]
fn a_database_of_utf_16_comes_back_too() {
    let ground = Ground::with("small");
    let database = ground.server().join("app.db");
    let dump = Command::new("sqlite3").arg(&database).arg(".dump").output().unwrap();
    fs::remove_file(&database).unwrap();
    let text = [b"PRAGMA encoding = 'UTF-16le';\n".as_slice(), &dump.stdout].concat();
    fs::write(ground.path("dump.sql"), text).unwrap();
    let read = format!(".read {}", ground.path("dump.sql").display());
    assert!(Command::new("sqlite3").arg(&database).arg(read).status().unwrap().success());
    assert_eq!(&fs::read(&database).unwrap()[56..60], [0, 0, 0, 2], "it is UTF-16");
    backed_up_and_compared(&ground, "whole");
}

#[test]
fn real_servers_of_both_ages_come_back() {
    let Some(golden) = golden() else { return };
    for server in ["server", "server_master"] {
        let ground = Ground::with_copy_of(&golden.join(server));
        backed_up_and_compared(&ground, "whole");
        backed_up_and_compared(&ground, "documents");
    }
}

#[test]
fn a_real_servers_restore_takes_our_backup_as_it_takes_its_own() {
    let Some(golden) = golden() else { return };
    let theirs = golden.join("golden");
    let expected = theirs.join("expected_restore_by_peer.json");
    let ground = Ground::with_copy_of(&golden.join("server"));
    // First the stand-in itself, on the archive that the real server was given.
    restored(&theirs.join("golden.cfms.enc"), &theirs.join("golden.key"), &ground.path("theirs"), Some(&expected));
    ground.create("ours", &[]).ended(0);
    restored(&ground.archive("ours"), &ground.key("ours"), &ground.path("ours"), Some(&expected));
}

#[test]
fn a_servers_restore_takes_the_backup_of_an_awkward_server() {
    for kind in ["awkward", "later"] {
        let ground = Ground::with(kind);
        ground.create("a", &[]).ended(0);
        let result = restored(&ground.archive("a"), &ground.key("a"), &ground.path("restored"), None);
        assert_eq!(result["documents_imported"], result["metadata"]["documents_count"]);
        assert_eq!(result["folders_imported"], result["metadata"]["folders_count"]);
        assert_eq!(result["files_imported"], result["metadata"]["files_count"]);
    }
}

/// An import of rows, say, may leave a database so. Two objects of one id would be refused by any server.
#[test]
fn of_a_database_without_primary_keys_every_row_comes_back_and_each_id_once() {
    let ground = Ground::with("small");
    let db = rusqlite::Connection::open(ground.server().join("app.db")).unwrap();
    db.execute_batch("PRAGMA foreign_keys = OFF").unwrap();
    for table in ["files", "documents", "folders"] {
        db.execute_batch(&format!(
            "CREATE TABLE kept AS SELECT * FROM {table}; DROP TABLE {table}; ALTER TABLE kept RENAME TO {table}"
        ))
        .unwrap();
    }
    let content = ground.server().join("content/files");
    for (file, path) in [("a", "gone"), ("a", "first"), ("a", "second"), ("a/b", "below")] {
        db.execute("INSERT INTO files VALUES (?1, NULL, './content/files/' || ?2, 1.0, 1)", [file, path]).unwrap();
        if path != "gone" {
            fs::write(content.join(path), path).unwrap();
        }
    }
    db.execute_batch(
        "INSERT INTO folders (id, name, created_time) VALUES ('twice', 'F', 1.0), ('twice', 'F again', 2.0);
         INSERT INTO documents (id, title, created_time) VALUES ('twice', 'D', 1.0), ('twice', 'D again', 2.0);
         INSERT INTO document_revisions (document_id, file_id, created_time) VALUES ('twice', 'a', 1.0), ('twice', 'a/b', 2.0)",
    )
    .unwrap();
    let run = ground.create("a", &[]).ended(0);
    assert_eq!(run.document()["verification"]["verdict"], "verified", "{run:?}");
    let told = run.warnings().into_iter().filter(|(code, _)| code == "repeated_id").count();
    assert_eq!(told, 4, "{run:?}");

    opened_by_hand(&ground);
    let read = |name: &str| fs::read(ground.path("opened").join(name)).unwrap();
    assert_eq!(read("files/a"), b"first");
    let renamed = fs::read_dir(ground.path("opened/files")).unwrap().map(|entry| entry.unwrap().path());
    let renamed: Vec<_> = renamed.filter(|path| path.to_string_lossy().contains('%')).collect();
    assert_eq!((renamed.len(), fs::read(&renamed[0]).unwrap()), (1, b"below".to_vec()));
    let orphans: Value = serde_json::from_slice(&read("orphans.json")).unwrap();
    let further = |table: &str, key: &str| {
        let rows = orphans[table].as_array().unwrap().iter();
        rows.map(|row| row[key].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(further("files", "path"), ["./content/files/gone", "./content/files/second"]);
    assert_eq!(further("documents", "title"), ["D again"]);
    assert_eq!(further("folders", "name"), ["F again"]);
    restored(&ground.archive("a"), &ground.key("a"), &ground.path("restored"), None);
}

fn restored(archive: &Path, key: &Path, into: &Path, expected: Option<&Path>) -> Value {
    let said = python("real_restore.py", [Some(archive), Some(key), Some(into), expected].into_iter().flatten());
    serde_json::from_str::<Value>(&said).unwrap()["result"].clone()
}

/// The command that the documentation gives to people who do not have this program.
#[test]
fn openssl_and_tar_open_a_backup_with_the_command_of_the_documentation() {
    let ground = Ground::with("awkward");
    ground.create("a", &[]).ended(0);
    let said = opened_by_hand(&ground);
    let key: Value = serde_json::from_slice(&fs::read(ground.key("a")).unwrap()).unwrap();
    assert!(said.starts_with(key["archive_sha256"].as_str().unwrap()));
    assert_eq!(fs::read(ground.path("opened/files/size 513")).unwrap(), [b'c'; 513]);
    assert_eq!(
        fs::read(ground.path("opened/server/config.toml")).unwrap(),
        fs::read(ground.server().join("config.toml")).unwrap()
    );
    assert!(ground.path("opened/manifest.json").exists());
}

/// Unpacks the archive `a` into `opened`, and gives its SHA-256.
fn opened_by_hand(ground: &Ground) -> String {
    fs::create_dir(ground.path("opened")).unwrap();
    let line = r#"set -euo pipefail
        cd opened
        key=$(sed -n 's/.*"key": *"\([0-9a-f]*\)".*/\1/p' ../out/a.key)
        iv=$(head -c 16 ../out/a.cfms.enc | od -An -tx1 | tr -d ' \n')
        tail -c +17 ../out/a.cfms.enc | openssl enc -d -aes-256-cbc -K "$key" -iv "$iv" | tar x
        sha256sum ../out/a.cfms.enc"#;
    let output = ground.command("bash").args(["-c", line]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
