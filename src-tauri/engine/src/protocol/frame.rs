//! The framing of servers from 2026 on: binary messages that belong to numbered streams.
//!
//! ```text
//! 0  u32 big-endian   stream: odd numbers are the client's
//! 4  u8               0 more follows in this stream, 1 conclusion
//! 5  …                the JSON of a request or a response
//! ```
//!
//! To tell which framing a server speaks, a client sends `server_info` in this one (stream 1, [`Kind::More`]): an older
//! server closes the connection at once with 1000, as a message that is no JSON.

/// Bytes before the JSON.
pub const HEADER: usize = 5;
/// Characters that a request's `nonce` has at least.
pub const MIN_NONCE: usize = 16;

/// A message of the later framing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The stream.
    pub stream: u32,
    /// Whether more follows in it.
    pub kind: Kind,
    /// The JSON.
    pub payload: &'a [u8],
}

/// Whether more follows in a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// More follows; a request, too.
    More,
    /// The last message of the stream.
    Conclusion,
}

impl<'a> Frame<'a> {
    /// Reads a binary message; `None` if it is none of this framing.
    pub fn parse(message: &'a [u8]) -> Option<Self> {
        let (stream, rest) = message.split_first_chunk::<4>()?;
        let (kind, payload) = rest.split_first()?;
        let kind = match kind {
            0 => Kind::More,
            1 => Kind::Conclusion,
            _ => return None,
        };
        Some(Self { stream: u32::from_be_bytes(*stream), kind, payload })
    }

    /// The binary message.
    pub fn to_bytes(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER + self.payload.len());
        bytes.extend(self.stream.to_be_bytes());
        bytes.push(match self.kind {
            Kind::More => 0,
            Kind::Conclusion => 1,
        });
        bytes.extend(self.payload);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_five_bytes_and_its_json() {
        let frame = Frame { stream: 0x0102_0304, kind: Kind::Conclusion, payload: b"{}" };
        assert_eq!(frame.to_bytes(), b"\x01\x02\x03\x04\x01{}");
        assert_eq!(Frame::parse(b"\x01\x02\x03\x04\x01{}"), Some(frame));
        assert_eq!(Frame::parse(b"\0\0\0\x01\0"), Some(Frame { stream: 1, kind: Kind::More, payload: b"" }));
        for bad in [&b""[..], b"\0\0\0\x01", b"\0\0\0\x01\x02{}", br#"{"action": "server_info"}"#] {
            assert_eq!(Frame::parse(bad), None);
        }
    }
}
