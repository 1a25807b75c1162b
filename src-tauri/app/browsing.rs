//! An opened backup as the window looks through it: a list of lines, of which the page is given those that it shows.
//!
//! The archive and its key stay here; the page names lines by their numbers.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::outline::Outline;
use cfms_backup::Archive;
use cfms_backup::extract::Picked;
use cfms_backup::rights::{Access, Condition};
use cfms_backup::tree::{Document, DocumentIndex, Entry, FolderIndex, Holding, Revision, Status};

mod told;

use told::{AccessTold, Held, RevisionTold, Row, RowKind};
pub(crate) use told::{Described, ListState, Rows, Together};

/// Lines that are given at once at the most.
const MAX_ROWS: usize = 1000;
/// Revisions of a document that are told, the newest of them.
const MAX_REVISIONS: usize = 200;

/// A backup that is looked through.
pub(crate) struct Browsing {
    archive: Archive,
    lines: Vec<Line>,
    view: Mutex<View>,
}

/// What a line is of, and how much is below it.
struct Line {
    what: What,
    documents: u32,
    /// Bytes of the latest contents that the backup holds.
    bytes: u64,
    /// Documents whose latest content it does not hold.
    missing: u32,
}

#[derive(Clone, Copy)]
enum What {
    Folder(FolderIndex),
    Document(DocumentIndex),
    WithoutFolder,
}

struct View {
    outline: Outline,
    /// The lines that a search found; nothing where none is searched for.
    found: Option<Vec<u32>>,
    /// How often it has changed.
    epoch: u32,
}

impl Browsing {
    /// Looks through `archive`.
    pub(crate) fn of(archive: Archive) -> Self {
        let mut lines = Vec::new();
        let mut depths = Vec::new();
        for (entry, depth) in archive.tree().walk(Entry::Root, true) {
            let what = match entry {
                Entry::Folder(folder) => What::Folder(folder.index()),
                Entry::Document(document) => What::Document(document.index()),
                Entry::Root | Entry::WithoutFolder => What::WithoutFolder,
            };
            lines.push(Line::of(what, entry));
            depths.push(depth as u32);
        }
        let outline = Outline::new(depths.into_iter());
        // From the end, so that what is below is counted before what it is in.
        for number in (0..lines.len() as u32).rev() {
            let Some(above) = outline.above(number) else { continue };
            let Line { documents, bytes, missing, .. } = lines[number as usize];
            let above = &mut lines[above as usize];
            above.documents += documents;
            above.bytes = above.bytes.saturating_add(bytes);
            above.missing += missing;
        }
        let view = Mutex::new(View { outline, found: None, epoch: 0 });
        Self { archive, lines, view }
    }

    /// The backup.
    pub(crate) fn archive(&self) -> &Archive {
        &self.archive
    }

    /// The list as it is.
    pub(crate) fn state(&self) -> ListState {
        self.view().state(None)
    }

    /// Rows of the list.
    pub(crate) fn rows(&self, from: usize, count: usize) -> Rows {
        let view = self.view();
        let shown = view.shown();
        let some = shown.iter().skip(from).take(count.min(MAX_ROWS));
        Rows { epoch: view.epoch, rows: some.map(|&key| self.row(key, &view)).collect() }
    }

    /// The numbers of the rows from one to another, both of them among them.
    pub(crate) fn keys(&self, from: usize, to: usize) -> Vec<u32> {
        let view = self.view();
        view.shown().iter().copied().skip(from).take((to + 1).saturating_sub(from)).collect()
    }

    /// Opens or closes a row.
    pub(crate) fn set_open(&self, key: u32, open: bool) -> ListState {
        let mut view = self.view();
        view.outline.set_open(key, open);
        view.epoch += 1;
        view.state(Some(key))
    }

    /// Shows what has `text` in its title, or that id; with no text, the tree, in it the row `keep`.
    pub(crate) fn search(&self, text: &str, keep: Option<u32>) -> ListState {
        let wanted = text.trim().to_lowercase();
        let found = (!wanted.is_empty()).then(|| {
            let all = 0..self.lines.len() as u32;
            all.filter(|&key| self.is_called(key, &wanted)).collect()
        });
        let mut view = self.view();
        if let (None, Some(key)) = (&found, keep) {
            view.outline.reveal(key);
        }
        view.found = found;
        view.epoch += 1;
        view.state(keep)
    }

