//! A server's data as they are now, as the same tree that a backup of it would have.
//!
//! The tables go the way of a backup: the snapshot writes them as an archive's JSON, and what reads archives reads it, a
//! piece at a time from a pipe. So a server and a backup of it cannot be seen with two pairs of eyes.

use std::io::{self, BufRead, BufReader, PipeReader, Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::open::sha256_of;
use super::rows::{ObjectRow, ObjectTaker, RevisionRow, RuleRow};
use super::{Objects, Revision, Tree, TreeBuilder};
use crate::archive::bounded_json::JsonError;
use crate::archive::json_rows::{RowReader, rows_into};
use crate::archive::tar_reader::Source;
use crate::error::{Error, Result};
use crate::job::{Job, Phase};
use crate::server_data::{ContentRow, Contents, Order, ServerData, Snapshot, WhichContents};

/// Bytes of a content that are read at once.
const PIECE: usize = 256 * 1024;

/// The data of a server on this computer at one moment.
pub struct LiveServer {
    data: PathBuf,
    database: PathBuf,
    snapshot: Snapshot,
    contents: Contents,
    tree: Tree,
}

impl LiveServer {
    /// Copies the server's database as it is now, and looks at its contents without reading them. `allow_outside` and
    /// `server_stopped` mean what they mean in [`Options`](crate::Options).
    ///
    /// # Errors
    /// Those of a backup's snapshot; [`Error::Cancelled`].
    pub fn open(data: &ServerData, allow_outside: &[PathBuf], server_stopped: bool, job: &Job) -> Result<Self> {
        job.phase(Phase::Snapshot, std::fs::metadata(data.database()).map(|found| found.len()).ok(), None)?;
        let snapshot = data.snapshot(server_stopped, &[], job)?;
        job.settle();
        let contents = data.contents(allow_outside)?;
        job.phase(Phase::Survey, None, Some(snapshot.count_contents(WhichContents::OfDocuments)))?;
        let tree = read_tree(data.database(), &snapshot, &contents, job)?.ok_or_else(|| too_much_text(data))?;
        job.settle();
        let (data, database) = (data.root().to_path_buf(), data.database().to_path_buf());
        Ok(Self { data, database, snapshot, contents, tree })
    }

    /// What it holds.
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// The server's folder.
    pub fn root(&self) -> &Path {
        &self.data
    }

    /// When it was in this state, in Unix seconds.
    pub fn state_of(&self) -> f64 {
        self.snapshot.taken_at()
    }

    /// Why the content of `revision` is not there.
    pub(crate) fn absence(&self, revision: Revision<'_>) -> Result<String> {
        let Some(row) = self.snapshot.content(revision.file_id())? else { return Ok(NO_ROW.to_owned()) };
        Ok(self.contents.size_of(&row).err().map_or_else(|| "it was not there a moment ago".to_owned(), |no| no.reason))
    }

    /// The SHA-256 of the content of `revision`; in words why it cannot be told.
    pub(crate) fn sha256(&self, revision: Revision<'_>, job: &Job) -> Result<std::result::Result<[u8; 32], String>> {
        let Some(row) = self.snapshot.content(revision.file_id())? else { return Ok(Err(NO_ROW.to_owned())) };
        let mut content = match self.contents.open(&row) {
            Ok(content) => content,
            Err(refusal) => return Ok(Err(refusal.reason)),
        };
        let (mut digest, mut piece) = (Sha256::new(), vec![0; PIECE]);
        loop {
            match content.file.read(&mut piece) {
                Ok(0) => break,
                Ok(read) => {
                    digest.update(&piece[..read]);
                    job.advance(read as u64)?;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => job.check()?,
                Err(error) => return Ok(Err(format!("it cannot be read: {error}"))),
            }
        }
        let changed = content.has_changed().then(|| "it changed while it was read".to_owned());
        Ok(changed.map_or_else(|| Ok(digest.finalize().into()), Err))
    }

    /// The database, for messages.
    pub fn database(&self) -> &Path {
        &self.database
    }
}

const NO_ROW: &str = "the database has no row for it";

fn read_tree(database: &Path, snapshot: &Snapshot, contents: &Contents, job: &Job) -> Result<Option<Tree>> {
    let mut builder = TreeBuilder::default();
    snapshot.for_each_content(WhichContents::OfDocuments, Order::AsStored, &mut |row: ContentRow| {
        builder.file(&row.id, sha256_of(row.sha256.as_deref()), contents.size_of(&row).ok());
        job.item(None);
        job.advance(0)
    })?;
    through_json(database, job, &mut Objects(builder.folders()), |out| snapshot.write_folders(out, job))?;
    through_json(database, job, &mut Objects(builder.documents()), |out| snapshot.write_documents(out, job))?;
    Ok(builder.finish())
}

/// Where the folders and documents of the database `snapshot` lie and who may do what with them, without titles, revisions
/// and contents. `None` if its texts are more than any server has.
pub(crate) fn rights_of(database: &Path, snapshot: &Snapshot, job: &Job) -> Result<Option<Tree>> {
    let mut builder = TreeBuilder::default();
    let mut folders = RightsAlone(builder.folders());
    through_json(database, job, &mut Objects(&mut folders), |out| snapshot.write_folders(out, job))?;
    let mut documents = RightsAlone(builder.documents());
    through_json(database, job, &mut Objects(&mut documents), |out| snapshot.write_documents(out, job))?;
    Ok(builder.finish())
}

/// Passes on what decides who may do what.
struct RightsAlone<'t, T>(&'t mut T);

impl<T: ObjectTaker> ObjectTaker for RightsAlone<'_, T> {
    fn rule(&mut self, rule: RuleRow) {
        self.0.rule(rule);
    }

    fn revision(&mut self, _: RevisionRow) {}

    fn object(&mut self, mut object: ObjectRow) {
        // The root is known by its name.
        if object.title != "/" {
            object.title.clear();
        }
        self.0.object(object);
    }
}

