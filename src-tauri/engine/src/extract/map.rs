//! `cfms-extracted.json`, the map: which file is what, as names made of titles no longer tell.

use std::io::{self, BufWriter, Write};

use serde::Serialize;

use super::target::Staged;
use crate::tree::{Proof, Status};

/// The map's name.
pub(super) const NAME: &str = "cfms-extracted.json";

/// A file, as the map names it.
#[derive(Serialize)]
pub(super) struct Line<'a> {
    pub(super) path: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) document_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) title: Option<&'a str>,
    /// The document's path of titles.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) document_path: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) status: Option<Status>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) revision_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) created_time: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) file_id: Option<&'a str>,
    pub(super) size: u64,
    pub(super) sha256: &'a str,
    pub(super) proof: Proof,
    /// What speaks against the content.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) damage: Option<&'a str>,
}

/// A map while it is written, a line a file.
pub(super) struct Map {
    out: BufWriter<std::fs::File>,
    staged: Staged,
    is_empty: bool,
}

impl Map {
    /// Begins the map of what comes from `archive`.
    pub(super) fn begin(staged: Staged, archive: &str) -> io::Result<Self> {
        let mut out = BufWriter::new(staged.file.try_clone()?);
        write!(out, "{{\n  \"archive\": {},\n  \"files\": [", serde_json::to_string(archive)?)?;
        Ok(Self { out, staged, is_empty: true })
    }

    /// Adds a file.
    pub(super) fn add(&mut self, line: &Line<'_>) -> io::Result<()> {
        let separator = if std::mem::replace(&mut self.is_empty, false) { "\n    " } else { ",\n    " };
        self.out.write_all(separator.as_bytes())?;
        serde_json::to_writer(&mut self.out, line)?;
        Ok(())
    }

    /// Ends it.
    pub(super) fn finish(mut self) -> io::Result<Staged> {
        self.out.write_all(if self.is_empty { b"]\n}\n" } else { b"\n  ]\n}\n" })?;
        self.out.flush()?;
        Ok(self.staged)
    }
}
