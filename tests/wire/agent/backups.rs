//! Backups that are asked for over the wire.

use std::fs;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use super::served::{Ground, PASSWORD, Served, Writer, program, request, run};

#[test]
fn the_example_client_of_the_feature_makes_a_backup() {
    let served = Served::new();
    let example = include_str!("../../support/example_client.py");
    let example = example.replace("your_password", PASSWORD).replace("5104", &served.address.port().to_string());
    let python = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/python/bin/python");
    let output = Command::new(python).args(["-c", &example]).output();
    let output = output.expect("the tests' setup has installed Python's websockets (make setup)");
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(said, "Backup created at: ./content/backups/my_backup.cfms.enc\n");
    assert_eq!(served.backups(), ["my_backup.cfms.enc", "my_backup.key"]);
}

#[tokio::test]
async fn success_is_what_the_feature_says_and_the_archive_is_good() {
    let served = Served::new();
    let (mut client, user) = served.sign_in("admin").await;
    let answer = client.back_up(&user, "预算 2026").await;
    assert_eq!(answer["message"], "success");
    let data = answer["data"].as_object().unwrap();
    assert_eq!(data.keys().collect::<Vec<_>>(), ["archive_path", "key_path", "metadata"]);
    assert_eq!(data["archive_path"], "./content/backups/预算 2026.cfms.enc");
    assert_eq!(data["key_path"], "./content/backups/预算 2026.key");
    let keys: Vec<_> = data["metadata"].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["created_at", "documents_count", "files_count", "folders_count", "version"]);

    let archive = served.root.join(data["archive_path"].as_str().unwrap());
    let inspected = run(["inspect".as_ref(), archive.as_os_str()]);
    assert_eq!(inspected["metadata"], data["metadata"]);
    assert_eq!(run(["verify".as_ref(), archive.as_os_str()])["verdict"], "verified");

    let unnamed = client.ask_as(&user, "generate_backup", json!({})).await;
    let path = unnamed["data"]["archive_path"].as_str().unwrap();
    assert!(path.starts_with("./content/backups/backup_1") || path.starts_with("./content/backups/backup_2"), "{path}");
}

#[tokio::test]
async fn users_and_secrets_are_in_a_backup_only_if_the_operator_says_so() {
    for (flags, is_whole) in [(&[][..], false), (&["--whole-server"], true)] {
        let served = Ground::new().serve(flags);
        let (mut client, user) = served.sign_in("admin").await;
        client.back_up(&user, "b").await;
        let script = "key=$(sed -n 's/.*\"key\": *\"\\([0-9a-f]*\\)\".*/\\1/p' b.key); \
                      iv=$(head -c 16 b.cfms.enc | od -An -tx1 | tr -d ' \\n'); \
                      tail -c +17 b.cfms.enc | openssl enc -d -aes-256-cbc -K $key -iv $iv | tar t";
        let listed = Command::new("sh").args(["-c", script]).current_dir(served.root.join("content/backups")).output();
        let listed = String::from_utf8(listed.unwrap().stdout).unwrap();
        assert!(listed.starts_with("metadata.json\n"), "{listed}");
        for member in ["server/app.db", "server/config.toml", "server/ssl/key.pem"] {
            assert_eq!(listed.lines().any(|line| line == member), is_whole, "{member}");
        }
    }
}

#[tokio::test]
async fn a_name_is_a_name_and_what_is_there_is_not_overwritten() {
    let served = Served::new();
    let (mut client, user) = served.sign_in("admin").await;
    client.back_up(&user, "taken").await;
    let before = fs::read(served.root.join("content/backups/taken.cfms.enc")).unwrap();
    let absolute = served.beside("elsewhere").display().to_string();
    let long = "x".repeat(201);
    for name in ["../x", "a/b", &absolute, "..", "CON", "a\u{202e}b", "a\nb", &long, "taken"] {
        let answer = client.ask_as(&user, "generate_backup", json!({ "backup_name": name })).await;
        assert_eq!((&answer["code"], &answer["message"]), (&json!(400), &json!("Failed to generate backup")), "{name}");
        assert!(answer["data"]["error"].as_str().is_some_and(|error| !error.is_empty()), "{answer}");
    }
    let log = fs::read_to_string(served.state().join("audit.log")).unwrap();
    let reasons: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let reasons: Vec<_> = reasons.iter().filter(|entry| entry["code"] == 400).map(|entry| &entry["result"]).collect();
    assert_eq!(reasons.len(), 9);
    assert!(!reasons.contains(&&json!("Failed to generate backup")), "the operator knows why: {reasons:?}");
    assert_eq!(served.backups(), ["taken.cfms.enc", "taken.key"]);
    assert_eq!(fs::read(served.root.join("content/backups/taken.cfms.enc")).unwrap(), before);
    assert!(!served.beside("elsewhere.cfms.enc").exists() && !served.root.join("content/x.cfms.enc").exists());
}

