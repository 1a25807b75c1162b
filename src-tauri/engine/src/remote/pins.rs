//! The servers that a person has decided to trust: `known_servers.json`, for window and command line alike.
//!
//! ```json
//! { "version": 1, "servers": [{ "host": "files.example.org", "port": 5104, "fingerprint": "97:B2:…", "trusted_at": 1234567890.1 }] }
//! ```

use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::address::Address;
use crate::certificate::Fingerprint;
use crate::clock::unix_now;
use crate::error::{Error, RemoteError, Result};

const VERSION: u32 = 1;

/// A server and the certificate that it must show.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct KnownServer {
    /// The host, as it is written in a URL.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Of its certificate.
    #[ts(as = "String")]
    pub fingerprint: Fingerprint,
    /// When it was trusted, in Unix seconds.
    pub trusted_at: f64,
}

/// The list of known servers in its file. Several programs may change it at once.
#[derive(Debug, Clone)]
pub struct KnownServers {
    path: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct Written {
    version: u32,
    servers: Vec<KnownServer>,
}

impl KnownServers {
    /// The list of this user, in the system's place for configuration: `$XDG_CONFIG_HOME/cfms-backup` or
    /// `~/.config/cfms-backup`. `None` where the system names no such place.
    pub fn of_this_user() -> Option<Self> {
        let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let config = absolute("XDG_CONFIG_HOME").or_else(|| absolute("HOME").map(|home| home.join(".config")))?;
        Some(Self::at(config.join("cfms-backup/known_servers.json")))
    }

    /// The list at `path`, which need not be there yet.
    pub fn at(path: PathBuf) -> Self {
        Self { path }
    }

    /// All of them, by host and port.
    ///
    /// # Errors
    /// A file that cannot be read, or [`RemoteError::KnownServers`] for one that is no such list.
    pub fn list(&self) -> Result<Vec<KnownServer>> {
        let text = match fs::read(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            outcome => outcome.map_err(|e| Error::io("read", &self.path, e))?,
        };
        let unusable = |problem: String| RemoteError::KnownServers { path: self.path.clone(), problem };
        let written: Written = serde_json::from_slice(&text).map_err(|error| unusable(error.to_string()))?;
        if written.version != VERSION {
            return Err(unusable(format!("its version is {}", written.version)).into());
        }
        let mut servers = written.servers;
        servers.sort_by(|a, b| (&a.host, a.port).cmp(&(&b.host, b.port)));
        Ok(servers)
    }

    /// The certificate that the server at `address` must show, where that was decided.
    ///
    /// # Errors
    /// As for [`list`](Self::list): a list that cannot be read is no empty one.
    pub fn pinned(&self, address: &Address) -> Result<Option<Fingerprint>> {
        Ok(self.list()?.into_iter().find(|known| is_at(known, address)).map(|known| known.fingerprint))
    }

    /// Trusts the server at `address` as long as it shows that certificate.
    ///
    /// # Errors
    /// As for [`list`](Self::list), and what the system says to writing.
    pub fn trust(&self, address: &Address, fingerprint: Fingerprint) -> Result<()> {
        self.change(|servers| {
            servers.retain(|known| !is_at(known, address));
            let (host, port) = (address.host(), address.port());
            servers.push(KnownServer { host, port, fingerprint, trusted_at: unix_now() });
        })
    }

    /// Forgets the server at `address`: it will be unknown again. `false` if it was.
    ///
    /// # Errors
    /// As for [`trust`](Self::trust).
    pub fn forget(&self, address: &Address) -> Result<bool> {
        let mut was_known = false;
        if self.pinned(address)?.is_some() {
            self.change(|servers| {
                let before = servers.len();
                servers.retain(|known| !is_at(known, address));
                was_known = servers.len() < before;
            })?;
        }
        Ok(was_known)
    }

