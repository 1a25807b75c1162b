//! The files without which a restored database is not a running server.

use std::io::{Error as IoError, ErrorKind};
use std::path::{Path, PathBuf};

use super::config::Config;
use super::contents::{Contents, OpenContent, Refusal};
use super::open_nonblocking;
use crate::warning::WarningCode;

/// Bytes that such a file may have: more is some mistake in the configuration.
const MAX_SIZE: u64 = 16 * 1024 * 1024;

/// A file that belongs to the server itself.
#[derive(Debug, Clone)]
pub(crate) struct ServerFile {
    /// Its name in the archive.
    pub(crate) member: &'static str,
    /// Where it should be.
    pub(crate) path: PathBuf,
    /// Whether the configuration names it, so that its absence is worth a warning.
    pub(crate) required_by_config: bool,
}

pub(super) fn list(root: &Path, config: &Config) -> Vec<ServerFile> {
    let file = |member, named: Option<&str>, default: &str| ServerFile {
        member,
        path: root.join(named.unwrap_or(default)).components().collect(),
        required_by_config: named.is_some(),
    };
    vec![
        file("server/config.toml", None, "config.toml"),
        file("server/ssl/cert.pem", config.tls_certificate(), "content/ssl/cert.pem"),
        file("server/ssl/key.pem", config.tls_key(), "content/ssl/key.pem"),
        file("server/init", None, "init"),
    ]
}

/// Opens `file`. The configuration is its administrator's own, so that its files may be anywhere and be links; only in
/// `content/`, where the server writes on behalf of others, no link is followed.
pub(super) fn open(root: &Path, file: &ServerFile) -> Result<Option<OpenContent>, Refusal> {
    let content = if file.path.starts_with(root.join("content")) {
        Contents::below(root, &[])
            .map_err(|error| Refusal { code: WarningCode::Unreadable, reason: error.to_string() })
            .and_then(|contents| contents.open_path(&file.path.to_string_lossy()))
    } else {
        open_nonblocking(&file.path).map_err(|error| refusal(&error)).and_then(OpenContent::of_file)
    };
    match content {
        Ok(content) if content.size > MAX_SIZE => {
            let reason = format!("it has {} bytes, too many for what it should be", content.size);
            Err(Refusal { code: WarningCode::NotAFile, reason })
        }
        Ok(content) => Ok(Some(content)),
        Err(Refusal { code: WarningCode::Missing, .. }) if !file.required_by_config => Ok(None),
        Err(refusal) => Err(refusal),
    }
}

fn refusal(error: &IoError) -> Refusal {
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => {
            Refusal { code: WarningCode::Missing, reason: "config.toml names it, and it is not there".to_owned() }
        }
        _ => Refusal { code: WarningCode::Unreadable, reason: format!("it cannot be read: {error}") },
    }
}
