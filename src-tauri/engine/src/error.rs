//! What can go wrong, in words for the person who has to deal with it.
//!
//! An [`Error`] says what happened and to which thing; [`Error::advice`] says what to do now; [`Error::code`] is for the
//! programs that branch on it: the window puts the cursor into the field at fault, the command line picks its exit
//! code. [`ErrorReport`] is all of that as data, for JSON and for the window, which translates by code and parameters.

use std::io;
use std::path::{Path, PathBuf};

mod code;
mod remote;
mod report;
mod restore;

pub use code::Code;
pub use remote::RemoteError;
pub use report::ErrorReport;
pub use restore::RestoreError;

/// The result of an engine call.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a verb did not do what it was asked to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The person asked to stop.
    #[error("cancelled")]
    Cancelled,
    /// A file or folder that was named does not exist.
    #[error("{} does not exist", .path.display())]
    NotFound {
        /// What was named.
        path: PathBuf,
    },
    /// A file lies where a folder is wanted.
    #[error("{} is not a folder", .path.display())]
    NotAFolder {
        /// What is in the way.
        path: PathBuf,
    },
    /// The operating system refused access.
    #[error("no permission to {action} {}", .path.display())]
    PermissionDenied {
        /// What was tried, as a verb: `read`, `write`, `create`.
        action: &'static str,
        /// To what.
        path: PathBuf,
    },
    /// Any other refusal of the operating system.
    #[error("cannot {action} {}: {source}", .path.display())]
    Io {
        /// What was tried, as a verb: `read`, `write`, `sync`, `rename`.
        action: &'static str,
        /// To what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },

    /// The database is not one of a CFMS server.
    #[error("{} is not a CFMS database: {missing}", .path.display())]
    NotCfms {
        /// The database.
        path: PathBuf,
        /// What it lacks, in words.
        missing: String,
    },
    /// The server keeps its database in MySQL.
    #[error("the server at {} keeps its database in MySQL, which is not a file that could be copied", .path.display())]
    MySql {
        /// The server's folder.
        path: PathBuf,
    },
    /// The server keeps its contents in S3.
    #[error("the server at {} keeps its contents in S3 storage, not on this disk", .path.display())]
    ContentsInS3 {
        /// The server's folder.
        path: PathBuf,
    },
    /// `config.toml` cannot be read as TOML.
    #[error("{} cannot be understood: {problem}", .path.display())]
    Config {
        /// The configuration file.
        path: PathBuf,
        /// The parser's words.
        problem: String,
    },
    /// The database stayed locked by another program.
    #[error("the database {} stayed locked for {seconds} s", .path.display())]
    DatabaseLocked {
        /// The database.
        path: PathBuf,
        /// How long was waited.
        seconds: u64,
    },
    /// SQLite cannot make sense of the database.
    #[error("the database {} cannot be read: {problem}", .path.display())]
    DatabaseDamaged {
        /// The database.
        path: PathBuf,
        /// SQLite's words.
        problem: String,
    },
    /// The database lies on a network file system, whose locks do not reach the server.
    #[error("the database {} lies on a network file system ({filesystem})", .path.display())]
    NetworkFilesystem {
        /// The database.
        path: PathBuf,
        /// The file system's type, as the system names it.
        filesystem: String,
    },
    /// Every place for temporary files lies in a folder in which the snapshot must not be.
    #[error("{} lies in a folder of the server or of the backup, where no snapshot may be", .path.display())]
    NoPlaceForSnapshot {
        /// The first of these places.
        path: PathBuf,
    },
    /// Another backup or restore of the same server is running.
    #[error("another backup or restore of {} is running", .path.display())]
    SourceBusy {
        /// The server's folder.
        path: PathBuf,
    },

    /// A backup's name is not acceptable.
    #[error("{name:?} cannot be the name of a backup: {problem}")]
    BadName {
        /// What was given.
        name: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A file of that name is there already; nothing is ever overwritten.
    #[error("{} exists already", .path.display())]
    AlreadyExists {
        /// The file in the way.
        path: PathBuf,
    },
    /// Another run is writing a backup of that name.
    #[error("another backup is being written to {}", .path.display())]
    NameBusy {
        /// The file that both want to write.
        path: PathBuf,
    },
    /// The output folder lies below a mount point on which nothing is mounted.
    #[error("nothing is mounted on {}, so {} would land on the wrong disk", .mount_point.display(), .path.display())]
    NotMounted {
        /// The output folder.
        path: PathBuf,
        /// The mount point of `/etc/fstab`.
        mount_point: PathBuf,
    },
    /// The archive would lie on the disk of the server's data, which was forbidden.
    #[error("{} is on the same disk as the server's data", .path.display())]
    SameDisk {
        /// The output folder.
        path: PathBuf,
    },
    /// The disk has not enough room.
    #[error("not enough space on the disk of {}{}", .path.display(), lacking(*.needed, *.available))]
    NoSpace {
        /// The folder, or the file that could not be written.
        path: PathBuf,
        /// Bytes that are needed at least, where that is known.
        needed: Option<u64>,
        /// Bytes that are free, where that was measured.
        available: Option<u64>,
    },
    /// The backup would leave the server's own disk nearly full.
    #[error("the backup would leave less than 1 GiB free on the server's own disk at {}", .path.display())]
    WouldFillServerDisk {
        /// The output folder.
        path: PathBuf,
        /// Bytes that are needed.
        needed: u64,
        /// Bytes that are free.
        available: u64,
    },
    /// The file system or a limit of the process does not allow a file of that size.
    #[error("{} cannot grow {}: the limit there is reached", .path.display(), grown(*.needed))]
    FileTooLarge {
        /// The file, or the folder that it would be in.
        path: PathBuf,
        /// Bytes that are needed at least, where that is known.
        needed: Option<u64>,
    },

    /// No key file was found for an archive.
    #[error("no key file for {}: {} does not exist", .archive.display(), .expected.display())]
    KeyMissing {
        /// The archive.
        archive: PathBuf,
        /// Where the key was looked for.
        expected: PathBuf,
    },
    /// A key file is not usable.
    #[error("{} is not a usable key file: {problem}", .path.display())]
    KeyFile {
        /// The key file.
        path: PathBuf,
        /// What is wrong with it; never any of its text.
        problem: &'static str,
    },
    /// The key does not open the archive.
    #[error("{} does not open {}", .key.display(), .archive.display())]
    WrongKey {
        /// The archive.
        archive: PathBuf,
        /// The key file.
        key: PathBuf,
    },
    /// The archive is not what was written.
    #[error("{} is damaged: {problem}", .archive.display())]
    Damaged {
        /// The archive.
        archive: PathBuf,
        /// What contradicts what.
        problem: String,
    },
    /// The archive ends too early.
    #[error("{} is cut off: {problem}", .archive.display())]
    Truncated {
        /// The archive.
        archive: PathBuf,
        /// Where it ends.
        problem: String,
    },
    /// A TLS certificate or key cannot be used.
    #[error("{} cannot be used for TLS: {problem}", .path.display())]
    TlsPair {
        /// The file.
        path: PathBuf,
        /// What is wrong with it; never any of its text.
        problem: String,
    },
    /// The agent's folder, or a file in it, is not its user's alone.
    #[error("{} cannot hold the agent's state: {problem}", .path.display())]
    StateNotPrivate {
        /// The folder or file.
        path: PathBuf,
        /// Who else has something to say there.
        problem: &'static str,
    },
    /// The archive's metadata announces a version that is not known.
    #[error("{} has version {version:?}; this program reads version \"1.0\", with manifests of \"cfms-backup/1\"", .archive.display())]
    UnsupportedVersion {
        /// The archive.
        archive: PathBuf,
        /// What it announces.
        version: String,
    },
    /// A backup holds nothing of that path or id.
    #[error("the backup holds nothing called {wanted:?}")]
    NotInBackup {
        /// What was asked for.
        wanted: String,
    },
    /// Several things have the path that was asked for.
    #[error("several things in the backup are called {wanted:?}: {}", .ids.iter().map(|id| format!("{id:?}")).collect::<Vec<_>>().join(", "))]
    Ambiguous {
        /// What was asked for.
        wanted: String,
        /// Their ids; the first of them.
        ids: Vec<String>,
    },
    /// A backup lacks a content, and always did.
    #[error("the backup never held the content {file_id:?}: {reason}")]
    ContentNotHeld {
        /// The content.
        file_id: String,
        /// Why.
        reason: String,
    },
    /// A link, or something else that is no folder or file, is in the way of what is to be written.
    #[error("{} is a link or no plain file or folder, and nothing is written through or over it", .path.display())]
    InTheWay {
        /// What is there.
        path: PathBuf,
    },

    /// What a restore needs a decision about.
    #[error(transparent)]
    Restore(Box<RestoreError>),
    /// A server at the other end of a line.
    #[error(transparent)]
    Remote(Box<RemoteError>),
}

impl Error {
    /// The system's refusal to do `action` to `path`, sorted into the errors that people can act on.
    pub fn io(action: &'static str, path: impl AsRef<Path>, source: io::Error) -> Self {
        let path = path.as_ref().to_path_buf();
        match source.kind() {
            io::ErrorKind::NotFound => Self::NotFound { path },
            io::ErrorKind::NotADirectory => Self::not_a_folder(path),
            io::ErrorKind::PermissionDenied => Self::PermissionDenied { action, path },
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Self::NoSpace { path, needed: None, available: None }
            }
            io::ErrorKind::FileTooLarge => Self::FileTooLarge { path, needed: None },
            _ => Self::Io { action, path, source },
        }
    }

    /// A file is in the way of the folder `path`: that one is named which is there.
    pub(crate) fn not_a_folder(path: PathBuf) -> Self {
        let in_the_way = path.ancestors().find(|above| above.exists()).filter(|found| !found.is_dir());
        Self::NotAFolder { path: in_the_way.unwrap_or(&path).to_path_buf() }
    }

    /// The machine's name.
    pub fn code(&self) -> Code {
        match self {
            Self::Cancelled => Code::Cancelled,
            Self::NotFound { .. } => Code::NotFound,
            Self::NotAFolder { .. } => Code::NotAFolder,
            Self::PermissionDenied { .. } => Code::PermissionDenied,
            Self::Io { .. } => Code::Io,
            Self::NotCfms { .. } => Code::NotCfms,
            Self::MySql { .. } => Code::MySql,
            Self::ContentsInS3 { .. } => Code::ContentsInS3,
            Self::Config { .. } => Code::Config,
            Self::DatabaseLocked { .. } => Code::DatabaseLocked,
            Self::DatabaseDamaged { .. } => Code::DatabaseDamaged,
            Self::NetworkFilesystem { .. } => Code::NetworkFilesystem,
            Self::NoPlaceForSnapshot { .. } => Code::NoPlaceForSnapshot,
            Self::SourceBusy { .. } => Code::SourceBusy,
            Self::BadName { .. } => Code::BadName,
            Self::AlreadyExists { .. } => Code::AlreadyExists,
            Self::NameBusy { .. } => Code::NameBusy,
            Self::NotMounted { .. } => Code::NotMounted,
            Self::SameDisk { .. } => Code::SameDisk,
            Self::NoSpace { .. } => Code::NoSpace,
            Self::WouldFillServerDisk { .. } => Code::WouldFillServerDisk,
            Self::FileTooLarge { .. } => Code::FileTooLarge,
            Self::KeyMissing { .. } => Code::KeyMissing,
            Self::KeyFile { .. } => Code::KeyFile,
            Self::WrongKey { .. } => Code::WrongKey,
            Self::Damaged { .. } => Code::Damaged,
            Self::Truncated { .. } => Code::Truncated,
            Self::TlsPair { .. } => Code::TlsPair,
            Self::StateNotPrivate { .. } => Code::StateNotPrivate,
            Self::UnsupportedVersion { .. } => Code::UnsupportedVersion,
            Self::NotInBackup { .. } => Code::NotInBackup,
            Self::Ambiguous { .. } => Code::Ambiguous,
            Self::ContentNotHeld { .. } => Code::ContentNotHeld,
            Self::InTheWay { .. } => Code::InTheWay,
            Self::Restore(error) => error.code(),
            Self::Remote(error) => error.code(),
        }
    }

    /// What the person can do now.
    pub fn advice(&self) -> Option<&'static str> {
        Some(match self {
            Self::Cancelled | Self::Io { .. } => return None,
            Self::NotFound { .. } => "Check the path; is the disk that holds it mounted?",
            Self::NotAFolder { .. } => "Choose another folder, or move away what lies in its place.",
            Self::PermissionDenied { .. } => {
                "Run as the user that the server runs as, or as root, or choose a folder that you may write to."
            }
            Self::NotCfms { .. } => "Choose the folder that the CFMS server runs in, or the app.db in it.",
            Self::MySql { .. } => {
                "Back up the database with mysqldump and the folder content/ with a file backup; this program reads SQLite servers."
            }
            Self::ContentsInS3 { .. } => {
                "Back up the bucket with the tools of its provider. --allow-missing makes a backup of all but the contents."
            }
            Self::Config { .. } => {
                "Mend config.toml (the server cannot start with it either), or put the file itself where a link is."
            }
            Self::DatabaseLocked { .. } => "Try again when the program that holds it has finished.",
            Self::DatabaseDamaged { .. } => {
                "Check it with: sqlite3 app.db 'PRAGMA integrity_check'. Keep the newest older backup safe."
            }
            Self::NetworkFilesystem { .. } => {
                "Run this program on the machine that the server runs on; or stop the server and use --server-stopped."
            }
            Self::NoPlaceForSnapshot { .. } => {
                "Set TMPDIR to a folder outside of both, or choose another folder for the backup."
            }
            Self::SourceBusy { .. } => "Wait until it has finished.",
            Self::BadName { .. } => "Choose another name, or leave it empty: it is then made of the time.",
            Self::AlreadyExists { .. } => "Choose another name; existing backups and keys are never overwritten.",
            Self::NameBusy { .. } => "Choose another name, or wait until the other backup has finished.",
            Self::NotMounted { .. } => "Mount the disk, or choose another folder.",
            Self::SameDisk { .. } => "Choose a folder on another disk: a backup beside its server dies with it.",
            Self::NoSpace { .. } | Self::WouldFillServerDisk { .. } => {
                "Free space there, or choose a folder on another disk."
            }
            Self::FileTooLarge { .. } => {
                "Choose a folder on another file system (FAT holds files up to 4 GiB), or raise the limit (ulimit -f)."
            }
            Self::KeyMissing { .. } => "Say where the key is (--key). Without it nobody can open this backup.",
            Self::KeyFile { .. } => "Choose the .key file that was written with this archive.",
            Self::WrongKey { .. } => "Choose the .key file that was written with this archive.",
            Self::Damaged { .. } | Self::Truncated { .. } => {
                "Do not rely on this archive: make a new backup, or fetch another copy of it."
            }
            Self::TlsPair { .. } => "Give a certificate and its private key, both as PEM files.",
            Self::StateNotPrivate { .. } => {
                "Give it to the user that the agent runs as, and to nobody else (chown, chmod go-w), or choose another folder \
                 (--state-dir)."
            }
            Self::UnsupportedVersion { .. } => "Use a newer release of this program.",
            Self::NotInBackup { .. } => {
                "See what is there with list. A path is made of titles with / between them; a / in a title is written \\/."
            }
            Self::Ambiguous { .. } => "Say which by its id.",
            Self::ContentNotHeld { .. } => "Look for it in another backup.",
            Self::InTheWay { .. } => "Choose another folder, or remove what is in the way.",
            Self::Restore(error) => error.advice(),
            Self::Remote(error) => return error.advice(),
        })
    }
}

