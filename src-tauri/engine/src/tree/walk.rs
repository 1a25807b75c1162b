//! A walk through a tree: a place's folders, each with all that is below it where that is wanted, then its documents.

use super::{Entry, Place, Tree};

impl Tree {
    /// What lies at `entry`, and with `with_all_below` what is below it; each with its floor, 0 for the first. What lies in
    /// no folder is at the top in a place of its own. A document is its own walk.
    pub fn walk<'t>(
        &'t self,
        entry: Entry<'t>,
        with_all_below: bool,
    ) -> impl Iterator<Item = (Entry<'t>, usize)> + use<'t> {
        let first: Items<'t> = match inside(entry) {
            Some(place) => self.entries_in(place),
            None => Box::new(std::iter::once(entry)),
        };
        Walk { tree: self, open: vec![first], with_all_below }
    }

    fn entries_in(&self, place: Place) -> Items<'_> {
        let lost = Place::WithoutFolder;
        let has_lost = place == Place::Root && self.folders_in(lost).len() + self.documents_in(lost).len() > 0;
        let folders = self.folders_in(place).map(Entry::Folder).chain(has_lost.then_some(Entry::WithoutFolder));
        Box::new(folders.chain(self.documents_in(place).map(Entry::Document)))
    }
}

type Items<'t> = Box<dyn Iterator<Item = Entry<'t>> + 't>;

/// Not by recursion: how deep the folders of an archive are is the archive's word.
struct Walk<'t> {
    tree: &'t Tree,
    open: Vec<Items<'t>>,
    with_all_below: bool,
}

impl<'t> Iterator for Walk<'t> {
    type Item = (Entry<'t>, usize);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let Some(entry) = self.open.last_mut()?.next() else {
                self.open.pop();
                continue;
            };
            let depth = self.open.len() - 1;
            if let Some(place) = inside(entry).filter(|_| self.with_all_below) {
                self.open.push(self.tree.entries_in(place));
            }
            return Some((entry, depth));
        }
    }
}

fn inside(entry: Entry<'_>) -> Option<Place> {
    match entry {
        Entry::Root => Some(Place::Root),
        Entry::WithoutFolder => Some(Place::WithoutFolder),
        Entry::Folder(folder) => Some(Place::In(folder.index())),
        Entry::Document(_) => None,
    }
}
