//! Taking documents out of an archive, into folders and files.
//!
//! Names are made of titles: safe on every system, no two alike, so a map (`cfms-extracted.json`) says which file is what.
//! Nothing is written through a link or over what is there unasked, and a file gets its name only when it is whole, checked
//! and on the disk.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde::Serialize;
use ts_rs::TS;

use crate::error::{Error, Result};
use crate::job::{Job, Phase};
use crate::tree::{Archive, Check, DocumentIndex, FolderIndex, Holding, OnDamage, Proof, Status};
use crate::volume;

mod layout;
mod map;
mod names;
mod target;
#[cfg(test)]
mod tests;

use layout::{Layout, OutFile, What};
use map::{Line, Map};
use target::{Staging, Target};

/// Documents that are named in each list of an [`Extracted`]; all are counted.
const MAX_NAMED: usize = 1000;

/// What is to be taken out, and how.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Folders and documents, by path of titles or id, as [`Tree::find`](crate::Tree::find) takes them.
    pub paths: Vec<String>,
    /// Documents, by id.
    pub documents: Vec<String>,
    /// What was picked in the tree: ids may be two's. With none of the three and no `server_files`, everything.
    pub picked: Vec<Picked>,
    /// Which revisions of each document.
    pub revisions: Revisions,
    /// What to do with a file that is there already.
    pub conflict: Conflict,
    /// The server's own files too: database, configuration, TLS pair.
    pub server_files: bool,
}

/// A part of the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Picked {
    /// A folder with all that is below it.
    Folder(FolderIndex),
    /// A document.
    Document(DocumentIndex),
    /// All that lies in no folder that there is.
    WithoutFolder,
}

/// Which revisions are taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Revisions {
    /// The latest.
    #[default]
    Latest,
    /// Each, as a file of its own.
    All,
}

/// What is done where a file is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Conflict {
    /// Nothing is written at all.
    #[default]
    Stop,
    /// The new file gets another name.
    Rename,
    /// The old file is replaced.
    Overwrite,
}

/// What was taken out.
#[derive(Debug, Clone, Default, Serialize, TS)]
#[ts(export)]
pub struct Extracted {
    /// The folder that it is in.
    pub output: PathBuf,
    /// The map, where there are files.
    pub map_path: Option<PathBuf>,
    /// Files that were written, without the map.
    #[ts(type = "number")]
    pub files: u64,
    /// Folders that hold them, there before or not.
    #[ts(type = "number")]
    pub folders: u64,
    /// Bytes that were written.
    #[ts(type = "number")]
    pub bytes: u64,
    /// Contents that the backup never held; the first of them.
    pub missing: Vec<Told>,
    /// How many there are.
    #[ts(type = "number")]
    pub missing_total: u64,
    /// Contents that are damaged or lost; the first of them. What there is of them was written only if that was allowed.
    pub damaged: Vec<Told>,
    /// How many there are.
    #[ts(type = "number")]
    pub damaged_total: u64,
    /// Files that nothing proves: neither manifest nor server has a SHA-256 for them.
    #[ts(type = "number")]
    pub unproven: u64,
    /// Files whose SHA-256 the server had recorded otherwise; they are as they were backed up.
    #[ts(type = "number")]
    pub server_differs: u64,
    /// Files of documents that the server had deleted, and kept.
    #[ts(type = "number")]
    pub deleted: u64,
}

/// A content, and what is to be said of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[ts(export)]
pub struct Told {
    /// Where it was or would have been written, below the output folder.
    pub path: String,
    /// Its document.
    pub document_id: Option<String>,
    /// That document's title.
    pub title: Option<String>,
    /// The content, or the server's file.
    pub file_id: String,
    /// What is the matter, in English.
    pub reason: String,
}

