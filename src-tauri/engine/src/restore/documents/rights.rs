//! Who would be let in that the backup's server kept out, and whom its rules name that the new one does not know.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::super::plan::{MAX_NAMED, RestorePlan, RestoredKind, WiderAccess};
use crate::archive::tables::{Fingerprint, fingerprint};
use crate::rights::{Condition, Rule};
use crate::tree::{ComparedRights, Protection, Tree};

/// The objects that are written.
#[derive(Default)]
pub(super) struct WrittenObjects {
    /// Folders and documents, by their ids in the backup.
    ids: [HashSet<Fingerprint>; 2],
    /// The ids of those that get another.
    others: HashMap<Fingerprint, String>,
}

impl WrittenObjects {
    pub(super) fn add(&mut self, is_document: bool, id: &str, written: &str) {
        let key = fingerprint(id.as_bytes());
        self.ids[usize::from(is_document)].insert(key);
        if id != written {
            self.others.insert(key, written.to_owned());
        }
    }

    fn written<'w>(&'w self, is_document: bool, id: &'w str) -> Option<&'w str> {
        let key = fingerprint(id.as_bytes());
        let is_written = self.ids[usize::from(is_document)].contains(&key);
        is_written.then(|| self.others.get(&key).filter(|_| is_document).map_or(id, String::as_str))
    }
}

/// Tells in `plan` what of the written objects would be open to more people in `after` than it was in `backup`.
pub(super) fn tell_wider_access(plan: &mut RestorePlan, backup: &Tree, after: &Tree, objects: &WrittenObjects) {
    let mut rights = ComparedRights::new(backup, after);
    let mut wider = Vec::new();
    let mut look = |kind, id: &str, then: Protection, now: Option<Protection>, path: &dyn Fn() -> String| {
        let Some(compared) = now.map(|now| rights.between(then, now)).filter(|compared| compared.is_wider) else {
            return;
        };
        plan.wider_access_total += 1;
        if wider.len() < MAX_NAMED {
            wider.push((WiderAccess { kind, id: id.to_owned(), path: path(), rights: Vec::new() }, compared.index));
        }
    };
    for folder in backup.folders() {
        if let Some(id) = objects.written(false, folder.id()) {
            let now = after.folder_of_id(id).map(|folder| folder.protection());
            look(RestoredKind::Folder, folder.id(), folder.protection(), now, &|| folder.path());
        }
    }
    for document in backup.documents() {
        if let Some(id) = objects.written(true, document.id()) {
            let now = after.document_of_id(id).map(|document| document.protection());
            look(RestoredKind::Document, document.id(), document.protection(), now, &|| document.path());
        }
    }
    let sets = rights.into_sets();
    plan.wider_access = wider
        .into_iter()
        .map(|(wider, index)| {
            let set = index.and_then(|index| sets.get(index as usize)).cloned().unwrap_or_default();
            WiderAccess { rights: set.into_iter().filter(|change| change.lets_in_more).collect(), ..wider }
        })
        .collect();
}

/// Tells in `plan` which groups and rights the rules of the written objects name that are not among those known.
pub(super) fn tell_unknown_names(
    plan: &mut RestorePlan,
    backup: &Tree,
    objects: &WrittenObjects,
    (groups, rights): &(Vec<String>, Vec<String>),
) {
    let mut named = [BTreeSet::new(), BTreeSet::new()];
    let mut seen = HashSet::new();
    let mut look = |rules: &[Rule]| {
        // Most objects share their rules.
        if seen.insert(rules.as_ptr()) {
            rules.iter().for_each(|rule| collect(&rule.condition, &mut named));
        }
    };
    backup
        .folders()
        .filter(|folder| objects.written(false, folder.id()).is_some())
        .for_each(|folder| look(folder.rules()));
    backup
        .documents()
        .filter(|document| objects.written(true, document.id()).is_some())
        .for_each(|document| look(document.rules()));
    let [named_groups, named_rights] = named;
    let unknown = |named: BTreeSet<String>, known: &[String]| {
        let known: HashSet<_> = known.iter().collect();
        named.into_iter().filter(|name| !known.contains(name)).take(MAX_NAMED).collect()
    };
    plan.unknown_groups = unknown(named_groups, groups);
    plan.unknown_rights = unknown(named_rights, rights);
}

fn collect(condition: &Condition, named: &mut [BTreeSet<String>; 2]) {
    match condition {
        Condition::Group(name) => drop(named[0].insert(name.clone())),
        Condition::Right(name) => drop(named[1].insert(name.clone())),
        Condition::All(parts) | Condition::Any(parts) => parts.iter().for_each(|part| collect(part, named)),
        Condition::Everyone | Condition::Nobody | Condition::NotUnderstood => {}
    }
}
