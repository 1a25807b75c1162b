//! Damage to an archive is found, all of it, whatever it hits.

use std::fs;
use std::path::{Path, PathBuf};

use cfms_backup::{Code, Job, Severity, Verdict, verify};
use serde_json::Value;

use crate::harness::{Ground, Seeded, golden, rounds};

/// An archive of the awkward server, and its bytes.
fn archive() -> (Ground, PathBuf, Vec<u8>) {
    let ground = Ground::with("awkward");
    ground.create("a", &[]).ended(0);
    let path = ground.archive("a");
    let bytes = fs::read(&path).unwrap();
    (ground, path, bytes)
}

/// Whether the archive passes for what was written; every answer but a panic is one.
fn passes(path: &Path) -> bool {
    match verify(path, None, &Job::silent()) {
        Ok(verification) => verification.verdict != Verdict::Damaged,
        Err(error) => {
            assert!(
                matches!(error.code(), Code::WrongKey | Code::Damaged | Code::Truncated | Code::UnsupportedVersion),
                "{error}"
            );
            false
        }
    }
}

#[test]
fn every_flipped_bit_is_found() {
    let (_ground, path, sound) = archive();
    assert!(passes(&path), "it is sound before");
    let mut seeded = Seeded(400);
    for round in 0..rounds(120, 400) {
        let mut bytes = sound.clone();
        // Every eighth hits the borders, where formats are weakest: the IV, the first header, the end.
        let position = match round % 8 {
            0 => seeded.below(528),
            1 => sound.len() as u64 - 1 - seeded.below(48),
            _ => seeded.below(sound.len() as u64),
        };
        let bit = seeded.below(8);
        bytes[position as usize] ^= 1 << bit;
        fs::write(&path, &bytes).unwrap();
        assert!(!passes(&path), "bit {bit} of byte {position} is flipped");
    }
}

#[test]
fn every_truncation_is_found() {
    let (_ground, path, sound) = archive();
    let mut seeded = Seeded(40);
    let length = sound.len() as u64;
    let borders = [
        0,
        1,
        15,
        16,
        17,
        32,
        528,
        1040,
        length - 1,
        length - 16,
        length - 17,
        length - 512,
        length - 1024,
        length - 10240,
    ];
    let cuts = (0..rounds(26, 400)).map(|round| {
        let anywhere = seeded.below(length);
        // At blocks of the cipher and of the tar, too.
        [anywhere, anywhere / 16 * 16, 16 + anywhere / 512 * 512][round as usize % 3].min(length - 1)
    });
    for cut in borders.into_iter().chain(cuts) {
        fs::write(&path, &sound[..cut as usize]).unwrap();
        assert!(!passes(&path), "cut after {cut} of {length} bytes");
    }
}

/// Without the digest in the key file the manifest alone has to find it; a bit in a filling between two members says
/// nothing about any byte of them, and the report says that such an archive is not proven.
#[test]
fn without_the_digest_damage_to_a_member_is_found_and_nothing_is_called_verified() {
    let (ground, path, sound) = archive();
    let mut key: Value = serde_json::from_slice(&fs::read(ground.key("a")).unwrap()).unwrap();
    key.as_object_mut().unwrap().retain(|field, _| !field.starts_with("archive_"));
    fs::write(ground.key("a"), key.to_string()).unwrap();
    let mut seeded = Seeded(7);
    let mut found = 0;
    let whole = rounds(60, 400);
    for _ in 0..whole {
        let mut bytes = sound.clone();
        bytes[seeded.below(sound.len() as u64) as usize] ^= 1 << seeded.below(8);
        fs::write(&path, &bytes).unwrap();
        match verify(&path, None, &Job::silent()) {
            Ok(verification) => {
                assert_ne!(verification.verdict, Verdict::Verified);
                found += u64::from(verification.verdict == Verdict::Damaged);
            }
            Err(_) => found += 1,
        }
    }
    assert!(found * 2 > whole, "{found} of {whole}");
}

#[test]
fn bytes_behind_the_end_are_found() {
    let (_ground, path, sound) = archive();
    for tail in [vec![0; 1], vec![0; 16], vec![7; 16], sound.clone()] {
        fs::write(&path, [&sound[..], &tail].concat()).unwrap();
        assert!(!passes(&path), "{} bytes follow the end", tail.len());
    }
}

#[test]
fn a_wrong_key_is_told_apart_from_damage() {
    let (ground, _path, _) = archive();
    ground.create("b", &[]).ended(0);
    fs::copy(ground.key("b"), ground.key("a")).unwrap();
    for verb in ["verify", "inspect"] {
        let run = ground.on_archive(verb, "a").ended(4);
        assert_eq!(run.error_code(), "wrong_key");
    }
}

#[test]
fn damage_to_the_head_or_to_the_end_is_no_wrong_key() {
    let (ground, path, sound) = archive();
    let length = sound.len();
    for (from, to) in [(0, 16), (16, 528), (length - 16, length), (length - 2048, length)] {
        let mut bytes = sound.clone();
        bytes[from..to].fill(0xa5);
        fs::write(&path, &bytes).unwrap();
        let run = ground.on_archive("verify", "a").ended(5);
        assert_eq!(run.error_code(), "damaged", "{run:?}");
    }
    fs::write(&path, &sound[..length / 2]).unwrap();
    assert_eq!(ground.on_archive("verify", "a").ended(5).error_code(), "truncated");
}

#[test]
fn the_archive_of_a_real_server_is_condemned_for_the_one_content_that_is_wrong() {
    let Some(golden) = golden() else { return };
    let verification = verify(&golden.join("golden/golden.cfms.enc"), None, &Job::silent()).unwrap();
    assert_eq!(verification.verdict, Verdict::Damaged);
    let damage: Vec<_> = verification.findings.iter().filter(|finding| finding.severity == Severity::Damage).collect();
    assert_eq!(damage.len(), 1, "{damage:?}");
    assert!(damage[0].subject.as_deref().unwrap_or_default().ends_with("anom_wrongsha"), "{damage:?}");
    assert_eq!(verification.not_checked.len(), 2);
}
