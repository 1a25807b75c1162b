//! An agent that runs, and a client that believes everything and says what it is told to say.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use rusqlite::Connection;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{ClientConfig, DigitallySignedStruct, Error as TlsError, SignatureScheme};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

/// The password of every account of the demonstration server.
pub(crate) const PASSWORD: &str = "Harbour-2026";
/// How long a test waits before it fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// A demonstration server with an agent beside it. Both are gone with this.
pub(crate) struct Served {
    folder: TempDir,
    pub(crate) root: PathBuf,
    pub(crate) address: SocketAddr,
    pub(crate) fingerprint: String,
    child: Child,
    errors: Option<JoinHandle<String>>,
}

/// A demonstration server without an agent yet.
pub(crate) struct Ground {
    folder: TempDir,
    pub(crate) root: PathBuf,
}

impl Ground {
    /// With contents of about that size (`256K`, `64M`).
    pub(crate) fn of_size(size: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("cfms-wire-").tempdir().unwrap();
        let root = folder.path().join("server");
        let made = Command::new(program()).args(["demo", "--quiet", "--size", size]).arg(&root).status().unwrap();
        assert!(made.success());
        let ground = Self { folder, root };
        // Nobody listens there: the agent asks the server about a lockdown.
        ground.configure("port = 5104", &format!("port = {}", unused_port()));
        ground
    }

    /// A small one.
    pub(crate) fn new() -> Self {
        Self::of_size("256K")
    }

    /// Changes the server's database.
    pub(crate) fn change(&self, sql: &str) -> &Self {
        // As servers do it, who do not enforce foreign keys.
        let connection = Connection::open(self.root.join("app.db")).unwrap();
        connection.execute_batch("PRAGMA foreign_keys = OFF").unwrap();
        connection.execute_batch(sql).unwrap();
        self
    }

    /// Changes the server's configuration.
    pub(crate) fn configure(&self, from: &str, to: &str) -> &Self {
        let path = self.root.join("config.toml");
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{text}");
        fs::write(path, text.replace(from, to)).unwrap();
        self
    }

    /// Makes the passwords argon2id hashes, as later servers have them.
    pub(crate) fn with_argon2(&self) -> &Self {
        // By argon2-cffi, with a later server's parameters, of `Harbour-2026`.
        self.change(
            "ALTER TABLE users DROP COLUMN salt;
             UPDATE users SET pass_hash = '$argon2id$v=19$m=65536,t=3,p=4$s5ZUK2Q0Rmk6G0X8P8/BoA$7z0WuvEuy9J3YADEZGQ6KN7zP2sL/+Ymlm+47bqDEZQ';",
        )
    }

    /// Starts an agent for it.
    pub(crate) fn serve(self, more: &[&str]) -> Served {
        let (child, address, fingerprint, errors) = start(&self.root, self.folder.path(), more);
        Served { folder: self.folder, root: self.root, address, fingerprint, child, errors: Some(errors) }
    }
}

type Started = (Child, SocketAddr, String, JoinHandle<String>);

fn start(root: &Path, folder: &Path, more: &[&str]) -> Started {
    let mut command = Command::new(program());
    command.args(["serve", "--json", "--listen", "127.0.0.1:0", "--data-dir"]).arg(root);
    command.arg("--state-dir").arg(folder.join("state")).args(more);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // Read all the time, or the agent would wait until somebody does.
    let mut stderr = child.stderr.take().unwrap();
    let errors = std::thread::spawn(move || {
        let mut text = String::new();
        let _ = stderr.read_to_string(&mut text);
        text
    });
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let first: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
    let address = first["listening"].as_str().unwrap().strip_prefix("wss://").unwrap().parse().unwrap();
    (child, address, first["fingerprint"].as_str().unwrap().to_owned(), errors)
}

impl Served {
    /// Over the smallest demonstration server.
    pub(crate) fn new() -> Self {
        Ground::new().serve(&[])
    }

