//! Looking into an archive without reading its contents.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use serde::Serialize;
use ts_rs::TS;

use crate::archive::bounded_json::{JsonError, read_json};
use crate::archive::decrypt::{Ciphertext, Ending, Plaintext, Shape};
use crate::archive::json_rows::{Rows, rows_into};
pub use crate::archive::key::KeyFacts;
use crate::archive::key::{KeyFile, find_key};
use crate::archive::manifest;
use crate::archive::manifest_reader::{ManifestFacts, ManifestVisitor, Missing, Promised, read_manifest, shortened};
use crate::archive::metadata::{Metadata, Scope};
use crate::archive::tables::{
    self, DocumentRow, DocumentVisitor, Documents, FileRow, Fingerprint, FolderRow, MAX_METADATA, Place, Places,
    ReadMetadata, RevisionRow, fingerprint,
};
use crate::archive::tar_reader::{Flaw, FlawKind, Found, Members};
use crate::error::{Error, Result};
use crate::job::Job;
use crate::names::{content_member, shown};
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
    /// The warnings that were stored with the backup.
    pub warnings: Vec<Warning>,
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
    let key_path = find_key(archive, key)?;
    let key = KeyFile::read(&key_path)?;
    let ciphertext = Ciphertext::open(archive, &key.key)?;
    let shape = ciphertext.shape()?;
    if !shape.key_fits {
        return Err(Error::WrongKey { archive: archive.to_path_buf(), key: key_path });
    }
    let look = Look { archive, ciphertext: &ciphertext, shape };
    let held = look.walk()?;
    let metadata = look.metadata(&held)?;
    let manifest = look.manifest(&held)?;
    let access_rules = look.folder_rules(&held)?;
    let (sizes, contents_missing) = look.files(&held)?;
    let documents = look.documents(&held, &sizes, access_rules)?;
    Ok(Inspection {
        archive_path: archive.to_path_buf(),
        key_path,
        metadata,
        key: key.facts,
        scope: if held.has_database { Scope::WholeServer } else { Scope::DocumentsOnly },
        created_by: manifest.created_by,
        snapshot_at: manifest.snapshot_at,
        server_name: manifest.server_name,
        archive_size: ciphertext.size(),
        members: held.members,
        revisions: documents.revisions,
        access_rules: documents.access_rules,
        contents: held.contents.len() as u64,
        content_bytes: held.contents.iter().map(|content| content.size).sum(),
        contents_missing,
        largest: documents.largest(),
        warnings: manifest.warnings,
    })
}

struct Look<'a> {
    archive: &'a Path,
    ciphertext: &'a Ciphertext,
    shape: Shape,
}

/// What a walk from header to header met.
#[derive(Default)]
struct Held {
    members: u64,
    places: Places,
    has_database: bool,
    /// By fingerprint of the member's name.
    contents: Vec<Content>,
}

/// A content's name, or its id, and its size.
#[derive(Clone, Copy)]
struct Content {
    name: Fingerprint,
    size: u64,
}

fn size_of(contents: &[Content], name: Fingerprint) -> Option<u64> {
    let index = contents.binary_search_by_key(&name, |content| content.name).ok()?;
    contents.get(index).map(|content| content.size)
}

impl<'a> Look<'a> {
    fn walk(&self) -> Result<Held> {
        let mut held = Held::default();
        let tar = Plaintext::new(self.ciphertext, self.shape.tar_size);
        let mut walk = Members::new(tar, self.shape.ending == Ending::Sound);
        while let Some(found) = walk.next().map_err(|e| self.ciphertext.unreadable(e))? {
            let member = match found {
                Found::Member(member) => member,
                Found::Flaw(flaw) if flaw.kind == FlawKind::MemberKind => continue,
                Found::Flaw(flaw) => return Err(self.flawed(flaw)),
            };
            held.members += 1;
            held.places.note(&member);
            held.has_database |= member.name == b"server/app.db";
            if tables::is_content(&member.name) {
                held.contents.push(Content { name: fingerprint(&member.name), size: member.size });
            }
        }
        held.contents.sort_unstable_by_key(|content| content.name);
        Ok(held)
    }

