//! Documents on their way into a server's database: what is there already, what is written, and what would come of it.
//!
//! All of it is rehearsed on a private copy of the database, so that the plan says what will be and not what should be: who
//! is let in where, and what SQLite thinks of the database afterwards, is asked of the copy.

use std::path::Path;

use super::RestoreOptions;
use super::contents::LOST;
use super::plan::{
    DroppedColumn, MAX_NAMED, OnConflict, RestoreConflict, RestoreCounts, RestorePlan, RestoreWay, RestoredKind,
};
use crate::clock::unix_now;
use crate::error::{Error, RestoreError, Result};
use crate::hex;
use crate::job::{Job, Phase};
use crate::server_data::{
    Incoming, IncomingKind, IncomingRow, Merge, MergeSettings, OpenContent, RestoredDatabase, UnitCounts,
};
use crate::tree::{Archive, parts, rights_of};

mod load;
pub(super) mod places;
mod rights;
mod selection;

use places::Disk;
use rights::WrittenObjects;
use selection::Selection;

/// What was rehearsed.
pub(super) struct Rehearsed {
    /// What would come of it.
    pub(super) plan: RestorePlan,
    /// The rows, what is done with each, and the contents.
    pub(super) incoming: Incoming,
    /// How they are brought together.
    pub(super) settings: MergeSettings,
    /// The database as it would be: the bytes of a file without a name.
    pub(super) database: OpenContent,
}

/// Rehearses what `plan` has begun to tell, on `database`.
pub(super) fn rehearse(
    archive: &Archive,
    database: RestoredDatabase,
    disk: &mut impl Disk,
    mut plan: RestorePlan,
    options: &RestoreOptions,
    job: &Job,
) -> Result<Rehearsed> {
    let is_new = plan.way == RestoreWay::NewFromDocuments;
    let selection = Selection::of(archive.tree(), &options.only, options.into.is_some())?;
    let mut incoming = database.incoming(archive.tables_size())?;
    let into = options.into.as_deref().map(|wanted| folder(wanted, &database, is_new, &mut incoming)).transpose()?;
    let settings = MergeSettings {
        on_conflict: options.on_conflict,
        into,
        backup_has_root: archive.tree().has_root_row(),
        is_new,
        copy_suffix: format!(" (backup {})", date(archive.state_of())),
    };
    plan.on_conflict = options.on_conflict;
    job.phase(Phase::Compare, None, None)?;
    let with_orphans = is_new && selection.is_everything() && settings.into.is_none();
    plan.left_out = load::load(archive, &selection, with_orphans, &mut incoming, job)?;
    let (objects, names) = database.merge(&incoming, &settings, |merge| {
        decide(archive, merge, &incoming, disk, &mut plan, job)?;
        Ok((written_objects(merge)?, merge.names_known()))
    })?;
    job.settle();
    incoming.release_memory()?;
    tell_dropped(&mut plan, &incoming);
    rights::tell_unknown_names(&mut plan, archive.tree(), &objects, &names);
    let soundness = database.soundness()?;
    (plan.database_problems, plan.dangling_rows) = (soundness.problems, soundness.dangling);
    if is_new {
        (plan.accounts, plan.administrators) = database.accounts();
        plan.has_no_users = plan.accounts.is_empty();
    }
    let snapshot = database.into_snapshot(job)?;
    let after = rights_of(Path::new(&plan.database), &snapshot, job)?;
    let after = after.ok_or_else(|| super::contents::damaged(archive, "it has more text than any server"))?;
    rights::tell_wider_access(&mut plan, archive.tree(), &after, &objects);
    plan.obstacle = obstacle(&plan, options).map(|error| error.report());
    Ok(Rehearsed { plan, incoming, settings, database: snapshot.open_bytes()? })
}

/// What stops it as it is.
pub(super) fn obstacle(plan: &RestorePlan, options: &RestoreOptions) -> Option<Error> {
    let path = || plan.data_dir.join(&plan.database);
    let revealing = plan.dropped_columns.iter().filter(|column| column.revealing > 0);
    let columns: Vec<_> =
        revealing.map(|column| format!("{}.{}", column.table, crate::names::shown(&column.column))).collect();
    if !columns.is_empty() {
        return Some(RestoreError::ColumnsLacking { path: path(), columns: columns.join(", ") }.into());
    }
    if options.on_conflict == OnConflict::Stop && plan.conflicts_total > 0 {
        let first = plan.conflicts.first().map(|conflict| crate::names::shown(&conflict.title)).unwrap_or_default();
        return Some(
            RestoreError::Conflicts { path: plan.data_dir.clone(), count: plan.conflicts_total, first }.into(),
        );
    }
    if plan.wider_access_total > 0 && !options.accept_wider_access {
        let first = plan.wider_access.first().map(|wider| {
            let right = wider.rights.first();
            let words = right.map(|right| format!(": {}, and not {}", right.new_words, right.old_words));
            format!("{}{}", crate::names::shown(&wider.path), words.unwrap_or_default())
        });
        return Some(
            RestoreError::WiderAccess { count: plan.wider_access_total, first: first.unwrap_or_default() }.into(),
        );
    }
    None
}

