//! The agent: a server that backs up. It gives a CFMS data directory, of whatever server version, the API of
//! [`protocol`](crate::protocol), and adds what the servers' own handler lacks: safe names, progress, and the way home for
//! archive and key.
//!
//! ```text
//! connection   one client: handshakes, clocks, limits, framing, what is sent; its place and its meter
//! dialogue     one request: who asks, may they, what is the answer
//! sign_in      passwords, second factors, tokens; throttle; turns; lockdown
//! rights       what a user may do: pure functions over the rows of the database
//! backups      the one backup that may run; records of what was made for whom; download
//! state        the agent's own folder, and the files in it
//! ```
//!
//! It reads the users of the live database and never writes it. The blocking verbs run on threads of their own; only the
//! agent's end cancels a backup, not a client that goes away.

use std::fs::File;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::certificate::Fingerprint;
use crate::clock::unix_now;
use crate::error::{Error, Result};
use crate::server_data::ServerData;

mod audit;
mod backups;
mod connection;
mod dialogue;
mod download;
mod download_turns;
mod limits;
mod lockdown;
mod log_file;
mod meter;
mod passwords;
mod places;
mod quotas;
mod records;
mod rights;
mod shape;
mod sign_in;
mod state;
mod throttle;
mod tls;
mod tokens;
mod totp;
mod turns;
mod user;

pub use audit::{Entry, Listener};
pub use tls::TlsPair;

/// How an agent works.
pub struct Settings {
    /// Where it listens. Port 0 is any that is free.
    pub listen: SocketAddr,
    /// What it shows to clients.
    pub certificate: TlsPair,
    /// Where backups go; `None` is `content/backups` of the server.
    pub backup_dir: Option<PathBuf>,
    /// Where it keeps its certificate, its records and its audit log. It is created where it is missing.
    pub state_dir: PathBuf,
    /// Make backups of the whole server, users, configuration and TLS pair included, and not of the documents only.
    pub whole_server: bool,
    /// What is told of every entry of the audit log.
    pub audit: Listener,
}

/// An agent that listens.
pub struct Agent {
    core: Arc<Core>,
    listener: TcpListener,
    identity: tls::Identity,
    address: SocketAddr,
    // Held to the end: one agent uses a folder at a time.
    _state: File,
}

/// What all connections share.
struct Core {
    source: ServerData,
    server_name: String,
    backups: backups::Backups,
    records: records::Records,
    downloads: download_turns::DownloadTurns,
    sign_in: sign_in::SignIn,
    audit: audit::Audit,
}

impl Agent {
    /// Opens all that an agent for `source` needs, and listens.
    ///
    /// # Errors
    /// Whatever keeps it from working: a database that is none of a CFMS server, a TLS pair that is none, a folder that
    /// another agent uses, one for backups that cannot be written, an address that is taken.
    pub async fn bind(source: ServerData, mut settings: Settings) -> Result<Self> {
        // Without a slash at its end, so that it is found again in words.
        settings.state_dir = std::path::absolute(&settings.state_dir)
            .map(|dir| dir.components().collect())
            .map_err(|e| Error::io("find", &settings.state_dir, e))?;
        let state = state::claim(&settings.state_dir)?;
        let identity = tls::Identity::of(&settings.certificate, &source, &settings.state_dir)?;
        let backup_dir = settings.backup_dir.map(std::path::absolute).transpose();
        let backup_dir = backup_dir.map_err(|e| Error::io("find", "the folder for backups", e))?;
        let backups =
            backups::Backups::new(source.root(), backup_dir, settings.whole_server).hiding(&settings.state_dir);
        let (source, backups) = check(source, backups).await?;
        let unusable = |e| Error::io("listen on", settings.listen.to_string(), e);
        let listener = TcpListener::bind(settings.listen).await.map_err(unusable)?;
        let address = listener.local_addr().map_err(unusable)?;
        let core = Core {
            server_name: format!("{} (CFMS Backup agent)", source.server_name().unwrap_or("CFMS server")),
            backups,
            records: records::Records::open(&settings.state_dir)?,
            downloads: download_turns::DownloadTurns::default(),
            sign_in: sign_in::SignIn::new(&source, address)?,
            audit: audit::Audit::open(&settings.state_dir, settings.audit)?,
            source,
        };
        Ok(Self { core: Arc::new(core), listener, identity, address, _state: state })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its certificate's: what a client trusts.
    pub fn fingerprint(&self) -> Fingerprint {
        self.identity.fingerprint
    }

    /// Where its certificate lies.
    pub fn certificate_path(&self) -> &Path {
        &self.identity.path
    }

    /// Answers clients until `stop` is ready. A running backup is cancelled then, and leaves nothing behind.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let (stopping, stopped) = watch::channel(false);
        let mut clients = JoinSet::new();
        let places = places::Places::default();
        tokio::pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => break,
                accepted = self.listener.accept() => match accepted {
                    Ok((tcp, peer)) => self.welcome(tcp, peer, &places, &stopped, &mut clients),
                    // Out of file handles, say: it passes when somebody leaves.
                    Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
                },
                Some(_) = clients.join_next() => {}
            }
        }
        drop(self.listener);
        let _ = stopping.send(true);
        self.core.backups.stop().await;
        let _ = timeout(limits::SHUTDOWN, async { while clients.join_next().await.is_some() {} }).await;
    }

    fn welcome(
        &self,
        tcp: TcpStream,
        peer: SocketAddr,
        places: &places::Places,
        stopped: &watch::Receiver<bool>,
        clients: &mut JoinSet<()>,
    ) {
        // Who finds no place is let go of at once.
        let address = peer.ip().to_canonical();
        if let Some(place) = places.take(address) {
            let (core, acceptor, stopped) = (Arc::clone(&self.core), self.identity.acceptor.clone(), stopped.clone());
            clients.spawn(connection::serve(core, tcp, (place, address), acceptor, stopped));
        }
    }
}

impl Core {
    /// Notes how a request ended.
    fn note(&self, address: IpAddr, username: &str, action: &str, backup: Option<&str>, ending: (i64, &str)) {
        self.audit.note(entry(address, username, action, backup, ending));
    }

    /// Notes what happened to a backup, for which a place was taken before.
    fn note_backup_deed(&self, address: IpAddr, username: &str, action: &str, backup: Option<&str>, what: (i64, &str)) {
        self.audit.note_backup_deed(entry(address, username, action, backup, what));
    }
}

fn entry(address: IpAddr, username: &str, action: &str, backup: Option<&str>, (code, result): (i64, &str)) -> Entry {
    Entry {
        time: unix_now(),
        address: address.to_string(),
        username: username.to_owned(),
        action: action.to_owned(),
        backup_name: backup.map(str::to_owned),
        code,
        result: result.to_owned(),
    }
}

/// Looks at the users and at the folder for backups once, so that what is no CFMS server, or cannot be written, is told at
/// the start. A server that holds its database locked may.
async fn check(source: ServerData, backups: backups::Backups) -> Result<(ServerData, backups::Backups)> {
    let work = tokio::task::spawn_blocking(move || {
        match source.look_up("") {
            Ok(_) | Err(Error::DatabaseLocked { .. }) => {}
            Err(error) => return Err(error),
        }
        backups.check_folder(&source)?;
        Ok((source, backups))
    });
    work.await.unwrap_or(Err(Error::Cancelled))
}
