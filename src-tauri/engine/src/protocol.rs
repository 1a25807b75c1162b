//! The messages between a client and a CFMS server, for both sides of the wire.
//!
//! ```text
//! client  {"action": s, "data": {…}, "username": s, "token": s}             the last two where authentication is needed
//! server  {"code": n, "data": {…}, "message": s, "timestamp": float}        one for each request, in order
//! server  {"action": s, "data" or "status": …}                              a broadcast: it answers nothing
//! ```
//!
//! Each is one text message of JSON (broadcasts are binary ones) of at most [`MAX_MESSAGE`] bytes. Servers from 2026 on put a
//! [`frame`] header around the same JSON. Nothing here waits or talks; `remote` and `agent` do.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub mod frame;
mod secret;

pub use secret::{Secret, wipe};

/// What a server of the plain framing calls it in [`ServerInfo::protocol_version`].
pub const PROTOCOL_VERSION: u32 = 3;
/// Servers whose [`ServerInfo::protocol_version`] is above this speak the framing of [`frame`].
pub const LAST_PLAIN_PROTOCOL: u32 = 10;
/// Bytes that a message may have. A real server closes the connection with 1009 on a larger one.
pub const MAX_MESSAGE: usize = 1024 * 1024;
/// The port of a CFMS server.
pub const SERVER_PORT: u16 = 5104;
/// The port of our agent, which may run beside a server.
pub const AGENT_PORT: u16 = 5105;

/// What a client may ask for.
pub mod action {
    #![allow(missing_docs)] // each is named after the action
    pub const SERVER_INFO: &str = "server_info";
    pub const LOGIN: &str = "login";
    pub const REFRESH_TOKEN: &str = "refresh_token";
    pub const SET_PASSWD: &str = "set_passwd";
    pub const REGISTER_LISTENER: &str = "register_listener";
    pub const GENERATE_BACKUP: &str = "generate_backup";
    pub const DOWNLOAD_BACKUP: &str = "download_backup";
    pub const DELETE_BACKUP: &str = "delete_backup";
    /// A broadcast: `status` says whether the server is locked down.
    pub const LOCKDOWN: &str = "lockdown";
    /// A broadcast of our agent: `data` is an [`Event`](crate::Event) of the running backup.
    pub const BACKUP_PROGRESS: &str = "backup_progress";
}

/// How a request ended.
pub mod code {
    /// Done.
    pub const OK: i64 = 200;
    /// The password is right, and a second factor is wanted.
    pub const SECOND_FACTOR: i64 = 202;
    /// The request is not well formed.
    pub const BAD_REQUEST: i64 = 400;
    /// Wrong user, password or token.
    pub const UNAUTHORIZED: i64 = 401;
    /// A permission is missing, or the password has to be changed first.
    pub const FORBIDDEN: i64 = 403;
    /// What is asked for is not there.
    pub const NOT_FOUND: i64 = 404;
    /// It took too long.
    pub const TIMEOUT: i64 = 408;
    /// It clashes with what is there or going on. Our agent's own.
    pub const CONFLICT: i64 = 409;
    /// Too many attempts.
    pub const TOO_MANY: i64 = 429;
    /// The server failed.
    pub const FAILED: i64 = 500;
    /// An administrator has locked the server down.
    pub const LOCKDOWN: i64 = 999;
    /// Later servers: a nonce was used before, or a timestamp is old.
    pub const REPLAYED: i64 = 1001;
    /// Later servers: the password must be changed.
    pub const MUST_CHANGE: i64 = 4001;
    /// Later servers: the password is expired.
    pub const EXPIRED: i64 = 4002;
    /// Later servers: the user is inactive.
    pub const INACTIVE: i64 = 4003;
}

/// The messages that clients branch on, or show though they answer a password.
pub mod message {
    /// 403: a permission is missing.
    pub const ACCESS_DENIED: &str = "Access denied";
    /// 403: `set_passwd` first.
    pub const PASSWORD_EXPIRED: &str = "Password should be changed because it's expired";
    /// 403: `set_passwd` first.
    pub const PASSWORD_MUST_CHANGE: &str = "Password must be changed before you can log in";
    /// 500 of `generate_backup`.
    pub const BACKUP_FAILED: &str = "Failed to generate backup";
    /// 500 of our agent: so much is asked for that there is no turn.
    pub const BUSY: &str = "The server is busy; try again";
    /// 500 of our agent: whether users may be let in is not known.
    pub const NO_LOCKDOWN: &str = "The CFMS server accepts connections but does not say whether it is locked down. Try again when it answers, \
         or when it is stopped.";
}

