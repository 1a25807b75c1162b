//! The rows of a backup on their way into the database that is beside the server's.

use rusqlite::types::Value;

use super::selection::{Selection, Wanted};
use crate::archive::whole_rows::{Belonging, Cell, WholeRow, WholeRowTaker};
use crate::error::{Error, Result};
use crate::job::Job;
use crate::server_data::{Incoming, IncomingKind, IncomingRow};
use crate::tree::Archive;

/// What belongs to an object and is held until it is known whether that is wanted.
const MAX_HELD: usize = 10_000;

/// Loads what is wanted; with `with_orphans` also the rows that belong to nothing. Says how many of those there is no place
/// for.
pub(super) fn load(
    archive: &Archive,
    selection: &Selection,
    with_orphans: bool,
    incoming: &mut Incoming,
    job: &Job,
) -> Result<u64> {
    let mut loader = Loader { incoming, selection, held: Vec::new(), marks: [1; 2], what: What::Folders, failed: None };
    archive.whole_folders(&mut loader, job)?;
    loader.what = What::Documents;
    archive.whole_documents(&mut loader, job)?;
    loader.what = What::Files;
    archive.whole_files(&mut loader, job)?;
    loader.what = What::Orphans(None, 0);
    if with_orphans {
        archive.whole_orphans(&mut loader, Loader::begin_orphans, job)?;
    }
    let left_out = if let What::Orphans(_, left_out) = loader.what { left_out } else { 0 };
    loader.failed.map_or(Ok(()), Err)?;
    incoming.finish(with_orphans)?;
    Ok(left_out)
}

/// Which rows are coming.
#[derive(Clone, Copy, PartialEq)]
enum What {
    Folders,
    Documents,
    Files,
    /// Those of a kind that belong to nothing, and how many of others came.
    Orphans(Option<IncomingKind>, u64),
}

struct Loader<'l> {
    incoming: &'l mut Incoming,
    selection: &'l Selection,
    /// What belongs to the object that comes next.
    held: Vec<(Belonging, WholeRow)>,
    /// The first rows, of revisions and of rules, that may belong to it and are not held any more.
    marks: [i64; 2],
    what: What,
    failed: Option<Error>,
}

impl Loader<'_> {
    fn begin_orphans(&mut self, table: &str) {
        let left_out = if let What::Orphans(_, left_out) = self.what { left_out } else { 0 };
        let kinds = [IncomingKind::Revisions, IncomingKind::DocumentRules, IncomingKind::FolderRules];
        self.what = What::Orphans(kinds.into_iter().find(|kind| kind.table() == table), left_out);
    }

    fn kind_of(&self, what: Belonging) -> IncomingKind {
        match (what, self.what) {
            (Belonging::Revision, _) => IncomingKind::Revisions,
            (Belonging::Rule, What::Folders) => IncomingKind::FolderRules,
            (Belonging::Rule, _) => IncomingKind::DocumentRules,
        }
    }

    fn release(&mut self, owner: i64) -> Result<()> {
        for (what, row) in std::mem::take(&mut self.held) {
            self.incoming.add(self.kind_of(what), Some(owner), 0, values(row))?;
        }
        Ok(())
    }

    fn take(&mut self, row: WholeRow) -> Result<()> {
        let (kind, is_document) = match self.what {
            What::Folders => (IncomingKind::Folders, false),
            What::Documents => (IncomingKind::Documents, true),
            What::Files => return self.incoming.add(IncomingKind::Files, None, 0, values(row)),
            What::Orphans(Some(kind), _) => return self.incoming.add(kind, None, 0, values(row)),
            What::Orphans(None, left_out) => {
                self.what = What::Orphans(None, left_out + 1);
                return Ok(());
            }
        };
        let text = |key: &str| row.iter().rev().find(|(name, _)| name == key).and_then(|(_, cell)| text_of(cell));
        let id = text("id").unwrap_or_default();
        let parent = text(if is_document { "folder_id" } else { "parent_id" });
        match self.selection.wants(is_document, &id, parent.as_deref()) {
            Some(wanted) => {
                self.release(self.incoming.next(kind))?;
                let rank = match wanted {
                    Wanted::Below => 0,
                    Wanted::AtTop => 1,
                    Wanted::AboveSomething => 2,
                };
                self.incoming.add(kind, None, rank, values(row))?;
            }
            None => {
                self.held.clear();
                for (what, mark) in [Belonging::Revision, Belonging::Rule].into_iter().zip(self.marks) {
                    let kind = self.kind_of(what);
                    if self.incoming.next(kind) > mark {
                        self.incoming.forget_from(kind, mark)?;
                    }
                }
            }
        }
        self.marks = [Belonging::Revision, Belonging::Rule].map(|what| self.incoming.next(self.kind_of(what)));
        Ok(())
    }
}

impl WholeRowTaker for Loader<'_> {
    fn belonging(&mut self, what: Belonging, row: WholeRow) {
        self.held.push((what, row));
        if self.held.len() >= MAX_HELD && self.failed.is_none() {
            let kind = if self.what == What::Folders { IncomingKind::Folders } else { IncomingKind::Documents };
            self.failed = self.release(self.incoming.next(kind)).err();
        }
    }

    fn object(&mut self, row: WholeRow) {
        if self.failed.is_none() {
            self.failed = self.take(row).err();
        }
    }
}

fn values(row: WholeRow) -> IncomingRow {
    let value = |cell| match cell {
        Cell::Null => Value::Null,
        Cell::Integer(value) => Value::Integer(value),
        Cell::Real(value) => Value::Real(value),
        Cell::Text(text) => Value::Text(text),
        Cell::Blob(bytes) => Value::Blob(bytes),
    };
    row.into_iter().map(|(key, cell)| (key, value(cell))).collect()
}

fn text_of(cell: &Cell) -> Option<String> {
    match cell {
        Cell::Null | Cell::Blob(_) => None,
        Cell::Integer(value) => Some(value.to_string()),
        Cell::Real(value) => Some(value.to_string()),
        Cell::Text(text) => Some(text.clone()),
    }
}
