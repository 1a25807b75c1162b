//! The files of a pair on their way to the client.

use std::io::{ErrorKind, Read, Seek, SeekFrom};

use sha2::{Digest, Sha256};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Bytes;

use super::download_turns::DownloadTurn;
use super::limits;
use super::records::Opened;
use crate::hex;

/// A file that is to be sent from `offset` on.
pub(super) struct Download {
    pub(super) opened: Opened,
    pub(super) offset: u64,
    /// What it is called, for the audit log.
    pub(super) title: (String, String, &'static str),
    /// Its place among the downloads that may run; a key needs none.
    pub(super) _turn: Option<DownloadTurn>,
}

/// A piece of it.
pub(super) enum Piece {
    /// The next bytes.
    Bytes(Bytes),
    /// The end: the SHA-256 of the whole file.
    End(String),
    /// It could not be read to its end.
    Broken,
    /// It is not what was made.
    Changed,
}

/// Reads a file piece by piece, on a thread of its own. The last piece is an end or a break; it stops when nobody takes
/// pieces any more.
pub(super) fn pieces(download: Download) -> mpsc::Receiver<Piece> {
    let (sender, receiver) = mpsc::channel(2);
    tokio::task::spawn_blocking(move || {
        let last = match read(download, &sender) {
            Ok(digest) => Piece::End(digest),
            Err(error) if matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::UnexpectedEof) => Piece::Changed,
            Err(_) => Piece::Broken,
        };
        let _ = sender.blocking_send(last);
    });
    receiver
}

fn read(mut download: Download, sender: &mpsc::Sender<Piece>) -> std::io::Result<String> {
    let mut digest = Sha256::new();
    let mut buffer = vec![0; limits::CHUNK];
    let Opened { file, size, sha256 } = &mut download.opened;
    file.seek(SeekFrom::Start(0))?;
    // The digest is of the whole file: what the client has already is read and not sent.
    let mut skip = download.offset;
    while skip > 0 {
        let part = skip.min(buffer.len() as u64) as usize;
        file.read_exact(&mut buffer[..part])?;
        digest.update(&buffer[..part]);
        skip -= part as u64;
        if sender.is_closed() {
            return Err(ErrorKind::BrokenPipe.into());
        }
    }
    let mut left = *size - download.offset;
    while left > 0 {
        let part = left.min(buffer.len() as u64) as usize;
        file.read_exact(&mut buffer[..part])?;
        digest.update(&buffer[..part]);
        left -= part as u64;
        let piece = Piece::Bytes(Bytes::copy_from_slice(&buffer[..part]));
        sender.blocking_send(piece).map_err(|_| ErrorKind::BrokenPipe)?;
    }
    match hex::encode(&digest.finalize()) {
        digest if digest == *sha256 => Ok(digest),
        _ => Err(ErrorKind::InvalidData.into()),
    }
}
