//! Which processes have a file open.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// The numbers of the running processes that have the file `path` open, as far as this user may see that; this one is none
/// of them.
pub(crate) fn open_in(path: &Path) -> Vec<u32> {
    let Ok(wanted) = fs::metadata(path) else { return Vec::new() };
    let has_it = |folder: &Path| {
        fs::read_dir(folder).into_iter().flatten().flatten().any(|open| {
            fs::metadata(open.path()).is_ok_and(|found| (found.dev(), found.ino()) == (wanted.dev(), wanted.ino()))
        })
    };
    let numbers = fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = numbers.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let others = numbers.filter(|number| *number != std::process::id());
    let mut processes: Vec<u32> = others.filter(|number| has_it(Path::new(&format!("/proc/{number}/fd")))).collect();
    processes.sort_unstable();
    processes
}
