//! Calling a server and signing in to it.
//!
//! A password comes from the page once. It is kept here, wiped when dropped, for as long as the server asks for more (a
//! second factor, a new password), and no longer.

use std::sync::Arc;

use cfms_backup::protocol::Secret;
use cfms_backup::remote::{Address, KnownServers, Network, Remote, ServerFacts, SignIn, User, keyring};
use cfms_backup::{Code, Error, ErrorReport, Fingerprint, Job, RemoteError, Result};
use serde::Serialize;
use tauri::State;
use ts_rs::TS;

use super::{Answer, blocking};
use crate::server::{Attempt, Connected};
use crate::state::Application;

/// Somebody has signed in.
#[derive(Debug, Serialize, TS)]
#[ts(export)]
pub(crate) struct Welcome {
    /// Who.
    user: User,
    /// Why the password is not in the keyring, where it was to be kept.
    not_remembered: Option<ErrorReport>,
}

/// Whether a password lies in the system's keyring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub(crate) enum KeptPassword {
    /// It does.
    Kept,
    /// It does not, and could.
    NotKept,
    /// There is no keyring that answers.
    NoKeyring,
}

/// Calls a server. `fingerprint`: the person has compared it and trusts the server, now and from now on.
#[tauri::command]
pub(crate) async fn connect_server(
    application: State<'_, Application>,
    address: String,
    fingerprint: Option<Fingerprint>,
) -> Answer<ServerFacts> {
    application.server.leave().await;
    let job = application.server.job();
    let mut line = application.server.line().await;
    let connected = call(&address, fingerprint, &job).await;
    let outcome = connected.as_ref().map(|_| ()).map_err(Error::code);
    application.log.line(format_args!("a server was called: {outcome:?}"));
    let connected = line.insert(connected.map_err(|error| error.report())?);
    Ok(connected.remote.facts())
}

async fn call(address: &str, fingerprint: Option<Fingerprint>, job: &Job) -> Result<Connected> {
    let address = Address::parse(address)?;
    let network = Network::new(address.clone(), KnownServers::of_this_user()).trusting(fingerprint);
    let remote = Remote::connect(Arc::new(network), job).await?;
    Ok(Connected { address, remote, attempt: None })
}

/// Hangs up, whatever is being asked, and forgets who was signed in.
#[tauri::command]
pub(crate) async fn leave_server(application: State<'_, Application>) -> Answer<()> {
    application.server.leave().await;
    Ok(())
}

#[tauri::command]
pub(crate) async fn password_kept(address: String, username: String) -> Answer<KeptPassword> {
    blocking(move || {
        let Ok(address) = Address::parse(&address) else { return Ok(KeptPassword::NotKept) };
        Ok(match keyring::is_kept(&address, &username) {
            Ok(true) => KeptPassword::Kept,
            Ok(false) => KeptPassword::NotKept,
            Err(_) => KeptPassword::NoKeyring,
        })
    })
    .await
}

#[tauri::command]
pub(crate) async fn forget_password(address: String, username: String) -> Answer<()> {
    blocking(move || keyring::forget(&Address::parse(&address)?, &username).map(drop)).await
}

/// Signs in. No `password`: the keyring's.
#[tauri::command]
pub(crate) async fn sign_in(
    application: State<'_, Application>,
    username: String,
    password: Option<Secret>,
    remember: bool,
) -> Answer<Welcome> {
    let job = application.server.job();
    let mut line = application.server.line().await;
    let connected = line.as_mut().ok_or_else(|| hung_up(&username))?;
    let (address, user) = (connected.address.clone(), username.clone());
    let password = match password {
        Some(password) => password,
        None => blocking(move || keyring::password(&address, &user)).await?,
    };
    connected.attempt = Some(Attempt { who: SignIn { username, password, second_factor: None }, remember });
    let outcome = enter(connected, &job).await;
    application.log.line(format_args!("signing in: {:?}", outcome.as_ref().map(|_| ()).map_err(|report| report.code)));
    outcome
}

/// Goes on signing in, with the second factor that the server asked for.
#[tauri::command]
pub(crate) async fn second_factor(application: State<'_, Application>, factor: Secret) -> Answer<Welcome> {
    let job = application.server.job();
    let mut line = application.server.line().await;
    let connected = line.as_mut().ok_or_else(|| hung_up(""))?;
    connected.attempt.as_mut().ok_or_else(|| hung_up(""))?.who.second_factor = Some(factor);
    enter(connected, &job).await
}

/// Changes the password, which has expired, and goes on signing in with the new one.
#[tauri::command]
pub(crate) async fn change_password(application: State<'_, Application>, new: Secret) -> Answer<Welcome> {
    let job = application.server.job();
    let mut line = application.server.line().await;
    let connected = line.as_mut().ok_or_else(|| hung_up(""))?;
    let attempt = connected.attempt.as_mut().ok_or_else(|| hung_up(""))?;
    let SignIn { username, password, .. } = &attempt.who;
    connected.remote.set_password(username, password, &new, &job).await.map_err(|error| error.report())?;
    attempt.who.password = new;
    enter(connected, &job).await
}

/// Signs in as the attempt says. The attempt stays only while the server asks for more.
async fn enter(connected: &mut Connected, job: &Job) -> Answer<Welcome> {
    let attempt = connected.attempt.take().ok_or_else(|| hung_up(""))?;
    let user = match connected.remote.sign_in(&attempt.who, job).await {
        Ok(user) => user,
        Err(error) => {
            let wants_more =
                matches!(error.code(), Code::SecondFactorWanted | Code::SecondFactorRefused | Code::PasswordExpired);
            connected.attempt = wants_more.then_some(attempt);
            return Err(error.report());
        }
    };
    let address = connected.address.clone();
    let remembered = match attempt.remember {
        true => blocking(move || keyring::remember(&address, &attempt.who.username, &attempt.who.password)).await,
        false => Ok(()),
    };
    Ok(Welcome { user, not_remembered: remembered.err() })
}

/// There is no line any more, or nobody who signs in: the page goes back to its form.
pub(super) fn hung_up(username: &str) -> ErrorReport {
    let server = env!("CARGO_PKG_NAME").to_owned();
    Error::from(RemoteError::SessionEnded { server, username: username.to_owned() }).report()
}
