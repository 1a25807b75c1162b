//! Contents that would share a place in the archive: each gets its own, or only the first of them one.
//!
//! Several rows of `files` may have one id where a schema lost its primary keys. Ids are primary keys on a server, so one
//! row is the file, and the others travel in `orphans.json`. And `a` and `a/b` would be a file and a folder of one name for
//! whoever unpacks the archive, so the longer one is stored by its digest.

use rusqlite::Connection;

use super::columns::Table;
use super::content_index::{ContentIndex, ContentRow, WhichContents};
use super::repeated;
use super::rows::{Failure, text_of};
use super::snapshot::Snapshot;
use crate::error::Result;
use crate::names::is_plain_id;
use crate::warning::{Warning, WarningCode, bounded};

/// Rows of `files` that cannot be stored in the usual way.
#[derive(Debug, Default)]
pub(super) struct Clashes {
    /// Further rows of files, not stored at all.
    pub(super) further: Vec<i64>,
    /// Files stored by the digest of their id.
    pub(super) renamed: Vec<i64>,
}

impl Snapshot {
    /// Settles which contents are stored and under which names. Of rows with one id it is the first whose content
    /// `is_there`, or else the first.
    pub(crate) fn tell_apart(&mut self, is_there: &dyn Fn(&ContentRow) -> bool) -> Result<()> {
        let clashes = self.reading(|connection| {
            let files = &self.tables.files;
            match may_clash(connection, files)? {
                true => Search { connection, files, index: &self.contents, is_there }.run(),
                false => Ok(Clashes::default()),
            }
        })?;
        for &rowid in &clashes.further {
            self.note_further_file(rowid)?;
        }
        self.contents.set_aside(clashes);
        Ok(())
    }

    fn note_further_file(&self, rowid: i64) -> Result<()> {
        let of_documents = self.contents.which(rowid) == Some(WhichContents::OfDocuments);
        let row = self.reading(|connection| Ok(file_at(connection, &self.tables.files, rowid)?))?;
        let reason = match of_documents {
            true => {
                format!("row {rowid} of files repeats the id of another; it is in orphans.json, without its content")
            }
            false => format!("row {rowid} of files repeats the id of another; its content is not stored"),
        };
        let mut warning = Warning::new(WarningCode::RepeatedId, reason);
        warning.file_id = Some(row.id);
        warning.path = Some(bounded(row.path));
        self.warnings.note(warning);
        Ok(())
    }
}

/// Whether there may be any: on most servers one look at the ids shows that there are none.
fn may_clash(connection: &Connection, files: &Table) -> rusqlite::Result<bool> {
    let odd = format!("SELECT EXISTS (SELECT 1 FROM {} WHERE instr(id, '/') OR typeof(id) <> 'text')", files.name);
    Ok(repeated::may_repeat(connection, files)? || connection.query_row(&odd, [], |row| row.get(0))?)
}

struct Search<'a> {
    connection: &'a Connection,
    files: &'a Table,
    index: &'a ContentIndex,
    is_there: &'a dyn Fn(&ContentRow) -> bool,
}

impl Search<'_> {
    /// Goes through the ids in the order of their bytes, where all that begin with one follow it.
    fn run(&self) -> Result<Clashes, Failure> {
        let Table { name, rowid, .. } = self.files;
        let query =
            format!("SELECT CAST(id AS TEXT) AS text, {rowid} FROM {name} ORDER BY text COLLATE BINARY, {rowid}");
        let mut statement = self.connection.prepare(&query)?;
        let mut rows = statement.query([])?;
        let mut clashes = Clashes::default();
        let mut runs = [Run::default(), Run::default()];
        while let Some(row) = rows.next()? {
            let (id, rowid) = (text_of(row.get_ref(0)?), row.get(1)?);
            let run = match self.index.which(rowid) {
                Some(WhichContents::OfDocuments) => &mut runs[0],
                _ => &mut runs[1],
            };
            if run.is_another_of_last(&id) {
                clashes.further.push(self.loser(run, rowid)?);
                continue;
            }
            if run.enter(id) {
                clashes.renamed.push(rowid);
            }
            run.kept = Some(Kept { rowid, is_there: None });
        }
        Ok(clashes)
    }

    /// Which of the row that was kept so far and of `rowid`, which has its id too, is not the file.
    fn loser(&self, run: &mut Run, rowid: i64) -> rusqlite::Result<i64> {
        let Some(kept) = &mut run.kept else { return Ok(rowid) };
        let is_there = |rowid| Ok::<_, rusqlite::Error>((self.is_there)(&file_at(self.connection, self.files, rowid)?));
        let kept_is_there = match kept.is_there {
            Some(known) => known,
            None => is_there(kept.rowid)?,
        };
        kept.is_there = Some(kept_is_there);
        if kept_is_there || !is_there(rowid)? {
            return Ok(rowid);
        }
        let loser = std::mem::replace(kept, Kept { rowid, is_there: Some(true) });
        Ok(loser.rowid)
    }
}

/// The ids of one kind up to one of them: each begins the next.
#[derive(Default)]
struct Run {
    begun: Vec<String>,
    kept: Option<Kept>,
}

struct Kept {
    rowid: i64,
    is_there: Option<bool>,
}

impl Run {
    fn is_another_of_last(&self, id: &str) -> bool {
        self.begun.last().is_some_and(|last| last == id)
    }

    /// Goes on to `id`, and says whether one of those that it begins with would be a folder of its name.
    fn enter(&mut self, id: String) -> bool {
        while self.begun.last().is_some_and(|last| !id.starts_with(last.as_str())) {
            self.begun.pop();
        }
        let is_below = is_plain_id(&id) && self.begun.iter().any(|begun| id.as_bytes().get(begun.len()) == Some(&b'/'));
        self.begun.push(id);
        is_below
    }
}

/// The row of a file, as far as it names its content.
fn file_at(connection: &Connection, files: &Table, rowid: i64) -> rusqlite::Result<ContentRow> {
    let query = format!("SELECT id, path FROM {} WHERE {} = ?1", files.name, files.rowid);
    connection.prepare_cached(&query)?.query_row([rowid], |row| {
        Ok(ContentRow {
            rowid,
            id: text_of(row.get_ref(0)?),
            path: text_of(row.get_ref(1)?),
            sha256: None,
            active: true,
            is_renamed: false,
        })
    })
}
