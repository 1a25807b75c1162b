//! Archives that lost bytes, or bits.

use std::collections::BTreeMap;
use std::io::Read;

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

#[test]
fn a_tar_changed_before_it_was_encrypted_is_judged_and_never_a_panic() {
    let folder = tempdir().unwrap();
    let sound = SmallServer::new().whole();
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = |below: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random % below as u64) as usize
    };
    let mut accepted = 0;
    for round in 0..1500 {
        let mut changed = sound.clone();
        for _ in 0..=next(4) {
            let at = next(changed.tar.len());
            match next(4) {
                0 => changed.tar[at] = next(256) as u8,
                1 => changed.tar[at] = b"0123456789\"{}[],:\\\0\xff"[next(20)],
                2 => {
                    // A block moves: members lose their headers, headers their members.
                    let from = next(changed.tar.len() / 512) * 512;
                    changed.tar.copy_within(from..from + 512, at / 512 * 512);
                }
                _ => changed.tar.truncate((at / 512 + 1) * 512),
            }
        }
        let path = changed.write(folder.path(), true);
        if let Ok(verification) = verify(&path, None, &Job::silent())
            && verification.verdict == Verdict::Verified
        {
            assert_eq!(members_of(&changed.tar), members_of(&sound.tar), "round {round}");
            accepted += 1;
        }
        // It must end, one way or the other.
        let _ = crate::inspect(&path, None);
    }
    // Owners and times are nobody's business, so a few changes are none.
    assert!((1..500).contains(&accepted), "{accepted} accepted");
}

/// Every member but the manifest, whose own words nothing speaks of, as an independent reader sees them.
fn members_of(tar: &[u8]) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let mut archive = tar::Archive::new(tar);
    let mut members = BTreeMap::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path_bytes().into_owned();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        if name != b"manifest.json" {
            members.insert(name, bytes);
        }
    }
    members
}