#[tokio::test]
async fn another_folder_for_backups_is_told_as_it_is() {
    let ground = Ground::new();
    let folder = ground.root.parent().unwrap().join("archives");
    let served = ground.serve(&["--backup-dir", folder.to_str().unwrap()]);
    let (mut client, user) = served.sign_in("admin").await;
    let answer = client.back_up(&user, "b").await;
    assert_eq!(answer["data"]["archive_path"], folder.join("b.cfms.enc").to_str().unwrap());
    assert!(served.backups().is_empty());
    assert!(client.download(&user, "b", "key", 0).await.is_ok());
}

#[test]
fn a_folder_for_backups_that_cannot_be_written_is_told_at_the_start() {
    let ground = Ground::new();
    let in_the_way = ground.root.parent().unwrap().join("a-file");
    fs::write(&in_the_way, "").unwrap();
    for folder in ["/proc/nope", "/proc", in_the_way.to_str().unwrap()] {
        // An agent that starts all the same is ended, so that the test is, too.
        let mut command = Command::new("timeout");
        command
            .args(["20", program(), "serve", "--listen", "127.0.0.1:0", "--backup-dir", folder, "--data-dir"])
            .arg(&ground.root);
        command.arg("--state-dir").arg(ground.root.parent().unwrap().join("state"));
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{folder}: {output:?}");
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(said.contains(folder) && !said.contains("listens on"), "{said}");
    }
}

#[tokio::test]
async fn what_cannot_be_done_is_a_500_with_the_reason() {
    let served = Ground::new().serve(&[]);
    let folder = served.root.join("content/backups");
    assert!(!folder.exists(), "what was tried at the start is gone");
    fs::write(&folder, "a file in the way").unwrap();
    let (mut client, user) = served.sign_in("admin").await;
    let answer = client.ask_as(&user, "generate_backup", json!({ "backup_name": "b" })).await;
    assert_eq!((&answer["code"], &answer["message"]), (&json!(500), &json!("Failed to generate backup")), "{answer}");
    let told = answer["data"]["error"].as_str().unwrap();
    assert!(told.starts_with("./content/backups ") && !told.contains(served.root.to_str().unwrap()), "{answer}");
    let log = fs::read_to_string(served.state().join("audit.log")).unwrap();
    let last: Value = serde_json::from_str(log.lines().last().unwrap()).unwrap();
    assert_eq!((&last["action"], &last["code"]), (&json!("generate_backup"), &json!(500)), "{last}");
    assert!(last["result"].as_str().unwrap().starts_with(folder.to_str().unwrap()), "the operator knows why: {last}");

    let ground = Ground::new();
    fs::remove_dir_all(ground.root.join("content/files")).unwrap();
    let served = ground.serve(&[]);
    let (mut client, user) = served.sign_in("admin").await;
    let answer = client.ask_as(&user, "generate_backup", json!({ "backup_name": "b" })).await;
    assert_eq!((&answer["code"], &answer["data"]["code"]), (&json!(500), &json!("incomplete")), "{answer}");
    assert!(client.download(&user, "b", "archive", 0).await.is_ok(), "what there is can be fetched all the same");
}

#[tokio::test]
async fn a_backup_of_a_server_at_work_is_good_and_keeps_nobody_waiting() {
    let served = Ground::of_size("4M").serve(&[]);
    let writer = Writer::at_work_in(&served.root);
    let (mut client, user) = served.sign_in("admin").await;
    for n in 0..5 {
        let answer = client.back_up(&user, &format!("b{n}")).await;
        let archive = served.root.join(answer["data"]["archive_path"].as_str().unwrap());
        assert_eq!(run(["verify".as_ref(), archive.as_os_str()])["verdict"], "verified");
    }
    assert!(writer.stop() > 5);
}

