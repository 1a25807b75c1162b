//! A backup comes home whole, or not at all.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use cfms_backup::job::Line;
use cfms_backup::{BackupName, Code, Destination, Event, Job, Options, ServerData, Verdict, create};
use rusqlite::Connection;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tokio_tungstenite::tungstenite::Message;

use super::scripted::{Scripted, Wire, agent_info, generated, silent, watched};

/// Bytes of a message.
const PIECE: usize = 64 * 1024;

/// A backup as an agent has it, and where it shall go.
struct Pair {
    scratch: TempDir,
    archive: Vec<u8>,
    key: Vec<u8>,
}

impl Pair {
    fn new() -> Arc<Self> {
        let scratch = tempfile::tempdir().unwrap();
        let server = scratch.path().join("server");
        fs::create_dir_all(server.join("content")).unwrap();
        fs::write(server.join("content/large"), vec![7; 3 << 20]).unwrap();
        let database = Connection::open(server.join("app.db")).unwrap();
        database
            .execute_batch(
                "CREATE TABLE folders (id VARCHAR PRIMARY KEY, name VARCHAR, created_time FLOAT, parent_id VARCHAR);
                 CREATE TABLE documents (id VARCHAR PRIMARY KEY, title VARCHAR, created_time FLOAT, folder_id VARCHAR);
                 CREATE TABLE files (id VARCHAR PRIMARY KEY, sha256 VARCHAR, path TEXT, created_time FLOAT, active BOOLEAN);
                 CREATE TABLE document_revisions (id INTEGER PRIMARY KEY, document_id VARCHAR, file_id VARCHAR, created_time FLOAT);
                 INSERT INTO documents VALUES ('d', 'Handbook', 1.5, NULL);
                 INSERT INTO files VALUES ('f', NULL, './content/large', 1.5, 1);
                 INSERT INTO document_revisions VALUES (1, 'd', 'f', 1.5);",
            )
            .unwrap();
        let destination =
            Destination { archive_dir: scratch.path().join("there"), key_dir: None, name: Some(monday()) };
        let source = ServerData::open(&server).unwrap();
        let made = create(&source, &destination, &Options::default(), &Job::silent()).unwrap();
        let (archive, key) = (fs::read(made.archive_path).unwrap(), fs::read(made.key_path).unwrap());
        assert!(key.starts_with(b"{\n  \"key\": \""), "64 digits follow");
        Arc::new(Self { scratch, archive, key })
    }

    fn change_key(&mut self, change: impl FnOnce(&mut Value)) {
        let mut key = self.key_file();
        change(&mut key);
        self.key = key.to_string().into_bytes();
    }

    fn key_file(&self) -> Value {
        serde_json::from_slice(&self.key).unwrap()
    }

    fn home(&self) -> PathBuf {
        self.scratch.path().join("home")
    }

    fn destination(&self) -> Destination {
        Destination { archive_dir: self.home(), key_dir: Some(self.home().join("keys")), name: None }
    }

    /// Nothing is at home, not even a folder.
    fn assert_nothing_came(&self) {
        assert!(!self.home().exists(), "{:?}", names(&self.home()));
    }
}

