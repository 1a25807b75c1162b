//! What would happen at a destination, told before anything is done there.

use std::path::{Path, PathBuf};

use serde::Serialize;
use ts_rs::TS;

use crate::create::Destination;
use crate::error::ErrorReport;

/// What is known of a destination before a backup is made.
#[derive(Debug, Clone, Serialize, TS)]
#[ts(export)]
pub struct Outlook {
    /// The folder of the archive.
    pub archive: FolderOutlook,
    /// The folder of the key.
    pub key: FolderOutlook,
    /// Whether the archive would lie on the disk of the server's data.
    pub same_disk: bool,
    /// Whether the key would lie in the archive's folder.
    pub key_beside_archive: bool,
    /// The name that a backup would get now if none is given.
    pub default_name: String,
}

/// What is known of one output folder.
#[derive(Debug, Clone, Serialize, TS)]
#[ts(export)]
pub struct FolderOutlook {
    /// The folder.
    pub path: PathBuf,
    /// Whether it is there already; if not, a backup creates it.
    pub exists: bool,
    /// Where the disk that it lies on is mounted.
    pub mount_point: Option<PathBuf>,
    /// Bytes that are free there.
    #[ts(type = "number | null")]
    pub free_bytes: Option<u64>,
    /// What a backup would fail with there.
    pub problem: Option<ErrorReport>,
}

/// Looks at `destination` for a backup of `source` of about `needed` bytes, without touching it.
pub fn outlook(destination: &Destination, source: Option<&Path>, needed: Option<u64>) -> Outlook {
    let _ = (source, needed);
    let folder = |path: &Path| FolderOutlook {
        path: path.to_path_buf(),
        exists: path.is_dir(),
        mount_point: None,
        free_bytes: None,
        problem: None,
    };
    let key_dir = destination.key_dir.as_deref().unwrap_or(&destination.archive_dir);
    Outlook {
        archive: folder(&destination.archive_dir),
        key: folder(key_dir),
        same_disk: false,
        key_beside_archive: key_dir == destination.archive_dir,
        default_name: String::new(),
    }
}
