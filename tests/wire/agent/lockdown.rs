//! A server that is locked down locks its agent, too.

use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::served::Ground;

#[tokio::test]
async fn while_the_server_is_locked_down_only_who_may_bypass_that_acts() {
    for is_later in [false, true] {
        let server = server(is_later, true).await;
        let ground = Ground::new();
        let port = configured_port(&ground);
        ground.configure(&port, &format!("port = {}", server.port()));
        ground.change(
            "INSERT INTO user_permissions (username, permission, granted, start_time) VALUES ('guest', 'manage_system', 1, 0)",
        );
        let served = ground.serve(&[]);
        let (mut client, guest) = served.sign_in("guest").await;
        assert_eq!(client.ask("server_info", json!({})).await["data"]["lockdown"], true, "later framing: {is_later}");
        for action in ["generate_backup", "register_listener"] {
            let answer = client.ask_as(&guest, action, json!({})).await;
            assert_eq!((&answer["code"], &answer["message"]), (&json!(999), &json!("lockdown")), "{action}: {answer}");
        }
        assert_eq!(client.ask_as(&guest, "refresh_token", json!({})).await["code"], 200);
        let admin = client.sign_in("admin").await;
        client.back_up(&admin, "in-need").await;
    }
}

#[tokio::test]
async fn a_server_that_is_not_locked_down_or_does_not_answer_locks_nothing() {
    let server = server(false, false).await;
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    for port in [server.port(), silent.local_addr().unwrap().port(), super::served::unused_port()] {
        let ground = Ground::new();
        let from = configured_port(&ground);
        ground.configure(&from, &format!("port = {port}"));
        let served = ground.serve(&[]);
        let (mut client, user) = served.sign_in("admin").await;
        assert_eq!(client.ask("server_info", json!({})).await["data"]["lockdown"], false);
        client.back_up(&user, "b").await;
    }
}

fn configured_port(ground: &Ground) -> String {
    let text = std::fs::read_to_string(ground.root.join("config.toml")).unwrap();
    text.lines().find(|line| line.starts_with("port = ")).unwrap().to_owned()
}

/// A server that answers `server_info` alone, as a real one of either framing does.
async fn server(is_later: bool, is_locked_down: bool) -> SocketAddr {
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
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let mut socket = tokio_tungstenite::accept_async(acceptor.accept(tcp).await.unwrap()).await.unwrap();
                let data =
                    json!({ "server_name": "s", "version": "1", "protocol_version": 3, "lockdown": is_locked_down });
                let answer = json!({ "code": 200, "data": data, "message": "Success", "timestamp": 1.5 }).to_string();
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
            });
        }
    });
    address
}
