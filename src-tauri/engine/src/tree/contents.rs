//! Single contents read out of an archive, and what proves that they are what was backed up.
//!
//! The cipher authenticates nothing, and the whole archive's digest is known only to who reads all of it. So a content is
//! held against the manifest, which has the SHA-256 of every member; in an archive without one against the SHA-256 that the
//! server recorded. Where there is neither, it is said.

use std::io::BufRead;

use serde::Serialize;
use sha2::{Digest, Sha256};
use ts_rs::TS;

use super::{Archive, Revision};
use crate::archive::tables::Place;
use crate::error::{Error, Result};
use crate::hex;
use crate::job::Job;
use crate::names::{members_of_content, members_of_other_content};

/// Where a revision's content is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holding {
    /// In the archive.
    Held {
        /// Its bytes.
        size: u64,
    },
    /// The backup never held it.
    Never {
        /// Why, in English.
        reason: String,
    },
    /// The archive should hold it, and does not: it is damaged.
    Lost {
        /// What is wrong, in English.
        reason: String,
    },
}

/// What a content that was read is worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Its bytes.
    pub size: u64,
    /// Their SHA-256.
    pub sha256: [u8; 32],
    /// What speaks for it.
    pub proof: Proof,
    /// What speaks against it, in English: then it is damaged.
    pub damage: Option<String>,
    /// Whether the server had recorded another SHA-256: the content was like that already when it was backed up.
    pub server_differs: bool,
}

/// What shows that a content is the one that was backed up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum Proof {
    /// The archive's manifest has its SHA-256.
    Manifest,
    /// The server had recorded its SHA-256, and the archive has no manifest.
    Server,
    /// Nothing: neither manifest nor server has a SHA-256 for it.
    None,
}

impl Archive {
    /// Where the content of `revision` is.
    pub fn holding(&self, revision: Revision<'_>) -> Holding {
        let file_id = revision.file_id();
        if let Some((_, place, _)) = self.opened.content(file_id) {
            return Holding::Held { size: place.size };
        }
        if members_of_content(file_id).any(|member| self.promises.of_member(&member).is_some()) {
            return Holding::Lost { reason: "the manifest promises it, and it is not there".to_owned() };
        }
        match self.promises.never_held(file_id) {
            Some(reason) => Holding::Never { reason: reason.unwrap_or(NOT_HELD).to_owned() },
            None if self.opened.is_complete() => Holding::Never { reason: NOT_HELD.to_owned() },
            None => Holding::Lost { reason: "the archive is damaged, and it was not found".to_owned() },
        }
    }

    /// Where in the archive the content of `revision` begins: contents are read fastest in this order.
    pub(crate) fn position(&self, revision: Revision<'_>) -> u64 {
        self.opened.content(revision.file_id()).map_or(u64::MAX, |(_, place, _)| place.at)
    }

    /// Reads the content of `revision`, a piece at a time, into `take`. Whether it is what was backed up is known only
    /// when all of it was taken: see [`Check::damage`].
    ///
    /// # Errors
    /// [`Error::ContentNotHeld`] where the backup does not have it, [`Error::Damaged`] where the archive has lost it;
    /// those of reading; and whatever `take` returns.
    pub fn read(&self, revision: Revision<'_>, job: &Job, mut take: impl FnMut(&[u8]) -> Result<()>) -> Result<Check> {
        let file_id = revision.file_id();
        let Some((member, place, is_single)) = self.opened.content(file_id) else {
            return Err(self.absent(revision));
        };
        let sha256 = self.stream(&member, place, job, &mut take)?;
        let twice = (!is_single).then_some("the archive holds it twice");
        Ok(self.judge(&member, twice, revision.recorded_sha256(), place.size, sha256))
    }

    /// Where in the archive the content of that id is, whether a revision points to it or not, and its bytes.
    pub(crate) fn place_of_content(&self, file_id: &str) -> Option<(u64, u64)> {
        self.opened.any_content(file_id).map(|(_, place, _)| (place.at, place.size))
    }

