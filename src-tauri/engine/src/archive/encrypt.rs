//! From plaintext to disk: AES-256-CBC, digest and file, each on a thread of its own.
//!
//! CBC encryption is serial (every block needs the one before), so it is the slowest step by far and has a thread to
//! itself. Reading and hashing the members happens on the caller's thread, hashing and writing the ciphertext on a
//! third. A few buffers go round between them and are reused; nothing grows with the size of the backup.
//!
//! ```text
//! caller: read, hash member ──▶ cipher: encrypt in place ──▶ writer: hash archive, write
//!    ▲                                                                      │
//!    └──────────────────────────── empty buffers ◀──────────────────────────┘
//! ```

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use aes::Aes256;
use cipher::{Array, BlockModeEncrypt, KeyIvInit};
use sha2::{Digest, Sha256};

use super::BLOCK;
use super::key::{Key, fill_random};
use crate::error::{Error, Result};

/// Bytes of a buffer: a multiple of the cipher's block, and small enough for the processor's cache.
const BUFFER: usize = 256 * 1024;
/// Bytes that are handed to the disk while the work goes on.
const WRITTEN_BACK_AT_ONCE: u64 = 8 * 1024 * 1024;
/// Buffers that go round.
const BUFFERS: usize = 16;

/// Takes plaintext and leaves `IV, ciphertext` in a file.
///
/// Its [`Write`] fails with an error that says nothing once a later step has failed: [`Encryptor::failure`] has the
/// reason. Dropping it stops the threads and leaves whatever was written so far.
pub(crate) struct Encryptor {
    buffer: Buffer,
    filled: Option<SyncSender<Buffer>>,
    spare: Receiver<Buffer>,
    cipher: Option<JoinHandle<()>>,
    writer: Option<JoinHandle<Result<Written>>>,
}

/// Bytes on their way: `bytes[..len]`. The rest is only room, so that files are read straight into it.
struct Buffer {
    bytes: Box<[u8]>,
    len: usize,
}

impl Buffer {
    fn new() -> Self {
        Self { bytes: vec![0; BUFFER].into_boxed_slice(), len: 0 }
    }

    fn is_full(&self) -> bool {
        self.len == self.bytes.len()
    }
}

/// What was written to the file.
pub(crate) struct Written {
    /// Bytes of the whole file.
    pub(crate) size: u64,
    /// SHA-256 of the whole file.
    pub(crate) sha256: [u8; 32],
}

impl Encryptor {
    /// Starts writing to `file`, whose `path` is for error messages.
    pub(crate) fn start(file: File, path: PathBuf, key: &Key) -> Result<Self> {
        let mut iv = [0; BLOCK];
        fill_random(&mut iv)?;
        let aes = cbc::Encryptor::<Aes256>::new(key.bytes().into(), (&iv).into());

        let (filled, to_encrypt) = sync_channel(BUFFERS);
        let (encrypted, to_write) = sync_channel(BUFFERS);
        let (emptied, spare) = sync_channel(BUFFERS);
        for _ in 0..BUFFERS {
            // The channel holds as many as are sent here.
            let _ = emptied.try_send(Buffer::new());
        }
        let thread = |name: &str| std::thread::Builder::new().name(name.to_owned());
        let cannot_start = |e| Error::io("start a thread to write", &path, e);
        let cipher = thread("encrypt").spawn(move || encrypt(aes, &to_encrypt, &encrypted)).map_err(cannot_start)?;
        let writer = {
            let path = path.clone();
            thread("write").spawn(move || write(file, path, iv, &to_write, &emptied)).map_err(cannot_start)?
        };
        Ok(Self { buffer: Buffer::new(), filled: Some(filled), spare, cipher: Some(cipher), writer: Some(writer) })
    }

