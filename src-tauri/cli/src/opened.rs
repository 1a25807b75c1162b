//! What `list`, `show`, `cat`, `extract` and `diff` begin with: an archive opened to look into it.

use cfms_backup::tree::{Document, Entry, Holding, Revision, Status};
use cfms_backup::{Archive, Job, OnDamage};
use serde::Serialize;

use crate::args::ArchiveArgs;
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::output::Output;
use crate::show;
use crate::verify::must_exist;

/// Opens the archive; what is wrong with it and was allowed is said.
pub(crate) fn open(args: &ArchiveArgs, output: &Output, job: &Job) -> Result<Archive> {
    must_exist(&args.archive)?;
    let on_damage = if args.keep_damaged { OnDamage::Keep } else { OnDamage::Refuse };
    let archive = Archive::open(&args.archive, args.key.as_deref(), on_damage, job)?;
    tell_flaws(&archive, output);
    Ok(archive)
}

/// Says what is wrong with the archive and stood in nobody's way.
pub(crate) fn tell_flaws(archive: &Archive, output: &Output) {
    for flaw in archive.flaws() {
        output.warn(&format!("{} {}", output.paint_warnings().red("damage:"), show::line(flaw)));
    }
}

/// The document that `wanted` names.
pub(crate) fn document<'a>(archive: &'a Archive, wanted: &str) -> Result<Document<'a>> {
    match archive.tree().find(wanted)? {
        Entry::Document(document) => Ok(document),
        _ => Err(Failure::new("not_a_document", format!("{wanted:?} is a folder"), Exit::Failed)
            .advise("Name a document; list shows what is in the folder.")),
    }
}

/// The part of every verb's document that says what was looked into.
#[derive(Serialize)]
pub(crate) struct Source {
    archive_path: String,
    key_path: String,
    /// What is wrong with the archive and stood in nobody's way.
    flaws: Vec<String>,
}

impl Source {
    pub(crate) fn of(archive: &Archive) -> Self {
        Self {
            archive_path: archive.path().to_string_lossy().into_owned(),
            key_path: archive.key_path().to_string_lossy().into_owned(),
            flaws: archive.flaws().to_vec(),
        }
    }
}

/// Whether the archive has a revision's content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Content {
    Held,
    NeverHeld,
    Lost,
    /// There is no revision, so there is no content.
    None,
}

/// Whether a revision's content is there, and why it is not.
pub(crate) fn content(archive: &Archive, revision: Option<Revision<'_>>) -> (Content, Option<String>) {
    let Some(revision) = revision else { return (Content::None, None) };
    match archive.holding(revision) {
        Holding::Held { .. } => (Content::Held, None),
        Holding::Never { reason } => (Content::NeverHeld, Some(reason)),
        Holding::Lost { reason } => (Content::Lost, Some(reason)),
    }
}

/// What is to be said of an object's status; nothing of an ordinary one.
pub(crate) fn mark(status: Status) -> Option<&'static str> {
    match status {
        Status::Ordinary => None,
        Status::Deleted => Some("deleted on the server, and kept there"),
        Status::Locked => Some("locked"),
        Status::Other => Some("of a status that is not known"),
    }
}

/// A time as people read it.
pub(crate) fn time(unix_seconds: f64) -> String {
    if unix_seconds.is_nan() { "at an unknown time".to_owned() } else { show::time(unix_seconds) }
}
