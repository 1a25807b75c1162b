//! What was found on the way that a person should know.

use std::path::Path;

use crate::archive::tar_writer::Sealed;
use crate::job::Job;
use crate::listed::Listed;
use crate::server_data::{ContentOwner, ContentRow, MissingBelow, WhichContents};
use crate::warning::{Warning, WarningCode};

/// What was found on the way.
#[derive(Default)]
pub(super) struct Found {
    pub(super) warnings: Listed<Warning>,
    pub(super) documents_missing: u64,
    pub(super) others_missing: u64,
    /// Contents of documents that lie outside the server's folder, or behind a link.
    pub(super) outside: u64,
    pub(super) missing_below: MissingBelow,
    pub(super) unfinished_uploads: u64,
    /// Contents that are in the archive, but only in part.
    pub(super) in_part: Vec<(String, WarningCode, String)>,
}

impl Found {
    pub(super) fn note(&mut self, warning: Warning) {
        self.warnings.note(|| warning);
    }

    /// Whether what was refused is an upload that never finished: nothing is lost with it. Counts it then.
    pub(super) fn is_unfinished(&mut self, which: WhichContents, row: &ContentRow, code: WarningCode) -> bool {
        let is_unfinished = code == WarningCode::Missing && which == WhichContents::Others && !row.active;
        self.unfinished_uploads += u64::from(is_unfinished);
        is_unfinished
    }

    /// The archive lacks a content, or part of it, that should be at `place`.
    pub(super) fn lacks(&mut self, which: WhichContents, code: WarningCode, place: &Path) {
        match which {
            WhichContents::OfDocuments => self.documents_missing += 1,
            WhichContents::Others => {
                self.others_missing += 1;
                return;
            }
        }
        if code == WarningCode::Outside {
            self.outside += 1;
        } else {
            self.missing_below.add(place);
        }
    }

    /// Notes and tells what is the matter with the content of `row`.
    pub(super) fn warn(
        &mut self,
        row: ContentRow,
        owner: Option<ContentOwner>,
        code: WarningCode,
        reason: String,
        job: &Job,
    ) {
        let warning = Warning::of_content(row, owner, code, reason);
        job.warn(&warning);
        self.note(warning);
    }
}

/// Whether the content is another than the one that the server recorded.
pub(super) fn contradiction(row: &ContentRow, sealed: &Sealed) -> Option<(WarningCode, String)> {
    let recorded = row.sha256.as_deref()?;
    let mut digest = [0; 32];
    let agrees = crate::hex::decode_into(recorded, &mut digest) && digest == sealed.sha256;
    (!agrees).then(|| {
        let reason = "its content is not the one whose SHA-256 the server recorded; it is stored as it is";
        (WarningCode::Sha256Mismatch, reason.to_owned())
    })
}

/// What the manifest says about a content that the archive lacks.
pub(super) fn reason_of(code: WarningCode) -> &'static str {
    match code {
        WarningCode::Missing => "not on disk",
        WarningCode::Unreadable => "could not be read",
        WarningCode::NotAFile => "not a regular file",
        WarningCode::Outside => "outside the server's folder, behind a link, or a file of the server's own",
        WarningCode::Unfinished => "its upload never finished",
        _ => "not in the archive",
    }
}
