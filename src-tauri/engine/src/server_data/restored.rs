//! A database that comes out of an archive: looked at in a private folder, before any of it is believed or kept.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _};

use super::columns::Tables;
use super::connection::{DatabaseCopy, open_connection, sqlite_error};
use super::fresh;
use super::incoming::{Incoming, TargetTables};
use super::merge::{Merge, MergeSettings};
use super::private_folder::{PrivateFolder, Room};
use super::rows::text_of;
use super::snapshot::Snapshot;
use super::soundness::is_damage;
use crate::error::{Error, Result};
use crate::hex;
use crate::job::Job;

/// Bytes beside the database's own that must be free: for its journal.
const SPARE: u64 = 16 * 1024 * 1024;
/// Accounts, and oddities of the schema, that are named.
const MAX_NAMED: usize = 1000;
const PIECE: usize = 256 * 1024;
/// The permission that makes an administrator.
const ADMINISTRATORS: &str = "manage_system";

/// The database.
pub(crate) struct RestoredDatabase {
    connection: Connection,
    folder: PrivateFolder,
    /// As it is called in messages.
    named: PathBuf,
    tables: Tables,
}

/// A row of `files`, as far as its path goes.
pub(crate) struct FilePath {
    pub(crate) row: i64,
    pub(crate) id: String,
    pub(crate) path: String,
    /// As the server recorded it.
    pub(crate) sha256: Option<[u8; 32]>,
}

/// What SQLite says of the database as a whole.
pub(crate) struct Soundness {
    /// What is wrong with its pages; the first of it.
    pub(crate) problems: Vec<String>,
    /// Rows that point at rows that are not there.
    pub(crate) dangling: u64,
}

