//! Writing what was decided.

use super::Merge;
use super::decide::{ADD, COPY, REPLACE};
use crate::error::Result;
use crate::server_data::incoming::{Kind, TargetColumn};

/// Ids of rows that only count themselves are kept up to here; no server gets so far.
const MAX_KEPT_ID: i64 = 1 << 53;

/// Rows that were written, by kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) folders: u64,
    pub(crate) documents: u64,
    pub(crate) files: u64,
    pub(crate) revisions: u64,
    pub(crate) rules: u64,
}

impl Merge<'_> {
    /// Writes the rows, within the transaction that the caller began.
    pub(crate) fn apply(&self) -> Result<Written> {
        self.clear_replaced()?;
        self.number(Kind::Revisions)?;
        let mut written = Written { files: self.add_files()?, ..Written::default() };
        written.folders = self.write_folders()?;
        written.documents = self.write_documents()?;
        written.revisions = self.write_revisions()?;
        written.rules = self.write_rules(Kind::FolderRules)? + self.write_rules(Kind::DocumentRules)?;
        self.run("DROP TABLE temp.numbered_document_revisions")?;
        Ok(written)
    }

    /// What belongs to objects that become as they were.
    fn clear_replaced(&self) -> Result<()> {
        for (kind, owner, objects) in OWNED {
            if self.has(kind) {
                let table = kind.table();
                self.run(&format!(
                    "DELETE FROM main.{table} WHERE {owner} IN
                         (SELECT id FROM incoming.decided_{objects} WHERE act = {REPLACE})"
                ))?;
            }
        }
        Ok(())
    }

    /// Gives every row of that kind that is written its number: its own where that is free.
    fn number(&self, kind: Kind) -> Result<()> {
        let table = kind.table();
        let objects = if kind == Kind::FolderRules { "folders" } else { "documents" };
        self.run(&format!(
            "DROP TABLE IF EXISTS temp.numbered_{table};
             CREATE TEMP TABLE numbered_{table} (seq INTEGER PRIMARY KEY, id INTEGER);
             INSERT INTO temp.numbered_{table}
                 SELECT r.incoming_seq, CASE WHEN coalesce(d.act, {ADD}) <> {COPY} AND typeof(r.id) = 'integer'
                     AND r.id BETWEEN -{MAX_KEPT_ID} AND {MAX_KEPT_ID}
                     AND NOT EXISTS (SELECT 1 FROM main.{table} m WHERE m.id = r.id)
                     AND NOT EXISTS (SELECT 1 FROM incoming.{table} e WHERE e.id = r.id AND e.incoming_seq < r.incoming_seq)
                     THEN r.id END
                 FROM incoming.{table} r LEFT JOIN incoming.decided_{objects} d ON d.seq = r.incoming_owner
                 WHERE {written};
             UPDATE temp.numbered_{table} SET id = n.number
                 + max(0, coalesce((SELECT max(id) FROM main.{table}), 0), coalesce((SELECT max(id) FROM temp.numbered_{table}), 0))
                 FROM (SELECT seq, row_number() OVER (ORDER BY seq) AS number FROM temp.numbered_{table} WHERE id IS NULL) n
                 WHERE n.seq = numbered_{table}.seq",
            written = self.is_written(kind),
        ))
    }

    /// Holds where the row `r` that belongs to an object, or to none, is written.
    fn is_written(&self, kind: Kind) -> String {
        let (owner, objects) =
            if kind == Kind::FolderRules { ("folder_id", "folders") } else { ("document_id", "documents") };
        // The present one's rules are a copy's too.
        let acts =
            if kind == Kind::Revisions { format!("({ADD}, {REPLACE}, {COPY})") } else { format!("({ADD}, {REPLACE})") };
        let is_new = u8::from(self.settings.is_new);
        let belongs_nowhere = format!("NOT EXISTS (SELECT 1 FROM incoming.{objects} o WHERE o.id = r.{owner})");
        format!("(d.act IN {acts} OR (r.incoming_owner IS NULL AND {is_new} AND {belongs_nowhere}))")
    }

    fn add_files(&self) -> Result<u64> {
        let added = self.insert(
            Kind::Files,
            "incoming.puts p JOIN incoming.files i ON i.incoming_seq = p.seq",
            "p.why <> 'lost'",
            "p.n",
            &|column| match &*column.name.to_ascii_lowercase() {
                "id" => Some("p.id".to_owned()),
                "path" => Some("p.path".to_owned()),
                _ => None,
            },
        )?;
        self.run(
            "UPDATE main.files SET path = p.path FROM incoming.puts p
             WHERE p.why = 'lost' AND p.is_moved AND main.files.id = p.id",
        )?;
        Ok(added)
    }

    fn write_folders(&self) -> Result<u64> {
        let from = "incoming.folders i JOIN incoming.decided_folders d ON d.seq = i.incoming_seq";
        let special = |column: &TargetColumn| match &*column.name.to_ascii_lowercase() {
            "id" => Some("d.id".to_owned()),
            "parent_id" => Some("d.parent".to_owned()),
            _ => None,
        };
        let added = self.insert(Kind::Folders, from, &format!("d.act = {ADD}"), "i.incoming_seq", &special)?;
        let replaced = self.replace(Kind::Folders, &special)?;
        if self.target_has_root {
            self.add_root()?;
        }
        Ok(added + replaced)
    }

    /// The row of the root, where neither the server nor the backup has one.
    fn add_root(&self) -> Result<()> {
        let values: Vec<_> = self
            .columns(Kind::Folders)
            .iter()
            .map(|column| match &*column.name.to_ascii_lowercase() {
                "id" | "name" => "'/'".to_owned(),
                "inherit" => "0".to_owned(),
                _ if column.is_not_null => column.filling(),
                _ => "NULL".to_owned(),
            })
            .collect();
        self.run(&format!(
            "INSERT INTO main.folders ({}) SELECT {} WHERE NOT EXISTS (SELECT 1 FROM main.folders WHERE id = '/')",
            names(self.columns(Kind::Folders)),
            values.join(", ")
        ))
    }

    fn write_documents(&self) -> Result<u64> {
        let from = "incoming.documents i JOIN incoming.decided_documents d ON d.seq = i.incoming_seq";
        let current = self.current_revision();
        let present = |column: &TargetColumn, otherwise: &str| {
            format!(
                "CASE d.act WHEN {COPY} THEN (SELECT m.{quoted} FROM main.documents m WHERE m.id = d.id) ELSE {otherwise} END",
                quoted = column.quoted
            )
        };
        let special = |column: &TargetColumn| match &*column.name.to_ascii_lowercase() {
            "id" => Some("coalesce(d.new_id, d.id)".to_owned()),
            "folder_id" => Some("d.parent".to_owned()),
            "title" => Some(format!("CASE d.act WHEN {COPY} THEN {TITLE_OF_COPY} ELSE {} END", self.given(column))),
            "current_revision_id" => Some(current.clone()),
            "inherit" => Some(present(column, &self.given(column))),
            "status" => Some(format!("CASE d.act WHEN {COPY} THEN 0 ELSE {} END", self.given(column))),
            "status_operation_id" => Some(format!("CASE d.act WHEN {COPY} THEN NULL ELSE {} END", self.given(column))),
            _ => None,
        };
        let added =
            self.insert(Kind::Documents, from, &format!("d.act IN ({ADD}, {COPY})"), "i.incoming_seq", &special)?;
        Ok(added + self.replace(Kind::Documents, &special)?)
    }

    /// The number that the revision has now which the document `i` calls its current one; its newest where it calls none.
    fn current_revision(&self) -> String {
        let of_document =
            "FROM incoming.document_revisions r JOIN temp.numbered_document_revisions x ON x.seq = r.incoming_seq
                 WHERE r.incoming_owner = i.incoming_seq";
        let is_carried = self
            .columns(Kind::Documents)
            .iter()
            .any(|c| c.is_carried && c.name.eq_ignore_ascii_case("current_revision_id"));
        if !is_carried {
            return format!("(SELECT x.id {of_document} ORDER BY r.created_time DESC, x.id DESC LIMIT 1)");
        }
        let otherwise = if self.settings.is_new { "i.current_revision_id" } else { "NULL" };
        format!("coalesce((SELECT x.id {of_document} AND r.id = i.current_revision_id LIMIT 1), {otherwise})")
    }

    fn write_revisions(&self) -> Result<u64> {
        let from = "incoming.document_revisions i JOIN temp.numbered_document_revisions x ON x.seq = i.incoming_seq
             LEFT JOIN incoming.decided_documents o ON o.seq = i.incoming_owner";
        let otherwise = if self.settings.is_new { "i.parent_revision_id" } else { "NULL" };
        let parent = format!(
            "coalesce((SELECT y.id FROM incoming.document_revisions r
                 JOIN temp.numbered_document_revisions y ON y.seq = r.incoming_seq
                 WHERE r.incoming_owner = i.incoming_owner AND r.id = i.parent_revision_id LIMIT 1), {otherwise})"
        );
        let file = format!(
            "coalesce((SELECT p.id FROM incoming.files f JOIN incoming.puts p ON p.seq = f.incoming_seq AND p.why = 'copy'
                 WHERE f.id = i.file_id AND (o.act = {COPY} OR EXISTS (SELECT 1 FROM incoming.file_states s
                     WHERE s.seq = f.incoming_seq AND s.state = 'differs')) LIMIT 1), i.file_id)"
        );
        self.insert(Kind::Revisions, from, "1", "i.incoming_seq", &|column| match &*column.name.to_ascii_lowercase() {
            "id" => Some("x.id".to_owned()),
            "document_id" => Some("coalesce(o.new_id, o.id, i.document_id)".to_owned()),
            "file_id" => Some(if column.is_not_null { format!("coalesce({file}, '')") } else { file.clone() }),
            "parent_revision_id" => Some(parent.clone()),
            _ => None,
        })
    }

    fn write_rules(&self, kind: Kind) -> Result<u64> {
        if !self.has(kind) {
            return Ok(0);
        }
        self.number(kind)?;
        let (owner, objects) =
            if kind == Kind::FolderRules { ("folder_id", "folders") } else { ("document_id", "documents") };
        let table = kind.table();
        let from = format!(
            "incoming.{table} i JOIN temp.numbered_{table} x ON x.seq = i.incoming_seq
             LEFT JOIN incoming.decided_{objects} o ON o.seq = i.incoming_owner"
        );
        let mut written =
            self.insert(kind, &from, "1", "i.incoming_seq", &|column| match &*column.name.to_ascii_lowercase() {
                "id" => Some("x.id".to_owned()),
                name if name == owner => Some(format!("coalesce(o.new_id, o.id, i.{owner})")),
                _ => None,
            })?;
        self.run(&format!("DROP TABLE temp.numbered_{table}"))?;
        if kind == Kind::DocumentRules {
            written += self.copy_rules()?;
        }
        Ok(written)
    }

    /// The present document's rules, for the copy beside it.
    fn copy_rules(&self) -> Result<u64> {
        let columns = self.columns(Kind::DocumentRules);
        let values: Vec<_> = columns
            .iter()
            .map(|column| match &*column.name.to_ascii_lowercase() {
                "id" => {
                    "row_number() OVER (ORDER BY p.id) + (SELECT max(id) FROM main.document_access_rules)".to_owned()
                }
                "document_id" => "d.new_id".to_owned(),
                _ => format!("p.{}", column.quoted),
            })
            .collect();
        let sql = format!(
            "INSERT INTO main.document_access_rules ({}) SELECT {} FROM main.document_access_rules p
             JOIN incoming.decided_documents d ON d.id = p.document_id AND d.act = {COPY}",
            names(columns),
            values.join(", ")
        );
        self.asking(|connection| connection.execute(&sql, [])).map(|count| count as u64)
    }

    /// Adds the rows that `from` gives where `holds`, in the order of `by`. `special` values come before the row's own.
    fn insert(
        &self,
        kind: Kind,
        from: &str,
        holds: &str,
        by: &str,
        special: &dyn Fn(&TargetColumn) -> Option<String>,
    ) -> Result<u64> {
        let columns = self.columns(kind);
        let values: Vec<_> =
            columns.iter().map(|column| special(column).unwrap_or_else(|| self.given(column))).collect();
        let sql = format!(
            "INSERT INTO main.{} ({}) SELECT {} FROM {from} WHERE {holds} ORDER BY {by}",
            kind.table(),
            names(columns),
            values.join(", ")
        );
        self.asking(|connection| connection.execute(&sql, [])).map(|count| count as u64)
    }

    /// Makes the present rows as they were, as far as the backup knows them.
    fn replace(&self, kind: Kind, special: &dyn Fn(&TargetColumn) -> Option<String>) -> Result<u64> {
        let table = kind.table();
        let sets: Vec<_> = self
            .columns(kind)
            .iter()
            .filter(|column| !column.name.eq_ignore_ascii_case("id"))
            .filter(|column| column.is_carried || column.name.eq_ignore_ascii_case("current_revision_id"))
            .map(|column| {
                let value = special(column).unwrap_or_else(|| self.given(column));
                format!("{} = {value}", column.quoted)
            })
            .collect();
        // No row of the kind came.
        if sets.is_empty() {
            return Ok(0);
        }
        let sql = format!(
            "UPDATE main.{table} SET {} FROM incoming.{table} i JOIN incoming.decided_{table} d ON d.seq = i.incoming_seq
             WHERE d.act = {REPLACE} AND main.{table}.id = d.id",
            sets.join(", ")
        );
        self.asking(|connection| connection.execute(&sql, [])).map(|count| count as u64)
    }
}

/// What belongs to objects, the column that says to which, and their table.
const OWNED: [(Kind, &str, &str); 3] = [
    (Kind::FolderRules, "folder_id", "folders"),
    (Kind::DocumentRules, "document_id", "documents"),
    (Kind::Revisions, "document_id", "documents"),
];

/// The title of a copy: a server takes 255 characters.
const TITLE_OF_COPY: &str =
    "(SELECT substr(i.title, 1, 255 - length(copy_suffix)) || copy_suffix FROM incoming.settings)";

fn names(columns: &[TargetColumn]) -> String {
    columns.iter().map(|column| column.quoted.as_str()).collect::<Vec<_>>().join(", ")
}
