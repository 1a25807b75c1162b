//! A backup that comes home: key and archive, in partial files, checked, published.

use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;
use ts_rs::TS;
use zeroize::Zeroizing;

use super::Remote;
use super::asking::{Asking, PATIENCE, Repeat};
use super::transfer::{Sink, Transfer};
use super::waiting::blocking;
use crate::archive::destination::{Claim, Place, Published};
use crate::archive::key::KeyFile;
use crate::archive::metadata::Metadata;
use crate::clock::unix_now;
use crate::create::{Destination, Outcome, check_space, folder_moved, key_dir, orphaned_key, refuse_unmounted};
use crate::error::{Error, RemoteError, Result};
use crate::job::{Job, Phase};
use crate::names::BackupName;
use crate::protocol::{DeleteBackup, Part, action, code};
use crate::server_data::is_incomplete;
use crate::verify::{FindingCode, Verification, verify_unpublished};
use crate::volume;
use crate::warning::Warning;

/// Bytes of the smallest archive.
const SMALLEST: u64 = 10240 + 32;

/// A backup that came home.
#[derive(Debug, Clone, Serialize, TS)]
#[ts(export)]
pub struct FetchedCopy {
    /// The name, without ending.
    pub backup_name: String,
    /// The archive.
    pub archive_path: PathBuf,
    /// The key.
    pub key_path: PathBuf,
    /// The key's size in bytes.
    #[ts(type = "number")]
    pub key_size: u64,
    /// The archive's size in bytes.
    #[ts(type = "number")]
    pub archive_size: u64,
    /// The archive's SHA-256, lower-case hex.
    pub archive_sha256: String,
    /// The archive's metadata.
    pub metadata: Option<Metadata>,
    /// What checking it found: it was read back from this computer's disk before it got its name.
    pub verification: Verification,
    /// How it ended: incomplete where it lacks so many contents that it must not be relied on.
    pub outcome: Outcome,
    /// Contents that the archive lacks.
    #[ts(type = "number")]
    pub contents_missing: u64,
    /// Whether the key lies in the archive's folder.
    pub key_beside_archive: bool,
    /// What a person should know.
    pub warnings: Vec<Warning>,
}

/// Whether a backup, of that name if it is known, can come home to `destination`: meant for before a server is made to
/// work. Nothing is left behind. It blocks.
///
/// # Errors
/// Folders that cannot be had or written to, a disk without room for the smallest of backups, a name that is taken.
pub fn check_home(destination: &Destination, name: Option<&BackupName>) -> Result<()> {
    claim(name, destination)?;
    check_space(destination, SMALLEST, false)
}

impl Remote {
    /// Fetches the backup `name` from our agent to `destination` (whose own `name` is passed over), checks it, and only
    /// then gives the two files their names.
    ///
    /// # Errors
    /// [`CannotSendFiles`](RemoteError::CannotSendFiles), [`NotOnServer`](RemoteError::NotOnServer), a line that stays
    /// broken, a disk that takes no more, damage: nothing is left behind then.
    pub async fn download(
        &mut self,
        name: &BackupName,
        destination: &Destination,
        job: &Arc<Job>,
    ) -> Result<FetchedCopy> {
        if !self.sends_files() {
            return Err(RemoteError::CannotSendFiles { server: self.server.clone() }.into());
        }
        let (dial, framing, session) = (Arc::clone(&self.dial), self.framing, self.session.clone());
        let work = self.bring_home(name, destination, job);
        Self::staying_signed_in(&*dial, framing, session, work).await
    }

    /// Has our agent remove the backup `name` from its disk: meant for after a download.
    ///
    /// # Errors
    /// [`NotOnServer`](RemoteError::NotOnServer), the server's refusals,
    /// [`OutcomeUnknown`](RemoteError::OutcomeUnknown).
    pub async fn delete(&mut self, name: &BackupName, job: &Job) -> Result<()> {
        let data = DeleteBackup { backup_name: name.as_str().to_owned() };
        let action = action::DELETE_BACKUP;
        let asking = Asking { action, data: &data, signed: true, repeat: Repeat::Never, patience: Some(PATIENCE) };
        let response = self.response(&asking, &mut |_| {}, job).await?;
        match response.code {
            code::OK => Ok(()),
            code::NOT_FOUND => Err(self.not_there(name)),
            _ => Err(self.refusal(action, &response)),
        }
    }

    async fn bring_home(
        &mut self,
        name: &BackupName,
        destination: &Destination,
        job: &Arc<Job>,
    ) -> Result<FetchedCopy> {
        job.phase(Phase::Download, None, None)?;
        let claim = {
            let (name, destination) = (name.clone(), destination.clone());
            blocking(move || claim(Some(&name), &destination)).await?
        };
        let key = Transfer { name, part: Part::Key, destination, sink: Sink::memory() };
        let bytes = self.fetch(key, job).await?.bytes;
        let unfit = |error| self.unfit_key(name, error);
        let key_text = text_of(bytes, &claim).map_err(unfit)?;
        let key = KeyFile::parse_own(&key_text, &claim.key_path()).map_err(unfit)?;
        if key.facts.backup_name.as_deref() != Some(name.as_str()) {
            let other = key.facts.backup_name.as_deref().unwrap_or_default();
            return Err(self.odd_words("the key that it sent is another backup's", other));
        }

        let sink = Sink::disk(claim.archive_writer()?, claim.archive_path())?;
        self.fetch(Transfer { name, part: Part::Archive, destination, sink }, job).await?;
        job.settle();

        let announced = self.made.as_ref().filter(|(made, _)| made == name).map(|(_, metadata)| metadata.clone());
        let other = self.odd_words("the archive that it sent is another backup's", "");
        let (destination, job) = (destination.clone(), Arc::clone(job));
        let is_meant = move |found: Option<&Metadata>, key: &KeyFile| match is_of(found, key, announced.as_ref()) {
            true => Ok(()),
            false => Err(other),
        };
        blocking(move || commit(claim, &destination, &key, &key_text, is_meant, &job))
            .await
            .map_err(|error| self.unfit_key(name, error))
    }

