//! One request and its answer.

use std::net::IpAddr;
use std::sync::Arc;

use serde::Serialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value, json};

use super::backups;
use super::download::Download;
use super::lockdown::State;
use super::records::Owner;
use super::sign_in::{self, Credentials};
use super::user::User;
use super::{Core, rights, shape};
use crate::clock::unix_now;
use crate::create::{Outcome, Report};
use crate::error::Error;
use crate::names::BackupName;
use crate::protocol::{
    DownloadStart, GeneratedBackup, PROTOCOL_VERSION, Part, Response, Secret, ServerInfo, action, code, message, wipe,
};
use crate::server_data::Account;

/// All that is answered.
const ACTIONS: [&str; 8] = [
    action::SERVER_INFO,
    action::LOGIN,
    action::REFRESH_TOKEN,
    action::SET_PASSWD,
    action::REGISTER_LISTENER,
    action::GENERATE_BACKUP,
    action::DOWNLOAD_BACKUP,
    action::DELETE_BACKUP,
];
const SUCCESS: &str = "success";
const UNUSABLE: &str = "The request holds a text that is no Unicode, a number that is too large, or too many levels";
const NO_SUCH_BACKUP: &str = "There is no such backup that this agent made for this user";
const TOO_MANY_DEEDS: &str = "Too many requests about backups in a minute. Please try again later.";
const NO_SET_PASSWD: &str =
    "This is a backup agent: it does not write to the server's database. Change the password on the server itself.";

/// A request as it came.
pub(super) struct Question {
    action: Option<String>,
    data: Value,
    username: Option<String>,
    token: Option<Secret>,
}

/// Why a message is no question.
pub(super) enum Unreadable {
    /// It is no JSON.
    NotJson,
    /// It is, and holds what no text or number is: half of a surrogate pair, say, as other programs write it.
    Unusable,
}

/// An answer.
pub(super) struct Reply {
    code: i64,
    data: Value,
    message: String,
    /// What the audit log has in the message's place.
    noted: Option<String>,
}

/// An answer, and what comes of it.
pub(super) struct Answer {
    pub(super) reply: Reply,
    /// A file that is sent after it.
    pub(super) download: Option<Download>,
    /// Who has signed in, if anybody has.
    pub(super) user: Option<User>,
    /// Whether that user is told of running backups from now on.
    pub(super) listens: bool,
    /// Whether the audit log has it already.
    is_noted: bool,
}

impl Question {
    /// Reads a message.
    pub(super) fn parse(text: &[u8]) -> std::result::Result<Self, Unreadable> {
        let mut value: Value = serde_json::from_slice(text).map_err(|_| Unreadable::of(text))?;
        let text = |value: &mut Value, key: &str| match value.get_mut(key).map(Value::take) {
            Some(Value::String(text)) if !text.is_empty() => Some(text),
            _ => None,
        };
        Ok(Self {
            action: text(&mut value, "action"),
            username: text(&mut value, "username"),
            token: text(&mut value, "token").map(Secret::from),
            data: value.get_mut("data").map_or_else(|| json!({}), Value::take),
        })
    }

    /// Whether only what the later framing shares with this protocol is asked for.
    pub(super) fn is_server_info(&self) -> bool {
        self.action.as_deref() == Some(action::SERVER_INFO)
    }
}

impl Unreadable {
    fn of(text: &[u8]) -> Self {
        // What is skipped is held to the grammar alone.
        let is_json = std::str::from_utf8(text).is_ok_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok());
        if is_json { Self::Unusable } else { Self::NotJson }
    }
}

impl Drop for Question {
    fn drop(&mut self) {
        wipe(&mut self.data);
    }
}

impl Reply {
    pub(super) fn new(code: i64, data: Value, message: impl Into<String>) -> Self {
        Self { code, data, message: message.into(), noted: None }
    }

    /// A success.
    pub(super) fn of(data: &impl Serialize, message: &str) -> Self {
        // The messages are objects of texts and numbers.
        Self::new(code::OK, serde_json::to_value(data).unwrap_or_default(), message)
    }

    pub(super) fn refusal(code: i64, message: impl Into<String>) -> Self {
        Self::new(code, json!({}), message)
    }

