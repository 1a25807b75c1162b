//! What differs between two backups, or between a backup and the server as it is now.
//!
//! Objects are paired by their ids. Everything that a person would ask is answered: what came and went, what is called
//! otherwise or lies elsewhere, whose content is another, and above all who may do more than before. Rights are evaluated
//! on either side as that side's server does, and compared by meaning. What could not be compared is told.

use serde::{Serialize, Serializer};
use ts_rs::TS;

use crate::error::Result;
use crate::job::{Job, Phase};
pub use crate::rights::RightChange;
use crate::tree::{Archive, ComparedRights, Document, Entry, Folder, LiveServer, Place, Status, Tree};

mod contents;
mod found;
#[cfg(test)]
mod tests;

pub use contents::{ComparedBy, ContentChange};
use contents::{Contents, RevisionChanges};
use found::{Facts, Found};

/// What could not be compared is named so often at the most; all of it is counted.
const MAX_NAMED: usize = 1000;

/// One of the two that are compared.
#[derive(Clone, Copy)]
pub enum Side<'a> {
    /// A backup.
    Archive(&'a Archive),
    /// A server on this computer.
    Server(&'a LiveServer),
}

impl<'a> Side<'a> {
    /// What it holds.
    pub fn tree(self) -> &'a Tree {
        match self {
            Self::Archive(archive) => archive.tree(),
            Self::Server(server) => server.tree(),
        }
    }

    /// When the server was in that state, in Unix seconds.
    pub fn state_of(self) -> f64 {
        match self {
            Self::Archive(archive) => archive.state_of(),
            Self::Server(server) => server.state_of(),
        }
    }
}

/// What differs. It is kept in few bytes; [`changes`](Self::changes) tells it, and so does its JSON.
pub struct Differences<'a> {
    found: Vec<Found<'a>>,
    rights: Vec<Vec<RightChange>>,
    totals: ChangeTotals,
    basis: ComparedBy,
    not_compared: Vec<NotCompared>,
    not_compared_total: u64,
}

/// How many there are of each kind. What changed in several ways is counted for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, TS)]
#[ts(export)]
pub struct ChangeTotals {
    /// Of folders.
    pub folders: ChangeCounts,
    /// Of documents.
    pub documents: ChangeCounts,
}

/// How many folders, or documents, there are of each kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, TS)]
#[ts(export)]
pub struct ChangeCounts {
    /// On both sides with nothing that differs.
    #[ts(type = "number")]
    pub same: u64,
    /// On the new side alone.
    #[ts(type = "number")]
    pub added: u64,
    /// On the old side alone.
    #[ts(type = "number")]
    pub removed: u64,
    /// With another title.
    #[ts(type = "number")]
    pub renamed: u64,
    /// In another folder.
    #[ts(type = "number")]
    pub moved: u64,
    /// With another content, or with other revisions.
    #[ts(type = "number")]
    pub contents_changed: u64,
    /// Whose rights differ.
    #[ts(type = "number")]
    pub rights_changed: u64,
    /// Of those: that let in anyone who was not let in before.
    #[ts(type = "number")]
    pub rights_wider: u64,
    /// That the server deleted but kept, locked, or took back.
    #[ts(type = "number")]
    pub status_changed: u64,
}

/// A folder or document that is not as it was.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[ts(export)]
pub struct ObjectChange {
    /// What matters most of what differs.
    #[serde(skip)]
    pub rank: Rank,
    /// `folder` or `document`.
    pub kind: ChangedKind,
    /// Its id on the server.
    pub id: String,
    /// As it was; nothing where it was added.
    pub old: Option<ObjectState>,
    /// As it is; nothing where it was removed.
    pub new: Option<ObjectState>,
    /// Whether its title is another.
    pub renamed: bool,
    /// Whether it lies in another folder.
    pub moved: bool,
    /// What became of the content that the server shows of it.
    pub content: ContentChange,
    /// Revisions that came.
    pub revisions_added: u32,
    /// Revisions that went.
    pub revisions_removed: u32,
    /// Revisions that are there under the same id with another content.
    pub revisions_changed: u32,
    /// Who may do what, where it differs.
    pub rights: Vec<RightChange>,
    /// Whether the rights differ only by what lies above: its own rules are as they were.
    pub rights_from_above: bool,
}

