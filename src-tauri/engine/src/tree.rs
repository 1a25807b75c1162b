//! A backup as people know it: folders, documents, revisions and who may do what with them.
//!
//! [`Archive`] opens a backup and reads single contents out of it; [`Tree`] is what its tables say, wherever they lie. A
//! tree is always a tree: what is odd in the data, such as folders that lie in each other, folders and documents whose
//! folder is gone, second rows of one id, ends in one defined place, [`Place::WithoutFolder`]. A document costs some 250
//! bytes of memory.

use std::cmp::Ordering;

use serde::Serialize;
use ts_rs::TS;

use crate::archive::tables::{Fingerprint, fingerprint};
use crate::rights::{Access, Condition, Rule};

mod build;
mod compared;
mod contents;
mod live;
mod open;
mod paths;
mod rows;
#[cfg(test)]
mod tests;
mod texts;
mod walk;
mod whole;

pub(crate) use build::TreeBuilder;
pub(crate) use compared::ComparedRights;
pub use contents::{Check, Holding, Proof};
pub use live::LiveServer;
pub(crate) use live::rights_of;
pub use open::{Archive, OnDamage};
pub use paths::Entry;
pub(crate) use paths::{WITHOUT_FOLDER, parts};
pub(crate) use rows::{FileRow, Objects};
use texts::{Span, Texts};

/// Folders above an object whose rules are looked at.
const MAX_DEPTH: usize = 256;

/// Folders, documents, revisions and rules.
#[derive(Debug)]
pub struct Tree {
    texts: Texts,
    folders: Vec<FolderData>,
    documents: Vec<DocumentData>,
    revisions: Vec<RevisionData>,
    files: Vec<FileData>,
    /// What objects have in common: the first is the empty one.
    rule_sets: Vec<Vec<Rule>>,
    folder_ids: Vec<(Fingerprint, u32)>,
    document_ids: Vec<(Fingerprint, u32)>,
    folder_order: Shelves,
    document_order: Shelves,
    /// The row that later servers keep for the root.
    root: Option<u32>,
    rules_are_inherited: bool,
}

/// Where something lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Place {
    /// At the top.
    Root,
    /// Nowhere that there is.
    WithoutFolder,
    /// In a folder.
    In(FolderIndex),
}

/// A folder's number in its tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FolderIndex(u32);

/// A document's number in its tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DocumentIndex(u32);

/// A content's number in its tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileIndex(u32);

/// What a server thinks of an object; later servers only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum Status {
    /// It is as ever.
    Ordinary,
    /// It was deleted, and is kept.
    Deleted,
    /// It is locked.
    Locked,
    /// The server knows what.
    Other,
}

#[derive(Debug)]
struct FolderData {
    id: Span,
    name: Span,
    created_time: f64,
    place: Place,
    status: Status,
    inherits: bool,
    rules: u32,
}

#[derive(Debug)]
struct DocumentData {
    id: Span,
    title: Span,
    created_time: f64,
    place: Place,
    status: Status,
    inherits: bool,
    rules: u32,
    revisions: (u32, u32),
    /// Among its own revisions.
    latest: u32,
}

#[derive(Debug)]
struct RevisionData {
    id: Span,
    created_time: f64,
    file: FileIndex,
}

#[derive(Debug)]
struct FileData {
    id: Span,
    sha256: Option<[u8; 32]>,
    size: Option<u64>,
}

/// What lies where, by places and there by names.
#[derive(Debug, Default)]
struct Shelves {
    rows: Vec<u32>,
    /// Where each place's begin; one more at the end.
    starts: Vec<u32>,
}

/// A folder.
#[derive(Clone, Copy)]
pub struct Folder<'t> {
    tree: &'t Tree,
    index: u32,
}

/// A document.
#[derive(Clone, Copy)]
pub struct Document<'t> {
    tree: &'t Tree,
    index: u32,
}

/// A revision of a document.
#[derive(Clone, Copy)]
pub struct Revision<'t> {
    tree: &'t Tree,
    data: &'t RevisionData,
}