    /// Reads up to `limit` bytes from `reader` straight into the pipeline, and shows them, so that the caller can hash
    /// them without another copy. Empty only at the reader's end.
    pub(crate) fn read_from(&mut self, reader: &mut impl Read, limit: u64) -> io::Result<Result<&[u8], Stopped>> {
        if self.buffer.is_full() && self.hand_on().is_err() {
            return Ok(Err(Stopped));
        }
        let Buffer { bytes, len } = &mut self.buffer;
        let room = bytes.len() - *len;
        let wanted = usize::try_from(limit).unwrap_or(usize::MAX).min(room);
        let target = &mut bytes[*len..*len + wanted];
        let read = loop {
            match reader.read(target) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                outcome => break outcome?,
            }
        };
        *len += read;
        Ok(Ok(&target[..read]))
    }

    /// Pads, waits for every byte to be handed to the system, and says what the file is. It is not synced yet.
    pub(crate) fn finish(mut self) -> Result<Written> {
        if !self.buffer.is_full() || self.hand_on().is_ok() {
            let Buffer { bytes, len } = &mut self.buffer;
            // PKCS#7: as many bytes as are missing to a whole block, 1 to 16, each of that value.
            let padding = BLOCK - *len % BLOCK;
            bytes[*len..*len + padding].fill(padding as u8);
            *len += padding;
            let _ = self.hand_on();
        }
        self.join().unwrap_or(Err(Error::Cancelled))
    }

    /// Why a later step stopped, if one did. The pipeline takes nothing more after this.
    pub(crate) fn failure(&mut self) -> Option<Error> {
        self.join().and_then(Result::err)
    }

    fn hand_on(&mut self) -> Result<(), Stopped> {
        let next = self.spare.recv().map_err(|_| Stopped)?;
        let full = std::mem::replace(&mut self.buffer, next);
        self.filled.as_ref().ok_or(Stopped)?.send(full).map_err(|_| Stopped)
    }

    fn join(&mut self) -> Option<Result<Written>> {
        self.filled = None;
        let writer = self.writer.take()?;
        let cipher = self.cipher.take()?;
        let outcome = writer.join();
        let _ = cipher.join();
        Some(outcome.unwrap_or_else(|_| {
            let source = io::Error::other("the writing thread ended unexpectedly");
            Err(Error::Io { action: "write", path: PathBuf::from("the archive"), source })
        }))
    }
}

/// A later step of the pipeline has stopped; [`Encryptor::failure`] knows why.
#[derive(Debug)]
pub(crate) struct Stopped;

impl Write for Encryptor {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.buffer.is_full() {
            self.hand_on().map_err(|Stopped| io::Error::other("writing the archive has stopped"))?;
        }
        let room = &mut self.buffer.bytes[self.buffer.len..];
        let taken = bytes.len().min(room.len());
        room[..taken].copy_from_slice(&bytes[..taken]);
        self.buffer.len += taken;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Encryptor {
    fn drop(&mut self) {
        let _ = self.join();
    }
}

fn encrypt(mut aes: cbc::Encryptor<Aes256>, filled: &Receiver<Buffer>, encrypted: &SyncSender<Buffer>) {
    while let Ok(mut buffer) = filled.recv() {
        let (blocks, rest) = Array::slice_as_chunks_mut(&mut buffer.bytes[..buffer.len]);
        debug_assert!(rest.is_empty(), "buffers are handed on full, the last one padded");
        aes.encrypt_blocks(blocks);
        if encrypted.send(buffer).is_err() {
            return;
        }
    }
}

fn write(
    mut file: File,
    path: PathBuf,
    iv: [u8; BLOCK],
    encrypted: &Receiver<Buffer>,
    emptied: &SyncSender<Buffer>,
) -> Result<Written> {
    let mut digest = Sha256::new();
    let (mut size, mut on_its_way) = (0, 0);
    let mut put = |bytes: &[u8]| -> Result<()> {
        digest.update(bytes);
        size += bytes.len() as u64;
        file.write_all(bytes).map_err(|e| Error::io("write", &path, e))?;
        if size - on_its_way >= WRITTEN_BACK_AT_ONCE {
            write_back(&file, on_its_way, size);
            on_its_way = size;
        }
        Ok(())
    };
    put(&iv)?;
    while let Ok(mut buffer) = encrypted.recv() {
        put(&buffer.bytes[..buffer.len])?;
        buffer.len = 0;
        // Nobody waits for buffers any more once the caller has finished.
        let _ = emptied.try_send(buffer);
    }
    Ok(Written { size, sha256: digest.finalize().into() })
}

/// Has the system begin to write those bytes to the disk, so that the sync at the end has little to wait for. What cannot be
/// done here is done by that sync.
fn write_back(file: &File, from: u64, to: u64) {
    // Linux begins to write what is not needed, and keeps what is not written yet: these pages stay to be read back.
    #[cfg(target_os = "linux")]
    let _ = rustix::fs::fadvise(file, from, std::num::NonZeroU64::new(to - from), rustix::fs::Advice::DontNeed);
    #[cfg(not(target_os = "linux"))]
    let _ = (file, from, to);
}

#[cfg(test)]
mod tests {
    use super::*;
    use cipher::BlockModeDecrypt;
    use cipher::block_padding::Pkcs7;
    use std::io::{Seek, SeekFrom};