/// How much it matters that something differs, first what matters most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// Anyone is let in who was not let in before.
    WiderRights,
    /// Its rights differ otherwise.
    Rights,
    /// It is not there any more.
    Removed,
    /// It has another content, or other revisions.
    Content,
    /// It lies elsewhere.
    Moved,
    /// It is called otherwise.
    Renamed,
    /// The server thinks otherwise of it.
    Status,
    /// It was not there.
    Added,
}

/// What an [`ObjectChange`] is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum ChangedKind {
    /// A folder.
    Folder,
    /// A document.
    Document,
}

/// A folder or document on one side.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[ts(export)]
pub struct ObjectState {
    /// Its path of titles.
    pub path: String,
    /// What the server thinks of it.
    pub status: Status,
    /// Bytes of the content that the server shows; nothing of a folder, or where the content is not held.
    #[ts(type = "number | null")]
    pub size: Option<u64>,
}

/// Something that could not be compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[ts(export)]
pub struct NotCompared {
    /// The folder's or document's id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// The content, where it is about one.
    pub file_id: Option<String>,
    /// Why not, in English.
    pub reason: String,
}

/// Finds what differs in `new` from `old`.
///
/// Contents are compared by the digests of manifests, by those that servers recorded, and where these do not settle it by
/// their bytes.
///
/// # Errors
/// What reading contents meets, as far as it is no damage of a single one; [`Error::Cancelled`](crate::Error::Cancelled).
pub fn diff<'a>(old: Side<'a>, new: Side<'a>, job: &Job) -> Result<Differences<'a>> {
    let items = new.tree().folders().count() + new.tree().documents().len();
    job.phase(Phase::Compare, None, Some(items as u64))?;
    let mut comparison = Comparison {
        old: old.tree(),
        new: new.tree(),
        contents: Contents::new(old, new, job),
        rights: ComparedRights::new(old.tree(), new.tree()),
        totals: ChangeTotals::default(),
        found: Vec::new(),
        notes: Notes::default(),
    };
    for (entry, _) in new.tree().walk(Entry::Root, true) {
        job.advance(0)?;
        job.item(None);
        comparison.look_at_new(entry)?;
    }
    for (entry, _) in old.tree().walk(Entry::Root, true) {
        job.check()?;
        comparison.look_at_old(entry);
    }
    job.settle();
    Ok(comparison.finish())
}

impl<'a> Differences<'a> {
    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// How many folders and documents differ.
    pub fn len(&self) -> usize {
        self.found.len()
    }

    /// What differs: first what lets in anyone who was not let in before, then other changes of rights, what was removed,
    /// what has another content, lies elsewhere, is called otherwise, and what was added; each in the order of the folders.
    pub fn changes(&self) -> impl ExactSizeIterator<Item = ObjectChange> + '_ {
        self.found.iter().map(|found| found.told(&self.rights))
    }

    /// What matters most of each of the [`changes`](Self::changes), without telling them.
    pub fn ranks(&self) -> impl ExactSizeIterator<Item = Rank> + '_ {
        self.found.iter().map(Found::rank_or_status)
    }

    /// The change of that number in [`changes`](Self::changes).
    pub fn change(&self, number: usize) -> Option<ObjectChange> {
        self.found.get(number).map(|found| found.told(&self.rights))
    }

    /// How many there are of each kind.
    pub fn totals(&self) -> &ChangeTotals {
        &self.totals
    }

    /// How contents were compared.
    pub fn basis(&self) -> &ComparedBy {
        &self.basis
    }

    /// What could not be compared; the first of it.
    pub fn not_compared(&self) -> &[NotCompared] {
        &self.not_compared
    }

    /// How much could not be compared.
    pub fn not_compared_total(&self) -> u64 {
        self.not_compared_total
    }
}

