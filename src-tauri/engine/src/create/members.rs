//! The members of an archive, in the order in which they are written: metadata, tables, contents, the server's own
//! files, the manifest.

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use super::content::{Content, Stored, store};
use super::contents::{Contents, kinds};
use super::found::Found;
use super::ledger::Ledger;
use super::spool::Spool;
use super::{Metadata, Options, Outcome, Scope, unwritable};
use crate::archive::manifest::{self, ManifestWriter};
use crate::archive::tar_writer::{Member, Sealed, TarWriter, member_footprint};
use crate::error::{Error, Result};
use crate::job::Job;
use crate::server_data::{self, OpenContent, ServerData, ServerFile, Snapshot, WhichContents};
use crate::warning::{Warning, WarningCode};

/// Bytes of JSON that are kept between measuring and writing, all tables together.
const SPOOL_BUDGET: usize = 16 * 1024 * 1024;
/// The JSON tables, in the order of the archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Table {
    Folders,
    Documents,
    Files,
    Orphans,
}

impl Table {
    fn member(self) -> &'static str {
        match self {
            Self::Folders => "folders.json",
            Self::Documents => "documents.json",
            Self::Files => "files.json",
            Self::Orphans => "orphans.json",
        }
    }

    fn write(self, snapshot: &Snapshot, out: &mut dyn Write, job: &Job) -> Result<()> {
        match self {
            Self::Folders => snapshot.write_folders(out, job),
            Self::Documents => snapshot.write_documents(out, job),
            Self::Files => snapshot.write_files(out, job),
            Self::Orphans => snapshot.write_orphans(out, job),
        }
    }
}

fn footprint((table, spool): &(Table, Spool)) -> u64 {
    member_footprint(table.member().len(), spool.size())
}

/// The tables of `snapshot`, made so that their sizes are known.
fn measure_tables(snapshot: &Snapshot, job: &Job) -> Result<Vec<(Table, Spool)>> {
    let mut budget = SPOOL_BUDGET;
    let orphans = snapshot.has_orphans()?.then_some(Table::Orphans);
    let tables = [Table::Folders, Table::Documents, Table::Files].into_iter().chain(orphans);
    tables.map(|table| Ok((table, Spool::measure(&mut budget, |out| table.write(snapshot, out, job))?))).collect()
}