#[tokio::test]
async fn listeners_are_told_how_far_a_backup_is_and_nobody_else_is() {
    let served = Ground::of_size("64M").serve(&[]);
    let (mut maker, admin) = served.sign_in("admin").await;
    let (mut listener, _) = served.sign_in("admin").await;
    let (mut outsider, guest) = served.sign_in("guest").await;
    for (client, user) in [(&mut listener, &admin), (&mut outsider, &guest)] {
        assert_eq!(client.ask_as(user, "register_listener", json!({})).await["code"], 200);
    }
    let making = tokio::spawn(async move {
        maker.back_up(&admin, "watched").await;
        maker.broadcasts
    });
    let mut phases = Vec::new();
    while phases.last().map(String::as_str) != Some("publish") {
        let Message::Binary(bytes) = listener.hear().await else { panic!("broadcasts are binary") };
        let told: Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!((&told["action"], told.get("code")), (&json!("backup_progress"), None));
        if told["data"]["event"] == "phase" {
            phases.push(told["data"]["phase"].as_str().unwrap().to_owned());
        }
    }
    assert_eq!(phases, ["snapshot", "survey", "encrypt", "verify", "publish"]);
    assert!(making.await.unwrap().is_empty(), "who did not ask sees nothing new");
    assert_eq!(outsider.ask("server_info", json!({})).await["code"], 200);
    assert!(outsider.broadcasts.is_empty(), "titles are for those who may read all");
}

#[tokio::test]
async fn a_listener_whose_token_has_ended_is_told_of_nothing() {
    let served = Served::new();
    let (mut old, admin) = served.sign_in("admin").await;
    assert_eq!(old.ask_as(&admin, "register_listener", json!({})).await["code"], 200);
    old.back_up(&admin, "first").await;
    assert!(!old.broadcasts.is_empty(), "whoever makes a backup is told of it");
    old.broadcasts.clear();
    // It goes into the token like the hash of the password; the password stays known to this test.
    let change = "UPDATE users SET secret_key = 'another' WHERE username = 'admin'";
    rusqlite::Connection::open(served.root.join("app.db")).unwrap().execute(change, []).unwrap();

    let (mut maker, admin) = served.sign_in("admin").await;
    assert_eq!(maker.ask_as(&admin, "register_listener", json!({})).await["code"], 200);
    maker.back_up(&admin, "second").await;
    assert!(!maker.broadcasts.is_empty());
    assert_eq!(old.ask("server_info", json!({})).await["code"], 200);
    assert!(old.broadcasts.is_empty(), "the same name is not the same user");
}

