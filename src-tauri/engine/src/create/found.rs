//! What became of the contents: a record of each for the manifest, and what a person should know.

use std::path::PathBuf;

use super::MAX_WARNINGS;
use super::content::Stored;
use crate::archive::tar_writer::Sealed;
use crate::job::Job;
use crate::server_data::{ContentRow, MissingBelow, Refusal, WhichContents};
use crate::warning::{Warning, WarningCode};

/// What was found on the way.
#[derive(Default)]
pub(super) struct Found {
    pub(super) warnings: Vec<Warning>,
    pub(super) warnings_total: u64,
    pub(super) documents_missing: u64,
    pub(super) others_missing: u64,
    /// Those of both that lie outside the server's folder, or behind a link.
    pub(super) outside: u64,
    pub(super) missing_below: MissingBelow,
    pub(super) unfinished_uploads: u64,
    pub(super) content_bytes: u64,
    /// Contents that are in the archive, but only in part.
    pub(super) in_part: Vec<(String, WarningCode, String)>,
}

impl Found {
    pub(super) fn note(&mut self, warning: Warning) {
        self.warnings_total += 1;
        if self.warnings.len() < MAX_WARNINGS {
            self.warnings.push(warning);
        }
    }

    pub(super) fn record(
        &mut self,
        which: WhichContents,
        row: ContentRow,
        outcome: Result<Stored, Refusal>,
        place: Option<PathBuf>,
        job: &Job,
    ) -> Record {
        let (record, trouble) = match outcome {
            Ok(Stored { sealed, trouble }) => {
                self.content_bytes += sealed.size;
                (Record::stored(sealed), trouble.or_else(|| contradiction(&row, &sealed)))
            }
            Err(Refusal { code: WarningCode::Missing, .. }) if which == WhichContents::Others && !row.active => {
                self.unfinished_uploads += 1;
                return Record::lacking(WarningCode::Unfinished);
            }
            Err(Refusal { code, reason }) => (Record::lacking(code), Some((code, reason))),
        };
        let Some((code, reason)) = trouble else { return record };
        if code.content_is_lacking() {
            match which {
                WhichContents::OfDocuments => self.documents_missing += 1,
                WhichContents::Others => self.others_missing += 1,
            }
            if code == WarningCode::Outside {
                self.outside += 1;
            } else {
                self.missing_below.add(place.unwrap_or_default());
            }
            if record.sealed().is_ok() {
                self.in_part.push((row.id.clone(), code, reason.clone()));
            }
        }
        let warning = Warning::of_content(row, code, reason);
        job.warn(&warning);
        self.note(warning);
        record
    }
}

/// Whether the content is another than the one that the server recorded.
fn contradiction(row: &ContentRow, sealed: &Sealed) -> Option<(WarningCode, String)> {
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

/// What became of a content, in 40 bytes: there may be millions.
pub(super) struct Record {
    /// Or, from [`Record::LACKING`] on, why there is none.
    size: u64,
    sha256: [u8; 32],
}

impl Record {
    const CODES: [WarningCode; 5] = [
        WarningCode::Missing,
        WarningCode::Unreadable,
        WarningCode::NotAFile,
        WarningCode::Outside,
        WarningCode::Unfinished,
    ];
    const LACKING: u64 = u64::MAX - Self::CODES.len() as u64;

    fn stored(sealed: Sealed) -> Self {
        Self { size: sealed.size, sha256: sealed.sha256 }
    }

    fn lacking(code: WarningCode) -> Self {
        let index = Self::CODES.iter().position(|known| *known == code).unwrap_or(0);
        Self { size: Self::LACKING + index as u64, sha256: [0; 32] }
    }

    pub(super) fn sealed(&self) -> Result<Sealed, WarningCode> {
        match self.size.checked_sub(Self::LACKING) {
            None => Ok(Sealed { size: self.size, sha256: self.sha256 }),
            Some(index) => Err(Self::CODES.get(index as usize).copied().unwrap_or(WarningCode::Missing)),
        }
    }
}
