//! Rows of objects that repeat another's id: a schema that lost its primary keys has room for them.
//!
//! An archive has one object of an id, and a server takes no more, as ids are primary keys there. The first row is the
//! object; the further ones travel in `orphans.json`.

use rusqlite::Connection;

use super::columns::{Table, Tables};

/// An id as the text that stands for it in JSON, where 1 and '1' are the same.
const ID: &str = "CASE typeof(id) WHEN 'blob' THEN lower(hex(id)) ELSE CAST(id AS TEXT) END";

/// Finds the further rows of documents and folders, and puts their numbers where [`further`] says.
pub(super) fn set_aside(connection: &Connection, tables: &mut Tables) -> rusqlite::Result<()> {
    for table in [&mut tables.documents, &mut tables.folders] {
        if may_repeat(connection, table)? {
            connection.execute_batch(&format!(
                "CREATE TEMP TABLE further_{name} (item INTEGER PRIMARY KEY); \
                 INSERT INTO temp.further_{name} SELECT {rowid} FROM main.{name} \
                 WHERE {rowid} NOT IN (SELECT min({rowid}) FROM main.{name} GROUP BY {ID})",
                name = table.name,
                rowid = table.rowid,
            ))?;
            let query = format!("SELECT count(*) FROM {}", further(table));
            let further: i64 = connection.query_row(&query, [], |row| row.get(0))?;
            table.further = further.unsigned_abs();
        }
    }
    Ok(())
}

/// Where the numbers (`item`) of a table's further rows are, if it has any.
pub(super) fn further(table: &Table) -> String {
    format!("temp.further_{}", table.name)
}

/// A condition for the row that a query calls `alias`: it is an object, not a further row of one.
pub(super) fn is_object(table: &Table, alias: &str) -> String {
    match table.further {
        0 => "TRUE".to_owned(),
        _ => format!("{alias}.{} NOT IN (SELECT item FROM {})", table.rowid, further(table)),
    }
}

/// Whether several rows of `table` may have one id.
pub(super) fn may_repeat(connection: &Connection, table: &Table) -> rusqlite::Result<bool> {
    let query = "SELECT count(*) = 1 AND max(name = 'id' COLLATE NOCASE) FROM pragma_table_info(?1) WHERE pk > 0";
    let is_key: bool = connection.query_row(query, [table.name], |row| row.get(0))?;
    // SQLite lets a primary key be null, and as often as it comes.
    let nulls = format!("SELECT count(*) > 1 FROM (SELECT 1 FROM main.{} WHERE id IS NULL LIMIT 2)", table.name);
    Ok(!is_key || connection.query_row(&nulls, [], |row| row.get(0))?)
}