    /// To JSON that cannot be read.
    pub(super) fn unusable() -> Self {
        Self::refusal(code::BAD_REQUEST, UNUSABLE)
    }

    /// What went wrong with a backup's files, for somebody who has signed in.
    pub(super) fn failure(core: &Core, error: &Error) -> Self {
        Self::failed("The files of the backup cannot be used", &core.backups.told(&error.to_string()), error)
    }

    /// That the server's users cannot be looked up. Whoever asks may be a stranger, who learns no path.
    pub(super) fn no_users(error: &Error) -> Self {
        let told = match error {
            Error::DatabaseLocked { .. } => "the database is locked by another program; try again later",
            _ => "the database cannot be read",
        };
        Self::failed("The server's users cannot be looked up", told, error)
    }

    fn failed(message: &str, told: &str, error: &Error) -> Self {
        let data = json!({ "error": told, "code": error.code() });
        Self { noted: Some(error.to_string()), ..Self::new(code::FAILED, data, message) }
    }

    /// What the audit log has of it.
    fn noted(&self) -> &str {
        self.noted.as_ref().unwrap_or(&self.message)
    }

    /// The token that it gives.
    fn token(&self) -> Option<Secret> {
        self.data.get("token").and_then(Value::as_str).map(Secret::from)
    }

    /// The message, as text of JSON.
    pub(super) fn into_text(self) -> String {
        let Self { code, data, message, .. } = self;
        // A response is always JSON.
        serde_json::to_string(&Response { code, data, message, timestamp: unix_now() }).unwrap_or_default()
    }
}

impl From<Reply> for Answer {
    fn from(reply: Reply) -> Self {
        Self { reply, download: None, user: None, listens: false, is_noted: false }
    }
}

impl From<shape::Refusal> for Reply {
    fn from(refusal: shape::Refusal) -> Self {
        let data = json!({ "validator": refusal.validator, "validator_value": refusal.value });
        Self::new(code::BAD_REQUEST, data, refusal.message)
    }
}

/// Answers a request.
pub(super) async fn answer(core: Arc<Core>, address: IpAddr, question: Question) -> Answer {
    let Some(action) = question.action.as_deref() else {
        return Reply::refusal(code::BAD_REQUEST, "No action specified in request").into();
    };
    let outcome = match action {
        action::SERVER_INFO => server_info(&core, &question).await,
        action::LOGIN => login(&core, address, &question).await,
        action::SET_PASSWD => set_passwd(&question),
        action if ACTIONS.contains(&action) => authenticated(&core, address, action, &question).await,
        action => {
            let action: String = crate::names::shown(action).chars().take(128).collect();
            Err(Reply::refusal(code::BAD_REQUEST, format!("Unknown action: {action}")))
        }
    };
    let answer = outcome.unwrap_or_else(Answer::from);
    if ACTIONS.contains(&action) && action != action::SERVER_INFO && !answer.is_noted {
        let username = match action {
            action::LOGIN | action::SET_PASSWD => question.data.get("username").and_then(Value::as_str),
            _ => question.username.as_deref(),
        };
        let backup = question.data.get("backup_name").and_then(Value::as_str);
        let ending = (answer.reply.code, answer.reply.noted());
        core.note(address, username.unwrap_or_default(), action, backup, ending);
    }
    answer
}

/// Why not, or what.
type Outcomes = std::result::Result<Answer, Reply>;

async fn server_info(core: &Core, question: &Question) -> Outcomes {
    shape::check(&question.data, shape::NOTHING)?;
    let info = ServerInfo {
        server_name: core.server_name.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        protocol_version: PROTOCOL_VERSION,
        // What is not known is taken for the worse.
        lockdown: core.sign_in.lockdown().await != State::Off,
        agent: Some(env!("CARGO_PKG_VERSION").to_owned()),
        actions: ACTIONS.map(str::to_owned).to_vec(),
        whole_server: Some(core.backups.are_whole()),
    };
    Ok(Reply::of(&info, SUCCESS).into())
}

