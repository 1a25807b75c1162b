//! The way home for archive and key.

use std::fs;

use serde_json::json;
use sha2::{Digest, Sha256};
use tokio_tungstenite::tungstenite::Message;

use super::served::{Ground, Served, request, run};

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn a_pair_comes_home_whole_though_the_line_breaks_twenty_times() {
    let served = Ground::of_size("24M").serve(&[]);
    let (mut client, user) = served.sign_in("admin").await;
    client.back_up(&user, "home").await;
    let (key, digest) = client.download(&user, "home", "key", 0).await.unwrap();
    assert_eq!(digest, sha256(&key));

    let original = fs::read(served.root.join("content/backups/home.cfms.enc")).unwrap();
    let mut archive = Vec::new();
    for _ in 0..20 {
        let mut client = served.connect().await;
        let data = json!({ "backup_name": "home", "part": "archive", "offset": archive.len() });
        let start = client.ask_as(&user, "download_backup", data).await;
        assert_eq!(start["data"], json!({ "size": original.len(), "offset": archive.len() }));
        for _ in 0..3 {
            let Message::Binary(piece) = client.hear().await else { panic!("there is more") };
            archive.extend_from_slice(&piece);
        }
        // The rest of what was sent is lost with the connection.
    }
    assert!(archive.len() < original.len(), "some is left for the last time");
    let (rest, digest) = client.download(&user, "home", "archive", archive.len() as u64).await.unwrap();
    archive.extend(rest);
    assert!(archive == original && digest == sha256(&original));
    let (nothing, same) = client.download(&user, "home", "archive", original.len() as u64).await.unwrap();
    assert!(nothing.is_empty() && same == digest);

    let home = served.beside("home");
    fs::create_dir(&home).unwrap();
    fs::write(home.join("home.cfms.enc"), archive).unwrap();
    fs::write(home.join("home.key"), key).unwrap();
    assert_eq!(run(["verify".as_ref(), home.join("home.cfms.enc").as_os_str()])["verdict"], "verified");
}

#[tokio::test]
async fn only_what_was_made_for_a_user_is_given_to_that_user() {
    let ground = Ground::new();
    ground.change(
        "INSERT INTO user_permissions (username, permission, granted, start_time) VALUES ('guest', 'manage_system', 1, 0)",
    );
    let mut served = ground.serve(&[]);
    let (mut client, admin) = served.sign_in("admin").await;
    let guest = client.sign_in("guest").await;
    client.back_up(&admin, "admins").await;
    client.back_up(&guest, "guests").await;
    let folder = served.root.join("content/backups");
    run(["create".as_ref(), "--data-dir".as_ref(), served.root.as_os_str(), "--name=servers".as_ref()]);
    fs::copy(folder.join("admins.key"), folder.join("copied.key")).unwrap();

    for (user, name) in
        [(&guest, "admins"), (&admin, "guests"), (&admin, "servers"), (&admin, "copied"), (&admin, "../../app.db")]
    {
        for part in ["archive", "key"] {
            let refused = client.download(user, name, part, 0).await.unwrap_err();
            assert_eq!(refused["code"], 404, "{name} for {}", user.name);
        }
        assert_eq!(client.ask_as(user, "delete_backup", json!({ "backup_name": name })).await["code"], 404, "{name}");
    }
    let beyond = client.download(&admin, "admins", "key", 1 << 40).await.unwrap_err();
    assert_eq!(beyond["code"], 400);

    served.end("TERM");
    served.restart();
    let (mut client, admin) = served.sign_in("admin").await;
    assert!(client.download(&admin, "admins", "key", 0).await.is_ok(), "also after a restart");
    // Another file under the name of one that was made is none that was made.
    fs::remove_file(folder.join("admins.key")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", folder.join("admins.key")).unwrap();
    let refused = client.download(&admin, "admins", "key", 0).await.unwrap_err();
    assert_eq!(refused["code"], 404, "{refused}");
    let refused = client.ask_as(&admin, "delete_backup", json!({ "backup_name": "admins" })).await;
    assert_eq!(refused["code"], 500, "{refused}");
    let (told, root) = (refused["data"]["error"].as_str().unwrap(), served.root.to_str().unwrap());
    assert!(told.contains("./content/backups/admins.key") && !refused.to_string().contains(root), "{refused}");
    fs::remove_file(folder.join("admins.key")).unwrap();
    fs::copy(folder.join("servers.key"), folder.join("admins.key")).unwrap();
    assert_eq!(client.download(&admin, "admins", "key", 0).await.unwrap_err()["code"], 404);
}

#[tokio::test]
async fn a_new_account_of_an_old_name_inherits_nothing() {
    let ground = Ground::new();
    let root = ground.root.clone();
    let served = ground.serve(&[]);
    let (mut client, user) = served.sign_in("admin").await;
    client.back_up(&user, "b").await;
    let change = |sql: &str| rusqlite::Connection::open(root.join("app.db")).unwrap().execute(sql, []).unwrap();
    change("UPDATE users SET last_login = 1795423223.5, passwd_last_modified = passwd_last_modified + 1");
    assert!(client.download(&user, "b", "key", 0).await.is_ok(), "the account is the same");
    change("UPDATE users SET created_time = created_time + 0.5 WHERE username = 'admin'");
    let user = client.sign_in("admin").await;
    assert_eq!(client.download(&user, "b", "key", 0).await.unwrap_err()["code"], 404);
    assert_eq!(client.ask_as(&user, "delete_backup", json!({ "backup_name": "b" })).await["code"], 404);
    assert_eq!(served.backups(), ["b.cfms.enc", "b.key"]);
}

#[tokio::test]
async fn a_whole_number_is_an_offset_however_it_is_written() {
    let served = Served::new();
    let (mut client, user) = served.sign_in("admin").await;
    client.back_up(&user, "b").await;
    let key = fs::read(served.root.join("content/backups/b.key")).unwrap();
    let data = json!({ "backup_name": "b", "part": "key", "offset": 8.0 });
    let start = client.ask_as(&user, "download_backup", data).await;
    assert_eq!(start["data"], json!({ "size": key.len(), "offset": 8 }), "{start}");
    assert_eq!(client.hear().await, Message::binary(key[8..].to_vec()));
}

#[tokio::test]
async fn an_archive_that_rotted_on_the_server_is_not_given_out_as_good() {
    let served = Served::new();
    let (mut client, user) = served.sign_in("admin").await;
    client.back_up(&user, "rotten").await;
    let path = served.root.join("content/backups/rotten.cfms.enc");
    let written = fs::metadata(&path).unwrap().modified().unwrap();
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&path, &bytes).unwrap();
    fs::File::options().write(true).open(&path).unwrap().set_modified(written).unwrap();
    let data = json!({ "backup_name": "rotten", "part": "archive" });
    assert_eq!(client.ask_as(&user, "download_backup", data).await["code"], 200);
    let end = client.closed().await.expect("a reason");
    let told = (u16::from(end.code), end.reason.as_str());
    assert_eq!(told, (1011, "the file is not the one that was made"), "no digest is given");
}