/// Everything that goes into one archive, and what became of it.
pub(super) struct Members<'a> {
    snapshot: &'a Snapshot,
    server_name: Option<&'a str>,
    contents: Contents,
    scope: Scope,
    metadata: Metadata,
    tables: Vec<(Table, Spool)>,
    server_files: Vec<(&'static str, OpenContent)>,
    footprint: u64,
    named: Vec<(&'static str, Sealed)>,
    ledger: Ledger,
    found: Found,
}

impl<'a> Members<'a> {
    /// Looks at the contents, makes the tables and opens the server's own files.
    pub(super) fn prepare(
        source: &'a ServerData,
        snapshot: &'a Snapshot,
        mut contents: Contents,
        options: &Options,
        created_at: f64,
        job: &Job,
    ) -> Result<Self> {
        let scope = options.scope;
        let tables = contents.look_at(snapshot, scope, job, || measure_tables(snapshot, job))?;
        let counts = snapshot.counts();
        let metadata = Metadata {
            version: "1.0".to_owned(),
            created_at,
            documents_count: counts.documents,
            folders_count: counts.folders,
            files_count: counts.files,
        };
        let mut members = Self {
            snapshot,
            server_name: source.server_name(),
            footprint: contents.footprint + tables.iter().map(footprint).sum::<u64>(),
            contents,
            scope,
            metadata,
            tables,
            server_files: Vec::new(),
            named: Vec::new(),
            ledger: Ledger::new(snapshot, scope, source.contents_in_s3()),
            found: Found::default(),
        };
        if scope == Scope::WholeServer {
            members.footprint += member_footprint("server/app.db".len(), snapshot.size());
            for file in source.server_files() {
                members.open_server_file(source, &file, &options.allow_outside);
            }
        }
        Ok(members)
    }

    fn open_server_file(&mut self, source: &ServerData, file: &ServerFile, allow_outside: &[PathBuf]) {
        match source.open_server_file(file, allow_outside) {
            Ok(Some(content)) => {
                self.footprint += member_footprint(file.member.len(), content.size);
                self.server_files.push((file.member, content));
            }
            Ok(None) => {}
            Err(refusal) => self.found.note(file.warning(refusal)),
        }
    }

    /// About the bytes that all members take up in the tar.
    pub(super) fn footprint(&self) -> u64 {
        self.footprint + member_footprint(manifest::NAME.len(), 2048) + member_footprint(13, 256)
    }

    /// Contents that are gone through, the missing ones too.
    pub(super) fn contents_total(&self) -> u64 {
        self.contents.count
    }

    /// `metadata.json`.
    pub(super) fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Members that were written.
    pub(super) fn count(&self) -> u64 {
        // The manifest does not list itself.
        self.named.len() as u64 + self.ledger.count() + 1
    }

    /// Bytes of the contents that were written.
    pub(super) fn content_bytes(&self) -> u64 {
        self.ledger.bytes()
    }

    /// Contents of documents that the archive lacks.
    pub(super) fn missing(&self) -> u64 {
        self.found.documents_missing
    }

    /// Contents of no document that the archive lacks.
    pub(super) fn others_missing(&self) -> u64 {
        self.found.others_missing
    }

    /// The members that hold the server's own files.
    pub(super) fn server_files(&self) -> Vec<String> {
        let names = self.named.iter().map(|(name, _)| *name);
        names.filter(|name| name.starts_with("server/")).map(str::to_owned).collect()
    }

    /// Those of them that lie outside the server's folder, or behind a link.
    pub(super) fn outside(&self) -> u64 {
        self.found.outside
    }

    /// How the backup ends. It is incomplete if it lacks too many of the documents' contents to be relied on.
    pub(super) fn outcome(&self, options: &Options) -> Outcome {
        if !options.allow_missing && server_data::is_incomplete(self.found.documents_missing, self.metadata.files_count)
        {
            Outcome::Incomplete
        } else if self.found.warnings.total() > 0 {
            Outcome::DoneWithWarnings
        } else {
            Outcome::Done
        }
    }

    /// The folder below which the missing contents that are not outside should be.
    pub(super) fn missing_below(&self) -> Option<PathBuf> {
        self.found.missing_below.folder()
    }

    /// Uploads without content that never finished.
    pub(super) fn unfinished_uploads(&self) -> u64 {
        self.found.unfinished_uploads
    }

    /// How many warnings there are.
    pub(super) fn warnings_total(&self) -> u64 {
        self.found.warnings.total()
    }

    /// The warnings, as many as are listed.
    pub(super) fn take_warnings(&mut self) -> Vec<Warning> {
        std::mem::take(&mut self.found.warnings).into_list()
    }

    /// Adds a warning.
    pub(super) fn warn(&mut self, warning: Warning) {
        self.found.note(warning);
    }

    /// Writes them all.
    pub(super) fn write_to(&mut self, tar: &mut TarWriter, job: &Job) -> Result<()> {
        for warning in self.found.warnings.list() {
            job.warn(warning);
        }
        let mut metadata = serde_json::to_vec_pretty(&self.metadata).map_err(unwritable)?;
        metadata.push(b'\n');
        self.json(tar, "metadata.json", metadata.len() as u64, job, |out| Ok(out.write_all(&metadata)?))?;
        for (table, spool) in std::mem::take(&mut self.tables) {
            let snapshot = self.snapshot;
            self.json(tar, table.member(), spool.size(), job, |out| {
                spool.write_to(out, |out| Ok::<_, Failure>(table.write(snapshot, out, job)?))
            })?;
        }
        for (index, &kind) in kinds(self.scope).iter().enumerate() {
            if index == 1 {
                self.server(tar, job)?;
            }
            self.contents(tar, kind, job)?;
        }
        for warning in self.snapshot.take_warnings() {
            job.warn(&warning);
            self.found.note(warning);
        }
        self.manifest(tar, job)
    }

    /// A member of JSON, `size` bytes of it, that the manifest will list.
    fn json(
        &mut self,
        tar: &mut TarWriter,
        name: &'static str,
        size: u64,
        job: &Job,
        make: impl FnOnce(&mut dyn Write) -> Result<(), Failure>,
    ) -> Result<()> {
        let member = tar.member(name, size, self.metadata.created_at as u64)?;
        self.named.push((name, fill(member, name, job, make)?));
        Ok(())
    }

    fn contents(&mut self, tar: &mut TarWriter, kind: (WhichContents, &'static str), job: &Job) -> Result<()> {
        self.contents.write_to(tar, kind, self.snapshot, (&mut self.found, &mut self.ledger), job)
    }

    /// The server's own files: with them a backup is of the whole server.
    fn server(&mut self, tar: &mut TarWriter, job: &Job) -> Result<()> {
        let database = self.snapshot.open_bytes()?;
        let files = std::mem::take(&mut self.server_files);
        for (name, content) in std::iter::once(("server/app.db", database)).chain(files) {
            job.aside(name);
            match Content::take_in(content) {
                Ok(content) => {
                    let Stored { sealed, trouble } = store(tar, name, content, job)?;
                    self.named.push((name, sealed));
                    if let Some((_, reason)) = trouble {
                        self.tell_of_server_file(name, reason, job);
                    }
                }
                Err(refusal) => self.tell_of_server_file(name, refusal.reason, job),
            }
        }
        Ok(())
    }

    fn tell_of_server_file(&mut self, member: &str, reason: String, job: &Job) {
        let mut warning = Warning::new(WarningCode::ServerFileMissing, reason);
        warning.path = Some(member.to_owned());
        job.warn(&warning);
        self.found.note(warning);
    }

    fn manifest(&mut self, tar: &mut TarWriter, job: &Job) -> Result<()> {
        // What is in memory already is not kept once more.
        let mut budget = if self.ledger.is_kept() { 0 } else { SPOOL_BUDGET };
        let spool = Spool::measure(&mut budget, |out| self.write_manifest(out))?;
        let member = tar.member(manifest::NAME, spool.size(), self.metadata.created_at as u64)?;
        fill(member, manifest::NAME, job, |out| spool.write_to(out, |out| self.write_manifest(out)))?;
        Ok(())
    }

    fn write_manifest(&self, out: &mut dyn Write) -> Result<(), Failure> {
        let schema = self.snapshot.schema_sha256();
        let alembic = self.snapshot.alembic_version();
        let head = manifest::Head {
            format: manifest::FORMAT,
            created_by: concat!("cfms-backup ", env!("CARGO_PKG_VERSION")),
            snapshot_at: self.snapshot.taken_at(),
            server: manifest::Server {
                name: self.server_name,
                schema_sha256: &schema,
                alembic_version: alembic.as_deref(),
            },
        };
        let mut manifest = ManifestWriter::begin(out, &head)?;
        for (name, sealed) in &self.named {
            manifest.member(name, sealed, None)?;
        }
        self.ledger.write_members(self.snapshot, &mut manifest)?;
        manifest.end_members()?;
        self.ledger.write_missing(self.snapshot, &mut manifest)?;
        for (file_id, code, reason) in &self.found.in_part {
            manifest.missing(file_id, *code, reason)?;
        }
        Ok(manifest.finish(&self.found.warnings)?)
    }
}

/// Fills `member`, called `name`, with the JSON that `make` writes.
fn fill(
    member: Member<'_>,
    name: &str,
    job: &Job,
    make: impl FnOnce(&mut dyn Write) -> Result<(), Failure>,
) -> Result<Sealed> {
    let mut out = BufWriter::with_capacity(64 * 1024, Metered { member, job });
    make(&mut out)?;
    let Metered { member, .. } = out.into_inner().map_err(|e| Failure::from(e.into_error()))?;
    if member.left() > 0 {
        // Zeros would make the member unreadable: better no backup than one that looks like it.
        return Err(unwritable(io::Error::other(format!("{name} came out shorter than it was measured"))));
    }
    member.seal()
}

/// A member that reports what is written to it.
struct Metered<'t, 'j> {
    member: Member<'t>,
    job: &'j Job,
}

impl Write for Metered<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.member.write(bytes)?;
        self.job.advance(written as u64).map_err(io::Error::other)?;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// An engine's error, or one that came through a [`Write`], where the engine's may be inside.
struct Failure(Error);

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self(error.downcast::<Error>().unwrap_or_else(|error| Error::io("write", "the archive", error)))
    }
}

impl From<Failure> for Error {
    fn from(Failure(error): Failure) -> Self {
        error
    }
}
