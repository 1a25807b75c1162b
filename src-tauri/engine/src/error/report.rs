//! An [`Error`] as data.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;
use ts_rs::TS;

use super::{Code, Error};

/// An [`Error`] as data: what JSON output and the window get.
#[derive(Debug, Clone, Serialize, TS)]
#[ts(export)]
pub struct ErrorReport {
    /// The machine's name.
    pub code: Code,
    /// What happened, in English.
    pub message: String,
    /// What to do now, in English.
    pub advice: Option<String>,
    /// The parts of the message, for translations: paths, sizes in bytes, the system's words.
    pub params: BTreeMap<&'static str, String>,
}

impl Error {
    /// The parts of the message, for translations. Paths are given as they are shown.
    pub fn params(&self) -> BTreeMap<&'static str, String> {
        let shown = |path: &Path| path.display().to_string();
        let mut params = BTreeMap::new();
        match self {
            Self::Cancelled => {}
            Self::Restore(error) => params = error.params(),
            Self::Remote(error) => params = error.params(),
            Self::NotFound { path }
            | Self::NotAFolder { path }
            | Self::MySql { path }
            | Self::ContentsInS3 { path }
            | Self::NoPlaceForSnapshot { path }
            | Self::SourceBusy { path }
            | Self::AlreadyExists { path }
            | Self::NameBusy { path }
            | Self::SameDisk { path } => {
                params.insert("path", shown(path));
            }
            Self::PermissionDenied { action, path } => {
                params.insert("action", (*action).to_owned());
                params.insert("path", shown(path));
            }
            Self::Io { action, path, source } => {
                params.insert("action", (*action).to_owned());
                params.insert("path", shown(path));
                params.insert("problem", source.to_string());
            }
            Self::NotCfms { path, missing } => {
                params.insert("path", shown(path));
                params.insert("problem", missing.clone());
            }
            Self::Config { path, problem }
            | Self::DatabaseDamaged { path, problem }
            | Self::TlsPair { path, problem } => {
                params.insert("path", shown(path));
                params.insert("problem", problem.clone());
            }
            Self::DatabaseLocked { path, seconds } => {
                params.insert("path", shown(path));
                params.insert("seconds", seconds.to_string());
            }
            Self::NetworkFilesystem { path, filesystem } => {
                params.insert("path", shown(path));
                params.insert("filesystem", filesystem.clone());
            }
            Self::BadName { name, problem } => {
                params.insert("name", name.clone());
                params.insert("problem", (*problem).to_owned());
            }
            Self::NotMounted { path, mount_point } => {
                params.insert("path", shown(path));
                params.insert("mount_point", shown(mount_point));
            }
            Self::NoSpace { path, needed, available } => {
                params.insert("path", shown(path));
                params.extend(needed.map(|needed| ("needed", needed.to_string())));
                params.extend(available.map(|available| ("available", available.to_string())));
            }
            Self::WouldFillServerDisk { path, needed, available } => {
                params.insert("path", shown(path));
                params.insert("needed", needed.to_string());
                params.insert("available", available.to_string());
            }
            Self::FileTooLarge { path, needed } => {
                params.insert("path", shown(path));
                params.extend(needed.map(|needed| ("needed", needed.to_string())));
            }
            Self::KeyMissing { archive, expected } => {
                params.insert("archive", shown(archive));
                params.insert("path", shown(expected));
            }
            Self::KeyFile { path, problem } | Self::StateNotPrivate { path, problem } => {
                params.insert("path", shown(path));
                params.insert("problem", (*problem).to_owned());
            }
            Self::WrongKey { archive, key } => {
                params.insert("archive", shown(archive));
                params.insert("path", shown(key));
            }
            Self::Damaged { archive, problem } | Self::Truncated { archive, problem } => {
                params.insert("archive", shown(archive));
                params.insert("problem", problem.clone());
            }
            Self::UnsupportedVersion { archive, version } => {
                params.insert("archive", shown(archive));
                params.insert("version", version.clone());
            }
            Self::NotInBackup { wanted } => {
                params.insert("wanted", wanted.clone());
            }
            Self::Ambiguous { wanted, ids } => {
                params.insert("wanted", wanted.clone());
                params.insert("ids", ids.join(", "));
            }
            Self::ContentNotHeld { file_id, reason } => {
                params.insert("file_id", file_id.clone());
                params.insert("reason", reason.clone());
            }
            Self::InTheWay { path } => {
                params.insert("path", shown(path));
            }
        }
        params
    }

    /// All of it as data.
    pub fn report(&self) -> ErrorReport {
        ErrorReport {
            code: self.code(),
            message: self.to_string(),
            advice: self.advice().map(str::to_owned),
            params: self.params(),
        }
    }
}
