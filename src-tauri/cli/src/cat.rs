//! `cat`: the content of one document, on standard output.

use std::io::{self, IsTerminal, Write};

use cfms_backup::Error;
use cfms_backup::tree::{Check, Document, Proof, Revision};

use crate::args::CatArgs;
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::opened::{self, Source};
use crate::output::{Answer, Output};
use crate::progress::Progress;
use crate::show;
use crate::signals::Signals;

/// Runs the verb.
pub(crate) fn run(args: &CatArgs, output: &Output, signals: &Signals) -> Result<Answer> {
    if io::stdout().is_terminal() {
        // A content may hold anything, commands to the terminal too.
        return Err(Failure::new("usage", "standard output is a terminal", Exit::Usage)
            .advise("Send the content elsewhere: > FILE, | less"));
    }
    let (_progress, job) = Progress::start(output, signals);
    let archive = opened::open(&args.archive, output, &job)?;
    let revision = revision(opened::document(&archive, &args.document)?, args.revision.as_deref())?;
    let mut out = io::stdout().lock();
    let write_failed = |error| Error::Io { action: "write", path: "standard output".into(), source: error };
    let read = archive.read(revision, &job, |bytes| out.write_all(bytes).map_err(write_failed));
    let read = read.and_then(|check| out.flush().map(|()| check).map_err(write_failed));
    let exit = match read {
        Ok(check) => judge(&check, revision, args, output)?,
        // Who reads no further has what it wanted: `| head`.
        Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::BrokenPipe => Exit::Done,
        Err(error) => return Err(error.into()),
    };
    Answer::new(&Source::of(&archive), exit)
}

fn revision<'t>(document: Document<'t>, id: Option<&str>) -> Result<Revision<'t>> {
    let found = match id {
        Some(id) => document.revisions().find(|revision| revision.id() == id),
        None => document.latest(),
    };
    found.ok_or_else(|| {
        let wanted = id.map_or("revision".to_owned(), |id| format!("revision {id:?}"));
        Failure::new("no_such_revision", format!("the document {:?} has no {wanted}", document.title()), Exit::Failed)
            .advise("show tells which revisions it has.")
    })
}

/// Says what the content is worth.
fn judge(check: &Check, revision: Revision<'_>, args: &CatArgs, output: &Output) -> Result<Exit> {
    let file = show::line(revision.file_id());
    if let Some(damage) = &check.damage {
        let problem = format!("the content {file}: {damage}");
        if !args.archive.keep_damaged {
            return Err(Error::Damaged { archive: args.archive.archive.clone(), problem }.into());
        }
        output.warn(&format!("{} {problem}", output.paint_warnings().red("damage:")));
        return Ok(Exit::Warnings);
    }
    let warning = match check.proof {
        Proof::None => "nothing proves it: the archive has no manifest, and the server recorded no SHA-256",
        _ if check.server_differs => "it is as it was backed up; the server had recorded another SHA-256 for it",
        _ => return Ok(Exit::Done),
    };
    output.warn(&format!("{} the content {file}: {warning}", output.paint_warnings().yellow("warning:")));
    Ok(Exit::Warnings)
}
