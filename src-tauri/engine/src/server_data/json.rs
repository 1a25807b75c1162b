//! JSON as Python's `json.dumps(…, indent=2, ensure_ascii=False)` prints it, which is how a server writes its archives.

use std::io::Write;

use crate::archive::bounded_json::MAX_NUMBER;

/// How deep JSON inside a text may be nested to be taken for JSON.
const MAX_DEPTH: usize = 100;
/// Digits of a number inside a text that is taken for JSON. Archives are read with a limit on what stands between two
/// separators, and that may be the blanks before a number, too.
const MAX_DIGITS: usize = MAX_NUMBER / 2;

/// Begins a new line, `indent` spaces in.
pub(super) fn push_line(out: &mut Vec<u8>, indent: usize) {
    const SPACES: [u8; 64] = [b' '; 64];
    out.push(b'\n');
    let mut left = indent;
    while left > 0 {
        let step = left.min(SPACES.len());
        out.extend_from_slice(&SPACES[..step]);
        left -= step;
    }
}

/// A string, quoted.
pub(super) fn push_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    push_escaped(out, text.as_bytes());
    out.push(b'"');
}

/// A string of bytes that should be UTF-8. `false` if some are not: they are replaced by U+FFFD.
#[must_use]
pub(super) fn push_text(out: &mut Vec<u8>, bytes: &[u8]) -> bool {
    match std::str::from_utf8(bytes) {
        Ok(text) => {
            push_string(out, text);
            true
        }
        Err(_) => {
            push_string(out, &String::from_utf8_lossy(bytes));
            false
        }
    }
}

/// An integer.
pub(super) fn push_integer(out: &mut Vec<u8>, value: i64) {
    // Writing to a Vec cannot fail.
    let _ = write!(out, "{value}");
}

/// A float with every digit, as Python's `repr` prints it: `5.0`, `1e+16`, `1e-05`. What JSON has no number for becomes
/// one that every parser reads as it: `1e999`.
pub(super) fn push_float(out: &mut Vec<u8>, value: f64) {
    if value.is_nan() {
        out.extend_from_slice(b"null");
        return;
    }
    if value.is_infinite() {
        out.extend_from_slice(if value > 0.0 { b"1e999" } else { b"-1e999" });
        return;
    }
    let magnitude = value.abs();
    let start = out.len();
    if magnitude != 0.0 && !(1e-4..1e16).contains(&magnitude) {
        // Rust prints 1e16 and 1.5e-5 where Python prints 1e+16 and 1.5e-05.
        let mut text = [0; 32];
        let mut unused = &mut text[..];
        let _ = write!(unused, "{value:e}");
        let left = unused.len();
        let text = &text[..text.len() - left];
        let exponent = text.iter().position(|&byte| byte == b'e').unwrap_or(text.len());
        let (mantissa, exponent) = text.split_at(exponent);
        let digits = exponent.strip_prefix(b"e-").or(exponent.strip_prefix(b"e")).unwrap_or_default();
        out.extend_from_slice(mantissa);
        out.extend_from_slice(if exponent.starts_with(b"e-") { b"e-" } else { b"e+" });
        if digits.len() < 2 {
            out.push(b'0');
        }
        out.extend_from_slice(digits);
    } else {
        let _ = write!(out, "{value}");
        if !out[start..].contains(&b'.') {
            out.extend_from_slice(b".0");
        }
    }
}

/// Bytes that are no text.
pub(super) fn push_blob(out: &mut Vec<u8>, bytes: &[u8], indent: usize) {
    out.push(b'{');
    push_line(out, indent + 2);
    out.extend_from_slice(b"\"blob_hex\": \"");
    out.extend_from_slice(crate::hex::encode(bytes).as_bytes());
    out.push(b'"');
    push_line(out, indent);
    out.push(b'}');
}

/// The JSON value that `text` is, printed anew: numbers, the order of keys and even duplicate keys stay as they are. `false`
/// if it is no JSON, nested too deep, or has a number without end; nothing is written then.
#[must_use]
pub(super) fn push_embedded(out: &mut Vec<u8>, text: &str, indent: usize) -> bool {
    let start = out.len();
    let mut reader = Reader { text: text.as_bytes(), at: 0, out };
    let whole = reader.value(indent, 0).is_some() && {
        reader.skip_space();
        reader.at == text.len()
    };
    if !whole {
        out.truncate(start);
    }
    whole
}

/// Whether the JSON that `text` is goes into an archive as JSON; if not, as the text that it is.
pub(crate) fn travels_as_json(text: &str) -> bool {
    push_embedded(&mut Vec::new(), text, 0)
}

