//! A copy that was made while its original was written to, put right.
//!
//! Under SQLite's lock the server waits, so as little as possible should be written there: of a large database nearly all
//! was copied before, and what differs is a few blocks.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Bytes that are compared at once.
const BLOCK: usize = 1024 * 1024;

/// Makes `draft` the same as `original`, which nobody changes meanwhile. `check` is asked before each block whether to go on.
pub(super) fn put_right(draft: &File, original: &File, mut check: impl FnMut() -> io::Result<()>) -> io::Result<()> {
    let (mut meant, mut drafted) = (vec![0; BLOCK], vec![0; BLOCK]);
    let mut at = 0;
    loop {
        check()?;
        let meant = read_at(original, &mut meant, at)?;
        if meant.is_empty() {
            return draft.set_len(at);
        }
        if read_at(draft, &mut drafted, at)? != meant {
            draft.write_all_at(meant, at)?;
        }
        at += meant.len() as u64;
    }
}

/// What there is at `at`, as much as the buffer takes; less only at the end.
fn read_at<'b>(file: &File, buffer: &'b mut [u8], at: u64) -> io::Result<&'b [u8]> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read_at(&mut buffer[filled..], at + filled as u64) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(&buffer[..filled])
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Seek, Write};

    use super::*;

    fn file(bytes: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    #[test]
    fn a_draft_becomes_its_original_whatever_it_was() {
        let original: Vec<u8> = (0..3 * BLOCK + 17).map(|i| (i % 251) as u8).collect();
        let mut torn = original.clone();
        torn[BLOCK + 5] ^= 1;
        let longer = [original.as_slice(), &[9; 4096]].concat();
        for draft in [&original[..], &torn, &longer, &original[..BLOCK], &[]] {
            let mut draft = file(draft);
            put_right(&draft, &file(&original), || Ok(())).unwrap();
            let mut bytes = Vec::new();
            draft.rewind().unwrap();
            draft.read_to_end(&mut bytes).unwrap();
            assert!(bytes == original);
        }
    }
}
