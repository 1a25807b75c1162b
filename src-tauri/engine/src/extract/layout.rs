//! What goes where: folders and files with safe names, before anything is written.

use super::names::{Names, with_suffix};
use super::{Conflict, Picked, Revisions, Wanted};
use crate::archive::opened::SERVER_FILES;
use crate::error::{Error, Result};
use crate::tree::{Archive, Document, DocumentIndex, Entry, FolderIndex, Place, Revision, WITHOUT_FOLDER};

/// Bytes that a path below the output folder may have. What would be deeper begins anew at the top: no system opens
/// longer paths, and how deep folders are is the archive's word.
const MAX_PATH: usize = 2048;
/// The folder of the server's own files.
const SERVER: &str = "server";

/// Everything that is to be written. The first folder is the output folder itself.
pub(super) struct Layout {
    pub(super) folders: Vec<OutFolder>,
    pub(super) files: Vec<OutFile>,
}

pub(super) struct OutFolder {
    /// The folder that it lies in; the first lies in itself.
    pub(super) parent: usize,
    pub(super) name: String,
    /// Unix seconds; NaN where there are none.
    pub(super) time: f64,
    path_len: usize,
}

pub(super) struct OutFile {
    pub(super) folder: usize,
    pub(super) name: String,
    pub(super) what: What,
}

#[derive(Clone, Copy)]
pub(super) enum What {
    /// A document's revision, by its number among its revisions.
    Revision(DocumentIndex, usize),
    /// A file of the server, by its name in the archive.
    ServerFile(&'static str),
}

impl Layout {
    /// Lays out what is wanted. `is_free` says whether nothing on the disk bears a name in a folder.
    pub(super) fn of(
        archive: &Archive,
        entries: &[Entry<'_>],
        wanted: &Wanted,
        is_free: &mut dyn FnMut(&Self, usize, &str) -> bool,
    ) -> Self {
        let top = OutFolder { parent: 0, name: String::new(), time: f64::NAN, path_len: 0 };
        let layout = Self { folders: vec![top], files: Vec::new() };
        let mut planner = Planner { archive, wanted, layout, names: Names::default(), is_free };
        planner.everything(entries);
        planner.layout
    }

    /// The folders from the top down to `folder`, without the output folder.
    pub(super) fn way_to(&self, folder: usize) -> Vec<usize> {
        let above = |&folder: &usize| (folder != 0).then(|| self.folders[folder].parent);
        let mut way: Vec<_> = std::iter::successors(Some(folder), above).filter(|&folder| folder != 0).collect();
        way.reverse();
        way
    }

    /// The path of a file, below the output folder.
    pub(super) fn path_of(&self, folder: usize, name: &str) -> String {
        let mut path = String::with_capacity(self.folders[folder].path_len + name.len() + 1);
        for folder in self.way_to(folder) {
            path.push_str(&self.folders[folder].name);
            path.push('/');
        }
        path + name
    }
}

/// What was asked for.
pub(super) fn entries<'a>(archive: &'a Archive, wanted: &Wanted) -> Result<Vec<Entry<'a>>> {
    let tree = archive.tree();
    let by_path = wanted.paths.iter().map(|path| tree.find(path));
    let by_id = wanted.documents.iter().map(|id| {
        let document = tree.document_of_id(id).map(Entry::Document);
        document.ok_or_else(|| Error::NotInBackup { wanted: id.clone() })
    });
    let mut entries = by_path.chain(by_id).collect::<Result<Vec<_>>>()?;
    entries.extend(wanted.picked.iter().map(|picked| match *picked {
        Picked::Folder(folder) => Entry::Folder(tree.folder(folder)),
        Picked::Document(document) => Entry::Document(tree.document(document)),
        Picked::WithoutFolder => Entry::WithoutFolder,
    }));
    if wanted.server_files && !SERVER_FILES.iter().any(|name| archive.has_server_file(name)) {
        return Err(Error::NotInBackup { wanted: SERVER.to_owned() });
    }
    if entries.is_empty() && !wanted.server_files {
        entries.push(Entry::Root);
    }
    Ok(entries)
}

