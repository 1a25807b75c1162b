//! The database's rows as the archive's JSON, streamed.
//!
//! A million documents must not be in memory at once, and two queries a document would take minutes. So what belongs to an
//! object is read in the order of the objects (see [`owned`]), and the two are merged.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io::Write;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};

use super::columns::{Column, Table, Tables};
use super::content_index::{ContentIndex, Order, WhichContents};
use super::json;
use super::owned;
use super::repeated;
use super::snapshot::Snapshot;
use crate::error::{Error, Result};
use crate::job::Job;
use crate::warning::{Warning, WarningCode};

mod array;
mod belongings;
mod orphans;

use array::{Array, Object};
use belongings::{Belongings, OpenBelongings};
use orphans::Orphans;

/// Warnings that are kept.
const MAX_WARNINGS: usize = 1000;

impl Snapshot {
    /// `folders.json`.
    pub(crate) fn write_folders(&self, out: &mut dyn Write, job: &Job) -> Result<()> {
        let Tables { folders, folder_rules, .. } = &self.tables;
        self.write_objects(folders, folder_rules.as_ref(), None, out, job)
    }

    /// `documents.json`.
    pub(crate) fn write_documents(&self, out: &mut dyn Write, job: &Job) -> Result<()> {
        let Tables { documents, document_rules, revisions, .. } = &self.tables;
        self.write_objects(documents, document_rules.as_ref(), Some(revisions), out, job)
    }

    /// `files.json`: the files that some revision points to.
    pub(crate) fn write_files(&self, out: &mut dyn Write, job: &Job) -> Result<()> {
        let table = &self.tables.files;
        self.reading(|connection| {
            let mut array = Array::begin(out, job, 0);
            let columns = table.select_list("t");
            each_file(
                connection,
                table,
                &columns,
                &self.contents,
                (WhichContents::OfDocuments, Order::ById),
                |rowid, row| self.write_row(&mut array, table, rowid, row, 1),
            )?;
            array.finish()
        })
    }

    /// Whether `orphans.json` has anything to hold.
    pub(crate) fn has_orphans(&self) -> Result<bool> {
        self.reading(|connection| {
            for table in self.with_owners() {
                let query = format!("SELECT EXISTS (SELECT 1 FROM {} WHERE owner IS NULL)", owned::pairs(table));
                if connection.query_row(&query, [], |row| row.get(0))? {
                    return Ok(true);
                }
            }
            Ok(self.with_further().next().is_some() || self.contents.further().next().is_some())
        })
    }

    /// `orphans.json`: the revisions and rules that belong to no exported object, and the rows that repeat another's id;
    /// whole rows by table.
    pub(crate) fn write_orphans(&self, out: &mut dyn Write, job: &Job) -> Result<()> {
        self.reading(|connection| {
            let mut orphans = Orphans { snapshot: self, connection, out, job, is_first: true };
            orphans.begin()?;
            for table in self.with_owners() {
                orphans.table(
                    table,
                    &format!("SELECT item FROM {} WHERE owner IS NULL ORDER BY rowid", owned::pairs(table)),
                )?;
            }
            for table in self.with_further() {
                orphans.table(table, &format!("SELECT item FROM {} ORDER BY item", repeated::further(table)))?;
            }
            orphans.rows(&self.tables.files, self.contents.further().map(Ok))?;
            orphans.finish()
        })
    }

    /// What a person should know of the rows that were written, each thing once however often they were.
    pub(crate) fn take_warnings(&self) -> Vec<Warning> {
        self.warnings.take()
    }

