//! The files without which a restored database is not a running server.

use std::io::{Error as IoError, ErrorKind};
use std::path::{Path, PathBuf};

use super::config::Config;
use super::contents::{Contents, OpenContent};
use super::open_nonblocking;
use super::own::Own;
use super::owner::Owner;
use super::refusal::{Refusal, missing, outside_for_owner};
use crate::warning::{Warning, WarningCode, bounded};

/// Bytes that such a file may have: more is some mistake in the configuration.
const MAX_SIZE: u64 = 16 * 1024 * 1024;

const NAMED: &str = "config.toml names it, and it is not there";
const NO_CONFIG: &str = "it is not there, so the backup has no settings and secrets of the server";
const NO_INIT: &str = "it is not there, and a server that starts without it deletes its database";

/// A file that belongs to the server itself.
#[derive(Debug, Clone)]
pub(crate) struct ServerFile {
    /// Its name in the archive.
    pub(crate) member: &'static str,
    /// Where it should be.
    pub(crate) path: PathBuf,
    /// Whether the configuration names it.
    named_by_config: bool,
    /// What a person should know if it is not there; nothing of what a server can do without.
    absence: Option<&'static str>,
}

pub(super) fn list(root: &Path, config: &Config) -> Vec<ServerFile> {
    let file = |member, named: Option<&str>, default: &str, absence| ServerFile {
        member,
        path: root.join(named.unwrap_or(default)).components().collect(),
        named_by_config: named.is_some(),
        absence,
    };
    let named = |member, named: Option<&str>, default: &str| file(member, named, default, named.map(|_| NAMED));
    vec![
        file("server/config.toml", None, "config.toml", Some(NO_CONFIG)),
        named("server/ssl/cert.pem", config.tls_certificate(), "content/ssl/cert.pem"),
        named("server/ssl/key.pem", config.tls_key(), "content/ssl/key.pem"),
        file("server/init", None, "init", Some(NO_INIT)),
    ]
}

/// Opens `file`: beneath the server's folder, or one of those allowed, through no link. What `config.toml` names elsewhere,
/// or behind a link, is opened with the rights of the folder's [owner](super::owner); nothing in `content/` though, where
/// the server writes on behalf of others.
pub(super) fn open(root: &Path, file: &ServerFile, allow_outside: &[PathBuf]) -> Result<Option<OpenContent>, Refusal> {
    let folders = Contents::below(root, allow_outside, Own::default())
        .map_err(|error| Refusal { code: WarningCode::Unreadable, reason: error.to_string() })?;
    let below = file.path.strip_prefix(root).unwrap_or(&file.path);
    let content = match folders.open_path(&below.to_string_lossy()) {
        Err(refusal) if refusal.code == WarningCode::Outside && file.may_be_outside(below) => {
            let real = file.path.canonicalize().map_err(|error| unreadable(&error));
            real.and_then(|real| match folders.open_path(&real.to_string_lossy()) {
                Err(refusal) if refusal.code == WarningCode::Outside => open_for_owner(&file.path, folders.owner()),
                outcome => outcome,
            })
        }
        outcome => outcome,
    };
    match content {
        Ok(content) if content.size > MAX_SIZE => {
            let reason = format!("it has {} bytes, too many for what it should be", content.size);
            Err(Refusal { code: WarningCode::NotAFile, reason })
        }
        Ok(content) => Ok(Some(content)),
        Err(Refusal { code: WarningCode::Missing, .. }) => file.absence.map_or(Ok(None), |reason| Err(missing(reason))),
        Err(refusal) => Err(refusal),
    }
}

impl ServerFile {
    /// What a person should know if it was refused.
    pub(crate) fn warning(&self, Refusal { code, reason }: Refusal) -> Warning {
        let code = if code == WarningCode::Outside { code } else { WarningCode::ServerFileMissing };
        let mut warning = Warning::new(code, reason);
        warning.path = Some(bounded(self.path.display().to_string()));
        warning
    }

    fn may_be_outside(&self, below: &Path) -> bool {
        self.named_by_config && !below.starts_with("content")
    }
}

fn open_for_owner(path: &Path, owner: Option<&Owner>) -> Result<OpenContent, Refusal> {
    let Some(owner) = owner else {
        return open_nonblocking(path).map_err(|error| unreadable(&error)).and_then(OpenContent::of_file);
    };
    let opened = owner.acting(|| open_nonblocking(path)).and_then(|opened| opened);
    opened
        .map_err(|error| match error.kind() {
            ErrorKind::PermissionDenied | ErrorKind::Unsupported => {
                outside_for_owner("config.toml names it outside the server's folder")
            }
            _ => unreadable(&error),
        })
        .and_then(OpenContent::of_file)
}

fn unreadable(error: &IoError) -> Refusal {
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => missing(NAMED),
        _ => Refusal { code: WarningCode::Unreadable, reason: format!("it cannot be read: {error}") },
    }
}
