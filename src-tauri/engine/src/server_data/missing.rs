//! Contents that a backup lacks: how many are too many, and where they should be.

use std::path::{Path, PathBuf};

/// Fewer missing contents than this are warnings, however small the server is, as long as some are there.
const MANY: u64 = 10;

/// Whether a backup that lacks `missing` of the `total` contents of documents must not be taken for one: all of them, or at
/// least ten and five in a hundred. Then a disk is probably not mounted.
pub(crate) fn is_incomplete(missing: u64, total: u64) -> bool {
    missing > 0 && (missing >= total || (missing >= MANY && missing.saturating_mul(20) >= total))
}

/// The deepest folder that all missing contents share.
#[derive(Debug, Default)]
pub(crate) struct MissingBelow {
    common: Option<PathBuf>,
}

impl MissingBelow {
    /// Takes the place where a missing content should be into account.
    pub(crate) fn add(&mut self, path: impl AsRef<Path>) {
        let folder = path.as_ref().parent().unwrap_or(Path::new(""));
        match &mut self.common {
            None => self.common = Some(folder.to_path_buf()),
            Some(common) => while !folder.starts_with(&*common) && common.pop() {},
        }
    }

    /// The folder, if there is one that says anything: the file system's root does not.
    pub(crate) fn folder(&self) -> Option<PathBuf> {
        self.common.clone().filter(|folder| folder.parent().is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backup_is_incomplete_without_any_content_or_with_ten_and_five_percent_missing() {
        for (missing, total, expected) in [
            (0, 0, false),
            (0, 5, false),
            (1, 1, true),
            (1, 2, false),
            (9, 10, false),
            (10, 11, true),
            (10, 200, true),
            (10, 201, false),
            (50, 1001, false),
            (51, 1001, true),
        ] {
            assert_eq!(is_incomplete(missing, total), expected, "{missing} of {total}");
        }
    }

    #[test]
    fn the_folder_named_is_the_deepest_that_all_missing_contents_share() {
        let mut below = MissingBelow::default();
        assert_eq!(below.folder(), None);
        below.add("/srv/content/files/2026/11/a");
        assert_eq!(below.folder(), Some("/srv/content/files/2026/11".into()));
        below.add("/srv/content/files/2026/12/b");
        assert_eq!(below.folder(), Some("/srv/content/files/2026".into()));
        below.add("/srv/content/files2/c");
        assert_eq!(below.folder(), Some("/srv/content".into()));
        below.add("/elsewhere/d");
        assert_eq!(below.folder(), None);
    }
}
