//! One moment of a server's database, in a private copy.

use std::fs::File;
use std::io::{self, Seek};
use std::path::PathBuf;

use rusqlite::{Connection, ErrorCode, OptionalExtension};
use sha2::{Digest, Sha256};

use super::columns::Tables;
use super::connection::{DatabaseCopy, sqlite_error};
use super::content_index::{ContentIndex, WhichContents};
use super::contents::OpenContent;
use super::extent;
use super::owned;
use super::repeated;
use super::rows::{Warnings, text_of};
use crate::error::{Error, Result};
use crate::hex;
use crate::job::Job;

/// The copy, and what is known of it. Its file has no name any more and vanishes with this.
#[derive(Debug)]
pub(crate) struct Snapshot {
    /// The database that it was taken of, for messages.
    pub(super) source: PathBuf,
    pub(super) connection: Connection,
    pub(super) tables: Tables,
    pub(super) contents: ContentIndex,
    pub(super) warnings: Warnings,
    file: File,
    size: u64,
    taken_at: f64,
    objects: Objects,
    schema_sha256: String,
    alembic_version: Option<String>,
}

/// How many rows there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) documents: u64,
    pub(crate) folders: u64,
    /// Files that some revision points to.
    pub(crate) files: u64,
    /// Files that none does.
    pub(crate) other_files: u64,
    pub(crate) users: u64,
}

/// How many there are of what is counted once.
#[derive(Debug)]
struct Objects {
    documents: u64,
    folders: u64,
    users: u64,
}

impl Snapshot {
    /// When the copy was taken, in Unix seconds.
    pub(crate) fn taken_at(&self) -> f64 {
        self.taken_at
    }

    pub(crate) fn counts(&self) -> Counts {
        Counts {
            documents: self.objects.documents,
            folders: self.objects.folders,
            files: self.contents.count(WhichContents::OfDocuments),
            other_files: self.contents.count(WhichContents::Others),
            users: self.objects.users,
        }
    }

    /// SHA-256 of the schema's texts, each followed by a line feed, in their order.
    pub(crate) fn schema_sha256(&self) -> String {
        self.schema_sha256.clone()
    }

    /// What the server's migrations call its schema, on servers that have them.
    pub(crate) fn alembic_version(&self) -> Option<String> {
        self.alembic_version.clone()
    }

    /// Bytes of the copy.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// The copy itself: a plain SQLite file that needs no other beside it.
    pub(crate) fn open_bytes(&self) -> Result<OpenContent> {
        let mut file = self.file.try_clone().map_err(|e| Error::io("read the snapshot of", &self.source, e))?;
        // SQLite reads at places of its own, so the handles do not disturb each other.
        file.rewind().map_err(|e| Error::io("read the snapshot of", &self.source, e))?;
        OpenContent::of_file(file).map_err(|refusal| Error::Io {
            action: "read the snapshot of",
            path: self.source.clone(),
            source: io::Error::other(refusal.reason),
        })
    }

    /// Opens `copy` and takes its name away.
    pub(crate) fn of(copy: DatabaseCopy, job: &Job) -> Result<Self> {
        let path = copy.path();
        let connection = copy.connect(job)?;
        let file = File::open(&path).map_err(|e| Error::io("read", &path, e))?;
        let size = file.metadata().map_err(|e| Error::io("read", &path, e))?.len();
        let DatabaseCopy { source, folder, taken_at } = copy;
        drop(folder);
        let failed = |e| sqlite_error(&source, e);
        let schema_sha256 = schema_sha256(&connection).map_err(failed)?;

        let mut tables = Tables::of(&connection, &source)?;
        extent::measure(&connection, &mut tables, size, &source)?;
        repeated::set_aside(&connection, &mut tables).map_err(failed)?;
        owned::pair_up(&connection, &tables).map_err(failed)?;
        let contents = ContentIndex::build(&connection, &tables).map_err(failed)?;
        let objects = Objects::count(&connection, &tables, size).map_err(failed)?;
        let alembic_version = alembic_version(&connection).map_err(failed)?;
        let warnings = Warnings::default();
        let snapshot = Self {
            source,
            connection,
            tables,
            contents,
            warnings,
            file,
            size,
            taken_at,
            objects,
            schema_sha256,
            alembic_version,
        };
        snapshot.note_repeated_objects()?;
        Ok(snapshot)
    }
}

impl Objects {
    fn count(connection: &Connection, tables: &Tables, size: u64) -> rusqlite::Result<Self> {
        let has_users = connection.query_row(
            "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'users')",
            [],
            |row| row.get(0),
        )?;
        // A backup of a server whose users cannot be read is better than none; [`SoundnessCheck`](super::SoundnessCheck) tells of it.
        let users = if has_users { extent::rows_of(connection, "users", size).or_else(none_if_damaged)? } else { None };
        Ok(Self {
            documents: tables.documents.rows - tables.documents.further,
            folders: tables.folders.rows - tables.folders.further,
            users: users.unwrap_or_default(),
        })
    }
}

fn none_if_damaged(error: rusqlite::Error) -> rusqlite::Result<Option<u64>> {
    if error.sqlite_error_code() == Some(ErrorCode::DatabaseCorrupt) { Ok(None) } else { Err(error) }
}

fn schema_sha256(connection: &Connection) -> rusqlite::Result<String> {
    let mut statement = connection.prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid")?;
    let mut rows = statement.query([])?;
    let mut digest = Sha256::new();
    while let Some(row) = rows.next()? {
        digest.update(text_of(row.get_ref(0)?));
        digest.update(b"\n");
    }
    Ok(hex::encode(&digest.finalize()))
}

fn alembic_version(connection: &Connection) -> rusqlite::Result<Option<String>> {
    let exists: bool = connection.query_row(
        "SELECT EXISTS (SELECT 1 FROM pragma_table_info('alembic_version') WHERE name = 'version_num')",
        [],
        |row| row.get(0),
    )?;
    if !exists {
        return Ok(None);
    }
    connection
        .query_row("SELECT version_num FROM alembic_version LIMIT 1", [], |row| Ok(text_of(row.get_ref(0)?)))
        .optional()
}
