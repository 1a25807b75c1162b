//! The archive's file opened with its key: what its two ends say, and its plaintext at any place.
//!
//! CBC decrypts at any block boundary, as the block before is all that it needs: a tar is walked from header to header
//! without reading what lies between.

use std::fs::File;
use std::io::{self, BufRead, Read};
use std::path::{Path, PathBuf};

use aes::Aes256Dec;
use cipher::{Array, BlockModeDecrypt, InnerIvInit, KeyInit};

use super::BLOCK;
use super::key::Key;
use super::tar_header::{self, TAR_BLOCK};
use super::tar_reader::Source;
use crate::error::{Error, Result};

/// The first window after a jump, in bytes: a header and what mostly goes with it.
const FIRST_WINDOW: usize = 2 * 1024;
/// The window that reading on grows to, in bytes.
const LARGEST_WINDOW: usize = 64 * 1024;
/// How much of either end is searched for traces of a tar, in bytes, before a key is called wrong.
const SEARCHED: usize = 1024 * 1024;

/// An archive's file and the cipher of its key.
pub(crate) struct Ciphertext {
    file: File,
    path: PathBuf,
    size: u64,
    cipher: Aes256Dec,
}

/// What the two ends of an archive say about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Bytes of the tar, without padding.
    pub(crate) tar_size: u64,
    /// How the file ends.
    pub(crate) ending: Ending,
    /// Whether the key opens it. Also where the file is too short to tell.
    pub(crate) key_fits: bool,
}

/// How an archive's file ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// With the zeros of a tar's end and PKCS#7 padding.
    Sound,
    /// With valid padding after something else than zeros; the tar tells whether it is whole.
    Padded,
    /// In the middle of something.
    Cut,
    /// With a block that is no padding.
    BadPadding,
}

impl Ciphertext {
    /// The archive in `file`; `path` is for error messages.
    pub(crate) fn new(file: File, path: &Path, key: &Key) -> Result<Self> {
        let metadata = file.metadata().map_err(|e| Error::io("read", path, e))?;
        if !metadata.is_file() {
            let source = io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file");
            return Err(Error::Io { action: "read", path: path.to_path_buf(), source });
        }
        let cipher = Aes256Dec::new(key.bytes().into());
        Ok(Self { file, path: path.to_path_buf(), size: metadata.len(), cipher })
    }

    /// Opens the archive at `path`.
    pub(crate) fn open(path: &Path, key: &Key) -> Result<Self> {
        // Opening a pipe would wait for a writer.
        if !std::fs::metadata(path).map_err(|e| Error::io("read", path, e))?.is_file() {
            let source = io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file");
            return Err(Error::Io { action: "read", path: path.to_path_buf(), source });
        }
        Self::new(File::open(path).map_err(|e| Error::io("read", path, e))?, path, key)
    }

    /// Bytes of the whole file.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// The file itself.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// `error`, met while reading this file.
    pub(crate) fn unreadable(&self, error: io::Error) -> Error {
        Error::io("read", &self.path, error)
    }

    /// Looks at both ends.
    pub(crate) fn shape(&self) -> Result<Shape> {
        self.look().map_err(|e| self.unreadable(e))
    }

    fn look(&self) -> io::Result<Shape> {
        let block = BLOCK as u64;
        let blocks = (self.size / block).saturating_sub(1);
        let whole = blocks * block;
        if blocks == 0 {
            return Ok(Shape { tar_size: 0, ending: Ending::Cut, key_fits: true });
        }
        let last = self.plaintext_at(whole - block, BLOCK)?;
        let zeros = |bytes: &[u8]| bytes.iter().all(|&byte| byte == 0);
        let padding = usize::from(last[BLOCK - 1]);
        let padded =
            (1..=BLOCK).contains(&padding) && last[BLOCK - padding..].iter().all(|&b| usize::from(b) == padding);
        let zeros_before = padded && zeros(&last[..BLOCK - padding]);
        let (tar_size, ending) = if !self.size.is_multiple_of(block) {
            (whole, Ending::Cut)
        } else if padded {
            let tar_size = whole - padding as u64;
            (tar_size, if zeros_before && self.ends_in_zeros(tar_size)? { Ending::Sound } else { Ending::Padded })
        } else if zeros(&last) {
            (whole, Ending::Cut)
        } else {
            // Where a whole tar and one block more are there, that block was the padding.
            (if whole % TAR_BLOCK == block { whole - block } else { whole }, Ending::BadPadding)
        };
        let end_decrypts = zeros_before || zeros(&last);
        let key_fits =
            end_decrypts || whole < TAR_BLOCK || self.start_decrypts()? || self.has_traces_of_a_tar(whole)?;
        Ok(Shape { tar_size, ending, key_fits })
    }

    /// Whether a tar of that size has its end where it must be.
    fn ends_in_zeros(&self, tar_size: u64) -> io::Result<bool> {
        if tar_size < 2 * TAR_BLOCK || !tar_size.is_multiple_of(TAR_BLOCK) {
            return Ok(false);
        }
        let end = self.plaintext_at(tar_size - 2 * TAR_BLOCK, 2 * TAR_BLOCK as usize)?;
        Ok(end.iter().all(|&byte| byte == 0))
    }

    fn start_decrypts(&self) -> io::Result<bool> {
        Ok(is_tar_like(&self.plaintext_at(0, TAR_BLOCK as usize)?))
    }

