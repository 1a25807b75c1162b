//! Which contents a backup holds, and in which order.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Statement};

use super::columns::Tables;
use super::owned;
use super::rows::{Failure, each_file, text_of};
use super::snapshot::Snapshot;
use crate::error::Result;
use crate::warning::{Warning, WarningCode, bounded};

/// Folders above a document that are shown. Deeper ones are left out in the middle.
const MAX_SHOWN_DEPTH: usize = 16;
/// Folders that are gone up before a chain is taken for a circle.
const MAX_DEPTH: usize = 1000;
/// Folders whose places are remembered. They take up a few hundred bytes each.
const MAX_KNOWN: usize = 4096;
/// Bytes of a place that are shown of the folders, and as many of the title.
const MAX_PLACE: usize = 400;

/// The files that some revision points to, in 24 bytes each: there may be millions.
#[derive(Debug, Clone)]
pub(crate) struct ContentIndex {
    /// By row of the file.
    entries: Arc<Vec<Entry>>,
    others: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    file: i64,
    /// The row of a document that shows it; none where its revisions are orphans.
    document: Option<i64>,
}

/// Which contents: those that go below `files/` in an archive, or those below `server/files/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WhichContents {
    /// Some revision points to them.
    OfDocuments,
    /// No revision does: avatars of later servers, unfinished uploads.
    Others,
}

/// A row of `files`, as far as its content is concerned.
#[derive(Debug, Clone)]
pub(crate) struct ContentRow {
    pub(crate) id: String,
    pub(crate) path: String,
    pub(crate) sha256: Option<String>,
    /// Whether its upload finished.
    pub(crate) active: bool,
    pub(crate) document: Option<ContentOwner>,
}

/// A document that shows a content.
#[derive(Debug, Clone)]
pub(crate) struct ContentOwner {
    pub(crate) document_id: String,
    pub(crate) title: String,
    /// Folders and title, to be shown: `财务 / 2026 / 预算`.
    pub(crate) place: String,
}

impl Warning {
    /// About the content of `row`.
    pub(crate) fn of_content(row: ContentRow, code: WarningCode, reason: String) -> Self {
        let (document_id, title) = row.document.map(|owner| (owner.document_id, bounded(owner.title))).unzip();
        Self { code, file_id: Some(row.id), document_id, title, path: Some(bounded(row.path)), reason }
    }
}

impl ContentIndex {
    /// Needs the pairs of [`owned`].
    pub(super) fn build(connection: &Connection, tables: &Tables) -> rusqlite::Result<Self> {
        let files = connection.query_row(&format!("SELECT count(*) FROM {}", tables.files.name), [], |row| {
            let count: i64 = row.get(0)?;
            Ok(usize::try_from(count).unwrap_or_default())
        })?;
        let Tables { files: table, revisions, .. } = tables;
        // CROSS JOIN keeps SQLite from going another way: by the documents' order revisions lie side by side.
        let query = format!(
            "SELECT f.{file}, p.owner FROM {pairs} p CROSS JOIN {revisions} r ON r.{revision} = p.item \
             CROSS JOIN {files} f ON f.id = r.file_id",
            file = table.rowid,
            files = table.name,
            pairs = owned::pairs(revisions),
            revision = revisions.rowid,
            revisions = revisions.name,
        );
        let mut statement = connection.prepare(&query)?;
        let mut rows = statement.query([])?;
        // Many revisions may share a file: their number must not show in the memory that is used.
        let slack = (files / 4).max(16 * 1024);
        let mut entries = Vec::with_capacity(files + slack);
        let mut most = slack;
        while let Some(row) = rows.next()? {
            entries.push(Entry { file: row.get(0)?, document: row.get(1)? });
            if entries.len() >= most {
                Self::thin(&mut entries);
                most = entries.len() + slack;
            }
        }
        Self::thin(&mut entries);
        let others = (files.saturating_sub(entries.len())) as u64;
        Ok(Self { entries: Arc::new(entries), others })
    }

    /// How many contents there are.
    pub(crate) fn count(&self, which: WhichContents) -> usize {
        match which {
            WhichContents::OfDocuments => self.entries.len(),
            WhichContents::Others => usize::try_from(self.others).unwrap_or(usize::MAX),
        }
    }

    pub(super) fn contains(&self, file: i64) -> bool {
        self.find(file).is_some()
    }

    fn find(&self, file: i64) -> Option<&Entry> {
        let index = self.entries.binary_search_by_key(&file, |entry| entry.file).ok()?;
        self.entries.get(index)
    }

    /// One entry a file, with a document where any revision has one.
    fn thin(entries: &mut Vec<Entry>) {
        entries.sort_by_key(|entry| (entry.file, entry.document.is_none(), entry.document));
        entries.dedup_by_key(|entry| entry.file);
    }
}

impl Snapshot {
    /// Which files some revision points to.
    pub(crate) fn document_contents(&self) -> Result<ContentIndex> {
        Ok(self.contents.clone())
    }

