//! A CFMS server's data directory, read without changing it.
//!
//! ```text
//! config.toml   what the server calls itself, and where its database and TLS pair are
//! app.db        SQLite: documents, folders, revisions, rules, files, users …
//! content/…     the files' contents; a row of `files` names each by its path
//! ```
//!
//! [`ServerData`] finds these. [`Snapshot`] is one moment of the database, from which the archive's tables are written;
//! [`Contents`] opens what the rows name, and never anything else.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use cap_fs_ext::{FollowSymlinks, OpenOptionsFollowExt, OpenOptionsSyncExt};
use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions};

use crate::error::{Error, Result};
use crate::job::Job;

mod accounts;
mod agreement;
mod clashes;
mod columns;
mod config;
mod connection;
mod content_index;
mod contents;
mod copy;
mod draft;
mod extent;
mod fresh;
mod home;
mod incoming;
mod json;
mod live;
mod lock;
mod merge;
mod missing;
mod open_in;
mod own;
mod owned;
mod owner;
mod policy;
mod private_folder;
mod refusal;
mod repeated;
mod restored;
mod rows;
mod server_files;
mod snapshot;
mod soundness;
mod source;
mod survey;
#[cfg(test)]
mod tests;
mod written;

#[cfg(test)]
pub(crate) use accounts::Membership;
pub(crate) use accounts::{Account, Lookup, Permission, Span};
use config::Config;
use connection::DatabaseCopy;
pub(crate) use content_index::{ContentOwner, ContentRow, Order, Owners, WhichContents};
pub(crate) use contents::{Contents, OpenContent};
pub use fresh::SERVER_TABLES;
pub use home::Mended;
pub(crate) use home::{Home, Homes, plain};
pub(crate) use incoming::{Incoming, IncomingRow, Kind as IncomingKind, Placed, Put};
pub(crate) use json::travels_as_json;
pub(crate) use lock::SourceLock;
pub use merge::OnConflict;
pub(crate) use merge::{FileState, Merge, MergeSettings, UnitCounts};
pub(crate) use missing::{MissingBelow, is_incomplete};
use own::Own;
use owner::Owner;
pub(crate) use policy::PasswordPolicy;
pub(crate) use refusal::{IN_S3, Refusal};
pub(crate) use restored::{FilePath, RestoredDatabase};
pub(crate) use server_files::ServerFile;
pub(crate) use snapshot::Snapshot;
pub(crate) use soundness::SoundnessCheck;
pub use survey::Survey;

/// The database of the server in the folder `path`, if there is one.
///
/// # Errors
/// [`Error::MySql`] for a server whose database is no file, [`Error::Config`] for a `config.toml` that is no TOML.
pub(crate) fn has_server(path: &Path) -> Result<Option<PathBuf>> {
    match fs::metadata(path) {
        Ok(found) if !found.is_dir() => return Err(Error::NotAFolder { path: path.to_path_buf() }),
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::io("read", path, error)),
    }
    let config = Config::read(path)?;
    if config.is_mysql() {
        return Err(Error::MySql { path: path.to_path_buf() });
    }
    let database = config.database(path);
    Ok(database.symlink_metadata().is_ok().then_some(database))
}

/// The data directory of a CFMS server.
#[derive(Debug)]
pub struct ServerData {
    root: PathBuf,
    database: PathBuf,
    config: Config,
}

