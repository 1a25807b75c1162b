//! Who has signed in on a connection, and what shows it.

use std::net::IpAddr;
use std::sync::Arc;

use super::{Core, rights, sign_in};
use crate::clock::unix_now;
use crate::protocol::Secret;
use crate::server_data::Account;

/// A user, as the last request of a connection showed.
pub(super) struct User {
    pub(super) name: String,
    token: Secret,
    /// Whether that user could make backups then.
    pub(super) may_back_up: bool,
}

impl User {
    /// Whose account it is, with the token that is to show it from now on.
    pub(super) fn of(account: &Account, token: Secret) -> Self {
        Self { name: account.username.clone(), token, may_back_up: rights::may_back_up(account, unix_now()) }
    }

    /// Whose token it is, if it is good.
    pub(super) async fn recognise(core: &Arc<Core>, address: IpAddr, name: &str, token: Secret) -> Option<Self> {
        let account = sign_in::authenticate(core, address, name, &token).await.ok()?;
        Some(Self::of(&account, token))
    }

    /// Whether it is that user still, and may make backups: the password may have been changed since, or the account
    /// disabled, or its rights taken away.
    pub(super) async fn may_still_back_up(&self, core: &Arc<Core>, address: IpAddr) -> bool {
        let now = Self::recognise(core, address, &self.name, self.token.clone()).await;
        now.is_some_and(|user| user.may_back_up)
    }
}
