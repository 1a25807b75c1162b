//! Whether the indexes on ids know the rows of their tables.
//!
//! What belongs to what is found by these indexes. One with as many entries as its table has rows, but others, would tear
//! revisions from their documents and contents from their rows, and nobody would notice. SQLite's quick look at the pages
//! does not compare them, and its thorough one searches every index for every row; to go through both once is enough.

use std::hash::{DefaultHasher, Hash, Hasher};

use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, Row};

use super::columns::{Table, Tables};

/// What is wrong with the first index that does not fit its table; `None` where all do.
pub(super) fn disagreement(connection: &Connection, tables: &Tables) -> rusqlite::Result<Option<String>> {
    for table in [&tables.documents, &tables.folders, &tables.files] {
        let mut of_table = None;
        for index in indexes_on_id(connection, table)? {
            let by = format!("INDEXED BY \"{}\"", index.name.replace('"', "\"\""));
            let entries = match Entries::read(connection, table, &by, index.is_binary) {
                // One that needs a function or a collation of its server's is not used here either.
                Err(error) if error.sqlite_error_code() == Some(ErrorCode::Unknown) => continue,
                entries => entries?,
            };
            let rows = match of_table {
                Some(rows) => rows,
                None => *of_table.insert(Entries::read(connection, table, "NOT INDEXED", false)?),
            };
            if entries != rows {
                return Ok(Some(format!("an index of the table {} has other entries than its rows", table.name)));
            }
        }
    }
    Ok(None)
}

struct Index {
    name: String,
    /// Whether its entries are in the order of their bytes.
    is_binary: bool,
}

/// The indexes by which rows with an id are found.
fn indexes_on_id(connection: &Connection, table: &Table) -> rusqlite::Result<Vec<Index>> {
    let mut statement = connection.prepare(
        "SELECT l.name, x.coll = 'BINARY' AND NOT x.\"desc\" FROM pragma_index_list(?1) l, pragma_index_xinfo(l.name) x \
         WHERE NOT l.partial AND x.seqno = 0 AND x.name = 'id' COLLATE NOCASE",
    )?;
    let indexes = statement.query_map([table.name], |row| Ok(Index { name: row.get(0)?, is_binary: row.get(1)? }))?;
    indexes.collect()
}

/// All pairs of id and row, whatever their order.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Entries {
    count: u64,
    sum: u64,
    is_in_order: bool,
}

impl Entries {
    fn read(connection: &Connection, table: &Table, by: &str, in_order: bool) -> rusqlite::Result<Self> {
        let Table { name, rowid, .. } = table;
        let mut statement = connection.prepare(&format!("SELECT id, {rowid} FROM main.{name} {by}"))?;
        let mut rows = statement.query([])?;
        let mut entries = Self { count: 0, sum: 0, is_in_order: true };
        let mut last = Vec::new();
        while let Some(row) = rows.next()? {
            entries.count += 1;
            entries.sum = entries.sum.wrapping_add(digest(row)?);
            if let (true, ValueRef::Text(id)) = (in_order, row.get_ref(0)?) {
                entries.is_in_order &= last.as_slice() <= id;
                last.clear();
                last.extend_from_slice(id);
            }
        }
        Ok(entries)
    }
}

fn digest(row: &Row<'_>) -> rusqlite::Result<u64> {
    let mut digest = DefaultHasher::new();
    match row.get_ref(0)? {
        ValueRef::Null => 0_u8.hash(&mut digest),
        ValueRef::Integer(id) => (1_u8, id).hash(&mut digest),
        ValueRef::Real(id) => (2_u8, id.to_bits()).hash(&mut digest),
        ValueRef::Text(id) => (3_u8, id).hash(&mut digest),
        ValueRef::Blob(id) => (4_u8, id).hash(&mut digest),
    }
    row.get::<_, i64>(1)?.hash(&mut digest);
    Ok(digest.finish())
}
