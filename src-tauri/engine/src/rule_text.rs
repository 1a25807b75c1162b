//! Access rules as text: servers write the same JSON in one way, other makers in others.

use std::fmt::Write as _;

use serde_json::value::RawValue;

use crate::server_data::travels_as_json;

/// What two texts of `rule_data` have in common that an archive has one form for: one meaning, or one text that means
/// nothing.
pub(crate) fn meaning(text: &str) -> String {
    match serde_json::from_str::<&RawValue>(text) {
        Err(_) => format!("text:{text}"),
        // What an archive has no JSON for: it is too deep, or has a number without end.
        Ok(_) if !travels_as_json(text) => format!("text:{text}"),
        // JSON that is a text, and a text that is no JSON, look alike there.
        Ok(_) if text.trim_start().starts_with('"') => {
            format!("text:{}", serde_json::from_str::<String>(text).as_deref().unwrap_or(text))
        }
        Ok(_) => format!("json:{}", dumped(text)),
    }
}

/// JSON, which `text` is, as Python's `json.dumps` prints it; keys and numbers stay as they are.
pub(crate) fn dumped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        match first {
            '"' => {
                let string = string_at(rest);
                push_string(&mut out, string);
                rest = &rest[string.len()..];
                continue;
            }
            ',' => out.push_str(", "),
            ':' => out.push_str(": "),
            ' ' | '\n' | '\r' | '\t' => {}
            other => out.push(other),
        }
        rest = &rest[first.len_utf8()..];
    }
    out
}

/// The string that `text` begins with, its quotes included.
fn string_at(text: &str) -> &str {
    let mut is_escaped = false;
    let end = text.bytes().skip(1).position(|byte| {
        let is_end = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        is_end
    });
    &text[..end.map_or(text.len(), |end| end + 2)]
}

fn push_string(out: &mut String, quoted: &str) {
    // Halves of a pair, which are no text, stay as they are.
    let Ok(string) = serde_json::from_str::<String>(quoted) else { return out.push_str(quoted) };
    let mut units = [0; 2];
    out.push('"');
    for c in string.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            ' '..='\u{7f}' => out.push(c),
            c => {
                for unit in c.encode_utf16(&mut units) {
                    // Writing to a String cannot fail.
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::{dumped, meaning};

    #[test]
    fn a_rule_is_written_as_servers_write_it() {
        let python = r#"{"match": "all", "x": [1, 2.50, null, {}], "\u8d22\u52a1": "\ud83d\ude00 \"\\ \n\u0001 /"}"#;
        let ours = "{\n \"match\": \"all\" ,\"x\":[ 1,2.50,null,{ }],\"财务\":\"😀 \\\"\\\\ \\n\\u0001 \\/\"}";
        assert_eq!(dumped(ours), python);
        assert_eq!(dumped(python), python);
        assert_eq!(meaning("\"this is no JSON\""), meaning("this is no JSON"));
        assert_ne!(meaning("\"{}\""), meaning("{}"));
        for no_json_there in [format!("[{}]", "1".repeat(513)), "[".repeat(101) + &"]".repeat(101)] {
            assert_eq!(meaning(&format!("\"{no_json_there}\"")), meaning(&no_json_there));
        }
    }
}
