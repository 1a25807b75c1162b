//! `orphans.json`: rows that belong to no exported object.

use std::io::Write;

use rusqlite::Connection;

use super::array::Array;
use super::{Failure, select_by_rowid};
use crate::error::Result;
use crate::job::Job;
use crate::server_data::columns::Table;
use crate::server_data::snapshot::Snapshot;

/// The object of `orphans.json` on its way out.
pub(super) struct Orphans<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) connection: &'a Connection,
    pub(super) out: &'a mut dyn Write,
    pub(super) job: &'a Job,
    pub(super) is_first: bool,
}

impl Orphans<'_> {
    pub(super) fn begin(&mut self) -> Result<(), Failure> {
        self.put(b"{")
    }

    /// The rows of `table` whose numbers `query` gives.
    pub(super) fn table(&mut self, table: &Table, query: &str) -> Result<(), Failure> {
        let mut statement = self.connection.prepare(query)?;
        self.rows(table, statement.query_map([], |row| row.get(0))?)
    }

    pub(super) fn rows(
        &mut self,
        table: &Table,
        rowids: impl Iterator<Item = rusqlite::Result<i64>>,
    ) -> Result<(), Failure> {
        let mut rowids = rowids.peekable();
        if rowids.peek().is_none() {
            return Ok(());
        }
        let table = table.with_owner(self.connection)?;
        let mut fetch = self.connection.prepare(&select_by_rowid(&table))?;
        self.put(if self.is_first { b"\n  " } else { b",\n  " })?;
        self.is_first = false;
        self.put(format!("\"{}\": ", table.name).as_bytes())?;
        let mut array = Array::begin(&mut *self.out, self.job, 2);
        for rowid in rowids {
            let rowid = rowid?;
            let mut found = fetch.query([rowid])?;
            if let Some(row) = found.next()? {
                self.snapshot.write_row(&mut array, &table, rowid, row, 0)?;
            }
        }
        array.finish()
    }

    pub(super) fn finish(&mut self) -> Result<(), Failure> {
        self.put(if self.is_first { b"}" } else { b"\n}" })
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.out.write_all(bytes).map_err(Failure::Output)
    }
}