    /// The first row after `after`, from the top again at the end, whose title begins with `text`.
    pub(crate) fn find(&self, text: &str, after: usize) -> Option<u32> {
        let wanted = text.to_lowercase();
        let view = self.view();
        let shown = view.shown();
        let count = shown.len();
        let begins = |at: &usize| self.title(shown[*at]).to_lowercase().starts_with(&wanted);
        (0..count).map(|step| (after + step) % count).find(begins).map(|at| at as u32)
    }

    /// What is to be known of a row.
    pub(crate) fn describe(&self, key: u32) -> Option<Described> {
        let line = self.lines.get(key as usize)?;
        let entry = self.entry(line.what);
        let (created_time, status) = facts(entry);
        let access = |of: &dyn Fn(Access) -> Condition| {
            Access::ALL.map(|access| AccessTold { access, condition: of(access) }).into()
        };
        let (path, inherits, access) = match entry {
            Entry::Folder(folder) => (folder.path(), folder.inherits(), access(&|which| folder.access(which))),
            Entry::Document(document) => {
                (document.path(), document.inherits(), access(&|which| document.access(which)))
            }
            Entry::Root | Entry::WithoutFolder => (String::new(), false, Vec::new()),
        };
        let revisions = match entry {
            Entry::Document(document) => self.revisions(document),
            _ => Vec::new(),
        };
        let revisions_total = if let Entry::Document(document) = entry { document.revisions().len() as u32 } else { 0 };
        Some(Described {
            key,
            kind: line.what.kind(),
            title: self.title(key).to_owned(),
            id: entry.id().map(str::to_owned),
            path,
            created_time: created_time.is_finite().then_some(created_time),
            status,
            access,
            inherits,
            revisions,
            revisions_total,
            documents: line.documents,
            bytes: line.bytes,
            missing: line.missing,
        })
    }

    /// How much rows are together, each counted once.
    pub(crate) fn together(&self, keys: &[u32]) -> Together {
        let mut together = Together::default();
        for key in self.outermost(keys) {
            let Line { documents, bytes, missing, .. } = self.lines[key as usize];
            together.documents += documents;
            together.bytes = together.bytes.saturating_add(bytes);
            together.missing += missing;
        }
        together
    }

    /// Rows as the engine takes them out, none twice.
    pub(crate) fn picked(&self, keys: &[u32]) -> Vec<Picked> {
        let picked = |key| match self.lines[key as usize].what {
            What::Folder(folder) => Picked::Folder(folder),
            What::Document(document) => Picked::Document(document),
            What::WithoutFolder => Picked::WithoutFolder,
        };
        self.outermost(keys).into_iter().map(picked).collect()
    }

    /// The ids of rows, for a command line; nothing where one has none.
    pub(crate) fn ids(&self, keys: &[u32]) -> Option<Vec<&str>> {
        self.outermost(keys).into_iter().map(|key| self.entry(self.lines[key as usize].what).id()).collect()
    }

