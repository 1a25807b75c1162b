//! Checking an archive: is it what was written, and is what was written whole?
//!
//! The file is read once, from disk: its digest is held against the key file, and every member is hashed. Then the JSON
//! members are read again, now that it is known where they are, in the order in which they explain each other: the
//! manifest, folders, files, documents. Of a member 56 bytes are kept, of a row 8, of a folder
//! 28; what is wrong is looked up again for
//! its name.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde::Serialize;
use ts_rs::TS;

use crate::archive::decrypt::Ciphertext;
use crate::archive::key::{KeyFile, find_key};
use crate::archive::metadata::Metadata;
use crate::archive::stream::read_whole;
use crate::archive::tables::{self, ReadMetadata};
use crate::error::{Error, Result};
use crate::hex;
use crate::job::{Job, Phase};
use crate::names::shown;

mod findings;
mod ids;
mod inventory;
mod promises;
mod rows;
#[cfg(test)]
pub(crate) mod tests;

use findings::Findings;
use inventory::Inventory;
use rows::Tables;

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

/// How many findings a [`Verification`] lists; fewer, where their texts are very long.
pub const MAX_FINDINGS: usize = crate::listed::MOST;

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
    /// The title of a document that shows this content, where the manifest tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub title: Option<String>,
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
    /// An id, which is a key, stands in several rows of a table.
    DuplicateRow,
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
    /// A reference that points nowhere, or a folder that lies within itself.
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
        let about = told.subject.as_deref().map(|subject| format!("{}: ", shown(subject))).unwrap_or_default();
        let others = match self.findings_total.saturating_sub(1) {
            0 => String::new(),
            1 => " (and one more finding)".to_owned(),
            more => format!(" (and {more} more findings)"),
        };
        let (archive, problem) = (self.archive_path.clone(), format!("{about}{}{others}", told.reason));
        Some(match told.code {
            FindingCode::Truncated => Error::Truncated { archive, problem },
            _ => Error::Damaged { archive, problem },
        })
    }

    /// Whether there is a warning among the findings.
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
    let key_path = find_key(archive, key)?;
    let key = KeyFile::read(&key_path)?;
    let ciphertext = Ciphertext::open(archive, &key.key)?;
    check(&ciphertext, archive, &key, &key_path, job)
}

/// Checks an archive that has not got its name yet: `file`, which will be `archive`, with `key`, which will be written to
/// `key_path`.
pub(crate) fn verify_unpublished(
    file: File,
    archive: &Path,
    key: &KeyFile,
    key_path: &Path,
    job: &Job,
) -> Result<Verification> {
    check(&Ciphertext::new(file, archive, &key.key)?, archive, key, key_path, job)
}

fn check(ciphertext: &Ciphertext, archive: &Path, key: &KeyFile, key_path: &Path, job: &Job) -> Result<Verification> {
    let started = Instant::now();
    job.phase(Phase::Verify, Some(ciphertext.size()), None)?;
    let shape = ciphertext.shape()?;
    if !shape.key_fits {
        return Err(Error::WrongKey { archive: archive.to_path_buf(), key: key_path.to_path_buf() });
    }

    let mut findings = Findings::default();
    let (mut inventory, digest) =
        read_whole(ciphertext, shape.tar_size, job, |tar| Inventory::take(tar, shape.ending))?;
    let archive_sha256 = hex::encode(&digest);
    let has_digest = check_digest(key, ciphertext.size(), &archive_sha256, &mut findings);
    inventory.report(ciphertext, shape, &mut findings)?;
    let read = Tables { ciphertext, tar_size: shape.tar_size, inventory: &mut inventory, job }.check(&mut findings)?;
    job.settle();
    let metadata = match read.metadata {
        Some(ReadMetadata::Known(metadata)) => Some(metadata),
        Some(ReadMetadata::OtherVersion(version)) if !findings.contradict_the_digest() => {
            return Err(Error::UnsupportedVersion { archive: archive.to_path_buf(), version });
        }
        Some(ReadMetadata::OtherVersion(_)) => {
            findings.damage(
                FindingCode::Json,
                Some(tables::METADATA),
                "its version, or the manifest's, is none that this program knows",
            );
            None
        }
        None => None,
    };

    let mut not_checked = Vec::new();
    if !has_digest {
        not_checked.push(NotChecked::NoDigest);
    }
    if !read.has_manifest {
        not_checked.push(NotChecked::NoManifest);
    }
    let verdict = match findings.has_damage() {
        true => Verdict::Damaged,
        false if not_checked.is_empty() => Verdict::Verified,
        false => Verdict::Readable,
    };
    let findings_total = findings.total();
    Ok(Verification {
        verdict,
        archive_path: archive.to_path_buf(),
        key_path: key_path.to_path_buf(),
        archive_size: ciphertext.size(),
        archive_sha256,
        metadata,
        members: inventory.count(),
        content_bytes: inventory.content_bytes(),
        findings: findings.into_list(),
        findings_total,
        not_checked,
        duration_seconds: started.elapsed().as_secs_f64(),
    })
}

/// Holds the file against the key file, the root of trust, and says whether that names a digest at all.
fn check_digest(key: &KeyFile, size: u64, sha256: &str, findings: &mut Findings) -> bool {
    if let Some(announced) = key.facts.archive_size.filter(|&announced| announced != size) {
        let reason = format!("the file has {size} bytes; the key file says {announced}");
        findings.damage(FindingCode::Digest, None, &reason);
    }
    if key.has_damaged_digest {
        findings.damage(FindingCode::Digest, None, "the key file's archive_sha256 is no SHA-256");
        return true;
    }
    let Some(announced) = &key.facts.archive_sha256 else { return false };
    if announced != sha256 {
        findings.damage(FindingCode::Digest, None, "the file's SHA-256 is not the one in the key file");
    }
    true
}