    fn write_objects(
        &self,
        table: &Table,
        rules: Option<&Table>,
        revisions: Option<&Table>,
        out: &mut dyn Write,
        job: &Job,
    ) -> Result<()> {
        self.reading(|connection| {
            let has_revisions = revisions.is_some();
            let mut rules = rules.map(|table| Belongings::of(connection, table)).transpose()?;
            let mut rules = rules.as_mut().map(Belongings::open).transpose()?;
            let mut revisions = revisions.map(|table| Belongings::of(connection, table)).transpose()?;
            let mut revisions = revisions.as_mut().map(Belongings::open).transpose()?;

            let rowid = table.rowid;
            let query = format!(
                "SELECT {}, o.{rowid} FROM {} o WHERE {} ORDER BY o.{rowid}",
                table.select_list("o"),
                table.name,
                repeated::is_object(table, "o")
            );
            let mut statement = connection.prepare(&query)?;
            let mut rows = statement.query([])?;
            let mut array = Array::begin(out, job, 0);
            let (known, further) = table.columns.split_at(table.known);
            while let Some(row) = rows.next()? {
                let rowid: i64 = row.get(table.columns.len())?;
                array.next_element()?;
                let mut object = Object::begin(&mut array.buffer, 2);
                let note = |column: &Column| self.note_not_utf8(table, rowid, column, row);
                object.columns(row, known, 0, &note)?;
                object.key(b"\"access_rules\": ");
                self.write_belongings(rules.as_mut(), rowid, object.buffer)?;
                if has_revisions {
                    object.key(b"\"revisions\": ");
                    self.write_belongings(revisions.as_mut(), rowid, object.buffer)?;
                }
                object.columns(row, further, known.len(), &note)?;
                object.end();
            }
            array.finish()
        })
    }

    /// The array of what belongs to the object whose row is `owner`.
    fn write_belongings(
        &self,
        belongings: Option<&mut OpenBelongings<'_, '_>>,
        owner: i64,
        buffer: &mut Vec<u8>,
    ) -> Result<(), Failure> {
        buffer.push(b'[');
        let mut is_empty = true;
        if let Some(belongings) = belongings {
            while let Some(rowid) = belongings.next_of(owner)? {
                let table = belongings.table;
                let mut fetched = belongings.fetch.query([rowid])?;
                let Some(row) = fetched.next()? else { continue };
                if !is_empty {
                    buffer.push(b',');
                }
                is_empty = false;
                json::push_line(buffer, 6);
                let mut object = Object::begin(buffer, 6);
                object.columns(row, &table.columns, 0, &|column| self.note_not_utf8(table, rowid, column, row))?;
                object.end();
            }
        }
        if !is_empty {
            json::push_line(buffer, 4);
        }
        buffer.push(b']');
        Ok(())
    }

    /// An element of `array`: the row `rowid` of `table`, whose values begin in the column `first` of `row`.
    fn write_row(
        &self,
        array: &mut Array<'_, '_>,
        table: &Table,
        rowid: i64,
        row: &Row<'_>,
        first: usize,
    ) -> Result<(), Failure> {
        array.next_element()?;
        let indent = array.indent + 2;
        let mut object = Object::begin(&mut array.buffer, indent);
        object.columns(row, &table.columns, first, &|column| self.note_not_utf8(table, rowid, column, row))?;
        object.end();
        Ok(())
    }

    /// The tables whose rows belong to an object.
    fn with_owners(&self) -> impl Iterator<Item = &Table> {
        let Tables { revisions, document_rules, folder_rules, .. } = &self.tables;
        [Some(revisions), document_rules.as_ref(), folder_rules.as_ref()].into_iter().flatten()
    }

    /// The tables with rows that repeat another's id.
    fn with_further(&self) -> impl Iterator<Item = &Table> {
        let Tables { documents, folders, .. } = &self.tables;
        [documents, folders].into_iter().filter(|table| table.further > 0)
    }

