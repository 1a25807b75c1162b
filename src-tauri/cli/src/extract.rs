//! `extract`: takes folders and documents out of an archive.

use cfms_backup::Extracted;
use cfms_backup::extract::{Conflict, Revisions, Told, Wanted};
use serde::Serialize;

use crate::args::{ExtractArgs, OnConflict, WhichRevisions};
use crate::create::lossy;
use crate::exit::Exit;
use crate::failure::{Failure, FailureReport, Result};
use crate::opened::{self, Source};
use crate::output::{Answer, Output};
use crate::progress::Progress;
use crate::show;
use crate::signals::Signals;

/// Contents that are named in each list; the JSON document has more.
const PRINTED: usize = 50;

#[derive(Serialize)]
struct Document {
    #[serde(flatten)]
    source: Source,
    #[serde(flatten)]
    extracted: Extracted,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<FailureReport>,
}

/// Runs the verb.
pub(crate) fn run(args: ExtractArgs, output: &Output, signals: &Signals) -> Result<Answer> {
    let wanted = Wanted {
        paths: args.paths,
        documents: args.documents,
        picked: Vec::new(),
        revisions: match args.revisions {
            WhichRevisions::Latest => Revisions::Latest,
            WhichRevisions::All => Revisions::All,
        },
        conflict: match args.conflict {
            OnConflict::Stop => Conflict::Stop,
            OnConflict::Rename => Conflict::Rename,
            OnConflict::Overwrite => Conflict::Overwrite,
        },
        server_files: args.server_files,
    };
    let (progress, job) = Progress::start(output, signals);
    let archive = opened::open(&args.archive, output, &job)?;
    let mut extracted = cfms_backup::extract(&archive, &wanted, &args.output, &job)?;
    // The bar goes before anything is said.
    drop(progress);
    tell(&extracted, output);
    let damage = extracted.damage(&archive).map(Failure::from);
    if let Some(failure) = &damage {
        output.complain(&failure.report);
    }
    let has_warnings = extracted.missing_total + extracted.damaged_total + extracted.unproven > 0;
    let exit = match &damage {
        Some(failure) => failure.exit,
        None if has_warnings || !archive.flaws().is_empty() => Exit::Warnings,
        None => Exit::Done,
    };
    lossy(&mut extracted.output);
    extracted.map_path.iter_mut().for_each(lossy);
    let error = damage.map(|failure| failure.report);
    Answer::new(&Document { source: Source::of(&archive), extracted, error }, exit)
}

fn tell(extracted: &Extracted, output: &Output) {
    let (paint, warn) = (output.paint(), output.paint_warnings());
    let files = show::count(extracted.files, "file", "files");
    let mut text = format!(
        "{} {files} in {}, {}, into {}",
        paint.green("✓ taken out:"),
        show::count(extracted.folders, "folder", "folders"),
        show::size(extracted.bytes),
        show::path(&extracted.output)
    );
    if let Some(map) = &extracted.map_path {
        text.push_str(&format!("\n  which is what: {}", show::path(map)));
    }
    if extracted.deleted > 0 {
        let deleted = show::count(extracted.deleted, "of them is of a document", "of them are of documents");
        text.push_str(&format!("\n  {deleted} that the server had deleted and kept; the map marks them"));
    }
    output.say(&text);
    let mut warnings = Vec::new();
    if extracted.missing_total > 0 {
        let headline =
            format!("{} that the backup never held:", show::count(extracted.missing_total, "content", "contents"));
        warnings.push(list(&warn.yellow(&headline), &extracted.missing, extracted.missing_total));
    }
    if extracted.damaged_total > 0 {
        let headline = format!("{}:", show::count(extracted.damaged_total, "damaged content", "damaged contents"));
        warnings.push(list(&warn.red(&headline), &extracted.damaged, extracted.damaged_total));
    }
    if extracted.unproven > 0 {
        let unproven = show::count(extracted.unproven, "file is proved", "files are proved");
        warnings
            .push(format!("{unproven} by nothing: the archive has no manifest, and the server recorded no SHA-256"));
    }
    if extracted.server_differs > 0 {
        let differ = show::count(extracted.server_differs, "file is", "files are");
        warnings.push(format!("{differ} as backed up, but not what the server had recorded (SHA-256)"));
    }
    if !warnings.is_empty() {
        output.warn(&warnings.join("\n"));
    }
}

fn list(headline: &str, told: &[Told], total: u64) -> String {
    let mut text = headline.to_owned();
    for told in told.iter().take(PRINTED) {
        text.push_str(&format!("\n  {}: {}", show::line(&told.path), show::line(&told.reason)));
    }
    let printed = told.len().min(PRINTED) as u64;
    if total > printed {
        text.push_str(&format!("\n  … and {} more", show::grouped(total - printed)));
    }
    text
}
