//! Documents into a new data directory, with a database of its own.

use std::io::{Read as _, Write as _};
use std::path::Path;

use super::contents::{read_back, write};
use super::documents::places::NewDisk;
use super::documents::{self, Rehearsed};
use super::plan::{RestorePlan, RestoreWay, Restored};
use super::staging::Staging;
use super::{RestoreOptions, documents::obstacle};
use crate::error::{Error, Result};
use crate::job::{Job, Phase};
use crate::server_data::{Homes, RestoredDatabase, ServerData};
use crate::tree::Archive;
use crate::volume;

const PIECE: usize = 256 * 1024;
/// What belongs to a database, and would be taken for the new one's.
pub(super) const COMPANIONS: [&str; 3] = ["-wal", "-shm", "-journal"];

/// Puts the documents of `archive` into `data_dir`; see [`restore`](super::restore).
pub(super) fn restore(archive: &Archive, data_dir: &Path, options: &RestoreOptions, job: &Job) -> Result<Restored> {
    let (homes, place) = Homes::of_documents(data_dir)?;
    if !options.dry_run {
        Staging::sweep(data_dir, &place)?;
    }
    must_be_free(data_dir, &place)?;
    let named = data_dir.join(&place);
    let database = match &options.like {
        None => RestoredDatabase::fresh(&named)?,
        Some(like) => {
            let like = ServerData::open(like)?;
            job.phase(Phase::Snapshot, None, None)?;
            RestoredDatabase::copy_of(&like.snapshot(true, &[], job)?, &named)?
        }
    };
    let plan = RestorePlan {
        way: RestoreWay::NewFromDocuments,
        data_dir: data_dir.to_path_buf(),
        database: place.clone(),
        schema_oddities: database.oddities()?,
        ..RestorePlan::default()
    };
    let mut rehearsed = documents::rehearse(archive, database, &mut NewDisk { homes }, plan, options, job)?;
    let plan = &mut rehearsed.plan;
    plan.needed_bytes = rehearsed.database.size + plan.content_bytes;
    plan.free_bytes = volume::nearest_existing(data_dir).and_then(|nearest| volume::free_bytes(&nearest));
    if options.dry_run {
        return Ok(Restored { plan: rehearsed.plan, dry_run: true, ..Restored::default() });
    }
    obstacle(plan, options).map_or(Ok(()), Err)?;
    must_have_room(plan)?;
    carry_out(archive, rehearsed, options, job)
}

/// Refuses a disk that is too small.
pub(super) fn must_have_room(plan: &RestorePlan) -> Result<()> {
    match plan.free_bytes {
        Some(free) if free < plan.needed_bytes => {
            Err(Error::NoSpace { path: plan.data_dir.clone(), needed: Some(plan.needed_bytes), available: Some(free) })
        }
        _ => Ok(()),
    }
}

/// Refuses what is in the way of the database `place`, what would be taken for its journal above all.
pub(super) fn must_be_free(data_dir: &Path, place: &str) -> Result<()> {
    for suffix in [""].into_iter().chain(COMPANIONS) {
        let path = data_dir.join(format!("{place}{suffix}"));
        if path.symlink_metadata().is_ok() {
            return Err(Error::AlreadyExists { path });
        }
    }
    Ok(())
}

fn carry_out(archive: &Archive, rehearsed: Rehearsed, options: &RestoreOptions, job: &Job) -> Result<Restored> {
    let Rehearsed { mut plan, incoming, database, .. } = rehearsed;
    let data_dir = plan.data_dir.clone();
    let mut staging = Staging::begin(&data_dir)?;
    // A server that starts without it deletes its database.
    if data_dir.join("init").symlink_metadata().is_err() {
        staging.create("init")?;
    }
    job.phase(Phase::Extract, Some(plan.content_bytes), Some(plan.contents))?;
    incoming.write_puts(|put| {
        job.item(Some(put.place.clone()));
        let mut file = staging.create(&put.place)?;
        let shown = data_dir.join(&put.place);
        let written = write(archive, &mut file, &shown, (&put.file_id, put.sha256), &mut plan, job)?;
        if written.is_none() {
            staging.remove(&put.place)?;
        }
        Ok(written)
    })?;
    job.settle();
    let mut bytes = database.file;
    let mut file = staging.create(&plan.database)?;
    let failed = |e| Error::io("write", data_dir.join(&plan.database), e);
    let mut piece = vec![0; PIECE];
    loop {
        job.check()?;
        match bytes.read(&mut piece).map_err(failed)? {
            0 => break,
            read => file.write_all(&piece[..read]).map_err(failed)?,
        }
    }
    drop(file);
    staging.sync()?;
    let mut restored = Restored::default();
    if !options.no_verify {
        job.phase(Phase::ReadBack, None, Some(plan.contents))?;
        let count = incoming.each_written(|_, place, sha256| read_back(staging.open(place)?, place, &sha256, job))?;
        restored.read_back = Some(count);
        job.settle();
    }
    job.check()?;
    staging.publish(&plan.database)?;
    restored.plan = plan;
    Ok(restored)
}
