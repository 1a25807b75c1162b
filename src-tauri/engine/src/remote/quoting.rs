//! A server's words, made fit for a message of ours: on one line, short, and without the secrets that it was told.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use crate::hex;
use crate::names::shown;
use crate::protocol::Secret;

/// Characters of a server's sentence that are told.
const MOST: usize = 300;
/// Characters of something unexpected that are quoted.
const PIECE: usize = 60;
/// How often a text is unescaped in search of a secret: JSON in JSON is common.
const LAYERS: usize = 3;
/// Bytes of a text that are searched for secrets. Of a longer one the second half is searched and never told: a secret
/// that begins in the first half ends there.
const SEARCHED: usize = 64 * 1024;
/// Characters of a secret's encoding that are no accident in a text.
const TELLING: usize = 4;
/// What stands for a secret.
const HIDDEN: &str = "•••";

/// Passwords, second factors and tokens that a server knows: it may repeat them in its words, which end in logs.
#[derive(Clone, Default)]
pub(crate) struct Unsaid(Arc<Mutex<Vec<Known>>>);

/// A secret, and what it is looked for as: [folded](folded), as it is and in the encodings that hold it whole.
struct Known {
    secret: Secret,
    forms: Vec<Zeroizing<String>>,
}

impl Unsaid {
    /// From now on `secret` is not repeated.
    pub(crate) fn add(&self, secret: &Secret) {
        let mut secrets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = secrets.iter().all(|known| known.secret.expose() != secret.expose());
        if is_new && !secret.expose().is_empty() {
            secrets.push(Known { secret: secret.clone(), forms: forms(secret.expose()) });
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
        let searched = &text[..text.floor_char_boundary(SEARCHED)];
        let told = if searched.len() < text.len() { text.floor_char_boundary(SEARCHED / 2) } else { text.len() };
        let mut layer = Layer::of(searched);
        let mut found = Vec::new();
        for _ in 0..=LAYERS {
            let folded = layer.folded();
            for form in secrets.iter().flat_map(|known| &known.forms) {
                found.extend(folded.find(form));
            }
            layer = layer.unescaped();
        }
        replaced(&text[..told], found)
    }
}

/// What a secret is looked for as.
fn forms(secret: &str) -> Vec<Zeroizing<String>> {
    let mut forms = vec![Zeroizing::new(secret.to_owned())];
    let mut encodings = vec![Zeroizing::new(hex::encode(secret.as_bytes()))];
    // In the base64 of a longer text it may begin at any of three places; characters that it shares are no part of it.
    for before in 0..3 {
        let bytes = Zeroizing::new([&[0; 3][..before], secret.as_bytes()].concat());
        let whole = (8 * before).div_ceil(6)..8 * bytes.len() / 6;
        for base64 in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
            let encoded = Zeroizing::new(base64.encode(&*bytes));
            encodings.push(Zeroizing::new(encoded.get(whole.clone()).unwrap_or_default().to_owned()));
            if before == 0 {
                encodings.push(encoded);
            }
        }
    }
    encodings.retain(|encoding| encoding.len() >= TELLING);
    forms.append(&mut encodings);
    let mut forms: Vec<_> = forms.iter().map(|form| Layer::of(form).folded().text).collect();
    forms.dedup();
    forms
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

/// `text`, with what was found in it hidden, and passing over what was found behind it.
fn replaced(text: &str, mut found: Vec<Range<usize>>) -> String {
    found.retain(|range| range.start < text.len());
    found.sort_unstable_by_key(|range| range.start);
    let (mut told, mut end) = (String::with_capacity(text.len()), 0);
    for range in found {
        if range.start >= end {
            told.push_str(&text[end..range.start]);
            told.push_str(HIDDEN);
        }
        end = end.max(range.end);
    }
    told.push_str(text.get(end..).unwrap_or_default());
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

    /// Where in the first text `form` stands.
    fn find<'a>(&'a self, form: &'a str) -> impl Iterator<Item = Range<usize>> + 'a {
        self.text.match_indices(form).map(|(at, _)| self.origin[at]..self.origin[at + form.len()])
    }

    /// Without the difference between capital and small letters.
    fn folded(&self) -> Self {
        let mut text = Zeroizing::new(String::with_capacity(self.text.len()));
        let mut origin = Vec::with_capacity(self.origin.len());
        for (at, c) in self.text.char_indices() {
            text.extend(c.to_uppercase().flat_map(char::to_lowercase));
            origin.resize(text.len(), self.origin[at]);
        }
        origin.push(self.origin[self.text.len()]);
        Self { text, origin }
    }

    /// Escapes of JSON, of Python, Rust and shells, of URLs, of HTML and of mail, undone once.
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
        '\\' => backslashed(text),
        '%' => by_bytes(text, "%", 2, 16),
        '=' => by_bytes(text, "=", 2, 16),
        '&' => entity(text),
        _ => None,
    };
    Some(escaped.unwrap_or((c, c.len_utf8())))
}