/// Takes `wanted` out of `archive` into the folder `output`, which is created where it is missing.
///
/// Damaged contents are left out and named in the result; with [`OnDamage::Keep`] they are written all the same.
///
/// # Errors
/// [`Error::NotInBackup`], [`Error::Ambiguous`]; [`Error::AlreadyExists`] and [`Error::InTheWay`] before anything is
/// written; [`Error::NoSpace`] and what else writing meets; [`Error::Cancelled`]. Files that have their names by then are
/// whole and stay.
pub fn extract(archive: &Archive, wanted: &Wanted, output: &Path, job: &Job) -> Result<Extracted> {
    let entries = layout::entries(archive, wanted)?;
    let mut target = Target::open(output)?;
    let mut refusal = None;
    let layout =
        Layout::of(archive, &entries, wanted, &mut |layout, folder, name| match target.holds(layout, folder, name) {
            Ok(found) => found.is_none(),
            Err(error) => {
                refusal.get_or_insert(error);
                true
            }
        });
    refusal.map_or(Ok(()), Err)?;
    let mut files: Vec<_> = layout.files.iter().map(|file| (position(archive, file), file)).collect();
    files.sort_by_key(|(position, _)| *position);
    let size = files.iter().map(|(_, file)| size(archive, file)).sum();
    check(&mut target, &layout, wanted, job)?;
    check_space(output, size)?;

    job.phase(Phase::Extract, Some(size), Some(files.len() as u64))?;
    for folder in 1..layout.folders.len() {
        job.check()?;
        target.create(&layout, folder)?;
    }
    let output = output.to_path_buf();
    let extracted = Extracted { output, folders: layout.folders.len() as u64 - 1, ..Extracted::default() };
    let staging = Staging::begin(&mut target)?;
    let run = Run { archive, layout: &layout, conflict: wanted.conflict, job, staging, map: None, extracted };
    let extracted = run.all(files.into_iter().map(|(_, file)| file))?;
    job.settle();
    Ok(extracted)
}

impl Extracted {
    /// The error that damage is, unless it was allowed.
    pub fn damage(&self, archive: &Archive) -> Option<Error> {
        let first = self.damaged.first().filter(|_| archive.on_damage() == OnDamage::Refuse)?;
        let more = match self.damaged_total {
            0 | 1 => String::new(),
            2 => " (and one more finding)".to_owned(),
            total => format!(" (and {} more findings)", total - 1),
        };
        let problem = format!("{}: {}{more}", crate::names::shown(&first.file_id), first.reason);
        Some(Error::Damaged { archive: archive.path().to_path_buf(), problem })
    }
}

/// Looks at all that is there already, before anything is written.
fn check(target: &mut Target, layout: &Layout, wanted: &Wanted, job: &Job) -> Result<()> {
    for folder in 1..layout.folders.len() {
        target.check(layout, folder)?;
    }
    for file in &layout.files {
        job.check()?;
        let Some(found) = target.holds(layout, file.folder, &file.name)? else { continue };
        let path = target.path(layout, file.folder, &file.name);
        match wanted.conflict {
            Conflict::Overwrite if found.is_file() => {}
            Conflict::Overwrite => return Err(Error::InTheWay { path }),
            Conflict::Stop | Conflict::Rename => return Err(Error::AlreadyExists { path }),
        }
    }
    Ok(())
}

fn check_space(output: &Path, needed: u64) -> Result<()> {
    match volume::free_bytes(output) {
        Some(free) if free < needed => {
            Err(Error::NoSpace { path: output.to_path_buf(), needed: Some(needed), available: Some(free) })
        }
        _ => Ok(()),
    }
}

fn position(archive: &Archive, file: &OutFile) -> u64 {
    file.what.revision(archive).map_or(u64::MAX, |(_, revision)| archive.position(revision))
}

fn size(archive: &Archive, file: &OutFile) -> u64 {
    match file.what {
        What::ServerFile(name) => archive.server_file_size(name),
        What::Revision(..) => file.what.revision(archive).and_then(|(_, revision)| revision.size()),
    }
    .unwrap_or_default()
}

struct Run<'a, 't> {
    archive: &'a Archive,
    layout: &'a Layout,
    conflict: Conflict,
    job: &'a Job,
    staging: Staging<'t>,
    map: Option<Map>,
    extracted: Extracted,
}

