//! One file from our agent, whatever happens to the line: what has come is kept, and the rest is asked for.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Bytes;
use zeroize::Zeroizing;

use super::Remote;
use super::asking::{PATIENCE, Retry};
use super::waiting::unless_stopped;
use crate::archive::key::MAX_KEY_FILE;
use crate::create::{Destination, check_space};
use crate::error::{Error, RemoteError, Result};
use crate::hex;
use crate::job::{Job, Phase};
use crate::names::BackupName;
use crate::protocol::{DownloadBackup, DownloadEnd, DownloadStart, Part, action, code, farewell};

/// How long a server may take between two pieces of a file.
const STALLED: Duration = Duration::from_secs(120);
/// Bytes that a line must have brought to be a good one, however large the file is.
const USEFUL: u64 = 1024 * 1024;
/// Parts of a file, of which a good line brings one at least: or of a small file each byte could be another line's.
const PARTS: u64 = 64;
/// How long a line lasts that is a good one, slow as it may be.
const LASTING: Duration = Duration::from_secs(60);
/// Pieces that may wait for the disk, of 1 MiB at the most.
const WAITING: usize = 8;

/// A file on its way.
pub(super) struct Transfer<'a> {
    pub(super) name: &'a BackupName,
    pub(super) part: Part,
    /// Where it will lie, for the room there.
    pub(super) destination: &'a Destination,
    pub(super) sink: Sink,
}

/// Where the bytes go.
pub(super) enum Sink {
    /// A key's: it is small, and no buffer of it is left behind.
    Memory(Zeroizing<Vec<u8>>),
    /// An archive's, over a thread that hashes and writes them.
    Disk { pieces: mpsc::Sender<Bytes>, written: oneshot::Receiver<Result<[u8; 32]>>, path: PathBuf, taken: u64 },
}

/// A file that has come whole.
pub(super) struct Arrived {
    pub(super) sha256: String,
    /// A key's text.
    pub(super) bytes: Zeroizing<Vec<u8>>,
}

impl Remote {
    /// Gets the file, over as many lines as it takes.
    pub(super) async fn fetch(&mut self, mut transfer: Transfer<'_>, job: &Job) -> Result<Arrived> {
        let (name, part) = (transfer.name, transfer.part);
        let mut retry = Retry::new(&self.server);
        let mut size = None;
        let mut good = 0;
        let announced = loop {
            let (before, called) = (transfer.sink.taken(), Instant::now());
            match unless_stopped(job, self.go_on(&mut transfer, &mut size, &mut retry, job)).await {
                Ok(announced) => break announced,
                Err(error) if is_turn_wanting(&error) => retry.wait(error, job).await?,
                Err(error) => {
                    // Half a file is on it.
                    let connection = self.connection.take();
                    if connection.is_some_and(|connection| connection.was_closed_with(farewell::FILE_CHANGED)) {
                        return Err(self.damaged(name, part, "it was changed on the server since it was made"));
                    }
                    let taken = transfer.sink.taken();
                    // What comes byte by byte over a line each would never end.
                    let is_much = taken - good >= USEFUL.min(size.unwrap_or(0) / PARTS).max(1);
                    if is_much || taken > before && called.elapsed() >= LASTING {
                        good = taken;
                        retry = Retry::new(&self.server);
                    }
                    retry.pause(error, job).await?;
                }
            }
        };
        let arrived = transfer.sink.end().await?;
        if arrived.sha256 != announced.to_ascii_lowercase() {
            return Err(self.damaged(name, part, "its SHA-256 is not the one that the server announced"));
        }
        Ok(arrived)
    }

    /// Gets the rest of the file over one line, and the SHA-256 that the server announces.
    async fn go_on(
        &mut self,
        transfer: &mut Transfer<'_>,
        size: &mut Option<u64>,
        retry: &mut Retry,
        job: &Job,
    ) -> Result<String> {
        self.renew(job).await?;
        let (name, part, offset) = (transfer.name, transfer.part, transfer.sink.taken());
        let data = DownloadBackup { backup_name: name.as_str().to_owned(), part, offset };
        let request = self.request(action::DOWNLOAD_BACKUP, data, true)?;
        let connection = self.connected().await?;
        connection.send(request).await?;
        let response = connection.answer(Some(PATIENCE), &mut |_| {}).await?;
        if response.code != code::OK {
            // No file follows.
            connection.conclude();
        }
        match response.code {
            code::OK => {}
            code::NOT_FOUND => return Err(self.not_there(name)),
            _ => return Err(self.refusal(action::DOWNLOAD_BACKUP, &response)),
        }
        let start: DownloadStart = self.held(&response, "the answer to download_backup has another shape")?;
        if start.offset != offset || start.offset > start.size {
            return Err(self.odd("the download begins elsewhere than it was asked to", &response.data));
        }
        match *size {
            None => self.begin(transfer, start.size, job)?,
            Some(size) if size == start.size => {}
            Some(_) => return Err(self.damaged(name, part, "it was changed on the server meanwhile")),
        }
        *size = Some(start.size);
        retry.found(job);

        let mut left = start.size - offset;
        while left > 0 {
            let piece = self.connected_still()?.bytes(STALLED).await?;
            let length = piece.len() as u64;
            if length == 0 || length > left {
                let counts = format!("{length} / {left}");
                return Err(self.odd_words("more or fewer bytes came than were announced", &counts));
            }
            transfer.sink.take(piece).await?;
            left -= length;
            if part == Part::Archive {
                job.advance(length)?;
            }
        }
        let response = self.connected_still()?.answer(Some(PATIENCE), &mut |_| {}).await?;
        if response.code != code::OK {
            return Err(self.refusal(action::DOWNLOAD_BACKUP, &response));
        }
        let end: DownloadEnd = self.held(&response, "the end of a download has another shape")?;
        self.connected_still()?.conclude();
        Ok(end.sha256)
    }

