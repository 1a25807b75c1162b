//! What is no CFMS server, or speaks like none.

use cfms_backup::Code;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;

use super::scripted::{Scripted, Wire, real_info, sign_in, silent};

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_not_in_the_protocol_is_quoted_short_and_clean() {
    let long = "x".repeat(3000);
    let cases: Vec<(Message, &str, &str)> = vec![
        (Message::text("<html>\r\n\u{1b}[2J\u{202e}"), "is not JSON", "“<html>\\r\\n\\u{1b}[2J\\u{202e}”"),
        (Message::text(""), "is not JSON", ""),
        (Message::text("[]"), "another shape", "“[]”"),
        (Message::text("\"ready\""), "another shape", "“\"ready\"”"),
        (Message::text(json!({"code": "200", "message": "x"}).to_string()), "another shape", "\"200\""),
        (Message::text(json!({"message": "x"}).to_string()), "another shape", "message"),
        (Message::text(long.clone()), "is not JSON", "x…”"),
        (Message::binary(vec![0, 0, 0, 1, 0]), "is not JSON", "\\u{1}"),
        (Message::text("{".repeat(100_000)), "", "…”"),
        (Message::text(format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000))), "", "…”"),
        (Message::text(json!({"code": "x", "token": "hunter2"}).to_string()), "another shape", ""),
    ];
    for (message, problem, quoted) in cases {
        let server = Scripted::real(move |mut wire| async move {
            wire.expect("login").await;
            wire.send(message).await;
            wire.expect_end().await;
        });
        let job = silent();
        let mut remote = server.called(&job).await.unwrap();
        let error = sign_in(&mut remote, &job).await.unwrap_err();
        let told = error.to_string();
        assert_eq!(error.code(), Code::Protocol, "{told}");
        assert!(told.contains(problem) && told.contains(quoted) && told.len() < 400, "{told}");
        assert!(!told.chars().any(char::is_control) && !told.contains("hunter2"), "{told:?}");
        drop(remote);
        server.is_over().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_gigantic_message_is_refused_at_its_announcement() {
    for announced in [1024 * 1024 + 1, u64::MAX / 2] {
        let server = Scripted::real(move |mut wire| async move {
            wire.expect("login").await;
            let mut header = vec![0x81, 127];
            header.extend(announced.to_be_bytes());
            wire.0.get_mut().write_all(&header).await.unwrap();
            wire.expect_end().await;
        });
        let job = silent();
        let mut remote = server.called(&job).await.unwrap();
        let error = sign_in(&mut remote, &job).await.unwrap_err();
        assert_eq!(error.code(), Code::Protocol, "{error}");
        assert!(error.to_string().contains("larger than 1 MiB"), "{error}");
        drop(remote);
        server.is_over().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_in_endless_pieces_is_refused_too() {
    let server = Scripted::real(|mut wire| async move {
        wire.expect("login").await;
        let piece = [&[0x01, 126, 0xff, 0xff][..], &[b'x'; 0xffff]].concat();
        let next = [&[0x00, 126, 0xff, 0xff][..], &[b'x'; 0xffff]].concat();
        let stream = wire.0.get_mut();
        stream.write_all(&piece).await.unwrap();
        while stream.write_all(&next).await.is_ok() {}
    });
    let job = silent();
    let mut remote = server.called(&job).await.unwrap();
    assert_eq!(sign_in(&mut remote, &job).await.unwrap_err().code(), Code::Protocol);
    drop(remote);
    server.is_over().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_no_cfms_server_is_said_to_be_none() {
    let many = format!("HTTP/1.1 101 Switching Protocols\r\n{}\r\n", "X: y\r\n".repeat(500));
    let long = format!("HTTP/1.1 101 Switching Protocols\r\nX: {}", "y".repeat(200_000));
    let cases: [(&[u8], &str); 8] = [
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "like a web server, with HTTP 404"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "like a web server, with HTTP 200"),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: tea\r\n\r\n", ": it is a web server"),
        (b"HTTP/9 hello\r\n\r\n", ": it is a web server"),
        // The alert of a TLS server that was spoken to without.
        (b"\x15\x03\x03\x00\x02\x02\x32", "it speaks TLS: use wss://"),
        (b"SSH-2.0-OpenSSH_9.2p1\x1b\r\n\r\n", "“SSH-2.0-OpenSSH_9.2p1\\u{1b}”"),
        (many.as_bytes(), ": it is a web server"),
        (long.as_bytes(), ": it is a web server"),
    ];
    for (answer, words) in cases {
        let (answer, server) = (answer.to_vec(), Scripted::new());
        server.then_raw(move |mut stream| async move {
            let _ = stream.read(&mut [0; 1024]).await;
            // Who has read enough hangs up.
            let _ = stream.write_all(&answer).await;
            let _ = stream.read_to_end(&mut Vec::new()).await;
        });
        let error = server.called(&silent()).await.unwrap_err();
        assert_eq!(error.code(), Code::NotCfmsServer, "{error}");
        let told = error.to_string();
        assert!(told.contains(words) && !told.contains("httparse") && !told.chars().any(char::is_control), "{told:?}");
        server.is_over().await;
    }
}

/// How a line ends without an answer to a question.
#[derive(Clone, Copy)]
enum Break {
    AtTheHandshake,
    AtTheQuestion(u16),
}

/// Lines of a real server that break before it has said who it is.
fn breaks(server: &std::sync::Arc<Scripted>, how: Break) {
    let hang_up = |code| {
        move |mut wire: Wire| async move {
            use futures_util::StreamExt;
            wire.0.next().await;
            wire.close(code).await;
        }
    };
    match how {
        Break::AtTheHandshake => drop(server.then_raw(|stream| async move { drop(stream) })),
        Break::AtTheQuestion(code) => drop(server.then(hang_up(1000)).then(hang_up(code))),
    }
}

#[tokio::test(start_paused = true)]
async fn a_line_lost_before_a_server_has_said_who_it_is_is_made_again() {
    for how in [Break::AtTheHandshake, Break::AtTheQuestion(1011)] {
        let server = Scripted::new();
        breaks(&server, how);
        breaks(&server, how);
        server.then(|mut wire| async move { wire.close(1000).await });
        server.then(|mut wire| async move {
            wire.expect("server_info").await;
            wire.answer(200, real_info()).await;
            wire.expect_end().await;
        });
        let begun = Instant::now();
        let remote = server.called(&silent()).await.unwrap();
        assert_eq!(begun.elapsed().as_secs(), 3, "a pause of 1 s, then one of 2 s");
        drop(remote);
        server.is_over().await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_hangs_up_each_time_is_no_cfms_server_and_both_are_said() {
    for (how, words) in [
        (Break::AtTheHandshake, "it hangs up at a WebSocket handshake, each time"),
        (Break::AtTheQuestion(1008), "asked who it is, the server closed it (code 1008), each time"),
    ] {
        let server = Scripted::new();
        for _ in 0..5 {
            breaks(&server, how);
        }
        let error = server.called(&silent()).await.unwrap_err();
        assert_eq!(error.code(), Code::NotCfmsServer, "{error}");
        assert!(error.to_string().contains(words), "{error}");
        server.is_over().await;
    }
}

#[tokio::test(start_paused = true)]
async fn breaks_of_several_kinds_and_silence_are_a_lost_line_and_say_nothing_of_the_server() {
    let server = Scripted::new();
    for code in [1011, 1001, 1011, 1011, 1011] {
        breaks(&server, Break::AtTheQuestion(code));
    }
    let error = server.called(&silent()).await.unwrap_err();
    assert_eq!(error.code(), Code::ConnectionLost, "{error}");
    server.is_over().await;

    let server = Scripted::new();
    // Who said nothing twice is not waited for a third time.
    for _ in 0..2 {
        server.then_raw(|mut stream| async move { drop(stream.read_to_end(&mut Vec::new()).await) });
    }
    let called = tokio::time::Instant::now();
    let error = server.called(&silent()).await.unwrap_err();
    assert_eq!(error.code(), Code::ConnectionLost, "{error}");
    assert!(called.elapsed().as_secs() < 40, "{:?}", called.elapsed());
    server.is_over().await;
}

#[tokio::test(start_paused = true)]
async fn of_a_login_that_is_answered_oddly_the_names_are_quoted_and_no_values() {
    let server = Scripted::real(|mut wire| async move {
        wire.expect("login").await;
        wire.answer(200, json!({"jwt": "hunter2", "exp\u{1b}": 1})).await;
        wire.expect_end().await;
    });
    let job = silent();
    let mut remote = server.called(&job).await.unwrap();
    let error = sign_in(&mut remote, &job).await.unwrap_err();
    let told = format!("{error} {error:?}");
    assert_eq!(error.code(), Code::Protocol, "{told}");
    assert!(told.contains("jwt") && told.contains("exp\\u{1b}") && !told.contains("hunter2"), "{told}");
    drop(remote);
    server.is_over().await;
}

#[tokio::test(start_paused = true)]
async fn a_websocket_that_is_no_cfms_servers_is_said_to_be_none() {
    let answers: Vec<(Option<Value>, &str)> = vec![
        (Some(json!({"code": 400, "data": {}, "message": "Unknown action: server_info"})), "refuses to say who it is"),
        (Some(json!({"code": 200, "data": {"name": "chat"}, "message": ""})), "another shape (“{\"name\":\"chat\"}”)"),
        (Some(json!({"hello": "world"})), "another shape"),
        (None, "says nothing for 15 s"),
    ];
    for (answer, words) in answers {
        let server = Scripted::new();
        // Silent where it does not understand.
        server.then(|mut wire| async move {
            use futures_util::StreamExt;
            while let Some(Ok(_)) = wire.0.next().await {}
        });
        server.then(move |mut wire| async move {
            wire.expect("server_info").await;
            if let Some(answer) = answer {
                wire.send_json(answer).await;
            }
            wire.expect_end().await;
        });
        let error = server.called(&silent()).await.unwrap_err();
        assert_eq!(error.code(), Code::NotCfmsServer, "{error}");
        assert!(error.to_string().contains(words), "{error}");
        server.is_over().await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_server_calls_itself_moves_no_cursor() {
    let info = json!({"server_name": "a\u{1b}[2J\u{202e}", "version": "1\n2", "protocol_version": 3, "lockdown": true});
    let server = Scripted::that_is(info, |mut wire| async move { wire.expect_end().await });
    let remote = server.called(&silent()).await.unwrap();
    let facts = remote.facts();
    assert_eq!((facts.server_name.as_str(), facts.version.as_str()), ("a\\u{1b}[2J\\u{202e}", "1\\n2"));
    assert!(facts.lockdown);
    drop(remote);
    server.is_over().await;
}