impl ServerData {
    /// Opens the data directory at `path`, or the one whose database file `path` is.
    ///
    /// Nothing is read yet but `config.toml`, which need not be there.
    ///
    /// # Errors
    /// [`Error::NotFound`] and [`Error::NotCfms`] for what has no database, [`Error::MySql`] for a server whose database
    /// is no file, [`Error::Config`] for a `config.toml` that is no TOML.
    pub fn open(path: &Path) -> Result<Self> {
        let kind = fs::metadata(path).map_err(|e| Error::io("read", path, e))?;
        let path = std::path::absolute(path).map_err(|e| Error::io("read", path, e))?;
        let (root, named) = if kind.is_dir() {
            (path, None)
        } else {
            (path.parent().unwrap_or(Path::new("/")).to_path_buf(), Some(path))
        };
        let config = Config::read(&root)?;
        if config.is_mysql() {
            return Err(Error::MySql { path: root });
        }
        let database = match named {
            Some(database) => database,
            None => config.database(&root),
        };
        match fs::metadata(&database) {
            Ok(found) if found.is_file() => {
                let opens_it = |owner: &Owner| owner.acting(|| File::open(&database).is_ok()).unwrap_or(false);
                let unreadable = |e| Error::io("read", &database, e);
                if !Owner::may_have(&root, &database, opens_it).map_err(unreadable)? {
                    return Err(led_astray(
                        "read",
                        database,
                        "it lies outside the server's folder, whose owner may not read it; name the database file itself",
                    ));
                }
                Ok(Self { root, database, config })
            }
            Ok(_) => Err(Error::NotCfms { path: database, missing: "it is not a file".to_owned() }),
            Err(_) if !config.names_database() && !database.exists() => {
                let name = database.file_name().unwrap_or_default().display();
                let missing = format!("there is no {name} in it, and no config.toml that names another database");
                Err(Error::NotCfms { path: root, missing })
            }
            Err(error) => Err(Error::io("read", database, error)),
        }
    }

    /// The folder that the server runs in.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The database file.
    pub fn database(&self) -> &Path {
        &self.database
    }

    /// What the server calls itself in `config.toml`.
    pub fn server_name(&self) -> Option<&str> {
        self.config.server_name()
    }

    /// Whether the server keeps its contents in S3, so that none of them is on this disk.
    pub fn contents_in_s3(&self) -> bool {
        self.config.contents_in_s3()
    }

    /// Looks at everything that a backup would hold, without reading contents. `allow_outside` and `server_stopped` mean
    /// what they mean in [`Options`](crate::Options).
    ///
    /// # Errors
    /// Those of a backup's snapshot: a database that is locked, damaged, unreadable or not a CFMS server's.
    pub fn survey(&self, allow_outside: &[PathBuf], server_stopped: bool, job: &Job) -> Result<Survey> {
        survey::survey(self, allow_outside, server_stopped, job)
    }

    /// Refuses an output folder in the server's own that really lies elsewhere, in a folder that is not its owner's: a link
    /// of his must not decide where root writes.
    pub(crate) fn refuse_led_astray(&self, dir: &Path) -> Result<()> {
        let Some(there) = dir.ancestors().find(|there| there.exists()) else { return Ok(()) };
        if !there.starts_with(&self.root) {
            return Ok(());
        }
        let is_his = |owner: &Owner| fs::metadata(there).is_ok_and(|found| found.uid() == owner.user());
        match Owner::may_have(&self.root, there, is_his).map_err(|e| Error::io("look at", there, e))? {
            true => Ok(()),
            false => Err(led_astray(
                "write",
                dir.to_path_buf(),
                "a link leads out of the server's folder to one that is not its owner's; choose the output folder itself",
            )),
        }
    }

    /// Keeps other backups of this server waiting until the lock is dropped.
    pub(crate) fn lock(&self) -> Result<SourceLock> {
        SourceLock::take(&self.root)
    }

    /// Copies the database as it is at one moment. The copy lies for a moment in a place for temporary files, but never in
    /// the server's folder, nor in one of `outputs`, which others may see or keep.
    pub(crate) fn copy_database(&self, server_stopped: bool, outputs: &[&Path], job: &Job) -> Result<DatabaseCopy> {
        let forbidden: Vec<_> = outputs.iter().copied().chain([self.root()]).collect();
        copy::take(&self.database, server_stopped, &forbidden, job)
    }

    /// Such a copy, opened.
    pub(crate) fn snapshot(&self, server_stopped: bool, outputs: &[&Path], job: &Job) -> Result<Snapshot> {
        Snapshot::of(self.copy_database(server_stopped, outputs, job)?, job)
    }