impl From<RestoreError> for Error {
    fn from(error: RestoreError) -> Self {
        Self::Restore(Box::new(error))
    }
}

impl From<RemoteError> for Error {
    fn from(error: RemoteError) -> Self {
        Self::Remote(Box::new(error))
    }
}

/// The end of the message of a full disk: no number that nobody measured.
fn lacking(needed: Option<u64>, available: Option<u64>) -> String {
    match (needed, available) {
        (Some(needed), Some(available)) => format!(": {needed} bytes needed, {available} bytes free"),
        (Some(needed), None) => format!(": {needed} bytes needed"),
        (None, Some(available)) => format!(": {available} bytes free"),
        (None, None) => String::new(),
    }
}

fn grown(needed: Option<u64>) -> String {
    needed.map_or_else(|| "further".to_owned(), |needed| format!("to {needed} bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_message_shows_a_number_that_nobody_measured() {
        for errno in [rustix::io::Errno::NOSPC, rustix::io::Errno::DQUOT, rustix::io::Errno::FBIG] {
            let report = Error::io("write", "/backups/a.key", errno.into()).report();
            assert!(!report.message.contains(|c: char| c.is_ascii_digit()), "{}", report.message);
            assert_eq!(report.params.keys().copied().collect::<Vec<_>>(), ["path"], "{report:?}");
        }
    }

    #[test]
    fn the_file_that_is_in_a_folders_place_is_named_with_advice() {
        let scratch = tempfile::tempdir().unwrap();
        let file = scratch.path().join("file");
        std::fs::write(&file, "").unwrap();
        for wanted in [file.clone(), file.join("below/it")] {
            let source = std::fs::read_dir(&wanted).unwrap_err();
            let error = Error::io("read", &wanted, source);
            assert_eq!((error.code(), &error.params()["path"]), (Code::NotAFolder, &file.display().to_string()));
            assert!(error.advice().is_some());
        }
    }
}
