//! What belongs to which object, worked out once.
//!
//! A server's tables have no index from an object to its revisions and rules, and for a million documents every search for
//! an owner is a step to another place of the file. So the pairs of row numbers are made once, in the order in which the
//! archive wants them, and kept in SQLite's own temporary file: numbers alone, nothing of a document.

use rusqlite::Connection;

use super::columns::{Table, Tables};
use super::repeated;

/// Makes the temporary tables that [`pairs`] names.
pub(super) fn pair_up(connection: &Connection, tables: &Tables) -> rusqlite::Result<()> {
    let Tables { documents, folders, revisions, document_rules, folder_rules, .. } = tables;
    pair(connection, documents, revisions, "document_id", "created_time")?;
    if let Some(rules) = document_rules {
        pair(connection, documents, rules, "document_id", "id")?;
    }
    if let Some(rules) = folder_rules {
        pair(connection, folders, rules, "folder_id", "id")?;
    }
    Ok(())
}

/// The pairs of `table` for a FROM clause, in their order by `rowid`: `owner` is a row of the table of objects, null for
/// an orphan, and `item` a row of `table`.
pub(super) fn pairs(table: &Table) -> String {
    format!("temp.owned_{}", table.name)
}

fn pair(
    connection: &Connection,
    owners: &Table,
    items: &Table,
    owner_column: &str,
    order: &str,
) -> rusqlite::Result<()> {
    // Orphans come first: nulls are less than any number. A LEFT JOIN goes through its left table, so every owner is
    // found by the index on its id.
    connection.execute_batch(&format!(
        "CREATE TEMP TABLE owned_{name} AS \
         SELECT o.{owner_row} AS owner, i.{item_row} AS item \
         FROM main.{name} i LEFT JOIN main.{owners} o ON o.id = i.{owner_column} AND {is_object} \
         ORDER BY 1, i.{order}, i.{item_row}",
        name = items.name,
        owner_row = owners.rowid,
        item_row = items.rowid,
        owners = owners.name,
        is_object = repeated::is_object(owners, "o"),
    ))
}