impl Serialize for Differences<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let mut told = serializer.serialize_struct("Differences", 5)?;
        told.serialize_field("totals", &self.totals)?;
        told.serialize_field("contents_compared_by", &self.basis)?;
        told.serialize_field("changes", &Changes(self))?;
        told.serialize_field("not_compared", &self.not_compared)?;
        told.serialize_field("not_compared_total", &self.not_compared_total)?;
        told.end()
    }
}

/// The changes, told one by one: they are not in memory all at once.
struct Changes<'d, 'a>(&'d Differences<'a>);

impl Serialize for Changes<'_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.changes())
    }
}

/// What could not be compared, as it comes.
#[derive(Default)]
struct Notes {
    kept: Vec<NotCompared>,
    total: u64,
}

impl Notes {
    fn note(&mut self, of: &Facts<'_>, file_id: Option<&str>, reason: String) {
        self.total += 1;
        if self.kept.len() < MAX_NAMED {
            let (id, title) = (of.id.to_owned(), of.title.to_owned());
            self.kept.push(NotCompared { id, title, file_id: file_id.map(str::to_owned), reason });
        }
    }
}

struct Comparison<'a, 'j> {
    old: &'a Tree,
    new: &'a Tree,
    contents: Contents<'a, 'j>,
    rights: ComparedRights<'a>,
    totals: ChangeTotals,
    found: Vec<Found<'a>>,
    notes: Notes,
}

impl<'a> Comparison<'a, '_> {
    fn look_at_new(&mut self, entry: Entry<'a>) -> Result<()> {
        let Some(new) = Facts::of(entry) else { return Ok(()) };
        if !new.is_first_in(self.new) {
            self.notes.note(&new, None, REPEATED.to_owned());
            return Ok(());
        }
        let Some((old_entry, old)) = new.counterpart_in(self.old) else {
            self.counts(entry).added += 1;
            self.found.push(Found::alone(None, Some(entry)));
            return Ok(());
        };
        let mut found = Found::of(old_entry, entry, &old, &new);
        if let (Entry::Document(old_document), Entry::Document(new_document)) = (old_entry, entry) {
            (found.content, found.revisions) =
                self.contents.of_documents(old_document, new_document, &mut self.notes)?;
        }
        let rights = self.rights.between(old.protection, new.protection);
        found.rights = rights.index;
        found.rights_from_above = rights.index.is_some() && old.is_protected_like(&new) && !found.moved;
        if !rights.is_understood {
            self.notes.note(&new, None, NOT_UNDERSTOOD.to_owned());
        }
        let (is_wider, status_changed) = (rights.is_wider, old.status != new.status);
        found.rank = found.rank_of(is_wider, status_changed);
        let counts = self.counts(entry);
        counts.renamed += u64::from(found.renamed);
        counts.moved += u64::from(found.moved);
        counts.contents_changed += u64::from(found.has_other_contents());
        counts.rights_changed += u64::from(found.rights.is_some());
        counts.rights_wider += u64::from(is_wider);
        counts.status_changed += u64::from(status_changed);
        if found.rank.is_some() {
            self.found.push(found);
        } else {
            counts.same += 1;
        }
        Ok(())
    }

    fn look_at_old(&mut self, entry: Entry<'a>) {
        let Some(old) = Facts::of(entry) else { return };
        if !old.is_first_in(self.old) {
            self.notes.note(&old, None, REPEATED.to_owned());
        } else if old.counterpart_in(self.new).is_none() {
            self.counts(entry).removed += 1;
            self.found.push(Found::alone(Some(entry), None));
        }
    }

    fn counts(&mut self, entry: Entry<'_>) -> &mut ChangeCounts {
        match entry {
            Entry::Document(_) => &mut self.totals.documents,
            _ => &mut self.totals.folders,
        }
    }

    fn finish(mut self) -> Differences<'a> {
        // Stable: within a rank the order of the folders stays.
        self.found.sort_by_key(|found| found.rank);
        Differences {
            found: self.found,
            rights: self.rights.into_sets(),
            totals: self.totals,
            basis: self.contents.basis(),
            not_compared: self.notes.kept,
            not_compared_total: self.notes.total,
        }
    }
}

const REPEATED: &str = "its row repeats the id of another";
const NOT_UNDERSTOOD: &str = "a rule on both sides cannot be understood, so whether it changed is not known";
