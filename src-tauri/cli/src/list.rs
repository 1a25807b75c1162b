//! `list`: the folders and documents of an archive.

use cfms_backup::Archive;
use cfms_backup::tree::{Document, Entry, Status};
use serde::{Serialize, Serializer};

use crate::args::ListArgs;
use crate::exit::Exit;
use crate::failure::Result;
use crate::opened::{self, Content, Source};
use crate::output::{Answer, Output};
use crate::progress::Progress;
use crate::show;
use crate::signals::Signals;

/// Floors of a tree that are indented; further ones stand below each other.
const MAX_INDENT: usize = 40;
/// Bytes of text that are printed at once.
const MAX_TEXT: usize = 64 * 1024;
/// What the place is called that holds what lies in no folder.
const WITHOUT_FOLDER: &str = "Without a folder";

#[derive(Serialize)]
struct List<'a> {
    #[serde(flatten)]
    source: Source,
    entries: Entries<'a>,
}

/// What is listed, told one by one: a list of a million documents is not held in memory.
struct Entries<'a> {
    archive: &'a Archive,
    entry: Entry<'a>,
    with_all_below: bool,
}

impl Serialize for Entries<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_seq(self.walk().map(|(entry, _)| Listed::of(self.archive, entry)))
    }
}

/// A line of the list as data.
#[derive(Serialize)]
struct Listed {
    kind: Kind,
    /// Only the place of what lies in no folder has none.
    id: Option<String>,
    title: String,
    path: String,
    created_time: Option<f64>,
    status: Status,
    /// Of its latest revision, for a document.
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revisions: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<Content>,
}

#[derive(Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Folder,
    Document,
}

/// Runs the verb.
pub(crate) fn run(args: &ListArgs, output: &Output, signals: &Signals) -> Result<Answer> {
    let (progress, job) = Progress::start(output, signals);
    let archive = opened::open(&args.archive, output, &job)?;
    drop(progress);
    let entry = archive.tree().find(args.path.as_deref().unwrap_or("/"))?;
    let entries = Entries { archive: &archive, entry, with_all_below: args.tree };
    tell(&entries, output);
    let lacks = |entry| matches!(entry, Entry::Document(document) if lacks_content(document));
    let warned = !archive.flaws().is_empty() || entries.walk().any(|(entry, _)| lacks(entry));
    output.stream(&List { source: Source::of(&archive), entries });
    Ok(Answer::told(if warned { Exit::Warnings } else { Exit::Done }))
}

fn lacks_content(document: Document<'_>) -> bool {
    document.latest().is_some_and(|latest| latest.size().is_none())
}

impl<'a> Entries<'a> {
    /// What is listed, and how deep each lies below it.
    fn walk(&self) -> impl Iterator<Item = (Entry<'a>, usize)> + use<'a> {
        self.archive.tree().walk(self.entry, self.with_all_below)
    }
}

impl Listed {
    fn of(archive: &Archive, entry: Entry<'_>) -> Self {
        match entry {
            Entry::Folder(folder) => Self {
                kind: Kind::Folder,
                id: Some(folder.id().to_owned()),
                title: folder.name().to_owned(),
                path: folder.path(),
                created_time: Some(folder.created_time()),
                status: folder.status(),
                size: None,
                revisions: None,
                content: None,
            },
            Entry::Root | Entry::WithoutFolder => Self {
                kind: Kind::Folder,
                id: None,
                title: WITHOUT_FOLDER.to_owned(),
                path: WITHOUT_FOLDER.to_owned(),
                created_time: None,
                status: Status::Ordinary,
                size: None,
                revisions: None,
                content: None,
            },
            Entry::Document(document) => Self {
                kind: Kind::Document,
                id: Some(document.id().to_owned()),
                title: document.title().to_owned(),
                path: document.path(),
                created_time: Some(document.created_time()),
                status: document.status(),
                size: document.latest().and_then(|latest| latest.size()),
                revisions: Some(document.revisions().len()),
                content: Some(opened::content(archive, document.latest()).0),
            },
        }
    }
}

/// Prints the list for people, many lines at a time.
fn tell(entries: &Entries<'_>, output: &Output) {
    if output.telling().json || output.telling().quiet {
        return;
    }
    let mut text = String::new();
    for (entry, depth) in entries.walk() {
        if text.len() > MAX_TEXT {
            output.say(&std::mem::take(&mut text));
        }
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&line(entries.archive, entry, depth, output));
    }
    output.say(if text.is_empty() { "nothing is in it" } else { &text });
}

/// `3.4 MiB  2026-11-23  Budget.xlsx`.
fn line(archive: &Archive, entry: Entry<'_>, depth: usize, output: &Output) -> String {
    let (title, time, status) = match entry {
        Entry::Folder(folder) => (folder.name(), folder.created_time(), folder.status()),
        Entry::Root | Entry::WithoutFolder => (WITHOUT_FOLDER, f64::NAN, Status::Ordinary),
        Entry::Document(document) => (document.title(), document.created_time(), document.status()),
    };
    let size = match entry {
        Entry::Document(document) => size(archive, document),
        _ => String::new(),
    };
    let date = if time.is_nan() { String::new() } else { show::time(time) };
    let date = date.get(..10).unwrap_or(&date);
    let title = show::line(title);
    let title = match entry {
        Entry::Document(_) => title.into_owned(),
        _ => output.paint().bold(&format!("{title}/")),
    };
    let mark = opened::mark(status).map(|mark| format!("  ({mark})")).unwrap_or_default();
    format!("{size:>10}  {date:10}  {:indent$}{title}{mark}", "", indent = 2 * depth.min(MAX_INDENT))
}

fn size(archive: &Archive, document: Document<'_>) -> String {
    let latest = document.latest();
    match (latest.and_then(|latest| latest.size()), opened::content(archive, latest).0) {
        (Some(size), _) => show::short_size(size),
        (None, Content::None) => "empty".to_owned(),
        (None, Content::Lost) => "damaged".to_owned(),
        (None, _) => "missing".to_owned(),
    }
}
