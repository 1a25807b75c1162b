//! File names made of titles: good on Linux, macOS and Windows, and no two alike in a folder on any of them.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use icu_normalizer::DecomposingNormalizerBorrowed;

use crate::archive::tables::{Fingerprint, fingerprint};
use crate::names::{is_bidirectional, is_device_name};

/// Bytes that a name may have on common file systems.
pub(super) const MAX_NAME: usize = 255;
/// Bytes of an ending that are kept when a name is cut.
const MAX_ENDING: usize = 16;

/// The names that are taken, by folder.
#[derive(Default)]
pub(super) struct Names {
    /// And the number that the next of that name gets.
    taken: HashMap<(usize, Fingerprint), u32>,
}

impl Names {
    /// A name for `title` in the folder of that number which nobody has there, and which `is_free`.
    pub(super) fn unique(&mut self, folder: usize, title: &str, mut is_free: impl FnMut(&str) -> bool) -> String {
        let safe = safe(title);
        let first = (folder, folded(&safe));
        let mut number = self.taken.get(&first).copied().unwrap_or(1);
        loop {
            let name = if number == 1 { safe.clone() } else { with_suffix(&safe, &format!(" ({number})")) };
            number += 1;
            if let Entry::Vacant(vacant) = self.taken.entry((folder, folded(&name)))
                && is_free(&name)
            {
                vacant.insert(2);
                self.taken.insert(first, number);
                return name;
            }
        }
    }
}

/// `title` with `suffix` before its ending, as long as a name may be.
pub(super) fn with_suffix(title: &str, suffix: &str) -> String {
    let (stem, ending) = split_ending(title);
    format!("{}{suffix}{ending}", cut(stem, MAX_NAME.saturating_sub(suffix.len() + ending.len())))
}

/// `title` as one part of a path.
fn safe(title: &str) -> String {
    let mut name: String = title.chars().map(|c| if is_allowed(c) { c } else { '_' }).collect();
    if name.len() > MAX_NAME {
        name = with_suffix(&name, "");
    }
    // Windows drops these, and Unix takes dots alone for folders.
    let kept = name.trim_end_matches([' ', '.']).len();
    name.replace_range(kept.., &"_".repeat(name.len() - kept));
    if name.starts_with(' ') {
        name.replace_range(..1, "_");
    }
    if name.is_empty() {
        name.push('_');
    }
    if is_device_name(&name) || name.starts_with(super::target::OWN_PREFIX) {
        name = with_suffix(&format!("_{name}"), "");
    }
    name
}

fn is_allowed(c: char) -> bool {
    !c.is_control()
        && !is_bidirectional(c)
        && !matches!(c, '/' | '\\' | '<' | '>' | ':' | '"' | '|' | '?' | '*' | '\u{2028}' | '\u{2029}' | '\u{feff}')
}

/// What is the same for names that some system takes for one.
fn folded(name: &str) -> Fingerprint {
    let lower = name.to_lowercase();
    fingerprint(DecomposingNormalizerBorrowed::new_nfd().normalize(&lower).as_bytes())
}

fn split_ending(name: &str) -> (&str, &str) {
    match name.rfind('.') {
        Some(dot) if dot > 0 && name.len() - dot <= MAX_ENDING => name.split_at(dot),
        _ => (name, ""),
    }
}

/// At most `most` bytes of `text`, up to where a character ends.
fn cut(text: &str, most: usize) -> &str {
    let end = (0..=most.min(text.len())).rev().find(|&end| text.is_char_boundary(end)).unwrap_or_default();
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_on_every_system() {
        for (title, expected) in [
            ("合同-2025（已签署）.pdf", "合同-2025（已签署）.pdf"),
            ("../../etc/passwd", ".._.._etc_passwd"),
            ("..", "__"),
            (".", "_"),
            ("", "_"),
            ("trailing. . ", "trailing____"),
            (" leading", "_leading"),
            ("C:\\Windows\\x?.txt", "C__Windows_x_.txt"),
            ("a\0b\nc\u{1b}[2J\u{202e}", "a_b_c_[2J_"),
            ("con", "_con"),
            ("NUL.tar.gz", "_NUL.tar.gz"),
            ("com1 .txt", "_com1 .txt"),
            ("console", "console"),
            (".cfms-extract-1", "_.cfms-extract-1"),
            (".hidden", ".hidden"),
        ] {
            assert_eq!(safe(title), expected, "{title:?}");
        }
    }

    #[test]
    fn long_names_are_cut_where_a_character_ends_and_keep_their_ending() {
        for title in ["x".repeat(300) + ".pdf", "字".repeat(200) + ".pdf", "é".repeat(127) + "x.pdf", "y".repeat(400)]
        {
            let name = safe(&title);
            assert!(name.len() <= MAX_NAME && name.len() > MAX_NAME - 4, "{} bytes", name.len());
            assert_eq!(name.ends_with(".pdf"), title.ends_with(".pdf"));
        }
        assert!(safe(&("x".repeat(254) + " .")).ends_with('_'));
        assert_eq!(with_suffix("Budget.xlsx", " (revision 1)"), "Budget (revision 1).xlsx");
        assert_eq!(with_suffix(".hidden", " (2)"), ".hidden (2)");
    }

    #[test]
    fn names_that_any_system_takes_for_one_become_two() {
        let mut names = Names::default();
        let mut unique = |folder, title: &str| names.unique(folder, title, |_| true);
        assert_eq!(unique(0, "Budget.xlsx"), "Budget.xlsx");
        assert_eq!(unique(0, "BUDGET.xlsx"), "BUDGET (2).xlsx");
        assert_eq!(unique(0, "budget.xlsx"), "budget (3).xlsx");
        assert_eq!(unique(0, "Budget (2).xlsx"), "Budget (2) (2).xlsx");
        assert_eq!(unique(1, "Budget.xlsx"), "Budget.xlsx");
        assert_eq!(unique(0, "caf\u{e9}"), "caf\u{e9}");
        assert_eq!(unique(0, "cafe\u{301}"), "cafe\u{301} (2)");
        assert_eq!(unique(0, "a/b"), "a_b");
        assert_eq!(unique(0, "a_b"), "a_b (2)");
        let long = "z".repeat(255);
        let names: std::collections::HashSet<_> = (0..300).map(|_| unique(0, &long)).collect();
        assert!(names.len() == 300 && names.iter().all(|name| name.len() <= MAX_NAME));
    }
}
