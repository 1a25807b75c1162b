//! Documents into the database of a server that is there, beside what it has.

use std::io::{Read as _, Write as _};
use std::path::Path;

use cap_std::ambient_authority;
use cap_std::fs::Dir;

use super::RestoreOptions;
use super::adding::{self, Adding, open_folder};
use super::contents::{digest, read_back, write};
use super::documents::places::Disk;
use super::documents::{self, Rehearsed, obstacle};
use super::new_directory::must_have_room;
use super::plan::{MAX_NAMED, OnConflict, RestoreConflict, RestorePlan, RestoreWay, Restored, RestoredKind};
use crate::clock::unix_now;
use crate::error::{Error, RestoreError, Result};
use crate::job::{Job, Phase};
use crate::server_data::{Contents, FileState, Homes, Placed, Put, RestoredDatabase, ServerData, plain};
use crate::tree::Archive;
use crate::volume;
use crate::warning::WarningCode;

const PIECE: usize = 256 * 1024;
/// Places that are tried for one content.
const MAX_PLACES: usize = 3;

/// Puts the documents of `archive` into the server in `data_dir`; see [`restore`](super::restore).
pub(super) fn restore(archive: &Archive, data_dir: &Path, options: &RestoreOptions, job: &Job) -> Result<Restored> {
    let data = ServerData::open(data_dir)?;
    if data.contents_in_s3() {
        return Err(Error::ContentsInS3 { path: data_dir.to_path_buf() });
    }
    let _lock = data.lock()?;
    if !options.dry_run {
        adding::sweep(&data)?;
    }
    let mut rehearsed = rehearse(archive, &data, options, job)?;
    let plan = &mut rehearsed.plan;
    if options.dry_run {
        return Ok(Restored {
            nothing_to_do: plan.is_empty(),
            plan: rehearsed.plan,
            dry_run: true,
            ..Restored::default()
        });
    }
    stopped_by(plan, &data, options).map_or(Ok(()), Err)?;
    if plan.is_empty() {
        return Ok(Restored { nothing_to_do: true, plan: rehearsed.plan, ..Restored::default() });
    }
    must_have_room(plan)?;
    carry_out(archive, &data, rehearsed, options, job)
}

fn rehearse(archive: &Archive, data: &ServerData, options: &RestoreOptions, job: &Job) -> Result<Rehearsed> {
    job.phase(Phase::Snapshot, None, None)?;
    let named = data.database();
    let database = RestoredDatabase::copy_of(&data.snapshot(false, &[], job)?, named)?;
    job.settle();
    let plan = RestorePlan {
        way: RestoreWay::IntoServer,
        data_dir: data.root().to_path_buf(),
        database: named.strip_prefix(data.root()).unwrap_or(named).to_string_lossy().into_owned(),
        schema_oddities: database.oddities()?,
        open_in: data.open_in(),
        ..RestorePlan::default()
    };
    let homes = Homes::of_present(&plan.database);
    let top = Dir::open_ambient_dir(data.root(), ambient_authority()).map_err(|e| Error::io("open", data.root(), e))?;
    let mut disk = ServerDisk { homes, contents: data.contents(&[])?, top };
    let mut rehearsed = documents::rehearse(archive, database, &mut disk, plan, options, job)?;
    let plan = &mut rehearsed.plan;
    plan.needed_bytes = 2 * rehearsed.database.size + plan.content_bytes;
    plan.free_bytes = volume::free_bytes(data.root());
    plan.obstacle = stopped_by(plan, data, options).map(|error| error.report());
    Ok(rehearsed)
}

fn stopped_by(plan: &RestorePlan, data: &ServerData, options: &RestoreOptions) -> Option<Error> {
    let is_replacing = options.on_conflict == OnConflict::Replace && plan.conflicts_total > 0;
    if is_replacing && !plan.open_in.is_empty() {
        let processes: Vec<_> = plan.open_in.iter().map(u32::to_string).collect();
        let path = data.database().to_path_buf();
        return Some(RestoreError::ServerRunning { path, processes: processes.join(", ") }.into());
    }
    obstacle(plan, options)
}

