//! Why a content is not opened, in words.

use std::io::{self, ErrorKind};

use cap_std::fs::FileType;
use nix::errno::Errno;

use crate::warning::WarningCode;

/// Why a content was not opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: WarningCode,
    pub(crate) reason: String,
}

/// Why a content is not on the disk of a server that never had it there.
pub(crate) const IN_S3: &str = "the server keeps its contents in S3";

/// What stood in the way.
pub(super) enum Trouble {
    Io(io::Error),
    /// A link of that name; the last part of the path if the name is empty.
    Link(String),
    Refused(Refusal),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Trouble {
    pub(super) fn refusal(self) -> Refusal {
        match self {
            Self::Refused(refusal) => refusal,
            Self::Link(name) if name.is_empty() => outside("it is a link, and links are not followed"),
            Self::Link(name) => {
                outside(&format!("its path leads through the link {name:?}, and links are not followed"))
            }
            Self::Io(error) if error.kind() == ErrorKind::NotFound => missing("it is not on disk"),
            Self::Io(error) if error.raw_os_error() == Some(Errno::ENAMETOOLONG as i32) => too_long(),
            // Replaced by a link between the look and the opening.
            Self::Io(error) if error.raw_os_error() == Some(Errno::ELOOP as i32) => {
                outside("it is a link, and links are not followed")
            }
            Self::Io(error) if error.kind() == ErrorKind::PermissionDenied => {
                Refusal { code: WarningCode::Unreadable, reason: "no permission to read it".to_owned() }
            }
            Self::Io(error) => Refusal { code: WarningCode::Unreadable, reason: format!("it cannot be read: {error}") },
        }
    }
}

pub(super) fn missing(reason: &str) -> Refusal {
    Refusal { code: WarningCode::Missing, reason: reason.to_owned() }
}

pub(super) fn too_long() -> Refusal {
    missing("its path is longer than any file's can be")
}

pub(super) fn outside(reason: &str) -> Refusal {
    Refusal { code: WarningCode::Outside, reason: reason.to_owned() }
}

/// What its owner may not read, root does not read for him.
pub(super) fn outside_for_owner(what: &str) -> Refusal {
    outside(&format!(
        "{what}, where that folder's owner may not read; --allow-outside with its folder reads it all the same"
    ))
}

pub(super) fn own_file() -> Refusal {
    outside("it is a file of the server's own, or lies among its keys and backups, where no contents are")
}

pub(super) fn not_a_file(reason: &str) -> Refusal {
    Refusal { code: WarningCode::NotAFile, reason: reason.to_owned() }
}

pub(super) fn check_kind(kind: FileType) -> Result<(), Trouble> {
    if kind.is_file() {
        Ok(())
    } else if kind.is_symlink() {
        Err(Trouble::Link(String::new()))
    } else if kind.is_dir() {
        Err(Trouble::Refused(not_a_file("there is a folder in its place")))
    } else {
        Err(Trouble::Refused(not_a_file("there is a pipe, a socket or a device in its place")))
    }
}
