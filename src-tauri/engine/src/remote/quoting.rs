//! A server's words, made fit for a message of ours: on one line, short, and without the secrets that it was told.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use zeroize::Zeroizing;

use crate::names::shown;
use crate::protocol::Secret;

/// Characters of a server's sentence that are told.
const MOST: usize = 300;
/// Characters of something unexpected that are quoted.
const PIECE: usize = 60;
/// How often a text is unescaped in search of a secret: JSON in JSON is common.
const LAYERS: usize = 3;
/// What stands for a secret.
const HIDDEN: &str = "•••";

/// Passwords, second factors and tokens that a server knows: it may repeat them in its words, which end in logs.
#[derive(Clone, Default)]
pub(crate) struct Unsaid(Arc<Mutex<Vec<Secret>>>);

impl Unsaid {
    /// From now on `secret` is not repeated.
    pub(crate) fn add(&self, secret: &Secret) {
        let mut secrets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = secrets.iter().all(|known| known.expose() != secret.expose());
        if is_new && !secret.expose().is_empty() {
            secrets.push(secret.clone());
        }
    }

    /// A sentence of the server.
    pub(crate) fn cleaned(&self, text: &str) -> String {
        cleaned(&self.without_secrets(text))
    }

    /// A short piece of what was no message of the protocol. What may hold a token or a password is not quoted at all.
    pub(crate) fn quoted(&self, message: &[u8]) -> String {
        let text = String::from_utf8_lossy(message);
        if ["token", "passw", "\"key\""].iter().any(|secret| text.contains(secret)) {
            return String::new();
        }
        shortened(self.without_secrets(&text).trim(), PIECE)
    }

    /// Replaced before anything is cut: half a secret would not be recognised.
    fn without_secrets(&self, text: &str) -> String {
        let secrets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if secrets.is_empty() {
            return text.to_owned();
        }
        let mut layer = Layer::of(text);
        let mut found = Vec::new();
        for _ in 0..=LAYERS {
            for secret in &*secrets {
                found.extend(layer.find(secret));
            }
            layer = layer.unescaped();
        }
        replaced(text, found)
    }
}

/// A sentence of the server, on one line and not too long, where it knows no secret yet.
pub(crate) fn cleaned(text: &str) -> String {
    shortened(text.trim(), MOST)
}

fn shortened(text: &str, most: usize) -> String {
    let mut short = shown(&text.chars().take(most).collect::<String>());
    if text.chars().nth(most).is_some() {
        short.push('…');
    }
    short
}

fn replaced(text: &str, mut found: Vec<Range<usize>>) -> String {
    found.sort_unstable_by_key(|range| range.start);
    let (mut told, mut end) = (String::with_capacity(text.len()), 0);
    for range in found {
        if range.start >= end {
            told.push_str(&text[end..range.start]);
            told.push_str(HIDDEN);
        }
        end = end.max(range.end);
    }
    told.push_str(&text[end..]);
    told
}

/// A text with some of its escapes undone.
struct Layer {
    text: Zeroizing<String>,
    /// Where in the first text each byte comes from; and that text's end.
    origin: Vec<usize>,
}

impl Layer {
    fn of(text: &str) -> Self {
        Self { text: Zeroizing::new(text.to_owned()), origin: (0..=text.len()).collect() }
    }

    /// Where in the first text `secret` stands.
    fn find<'a>(&'a self, secret: &'a Secret) -> impl Iterator<Item = Range<usize>> + 'a {
        let length = secret.expose().len();
        self.text.match_indices(secret.expose()).map(move |(at, _)| self.origin[at]..self.origin[at + length])
    }

    /// Escapes of JSON, of Python and Rust, and those of URLs, undone once.
    fn unescaped(&self) -> Self {
        let mut text = Zeroizing::new(String::with_capacity(self.text.len()));
        let mut origin = Vec::with_capacity(self.origin.len());
        let mut at = 0;
        while let Some((c, length)) = first(&self.text[at..]) {
            text.push(c);
            origin.resize(text.len(), self.origin[at]);
            at += length;
        }
        origin.push(self.origin[self.text.len()]);
        Self { text, origin }
    }
}

/// The first character of `text`, unescaped, and the bytes that it takes.
fn first(text: &str) -> Option<(char, usize)> {
    let c = text.chars().next()?;
    let escaped = match c {
        '\\' => backslashed(&text[1..]).map(|(c, length)| (c, length + 1)),
        '%' => percent_encoded(text),
        _ => None,
    };
    Some(escaped.unwrap_or((c, c.len_utf8())))
}

