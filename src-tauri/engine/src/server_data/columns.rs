//! The tables and columns that a database has, which differ from one server's version to the next.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension};

use super::connection::sqlite_error;
use super::json;
use crate::error::{Error, Result};

/// How a column's values are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// As they are.
    Plain,
    /// 0 and 1 are `false` and `true`.
    Boolean,
    /// Text that is JSON is printed as that JSON.
    Json,
}

#[derive(Debug)]
pub(super) struct Column {
    /// Its name in SQL, quoted.
    quoted: String,
    /// Its name in JSON with the colon: `"title": `.
    pub(super) key: Vec<u8>,
    pub(super) kind: Kind,
}

/// One table, and which of its columns are exported.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: &'static str,
    /// The name under which its rows' numbers are to be had: a column may be called `rowid`.
    pub(super) rowid: &'static str,
    /// The exported columns: the first `known` in the order of the format, then those that it does not name.
    pub(super) columns: Vec<Column>,
    pub(super) known: usize,
    /// Its rows, once they are [counted](super::extent).
    pub(super) rows: u64,
    /// Those of them that [repeat](super::repeated) another's id.
    pub(super) further: u64,
}

/// The tables that a backup reads row by row.
#[derive(Debug)]
pub(super) struct Tables {
    pub(super) documents: Table,
    pub(super) folders: Table,
    pub(super) files: Table,
    pub(super) revisions: Table,
    pub(super) document_rules: Option<Table>,
    pub(super) folder_rules: Option<Table>,
}

/// What the format says about a table.
struct Known {
    name: &'static str,
    columns: &'static [&'static str],
    /// A column that an object's place in the archive already tells.
    owner: Option<&'static str>,
    /// Keys of its objects that are no columns.
    reserved: &'static [&'static str],
}

const DOCUMENTS: Known = Known {
    name: "documents",
    columns: &["id", "title", "created_time", "folder_id"],
    owner: None,
    reserved: &["access_rules", "revisions"],
};
const FOLDERS: Known = Known {
    name: "folders",
    columns: &["id", "name", "created_time", "parent_id"],
    owner: None,
    reserved: &["access_rules"],
};
const FILES: Known =
    Known { name: "files", columns: &["id", "sha256", "path", "created_time", "active"], owner: None, reserved: &[] };
const REVISIONS: Known = Known {
    name: "document_revisions",
    columns: &["id", "document_id", "file_id", "created_time"],
    owner: None,
    reserved: &[],
};
const DOCUMENT_RULES: Known = Known {
    name: "document_access_rules",
    columns: &["id", "access_type", "rule_data"],
    owner: Some("document_id"),
    reserved: &[],
};
const FOLDER_RULES: Known = Known {
    name: "folder_access_rules",
    columns: &["id", "access_type", "rule_data"],
    owner: Some("folder_id"),
    reserved: &[],
};

impl Tables {
    /// Reads the schema of the database that is open in `connection` and called `path`.
    ///
    /// # Errors
    /// [`Error::NotCfms`], which names all that is missing.
    pub(super) fn of(connection: &Connection, path: &Path) -> Result<Self> {
        let mut missing = Vec::new();
        let mut read = |known: &Known| Table::read(connection, known, &mut missing).map_err(|e| sqlite_error(path, e));
        let documents = read(&DOCUMENTS)?;
        let folders = read(&FOLDERS)?;
        let files = read(&FILES)?;
        let revisions = read(&REVISIONS)?;
        let mut optional = |known: &Known| -> Result<Option<Table>> {
            let exists = kind_of(connection, known.name).map_err(|e| sqlite_error(path, e))?.is_some();
            if exists { read(known) } else { Ok(None) }
        };
        let document_rules = optional(&DOCUMENT_RULES)?;
        let folder_rules = optional(&FOLDER_RULES)?;
        match (documents, folders, files, revisions) {
            (Some(documents), Some(folders), Some(files), Some(revisions)) if missing.is_empty() => {
                Ok(Self { documents, folders, files, revisions, document_rules, folder_rules })
            }
            _ => Err(Error::NotCfms { path: path.to_path_buf(), missing: format!("it lacks {}", missing.join(", ")) }),
        }
    }
}