    /// Where the agent keeps its own.
    pub(crate) fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// A path beside the server.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The names in the folder of backups.
    pub(crate) fn backups(&self) -> Vec<String> {
        let entries = fs::read_dir(self.root.join("content/backups")).into_iter().flatten();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// The process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Connects a client.
    pub(crate) async fn connect(&self) -> Client {
        self.connect_from(1).await
    }

    /// Connects a client from 127.0.0.`host`.
    pub(crate) async fn connect_from(&self, host: u8) -> Client {
        let socket = timeout(PATIENCE, websocket(host, self.address)).await.expect("the agent accepts in time");
        Client { socket, broadcasts: Vec::new() }
    }

    /// Connects a client that has signed in.
    pub(crate) async fn sign_in(&self, username: &str) -> (Client, User) {
        let mut client = self.connect().await;
        let user = client.sign_in(username).await;
        (client, user)
    }

    /// Sends a signal and waits for the end: the exit code, and what was said on standard error.
    pub(crate) fn end(&mut self, signal: &str) -> (Option<i32>, String) {
        let sent = Command::new("kill").args(["-s", signal, &self.pid().to_string()]).status().unwrap();
        assert!(sent.success());
        let code = self.child.wait().unwrap().code();
        (code, self.errors.take().map(|errors| errors.join().unwrap()).unwrap_or_default())
    }

    /// Starts the agent again, after its end.
    pub(crate) fn restart(&mut self) {
        let (child, address, fingerprint, errors) = start(&self.root, self.folder.path(), &[]);
        (self.child, self.address, self.fingerprint, self.errors) = (child, address, fingerprint, Some(errors));
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Somebody who has signed in.
#[derive(Debug, Clone)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) token: String,
}

/// A connection of a client.
pub(crate) struct Client {
    pub(crate) socket: WebSocketStream<TlsStream<TcpStream>>,
    /// The binary messages that came between answers.
    pub(crate) broadcasts: Vec<Vec<u8>>,
}

impl Client {
    /// Sends a text as it is.
    pub(crate) async fn say(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.unwrap();
    }

    /// The next message that is no ping.
    pub(crate) async fn hear(&mut self) -> Message {
        loop {
            let message = timeout(PATIENCE, self.socket.next()).await.expect("an answer in time");
            match message.expect("a message").expect("a whole message") {
                Message::Ping(_) | Message::Pong(_) => {}
                message => return message,
            }
        }
    }

    /// The next answer.
    pub(crate) async fn answer(&mut self) -> Value {
        loop {
            match self.hear().await {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                Message::Binary(bytes) => self.broadcasts.push(bytes.to_vec()),
                other => panic!("{other:?} for an answer"),
            }
        }
    }

    /// With what the agent closes the connection.
    pub(crate) async fn closed(&mut self) -> Option<CloseFrame> {
        loop {
            match timeout(PATIENCE, self.socket.next()).await.expect("an end in time") {
                Some(Ok(Message::Close(frame))) => return frame,
                Some(Ok(_)) => {}
                None | Some(Err(_)) => return None,
            }
        }
    }

    /// Asks without authentication.
    pub(crate) async fn ask(&mut self, action: &str, data: Value) -> Value {
        self.say(&json!({ "action": action, "data": data }).to_string()).await;
        self.answer().await
    }

    /// Asks as a user.
    pub(crate) async fn ask_as(&mut self, user: &User, action: &str, data: Value) -> Value {
        self.say(&request(user, action, data)).await;
        self.answer().await
    }

    /// Asks to sign in.
    pub(crate) async fn login(&mut self, username: &str, password: &str) -> Value {
        self.ask("login", json!({ "username": username, "password": password })).await
    }

    /// Signs in, which must succeed.
    pub(crate) async fn sign_in(&mut self, username: &str) -> User {
        let answer = self.login(username, PASSWORD).await;
        assert_eq!(answer["code"], 200, "{answer}");
        User { name: username.to_owned(), token: answer["data"]["token"].as_str().unwrap().to_owned() }
    }

    /// Makes a backup, which must succeed.
    pub(crate) async fn back_up(&mut self, user: &User, name: &str) -> Value {
        let answer = self.ask_as(user, "generate_backup", json!({ "backup_name": name })).await;
        assert_eq!(answer["code"], 200, "{answer}");
        answer
    }

    /// Downloads a part from `offset` on: the bytes and the digest, or the refusal.
    pub(crate) async fn download(
        &mut self,
        user: &User,
        name: &str,
        part: &str,
        offset: u64,
    ) -> Result<(Vec<u8>, String), Value> {
        let data = json!({ "backup_name": name, "part": part, "offset": offset });
        let start = self.ask_as(user, "download_backup", data).await;
        if start["code"] != 200 {
            return Err(start);
        }
        assert_eq!(start["data"]["offset"], offset);
        let left = start["data"]["size"].as_u64().unwrap() - offset;
        let mut bytes = Vec::new();
        loop {
            match self.hear().await {
                Message::Binary(piece) => {
                    assert!(piece.len() <= 1024 * 1024);
                    bytes.extend_from_slice(&piece);
                }
                Message::Text(text) => {
                    let end: Value = serde_json::from_str(&text).unwrap();
                    assert_eq!((&end["code"], bytes.len() as u64), (&json!(200), left));
                    return Ok((bytes, end["data"]["sha256"].as_str().unwrap().to_owned()));
                }
                other => panic!("{other:?} in a download"),
            }
        }
    }
}

/// The text of a request of a user.
pub(crate) fn request(user: &User, action: &str, data: Value) -> String {
    json!({ "action": action, "data": data, "username": user.name, "token": user.token }).to_string()
}

/// A TLS connection that believes every certificate.
pub(crate) async fn tls(address: SocketAddr) -> std::io::Result<TlsStream<TcpStream>> {
    tls_over(TcpStream::connect(address).await?).await
}

/// The same over a connection that is there.
pub(crate) async fn tls_over(tcp: TcpStream) -> std::io::Result<TlsStream<TcpStream>> {
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anyone))
        .with_no_client_auth();
    let connector = TlsConnector::from(Arc::new(config));
    connector.connect(ServerName::try_from("localhost").unwrap(), tcp).await
}