/// What stands behind a backslash.
fn backslashed(text: &str) -> Option<(char, usize)> {
    let c = text.chars().next()?;
    Some(match c {
        'n' => ('\n', 1),
        'r' => ('\r', 1),
        't' => ('\t', 1),
        'b' => ('\u{8}', 1),
        'f' => ('\u{c}', 1),
        'x' => (char::from_u32(hex(text.get(1..3)?)?)?, 3),
        'u' if text[1..].starts_with('{') => {
            let end = text.bytes().take("u{10ffff}".len()).position(|byte| byte == b'}')?;
            (char::from_u32(hex(text.get(2..end)?)?)?, end + 1)
        }
        'u' => {
            let unit = hex(text.get(1..5)?)?;
            match char::from_u32(unit) {
                Some(c) => (c, 5),
                None => {
                    let second = hex(text.get(5..)?.strip_prefix("\\u")?.get(..4)?)?;
                    let units = [u16::try_from(unit).ok()?, u16::try_from(second).ok()?];
                    (char::decode_utf16(units).next()?.ok()?, 11)
                }
            }
        }
        c => (c, c.len_utf8()),
    })
}

/// A character of UTF-8, each byte of it as `%XX`.
fn percent_encoded(text: &str) -> Option<(char, usize)> {
    let mut bytes = [0; 4];
    for count in 1..=4 {
        let byte = text.get(3 * count - 3..3 * count)?.strip_prefix('%')?;
        bytes[count - 1] = u8::try_from(hex(byte)?).ok()?;
        if let Some(c) = std::str::from_utf8(&bytes[..count]).ok().and_then(|text| text.chars().next()) {
            return Some((c, 3 * count));
        }
    }
    None
}

fn hex(digits: &str) -> Option<u32> {
    let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    u32::from_str_radix(digits, 16).ok().filter(|_| is_hex)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quotation_is_short_and_shows_neither_control_characters_nor_secrets() {
        let quoted = |message: &[u8]| Unsaid::default().quoted(message);
        assert_eq!(quoted(b"<html>\r\n\x1b[2J"), "<html>\\r\\n\\u{1b}[2J");
        assert_eq!(quoted(&[b'x'; 5000]).chars().count(), PIECE + 1);
        assert_eq!(quoted(b"\xff\xfe"), "\u{fffd}\u{fffd}");
        assert_eq!(quoted(br#"{"code": "200", "data": {"token": "abc"}}"#), "");
        assert_eq!(cleaned(" Access denied\n"), "Access denied");
    }

    #[test]
    fn a_secret_is_replaced_in_whatever_form_a_server_repeats_it() {
        let unsaid = Unsaid::default();
        unsaid.add(&Secret::from("p\"ä\\/😀'7%"));
        unsaid.add(&Secret::from(""));
        unsaid.add(&Secret::from("second"));
        for repeated in [
            "p\"ä\\/😀'7%",
            r#"p\"ä\\/😀'7%"#,
            r#"p\"\u00e4\\\/\ud83d\ude00'7%"#,
            r#"p\"\u00E4\\/\uD83D\uDE00\'7%"#,
            r#"p\\\"\\u00e4\\\\/\\ud83d\\ude00'7%"#,
            r#"p\"\xe4\\/\u{1f600}'7%"#,
            "p%22%C3%A4%5C/%F0%9f%98%80%277%25",
        ] {
            assert_eq!(unsaid.cleaned(&format!("not {repeated}, second")), "not •••, •••", "{repeated}");
        }
        // Broken escapes, and what ends within one, are no reason to fail.
        for broken in
            ["\\", "\\u", "\\ud83d", "\\ud83d\\u0041", "\\u{", "\\u{110000}", "%", "%C3", "%ä9", "\\x+1", "\\ä"]
        {
            assert_eq!(unsaid.cleaned(broken), broken);
        }
    }

    #[test]
    fn no_piece_of_a_secret_is_left_where_a_text_is_cut() {
        let unsaid = Unsaid::default();
        unsaid.add(&Secret::from("hunter2"));
        for before in 0..2 * MOST {
            let text = format!("{}hunter2", "x".repeat(before));
            assert!(!unsaid.cleaned(&text).contains('h') && !unsaid.quoted(text.as_bytes()).contains('h'), "{before}");
        }
    }
}
