//! Answers of a server that was just told a secret.
//!
//! It may repeat the secret in a form that nobody expects, and its words end in logs. So of its refusal the code is told,
//! and those sentences alone that servers are known to say, of which every character is known here or is one of few digits.

use serde_json::{Value, json};
use zeroize::Zeroize;

use crate::protocol::{Response, action, message, wipe};

/// What is asked with passwords or for tokens.
const CONFIDING: [&str; 3] = [action::LOGIN, action::SET_PASSWD, action::REFRESH_TOKEN];
/// Sentences of servers.
const KNOWN: [&str; 9] = [
    message::ACCESS_DENIED,
    message::PASSWORD_EXPIRED,
    message::PASSWORD_MUST_CHANGE,
    message::BUSY,
    message::NO_LOCKDOWN,
    "Invalid credentials",
    "Account is not active",
    "New password should not be the same",
    "You do not have permission to change your own password",
];
/// The error of a server whose database somebody else has locked: it is worth another try.
const LOCKED: &str = "database is locked";
/// Of a new password. The shortest and the longest length may follow, as ` (8 ~ 32)`.
const LENGTH: &str = "Password does not meet the length requirement";
/// Of a new password, before a colon and what is not shown: characters or rules that the server wants.
const WANTING: [&str; 2] =
    ["Password is missing the necessary characters", "Password does not meet the rule requirements"];
/// Digits that a length has at the most.
const DIGITS: usize = 3;
/// What stands for other words.
const WITHHELD: &str = "its words are not shown, a password could be among them";

/// Whether `action` tells a server a secret.
pub(super) fn is_one(action: &str) -> bool {
    CONFIDING.contains(&action)
}

/// Leaves of a refusal what can be shown.
pub(super) fn withhold_words(response: &mut Response) {
    // Never shown, only compared.
    let code = response.data.get_mut("code").map(Value::take);
    let is_locked = response.data.get("error").is_some_and(|error| error == LOCKED);
    wipe(&mut response.data);
    response.data = json!({ "code": code });
    if is_locked {
        response.data["error"] = LOCKED.into();
    }
    let shown = shown(&response.message).to_owned();
    std::mem::replace(&mut response.message, shown).zeroize();
}

fn shown(words: &str) -> &str {
    let is_length = words.strip_prefix(LENGTH).is_some_and(|rest| rest.is_empty() || is_span(rest));
    if is_length || KNOWN.contains(&words) {
        return words;
    }
    let before_colon = words.split_once(':').map(|(before, _)| before);
    WANTING.into_iter().find(|wanting| before_colon == Some(wanting)).unwrap_or(WITHHELD)
}

/// ` (8 ~ 32)`
fn is_span(text: &str) -> bool {
    let is_length = |number: &str| (1..=DIGITS).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit());
    let span = text.strip_prefix(" (").and_then(|text| text.strip_suffix(')'));
    span.and_then(|span| span.split_once(" ~ ")).is_some_and(|(least, most)| is_length(least) && is_length(most))
}
