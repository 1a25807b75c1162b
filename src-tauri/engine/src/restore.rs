//! Putting a server back into a new data directory, as it was.
//!
//! The archive is verified and a plan made before anything is written. Everything is then written into a private folder
//! in the data directory, read back from there and compared, and only then put in its place.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use sha2::{Digest, Sha256};
use ts_rs::TS;

use crate::error::{Error, Result};
use crate::job::{Job, Phase};
use crate::server_data::{FilePath, Home, Homes, Mended, RestoredDatabase};
use crate::tree::{Archive, OnDamage};
use crate::verify::verify;
use crate::volume;

mod staging;

use staging::Staging;

/// Contents that are named in each list; all are counted.
const MAX_NAMED: usize = 1000;
/// Bytes that a `config.toml` may have.
const MAX_CONFIG: u64 = 1 << 20;
const PIECE: usize = 256 * 1024;

/// The server's files in an archive.
const DATABASE: &str = "server/app.db";
const CONFIG: &str = "server/config.toml";
const INIT: &str = "server/init";
const CERTIFICATE: &str = "server/ssl/cert.pem";
const TLS_KEY: &str = "server/ssl/key.pem";

/// How a server is put back.
#[derive(Debug, Clone, Copy, Default)]
pub struct RestoreOptions {
    /// Make the plan, and write nothing.
    pub dry_run: bool,
    /// Neither check the archive as a whole before, nor read back what was written.
    pub no_verify: bool,
}

/// What is, or would be, put back.
#[derive(Debug, Clone, Default, Serialize, TS)]
#[ts(export)]
pub struct Restored {
    /// The data directory.
    pub data_dir: PathBuf,
    /// Whether nothing was written, as was asked for.
    pub dry_run: bool,
    /// The database, in the data directory.
    pub database: String,
    /// Rows of documents.
    #[ts(type = "number")]
    pub documents: u64,
    /// Rows of folders.
    #[ts(type = "number")]
    pub folders: u64,
    /// Contents that are put back.
    #[ts(type = "number")]
    pub contents: u64,
    /// Their bytes.
    #[ts(type = "number")]
    pub content_bytes: u64,
    /// The accounts that come back; the first of them.
    pub accounts: Vec<String>,
    /// Those of them that may manage the system; the first of them.
    pub administrators: Vec<String>,
    /// Contents that the backup never held; the first of them.
    pub missing: Vec<ContentTold>,
    /// How many there are.
    #[ts(type = "number")]
    pub missing_total: u64,
    /// Contents that are damaged or lost in the archive; the first of them. They are put back as far as they are there.
    pub damaged: Vec<ContentTold>,
    /// How many there are.
    #[ts(type = "number")]
    pub damaged_total: u64,
    /// Contents that go elsewhere than their rows said; the first of them. Their rows say so.
    pub relocated: Vec<Relocated>,
    /// How many there are.
    #[ts(type = "number")]
    pub relocated_total: u64,
    /// Contents whose SHA-256 the server had recorded otherwise; they are as they were backed up.
    #[ts(type = "number")]
    pub server_differs: u64,
    /// Settings of `config.toml` that led elsewhere. The backup's own text is in `config.toml.from-backup`.
    pub mended: Vec<Mended>,
    /// Triggers, views and virtual tables of the database, which no known server has.
    pub schema_oddities: Vec<String>,
    /// What SQLite finds wrong with the database, in its words; the backup has it so.
    pub database_problems: Vec<String>,
    /// Rows that point at rows that are not there.
    #[ts(type = "number")]
    pub dangling_rows: u64,
    /// Contents that were read back and are what was backed up; nothing where that was not asked for.
    #[ts(type = "number | null")]
    pub read_back: Option<u64>,
}

/// A content, and what is to be said of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[ts(export)]
pub struct ContentTold {
    /// Its id.
    pub file_id: String,
    /// What is the matter, in English.
    pub reason: String,
}

/// A content that goes elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[ts(export)]
pub struct Relocated {
    /// Its id.
    pub file_id: String,
    /// Where its row said that it was.
    pub recorded: String,
    /// Where it goes.
    pub path: String,
    /// Why, in English.
    pub reason: String,
}

