//! The contents on their way into the archive: looked at, so that its size is known, then opened and stored.

use std::io;
use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;

use super::content::{Content, Stored, store};
use super::found::{Found, contradiction};
use super::ledger::Ledger;
use super::unwritable;
use super::{Options, Scope};
use crate::archive::tar_writer::{TarWriter, member_footprint};
use crate::error::{Error, Result};
use crate::job::{Job, Phase};
use crate::server_data::{self, ContentRow, Order, Owners, ServerData, Snapshot, WhichContents};
use crate::warning::WarningCode;

/// About what a member adds to the manifest beside its name, in bytes.
const MANIFEST_LINE: u64 = 120;
/// Rows that are handed on together to be looked at, and how often before they are waited for.
const LOOKED_AT_ONCE: usize = 512;
const LOOKED_AHEAD: usize = 32;
/// Contents that are opened, the small ones read, before they are handed on together: to hand on costs a change of threads.
const BATCH: usize = 64;
/// Bytes of small contents that are handed on together, about.
const BATCH_BYTES: usize = 1024 * 1024;

/// The contents that will go in, looked at on the disk but not read.
pub(super) struct Contents {
    reader: server_data::Contents,
    /// About the bytes that they and their lines of the manifest take up in the tar.
    pub(super) footprint: u64,
    /// How many there are, the missing ones too.
    pub(super) count: u64,
}

/// Which contents go into a backup of that scope, and below which folder of the archive.
pub(super) fn kinds(scope: Scope) -> &'static [(WhichContents, &'static str)] {
    const ALL: [(WhichContents, &str); 2] =
        [(WhichContents::OfDocuments, "files"), (WhichContents::Others, "server/files")];
    match scope {
        Scope::WholeServer => &ALL,
        Scope::DocumentsOnly => &ALL[..1],
    }
}

impl Contents {
    /// Those of `snapshot` that a backup holds; which, it is told here.
    pub(super) fn of(source: &ServerData, snapshot: &mut Snapshot, options: &Options) -> Result<Self> {
        let contents = Self { reader: source.contents(&options.allow_outside)?, footprint: 0, count: 0 };
        snapshot.tell_apart(&|row| contents.reader.size_of(row).is_ok())?;
        Ok(contents)
    }

    /// Finds out what is there and how large it is, so that the archive's size is known before it is begun. Another thread
    /// looks; this one reads the rows, and then does `meanwhile` what else needs the database.
    pub(super) fn look_at<T>(
        &mut self,
        snapshot: &Snapshot,
        scope: Scope,
        job: &Job,
        meanwhile: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        let kinds = kinds(scope);
        job.phase(Phase::Survey, None, Some(kinds.iter().map(|&(which, _)| snapshot.count_contents(which)).sum()))?;
        thread::scope(|threads| {
            let (batches, to_look_at) = sync_channel::<(&str, Vec<ContentRow>)>(LOOKED_AHEAD);
            let looking = threads.spawn(move || {
                let mut rows =
                    to_look_at.iter().flat_map(|(folder, rows)| rows.into_iter().map(move |row| (folder, row)));
                rows.try_for_each(|(folder, row)| {
                    self.add(folder, &row);
                    job.advance(0)
                })
            });
            // Nobody takes rows any more once the person wished to stop.
            let hand_on = |folder, rows| batches.send((folder, rows)).map_err(|_| Error::Cancelled);
            for &(which, folder) in kinds {
                let mut rows = Vec::with_capacity(LOOKED_AT_ONCE);
                snapshot.for_each_content(which, Order::AsStored, &mut |row| {
                    rows.push(row);
                    if rows.len() < LOOKED_AT_ONCE {
                        return Ok(());
                    }
                    hand_on(folder, std::mem::replace(&mut rows, Vec::with_capacity(LOOKED_AT_ONCE)))
                })?;
                hand_on(folder, rows)?;
            }
            drop(batches);
            let made = meanwhile();
            looking.join().unwrap_or_else(|panic| resume_unwind(panic)).and(made)
        })
    }

    fn add(&mut self, folder: &str, row: &ContentRow) {
        self.count += 1;
        let name = folder.len() + 1 + row.id.len();
        self.footprint += MANIFEST_LINE + name as u64;
        if let Ok(size) = self.reader.size_of(row) {
            self.footprint += member_footprint(name, size);
        }
    }

