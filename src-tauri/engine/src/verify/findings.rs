//! What a check has found so far: the first of each kind in full, all of them counted.

use super::{Finding, FindingCode, MAX_FINDINGS, Severity};
use crate::archive::manifest_reader::shortened;

/// The findings of one check.
#[derive(Default)]
pub(super) struct Findings {
    damage: Vec<Finding>,
    warnings: Vec<Finding>,
    damage_total: u64,
    warnings_total: u64,
}

impl Findings {
    /// Notes something that condemns the archive.
    pub(super) fn damage(&mut self, code: FindingCode, subject: Option<&str>, reason: &str) {
        self.damage_total += 1;
        if self.damage.len() < MAX_FINDINGS {
            self.damage.push(finding(Severity::Damage, code, subject, None, reason));
        }
    }

    /// Notes something odd.
    pub(super) fn warning(&mut self, code: FindingCode, subject: &str, title: Option<&str>, reason: &str) {
        self.warnings_total += 1;
        if self.warnings.len() < MAX_FINDINGS {
            self.warnings.push(finding(Severity::Warning, code, Some(subject), title, reason));
        }
    }

    /// Whether one more damage would be listed, and not only counted.
    pub(super) fn has_room_for_damage(&self) -> bool {
        self.damage.len() < MAX_FINDINGS
    }

    /// Counts damage that is not listed any more.
    pub(super) fn count_damage(&mut self, more: u64) {
        self.damage_total += more;
    }

    /// Counts warnings that are not listed any more.
    pub(super) fn count_warnings(&mut self, more: u64) {
        self.warnings_total += more;
    }

    /// Whether anything condemns the archive.
    pub(super) fn has_damage(&self) -> bool {
        self.damage_total > 0
    }

    /// Whether the file is not the one that the key file means.
    pub(super) fn contradict_the_digest(&self) -> bool {
        self.damage.iter().any(|finding| finding.code == FindingCode::Digest)
    }

    /// How many there are in all.
    pub(super) fn total(&self) -> u64 {
        self.damage_total + self.warnings_total
    }

    /// Damage first.
    pub(super) fn into_list(self) -> Vec<Finding> {
        let mut list = self.damage;
        list.extend(self.warnings);
        list.truncate(MAX_FINDINGS);
        list
    }
}

fn finding(severity: Severity, code: FindingCode, subject: Option<&str>, title: Option<&str>, reason: &str) -> Finding {
    let (subject, title) = (subject.map(shortened), title.map(shortened));
    Finding { severity, code, subject, title, reason: shortened(reason) }
}