    /// The size is known: is there room, and what lies ahead?
    fn begin(&self, transfer: &Transfer<'_>, size: u64, job: &Job) -> Result<()> {
        match transfer.part {
            Part::Key if size > MAX_KEY_FILE => {
                Err(self.damaged(transfer.name, Part::Key, "it is too large for a key file"))
            }
            Part::Key => Ok(()),
            Part::Archive => {
                check_space(transfer.destination, size, false)?;
                let mut phases = vec![(Phase::Download, size), (Phase::Verify, size)];
                if self.work_done > 0 {
                    phases.insert(0, (Phase::ServerWork, self.work_done));
                }
                job.plan(&phases, None);
                job.phase(Phase::Download, Some(size), None)
            }
        }
    }

    /// The connection of a transfer that has begun. Another one would know nothing of it.
    fn connected_still(&mut self) -> Result<&mut super::connection::Connection> {
        let server = &self.server;
        self.connection.as_mut().ok_or_else(|| {
            RemoteError::ConnectionLost { server: server.clone(), problem: "it is closed".to_owned() }.into()
        })
    }

    /// The server does not give it out.
    pub(super) fn not_there(&self, name: &BackupName) -> Error {
        RemoteError::NotOnServer { server: self.server.clone(), name: name.as_str().to_owned() }.into()
    }

    /// It has come, and is not what was meant to.
    pub(super) fn damaged(&self, name: &BackupName, part: Part, problem: &'static str) -> Error {
        let part = match part {
            Part::Archive => "archive",
            Part::Key => "key",
        };
        let (server, name) = (self.server.clone(), name.as_str().to_owned());
        RemoteError::TransferDamaged { server, name, part, problem }.into()
    }
}

impl Sink {
    /// For a key.
    pub(super) fn memory() -> Self {
        // A buffer that grows leaves copies behind.
        Self::Memory(Zeroizing::new(Vec::with_capacity(MAX_KEY_FILE as usize)))
    }

    /// For an archive: `file`, which will be `path`.
    pub(super) fn disk(file: File, path: PathBuf) -> Result<Self> {
        let (pieces, incoming) = mpsc::channel(WAITING);
        let (tell, written) = oneshot::channel();
        let at = path.clone();
        let thread = std::thread::Builder::new().name("download".to_owned()).spawn(move || {
            // Whoever is not there any more does not want it.
            let _ = tell.send(write(file, incoming).map_err(|e| Error::io("write", at, e)));
        });
        thread.map_err(|e| Error::io("start a thread to write", &path, e))?;
        Ok(Self::Disk { pieces, written, path, taken: 0 })
    }

    fn taken(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::Disk { taken, .. } => *taken,
        }
    }

    async fn take(&mut self, piece: Bytes) -> Result<()> {
        match self {
            Self::Memory(bytes) => bytes.extend_from_slice(&piece),
            Self::Disk { pieces, written, path, taken } => {
                let length = piece.len() as u64;
                if pieces.send(piece).await.is_err() {
                    // It ends before its time only with an error.
                    outcome(written, path).await?;
                }
                *taken += length;
            }
        }
        Ok(())
    }

    async fn end(self) -> Result<Arrived> {
        let (digest, bytes) = match self {
            Self::Memory(bytes) => (Sha256::digest(&*bytes).into(), bytes),
            Self::Disk { pieces, mut written, path, .. } => {
                drop(pieces);
                (outcome(&mut written, &path).await?, Zeroizing::default())
            }
        };
        Ok(Arrived { sha256: hex::encode(&digest), bytes })
    }
}

/// Whether others fetch so much that the server has no turn for this.
fn is_turn_wanting(error: &Error) -> bool {
    matches!(error, Error::Remote(error) if matches!(&**error, RemoteError::Busy { .. }))
}

/// Writes what comes, and hashes it.
fn write(mut file: File, mut pieces: mpsc::Receiver<Bytes>) -> io::Result<[u8; 32]> {
    let mut digest = Sha256::new();
    while let Some(piece) = pieces.blocking_recv() {
        digest.update(&piece);
        file.write_all(&piece)?;
    }
    Ok(digest.finalize().into())
}

async fn outcome(written: &mut oneshot::Receiver<Result<[u8; 32]>>, path: &Path) -> Result<[u8; 32]> {
    written.await.unwrap_or_else(|_| Err(Error::io("write", path, io::Error::other("the thread that writes died"))))
}