    /// Stores those of one kind below `folder`: this thread looks them up, opens them and reads the small ones, another
    /// stores them.
    pub(super) fn write_to(
        &self,
        tar: &mut TarWriter,
        (which, folder): (WhichContents, &'static str),
        snapshot: &Snapshot,
        (found, ledger): (&mut Found, &mut Ledger),
        job: &Job,
    ) -> Result<()> {
        thread::scope(|threads| {
            let (opened, to_store) = sync_channel(1);
            let (tell, told) = channel();
            let mut storing = Storing { tar, which, folder, ledger, tell, job };
            let storing = threads.spawn(move || to_store.into_iter().flatten().try_for_each(|one| storing.store(one)));
            let (reader, owners, batch) = (&self.reader, snapshot.owners()?, Batch::default());
            let mut reading = Reading { reader, which, owners, found, batch, opened: Some(opened), told, job };
            let read = snapshot
                .for_each_content(which, Order::ById, &mut |row| reading.open(row))
                .and_then(|()| reading.hand_on());
            reading.opened = None;
            let stored = storing.join().unwrap_or_else(|_| Err(unwritable(io::Error::other("storing it panicked"))));
            stored.and(read).and_then(|()| reading.hear())
        })
    }
}

/// A row of `files` whose turn has come, and its content; or why there is none.
struct Opened {
    row: ContentRow,
    content: Result<Content, WarningCode>,
    /// What is shown meanwhile; of small contents, one of many is enough.
    title: Option<String>,
}

/// What turned out while a content was stored.
struct Late {
    row: ContentRow,
    code: WarningCode,
    reason: String,
}

#[derive(Default)]
struct Batch {
    contents: Vec<Opened>,
    bytes: usize,
}

/// The thread that has the database: it opens, and finds words for what is wrong.
struct Reading<'a> {
    reader: &'a server_data::Contents,
    which: WhichContents,
    owners: Owners<'a>,
    found: &'a mut Found,
    batch: Batch,
    opened: Option<SyncSender<Vec<Opened>>>,
    told: Receiver<Late>,
    job: &'a Job,
}

impl Reading<'_> {
    fn open(&mut self, row: ContentRow) -> Result<()> {
        let content = match self.reader.open(&row).and_then(Content::take_in) {
            Ok(content) => Ok(content),
            Err(refusal) if self.found.is_unfinished(self.which, &row, refusal.code) => Err(WarningCode::Unfinished),
            Err(refusal) => {
                self.tell(row.clone(), refusal.code, refusal.reason, false)?;
                Err(refusal.code)
            }
        };
        let is_shown = self.batch.contents.is_empty() || matches!(content, Ok(Content::Stream(_)));
        let title = match is_shown {
            true => Some(self.owners.of(&row)?.map_or_else(|| row.id.clone(), |owner| owner.place)),
            false => None,
        };
        self.batch.bytes += content.as_ref().map_or(0, Content::in_memory);
        self.batch.contents.push(Opened { row, content, title });
        if self.batch.contents.len() < BATCH && self.batch.bytes < BATCH_BYTES {
            return Ok(());
        }
        self.hand_on()
    }

    fn hand_on(&mut self) -> Result<()> {
        let batch = std::mem::take(&mut self.batch);
        if let Some(opened) = &self.opened {
            // Nobody takes it any more when storing has failed: the reason is there.
            opened.send(batch.contents).map_err(|_| Error::Cancelled)?;
        }
        self.hear()
    }

    /// Takes in what the other thread has told.
    fn hear(&mut self) -> Result<()> {
        while let Ok(Late { row, code, reason }) = self.told.try_recv() {
            self.tell(row, code, reason, true)?;
        }
        Ok(())
    }

    fn tell(&mut self, row: ContentRow, code: WarningCode, reason: String, is_stored: bool) -> Result<()> {
        if code.content_is_lacking() {
            self.found.lacks(self.which, code, &self.reader.shown_path(&row));
            if is_stored {
                self.found.in_part.push((row.id.clone(), code, reason.clone()));
            }
        }
        let owner = self.owners.of(&row)?;
        self.found.warn(row, owner, code, reason, self.job);
        Ok(())
    }
}

/// The thread that has the tar.
struct Storing<'a> {
    tar: &'a mut TarWriter,
    which: WhichContents,
    folder: &'static str,
    ledger: &'a mut Ledger,
    tell: Sender<Late>,
    job: &'a Job,
}

impl Storing<'_> {
    fn store(&mut self, Opened { row, content, title }: Opened) -> Result<()> {
        self.job.item(title);
        let content = match content {
            Ok(content) => content,
            Err(code) => return self.ledger.lacking(self.which, &row, code),
        };
        let member = row.member(self.folder);
        let Stored { sealed, trouble } = store(self.tar, &member, content, self.job)?;
        self.ledger.stored(self.which, &row, &member, sealed)?;
        if let Some((code, reason)) = trouble.or_else(|| contradiction(&row, &sealed)) {
            // It is heard until this thread has ended.
            let _ = self.tell.send(Late { row, code, reason });
        }
        Ok(())
    }
}
