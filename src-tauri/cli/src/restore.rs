//! `restore`: puts a server back.

use cfms_backup::restore::{ContentTold, RestoreOptions, Restored};
use serde::Serialize;

use crate::args::RestoreArgs;
use crate::create::lossy;
use crate::exit::Exit;
use crate::failure::Result;
use crate::opened::{self, Source};
use crate::output::{Answer, Output, table};
use crate::progress::Progress;
use crate::show;
use crate::signals::Signals;

/// Things that are named in each list; the JSON document has more.
const PRINTED: usize = 20;

#[derive(Serialize)]
struct Document {
    #[serde(flatten)]
    source: Source,
    #[serde(flatten)]
    restored: Restored,
}

/// Runs the verb.
pub(crate) fn run(args: &RestoreArgs, output: &Output, signals: &Signals) -> Result<Answer> {
    let (progress, job) = Progress::start(output, signals);
    let archive = opened::open(&args.archive, output, &job)?;
    let options = RestoreOptions { dry_run: args.dry_run, no_verify: args.no_verify };
    let mut restored = cfms_backup::restore(&archive, &args.data_dir, options, &job)?;
    // The bar goes before anything is said.
    drop(progress);
    warn(&restored, output);
    output.say(&text(&restored, output));
    let warned = restored.missing_total
        + restored.damaged_total
        + restored.relocated_total
        + (restored.mended.len() + restored.schema_oddities.len() + restored.database_problems.len()) as u64;
    let exit = if warned > 0 || !archive.flaws().is_empty() { Exit::Warnings } else { Exit::Done };
    lossy(&mut restored.data_dir);
    Answer::new(&Document { source: Source::of(&archive), restored }, exit)
}

fn warn(restored: &Restored, output: &Output) {
    let contents = |told: &[ContentTold]| -> Vec<String> {
        told.iter().map(|told| format!("{}: {}", show::line(&told.file_id), show::line(&told.reason))).collect()
    };
    let missing = "the backup never held the content";
    list(output, missing, &contents(&restored.missing), restored.missing_total);
    list(output, "damaged in the archive:", &contents(&restored.damaged), restored.damaged_total);
    let relocated: Vec<_> = restored
        .relocated
        .iter()
        .map(|content| {
            let (id, path, recorded) =
                (show::line(&content.file_id), show::line(&content.path), show::line(&content.recorded));
            format!("{id} goes to {path}, not to {recorded}: {}", content.reason)
        })
        .collect();
    list(output, "the content", &relocated, restored.relocated_total);
    let mended: Vec<_> = restored
        .mended
        .iter()
        .map(|mended| {
            let (setting, recorded) = (&mended.setting, show::line(&mended.recorded));
            format!("{setting} led out of the folder, to {recorded}; it is {} now", show::line(&mended.path))
        })
        .collect();
    list(output, "config.toml:", &mended, mended.len() as u64);
    let oddities: Vec<_> = restored.schema_oddities.iter().map(|oddity| show::line(oddity).into_owned()).collect();
    list(output, "the database has, as no known server's has, the", &oddities, oddities.len() as u64);
    let problems: Vec<_> = restored.database_problems.iter().map(|problem| show::line(problem).into_owned()).collect();
    list(output, "the database, as the backup has it:", &problems, problems.len() as u64);
}

fn list(output: &Output, what: &str, told: &[String], total: u64) {
    let warning = output.paint_warnings().yellow("warning:");
    for one in told.iter().take(PRINTED) {
        output.warn(&format!("{warning} {what} {one}"));
    }
    let more = total.saturating_sub(told.len().min(PRINTED) as u64);
    if more > 0 {
        output.warn(&format!("{warning} {what} …, and {} more", show::grouped(more)));
    }
}

fn text(restored: &Restored, output: &Output) -> String {
    let heading = if restored.dry_run {
        output.paint().bold("nothing was written; this would come back:")
    } else {
        output.paint().green("✓ restored:")
    };
    let names = |names: &[String]| {
        let mut shown: Vec<_> = names.iter().take(PRINTED).map(|name| show::line(name).into_owned()).collect();
        if names.len() > PRINTED {
            shown.push(format!("and {} more", show::grouped((names.len() - PRINTED) as u64)));
        }
        if shown.is_empty() { "none".to_owned() } else { shown.join(", ") }
    };
    let contents = show::count(restored.contents, "content", "contents");
    let mut facts = vec![
        ("Folder", show::path(&restored.data_dir)),
        ("Database", show::line(&restored.database).into_owned()),
        (
            "Holds",
            format!(
                "{}, {}",
                show::count(restored.documents, "document", "documents"),
                show::count(restored.folders, "folder", "folders")
            ),
        ),
        ("Contents", format!("{contents}, {}", show::size(restored.content_bytes))),
        ("Accounts", names(&restored.accounts)),
        ("Administrators", names(&restored.administrators)),
    ];
    facts.extend(restored.read_back.map(|count| {
        ("Read back", format!("{} and the database: as they were backed up", show::count(count, "content", "contents")))
    }));
    format!("{heading}\n{}", table(&facts))
}
