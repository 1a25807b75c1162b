//! Contents on their way out of the archive, and read back from where they were put.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::plan::RestorePlan;
use crate::error::{Error, Result};
use crate::job::Job;
use crate::tree::{Archive, OnDamage};

const PIECE: usize = 256 * 1024;

/// Why a content is lost.
pub(super) const LOST: &str = "the manifest promises it, and it is not there";

/// Writes a content into `file`, and gives its SHA-256; nothing where it is damaged and nobody wants it so. What is told
/// of it goes into `plan`.
pub(super) fn write(
    archive: &Archive,
    file: &mut File,
    shown: &Path,
    (file_id, recorded): (&str, Option<[u8; 32]>),
    plan: &mut RestorePlan,
    job: &Job,
) -> Result<Option<[u8; 32]>> {
    let check = archive.read_content(file_id, recorded, job, |bytes| {
        file.write_all(bytes).map_err(|e| Error::io("write", shown, e))?;
        job.advance(bytes.len() as u64)
    });
    let check = match check {
        Err(Error::Damaged { problem, .. }) if archive.on_damage() == OnDamage::Keep => {
            plan.note_damaged(file_id, problem);
            return Ok(None);
        }
        check => check?,
    };
    match check.damage {
        Some(problem) if archive.on_damage() == OnDamage::Refuse => {
            return Err(damaged(archive, &format!("{}: {problem}", crate::names::shown(file_id))));
        }
        Some(problem) => plan.note_damaged(file_id, problem),
        None => plan.server_differs += u64::from(check.server_differs),
    }
    Ok(Some(check.sha256))
}

/// Reads `file`, which was written to `place`, and compares it with what came out of the archive.
pub(super) fn read_back(mut file: File, place: &str, expected: &[u8; 32], job: &Job) -> Result<()> {
    job.item(Some(place.to_owned()));
    // From the disk, and not from what the system remembers of it.
    let _ = rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed);
    if digest(&mut file, job).map_err(|e| refused(place, e))?? != *expected {
        let source = std::io::Error::other("it is not what was written");
        return Err(Error::Io { action: "read back", path: PathBuf::from(place), source });
    }
    Ok(())
}

/// The SHA-256 of what is in `file`.
pub(super) fn digest(file: &mut File, job: &Job) -> std::io::Result<Result<[u8; 32]>> {
    let (mut digest, mut piece) = (Sha256::new(), vec![0; PIECE]);
    loop {
        let read = file.read(&mut piece)?;
        if read == 0 {
            return Ok(Ok(digest.finalize().into()));
        }
        digest.update(&piece[..read]);
        if let Err(error) = job.advance(read as u64) {
            return Ok(Err(error));
        }
    }
}

/// That the archive is not what was written.
pub(super) fn damaged(archive: &Archive, problem: &str) -> Error {
    Error::Damaged { archive: archive.path().to_path_buf(), problem: problem.to_owned() }
}

fn refused(place: &str, error: std::io::Error) -> Error {
    Error::io("read back", place, error)
}
