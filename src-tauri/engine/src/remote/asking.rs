//! Asking a server for something: the line is made where there is none, made again where it broke, and what a server
//! must not do twice is never asked for twice.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::sleep;

use super::Remote;
use super::connection::Connection;
use super::waiting::unless_stopped;
use crate::error::{Error, RemoteError, Result};
use crate::job::{Job, Line};
use crate::protocol::{Broadcast, Request, Response, action, code, message};

/// How long an answer may take that costs the server no work. A failed login takes three seconds.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);
/// Seconds between attempts to get a broken line back.
const PAUSES: &[u64] = &[1, 2, 4, 8, 15, 30];

/// Whether a request may be sent again when the line broke before its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Repeat {
    /// Nothing is done twice by it.
    Safe,
    /// The server may have done it already.
    Never,
}

/// One request.
pub(super) struct Asking<'a, D> {
    pub(super) action: &'static str,
    pub(super) data: &'a D,
    /// Whether it goes with user and token.
    pub(super) signed: bool,
    pub(super) repeat: Repeat,
    /// `None` where the server works for it, however long that takes.
    pub(super) patience: Option<Duration>,
}

impl Remote {
    /// Asks, whatever it takes, and gives the answer if it is a good one.
    pub(super) async fn ask<D: Serialize + Sync>(
        &mut self,
        asking: Asking<'_, D>,
        hear: &mut (dyn FnMut(Broadcast) + Send),
        job: &Job,
    ) -> Result<Response> {
        let response = self.response(&asking, hear, job).await?;
        match response.code {
            code::OK => Ok(response),
            _ => Err(self.refusal(asking.action, &response)),
        }
    }

    /// Asks, whatever it takes, and gives the answer, good or bad.
    pub(super) async fn response<D: Serialize + Sync>(
        &mut self,
        asking: &Asking<'_, D>,
        hear: &mut (dyn FnMut(Broadcast) + Send),
        job: &Job,
    ) -> Result<Response> {
        let mut retry = Retry::new(&self.server);
        loop {
            let error = match unless_stopped(job, self.connected()).await {
                Err(error) => error,
                Ok(_) => {
                    if asking.signed {
                        self.renew(job).await?;
                    }
                    let request = self.request(asking.action, asking.data, asking.signed)?;
                    let connection = unless_stopped(job, self.connected()).await?;
                    match unless_stopped(job, connection.ask(request, asking.patience, hear)).await {
                        Ok(response) => {
                            retry.found(job);
                            return Ok(response);
                        }
                        Err(error) => {
                            self.connection = None;
                            if let (Repeat::Never, Some(problem)) = (asking.repeat, lost(&error)) {
                                return Err(self.outcome_unknown(asking.action, problem));
                            }
                            error
                        }
                    }
                }
            };
            retry.pause(error, job).await?;
        }
    }

    /// Sees to it that there is a line, made again where it broke.
    pub(super) async fn reach(&mut self, job: &Job) -> Result<()> {
        let mut retry = Retry::new(&self.server);
        loop {
            match unless_stopped(job, self.connected()).await.map(drop) {
                Ok(()) => {
                    retry.found(job);
                    return Ok(());
                }
                Err(error) => retry.pause(error, job).await?,
            }
        }
    }

    /// The connection, a new one if need be.
    pub(super) async fn connected(&mut self) -> Result<&mut Connection> {
        if self.connection.as_mut().is_some_and(|connection| !connection.is_alive()) {
            self.connection = None;
        }
        match &mut self.connection {
            Some(connection) => Ok(connection),
            empty => Ok(empty.insert(Connection::open(&*self.dial, self.framing, &self.unsaid).await?)),
        }
    }

    /// A request of the user who is signed in, or of nobody.
    pub(super) fn request<D>(&self, action: &str, data: D, signed: bool) -> Result<Request<D>> {
        let request = Request::new(action, data);
        match (&self.session, signed) {
            (Some(session), true) => Ok(request.by(session.username(), session.token())),
            (None, true) => {
                Err(RemoteError::SessionEnded { server: self.server.clone(), username: "nobody".to_owned() }.into())
            }
            (_, false) => Ok(request),
        }
    }

