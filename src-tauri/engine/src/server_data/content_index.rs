//! Which contents a backup holds, and in which order.

use std::collections::{HashMap, HashSet};

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row, Statement};

use super::clashes::Clashes;
use super::columns::{Table, Tables};
use super::owned;
use super::rows::{each_file, text_of};
use super::snapshot::Snapshot;
use crate::error::Result;
use crate::names::{content_member, digest_member};
use crate::warning::{Warning, WarningCode, bounded};

/// Folders above a document that are shown. Deeper ones are left out in the middle.
const MAX_SHOWN_DEPTH: usize = 16;
/// Folders that are gone up before a chain is taken for a circle.
const MAX_DEPTH: usize = 1000;
/// Folders whose places are remembered. They take up a few hundred bytes each.
const MAX_KNOWN: usize = 4096;
/// Bytes of a place that are shown of the folders, and as many of the title.
const MAX_PLACE: usize = 400;

/// What is read of a content's row.
const COLUMNS: &str = "id, path, sha256, active";

/// The files that some revision points to, in 24 bytes each: there may be millions.
#[derive(Debug)]
pub(crate) struct ContentIndex {
    /// By row of the file.
    entries: Vec<Entry>,
    /// What cannot be stored in the usual way, in order.
    clashes: Clashes,
    of_documents: u64,
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

/// In which order rows are gone through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// By id, as an archive has them.
    ById,
    /// As they lie in the table, which is the quickest.
    AsStored,
}

/// A row of `files`, as far as its content is concerned.
#[derive(Debug, Clone)]
pub(crate) struct ContentRow {
    pub(super) rowid: i64,
    pub(crate) id: String,
    pub(crate) path: String,
    pub(crate) sha256: Option<String>,
    /// Whether its upload finished.
    pub(crate) active: bool,
    /// Whether another content's name stands in the way of its own.
    pub(super) is_renamed: bool,
}

impl ContentRow {
    /// The member that holds it below `folder` (`files`, `server/files`).
    pub(crate) fn member(&self, folder: &str) -> String {
        if self.is_renamed { digest_member(folder, &self.id) } else { content_member(folder, &self.id) }
    }
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
    /// About the content of `row`, which `owner` shows.
    pub(crate) fn of_content(row: ContentRow, owner: Option<ContentOwner>, code: WarningCode, reason: String) -> Self {
        let (document_id, title) = owner.map(|owner| (owner.document_id, bounded(owner.title))).unzip();
        Self { code, file_id: Some(row.id), document_id, title, path: Some(bounded(row.path)), reason }
    }
}

impl ContentIndex {
    /// Needs the pairs of [`owned`].
    pub(super) fn build(connection: &Connection, tables: &Tables) -> rusqlite::Result<Self> {
        let files = usize::try_from(tables.files.rows).unwrap_or_default();
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
        let of_documents = entries.len() as u64;
        let others = files.saturating_sub(entries.len()) as u64;
        Ok(Self { entries, clashes: Clashes::default(), of_documents, others })
    }

    /// How many contents there are.
    pub(crate) fn count(&self, which: WhichContents) -> u64 {
        match which {
            WhichContents::OfDocuments => self.of_documents,
            WhichContents::Others => self.others,
        }
    }

    /// Which content the row `file` has; none if it repeats another's id.
    pub(super) fn which(&self, file: i64) -> Option<WhichContents> {
        if self.clashes.further.binary_search(&file).is_ok() {
            None
        } else if self.find(file).is_some() {
            Some(WhichContents::OfDocuments)
        } else {
            Some(WhichContents::Others)
        }
    }

    /// The further rows of documents' files, in order.
    pub(super) fn further(&self) -> impl Iterator<Item = i64> {
        self.clashes.further.iter().copied().filter(|&file| self.find(file).is_some())
    }

    pub(super) fn set_aside(&mut self, mut clashes: Clashes) {
        clashes.further.sort_unstable();
        clashes.renamed.sort_unstable();
        self.clashes = clashes;
        let further = self.further().count() as u64;
        self.of_documents -= further;
        self.others -= self.clashes.further.len() as u64 - further;
    }

    /// The row `rowid`, whose [`COLUMNS`] begin at 1.
    fn row(&self, rowid: i64, row: &Row<'_>) -> rusqlite::Result<ContentRow> {
        Ok(ContentRow {
            rowid,
            id: text_of(row.get_ref(1)?),
            path: text_of(row.get_ref(2)?),
            sha256: Some(text_of(row.get_ref(3)?)).filter(|sha256| !sha256.is_empty()),
            active: !matches!(row.get_ref(4)?, ValueRef::Integer(0)),
            is_renamed: self.clashes.renamed.binary_search(&rowid).is_ok(),
        })
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
    /// How many contents there are of that kind.
    pub(crate) fn count_contents(&self, which: WhichContents) -> u64 {
        self.contents.count(which)
    }

    /// Goes through the contents in that order.
    pub(crate) fn for_each_content(
        &self,
        which: WhichContents,
        order: Order,
        each: &mut dyn FnMut(ContentRow) -> Result<()>,
    ) -> Result<()> {
        let index = &self.contents;
        self.reading(|connection| {
            each_file(connection, &self.tables.files, COLUMNS, index, (which, order), |rowid, row| {
                Ok(each(index.row(rowid, row)?)?)
            })
        })
    }

    /// The content of that id; of several rows the first.
    pub(crate) fn content(&self, id: &str) -> Result<Option<ContentRow>> {
        let Table { name, rowid, .. } = &self.tables.files;
        let query = format!("SELECT {rowid}, {COLUMNS} FROM {name} WHERE id = ?1 ORDER BY {rowid} LIMIT 1");
        self.reading(|connection| {
            let mut statement = connection.prepare_cached(&query)?;
            Ok(statement.query_row([id], |row| self.contents.row(row.get(0)?, row)).optional()?)
        })
    }

    /// What looks up the documents of contents.
    pub(crate) fn owners(&self) -> Result<Owners<'_>> {
        self.reading(|_| Ok(Owners::prepare(self)?))
    }
}

/// Looks up documents and where they lie. That takes longer than reading a small content, so it is done where it is shown.
pub(crate) struct Owners<'c> {
    snapshot: &'c Snapshot,
    document: Statement<'c>,
    folder: Statement<'c>,
    /// Folders that were looked up, and how they are shown.
    shown: HashMap<String, String>,
}

impl<'c> Owners<'c> {
    fn prepare(snapshot: &'c Snapshot) -> rusqlite::Result<Self> {
        let connection = &snapshot.connection;
        let Tables { documents, folders, .. } = &snapshot.tables;
        let document = format!("SELECT id, title, folder_id FROM {} WHERE {} = ?1", documents.name, documents.rowid);
        let folder = format!("SELECT name, parent_id FROM {} WHERE id = ?1", folders.name);
        Ok(Self {
            snapshot,
            document: connection.prepare(&document)?,
            folder: connection.prepare(&folder)?,
            shown: HashMap::new(),
        })
    }

    /// A document that shows the content of `file`.
    pub(crate) fn of(&mut self, file: &ContentRow) -> Result<Option<ContentOwner>> {
        let snapshot = self.snapshot;
        match snapshot.contents.find(file.rowid).and_then(|entry| entry.document) {
            Some(document) => snapshot.reading(|_| Ok(self.look_up(document)?)),
            None => Ok(None),
        }
    }

    fn look_up(&mut self, document: i64) -> rusqlite::Result<Option<ContentOwner>> {
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