fn carry_out(
    archive: &Archive,
    data: &ServerData,
    rehearsed: Rehearsed,
    options: &RestoreOptions,
    job: &Job,
) -> Result<Restored> {
    let Rehearsed { mut plan, incoming, settings, database } = rehearsed;
    drop(database);
    let adding = Adding::begin(data.root())?;
    job.phase(Phase::Extract, Some(plan.content_bytes), Some(plan.contents))?;
    incoming.write_puts(|put| {
        job.item(Some(put.place.clone()));
        let name = put.n.to_string();
        let mut file = adding.create(&name)?;
        let shown = data.root().join(&put.place);
        let written = write(archive, &mut file, &shown, (&put.file_id, put.sha256), &mut plan, job)?;
        if written.is_none() {
            adding.discard(&name)?;
        }
        Ok(written)
    })?;
    job.settle();
    let aside = set_aside(data, &adding, job)?;
    let done = adding.publish(&incoming, &aside).and_then(|()| {
        job.phase(Phase::Publish, None, None)?;
        data.write(&incoming, &settings, job, |merge| {
            if !merge.holds_still()? {
                return Err(RestoreError::TargetChanged { path: data.database().to_path_buf() }.into());
            }
            merge.apply()
        })
    });
    if let Err(error) = done {
        // A disk that fails may have kept the rows all the same.
        let is_sure = !matches!(error, Error::Io { .. } | Error::DatabaseDamaged { .. });
        adding.take_back(data, is_sure.then_some(aside.as_str()));
        return Err(error);
    }
    let mut restored = Restored { set_aside: Some(data.root().join(aside)), ..Restored::default() };
    if !options.no_verify {
        job.phase(Phase::ReadBack, None, Some(plan.contents))?;
        let proved = incoming.each_written(|_, place, sha256| read_back(adding.open(place)?, place, &sha256, job));
        let not_proved = |problem: String| RestoreError::NotProved { path: data.root().to_path_buf(), problem };
        restored.read_back = Some(match proved {
            Err(Error::Io { source, path, .. }) => Err(not_proved(format!("{}: {source}", path.display())))?,
            proved => proved?,
        });
        let now = RestoredDatabase::copy_of(&data.snapshot(false, &[], job)?, data.database())?;
        if !now.has_all(&incoming, &settings)? {
            return Err(not_proved("rows that were written are not in the database".to_owned()).into());
        }
        let soundness = now.soundness()?;
        if let Some(problem) = soundness.problems.iter().find(|problem| !plan.database_problems.contains(problem)) {
            return Err(not_proved(problem.clone()).into());
        }
        plan.dangling_rows = soundness.dangling;
        job.settle();
    }
    adding.keep();
    restored.plan = plan;
    Ok(restored)
}

/// Copies the database as it is into the private folder, under the name that the copy gets.
fn set_aside(data: &ServerData, adding: &Adding, job: &Job) -> Result<String> {
    let name = data.database().file_name().unwrap_or_default().to_string_lossy();
    let base = format!("{name}.before-restore-{}", unix_now() as u64);
    let taken = |name: &String| data.root().join(name).symlink_metadata().is_ok();
    let mut names = std::iter::once(base.clone()).chain((2..).map(|number: u32| format!("{base}-{number}")));
    let aside = names.find(|name| !taken(name)).unwrap_or(base);
    job.phase(Phase::Snapshot, None, None)?;
    let snapshot = data.snapshot(false, &[], job)?;
    let (mut bytes, mut file) = (snapshot.open_bytes()?.file, adding.create_private(&aside)?);
    let failed = |e| Error::io("write", data.root().join(&aside), e);
    let mut piece = vec![0; PIECE];
    loop {
        job.check()?;
        match bytes.read(&mut piece).map_err(failed)? {
            0 => break,
            read => file.write_all(&piece[..read]).map_err(failed)?,
        }
    }
    job.settle();
    Ok(aside)
}

/// The data directory of a server that is there.
struct ServerDisk {
    homes: Homes,
    contents: Contents,
    top: Dir,
}

/// What lies where a content would go.
enum Found {
    Nothing,
    TheSame,
    Another,
}

