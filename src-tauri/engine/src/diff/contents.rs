//! Whether contents are the same: by the cheapest thing that settles it.

use std::collections::HashMap;

use serde::Serialize;
use ts_rs::TS;

use super::{Document, Facts, Notes, Side};
use crate::error::{Error, Result};
use crate::job::Job;
use crate::tree::{Entry, FileIndex, Holding, Revision};

/// What became of a document's content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum ContentChange {
    /// It is the same, or there was none and is none.
    Same,
    /// It is another.
    Changed,
    /// It was there and is not.
    Gone,
    /// It was not there and is.
    Found,
    /// It could not be compared: see what is told of that.
    Unknown,
}

/// How contents were compared, and how many so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, TS)]
#[ts(export)]
pub struct ComparedBy {
    /// By their sizes alone, which differ.
    #[ts(type = "number")]
    pub size: u64,
    /// By the digests of two manifests.
    #[ts(type = "number")]
    pub manifest: u64,
    /// By a digest that a server recorded: what it says of its own content was believed.
    #[ts(type = "number")]
    pub recorded: u64,
    /// By reading them.
    #[ts(type = "number")]
    pub bytes: u64,
}

/// How many revisions differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct RevisionChanges {
    pub(super) added: u32,
    pub(super) removed: u32,
    pub(super) changed: u32,
}

impl ContentChange {
    /// Whether it is known to be not the same.
    pub fn differs(self) -> bool {
        matches!(self, Self::Changed | Self::Gone | Self::Found)
    }
}

/// Compares contents, each pair once.
pub(super) struct Contents<'a, 'j> {
    old: Side<'a>,
    new: Side<'a>,
    job: &'j Job,
    known: HashMap<(FileIndex, FileIndex), ContentChange>,
    basis: ComparedBy,
}

/// A digest that was read, or in words why it could not be.
type Read = std::result::Result<[u8; 32], String>;

impl<'a, 'j> Contents<'a, 'j> {
    pub(super) fn new(old: Side<'a>, new: Side<'a>, job: &'j Job) -> Self {
        Self { old, new, job, known: HashMap::new(), basis: ComparedBy::default() }
    }

    pub(super) fn basis(&self) -> ComparedBy {
        self.basis
    }

    /// What became of the content that the server shows, and of the revisions.
    pub(super) fn of_documents(
        &mut self,
        old: Document<'a>,
        new: Document<'a>,
        notes: &mut Notes,
    ) -> Result<(ContentChange, RevisionChanges)> {
        let content = match (old.latest(), new.latest()) {
            (None, None) => ContentChange::Same,
            (None, Some(_)) => ContentChange::Found,
            (Some(_), None) => ContentChange::Gone,
            (Some(then), Some(now)) => self.compare(then, now, new, notes)?,
        };
        let mut revisions = RevisionChanges::default();
        let mut before: HashMap<_, _> = old.revisions().map(|revision| (revision.id(), revision)).collect();
        for now in new.revisions() {
            match before.remove(now.id()) {
                None => revisions.added += 1,
                Some(then) => revisions.changed += u32::from(self.compare(then, now, new, notes)?.differs()),
            }
        }
        revisions.removed = before.len() as u32;
        Ok((content, revisions))
    }

    fn compare(
        &mut self,
        old: Revision<'a>,
        new: Revision<'a>,
        document: Document<'a>,
        notes: &mut Notes,
    ) -> Result<ContentChange> {
        let pair = (old.file(), new.file());
        if let Some(known) = self.known.get(&pair) {
            return Ok(*known);
        }
        let change = match (old.size(), new.size()) {
            (Some(then), Some(now)) if then != now => {
                self.basis.size += 1;
                ContentChange::Changed
            }
            (Some(_), Some(_)) => match self.are_same(old, new)? {
                Ok(true) => ContentChange::Same,
                Ok(false) => ContentChange::Changed,
                Err(reason) => note(document, new, reason, notes),
            },
            (then, now) => self.where_not_held(old, new, (then.is_some(), now.is_some()), document, notes)?,
        };
        self.known.insert(pair, change);
        Ok(change)
    }

