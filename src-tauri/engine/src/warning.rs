//! What did not stop a backup and must not be silent either.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::listed::Told;

/// One thing that a person should know about a backup. It is in the [`Report`](crate::Report), in the archive's
/// manifest and on the screen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Warning {
    /// What kind of thing it is.
    pub code: WarningCode,
    /// The file (content) that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub file_id: Option<String>,
    /// A document that shows this content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub document_id: Option<String>,
    /// That document's title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub title: Option<String>,
    /// The path that the database records, or the file that is meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub path: Option<String>,
    /// What is the matter, in English.
    pub reason: String,
}

impl Warning {
    /// A warning about nothing in particular yet; set what it is about.
    pub fn new(code: WarningCode, reason: impl Into<String>) -> Self {
        Self { code, file_id: None, document_id: None, title: None, path: None, reason: reason.into() }
    }
}

impl Told for Warning {
    fn bytes(&self) -> usize {
        let texts = [&self.file_id, &self.document_id, &self.title, &self.path];
        texts.into_iter().flatten().map(String::len).sum::<usize>() + self.reason.len()
    }
}

/// Bytes of a path or a title that are shown. No file's path is longer; a row may say anything.
pub(crate) const MOST_SHOWN: usize = 4096;

/// `text` as far as it is shown.
pub(crate) fn bounded(mut text: String) -> String {
    if text.len() > MOST_SHOWN {
        text.truncate(text.floor_char_boundary(MOST_SHOWN));
        text.push('…');
    }
    text
}

/// The machine's name of a [`Warning`], stable across releases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
#[non_exhaustive]
pub enum WarningCode {
    /// The content is not on disk.
    Missing,
    /// The content is there and cannot be read.
    Unreadable,
    /// What lies at the path is no regular file: a directory, a pipe, a device.
    NotAFile,
    /// The path leads out of the server's folder, through a link, or to a file of the server's own, and was not read.
    Outside,
    /// An upload that never finished has no content. It is in the manifest and is no warning.
    Unfinished,
    /// The content changed while it was read; what was read first is stored.
    Changed,
    /// The content is not the one whose SHA-256 the server recorded.
    Sha256Mismatch,
    /// A text of the database is not UTF-8; its unreadable bytes were replaced.
    NotUtf8,
    /// A row of the database has another's id, which only a schema without primary keys allows; it is in orphans.json.
    RepeatedId,
    /// A file of the server's own (config.toml, init, TLS pair) is not there or cannot be read.
    ServerFileMissing,
    /// Pages of the database are damaged, of tables that no JSON member shows, it may be; the copy went along as it is.
    DatabaseDamaged,
    /// A server's certificate has expired; it is the one that is trusted.
    CertificateExpired,
    /// A server that cannot send files keeps archive and key side by side on its disk.
    LeftOnServer,
    /// The password that was to be remembered is not: no keyring takes it.
    NotRemembered,
    /// A key of an earlier run, whose archive was never finished, lies in the key folder.
    KeyWithoutArchive,
    /// An output folder was renamed or replaced while the backup was written; the file is in the folder that was opened.
    FolderMoved,
}

impl WarningCode {
    /// Whether the archive lacks the content that the warning is about.
    pub fn content_is_lacking(self) -> bool {
        matches!(self, Self::Missing | Self::Unreadable | Self::NotAFile | Self::Outside)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!(bounded("短".to_owned()), "短");
        let long = bounded("长".repeat(1_000_000));
        assert!(long.len() <= MOST_SHOWN + '…'.len_utf8() && long.ends_with("长…"));
    }
}