    /// The same as [`read`](Self::read) for the content of that id, which must be there.
    pub(crate) fn read_content(
        &self,
        file_id: &str,
        recorded: Option<[u8; 32]>,
        job: &Job,
        mut take: impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<Check> {
        let Some((member, place, is_single)) = self.opened.any_content(file_id) else {
            return Err(Error::ContentNotHeld { file_id: file_id.to_owned(), reason: NOT_HELD.to_owned() });
        };
        let sha256 = self.stream(&member, place, job, &mut take)?;
        let twice = (!is_single).then_some("the archive holds it twice");
        Ok(self.judge(&member, twice, recorded, place.size, sha256))
    }

    /// Why the backup does not have the content of that id; nothing where the archive has lost it.
    pub(crate) fn never_held(&self, file_id: &str) -> Option<String> {
        let is_promised = members_of_content(file_id)
            .chain(members_of_other_content(file_id))
            .any(|member| self.promises.of_member(&member).is_some());
        let reason = self.promises.never_held(file_id).flatten().unwrap_or(NOT_HELD);
        (!is_promised).then(|| reason.to_owned())
    }

    /// The SHA-256 that the manifest has for the content of `revision`.
    pub(crate) fn promised_sha256(&self, revision: Revision<'_>) -> Option<[u8; 32]> {
        members_of_content(revision.file_id()).find_map(|member| self.promises.of_member(&member))
    }

    /// The SHA-256 that the manifest has for the content of that id.
    pub(crate) fn promised_of_content(&self, file_id: &str) -> Option<[u8; 32]> {
        let members = members_of_content(file_id).chain(members_of_other_content(file_id));
        members.into_iter().find_map(|member| self.promises.of_member(&member))
    }

    /// Whether it is of the whole server.
    pub(crate) fn holds_server(&self) -> bool {
        self.has_server_file("server/app.db")
    }

    /// Whether the archive has that file of the server, one of [`SERVER_FILES`](crate::archive::opened::SERVER_FILES).
    pub(crate) fn has_server_file(&self, name: &str) -> bool {
        self.opened.server_file(name).is_some()
    }

    /// Bytes of that file of the server, where the archive has it.
    pub(crate) fn server_file_size(&self, name: &str) -> Option<u64> {
        self.opened.server_file(name).map(|place| place.size)
    }

    /// The same as [`read`](Self::read) for a file of the server.
    pub(crate) fn read_server_file(
        &self,
        name: &str,
        job: &Job,
        mut take: impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<Check> {
        let Some(place) = self.opened.server_file(name) else {
            return Err(Error::NotInBackup { wanted: name.to_owned() });
        };
        let sha256 = self.stream(name, place, job, &mut take)?;
        Ok(self.judge(name, None, None, place.size, sha256))
    }

    fn stream(
        &self,
        member: &str,
        place: Place,
        job: &Job,
        take: &mut dyn FnMut(&[u8]) -> Result<()>,
    ) -> Result<[u8; 32]> {
        let mut content = self.opened.plaintext(place);
        let (mut left, mut digest) = (place.size, Sha256::new());
        while left > 0 {
            job.check()?;
            let bytes = content.fill_buf().map_err(|e| self.opened.unreadable(e))?;
            let some = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
            if some == 0 {
                return Err(self.opened.damaged(member, "it ends too early"));
            }
            digest.update(&bytes[..some]);
            take(&bytes[..some])?;
            content.consume(some);
            left -= some as u64;
        }
        Ok(digest.finalize().into())
    }

    /// Why the content of `revision` cannot be read.
    fn absent(&self, revision: Revision<'_>) -> Error {
        let file_id = revision.file_id();
        match self.holding(revision) {
            Holding::Lost { reason } => self.opened.damaged(&format!("files/{file_id}"), &reason),
            Holding::Never { reason } => Error::ContentNotHeld { file_id: file_id.to_owned(), reason },
            Holding::Held { .. } => Error::ContentNotHeld { file_id: file_id.to_owned(), reason: NOT_HELD.to_owned() },
        }
    }

    fn judge(
        &self,
        member: &str,
        twice: Option<&str>,
        recorded: Option<[u8; 32]>,
        size: u64,
        sha256: [u8; 32],
    ) -> Check {
        let server_differs = recorded.is_some_and(|recorded| recorded != sha256);
        let promised = self.promises.of_member(member);
        let proof = match (self.promises.is_there, recorded) {
            (true, _) => Proof::Manifest,
            (false, Some(_)) => Proof::Server,
            (false, None) => Proof::None,
        };
        let damage = match (proof, promised) {
            _ if twice.is_some() => twice,
            (Proof::Manifest, None) => Some("the manifest does not know it"),
            (Proof::Manifest, Some(promised)) if promised != sha256 => {
                Some("its bytes are not those that the manifest says")
            }
            (Proof::Server, _) if server_differs => Some("its SHA-256 is not the one that the server recorded"),
            _ => None,
        };
        Check { size, sha256, proof, damage: damage.map(str::to_owned), server_differs }
    }
}

impl Check {
    /// The SHA-256 in hex.
    pub fn sha256_hex(&self) -> String {
        hex::encode(&self.sha256)
    }
}

const NOT_HELD: &str = "the archive does not hold this content";
