//! Rows as elements of a JSON array.

use std::io::Write;

use rusqlite::Row;
use rusqlite::types::ValueRef;

use super::Failure;
use crate::job::Job;
use crate::server_data::columns::{Column, Kind};
use crate::server_data::json;

/// Bytes that are gathered before they are written.
const FLUSH: usize = 64 * 1024;
/// Rows between two looks at whether to stop.
const CHECK_EVERY: u32 = 256;

/// An array on its way out, a piece at a time.
pub(super) struct Array<'o, 'j> {
    out: &'o mut dyn Write,
    job: &'j Job,
    pub(super) buffer: Vec<u8>,
    pub(super) indent: usize,
    elements: u32,
}

impl<'o, 'j> Array<'o, 'j> {
    pub(super) fn begin(out: &'o mut dyn Write, job: &'j Job, indent: usize) -> Self {
        let mut buffer = Vec::with_capacity(FLUSH + 4096);
        buffer.push(b'[');
        Self { out, job, buffer, indent, elements: 0 }
    }

    pub(super) fn next_element(&mut self) -> Result<(), Failure> {
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

    pub(super) fn finish(mut self) -> Result<(), Failure> {
        if self.elements > 0 {
            json::push_line(&mut self.buffer, self.indent);
        }
        self.buffer.push(b']');
        self.out.write_all(&self.buffer).map_err(Failure::Output)
    }
}

/// An object, key by key.
pub(super) struct Object<'b> {
    pub(super) buffer: &'b mut Vec<u8>,
    indent: usize,
    is_empty: bool,
}

impl<'b> Object<'b> {
    pub(super) fn begin(buffer: &'b mut Vec<u8>, indent: usize) -> Self {
        buffer.push(b'{');
        Self { buffer, indent, is_empty: true }
    }

    pub(super) fn key(&mut self, key: &[u8]) {
        if !self.is_empty {
            self.buffer.push(b',');
        }
        self.is_empty = false;
        json::push_line(self.buffer, self.indent + 2);
        self.buffer.extend_from_slice(key);
    }

    /// The values of `row` from its column `first` on.
    pub(super) fn columns(
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

    pub(super) fn end(self) {
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