impl RestoredDatabase {
    /// Takes a database of `size` bytes, which `fill` writes piece by piece. `named` is where it will be.
    pub(crate) fn receive(
        size: u64,
        named: &Path,
        fill: impl FnOnce(&mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()>,
    ) -> Result<Self> {
        let folder = PrivateFolder::create(Room { needed: size + SPARE, largest: size }, &[])?;
        let path = folder.database();
        let mut file = folder.create_file(&path).map_err(|e| Error::io("write", &path, e))?;
        fill(&mut |bytes| file.write_all(bytes).map_err(|e| Error::io("write", &path, e)))?;
        drop(file);
        Self::open(folder, named)
    }

    /// The empty database of a server, with the tables of the first ones.
    pub(crate) fn fresh(named: &Path) -> Result<Self> {
        let folder = PrivateFolder::create(Room { needed: SPARE, largest: SPARE }, &[])?;
        let path = folder.database();
        folder.create_file(&path).map_err(|e| Error::io("write", &path, e))?;
        let made = open_connection(&path, OpenFlags::SQLITE_OPEN_READ_WRITE)
            .and_then(|connection| connection.execute_batch(fresh::SERVER_TABLES));
        made.map_err(|e| sqlite_error(&path, e))?;
        Self::open(folder, named)
    }

    /// A copy of a snapshot, to be written into.
    pub(crate) fn copy_of(snapshot: &Snapshot, named: &Path) -> Result<Self> {
        let mut bytes = snapshot.open_bytes()?.file;
        Self::receive(snapshot.size(), named, |take| {
            let mut piece = vec![0; PIECE];
            loop {
                match bytes.read(&mut piece).map_err(|e| Error::io("read the snapshot of", named, e))? {
                    0 => return Ok(()),
                    read => take(&piece[..read])?,
                }
            }
        })
    }

    fn open(folder: PrivateFolder, named: &Path) -> Result<Self> {
        let path = folder.database();
        let failed = |e| sqlite_error(named, e);
        let connection = open_connection(&path, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(failed)?;
        // What a path is set to must set off nothing.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false).map_err(failed)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false).map_err(failed)?;
        // Of a write-ahead log nothing must be left beside it.
        let mode: String = connection.query_row("PRAGMA journal_mode", [], |row| row.get(0)).map_err(failed)?;
        if mode == "wal" {
            connection.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(())).map_err(failed)?;
        }
        let tables = Tables::of(&connection, named)?;
        Ok(Self { connection, folder, named: named.to_path_buf(), tables })
    }

    /// A place for rows that are to come into it, of `size` bytes of JSON.
    pub(crate) fn incoming(&self, size: u64) -> Result<Incoming> {
        Incoming::create(size, TargetTables::read(&self.connection, &self.named)?)
    }

    /// Brings it and the rows together: `decide` says what is done, and then all of it is done.
    pub(crate) fn merge<T>(
        &self,
        incoming: &Incoming,
        settings: &MergeSettings,
        decide: impl FnOnce(&Merge<'_>) -> Result<T>,
    ) -> Result<T> {
        // After a crash nobody wants it.
        self.asking(|connection| connection.execute_batch("PRAGMA synchronous = OFF; PRAGMA cache_size = -4096"))?;
        let merge = Merge::open(&self.connection, incoming, settings, &self.named)?;
        let decided = decide(&merge)?;
        self.asking(|connection| connection.execute_batch("BEGIN IMMEDIATE"))?;
        merge.apply()?;
        self.asking(|connection| connection.execute_batch("COMMIT"))?;
        merge.close()?;
        Ok(decided)
    }

    /// The id of the folder that `wanted` names in the server's database: an id, or names with `/` between them.
    pub(crate) fn folder(&self, wanted: &str, parts: &[String]) -> Result<Option<String>> {
        let by_id = self.asking(|connection| {
            connection
                .query_row("SELECT id FROM main.folders WHERE id = ?1", [wanted], |row| Ok(text_of(row.get_ref(0)?)))
                .optional()
        })?;
        if by_id.is_some() && !wanted.starts_with('/') {
            return Ok(by_id);
        }
        let mut at: Option<String> = None;
        for name in parts {
            let found = self.asking(|connection| {
                connection
                    .query_row(
                        "SELECT id FROM main.folders WHERE name = ?1 AND id <> '/'
                         AND CASE WHEN ?2 IS NULL THEN parent_id IS NULL OR parent_id = '/' ELSE parent_id = ?2 END LIMIT 1",
                        (name, &at),
                        |row| Ok(text_of(row.get_ref(0)?)),
                    )
                    .optional()
            })?;
            match found {
                Some(id) => at = Some(id),
                None => return Ok(by_id),
            }
        }
        Ok(at.or(by_id))
    }

    /// Whether everything is in it that was to be written.
    pub(crate) fn has_all(&self, incoming: &Incoming, settings: &MergeSettings) -> Result<bool> {
        let merge = Merge::open(&self.connection, incoming, settings, &self.named)?;
        let has_all = merge.is_all_there()?;
        merge.close()?;
        Ok(has_all)
    }

    /// It as it is now, to be read only.
    pub(crate) fn into_snapshot(self, job: &Job) -> Result<Snapshot> {
        self.connection.close().map_err(|(_, error)| sqlite_error(&self.named, error))?;
        Snapshot::of(DatabaseCopy { source: self.named, folder: self.folder, taken_at: 0.0 }, job)
    }

    /// The rows of `files`, in their order.
    pub(crate) fn files(&self) -> Result<Vec<FilePath>> {
        let table = &self.tables.files;
        let query =
            format!("SELECT {rowid}, id, path, sha256 FROM {} ORDER BY {rowid}", table.name, rowid = table.rowid);
        self.asking(|connection| {
            let mut statement = connection.prepare(&query)?;
            let rows = statement.query_map([], |row| {
                Ok(FilePath {
                    row: row.get(0)?,
                    id: text_of(row.get_ref(1)?),
                    path: text_of(row.get_ref(2)?),
                    sha256: sha256_of(&text_of(row.get_ref(3)?)),
                })
            })?;
            rows.collect()
        })
    }

    /// Sets the paths of rows of `files`, all or none.
    pub(crate) fn set_paths<'p>(&mut self, paths: impl Iterator<Item = (i64, &'p str)>) -> Result<()> {
        let table = &self.tables.files;
        let update = format!("UPDATE {} SET path = ?2 WHERE {} = ?1", table.name, table.rowid);
        let named = self.named.clone();
        let set = || -> rusqlite::Result<()> {
            let transaction = self.connection.transaction()?;
            {
                let mut statement = transaction.prepare(&update)?;
                for (row, path) in paths {
                    statement.execute((row, path))?;
                }
            }
            transaction.commit()
        };
        set().map_err(|error| sqlite_error(&named, error))
    }