/// Puts the server of `archive` back into `data_dir`, a folder without a server, which is made where it is missing.
///
/// With [`OnDamage::Keep`] a damaged archive is put back as far as it goes, and what is damaged is told.
///
/// # Errors
/// [`Error::NotInBackup`] for a backup of documents only; [`Error::AlreadyExists`] where anything is in the way: a server
/// above all; damage of the archive; [`Error::NoSpace`] and what else writing meets; [`Error::Cancelled`]. Nothing is left
/// behind then.
pub fn restore(archive: &Archive, data_dir: &Path, options: RestoreOptions, job: &Job) -> Result<Restored> {
    let data_dir = std::path::absolute(data_dir).map_err(|e| Error::io("read", data_dir, e))?;
    let Some(size) = archive.server_file_size(DATABASE) else {
        return Err(Error::NotInBackup { wanted: DATABASE.to_owned() });
    };
    if !options.no_verify {
        let verification = verify(archive.path(), Some(archive.key_path()), job)?;
        verification.damage().filter(|_| archive.on_damage() == OnDamage::Refuse).map_or(Ok(()), Err)?;
    }
    let plan = Plan::make(archive, &data_dir, size, job)?;
    let mut restored = plan.told(archive, &data_dir)?;
    restored.dry_run = options.dry_run;
    if !options.dry_run {
        Staging::sweep(&data_dir, &plan.home.database)?;
    }
    plan.must_be_free(&data_dir)?;
    if options.dry_run {
        return Ok(restored);
    }
    plan.carry_out(archive, &data_dir, options, &mut restored, job)?;
    Ok(restored)
}

/// What goes where.
struct Plan {
    home: Home,
    config: Option<String>,
    database: RestoredDatabase,
    database_size: u64,
    contents: Vec<Content>,
}

struct Content {
    file: FilePath,
    place: String,
    why_elsewhere: Option<&'static str>,
    /// Where in the archive it begins, and its bytes; nothing where the archive does not have it.
    held: Option<(u64, u64)>,
}

impl Plan {
    fn make(archive: &Archive, data_dir: &Path, size: u64, job: &Job) -> Result<Self> {
        let config = read_config(archive, job)?;
        let unusable = |problem| Error::Config { path: PathBuf::from(CONFIG), problem };
        let (mut homes, home) = Homes::of_server(config.as_deref()).map_err(unusable)?;
        job.phase(Phase::Snapshot, Some(size), None)?;
        let database = RestoredDatabase::receive(size, &data_dir.join(&home.database), |take| {
            read_sound(archive, DATABASE, job, |bytes| {
                job.advance(bytes.len() as u64)?;
                take(bytes)
            })
        })?;
        job.settle();
        let mut contents = Vec::new();
        for file in database.files()? {
            job.check()?;
            let held = archive.place_of_content(&file.id);
            let (place, why_elsewhere) = match (held, home.contents_in_s3) {
                // Its path is one of the store's.
                (None, true) => (file.path.clone(), None),
                _ => homes.content(&file.id, &file.path),
            };
            contents.push(Content { file, place, why_elsewhere, held });
        }
        // Contents are read fastest in the archive's order.
        contents.sort_by_key(|content| content.held);
        Ok(Self { home, config, database, database_size: size, contents })
    }

    fn told(&self, archive: &Archive, data_dir: &Path) -> Result<Restored> {
        let (documents, folders) = self.database.counts()?;
        let (accounts, administrators) = self.database.accounts();
        let soundness = self.database.soundness()?;
        let mut restored = Restored {
            data_dir: data_dir.to_path_buf(),
            database: self.home.database.clone(),
            documents,
            folders,
            accounts,
            administrators,
            mended: self.home.mended.clone(),
            schema_oddities: self.database.oddities()?,
            database_problems: soundness.problems,
            dangling_rows: soundness.dangling,
            ..Restored::default()
        };
        for content in &self.contents {
            match content.held {
                Some((_, size)) => {
                    restored.contents += 1;
                    restored.content_bytes += size;
                }
                None => match archive.never_held(&content.file.id) {
                    Some(reason) => restored.note_missing(&content.file.id, reason),
                    None => restored.note_damaged(&content.file.id, LOST.to_owned()),
                },
            }
            if let Some(why) = content.why_elsewhere {
                restored.note_relocated(content, why);
            }
        }
        Ok(restored)
    }

