//! The manifest's promises: every member to the byte, and what the backup never held.

use std::collections::HashMap;

use super::FindingCode;
use super::findings::Findings;
use super::inventory::Inventory;
use crate::archive::manifest;
use crate::archive::manifest_reader::{ManifestFacts, ManifestVisitor, Missing, Promised, shortened};
use crate::archive::tables::{Fingerprint, fingerprint};
use crate::listed::{Listed, Told};
use crate::warning::WarningCode;

/// The reason where none is given.
pub(super) const NOT_HELD: &str = "the archive does not hold this content";

/// What a manifest says about what is not there; fingerprints, sorted.
#[derive(Default)]
pub(super) struct Promises {
    /// Names of members that are not there, or not as it says.
    broken: Vec<Fingerprint>,
    /// Ids of contents that it says are missing.
    missing: Vec<Fingerprint>,
}

impl Promises {
    /// Whether the member `name` was promised and is not there, or is another one.
    pub(super) fn broken_for(&self, name: &str) -> bool {
        self.broken.binary_search(&fingerprint(name.as_bytes())).is_ok()
    }

    /// Whether the manifest says that the content `file_id` is missing, or stored in part.
    pub(super) fn explain(&self, file_id: &str) -> bool {
        self.missing.binary_search(&fingerprint(file_id.as_bytes())).is_ok()
    }
}

/// The members of an archive while they are held against its manifest.
pub(super) struct HeldAgainst<'a> {
    inventory: &'a Inventory,
    announced: Vec<bool>,
    promises: Promises,
    /// Contents that the backup never held.
    lacking: Listed<Lacking>,
    findings: &'a mut Findings,
}

struct Lacking {
    file_id: String,
    reason: String,
}

impl Told for Lacking {
    fn bytes(&self) -> usize {
        self.file_id.len() + self.reason.len()
    }
}

impl<'a> HeldAgainst<'a> {
    /// Nothing is known yet of the manifest.
    pub(super) fn new(inventory: &'a Inventory, findings: &'a mut Findings) -> Self {
        let announced = vec![false; inventory.count() as usize];
        let promises = Promises::default();
        Self { inventory, announced, promises, lacking: Listed::default(), findings }
    }

    /// All of the manifest has been read, and `facts` are the rest of it. Returns the promises, and the numbers of the
    /// members that it does not know.
    pub(super) fn finish(mut self, facts: &ManifestFacts) -> (Promises, impl Iterator<Item = usize> + use<>) {
        self.promises.broken.sort_unstable();
        self.promises.missing.sort_unstable();
        self.tell_of_missing(facts);
        if let Some((index, _)) = self.inventory.find(manifest::NAME) {
            self.announce(index);
        }
        let unknown = self.announced.into_iter().enumerate().filter(|(_, announced)| !announced);
        (self.promises, unknown.map(|(index, _)| index))
    }

    /// Warns of contents that the backup never held, or not whole; the manifest's warnings have the titles.
    fn tell_of_missing(&mut self, facts: &ManifestFacts) {
        let titled = facts.warnings.iter().filter_map(|told| Some((told.file_id.as_deref()?, told.title.as_deref()?)));
        let titles: HashMap<&str, &str> = titled.collect();
        for Lacking { file_id, reason } in self.lacking.list() {
            let title = titles.get(file_id.as_str()).copied();
            self.findings.warning(FindingCode::ContentMissing, file_id, title, reason);
        }
        self.findings.count_warnings(self.lacking.unlisted());
        for changed in facts.warnings.iter().filter(|told| told.code == WarningCode::Changed) {
            let file_id = changed.file_id.as_deref().unwrap_or_default();
            if !self.promises.explain(file_id) {
                self.findings.warning(FindingCode::ContentMissing, file_id, changed.title.as_deref(), &changed.reason);
            }
        }
    }

    fn announce(&mut self, index: usize) {
        for index in self.inventory.same_name(index) {
            self.announced[index] = true;
        }
    }
}

impl ManifestVisitor for HeldAgainst<'_> {
    fn member(&mut self, promised: Promised) {
        let name = promised.name.as_str();
        let found = self.inventory.find(name);
        let broken = match found {
            None => Some("the manifest promises it, and it is not there".to_owned()),
            Some((_, first)) if first.size != promised.size => {
                Some(format!("it has {} bytes; the manifest says {}", first.size, promised.size))
            }
            Some((_, first)) if first.sha256 != promised.sha256 => {
                Some("its bytes are not those that the manifest says".to_owned())
            }
            Some(_) => None,
        };
        if let Some(reason) = broken {
            self.findings.damage(FindingCode::Manifest, Some(name), &reason);
            self.promises.broken.push(fingerprint(name.as_bytes()));
        }
        if let Some((index, _)) = found {
            self.announce(index);
        }
    }

    fn missing(&mut self, missing: Missing) {
        self.promises.missing.push(fingerprint(missing.file_id.0.as_bytes()));
        if missing.never_was() {
            return;
        }
        self.lacking.note(|| {
            let reason = missing.reason.text().map_or_else(|| NOT_HELD.to_owned(), shortened);
            Lacking { file_id: shortened(&missing.file_id.0), reason }
        });
    }
}