/// Why a connection is closed, where clients branch on it.
pub mod farewell {
    /// 1011 of our agent, in a download: the file on its disk was changed since.
    pub const FILE_CHANGED: &str = "the file is not the one that was made";
}

/// A request. `data` is one of the types below, or any JSON.
#[derive(Debug, Serialize)]
pub struct Request<D> {
    /// What is wanted.
    pub action: String,
    /// With what.
    pub data: D,
    /// Who asks, where authentication is needed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The token that proves it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<Secret>,
    /// Later servers: 16 characters or more, never the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    /// Later servers: Unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<f64>,
}

impl<D> Request<D> {
    /// A request without authentication.
    pub fn new(action: &str, data: D) -> Self {
        Self { action: action.to_owned(), data, username: None, token: None, nonce: None, timestamp: None }
    }

    /// The same request, authenticated.
    #[must_use]
    pub fn by(mut self, username: &str, token: Secret) -> Self {
        self.username = Some(username.to_owned());
        self.token = Some(token);
        self
    }
}

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Response {
    /// How it ended: one of [`code`], or one that is not known here.
    pub code: i64,
    /// What was asked for, or what is the matter.
    #[serde(default)]
    pub data: Value,
    /// In words.
    #[serde(default)]
    pub message: String,
    /// When, in Unix seconds.
    #[serde(default)]
    pub timestamp: f64,
}

/// What is told to everybody who listens, and answers nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Broadcast {
    /// What happened.
    pub action: String,
    /// More of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Value>,
    /// Or only a state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Value>,
}

/// A message from a server, told apart: what has an `action` and no `code` is never an answer.
#[derive(Debug, Clone, PartialEq)]
pub enum FromServer {
    /// An answer.
    Response(Response),
    /// A broadcast.
    Broadcast(Broadcast),
}

impl FromServer {
    /// Reads a message.
    ///
    /// # Errors
    /// What is no JSON, or neither of the two. The parser's words may quote the message.
    pub fn parse(text: &[u8]) -> serde_json::Result<Self> {
        let object: Map<String, Value> = serde_json::from_slice(text)?;
        let is_broadcast = object.contains_key("action") && !object.contains_key("code");
        let value = Value::Object(object);
        match is_broadcast {
            true => serde_json::from_value(value).map(Self::Broadcast),
            false => serde_json::from_value(value).map(Self::Response),
        }
    }
}

/// What a server says of itself, to everybody.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServerInfo {
    /// What its administrator calls it.
    #[serde(default)]
    pub server_name: String,
    /// The program's version.
    #[serde(default)]
    pub version: String,
    /// Which messages it speaks.
    pub protocol_version: u32,
    /// Whether an administrator has locked it down.
    #[serde(default)]
    pub lockdown: bool,
    /// Our agent alone: its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// Our agent alone: all actions that it answers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<String>,
    /// Our agent alone: whether its backups are of the whole server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub whole_server: Option<bool>,
}

/// `login`.
#[derive(Debug, Serialize)]
pub struct Login {
    /// Who.
    pub username: String,
    /// The proof.
    pub password: Secret,
    /// The second factor, once it was asked for.
    #[serde(rename = "2fa_token", skip_serializing_if = "Option::is_none")]
    pub second_factor: Option<Secret>,
}

/// The answer to `login`.
#[derive(Debug, Serialize, Deserialize)]
pub struct SignedIn {
    /// Goes with every further request.
    pub token: Secret,
    /// Until when the token is good, in Unix seconds.
    #[serde(default)]
    pub exp: Option<f64>,
    /// What the user is called.
    #[serde(default)]
    pub nickname: Option<String>,
    /// What the user may do.
    #[serde(default)]
    pub permissions: Vec<String>,
    /// The groups that the user is in.
    #[serde(default)]
    pub groups: Vec<String>,
}