impl What {
    /// The revision, if it is one.
    pub(super) fn revision(self, archive: &Archive) -> Option<(Document<'_>, Revision<'_>)> {
        let Self::Revision(document, number) = self else { return None };
        let document = archive.tree().document(document);
        document.revisions().nth(number).map(|revision| (document, revision))
    }
}

struct Planner<'a> {
    archive: &'a Archive,
    wanted: &'a Wanted,
    layout: Layout,
    names: Names,
    is_free: &'a mut dyn FnMut(&Layout, usize, &str) -> bool,
}

impl Planner<'_> {
    fn everything(&mut self, entries: &[Entry<'_>]) {
        // So that no title takes it.
        self.names.unique(0, super::map::NAME, |_| true);
        for entry in entries {
            match entry {
                Entry::Root => {
                    self.place(Place::Root, 0);
                    self.without_folder(true);
                }
                Entry::WithoutFolder => self.without_folder(false),
                Entry::Folder(folder) => self.folder(folder.index(), 0),
                Entry::Document(document) => self.document(*document, 0),
            }
        }
        if self.wanted.server_files {
            self.server_files();
        }
    }

    fn without_folder(&mut self, only_if_there_is_any: bool) {
        let (tree, place) = (self.archive.tree(), Place::WithoutFolder);
        if only_if_there_is_any && tree.folders_in(place).len() + tree.documents_in(place).len() == 0 {
            return;
        }
        let folder = self.new_folder(0, WITHOUT_FOLDER, f64::NAN);
        self.place(place, folder);
    }

    /// A folder and all below it. Not by recursion: how deep folders are is the archive's word.
    fn folder(&mut self, index: FolderIndex, into: usize) {
        let mut open = vec![(index, into)];
        let tree = self.archive.tree();
        while let Some((index, into)) = open.pop() {
            let folder = tree.folder(index);
            let made = self.new_folder(into, folder.name(), folder.created_time());
            let inside = Place::In(index);
            open.extend(tree.folders_in(inside).map(|below| (below.index(), made)));
            for document in tree.documents_in(inside) {
                self.document(document, made);
            }
        }
    }

    fn place(&mut self, place: Place, into: usize) {
        let tree = self.archive.tree();
        for folder in tree.folders_in(place) {
            self.folder(folder.index(), into);
        }
        for document in tree.documents_in(place) {
            self.document(document, into);
        }
    }

    fn document(&mut self, document: Document<'_>, into: usize) {
        let count = document.revisions().len();
        match self.wanted.revisions {
            Revisions::All if count > 1 => {
                for number in 0..count {
                    let title = with_suffix(document.title(), &format!(" (revision {})", number + 1));
                    self.file(into, &title, What::Revision(document.index(), number));
                }
            }
            _ if count == 0 => {}
            _ => self.file(into, document.title(), What::Revision(document.index(), document.latest_number())),
        }
    }

    fn server_files(&mut self) {
        let there: Vec<_> = SERVER_FILES.into_iter().filter(|name| self.archive.has_server_file(name)).collect();
        let top = self.new_folder(0, SERVER, f64::NAN);
        let mut ssl = None;
        for member in there {
            // Names of ours, not of the archive's.
            let name = member.strip_prefix("server/").unwrap_or(member);
            let (folder, name) = match name.strip_prefix("ssl/") {
                Some(name) => (*ssl.get_or_insert_with(|| self.new_folder(top, "ssl", f64::NAN)), name),
                None => (top, name),
            };
            self.file(folder, name, What::ServerFile(member));
        }
    }

    fn file(&mut self, folder: usize, title: &str, what: What) {
        let (layout, is_free) = (&self.layout, &mut self.is_free);
        let keeps_clear = self.wanted.conflict == Conflict::Rename;
        let name = self.names.unique(folder, title, |name| !keeps_clear || is_free(layout, folder, name));
        self.layout.files.push(OutFile { folder, name, what });
    }

    fn new_folder(&mut self, parent: usize, title: &str, time: f64) -> usize {
        let is_too_deep = self.layout.folders[parent].path_len > MAX_PATH;
        let parent = if is_too_deep { 0 } else { parent };
        let name = self.names.unique(parent, title, |_| true);
        let path_len = self.layout.folders[parent].path_len + name.len() + 1;
        self.layout.folders.push(OutFolder { parent, name, time, path_len });
        self.layout.folders.len() - 1
    }
}
