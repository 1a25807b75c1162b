//! `restore`: puts a server back, or documents.

use cfms_backup::restore::{OnConflict, RestoreOptions, RestorePlan, RestoreWay, Restored};
use serde::Serialize;

use crate::args::{OnRestoreConflict, RestoreArgs};
use crate::create::lossy;
use crate::exit::Exit;
use crate::failure::Result;
use crate::opened::{self, Source};
use crate::output::{Answer, Output, table};
use crate::progress::Progress;
use crate::show;
use crate::signals::Signals;

mod warned;

/// Things that are named in each list; the JSON document has more.
const PRINTED: usize = 20;

#[derive(Serialize)]
struct Document {
    #[serde(flatten)]
    source: Source,
    #[serde(flatten)]
    restored: Restored,
}

#[derive(Serialize)]
struct Cleaned {
    removed: u64,
}

/// Runs the verb.
pub(crate) fn run(args: &RestoreArgs, output: &Output, signals: &Signals) -> Result<Answer> {
    if args.clean {
        let removed = cfms_backup::restore::clean(&args.data_dir)?;
        output.say(&format!("removed {} of killed restores", show::count(removed, "content", "contents")));
        return Answer::new(&Cleaned { removed }, Exit::Done);
    }
    let (progress, job) = Progress::start(output, signals);
    let archive = opened::open(&args.archive, output, &job)?;
    let options = RestoreOptions {
        dry_run: args.dry_run,
        no_verify: args.no_verify,
        documents_only: args.documents_only,
        only: args.only.clone(),
        into: args.into.clone(),
        like: args.like.clone(),
        accept_wider_access: args.accept_wider_access,
        on_conflict: match args.on_conflict {
            OnRestoreConflict::Stop => OnConflict::Stop,
            OnRestoreConflict::Keep => OnConflict::Keep,
            OnRestoreConflict::Replace => OnConflict::Replace,
            OnRestoreConflict::Copy => OnConflict::Copy,
        },
    };
    let mut restored = cfms_backup::restore(&archive, &args.data_dir, &options, &job)?;
    // The bar goes before anything is said.
    drop(progress);
    let warned = warned::warn(&restored.plan, output);
    output.say(&text(&restored, output));
    let exit = if warned > 0 || !archive.flaws().is_empty() { Exit::Warnings } else { Exit::Done };
    lossy(&mut restored.plan.data_dir);
    Answer::new(&Document { source: Source::of(&archive), restored }, exit)
}

fn text(restored: &Restored, output: &Output) -> String {
    let plan = &restored.plan;
    let heading = if restored.nothing_to_do && plan.conflicts_total == 0 {
        return "nothing to do, everything is there already".to_owned();
    } else if restored.nothing_to_do {
        return "nothing was written: what differs stays as it is, and all else is there already".to_owned();
    } else if restored.dry_run {
        output.paint().bold("nothing was written; this would come back:")
    } else {
        output.paint().green("✓ restored:")
    };
    let contents = show::count(plan.contents, "content", "contents");
    let mut facts = vec![
        ("Folder", show::path(&plan.data_dir)),
        ("Database", show::line(&plan.database).into_owned()),
        (
            "Holds",
            format!(
                "{}, {}",
                show::count(plan.documents, "document", "documents"),
                show::count(plan.folders, "folder", "folders")
            ),
        ),
        ("Contents", format!("{contents}, {}", show::size(plan.content_bytes))),
    ];
    facts.extend(there_already(plan));
    facts.extend(accounts(plan));
    facts.extend(restored.read_back.map(|count| {
        ("Read back", format!("{} and the database: as they were backed up", show::count(count, "content", "contents")))
    }));
    facts.extend(restored.set_aside.as_ref().map(|aside| ("Before", show::path(aside))));
    format!("{heading}\n{}", table(&facts))
}

fn there_already(plan: &RestorePlan) -> Option<(&'static str, String)> {
    let (documents, folders) = (plan.found_documents, plan.found_folders);
    (plan.way == RestoreWay::IntoServer).then(|| {
        let identical = documents.identical + folders.identical;
        let same = format!("{} identical, {} differ", show::grouped(identical), show::grouped(plan.conflicts_total));
        ("There already", same)
    })
}

fn accounts(plan: &RestorePlan) -> Vec<(&'static str, String)> {
    let names = |names: &[String]| {
        let mut shown: Vec<_> = names.iter().take(PRINTED).map(|name| show::line(name).into_owned()).collect();
        if names.len() > PRINTED {
            shown.push(format!("and {} more", show::grouped((names.len() - PRINTED) as u64)));
        }
        if shown.is_empty() { "none".to_owned() } else { shown.join(", ") }
    };
    match plan.way {
        RestoreWay::WholeServer => {
            vec![("Accounts", names(&plan.accounts)), ("Administrators", names(&plan.administrators))]
        }
        RestoreWay::NewFromDocuments if plan.has_no_users => {
            vec![("Accounts", "none: nobody can sign in to this server".to_owned())]
        }
        RestoreWay::NewFromDocuments => vec![("Accounts", names(&plan.accounts))],
        RestoreWay::IntoServer => Vec::new(),
    }
}