/// The answer to `refresh_token`.
#[derive(Debug, Serialize, Deserialize)]
pub struct Refreshed {
    /// Instead of the one before.
    pub token: Secret,
    /// Until when it is good, in Unix seconds.
    #[serde(default)]
    pub exp: Option<f64>,
}

/// `set_passwd`: changes an expired password, without a token.
#[derive(Debug, Serialize)]
pub struct SetPassword {
    /// Whose.
    pub username: String,
    /// What it was.
    pub old_passwd: Secret,
    /// What it shall be.
    pub new_passwd: Secret,
}

/// `generate_backup`.
#[derive(Debug, Clone, Serialize)]
pub struct GenerateBackup {
    /// The name, of 1 to 255 characters; `None` leaves it to the server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backup_name: Option<String>,
}

/// The answer to `generate_backup`. `M` is the archive's metadata.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GeneratedBackup<M = Value> {
    /// The archive on the server, relative to its folder.
    pub archive_path: String,
    /// The key on the server.
    pub key_path: String,
    /// What the archive says of itself.
    pub metadata: M,
}

/// `download_backup`, of our agent alone. The answer is a [`DownloadStart`], then come binary messages until
/// `size - offset` bytes are sent, then a [`DownloadEnd`].
#[derive(Debug, Clone, Serialize)]
pub struct DownloadBackup {
    /// A backup that this agent made for this user.
    pub backup_name: String,
    /// Which of its files.
    pub part: Part,
    /// Bytes that are not wanted any more.
    pub offset: u64,
}

/// One of a backup's two files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// The archive.
    Archive,
    /// The key.
    Key,
}

/// What comes before the bytes of a download.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DownloadStart {
    /// Bytes of the whole file.
    pub size: u64,
    /// Where it goes on.
    pub offset: u64,
}

/// What comes after the bytes of a download.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DownloadEnd {
    /// Of the whole file, in lower-case hex.
    pub sha256: String,
}

/// `delete_backup`, of our agent alone: the pair is removed from the server.
#[derive(Debug, Clone, Serialize)]
pub struct DeleteBackup {
    /// A backup that this agent made for this user.
    pub backup_name: String,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_message_with_an_action_and_no_code_is_never_an_answer() {
        let broadcast = FromServer::parse(br#"{"action": "lockdown", "status": true}"#).unwrap();
        let expected = Broadcast { action: "lockdown".to_owned(), data: None, status: Some(json!(true)) };
        assert_eq!(broadcast, FromServer::Broadcast(expected));
        let odd = FromServer::parse(br#"{"action": "x", "code": 200}"#).unwrap();
        assert!(matches!(odd, FromServer::Response(Response { code: 200, .. })));
        for bad in [&b"[]"[..], b"{}", b"\"ready\"", b"{\"code\": \"200\"}", b"{\"action\": 1}", b""] {
            assert!(FromServer::parse(bad).is_err(), "{}", String::from_utf8_lossy(bad));
        }
    }

    #[test]
    fn requests_have_the_keys_that_servers_validate_and_no_other() {
        let login = Login { username: "admin".to_owned(), password: Secret::from("p"), second_factor: None };
        let sent = serde_json::to_value(Request::new(action::LOGIN, login)).unwrap();
        assert_eq!(sent, json!({"action": "login", "data": {"username": "admin", "password": "p"}}));
        let request = Request::new(action::GENERATE_BACKUP, GenerateBackup { backup_name: None });
        let sent = serde_json::to_value(request.by("admin", Secret::from("t"))).unwrap();
        assert_eq!(sent, json!({"action": "generate_backup", "data": {}, "username": "admin", "token": "t"}));
    }

    #[test]
    fn no_secret_is_in_what_a_message_shows_of_itself() {
        let login = Login {
            username: "admin".to_owned(),
            password: Secret::from("hunter2"),
            second_factor: Some(Secret::from("hunter2")),
        };
        let shown = format!("{:?}", Request::new(action::LOGIN, login).by("admin", Secret::from("hunter2")));
        assert!(shown.contains("admin") && !shown.contains("hunter2"), "{shown}");
    }
}