/// A character behind a backslash.
fn backslashed(text: &str) -> Option<(char, usize)> {
    let c = text[1..].chars().next()?;
    Some(match c {
        'n' => ('\n', 2),
        'r' => ('\r', 2),
        't' => ('\t', 2),
        'b' => ('\u{8}', 2),
        'f' => ('\u{c}', 2),
        'x' => match by_bytes(text, "\\x", 2, 16) {
            Some(character) => character,
            None => (char::from_u32(number(text.get(2..4)?, 16)?)?, 4),
        },
        '0'..='3' if text.get(1..4).and_then(|digits| number(digits, 8)).is_some() => {
            match by_bytes(text, "\\", 3, 8) {
                Some(character) => character,
                None => (char::from_u32(number(text.get(1..4)?, 8)?)?, 4),
            }
        }
        'U' if text.get(2..10).and_then(|digits| number(digits, 16)).is_some() => {
            (char::from_u32(number(text.get(2..10)?, 16)?)?, 10)
        }
        'u' if text[2..].starts_with('{') => {
            let end = text.bytes().take("\\u{10ffff}".len()).position(|byte| byte == b'}')?;
            (char::from_u32(number(text.get(3..end)?, 16)?)?, end + 1)
        }
        'u' => {
            let unit = number(text.get(2..6)?, 16)?;
            match char::from_u32(unit) {
                Some(c) => (c, 6),
                None => {
                    let second = number(text.get(6..)?.strip_prefix("\\u")?.get(..4)?, 16)?;
                    let units = [u16::try_from(unit).ok()?, u16::try_from(second).ok()?];
                    (char::decode_utf16(units).next()?.ok()?, 12)
                }
            }
        }
        c => (c, 1 + c.len_utf8()),
    })
}

/// A character of UTF-8, each byte of it as `mark` and some digits.
fn by_bytes(text: &str, mark: &str, digits: usize, radix: u32) -> Option<(char, usize)> {
    let length = mark.len() + digits;
    let mut bytes = [0; 4];
    for count in 1..=4 {
        let byte = text.get((count - 1) * length..count * length)?.strip_prefix(mark)?;
        bytes[count - 1] = u8::try_from(number(byte, radix)?).ok()?;
        if let Some(c) = std::str::from_utf8(&bytes[..count]).ok().and_then(|text| text.chars().next()) {
            return Some((c, count * length));
        }
    }
    None
}

/// A character as HTML has it: those that it must escape, and any by its number.
fn entity(text: &str) -> Option<(char, usize)> {
    let end = text.bytes().take("&#x0010ffff;".len()).position(|byte| byte == b';')?;
    let c = match text.get(1..end)? {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        name => {
            let digits = name.strip_prefix('#')?;
            let code = match digits.strip_prefix(['x', 'X']) {
                Some(digits) => number(digits, 16)?,
                None => number(digits, 10)?,
            };
            char::from_u32(code)?
        }
    };
    Some((c, end + 1))
}

fn number(digits: &str, radix: u32) -> Option<u32> {
    let is_number = digits.chars().all(|digit| digit.is_digit(radix));
    u32::from_str_radix(digits, radix).ok().filter(|_| is_number)
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
            r#"P"Ä\/😀'7%"#,
            r#"p\"\303\244\\/\360\237\230\200'7%"#,
            r#"p\"\344\\/\U0001F600\'7%"#,
            r#"p\x22\xc3\xa4\x5c/\xf0\x9f\x98\x80'7%"#,
            "p&quot;&#228;&#92;/&#x1f600;&#39;7%",
            "p=22=C3=A4=5C/=F0=9F=98=80'7%",
            "7022c3a45c2ff09f9880273725",
            "7022C3A45C2FF09F9880273725",
            "cCLDpFwv8J+YgCc3J",
            "cCLDpFwv8J-YgCc3J",
        ] {
            assert_eq!(unsaid.cleaned(&format!("not {repeated}, second")), "not •••, •••", "{repeated}");
        }
        // Within the base64 of something longer.
        assert_eq!(unsaid.cleaned("eHAiw6RcL/CfmIAnNyV+fg=="), "eH•••V+fg==");
        assert_eq!(unsaid.cleaned("eHlwIsOkXC_wn5iAJzclfn4="), "eHl•••fn4=");
        // Broken escapes, and what ends within one, are no reason to fail.
        for broken in [
            "\\",
            "\\u",
            "\\ud83d",
            "\\ud83d\\u0041",
            "\\u{",
            "\\u{110000}",
            "%",
            "%C3",
            "%ä9",
            "\\x+1",
            "\\ä",
            "\\3",
            "\\37ä",
            "\\U00110000",
            "\\Uä",
            "=",
            "=C3=",
            "&",
            "&#",
            "&#;",
            "&#x110000;",
            "&ä;",
        ] {
            assert_eq!(unsaid.cleaned(broken), broken);
        }
    }

    #[test]
    fn a_long_text_is_told_as_far_as_it_was_searched() {
        let unsaid = Unsaid::default();
        unsaid.add(&Secret::from("hunter2"));
        assert_eq!(unsaid.cleaned(&"x".repeat(SEARCHED + 1)), format!("{}…", "x".repeat(MOST)));
        // So many that what is behind them would come into sight.
        for before in SEARCHED - 20..SEARCHED + 20 {
            let text = format!("{}{}hunter2 and more", " ".repeat(before % 7), "hunter2".repeat(before / 7));
            assert_eq!(unsaid.cleaned(&text).replace('•', "").trim_matches(['…', ' ']), "", "{before}");
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