impl Tree {
    /// The folders of a place, by name.
    pub fn folders_in(&self, place: Place) -> impl ExactSizeIterator<Item = Folder<'_>> {
        self.folder_order.at(place).iter().map(|&index| Folder { tree: self, index })
    }

    /// The documents of a place, by title.
    pub fn documents_in(&self, place: Place) -> impl ExactSizeIterator<Item = Document<'_>> {
        self.document_order.at(place).iter().map(|&index| Document { tree: self, index })
    }

    /// All folders, as they stand in the backup; the root's own row of later servers is none.
    pub fn folders(&self) -> impl Iterator<Item = Folder<'_>> {
        (0..self.folders.len() as u32)
            .filter(|index| Some(*index) != self.root)
            .map(|index| Folder { tree: self, index })
    }

    /// All documents, as they stand in the backup.
    pub fn documents(&self) -> impl ExactSizeIterator<Item = Document<'_>> {
        (0..self.documents.len() as u32).map(|index| Document { tree: self, index })
    }

    /// The folder of that number.
    pub fn folder(&self, index: FolderIndex) -> Folder<'_> {
        Folder { tree: self, index: index.0 }
    }

    /// The document of that number.
    pub fn document(&self, index: DocumentIndex) -> Document<'_> {
        Document { tree: self, index: index.0 }
    }

    /// The folder of that id.
    pub fn folder_of_id(&self, id: &str) -> Option<Folder<'_>> {
        let index = find(&self.folder_ids, id, |index| self.folder(FolderIndex(index)).id())?;
        Some(self.folder(FolderIndex(index)))
    }

    /// The document of that id.
    pub fn document_of_id(&self, id: &str) -> Option<Document<'_>> {
        let index = find(&self.document_ids, id, |index| self.document(DocumentIndex(index)).id())?;
        Some(self.document(DocumentIndex(index)))
    }

    /// How many revisions there are of all documents.
    pub fn revisions_count(&self) -> usize {
        self.revisions.len()
    }

    /// How many contents are named that the backup does not hold.
    pub fn contents_missing(&self) -> usize {
        self.files.iter().filter(|file| file.size.is_none()).count()
    }

    /// Whether folders' rules protect what is in them, as on later servers.
    pub fn rules_are_inherited(&self) -> bool {
        self.rules_are_inherited
    }

    /// Whether there is a row for the root, as on later servers.
    pub(crate) fn has_root_row(&self) -> bool {
        self.root.is_some()
    }

    fn file(&self, index: FileIndex) -> Option<&FileData> {
        self.files.get(index.0 as usize)
    }

    /// Whom an object lets in: its own rules and, where they are inherited, those of the folders above it hold together.
    pub(crate) fn access(&self, protection: Protection, access: Access) -> Condition {
        let Protection { rules, inherits, place } = protection;
        let mut conditions: Vec<_> = self.conditions(rules, access).collect();
        let mut above = self.row_above(inherits, place);
        for _ in 0..MAX_DEPTH {
            let Some(folder) = above else { return Condition::all(conditions) };
            conditions.extend(self.conditions(folder.rules, access));
            above = self.row_above(folder.inherits, folder.place);
        }
        // No server goes up so far.
        conditions.push(Condition::NotUnderstood);
        Condition::all(conditions)
    }

    fn row_above(&self, inherits: bool, place: Place) -> Option<&FolderData> {
        let index = match place {
            Place::In(index) => Some(index.0),
            Place::Root => self.root,
            Place::WithoutFolder => None,
        };
        let applies = inherits && self.rules_are_inherited;
        self.folders.get(index.filter(|_| applies)? as usize)
    }

    fn conditions(&self, rules: u32, access: Access) -> impl Iterator<Item = Condition> {
        let applies = move |rule: &&Rule| access.rule_types().contains(&rule.access_type.as_str());
        self.rules(rules).iter().filter(applies).map(|rule| rule.condition.clone())
    }

    fn rules(&self, index: u32) -> &[Rule] {
        self.rule_sets.get(index as usize).map(Vec::as_slice).unwrap_or_default()
    }
}

/// What decides whom an object lets in. Objects in one folder mostly have the same, so it need not be evaluated for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Protection {
    rules: u32,
    inherits: bool,
    place: Place,
}

