//! `inspect`: shows what an archive holds.

use cfms_backup::{Inspection, Scope};

use crate::args::InspectArgs;
use crate::create::lossy;
use crate::exit::Exit;
use crate::failure::Result;
use crate::output::{Answer, Output, Paint, table};
use crate::verify::must_exist;
use crate::{show, warnings};

/// Runs the verb.
pub(crate) fn run(args: InspectArgs, output: &Output) -> Result<Answer> {
    must_exist(&args.archive)?;
    let mut inspection = cfms_backup::inspect(&args.archive, args.key.as_deref())?;
    output.say(&text(&inspection, output.paint()));
    if inspection.warnings_total > 0 {
        output.warn(&warnings::text(&inspection.warnings, inspection.warnings_total, output.paint_warnings()));
    }
    lossy(&mut inspection.archive_path);
    lossy(&mut inspection.key_path);
    let warned = inspection.warnings_total > 0 || inspection.contents_missing > 0;
    let exit = if warned { Exit::Warnings } else { Exit::Done };
    Answer::new(&inspection, exit)
}

fn text(inspection: &Inspection, paint: Paint) -> String {
    let scope = match (inspection.scope, &inspection.created_by) {
        (Scope::WholeServer, _) => "whole server",
        (Scope::DocumentsOnly, _) => "documents only",
    };
    let title = match &inspection.server_name {
        Some(name) => format!("Backup of “{}” ({scope})", show::line(name)),
        None => format!("Backup ({scope})"),
    };
    let mut text = format!("{}\n\n{}", paint.bold(&title), table(&facts(inspection)));
    if !inspection.largest.is_empty() {
        text.push_str(&format!("\n\n{}", paint.bold("Largest documents")));
        for document in &inspection.largest {
            text.push_str(&format!("\n  {:>10}  {}", show::short_size(document.bytes), show::line(&document.title)));
        }
    }
    text
}

fn facts(inspection: &Inspection) -> Vec<(&'static str, String)> {
    let metadata = &inspection.metadata;
    let made_by = inspection.created_by.as_deref().map_or("a CFMS server, or another maker".into(), show::line);
    let contents = format!("{}, {}", show::grouped(inspection.contents), show::size(inspection.content_bytes));
    let mut facts = vec![
        ("Archive", show::path(&inspection.archive_path)),
        ("Size", show::size(inspection.archive_size)),
        ("Key", show::path(&inspection.key_path)),
        ("Cipher", show::line(&inspection.key.algorithm).into_owned()),
        ("Made by", made_by.into_owned()),
        ("Begun", show::time(metadata.created_at)),
    ];
    if let Some(moment) = inspection.snapshot_at {
        facts.push(("State of", show::time(moment)));
    }
    facts.extend([
        ("Version", show::line(&metadata.version).into_owned()),
        ("Documents", show::grouped(metadata.documents_count)),
        ("Folders", show::grouped(metadata.folders_count)),
        ("Revisions", show::grouped(inspection.revisions)),
        ("Access rules", show::grouped(inspection.access_rules)),
        ("Files", show::grouped(metadata.files_count)),
        ("Contents", contents),
        ("Members", show::grouped(inspection.members)),
    ]);
    if inspection.contents_missing > 0 {
        facts.push(("Missing", show::count(inspection.contents_missing, "content", "contents")));
    }
    facts.push(match &inspection.key.archive_sha256 {
        Some(sha256) => ("SHA-256", format!("{} (as the key file records it)", show::line(sha256))),
        None => ("SHA-256", "not recorded in the key file: this archive can be read, not proved".into()),
    });
    facts
}
