//! `verify`: checks archives, one after the other.

use std::collections::BTreeMap;
use std::path::Path;

use cfms_backup::verify::NotChecked;
use cfms_backup::{Finding, Job, Severity, Verdict, Verification};
use serde::Serialize;

use crate::args::VerifyArgs;
use crate::create::lossy;
use crate::exit::Exit;
use crate::failure::{Failure, FailureReport, Result};
use crate::output::{Answer, Output};
use crate::progress::Progress;
use crate::signals::Signals;
use crate::{show, warnings};

/// What became of one archive, as data.
#[derive(Serialize)]
struct Check {
    /// Where there is no verification, which says it too.
    #[serde(skip_serializing_if = "Option::is_none")]
    archive_path: Option<String>,
    #[serde(flatten)]
    verification: Option<Verification>,
    /// Those findings that do not condemn the archive: every verb's document has `warnings`.
    #[serde(skip_serializing_if = "Option::is_none")]
    warnings: Option<Vec<Finding>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<FailureReport>,
}

/// Runs the verb. A single archive's document is its own; those of several stand in `archives`.
pub(crate) fn run(args: VerifyArgs, output: &Output, signals: &Signals) -> Result<Answer> {
    if let [archive] = args.archives.as_slice() {
        let progress = Progress::start(output, signals);
        let (check, exit) = check(archive, args.key.as_deref(), progress, output)?;
        return Answer::new(&check, exit);
    }
    let mut archives = Vec::with_capacity(args.archives.len());
    let mut worst = Exit::Done;
    for archive in &args.archives {
        let (check, exit) = match check(archive, None, Progress::start_for(archive, output, signals), output) {
            Ok(checked) => checked,
            // Who stops one stops all.
            Err(failure) if failure.report.code == "cancelled" => return Err(failure),
            Err(failure) => {
                output.complain(&failure.report);
                let archive_path = Some(archive.to_string_lossy().into_owned());
                let check = Check { archive_path, verification: None, warnings: None, error: Some(failure.report) };
                (check, failure.exit)
            }
        };
        archives.push(check);
        worst = worst.or_worse(exit);
    }
    Answer::new(&BTreeMap::from([("archives", archives)]), worst)
}

fn check(archive: &Path, key: Option<&Path>, progress: (Progress, Job), output: &Output) -> Result<(Check, Exit)> {
    let verification = must_exist(archive).and_then(|()| Ok(cfms_backup::verify(archive, key, &progress.1)?));
    // The bar goes before anything is said.
    drop(progress);
    let mut verification = verification?;
    tell(&verification, output);
    let damage = verification.damage().map(Failure::from);
    if let Some(failure) = &damage {
        output.complain(&failure.report);
    }
    let exit = match &damage {
        Some(failure) => failure.exit,
        None if verification.has_warnings() => Exit::Warnings,
        None => Exit::Done,
    };
    lossy(&mut verification.archive_path);
    lossy(&mut verification.key_path);
    let warnings = verification.findings.iter().filter(|finding| finding.severity == Severity::Warning).cloned();
    let check = Check {
        archive_path: None,
        warnings: Some(warnings.collect()),
        verification: Some(verification),
        error: damage.map(|failure| failure.report),
    };
    Ok((check, exit))
}

/// A mistyped archive is told as such, and not as one whose key is missing.
pub(crate) fn must_exist(archive: &Path) -> Result<()> {
    archive.metadata().map(drop).map_err(|error| Failure::io("read", archive, error))
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
        text.push_str(&format!("\n  {}; begun {}", show::counts(metadata), show::time(metadata.created_at)));
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
    for finding in verification.findings.iter().take(warnings::PRINTED) {
        let severity = match finding.severity {
            Severity::Damage => paint.red("damage:"),
            Severity::Warning => paint.yellow("warning:"),
        };
        let subject = match (&finding.title, &finding.subject) {
            (Some(title), Some(subject)) => format!("“{}” ({}): ", show::line(title), show::line(subject)),
            (Some(only), None) | (None, Some(only)) => format!("{}: ", show::line(only)),
            (None, None) => String::new(),
        };
        text.push_str(&format!("\n  {severity} {subject}{}", show::line(&finding.reason)));
    }
    text.push_str(&warnings::more(verification.findings.len(), verification.findings_total));
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