    /// Refuses a folder with a server in it, or with anything that would be in the way.
    fn must_be_free(&self, data_dir: &Path) -> Result<()> {
        let own = [&*self.home.database, "app.db", "init", "config.toml", "config.toml.from-backup"];
        for place in own.into_iter().chain([&*self.home.certificate, &*self.home.key]) {
            let path = data_dir.join(place);
            if path.symlink_metadata().is_ok() {
                return Err(Error::AlreadyExists { path });
            }
        }
        let needed = self.database_size
            + self.contents.iter().filter_map(|content| content.held).map(|(_, size)| size).sum::<u64>();
        let nearest = volume::nearest_existing(data_dir).unwrap_or_else(|| data_dir.to_path_buf());
        match volume::free_bytes(&nearest) {
            Some(free) if free < needed => {
                Err(Error::NoSpace { path: data_dir.to_path_buf(), needed: Some(needed), available: Some(free) })
            }
            _ => Ok(()),
        }
    }

    fn carry_out(
        self,
        archive: &Archive,
        data_dir: &Path,
        options: RestoreOptions,
        restored: &mut Restored,
        job: &Job,
    ) -> Result<()> {
        let Self { home, config, mut database, contents, .. } = self;
        let mut staging = Staging::begin(data_dir)?;
        write_own_files(archive, &mut staging, &home, config.as_deref(), job)?;
        job.phase(Phase::Extract, Some(restored.content_bytes), Some(restored.contents))?;
        let mut written = Vec::with_capacity(contents.len());
        for content in contents.iter().filter(|content| content.held.is_some()) {
            written.extend(write_content(archive, &mut staging, content, restored, job)?);
        }
        job.settle();
        let moved = |content: &&Content| content.why_elsewhere.is_some();
        let rows: Vec<_> = contents.iter().filter(moved).map(|c| (c.file.row, format!("./{}", c.place))).collect();
        if !rows.is_empty() {
            database.set_paths(rows.iter().map(|(row, path)| (*row, path.as_str())))?;
        }
        let mut digest = Sha256::new();
        let mut file = staging.create(&home.database)?;
        database.write_to(&mut file, |bytes| {
            digest.update(bytes);
            job.check()
        })?;
        drop(file);
        written.push((&home.database, digest.finalize().into()));
        staging.sync()?;
        if !options.no_verify {
            read_back(&staging, &written, job)?;
            restored.read_back = Some(written.len() as u64 - 1);
        }
        job.check()?;
        staging.publish(&home.database)
    }
}

/// The place of a file that was written, and its SHA-256.
type Written<'c> = (&'c str, [u8; 32]);

fn write_own_files(
    archive: &Archive,
    staging: &mut Staging,
    home: &Home,
    config: Option<&str>,
    job: &Job,
) -> Result<()> {
    // There must be one, whether the backup has it or not.
    let mut init = staging.create("init")?;
    copy_own_file(archive, INIT, &mut init, job)?;
    if let Some(config) = config {
        let written = home.config.as_deref().unwrap_or(config);
        write_text(staging, "config.toml", written)?;
        if home.config.is_some() {
            write_text(staging, "config.toml.from-backup", config)?;
        }
    }
    for (member, place) in [(CERTIFICATE, &home.certificate), (TLS_KEY, &home.key)] {
        if archive.has_server_file(member) {
            let mut file = staging.create(place)?;
            copy_own_file(archive, member, &mut file, job)?;
        }
    }
    Ok(())
}

fn write_text(staging: &mut Staging, place: &str, text: &str) -> Result<()> {
    staging.create(place)?.write_all(text.as_bytes()).map_err(|e| Error::io("write", place, e))
}

fn copy_own_file(archive: &Archive, member: &str, file: &mut std::fs::File, job: &Job) -> Result<()> {
    if !archive.has_server_file(member) {
        return Ok(());
    }
    read_sound(archive, member, job, |bytes| file.write_all(bytes).map_err(|e| Error::io("write", member, e)))
}

/// Reads a file of the server; damage is an error unless it is allowed.
fn read_sound(archive: &Archive, member: &str, job: &Job, take: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
    let check = archive.read_server_file(member, job, take)?;
    match check.damage.filter(|_| archive.on_damage() == OnDamage::Refuse) {
        Some(problem) => Err(damaged(archive, &format!("{member}: {problem}"))),
        None => Ok(()),
    }
}

