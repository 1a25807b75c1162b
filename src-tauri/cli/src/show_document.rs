//! `show`: all that an archive knows of one document or folder.

use std::collections::BTreeMap;

use cfms_backup::Archive;
use cfms_backup::rights::{Access, Condition, Rule};
use cfms_backup::tree::{Document, Entry, Folder, Place, Status};
use serde::Serialize;

use crate::args::ShowArgs;
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::opened::{self, Content, Source};
use crate::output::{Answer, Output, Paint, table};
use crate::progress::Progress;
use crate::show;
use crate::signals::Signals;

#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    source: Source,
    kind: &'static str,
    id: String,
    title: String,
    path: String,
    created_time: f64,
    status: Status,
    /// Whether the rules of the folders above apply too.
    inherits: bool,
    rules: Vec<SaidRule>,
    access: BTreeMap<&'static str, Said>,
    #[serde(flatten)]
    inside: Inside,
}

/// What is in it.
#[derive(Serialize)]
#[serde(untagged)]
enum Inside {
    Document { revisions: Vec<ShownRevision> },
    Folder { folders: usize, documents: usize },
}

#[derive(Serialize)]
struct ShownRevision {
    id: String,
    created_time: f64,
    is_latest: bool,
    file_id: String,
    size: Option<u64>,
    content: Content,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// A rule, and what it says in English.
#[derive(Serialize)]
struct SaidRule {
    access_type: String,
    #[serde(flatten)]
    said: Said,
}

#[derive(Serialize)]
struct Said {
    condition: Condition,
    words: String,
}

impl Said {
    fn of(condition: Condition) -> Self {
        Self { words: condition.to_string(), condition }
    }
}

/// Runs the verb.
pub(crate) fn run(args: &ShowArgs, output: &Output, signals: &Signals) -> Result<Answer> {
    let (_progress, job) = Progress::start(output, signals);
    let archive = opened::open(&args.archive, output, &job)?;
    let shown = match archive.tree().find(&args.document)? {
        Entry::Document(document) => of_document(&archive, document),
        Entry::Folder(folder) => of_folder(&archive, folder),
        Entry::Root | Entry::WithoutFolder => {
            return Err(Failure::new(
                "not_a_document",
                format!("{:?} is no document or folder", args.document),
                Exit::Failed,
            )
            .advise("Name one; list shows what there is."));
        }
    };
    output.say(&text(&shown, output.paint()));
    let lacks = match &shown.inside {
        Inside::Document { revisions } => revisions.iter().any(|revision| revision.content != Content::Held),
        Inside::Folder { .. } => false,
    };
    let exit = if lacks || !archive.flaws().is_empty() { Exit::Warnings } else { Exit::Done };
    Answer::new(&shown, exit)
}

fn of_document(archive: &Archive, document: Document<'_>) -> Shown {
    let latest = document.latest().map(|latest| latest.id());
    let revisions = document.revisions().map(|revision| {
        let (content, reason) = opened::content(archive, Some(revision));
        ShownRevision {
            id: revision.id().to_owned(),
            created_time: revision.created_time(),
            is_latest: Some(revision.id()) == latest,
            file_id: revision.file_id().to_owned(),
            size: revision.size(),
            content,
            reason,
        }
    });
    Shown {
        source: Source::of(archive),
        kind: "document",
        id: document.id().to_owned(),
        title: document.title().to_owned(),
        path: document.path(),
        created_time: document.created_time(),
        status: document.status(),
        inherits: document.inherits(),
        rules: said(document.rules()),
        access: access(|access| document.access(access)),
        inside: Inside::Document { revisions: revisions.collect() },
    }
}

fn of_folder(archive: &Archive, folder: Folder<'_>) -> Shown {
    let (tree, inside) = (archive.tree(), Place::In(folder.index()));
    Shown {
        source: Source::of(archive),
        kind: "folder",
        id: folder.id().to_owned(),
        title: folder.name().to_owned(),
        path: folder.path(),
        created_time: folder.created_time(),
        status: folder.status(),
        inherits: folder.inherits(),
        rules: said(folder.rules()),
        access: access(|access| folder.access(access)),
        inside: Inside::Folder { folders: tree.folders_in(inside).len(), documents: tree.documents_in(inside).len() },
    }
}

fn said(rules: &[Rule]) -> Vec<SaidRule> {
    let said = |rule: &Rule| SaidRule { access_type: rule.access_type.clone(), said: Said::of(rule.condition.clone()) };
    rules.iter().map(said).collect()
}

fn access(of: impl Fn(Access) -> Condition) -> BTreeMap<&'static str, Said> {
    Access::ALL.into_iter().map(|access| (name(access), Said::of(of(access)))).collect()
}

/// The word for it in rules, flags and documents.
pub(crate) fn name(access: Access) -> &'static str {
    match access {
        Access::Read => "read",
        Access::Write => "write",
        Access::Move => "move",
        Access::Manage => "manage",
    }
}

fn text(shown: &Shown, paint: Paint) -> String {
    let mut facts = vec![
        ("Path", show::line(&shown.path).into_owned()),
        ("Id", show::line(&shown.id).into_owned()),
        ("Made", opened::time(shown.created_time)),
    ];
    facts.extend(opened::mark(shown.status).map(|mark| ("Status", mark.to_owned())));
    if let Inside::Folder { folders, documents } = shown.inside {
        let (folders, documents) = (folders as u64, documents as u64);
        let folders = show::count(folders, "folder", "folders");
        facts.push(("Holds", format!("{folders}, {}", show::count(documents, "document", "documents"))));
    }
    for access in Access::ALL.map(name) {
        let words = shown.access.get(access).map(|said| show::line(&said.words).into_owned()).unwrap_or_default();
        facts.push((may(access), words));
    }
    let mut text = format!("{}\n\n{}", paint.bold(&show::line(&shown.title)), table(&facts));
    if let Inside::Document { revisions } = &shown.inside {
        text.push_str(&format!("\n\n{}", paint.bold("Revisions")));
        if revisions.is_empty() {
            text.push_str("\n  none");
        }
        revisions.iter().for_each(|revision| text.push_str(&format!("\n{}", line(revision))));
    }
    if !shown.rules.is_empty() {
        text.push_str(&format!("\n\n{}", paint.bold("Its own access rules")));
        for rule in &shown.rules {
            text.push_str(&format!("\n  {}: {}", show::line(&rule.access_type), show::line(&rule.said.words)));
        }
    }
    text
}

fn may(access: &str) -> &'static str {
    match access {
        "read" => "May read",
        "write" => "May write",
        "move" => "May move",
        _ => "May manage",
    }
}

/// `  7  2026-11-23 08:37:50 UTC  3.4 MiB  file 9f86… (latest)`.
fn line(revision: &ShownRevision) -> String {
    let size = match (revision.size, &revision.reason) {
        (Some(size), _) => show::short_size(size),
        (None, Some(reason)) => show::line(reason).into_owned(),
        (None, None) => "missing".to_owned(),
    };
    let latest = if revision.is_latest { " (latest)" } else { "" };
    let (id, time, file) =
        (show::line(&revision.id), opened::time(revision.created_time), show::line(&revision.file_id));
    format!("  {id}  {time}  {size}  file {file}{latest}")
}