    /// A document's revision; `None` for the one that the server shows.
    pub(crate) fn revision(&self, key: u32, number: Option<u32>) -> Option<Revision<'_>> {
        let What::Document(document) = self.lines.get(key as usize)?.what else { return None };
        let document = self.archive.tree().document(document);
        match number {
            Some(number) => document.revisions().nth(number as usize),
            None => document.latest(),
        }
    }

    /// Those of `keys` that are not below another of them.
    fn outermost(&self, keys: &[u32]) -> Vec<u32> {
        let mut keys: Vec<_> = keys.iter().copied().filter(|&key| (key as usize) < self.lines.len()).collect();
        keys.sort_unstable();
        keys.dedup();
        let view = self.view();
        let mut end = 0;
        keys.retain(|&key| {
            let is_outermost = key >= end;
            if is_outermost {
                end = view.outline.all_of(key).end;
            }
            is_outermost
        });
        keys
    }

    fn row(&self, key: u32, view: &View) -> Row {
        let line = &self.lines[key as usize];
        let entry = self.entry(line.what);
        let is_listed = view.found.is_some();
        let above = view.outline.above(key);
        let place = is_listed.then(|| match above.and_then(|above| self.lines.get(above as usize)) {
            Some(Line { what: What::Folder(folder), .. }) => self.archive.tree().folder(*folder).path(),
            _ => String::new(),
        });
        Row {
            key,
            kind: line.what.kind(),
            title: self.title(key).to_owned(),
            depth: if is_listed { 0 } else { view.outline.depth(key) },
            open: !is_listed && view.outline.is_open(key),
            has_below: !is_listed && view.outline.has_below(key),
            above: above.filter(|_| !is_listed).and_then(|above| view.outline.position(above)).map(|at| at as u32),
            documents: line.documents,
            bytes: line.bytes,
            held: match entry {
                Entry::Document(document) => self.held(document.latest()).0,
                _ => Held::None,
            },
            status: facts(entry).1,
            place,
        }
    }

    fn revisions(&self, document: Document<'_>) -> Vec<RevisionTold> {
        let latest = document.latest().map(|revision| revision.id());
        let numbered = (0_u32..).zip(document.revisions()).collect::<Vec<_>>();
        let newest = numbered.into_iter().rev().take(MAX_REVISIONS);
        newest
            .map(|(number, revision)| {
                let (held, reason) = self.held(Some(revision));
                RevisionTold {
                    number,
                    created_time: Some(revision.created_time()).filter(|time| time.is_finite()),
                    size: revision.size(),
                    held,
                    reason,
                    is_latest: latest == Some(revision.id()),
                }
            })
            .collect()
    }

    fn held(&self, revision: Option<Revision<'_>>) -> (Held, Option<String>) {
        match revision.map(|revision| self.archive.holding(revision)) {
            None => (Held::None, None),
            Some(Holding::Held { .. }) => (Held::Yes, None),
            Some(Holding::Never { reason }) => (Held::Never, Some(reason)),
            Some(Holding::Lost { reason }) => (Held::Lost, Some(reason)),
        }
    }

    fn is_called(&self, key: u32, wanted: &str) -> bool {
        let id = self.entry(self.lines[key as usize].what).id();
        self.title(key).to_lowercase().contains(wanted) || id.is_some_and(|id| id.eq_ignore_ascii_case(wanted))
    }

    fn title(&self, key: u32) -> &str {
        match self.entry(self.lines[key as usize].what) {
            Entry::Folder(folder) => folder.name(),
            Entry::Document(document) => document.title(),
            Entry::Root | Entry::WithoutFolder => "",
        }
    }

    fn entry(&self, what: What) -> Entry<'_> {
        let tree = self.archive.tree();
        match what {
            What::Folder(folder) => Entry::Folder(tree.folder(folder)),
            What::Document(document) => Entry::Document(tree.document(document)),
            What::WithoutFolder => Entry::WithoutFolder,
        }
    }

    fn view(&self) -> MutexGuard<'_, View> {
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Line {
    fn of(what: What, entry: Entry<'_>) -> Self {
        let Entry::Document(document) = entry else { return Self { what, documents: 0, bytes: 0, missing: 0 } };
        let size = document.latest().map(|revision| revision.size());
        Self { what, documents: 1, bytes: size.flatten().unwrap_or(0), missing: u32::from(size == Some(None)) }
    }
}

impl What {
    fn kind(self) -> RowKind {
        match self {
            Self::Folder(_) => RowKind::Folder,
            Self::Document(_) => RowKind::Document,
            Self::WithoutFolder => RowKind::WithoutFolder,
        }
    }
}

impl View {
    fn shown(&self) -> &[u32] {
        self.found.as_deref().unwrap_or(self.outline.visible())
    }

    fn state(&self, key: Option<u32>) -> ListState {
        let at = key.and_then(|key| self.shown().binary_search(&key).ok());
        ListState::new(self.epoch, self.shown().len(), at)
    }
}

/// When it was made, and what the server thinks of it.
fn facts(entry: Entry<'_>) -> (f64, Status) {
    match entry {
        Entry::Folder(folder) => (folder.created_time(), folder.status()),
        Entry::Document(document) => (document.created_time(), document.status()),
        Entry::Root | Entry::WithoutFolder => (f64::NAN, Status::Ordinary),
    }
}
