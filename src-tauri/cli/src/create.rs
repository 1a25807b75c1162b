//! `create`: makes a backup and says what it is.

use std::path::{Path, PathBuf};

use cfms_backup::{BackupName, Destination, Options, Outcome, Report, Scope, ServerData};
use serde::Serialize;

use crate::args::{CreateArgs, Source};
use crate::exit::Exit;
use crate::failure::{Failure, FailureReport, Result};
use crate::output::{Answer, Output, Paint, table};
use crate::progress::Progress;
use crate::signals::Signals;
use crate::{show, warnings};

/// What everybody must know who holds a backup.
pub(crate) const KEEP_THE_KEY: &str = "Keep the key safe: without it nobody can open this backup, not even we.";

/// Runs the verb.
pub(crate) fn run(args: CreateArgs, output: &Output, signals: &Signals) -> Result<Answer> {
    let name = args.name.as_deref().filter(|name| !name.is_empty()).map(BackupName::parse).transpose()?;
    let source = open(&args.source)?;
    let archive_dir = args.output.unwrap_or_else(|| source.root().join("content/backups"));
    let destination = Destination {
        archive_dir: absolute(&archive_dir)?,
        key_dir: args.key_dir.as_deref().map(absolute).transpose()?,
        name,
    };
    let options = Options {
        scope: if args.documents_only { Scope::DocumentsOnly } else { Scope::WholeServer },
        verify: !args.no_verify,
        allow_missing: args.allow_missing,
        allow_outside: args.allow_outside,
        require_other_disk: args.require_other_disk,
        server_stopped: args.server_stopped,
    };
    let report = {
        let (_progress, job) = Progress::start(output, signals);
        cfms_backup::create(&source, &destination, &options, &job)?
    };
    tell(&report, output);
    let exit = match report.outcome {
        Outcome::Done => Exit::Done,
        Outcome::DoneWithWarnings => Exit::Warnings,
        Outcome::Incomplete => Exit::Incomplete,
    };
    answer(report, exit)
}

/// The report as data; an incomplete backup has its error beside it.
pub(crate) fn answer(mut report: Report, exit: Exit) -> Result<Answer> {
    #[derive(Serialize)]
    struct Document<'a> {
        #[serde(flatten)]
        report: &'a Report,
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<FailureReport>,
    }
    lossy(&mut report.archive_path);
    lossy(&mut report.key_path);
    if let Some(below) = &mut report.missing_below {
        lossy(below);
    }
    if let Some(verification) = &mut report.verification {
        lossy(&mut verification.archive_path);
        lossy(&mut verification.key_path);
    }
    let error = (report.outcome == Outcome::Incomplete).then(|| incomplete(&report).report);
    Answer::new(&Document { report: &report, error }, exit)
}

/// JSON knows only UTF-8: what is not is shown as far as it can be.
pub(crate) fn lossy(path: &mut PathBuf) {
    if path.to_str().is_none() {
        *path = PathBuf::from(path.to_string_lossy().into_owned());
    }
}

fn open(source: &Source) -> Result<ServerData> {
    let (path, wrong_kind) = match (&source.database, &source.data_dir) {
        (Some(file), _) => (file, file.is_dir().then_some(("--database", "a folder; give it as --data-dir"))),
        (None, Some(dir)) => (dir, dir.is_file().then_some(("--data-dir", "a file; give it as --database"))),
        (None, None) => return Err(Failure::internal("no source in the arguments")),
    };
    match wrong_kind {
        Some((flag, what)) => Err(Failure::new("usage", format!("{flag} {} is {what}", path.display()), Exit::Usage)),
        None => Ok(ServerData::open(path)?),
    }
}

pub(crate) fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).map_err(|error| Failure::io("find", path, error))
}

fn tell(report: &Report, output: &Output) {
    let paint = output.paint();
    let mut notes = vec![KEEP_THE_KEY];
    if report.key_beside_archive {
        notes.push("The key lies beside the archive: whoever gets this folder has both. Move it, or use --key-dir.");
    }
    if report.contents_in_s3 {
        notes.push("The contents are in S3 and not in this backup: back up the bucket with the tools of its provider.");
    }
    if report.same_disk {
        notes.push("The archive lies on the disk of the server's data and dies with it. Copy it to another one.");
    }
    output.say(&format!("{}\n\n{}\n\n{}", headline(report, paint), table(&facts(report)), notes.join("\n")));
    if report.warnings_total > 0 {
        output.warn(&warnings::text(&report.warnings, report.warnings_total, output.paint_warnings()));
    }
    if report.outcome == Outcome::Incomplete {
        output.complain(&incomplete(report).report);
    }
}