impl<'a> Run<'a, '_> {
    fn all(mut self, files: impl Iterator<Item = &'a OutFile>) -> Result<Extracted> {
        for file in files {
            self.one(file)?;
        }
        if let Some(map) = self.map.take() {
            let staged = map.finish().map_err(|e| Error::io("write", self.map_shown(), e))?;
            let name = self.free_map_name()?;
            self.staging.keep(self.layout, staged, (0, &name), (f64::NAN, 0), Conflict::Stop)?;
            self.extracted.map_path = Some(self.extracted.output.join(&name));
        }
        self.staging.finish(self.layout)?;
        Ok(self.extracted)
    }

    fn one(&mut self, file: &OutFile) -> Result<()> {
        let path = self.layout.path_of(file.folder, &file.name);
        self.job.item(Some(path.clone()));
        let revision = file.what.revision(self.archive);
        if let Some((_, revision)) = revision {
            match self.archive.holding(revision) {
                Holding::Held { .. } => {}
                Holding::Never { reason } => {
                    self.note_missing(file, path, reason);
                    return Ok(());
                }
                Holding::Lost { reason } => {
                    self.note_damaged(file, path, reason);
                    return Ok(());
                }
            }
        }
        let mut staged = self.staging.create()?;
        let shown = self.extracted.output.join(&path);
        let mut write = |bytes: &[u8]| {
            staged.file.write_all(bytes).map_err(|e| Error::io("write", &shown, e))?;
            self.job.advance(bytes.len() as u64)
        };
        let check = match file.what {
            What::ServerFile(name) => self.archive.read_server_file(name, self.job, &mut write)?,
            What::Revision(..) => match revision {
                Some((_, revision)) => self.archive.read(revision, self.job, &mut write)?,
                None => return self.staging.discard(staged),
            },
        };
        if let Some(damage) = &check.damage {
            self.note_damaged(file, path.clone(), damage.clone());
            if self.archive.on_damage() == OnDamage::Refuse {
                return self.staging.discard(staged);
            }
        }
        let time = revision.map_or(f64::NAN, |(_, revision)| revision.created_time());
        self.staging.keep(self.layout, staged, (file.folder, &file.name), (time, check.size), self.conflict)?;
        self.count(file, &check);
        self.add_to_map(file, &path, &check)
    }

    fn count(&mut self, file: &OutFile, check: &Check) {
        let extracted = &mut self.extracted;
        let is_deleted =
            file.what.revision(self.archive).is_some_and(|(document, _)| document.status() == Status::Deleted);
        extracted.files += 1;
        extracted.bytes += check.size;
        extracted.unproven += u64::from(check.proof == Proof::None);
        extracted.server_differs += u64::from(check.server_differs && check.damage.is_none());
        extracted.deleted += u64::from(is_deleted);
    }

    fn add_to_map(&mut self, file: &OutFile, path: &str, check: &Check) -> Result<()> {
        let failed = |output: &Path| {
            let path = output.join(map::NAME);
            move |e| Error::io("write", path, e)
        };
        let map = match &mut self.map {
            Some(map) => map,
            none => {
                let archive = self.archive.path().file_name().unwrap_or_default().to_string_lossy();
                let map = Map::begin(self.staging.create()?, &archive).map_err(failed(&self.extracted.output))?;
                none.insert(map)
            }
        };
        let of = file.what.revision(self.archive);
        let document_path = of.map(|(document, _)| document.path());
        let line = Line {
            path,
            document_id: of.map(|(document, _)| document.id()),
            title: of.map(|(document, _)| document.title()),
            document_path: document_path.as_deref(),
            status: of.map(|(document, _)| document.status()),
            revision_id: of.map(|(_, revision)| revision.id()),
            created_time: of.map(|(_, revision)| revision.created_time()),
            file_id: of.map(|(_, revision)| revision.file_id()),
            size: check.size,
            sha256: &check.sha256_hex(),
            proof: check.proof,
            damage: check.damage.as_deref(),
        };
        map.add(&line).map_err(failed(&self.extracted.output))
    }

    fn map_shown(&self) -> PathBuf {
        self.extracted.output.join(map::NAME)
    }

    /// Earlier maps stay: each tells of the files of its own run.
    fn free_map_name(&mut self) -> Result<String> {
        for number in 1_u32.. {
            let name =
                if number == 1 { map::NAME.to_owned() } else { names::with_suffix(map::NAME, &format!(" ({number})")) };
            let is_ours = self.layout.files.iter().any(|file| file.folder == 0 && file.name == name);
            if !is_ours && self.staging.target().holds(self.layout, 0, &name)?.is_none() {
                return Ok(name);
            }
        }
        Err(Error::AlreadyExists { path: self.map_shown() })
    }

    fn note_missing(&mut self, file: &OutFile, path: String, reason: String) {
        self.extracted.missing_total += 1;
        if self.extracted.missing.len() < MAX_NAMED {
            let told = self.told(file, path, reason);
            self.extracted.missing.push(told);
        }
    }

    fn note_damaged(&mut self, file: &OutFile, path: String, reason: String) {
        self.extracted.damaged_total += 1;
        if self.extracted.damaged.len() < MAX_NAMED {
            let told = self.told(file, path, reason);
            self.extracted.damaged.push(told);
        }
    }

    fn told(&self, file: &OutFile, path: String, reason: String) -> Told {
        let of = file.what.revision(self.archive);
        let file_id = match (file.what, of) {
            (What::ServerFile(name), _) => name,
            (_, Some((_, revision))) => revision.file_id(),
            (_, None) => "",
        };
        Told {
            path,
            document_id: of.map(|(document, _)| document.id().to_owned()),
            title: of.map(|(document, _)| document.title().to_owned()),
            file_id: file_id.to_owned(),
            reason,
        }
    }
}
