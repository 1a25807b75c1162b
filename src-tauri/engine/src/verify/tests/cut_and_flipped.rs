//! Archives that lost bytes, or bits.

use tempfile::tempdir;

use crate::archive::forge::SmallServer;
use crate::error::Error;
use crate::job::Job;
use crate::verify::{FindingCode, Verdict, verify};

#[test]
fn every_single_flipped_byte_is_found_and_none_is_a_panic() {
    let folder = tempdir().unwrap();
    let path = SmallServer::new().whole().write(folder.path(), true);
    let sound = std::fs::read(&path).unwrap();
    for at in 0..sound.len() {
        let mut flipped = sound.clone();
        flipped[at] ^= 1 << (at % 8);
        std::fs::write(&path, flipped).unwrap();
        let verification = verify(&path, None, &Job::silent()).unwrap_or_else(|error| panic!("byte {at}: {error}"));
        assert_eq!(verification.verdict, Verdict::Damaged, "byte {at}");
        assert!(matches!(verification.damage(), Some(Error::Damaged { .. })), "byte {at}: {:?}", verification.findings);
    }
}

#[test]
fn a_flipped_byte_without_a_digest_is_never_a_panic_nor_called_verified() {
    let folder = tempdir().unwrap();
    let path = SmallServer::new().whole().write(folder.path(), false);
    let sound = std::fs::read(&path).unwrap();
    for at in (0..sound.len()).step_by(7) {
        let mut flipped = sound.clone();
        flipped[at] ^= 0x80 >> (at % 8);
        std::fs::write(&path, flipped).unwrap();
        if let Ok(verification) = verify(&path, None, &Job::silent()) {
            assert_ne!(verification.verdict, Verdict::Verified, "byte {at}");
        }
        // It must end, one way or the other.
        let _ = crate::inspect(&path, None);
    }
}

#[test]
fn a_cut_at_any_byte_is_truncation() {
    let folder = tempdir().unwrap();
    let path = SmallServer::new().whole().write(folder.path(), false);
    let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    for length in (0..file.metadata().unwrap().len()).rev() {
        file.set_len(length).unwrap();
        let verification =
            verify(&path, None, &Job::silent()).unwrap_or_else(|error| panic!("{length} bytes: {error}"));
        let damage = verification.damage();
        assert!(matches!(damage, Some(Error::Truncated { .. })), "{length} bytes: {:?}", verification.findings);
    }
}

#[test]
fn a_cut_archive_with_a_digest_is_truncation_too() {
    let folder = tempdir().unwrap();
    let path = SmallServer::new().whole().write(folder.path(), true);
    let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    for length in (0..file.metadata().unwrap().len()).rev().step_by(97) {
        file.set_len(length).unwrap();
        let verification = verify(&path, None, &Job::silent()).unwrap();
        assert!(matches!(verification.damage(), Some(Error::Truncated { .. })), "{length} bytes");
        assert_eq!(verification.findings[0].code, FindingCode::Digest, "{length} bytes");
    }
}
