//! A server that is locked down locks its agent, too.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::served::{Client, Ground, PASSWORD, Served, User};

#[tokio::test]
async fn while_the_server_is_locked_down_only_who_may_bypass_that_enters_and_acts() {
    for is_later in [false, true] {
        let server = Scripted::new(is_later, Mood::LockedDown(false)).await;
        let served = beside(server.address.port());
        let (mut client, guest) = served.sign_in("guest").await;
        *server.mood.lock().unwrap() = Mood::LockedDown(true);
        until_refused(&mut client, &guest).await;
        assert_eq!(client.ask("server_info", json!({})).await["data"]["lockdown"], true, "later framing: {is_later}");
        for action in ["generate_backup", "register_listener", "refresh_token"] {
            let answer = client.ask_as(&guest, action, json!({})).await;
            assert_eq!((&answer["code"], &answer["message"]), (&json!(999), &json!("lockdown")), "{action}: {answer}");
        }
        let mut newcomer = served.connect().await;
        let answer = newcomer.login("guest", PASSWORD).await;
        assert_eq!((&answer["code"], &answer["message"]), (&json!(999), &json!("lockdown")), "{answer}");
        assert_eq!(answer["data"], json!({}), "there is no token");
        assert_eq!(newcomer.login("guest", "wrong").await["code"], 401, "a lockdown tells no guesser anything");
        let admin = client.sign_in("admin").await;
        client.back_up(&admin, "in-need").await;
    }
}

#[tokio::test]
async fn a_server_that_is_not_locked_down_or_not_running_locks_nothing() {
    let server = Scripted::new(false, Mood::LockedDown(false)).await;
    for port in [server.address.port(), super::served::unused_port()] {
        let served = beside(port);
        let (mut client, guest) = served.sign_in("guest").await;
        assert_eq!(client.ask("server_info", json!({})).await["data"]["lockdown"], false);
        client.back_up(&guest, "b").await;
    }
}

#[tokio::test]
async fn of_a_server_that_has_never_said_whether_it_is_locked_down_the_worse_is_taken() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let garbled = Scripted::new(false, Mood::Garbled).await;
    for address in [silent.local_addr().unwrap(), garbled.address] {
        let served = beside(address.port());
        let mut client = served.connect().await;
        let answer = client.login("guest", PASSWORD).await;
        assert_eq!((&answer["code"], &answer["data"]), (&json!(500), &json!({})), "{answer}");
        assert!(answer["message"].as_str().unwrap().contains("does not say whether it is locked down"), "{answer}");
        assert_eq!(client.ask("server_info", json!({})).await["data"]["lockdown"], true);
        let admin = client.sign_in("admin").await;
        client.back_up(&admin, "in-need").await;
        assert_eq!(served.backups(), ["in-need.cfms.enc", "in-need.key"]);
    }
}

#[tokio::test]
async fn a_lockdown_holds_while_the_server_is_too_busy_to_answer_and_ends_with_it() {
    let server = Scripted::new(false, Mood::LockedDown(false)).await;
    let served = beside(server.address.port());
    let (mut client, guest) = served.sign_in("guest").await;
    *server.mood.lock().unwrap() = Mood::LockedDown(true);
    until_refused(&mut client, &guest).await;
    *server.mood.lock().unwrap() = Mood::Silent;
    while server.unanswered.load(Ordering::Relaxed) == 0 {
        assert_eq!(client.ask_as(&guest, "register_listener", json!({})).await["code"], 999);
    }
    server.end().await;
    let begun = Instant::now();
    while client.ask_as(&guest, "register_listener", json!({})).await["code"] == 999 {
        assert!(begun.elapsed() < Duration::from_secs(30), "the server is gone, and its lockdown with it");
    }
    client.back_up(&guest, "b").await;
}

/// Asks until the agent knows of a lockdown: what the server has said is good for a moment.
async fn until_refused(client: &mut Client, user: &User) {
    let begun = Instant::now();
    while client.ask_as(user, "refresh_token", json!({})).await["code"] != 999 {
        assert!(begun.elapsed() < Duration::from_secs(30), "the server says that it is locked down");
    }
}