fn monday() -> BackupName {
    BackupName::parse("monday").unwrap()
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Sends what is asked for, and hangs up after `pieces` of archives.
async fn send(wire: &mut Wire, pair: &Pair, mut pieces: usize) {
    while let Some(request) = wire.request().await {
        assert_eq!(request["action"], "download_backup", "{request}");
        assert_eq!((&request["data"]["backup_name"], &request["token"]), (&json!("monday"), &json!("t1")));
        let is_key = request["data"]["part"] == "key";
        let whole = if is_key { &pair.key } else { &pair.archive };
        let offset = request["data"]["offset"].as_u64().unwrap();
        wire.answer(200, json!({"size": whole.len(), "offset": offset})).await;
        for piece in whole[usize::try_from(offset).unwrap()..].chunks(PIECE) {
            if !is_key && pieces == 0 {
                return;
            }
            pieces = pieces.saturating_sub(usize::from(!is_key));
            wire.send(Message::binary(piece.to_vec())).await;
        }
        wire.answer(200, json!({"sha256": digest(whole)})).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_download_that_is_cut_twenty_times_comes_home_whole() {
    let pair = Pair::new();
    let sent = Arc::clone(&pair);
    let server = Scripted::that_is(agent_info(), |mut wire| async move {
        wire.let_in("t1").await;
        send(&mut wire, &sent, 1).await;
    });
    for cut in 2..=20 {
        let sent = Arc::clone(&pair);
        // Some lines break before anything came.
        server.then(move |mut wire| async move { send(&mut wire, &sent, cut % 5).await });
    }
    let sent = Arc::clone(&pair);
    server.then(|mut wire| async move { send(&mut wire, &sent, usize::MAX).await });

    let (job, told) = watched();
    let mut remote = server.entered(&job).await;
    let copy = remote.download(&monday(), &pair.destination(), &job).await.unwrap();
    drop(remote);
    server.is_over().await;
    assert_eq!(copy.verification.verdict, Verdict::Verified);
    assert_eq!(fs::read(&copy.archive_path).unwrap(), pair.archive);
    assert_eq!(fs::read(&copy.key_path).unwrap(), pair.key);
    assert_eq!(
        (names(&pair.home()), names(&pair.home().join("keys"))),
        (vec!["keys".into(), "monday.cfms.enc".into()], vec!["monday.key".into()])
    );
    let told = told.lock().unwrap();
    let count = |wanted| {
        told.iter().filter(|event| matches!(event, Event::Connection { state, .. } if *state == wanted)).count()
    };
    assert_eq!(count(Line::Lost), count(Line::Found));
    assert!(count(Line::Lost) >= 10);
    let whole = pair.archive.len() as u64;
    let total = told.iter().find_map(|event| {
        if let Event::Phase { phase: cfms_backup::Phase::Download, total: Some(total) } = event {
            Some(*total)
        } else {
            None
        }
    });
    assert_eq!(total, Some(whole));
}

#[tokio::test(start_paused = true)]
async fn what_does_not_arrive_as_it_was_sent_leaves_nothing_behind() {
    type Spoil = fn(&mut Pair);
    let cases: [(&str, Spoil, Code); 8] = [
        ("damaged on the server's disk", |pair| pair.archive[500_000] ^= 1, Code::Damaged),
        ("cut on the server's disk", |pair| pair.archive.truncate(1_000_000), Code::Truncated),
        ("the key of another archive", |pair| pair.key[12..76].fill(b'0'), Code::TransferDamaged),
        ("a key file that holds none", |pair| pair.key[12] = b'x', Code::TransferDamaged),
        (
            "the key of another name",
            |pair| pair.change_key(|key| key["backup_name"] = json!("tuesday")),
            Code::Protocol,
        ),
        ("the key of no name", |pair| pair.change_key(|key| key["backup_name"] = json!(null)), Code::Protocol),
        ("the key of another time", |pair| pair.change_key(|key| key["created_at"] = json!(1.5)), Code::Protocol),
        ("a key file that is too large to be one", |pair| pair.key = vec![b' '; 100_000], Code::TransferDamaged),
    ];
    for (what, spoil, expected) in cases {
        let mut pair = Arc::into_inner(Pair::new()).unwrap();
        spoil(&mut pair);
        let pair = Arc::new(pair);
        let sent = Arc::clone(&pair);
        let server = Scripted::that_is(agent_info(), |mut wire| async move {
            wire.let_in("t1").await;
            send(&mut wire, &sent, usize::MAX).await;
        });
        let job = silent();
        let mut remote = server.entered(&job).await;
        let error = remote.download(&monday(), &pair.destination(), &job).await.unwrap_err();
        assert_eq!(error.code(), expected, "{what}: {error}");
        drop(remote);
        server.is_over().await;
        pair.assert_nothing_came();
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_server_says_of_a_download_is_not_believed() {
    // Answers to the request for the key, and what is sent after them.
    let key = "x".repeat(100);
    let start = |size: usize, offset: usize| json!({"code": 200, "data": {"size": size, "offset": offset}});
    let end = |sha256: &str| Message::text(json!({"code": 200, "data": {"sha256": sha256}}).to_string());
    let bytes = |length: usize| Message::binary(vec![b'x'; length]);
    let cases = [
        (start(100, 0), vec![bytes(100), end(&digest(b"other"))], Code::TransferDamaged),
        (start(100, 0), vec![bytes(101)], Code::Protocol),
        (start(100, 0), vec![bytes(0)], Code::Protocol),
        (start(100, 0), vec![bytes(50), end(&digest(key.as_bytes()))], Code::Protocol),
        (start(100, 0), vec![bytes(100), Message::text(json!({"code": 200, "data": {}}).to_string())], Code::Protocol),
        (start(100, 50), vec![], Code::Protocol),
        (json!({"code": 200, "data": {"size": -1, "offset": 0}}), vec![], Code::Protocol),
        (json!({"code": 200, "data": {}}), vec![], Code::Protocol),
        (json!({"code": 404, "data": {}, "message": "No such backup"}), vec![], Code::NotOnServer),
        (json!({"code": 403, "data": {}, "message": "Access denied"}), vec![], Code::AccessDenied),
        (start(usize::MAX / 4, 0), vec![], Code::TransferDamaged),
        (
            start(100, 0),
            vec![bytes(50), Message::text(json!({"code": 500, "message": "gone"}).to_string())],
            Code::Protocol,
        ),
    ];
    let pair = Pair::new();
    for (answer, messages, expected) in cases {
        let server = Scripted::that_is(agent_info(), |mut wire| async move {
            wire.let_in("t1").await;
            wire.expect("download_backup").await;
            wire.send_json(answer).await;
            for message in messages {
                wire.send(message).await;
            }
            wire.expect_end().await;
        });
        let job = silent();
        let mut remote = server.entered(&job).await;
        let error = remote.download(&monday(), &pair.destination(), &job).await.unwrap_err();
        assert_eq!(error.code(), expected, "{error}");
        assert!(error.code() != Code::Protocol || error.to_string().contains('“'), "it quotes nothing: {error}");
        drop(remote);
        server.is_over().await;
        pair.assert_nothing_came();
    }
}

#[tokio::test(start_paused = true)]
async fn a_file_that_changes_on_the_server_between_two_lines_is_not_pieced_together() {
    let pair = Pair::new();
    let sent = Arc::clone(&pair);
    let server = Scripted::that_is(agent_info(), |mut wire| async move {
        wire.let_in("t1").await;
        send(&mut wire, &sent, 3).await;
    });
    server.then(|mut wire| async move {
        let offset = wire.expect("download_backup").await["data"]["offset"].clone();
        assert_eq!(offset, 3 * PIECE);
        wire.answer(200, json!({"size": 5_000_000, "offset": offset})).await;
        wire.expect_end().await;
    });
    let job = silent();
    let mut remote = server.entered(&job).await;
    let error = remote.download(&monday(), &pair.destination(), &job).await.unwrap_err();
    assert_eq!(error.code(), Code::TransferDamaged, "{error}");
    drop(remote);
    server.is_over().await;
    pair.assert_nothing_came();
}

#[tokio::test(start_paused = true)]
async fn a_file_that_the_agent_finds_changed_is_damage_and_not_asked_for_again() {
    let pair = Pair::new();
    let sent = Arc::clone(&pair);
    let server = Scripted::that_is(agent_info(), |mut wire| async move {
        wire.let_in("t1").await;
        wire.expect("download_backup").await;
        wire.answer(200, json!({"size": sent.key.len(), "offset": 0})).await;
        wire.send(Message::binary(sent.key.clone())).await;
        wire.close_with(1011, "the file is not the one that was made").await;
    });
    let (job, told) = watched();
    let mut remote = server.entered(&job).await;
    let error = remote.download(&monday(), &pair.destination(), &job).await.unwrap_err();
    assert_eq!(error.code(), Code::TransferDamaged, "{error}");
    assert!(!told.lock().unwrap().iter().any(|event| matches!(event, Event::Connection { .. })), "no line is lost");
    drop(remote);
    server.is_over().await;
    pair.assert_nothing_came();
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_download_leaves_nothing_behind() {
    let pair = Pair::new();
    let sent = Arc::clone(&pair);
    let server = Scripted::that_is(agent_info(), |mut wire| async move {
        wire.let_in("t1").await;
        send(&mut wire, &sent, usize::MAX).await;
    });
    let canceller = Arc::<Mutex<Option<cfms_backup::Canceller>>>::default();
    let stop = Arc::clone(&canceller);
    let job = Arc::new(Job::new(move |event| {
        if let (Event::Done { bytes: 1.., .. }, Some(canceller)) = (event, &*stop.lock().unwrap()) {
            canceller.cancel();
        }
    }));
    *canceller.lock().unwrap() = Some(job.canceller());
    let mut remote = server.entered(&silent()).await;
    let error = remote.download(&monday(), &pair.destination(), &job).await.unwrap_err();
    assert_eq!(error.code(), Code::Cancelled);
    drop(remote);
    server.is_over().await;
    pair.assert_nothing_came();
}

#[tokio::test(start_paused = true)]
async fn existing_files_are_never_overwritten() {
    let pair = Pair::new();
    fs::create_dir_all(pair.home()).unwrap();
    fs::write(pair.home().join("monday.cfms.enc"), "mine").unwrap();
    let server = Scripted::that_is(agent_info(), |mut wire| async move {
        wire.let_in("t1").await;
        // It is known before anything is asked for.
        wire.expect_end().await;
    });
    let job = silent();
    let mut remote = server.entered(&job).await;
    let error = remote.download(&monday(), &pair.destination(), &job).await.unwrap_err();
    assert_eq!(error.code(), Code::AlreadyExists);
    drop(remote);
    server.is_over().await;
    assert_eq!(names(&pair.home()), ["monday.cfms.enc"]);
    assert_eq!(fs::read(pair.home().join("monday.cfms.enc")).unwrap(), b"mine");
}

#[tokio::test(start_paused = true)]
async fn what_comes_home_is_the_backup_that_was_just_made() {
    let pair = Pair::new();
    let created_at = pair.key_file()["created_at"].clone();
    let metadata = json!({"version": "1.0", "created_at": created_at, "documents_count": 1, "folders_count": 0,
        "files_count": 1});
    for (key, value, is_meant) in
        [("version", json!("1.0"), true), ("created_at", json!(1.5), false), ("documents_count", json!(2), false)]
    {
        let mut metadata = metadata.clone();
        metadata[key] = value;
        let mut made = generated();
        made["metadata"] = metadata;
        let sent = Arc::clone(&pair);
        let server = Scripted::that_is(agent_info(), |mut wire| async move {
            wire.let_in("t1").await;
            wire.expect("generate_backup").await;
            wire.answer(200, made).await;
            send(&mut wire, &sent, usize::MAX).await;
        });
        let job = silent();
        let mut remote = server.entered(&job).await;
        remote.back_up(Some(&monday()), true, &job).await.unwrap();
        let outcome = remote.download(&monday(), &pair.destination(), &job).await;
        drop(remote);
        server.is_over().await;
        match is_meant {
            true => drop(outcome.unwrap()),
            false => assert_eq!(outcome.unwrap_err().code(), Code::Protocol),
        }
        let _ = fs::remove_dir_all(pair.home());
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_has_no_turn_for_a_download_is_asked_again() {
    let pair = Pair::new();
    let sent = Arc::clone(&pair);
    let server = Scripted::that_is(agent_info(), |mut wire| async move {
        wire.let_in("t1").await;
        for _ in 0..3 {
            wire.expect("download_backup").await;
            wire.answer_in_words(429, json!({}), "Too many downloads at once").await;
        }
        send(&mut wire, &sent, usize::MAX).await;
    });
    let (job, told) = watched();
    let mut remote = server.entered(&job).await;
    remote.download(&monday(), &pair.destination(), &job).await.unwrap();
    assert!(!told.lock().unwrap().iter().any(|event| matches!(event, Event::Connection { .. })), "no line is lost");
    drop(remote);
    server.is_over().await;
}

#[tokio::test(start_paused = true)]
async fn a_server_that_gives_one_byte_to_each_line_is_left() {
    let pair = Pair::new();
    let size = pair.archive.len();
    let sent = Arc::clone(&pair);
    let server = Scripted::that_is(agent_info(), |mut wire| async move {
        wire.let_in("t1").await;
        send(&mut wire, &sent, 0).await;
    });
    for _ in 0..6 {
        server.then(move |mut wire| async move {
            let offset = wire.expect("download_backup").await["data"]["offset"].clone();
            wire.answer(200, json!({"size": size, "offset": offset})).await;
            wire.send(Message::binary(vec![0])).await;
        });
    }
    let job = silent();
    let mut remote = server.entered(&job).await;
    let error = remote.download(&monday(), &pair.destination(), &job).await.unwrap_err();
    assert_eq!(error.code(), Code::ConnectionLost, "{error}");
    drop(remote);
    server.is_over().await;
    pair.assert_nothing_came();
}
