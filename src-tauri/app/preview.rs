//! A content as far as the window shows it: text, or a picture of a kind that is only a picture.
//!
//! What a content is, its bytes alone say. Whatever could do more than be looked at, such as SVG or HTML, is text here. A
//! picture of too many points is refused, however small its file: it would need the memory of the whole computer.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cfms_backup::tree::Revision;
use cfms_backup::{Archive, Error, Job, Result};
use serde::Serialize;
use ts_rs::TS;

mod picture;

/// Bytes of a text that are shown.
const MAX_TEXT: usize = 256 * 1024;
/// Bytes of a picture's file.
const MAX_PICTURE: u64 = 8 * 1024 * 1024;
/// Points of a picture.
const MAX_POINTS: u64 = 40_000_000;

/// What there is to be seen of a content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[ts(export)]
pub(crate) struct Preview {
    /// What it is shown as.
    kind: PreviewKind,
    /// A picture's type, as in `image/png`.
    mime: Option<&'static str>,
    /// A picture's points, side by side.
    width: Option<u32>,
    /// And one below the other.
    height: Option<u32>,
    /// What is shown of it, in Base64.
    data: String,
    /// Bytes of the whole content.
    #[ts(type = "number")]
    size: u64,
    /// Whether the text goes on.
    is_cut: bool,
    /// What is wrong with the content, in English; known only where all of it was read.
    damage: Option<String>,
}

/// What a content is shown as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub(crate) enum PreviewKind {
    /// Text.
    Text,
    /// A picture.
    Picture,
    /// Nothing: a picture too large to be shown.
    TooLarge,
    /// Nothing: neither text nor a picture.
    Other,
    /// Nothing: it has no bytes.
    Empty,
}

/// Reads as much of a content as is shown.
///
/// # Errors
/// Those of reading; [`Error::ContentNotHeld`] where the backup does not have it.
pub(crate) fn preview(archive: &Archive, revision: Revision<'_>, job: &Job) -> Result<Preview> {
    let size = revision.size().unwrap_or_default();
    let (begin, damage) = read(archive, revision, MAX_TEXT, job)?;
    let is_cut = size > begin.len() as u64;
    let shown = |kind, mime, data: &[u8], is_cut, damage| Preview {
        kind,
        mime,
        width: None,
        height: None,
        data: STANDARD.encode(data),
        size,
        is_cut,
        damage,
    };
    let Some(picture) = picture::recognise(&begin) else {
        let kind = match begin.as_slice() {
            [] => PreviewKind::Empty,
            begin if is_text(begin) => PreviewKind::Text,
            _ => return Ok(shown(PreviewKind::Other, None, &[], false, damage)),
        };
        return Ok(shown(kind, None, &begin, is_cut, damage));
    };
    let (width, height) = picture.size.unzip();
    if size > MAX_PICTURE || picture.points().is_none_or(|points| points > MAX_POINTS) {
        return Ok(Preview { width, height, ..shown(PreviewKind::TooLarge, Some(picture.mime), &[], false, damage) });
    }
    let (whole, damage) = if is_cut { read(archive, revision, MAX_PICTURE as usize, job)? } else { (begin, damage) };
    Ok(Preview { width, height, ..shown(PreviewKind::Picture, Some(picture.mime), &whole, false, damage) })
}

/// The first `most` bytes of a content; where that is all of it, what is wrong with it.
fn read(archive: &Archive, revision: Revision<'_>, most: usize, job: &Job) -> Result<(Vec<u8>, Option<String>)> {
    let mut begin = Vec::new();
    let mut is_enough = false;
    let read = archive.read(revision, job, |bytes| {
        let room = most - begin.len();
        begin.extend_from_slice(&bytes[..bytes.len().min(room)]);
        is_enough = bytes.len() > room;
        // It stops the reading, and nobody hears of it.
        if is_enough { Err(Error::Cancelled) } else { Ok(()) }
    });
    match read {
        Ok(check) => Ok((begin, check.damage)),
        Err(Error::Cancelled) if is_enough => Ok((begin, None)),
        Err(error) => Err(error),
    }
}

/// Whether a person could read it: text has no zero bytes and few other control characters, in whatever encoding. UTF-16
/// has zeros, and says by its first two bytes that it is text.
fn is_text(begin: &[u8]) -> bool {
    if begin.starts_with(&[0xff, 0xfe]) || begin.starts_with(&[0xfe, 0xff]) {
        return begin.len() > 2;
    }
    let odd = begin.iter().filter(|byte| matches!(byte, 0x01..=0x08 | 0x0e..=0x1a | 0x1c..=0x1f | 0x7f)).count();
    !begin.contains(&0) && odd * 100 <= begin.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_is_text_and_what_programs_write_is_not() {
        let gb18030 = [0xd6, 0xd0, 0xce, 0xc4, b'\n'];
        for text in ["plain\ttext\r\n".as_bytes(), "年度预算".as_bytes(), &gb18030, b"\xff\xfea\0", b"<svg onload=x>"]
        {
            assert!(is_text(text), "{text:?}");
        }
        for other in [b"PK\x03\x04\0\0".as_slice(), b"\x7fELF\x02\x01", &[1, 2, 3, 4, 5], b"%PDF-1.4\n\0"] {
            assert!(!is_text(other), "{other:?}");
        }
    }
}
