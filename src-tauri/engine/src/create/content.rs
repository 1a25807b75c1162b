//! One content on its way into the archive, while the server may be changing it.

use std::io::Read;
use std::time::UNIX_EPOCH;

use crate::archive::tar_writer::{Sealed, TarWriter, member_footprint};
use crate::error::Result;
use crate::job::Job;
use crate::server_data::{OpenContent, Refusal};
use crate::warning::WarningCode;

/// Contents up to this size are read whole before their header is written: then the header says what was really there.
const SMALL: u64 = 256 * 1024;

/// A content that can be stored.
pub(super) enum Content {
    /// Read already, as it is small.
    Whole {
        bytes: Vec<u8>,
        /// Unix seconds.
        mtime: u64,
        has_changed: bool,
    },
    /// To be read while it is stored.
    Stream(OpenContent),
}

impl Content {
    /// Bytes of it that are in memory.
    pub(super) fn in_memory(&self) -> usize {
        match self {
            Self::Whole { bytes, .. } => bytes.len(),
            Self::Stream(_) => 0,
        }
    }

    /// Reads `content` if it is small.
    pub(super) fn take_in(mut content: OpenContent) -> Result<Self, Refusal> {
        if content.size > SMALL {
            return Ok(Self::Stream(content));
        }
        match read_small(&mut content) {
            Ok(bytes) => Ok(Self::Whole { bytes, mtime: mtime(&content), has_changed: content.has_changed() }),
            Err(error) => {
                let reason = format!("it could not be read: {error}");
                Err(Refusal { code: WarningCode::Unreadable, reason })
            }
        }
    }
}

/// A content that is in the archive.
pub(super) struct Stored {
    /// What was stored.
    pub(super) sealed: Sealed,
    /// Why it may not be what the server meant.
    pub(super) trouble: Option<(WarningCode, String)>,
}

/// Stores `content` as the member `name`, and reports its bytes.
pub(super) fn store(tar: &mut TarWriter, name: &str, content: Content, job: &Job) -> Result<Stored> {
    let mut content = match content {
        Content::Stream(content) => content,
        Content::Whole { bytes, mtime, has_changed } => {
            let mut member = tar.member(name, bytes.len() as u64, mtime)?;
            member.put(&bytes)?;
            let sealed = member.seal()?;
            let trouble = has_changed.then(|| changed("it changed while it was read".to_owned()));
            job.advance(member_footprint(name.len(), sealed.size))?;
            return Ok(Stored { sealed, trouble });
        }
    };

    let mut member = tar.member(name, content.size, mtime(&content))?;
    let mut trouble = None;
    let mut read = 0;
    while member.left() > 0 {
        match member.fill_from(&mut content.file) {
            Ok(Ok(0)) => {
                trouble = Some(changed(format!("it shrank while it was read: after {read} bytes the rest is zeros")));
                break;
            }
            Ok(Ok(bytes)) => {
                read += bytes;
                job.advance(bytes)?;
            }
            Ok(Err(error)) => return Err(error),
            Err(error) => {
                let reason = format!("it could not be read after {read} bytes ({error}): the rest is zeros");
                trouble = Some((WarningCode::Unreadable, reason));
                break;
            }
        }
    }
    let sealed = member.seal()?;
    job.advance(member_footprint(name.len(), sealed.size) - read)?;
    if trouble.is_none() && content.has_changed() {
        trouble = Some(changed("it changed while it was read".to_owned()));
    }
    Ok(Stored { sealed, trouble })
}

fn mtime(content: &OpenContent) -> u64 {
    content.modified.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn changed(reason: String) -> (WarningCode, String) {
    (WarningCode::Changed, reason)
}

fn read_small(content: &mut OpenContent) -> std::io::Result<Vec<u8>> {
    // At most SMALL, so it fits.
    let mut bytes = Vec::with_capacity(content.size as usize);
    (&mut content.file).take(content.size).read_to_end(&mut bytes)?;
    Ok(bytes)
}