fn read_config(archive: &Archive, job: &Job) -> Result<Option<String>> {
    let unusable = |problem: &str| Error::Config { path: PathBuf::from(CONFIG), problem: problem.to_owned() };
    match archive.server_file_size(CONFIG) {
        None => return Ok(None),
        Some(size) if size > MAX_CONFIG => return Err(unusable("it is larger than 1 MiB")),
        Some(_) => {}
    }
    let mut text = Vec::new();
    read_sound(archive, CONFIG, job, |bytes| {
        text.extend_from_slice(bytes);
        Ok(())
    })?;
    String::from_utf8(text).map(Some).map_err(|_| unusable("it is not UTF-8"))
}

/// Writes a content, and says where and what; nothing where it is damaged and nobody wants it so.
fn write_content<'c>(
    archive: &Archive,
    staging: &mut Staging,
    content: &'c Content,
    restored: &mut Restored,
    job: &Job,
) -> Result<Option<Written<'c>>> {
    let Content { file: row, place, .. } = content;
    job.item(Some(place.clone()));
    let mut file = staging.create(place)?;
    let check = archive.read_content(&row.id, row.sha256, job, |bytes| {
        file.write_all(bytes).map_err(|e| Error::io("write", restored.data_dir.join(place), e))?;
        job.advance(bytes.len() as u64)
    });
    let check = match check {
        Err(Error::Damaged { problem, .. }) if archive.on_damage() == OnDamage::Keep => {
            restored.note_damaged(&row.id, problem);
            return staging.remove(place).map(|()| None);
        }
        check => check?,
    };
    match check.damage {
        Some(problem) if archive.on_damage() == OnDamage::Refuse => {
            return Err(damaged(archive, &format!("{}: {problem}", crate::names::shown(&row.id))));
        }
        Some(problem) => restored.note_damaged(&row.id, problem),
        None => restored.server_differs += u64::from(check.server_differs),
    }
    Ok(Some((place, check.sha256)))
}

/// Reads everything that was written, and compares it with what came out of the archive.
fn read_back(staging: &Staging, written: &[Written<'_>], job: &Job) -> Result<()> {
    job.phase(Phase::ReadBack, None, Some(written.len() as u64))?;
    let mut piece = vec![0; PIECE];
    for (place, expected) in written {
        job.item(Some((*place).to_owned()));
        let mut file = staging.open(place)?;
        // From the disk, and not from what the system remembers of it.
        let _ = rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed);
        let mut digest = Sha256::new();
        loop {
            let read = file.read(&mut piece).map_err(|e| Error::io("read back", place, e))?;
            if read == 0 {
                break;
            }
            digest.update(&piece[..read]);
            job.advance(read as u64)?;
        }
        if digest.finalize()[..] != expected[..] {
            let source = std::io::Error::other("it is not what was written");
            return Err(Error::Io { action: "read back", path: PathBuf::from(place), source });
        }
    }
    job.settle();
    Ok(())
}

fn damaged(archive: &Archive, problem: &str) -> Error {
    Error::Damaged { archive: archive.path().to_path_buf(), problem: problem.to_owned() }
}

const LOST: &str = "the manifest promises it, and it is not there";

impl Restored {
    fn note_missing(&mut self, file_id: &str, reason: String) {
        self.missing_total += 1;
        if self.missing.len() < MAX_NAMED {
            self.missing.push(ContentTold { file_id: file_id.to_owned(), reason });
        }
    }

    fn note_damaged(&mut self, file_id: &str, reason: String) {
        self.damaged_total += 1;
        if self.damaged.len() < MAX_NAMED {
            self.damaged.push(ContentTold { file_id: file_id.to_owned(), reason });
        }
    }

    fn note_relocated(&mut self, content: &Content, reason: &str) {
        self.relocated_total += 1;
        if self.relocated.len() < MAX_NAMED {
            let FilePath { id, path, .. } = &content.file;
            let (file_id, recorded, reason) = (id.clone(), path.clone(), reason.to_owned());
            self.relocated.push(Relocated { file_id, recorded, path: content.place.clone(), reason });
        }
    }
}
