//! `manifest.json`, the last member: what every other member is, to the byte, and what a person should know.
//!
//! ```json
//! {
//!   "format": "cfms-backup/1", "created_by": "cfms-backup <version>", "snapshot_at": 1234567890.123,
//!   "server": { "name": "…", "schema_sha256": "…", "alembic_version": null },
//!   "members": [ { "name": "metadata.json", "size": 150, "sha256": "…" },
//!                { "name": "files/%…", "size": 3, "sha256": "…", "file_id": "../x" } ],
//!   "contents_missing": [ { "file_id": "f-gone", "code": "missing", "reason": "…" } ],
//!   "warnings": [ … ], "warnings_total": 1
//! }
//! ```
//!
//! It is written as a stream, one line a member: its size grows with the members, its memory does not.

use std::io::{self, Write};

use serde::Serialize;

use super::tar_writer::Sealed;
use crate::hex;
use crate::listed::Listed;
use crate::warning::{Warning, WarningCode};

/// The manifest's name in the archive.
pub(crate) const NAME: &str = "manifest.json";
/// What its `format` says.
pub(crate) const FORMAT: &str = "cfms-backup/1";

/// What is said of a manifest with another `format`, or none.
pub(crate) fn other_format(format: Option<&str>) -> String {
    [NAME, format.unwrap_or("?")].join(": ")
}

/// What the manifest says before the members.
#[derive(Serialize)]
pub(crate) struct Head<'a> {
    pub(crate) format: &'a str,
    pub(crate) created_by: &'a str,
    pub(crate) snapshot_at: f64,
    pub(crate) server: Server<'a>,
}

/// What to install to bring the server back.
#[derive(Serialize)]
pub(crate) struct Server<'a> {
    pub(crate) name: Option<&'a str>,
    pub(crate) schema_sha256: &'a str,
    pub(crate) alembic_version: Option<&'a str>,
}

/// A manifest while it is written: head, members, missing contents, warnings, in this order.
pub(crate) struct ManifestWriter<'w> {
    out: &'w mut dyn Write,
    first: bool,
}

impl<'w> ManifestWriter<'w> {
    /// Writes the head.
    pub(crate) fn begin(out: &'w mut dyn Write, head: &Head<'_>) -> io::Result<Self> {
        let head = serde_json::to_string_pretty(head)?;
        // The head is an object of its own: without its closing brace the lists go on in it.
        out.write_all(head.strip_suffix("\n}").unwrap_or(&head).as_bytes())?;
        out.write_all(b",\n  \"members\": [")?;
        Ok(Self { out, first: true })
    }

    /// A writer of lines alone, which are [put](ManifestWriter::made) into a manifest later.
    pub(crate) fn of_lines(out: &'w mut dyn Write) -> Self {
        Self { out, first: false }
    }

    /// Lines that were made before.
    pub(crate) fn made(&mut self, lines: &[u8]) -> io::Result<()> {
        // Each begins with the comma after the one before.
        let Some(rest) = lines.strip_prefix(b",") else { return Ok(()) };
        self.out.write_all(if self.first { rest } else { lines })?;
        self.first = false;
        Ok(())
    }

    /// A member; `file_id` where its name does not tell.
    pub(crate) fn member(&mut self, name: &str, sealed: &Sealed, file_id: Option<&str>) -> io::Result<()> {
        #[derive(Serialize)]
        struct Member<'a> {
            name: &'a str,
            size: u64,
            sha256: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            file_id: Option<&'a str>,
        }
        let sha256 = &hex::encode(&sealed.sha256);
        self.line(&Member { name, size: sealed.size, sha256, file_id })
    }

    /// Ends the members.
    pub(crate) fn end_members(&mut self) -> io::Result<()> {
        self.next_list("contents_missing")
    }

    /// A content that the archive lacks.
    pub(crate) fn missing(&mut self, file_id: &str, code: WarningCode, reason: &str) -> io::Result<()> {
        #[derive(Serialize)]
        struct Missing<'a> {
            file_id: &'a str,
            code: WarningCode,
            reason: &'a str,
        }
        self.line(&Missing { file_id, code, reason })
    }

    /// The warnings, and the end.
    pub(crate) fn finish(mut self, warnings: &Listed<Warning>) -> io::Result<()> {
        self.next_list("warnings")?;
        for warning in warnings.list() {
            self.line(warning)?;
        }
        self.end_list()?;
        writeln!(self.out, ",\n  \"warnings_total\": {}\n}}", warnings.total())
    }

    fn next_list(&mut self, name: &str) -> io::Result<()> {
        self.end_list()?;
        self.first = true;
        write!(self.out, ",\n  \"{name}\": [")
    }

    fn end_list(&mut self) -> io::Result<()> {
        self.out.write_all(if self.first { b"]" } else { b"\n  ]" })
    }

    fn line(&mut self, value: &impl Serialize) -> io::Result<()> {
        self.out.write_all(if self.first { b"\n    " } else { b",\n    " })?;
        self.first = false;
        serde_json::to_writer(&mut *self.out, value)?;
        Ok(())
    }
}
