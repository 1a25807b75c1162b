//! A backup's archive opened to look into it and to take things out.

use std::path::Path;

use super::{FileRow, Objects, Tree, TreeBuilder};
use crate::archive::json_rows::{Rows, rows_into};
use crate::archive::key::KeyFacts;
use crate::archive::manifest_reader::{ManifestFacts, ManifestVisitor, Missing, Promised, shortened};
use crate::archive::metadata::{Metadata, Scope};
pub use crate::archive::opened::OnDamage;
use crate::archive::opened::{Opened, SERVER_FILES};
use crate::archive::tables::{Fingerprint, fingerprint};
use crate::error::{Error, Result};
use crate::hex;
use crate::job::Job;
use crate::warning::Warning;

/// Missing contents whose reasons are kept; of further ones it is known that they are missing.
const MAX_REASONS: usize = 1000;

/// An opened archive: its tree, and its contents to be read one by one.
pub struct Archive {
    pub(super) opened: Opened,
    pub(super) tree: Tree,
    pub(super) promises: Promises,
    metadata: Metadata,
    facts: ManifestFacts,
    on_damage: OnDamage,
}

/// What the manifest says of contents.
#[derive(Default)]
pub(super) struct Promises {
    /// The SHA-256 of every member, by its name.
    members: Vec<(Fingerprint, [u8; 32])>,
    /// Contents that the backup never held, and why.
    missing: Vec<(Fingerprint, Option<String>)>,
    /// Whether there is a manifest at all.
    pub(super) is_there: bool,
}

impl Archive {
    /// Opens the archive at `archive` with the key at `key` (`None`: the key beside it), by seeking: no content is read.
    ///
    /// # Errors
    /// [`Error::KeyMissing`], [`Error::KeyFile`], [`Error::WrongKey`], [`Error::UnsupportedVersion`]; damage of the tables
    /// always, other damage unless `on_damage` allows it; [`Error::Cancelled`].
    pub fn open(archive: &Path, key: Option<&Path>, on_damage: OnDamage, job: &Job) -> Result<Self> {
        let opened = Opened::open(archive, key, on_damage, job)?;
        let metadata = opened.metadata()?;
        let (promises, facts) = match Promises::read(&opened, job) {
            Err(Error::Damaged { .. }) if on_damage == OnDamage::Keep => Default::default(),
            read => read?,
        };
        let tree = read_tree(&opened, job)?;
        Ok(Self { opened, tree, promises, metadata, facts, on_damage })
    }

    /// What it holds.
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// What its key's file says; never the key.
    pub fn key(&self) -> &KeyFacts {
        self.opened.key()
    }

    /// Bytes of the archive's file.
    pub fn size(&self) -> u64 {
        self.opened.size()
    }

    /// How many members it has.
    pub fn members(&self) -> u64 {
        self.opened.members()
    }

    /// How many of them are contents, and their bytes.
    pub fn contents(&self) -> (u64, u64) {
        self.opened.contents()
    }

    /// What made it: `cfms-backup <version>`; `None` for other makers.
    pub fn created_by(&self) -> Option<&str> {
        self.facts.created_by.as_deref()
    }

    /// The files of the server beside its documents, by their names in the archive.
    pub fn server_files(&self) -> impl Iterator<Item = &'static str> {
        SERVER_FILES.into_iter().filter(|name| self.has_server_file(name))
    }

    /// The archive's file.
    pub fn path(&self) -> &Path {
        self.opened.path()
    }

    /// Its key's file.
    pub fn key_path(&self) -> &Path {
        self.opened.key_path()
    }

    /// What the archive says of itself.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// How much of a server it holds.
    pub fn scope(&self) -> Scope {
        self.opened.scope()
    }

    /// When the server was in this state, in Unix seconds; when the backup was begun where that is not recorded.
    pub fn state_of(&self) -> f64 {
        self.facts.snapshot_at.unwrap_or(self.metadata.created_at)
    }

    /// The server's configured name, where the backup tells it.
    pub fn server_name(&self) -> Option<&str> {
        self.facts.server_name.as_deref()
    }

    /// The warnings that were stored with the backup; the first of them.
    pub fn warnings(&self) -> &[Warning] {
        &self.facts.warnings
    }

    /// How many warnings there were in all.
    pub fn warnings_total(&self) -> u64 {
        self.facts.warnings_total
    }

    /// What was said to do with damage.
    pub fn on_damage(&self) -> OnDamage {
        self.on_damage
    }

    /// What is wrong with the archive, as far as it stands in nobody's way.
    pub fn flaws(&self) -> &[String] {
        self.opened.flaws()
    }
}

impl Promises {
    fn read(opened: &Opened, job: &Job) -> Result<(Self, ManifestFacts)> {
        let mut promises = Self { is_there: opened.has_manifest(), ..Self::default() };
        let facts = opened.manifest(&mut promises, job)?;
        promises.members.sort_unstable();
        promises.missing.sort_unstable();
        Ok((promises, facts))
    }

    /// The SHA-256 that the member must have.
    pub(super) fn of_member(&self, name: &str) -> Option<[u8; 32]> {
        let wanted = fingerprint(name.as_bytes());
        let from = self.members.partition_point(|(found, _)| *found < wanted);
        self.members.get(from).filter(|(found, _)| *found == wanted).map(|(_, sha256)| *sha256)
    }

    /// Whether the backup never held the content, and why as far as that is known.
    pub(super) fn never_held(&self, file_id: &str) -> Option<Option<&str>> {
        let wanted = fingerprint(file_id.as_bytes());
        let from = self.missing.partition_point(|(found, _)| *found < wanted);
        self.missing.get(from).filter(|(found, _)| *found == wanted).map(|(_, reason)| reason.as_deref())
    }
}

impl ManifestVisitor for Promises {
    fn member(&mut self, promised: Promised) {
        self.members.push((fingerprint(promised.name.as_bytes()), promised.sha256));
    }

    fn missing(&mut self, missing: Missing) {
        let has_room = self.missing.len() < MAX_REASONS;
        let reason = missing.reason.text().filter(|_| has_room).map(shortened);
        self.missing.push((fingerprint(missing.file_id.0.as_bytes()), reason));
    }
}

fn read_tree(opened: &Opened, job: &Job) -> Result<Tree> {
    let mut builder = TreeBuilder::default();
    let mut files = Rows::new(|row: FileRow| {
        let size = opened.content(&row.id.0).map(|(_, place, _)| place.size);
        builder.file(&row.id.0, sha256_of(row.sha256.text()), size);
    });
    opened.files(job, rows_into(&mut files))?;
    opened.folders(job, rows_into(&mut Objects(builder.folders())))?;
    opened.documents(job, rows_into(&mut Objects(builder.documents())))?;
    builder.finish().ok_or_else(|| opened.damaged("documents.json", "it has more text than any server"))
}

/// A digest as servers record it: in hex, of either case.
pub(super) fn sha256_of(text: Option<&str>) -> Option<[u8; 32]> {
    let mut sha256 = [0; 32];
    hex::decode_into(text?, &mut sha256).then_some(sha256)
}
