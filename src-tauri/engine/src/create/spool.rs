//! A JSON member before its header: a tar header needs the size first.
//!
//! The text is made once and kept if it is small; what is large is counted and made a second time. The snapshot does not
//! change in between, so both times give the same bytes.

use std::io::{self, Write};

/// A measured text, and its bytes where they were few enough to keep.
pub(super) struct Spool {
    size: u64,
    kept: Option<Vec<u8>>,
}

impl Spool {
    /// Measures what `make` writes. Up to `budget` bytes are kept, and taken off the budget.
    pub(super) fn measure<E>(
        budget: &mut usize,
        make: impl FnOnce(&mut dyn Write) -> Result<(), E>,
    ) -> Result<Self, E> {
        let mut counter = Counter { size: 0, kept: Some(Vec::new()), most: *budget };
        make(&mut counter)?;
        if let Some(kept) = &counter.kept {
            *budget -= kept.len();
        }
        Ok(Self { size: counter.size, kept: counter.kept })
    }

    /// Bytes of the text.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Writes the text: what was kept, or what `make` makes of it again.
    pub(super) fn write_to<E: From<io::Error>>(
        &self,
        out: &mut dyn Write,
        make: impl FnOnce(&mut dyn Write) -> Result<(), E>,
    ) -> Result<(), E> {
        match &self.kept {
            Some(text) => Ok(out.write_all(text)?),
            None => make(out),
        }
    }
}

struct Counter {
    size: u64,
    kept: Option<Vec<u8>>,
    most: usize,
}

impl Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.size += bytes.len() as u64;
        match &mut self.kept {
            Some(kept) if kept.len() + bytes.len() <= self.most => kept.extend_from_slice(bytes),
            kept => *kept = None,
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