async fn login(core: &Arc<Core>, address: IpAddr, question: &Question) -> Outcomes {
    let data = shape::check(&question.data, shape::LOGIN)?;
    let secret = |key: &str| data.get(key).and_then(Value::as_str).map(Secret::from);
    let credentials = Credentials {
        username: text(data, "username").unwrap_or_default().to_owned(),
        password: secret("password").unwrap_or_else(|| Secret::from("")),
        second_factor: secret("2fa_token"),
    };
    let username = credentials.username.clone();
    let reply = sign_in::login(core, address, credentials).await;
    let user = match reply.token() {
        Some(token) => User::recognise(core, address, &username, token).await,
        None => None,
    };
    Ok(Answer { user, ..reply.into() })
}

fn set_passwd(question: &Question) -> Outcomes {
    shape::check(&question.data, shape::SET_PASSWD)?;
    Err(Reply::refusal(code::FORBIDDEN, NO_SET_PASSWD))
}

/// The actions that need a token.
async fn authenticated(core: &Arc<Core>, address: IpAddr, action: &str, question: &Question) -> Outcomes {
    let (Some(username), Some(token)) = (&question.username, &question.token) else {
        return Err(Reply::refusal(code::UNAUTHORIZED, "Username or token is missing"));
    };
    let account = sign_in::authenticate(core, address, username, token).await?;
    sign_in::refuse_locked_out(core, &account).await?;
    if action == action::REFRESH_TOKEN {
        shape::check(&question.data, shape::NOTHING)?;
        let reply = sign_in::refresh(core, &account);
        let user = reply.token().map(|token| User::of(&account, token));
        return Ok(Answer { user, ..reply.into() });
    }
    // Whoever asks for what there is not has signed in all the same.
    let mut answer = of_account(core, address, &account, action, question).await.unwrap_or_else(Answer::from);
    answer.user = Some(User::of(&account, token.clone()));
    Ok(answer)
}

async fn of_account(
    core: &Arc<Core>,
    address: IpAddr,
    account: &Account,
    action: &str,
    question: &Question,
) -> Outcomes {
    let may_back_up = rights::may_back_up(account, unix_now());
    let allowed = || if may_back_up { Ok(()) } else { Err(Reply::refusal(code::FORBIDDEN, message::ACCESS_DENIED)) };
    Ok(match action {
        action::REGISTER_LISTENER => {
            shape::check(&question.data, shape::NOTHING)?;
            Answer { listens: true, ..Reply::of(&json!({}), SUCCESS).into() }
        }
        action::GENERATE_BACKUP => {
            let data = shape::check(&question.data, shape::GENERATE_BACKUP)?;
            allowed()?;
            generate_backup(core, address, account, text(data, "backup_name")).await
        }
        action::DOWNLOAD_BACKUP => {
            let data = shape::check(&question.data, shape::DOWNLOAD_BACKUP)?;
            allowed()?;
            download_backup(core, address, account, data).await?
        }
        _ => {
            let data = shape::check(&question.data, shape::DELETE_BACKUP)?;
            allowed()?;
            delete_backup(core, address, account, text(data, "backup_name").unwrap_or_default()).await?
        }
    })
}

async fn generate_backup(core: &Arc<Core>, address: IpAddr, account: &Account, name: Option<&str>) -> Answer {
    let name = match name.map(BackupName::parse).transpose() {
        Ok(name) => name,
        Err(error) => return not_generated(core, &error).into(),
    };
    let Some(turn) = core.backups.turn() else {
        return not_generated(core, &Error::SourceBusy { path: core.source.root().to_path_buf() }).into();
    };
    if let Err(refusal) = take_deed(core, account) {
        return refusal.into();
    }
    let name_shown = name.as_ref().map(BackupName::as_str);
    core.note_backup_deed(address, &account.username, action::GENERATE_BACKUP, name_shown, (0, "begun"));
    let reply = match backups::generate(Arc::clone(core), turn, (address, Owner::of(account)), name).await {
        Ok(report) => generated(core, &report),
        Err(error) => not_generated(core, &error),
    };
    Answer { is_noted: true, ..reply.into() }
}

