//! Which folders and documents are restored.

use std::collections::HashMap;

use crate::archive::tables::{Fingerprint, fingerprint};
use crate::error::Result;
use crate::tree::{Entry, Place, Tree};

/// What of an object is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// It lies at the top of what is restored.
    AtTop,
    /// It lies below.
    Below,
    /// Something in it is wanted: it is restored only where the server does not have it.
    AboveSomething,
}

/// The objects that are restored.
pub(super) struct Selection {
    /// Nothing where all are.
    chosen: Option<[HashMap<Fingerprint, Wanted>; 2]>,
    has_root_row: bool,
    goes_elsewhere: bool,
}

impl Selection {
    /// What `only` names in `tree`, with all that is below it; everything where it names nothing. Where it does not go into
    /// another folder, the folders above it are wanted too.
    ///
    /// # Errors
    /// [`Error::NotInBackup`](crate::Error::NotInBackup), [`Error::Ambiguous`](crate::Error::Ambiguous).
    pub(super) fn of(tree: &Tree, only: &[String], goes_elsewhere: bool) -> Result<Self> {
        let has_root_row = tree.has_root_row();
        let mut chosen = [HashMap::new(), HashMap::new()];
        for wanted in only {
            let entry = tree.find(wanted)?;
            if matches!(entry, Entry::Root) {
                return Ok(Self { chosen: None, has_root_row, goes_elsewhere });
            }
            choose(&mut chosen, entry, Wanted::AtTop);
            // A document is its own walk.
            let walk = tree.walk(entry, true).filter(|(below, _)| below.id() != entry.id() || below.id().is_none());
            for (below, depth) in walk {
                let is_top = depth == 0 && matches!(entry, Entry::WithoutFolder);
                choose(&mut chosen, below, if is_top { Wanted::AtTop } else { Wanted::Below });
            }
            if !goes_elsewhere {
                choose_above(&mut chosen, tree, entry);
            }
        }
        Ok(Self { chosen: (!only.is_empty()).then_some(chosen), has_root_row, goes_elsewhere })
    }

    /// Whether all of the backup is restored.
    pub(super) fn is_everything(&self) -> bool {
        self.chosen.is_none()
    }

    /// Whether the folder, or the document, of that id, which lies in `parent`, is wanted.
    pub(super) fn wants(&self, is_document: bool, id: &str, parent: Option<&str>) -> Option<Wanted> {
        if self.goes_elsewhere && !is_document && self.is_root_row(id, parent) {
            return None;
        }
        match &self.chosen {
            Some(chosen) => chosen[usize::from(is_document)].get(&fingerprint(id.as_bytes())).copied(),
            None if parent.is_none() || (self.has_root_row && parent == Some("/")) => Some(Wanted::AtTop),
            None => Some(Wanted::Below),
        }
    }

    fn is_root_row(&self, id: &str, parent: Option<&str>) -> bool {
        self.has_root_row && id == "/" && parent.is_none()
    }
}

fn choose(chosen: &mut [HashMap<Fingerprint, Wanted>; 2], entry: Entry<'_>, wanted: Wanted) {
    if let Some(id) = entry.id() {
        let is_document = matches!(entry, Entry::Document(_));
        let known = chosen[usize::from(is_document)].entry(fingerprint(id.as_bytes())).or_insert(wanted);
        // What is named twice, itself and by a folder above it, lies where that folder goes.
        if wanted == Wanted::Below || *known == Wanted::AboveSomething {
            *known = wanted;
        }
    }
}

fn choose_above(chosen: &mut [HashMap<Fingerprint, Wanted>; 2], tree: &Tree, entry: Entry<'_>) {
    let mut place = match entry {
        Entry::Folder(folder) => folder.place(),
        Entry::Document(document) => document.place(),
        Entry::Root | Entry::WithoutFolder => return,
    };
    while let Place::In(index) = place {
        let folder = tree.folder(index);
        chosen[0].entry(fingerprint(folder.id().as_bytes())).or_insert(Wanted::AboveSomething);
        place = folder.place();
    }
}