/// A TCP connection from 127.0.0.`host`: an address of its own.
pub(crate) async fn tcp_from(host: u8, address: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(([127, 0, 0, host], 0).into())?;
    socket.connect(address).await
}

async fn websocket(host: u8, address: SocketAddr) -> WebSocketStream<TlsStream<TcpStream>> {
    let tcp = tcp_from(host, address).await.expect("somebody listens");
    let stream = tls_over(tcp).await.expect("TLS is spoken");
    tokio_tungstenite::client_async("wss://localhost/", stream).await.expect("WebSocket is spoken").0
}

/// Takes every certificate, of an agent that this test has started: what is sent is known to everybody, and whether a client
/// of ours trusts the right one is shown elsewhere.
#[derive(Debug)]
struct Anyone;

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        ring::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

/// The program under test.
pub(crate) fn program() -> &'static str {
    env!("CARGO_BIN_EXE_cfms-backup")
}

/// Runs the program to its end, which must be a good one.
pub(crate) fn run<S: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = S>) -> Value {
    let output = Command::new(program()).args(arguments).arg("--json").output().unwrap();
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A port on which nobody listens now.
pub(crate) fn unused_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Somebody who writes to a server's database, as its users do.
pub(crate) struct Writer {
    stop: Arc<AtomicBool>,
    work: Option<JoinHandle<u32>>,
}

impl Writer {
    /// Commits about fifty times a second.
    pub(crate) fn at_work_in(root: &Path) -> Self {
        let (stop, database) = (Arc::new(AtomicBool::new(false)), root.join("app.db"));
        let stopped = Arc::clone(&stop);
        let work = std::thread::spawn(move || {
            let connection = Connection::open(database).unwrap();
            connection.busy_timeout(Duration::from_secs(5)).unwrap();
            let mut commits = 0;
            while !stopped.load(Ordering::Relaxed) {
                let sql = "INSERT INTO folders VALUES (?, 'Written meanwhile', 1795423223.5, NULL)";
                connection.execute(sql, [format!("meanwhile-{commits}")]).expect("the server never waits five seconds");
                commits += 1;
                std::thread::sleep(Duration::from_millis(20));
            }
            commits
        });
        Self { stop, work: Some(work) }
    }

    /// How many commits it made.
    pub(crate) fn stop(mut self) -> u32 {
        self.stop.store(true, Ordering::Relaxed);
        self.work.take().unwrap().join().unwrap()
    }
}
