//! What was decided, for people and for who writes the contents.

use super::Merge;
use super::decide::{ADD, COPY, NOTHING, OTHER_FILES, REPLACE};
use crate::error::Result;
use crate::server_data::incoming::Kind;
use crate::server_data::rows::text_of;

/// How many objects of a kind there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct UnitCounts {
    /// The server does not have them.
    pub(crate) new: u64,
    /// The server has them just so.
    pub(crate) identical: u64,
    /// The server has others of these ids.
    pub(crate) differing: u64,
    /// Rows that are written: added, made as they were, or put beside the present one.
    pub(crate) added: u64,
    pub(crate) replaced: u64,
    pub(crate) copied: u64,
    /// Further rows of one id; of these the first counts.
    pub(crate) repeated: u64,
}

/// The counts of folders and documents.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct MergeCounts {
    pub(crate) folders: UnitCounts,
    pub(crate) documents: UnitCounts,
}

/// An object that is there already and differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Clash {
    pub(crate) is_document: bool,
    pub(crate) id: String,
    pub(crate) title: String,
    /// Columns, and what belongs to it.
    pub(crate) differs: Vec<String>,
}

impl Merge<'_> {
    /// Calls `each` with the number, the id and the server's path of each file of the backup; of several rows with one id
    /// with the first.
    pub(crate) fn each_file(&self, mut each: impl FnMut(i64, String, Option<String>)) -> Result<()> {
        self.asking(|connection| {
            let mut statement = connection.prepare(
                "SELECT i.incoming_seq, i.id, (SELECT path FROM main.files m WHERE m.id = i.id LIMIT 1) FROM incoming.files i
                 WHERE NOT EXISTS (SELECT 1 FROM incoming.files e WHERE e.id IS i.id AND e.incoming_seq < i.incoming_seq)
                 ORDER BY i.incoming_seq",
            )?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let is_there = row.get_ref(2)? != rusqlite::types::ValueRef::Null;
                let present = is_there.then(|| row.get_ref(2).map(text_of)).transpose()?;
                each(row.get(0)?, text_of(row.get_ref(1)?), present);
            }
            Ok(())
        })
    }

    /// Calls `each` with the paths of the server's rows whose contents are there, or are nobody's of the backup.
    pub(crate) fn each_path_of_others(&self, mut each: impl FnMut(&str)) -> Result<()> {
        self.asking(|connection| {
            let mut statement = connection.prepare(
                "SELECT m.path FROM main.files m LEFT JOIN incoming.files i ON i.id = m.id
                 LEFT JOIN incoming.file_states s ON s.seq = i.incoming_seq WHERE s.state IS NOT 'lost'",
            )?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                each(&text_of(row.get_ref(0)?));
            }
            Ok(())
        })
    }

    /// How many objects there are of each kind.
    pub(crate) fn counts(&self) -> Result<MergeCounts> {
        let counts = |kind: Kind| -> Result<UnitCounts> {
            let count = |holds: &str| format!("count(*) FILTER (WHERE {holds})");
            let query = format!(
                "SELECT {}, {}, {}, {}, {}, {}, {} FROM incoming.decided_{}",
                count("verdict = 'new'"),
                count("verdict IN ('same', 'root')"),
                count("verdict IN ('differs', 'other_files', 'stale')"),
                count(&format!("act = {ADD}")),
                count(&format!("act = {REPLACE}")),
                count(&format!("act = {COPY}")),
                count("verdict = 'repeated'"),
                kind.table()
            );
            self.asking(|connection| {
                connection.query_row(&query, [], |row| {
                    let get = |index| row.get::<_, i64>(index).map(i64::unsigned_abs);
                    Ok(UnitCounts {
                        new: get(0)?,
                        identical: get(1)?,
                        differing: get(2)?,
                        added: get(3)?,
                        replaced: get(4)?,
                        copied: get(5)?,
                        repeated: get(6)?,
                    })
                })
            })
        };
        Ok(MergeCounts { folders: counts(Kind::Folders)?, documents: counts(Kind::Documents)? })
    }

    /// The objects that are there already and differ, the first `most` of each kind, and how many there are.
    pub(crate) fn clashes(&self, most: usize) -> Result<(Vec<Clash>, u64)> {
        let (mut clashes, mut total) = (Vec::new(), 0);
        for kind in [Kind::Folders, Kind::Documents] {
            let table = kind.table();
            let is_clash = "d.verdict IN ('differs', 'other_files')";
            let count = format!("SELECT count(*) FROM incoming.decided_{table} d WHERE {is_clash}");
            total +=
                self.asking(|connection| connection.query_row(&count, [], |row| row.get::<_, i64>(0)))?.unsigned_abs();
            let comparisons = self.comparisons(kind);
            let contents = if kind == Kind::Documents { OTHER_FILES } else { "0" };
            let differ: String =
                comparisons.iter().map(|(_, same)| format!(", m.id IS NOT NULL AND NOT ({same})")).collect();
            let title = if kind == Kind::Documents { "title" } else { "name" };
            let query = format!(
                "SELECT d.id, i.{title}, {contents}{differ} FROM incoming.decided_{table} d
                 JOIN incoming.{table} i ON i.incoming_seq = d.seq LEFT JOIN main.{table} m ON m.id = d.id
                 WHERE {is_clash} ORDER BY d.seq LIMIT {most}"
            );
            self.asking(|connection| {
                let mut statement = connection.prepare(&query)?;
                let mut rows = statement.query([])?;
                while let Some(row) = rows.next()? {
                    let mut differs = Vec::new();
                    for (index, (name, _)) in comparisons.iter().enumerate() {
                        if row.get::<_, bool>(index + 3)? {
                            differs.push(name.clone());
                        }
                    }
                    if row.get(2)? {
                        differs.push("content".to_owned());
                    }
                    let (id, title) = (text_of(row.get_ref(0)?), text_of(row.get_ref(1)?));
                    clashes.push(Clash { is_document: kind == Kind::Documents, id, title, differs });
                }
                Ok(())
            })?;
        }
        Ok((clashes, total))
    }

    /// Calls `each` with the ids, in the backup and on the server, of the objects that are written.
    pub(crate) fn each_object(&self, mut each: impl FnMut(bool, &str, &str)) -> Result<()> {
        for kind in [Kind::Folders, Kind::Documents] {
            let query = format!(
                "SELECT id, coalesce(new_id, id) FROM incoming.decided_{} WHERE act <> {NOTHING} ORDER BY seq",
                kind.table()
            );
            self.asking(|connection| {
                let mut statement = connection.prepare(&query)?;
                let mut rows = statement.query([])?;
                while let Some(row) = rows.next()? {
                    each(kind == Kind::Documents, &text_of(row.get_ref(0)?), &text_of(row.get_ref(1)?));
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    /// How many revisions name a content that the backup has no row for, and how many objects a folder that it has not.
    pub(crate) fn dangling(&self) -> Result<u64> {
        let revisions = "(SELECT count(*) FROM incoming.document_revisions r JOIN incoming.decided_documents d
             ON d.seq = r.incoming_owner AND d.act <> 0 WHERE r.file_id IS NULL OR NOT EXISTS
             (SELECT 1 FROM incoming.files f WHERE f.id = r.file_id))";
        let lost = |kind: Kind| {
            format!(
                "(SELECT count(*) FROM incoming.decided_{} d WHERE d.act <> 0 AND d.parent IS NOT NULL AND d.parent <> '/'
                  AND NOT EXISTS (SELECT 1 FROM main.folders m WHERE m.id = d.parent)
                  AND NOT EXISTS (SELECT 1 FROM incoming.decided_folders f WHERE f.id = d.parent AND f.act <> 0))",
                kind.table()
            )
        };
        let query = format!("SELECT {revisions} + {} + {}", lost(Kind::Folders), lost(Kind::Documents));
        self.asking(|connection| connection.query_row(&query, [], |row| row.get::<_, i64>(0))).map(i64::unsigned_abs)
    }

    /// The groups that the server has, and the rights that it knows of any group or user.
    pub(crate) fn names_known(&self) -> (Vec<String>, Vec<String>) {
        let names = |query: &str| {
            self.asking(|connection| {
                let mut statement = connection.prepare(query)?;
                let names = statement.query_map([], |row| Ok(text_of(row.get_ref(0)?)))?;
                names.collect::<rusqlite::Result<Vec<_>>>()
            })
        };
        let rights = "SELECT permission FROM main.group_permissions UNION SELECT permission FROM main.user_permissions";
        // A table that is not there holds no names.
        (names("SELECT group_name FROM main.user_groups").unwrap_or_default(), names(rights).unwrap_or_default())
    }

    /// Whether every object that was to be written is in the server's database.
    pub(crate) fn is_all_there(&self) -> Result<bool> {
        let lacking = |kind: Kind| {
            format!(
                "EXISTS (SELECT 1 FROM incoming.decided_{table} d WHERE d.act <> {NOTHING}
                     AND NOT EXISTS (SELECT 1 FROM main.{table} m WHERE m.id = coalesce(d.new_id, d.id)))",
                table = kind.table()
            )
        };
        let files = "EXISTS (SELECT 1 FROM incoming.puts p WHERE NOT EXISTS
             (SELECT 1 FROM main.files m WHERE m.id = p.id AND m.path IS p.path))";
        let query = format!("SELECT NOT ({} OR {} OR {files})", lacking(Kind::Folders), lacking(Kind::Documents));
        self.asking(|connection| connection.query_row(&query, [], |row| row.get(0)))
    }
}
