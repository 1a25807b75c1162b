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

/// A content that is in the archive.
pub(super) struct Stored {
    /// What was stored.
    pub(super) sealed: Sealed,
    /// Why it may not be what the server meant.
    pub(super) trouble: Option<(WarningCode, String)>,
}

/// Stores `content` as the member `name`, and reports its bytes. `buffer` is room for small ones, used again and again.
///
/// The inner error is the content's, which then is not in the archive; the outer one ends the backup.
pub(super) fn store(
    tar: &mut TarWriter,
    name: &str,
    mut content: OpenContent,
    buffer: &mut Vec<u8>,
    job: &Job,
) -> Result<Result<Stored, Refusal>> {
    let mtime = content.modified.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    if content.size <= SMALL {
        if let Err(error) = read_small(&mut content, buffer) {
            let reason = format!("it could not be read: {error}");
            return Ok(Err(Refusal { code: WarningCode::Unreadable, reason }));
        }
        let mut member = tar.member(name, buffer.len() as u64, mtime)?;
        member.put(buffer)?;
        let sealed = member.seal()?;
        let trouble = content.has_changed().then(|| changed("it changed while it was read".to_owned()));
        job.advance(member_footprint(name.len(), sealed.size))?;
        return Ok(Ok(Stored { sealed, trouble }));
    }

    let mut member = tar.member(name, content.size, mtime)?;
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
    Ok(Ok(Stored { sealed, trouble }))
}

fn changed(reason: String) -> (WarningCode, String) {
    (WarningCode::Changed, reason)
}

fn read_small(content: &mut OpenContent, buffer: &mut Vec<u8>) -> std::io::Result<()> {
    buffer.clear();
    buffer.resize(content.size as usize, 0);
    let mut filled = 0;
    while filled < buffer.len() {
        match content.file.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    buffer.truncate(filled);
    Ok(())
}
