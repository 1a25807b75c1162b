//! A server's words, made fit for a message of ours.

use crate::names::shown;

/// Characters of a server's sentence that are told.
const MOST: usize = 300;
/// Characters of something unexpected that are quoted.
const PIECE: usize = 60;

/// A sentence of the server, on one line and not too long.
pub(crate) fn cleaned(text: &str) -> String {
    shortened(text.trim(), MOST)
}

/// A short piece of what was no message of the protocol. What may hold a token or a password is not quoted at all.
pub(crate) fn quoted(message: &[u8]) -> String {
    let piece = String::from_utf8_lossy(&message[..message.len().min(4 * PIECE)]);
    let all = String::from_utf8_lossy(message);
    if ["token", "passw", "\"key\""].iter().any(|secret| all.contains(secret)) {
        return String::new();
    }
    shortened(piece.trim(), PIECE)
}

fn shortened(text: &str, most: usize) -> String {
    let mut short = shown(&text.chars().take(most).collect::<String>());
    if text.chars().nth(most).is_some() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quotation_is_short_and_shows_neither_control_characters_nor_secrets() {
        assert_eq!(quoted(b"<html>\r\n\x1b[2J"), "<html>\\r\\n\\u{1b}[2J");
        assert_eq!(quoted(&[b'x'; 5000]).chars().count(), PIECE + 1);
        assert_eq!(quoted(b"\xff\xfe"), "\u{fffd}\u{fffd}");
        assert_eq!(quoted(br#"{"code": "200", "data": {"token": "abc"}}"#), "");
        assert_eq!(cleaned(" Access denied\n"), "Access denied");
    }
}
