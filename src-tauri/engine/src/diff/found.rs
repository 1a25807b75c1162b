//! A folder or document that differs, in few bytes: there may be hundreds of thousands.

use super::{
    ChangedKind, ContentChange, Document, Entry, Folder, ObjectChange, ObjectState, Place, Rank, RevisionChanges,
    RightChange, Status, Tree,
};
use crate::rights::Rule;
use crate::tree::Protection;

/// What folders and documents have in common.
pub(super) struct Facts<'t> {
    entry: Entry<'t>,
    pub(super) id: &'t str,
    pub(super) title: &'t str,
    place: At<'t>,
    pub(super) status: Status,
    rules: &'t [Rule],
    inherits: bool,
    pub(super) protection: Protection,
}

/// Where something lies, so that it can be compared between trees.
#[derive(PartialEq)]
enum At<'t> {
    Root,
    Nowhere,
    In(&'t str),
}

/// Something that differs.
pub(super) struct Found<'t> {
    old: Option<Entry<'t>>,
    new: Option<Entry<'t>>,
    pub(super) renamed: bool,
    pub(super) moved: bool,
    pub(super) content: ContentChange,
    pub(super) revisions: RevisionChanges,
    /// Which of the sets of changed rights.
    pub(super) rights: Option<u32>,
    pub(super) rights_from_above: bool,
    /// None where nothing differs.
    pub(super) rank: Option<Rank>,
}

impl<'t> Facts<'t> {
    /// None of the places that are no rows.
    pub(super) fn of(entry: Entry<'t>) -> Option<Self> {
        match entry {
            Entry::Root | Entry::WithoutFolder => None,
            Entry::Folder(folder) => Some(Self::of_folder(folder)),
            Entry::Document(document) => Some(Self::of_document(document)),
        }
    }

    fn of_folder(folder: Folder<'t>) -> Self {
        Self {
            entry: Entry::Folder(folder),
            id: folder.id(),
            title: folder.name(),
            place: At::of(folder.tree(), folder.place()),
            status: folder.status(),
            rules: folder.rules(),
            inherits: folder.inherits(),
            protection: folder.protection(),
        }
    }

    fn of_document(document: Document<'t>) -> Self {
        Self {
            entry: Entry::Document(document),
            id: document.id(),
            title: document.title(),
            place: At::of(document.tree(), document.place()),
            status: document.status(),
            rules: document.rules(),
            inherits: document.inherits(),
            protection: document.protection(),
        }
    }

    /// The row of the same kind and id in another tree.
    pub(super) fn counterpart_in<'o>(&self, other: &'o Tree) -> Option<(Entry<'o>, Facts<'o>)> {
        let found = match self.entry {
            Entry::Document(_) => other.document_of_id(self.id).map(Entry::Document),
            _ => other.folder_of_id(self.id).map(Entry::Folder),
        }?;
        Some((found, Facts::of(found)?))
    }

    /// Whether it is the first row of its id in its own tree.
    pub(super) fn is_first_in(&self, tree: &Tree) -> bool {
        match self.entry {
            Entry::Document(document) => {
                tree.document_of_id(self.id).is_none_or(|first| first.index() == document.index())
            }
            Entry::Folder(folder) => tree.folder_of_id(self.id).is_none_or(|first| first.index() == folder.index()),
            _ => true,
        }
    }

    /// Whether its own rules are those of `other`, and what comes from above comes on both sides.
    pub(super) fn is_protected_like(&self, other: &Facts<'_>) -> bool {
        self.rules == other.rules && self.inherits == other.inherits
    }
}

impl<'t> At<'t> {
    fn of(tree: &'t Tree, place: Place) -> Self {
        match place {
            Place::Root => Self::Root,
            Place::WithoutFolder => Self::Nowhere,
            Place::In(folder) => Self::In(tree.folder(folder).id()),
        }
    }
}

impl<'t> Found<'t> {
    /// Something that one side alone has.
    pub(super) fn alone(old: Option<Entry<'t>>, new: Option<Entry<'t>>) -> Self {
        let rank = if old.is_some() { Rank::Removed } else { Rank::Added };
        Self {
            old,
            new,
            renamed: false,
            moved: false,
            content: ContentChange::Same,
            revisions: RevisionChanges::default(),
            rights: None,
            rights_from_above: false,
            rank: Some(rank),
        }
    }

    /// What both sides have, as far as titles and places tell.
    pub(super) fn of(old_entry: Entry<'t>, new_entry: Entry<'t>, old: &Facts<'_>, new: &Facts<'_>) -> Self {
        Self {
            renamed: old.title != new.title,
            moved: old.place != new.place,
            rank: None,
            ..Self::alone(Some(old_entry), Some(new_entry))
        }
    }

    /// Whether its content is another, or it has other revisions.
    pub(super) fn has_other_contents(&self) -> bool {
        self.content.differs() || self.revisions != RevisionChanges::default()
    }

    pub(super) fn rank_of(&self, is_wider: bool, status_changed: bool) -> Option<Rank> {
        let ranks = [
            (is_wider, Rank::WiderRights),
            (self.rights.is_some(), Rank::Rights),
            (self.has_other_contents(), Rank::Content),
            (self.moved, Rank::Moved),
            (self.renamed, Rank::Renamed),
            (status_changed, Rank::Status),
        ];
        ranks.into_iter().find(|(holds, _)| *holds).map(|(_, rank)| rank)
    }

    /// Its rank; what is kept has one.
    pub(super) fn rank_or_status(&self) -> Rank {
        self.rank.unwrap_or(Rank::Status)
    }

    pub(super) fn told(&self, rights: &[Vec<RightChange>]) -> ObjectChange {
        let either = self.new.or(self.old);
        ObjectChange {
            rank: self.rank_or_status(),
            kind: if matches!(either, Some(Entry::Document(_))) { ChangedKind::Document } else { ChangedKind::Folder },
            id: either.and_then(|entry| entry.id()).unwrap_or_default().to_owned(),
            old: self.old.map(state),
            new: self.new.map(state),
            renamed: self.renamed,
            moved: self.moved,
            content: self.content,
            revisions_added: self.revisions.added,
            revisions_removed: self.revisions.removed,
            revisions_changed: self.revisions.changed,
            rights: self.rights.and_then(|index| rights.get(index as usize)).cloned().unwrap_or_default(),
            rights_from_above: self.rights_from_above,
        }
    }
}

fn state(entry: Entry<'_>) -> ObjectState {
    match entry {
        Entry::Document(document) => ObjectState {
            path: document.path(),
            status: document.status(),
            size: document.latest().and_then(|latest| latest.size()),
        },
        Entry::Folder(folder) => ObjectState { path: folder.path(), status: folder.status(), size: None },
        Entry::Root | Entry::WithoutFolder => ObjectState { path: String::new(), status: Status::Ordinary, size: None },
    }
}