/// An agent beside the server that listens on `port`. The guest may make backups, and nothing during a lockdown.
fn beside(port: u16) -> Served {
    let ground = Ground::new();
    let from = configured_port(&ground);
    ground.configure(&from, &format!("port = {port}"));
    ground.change(
        "INSERT INTO user_permissions (username, permission, granted, start_time) VALUES ('guest', 'manage_system', 1, 0)",
    );
    ground.serve(&[])
}

fn configured_port(ground: &Ground) -> String {
    let text = std::fs::read_to_string(ground.root.join("config.toml")).unwrap();
    text.lines().find(|line| line.starts_with("port = ")).unwrap().to_owned()
}

/// How a server behaves.
#[derive(Clone, Copy)]
enum Mood {
    LockedDown(bool),
    /// It accepts, and is too busy for more.
    Silent,
    /// It answers what is no answer.
    Garbled,
}

/// A server that answers `server_info` alone, as a real one of either framing does.
struct Scripted {
    address: SocketAddr,
    mood: Arc<Mutex<Mood>>,
    /// Connections that were left without an answer, and have been given up.
    unanswered: Arc<AtomicUsize>,
    work: JoinHandle<()>,
}

impl Scripted {
    async fn new(is_later: bool, mood: Mood) -> Self {
        let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::Pkcs8(pair.signing_key.serialize_der().into());
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![pair.cert.der().clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (mood, unanswered) = (Arc::new(Mutex::new(mood)), Arc::default());
        let (moods, count) = (Arc::clone(&mood), Arc::clone(&unanswered));
        let work = tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let (acceptor, mood, count) = (acceptor.clone(), *moods.lock().unwrap(), Arc::clone(&count));
                tokio::spawn(talk(tcp, acceptor, is_later, mood, count));
            }
        });
        Self { address, mood, unanswered, work }
    }

    /// Nobody listens any more.
    async fn end(self) {
        self.work.abort();
        assert!(self.work.await.unwrap_err().is_cancelled());
    }
}

async fn talk(mut tcp: TcpStream, acceptor: TlsAcceptor, is_later: bool, mood: Mood, unanswered: Arc<AtomicUsize>) {
    let is_locked_down = match mood {
        Mood::LockedDown(is_locked_down) => is_locked_down,
        Mood::Garbled => false,
        Mood::Silent => {
            let mut bytes = [0; 1024];
            while tcp.read(&mut bytes).await.is_ok_and(|read| read > 0) {}
            unanswered.fetch_add(1, Ordering::Relaxed);
            return;
        }
    };
    let mut socket = tokio_tungstenite::accept_async(acceptor.accept(tcp).await.unwrap()).await.unwrap();
    let data = json!({ "server_name": "s", "version": "1", "protocol_version": 3, "lockdown": is_locked_down });
    let mut answer = json!({ "code": 200, "data": data, "message": "Success", "timestamp": 1.5 }).to_string();
    if matches!(mood, Mood::Garbled) {
        answer.truncate(20);
    }
    // A broadcast that says something else answers nothing.
    let broadcast = json!({ "action": "lockdown", "status": !is_locked_down }).to_string();
    match (socket.next().await.unwrap().unwrap(), is_later) {
        (Message::Binary(frame), true) => {
            assert_eq!(&frame[..5], [0, 0, 0, 1, 0]);
            let framed = [&frame[..4], &[1], answer.as_bytes()].concat();
            socket.send(Message::binary(framed)).await.unwrap();
        }
        (Message::Text(_), false) => {
            socket.send(Message::binary(broadcast.into_bytes())).await.unwrap();
            socket.send(Message::text(answer)).await.unwrap();
        }
        (Message::Binary(_), false) => {
            let frame = CloseFrame { code: CloseCode::Normal, reason: "".into() };
            let _ = socket.close(Some(frame)).await;
        }
        // A later server is silent on what has no header.
        _ => {}
    }
    while let Some(Ok(_)) = socket.next().await {}
}
