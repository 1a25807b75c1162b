//! The tar inside the archive: one header and one run of 512-byte blocks a member, GNU flavour.
//!
//! The `tar` crate makes the headers; the rest is here, as its `Builder` writes an end marker even when it is dropped
//! half way, and copies every byte once more than needed.

use std::io::{self, Read, Write};

use sha2::{Digest, Sha256};
use tar::{EntryType, Header};

use super::encrypt::{Encryptor, Stopped, Written};
use crate::error::{Error, Result};

/// Bytes of a tar block.
const BLOCK: u64 = 512;
/// A tar is a whole number of records of so many bytes, as every other maker writes it.
const RECORD: u64 = 10240;
/// What a name may have in the header itself; longer ones get a header of their own.
const SHORT_NAME: usize = 100;

/// Writes members, one after the other, into an [`Encryptor`].
pub(crate) struct TarWriter {
    out: Encryptor,
    written: u64,
}

/// What a finished member is, for the manifest.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sealed {
    /// Its bytes.
    pub(crate) size: u64,
    /// Their SHA-256.
    pub(crate) sha256: [u8; 32],
}

impl TarWriter {
    /// A tar that goes into `out`.
    pub(crate) fn new(out: Encryptor) -> Self {
        Self { out, written: 0 }
    }

    /// Begins a member of exactly `size` bytes, last changed at `mtime` (Unix seconds).
    pub(crate) fn member(&mut self, name: &str, size: u64, mtime: u64) -> Result<Member<'_>> {
        if name.len() > SHORT_NAME {
            let long_name = [name.as_bytes(), b"\0"].concat();
            self.header(b"././@LongLink", EntryType::GNULongName, long_name.len() as u64, 0)?;
            self.put(&long_name)?;
            self.pad(long_name.len() as u64)?;
        }
        let shown = &name.as_bytes()[..name.len().min(SHORT_NAME)];
        self.header(shown, EntryType::Regular, size, mtime)?;
        Ok(Member { tar: self, digest: Sha256::new(), size, left: size })
    }

    /// Writes the end and says what the whole file is.
    pub(crate) fn finish(mut self) -> Result<Written> {
        let end = self.written + 2 * BLOCK;
        self.zeros(end.next_multiple_of(RECORD) - self.written)?;
        self.out.finish()
    }

    /// The real reason behind `error`, where a later step has stopped.
    pub(crate) fn explain(&mut self, error: Error) -> Error {
        match error {
            // The person's wish needs no other reason.
            Error::Cancelled => Error::Cancelled,
            error => self.out.failure().unwrap_or(error),
        }
    }

    fn header(&mut self, name: &[u8], kind: EntryType, size: u64, mtime: u64) -> Result<()> {
        let mut header = Header::new_gnu();
        header.as_old_mut().name[..name.len()].copy_from_slice(name);
        header.set_entry_type(kind);
        header.set_mode(0o600);
        header.set_uid(0);
        header.set_gid(0);
        header.set_size(size);
        header.set_mtime(mtime);
        header.set_cksum();
        self.put(header.as_bytes())
    }

    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.out.write_all(bytes).map_err(|_| stopped(&mut self.out))?;
        self.written += bytes.len() as u64;
        Ok(())
    }

    fn pad(&mut self, size: u64) -> Result<()> {
        self.zeros(size.next_multiple_of(BLOCK) - size)
    }

    fn zeros(&mut self, mut count: u64) -> Result<()> {
        const ZEROS: [u8; 4096] = [0; 4096];
        while count > 0 {
            let some = count.min(ZEROS.len() as u64);
            self.put(&ZEROS[..some as usize])?;
            count -= some;
        }
        Ok(())
    }
}

/// The bytes that a member of `size` bytes and that name takes up in a tar.
pub(crate) fn member_footprint(name_len: usize, size: u64) -> u64 {
    let long_name = if name_len > SHORT_NAME { BLOCK + (name_len as u64 + 1).next_multiple_of(BLOCK) } else { 0 };
    long_name + BLOCK + size.div_ceil(BLOCK).saturating_mul(BLOCK)
}

/// The bytes of an archive whose members take up `members` bytes: end, padding and IV come on top.
pub(crate) fn archive_size(members: u64) -> u64 {
    (members.saturating_add(2 * BLOCK)).div_ceil(RECORD).saturating_mul(RECORD).saturating_add(32)
}

fn stopped(out: &mut Encryptor) -> Error {
    out.failure().unwrap_or(Error::Cancelled)
}

/// A member while its bytes are written: as a [`Write`], or filled from a file. It takes what its header promised, not a
/// byte more, and is finished by [`Member::seal`].
pub(crate) struct Member<'t> {
    tar: &'t mut TarWriter,
    digest: Sha256,
    size: u64,
    left: u64,
}

impl Member<'_> {
    /// Bytes that are still to come.
    pub(crate) fn left(&self) -> u64 {
        self.left
    }

    /// Moves a buffer's worth from `reader`, and says how much it was: 0 at the member's or the reader's end.
    ///
    /// The outer error is the reader's, and the member can still be sealed; the inner one is the archive's.
    pub(crate) fn fill_from(&mut self, reader: &mut impl Read) -> io::Result<Result<u64>> {
        let read = match self.tar.out.read_from(reader, self.left)? {
            Ok(bytes) => {
                self.digest.update(bytes);
                bytes.len() as u64
            }
            Err(Stopped) => return Ok(Err(stopped(&mut self.tar.out))),
        };
        self.tar.written += read;
        self.left -= read;
        Ok(Ok(read))
    }

    /// Ends the member: what was promised and did not come is made of zeros, so that the tar stays well formed.
    pub(crate) fn seal(mut self) -> Result<Sealed> {
        const ZEROS: [u8; 4096] = [0; 4096];
        while self.left > 0 {
            let some = self.left.min(ZEROS.len() as u64) as usize;
            self.put(&ZEROS[..some])?;
        }
        self.tar.pad(self.size)?;
        Ok(Sealed { size: self.size, sha256: self.digest.finalize().into() })
    }

    /// Writes `bytes`, of which the member must have room.
    pub(crate) fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.tar.put(bytes)?;
        self.digest.update(bytes);
        self.left -= bytes.len() as u64;
        Ok(())
    }
}

impl Write for Member<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let some = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len());
        if some == 0 && !bytes.is_empty() {
            return Err(io::Error::new(io::ErrorKind::WriteZero, "the member is larger than was announced"));
        }
        self.put(&bytes[..some]).map_err(io::Error::other)?;
        Ok(some)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