impl Table {
    fn read(connection: &Connection, known: &Known, missing: &mut Vec<String>) -> rusqlite::Result<Option<Self>> {
        match kind_of(connection, known.name)?.as_deref() {
            Some("table") => {}
            Some("table without rowid") => {
                missing.push(format!("row numbers in the table {} (it is declared WITHOUT ROWID)", known.name));
                return Ok(None);
            }
            _ => {
                missing.push(format!("the table {}", known.name));
                return Ok(None);
            }
        }
        let mut found = declared_columns(connection, known.name)?;
        let mut names = ["rowid", "_rowid_", "oid"].into_iter();
        let Some(rowid) = names.find(|rowid| !found.iter().any(|(name, _)| name.eq_ignore_ascii_case(rowid))) else {
            missing.push(format!("row numbers in the table {} (its columns take all names for them)", known.name));
            return Ok(None);
        };

        let mut columns = Vec::new();
        let mut take = |wanted: &str| {
            let index = found.iter().position(|(name, _)| name.eq_ignore_ascii_case(wanted))?;
            Some(found.remove(index))
        };
        if let Some(owner) = known.owner
            && take(owner).is_none()
        {
            missing.push(format!("the column {}.{owner}", known.name));
        }
        for &wanted in known.columns {
            match take(wanted) {
                Some((name, declared)) => columns.push(Column::new(&name, wanted, &declared)),
                None => missing.push(format!("the column {}.{wanted}", known.name)),
            }
        }
        let known_columns = columns.len();
        for (name, declared) in found {
            let taken = known.reserved.iter().chain(known.columns).any(|key| *key == name);
            let key = if taken { format!("column:{name}") } else { name.clone() };
            columns.push(Column::new(&name, &key, &declared));
        }
        Ok(Some(Self { name: known.name, rowid, columns, known: known_columns, rows: 0, further: 0 }))
    }

    /// The exported columns for a SELECT, each of the table called `alias`.
    pub(super) fn select_list(&self, alias: &str) -> String {
        let columns: Vec<_> = self.columns.iter().map(|column| format!("{alias}.{}", column.quoted)).collect();
        columns.join(", ")
    }

    /// The table with every column, as a row of its own needs it: a rule that lies in no object keeps its owner.
    pub(super) fn with_owner(&self, connection: &Connection) -> rusqlite::Result<Self> {
        let columns: Vec<_> = declared_columns(connection, self.name)?
            .iter()
            .map(|(name, declared)| Column::new(name, name, declared))
            .collect();
        Ok(Self {
            name: self.name,
            rowid: self.rowid,
            known: columns.len(),
            columns,
            rows: self.rows,
            further: self.further,
        })
    }
}

impl Column {
    fn new(name: &str, key: &str, declared: &str) -> Self {
        let kind = if key == "rule_data" {
            Kind::Json
        } else if key == "active" || declared.to_ascii_uppercase().contains("BOOL") {
            Kind::Boolean
        } else {
            Kind::Plain
        };
        let mut quoted_key = Vec::new();
        json::push_string(&mut quoted_key, key);
        quoted_key.extend_from_slice(b": ");
        Self { quoted: format!("\"{}\"", name.replace('"', "\"\"")), key: quoted_key, kind }
    }
}

/// `table` for an ordinary one, `view` and so on for what else may have that name.
fn kind_of(connection: &Connection, table: &str) -> rusqlite::Result<Option<String>> {
    let query = "SELECT CASE WHEN type = 'table' AND wr THEN 'table without rowid' ELSE type END \
                 FROM pragma_table_list WHERE schema = 'main' AND name = ?1 COLLATE NOCASE";
    connection.query_row(query, [table], |row| row.get(0)).optional()
}

/// Names and declared types, in the table's order.
fn declared_columns(connection: &Connection, table: &str) -> rusqlite::Result<Vec<(String, String)>> {
    let mut statement = connection.prepare("SELECT name, type FROM pragma_table_info(?1)")?;
    let columns = statement.query_map([table], |row| Ok((row.get(0)?, row.get(1)?)))?;
    columns.collect()
}
