//! The contents that are written: a table beside the rows, so that none of it is in memory.

use rusqlite::OptionalExtension as _;

use super::Incoming;
use crate::error::Result;
use crate::server_data::restored::sha256_of;
use crate::server_data::rows::text_of;

/// Contents that are in memory at once.
const BATCH: i64 = 500;

/// A content that is written, or whose row is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Put {
    n: i64,
    /// Its id in the backup.
    pub(crate) file_id: String,
    /// Its id on the server.
    pub(crate) id: String,
    /// Whether the server has the row already, and lost the content.
    pub(crate) is_lost: bool,
    /// Whether it is a copy beside another.
    pub(crate) is_copy: bool,
    /// The path that the row says: the backup's, or the server's where it has the row.
    pub(crate) recorded: String,
}

/// Where a content goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Placed {
    /// The place in the data directory.
    pub(crate) place: String,
    /// Whether the row must say so, and not what it said.
    pub(crate) is_moved: bool,
    /// Where in the archive it begins, and its bytes; nothing where the archive does not have it.
    pub(crate) held: Option<(u64, u64)>,
    /// Whether it lies there already.
    pub(crate) is_there: bool,
}

/// A content that is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HeldPut {
    /// Its number.
    pub(crate) n: i64,
    /// Its id in the backup.
    pub(crate) file_id: String,
    /// Its place in the data directory.
    pub(crate) place: String,
    /// The SHA-256 of its row.
    pub(crate) sha256: Option<[u8; 32]>,
}

impl Incoming {
    /// Asks `place` of every content where it goes, in the order of the backup.
    pub(crate) fn place_puts(&self, mut place: impl FnMut(&Put) -> Result<Placed>) -> Result<()> {
        self.in_transaction(|| {
            let mut last = 0;
            loop {
                let batch = self.puts_after(last)?;
                let Some(end) = batch.last() else { break };
                last = end.n;
                for put in &batch {
                    let Placed { place, is_moved, held, is_there } = place(put)?;
                    let path = if is_moved { format!("./{place}") } else { put.recorded.clone() };
                    let (at, size) = held.unzip();
                    self.execute(
                        "UPDATE puts SET path = ?2, is_moved = ?3, place = ?4, at = ?5, size = ?6, is_there = ?7 WHERE n = ?1",
                        (put.n, path, is_moved, place, at.map(u64::cast_signed), size.map(u64::cast_signed), is_there),
                    )?;
                }
            }
            Ok(())
        })?;
        self.execute("CREATE INDEX puts_by_place ON puts (at, n) WHERE NOT is_there", ())
    }

    /// Gives every content that is to be written to `write`, in the order in which the archive has them, and keeps the
    /// SHA-256 of what was written.
    pub(crate) fn write_puts(&self, mut write: impl FnMut(HeldPut) -> Result<Option<[u8; 32]>>) -> Result<()> {
        self.in_transaction(|| {
            let mut last = (-1, 0);
            loop {
                let batch = self.held_after(last)?;
                let Some((at, end)) = batch.last() else { return Ok(()) };
                last = (*at, end.n);
                for (_, put) in batch {
                    let n = put.n;
                    if let Some(sha256) = write(put)? {
                        self.execute("UPDATE puts SET sha256 = ?2 WHERE n = ?1", (n, sha256))?;
                    }
                }
            }
        })
    }

    /// Gives the number, the place and the SHA-256 of every content that was written to `read`.
    pub(crate) fn each_written(&self, mut read: impl FnMut(i64, &str, [u8; 32]) -> Result<()>) -> Result<u64> {
        let (mut last, mut count) = (0, 0);
        loop {
            let next = self.asking(|connection| {
                connection
                    .prepare_cached(
                        "SELECT n, place, sha256 FROM puts WHERE n > ?1 AND sha256 IS NOT NULL ORDER BY n LIMIT 1",
                    )?
                    .query_row([last], |row| Ok((row.get(0)?, text_of(row.get_ref(1)?), row.get(2)?)))
                    .optional()
            })?;
            let Some((n, place, sha256)) = next else { return Ok(count) };
            read(n, &place, sha256)?;
            (last, count) = (n, count + 1);
        }
    }

    fn puts_after(&self, last: i64) -> Result<Vec<Put>> {
        self.asking(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT p.n, i.id, p.id, p.why, coalesce(s.present_path, i.path, '') FROM puts p
                 JOIN files i ON i.incoming_seq = p.seq JOIN file_states s ON s.seq = p.seq
                 WHERE p.n > ?1 ORDER BY p.n LIMIT ?2",
            )?;
            let puts = statement.query_map((last, BATCH), |row| {
                let why = text_of(row.get_ref(3)?);
                Ok(Put {
                    n: row.get(0)?,
                    file_id: text_of(row.get_ref(1)?),
                    id: text_of(row.get_ref(2)?),
                    is_lost: why == "lost",
                    is_copy: why == "copy",
                    recorded: text_of(row.get_ref(4)?),
                })
            })?;
            puts.collect()
        })
    }

    fn held_after(&self, last: (i64, i64)) -> Result<Vec<(i64, HeldPut)>> {
        self.asking(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT p.n, i.id, p.place, i.sha256, p.at FROM puts p JOIN files i ON i.incoming_seq = p.seq
                 WHERE NOT p.is_there AND (p.at, p.n) > (?1, ?2) ORDER BY p.at, p.n LIMIT ?3",
            )?;
            let puts = statement.query_map((last.0, last.1, BATCH), |row| {
                let put = HeldPut {
                    n: row.get(0)?,
                    file_id: text_of(row.get_ref(1)?),
                    place: text_of(row.get_ref(2)?),
                    sha256: sha256_of(&text_of(row.get_ref(3)?)),
                };
                Ok((row.get(4)?, put))
            })?;
            puts.collect()
        })
    }

    fn in_transaction<T>(&self, act: impl FnOnce() -> Result<T>) -> Result<T> {
        self.execute("BEGIN", ())?;
        let acted = act();
        self.execute(if acted.is_ok() { "COMMIT" } else { "ROLLBACK" }, ())?;
        acted
    }
}