    /// How many documents and folders there are.
    pub(crate) fn counts(&self) -> Result<(u64, u64)> {
        let count = |table: &str| {
            self.asking(|connection| {
                connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get::<_, i64>(0))
            })
        };
        let (documents, folders) = (count(self.tables.documents.name)?, count(self.tables.folders.name)?);
        Ok((documents.unsigned_abs(), folders.unsigned_abs()))
    }

    /// The users' names, and those of them who may manage the system; the first of each. Nothing where the tables of
    /// accounts are not as known.
    pub(crate) fn accounts(&self) -> (Vec<String>, Vec<String>) {
        let users = "SELECT username FROM users ORDER BY username".to_owned();
        let administrators = format!(
            "SELECT username FROM user_permissions WHERE permission = '{ADMINISTRATORS}' AND granted
             UNION SELECT m.username FROM user_memberships m JOIN group_permissions p ON p.group_name = m.group_name
             WHERE p.permission = '{ADMINISTRATORS}' AND p.granted ORDER BY 1"
        );
        (self.names(&users).unwrap_or_default(), self.names(&administrators).unwrap_or_default())
    }

    /// What in the schema does more than hold rows: triggers, views and virtual tables, by kind and name.
    pub(crate) fn oddities(&self) -> Result<Vec<String>> {
        self.names(
            "SELECT CASE WHEN type = 'table' THEN 'virtual table' ELSE type END || ' ' || name FROM sqlite_schema
             WHERE type IN ('trigger', 'view') OR sql LIKE 'CREATE VIRTUAL%' ORDER BY 1",
        )
    }

    /// What SQLite finds when it looks at all of it.
    pub(crate) fn soundness(&self) -> Result<Soundness> {
        let mut problems = self.names("PRAGMA integrity_check(10)")?;
        problems.retain(|problem| is_damage(problem));
        let dangling = self.asking(|connection| {
            let mut statement = connection.prepare("PRAGMA foreign_key_check")?;
            let mut rows = statement.query([])?;
            let mut count = 0;
            while rows.next()?.is_some() {
                count += 1;
            }
            Ok(count)
        });
        // A schema may name tables that are not there; rows then point at nothing that could be looked for.
        let dangling = dangling.unwrap_or_default();
        Ok(Soundness { problems, dangling })
    }

    /// Copies it as it is now into `out`.
    pub(crate) fn write_to(self, out: &mut File, mut each: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let path = self.folder.database();
        self.connection.close().map_err(|(_, error)| sqlite_error(&self.named, error))?;
        let mut file = File::open(&path).map_err(|e| Error::io("read", &path, e))?;
        let mut piece = vec![0; PIECE];
        loop {
            let read = file.read(&mut piece).map_err(|e| Error::io("read", &path, e))?;
            if read == 0 {
                return Ok(());
            }
            each(&piece[..read])?;
            out.write_all(&piece[..read]).map_err(|e| Error::io("write", &self.named, e))?;
        }
    }

    fn names(&self, query: &str) -> Result<Vec<String>> {
        self.asking(|connection| {
            let mut statement = connection.prepare(query)?;
            let rows = statement.query_map([], |row| Ok(text_of(row.get_ref(0)?)))?;
            rows.take(MAX_NAMED).collect()
        })
    }

    fn asking<T>(&self, ask: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        ask(&self.connection).map_err(|error| sqlite_error(&self.named, error))
    }
}

/// A digest as servers record it: in hex, of either case.
pub(super) fn sha256_of(text: &str) -> Option<[u8; 32]> {
    let mut sha256 = [0; 32];
    hex::decode_into(text, &mut sha256).then_some(sha256)
}
