//! Names of backups and of members, whatever text they are made of.

use std::collections::HashMap;
use std::path::{Component, Path};

use cfms_backup::BackupName;
use cfms_backup::names::content_member;
use proptest::prelude::*;
use sha2::{Digest as _, Sha256};

/// Texts that trip over one thing or another more often than chance would have it.
fn odd_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just(".".to_owned()),
        Just("..".to_owned()),
        Just("/".to_owned()),
        Just("\\".to_owned()),
        Just("%".to_owned()),
        Just("CON".to_owned()),
        Just("COM¹".to_owned()),
        Just(" ".to_owned()),
        Just("-".to_owned()),
        Just("\0".to_owned()),
        Just("\u{202e}".to_owned()),
        Just(".cfms.enc".to_owned()),
        "[a-z0-9]{1,8}",
        "\\PC{1,4}",
        any::<char>().prop_map(String::from),
        (1usize..300).prop_map(|n| "é".repeat(n)),
    ];
    prop_oneof![any::<String>(), prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())]
}

/// Whether a path stays in the folder that it is joined to, on any system.
fn stays_below(path: &str) -> bool {
    let parts_are_normal = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
    let parts_are_short = path.split('/').all(|part| (1..=255).contains(&part.len()) && part != "." && part != "..");
    parts_are_normal && parts_are_short && !path.contains('\\') && !path.chars().any(char::is_control)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_name_that_is_taken_is_one_part_of_a_path_and_fits_every_file_system(text in odd_text()) {
        let Ok(name) = BackupName::parse(&text) else { return Ok(()) };
        prop_assert_eq!(name.as_str(), text.as_str());
        for file in [name.archive_file(), name.key_file(), name.numbered(u32::MAX).archive_file()] {
            prop_assert!(stays_below(&file) && !file.contains('/'), "{:?}", file);
            prop_assert!(!file.contains(['<', '>', ':', '"', '|', '?', '*']) && !file.starts_with(['-', '.', ' ']), "{:?}", file);
            prop_assert!(file.len() + "..cfms-partial".len() <= 255);
            prop_assert!(!file.chars().any(cfms_backup::names::is_bidirectional));
        }
    }

    #[test]
    fn an_ordinary_name_is_taken(text in "[A-Za-z0-9\u{4e00}-\u{9fff}][A-Za-z0-9_ \u{4e00}-\u{9fff}-]{0,60}[A-Za-z0-9_]") {
        let device = ["con", "prn", "aux", "nul"].contains(&text.to_lowercase().as_str()) || (text.len() == 4 && text.to_lowercase().starts_with(['c', 'l']));
        prop_assert!(device || BackupName::parse(&text).is_ok());
    }

    #[test]
    fn the_member_of_any_id_stays_below_its_folder(id in odd_text()) {
        for folder in ["files", "server/files"] {
            let member = content_member(folder, &id);
            prop_assert!(Path::new(&member).starts_with(folder));
            prop_assert!(stays_below(&member), "{:?}", member);
        }
    }

    #[test]
    fn ids_never_share_a_member(ids in prop::collection::vec(odd_text(), 1..20)) {
        // For every id the one that an attacker would choose to be taken for it.
        let forged: Vec<_> = ids.iter().map(|id| content_member("", id).trim_start_matches('/').to_owned()).collect();
        let mut members: HashMap<String, &str> = HashMap::new();
        for id in ids.iter().chain(&forged) {
            let member = content_member("files", id);
            if let Some(other) = members.insert(member.clone(), id) {
                prop_assert_eq!(other, id.as_str(), "share {}", member);
            }
        }
    }

    #[test]
    fn the_ids_of_real_servers_keep_their_names(id in "[0-9a-f]{64}|hello|init|[A-Za-z0-9_-]{1,255}") {
        prop_assert_eq!(content_member("files", &id), format!("files/{id}"));
    }

    #[test]
    fn an_odd_id_is_found_by_its_digest(id in "(\\.\\./|%|/)[a-z]{0,9}/{0,3}\\.\\.") {
        let digest: String = Sha256::digest(id.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
        prop_assert_eq!(content_member("files", &id), format!("files/%{digest}"));
    }
}
