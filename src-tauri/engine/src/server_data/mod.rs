//! A CFMS server's data directory, read without changing it.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::job::Job;

mod survey;

pub use survey::Survey;

/// The data directory of a CFMS server.
#[derive(Debug)]
pub struct ServerData {
    root: PathBuf,
}

impl ServerData {
    /// Opens the data directory at `path`, or the one whose database file `path` is.
    ///
    /// # Errors
    /// What is no CFMS server's data, or keeps its data elsewhere.
    pub fn open(path: &Path) -> Result<Self> {
        Err(Error::NotFound { path: path.to_path_buf() })
    }

    /// The folder that the server runs in.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Looks at everything that a backup would hold, without reading contents.
    ///
    /// # Errors
    /// As a backup of it.
    pub fn survey(&self, job: &Job) -> Result<Survey> {
        job.check()?;
        Err(Error::Cancelled)
    }
}