#[tokio::test]
async fn a_disk_that_is_not_mounted_for_a_while_loses_no_record() {
    let mut served = Served::new();
    let (mut client, admin) = served.sign_in("admin").await;
    client.back_up(&admin, "b").await;
    let (folder, away) = (served.root.join("content/backups"), served.beside("away"));
    fs::rename(&folder, &away).unwrap();
    served.end("TERM");
    served.restart();
    let (mut client, admin) = served.sign_in("admin").await;
    client.back_up(&admin, "other").await;
    assert_eq!(client.download(&admin, "b", "key", 0).await.unwrap_err()["code"], 404);
    assert_eq!(client.ask_as(&admin, "delete_backup", json!({ "backup_name": "b" })).await["code"], 404);
    served.end("TERM");
    fs::remove_dir_all(&folder).unwrap();
    fs::rename(&away, &folder).unwrap();
    served.restart();
    let (mut client, admin) = served.sign_in("admin").await;
    assert!(client.download(&admin, "b", "key", 0).await.is_ok());
    assert_eq!(client.ask_as(&admin, "delete_backup", json!({ "backup_name": "b" })).await["code"], 200);
}

#[tokio::test]
async fn a_pair_is_removed_by_whom_it_was_made_for() {
    let served = Served::new();
    let (mut client, user) = served.sign_in("admin").await;
    client.back_up(&user, "one").await;
    client.back_up(&user, "two").await;
    let answer = client.ask_as(&user, "delete_backup", json!({ "backup_name": "one" })).await;
    assert_eq!((&answer["code"], &answer["data"]), (&json!(200), &json!({})));
    assert_eq!(served.backups(), ["two.cfms.enc", "two.key"]);
    assert_eq!(client.ask_as(&user, "delete_backup", json!({ "backup_name": "one" })).await["code"], 404);
    assert_eq!(client.download(&user, "one", "key", 0).await.unwrap_err()["code"], 404);
    client.back_up(&user, "one").await;
}

#[tokio::test]
async fn two_clients_fetch_at_once_while_a_third_backs_up() {
    let served = Ground::of_size("24M").serve(&[]);
    let (mut client, user) = served.sign_in("admin").await;
    client.back_up(&user, "shared").await;
    let original = fs::read(served.root.join("content/backups/shared.cfms.enc")).unwrap();
    let fetch = async || {
        let mut client = served.connect().await;
        let (archive, _) = client.download(&user, "shared", "archive", 0).await.unwrap();
        assert!(archive == original);
    };
    tokio::join!(fetch(), fetch(), client.back_up(&user, "meanwhile"));
    assert_eq!(served.backups().len(), 4);
}

#[tokio::test]
async fn progress_does_not_come_between_the_pieces_of_a_download() {
    let served = Ground::of_size("24M").serve(&[]);
    let (mut client, user) = served.sign_in("admin").await;
    client.back_up(&user, "whole").await;
    let original = fs::read(served.root.join("content/backups/whole.cfms.enc")).unwrap();
    assert_eq!(client.ask_as(&user, "register_listener", json!({})).await["code"], 200);
    let (mut other, _) = served.sign_in("admin").await;
    other.say(&request(&user, "generate_backup", json!({ "backup_name": "other" }))).await;
    for _ in 0..4 {
        // Counted to the byte, and compared.
        let data = json!({ "backup_name": "whole", "part": "archive" });
        let start = client.ask_as(&user, "download_backup", data).await;
        assert_eq!(start["code"], 200);
        let mut archive = Vec::new();
        while archive.len() < original.len() {
            let Message::Binary(piece) = client.hear().await else { panic!("there is more") };
            archive.extend_from_slice(&piece);
        }
        assert!(archive == original);
        let Message::Text(_) = client.hear().await else { panic!("the end follows the last piece") };
    }
    assert_eq!(other.answer().await["code"], 200);
}
