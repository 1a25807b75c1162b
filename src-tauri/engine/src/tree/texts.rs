//! Many short texts in one piece of memory: a million ids as single strings would cost twice as much.

/// Bytes that all texts of a tree may have together; no server has a tenth of it.
const MAX_BYTES: usize = 1 << 30;

/// Texts, one after the other.
#[derive(Debug, Default)]
pub(super) struct Texts {
    bytes: String,
    overflowed: bool,
}

/// Where a text is.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Span {
    at: u32,
    len: u32,
}

impl Texts {
    pub(super) fn push(&mut self, text: &str) -> Span {
        let (at, len) = (self.bytes.len(), text.len());
        if at + len > MAX_BYTES {
            self.overflowed = true;
            return Span::default();
        }
        self.bytes.push_str(text);
        // Both are below MAX_BYTES.
        Span { at: at as u32, len: len as u32 }
    }

    pub(super) fn get(&self, span: Span) -> &str {
        let at = span.at as usize;
        self.bytes.get(at..at + span.len as usize).unwrap_or_default()
    }

    /// Whether some text did not fit.
    pub(super) fn overflowed(&self) -> bool {
        self.overflowed
    }
}
