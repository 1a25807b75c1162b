//! The tables that rows go into, and their columns as SQLite tells them.

use rusqlite::Connection;

/// A kind of row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Folders,
    Documents,
    Files,
    Revisions,
    DocumentRules,
    FolderRules,
}

impl Kind {
    pub(super) const ALL: [Self; 6] =
        [Self::Folders, Self::Documents, Self::Files, Self::Revisions, Self::DocumentRules, Self::FolderRules];

    /// Its table.
    pub(crate) fn table(self) -> &'static str {
        match self {
            Self::Folders => "folders",
            Self::Documents => "documents",
            Self::Files => "files",
            Self::Revisions => "document_revisions",
            Self::DocumentRules => "document_access_rules",
            Self::FolderRules => "folder_access_rules",
        }
    }

    /// Whether its rows have ids of their own, and belong to no other.
    pub(super) fn is_object(self) -> bool {
        matches!(self, Self::Folders | Self::Documents | Self::Files)
    }
}

/// A column of the target.
#[derive(Debug, Clone)]
pub(in super::super) struct TargetColumn {
    pub(in super::super) name: String,
    pub(in super::super) quoted: String,
    affinity: &'static str,
    pub(in super::super) is_not_null: bool,
    /// The value of rows that give none, as SQL.
    pub(in super::super) default: Option<String>,
    /// Whether some row of the backup has it.
    pub(in super::super) is_carried: bool,
}

/// A table of the target.
#[derive(Debug, Clone)]
pub(in super::super) struct TargetTable {
    pub(in super::super) name: &'static str,
    pub(in super::super) columns: Vec<TargetColumn>,
}

/// The target's tables; those that it lacks are none.
#[derive(Debug, Clone)]
pub(in super::super) struct TargetTables([Option<TargetTable>; Kind::ALL.len()]);

impl TargetTables {
    pub(super) fn of_connection(connection: &Connection) -> rusqlite::Result<Self> {
        let mut tables = [const { None }; Kind::ALL.len()];
        for (table, kind) in tables.iter_mut().zip(Kind::ALL) {
            let columns = columns_of(connection, kind.table())?;
            *table = (!columns.is_empty()).then(|| TargetTable { name: kind.table(), columns });
        }
        Ok(Self(tables))
    }

    pub(in super::super) fn of(&self, kind: Kind) -> Option<&TargetTable> {
        self.0[kind as usize].as_ref()
    }

    pub(super) fn of_mut(&mut self, kind: Kind) -> Option<&mut TargetTable> {
        self.0[kind as usize].as_mut()
    }

    pub(in super::super) fn present(&self) -> impl Iterator<Item = &TargetTable> {
        self.0.iter().flatten()
    }
}

impl TargetTable {
    pub(in super::super) fn column(&self, name: &str) -> Option<&TargetColumn> {
        self.columns.iter().find(|column| column.name.eq_ignore_ascii_case(name))
    }

    /// The statement that makes the table for incoming rows.
    pub(super) fn create(&self) -> String {
        let columns: String =
            self.columns.iter().map(|column| format!(", {} {}", column.quoted, column.affinity)).collect();
        format!(
            "CREATE TABLE {} (incoming_seq INTEGER PRIMARY KEY, incoming_owner INTEGER, incoming_rank INTEGER{columns})",
            self.name
        )
    }

    /// The statement that adds an incoming row.
    pub(super) fn insert(&self) -> String {
        let marks = ", ?".repeat(self.columns.len());
        format!("INSERT INTO {} VALUES (?, ?, ?{marks})", self.name)
    }
}

impl TargetColumn {
    /// Whether a backup calls it so.
    pub(super) fn is_called(&self, key: &str) -> bool {
        let name = key.strip_prefix("column:").unwrap_or(key);
        self.name.eq_ignore_ascii_case(key) || self.name.eq_ignore_ascii_case(name)
    }

    /// The SQL of the value that it has where a backup gives none and it must have one, as that version means it.
    pub(in super::super) fn filling(&self) -> String {
        if let Some(default) = &self.default {
            return format!("({default})");
        }
        let meant = match &*self.name.to_ascii_lowercase() {
            // As strict as it can be: rules of the folders above apply too.
            "inherit" | "active" => "1",
            "rule_data" => "'{}'",
            _ if self.affinity == "TEXT" => "''",
            _ if self.affinity == "BLOB" => "x''",
            _ => "0",
        };
        meant.to_owned()
    }
}

fn columns_of(connection: &Connection, table: &str) -> rusqlite::Result<Vec<TargetColumn>> {
    let mut statement =
        connection.prepare("SELECT name, type, \"notnull\", dflt_value FROM pragma_table_info(?1, 'main')")?;
    let columns = statement.query_map([table], |row| {
        let (name, declared): (String, String) = (row.get(0)?, row.get(1)?);
        let quoted = format!("\"{}\"", name.replace('"', "\"\""));
        let affinity = affinity(&declared);
        Ok(TargetColumn { name, quoted, affinity, is_not_null: row.get(2)?, default: row.get(3)?, is_carried: false })
    })?;
    columns.collect()
}

/// How SQLite keeps values of a column that is declared so.
fn affinity(declared: &str) -> &'static str {
    let declared = declared.to_ascii_uppercase();
    let has = |any: &[&str]| any.iter().any(|word| declared.contains(word));
    match () {
        () if has(&["INT"]) => "INTEGER",
        () if has(&["CHAR", "CLOB", "TEXT"]) => "TEXT",
        () if declared.is_empty() || has(&["BLOB"]) => "BLOB",
        () if has(&["REAL", "FLOA", "DOUB"]) => "REAL",
        () => "NUMERIC",
    }
}
