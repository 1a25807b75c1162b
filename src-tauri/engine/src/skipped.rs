//! Tests that need what is not everywhere: the data of real servers, root, a program.

use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Says that a test was not made and why; past the test runner, which keeps what tests print to itself.
pub(crate) fn skipped(why: &str) {
    let _ = writeln!(std::io::stderr(), "skipped: {why}");
}

/// The folder of that name among the real servers' data, which lie beside a checkout or nowhere.
pub(crate) fn golden(name: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/golden").join(name);
    if !folder.exists() {
        skipped("../shared/golden, the data of real servers, is not here");
        return None;
    }
    Some(folder)
}

/// Whether this process is root's; says that a test was not made for the lack of it, where it is not.
pub(crate) fn is_root(what_needs_it: &str) -> bool {
    let is_root = rustix::process::geteuid().is_root();
    if !is_root {
        skipped(&[what_needs_it, " needs root"].concat());
    }
    is_root
}