    fn metadata(&self, held: &Held) -> Result<Metadata> {
        let place = self.required(tables::METADATA, held.places.metadata)?;
        if place.size > MAX_METADATA {
            return Err(self.damaged(tables::METADATA, "it is far too large"));
        }
        match self
            .read(tables::METADATA, place, |tar, size, job| read_json(tar, size, job, PhantomData::<ReadMetadata>))?
        {
            ReadMetadata::Known(metadata) => Ok(metadata),
            ReadMetadata::OtherVersion(version) => {
                Err(Error::UnsupportedVersion { archive: self.archive.to_path_buf(), version })
            }
        }
    }

    fn manifest(&self, held: &Held) -> Result<ManifestFacts> {
        struct Uninterested;
        impl ManifestVisitor for Uninterested {
            fn member(&mut self, _: Promised) {}
            fn missing(&mut self, _: Missing) {}
        }
        match held.places.manifest {
            Some(place) => {
                self.read(manifest::NAME, place, |tar, size, job| read_manifest(tar, size, job, &mut Uninterested))
            }
            None => Ok(ManifestFacts::default()),
        }
    }

    fn folder_rules(&self, held: &Held) -> Result<u64> {
        let place = self.required(tables::FOLDERS, held.places.folders)?;
        let mut rules = 0;
        let mut each = Rows::new(|row: FolderRow| rules += row.access_rules.0);
        self.read(tables::FOLDERS, place, rows_into(&mut each))?;
        Ok(rules)
    }

    /// The size of every content of `files.json` by its id, and how many are not there.
    fn files(&self, held: &Held) -> Result<(Vec<Content>, u64)> {
        let place = self.required(tables::FILES, held.places.files)?;
        let (mut sizes, mut missing) = (Vec::new(), 0);
        let mut each = Rows::new(|row: FileRow| {
            let id = row.id.0.as_str();
            let member = |name: &str| size_of(&held.contents, fingerprint(name.as_bytes()));
            // Real servers take any id for a name as it is.
            let size = member(&content_member("files", id)).or_else(|| member(&format!("files/{id}")));
            match size {
                Some(size) => sizes.push(Content { name: fingerprint(id.as_bytes()), size }),
                None => missing += 1,
            }
        });
        self.read(tables::FILES, place, rows_into(&mut each))?;
        sizes.sort_unstable_by_key(|content| content.name);
        Ok((sizes, missing))
    }

    fn documents<'s>(&self, held: &Held, sizes: &'s [Content], access_rules: u64) -> Result<DocumentTotals<'s>> {
        let place = self.required(tables::DOCUMENTS, held.places.documents)?;
        let mut totals =
            DocumentTotals { sizes, revisions: 0, access_rules, files: Vec::new(), largest: BinaryHeap::new() };
        self.read(tables::DOCUMENTS, place, rows_into(&mut Documents(&mut totals)))?;
        Ok(totals)
    }

    fn required(&self, name: &str, place: Option<Place>) -> Result<Place> {
        place.ok_or_else(|| self.damaged(name, "it is missing"))
    }

    fn read<T>(
        &self,
        name: &str,
        place: Place,
        read: impl FnOnce(Plaintext<'a>, u64, &Job) -> Result<T, JsonError>,
    ) -> Result<T> {
        let mut tar = Plaintext::new(self.ciphertext, self.shape.tar_size);
        tar.jump(place.at);
        read(tar, place.size, &Job::silent()).map_err(|problem| {
            match problem.into_problem(|error| self.ciphertext.unreadable(error)) {
                Ok(problem) => self.damaged(name, &problem),
                Err(error) => error,
            }
        })
    }

    fn flawed(&self, flaw: Flaw) -> Error {
        let member =
            flaw.member.map(|name| format!("{}: ", shown(&String::from_utf8_lossy(&name)))).unwrap_or_default();
        let (archive, problem) = (self.archive.to_path_buf(), format!("{member}{}", flaw.reason));
        match flaw.kind {
            FlawKind::Truncated => Error::Truncated { archive, problem },
            _ => Error::Damaged { archive, problem },
        }
    }

    fn damaged(&self, name: &str, problem: &str) -> Error {
        Error::Damaged { archive: self.archive.to_path_buf(), problem: format!("{name}: {problem}") }
    }
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