fn push_escaped(out: &mut Vec<u8>, text: &[u8]) {
    let mut rest = text;
    while let Some(special) = rest.iter().position(|&byte| byte < 0x20 || byte == b'"' || byte == b'\\') {
        out.extend_from_slice(&rest[..special]);
        match rest[special] {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0x08 => out.extend_from_slice(b"\\b"),
            0x0c => out.extend_from_slice(b"\\f"),
            control => {
                let _ = write!(out, "\\u{control:04x}");
            }
        }
        rest = &rest[special + 1..];
    }
    out.extend_from_slice(rest);
}

/// Reads JSON and prints it as it goes. `None` means that it is none.
struct Reader<'t, 'o> {
    text: &'t [u8],
    at: usize,
    out: &'o mut Vec<u8>,
}

impl Reader<'_, '_> {
    fn value(&mut self, indent: usize, depth: usize) -> Option<()> {
        self.skip_space();
        match self.peek()? {
            b'{' => self.list(b'}', indent, depth),
            b'[' => self.list(b']', indent, depth),
            b'"' => self.string(),
            b't' => self.word(b"true"),
            b'f' => self.word(b"false"),
            b'n' => self.word(b"null"),
            _ => self.number(),
        }
    }

    /// An object or an array.
    fn list(&mut self, end: u8, indent: usize, depth: usize) -> Option<()> {
        if depth == MAX_DEPTH {
            return None;
        }
        let begin = self.take()?;
        self.out.push(begin);
        self.skip_space();
        if self.peek()? == end {
            self.at += 1;
            self.out.push(end);
            return Some(());
        }
        loop {
            push_line(self.out, indent + 2);
            if end == b'}' {
                self.skip_space();
                self.string()?;
                self.skip_space();
                (self.take()? == b':').then_some(())?;
                self.out.extend_from_slice(b": ");
            }
            self.value(indent + 2, depth + 1)?;
            self.skip_space();
            match self.take()? {
                b',' => self.out.push(b','),
                byte if byte == end => {
                    push_line(self.out, indent);
                    self.out.push(end);
                    return Some(());
                }
                _ => return None,
            }
        }
    }

    fn string(&mut self) -> Option<()> {
        (self.take()? == b'"').then_some(())?;
        self.out.push(b'"');
        loop {
            let rest = &self.text[self.at..];
            let run = rest.iter().position(|&byte| byte < 0x20 || byte == b'"' || byte == b'\\')?;
            self.out.extend_from_slice(&rest[..run]);
            self.at += run;
            match self.take()? {
                b'"' => {
                    self.out.push(b'"');
                    return Some(());
                }
                b'\\' => self.escape()?,
                _ => return None,
            }
        }
    }