    fn decrypt(file: &mut File, key: &Key) -> Vec<u8> {
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(0)).unwrap();
        file.read_to_end(&mut bytes).unwrap();
        let iv: [u8; BLOCK] = bytes[..BLOCK].try_into().unwrap();
        let aes = cbc::Decryptor::<Aes256>::new(key.bytes().into(), (&iv).into());
        aes.decrypt_padded_vec::<Pkcs7>(&bytes[BLOCK..]).unwrap()
    }

    #[test]
    fn what_went_in_comes_out_at_every_edge_of_blocks_and_buffers() {
        for size in [0, 1, 15, 16, 17, BUFFER - 1, BUFFER, BUFFER + 1, 3 * BUFFER, BUFFERS * BUFFER + 5] {
            let plain: Vec<u8> = (0..size).map(|i| (i % 251) as u8).collect();
            let key = Key::generate().unwrap();
            let mut file = tempfile::tempfile().unwrap();
            let mut encryptor = Encryptor::start(file.try_clone().unwrap(), "x".into(), &key).unwrap();
            // Half of it as a `Write`, half of it from a reader.
            encryptor.write_all(&plain[..size / 2]).unwrap();
            let mut rest = &plain[size / 2..];
            while !rest.is_empty() {
                assert_ne!(encryptor.read_from(&mut rest, 100_000).unwrap().unwrap(), b"");
            }
            let written = encryptor.finish().unwrap();
            assert_eq!(written.size, (size + BLOCK - size % BLOCK + BLOCK) as u64);
            assert!(decrypt(&mut file, &key) == plain, "{size} bytes");
        }
    }

    #[test]
    fn the_digest_is_that_of_the_file() {
        let mut file = tempfile::tempfile().unwrap();
        let mut encryptor = Encryptor::start(file.try_clone().unwrap(), "x".into(), &Key::generate().unwrap()).unwrap();
        encryptor.write_all(&[7; 1_000_000]).unwrap();
        let written = encryptor.finish().unwrap();
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(0)).unwrap();
        file.read_to_end(&mut bytes).unwrap();
        assert_eq!(written.sha256, <[u8; 32]>::from(Sha256::digest(&bytes)));
        assert_eq!(written.size, bytes.len() as u64);
    }

    #[test]
    fn a_disk_that_refuses_is_named_and_nothing_hangs() {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut encryptor = Encryptor::start(full, "/backups/x".into(), &Key::generate().unwrap()).unwrap();
        let mut failed = false;
        for _ in 0..4 * BUFFERS {
            failed |= encryptor.write_all(&[0; BUFFER]).is_err();
        }
        assert!(failed);
        let reason = encryptor.failure().unwrap();
        assert!(
            matches!(&reason, Error::NoSpace { path, .. } if path == std::path::Path::new("/backups/x")),
            "{reason}"
        );
    }
}
