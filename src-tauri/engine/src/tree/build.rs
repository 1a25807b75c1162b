//! A tree made of rows, in any order and however odd: files first, then folders, then documents.

use std::collections::HashMap;

use super::rows::{ObjectRow, ObjectTaker, RevisionRow, RuleRow};
use super::{
    DocumentData, FileData, FileIndex, FolderData, FolderIndex, Place, RevisionData, Shelves, Status, Texts, Tree,
    by_name, shelf,
};
use crate::archive::tables::{Fingerprint, fingerprint};
use crate::rights::Rule;

/// Bytes of a title that are kept; servers allow 255 characters.
const MAX_TITLE: usize = 4096;

/// A tree under construction.
#[derive(Default)]
pub(crate) struct TreeBuilder {
    tree: Tree,
    /// The folders that folders and documents name.
    parents: Vec<Option<Fingerprint>>,
    folders_of_documents: Vec<Option<Fingerprint>>,
    file_ids: Vec<(Fingerprint, u32)>,
    /// Files that a revision names and `files.json` does not.
    unlisted: HashMap<Fingerprint, u32>,
    rule_sets: HashMap<Vec<Rule>, u32>,
    /// What belongs to the object that comes next.
    rules: Vec<Rule>,
    revisions_from: usize,
    taking: Taking,
}

#[derive(Default, PartialEq)]
enum Taking {
    #[default]
    Folders,
    Documents,
}

impl Default for Tree {
    fn default() -> Self {
        Self {
            texts: Texts::default(),
            folders: Vec::new(),
            documents: Vec::new(),
            revisions: Vec::new(),
            files: Vec::new(),
            rule_sets: vec![Vec::new()],
            folder_ids: Vec::new(),
            document_ids: Vec::new(),
            folder_order: Shelves::default(),
            document_order: Shelves::default(),
            root: None,
            rules_are_inherited: false,
        }
    }
}

impl TreeBuilder {
    /// A file; `size` where the backup holds its content.
    pub(crate) fn file(&mut self, id: &str, sha256: Option<[u8; 32]>, size: Option<u64>) {
        let (fingerprint, index) = (fingerprint(id.as_bytes()), self.tree.files.len() as u32);
        let id = self.tree.texts.push(id);
        self.tree.files.push(FileData { id, sha256, size });
        self.file_ids.push((fingerprint, index));
    }

    /// What takes the folders; all files must have been given.
    pub(crate) fn folders(&mut self) -> &mut impl ObjectTaker {
        self.file_ids.sort_unstable();
        self.taking = Taking::Folders;
        self
    }

    /// What takes the documents; all folders must have been given.
    pub(crate) fn documents(&mut self) -> &mut impl ObjectTaker {
        self.taking = Taking::Documents;
        self
    }

    /// The tree; `None` if its texts are more than any server has.
    pub(crate) fn finish(mut self) -> Option<Tree> {
        if self.tree.texts.overflowed() {
            return None;
        }
        let tree = &mut self.tree;
        let ids = |ids: Vec<Fingerprint>| {
            let mut ids: Vec<_> = ids.into_iter().zip(0..).collect();
            ids.sort_unstable();
            ids
        };
        let id_of = |span| fingerprint(tree.texts.get(span).as_bytes());
        tree.folder_ids = ids(tree.folders.iter().map(|folder| id_of(folder.id)).collect());
        tree.document_ids = ids(tree.documents.iter().map(|document| id_of(document.id)).collect());
        self.place_folders();
        self.place_documents();
        self.tree.put_in_order();
        let mut rule_sets: Vec<_> = self.rule_sets.into_iter().collect();
        rule_sets.sort_unstable_by_key(|(_, index)| *index);
        self.tree.rule_sets.extend(rule_sets.into_iter().map(|(rules, _)| rules));
        Some(self.tree)
    }

