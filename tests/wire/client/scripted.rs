//! A server that plays a script, one for each line that is made to it, on the clock of the test.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cfms_backup::job::Canceller;
use cfms_backup::protocol::Secret;
use cfms_backup::remote::{Dial, Dialled, Remote, SignIn, User};
use cfms_backup::{Error, Event, Job, RemoteError, Result};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::DuplexStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::{WebSocketStream, accept_async};

/// What the servers' clock shows.
pub(crate) const NOW: f64 = 1_800_000_000.0;

type Playing = Pin<Box<dyn Future<Output = ()> + Send>>;
type Script = Box<dyn FnOnce(DuplexStream) -> Playing + Send>;

/// The server: it has a script for each line, in order, and no further line.
#[derive(Default)]
pub(crate) struct Scripted {
    scripts: Mutex<VecDeque<Script>>,
    played: Mutex<Vec<JoinHandle<()>>>,
}

impl Scripted {
    /// Nothing listens there, as yet.
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    /// A real server: it hangs up at the later framing; called again, it plays `script` when it has said who it is.
    pub(crate) fn real<F>(script: impl FnOnce(Wire) -> F + Send + 'static) -> Arc<Self>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Self::that_is(real_info(), script)
    }

    /// A server of plain JSON that says `info` of itself.
    pub(crate) fn that_is<F>(info: Value, script: impl FnOnce(Wire) -> F + Send + 'static) -> Arc<Self>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let server = Self::new();
        server.then(|mut wire| async move {
            assert!(matches!(wire.0.next().await, Some(Ok(Message::Binary(_)))));
            wire.close(1000).await;
        });
        server.then(|mut wire| async move {
            wire.expect("server_info").await;
            wire.answer(200, info).await;
            script(wire).await;
        });
        server
    }

    /// Plays `script` on the next line.
    pub(crate) fn then<F>(self: &Arc<Self>, script: impl FnOnce(Wire) -> F + Send + 'static) -> &Arc<Self>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.then_raw(|stream| async move { script(Wire(accept_async(stream).await.unwrap())).await })
    }

    /// The same without a WebSocket.
    pub(crate) fn then_raw<F>(self: &Arc<Self>, script: impl FnOnce(DuplexStream) -> F + Send + 'static) -> &Arc<Self>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.scripts.lock().unwrap().push_back(Box::new(|stream| Box::pin(script(stream))));
        self
    }

    /// Calls the server.
    pub(crate) async fn called(self: &Arc<Self>, job: &Job) -> Result<Remote> {
        Remote::connect(Arc::clone(self) as Arc<dyn Dial>, job).await
    }

    /// Calls the server and signs in.
    pub(crate) async fn entered(self: &Arc<Self>, job: &Job) -> Remote {
        let mut remote = self.called(job).await.unwrap();
        sign_in(&mut remote, job).await.unwrap();
        remote
    }

    /// Every script was played to its end, and every demand in it was met.
    pub(crate) async fn is_over(self: &Arc<Self>) {
        let played = std::mem::take(&mut *self.played.lock().unwrap());
        for script in played {
            if let Err(error) = script.await {
                std::panic::resume_unwind(error.into_panic());
            }
        }
        assert_eq!(self.scripts.lock().unwrap().len(), 0, "lines that were never made");
    }
}

impl Dial for Scripted {
    fn server(&self) -> String {
        "files.example.org:5104".to_owned()
    }

    fn url(&self) -> String {
        "wss://files.example.org:5104/".to_owned()
    }

    fn dial(&self) -> Pin<Box<dyn Future<Output = Result<Dialled>> + Send + '_>> {
        let script = self.scripts.lock().unwrap().pop_front();
        Box::pin(async move {
            let Some(script) = script else {
                let (server, problem) = (self.server(), "nothing listens there".to_owned());
                return Err(Error::from(RemoteError::Unreachable { server, problem }));
            };
            let (here, there) = tokio::io::duplex(256 * 1024);
            self.played.lock().unwrap().push(tokio::spawn(script(there)));
            Ok(Dialled { stream: Box::new(here), certificate: None })
        })
    }
}

/// The server's end of a line.
pub(crate) struct Wire(pub(crate) WebSocketStream<DuplexStream>);

