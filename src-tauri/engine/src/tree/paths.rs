//! Paths of titles, with `/` between them: `Contracts/2025/Supplier A`. A `/` in a title is written `\/`, a `\` as `\\`.

use super::{Document, Folder, MAX_DEPTH, Place, Tree};
use crate::error::{Error, Result};

/// How many are named where several have one path.
const MAX_NAMED: usize = 10;
/// What stands for the folder of what lies in none.
pub(crate) const WITHOUT_FOLDER: &str = "Without a folder";

/// Something that a path or an id names.
#[derive(Clone, Copy)]
pub enum Entry<'t> {
    /// Everything.
    Root,
    /// What lies in no folder that there is.
    WithoutFolder,
    /// A folder.
    Folder(Folder<'t>),
    /// A document.
    Document(Document<'t>),
}

impl Tree {
    /// What `wanted` names: an id of a document or folder, else a path of titles. One that begins with `/` is a path
    /// first and an id only where there is no such path.
    ///
    /// # Errors
    /// [`Error::NotInBackup`], and [`Error::Ambiguous`] for a path that several have.
    pub fn find(&self, wanted: &str) -> Result<Entry<'_>> {
        let by_path = || self.find_by_path(wanted).transpose();
        let by_id = || self.find_by_id(wanted).map(Ok);
        let found = if wanted.starts_with('/') { by_path().or_else(by_id) } else { by_id().or_else(by_path) };
        found.unwrap_or_else(|| Err(Error::NotInBackup { wanted: wanted.to_owned() }))
    }

    /// The document or folder of that id.
    pub fn find_by_id(&self, id: &str) -> Option<Entry<'_>> {
        let folder = || self.folder_of_id(id).filter(|folder| Some(folder.index) != self.root);
        self.document_of_id(id).map(Entry::Document).or_else(|| folder().map(Entry::Folder))
    }

    /// The path of what lies at `place`, with a `/` at its end where there is one.
    fn path_into(&self, place: Place) -> String {
        let mut names = Vec::new();
        let mut at = place;
        while let Place::In(index) = at {
            if names.len() == MAX_DEPTH {
                // Nobody made that by hand, and to write it out for every document would take days.
                names.push("…".to_owned());
                break;
            }
            let folder = self.folder(index);
            names.push(escaped(folder.name()));
            at = folder.place();
        }
        if at == Place::WithoutFolder {
            names.push(WITHOUT_FOLDER.to_owned());
        }
        names.iter().rev().fold(String::new(), |path, name| path + name + "/")
    }

    fn find_by_path(&self, path: &str) -> Result<Option<Entry<'_>>> {
        let mut names = parts(path);
        let Some(last) = names.pop() else { return Ok(Some(Entry::Root)) };
        let mut places = vec![Place::Root];
        for (depth, name) in names.iter().enumerate() {
            places = self.step(&places, name, depth);
        }
        let mut found: Vec<_> = places.iter().flat_map(|&place| self.named(place, &last)).collect();
        if found.is_empty() && names.is_empty() && last == WITHOUT_FOLDER {
            found.push(Entry::WithoutFolder);
        }
        match found.as_slice() {
            [] => Ok(None),
            [one] => Ok(Some(*one)),
            several => {
                let ids = several.iter().filter_map(Entry::id).take(MAX_NAMED).map(str::to_owned).collect();
                Err(Error::Ambiguous { wanted: path.to_owned(), ids })
            }
        }
    }

    /// The folders called `name` in any of `places`.
    fn step(&self, places: &[Place], name: &str, depth: usize) -> Vec<Place> {
        let folders = places.iter().flat_map(|&place| self.folders_in(place)).filter(|folder| folder.name() == name);
        let mut next: Vec<_> = folders.map(|folder| Place::In(folder.index())).collect();
        if next.is_empty() && depth == 0 && name == WITHOUT_FOLDER {
            next.push(Place::WithoutFolder);
        }
        next
    }

    fn named<'t>(&'t self, place: Place, name: &str) -> impl Iterator<Item = Entry<'t>> {
        let folders = self.folders_in(place).filter(move |folder| folder.name() == name).map(Entry::Folder);
        folders.chain(self.documents_in(place).filter(move |document| document.title() == name).map(Entry::Document))
    }
}

impl<'t> Entry<'t> {
    /// Its id; the places that are no rows have none.
    pub fn id(&self) -> Option<&'t str> {
        match self {
            Self::Root | Self::WithoutFolder => None,
            Self::Folder(folder) => Some(folder.id()),
            Self::Document(document) => Some(document.id()),
        }
    }
}

impl Folder<'_> {
    /// Its path of titles.
    pub fn path(self) -> String {
        self.tree.path_into(self.place()) + &escaped(self.name())
    }
}

impl Document<'_> {
    /// Its path of titles.
    pub fn path(self) -> String {
        self.tree.path_into(self.place()) + &escaped(self.title())
    }
}

fn escaped(title: &str) -> String {
    title.replace('\\', "\\\\").replace('/', "\\/")
}

/// The titles of a path. What stands before a `/` at its start, or behind one at its end, is no title.
pub(crate) fn parts(path: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut chars = path.strip_prefix('/').unwrap_or(path).chars().peekable();
    while let Some(c) = chars.next() {
        let escapes = c == '\\' && matches!(chars.peek(), Some('/' | '\\'));
        match c {
            '/' => parts.push(String::new()),
            _ => {
                let c = if escapes { chars.next().unwrap_or(c) } else { c };
                // There is always one.
                parts.last_mut().map(|part| part.push(c)).unwrap_or_default();
            }
        }
    }
    if parts.last().is_some_and(String::is_empty) {
        parts.pop();
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_cut_at_slashes_that_are_not_escaped() {
        assert_eq!(parts("a/b"), ["a", "b"]);
        assert_eq!(parts("/a/b/"), ["a", "b"]);
        assert_eq!(parts(r"a\/b/c\\"), ["a/b", r"c\"]);
        assert_eq!(parts(r"C:\new"), [r"C:\new"]);
        assert_eq!(parts("a//b"), ["a", "", "b"]);
        assert_eq!(parts("/"), [""; 0]);
        assert_eq!(parts(""), [""; 0]);
        for title in [r"\", "/", r"\/", "a/b\\", r"\\/", "纯文本"] {
            assert_eq!(parts(&format!("x/{}", escaped(title))), ["x", title]);
        }
    }
}