    /// Goes through the contents by id.
    pub(crate) fn for_each_content(
        &self,
        index: &ContentIndex,
        which: WhichContents,
        each: &mut dyn FnMut(ContentRow) -> Result<()>,
    ) -> Result<()> {
        self.reading(|connection| {
            let files = &self.tables.files;
            let query = format!("SELECT id, path, sha256, active FROM {} WHERE {} = ?1", files.name, files.rowid);
            let mut fetch = connection.prepare(&query)?;
            let mut owners = Owners::prepare(connection, &self.tables)?;
            each_file(connection, files, index, which == WhichContents::OfDocuments, |rowid| {
                let mut row = fetch.query_row([rowid], |row| {
                    Ok(ContentRow {
                        id: text_of(row.get_ref(0)?),
                        path: text_of(row.get_ref(1)?),
                        sha256: Some(text_of(row.get_ref(2)?)).filter(|sha256| !sha256.is_empty()),
                        active: !matches!(row.get_ref(3)?, rusqlite::types::ValueRef::Integer(0)),
                        document: None,
                    })
                })?;
                if let Some(document) = index.find(rowid).and_then(|entry| entry.document) {
                    row.document = owners.of(document)?;
                }
                Ok(each(row)?)
            })
        })
    }

    /// The same contents in the same order, but of each only the id and the path are read.
    pub(crate) fn for_each_content_id(
        &self,
        index: &ContentIndex,
        which: WhichContents,
        each: &mut dyn FnMut(ContentRow) -> Result<()>,
    ) -> Result<()> {
        self.reading(|connection| {
            let files = &self.tables.files;
            let query = format!("SELECT id, path FROM {} WHERE {} = ?1", files.name, files.rowid);
            let mut fetch = connection.prepare(&query)?;
            each_file(connection, files, index, which == WhichContents::OfDocuments, |rowid| {
                let (id, path) =
                    fetch.query_row([rowid], |row| Ok((text_of(row.get_ref(0)?), text_of(row.get_ref(1)?))))?;
                Ok(each(ContentRow { id, path, sha256: None, active: true, document: None })?)
            })
        })
    }
}

/// Looks up documents and where they lie.
struct Owners<'c> {
    document: Statement<'c>,
    folder: Statement<'c>,
    /// Folders that were looked up, and how they are shown.
    shown: HashMap<String, String>,
}

impl<'c> Owners<'c> {
    fn prepare(connection: &'c Connection, tables: &Tables) -> rusqlite::Result<Self> {
        let Tables { documents, folders, .. } = tables;
        let document = format!("SELECT id, title, folder_id FROM {} WHERE {} = ?1", documents.name, documents.rowid);
        let folder = format!("SELECT name, parent_id FROM {} WHERE id = ?1", folders.name);
        Ok(Self {
            document: connection.prepare(&document)?,
            folder: connection.prepare(&folder)?,
            shown: HashMap::new(),
        })
    }

    fn of(&mut self, document: i64) -> Result<Option<ContentOwner>, Failure> {
        let found = self.document.query_row([document], |row| {
            Ok((text_of(row.get_ref(0)?), text_of(row.get_ref(1)?), text_of(row.get_ref(2)?)))
        });
        let Some((document_id, title, folder)) = found.optional()? else { return Ok(None) };
        if !self.shown.contains_key(&folder) {
            let shown = self.folders(&folder)?;
            if self.shown.len() >= MAX_KNOWN {
                self.shown.clear();
            }
            self.shown.insert(folder.clone(), shown);
        }
        let above = self.shown.get(&folder).map_or("", String::as_str);
        let mut place = format!("{above}{title}");
        if place.len() > 2 * MAX_PLACE {
            place.truncate(place.floor_char_boundary(2 * MAX_PLACE));
            place.push('…');
        }
        Ok(Some(ContentOwner { document_id, title, place }))
    }

    /// The folders from the root down to `id`, each followed by ` / `. Chains that are circles come to an end.
    fn folders(&mut self, id: &str) -> rusqlite::Result<String> {
        let mut names: Vec<String> = Vec::new();
        let mut seen = HashSet::new();
        let mut next = id.to_owned();
        // Later servers have a folder that is the root itself.
        while !next.is_empty() && next != "/" && seen.len() < MAX_DEPTH && seen.insert(next.clone()) {
            let found = self.folder.query_row([&next], |row| Ok((text_of(row.get_ref(0)?), text_of(row.get_ref(1)?))));
            let Some((name, parent)) = found.optional()? else { break };
            names.push(name);
            next = parent;
        }
        if names.len() > MAX_SHOWN_DEPTH {
            let half = MAX_SHOWN_DEPTH / 2;
            names.splice(half..names.len() - half, ["…".to_owned()]);
        }
        let mut shown: String = names.iter().rev().map(|name| format!("{name} / ")).collect();
        if shown.len() > MAX_PLACE {
            shown.truncate(shown.floor_char_boundary(MAX_PLACE));
            shown.push_str("… / ");
        }
        Ok(shown)
    }
}