fn too_much_text(data: &ServerData) -> Error {
    let problem = "it has more text than any server".to_owned();
    Error::DatabaseDamaged { path: data.database().to_path_buf(), problem }
}

/// Gives the list that `write` writes, the same each time, to `rows`.
fn through_json(
    database: &Path,
    job: &Job,
    rows: &mut (impl RowReader + Send),
    write: impl Fn(&mut dyn Write) -> Result<()>,
) -> Result<()> {
    let mut size = 0;
    write(&mut Counter(&mut size))?;
    let failed = |error| Error::io("read the snapshot of", database, error);
    let (reader, mut writer) = io::pipe().map_err(failed)?;
    std::thread::scope(|scope| {
        let reading = std::thread::Builder::new()
            .spawn_scoped(scope, move || {
                rows_into(rows)(Piped { pipe: BufReader::new(reader), size, at: 0 }, size, job)
            })
            .map_err(failed)?;
        let written = write(&mut writer);
        drop(writer);
        let read = reading.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        match (written, read) {
            (Err(error), _) if !is_broken_pipe(&error) => Err(error),
            (_, Err(JsonError::Cancelled)) => Err(Error::Cancelled),
            (_, Err(JsonError::Io(error))) => Err(Error::io("read the snapshot of", database, error)),
            (_, Err(JsonError::Text(problem))) => {
                Err(Error::io("read the snapshot of", database, io::Error::other(problem)))
            }
            (written, Ok(())) => written,
        }
    })
}

/// Who reads no further makes writing fail, so that is not why.
fn is_broken_pipe(error: &Error) -> bool {
    matches!(error, Error::Io { source, .. } if source.kind() == io::ErrorKind::BrokenPipe)
}

/// Counts what is written.
struct Counter<'c>(&'c mut u64);

impl Write for Counter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        *self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A text that comes through a pipe.
struct Piped {
    pipe: BufReader<PipeReader>,
    size: u64,
    at: u64,
}

impl Read for Piped {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let read = self.pipe.read(bytes)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl BufRead for Piped {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.pipe.fill_buf()
    }

    fn consume(&mut self, bytes: usize) {
        self.pipe.consume(bytes);
        self.at += bytes as u64;
    }
}

impl Source for Piped {
    fn size(&self) -> u64 {
        self.size
    }

    fn position(&self) -> u64 {
        self.at
    }

    fn skip(&mut self, bytes: u64) -> io::Result<()> {
        io::copy(&mut self.take(bytes), &mut io::sink()).map(|_| ())
    }
}
