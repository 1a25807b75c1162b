//! Whether a password is right, in constant time and within the memory that the limit on hashes allows.

use std::net::IpAddr;

use argon2::{Argon2, Params, PasswordHash, PasswordVerifier};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tokio::time::timeout;

use super::limits;
use super::turns::Turns;
use crate::hex;
use crate::protocol::Secret;
use crate::server_data::{Account, Lookup};

/// What somebody's hash is compared with who does not exist: the parameters are those of CFMS servers.
const NOBODY: &str =
    "$argon2id$v=19$m=65536,t=3,p=4$K0/eYMhFZS+cJ8InpW6cOA$Ca9n8IBCaulncf4oZz6/m3Ajq/m1pDsekT/N2MNgP5A";

/// Computes hashes, a few at once.
pub(super) struct Passwords {
    turns: Turns,
}

/// That there was no turn: too many hashes are asked for.
#[derive(Debug)]
pub(super) struct Overloaded;

impl Passwords {
    pub(super) fn new() -> Self {
        Self { turns: Turns::new(limits::HASHES) }
    }

    /// Everything that there is to take, as many logins would.
    #[cfg(test)]
    pub(super) async fn take_all_turns(&self) -> Vec<super::turns::Turn> {
        let mut all = Vec::new();
        for _ in 0..limits::HASHES {
            all.extend(self.turns.take([192, 0, 2, 9].into()).await);
        }
        all
    }

    /// Whether `password`, which came from `address`, is the one of the user that was looked up. For a user who does not
    /// exist it takes as long.
    pub(super) async fn are_right(
        &self,
        address: IpAddr,
        password: Secret,
        lookup: Lookup,
    ) -> Result<Option<Account>, Overloaded> {
        let turn = timeout(limits::HASH_WAIT, self.turns.take(address)).await.ok().flatten().ok_or(Overloaded)?;
        let work = tokio::task::spawn_blocking(move || {
            // Given back only when the memory is free again, even if nobody waits for the answer any more.
            let _turn = turn;
            match lookup.account {
                Some(account) => is_right(password.expose(), &account).then_some(account),
                None => {
                    if lookup.is_argon2 {
                        verify_argon2(password.expose(), NOBODY);
                    } else {
                        verify_sha256(password.expose(), NOBODY, "");
                    }
                    None
                }
            }
        });
        work.await.map_err(|_| Overloaded)
    }
}

fn is_right(password: &str, account: &Account) -> bool {
    if account.pass_hash.starts_with('$') {
        verify_argon2(password, &account.pass_hash)
    } else {
        verify_sha256(password, &account.pass_hash, account.salt.as_deref().unwrap_or_default())
    }
}

fn verify_sha256(password: &str, hash: &str, salt: &str) -> bool {
    let digest = Sha256::new().chain_update(password).chain_update(salt).finalize();
    hex::encode(&digest).as_bytes().ct_eq(hash.as_bytes()).into()
}

fn verify_argon2(password: &str, hash: &str) -> bool {
    let Ok(hash) = PasswordHash::new(hash) else { return false };
    let is_affordable = Params::try_from(&hash).is_ok_and(|params| params.m_cost() <= limits::HASH_KIB);
    is_affordable && Argon2::default().verify_password(password.as_bytes(), &hash).is_ok()
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::super::rights::tests::nobody;
    use super::*;

    /// Made by argon2-cffi, as later servers make them, of `Harbour-2026`.
    const ARGON2: &str =
        "$argon2id$v=19$m=65536,t=3,p=4$s5ZUK2Q0Rmk6G0X8P8/BoA$7z0WuvEuy9J3YADEZGQ6KN7zP2sL/+Ymlm+47bqDEZQ";

    fn account(hash: &str, salt: Option<&str>) -> Account {
        let mut account = nobody();
        account.pass_hash = Zeroizing::new(hash.to_owned());
        account.salt = salt.map(str::to_owned);
        account
    }

    #[test]
    fn a_salted_sha256_is_that_of_password_and_salt() {
        // printf 'Harbour-2026salt' | sha256sum
        let account = account("f65f73e06a59ab70ee9064bc7a97050f8b4b3dcee700bba0e9240e4ca16e7af1", Some("salt"));
        assert!(is_right("Harbour-2026", &account));
        for wrong in ["", "harbour-2026", "Harbour-2026salt"] {
            assert!(!is_right(wrong, &account), "{wrong}");
        }
    }

    #[test]
    fn an_argon2id_hash_is_understood() {
        assert!(is_right("Harbour-2026", &account(ARGON2, None)));
        assert!(!is_right("harbour-2026", &account(ARGON2, None)));
        assert!(PasswordHash::new(NOBODY).is_ok(), "nobody's hash takes as long as somebody's");
    }

    #[test]
    fn a_hash_that_is_none_or_costs_too_much_opens_nothing() {
        let costly = ARGON2.replace("m=65536", "m=4194304");
        for hash in ["", "$", "$argon2id$", "$2b$12$abcdefghijklmnopqrstuv", costly.as_str()] {
            assert!(!is_right("Harbour-2026", &account(hash, None)), "{hash}");
            assert!(!is_right("", &account(hash, None)), "{hash}");
        }
    }
}