    /// Places every folder in the one that it names. Of two rows with one id the second, and of folders that lie in each
    /// other the first, lie in none.
    fn place_folders(&mut self) {
        let tree = &mut self.tree;
        let parents: Vec<_> =
            self.parents.iter().map(|parent| place_of(&tree.folder_ids, tree.root, *parent)).collect();
        for (folder, place) in tree.folders.iter_mut().zip(&parents) {
            folder.place = *place;
        }
        for (index, place) in
            second_rows(&tree.folder_ids).chain(rings(&parents)).map(|index| (index, Place::WithoutFolder))
        {
            tree.folders[index as usize].place = place;
        }
        if let Some(root) = tree.root.and_then(|root| tree.folders.get_mut(root as usize)) {
            root.inherits = false;
        }
    }

    fn place_documents(&mut self) {
        let tree = &mut self.tree;
        for (document, folder) in tree.documents.iter_mut().zip(&self.folders_of_documents) {
            document.place = place_of(&tree.folder_ids, tree.root, *folder);
        }
        for index in second_rows(&tree.document_ids) {
            tree.documents[index as usize].place = Place::WithoutFolder;
        }
    }

    fn rule_set(&mut self) -> u32 {
        if self.rules.is_empty() {
            return 0;
        }
        let next = self.rule_sets.len() as u32 + 1;
        let rules = std::mem::take(&mut self.rules);
        *self.rule_sets.entry(rules).or_insert(next)
    }

    fn file_index(&mut self, id: &str) -> u32 {
        let wanted = fingerprint(id.as_bytes());
        let from = self.file_ids.partition_point(|(found, _)| *found < wanted);
        match self.file_ids.get(from).filter(|(found, _)| *found == wanted) {
            Some((_, index)) => *index,
            None => *self.unlisted.entry(wanted).or_insert_with(|| {
                let index = self.tree.files.len() as u32;
                let id = self.tree.texts.push(id);
                self.tree.files.push(FileData { id, sha256: None, size: None });
                index
            }),
        }
    }

    fn take_folder(&mut self, row: ObjectRow, status: Status, rules: u32) {
        let is_root = row.id == "/" && row.title == "/" && row.parent.is_none();
        let index = self.tree.folders.len() as u32;
        if is_root {
            self.tree.root.get_or_insert(index);
        }
        self.parents.push(row.parent.as_deref().map(|id| fingerprint(id.as_bytes())));
        let (id, name) = (self.tree.texts.push(&row.id), self.tree.texts.push(shortened(&row.title)));
        let (created_time, inherits) = (row.created_time, row.inherit.unwrap_or(true));
        self.tree.folders.push(FolderData { id, name, created_time, place: Place::Root, status, inherits, rules });
    }

    fn take_document(&mut self, row: ObjectRow, status: Status, rules: u32) {
        self.folders_of_documents.push(row.parent.as_deref().map(|id| fingerprint(id.as_bytes())));
        let tree = &mut self.tree;
        let revisions = &mut tree.revisions[self.revisions_from..];
        // Only this program and real servers write them in this order.
        revisions.sort_by(|a, b| a.created_time.total_cmp(&b.created_time));
        let current = row.current_revision.as_deref();
        let latest = revisions.iter().position(|revision| Some(tree.texts.get(revision.id)) == current);
        let latest = latest.unwrap_or(revisions.len().saturating_sub(1)) as u32;
        let revisions = (self.revisions_from as u32, tree.revisions.len() as u32);
        self.revisions_from = tree.revisions.len();
        let (id, title) = (tree.texts.push(&row.id), tree.texts.push(shortened(&row.title)));
        tree.documents.push(DocumentData {
            id,
            title,
            created_time: row.created_time,
            place: Place::Root,
            status,
            inherits: row.inherit.unwrap_or(true),
            rules,
            revisions,
            latest,
        });
    }
}

impl ObjectTaker for TreeBuilder {
    fn rule(&mut self, rule: RuleRow) {
        self.rules.push(Rule { access_type: rule.access_type, condition: rule.condition });
    }

