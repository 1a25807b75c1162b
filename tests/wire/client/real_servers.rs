//! Servers as they are: slow, silent while they work, talkative in between.

use std::time::Duration;

use cfms_backup::job::Line;
use cfms_backup::protocol::frame::{Frame, Kind};
use cfms_backup::{BackupName, Code, Event, WarningCode};
use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use tokio_tungstenite::tungstenite::Message;

use super::scripted::{NOW, Scripted, Wire, agent_info, generated, real_info, sign_in, signed_in, silent, watched};

fn monday() -> BackupName {
    BackupName::parse("monday").unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_server_that_works_for_minutes_is_waited_for_and_its_pings_are_answered() {
    let server = Scripted::real(|mut wire| async move {
        wire.let_in("t1").await;
        let request = wire.expect("generate_backup").await;
        let expected =
            json!({"action": "generate_backup", "data": {"backup_name": "monday"}, "username": "admin", "token": "t1"});
        assert_eq!(request, expected);
        wire.works_for(Duration::from_secs(15 * 60)).await;
        wire.answer_in_words(200, generated(), "Success").await;
        wire.expect_end().await;
    });
    let job = silent();
    let mut remote = server.entered(&job).await;
    let facts = remote.facts();
    assert!(facts.backs_up && !facts.sends_files && facts.agent.is_none(), "{facts:?}");
    let begun = Instant::now();
    let made = remote.back_up(Some(&monday()), false, &job).await.unwrap();
    assert_eq!(begun.elapsed().as_secs(), 15 * 60);
    assert_eq!((made.backup_name.as_str(), made.metadata.documents_count), ("monday", 2));
    assert_eq!(made.warnings[0].code, WarningCode::LeftOnServer);
    assert!((900.0..901.0).contains(&made.duration_seconds), "{}", made.duration_seconds);
    drop(remote);
    server.is_over().await;
}

#[tokio::test(start_paused = true)]
async fn pings_are_answered_while_a_person_thinks() {
    let server = Scripted::real(|mut wire| async move {
        wire.let_in("t1").await;
        wire.works_for(Duration::from_secs(1200)).await;
        wire.expect("generate_backup").await;
        wire.answer(200, generated()).await;
    });
    let job = silent();
    let mut remote = server.entered(&job).await;
    sleep(Duration::from_secs(1210)).await;
    remote.back_up(None, false, &job).await.unwrap();
    drop(remote);
    server.is_over().await;
}

#[tokio::test(start_paused = true)]
async fn the_token_is_renewed_over_another_line_while_the_server_works_longer_than_it_lives() {
    let server = Scripted::that_is(agent_info(), |mut wire| async move {
        wire.let_in("t1").await;
        wire.expect("generate_backup").await;
        wire.works_for(Duration::from_secs(2 * 3600)).await;
        wire.answer(200, generated()).await;
        assert_eq!(wire.expect("delete_backup").await["token"], "t3");
        wire.answer(200, json!({})).await;
    });
    // A server that is busy is asked again.
    for (old, code, new) in [("t1", 500, ""), ("t1", 200, "t2"), ("t2", 200, "t3")] {
        server.then(move |mut wire| async move {
            let request = wire.expect("refresh_token").await;
            assert_eq!((&request["username"], &request["token"]), (&json!("admin"), &json!(old)));
            wire.answer(code, json!({"token": new, "exp": NOW + 3600.0})).await;
            wire.expect_end().await;
        });
    }
    let job = silent();
    let mut remote = server.entered(&job).await;
    remote.back_up(None, false, &job).await.unwrap();
    remote.delete(&monday(), &job).await.unwrap();
    drop(remote);
    server.is_over().await;
}

#[tokio::test(start_paused = true)]
async fn broadcasts_in_between_answer_nothing() {
    let server = Scripted::real(|mut wire| async move {
        wire.broadcast(json!({"action": "lockdown", "status": true})).await;
        let login = wire.expect("login").await;
        assert_eq!(login["data"]["username"], "admin");
        for _ in 0..20 {
            wire.broadcast(json!({"action": "lockdown", "status": false})).await;
            wire.send_json(json!({"action": "backup_progress", "data": {"event": "done"}})).await;
        }
        wire.answer(200, signed_in("t1")).await;
        for _ in 0..20 {
            wire.broadcast(json!({"action": "backup_import_completed", "data": {"code": 200}})).await;
        }
        wire.expect("generate_backup").await;
        wire.broadcast(json!({"action": "lockdown", "status": false})).await;
        wire.answer(200, generated()).await;
    });
    let job = silent();
    let mut remote = server.entered(&job).await;
    remote.back_up(None, false, &job).await.unwrap();
    drop(remote);
    server.is_over().await;
}

#[tokio::test(start_paused = true)]
async fn a_slow_drip_is_a_message_in_the_end() {
    let server = Scripted::real(|mut wire| async move {
        wire.let_in("t1").await;
        wire.expect("generate_backup").await;
        let text = json!({"code": 200, "data": generated(), "message": "Success", "timestamp": 1.5}).to_string();
        let mut frame = vec![0x81, 126];
        frame.extend(u16::try_from(text.len()).unwrap().to_be_bytes());
        frame.extend(text.as_bytes());
        for byte in frame {
            drip(&mut wire, &[byte]).await;
            sleep(Duration::from_secs(7)).await;
        }
        wire.expect_end().await;
    });
    let job = silent();
    let mut remote = server.entered(&job).await;
    remote.back_up(None, false, &job).await.unwrap();
    drop(remote);
    server.is_over().await;
}

async fn drip(wire: &mut Wire, bytes: &[u8]) {
    use tokio::io::AsyncWriteExt;
    wire.0.get_mut().write_all(bytes).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_server_of_the_later_framing_is_known_by_name_and_version_and_says_what_to_do() {
    let server = Scripted::new();
    server.then(|mut wire| async move {
        let mut last = 0;
        for (action, data) in [
            (
                "server_info",
                json!({"server_name": "New", "version": "0.2.0", "protocol_version": 12, "lockdown": false}),
            ),
            ("login", signed_in("t1")),
        ] {
            let Some(Ok(Message::Binary(bytes))) = wire.0.next().await else { panic!("no binary message") };
            let frame = Frame::parse(&bytes).unwrap();
            assert!(frame.stream % 2 == 1 && frame.stream > last && frame.kind == Kind::More);
            last = frame.stream;
            let request: Value = serde_json::from_slice(frame.payload).unwrap();
            assert_eq!(request["action"], action);
            assert!(request["nonce"].as_str().unwrap().len() >= 16 && request["timestamp"].as_f64().unwrap() > 1e9);
            let payload = json!({"code": 200, "data": data, "message": "", "timestamp": 1.5}).to_string();
            let broadcast = Frame { stream: 2, kind: Kind::More, payload: br#"{"code": 500}"# };
            wire.send(Message::binary(broadcast.to_bytes())).await;
            let answer = Frame { stream: frame.stream, kind: Kind::Conclusion, payload: payload.as_bytes() };
            wire.send(Message::binary(answer.to_bytes())).await;
        }
        wire.expect_end().await;
    });
    let job = silent();
    let mut remote = server.called(&job).await.unwrap();
    assert!(!remote.facts().backs_up);
    sign_in(&mut remote, &job).await.unwrap();
    let error = remote.back_up(None, false, &job).await.unwrap_err();
    assert_eq!(error.code(), Code::NoBackupAction);
    assert!(error.to_string().contains("New, version 0.2.0"), "{error}");
    assert!(error.advice().unwrap().contains("cfms-backup serve"));
    drop(remote);
    server.is_over().await;
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_told_in_the_servers_words() {
    for (code, data, message, expected, words) in [
        (403, json!({}), "Access denied", Code::AccessDenied, "Access denied"),
        (400, json!({}), "Unknown action: generate_backup", Code::NoBackupAction, "version 0.0.1.250521"),
        (
            500,
            json!({"error": "disk\u{1b}[2J full"}),
            "Failed to generate backup",
            Code::ServerRefused,
            "Failed to generate backup: disk\\u{1b}[2J full",
        ),
        (409, json!({}), "A backup is running", Code::ServerBusy, "A backup is running"),
        (
            400,
            json!({"error": "x exists already", "code": "already_exists"}),
            "Failed",
            Code::ServerBusy,
            "exists already",
        ),
        (429, json!({}), "Too many backups", Code::ServerBusy, "Too many backups"),
        (500, json!({"code": "server_busy"}), "Try again", Code::ServerBusy, "cannot do that now: Try again"),
        (401, json!({}), "Invalid token", Code::SessionEnded, "ended the session of admin"),
        (999, json!({}), "lockdown", Code::Lockdown, "locked down"),
        (418, json!({}), "teapot", Code::ServerRefused, "teapot (418)"),
    ] {
        let server = Scripted::real(move |mut wire| async move {
            wire.let_in("t1").await;
            wire.expect("generate_backup").await;
            wire.answer_in_words(code, data, message).await;
            wire.expect_end().await;
        });
        let job = silent();
        let mut remote = server.entered(&job).await;
        let error = remote.back_up(None, false, &job).await.unwrap_err();
        assert_eq!(error.code(), expected, "{error}");
        assert!(error.to_string().contains(words), "{error}");
        drop(remote);
        server.is_over().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_backup_is_never_asked_for_twice() {
    for close in [1009, 1011, 1000] {
        let server = Scripted::real(move |mut wire| async move {
            wire.let_in("t1").await;
            wire.expect("generate_backup").await;
            sleep(Duration::from_secs(30)).await;
            wire.close(close).await;
        });
        // Were it asked again, this line would be made.
        let job = silent();
        let mut remote = server.entered(&job).await;
        let error = remote.back_up(None, false, &job).await.unwrap_err();
        let expected = if close == 1009 { Code::OutcomeUnclear } else { Code::OutcomeUnknown };
        assert_eq!(error.code(), expected, "{error}");
        server.is_over().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_line_that_broke_while_nobody_asked_is_made_again_before_a_backup() {
    let server = Scripted::real(|mut wire| async move {
        wire.let_in("t1").await;
        wire.close(1011).await;
    });
    server.then(|mut wire| async move {
        assert_eq!(wire.expect("generate_backup").await["token"], "t1");
        wire.answer(200, generated()).await;
    });
    let job = silent();
    let mut remote = server.entered(&job).await;
    sleep(Duration::from_secs(60)).await;
    remote.back_up(None, false, &job).await.unwrap();
    drop(remote);
    server.is_over().await;
}

#[tokio::test(start_paused = true)]
async fn the_server_is_said_to_work_only_once_there_is_a_line_to_ask_it_over() {
    let server = Scripted::real(|mut wire| async move {
        wire.let_in("t1").await;
        wire.close(1011).await;
    });
    server.then_raw(|stream| async move { drop(stream) });
    server.then(|mut wire| async move {
        wire.expect("generate_backup").await;
        wire.answer(200, generated()).await;
    });
    let (job, told) = watched();
    let mut remote = server.entered(&job).await;
    sleep(Duration::from_secs(60)).await;
    remote.back_up(None, false, &job).await.unwrap();
    let told: Vec<_> = told
        .lock()
        .unwrap()
        .iter()
        .filter_map(|event| match event {
            Event::Connection { state, .. } => Some(format!("{state:?}")),
            Event::Phase { phase, .. } => Some(format!("{phase:?}")),
            _ => None,
        })
        .collect();
    assert_eq!(told, ["Connect", "Lost", "Found", "ServerWork"]);
    drop(remote);
    server.is_over().await;
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_taken_there_is_told_as_such() {
    for code in ["already_exists", "name_busy"] {
        let server = Scripted::real(move |mut wire| async move {
            wire.let_in("t1").await;
            assert_eq!(wire.expect("generate_backup").await["data"]["backup_name"], "monday");
            wire.answer_in_words(400, json!({"error": "it is there", "code": code}), "Failed").await;
            wire.expect_end().await;
        });
        let job = silent();
        let mut remote = server.entered(&job).await;
        let error = remote.back_up(Some(&monday()), false, &job).await.unwrap_err();
        assert_eq!(error.code(), Code::NameTakenOnServer, "{error}");
        assert_eq!(error.params()["name"], "monday");
        drop(remote);
        server.is_over().await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_safe_to_repeat_is_repeated_and_the_break_is_told() {
    let server = Scripted::real(|mut wire| async move {
        wire.expect("login").await;
        // Half a message, then gone.
        drip(&mut wire, b"\x81\x7e\x01\x00{\"code\": 2").await;
    });
    server.then_raw(|stream| async move { drop(stream) });
    server.then(|mut wire| async move {
        wire.let_in("t1").await;
        wire.expect_end().await;
    });
    let (job, told) = watched();
    let mut remote = server.called(&job).await.unwrap();
    let begun = Instant::now();
    sign_in(&mut remote, &job).await.unwrap();
    assert_eq!(begun.elapsed().as_secs(), 3, "a pause of 1 s, then one of 2 s");
    let lines: Vec<_> = told
        .lock()
        .unwrap()
        .iter()
        .filter_map(|event| match event {
            Event::Connection { state, .. } => Some(*state),
            _ => None,
        })
        .collect();
    assert_eq!(lines, [Line::Lost, Line::Found]);
    drop(remote);
    server.is_over().await;
}

#[tokio::test(start_paused = true)]
async fn a_line_that_stays_broken_is_given_up_after_a_minute() {
    let server = Scripted::real(|wire| async move { drop(wire) });
    let job = silent();
    let mut remote = server.called(&job).await.unwrap();
    let begun = Instant::now();
    let error = sign_in(&mut remote, &job).await.unwrap_err();
    assert_eq!(error.code(), Code::ServerUnreachable, "{error}");
    assert_eq!(begun.elapsed().as_secs(), 60);
}

#[tokio::test(start_paused = true)]
async fn a_backup_can_be_cancelled_while_the_server_says_nothing() {
    let server = Scripted::that_is(real_info(), |mut wire| async move {
        wire.let_in("t1").await;
        wire.expect("generate_backup").await;
        wire.expect_end().await;
    });
    let (job, _) = watched();
    let mut remote = server.entered(&job).await;
    let canceller = job.canceller();
    tokio::spawn(async move {
        sleep(Duration::from_secs(3600)).await;
        canceller.cancel();
    });
    // The token is renewed meanwhile, which nobody answers here.
    let begun = Instant::now();
    assert_eq!(remote.back_up(None, false, &job).await.unwrap_err().code(), Code::Cancelled);
    assert!((3600..3602).contains(&begun.elapsed().as_secs()));
    drop(remote);
    server.is_over().await;
}

#[tokio::test(start_paused = true)]
async fn another_backup_than_the_one_that_was_asked_for_is_not_taken() {
    for (archive, key) in [
        ("./content/backups/tuesday.cfms.enc", "./content/backups/tuesday.key"),
        ("./content/backups/monday.cfms.enc", "./content/backups/tuesday.key"),
        ("./content/backups/monday.cfms.enc", "./content/backups/monday"),
        ("./content/backups/monday", "./content/backups/monday.key"),
        ("", ""),
        ("./..cfms.enc", "./..key"),
    ] {
        for asked in [Some(monday()), None] {
            // Whatever a server that chooses itself calls it, is right, as long as it is a name.
            if asked.is_none() && archive.contains("tuesday") {
                continue;
            }
            let server = Scripted::real(move |mut wire| async move {
                wire.let_in("t1").await;
                wire.expect("generate_backup").await;
                let mut generated = generated();
                (generated["archive_path"], generated["key_path"]) = (archive.into(), key.into());
                wire.answer(200, generated).await;
            });
            let job = silent();
            let mut remote = server.entered(&job).await;
            let error = remote.back_up(asked.as_ref(), false, &job).await.unwrap_err();
            assert_eq!(error.code(), Code::OutcomeUnclear, "{archive} {key}: {error}");
            drop(remote);
            server.is_over().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_odd_answer_to_a_backup_is_quoted_and_says_that_one_may_have_been_made() {
    let cases = [
        (
            json!({"code": 200, "data": {"archive": "a\u{1b}"}, "message": ""}),
            "another shape (“{\"archive\":\"a\\u001b\"}”)",
        ),
        (json!({"code": 200, "data": {"archive": "x".repeat(2 << 20)}, "message": ""}), "larger than 1 MiB"),
        (json!([]), "another shape (“[]”)"),
    ];
    for (answer, words) in cases {
        let server = Scripted::real(move |mut wire| async move {
            wire.let_in("t1").await;
            wire.expect("generate_backup").await;
            wire.send_json(answer).await;
        });
        let job = silent();
        let mut remote = server.entered(&job).await;
        let error = remote.back_up(None, false, &job).await.unwrap_err();
        let (told, advice) = (error.to_string(), error.advice().unwrap());
        assert_eq!(error.code(), Code::OutcomeUnclear, "{told}");
        assert!(told.contains("may have made a backup") && told.contains(words), "{told}");
        assert!(advice.contains("content/backups") && advice.contains("readable by every user"), "{advice}");
        drop(remote);
        server.is_over().await;
    }
}
