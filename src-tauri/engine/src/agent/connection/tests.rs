//! The clocks of a connection, on a simulated clock.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::DuplexStream;
use tokio::time::sleep;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::super::rights::tests::administrator;
use super::super::{Core, audit, backups, places, records, sign_in};
use super::*;
use crate::server_data::ServerData;

/// A client's end, and what the agent's end hangs on.
struct Line {
    client: WebSocketStream<DuplexStream>,
    connection: Option<Connection<DuplexStream>>,
    _stopping: watch::Sender<bool>,
    _folder: TempDir,
}

/// What an agent for a server in `folder` has, of which admin is the only user.
pub(in super::super) fn core(folder: &Path) -> Core {
    let database = rusqlite::Connection::open(folder.join("app.db")).unwrap();
    // printf 'Harbour-2026salt' | sha256sum
    let hash = "f65f73e06a59ab70ee9064bc7a97050f8b4b3dcee700bba0e9240e4ca16e7af1";
    database
        .execute_batch(&format!(
            "CREATE TABLE users (username TEXT, pass_hash TEXT, salt TEXT);
             INSERT INTO users VALUES ('admin', '{hash}', 'salt');
             CREATE TABLE user_groups (group_name TEXT);
             CREATE TABLE user_memberships (username TEXT, group_name TEXT, start_time REAL, end_time REAL);
             CREATE TABLE user_permissions (username TEXT, permission TEXT, granted, start_time REAL, end_time REAL);
             CREATE TABLE group_permissions (group_name TEXT, permission TEXT, granted, start_time REAL, end_time REAL);"
        ))
        .unwrap();
    let source = ServerData::open(folder).unwrap();
    // On the server's own port, so that nobody is asked about a lockdown.
    let sign_in = sign_in::SignIn::new(&source, ([127, 0, 0, 1], 5104).into()).unwrap();
    Core {
        server_name: "Test".to_owned(),
        backups: backups::Backups::new(source.root(), None, false),
        records: records::Records::open(folder).unwrap(),
        downloads: Default::default(),
        sign_in,
        audit: audit::Audit::open(folder, Box::new(|_| ())).unwrap(),
        source,
    }
}

async fn line() -> Line {
    let folder = tempfile::tempdir().unwrap();
    let core = core(folder.path());
    let (ours, theirs) = tokio::io::duplex(64 * 1024);
    let client = WebSocketStream::from_raw_socket(ours, Role::Client, None).await;
    let theirs = Meter::new(theirs, limits::STRANGERS_MESSAGE);
    let socket = WebSocketStream::from_raw_socket(theirs, Role::Server, Some(limits::websocket())).await;
    let (stopping, stopped) = watch::channel(false);
    let deadline = Instant::now() + limits::FIRST_REQUEST;
    let address = [127, 0, 0, 1].into();
    let place = places::Places::default().take(address).unwrap();
    let connection = Connection::new(Arc::new(core), socket, (place, address), stopped, deadline);
    Line { client, connection: Some(connection), _stopping: stopping, _folder: folder }
}

impl Line {
    /// Lets the agent's end talk.
    fn serve(&mut self) {
        tokio::spawn(self.connection.take().unwrap().serve());
    }

    async fn server_info(&mut self) {
        self.client.send(Message::text(json!({ "action": "server_info" }).to_string())).await.unwrap();
        loop {
            if let Message::Text(text) = self.client.next().await.unwrap().unwrap() {
                assert_eq!(serde_json::from_str::<Value>(&text).unwrap()["code"], 200);
                return;
            }
        }
    }

    /// Reads, and so answers pings, until the agent closes: the code, and after how long.
    async fn closed(&mut self) -> (u16, Duration) {
        let begun = Instant::now();
        loop {
            if let Message::Close(frame) = self.client.next().await.unwrap().unwrap() {
                return (frame.unwrap().code.into(), begun.elapsed());
            }
        }
    }
}

fn about(waited: Duration, seconds: u64) -> bool {
    (Duration::from_secs(seconds)..Duration::from_secs(seconds + 1)).contains(&waited)
}

#[tokio::test(start_paused = true)]
async fn who_asks_nothing_is_let_go_of_after_eight_seconds() {
    let mut line = line().await;
    line.serve();
    let (code, waited) = line.closed().await;
    assert!(code == 1008 && about(waited, 8), "{code} {waited:?}");
}

#[tokio::test(start_paused = true)]
async fn who_has_asked_and_not_signed_in_is_let_go_of_after_a_minute() {
    let mut line = line().await;
    line.serve();
    line.server_info().await;
    let (code, waited) = line.closed().await;
    assert!(code == 1008 && about(waited, 60), "{code} {waited:?}");
    let mut line = self::line().await;
    line.connection.as_mut().unwrap().user = Some(User::of(&administrator(), "token".into()));
    line.serve();
    line.server_info().await;
    let (code, waited) = line.closed().await;
    assert!(code == 1008 && about(waited, 3600), "one who has signed in, after an hour: {code} {waited:?}");
}

#[tokio::test(start_paused = true)]
async fn who_answers_no_ping_is_let_go_of_after_the_second() {
    let mut line = line().await;
    line.serve();
    line.server_info().await;
    // What is not read is not answered.
    sleep(Duration::from_secs(39)).await;
    assert!(matches!(line.client.next().await, Some(Ok(Message::Ping(_)))));
    let mut line = self::line().await;
    line.serve();
    line.server_info().await;
    sleep(Duration::from_secs(41)).await;
    assert_eq!(line.closed().await.0, 1011);
}

#[tokio::test(start_paused = true)]
async fn pings_are_sent_and_answered_during_an_hour_of_work() {
    let mut line = line().await;
    let mut connection = line.connection.take().unwrap();
    let work = tokio::spawn(async move {
        let done = connection.meanwhile(sleep(Duration::from_secs(3590))).await;
        assert!(done.is_ok(), "the connection is still there");
        connection.send(Message::text("done")).await.is_ok()
    });
    let (mut pings, mut pongs) = (0, 0);
    loop {
        match line.client.next().await.unwrap().unwrap() {
            Message::Ping(_) => {
                pings += 1;
                line.client.send(Message::Ping(Bytes::from_static(b"from the client"))).await.unwrap();
            }
            Message::Pong(_) => pongs += 1,
            Message::Text(text) => break assert_eq!(text, "done"),
            other => panic!("{other:?}"),
        }
    }
    assert!(work.await.unwrap());
    assert!(pings == 179 && pongs == 179, "{pings} {pongs}");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_nothing_is_let_go_of_after_a_minute() {
    let mut line = line().await;
    let mut connection = line.connection.take().unwrap();
    let begun = Instant::now();
    let outcome = connection.send(Message::binary(vec![7; 1024 * 1024])).await;
    assert!(matches!(outcome, Err(Gone(None))) && about(begun.elapsed(), 60), "{:?}", begun.elapsed());
}