fn decide(
    archive: &Archive,
    merge: &Merge<'_>,
    incoming: &Incoming,
    disk: &mut impl Disk,
    plan: &mut RestorePlan,
    job: &Job,
) -> Result<()> {
    let (mut states, mut failed) = (Vec::new(), None);
    merge.each_file(|seq, id, present| {
        if failed.is_none() {
            match job.check().and_then(|()| disk.state(archive, &id, present.as_deref(), job)) {
                Ok(state) => states.push((seq, state)),
                Err(error) => failed = Some(error),
            }
        }
    })?;
    failed.map_or(Ok(()), Err)?;
    merge.note_files(states.into_iter())?;
    merge.decide()?;
    merge.each_path_of_others(|path| disk.keep_off(path))?;
    incoming.place_puts(|put| {
        job.check()?;
        let placed = disk.place(archive, put, plan, job)?;
        match placed.held {
            Some((_, size)) if !placed.is_there => {
                plan.contents += 1;
                plan.content_bytes += size;
                plan.contents_lost_there += u64::from(put.is_lost);
            }
            Some(_) => {}
            None => match archive.never_held(&put.file_id) {
                Some(reason) => plan.note_missing(&put.file_id, reason),
                None => plan.note_damaged(&put.file_id, LOST.to_owned()),
            },
        }
        Ok(placed)
    })?;
    tell_counts(merge, plan)
}

fn tell_counts(merge: &Merge<'_>, plan: &mut RestorePlan) -> Result<()> {
    let counts = merge.counts()?;
    let written = |of: UnitCounts| of.added + of.replaced + of.copied;
    (plan.documents, plan.folders) = (written(counts.documents), written(counts.folders));
    plan.left_out += counts.documents.repeated + counts.folders.repeated;
    let found = |of: UnitCounts| RestoreCounts { new: of.new, identical: of.identical, conflicting: of.differing };
    (plan.found_documents, plan.found_folders) = (found(counts.documents), found(counts.folders));
    plan.pointing_nowhere = merge.dangling()?;
    // In a new directory nobody's work is in the way.
    if plan.way == RestoreWay::IntoServer {
        let (clashes, total) = merge.clashes(MAX_NAMED)?;
        plan.conflicts_total += total;
        for clash in clashes {
            if plan.conflicts.len() < MAX_NAMED {
                let kind = if clash.is_document { RestoredKind::Document } else { RestoredKind::Folder };
                let (id, title, differs) = (clash.id, clash.title, clash.differs);
                plan.conflicts.push(RestoreConflict { kind, id, title, differs });
            }
        }
    }
    Ok(())
}

fn written_objects(merge: &Merge<'_>) -> Result<WrittenObjects> {
    let mut objects = WrittenObjects::default();
    merge.each_object(|is_document, id, written| objects.add(is_document, id, written))?;
    Ok(objects)
}

fn tell_dropped(plan: &mut RestorePlan, incoming: &Incoming) {
    plan.dropped_columns = incoming
        .dropped()
        .map(|(table, column, dropped)| DroppedColumn {
            table: table.to_owned(),
            column: column.to_owned(),
            rows: dropped.rows,
            revealing: dropped.revealing,
        })
        .collect();
}

/// The id of the folder that everything goes into. In a new directory it is made.
fn folder(wanted: &str, database: &RestoredDatabase, is_new: bool, incoming: &mut Incoming) -> Result<String> {
    let names = parts(wanted);
    match database.folder(wanted, &names)? {
        Some(id) => Ok(id),
        None if is_new && !names.is_empty() => {
            let mut parent = None;
            for name in names {
                let mut random = [0; 32];
                crate::archive::key::fill_random(&mut random)?;
                let id = hex::encode(&random);
                let row: IncomingRow = vec![
                    ("id".to_owned(), id.clone().into()),
                    ("name".to_owned(), name.into()),
                    ("created_time".to_owned(), unix_now().into()),
                    ("parent_id".to_owned(), parent.into()),
                ];
                incoming.add(IncomingKind::Folders, None, 0, row)?;
                parent = Some(id);
            }
            Ok(parent.unwrap_or_default())
        }
        None => Err(RestoreError::NoSuchFolder { wanted: wanted.to_owned() }.into()),
    }
}

/// The day of that moment, in UTC.
fn date(unix_seconds: f64) -> String {
    // Days since the first of March of the year 0, in eras of 400 years.
    let days = (unix_seconds / 86_400.0).floor().clamp(-719_468.0, 2_932_896.0) as i64 + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (year, month) = if month < 10 { (year, month + 3) } else { (year + 1, month - 9) };
    format!("{:04}-{month:02}-{day:02}", year + era * 400)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_day_is_named_as_the_calendar_names_it() {
        for (time, day) in [(0.0, "1970-01-01"), (951_782_400.0, "2000-02-29"), (1_795_423_223.5, "2026-11-23")] {
            assert_eq!(super::date(time), day);
        }
    }
}