    /// Reads, changes and replaces the list, while nobody else does.
    fn change(&self, change: impl FnOnce(&mut Vec<KnownServer>)) -> Result<()> {
        let folder = self.path.parent().unwrap_or(Path::new("/"));
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|e| Error::io("create", folder, e))?;
        let lock_path = self.path.with_extension("lock");
        let lock = File::options().create(true).truncate(false).write(true).mode(0o600).open(&lock_path);
        let lock = lock.map_err(|e| Error::io("open", &lock_path, e))?;
        match lock.lock() {
            Err(error) if error.kind() != ErrorKind::Unsupported => return Err(Error::io("lock", &lock_path, error)),
            _ => {}
        }
        let mut servers = self.list()?;
        change(&mut servers);
        self.replace(&servers, folder).map_err(|e| Error::io("write", &self.path, e))
    }

    /// The new list stands beside the old one until it is whole.
    fn replace(&self, servers: &[KnownServer], folder: &Path) -> io::Result<()> {
        let mut text = serde_json::to_vec_pretty(&Written { version: VERSION, servers: servers.to_vec() })?;
        text.push(b'\n');
        let new = self.path.with_extension("new");
        // Whoever holds the lock owns this name; what a dead run left there is of no use.
        match fs::remove_file(&new) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = File::options().write(true).create_new(true).mode(0o600).open(&new)?;
        file.write_all(&text)?;
        file.sync_all()?;
        fs::rename(&new, &self.path)?;
        File::open(folder)?.sync_all()
    }
}

fn is_at(known: &KnownServer, address: &Address) -> bool {
    known.port == address.port() && known.host == address.host()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn known() -> (tempfile::TempDir, KnownServers) {
        let scratch = tempfile::tempdir().unwrap();
        let known = KnownServers::at(scratch.path().join("config/cfms-backup/known_servers.json"));
        (scratch, known)
    }

    fn address(text: &str) -> Address {
        Address::parse(text).unwrap()
    }

    #[test]
    fn a_trusted_server_is_known_by_host_and_port_until_it_is_forgotten() {
        let (_scratch, known) = known();
        let (one, two) = (Fingerprint::of(b"1"), Fingerprint::of(b"2"));
        assert_eq!(known.pinned(&address("a")).unwrap(), None);
        assert!(!known.forget(&address("a")).unwrap());
        known.trust(&address("a"), one).unwrap();
        known.trust(&address("a:99"), two).unwrap();
        assert_eq!(known.pinned(&address("wss://A:5104/")).unwrap(), Some(one));
        assert_eq!(known.pinned(&address("a:99")).unwrap(), Some(two));
        assert_eq!(known.pinned(&address("b")).unwrap(), None);
        known.trust(&address("a"), two).unwrap();
        assert_eq!(known.list().unwrap().len(), 2);
        assert!(known.forget(&address("a")).unwrap());
        assert_eq!(known.pinned(&address("a")).unwrap(), None);
        assert_eq!(known.pinned(&address("a:99")).unwrap(), Some(two));
    }

    #[test]
    fn the_list_is_for_its_user_alone() {
        let (_scratch, known) = known();
        known.trust(&address("a"), Fingerprint::of(b"1")).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&known.path), mode(known.path.parent().unwrap())), (0o600, 0o700));
    }

    #[test]
    fn a_list_that_cannot_be_understood_is_no_empty_one() {
        let (_scratch, known) = known();
        known.trust(&address("a"), Fingerprint::of(b"1")).unwrap();
        for text in
            ["", "[]", "{\"version\": 2, \"servers\": []}", "{\"version\": 1, \"servers\": [{\"host\": \"a\"}]}"]
        {
            fs::write(&known.path, text).unwrap();
            let error = known.pinned(&address("a")).unwrap_err();
            assert_eq!(error.code(), crate::Code::KnownServers, "{text}");
            assert!(known.trust(&address("b"), Fingerprint::of(b"1")).is_err());
            assert_eq!(fs::read_to_string(&known.path).unwrap(), text, "what cannot be understood is not overwritten");
        }
    }

    #[test]
    fn programs_that_change_the_list_at_once_lose_nothing_of_each_other() {
        let (_scratch, known) = known();
        std::thread::scope(|threads| {
            for port in 1..=20 {
                let known = &known;
                threads.spawn(move || known.trust(&address(&format!("a:{port}")), Fingerprint::of(&[port])).unwrap());
            }
        });
        assert_eq!(known.list().unwrap().len(), 20);
    }
}
