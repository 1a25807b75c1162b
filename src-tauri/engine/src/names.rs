//! Names that come from people or from archives, parsed once and safe from then on.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::hex;

/// How the archive of a backup ends.
pub const ARCHIVE_SUFFIX: &str = ".cfms.enc";
/// How the key of a backup ends.
pub const KEY_SUFFIX: &str = ".key";

/// Bytes that a backup's name may have: with the suffix of a partial file it stays below the 255 of common file systems.
const MAX_NAME_BYTES: usize = 200;

/// The name of a backup: one part of a path, good on every system.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct BackupName(String);

impl BackupName {
    /// Takes `name` as it is, or says what is wrong with it.
    ///
    /// # Errors
    /// [`Error::BadName`] for what is empty, over 200 bytes, hidden, a path, or no file name on some system.
    pub fn parse(name: &str) -> Result<Self> {
        match problem_of(name) {
            None => Ok(Self(name.to_owned())),
            Some(problem) => Err(Error::BadName { name: name.to_owned(), problem }),
        }
    }

    /// The name that a backup of that moment gets where none was given, as a server makes it.
    pub fn of_time(unix_seconds: u64) -> Self {
        Self(format!("backup_{unix_seconds}"))
    }

    /// The same name made another, for the `attempt`th time.
    #[must_use]
    pub fn numbered(&self, attempt: u32) -> Self {
        Self(format!("{}_{attempt}", self.0))
    }

    /// The archive's file name.
    pub fn archive_file(&self) -> String {
        format!("{}{ARCHIVE_SUFFIX}", self.0)
    }

    /// The key's file name.
    pub fn key_file(&self) -> String {
        format!("{}{KEY_SUFFIX}", self.0)
    }

    /// The name itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for BackupName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn problem_of(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        Some("it is empty")
    } else if name.len() > MAX_NAME_BYTES {
        Some("it is longer than 200 bytes")
    } else if name.contains(['/', '\\']) {
        Some("it is a path; choose the folder separately")
    } else if name.contains("..") {
        Some("it contains \"..\"")
    } else if name.starts_with('.') {
        Some("it begins with a dot, which hides the file")
    } else if name.starts_with(' ') || name.ends_with([' ', '.']) {
        Some("it begins or ends with a space, or ends with a dot")
    } else if name.starts_with('-') {
        Some("it begins with a hyphen, which commands take for an option")
    } else if name.chars().any(|c| c.is_control() || is_bidirectional(c) || matches!(c, '\u{2028}' | '\u{2029}')) {
        Some("it contains control characters")
    } else if name.contains(['<', '>', ':', '"', '|', '?', '*']) {
        Some("it contains one of < > : \" | ? *, which Windows does not allow")
    } else if is_device_name(name) {
        Some("it is a device name on Windows")
    } else {
        None
    }
}

/// Whether Windows takes a file of that name for a device.
pub(crate) fn is_device_name(name: &str) -> bool {
    const RESERVED: [&str; 7] = ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", "CLOCK$"];
    let stem = name.split('.').next().unwrap_or_default().trim_end().to_ascii_uppercase();
    let numbered_device = ["COM", "LPT"].iter().any(|device| {
        stem.strip_prefix(device).is_some_and(|rest| {
            let mut digits = rest.chars();
            matches!((digits.next(), digits.next()), (Some('0'..='9' | '¹' | '²' | '³'), None))
        })
    });
    RESERVED.contains(&stem.as_str()) || numbered_device
}

/// Whether a character turns the direction of the text around it, so that what is shown is not what is there.
pub fn is_bidirectional(c: char) -> bool {
    matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// `text` for a message: what could move a terminal's cursor or turn its direction is escaped.
pub(crate) fn shown(text: &str) -> String {
    let escape = |c: char| c.is_control() || is_bidirectional(c) || matches!(c, '\u{2028}' | '\u{2029}');
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if escape(c) { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    shown
}

/// The member that holds the content of `file_id` below `folder` (`files`, `server/files`).
///
/// An id that is no plain relative name is replaced by `%` and the SHA-256 of its UTF-8, so that no tool writes
/// outside its folder when it unpacks the archive.
pub fn content_member(folder: &str, file_id: &str) -> String {
    if is_plain_id(file_id) { format!("{folder}/{file_id}") } else { digest_member(folder, file_id) }
}

/// The member of a content whose id cannot be its name, whatever stands against it.
pub(crate) fn digest_member(folder: &str, file_id: &str) -> String {
    format!("{folder}/%{}", hex::encode(&Sha256::digest(file_id.as_bytes())))
}

/// Every name that the content `file_id` may have below `files`: real servers take any id for a name as it is.
pub(crate) fn members_of_content(file_id: &str) -> impl Iterator<Item = String> {
    members_of(file_id, "files")
}

/// The same for a content that no revision points to.
pub(crate) fn members_of_other_content(file_id: &str) -> impl Iterator<Item = String> {
    members_of(file_id, "server/files")
}

fn members_of(file_id: &str, folder: &str) -> impl Iterator<Item = String> {
    let usual = content_member(folder, file_id);
    let ways = [digest_member, |folder: &str, file_id: &str| format!("{folder}/{file_id}")];
    std::iter::once(usual).chain(ways.into_iter().map(move |way| way(folder, file_id)))
}

/// Whether `id` is a relative name that leads nowhere else.
pub(crate) fn is_plain_id(id: &str) -> bool {
    let parts_are_plain =
        id.split('/').all(|part| !part.is_empty() && part != "." && part != ".." && part.len() <= 255);
    parts_are_plain && !id.starts_with('%') && !id.contains('\\') && !id.chars().any(char::is_control)
}
