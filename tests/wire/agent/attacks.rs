//! Clients that mean harm, or do it.

use std::fs;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use super::served::{Ground, Served, tcp_from, tls, tls_over};

#[tokio::test]
async fn a_thousand_messages_of_junk_leave_it_serving() {
    let served = Served::new();
    let mut seed = 1_u64;
    let mut next = move || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize
    };
    for n in 0..1000 {
        let mut client = served.connect().await;
        let bytes: Vec<u8> = (0..next() % 300).map(|_| next() as u8).collect();
        let message = match n % 4 {
            0 => Message::binary(bytes),
            1 => Message::text(String::from_utf8_lossy(&bytes).into_owned()),
            2 => Message::text(format!("{{\"action\": {:?}, \"data\": {n}}}", String::from_utf8_lossy(&bytes))),
            _ => Message::text(
                json!({ "action": "login", "data": { "username": [n], "password": { "x": n } } }).to_string(),
            ),
        };
        client.socket.send(message).await.unwrap();
        // An answer, or the end; never silence.
        let heard = timeout(Duration::from_secs(10), client.socket.next()).await.expect("no silence");
        assert!(!matches!(heard, Some(Ok(Message::Ping(_)))), "{n}");
    }
    served.sign_in("admin").await;
}

#[tokio::test]
async fn two_hundred_silent_and_dribbling_clients_are_let_go_of_and_keep_nobody_waiting() {
    let served = Served::new();
    let address = served.address;
    let mut others = Vec::new();
    for n in 0..200 {
        others.push(tokio::spawn(async move {
            let begun = Instant::now();
            // Of one address there may not be so many.
            let tcp = tcp_from(2 + n / 4 % 5, address).await.unwrap();
            match n % 4 {
                // Nothing at all.
                0 => read_to_end(tcp).await,
                // TLS, and then nothing.
                1 => read_to_end(tls_over(tcp).await.unwrap()).await,
                // A handshake that takes for ever.
                2 => {
                    let mut stream = tls_over(tcp).await.unwrap();
                    let request =
                        b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Filler: ".iter().chain(std::iter::repeat(&b'x'));
                    for byte in request {
                        if stream.write_all(&[*byte]).await.is_err() || stream.flush().await.is_err() {
                            break;
                        }
                        let mut end = [0; 64];
                        if timeout(Duration::from_millis(100), stream.read(&mut end))
                            .await
                            .is_ok_and(|read| read.unwrap_or(0) == 0)
                        {
                            break;
                        }
                    }
                }
                // A WebSocket over which never comes a whole message.
                _ => {
                    let stream = tls_over(tcp).await.unwrap();
                    let (mut socket, _) = tokio_tungstenite::client_async("wss://localhost/", stream).await.unwrap();
                    // A masked text of 100 bytes, of which only the header is sent.
                    let _ = socket.get_mut().write_all(&[0x81, 0xe4, 1, 2, 3, 4]).await;
                    let _ = socket.get_mut().flush().await;
                    while let Some(Ok(_)) = socket.next().await {}
                }
            }
            begun.elapsed()
        }));
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let begun = Instant::now();
    served.sign_in("admin").await;
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    for waited in join_all(others).await {
        let waited = waited.unwrap();
        assert!(waited < Duration::from_secs(10), "{waited:?}");
    }
    served.sign_in("admin").await;
}

async fn read_to_end(mut stream: impl AsyncReadExt + Unpin) {
    let mut bytes = [0; 64];
    while stream.read(&mut bytes).await.is_ok_and(|read| read > 0) {}
}

#[tokio::test]
async fn strangers_who_take_every_place_keep_nobody_out() {
    let served = Served::new();
    let (mut early, user) = served.sign_in("admin").await;
    let mut strangers = Vec::new();
    for n in 0..600_u16 {
        strangers.push(tcp_from(2 + (n % 10) as u8, served.address).await.unwrap());
    }
    let (mut late, _) = served.sign_in("admin").await;
    for client in [&mut early, &mut late] {
        assert_eq!(client.ask_as(&user, "refresh_token", json!({})).await["code"], 200);
    }
    // The oldest had to leave; that they are not all gone shows that there is a crowd still.
    let first = timeout(Duration::from_secs(5), strangers[0].read(&mut [0])).await.expect("it was let go of");
    assert!(!first.is_ok_and(|read| read > 0));
    assert!(timeout(Duration::from_millis(1), strangers[599].read(&mut [0])).await.is_err());
}

#[tokio::test]
async fn who_may_not_back_up_holds_no_place_by_signing_in() {
    let served = Served::new();
    let (_first, guest) = served.sign_in("guest").await;
    let mut crowd = Vec::new();
    // One more than strangers of an address may be.
    for _ in 0..65 {
        let mut client = served.connect_from(2).await;
        assert_eq!(client.ask_as(&guest, "refresh_token", json!({})).await["code"], 200);
        crowd.push(client);
    }
    assert_eq!(crowd[0].closed().await.map(|frame| u16::from(frame.code)), Some(1013));
    assert_eq!(crowd[1].ask_as(&guest, "refresh_token", json!({})).await["code"], 200);
}

#[tokio::test]
async fn a_user_has_eight_connections_and_the_oldest_makes_room() {
    let served = Served::new();
    let (mut oldest, admin) = served.sign_in("admin").await;
    let mut others = Vec::new();
    for n in 0..8 {
        let mut client = served.connect_from(2 + n).await;
        assert_eq!(client.ask_as(&admin, "refresh_token", json!({})).await["code"], 200);
        others.push(client);
    }
    assert_eq!(oldest.closed().await.map(|frame| u16::from(frame.code)), Some(1013));
    for client in &mut others {
        assert_eq!(client.ask_as(&admin, "refresh_token", json!({})).await["code"], 200);
    }
}

#[tokio::test]
async fn a_stranger_may_not_send_what_a_user_may() {
    let served = Served::new();
    let long = |size: usize| json!({ "action": "x".repeat(size) }).to_string();
    let mut stranger = served.connect().await;
    stranger.say(&long(64 * 1024 - 100)).await;
    assert_eq!(stranger.answer().await["code"], 400);
    stranger.say(&long(64 * 1024)).await;
    assert_eq!(stranger.closed().await.map(|frame| u16::from(frame.code)), Some(1009));

    // A masked text of 1 MiB, of which less than a half comes, and never more.
    let stream = tls(served.address).await.unwrap();
    let (mut socket, _) = tokio_tungstenite::client_async("wss://localhost/", stream).await.unwrap();
    socket.get_mut().write_all(&[0x81, 0xff, 0, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0]).await.unwrap();
    socket.get_mut().write_all(&[b' '; 400 * 1024]).await.unwrap();
    socket.get_mut().flush().await.unwrap();
    let heard = timeout(Duration::from_secs(5), socket.next()).await.expect("at once").unwrap().unwrap();
    assert!(matches!(heard, Message::Close(Some(frame)) if u16::from(frame.code) == 1009));

    let (mut client, _) = served.sign_in("admin").await;
    client.say(&long(1024 * 1024 - 100)).await;
    assert_eq!(client.answer().await["code"], 400, "a message of almost 1 MiB is one");
}

#[tokio::test]
async fn a_hundred_logins_at_once_stay_within_the_memory_of_two_hashes() {
    let ground = Ground::new();
    ground.with_argon2();
    let served = ground.serve(&[]);
    let logins = (0..100).map(|n| {
        let served = &served;
        async move {
            // Users that there are, and such that there are not: each costs a hash, as long as the address may try.
            let name = if n % 3 > 0 { format!("stranger-{n}") } else { "lin.wei".to_owned() };
            let mut client = served.connect_from(2 + n % 2).await;
            client.login(&name, "wrong").await["code"].as_i64().unwrap()
        }
    });
    let codes = join_all(logins).await;
    assert_eq!(codes.iter().filter(|code| **code == 401).count(), 2 * 20, "an address has twenty attempts");
    assert_eq!(codes.iter().filter(|code| **code == 429).count(), 60);
    let status = fs::read_to_string(format!("/proc/{}/status", served.pid())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(peak < (2 * 64 + 48) * 1024, "{peak} KiB");
}

#[tokio::test]
async fn a_gigantic_frame_is_refused_before_it_is_sent() {
    let served = Served::new();
    let stream = tls(served.address).await.unwrap();
    let (mut socket, _) = tokio_tungstenite::client_async("wss://localhost/", stream).await.unwrap();
    // The header of a masked frame of 2^62 bytes.
    socket.get_mut().write_all(&[0x81, 0xff, 0x40, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4]).await.unwrap();
    socket.get_mut().flush().await.unwrap();
    let heard = timeout(Duration::from_secs(5), socket.next()).await.expect("at once").unwrap().unwrap();
    let Message::Close(Some(frame)) = heard else { panic!("{heard:?}") };
    assert_eq!(u16::from(frame.code), 1009);
}
