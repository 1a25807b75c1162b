//! Looking into an archive without reading its contents.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::path::{Path, PathBuf};

use serde::Serialize;
use ts_rs::TS;

use crate::archive::json_rows::{Rows, rows_into};
pub use crate::archive::key::KeyFacts;
use crate::archive::manifest_reader::{Uninterested, shortened};
use crate::archive::metadata::{Metadata, Scope};
use crate::archive::opened::{OnDamage, Opened};
use crate::archive::tables::{
    DocumentRow, DocumentVisitor, Documents, FileRow, Fingerprint, FolderRow, RevisionRow, fingerprint,
};
use crate::error::Result;
use crate::job::Job;
use crate::warning::Warning;

#[cfg(test)]
mod tests;

/// How many of the largest documents are told.
const MAX_LARGEST: usize = 10;

/// What an archive holds.
#[derive(Debug, Clone, Serialize, TS)]
#[ts(export)]
pub struct Inspection {
    /// The archive.
    pub archive_path: PathBuf,
    /// Its key.
    pub key_path: PathBuf,
    /// The archive's metadata.
    pub metadata: Metadata,
    /// What the key file says; never the key.
    pub key: KeyFacts,
    /// Whether it is of the whole server.
    pub scope: Scope,
    /// What made it, from the manifest: `cfms-backup <version>`; `None` for other makers.
    pub created_by: Option<String>,
    /// The moment whose state it holds, from the manifest, in Unix seconds.
    pub snapshot_at: Option<f64>,
    /// The server's configured name, from the manifest.
    pub server_name: Option<String>,
    /// The archive's size in bytes.
    #[ts(type = "number")]
    pub archive_size: u64,
    /// Members of the archive.
    #[ts(type = "number")]
    pub members: u64,
    /// Document revisions.
    #[ts(type = "number")]
    pub revisions: u64,
    /// Access rules of documents and folders.
    #[ts(type = "number")]
    pub access_rules: u64,
    /// Contents that are in it.
    #[ts(type = "number")]
    pub contents: u64,
    /// Their bytes.
    #[ts(type = "number")]
    pub content_bytes: u64,
    /// Contents that `files.json` names and that are not in it.
    #[ts(type = "number")]
    pub contents_missing: u64,
    /// The documents with the largest contents, largest first; at most ten.
    pub largest: Vec<LargeDocument>,
    /// The warnings that were stored with the backup; the first of them.
    pub warnings: Vec<Warning>,
    /// How many warnings there were in all.
    #[ts(type = "number")]
    pub warnings_total: u64,
}

/// A document and the size of its contents.
#[derive(Debug, Clone, Serialize, TS)]
#[ts(export)]
pub struct LargeDocument {
    /// The document.
    pub document_id: String,
    /// Its title.
    pub title: String,
    /// Bytes of its contents, all revisions together.
    #[ts(type = "number")]
    pub bytes: u64,
}

/// Looks into the archive at `archive` with the key at `key` (`None`: the key beside it), by seeking: its contents are
/// not read.
///
/// # Errors
/// As [`verify`](crate::verify()), and damage that stands in the way.
pub fn inspect(archive: &Path, key: Option<&Path>) -> Result<Inspection> {
    let job = Job::silent();
    let opened = Opened::open(archive, key, OnDamage::Refuse, &job)?;
    let metadata = opened.metadata()?;
    let manifest = opened.manifest(&mut Uninterested, &job)?;
    let access_rules = folder_rules(&opened, &job)?;
    let (sizes, contents_missing) = sizes(&opened, &job)?;
    let mut documents =
        DocumentTotals { sizes: &sizes, revisions: 0, access_rules, files: Vec::new(), largest: BinaryHeap::new() };
    opened.documents(&job, rows_into(&mut Documents(&mut documents)))?;
    let (contents, content_bytes) = opened.contents();
    Ok(Inspection {
        archive_path: archive.to_path_buf(),
        key_path: opened.key_path().to_path_buf(),
        metadata,
        key: opened.key().clone(),
        scope: opened.scope(),
        created_by: manifest.created_by,
        snapshot_at: manifest.snapshot_at,
        server_name: manifest.server_name,
        archive_size: opened.size(),
        members: opened.members(),
        revisions: documents.revisions,
        access_rules: documents.access_rules,
        contents,
        content_bytes,
        contents_missing,
        largest: documents.largest(),
        warnings: manifest.warnings,
        warnings_total: manifest.warnings_total,
    })
}

/// A content's id, and its size.
#[derive(Clone, Copy)]
struct Content {
    id: Fingerprint,
    size: u64,
}

fn size_of(contents: &[Content], id: Fingerprint) -> Option<u64> {
    let index = contents.binary_search_by_key(&id, |content| content.id).ok()?;
    contents.get(index).map(|content| content.size)
}

fn folder_rules(opened: &Opened, job: &Job) -> Result<u64> {
    let mut rules = 0;
    opened.folders(job, rows_into(&mut Rows::new(|row: FolderRow| rules += row.access_rules.0)))?;
    Ok(rules)
}

/// The size of every content of `files.json` by its id, and how many are not there.
fn sizes(opened: &Opened, job: &Job) -> Result<(Vec<Content>, u64)> {
    let (mut sizes, mut missing) = (Vec::new(), 0);
    let mut each = Rows::new(|row: FileRow| match opened.content(&row.id.0) {
        Some((_, place, _)) => sizes.push(Content { id: fingerprint(row.id.0.as_bytes()), size: place.size }),
        None => missing += 1,
    });
    opened.files(job, rows_into(&mut each))?;
    sizes.sort_unstable_by_key(|content| content.id);
    Ok((sizes, missing))
}

struct DocumentTotals<'s> {
    sizes: &'s [Content],
    revisions: u64,
    access_rules: u64,
    /// The contents of the document that is being read.
    files: Vec<Fingerprint>,
    /// The largest so far, the smallest of them on top.
    largest: BinaryHeap<Reverse<(u64, Reverse<String>, String)>>,
}

impl DocumentTotals<'_> {
    fn largest(self) -> Vec<LargeDocument> {
        let sorted = self.largest.into_sorted_vec();
        sorted
            .into_iter()
            .map(|Reverse((bytes, Reverse(document_id), title))| LargeDocument { document_id, title, bytes })
            .collect()
    }

    fn count_each_file_once(&mut self) {
        self.files.sort_unstable();
        self.files.dedup();
    }
}

impl DocumentVisitor for DocumentTotals<'_> {
    fn revision(&mut self, revision: RevisionRow) {
        self.revisions += 1;
        let Some(file) = revision.file_id.fingerprint() else { return };
        if size_of(self.sizes, file).is_some() {
            if self.files.len() == self.files.capacity() {
                // So it never holds many more than there are contents.
                self.count_each_file_once();
            }
            self.files.push(file);
        }
    }

    fn document(&mut self, document: DocumentRow) {
        self.access_rules += document.access_rules;
        self.count_each_file_once();
        let bytes = self.files.drain(..).filter_map(|file| size_of(self.sizes, file)).sum();
        let is_among_the_largest = self.largest.len() < MAX_LARGEST
            || self.largest.peek().is_some_and(|Reverse((smallest, ..))| bytes > *smallest);
        if bytes > 0 && is_among_the_largest {
            let (id, title) = (shortened(&document.id), shortened(&document.title));
            self.largest.push(Reverse((bytes, Reverse(id), title)));
            if self.largest.len() > MAX_LARGEST {
                self.largest.pop();
            }
        }
    }
}
