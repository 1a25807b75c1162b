//! One backup of a server at a time.

use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::path::Path;

use crate::error::{Error, Result};

/// Held by a run on its source until it is dropped, or its process dies.
#[derive(Debug)]
pub(crate) struct SourceLock {
    _directory: File,
}

impl SourceLock {
    /// Locks the folder itself, so that no lock file is left in a server's data.
    pub(super) fn take(root: &Path) -> Result<Self> {
        let directory = File::open(root).map_err(|e| Error::io("read", root, e))?;
        match directory.try_lock() {
            Ok(()) => Ok(Self { _directory: directory }),
            Err(TryLockError::WouldBlock) => Err(Error::SourceBusy { path: root.to_path_buf() }),
            // Some file systems lock no folders. Two backups at once are a nuisance there, not a danger.
            Err(TryLockError::Error(error)) if error.kind() != ErrorKind::Interrupted => {
                Ok(Self { _directory: directory })
            }
            Err(TryLockError::Error(error)) => Err(Error::io("lock", root, error)),
        }
    }
}