    /// Where one side at least does not hold the content.
    fn where_not_held(
        &self,
        old: Revision<'a>,
        new: Revision<'a>,
        (was_there, is_there): (bool, bool),
        document: Document<'a>,
        notes: &mut Notes,
    ) -> Result<ContentChange> {
        let then = if was_there { None } else { self.old.lost(old) };
        let now = if is_there { None } else { self.new.lost(new) };
        if let Some(reason) = then.or(now) {
            return Ok(note(document, new, reason, notes));
        }
        Ok(match (was_there, is_there) {
            (true, _) => ContentChange::Gone,
            (_, true) => ContentChange::Found,
            _ if old.file_id() == new.file_id() => ContentChange::Same,
            _ => {
                let reason = format!("neither side has the content: {}", self.new.absence(new)?);
                note(document, new, reason, notes)
            }
        })
    }

    /// Whether two contents of one size are the same.
    fn are_same(&mut self, old: Revision<'a>, new: Revision<'a>) -> Result<std::result::Result<bool, String>> {
        let promised = (self.old.promised(old), self.new.promised(new));
        if let (Some(then), Some(now)) = promised {
            self.basis.manifest += 1;
            return Ok(Ok(then == now));
        }
        let then = promised.0.or(old.recorded_sha256());
        let now = promised.1.or(new.recorded_sha256());
        if then.is_some() && then == now {
            self.basis.recorded += 1;
            return Ok(Ok(true));
        }
        // What servers record may be wrong, so it alone does not say that a content is another.
        let then = match promised.0 {
            Some(promised) => promised,
            None => match self.old.read(old, self.job)? {
                Ok(read) => read,
                Err(reason) => return Ok(Err(format!("the older content: {reason}"))),
            },
        };
        let now = match promised.1 {
            Some(promised) => promised,
            None => match self.new.read(new, self.job)? {
                Ok(read) => read,
                Err(reason) => return Ok(Err(format!("the newer content: {reason}"))),
            },
        };
        self.basis.bytes += 1;
        Ok(Ok(then == now))
    }
}

fn note(document: Document<'_>, revision: Revision<'_>, reason: String, notes: &mut Notes) -> ContentChange {
    if let Some(facts) = Facts::of(Entry::Document(document)) {
        notes.note(&facts, Some(revision.file_id()), reason);
    }
    ContentChange::Unknown
}

impl<'a> Side<'a> {
    fn promised(self, revision: Revision<'a>) -> Option<[u8; 32]> {
        match self {
            Self::Archive(archive) => archive.promised_sha256(revision),
            Self::Server(_) => None,
        }
    }

    /// Why the archive that should hold the content does not.
    fn lost(self, revision: Revision<'a>) -> Option<String> {
        match self {
            Self::Archive(archive) => match archive.holding(revision) {
                Holding::Lost { reason } => Some(reason),
                _ => None,
            },
            Self::Server(_) => None,
        }
    }

    fn absence(self, revision: Revision<'a>) -> Result<String> {
        match self {
            Self::Archive(archive) => Ok(match archive.holding(revision) {
                Holding::Never { reason } | Holding::Lost { reason } => reason,
                Holding::Held { .. } => String::new(),
            }),
            Self::Server(server) => server.absence(revision),
        }
    }

    fn read(self, revision: Revision<'a>, job: &Job) -> Result<Read> {
        match self {
            Self::Server(server) => server.sha256(revision, job),
            Self::Archive(archive) => {
                let read = archive.read(revision, job, |bytes| job.advance(bytes.len() as u64));
                match read {
                    Ok(check) => Ok(Ok(check.sha256)),
                    Err(Error::Damaged { problem, .. }) => Ok(Err(problem)),
                    Err(error) => Err(error),
                }
            }
        }
    }
}