fn headline(report: &Report, paint: Paint) -> String {
    let scope = match report.scope {
        Scope::WholeServer => "Backup of the whole server",
        Scope::DocumentsOnly => "Backup of the documents",
    };
    match (report.outcome, &report.verification) {
        (Outcome::Done, Some(_)) => paint.green(&format!("✓ {scope}: done and verified")),
        (Outcome::Done, None) => paint.green(&format!("✓ {scope}: done")),
        (Outcome::DoneWithWarnings, _) => paint.yellow(&format!("✓ {scope}: done, with warnings")),
        (Outcome::Incomplete, _) => paint.red(&format!("! {scope}: INCOMPLETE")),
    }
}

fn facts(report: &Report) -> Vec<(&'static str, String)> {
    let holds = format!("{}; {} of contents", show::counts(&report.metadata), show::short_size(report.content_bytes));
    let with = match report.scope {
        Scope::WholeServer => format!("users, groups and access rules too{}", server_files(report)),
        Scope::DocumentsOnly => {
            "access rules too; no users, groups or configuration: nobody can sign in to it alone".to_owned()
        }
    };
    let verified = match &report.verification {
        Some(_) => "read back from disk: every byte is as it was written",
        None => "not read back (--no-verify)",
    };
    let mut facts = vec![
        ("Archive", show::path(&report.archive_path)),
        ("Key", show::path(&report.key_path)),
        ("Size", show::size(report.archive_size)),
        ("SHA-256", report.archive_sha256.clone()),
        ("Holds", holds),
        ("", with),
        ("State of", show::time(report.snapshot_at)),
        ("Verified", verified.to_owned()),
    ];
    if report.unfinished_uploads > 0 {
        let uploads = show::count(report.unfinished_uploads, "upload", "uploads");
        facts.push(("Left out", format!("{uploads} that never finished; nothing is lost with them")));
    }
    facts.push(("Took", show::duration(report.duration_seconds)));
    facts
}

/// What the backup has of the server's own files beside the database.
fn server_files(report: &Report) -> String {
    let has = |member: &str| report.server_files.iter().any(|file| file == member);
    let tls = match (has("server/ssl/cert.pem"), has("server/ssl/key.pem")) {
        (true, true) => Some("TLS pair"),
        (true, false) => Some("TLS certificate"),
        (false, true) => Some("TLS key"),
        (false, false) => None,
    };
    let config = has("server/config.toml").then_some("configuration");
    let parts: Vec<_> = [config, tls].into_iter().flatten().collect();
    if parts.is_empty() { "; no configuration".to_owned() } else { format!("; {}", parts.join(" and ")) }
}

const MOUNT: &str =
    "Is the disk that holds them mounted? Mount it and back up again. If they are really gone, use --allow-missing.";
const BUCKET: &str =
    "Back up the bucket with the tools of its provider. To take the rest as done, use --allow-missing.";
const ALLOW: &str = "Allow the folders that they lie in (--allow-outside) and back up again. If they are not wanted, use --allow-missing.";

fn incomplete(report: &Report) -> Failure {
    let lacking = report.contents_missing;
    let of = show::grouped(report.metadata.files_count);
    let below = match &report.missing_below {
        Some(folder) => format!(" below {}", folder.display()),
        None => String::new(),
    };
    let outside = report.contents_outside.min(lacking);
    let advice = match outside {
        0 if report.contents_in_s3 => BUCKET,
        // What there is most of is mended first.
        outside if outside > lacking - outside => ALLOW,
        _ => MOUNT,
    };
    let where_from = match outside {
        0 if report.contents_in_s3 => ": the server keeps them in S3".to_owned(),
        0 => below,
        all if all == lacking => ": they lie outside the server's folder".to_owned(),
        some => format!(
            ": {} outside the server's folder, {} not there or unreadable{below}",
            show::grouped(some),
            show::grouped(lacking - some)
        ),
    };
    let lacking = show::grouped(lacking);
    let message = format!("the backup is written but incomplete: it lacks {lacking} of {of} contents{where_from}");
    let mut failure = Failure::new("incomplete", message, Exit::Incomplete).advise(advice);
    failure.report.params.insert("missing", report.contents_missing.to_string());
    failure.report.params.insert("files", report.metadata.files_count.to_string());
    if let Some(folder) = &report.missing_below {
        failure.report.params.insert("path", folder.display().to_string());
    }
    failure
}