fn generated(core: &Core, report: &Report) -> Reply {
    let backup = GeneratedBackup {
        archive_path: core.backups.shown(&report.archive_path),
        key_path: core.backups.shown(&report.key_path),
        metadata: report.metadata.clone(),
    };
    let mut reply = Reply::of(&backup, SUCCESS);
    reply.code = backups::code_of(report);
    if report.outcome == Outcome::Incomplete {
        reply.message = message::BACKUP_FAILED.to_owned();
        if let Value::Object(data) = &mut reply.data {
            data.insert("error".to_owned(), backups::incomplete(report).into());
            data.insert("code".to_owned(), "incomplete".into());
        }
    }
    reply
}

fn not_generated(core: &Core, error: &Error) -> Reply {
    let told = core.backups.told(&error.to_string());
    let data = json!({ "error": told, "code": error.code() });
    Reply { noted: Some(error.to_string()), ..Reply::new(backups::refusal(error), data, message::BACKUP_FAILED) }
}

async fn download_backup(core: &Arc<Core>, address: IpAddr, account: &Account, data: &Map<String, Value>) -> Outcomes {
    let backup_name = text(data, "backup_name").unwrap_or_default();
    let (part, shown) = if text(data, "part") == Some("key") { (Part::Key, "key") } else { (Part::Archive, "archive") };
    let offset = data.get("offset").and_then(shape::whole).unwrap_or(0);
    let missing = || Reply::refusal(code::NOT_FOUND, NO_SUCH_BACKUP);
    let record = core.records.find(backup_name, &Owner::of(account)).ok_or_else(missing)?;
    let turn = match part {
        Part::Key => None,
        Part::Archive => {
            let turn = core.downloads.take(&account.username);
            let too_many = || Reply::refusal(code::TOO_MANY, "Too many downloads at once. Please try again later.");
            Some(turn.ok_or_else(too_many)?)
        }
    };
    let opened = tokio::task::spawn_blocking(move || record.open(part)).await.unwrap_or(Err(Error::Cancelled));
    let opened = opened.map_err(|error| Reply::failure(core, &error))?.ok_or_else(missing)?;
    let size = opened.size;
    if offset > size {
        let data = json!({ "validator": "maximum", "validator_value": size });
        return Err(Reply::new(code::BAD_REQUEST, data, "'offset' is beyond the end of the file"));
    }
    take_deed(core, account)?;
    core.note_backup_deed(
        address,
        &account.username,
        action::DOWNLOAD_BACKUP,
        Some(backup_name),
        (code::OK, &format!("{shown}: begun at byte {offset}")),
    );
    let title = (account.username.clone(), backup_name.to_owned(), shown);
    let download = Some(Download { opened, offset, title, _turn: turn });
    Ok(Answer { download, is_noted: true, ..Reply::of(&DownloadStart { size, offset }, SUCCESS).into() })
}

async fn delete_backup(core: &Arc<Core>, address: IpAddr, account: &Account, name: &str) -> Outcomes {
    let missing = || Reply::refusal(code::NOT_FOUND, NO_SUCH_BACKUP);
    let record = core.records.find(name, &Owner::of(account)).ok_or_else(missing)?;
    take_deed(core, account)?;
    let keeper = Arc::clone(core);
    // A client that goes away stops it as little as its entry.
    let work = tokio::task::spawn_blocking(move || {
        let reply = match keeper.records.remove(&record) {
            Ok(true) => Reply::of(&json!({}), SUCCESS),
            Ok(false) => Reply::refusal(code::NOT_FOUND, NO_SUCH_BACKUP),
            Err(error) => Reply::failure(&keeper, &error),
        };
        let (name, what) = (Some(record.backup_name.as_str()), (reply.code, reply.noted()));
        keeper.note_backup_deed(address, &record.username, action::DELETE_BACKUP, name, what);
        reply
    });
    let reply = work.await.unwrap_or_else(|_| Reply::failure(core, &Error::Cancelled));
    Ok(Answer { is_noted: true, ..reply.into() })
}

/// What is done to backups is always noted, so there is only so much of it.
fn take_deed(core: &Core, account: &Account) -> std::result::Result<(), Reply> {
    match core.audit.takes_backup_deed(&account.username, unix_now()) {
        true => Ok(()),
        false => Err(Reply::refusal(code::TOO_MANY, TOO_MANY_DEEDS)),
    }
}

fn text<'a>(data: &'a Map<String, Value>, key: &str) -> Option<&'a str> {
    data.get(key).and_then(Value::as_str)
}
