//! The client: a CFMS server, or our agent, at the other end of a line.
//!
//! ```no_run
//! # async fn example() -> cfms_backup::Result<()> {
//! use std::sync::Arc;
//! use cfms_backup::remote::{Address, KnownServers, Network, Remote, SignIn};
//! use cfms_backup::{BackupName, Job};
//!
//! let job = Arc::new(Job::silent());
//! let network = Network::new(Address::parse("files.example.org")?, KnownServers::of_this_user());
//! let mut server = Remote::connect(Arc::new(network), &job).await?;
//! server.sign_in(&SignIn { username: "admin".into(), password: "…".into(), second_factor: None }, &job).await?;
//! let made = server.back_up(Some(&BackupName::parse("monday")?), false, &job).await?;
//! println!("On the server: {}", made.archive_path);
//! # Ok(())
//! # }
//! ```
//!
//! Read in this order: [`Address`], `trust` (whether it is the server that is meant) with the [`KnownServers`], `dial`
//! (lines), `connection` (a WebSocket: a request, its answer), `recognise` (which line of servers it is of), `asking`
//! (what is repeated after a break, and what never), `session`, then the verbs: `backup`, `download`.

mod address;
mod asking;
mod backup;
mod confidence;
mod connection;
mod dial;
mod download;
pub mod keyring;
mod overheard;
mod pins;
mod quoting;
mod recognise;
mod session;
mod transfer;
mod trust;
mod waiting;

use std::sync::Arc;

use serde::Serialize;
use ts_rs::TS;

pub use address::Address;
pub use backup::OnServer;
pub use dial::{Dial, Dialled, Network, Stream};
pub use download::{FetchedCopy, check_home};
pub use pins::{KnownServer, KnownServers};
pub use session::{SignIn, User};

use crate::archive::metadata::Metadata;
use crate::certificate::Certificate;
use crate::clock::unix_now;
use crate::error::Result;
use crate::job::{Job, Phase};
use crate::names::BackupName;
use crate::protocol::{LAST_PLAIN_PROTOCOL, ServerInfo, action};
use crate::warning::{Warning, WarningCode};
use connection::{Connection, Framing};
use quoting::Unsaid;
use session::Session;

/// A server that was recognised, and perhaps signed in to. Lines to it are made as they are needed.
pub struct Remote {
    dial: Arc<dyn Dial>,
    server: String,
    info: ServerInfo,
    framing: Framing,
    certificate: Option<Certificate>,
    connection: Option<Connection>,
    session: Option<Arc<Session>>,
    /// What the server knows and must not be made to repeat.
    unsaid: Unsaid,
    /// The last backup that the server made, as it described it.
    made: Option<(BackupName, Metadata)>,
    /// Bytes that the server went through for the last backup, as far as it told.
    work_done: u64,
}

/// What is known of a server before anybody signs in. Its texts are the server's, without control characters.
#[derive(Debug, Clone, Serialize, TS)]
#[ts(export)]
pub struct ServerFacts {
    /// Its address, as a person writes it.
    pub address: String,
    /// What its administrator calls it.
    pub server_name: String,
    /// The server program's version.
    pub version: String,
    /// Which messages it speaks.
    pub protocol_version: u32,
    /// Whether an administrator has locked it down.
    pub lockdown: bool,
    /// The version of our agent, if it is one.
    pub agent: Option<String>,
    /// Whether it may have the backup action: servers of the later framing have none.
    pub backs_up: bool,
    /// Whether it can send archives and keys.
    pub sends_files: bool,
    /// Our agent alone: whether its backups are of the whole server.
    pub whole_server: Option<bool>,
    /// The certificate that it showed; `None` where the line is not encrypted.
    pub certificate: Option<Certificate>,
    /// What a person should know.
    pub warnings: Vec<Warning>,
}

impl Remote {
    /// Calls a server and finds out which it is.
    ///
    /// # Errors
    /// Nobody there, an unknown or changed certificate, not a CFMS server: each a [`RemoteError`](crate::RemoteError).
    pub async fn connect(dial: Arc<dyn Dial>, job: &Job) -> Result<Self> {
        job.phase(Phase::Connect, None, None)?;
        let unsaid = Unsaid::default();
        let recognised = recognise::recognise(&*dial, &unsaid, job);
        let (info, framing, connection) = waiting::unless_stopped(job, recognised).await?;
        let certificate = connection.certificate().cloned();
        Ok(Self {
            server: dial.server(),
            dial,
            info,
            framing,
            certificate,
            connection: Some(connection),
            session: None,
            unsaid,
            made: None,
            work_done: 0,
        })
    }

    /// What is known of it.
    pub fn facts(&self) -> ServerFacts {
        ServerFacts {
            address: self.server.clone(),
            server_name: self.unsaid.cleaned(&self.info.server_name),
            version: self.unsaid.cleaned(&self.info.version),
            protocol_version: self.info.protocol_version,
            lockdown: self.info.lockdown,
            agent: self.info.agent.as_deref().map(|version| self.unsaid.cleaned(version)),
            backs_up: self.backs_up(),
            sends_files: self.sends_files(),
            whole_server: self.info.whole_server,
            certificate: self.certificate.clone(),
            warnings: self.expiry().into_iter().collect(),
        }
    }

    fn backs_up(&self) -> bool {
        match self.info.agent {
            Some(_) => self.answers(action::GENERATE_BACKUP),
            // Whether an old one has it shows when it is asked.
            None => self.info.protocol_version <= LAST_PLAIN_PROTOCOL,
        }
    }

    fn sends_files(&self) -> bool {
        self.info.agent.is_some() && self.answers(action::DOWNLOAD_BACKUP)
    }

    fn answers(&self, action: &str) -> bool {
        self.info.actions.iter().any(|answered| answered == action)
    }

    /// A certificate that was trusted stays so when its time is over: they last a year, and the key is the same.
    fn expiry(&self) -> Option<Warning> {
        let certificate = self.certificate.as_ref()?;
        certificate.has_expired(unix_now()).then(|| {
            Warning::new(
                WarningCode::CertificateExpired,
                "the server's certificate has expired; it is the one that is trusted",
            )
        })
    }
}

impl std::fmt::Debug for Remote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Remote").field("server", &self.server).field("info", &self.info).finish_non_exhaustive()
    }
}