    /// Looks for the user of that name in the live database, in one short transaction.
    pub(crate) fn look_up(&self, username: &str) -> Result<Lookup> {
        let found = live::read(&self.database, &[self.root()], |connection| accounts::look_up(connection, username))?;
        let not_cfms = |table| format!("it lacks the table {table}");
        found.map_err(|table| Error::NotCfms { path: self.database.clone(), missing: not_cfms(table) })
    }

    /// Which passwords the server takes.
    pub(crate) fn password_policy(&self) -> &PasswordPolicy {
        self.config.password_policy()
    }

    /// Host and port that the server listens on, as it is configured.
    pub(crate) fn listens_on(&self) -> (&str, u16) {
        self.config.listens_on()
    }

    /// Does `act` with the live database and the rows of `incoming`, in one transaction that nobody else can write in.
    ///
    /// # Errors
    /// [`Error::DatabaseLocked`] where the server holds it too long; what `act` returns. Nothing is written then.
    pub(crate) fn write<T>(
        &self,
        incoming: &Incoming,
        settings: &MergeSettings,
        job: &Job,
        act: impl FnOnce(&Merge<'_>) -> Result<T>,
    ) -> Result<T> {
        written::write(&self.database, incoming, settings, job, act)
    }

    /// The numbers of the processes that have the database open, as far as this user may see that.
    pub(crate) fn open_in(&self) -> Vec<u32> {
        open_in::open_in(&self.database)
    }

    /// The paths of contents that the live database records.
    pub(crate) fn recorded_paths(&self) -> Result<Vec<String>> {
        live::read(&self.database, &[self.root()], |connection| {
            let mut statement = connection.prepare("SELECT path FROM files")?;
            let paths = statement.query_map([], |row| Ok(rows::text_of(row.get_ref(0)?)))?;
            paths.collect()
        })
    }

    /// What opens the contents. Those outside the server's folder are opened only below one of `allow_outside`.
    pub(crate) fn contents(&self, allow_outside: &[PathBuf]) -> Result<Contents> {
        let files = self.server_files().into_iter().map(|file| file.path);
        let own = Own::of(&self.root, &self.database, files);
        Ok(Contents::below(&self.root, allow_outside, own)?.said_to_be_in_s3(self.contents_in_s3()))
    }

    /// The files that make a backup one of the whole server, there or not.
    pub(crate) fn server_files(&self) -> Vec<ServerFile> {
        server_files::list(&self.root, &self.config)
    }

    /// Opens one of them; `None` where it is absent and nobody names it. Outside the server's folder it is opened if the
    /// folder's owner could read it, or below one of `allow_outside`.
    pub(crate) fn open_server_file(
        &self,
        file: &ServerFile,
        allow_outside: &[PathBuf],
    ) -> Result<Option<OpenContent>, Refusal> {
        server_files::open(&self.root, file, allow_outside)
    }
}

fn led_astray(action: &'static str, path: PathBuf, problem: &'static str) -> Error {
    Error::Io { action, path, source: std::io::Error::new(std::io::ErrorKind::PermissionDenied, problem) }
}

/// Opens a file for reading without waiting for the other end of a pipe.
fn open_nonblocking(path: &Path) -> std::io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
    // The flags of open(2) are small positive numbers.
    File::options().read(true).custom_flags(flags.bits().cast_signed()).open(path)
}

/// Opens the file `path` in the same way, unless it is a link.
pub(crate) fn open_unlinked(path: &Path) -> std::io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY | rustix::fs::OFlags::NOFOLLOW;
    File::options().read(true).custom_flags(flags.bits().cast_signed()).open(path)
}

/// Opens the file `name` in `folder`, which is no link, in the same way.
fn open_beneath(folder: &Path, name: &str) -> std::io::Result<File> {
    let folder = Dir::open_ambient_dir(folder, ambient_authority())?;
    let mut options = OpenOptions::new();
    options.read(true).follow(FollowSymlinks::No).nonblock(true);
    Ok(folder.open_with(name, &options)?.into_std())
}
