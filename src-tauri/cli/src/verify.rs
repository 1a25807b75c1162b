//! `verify`: checks archives, one after the other.

use std::path::Path;

use cfms_backup::verify::NotChecked;
use cfms_backup::{Finding, Severity, Verdict, Verification};
use serde_json::{Value, json};

use crate::args::VerifyArgs;
use crate::create::{as_json, lossy};
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::output::{Answer, Output, failed};
use crate::progress::Progress;
use crate::show;
use crate::signals::Signals;

/// Findings that are printed; the JSON document has them all.
const PRINTED: usize = 50;

/// Runs the verb. A single archive's document is its own; those of several stand in `archives`.
pub(crate) fn run(args: VerifyArgs, output: &Output, signals: &Signals) -> Result<Answer> {
    if let [archive] = args.archives.as_slice() {
        return check(archive, args.key.as_deref(), output, signals);
    }
    let mut documents = Vec::with_capacity(args.archives.len());
    let mut exit = Exit::Done;
    for archive in &args.archives {
        let answer = match check(archive, None, output, signals) {
            Ok(answer) => answer,
            // Who stops one stops all.
            Err(failure) if failure.report.code == "cancelled" => return Err(failure),
            Err(failure) => {
                output.complain(&failure.report);
                let mut document = failed(&failure.report);
                document["archive_path"] = json!(archive.to_string_lossy());
                Answer { document, exit: failure.exit }
            }
        };
        documents.push(answer.document);
        exit = exit.or_worse(answer.exit);
    }
    Ok(Answer { document: json!({ "archives": documents }), exit })
}

fn check(archive: &Path, key: Option<&Path>, output: &Output, signals: &Signals) -> Result<Answer> {
    let verification = {
        let (_progress, job) = Progress::start(output, signals);
        cfms_backup::verify(archive, key, &job)?
    };
    let mut document = document(&verification)?;
    tell(&verification, output);
    if let Some(damage) = verification.damage() {
        let failure = Failure::from(damage);
        output.complain(&failure.report);
        document["error"] = json!(failure.report);
        return Ok(Answer { document, exit: failure.exit });
    }
    let exit = if verification.has_warnings() { Exit::Warnings } else { Exit::Done };
    Ok(Answer { document, exit })
}

/// The verification as data. `warnings` are those of its findings that do not condemn the archive.
fn document(verification: &Verification) -> Result<Value> {
    let mut shown = verification.clone();
    lossy(&mut shown.archive_path);
    lossy(&mut shown.key_path);
    let mut document = as_json(&shown)?;
    let warnings: Vec<&Finding> = shown.findings.iter().filter(|f| f.severity == Severity::Warning).collect();
    document["warnings"] = as_json(&warnings)?;
    Ok(document)
}

fn tell(verification: &Verification, output: &Output) {
    let paint = output.paint();
    let verdict = match verification.verdict {
        Verdict::Verified => paint.green("✓ verified:"),
        Verdict::Readable => paint.yellow("✓ readable, not provable:"),
        Verdict::Damaged => paint.red("✗ damaged:"),
    };
    let mut text = format!("{verdict} {}", show::path(&verification.archive_path));
    if let Some(metadata) = &verification.metadata {
        text.push_str(&format!(
            "\n  {}, {}, {}; begun {}",
            show::count(metadata.documents_count, "document", "documents"),
            show::count(metadata.folders_count, "folder", "folders"),
            show::count(metadata.files_count, "file", "files"),
            show::time(metadata.created_at),
        ));
    }
    text.push_str(&format!(
        "\n  {}, {} of contents, read in {}",
        show::count(verification.members, "member", "members"),
        show::short_size(verification.content_bytes),
        show::duration(verification.duration_seconds),
    ));
    text.push_str(&format!("\n  SHA-256 {}", verification.archive_sha256));
    for unchecked in &verification.not_checked {
        text.push_str(&format!("\n  {}", words(*unchecked)));
    }
    output.say(&text);
    if !verification.findings.is_empty() {
        output.warn(&findings(verification, output));
    }
}

fn findings(verification: &Verification, output: &Output) -> String {
    let paint = output.paint_warnings();
    let name = show::path(&verification.archive_path);
    let mut text = format!("{name}: {}", show::count(verification.findings_total, "finding", "findings"));
    for finding in verification.findings.iter().take(PRINTED) {
        let severity = match finding.severity {
            Severity::Damage => paint.red("damage:"),
            Severity::Warning => paint.yellow("warning:"),
        };
        let subject = match &finding.subject {
            Some(subject) => format!("{}: ", show::line(subject)),
            None => String::new(),
        };
        text.push_str(&format!("\n  {severity} {subject}{}", show::line(&finding.reason)));
    }
    let printed = verification.findings.len().min(PRINTED) as u64;
    if verification.findings_total > printed {
        let more = show::grouped(verification.findings_total - printed);
        text.push_str(&format!("\n  … and {more} more; --json lists them"));
    }
    text
}

fn words(unchecked: NotChecked) -> &'static str {
    match unchecked {
        NotChecked::NoDigest => {
            "not checked: every byte, as the key file records no digest; the cipher alone does not notice all changes"
        }
        NotChecked::NoManifest => "not checked: whether members are missing or changed, as the archive has no manifest",
    }
}
