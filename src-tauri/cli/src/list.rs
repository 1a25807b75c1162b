//! `list`: the folders and documents of an archive.

use cfms_backup::tree::{Document, Entry, Folder, Place, Status};
use cfms_backup::{Archive, Tree};
use serde::Serialize;

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

#[derive(Serialize)]
struct List {
    #[serde(flatten)]
    source: Source,
    entries: Vec<Listed>,
}

/// A line of the list.
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
    #[serde(skip)]
    depth: usize,
}

#[derive(Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Folder,
    Document,
}

/// Runs the verb.
pub(crate) fn run(args: &ListArgs, output: &Output, signals: &Signals) -> Result<Answer> {
    let (_progress, job) = Progress::start(output, signals);
    let archive = opened::open(&args.archive, output, &job)?;
    let tree = archive.tree();
    let entries = match tree.find(args.path.as_deref().unwrap_or("/"))? {
        Entry::Root => below(&archive, Place::Root, args.tree),
        Entry::WithoutFolder => below(&archive, Place::WithoutFolder, args.tree),
        Entry::Folder(folder) => below(&archive, Place::In(folder.index()), args.tree),
        Entry::Document(document) => vec![Listed::document(&archive, document, 0)],
    };
    output.say(&text(&entries, output));
    let lacks = |entry: &Listed| matches!(entry.content, Some(Content::NeverHeld | Content::Lost));
    let warned = !archive.flaws().is_empty() || entries.iter().any(lacks);
    let exit = if warned { Exit::Warnings } else { Exit::Done };
    Answer::new(&List { source: Source::of(&archive), entries }, exit)
}

/// What lies at `place`: folders first, each with what is in it, if that is wanted.
fn below(archive: &Archive, place: Place, with_all_below: bool) -> Vec<Listed> {
    let tree = archive.tree();
    let mut entries = Vec::new();
    // Not by recursion: how deep the folders of an archive are is the archive's word.
    let mut open = vec![Open { folders: folders(tree, place), documents: place }];
    while let Some(top) = open.last_mut() {
        let documents = top.documents;
        let next = top.folders.next();
        let depth = open.len() - 1;
        match next {
            Some((entry, inside)) => {
                entries.push(Listed { depth, ..entry });
                if with_all_below {
                    open.push(Open { folders: folders(tree, inside), documents: inside });
                }
            }
            None => {
                open.pop();
                entries.extend(tree.documents_in(documents).map(|document| Listed::document(archive, document, depth)));
            }
        }
    }
    entries
}

/// A place that is being listed.
struct Open<'t> {
    folders: Box<dyn Iterator<Item = (Listed, Place)> + 't>,
    documents: Place,
}

/// The folders of a place; at the top also the place of what lies in none.
fn folders(tree: &Tree, place: Place) -> Box<dyn Iterator<Item = (Listed, Place)> + '_> {
    let folders = tree.folders_in(place).map(|folder| (Listed::folder(folder), Place::In(folder.index())));
    let lost = Place::WithoutFolder;
    let has_lost = place == Place::Root && tree.folders_in(lost).len() + tree.documents_in(lost).len() > 0;
    Box::new(folders.chain(has_lost.then(|| (Listed::without_folder(), lost))))
}

impl Listed {
    fn folder(folder: Folder<'_>) -> Self {
        Self {
            kind: Kind::Folder,
            id: Some(folder.id().to_owned()),
            title: folder.name().to_owned(),
            path: folder.path(),
            created_time: Some(folder.created_time()),
            status: folder.status(),
            size: None,
            revisions: None,
            content: None,
            depth: 0,
        }
    }

    fn without_folder() -> Self {
        let title = "Without a folder".to_owned();
        Self {
            kind: Kind::Folder,
            id: None,
            path: title.clone(),
            title,
            created_time: None,
            status: Status::Ordinary,
            size: None,
            revisions: None,
            content: None,
            depth: 0,
        }
    }

    fn document(archive: &Archive, document: Document<'_>, depth: usize) -> Self {
        let latest = document.latest();
        Self {
            kind: Kind::Document,
            id: Some(document.id().to_owned()),
            title: document.title().to_owned(),
            path: document.path(),
            created_time: Some(document.created_time()),
            status: document.status(),
            size: latest.and_then(|latest| latest.size()),
            revisions: Some(document.revisions().len()),
            content: Some(opened::content(archive, latest).0),
            depth,
        }
    }
}

fn text(entries: &[Listed], output: &Output) -> String {
    if entries.is_empty() {
        return "nothing is in it".to_owned();
    }
    let lines: Vec<_> = entries.iter().map(|entry| line(entry, output)).collect();
    lines.join("\n")
}

/// `3.4 MiB  2026-11-23  Budget.xlsx`.
fn line(entry: &Listed, output: &Output) -> String {
    let size = match (entry.content, entry.size) {
        (None, _) => String::new(),
        (_, Some(size)) => show::short_size(size),
        (Some(Content::None), None) => "empty".to_owned(),
        (Some(Content::Lost), None) => "damaged".to_owned(),
        (Some(_), None) => "missing".to_owned(),
    };
    let date = entry.created_time.filter(|time| !time.is_nan()).map(show::time).unwrap_or_default();
    let date = date.get(..10).unwrap_or(&date);
    let title = show::line(&entry.title);
    let title = if entry.kind == Kind::Folder { output.paint().bold(&format!("{title}/")) } else { title.into_owned() };
    let mark = opened::mark(entry.status).map(|mark| format!("  ({mark})")).unwrap_or_default();
    format!("{size:>10}  {date:10}  {:indent$}{title}{mark}", "", indent = 2 * entry.depth.min(MAX_INDENT))
}
