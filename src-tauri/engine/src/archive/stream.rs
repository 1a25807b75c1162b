//! The whole archive read once, from disk, by two threads.
//!
//! ```text
//! reader: read, hash archive ──▶ caller: decrypt in place, walk the tar, hash members
//!    ▲                                                │
//!    └───────────────── empty buffers ◀───────────────┘
//! ```
//!
//! Decryption is many times faster than encryption, as its blocks do not wait for each other; so the two digests set
//! the pace, and each has a processor to itself.

use std::io::{self, BufRead, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use aes::Aes256Dec;
use cipher::{Array, BlockModeDecrypt};
use sha2::{Digest, Sha256};

use super::BLOCK;
use super::decrypt::{Ciphertext, read_buffered, read_full_at};
use super::tar_reader::Source;
use crate::error::Result;
use crate::job::Job;

/// Bytes of a buffer, a multiple of the cipher's block.
const BUFFER: usize = 256 * 1024;
/// Buffers that go round.
const BUFFERS: usize = 8;
/// After so many bytes the system is told that it need not keep them.
const FORGET_AFTER: u64 = 8 * 1024 * 1024;

/// Reads all of `ciphertext` and gives its tar, `tar_size` bytes of it, to `walk`. Returns what that made of it, and the
/// SHA-256 of the file. Its bytes come from the disk, not from the system's memory of what was written.
pub(crate) fn read_whole<T>(
    ciphertext: &Ciphertext,
    tar_size: u64,
    job: &Job,
    walk: impl FnOnce(Stream) -> io::Result<T>,
) -> Result<(T, [u8; 32])> {
    let mut iv = [0; BLOCK];
    let iv_len = read_full_at(ciphertext.file(), 0, &mut iv).map_err(|e| ciphertext.unreadable(e))?;
    let (filled, to_decrypt) = sync_channel(BUFFERS);
    let (emptied, spare) = sync_channel(BUFFERS);
    for _ in 0..BUFFERS {
        // The channel holds as many as are sent here.
        let _ = emptied.try_send(Vec::with_capacity(BUFFER));
    }
    let stream = Stream {
        size: tar_size,
        position: 0,
        decryptor: ciphertext.decryptor(&iv),
        buffer: Vec::new(),
        used: 0,
        filled: to_decrypt,
        emptied,
    };
    std::thread::scope(|scope| {
        let reader = std::thread::Builder::new()
            .name("read".to_owned())
            .spawn_scoped(scope, move || read_and_hash(ciphertext, &iv[..iv_len], job, &filled, &spare))
            .map_err(|e| ciphertext.unreadable(e))?;
        let walked = walk(stream);
        let digest = reader.join().unwrap_or_else(|_| {
            Err(ciphertext.unreadable(io::Error::other("the reading thread ended unexpectedly")))
        })?;
        // The walk only fails where the reader has failed before, and then that is the reason.
        Ok((walked.map_err(|e| ciphertext.unreadable(e))?, digest))
    })
}

fn read_and_hash(
    ciphertext: &Ciphertext,
    iv: &[u8],
    job: &Job,
    filled: &SyncSender<Vec<u8>>,
    spare: &Receiver<Vec<u8>>,
) -> Result<[u8; 32]> {
    let mut digest = Sha256::new();
    digest.update(iv);
    job.advance(iv.len() as u64)?;
    forget(ciphertext, 0, 0);
    let (mut at, mut forgotten) = (iv.len() as u64, 0);
    let mut heard = true;
    while at < ciphertext.size() {
        // Once the walk has seen enough it keeps no buffers and takes none: the rest is only hashed.
        let mut buffer = spare.recv().unwrap_or_else(|_| Vec::with_capacity(BUFFER));
        buffer.resize(BUFFER, 0);
        let read = read_full_at(ciphertext.file(), at, &mut buffer).map_err(|e| ciphertext.unreadable(e))?;
        if read == 0 {
            let shrank = io::Error::new(io::ErrorKind::UnexpectedEof, "the file shrank while it was read");
            return Err(ciphertext.unreadable(shrank));
        }
        buffer.truncate(read);
        digest.update(&buffer);
        at += read as u64;
        job.advance(read as u64)?;
        heard = heard && filled.send(buffer).is_ok();
        if at - forgotten >= FORGET_AFTER {
            forget(ciphertext, forgotten, at - forgotten);
            forgotten = at;
        }
    }
    Ok(digest.finalize().into())
}

/// Takes `len` bytes (0: all) out of the system's memory: what is read next comes from the disk, and a large archive does
/// not push the server's own files out. Only advice; where it is not heard, reading works as well.
fn forget(ciphertext: &Ciphertext, at: u64, len: u64) {
    #[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
    {
        let _ =
            rustix::fs::fadvise(ciphertext.file(), at, std::num::NonZeroU64::new(len), rustix::fs::Advice::DontNeed);
        let _ = rustix::fs::fadvise(ciphertext.file(), at, None, rustix::fs::Advice::Sequential);
    }
    #[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
    let _ = (ciphertext, at, len);
}

/// The tar of an archive that is being read from beginning to end.
pub(crate) struct Stream {
    size: u64,
    position: u64,
    decryptor: cbc::Decryptor<Aes256Dec>,
    buffer: Vec<u8>,
    used: usize,
    filled: Receiver<Vec<u8>>,
    emptied: SyncSender<Vec<u8>>,
}

impl Stream {
    fn next_buffer(&mut self) -> io::Result<()> {
        let next = self.filled.recv().map_err(|_| io::Error::other("reading has stopped"))?;
        let empty = std::mem::replace(&mut self.buffer, next);
        let _ = self.emptied.try_send(empty);
        self.used = 0;
        // A last part of a block is not plaintext; `size` ends before it.
        self.decryptor.decrypt_blocks(Array::slice_as_chunks_mut(&mut self.buffer).0);
        Ok(())
    }
}

impl BufRead for Stream {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.position >= self.size {
            return Ok(&[]);
        }
        if self.used == self.buffer.len() {
            self.next_buffer()?;
        }
        let left = usize::try_from(self.size - self.position).unwrap_or(usize::MAX);
        let to = self.buffer.len().min(self.used.saturating_add(left));
        Ok(&self.buffer[self.used..to])
    }

    fn consume(&mut self, bytes: usize) {
        self.used += bytes;
        self.position += bytes as u64;
    }
}

impl Read for Stream {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        read_buffered(self, bytes)
    }
}

impl Source for Stream {
    fn size(&self) -> u64 {
        self.size
    }

    fn position(&self) -> u64 {
        self.position
    }

    fn skip(&mut self, mut bytes: u64) -> io::Result<()> {
        while bytes > 0 {
            let there = self.fill_buf()?.len();
            if there == 0 {
                break;
            }
            let some = usize::try_from(bytes).unwrap_or(usize::MAX).min(there);
            self.consume(some);
            bytes -= some as u64;
        }
        Ok(())
    }
}