    /// What follows a backslash.
    fn escape(&mut self) -> Option<()> {
        let plain = match self.take()? {
            byte @ (b'"' | b'\\' | b'/') => byte,
            b'b' => 0x08,
            b'f' => 0x0c,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                let unit = self.hex()?;
                let pair = self.text[self.at..].starts_with(b"\\u").then(|| {
                    let mut ahead = Reader { text: self.text, at: self.at + 2, out: &mut Vec::new() };
                    ahead.hex()
                });
                let decoded = match (unit, pair) {
                    (0xd800..0xdc00, Some(Some(low @ 0xdc00..0xe000))) => {
                        self.at += 6;
                        char::from_u32(0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00))
                    }
                    _ => char::from_u32(unit),
                };
                match decoded {
                    Some(character) => push_escaped(self.out, character.encode_utf8(&mut [0; 4]).as_bytes()),
                    // Half a pair is no character, and UTF-8 cannot hold it: it stays escaped.
                    None => drop(write!(self.out, "\\u{unit:04x}")),
                }
                return Some(());
            }
            _ => return None,
        };
        push_escaped(self.out, &[plain]);
        Some(())
    }

    fn hex(&mut self) -> Option<u32> {
        let digits = self.text.get(self.at..self.at + 4)?;
        self.at += 4;
        digits.iter().try_fold(0, |value, &digit| Some(value << 4 | char::from(digit).to_digit(16)?))
    }

    fn number(&mut self) -> Option<()> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.take()? {
            b'0' => {}
            b'1'..=b'9' => drop(self.digits()),
            _ => return None,
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        (self.at - start <= MAX_DIGITS).then_some(())?;
        self.out.extend_from_slice(&self.text[start..self.at]);
        Some(())
    }

    /// At least one digit.
    fn digits(&mut self) -> Option<()> {
        let count = self.text[self.at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += count;
        (count > 0).then_some(())
    }

    fn word(&mut self, word: &[u8]) -> Option<()> {
        self.text[self.at..].starts_with(word).then(|| {
            self.at += word.len();
            self.out.extend_from_slice(word);
        })
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn take(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(print: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        print(&mut out);
        String::from_utf8(out).expect("JSON is UTF-8")
    }

    #[test]
    fn floats_are_printed_as_python_prints_them() {
        for (value, expected) in [
            (5.0, "5.0"),
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1_795_423_460.104_664_6, "1795423460.1046646"),
            (1e16, "1e+16"),
            (9_999_999_999_999_998.0, "9999999999999998.0"),
            (1.5e16, "1.5e+16"),
            (1e-4, "0.0001"),
            (1e-5, "1e-05"),
            (-1.25e-7, "-1.25e-07"),
            (1e22, "1e+22"),
            (1.797_693_134_862_315_7e308, "1.7976931348623157e+308"),
            (5e-324, "5e-324"),
            (0.1, "0.1"),
            (f64::INFINITY, "1e999"),
            (f64::NEG_INFINITY, "-1e999"),
        ] {
            assert_eq!(printed(|out| push_float(out, value)), expected);
        }
    }

    #[test]
    fn strings_are_escaped_where_json_demands_it_and_nowhere_else() {
        let text = "\"\\\n\r\t\u{8}\u{c}\0\u{1f}/\u{7f}\u{2028}财务😀";
        let expected = "\"\\\"\\\\\\n\\r\\t\\b\\f\\u0000\\u001f/\u{7f}\u{2028}财务😀\"";
        assert_eq!(printed(|out| push_string(out, text)), expected);
        assert_eq!(serde_json::from_str::<String>(expected).expect("it is JSON"), text);
    }

    #[test]
    fn bytes_that_are_no_text_are_replaced_and_said_to_be() {
        assert_eq!(printed(|out| assert!(!push_text(out, b"a\xffb"))), "\"a\u{fffd}b\"");
        assert_eq!(printed(|out| assert!(push_text(out, "é".as_bytes()))), "\"é\"");
    }

    #[test]
    fn embedded_json_keeps_numbers_order_and_duplicates() {
        let text = r#" {"b":[1.10,-0,1E5,12345678901234567890.5] ,"a":{},"b":[ ],"\u8d22":"\ud83d\ude00\u0007\/","c":[true,null,false]} "#;
        let expected = "{\n  \"b\": [\n    1.10,\n    -0,\n    1E5,\n    12345678901234567890.5\n  ],\n  \"a\": {},\n  \"b\": [],\n  \"财\": \"😀\\u0007/\",\n  \"c\": [\n    true,\n    null,\n    false\n  ]\n}";
        assert_eq!(printed(|out| assert!(push_embedded(out, text, 0))), expected);
    }

    #[test]
    fn half_a_surrogate_pair_stays_escaped() {
        for (text, expected) in [
            (r#""\ud83d""#, r#""\ud83d""#),
            (r#""\uDE00x""#, r#""\ude00x""#),
            (r#""\ud83d\u0041""#, r#""\ud83dA""#),
            (r#""\ud83d\ud83d\ude00""#, "\"\\ud83d😀\""),
        ] {
            assert_eq!(printed(|out| assert!(push_embedded(out, text, 0))), expected);
        }
    }

    #[test]
    fn what_is_no_json_is_not_embedded_and_leaves_nothing() {
        for text in [
            "",
            " ",
            "{",
            "[1,]",
            "{\"a\"}",
            "{\"a\":1,}",
            "01",
            "1.",
            ".5",
            "+1",
            "1e",
            "-",
            "nul",
            "NaN",
            "Infinity",
            "'a'",
            "\"a",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\n\"",
            "[1] 2",
            "{1:2}",
            "[1 2]",
            "truefalse",
            "\u{feff}1",
        ] {
            let mut out = b"before".to_vec();
            assert!(!push_embedded(&mut out, text, 0), "{text:?}");
            assert_eq!(out, b"before");
        }
    }

    #[test]
    fn nesting_is_embedded_to_a_limit() {
        let nested = |depth| "[".repeat(depth) + &"]".repeat(depth);
        assert!(push_embedded(&mut Vec::new(), &nested(MAX_DEPTH), 0));
        assert!(!push_embedded(&mut Vec::new(), &nested(MAX_DEPTH + 1), 0));
        assert!(!push_embedded(&mut Vec::new(), &nested(1_000_000), 0));
    }
}
