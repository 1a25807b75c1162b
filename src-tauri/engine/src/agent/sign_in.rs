//! Who somebody is: passwords, second factors and tokens, as the server would take them. Nobody enters whom it would refuse.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use serde_json::json;
use tokio::time::sleep_until;

use super::dialogue::Reply;
use super::lockdown::{Lockdown, State};
use super::passwords::Passwords;
use super::throttle::{End, NotNow, Throttle};
use super::tokens::Tokens;
use super::totp::Totp;
use super::{Core, limits, rights};
use crate::clock::unix_now;
use crate::error::{Code, Error, Result};
use crate::protocol::{Refreshed, Secret, SignedIn, code, message};
use crate::server_data::{Account, Lookup, ServerData};

/// What deciding that needs.
pub(super) struct SignIn {
    tokens: Tokens,
    passwords: Passwords,
    totp: Totp,
    throttle: Throttle,
    lockdown: Option<Lockdown>,
}

/// What somebody signs in with.
pub(super) struct Credentials {
    pub(super) username: String,
    pub(super) password: Secret,
    pub(super) second_factor: Option<Secret>,
}

const TOO_MANY: &str = "Too many login attempts. Please try again later.";
const WRONG: &str = "Invalid credentials";
const WRONG_TOKEN: &str = "Invalid user or token";

impl SignIn {
    pub(super) fn new(source: &ServerData, own: SocketAddr) -> Result<Self> {
        let (host, port) = source.listens_on();
        Ok(Self {
            tokens: Tokens::new()?,
            passwords: Passwords::new(),
            totp: Totp::default(),
            throttle: Throttle::default(),
            // An agent on the server's port would ask itself.
            lockdown: (port != own.port()).then(|| Lockdown::of(host, port)),
        })
    }

    /// What is known of the running server's lockdown.
    pub(super) async fn lockdown(&self) -> State {
        match &self.lockdown {
            Some(lockdown) => lockdown.state().await,
            None => State::Off,
        }
    }
}

/// Answers `login`.
pub(super) async fn login(core: &Arc<Core>, address: IpAddr, credentials: Credentials) -> Reply {
    let answer_at = tokio::time::Instant::now() + limits::FAILED_LOGIN;
    let attempt = match core.sign_in.throttle.begin(address, &credentials.username).await {
        Ok(attempt) => attempt,
        Err(NotNow::TooManyFailures) => return Reply::refusal(code::TOO_MANY, TOO_MANY),
        Err(NotNow::Overloaded) => return busy(),
    };
    let (reply, end) = decide(core, address, credentials).await;
    attempt.ends(end);
    if end == End::Wrong {
        sleep_until(answer_at).await;
    }
    reply
}

async fn decide(core: &Arc<Core>, address: IpAddr, credentials: Credentials) -> (Reply, End) {
    let Credentials { username, password, second_factor } = credentials;
    let lookup = match look_up(core, &username).await {
        Ok(lookup) => lookup,
        Err(error) => return (Reply::no_users(&error), End::Undecided),
    };
    if rights::is_banned(address, &lookup.banned_subnets) {
        return (Reply::refusal(code::FORBIDDEN, message::ACCESS_DENIED), End::Wrong);
    }
    let account = match core.sign_in.passwords.are_right(address, password.clone(), lookup).await {
        Ok(Some(account)) => account,
        Ok(None) => return (Reply::refusal(code::UNAUTHORIZED, WRONG), End::Wrong),
        Err(_overloaded) => return (busy(), End::Undecided),
    };
    if let Some(secret) = &account.totp_secret {
        let Some(given) = second_factor else {
            let wanted =
                Reply::new(code::SECOND_FACTOR, json!({ "method": "totp" }), "Two-factor authentication required");
            return (wanted, End::Undecided);
        };
        if !core.sign_in.totp.takes(&account.username, secret, given.expose(), unix_now() as u64) {
            return (Reply::refusal(code::UNAUTHORIZED, "Invalid two-factor authentication token"), End::Wrong);
        }
    }
    if account.is_disabled {
        return (Reply::refusal(code::INACTIVE, "User account is not active"), End::Wrong);
    }
    (welcome(core, &account, &password).await.unwrap_or_else(|refusal| refusal), End::Right)
}

/// So much is asked for that there was no turn: nobody did wrong.
fn busy() -> Reply {
    Reply::new(code::FAILED, json!({ "code": Code::ServerBusy }), message::BUSY)
}