impl Wire {
    /// The next request; `None` if the client hung up.
    pub(crate) async fn request(&mut self) -> Option<Value> {
        loop {
            match self.0.next().await? {
                Ok(Message::Text(text)) => return Some(serde_json::from_str(&text).unwrap()),
                Ok(Message::Close(_)) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    /// The next request, which must be of `action`.
    pub(crate) async fn expect(&mut self, action: &str) -> Value {
        let request = self.request().await.unwrap_or_else(|| panic!("hung up before {action}"));
        assert_eq!(request["action"], action, "{request}");
        request
    }

    /// The client asks for nothing more.
    pub(crate) async fn expect_end(&mut self) {
        let request = self.request().await;
        assert_eq!(request, None);
    }

    pub(crate) async fn answer(&mut self, code: i64, data: Value) {
        self.answer_in_words(code, data, "success").await;
    }

    pub(crate) async fn answer_in_words(&mut self, code: i64, data: Value, message: &str) {
        self.send_json(json!({"code": code, "data": data, "message": message, "timestamp": NOW})).await;
    }

    pub(crate) async fn send_json(&mut self, message: Value) {
        self.send(Message::text(message.to_string())).await;
    }

    /// As servers send broadcasts.
    pub(crate) async fn broadcast(&mut self, message: Value) {
        self.send(Message::binary(message.to_string().into_bytes())).await;
    }

    /// A client that is gone hears nothing, which is its own affair.
    pub(crate) async fn send(&mut self, message: Message) {
        let _ = self.0.send(message).await;
    }

    /// Lets a login in, for an hour.
    pub(crate) async fn let_in(&mut self, token: &str) {
        let login = self.expect("login").await;
        assert_eq!(login["data"], json!({"username": "admin", "password": "right"}));
        self.answer(200, signed_in(token)).await;
    }

    /// What a server does that is at work: pings every 20 s, and closes with 1011 if no pong comes in 20 s more.
    pub(crate) async fn works_for(&mut self, time: Duration) {
        for _ in 0..time.as_secs() / 20 {
            tokio::time::sleep(Duration::from_secs(20)).await;
            self.send(Message::Ping(Vec::new().into())).await;
            let pong = timeout(Duration::from_secs(20), self.0.next()).await;
            assert!(matches!(pong, Ok(Some(Ok(Message::Pong(_))))), "no pong: {pong:?}");
        }
    }

    pub(crate) async fn close(&mut self, code: u16) {
        self.close_with(code, "").await;
    }

    /// Closes with a reason.
    pub(crate) async fn close_with(&mut self, code: u16, reason: &'static str) {
        let _ = self.0.close(Some(CloseFrame { code: code.into(), reason: reason.into() })).await;
        while let Some(Ok(_)) = self.0.next().await {}
    }
}

pub(crate) fn real_info() -> Value {
    json!({"server_name": "Files", "version": "0.0.1.250521", "protocol_version": 3, "lockdown": false})
}

/// Of an agent that tells no progress.
pub(crate) fn agent_info() -> Value {
    let actions = ["server_info", "login", "refresh_token", "generate_backup", "download_backup", "delete_backup"];
    json!({"server_name": "Files", "version": "0.1.0", "protocol_version": 3, "lockdown": false, "agent": "0.1.0",
        "actions": actions, "whole_server": false})
}

pub(crate) fn signed_in(token: &str) -> Value {
    json!({"token": token, "exp": NOW + 3600.0, "nickname": null, "permissions": ["manage_system"], "groups": ["sysop"]})
}

pub(crate) fn generated() -> Value {
    json!({"archive_path": "./content/backups/monday.cfms.enc", "key_path": "./content/backups/monday.key",
        "metadata": {"version": "1.0", "created_at": 1.5, "documents_count": 2, "folders_count": 1, "files_count": 2}})
}

pub(crate) fn credentials(password: &str) -> SignIn {
    SignIn { username: "admin".to_owned(), password: Secret::from(password), second_factor: None }
}

pub(crate) async fn sign_in(remote: &mut Remote, job: &Job) -> Result<User> {
    remote.sign_in(&credentials("right"), job).await
}

/// A job and all that it tells.
pub(crate) fn watched() -> (Arc<Job>, Arc<Mutex<Vec<Event>>>) {
    let told = Arc::<Mutex<Vec<Event>>>::default();
    let listener = Arc::clone(&told);
    let job = Job::new(move |event| listener.lock().unwrap().push(event)).with_canceller(Canceller::new());
    (Arc::new(job), told)
}

pub(crate) fn silent() -> Arc<Job> {
    Arc::new(Job::silent())
}
