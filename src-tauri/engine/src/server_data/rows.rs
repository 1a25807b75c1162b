//! The database's rows as the archive's JSON, streamed.
//!
//! A million documents must not be in memory at once, and two queries a document would take minutes. So what belongs to an
//! object is read in the order of the objects (see [`owned`]), and the two are merged.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io::Write;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row, Rows, Statement};

use super::columns::{Column, Kind, Table, Tables};
use super::content_index::{ContentIndex, Order, WhichContents};
use super::json;
use super::owned;
use super::repeated;
use super::snapshot::Snapshot;
use crate::error::{Error, Result};
use crate::job::Job;
use crate::warning::{Warning, WarningCode};

/// Bytes that are gathered before they are written.
const FLUSH: usize = 64 * 1024;
/// Rows between two looks at whether to stop.
const CHECK_EVERY: u32 = 256;
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
            Failure::Sqlite(error) => super::copy::sqlite_error(&self.source, error),
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

/// What belongs to the objects of another table.
struct Belongings<'c, 'a> {
    table: &'a Table,
    pairs: Statement<'c>,
    fetch: Statement<'c>,
}

impl<'c, 'a> Belongings<'c, 'a> {
    fn of(connection: &'c Connection, table: &'a Table) -> rusqlite::Result<Self> {
        let pairs = format!("SELECT owner, item FROM {} WHERE owner IS NOT NULL ORDER BY rowid", owned::pairs(table));
        Ok(Self { table, pairs: connection.prepare(&pairs)?, fetch: connection.prepare(&select_by_rowid(table))? })
    }

    fn open(&mut self) -> rusqlite::Result<OpenBelongings<'_, 'c>> {
        let mut rows = self.pairs.query([])?;
        let next = OpenBelongings::advance(&mut rows)?;
        Ok(OpenBelongings { table: self.table, rows, next, fetch: &mut self.fetch })
    }
}

struct OpenBelongings<'s, 'c> {
    table: &'s Table,
    rows: Rows<'s>,
    /// The owner's row and the row of what belongs to it.
    next: Option<(i64, i64)>,
    fetch: &'s mut Statement<'c>,
}

impl OpenBelongings<'_, '_> {
    fn advance(rows: &mut Rows<'_>) -> rusqlite::Result<Option<(i64, i64)>> {
        rows.next()?.map(|row| Ok((row.get(0)?, row.get(1)?))).transpose()
    }

    /// The next row that belongs to `owner`, which must not go backwards.
    fn next_of(&mut self, owner: i64) -> rusqlite::Result<Option<i64>> {
        match self.next {
            Some((next_owner, rowid)) if next_owner == owner => {
                self.next = Self::advance(&mut self.rows)?;
                Ok(Some(rowid))
            }
            _ => Ok(None),
        }
    }
}

/// The object of `orphans.json` on its way out.
struct Orphans<'a> {
    snapshot: &'a Snapshot,
    connection: &'a Connection,
    out: &'a mut dyn Write,
    job: &'a Job,
    is_first: bool,
}

impl Orphans<'_> {
    fn begin(&mut self) -> Result<(), Failure> {
        self.put(b"{")
    }

    /// The rows of `table` whose numbers `query` gives.
    fn table(&mut self, table: &Table, query: &str) -> Result<(), Failure> {
        let mut statement = self.connection.prepare(query)?;
        self.rows(table, statement.query_map([], |row| row.get(0))?)
    }

    fn rows(&mut self, table: &Table, rowids: impl Iterator<Item = rusqlite::Result<i64>>) -> Result<(), Failure> {
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

    fn finish(&mut self) -> Result<(), Failure> {
        self.put(if self.is_first { b"}" } else { b"\n}" })
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.out.write_all(bytes).map_err(Failure::Output)
    }
}

/// An array on its way out, a piece at a time.
struct Array<'o, 'j> {
    out: &'o mut dyn Write,
    job: &'j Job,
    buffer: Vec<u8>,
    indent: usize,
    elements: u32,
}

impl<'o, 'j> Array<'o, 'j> {
    fn begin(out: &'o mut dyn Write, job: &'j Job, indent: usize) -> Self {
        let mut buffer = Vec::with_capacity(FLUSH + 4096);
        buffer.push(b'[');
        Self { out, job, buffer, indent, elements: 0 }
    }

    fn next_element(&mut self) -> Result<(), Failure> {
        if self.elements.is_multiple_of(CHECK_EVERY) {
            self.job.check()?;
        }
        if self.elements > 0 {
            self.buffer.push(b',');
        }
        self.elements = self.elements.wrapping_add(1).max(1);
        if self.buffer.len() >= FLUSH {
            self.out.write_all(&self.buffer).map_err(Failure::Output)?;
            self.buffer.clear();
        }
        json::push_line(&mut self.buffer, self.indent + 2);
        Ok(())
    }

    fn finish(mut self) -> Result<(), Failure> {
        if self.elements > 0 {
            json::push_line(&mut self.buffer, self.indent);
        }
        self.buffer.push(b']');
        self.out.write_all(&self.buffer).map_err(Failure::Output)
    }
}

/// An object, key by key.
struct Object<'b> {
    buffer: &'b mut Vec<u8>,
    indent: usize,
    is_empty: bool,
}

impl<'b> Object<'b> {
    fn begin(buffer: &'b mut Vec<u8>, indent: usize) -> Self {
        buffer.push(b'{');
        Self { buffer, indent, is_empty: true }
    }

    fn key(&mut self, key: &[u8]) {
        if !self.is_empty {
            self.buffer.push(b',');
        }
        self.is_empty = false;
        json::push_line(self.buffer, self.indent + 2);
        self.buffer.extend_from_slice(key);
    }

    /// The values of `row` from its column `first` on.
    fn columns(
        &mut self,
        row: &Row<'_>,
        columns: &[Column],
        first: usize,
        not_utf8: &dyn Fn(&Column),
    ) -> rusqlite::Result<()> {
        for (index, column) in columns.iter().enumerate() {
            self.key(&column.key);
            let value = row.get_ref(first + index)?;
            if !push_value(self.buffer, value, column.kind, self.indent + 2) {
                not_utf8(column);
            }
        }
        Ok(())
    }

    fn end(self) {
        if !self.is_empty {
            json::push_line(self.buffer, self.indent);
        }
        self.buffer.push(b'}');
    }
}

/// `false` for a text that is not UTF-8.
fn push_value(buffer: &mut Vec<u8>, value: ValueRef<'_>, kind: Kind, indent: usize) -> bool {
    match value {
        ValueRef::Null => buffer.extend_from_slice(b"null"),
        ValueRef::Integer(value @ (0 | 1)) if kind == Kind::Boolean => {
            buffer.extend_from_slice(if value == 1 { b"true" } else { b"false" });
        }
        ValueRef::Integer(value) => json::push_integer(buffer, value),
        ValueRef::Real(value) => json::push_float(buffer, value),
        ValueRef::Blob(bytes) => json::push_blob(buffer, bytes, indent),
        ValueRef::Text(bytes) => {
            let is_embedded = kind == Kind::Json
                && std::str::from_utf8(bytes).is_ok_and(|text| json::push_embedded(buffer, text, indent));
            return is_embedded || json::push_text(buffer, bytes);
        }
    }
    true
}