    fn revision(&mut self, revision: RevisionRow) {
        let file = FileIndex(self.file_index(revision.file_id.as_deref().unwrap_or_default()));
        let id = self.tree.texts.push(&revision.id);
        self.tree.revisions.push(RevisionData { id, created_time: revision.created_time, file });
    }

    fn object(&mut self, object: ObjectRow) {
        self.tree.rules_are_inherited |= object.inherit.is_some();
        let rules = self.rule_set();
        let status = match object.status {
            0 => Status::Ordinary,
            1 => Status::Deleted,
            2 => Status::Locked,
            _ => Status::Other,
        };
        match self.taking {
            Taking::Folders => self.take_folder(object, status, rules),
            Taking::Documents => self.take_document(object, status, rules),
        }
    }
}

impl Tree {
    fn put_in_order(&mut self) {
        let Self { texts, folders, documents, root, .. } = self;
        let listed = (0..folders.len() as u32).filter(|index| Some(*index) != *root);
        let folder = |index: u32| (folders[index as usize].place, texts.get(folders[index as usize].name));
        let document = |index: u32| (documents[index as usize].place, texts.get(documents[index as usize].title));
        self.folder_order = Shelves::of(listed.collect(), folders.len() + 2, folder);
        self.document_order = Shelves::of((0..documents.len() as u32).collect(), folders.len() + 2, document);
    }
}

impl Shelves {
    fn of<'t>(mut rows: Vec<u32>, shelves: usize, of: impl Fn(u32) -> (Place, &'t str)) -> Self {
        rows.sort_unstable_by(|&a, &b| {
            let ((place_a, name_a), (place_b, name_b)) = (of(a), of(b));
            shelf(place_a).cmp(&shelf(place_b)).then_with(|| by_name(name_a, name_b)).then(a.cmp(&b))
        });
        let mut starts = vec![0; shelves + 1];
        rows.iter().for_each(|&row| starts[shelf(of(row).0) + 1] += 1);
        for index in 1..starts.len() {
            starts[index] += starts[index - 1];
        }
        Self { rows, starts }
    }
}

fn place_of(folders: &[(Fingerprint, u32)], root: Option<u32>, named: Option<Fingerprint>) -> Place {
    let Some(named) = named else { return Place::Root };
    let from = folders.partition_point(|(found, _)| *found < named);
    match folders.get(from).filter(|(found, _)| *found == named) {
        Some((_, index)) if Some(*index) == root => Place::Root,
        Some((_, index)) => Place::In(FolderIndex(*index)),
        None => Place::WithoutFolder,
    }
}

/// Rows whose id an earlier row has.
fn second_rows(ids: &[(Fingerprint, u32)]) -> impl Iterator<Item = u32> {
    ids.windows(2).filter(|pair| pair[0].0 == pair[1].0).map(|pair| pair[1].1)
}

/// Of every ring of folders that lie in each other, the first.
fn rings(parents: &[Place]) -> impl Iterator<Item = u32> {
    const UNSEEN: u32 = u32::MAX;
    let parent = |index: u32| match parents[index as usize] {
        Place::In(above) => Some(above.0),
        _ => None,
    };
    let mut walk_of = vec![UNSEEN; parents.len()];
    let mut found = Vec::new();
    for start in 0..parents.len() as u32 {
        let mut at = Some(start);
        while let Some(index) = at.filter(|&index| walk_of[index as usize] == UNSEEN) {
            walk_of[index as usize] = start;
            at = parent(index);
        }
        // Back on the way that this walk came.
        if let Some(met) = at.filter(|&index| walk_of[index as usize] == start) {
            let ring = std::iter::successors(Some(met), |&index| parent(index).filter(|&above| above != met));
            found.extend(ring.min());
        }
    }
    found.into_iter()
}

fn shortened(title: &str) -> &str {
    let mut end = title.len().min(MAX_TITLE);
    while !title.is_char_boundary(end) {
        end -= 1;
    }
    &title[..end]
}