    /// There is no key file yet that a person could choose better: what is wrong with it is the server's affair.
    fn unfit_key(&self, name: &BackupName, error: Error) -> Error {
        match error {
            Error::WrongKey { .. } => {
                self.damaged(name, Part::Key, "it does not open the archive that was sent with it")
            }
            Error::KeyFile { problem, .. } => self.damaged(name, Part::Key, problem),
            error => error,
        }
    }
}

fn claim(name: Option<&BackupName>, destination: &Destination) -> Result<Claim> {
    refuse_unmounted(destination)?;
    let place = Place { archive_dir: &destination.archive_dir, key_dir: key_dir(destination), give_away_in: None };
    Claim::new(place, name, unix_now() as u64)
}

/// A key file is UTF-8; the buffer is the one that it came in.
fn text_of(bytes: Zeroizing<Vec<u8>>, claim: &Claim) -> Result<Zeroizing<String>> {
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok(Zeroizing::new(text.to_owned())),
        Err(_) => Err(Error::KeyFile { path: claim.key_path(), problem: "it is not JSON" }),
    }
}

/// Checks what has come, as a backup that was made here is checked, and publishes it.
fn commit(
    claim: Claim,
    destination: &Destination,
    key: &KeyFile,
    key_text: &Zeroizing<String>,
    is_meant: impl FnOnce(Option<&Metadata>, &KeyFile) -> Result<()>,
    job: &Job,
) -> Result<FetchedCopy> {
    claim.seal_archive()?;
    let (archive_path, key_path) = (claim.archive_path(), claim.key_path());
    let verification = verify_unpublished(claim.archive_reader()?, &archive_path, key, &key_path, job)?;
    if let Some(damage) = verification.damage() {
        return Err(damage);
    }
    is_meant(verification.metadata.as_ref(), key)?;
    job.phase(Phase::Publish, None, None)?;
    claim.write_key(key_text)?;
    let mut copy = FetchedCopy {
        backup_name: claim.name().as_str().to_owned(),
        archive_path,
        key_path,
        key_size: key_text.len() as u64,
        archive_size: verification.archive_size,
        archive_sha256: verification.archive_sha256.clone(),
        metadata: verification.metadata.clone(),
        outcome: Outcome::Done,
        contents_missing: missing(&verification),
        verification,
        key_beside_archive: volume::is_same_folder(&destination.archive_dir, key_dir(destination)),
        warnings: claim.orphaned_keys().iter().map(|path| orphaned_key(path)).collect(),
    };
    copy.tell_where(claim.publish()?);
    copy.outcome = copy.ending();
    copy.warnings.iter().for_each(|warning| job.warn(warning));
    Ok(copy)
}

/// Whether an archive with the metadata `found` is the one that key and server speak of.
fn is_of(found: Option<&Metadata>, key: &KeyFile, announced: Option<&Metadata>) -> bool {
    // Floats that went through several hands.
    let same_time = |one: f64, other: f64| (one - other).abs() < 0.001;
    let counts = |metadata: &Metadata| (metadata.documents_count, metadata.folders_count, metadata.files_count);
    let Some(found) = found else { return false };
    key.facts.created_at.is_some_and(|created_at| same_time(created_at, found.created_at))
        && announced.is_none_or(|announced| {
            same_time(announced.created_at, found.created_at) && counts(announced) == counts(found)
        })
}

/// Contents that the archive never held. Where there are more findings than are listed, the further ones are such.
fn missing(verification: &Verification) -> u64 {
    let listed = verification.findings.iter().filter(|finding| finding.code == FindingCode::ContentMissing).count();
    let unlisted = verification.findings_total.saturating_sub(verification.findings.len() as u64);
    if listed > 0 { listed as u64 + unlisted } else { 0 }
}

impl FetchedCopy {
    fn ending(&self) -> Outcome {
        let files = self.metadata.as_ref().map_or(0, |metadata| metadata.files_count);
        if is_incomplete(self.contents_missing, files) {
            Outcome::Incomplete
        } else if self.verification.has_warnings() || !self.warnings.is_empty() {
            Outcome::DoneWithWarnings
        } else {
            Outcome::Done
        }
    }

    fn tell_where(&mut self, published: Published) {
        for (file, path) in [(published.archive, &mut self.archive_path), (published.key, &mut self.key_path)] {
            *path = file.path;
            self.warnings.extend(file.instead_of.as_deref().map(folder_moved));
        }
    }
}