/// The answer to somebody who is who they say.
async fn welcome(core: &Core, account: &Account, password: &Secret) -> std::result::Result<Reply, Reply> {
    let (policy, now) = (core.source.password_policy(), unix_now());
    if !policy.takes(password.expose()) {
        return Err(Reply::refusal(code::FORBIDDEN, message::PASSWORD_MUST_CHANGE));
    }
    if account.password_changed.is_some_and(|changed| policy.is_expired(changed, now)) {
        return Err(Reply::refusal(code::FORBIDDEN, message::PASSWORD_EXPIRED));
    }
    refuse_locked_out(core, account).await?;
    let token = core.sign_in.tokens.give(account, now);
    let data = SignedIn {
        token: token.text,
        exp: Some(token.exp),
        nickname: account.nickname.clone(),
        permissions: rights::permissions(account, now).into_iter().collect(),
        groups: rights::groups(account, now).into_iter().collect(),
    };
    Ok(Reply::of(&data, "Login successful"))
}

/// Nothing, where the server is known not to be locked down, or that user may act all the same.
pub(super) async fn refuse_locked_out(core: &Core, account: &Account) -> std::result::Result<(), Reply> {
    if rights::may_bypass_lockdown(account, unix_now()) {
        return Ok(());
    }
    match core.sign_in.lockdown().await {
        State::Off => Ok(()),
        State::On => Err(Reply::refusal(code::LOCKDOWN, "lockdown")),
        // Another code, as no administrator locked anything.
        State::Unknown => Err(Reply::refusal(code::FAILED, message::NO_LOCKDOWN)),
    }
}

/// Answers `refresh_token`.
pub(super) fn refresh(core: &Core, account: &Account) -> Reply {
    let token = core.sign_in.tokens.give(account, unix_now());
    Reply::of(&Refreshed { token: token.text, exp: Some(token.exp) }, "Token refreshed successfully")
}

/// The user whose token it is, if the server would let that user in now.
pub(super) async fn authenticate(
    core: &Arc<Core>,
    address: IpAddr,
    username: &str,
    token: &Secret,
) -> std::result::Result<Account, Reply> {
    let tokens = &core.sign_in.tokens;
    let refused = || Reply::refusal(code::UNAUTHORIZED, WRONG_TOKEN);
    // The signature first: only who signed in here can make the agent read the database.
    if !tokens.is_ours(token.expose(), username, unix_now()) {
        return Err(refused());
    }
    let lookup = look_up(core, username).await.map_err(|error| Reply::no_users(&error))?;
    if rights::is_banned(address, &lookup.banned_subnets) {
        return Err(Reply::refusal(code::FORBIDDEN, message::ACCESS_DENIED));
    }
    let account = lookup.account.filter(|account| !account.is_disabled);
    account.filter(|account| tokens.is_of(token.expose(), account, unix_now())).ok_or_else(refused)
}

/// What the database knows of that user now.
async fn look_up(core: &Arc<Core>, username: &str) -> Result<Lookup> {
    let (core, username) = (Arc::clone(core), username.to_owned());
    let work = tokio::task::spawn_blocking(move || core.source.look_up(&username));
    work.await.unwrap_or(Err(Error::Cancelled))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::connection::tests::core;
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    async fn attempt(core: &Arc<Core>) -> Value {
        let (username, password) = ("admin".to_owned(), Secret::from("Harbour-2026"));
        let reply = login(core, HERE, Credentials { username, password, second_factor: None }).await;
        serde_json::from_str(&reply.into_text()).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_login_that_finds_no_turn_is_told_that_the_server_is_busy_and_is_no_failure() {
        let folder = tempfile::tempdir().unwrap();
        let core = Arc::new(core(folder.path()));
        let is_told_so = |answer: Value| {
            assert_eq!((&answer["code"], &answer["data"]["code"]), (&json!(500), &json!("server_busy")), "{answer}");
            assert_eq!(answer["message"], "The server is busy; try again");
        };
        let turns = core.sign_in.passwords.take_all_turns().await;
        // More than an address may fail.
        for _ in 0..6 {
            let begun = tokio::time::Instant::now();
            is_told_so(attempt(&core).await);
            assert_eq!(begun.elapsed().as_secs(), 20, "docs/AGENT.md");
        }
        drop(turns);
        let mut others = Vec::new();
        for _ in 0..5 {
            others.push(core.sign_in.throttle.begin(HERE, "admin").await.unwrap());
        }
        is_told_so(attempt(&core).await);
        others.into_iter().for_each(|other| other.ends(End::Undecided));
        assert_eq!(attempt(&core).await["code"], 200);
    }
}
