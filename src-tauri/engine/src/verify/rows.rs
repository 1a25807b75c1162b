//! What the JSON members say, held against each other and against what the archive holds.

use std::collections::HashSet;
use std::marker::PhantomData;

use super::FindingCode;
use super::findings::Findings;
use super::ids::{Ids, Parents};
use super::inventory::Inventory;
use super::promises::{HeldAgainst, NOT_HELD, Promises};
use crate::archive::bounded_json::{JsonError, read_json};
use crate::archive::decrypt::{Ciphertext, Plaintext};
use crate::archive::json_rows::{Rows, rows_into};
use crate::archive::manifest;
use crate::archive::manifest_reader::read_manifest;
use crate::archive::metadata::Metadata;
use crate::archive::tables::{
    self, DocumentRow, DocumentVisitor, Documents, FileRow, Fingerprint, FolderRow, Id, MAX_METADATA, OrphanTables,
    Place, ReadMetadata, RevisionRow, fingerprint,
};
use crate::error::Result;
use crate::hex;
use crate::job::Job;
use crate::names::members_of_content;

/// The JSON members of an archive.
pub(super) struct Tables<'a> {
    pub(super) ciphertext: &'a Ciphertext,
    pub(super) tar_size: u64,
    pub(super) inventory: &'a mut Inventory,
    pub(super) job: &'a Job,
}

/// Whether the members were held against a manifest.
enum Held {
    NoManifest,
    OtherFormat(String),
    Against(Promises),
}

/// What was read.
pub(super) struct Read {
    /// `metadata.json`, where it can be read.
    pub(super) metadata: Option<ReadMetadata>,
    /// Whether there is a manifest that the members were held against.
    pub(super) has_manifest: bool,
}

impl<'a> Tables<'a> {
    /// Checks all of them.
    pub(super) fn check(self, findings: &mut Findings) -> Result<Read> {
        let metadata = self.metadata(findings)?;
        if matches!(metadata, Some(ReadMetadata::OtherVersion(_))) {
            return Ok(Read { metadata, has_manifest: false });
        }
        let promises = match self.manifest(findings)? {
            Held::NoManifest => None,
            Held::Against(promises) => Some(promises),
            Held::OtherFormat(format) => {
                return Ok(Read { metadata: Some(ReadMetadata::OtherVersion(format)), has_manifest: false });
            }
        };
        let folders = self.folders(findings)?;
        let files = self.files(promises.as_ref(), findings)?;
        let documents = self.documents(folders.as_ref(), files.as_ref(), findings)?;
        if let Some(place) = self.inventory.places.orphans {
            self.read(tables::ORPHANS, place, findings, |tar, size, job| {
                read_json(tar, size, job, PhantomData::<OrphanTables>)
            })?;
        }
        if let Some(ReadMetadata::Known(metadata)) = &metadata {
            check_counts(metadata, documents.as_ref(), folders.as_ref(), files.as_ref(), findings);
        }
        Ok(Read { metadata, has_manifest: promises.is_some() })
    }

    fn metadata(&self, findings: &mut Findings) -> Result<Option<ReadMetadata>> {
        let Some(place) = self.required(tables::METADATA, self.inventory.places.metadata, findings) else {
            return Ok(None);
        };
        if place.size > MAX_METADATA {
            findings.damage(FindingCode::Json, Some(tables::METADATA), "it is far too large");
            return Ok(None);
        }
        self.read(tables::METADATA, place, findings, |tar, size, job| {
            read_json(tar, size, job, PhantomData::<ReadMetadata>)
        })
    }

    /// Holds the members against the manifest.
    fn manifest(&self, findings: &mut Findings) -> Result<Held> {
        let Some(place) = self.inventory.places.manifest else { return Ok(Held::NoManifest) };
        let mut held = HeldAgainst::new(self.inventory, findings);
        let facts = match self.try_read(place, |tar, size, job| read_manifest(tar, size, job, &mut held))? {
            Ok(facts) => facts,
            Err(problem) => {
                findings.damage(FindingCode::Json, Some(manifest::NAME), &problem);
                return Ok(Held::NoManifest);
            }
        };
        if facts.format.as_deref() != Some(manifest::FORMAT) {
            return Ok(Held::OtherFormat(manifest::other_format(facts.format.as_deref())));
        }
        let (promises, unknown) = held.finish(&facts);
        for index in unknown {
            let name = self.inventory.name(index, self.ciphertext, self.tar_size, findings)?;
            findings.damage(FindingCode::Manifest, name.as_deref(), "the manifest does not know this member");
        }
        Ok(Held::Against(promises))
    }

