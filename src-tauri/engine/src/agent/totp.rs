//! The second factor: RFC 6238 with SHA-1, six digits, thirty seconds, one step either side.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use totp_rs::{Algorithm, Builder, Secret};

/// Seconds for which a code is shown.
const STEP: u64 = 30;

/// The codes that were taken: each is good once.
#[derive(Default)]
pub(super) struct Totp {
    taken: Mutex<BTreeMap<String, u64>>,
}

impl Totp {
    /// Whether `code` is right for the secret (base32) of `username` at `now`, in Unix seconds, and was not taken before.
    pub(super) fn takes(&self, username: &str, secret: &str, code: &str, now: u64) -> bool {
        let Some(step) = matching_step(secret, code, now) else { return false };
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        // Only the steps that could come again are worth remembering.
        taken.retain(|_, taken| now / STEP <= *taken + 2);
        match taken.get(username) {
            Some(last) if step <= *last => false,
            _ => {
                taken.insert(username.to_owned(), step);
                true
            }
        }
    }
}

fn matching_step(secret: &str, code: &str, now: u64) -> Option<u64> {
    if code.len() != 6 || !code.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let secret = secret.trim().trim_end_matches('=').to_ascii_uppercase();
    let secret = Secret::try_from_base32(&secret).ok().filter(|secret| !secret.as_bytes().is_empty())?;
    let builder = Builder::new().with_algorithm(Algorithm::SHA1).with_digits(6).with_skew(1).with_step_duration(STEP);
    builder.with_secret(secret).build_noncompliant().check(code, now)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238, appendix B: the ASCII of 12345678901234567890.
    const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

    #[test]
    fn the_codes_are_those_of_the_rfc() {
        for (time, code) in [(59, "287082"), (1_111_111_109, "081804"), (2_000_000_000, "279037")] {
            assert!(Totp::default().takes("u", SECRET, code, time), "{time}");
            assert!(Totp::default().takes("u", SECRET, code, time + 30), "{time}: one step later");
            assert!(Totp::default().takes("u", SECRET, code, time - 30), "{time}: one step before");
            assert!(!Totp::default().takes("u", SECRET, code, time + 60), "{time}: two steps later");
        }
    }

    #[test]
    fn a_code_is_good_once_and_nothing_else_is_good() {
        let totp = Totp::default();
        assert!(totp.takes("u", SECRET, "287082", 59));
        assert!(!totp.takes("u", SECRET, "287082", 60));
        assert!(totp.takes("another", SECRET, "287082", 59));
        for bad in ["", "28708", "2870820", "287083", "２８７０８２", "abcdef", "0287082"] {
            assert!(!totp.takes("v", SECRET, bad, 59), "{bad}");
        }
        for secret in ["", "=", "no base32!", "1"] {
            assert!(!totp.takes("v", secret, "287082", 59), "{secret}");
        }
    }
}