    /// A bad answer, in words.
    pub(super) fn refusal(&self, action: &str, response: &Response) -> Error {
        let server = self.server.clone();
        let username = self.session.as_ref().map(|session| session.username().to_owned()).unwrap_or_default();
        let mut message = self.unsaid.cleaned(&response.message);
        if let Some(error) = response.data.get("error").and_then(|error| error.as_str()) {
            message = match message.is_empty() {
                true => self.unsaid.cleaned(error),
                false => format!("{message}: {}", self.unsaid.cleaned(error)),
            };
        }
        let is_unknown = response.code == code::BAD_REQUEST && response.message.starts_with("Unknown action");
        match response.code {
            _ if is_unknown && action == action::GENERATE_BACKUP => self.no_backup_action(),
            _ if is_unknown && action == action::DOWNLOAD_BACKUP => RemoteError::CannotSendFiles { server },
            code::UNAUTHORIZED => RemoteError::SessionEnded { server, username },
            code::FORBIDDEN if response.message == message::ACCESS_DENIED || !username.is_empty() => {
                RemoteError::AccessDenied { server, username, message }
            }
            code::TOO_MANY if action == action::LOGIN => RemoteError::TooManyAttempts { server },
            code::LOCKDOWN => RemoteError::Lockdown { server },
            code::CONFLICT | code::TOO_MANY => RemoteError::Busy { server, message },
            // Our agent names the engine's own error.
            _ if is_in_the_way(response) => RemoteError::Busy { server, message },
            code => RemoteError::Refused { server, action: action.to_owned(), code, message },
        }
        .into()
    }

    /// This server cannot do what this program is for.
    pub(super) fn no_backup_action(&self) -> RemoteError {
        let facts = self.facts();
        RemoteError::NoBackupAction { server: facts.address, name: facts.server_name, version: facts.version }
    }

    /// What a good answer holds; `problem` where that is of another shape.
    pub(super) fn held<T: DeserializeOwned>(&self, response: &Response, problem: &'static str) -> Result<T> {
        T::deserialize(&response.data).map_err(|_| self.odd(problem, &response.data))
    }

    /// An answer holds `data`, which is not what its action promises.
    pub(super) fn odd(&self, problem: &'static str, data: &Value) -> Error {
        let quoted = self.unsaid.quoted(data.to_string().as_bytes());
        RemoteError::Protocol { server: self.server.clone(), problem, quoted }.into()
    }

    /// The same, with the words that are wrong.
    pub(super) fn odd_words(&self, problem: &'static str, words: &str) -> Error {
        RemoteError::Protocol { server: self.server.clone(), problem, quoted: self.unsaid.cleaned(words) }.into()
    }

    fn outcome_unknown(&self, action: &str, problem: &str) -> Error {
        let (server, problem) = (self.server.clone(), problem.to_owned());
        RemoteError::OutcomeUnknown { server, action: action.to_owned(), problem }.into()
    }
}

/// Whether something of that name, another backup, or what others ask for is in the way.
fn is_in_the_way(response: &Response) -> bool {
    let code = response.data.get("code").and_then(|code| code.as_str());
    code.is_some_and(|code| ["source_busy", "already_exists", "name_busy", "server_busy"].contains(&code))
}

/// Getting a broken line back.
pub(super) struct Retry {
    server: String,
    /// Seconds before each further attempt.
    pauses: &'static [u64],
    failures: usize,
    is_lost: bool,
}

impl Retry {
    pub(super) fn new(server: &str) -> Self {
        Self::with(server, PAUSES)
    }

    pub(super) fn with(server: &str, pauses: &'static [u64]) -> Self {
        Self { server: server.to_owned(), pauses, failures: 0, is_lost: false }
    }

    /// Waits before the next attempt, longer each time.
    ///
    /// # Errors
    /// `error` itself, where it is no broken line or was the last of too many.
    pub(super) async fn pause(&mut self, error: Error, job: &Job) -> Result<()> {
        let Some(problem) = lost(&error).filter(|_| self.failures < self.pauses.len()) else { return Err(error) };
        if !std::mem::replace(&mut self.is_lost, true) {
            job.line(Line::Lost, &self.server, Some(problem.to_owned()));
        }
        self.wait(error, job).await
    }

    /// The same over a line that holds, to a server that has no turn as yet.
    ///
    /// # Errors
    /// `error` itself, where it was the last of too many.
    pub(super) async fn wait(&mut self, error: Error, job: &Job) -> Result<()> {
        let Some(&seconds) = self.pauses.get(self.failures) else { return Err(error) };
        self.failures += 1;
        let pause = async {
            sleep(Duration::from_secs(seconds)).await;
            Ok(())
        };
        unless_stopped(job, pause).await
    }

    /// The line is there again. What it broke over may break it again, so the failures still count.
    pub(super) fn found(&mut self, job: &Job) {
        if std::mem::take(&mut self.is_lost) {
            job.line(Line::Found, &self.server, None);
        }
    }
}

/// Why the line broke, if that is what happened.
pub(super) fn lost(error: &Error) -> Option<&str> {
    match error {
        Error::Remote(error) => match &**error {
            RemoteError::ConnectionLost { problem, .. } | RemoteError::Unreachable { problem, .. } => Some(problem),
            _ => None,
        },
        _ => None,
    }
}