    fn folders(&self, findings: &mut Findings) -> Result<Option<Ids>> {
        let Some(place) = self.required(tables::FOLDERS, self.inventory.places.folders, findings) else {
            return Ok(None);
        };
        let (mut ids, mut parents) = (Vec::new(), Parents::default());
        let mut each = Rows::new(|row: FolderRow| {
            let id = fingerprint(row.id.0.as_bytes());
            ids.push(id);
            if let Some(parent) = row.parent_id.fingerprint() {
                parents.note(id, parent);
            }
        });
        if self.read(tables::FOLDERS, place, findings, rows_into(&mut each))?.is_none() {
            return Ok(None);
        }
        let rows = Ids::new(ids);
        self.tell_of_repeated(tables::FOLDERS, place, &rows, findings)?;
        let lead_nowhere = parents.lead_nowhere(&rows);
        let circles = parents.circles();
        if lead_nowhere || !circles.is_empty() {
            // A folder may come before its parent, so which ones point nowhere is known only now.
            let mut each = Rows::new(|row: FolderRow| {
                let reason = match row.parent_id.fingerprint() {
                    Some(parent) if !rows.has(parent) => "the folder that this one lies in is not there",
                    Some(_) if circles.binary_search(&fingerprint(row.id.0.as_bytes())).is_ok() => {
                        "this folder lies within itself, so no way leads from it to the root"
                    }
                    _ => return,
                };
                findings.warning(FindingCode::Reference, &row.id.0, None, reason);
            });
            // It has been read before, so only reading itself can fail.
            let _ = self.try_read(place, rows_into(&mut each))?;
        }
        Ok(Some(rows))
    }

    fn files(&self, promises: Option<&Promises>, findings: &mut Findings) -> Result<Option<Ids>> {
        let Some(place) = self.required(tables::FILES, self.inventory.places.files, findings) else {
            return Ok(None);
        };
        let mut ids = Vec::new();
        let contents = Contents { inventory: self.inventory, promises };
        let mut each = Rows::new(|row: FileRow| {
            ids.push(fingerprint(row.id.0.as_bytes()));
            contents.check(&row, findings);
        });
        if let Err(problem) = self.try_read(place, rows_into(&mut each))? {
            findings.damage(FindingCode::Json, Some(tables::FILES), &problem);
            return Ok(None);
        }
        let rows = Ids::new(ids);
        self.tell_of_repeated(tables::FILES, place, &rows, findings)?;
        Ok(Some(rows))
    }

    fn documents(&self, folders: Option<&Ids>, files: Option<&Ids>, findings: &mut Findings) -> Result<Option<Ids>> {
        let Some(place) = self.required(tables::DOCUMENTS, self.inventory.places.documents, findings) else {
            return Ok(None);
        };
        let mut check = DocumentCheck { folders, files, findings, ids: Vec::new(), revisions: Revisions::default() };
        if let Err(problem) = self.try_read(place, rows_into(&mut Documents(&mut check)))? {
            findings.damage(FindingCode::Json, Some(tables::DOCUMENTS), &problem);
            return Ok(None);
        }
        let rows = Ids::new(check.ids);
        self.tell_of_repeated(tables::DOCUMENTS, place, &rows, findings)?;
        Ok(Some(rows))
    }

    /// Names the ids of the table at `place` that stand in several of its `rows`.
    fn tell_of_repeated(&self, name: &str, place: Place, rows: &Ids, findings: &mut Findings) -> Result<()> {
        let repeated = rows.repeated();
        let mut told = HashSet::new();
        if repeated > 0 && findings.has_room_for_damage() {
            let mut each = Rows::new(|row: IdRow| {
                let id = fingerprint(row.id.0.as_bytes());
                let times = rows.rows_of(id);
                if times > 1 && findings.has_room_for_damage() && told.insert(id) {
                    let reason = format!("{times} rows of {name} have this id; a server can take only one");
                    findings.damage(FindingCode::DuplicateRow, Some(&row.id.0), &reason);
                }
            });
            // It has been read before, so only reading itself can fail.
            let _ = self.try_read(place, rows_into(&mut each))?;
        }
        findings.count_damage(repeated - told.len() as u64);
        Ok(())
    }

    fn required(&self, name: &str, place: Option<Place>, findings: &mut Findings) -> Option<Place> {
        if place.is_none() {
            findings.damage(FindingCode::Json, Some(name), "it is missing");
        }
        place
    }

