//! Putting a server back into a new data directory, as it was.
//!
//! The archive is verified and a plan made before anything is written. Everything is then written into a private folder
//! in the data directory, read back from there and compared, and only then put in its place.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::RestoreOptions;
use super::contents::{LOST, damaged, read_back, write};
use super::new_directory::{must_be_free, must_have_room};
use super::plan::{RestoreCounts, RestorePlan, Restored};
use super::staging::Staging;
use crate::error::{Error, Result};
use crate::job::{Job, Phase};
use crate::server_data::{FilePath, Home, Homes, RestoredDatabase};
use crate::tree::{Archive, OnDamage};
use crate::volume;

/// Bytes that a `config.toml` may have.
const MAX_CONFIG: u64 = 1 << 20;

/// The server's files in an archive.
const DATABASE: &str = "server/app.db";
const CONFIG: &str = "server/config.toml";
const INIT: &str = "server/init";
const CERTIFICATE: &str = "server/ssl/cert.pem";
const TLS_KEY: &str = "server/ssl/key.pem";

/// Puts the server of `archive` back; see [`restore`](super::restore).
pub(super) fn restore(archive: &Archive, data_dir: &Path, options: &RestoreOptions, job: &Job) -> Result<Restored> {
    let Some(size) = archive.server_file_size(DATABASE) else {
        return Err(Error::NotInBackup { wanted: DATABASE.to_owned() });
    };
    let whole = Whole::make(archive, data_dir, size, job)?;
    let plan = whole.plan(archive, data_dir)?;
    if !options.dry_run {
        Staging::sweep(data_dir, &whole.home.database)?;
    }
    whole.must_be_free(data_dir)?;
    if options.dry_run {
        return Ok(Restored { plan, dry_run: true, ..Restored::default() });
    }
    must_have_room(&plan)?;
    whole.carry_out(archive, data_dir, options, plan, job)
}

/// What goes where.
struct Whole {
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

impl Whole {
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

    fn plan(&self, archive: &Archive, data_dir: &Path) -> Result<RestorePlan> {
        let (documents, folders) = self.database.counts()?;
        let (accounts, administrators) = self.database.accounts();
        let soundness = self.database.soundness()?;
        let mut plan = RestorePlan {
            data_dir: data_dir.to_path_buf(),
            database: self.home.database.clone(),
            documents,
            folders,
            found_documents: RestoreCounts { new: documents, ..RestoreCounts::default() },
            found_folders: RestoreCounts { new: folders, ..RestoreCounts::default() },
            has_no_users: accounts.is_empty(),
            accounts,
            administrators,
            mended: self.home.mended.clone(),
            schema_oddities: self.database.oddities()?,
            database_problems: soundness.problems,
            dangling_rows: soundness.dangling,
            ..RestorePlan::default()
        };
        for content in &self.contents {
            let FilePath { id, path, .. } = &content.file;
            match content.held {
                Some((_, size)) => {
                    plan.contents += 1;
                    plan.content_bytes += size;
                }
                None => match archive.never_held(id) {
                    Some(reason) => plan.note_missing(id, reason),
                    None => plan.note_damaged(id, LOST.to_owned()),
                },
            }
            if let Some(why) = content.why_elsewhere {
                plan.note_relocated(id, path, &content.place, why);
            }
        }
        plan.needed_bytes = self.database_size + plan.content_bytes;
        plan.free_bytes = volume::nearest_existing(data_dir).and_then(|nearest| volume::free_bytes(&nearest));
        Ok(plan)
    }

    /// Refuses a folder with a server in it, or with anything that would be in the way.
    fn must_be_free(&self, data_dir: &Path) -> Result<()> {
        must_be_free(data_dir, &self.home.database)?;
        let own = ["app.db", "init", "config.toml", "config.toml.from-backup"];
        for place in own.into_iter().chain([&*self.home.certificate, &*self.home.key]) {
            let path = data_dir.join(place);
            if path.symlink_metadata().is_ok() {
                return Err(Error::AlreadyExists { path });
            }
        }
        Ok(())
    }

    fn carry_out(
        self,
        archive: &Archive,
        data_dir: &Path,
        options: &RestoreOptions,
        mut plan: RestorePlan,
        job: &Job,
    ) -> Result<Restored> {
        let Self { home, config, mut database, contents, .. } = self;
        let mut staging = Staging::begin(data_dir)?;
        write_own_files(archive, &mut staging, &home, config.as_deref(), job)?;
        job.phase(Phase::Extract, Some(plan.content_bytes), Some(plan.contents))?;
        let mut written = Vec::with_capacity(contents.len());
        for Content { file: row, place, .. } in contents.iter().filter(|content| content.held.is_some()) {
            job.item(Some(place.clone()));
            let mut file = staging.create(place)?;
            match write(archive, &mut file, &data_dir.join(place), (&row.id, row.sha256), &mut plan, job)? {
                Some(sha256) => written.push((place, sha256)),
                None => staging.remove(place)?,
            }
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
        let mut restored = Restored::default();
        if !options.no_verify {
            job.phase(Phase::ReadBack, None, Some(written.len() as u64))?;
            written.iter().try_for_each(|(place, sha256)| read_back(staging.open(place)?, place, sha256, job))?;
            job.settle();
            restored.read_back = Some(written.len() as u64 - 1);
        }
        job.check()?;
        staging.publish(&home.database)?;
        restored.plan = plan;
        Ok(restored)
    }
}

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
