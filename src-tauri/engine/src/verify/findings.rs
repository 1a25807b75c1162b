//! What a check has found so far: the first of each kind in full, all of them counted.

use super::{Finding, FindingCode, Severity};
use crate::archive::manifest_reader::shortened;
use crate::listed::{Listed, Told};

/// The findings of one check.
#[derive(Default)]
pub(super) struct Findings {
    damage: Listed<Finding>,
    warnings: Listed<Finding>,
}

impl Findings {
    /// Notes something that condemns the archive.
    pub(super) fn damage(&mut self, code: FindingCode, subject: Option<&str>, reason: &str) {
        self.damage.note(|| finding(Severity::Damage, code, subject, None, reason));
    }

    /// Notes something odd.
    pub(super) fn warning(&mut self, code: FindingCode, subject: &str, title: Option<&str>, reason: &str) {
        self.warnings.note(|| finding(Severity::Warning, code, Some(subject), title, reason));
    }

    /// Whether one more damage would be listed, and not only counted.
    pub(super) fn has_room_for_damage(&self) -> bool {
        self.damage.has_room()
    }

    /// Counts damage that is not listed any more.
    pub(super) fn count_damage(&mut self, more: u64) {
        self.damage.count(more);
    }

    /// Counts warnings that are not listed any more.
    pub(super) fn count_warnings(&mut self, more: u64) {
        self.warnings.count(more);
    }

    /// Whether anything condemns the archive.
    pub(super) fn has_damage(&self) -> bool {
        self.damage.total() > 0
    }

    /// Whether the file is not the one that the key file means.
    pub(super) fn contradict_the_digest(&self) -> bool {
        self.damage.list().iter().any(|finding| finding.code == FindingCode::Digest)
    }

    /// How many there are in all.
    pub(super) fn total(&self) -> u64 {
        self.damage.total() + self.warnings.total()
    }

    /// Damage first.
    pub(super) fn into_list(self) -> Vec<Finding> {
        self.damage.followed_by(self.warnings).into_list()
    }
}

fn finding(severity: Severity, code: FindingCode, subject: Option<&str>, title: Option<&str>, reason: &str) -> Finding {
    let (subject, title) = (subject.map(shortened), title.map(shortened));
    Finding { severity, code, subject, title, reason: shortened(reason) }
}

impl Told for Finding {
    fn bytes(&self) -> usize {
        [&self.subject, &self.title].into_iter().flatten().map(String::len).sum::<usize>() + self.reason.len()
    }
}