#[tokio::test]
async fn a_second_backup_at_once_is_told_so_and_a_client_that_leaves_stops_nothing() {
    let served = Ground::of_size("64M").serve(&[]);
    let (mut first, user) = served.sign_in("admin").await;
    let (mut second, _) = served.sign_in("admin").await;
    assert_eq!(second.ask_as(&user, "register_listener", json!({})).await["code"], 200);
    first.say(&request(&user, "generate_backup", json!({ "backup_name": "first" }))).await;
    // It runs once it is told of.
    second.hear().await;
    drop(first);
    let answer = second.ask_as(&user, "generate_backup", json!({ "backup_name": "second" })).await;
    assert_eq!((&answer["code"], &answer["data"]["code"]), (&json!(500), &json!("source_busy")), "{answer}");

    let mut last = Value::Null;
    while last["data"]["phase"] != "publish" {
        let Message::Binary(bytes) = second.hear().await else { panic!("only broadcasts are left") };
        last = serde_json::from_slice(&bytes).unwrap();
    }
    // Waits for the turn: then the first is published and noted.
    loop {
        let answer = second.ask_as(&user, "generate_backup", json!({ "backup_name": "third" })).await;
        if answer["data"]["code"] != "source_busy" {
            assert_eq!(answer["code"], 200, "{answer}");
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(served.backups(), ["first.cfms.enc", "first.key", "third.cfms.enc", "third.key"]);
    assert!(second.download(&user, "first", "key", 0).await.is_ok());
}

#[tokio::test]
async fn stopping_the_agent_cancels_a_running_backup_without_a_trace() {
    for (signal, code) in [("INT", Some(0)), ("TERM", Some(0)), ("KILL", None)] {
        let mut served = Ground::of_size("64M").serve(&[]);
        let (mut client, user) = served.sign_in("admin").await;
        assert_eq!(client.ask_as(&user, "register_listener", json!({})).await["code"], 200);
        client.say(&request(&user, "generate_backup", json!({ "backup_name": "b" }))).await;
        loop {
            let Message::Binary(bytes) = client.hear().await else { panic!("a broadcast") };
            let told: Value = serde_json::from_slice(&bytes).unwrap();
            if told["data"]["phase"] == "encrypt" {
                break;
            }
        }
        let (ended, said) = served.end(signal);
        assert_eq!(ended, code, "{signal}: {said}");
        match code {
            Some(_) => assert!(served.backups().is_empty(), "{signal}: {:?}", served.backups()),
            None => {
                let finished = served.backups().into_iter().filter(|name| !name.starts_with('.')).count();
                assert_eq!(finished, 0, "nothing has its final name: {:?}", served.backups());
                served.restart();
                let (mut client, user) = served.sign_in("admin").await;
                client.back_up(&user, "b").await;
                assert_eq!(served.backups(), ["b.cfms.enc", "b.key"], "the next run cleans up");
            }
        }
    }
}

#[tokio::test]
async fn the_audit_log_has_what_was_done_and_no_secret() {
    let mut served = Served::new();
    let (mut client, user) = served.sign_in("admin").await;
    client.back_up(&user, "noted").await;
    let (key, _) = client.download(&user, "noted", "key", 0).await.unwrap();
    assert_eq!(client.login("admin\u{1b}[2J", "a wrong secret").await["code"], 401);
    let (_, said) = served.end("TERM");
    let log = fs::read_to_string(served.state().join("audit.log")).unwrap();
    let entries: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let seen: Vec<_> = entries.iter().map(|e| (e["action"].as_str().unwrap(), e["code"].as_i64().unwrap())).collect();
    let begun = ("generate_backup", 0);
    let expected = [
        ("login", 200),
        begun,
        ("generate_backup", 200),
        ("download_backup", 200),
        ("download_backup", 200),
        ("login", 401),
    ];
    assert_eq!(seen, expected);
    assert!(entries.iter().all(|e| e["username"].as_str().unwrap().starts_with("admin")));
    assert_eq!(said, log, "whoever runs it is told the same");
    let key: Value = serde_json::from_slice(&key).unwrap();
    for secret in [PASSWORD, "a wrong secret", &user.token, key["key"].as_str().unwrap(), "\u{1b}"] {
        assert!(!log.contains(secret), "{secret}");
    }
    use std::os::unix::fs::MetadataExt;
    for name in ["audit.log", "records.json"] {
        assert_eq!(fs::metadata(served.state().join(name)).unwrap().mode() & 0o077, 0, "{name}");
    }
}

#[tokio::test]
async fn what_is_done_to_backups_is_in_the_audit_log_whatever_else_a_user_does() {
    let served = Served::new();
    let (mut client, user) = served.sign_in("admin").await;
    for n in 0..100 {
        assert_eq!(client.ask_as(&user, "register_listener", json!({})).await["code"], 200);
        assert_eq!(
            client.ask_as(&user, "delete_backup", json!({ "backup_name": format!("no-{n}") })).await["code"],
            404
        );
    }
    client.back_up(&user, "noted").await;
    client.download(&user, "noted", "key", 0).await.unwrap();
    assert_eq!(client.ask_as(&user, "delete_backup", json!({ "backup_name": "noted" })).await["code"], 200);
    let log = fs::read_to_string(served.state().join("audit.log")).unwrap();
    let count = |action: &str| log.lines().filter(|l| l.contains(action) && l.contains("\"noted\"")).count();
    assert_eq!(["generate_backup", "download_backup", "delete_backup"].map(count), [2, 2, 1], "{log}");
}

#[tokio::test]
async fn where_the_agent_keeps_its_own_is_told_to_nobody() {
    let served = Served::new();
    let (mut client, user) = served.sign_in("admin").await;
    fs::create_dir(served.state().join("records.json.new")).unwrap();
    let answer = client.ask_as(&user, "generate_backup", json!({ "backup_name": "b" })).await;
    assert_eq!(answer["code"], 500, "{answer}");
    let told = answer["data"]["error"].as_str().unwrap();
    assert!(told.contains("records.json") && !told.contains(served.state().to_str().unwrap()), "{answer}");
    assert!(served.backups().is_empty());
}

#[tokio::test]
async fn whoever_is_refused_a_backup_has_signed_in_all_the_same() {
    let served = Served::new();
    let (_, user) = served.sign_in("admin").await;
    let mut client = served.connect().await;
    assert_eq!(client.ask_as(&user, "delete_backup", json!({ "backup_name": "none" })).await["code"], 404);
    // More than a stranger may say.
    let long = request(&user, "delete_backup", json!({ "backup_name": "none" })).to_string() + &" ".repeat(100_000);
    client.say(&long).await;
    assert_eq!(client.answer().await["code"], 404);
}