    /// What `read` makes of the JSON at `place`, or `None` with a finding.
    fn read<T>(
        &self,
        name: &str,
        place: Place,
        findings: &mut Findings,
        read: impl FnOnce(Plaintext<'a>, u64, &Job) -> Result<T, JsonError>,
    ) -> Result<Option<T>> {
        Ok(match self.try_read(place, read)? {
            Ok(value) => Some(value),
            Err(problem) => {
                findings.damage(FindingCode::Json, Some(name), &problem);
                None
            }
        })
    }

    fn try_read<T>(
        &self,
        place: Place,
        read: impl FnOnce(Plaintext<'a>, u64, &Job) -> Result<T, JsonError>,
    ) -> Result<Result<T, String>> {
        let mut tar = Plaintext::new(self.ciphertext, self.tar_size);
        tar.jump(place.at);
        match read(tar, place.size, self.job) {
            Ok(value) => Ok(Ok(value)),
            Err(problem) => Ok(Err(problem.into_problem(|error| self.ciphertext.unreadable(error))?)),
        }
    }
}

fn check_counts(
    metadata: &Metadata,
    documents: Option<&Ids>,
    folders: Option<&Ids>,
    files: Option<&Ids>,
    findings: &mut Findings,
) {
    let counts = [
        (tables::DOCUMENTS, metadata.documents_count, documents.map(Ids::count)),
        (tables::FOLDERS, metadata.folders_count, folders.map(Ids::count)),
        (tables::FILES, metadata.files_count, files.map(Ids::count)),
    ];
    for (name, announced, counted) in counts {
        if let Some(counted) = counted.filter(|&counted| counted != announced) {
            let reason = format!("it has {counted} rows; {} says {announced}", tables::METADATA);
            findings.damage(FindingCode::Counts, Some(name), &reason);
        }
    }
}

/// Any row, of which only the id matters.
#[derive(serde::Deserialize)]
struct IdRow {
    id: Id,
}

struct Contents<'a> {
    inventory: &'a Inventory,
    promises: Option<&'a Promises>,
}

impl Contents<'_> {
    fn check(&self, row: &FileRow, findings: &mut Findings) {
        let id = row.id.0.as_str();
        let found = members_of_content(id).find_map(|name| self.inventory.find(&name).map(|found| (name, found)));
        match found {
            // What contradicts the manifest has been told, and says nothing of what the server recorded.
            Some((name, _)) if self.promises.is_some_and(|promises| promises.broken_for(&name)) => {}
            Some((_, (_, content))) => {
                let recorded = row.sha256.text().unwrap_or_default();
                if !recorded.is_empty() && !recorded.eq_ignore_ascii_case(&hex::encode(&content.sha256)) {
                    self.contradicts(id, findings);
                }
            }
            None => self.is_missing(id, findings),
        }
    }

    fn contradicts(&self, id: &str, findings: &mut Findings) {
        match self.promises {
            // The archive is as it was written: the server's own record was wrong before.
            Some(_) => {
                let reason = "the content was stored as it was found; the server's database has another SHA-256 for it";
                findings.warning(FindingCode::Sha256, id, None, reason);
            }
            None => {
                let reason = "the content's SHA-256 is not the one that the server recorded";
                findings.damage(FindingCode::Sha256, Some(id), reason);
            }
        }
    }

    fn is_missing(&self, id: &str, findings: &mut Findings) {
        let told_already = match self.promises {
            Some(promises) => promises.explain(id) || members_of_content(id).any(|name| promises.broken_for(&name)),
            // In an archive that is cut or broken nobody knows what it once held.
            None => !self.inventory.is_complete,
        };
        if !told_already {
            findings.warning(FindingCode::ContentMissing, id, None, NOT_HELD);
        }
    }
}

struct DocumentCheck<'a> {
    folders: Option<&'a Ids>,
    files: Option<&'a Ids>,
    findings: &'a mut Findings,
    ids: Vec<Fingerprint>,
    revisions: Revisions,
}

/// What is known of a document's revisions before the document's own row ends.
#[derive(Default)]
struct Revisions {
    without_file: u64,
    /// The document that they name, and whether they name several.
    document: Option<Fingerprint>,
    documents_differ: bool,
}

impl DocumentVisitor for DocumentCheck<'_> {
    fn revision(&mut self, revision: RevisionRow) {
        if let Some(files) = self.files {
            let is_there = revision.file_id.fingerprint().is_some_and(|file| files.has(file));
            self.revisions.without_file += u64::from(!is_there);
        }
        if let Some(document) = revision.document_id.fingerprint() {
            let first = *self.revisions.document.get_or_insert(document);
            self.revisions.documents_differ |= first != document;
        }
    }

    fn document(&mut self, document: DocumentRow) {
        let own = fingerprint(document.id.as_bytes());
        self.ids.push(own);
        let revisions = std::mem::take(&mut self.revisions);
        let mut warn = |reason: &str| {
            self.findings.warning(FindingCode::Reference, &document.id, Some(&document.title), reason);
        };
        if revisions.without_file > 0 {
            warn(&format!(
                "{} of its revisions have a content that is not in {}",
                revisions.without_file,
                tables::FILES
            ));
        }
        if revisions.documents_differ || revisions.document.is_some_and(|named| named != own) {
            warn("a revision of it names another document");
        }
        if let (Some(folders), Some(folder)) = (self.folders, document.folder_id.fingerprint())
            && !folders.has(folder)
        {
            warn("the folder that it lies in is not there");
        }
    }
}
