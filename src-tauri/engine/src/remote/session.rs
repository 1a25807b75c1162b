//! Signing in, and staying so.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use tokio::time::{Instant, sleep, sleep_until};
use ts_rs::TS;

use super::Remote;
use super::asking::{Asking, PATIENCE, Repeat};
use super::connection::{Connection, Framing};
use super::dial::Dial;
use super::quoting::Unsaid;
use super::waiting::unless_stopped;
use crate::clock::unix_now;
use crate::error::{Error, RemoteError, Result};
use crate::job::Job;
use crate::protocol::{
    Login, Refreshed, Request, Response, Secret, SetPassword, SignedIn, action, code, message, wipe,
};

/// A token that lives an hour is renewed this long before its end.
const MARGIN: Duration = Duration::from_secs(600);
/// Between attempts to renew a token.
const PAUSE: Duration = Duration::from_secs(30);

/// Who signs in.
#[derive(Debug)]
pub struct SignIn {
    /// The user's name.
    pub username: String,
    /// The password.
    pub password: Secret,
    /// The second factor, where the server has asked for one.
    pub second_factor: Option<Secret>,
}

/// Who is signed in.
#[derive(Debug, Clone, Serialize, TS)]
#[ts(export)]
pub struct User {
    /// What was typed to sign in.
    pub username: String,
    /// What others see.
    pub nickname: Option<String>,
    /// What the user may do.
    pub permissions: Vec<String>,
    /// The groups that the user is in.
    pub groups: Vec<String>,
    /// Whether there is a permission among them with which servers allow backups.
    pub may_back_up: bool,
}

/// The permissions with which servers allow backups: the one, and that of servers that also import.
const MAY_BACK_UP: [&str; 2] = ["manage_system", "export_backup"];

/// A user with a token that is good for some time.
pub(super) struct Session {
    username: String,
    token: Mutex<Token>,
    unsaid: Unsaid,
}

#[derive(Clone)]
struct Token {
    secret: Secret,
    /// When to renew it; `None` where its end is not known.
    renew_at: Option<Instant>,
}

impl Remote {
    /// Signs in. What a server wants instead of an answer is an error to be answered with another attempt:
    /// [`RemoteError::PasswordExpired`], [`RemoteError::SecondFactorWanted`], [`RemoteError::SecondFactorRefused`].
    ///
    /// # Errors
    /// Those three, and every refusal that a login can get.
    pub async fn sign_in(&mut self, who: &SignIn, job: &Job) -> Result<User> {
        let login = Login {
            username: who.username.clone(),
            password: who.password.clone(),
            second_factor: who.second_factor.clone(),
        };
        [Some(&who.password), who.second_factor.as_ref()]
            .into_iter()
            .flatten()
            .for_each(|secret| self.unsaid.add(secret));
        let asking = unsigned(action::LOGIN, &login, Repeat::Safe);
        let response = self.response(&asking, &mut |_| {}, job).await?;
        if response.code != code::OK {
            return Err(self.no_entry(&who.username, who.second_factor.is_some(), &response));
        }
        let timestamp = response.timestamp;
        let fields = fields_of(&response.data);
        let Some(signed_in) = secret_data::<SignedIn>(response) else {
            return Err(self.odd_words("the answer to a login has another shape", &fields));
        };
        let token = Token::new(signed_in.token, signed_in.exp, timestamp);
        let (username, unsaid) = (who.username.clone(), self.unsaid.clone());
        unsaid.add(&token.secret);
        self.session = Some(Arc::new(Session { username, token: Mutex::new(token), unsaid }));
        let all_cleaned = |texts: &[String]| texts.iter().map(|text| self.unsaid.cleaned(text)).collect();
        Ok(User {
            username: who.username.clone(),
            nickname: signed_in.nickname.as_deref().map(|name| self.unsaid.cleaned(name)),
            may_back_up: signed_in.permissions.iter().any(|permission| MAY_BACK_UP.contains(&permission.as_str())),
            permissions: all_cleaned(&signed_in.permissions),
            groups: all_cleaned(&signed_in.groups),
        })
    }

    /// Changes a password that has expired. Sign in with the new one then.
    ///
    /// # Errors
    /// [`RemoteError::PasswordExpiredAtAgent`]: our agent is not even asked. The server's refusal of the new password, and whatever happens to the line: whether it was changed is not known
    /// then.
    pub async fn set_password(&mut self, username: &str, old: &Secret, new: &Secret, job: &Job) -> Result<()> {
        if self.info.agent.is_some() {
            return Err(self.expired(username.to_owned()).into());
        }
        let change = SetPassword { username: username.to_owned(), old_passwd: old.clone(), new_passwd: new.clone() };
        [old, new].into_iter().for_each(|secret| self.unsaid.add(secret));
        let asking = unsigned(action::SET_PASSWD, &change, Repeat::Never);
        let response = self.response(&asking, &mut |_| {}, job).await?;
        match response.code {
            code::OK => Ok(()),
            code::UNAUTHORIZED => Err(self.no_entry(username, false, &response)),
            _ => Err(self.refusal(action::SET_PASSWD, &response)),
        }
    }