    /// Notes every row that repeats another's id.
    pub(super) fn note_repeated_objects(&self) -> Result<()> {
        self.reading(|connection| {
            for table in self.with_further() {
                let query = format!(
                    "SELECT {rowid}, * FROM {name} WHERE {rowid} IN (SELECT item FROM {further}) LIMIT {MAX_WARNINGS}",
                    rowid = table.rowid,
                    name = table.name,
                    further = repeated::further(table),
                );
                let mut statement = connection.prepare(&query)?;
                let mut rows = statement.query([])?;
                while let Some(row) = rows.next()? {
                    let rowid: i64 = row.get(0)?;
                    let reason =
                        format!("row {rowid} of {} repeats the id of another; it is in orphans.json", table.name);
                    let mut warning = Warning::new(WarningCode::RepeatedId, reason);
                    let text = |name: &str| row.get_ref(name).ok().map(text_of);
                    if table.name == "documents" {
                        warning.document_id = text("id");
                        warning.title = text("title");
                    } else {
                        warning.title = text("name");
                    }
                    self.warnings.note(warning);
                }
            }
            Ok(())
        })
    }

    fn note_not_utf8(&self, table: &Table, rowid: i64, column: &Column, row: &Row<'_>) {
        let key = String::from_utf8_lossy(&column.key);
        let column = key.trim_end_matches(": ").trim_matches('"');
        let reason = format!(
            "{column} of row {rowid} of {} is not UTF-8; its unreadable bytes were replaced (server/app.db has them)",
            table.name
        );
        let mut warning = Warning::new(WarningCode::NotUtf8, reason);
        let text = |name: &str| row.get_ref(name).ok().map(text_of);
        match table.name {
            "documents" => {
                warning.document_id = text("id");
                warning.title = text("title");
            }
            "document_revisions" | "document_access_rules" => warning.document_id = text("document_id"),
            "files" => warning.file_id = text("id"),
            _ => {}
        }
        self.warnings.note(warning);
    }

    /// Reads the snapshot; what SQLite says is told of the database that it was taken of.
    pub(super) fn reading<T>(&self, read: impl FnOnce(&Connection) -> Result<T, Failure>) -> Result<T> {
        read(&self.connection).map_err(|failure| match failure {
            Failure::Sqlite(error) => super::connection::sqlite_error(&self.source, error),
            Failure::Output(error) => {
                error.downcast::<Error>().unwrap_or_else(|error| Error::io("write", "the archive", error))
            }
            Failure::Engine(error) => error,
        })
    }
}

/// Warnings, each once.
#[derive(Debug, Default)]
pub(super) struct Warnings {
    seen: RefCell<BTreeSet<String>>,
    kept: RefCell<Vec<Warning>>,
}

impl Warnings {
    pub(super) fn note(&self, warning: Warning) {
        let mut seen = self.seen.borrow_mut();
        if seen.len() < MAX_WARNINGS && seen.insert(warning.reason.clone()) {
            self.kept.borrow_mut().push(warning);
        }
    }

    fn take(&self) -> Vec<Warning> {
        self.kept.take()
    }
}

/// Calls `each` with the number and the `columns` of every file of that kind, in that order. The columns begin at 1.
pub(super) fn each_file(
    connection: &Connection,
    table: &Table,
    columns: &str,
    index: &ContentIndex,
    (which, order): (WhichContents, Order),
    mut each: impl FnMut(i64, &Row<'_>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let Table { name, rowid, .. } = table;
    let order = match order {
        Order::ById => format!("t.id, t.{rowid}"),
        Order::AsStored => format!("t.{rowid}"),
    };
    let query = format!("SELECT t.{rowid}, {columns} FROM {name} t ORDER BY {order}");
    let mut statement = connection.prepare(&query)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let rowid = row.get(0)?;
        if index.which(rowid) == Some(which) {
            each(rowid, row)?;
        }
    }
    Ok(())
}

/// A value as text, for what is shown and for paths.
pub(super) fn text_of(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => String::new(),
        ValueRef::Integer(value) => value.to_string(),
        ValueRef::Real(value) => value.to_string(),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => String::from_utf8_lossy(bytes).into_owned(),
    }
}

/// Why rows could not be read, or not be written on.
pub(super) enum Failure {
    Sqlite(rusqlite::Error),
    Output(std::io::Error),
    Engine(Error),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Engine(error)
    }
}

fn select_by_rowid(table: &Table) -> String {
    format!("SELECT {} FROM {} t WHERE t.{} = ?1", table.select_list("t"), table.name, table.rowid)
}
