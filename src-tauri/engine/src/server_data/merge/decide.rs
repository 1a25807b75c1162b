//! What is found of each object, and what is done with it.

use rusqlite::OptionalExtension as _;

use super::{Merge, OnConflict};
use crate::error::Result;
use crate::server_data::incoming::{Kind, TargetColumn};

/// What is done with an object: nothing, a row more, the present row made as it was, a row more beside the present one.
pub(super) const NOTHING: u8 = 0;
pub(super) const ADD: u8 = 1;
pub(super) const REPLACE: u8 = 2;
pub(super) const COPY: u8 = 3;

/// Whether a content is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileState {
    /// The server has no row of that id.
    New,
    /// The server has it, and the same content.
    Same,
    /// The server has its row, the backup its content, and the server's disk does not.
    Lost,
    /// The server has its row; neither it nor the backup has the content.
    Nowhere,
    /// The server has another content of that id.
    Differs,
}

/// The document that every fresh server has, and its content.
const HELLO: (&str, &str, &str) = ("hello", "Hello World", "init");

impl Merge<'_> {
    /// Remembers what rows of `files` were found to be; each of them once.
    pub(crate) fn note_files(&self, states: impl Iterator<Item = (i64, FileState)>) -> Result<()> {
        self.run("CREATE TABLE incoming.file_states (seq INTEGER PRIMARY KEY, state TEXT, present_path TEXT)")?;
        self.asking(|connection| {
            let mut insert = connection.prepare(
                "INSERT INTO incoming.file_states SELECT i.incoming_seq, ?2,
                     (SELECT path FROM main.files m WHERE m.id = i.id LIMIT 1)
                 FROM incoming.files i WHERE i.incoming_seq = ?1",
            )?;
            connection.execute_batch("BEGIN")?;
            for (seq, state) in states {
                insert.execute((seq, state.name()))?;
            }
            connection.execute_batch("COMMIT")
        })
    }

    /// Decides, and keeps what was decided beside the rows.
    pub(crate) fn decide(&self) -> Result<()> {
        self.run("CREATE TABLE incoming.settings (into_id TEXT, copy_suffix TEXT)")?;
        let settings = (&self.settings.into, &self.settings.copy_suffix);
        self.asking(|connection| connection.execute("INSERT INTO incoming.settings VALUES (?1, ?2)", settings))?;
        self.decide_in("incoming")?;
        let keep_ids = u8::from(!self.settings.is_new);
        self.run(&format!(
            "UPDATE incoming.decided_documents SET new_id = lower(hex(randomblob(32))) WHERE act = {COPY};
             CREATE TABLE incoming.puts (n INTEGER PRIMARY KEY, seq INTEGER, id TEXT, why TEXT, path TEXT, is_moved INTEGER,
                 place TEXT, at INTEGER, size INTEGER, is_there INTEGER, sha256 BLOB);
             CREATE TEMP TABLE needed AS SELECT DISTINCT f.incoming_seq AS seq,
                     d.act = {COPY} OR s.state = 'differs' AS as_copy, s.state AS state
                 FROM incoming.decided_documents d JOIN incoming.document_revisions r ON r.incoming_owner = d.seq
                 JOIN incoming.files f ON f.id = r.file_id JOIN incoming.file_states s ON s.seq = f.incoming_seq
                 WHERE d.act <> {NOTHING};
             INSERT INTO incoming.puts (seq, id, why)
                 SELECT seq, id, why FROM (
                     SELECT s.seq AS seq, f.id AS id, CASE s.state WHEN 'new' THEN 'new' ELSE 'lost' END AS why
                     FROM incoming.file_states s JOIN incoming.files f ON f.incoming_seq = s.seq
                     WHERE s.state = 'lost' OR (s.state = 'new' AND
                         (NOT {keep_ids} OR s.seq IN (SELECT seq FROM temp.needed WHERE NOT as_copy)))
                     UNION ALL SELECT seq, lower(hex(randomblob(32))), 'copy' FROM temp.needed WHERE as_copy)
                 ORDER BY seq, why;
             CREATE INDEX incoming.puts_by ON puts (seq, why);
             DROP TABLE temp.needed"
        ))
    }

    /// Whether the same would be decided now.
    pub(crate) fn holds_still(&self) -> Result<bool> {
        self.decide_in("temp")?;
        let differing = |table: &str| {
            format!(
                "EXISTS (SELECT seq, id, parent, verdict, act FROM temp.{table}
                         EXCEPT SELECT seq, id, parent, verdict, act FROM incoming.{table})"
            )
        };
        let files = "EXISTS (SELECT 1 FROM incoming.file_states s JOIN incoming.files f ON f.incoming_seq = s.seq
                 LEFT JOIN main.files m ON m.id = f.id WHERE m.path IS NOT s.present_path)";
        let changed: bool = self.asking(|connection| {
            let query =
                format!("SELECT {} OR {} OR {files}", differing("decided_folders"), differing("decided_documents"));
            connection.query_row(&query, [], |row| row.get(0))
        })?;
        let into_is_there: bool = self.asking(|connection| {
            connection.query_row(
                "SELECT NOT EXISTS (SELECT 1 FROM incoming.settings WHERE into_id IS NOT NULL
                     AND into_id NOT IN (SELECT id FROM main.folders))",
                [],
                |row| row.get(0),
            )
        })?;
        self.run("DROP TABLE temp.decided_folders; DROP TABLE temp.decided_documents")?;
        Ok(!changed && into_is_there)
    }

    fn decide_in(&self, schema: &str) -> Result<()> {
        self.fold()?;
        let is_fresh = self.hello_is_untouched("main", "m.document_id = 'hello'")?;
        for kind in [Kind::Folders, Kind::Documents] {
            let table = kind.table();
            self.run(&format!(
                "CREATE TABLE {schema}.decided_{table}
                     (seq INTEGER PRIMARY KEY, id TEXT, parent TEXT, verdict TEXT, act INTEGER, new_id TEXT);
                 INSERT INTO {schema}.decided_{table}
                     SELECT i.incoming_seq, coalesce(i.id, ''), {parent}, {verdict}, 0, NULL
                     FROM incoming.{table} i LEFT JOIN main.{table} m ON m.{rowid} =
                         (SELECT min(f.{rowid}) FROM main.{table} f WHERE f.id = coalesce(i.id, ''));
                 UPDATE {schema}.decided_{table} SET act = {act}",
                parent = self.parent(kind),
                verdict = self.verdict(kind, is_fresh)?,
                rowid = self.rowid(kind),
                act = self.act(kind),
            ))?;
        }
        if self.settings.on_conflict == OnConflict::Copy && self.settings.into.is_none() {
            self.run(&format!(
                "UPDATE {schema}.decided_documents SET parent = (SELECT folder_id FROM main.documents m WHERE m.id = decided_documents.id)
                 WHERE act = {COPY}"
            ))?;
        }
        Ok(())
    }

    /// Where the object `i` goes.
    pub(super) fn parent(&self, kind: Kind) -> String {
        let column = Self::parent_column(kind);
        let root = if self.target_has_root { "'/'" } else { "NULL" };
        let is_root_row = if kind == Kind::Folders { self.is_root_row("i") } else { "0".to_owned() };
        let named_root = if self.settings.backup_has_root { format!("OR i.{column} = '/'") } else { String::new() };
        let into = if self.settings.into.is_some() {
            "WHEN i.incoming_rank = 1 THEN (SELECT into_id FROM incoming.settings)"
        } else {
            ""
        };
        format!(
            "CASE WHEN {is_root_row} THEN NULL {into} WHEN i.{column} IS NULL {named_root} THEN {root} ELSE i.{column} END"
        )
    }

    fn is_root_row(&self, alias: &str) -> String {
        let is_there = u8::from(self.settings.backup_has_root);
        format!("({is_there} AND {alias}.id = '/' AND {alias}.name = '/' AND {alias}.parent_id IS NULL)")
    }

    fn verdict(&self, kind: Kind, is_fresh: bool) -> Result<String> {
        let table = kind.table();
        let same: Vec<_> = self.comparisons(kind).into_iter().map(|(_, same)| format!("({same})")).collect();
        let same = same.join(" AND ");
        let repeated =
            format!("EXISTS (SELECT 1 FROM incoming.{table} e WHERE e.id IS i.id AND e.incoming_seq < i.incoming_seq)");
        let rowid = self.rowid(kind);
        if kind == Kind::Folders {
            let (is_root, keeps_root) = (self.is_root_row("i"), u8::from(self.target_has_root));
            let rules = self.folded(Kind::FolderRules);
            return Ok(format!(
                "CASE WHEN {repeated} THEN 'repeated' WHEN {is_root} AND NOT {keeps_root} THEN 'root'
                 WHEN m.{rowid} IS NULL THEN 'new' WHEN i.incoming_rank = 2 OR ({is_root} AND {rules}) THEN 'same'
                 WHEN {same} THEN 'same' ELSE 'differs' END"
            ));
        }
        let others = OTHER_FILES;
        let hello_comes_untouched = self.hello_is_untouched("incoming", "m.incoming_owner = o.incoming_seq")?;
        let fresh = match (is_fresh, hello_comes_untouched) {
            (false, _) => String::new(),
            (true, true) => "WHEN i.id = 'hello' THEN 'same'".to_owned(),
            (true, false) => "WHEN i.id = 'hello' THEN 'stale'".to_owned(),
        };
        Ok(format!(
            "CASE WHEN {repeated} THEN 'repeated' WHEN m.{rowid} IS NULL AND {others} THEN 'other_files'
             WHEN m.{rowid} IS NULL THEN 'new' {fresh} WHEN {same} AND NOT {others} THEN 'same' ELSE 'differs' END"
        ))
    }

    fn act(&self, kind: Kind) -> String {
        let (differs, others) = match (self.settings.on_conflict, kind) {
            (OnConflict::Stop, _) => (NOTHING, NOTHING),
            (OnConflict::Keep, _) | (OnConflict::Copy, Kind::Folders) => (NOTHING, ADD),
            (OnConflict::Replace, _) => (REPLACE, ADD),
            (OnConflict::Copy, _) => (COPY, ADD),
        };
        let differs = if self.settings.is_new { REPLACE } else { differs };
        format!(
            "CASE verdict WHEN 'new' THEN {ADD} WHEN 'other_files' THEN {others} WHEN 'differs' THEN {differs}
             WHEN 'stale' THEN {REPLACE} ELSE {NOTHING} END"
        )
    }

    /// What is compared of the object `i` with `m`: what it is called, and the SQL that holds where it is the same.
    pub(super) fn comparisons(&self, kind: Kind) -> Vec<(String, String)> {
        let parent = Self::parent_column(kind);
        let is_compared = |column: &&TargetColumn| {
            let name = column.name.to_ascii_lowercase();
            column.is_carried && ![parent, "id", "current_revision_id"].contains(&name.as_str())
        };
        let mut comparisons: Vec<_> = self
            .columns(kind)
            .iter()
            .filter(is_compared)
            .map(|column| (column.name.clone(), self.is_same(column)))
            .collect();
        comparisons.push((parent.to_owned(), format!("({}) IS m.{parent}", self.parent(kind))));
        if kind == Kind::Folders {
            comparisons.push(("access_rules".to_owned(), self.folded(Kind::FolderRules)));
        } else {
            comparisons.push(("access_rules".to_owned(), self.folded(Kind::DocumentRules)));
            comparisons.push(("revisions".to_owned(), self.folded(Kind::Revisions)));
        }
        comparisons
    }

    /// Holds where the row `m` has in a column what the row `i` gives it. What is no UTF-8 an archive has with its unreadable
    /// bytes replaced.
    fn is_same(&self, column: &TargetColumn) -> String {
        let (given, quoted) = (self.given(column), &column.quoted);
        format!("{given} IS m.{quoted} OR (typeof(m.{quoted}) = 'text' AND {given} IS cfms_text(m.{quoted}))")
    }

    /// The value that the row `i` gives to a column.
    pub(super) fn given(&self, column: &TargetColumn) -> String {
        let value = format!("i.{}", column.quoted);
        match (column.is_carried, column.is_not_null) {
            (true, false) => value,
            (true, true) => format!("coalesce({value}, {})", column.filling()),
            (false, true) => column.filling(),
            (false, false) => column.default.as_ref().map_or("NULL".to_owned(), |default| format!("({default})")),
        }
    }

    /// Whether the fresh server's document is there and nobody has touched it.
    fn hello_is_untouched(&self, schema: &str, owned: &str) -> Result<bool> {
        let (id, title, file) = HELLO;
        let rules = if self.has(Kind::DocumentRules) {
            format!("AND NOT EXISTS (SELECT 1 FROM {schema}.document_access_rules m WHERE {owned})")
        } else {
            String::new()
        };
        let query = format!(
            "SELECT (SELECT group_concat(file_id) FROM {schema}.document_revisions m WHERE {owned}) IS '{file}' {rules}
             FROM {schema}.documents o WHERE o.id = '{id}' AND o.title = '{title}' LIMIT 1"
        );
        let untouched: Option<bool> =
            self.asking(|connection| connection.query_row(&query, [], |row| row.get(0)).optional())?;
        Ok(untouched.unwrap_or_default())
    }
}

impl FileState {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Same => "same",
            Self::Lost => "lost",
            Self::Nowhere => "nowhere",
            Self::Differs => "differs",
        }
    }
}

/// Holds where a content of the document `i` is another on the server.
pub(super) const OTHER_FILES: &str =
    "EXISTS (SELECT 1 FROM incoming.document_revisions r JOIN incoming.files f ON f.id = r.file_id
         JOIN incoming.file_states s ON s.seq = f.incoming_seq AND s.state = 'differs' WHERE r.incoming_owner = i.incoming_seq)";
