//! `config.toml`, as far as a backup must know it.

use std::io::Read;
use std::path::{Path, PathBuf};

use toml::Table;

use super::open_beneath;
use super::policy::PasswordPolicy;
use crate::error::{Error, Result};
use crate::protocol::SERVER_PORT;

/// Where a server without a configuration keeps its database.
const DEFAULT_DATABASE: &str = "app.db";
/// Bytes that a configuration may have. Real ones have two thousand.
const MAX_SIZE: u64 = 1024 * 1024;

/// What a server's configuration says. All of it may be absent.
#[derive(Debug, Default)]
pub(super) struct Config {
    server_name: Option<String>,
    database_type: Option<String>,
    database_file: Option<String>,
    storage: Option<String>,
    tls_certificate: Option<String>,
    tls_key: Option<String>,
    host: Option<String>,
    port: Option<u16>,
    passwords: PasswordPolicy,
}

/// The settings in `text`, or what is wrong with it, without any of it.
pub(super) fn parse(text: &str) -> Result<Table, String> {
    // The parser's full text quotes the line, and lines of this file are secrets.
    text.parse().map_err(|e: toml::de::Error| {
        let line = e.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
        format!("line {line}: {}", e.message())
    })
}

impl Config {
    /// Reads the `config.toml` in `root`, if there is one.
    pub(super) fn read(root: &Path) -> Result<Self> {
        let path = root.join("config.toml");
        let unusable = |problem: String| Error::Config { path: path.clone(), problem };
        let file = match open_beneath(root, "config.toml") {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            // Who may write in the folder could have root read any file, and repeat a line of it in an error.
            Err(_) if path.is_symlink() => return Err(unusable("it is a link, and links are not followed".to_owned())),
            Err(error) => return Err(Error::io("read", path, error)),
        };
        if !file.metadata().map_err(|e| Error::io("read", &path, e))?.is_file() {
            return Err(unusable("it is not a file".to_owned()));
        }
        let mut bytes = Vec::new();
        file.take(MAX_SIZE + 1).read_to_end(&mut bytes).map_err(|e| Error::io("read", &path, e))?;
        if bytes.len() as u64 > MAX_SIZE {
            return Err(unusable("it is larger than 1 MiB".to_owned()));
        }
        let text = String::from_utf8(bytes).map_err(|_| unusable("it is not UTF-8".to_owned()))?;
        let table = parse(&text).map_err(unusable)?;
        Ok(Self::of(&table))
    }

    pub(super) fn of(table: &Table) -> Self {
        let text = |section: &str, key: &str| {
            let value = table.get(section)?.get(key)?.as_str()?;
            (!value.is_empty()).then(|| value.to_owned())
        };
        Self {
            server_name: text("server", "name"),
            database_type: text("database", "type"),
            database_file: text("database", "file"),
            storage: text("provider", "storage"),
            tls_certificate: text("server", "ssl_certfile"),
            tls_key: text("server", "ssl_keyfile"),
            host: text("server", "host"),
            port: (|| u16::try_from(table.get("server")?.get("port")?.as_integer()?).ok())(),
            passwords: table
                .get("security")
                .and_then(toml::Value::as_table)
                .map(PasswordPolicy::of)
                .unwrap_or_default(),
        }
    }

    /// The database's file as it is written there.
    pub(super) fn database_file(&self) -> Option<String> {
        self.database_file.clone()
    }

    pub(super) fn server_name(&self) -> Option<&str> {
        self.server_name.as_deref()
    }

    pub(super) fn is_mysql(&self) -> bool {
        self.database_type.as_deref().is_some_and(|kind| {
            let kind = kind.to_ascii_lowercase();
            kind.starts_with("mysql") || kind.starts_with("mariadb")
        })
    }

    pub(super) fn names_database(&self) -> bool {
        self.database_file.is_some()
    }

    /// The database of a server that runs in `root`.
    pub(super) fn database(&self, root: &Path) -> PathBuf {
        root.join(self.database_file.as_deref().unwrap_or(DEFAULT_DATABASE))
    }

    pub(super) fn contents_in_s3(&self) -> bool {
        self.storage.as_deref().is_some_and(|storage| storage.eq_ignore_ascii_case("s3"))
    }

    /// The file of the TLS certificate, if the configuration names one.
    pub(super) fn tls_certificate(&self) -> Option<&str> {
        self.tls_certificate.as_deref()
    }

    /// The file of the TLS key, if the configuration names one.
    pub(super) fn tls_key(&self) -> Option<&str> {
        self.tls_key.as_deref()
    }

    /// Host and port of the server.
    pub(super) fn listens_on(&self) -> (&str, u16) {
        (self.host.as_deref().unwrap_or("localhost"), self.port.unwrap_or(SERVER_PORT))
    }

    /// Which passwords the server takes.
    pub(super) fn password_policy(&self) -> &PasswordPolicy {
        &self.passwords
    }
}