    /// Renews the token, where it is time to. A line that breaks meanwhile is found broken by the request that follows.
    pub(super) async fn renew(&mut self, job: &Job) -> Result<()> {
        let Some(session) = self.session.clone() else { return Ok(()) };
        if !session.is_due() {
            return Ok(());
        }
        let connection = unless_stopped(job, self.connected()).await?;
        match unless_stopped(job, session.renew(connection)).await {
            Err(Error::Cancelled) => Err(Error::Cancelled),
            Ok(Err(response)) => Err(self.refusal(action::REFRESH_TOKEN, &response)),
            _ => Ok(()),
        }
    }

    /// Waits for `work` and keeps the session alive meanwhile, over lines of its own: the one in use is busy.
    pub(super) async fn staying_signed_in<T>(
        dial: &dyn Dial,
        framing: Framing,
        session: Option<Arc<Session>>,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let Some(session) = session else { return work.await };
        tokio::select! {
            biased;
            outcome = work => outcome,
            () = session.keep(dial, framing) => Err(Error::Cancelled),
        }
    }

    /// Why nobody was let in. A second factor is asked for once the password was right.
    fn no_entry(&self, username: &str, with_second_factor: bool, response: &Response) -> Error {
        let (server, username) = (self.server.clone(), username.to_owned());
        let must_change =
            [message::PASSWORD_EXPIRED, message::PASSWORD_MUST_CHANGE].contains(&response.message.as_str());
        match response.code {
            code::SECOND_FACTOR | code::UNAUTHORIZED if with_second_factor => {
                RemoteError::SecondFactorRefused { server, username }
            }
            code::SECOND_FACTOR => RemoteError::SecondFactorWanted { server, username },
            code::UNAUTHORIZED => RemoteError::CredentialsRefused { server, username },
            code::FORBIDDEN if must_change => self.expired(username),
            code::MUST_CHANGE | code::EXPIRED => self.expired(username),
            code::INACTIVE => RemoteError::UserInactive { server, username },
            code::FORBIDDEN => {
                RemoteError::EntryDenied { server, username, message: self.unsaid.cleaned(&response.message) }
            }
            _ => return self.refusal(action::LOGIN, response),
        }
        .into()
    }

    fn expired(&self, username: String) -> RemoteError {
        let server = self.server.clone();
        match self.info.agent {
            Some(_) => RemoteError::PasswordExpiredAtAgent { server, username },
            None => RemoteError::PasswordExpired { server, username },
        }
    }
}

impl Session {
    /// Who it is.
    pub(super) fn username(&self) -> &str {
        &self.username
    }

    /// The proof of it.
    pub(super) fn token(&self) -> Secret {
        self.lock().secret.clone()
    }

    fn is_due(&self) -> bool {
        self.lock().renew_at.is_some_and(|at| at <= Instant::now())
    }

    /// Gets a new token over `connection`; a refusal is the inner error.
    async fn renew(&self, connection: &mut Connection) -> Result<Result<(), Response>> {
        let request = Request::new(action::REFRESH_TOKEN, nothing()).by(&self.username, self.token());
        let response = connection.ask(request, Some(PATIENCE), &mut |_| {}).await?;
        if response.code != code::OK {
            return Ok(Err(response));
        }
        let timestamp = response.timestamp;
        if let Some(refreshed) = secret_data::<Refreshed>(response) {
            self.unsaid.add(&refreshed.token);
            *self.lock() = Token::new(refreshed.token, refreshed.exp, timestamp);
        }
        Ok(Ok(()))
    }

    /// Renews the token each time that it is due, for ever. A server that refuses says so again at the next request.
    async fn keep(&self, dial: &dyn Dial, framing: Framing) {
        loop {
            let due = self.lock().renew_at;
            match due {
                None => std::future::pending().await,
                Some(due) => sleep_until(due).await,
            }
            let renewed = match Connection::open(dial, framing, &self.unsaid).await {
                Ok(mut connection) => self.renew(&mut connection).await,
                Err(error) => Err(error),
            };
            match renewed {
                Ok(Ok(())) if !self.is_due() => {}
                _ => sleep(PAUSE).await,
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Token> {
        self.token.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Token {
    /// How long it lives is counted by the server's clock, which need not be this computer's.
    fn new(secret: Secret, exp: Option<f64>, timestamp: f64) -> Self {
        let now = if timestamp > 0.0 { timestamp } else { unix_now() };
        let lifetime = exp.map(|exp| exp - now).and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        let renew_at = lifetime.and_then(|lifetime| {
            let wait = if lifetime > 2 * MARGIN { lifetime - MARGIN } else { lifetime / 2 };
            Instant::now().checked_add(wait.max(Duration::from_secs(1)))
        });
        Self { secret, renew_at }
    }
}

/// The `data` of a request that has none.
pub(super) fn nothing() -> Value {
    Value::Object(Map::new())
}

fn unsigned<'a, D>(action: &'static str, data: &'a D, repeat: Repeat) -> Asking<'a, D> {
    Asking { action, data, signed: false, repeat, patience: Some(PATIENCE) }
}

/// The names in an answer whose values may be secrets.
fn fields_of(data: &Value) -> String {
    let names = data.as_object().into_iter().flat_map(Map::keys);
    names.map(String::as_str).collect::<Vec<_>>().join(", ")
}

/// Data that holds a secret: its text is moved, not copied, and what is of another shape is wiped.
fn secret_data<T: DeserializeOwned>(mut response: Response) -> Option<T> {
    let is_of_shape = response.data.get("token").is_some_and(Value::is_string);
    if !is_of_shape {
        wipe(&mut response.data);
        return None;
    }
    serde_json::from_value(response.data).ok()
}
