//! What belongs to objects, read in the order of the objects.

use rusqlite::{Connection, Rows, Statement};

use super::select_by_rowid;
use crate::server_data::columns::Table;
use crate::server_data::owned;

/// What belongs to the objects of another table.
pub(super) struct Belongings<'c, 'a> {
    table: &'a Table,
    pairs: Statement<'c>,
    fetch: Statement<'c>,
}

impl<'c, 'a> Belongings<'c, 'a> {
    pub(super) fn of(connection: &'c Connection, table: &'a Table) -> rusqlite::Result<Self> {
        let pairs = format!("SELECT owner, item FROM {} WHERE owner IS NOT NULL ORDER BY rowid", owned::pairs(table));
        Ok(Self { table, pairs: connection.prepare(&pairs)?, fetch: connection.prepare(&select_by_rowid(table))? })
    }

    pub(super) fn open(&mut self) -> rusqlite::Result<OpenBelongings<'_, 'c>> {
        let mut rows = self.pairs.query([])?;
        let next = OpenBelongings::advance(&mut rows)?;
        Ok(OpenBelongings { table: self.table, rows, next, fetch: &mut self.fetch })
    }
}

pub(super) struct OpenBelongings<'s, 'c> {
    pub(super) table: &'s Table,
    rows: Rows<'s>,
    /// The owner's row and the row of what belongs to it.
    next: Option<(i64, i64)>,
    pub(super) fetch: &'s mut Statement<'c>,
}

impl OpenBelongings<'_, '_> {
    fn advance(rows: &mut Rows<'_>) -> rusqlite::Result<Option<(i64, i64)>> {
        rows.next()?.map(|row| Ok((row.get(0)?, row.get(1)?))).transpose()
    }

    /// The next row that belongs to `owner`, which must not go backwards.
    pub(super) fn next_of(&mut self, owner: i64) -> rusqlite::Result<Option<i64>> {
        match self.next {
            Some((next_owner, rowid)) if next_owner == owner => {
                self.next = Self::advance(&mut self.rows)?;
                Ok(Some(rowid))
            }
            _ => Ok(None),
        }
    }
}