/// What folders and documents have in common.
macro_rules! object {
    ($name:ident, $index:ident, $rows:ident, $title:ident) => {
        impl<'t> $name<'t> {
            /// Its number.
            pub fn index(self) -> $index {
                $index(self.index)
            }

            /// What it is part of.
            pub(crate) fn tree(self) -> &'t Tree {
                self.tree
            }

            /// Its id on the server.
            pub fn id(self) -> &'t str {
                self.tree.texts.get(self.data().id)
            }

            /// What it is called there.
            pub fn $title(self) -> &'t str {
                self.tree.texts.get(self.data().$title)
            }

            /// When it was made, in Unix seconds; NaN where that is not recorded.
            pub fn created_time(self) -> f64 {
                self.data().created_time
            }

            /// Where it lies.
            pub fn place(self) -> Place {
                self.data().place
            }

            /// What the server thinks of it.
            pub fn status(self) -> Status {
                self.data().status
            }

            /// Whether the rules of the folders above it apply to it, on servers where they can.
            pub fn inherits(self) -> bool {
                self.data().inherits && self.tree.rules_are_inherited
            }

            /// Its own access rules.
            pub fn rules(self) -> &'t [Rule] {
                self.tree.rules(self.data().rules)
            }

            /// Whom its server lets do that, as its rules say. Single permissions that were granted beside the rules
            /// are not in it.
            pub fn access(self, access: Access) -> Condition {
                self.tree.access(self.protection(), access)
            }

            /// What decides that.
            pub(crate) fn protection(self) -> Protection {
                let data = self.data();
                let applies = data.inherits && self.tree.rules_are_inherited;
                // Where nothing comes from above, it does not matter where the object lies.
                let place = if applies { data.place } else { Place::WithoutFolder };
                Protection { rules: data.rules, inherits: applies, place }
            }
        }
    };
}

object!(Folder, FolderIndex, folders, name);
object!(Document, DocumentIndex, documents, title);

impl<'t> Folder<'t> {
    fn data(self) -> &'t FolderData {
        &self.tree.folders[self.index as usize]
    }
}

impl<'t> Document<'t> {
    fn data(self) -> &'t DocumentData {
        &self.tree.documents[self.index as usize]
    }

    /// Its revisions, oldest first.
    pub fn revisions(self) -> impl ExactSizeIterator<Item = Revision<'t>> + DoubleEndedIterator {
        let (from, to) = self.data().revisions;
        let revisions = self.tree.revisions.get(from as usize..to as usize).unwrap_or_default();
        revisions.iter().map(move |data| Revision { tree: self.tree, data })
    }

    /// Where among its revisions the latest one is.
    pub(crate) fn latest_number(self) -> usize {
        self.data().latest as usize
    }

    /// The revision that the server shows: the one that it calls the current one, else the newest.
    pub fn latest(self) -> Option<Revision<'t>> {
        self.revisions().nth(self.data().latest as usize)
    }
}

impl<'t> Revision<'t> {
    /// Its id on the server; a number on all that are known.
    pub fn id(self) -> &'t str {
        self.tree.texts.get(self.data.id)
    }

    /// When it was made, in Unix seconds; NaN where that is not recorded.
    pub fn created_time(self) -> f64 {
        self.data.created_time
    }

    /// Its content.
    pub fn file(self) -> FileIndex {
        self.data.file
    }

    /// Its content's id; empty where the server records none.
    pub fn file_id(self) -> &'t str {
        self.tree.file(self.data.file).map(|file| self.tree.texts.get(file.id)).unwrap_or_default()
    }

    /// Bytes of its content; `None` where the backup does not hold it.
    pub fn size(self) -> Option<u64> {
        self.tree.file(self.data.file)?.size
    }

    /// The SHA-256 of its content as the server recorded it.
    pub fn recorded_sha256(self) -> Option<[u8; 32]> {
        self.tree.file(self.data.file)?.sha256
    }
}

impl Shelves {
    fn at(&self, place: Place) -> &[u32] {
        let shelf = shelf(place);
        let bound = |index: usize| self.starts.get(index).map_or(self.rows.len(), |&start| start as usize);
        self.rows.get(bound(shelf)..bound(shelf + 1)).unwrap_or_default()
    }
}

fn shelf(place: Place) -> usize {
    match place {
        Place::Root => 0,
        Place::WithoutFolder => 1,
        Place::In(index) => index.0 as usize + 2,
    }
}

/// The first row of that id.
fn find<'t>(ids: &[(Fingerprint, u32)], id: &str, id_of: impl Fn(u32) -> &'t str) -> Option<u32> {
    let wanted = fingerprint(id.as_bytes());
    let from = ids.partition_point(|(found, _)| *found < wanted);
    let mut same = ids[from..].iter().take_while(|(found, _)| *found == wanted).map(|&(_, index)| index);
    same.find(|&index| id_of(index) == id)
}

/// The order of names in a folder: as people look for them, small and capital letters alike.
fn by_name(a: &str, b: &str) -> Ordering {
    let folded = |byte: u8| byte.to_ascii_lowercase();
    a.bytes().map(folded).cmp(b.bytes().map(folded)).then_with(|| a.cmp(b))
}
