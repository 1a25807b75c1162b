//! Tokens: JWT (RFC 7519) signed with HMAC-SHA256 and a secret that lives as long as the agent runs.
//!
//! ```text
//! base64url {"alg":"HS256","typ":"JWT"} . base64url {"username", "exp", "pwd"} . base64url HMAC-SHA256
//! ```
//!
//! The header is compared, not read: no token chooses its own algorithm. `pwd` ties a token to the password that it was
//! given for, so that a changed password ends it, as on a server.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::archive::key::fill_random;
use crate::error::Result;
use crate::hex;
use crate::protocol::Secret;
use crate::server_data::Account;

/// How long a token lives, in seconds.
const LIFETIME: f64 = 3600.0;
/// Characters that a token may have.
const MAX_LENGTH: usize = 4096;
const HEADER: &str = r#"{"alg":"HS256","typ":"JWT"}"#;

/// Gives and checks tokens.
pub(super) struct Tokens {
    secret: Zeroizing<[u8; 64]>,
}

/// A token, and until when it is good, in Unix seconds.
pub(super) struct Token {
    pub(super) text: Secret,
    pub(super) exp: f64,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    username: String,
    exp: f64,
    pwd: String,
}

impl Tokens {
    /// With a new secret: tokens of an earlier run are worth nothing.
    pub(super) fn new() -> Result<Self> {
        let mut secret = Zeroizing::new([0; 64]);
        fill_random(secret.as_mut())?;
        Ok(Self { secret })
    }

    /// A token for a user who has proved to be that user.
    pub(super) fn give(&self, account: &Account, now: f64) -> Token {
        let exp = now + LIFETIME;
        let claims = Claims { username: account.username.clone(), exp, pwd: self.password_mark(account) };
        // Text and finite numbers are always JSON.
        let claims = serde_json::to_string(&claims).unwrap_or_default();
        let mut text = format!("{}.{}", URL_SAFE_NO_PAD.encode(HEADER), URL_SAFE_NO_PAD.encode(claims));
        let signature = self.mac(text.as_bytes()).finalize().into_bytes();
        text.push('.');
        text.push_str(&URL_SAFE_NO_PAD.encode(signature));
        Token { text: text.into(), exp }
    }

    /// Whether a token was signed here, for that username, and is not expired at `now`: what can be said without the
    /// database.
    pub(super) fn is_ours(&self, token: &str, username: &str, now: f64) -> bool {
        self.claims(token).is_some_and(|claims| claims.username == username && claims.exp > now)
    }

    /// Whether a token is the one of that account as it is now.
    pub(super) fn is_of(&self, token: &str, account: &Account, now: f64) -> bool {
        self.claims(token).is_some_and(|claims| {
            let mark = self.password_mark(account);
            claims.username == account.username
                && claims.exp > now
                && claims.pwd.as_bytes().ct_eq(mark.as_bytes()).into()
        })
    }

    fn claims(&self, token: &str) -> Option<Claims> {
        let (signed, signature) = token.rsplit_once('.').filter(|_| token.len() <= MAX_LENGTH)?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        self.mac(signed.as_bytes()).verify_slice(&signature).ok()?;
        let (header, claims) = signed.split_once('.')?;
        if header != URL_SAFE_NO_PAD.encode(HEADER) {
            return None;
        }
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()
    }

    fn password_mark(&self, account: &Account) -> String {
        let mut mac = self.mac(b"password");
        for part in [&account.username, &*account.pass_hash, &*account.secret_key] {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        hex::encode(&mac.finalize().into_bytes()[..16])
    }

    fn mac(&self, text: &[u8]) -> Hmac<Sha256> {
        // A key of the digest's block size, which needs no check.
        let mut mac = Hmac::<Sha256>::new((&*self.secret).into());
        mac.update(text);
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::super::rights::tests::nobody;
    use super::*;

    fn sign(tokens: &Tokens, header: &str, claims: &str) -> String {
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let signature = tokens.mac(signed.as_bytes()).finalize().into_bytes();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    #[test]
    fn a_token_is_good_for_its_user_and_an_hour() {
        let (tokens, account) = (Tokens::new().unwrap(), nobody());
        let token = tokens.give(&account, 1000.0);
        assert_eq!(token.exp, 4600.0);
        let token = token.text.expose();
        assert!(tokens.is_ours(token, "nobody", 4599.9) && tokens.is_of(token, &account, 4599.9));
        assert!(!tokens.is_ours(token, "nobody", 4600.0), "its time is over");
        assert!(!tokens.is_ours(token, "admin", 1000.0), "it is another's");
        assert!(!Tokens::new().unwrap().is_ours(token, "nobody", 1000.0), "it is of another run");
        let mut changed = nobody();
        changed.pass_hash = zeroize::Zeroizing::new("another".to_owned());
        assert!(!tokens.is_of(token, &changed, 1000.0), "the password was changed");
    }

    #[test]
    fn forged_tokens_are_refused() {
        let (tokens, account) = (Tokens::new().unwrap(), nobody());
        let good = tokens.give(&account, 1000.0);
        let good = good.text.expose();
        let claims = |text: &str| sign(&tokens, HEADER, text);
        let pwd = tokens.password_mark(&account);
        assert!(tokens.is_of(
            &claims(&format!(r#"{{"username":"nobody","exp":2000,"pwd":"{pwd}"}}"#)),
            &account,
            1000.0
        ));
        let (signed, signature) = good.rsplit_once('.').unwrap();
        let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#);
        let bad = [
            String::new(),
            "..".to_owned(),
            "a.b.c".to_owned(),
            signed.to_owned(),
            format!("{signed}."),
            format!("{signed}.{}", &signature[..40]),
            format!("{signed}.{}", "A".repeat(43)),
            format!("{none}.{}.", signed.split_once('.').unwrap().1),
            format!("{none}.{}.{signature}", signed.split_once('.').unwrap().1),
            sign(
                &tokens,
                r#"{"alg":"none","typ":"JWT"}"#,
                &format!(r#"{{"username":"nobody","exp":2000,"pwd":"{pwd}"}}"#),
            ),
            sign(
                &tokens,
                r#"{"alg":"HS512","typ":"JWT"}"#,
                &format!(r#"{{"username":"nobody","exp":2000,"pwd":"{pwd}"}}"#),
            ),
            claims(&format!(r#"{{"username":"nobody","exp":"2000","pwd":"{pwd}"}}"#)),
            claims(&format!(r#"{{"username":"nobody","exp":null,"pwd":"{pwd}"}}"#)),
            claims(&format!(r#"{{"username":"nobody","pwd":"{pwd}"}}"#)),
            claims(r#"{"username":"nobody","exp":2000,"pwd":""}"#),
            claims("[]"),
            format!("{good}{}", "A".repeat(MAX_LENGTH)),
        ];
        for token in bad {
            assert!(!tokens.is_of(&token, &account, 1000.0), "{token}");
        }
    }
}