impl Disk for ServerDisk {
    fn state(&mut self, archive: &Archive, file_id: &str, present: Option<&str>, job: &Job) -> Result<FileState> {
        let Some(present) = present else { return Ok(FileState::New) };
        let held = archive.place_of_content(file_id);
        let mut content = match self.contents.open_path(present) {
            Ok(content) => content,
            // What is there and may not be read cannot be told from the backup's.
            Err(refusal) if refusal.code == WarningCode::Unreadable => return Ok(FileState::Same),
            // Nor what its administrator keeps elsewhere; a link in the folder of contents is none of his.
            Err(refusal) if refusal.code == WarningCode::Outside && plain(present).is_none() => {
                return Ok(FileState::Same);
            }
            Err(_) if held.is_some() => return Ok(FileState::Lost),
            Err(_) => return Ok(FileState::Nowhere),
        };
        let Some((_, size)) = held else { return Ok(FileState::Same) };
        if content.size != size {
            return Ok(FileState::Differs);
        }
        let there = digest(&mut content.file, job).map_err(|e| Error::io("read", present, e))??;
        Ok(if there == archived(archive, file_id, job)? { FileState::Same } else { FileState::Differs })
    }

    fn keep_off(&mut self, path: &str) {
        self.homes.keep_off(path);
    }

    fn place(&mut self, archive: &Archive, put: &Put, plan: &mut RestorePlan, job: &Job) -> Result<Placed> {
        let held = archive.place_of_content(&put.file_id);
        let recorded = if put.is_copy { "" } else { &put.recorded };
        let (mut place, mut why) = self.homes.content(&put.id, recorded);
        for _ in 0..MAX_PLACES {
            match self.look(archive, &place, &put.file_id, held, job)? {
                found @ (Found::Nothing | Found::TheSame) => {
                    if let Some(why) = why.filter(|_| !put.is_copy) {
                        plan.note_relocated(&put.file_id, &put.recorded, &place, why);
                    }
                    let is_there = matches!(found, Found::TheSame);
                    return Ok(Placed { place, is_moved: why.is_some(), held, is_there });
                }
                Found::Another => {
                    note_in_the_way(plan, &place, &put.file_id);
                    (place, _) = self.homes.content(&put.id, "");
                    why = Some(IN_THE_WAY);
                }
            }
        }
        Err(Error::InTheWay { path: plan.data_dir.join(place) })
    }
}

impl ServerDisk {
    fn look(
        &self,
        archive: &Archive,
        place: &str,
        file_id: &str,
        held: Option<(u64, u64)>,
        job: &Job,
    ) -> Result<Found> {
        let (folder, name) = place.rsplit_once('/').unwrap_or(("", place));
        let folder = match open_folder(&self.top, folder) {
            Ok(folder) => folder,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Found::Nothing),
            // A link, or a file, in the place of a folder.
            Err(_) => return Ok(Found::Another),
        };
        let Ok(found) = folder.symlink_metadata(name) else { return Ok(Found::Nothing) };
        if !found.is_file() || held.is_none_or(|(_, size)| size != found.len()) {
            return Ok(Found::Another);
        }
        let Ok(mut content) = self.contents.open_path(place) else { return Ok(Found::Another) };
        let there = digest(&mut content.file, job).map_err(|e| Error::io("read", place, e))??;
        Ok(if there == archived(archive, file_id, job)? { Found::TheSame } else { Found::Another })
    }
}

const IN_THE_WAY: &str = "another file, or a link, is there";

fn note_in_the_way(plan: &mut RestorePlan, place: &str, file_id: &str) {
    plan.conflicts_total += 1;
    if plan.conflicts.len() < MAX_NAMED {
        let (id, title, differs) = (place.to_owned(), file_id.to_owned(), vec!["content".to_owned()]);
        plan.conflicts.push(RestoreConflict { kind: RestoredKind::File, id, title, differs });
    }
}

/// The SHA-256 of the archive's content: what the manifest says, else what it is.
fn archived(archive: &Archive, file_id: &str, job: &Job) -> Result<[u8; 32]> {
    match archive.promised_of_content(file_id) {
        Some(promised) => Ok(promised),
        None => Ok(archive.read_content(file_id, None, job, |_| Ok(()))?.sha256),
    }
}