    /// An archive that lost both its ends is damaged, and its key is right all the same. A wrong key makes noise of
    /// everything, in which no header and no block of zeros is ever found.
    fn has_traces_of_a_tar(&self, whole: u64) -> io::Result<bool> {
        let searched = SEARCHED.min(usize::try_from(whole).unwrap_or(SEARCHED)) & !(TAR_BLOCK as usize - 1);
        let from_end = (whole - searched as u64) & !(TAR_BLOCK - 1);
        for at in [0, from_end] {
            let part = self.plaintext_at(at, searched)?;
            if part.chunks_exact(TAR_BLOCK as usize).any(is_tar_like) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// `len` bytes of plaintext at `at`; both whole blocks of the cipher, and inside the file.
    fn plaintext_at(&self, at: u64, len: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let decrypted = self.decrypt_at(at, len, &mut bytes)?;
        if decrypted < len {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file shrank while it was read"));
        }
        bytes.drain(..BLOCK);
        Ok(bytes)
    }

    /// Puts the ciphertext block before `at` and up to `len` bytes of plaintext at `at` into `window`, and says how many
    /// these are. `at` is a block's border. The file's own start, the IV, shifts everything by a block: what lies at
    /// `at` in the file is the block before the plaintext at `at`.
    fn decrypt_at(&self, at: u64, len: usize, window: &mut Vec<u8>) -> io::Result<usize> {
        window.resize(BLOCK + len, 0);
        let read = read_full_at(&self.file, at, window)?;
        let whole = (read / BLOCK * BLOCK).max(BLOCK);
        window.truncate(whole);
        let (before, blocks) = window.split_at_mut(BLOCK);
        self.decryptor(before).decrypt_blocks(Array::slice_as_chunks_mut(blocks).0);
        Ok(whole - BLOCK)
    }

    /// A decryptor of what follows the ciphertext block `before`, which is [`BLOCK`] bytes.
    pub(crate) fn decryptor(&self, before: &[u8]) -> cbc::Decryptor<Aes256Dec> {
        let mut iv = [0; BLOCK];
        iv.copy_from_slice(before);
        cbc::Decryptor::inner_iv_init(self.cipher.clone(), &iv.into())
    }
}

fn is_tar_like(block: &[u8]) -> bool {
    tar_header::is_zero(block) || tar_header::is_header(block)
}

/// Fills `bytes` from `at` on, as far as the file goes. Independent of the handle's position, which others may share.
pub(crate) fn read_full_at(file: &File, at: u64, bytes: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < bytes.len() {
        match read_at(file, at + filled as u64, &mut bytes[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

#[cfg(unix)]
fn read_at(file: &File, at: u64, bytes: &mut [u8]) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, bytes, at)
}

#[cfg(windows)]
fn read_at(file: &File, at: u64, bytes: &mut [u8]) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, bytes, at)
}

/// The tar inside an archive, read where one likes. It reads little after a jump and more when it is read on.
pub(crate) struct Plaintext<'c> {
    ciphertext: &'c Ciphertext,
    size: u64,
    position: u64,
    /// The ciphertext block before the window, and the window.
    window: Vec<u8>,
    window_at: u64,
    next_window: usize,
}

impl<'c> Plaintext<'c> {
    /// The tar of `tar_size` bytes in `ciphertext`.
    pub(crate) fn new(ciphertext: &'c Ciphertext, tar_size: u64) -> Self {
        Self { ciphertext, size: tar_size, position: 0, window: Vec::new(), window_at: 0, next_window: FIRST_WINDOW }
    }

    /// Goes to `position`.
    pub(crate) fn jump(&mut self, position: u64) {
        self.position = position.min(self.size);
    }

    fn window_end(&self) -> u64 {
        self.window_at + self.window.len().saturating_sub(BLOCK) as u64
    }

    fn load(&mut self) -> io::Result<()> {
        let reads_on = self.window.len() > BLOCK && self.position == self.window_end();
        self.next_window = if reads_on { (self.next_window * 2).min(LARGEST_WINDOW) } else { FIRST_WINDOW };
        self.window_at = self.position & !(BLOCK as u64 - 1);
        let len = usize::try_from(self.size - self.window_at).unwrap_or(usize::MAX).min(self.next_window);
        let decrypted = self.ciphertext.decrypt_at(self.window_at, len.next_multiple_of(BLOCK), &mut self.window)?;
        if (decrypted as u64) < self.position - self.window_at + 1 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file shrank while it was read"));
        }
        Ok(())
    }
}

impl BufRead for Plaintext<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.position >= self.size {
            return Ok(&[]);
        }
        if self.position < self.window_at || self.position >= self.window_end() {
            self.load()?;
        }
        let from = BLOCK + (self.position - self.window_at) as usize;
        let left = usize::try_from(self.size - self.position).unwrap_or(usize::MAX);
        let to = self.window.len().min(from.saturating_add(left));
        Ok(&self.window[from..to])
    }

    fn consume(&mut self, bytes: usize) {
        self.position += bytes as u64;
    }
}

impl Read for Plaintext<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        read_buffered(self, bytes)
    }
}

impl Source for Plaintext<'_> {
    fn size(&self) -> u64 {
        self.size
    }

    fn position(&self) -> u64 {
        self.position
    }

    fn skip(&mut self, bytes: u64) -> io::Result<()> {
        self.jump(self.position.saturating_add(bytes));
        Ok(())
    }
}

/// [`Read::read`] for what is a [`BufRead`] in the first place.
pub(crate) fn read_buffered(from: &mut impl BufRead, bytes: &mut [u8]) -> io::Result<usize> {
    let there = from.fill_buf()?;
    let some = there.len().min(bytes.len());
    bytes[..some].copy_from_slice(&there[..some]);
    from.consume(some);
    Ok(some)
}
