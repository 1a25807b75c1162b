//! Paths: those that people type, and files of the program's own.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// The path that a person means: `~` is their home, and what is not absolute lies below it.
pub(crate) fn typed(text: &str, home: &Path) -> PathBuf {
    match text.trim() {
        "~" => home.to_path_buf(),
        text => home.join(text.strip_prefix("~/").unwrap_or(text)),
    }
}

/// The folder itself or the nearest one above it that exists, for a dialog to open in.
pub(crate) fn nearest_folder(path: &Path) -> Option<&Path> {
    path.ancestors().find(|folder| folder.is_dir())
}

/// Creates a folder that only its owner may look into, and those above it.
pub(crate) fn create_private_folder(folder: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Replaces the file at `path` by one that only its owner may read, in one step: a reader sees the old or the new one.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    create_private_folder(folder)?;
    let beside = path.with_extension(format!("{}.partial", std::process::id()));
    let written =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside).and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()
        });
    let replaced = written.and_then(|()| fs::rename(&beside, path));
    if replaced.is_err() {
        let _ = fs::remove_file(&beside);
    }
    replaced
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typed_path_is_below_home_unless_it_is_absolute() {
        let home = Path::new("/home/ada");
        assert_eq!(typed(" /srv/cfms ", home), Path::new("/srv/cfms"));
        assert_eq!(typed("~", home), home);
        assert_eq!(typed("~/cfms", home), Path::new("/home/ada/cfms"));
        assert_eq!(typed("cfms", home), Path::new("/home/ada/cfms"));
    }

    #[test]
    fn a_dialog_opens_in_the_nearest_folder_that_exists() {
        let folder = std::env::temp_dir();
        assert_eq!(nearest_folder(&folder.join("no such folder/below")), Some(&*folder));
    }
}
