//! Passwords in the system's keyring: only where the person asked to remember them. These calls block.

use keyring::{Entry, Error as KeyringError};

use super::address::Address;
use crate::error::{RemoteError, Result};
use crate::protocol::Secret;

const SERVICE: &str = "CFMS Backup";

/// The password of `username` on the server at `address`.
///
/// # Errors
/// [`RemoteError::Keyring`]: none is kept, or no keyring answers.
pub fn password(address: &Address, username: &str) -> Result<Secret> {
    let password = entry(address, username)?.get_password();
    password.map(Secret::from).map_err(|error| unusable(address, &error))
}

/// Whether a password of `username` on the server at `address` is kept.
///
/// # Errors
/// [`RemoteError::Keyring`]: no keyring answers.
pub fn is_kept(address: &Address, username: &str) -> Result<bool> {
    match entry(address, username)?.get_password().map(Secret::from) {
        Ok(_) => Ok(true),
        Err(KeyringError::NoEntry) => Ok(false),
        Err(error) => Err(unusable(address, &error)),
    }
}

/// Keeps the password of `username` on the server at `address`.
///
/// # Errors
/// [`RemoteError::Keyring`]: no keyring answers.
pub fn remember(address: &Address, username: &str, password: &Secret) -> Result<()> {
    entry(address, username)?.set_password(password.expose()).map_err(|error| unusable(address, &error))
}

/// Keeps it no longer. `false` if none was kept.
///
/// # Errors
/// [`RemoteError::Keyring`]: no keyring answers.
pub fn forget(address: &Address, username: &str) -> Result<bool> {
    match entry(address, username)?.delete_credential() {
        Ok(()) => Ok(true),
        Err(KeyringError::NoEntry) => Ok(false),
        Err(error) => Err(unusable(address, &error)),
    }
}

fn entry(address: &Address, username: &str) -> Result<Entry> {
    Entry::new(SERVICE, &format!("{username}@{address}")).map_err(|error| unusable(address, &error))
}

/// The keyring's words, but none that may hold what is kept.
fn unusable(address: &Address, error: &KeyringError) -> crate::Error {
    let problem = match error {
        KeyringError::NoEntry => "none is kept there".to_owned(),
        KeyringError::NoDefaultStore => "no keyring runs in this session".to_owned(),
        KeyringError::NoStorageAccess(reason) => format!("it is locked or refuses: {reason}"),
        KeyringError::PlatformFailure(reason) => format!("it does not answer: {reason}"),
        KeyringError::Ambiguous(_) => "more than one is kept".to_owned(),
        _ => "what is kept is no password".to_owned(),
    };
    RemoteError::Keyring { server: address.to_string(), problem }.into()
}
