//! Which passwords a server takes, by the `[security]` of its `config.toml`.

use regex::Regex;
use toml::{Table, Value};

/// What a password must be like, and how old it may become.
#[derive(Debug)]
pub(crate) struct PasswordPolicy {
    min_length: usize,
    max_length: usize,
    /// Of each set one character at least.
    must_contain: Vec<String>,
    /// Later servers: patterns, of which so many must be found. One that is not understood is never found.
    rules: Vec<Option<Regex>>,
    min_rules: usize,
    /// In seconds; `None` is for ever.
    expires_after: Option<f64>,
}

const DAY: f64 = 86_400.0;
const DEFAULT_DAYS: f64 = 365.0;

impl Default for PasswordPolicy {
    fn default() -> Self {
        Self {
            min_length: 8,
            max_length: 32,
            must_contain: Vec::new(),
            rules: Vec::new(),
            min_rules: 0,
            expires_after: Some(DEFAULT_DAYS * DAY),
        }
    }
}

impl PasswordPolicy {
    /// Reads the section `[security]`.
    pub(super) fn of(security: &Table) -> Self {
        let default = Self::default();
        let number = |key: &str| usize::try_from(security.get(key)?.as_integer()?).ok();
        let texts = |key: &str| security.get(key).and_then(Value::as_array).into_iter().flatten();
        let days = |value: &Value| value.as_float().or_else(|| value.as_integer().map(|days| days as f64));
        let expires = security.get("enable_passwd_force_expiration").and_then(Value::as_bool).unwrap_or(true);
        let expires_after = security.get("passwd_expire_after_days").and_then(days).unwrap_or(DEFAULT_DAYS) * DAY;
        let rules: Vec<_> =
            texts("passwd_rules").map(|rule| rule.as_str().and_then(|rule| Regex::new(rule).ok())).collect();
        Self {
            min_length: number("passwd_min_length").unwrap_or(default.min_length),
            max_length: number("passwd_max_length").unwrap_or(default.max_length),
            must_contain: texts("passwd_must_contain").map(characters).collect(),
            min_rules: number("passwd_min_passed_count").unwrap_or(0).min(rules.len()),
            rules,
            expires_after: expires.then_some(expires_after),
        }
    }

    /// Whether a password is one that could be chosen now.
    pub(crate) fn takes(&self, password: &str) -> bool {
        let length = password.chars().count();
        let found = self.rules.iter().flatten().filter(|rule| rule.is_match(password)).count();
        (self.min_length..=self.max_length).contains(&length)
            && self.must_contain.iter().all(|set| password.chars().any(|c| set.contains(c)))
            && found >= self.min_rules
    }

    /// Whether a password that was chosen then must be changed by now, both in Unix seconds.
    pub(crate) fn is_expired(&self, changed: f64, now: f64) -> bool {
        self.expires_after.is_some_and(|seconds| now - changed > seconds)
    }
}

/// A set of characters: a text, or on some servers a list of them.
fn characters(value: &Value) -> String {
    match value {
        Value::String(set) => set.clone(),
        Value::Array(parts) => parts.iter().filter_map(Value::as_str).collect(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(text: &str) -> PasswordPolicy {
        PasswordPolicy::of(&text.parse().unwrap())
    }

    #[test]
    fn a_password_fits_as_the_server_has_it() {
        let default = policy("");
        assert!(default.takes("12345678") && default.takes(&"密".repeat(32)));
        assert!(!default.takes("1234567") && !default.takes(&"x".repeat(33)));
        let strict = policy("passwd_min_length = 2\npasswd_must_contain = [\"!\", [\"a\", \"b\"]]");
        assert!(strict.takes("b!") && !strict.takes("c!") && !strict.takes("ab"));
        let later = policy(r#"passwd_rules = ["[A-Z]", "\\d", "(?=lookahead)"]"#.to_owned().as_str());
        assert!(later.takes("xxxxxxxx"));
        let later = policy("passwd_rules = [\"[A-Z]\", \"[0-9]\", \"(?=no)\"]\npasswd_min_passed_count = 2");
        assert!(later.takes("Harbour-2026") && !later.takes("harbour-2026"));
        let impossible = policy("passwd_rules = [\"[A-Z]\", \"(?=no)\"]\npasswd_min_passed_count = 2");
        assert!(!impossible.takes("Harbour-2026"), "what is not understood is not fulfilled");
    }

    #[test]
    fn a_password_expires_as_the_server_has_it() {
        let year = 365.0 * DAY;
        assert!(!policy("").is_expired(1000.0, 1000.0 + year) && policy("").is_expired(1000.0, 1001.0 + year));
        assert!(policy("").is_expired(0.0, 1.8e9), "a fresh user must change the password");
        assert!(policy("passwd_expire_after_days = 1").is_expired(1000.0, 1001.0 + DAY));
        assert!(!policy("enable_passwd_force_expiration = false").is_expired(0.0, 1.8e9));
    }
}
