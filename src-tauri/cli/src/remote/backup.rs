//! `remote backup` and `remote download`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use cfms_backup::remote::{FetchedCopy, OnServer, Remote, ServerFacts, check_home};
use cfms_backup::{BackupName, Code, Destination, Job, Metadata, Outcome, Verdict, Warning};
use serde::Serialize;

use super::{account, connect, quiet_job, tell_warnings};
use crate::args::{RemoteBackupArgs, RemoteDownloadArgs};
use crate::create::{KEEP_THE_KEY, absolute, lossy};
use crate::exit::Exit;
use crate::failure::{Failure, FailureReport, Result};
use crate::output::{Answer, Output, table};
use crate::progress::Progress;
use crate::show;
use crate::signals::Signals;

/// What a run did, as data.
#[derive(Serialize)]
struct Document {
    server: ServerFacts,
    #[serde(flatten)]
    on_server: Option<Made>,
    /// The files on this computer.
    copy: Option<FetchedCopy>,
    deleted_from_server: bool,
    warnings: Vec<Warning>,
    /// How many there were.
    warnings_total: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<FailureReport>,
}

/// What the server made. Its warnings stand with all others.
#[derive(Serialize)]
struct Made {
    backup_name: String,
    archive_path: String,
    key_path: String,
    metadata: Metadata,
    incomplete: Option<String>,
    duration_seconds: f64,
}

impl Made {
    fn of(made: OnServer) -> Self {
        let OnServer { backup_name, archive_path, key_path, metadata, incomplete, duration_seconds, .. } = made;
        Self { backup_name, archive_path, key_path, metadata, incomplete, duration_seconds }
    }
}

impl Document {
    /// Begins with what is to be said of the server and of signing in to it.
    fn new(server: ServerFacts, signing_in: Vec<Warning>) -> Self {
        let warnings = [server.warnings.clone(), signing_in].concat();
        let warnings_total = warnings.len() as u64;
        let (on_server, copy, deleted_from_server, error) = (None, None, false, None);
        Self { server, on_server, copy, deleted_from_server, warnings, warnings_total, error }
    }

    fn warn(&mut self, more: Vec<Warning>, total: u64) {
        self.warnings.extend(more);
        self.warnings_total += total;
    }
}

/// Has the server make a backup, and fetches it where that was asked for.
pub(super) async fn make(args: RemoteBackupArgs, output: &Output, signals: &Signals) -> Result<Answer> {
    let name = args.name.as_deref().filter(|name| !name.is_empty()).map(BackupName::parse).transpose()?;
    let destination = args.output.as_deref().map(|dir| destination(dir, args.key_dir.as_deref())).transpose()?;
    if let Some(destination) = &destination {
        check_home(destination, name.as_ref())?;
    }
    let mut server = connect(&args.server, output, signals).await?;
    let facts = server.facts();
    refuse_in_vain(&facts, destination.is_some())?;
    let job = quiet_job(signals);
    let warnings = account::sign_in(&mut server, &args.server.server, &args.account, output, &job).await?;

    let (progress, job) = start(output, signals);
    let mut made = server.back_up(name.as_ref(), destination.is_some(), &job).await.inspect_err(|error| {
        if error.code() == Code::Cancelled {
            output.warn("The server goes on with the backup without you: it will lie on its disk.");
        }
    })?;
    let mut document = Document::new(facts, warnings);
    document.warn(std::mem::take(&mut made.warnings), made.warnings_total);
    document.on_server = Some(Made::of(made));
    let Some(destination) = destination else {
        drop(progress);
        return conclude(document, Ok(()), output);
    };
    let made_name = document.on_server.as_ref().map(|made| made.backup_name.clone()).unwrap_or_default();
    let made_name = BackupName::parse(&made_name)?;
    let fetched = bring_home(&mut server, &made_name, &destination, args.delete_from_server, &mut document, &job).await;
    drop(progress);
    let is_home = document.copy.is_some();
    let fetched = fetched.map_err(|failure| if is_home { failure } else { still_there(failure, &made_name, &args) });
    conclude(document, fetched, output)
}

/// The backup is made; how it comes home is said to the letter.
fn still_there(failure: Failure, name: &BackupName, args: &RemoteBackupArgs) -> Failure {
    let mut words = vec!["cfms-backup remote download".to_owned(), show::shell_word(name.as_str()).into_owned()];
    let dir = |dir: &Option<PathBuf>| dir.as_ref().map(|dir| dir.to_string_lossy().into_owned());
    for (flag, value) in [
        ("--server", Some(args.server.server.to_string())),
        ("--username", Some(args.account.username.clone())),
        ("--output", dir(&args.output)),
        ("--key-dir", dir(&args.key_dir)),
    ] {
        words.extend(value.map(|value: String| format!("{flag} {}", show::shell_word(&value))));
    }
    let before = failure.report.advice.as_ref().map(|advice| format!("{advice} ")).unwrap_or_default();
    let advice = format!("{before}The server has the backup; fetch it with: {}", words.join(" "));
    failure.advise(show::line(&advice))
}

/// Fetches a backup that was made before.
pub(super) async fn fetch(args: RemoteDownloadArgs, output: &Output, signals: &Signals) -> Result<Answer> {
    let name = BackupName::parse(&args.backup)?;
    let destination = destination(&args.output, args.key_dir.as_deref())?;
    check_home(&destination, Some(&name))?;
    let mut server = connect(&args.server, output, signals).await?;
    let facts = server.facts();
    refuse_in_vain(&facts, true)?;
    let job = quiet_job(signals);
    let warnings = account::sign_in(&mut server, &args.server.server, &args.account, output, &job).await?;

    let mut document = Document::new(facts, warnings);
    let (progress, job) = start(output, signals);
    let fetched = bring_home(&mut server, &name, &destination, args.delete_from_server, &mut document, &job).await;
    drop(progress);
    match (&document.copy, fetched) {
        (None, Err(failure)) => Err(failure),
        (_, outcome) => conclude(document, outcome, output),
    }
}

/// What a server cannot do is said before a password is asked for.
fn refuse_in_vain(facts: &ServerFacts, fetching: bool) -> Result<()> {
    use cfms_backup::{Error, RemoteError};
    let (server, name, version) = (facts.address.clone(), facts.server_name.clone(), facts.version.clone());
    let refusal = match (facts.backs_up, facts.sends_files) {
        (false, _) => RemoteError::NoBackupAction { server, name, version },
        (true, false) if fetching => RemoteError::CannotSendFiles { server },
        _ => return Ok(()),
    };
    Err(Error::from(refusal).into())
}

fn start(output: &Output, signals: &Signals) -> (Progress, Arc<Job>) {
    let (progress, job) = Progress::start(output, signals);
    (progress, Arc::new(job))
}

fn destination(archive_dir: &Path, key_dir: Option<&Path>) -> Result<Destination> {
    let key_dir = key_dir.map(absolute).transpose()?;
    Ok(Destination { archive_dir: absolute(archive_dir)?, key_dir, name: None })
}

async fn bring_home(
    server: &mut Remote,
    name: &BackupName,
    destination: &Destination,
    delete: bool,
    document: &mut Document,
    job: &Arc<Job>,
) -> Result<()> {
    let mut copy = server.download(name, destination, job).await?;
    let warnings = std::mem::take(&mut copy.warnings);
    let total = warnings.len() as u64;
    document.warn(warnings, total);
    let is_proven = is_proven(&copy);
    document.copy = Some(copy);
    // The server's is the only good one until this one is known to be.
    if delete && is_proven {
        server.delete(name, job).await?;
        document.deleted_from_server = true;
    }
    Ok(())
}

fn is_proven(copy: &FetchedCopy) -> bool {
    copy.verification.verdict == Verdict::Verified && copy.outcome != Outcome::Incomplete
}

/// Tells what was done, and what was not.
fn conclude(mut document: Document, outcome: Result<()>, output: &Output) -> Result<Answer> {
    tell(&document, output);
    let mut exit = tell_warnings(&document.warnings, document.warnings_total, output);
    if document.copy.as_ref().is_some_and(|copy| copy.outcome == Outcome::DoneWithWarnings) {
        exit = Exit::Warnings;
    }
    if let Some(failure) = incomplete(&document) {
        output.complain(&failure.report);
        exit = failure.exit;
        document.error = Some(failure.report);
    }
    if let Err(Failure { report, exit: failed }) = outcome {
        output.complain(&report);
        document.error = Some(report);
        exit = failed;
    }
    if let Some(copy) = &mut document.copy {
        lossy(&mut copy.verification.archive_path);
        lossy(&mut copy.verification.key_path);
        lossy(&mut copy.archive_path);
        lossy(&mut copy.key_path);
    }
    Answer::new(&document, exit)
}

fn tell(document: &Document, output: &Output) {
    let paint = output.paint();
    if let Some(made) = &document.on_server {
        let name = show::line(&document.server.server_name);
        let head = match &made.incomplete {
            None => paint.green(&format!("✓ {name} has made a backup")),
            Some(_) => paint.red(&format!("! {name} has made an INCOMPLETE backup")),
        };
        output.say(&format!("{head}\n\n{}\n", table(&there(made))));
    }
    let Some(copy) = &document.copy else { return };
    let head = match copy.verification.verdict {
        _ if copy.outcome == Outcome::Incomplete => "! Fetched, and INCOMPLETE",
        Verdict::Verified => "✓ Fetched and verified",
        _ => "✓ Fetched; readable, not provable",
    };
    let mut notes = vec![KEEP_THE_KEY.to_owned()];
    if copy.key_beside_archive {
        notes.push(
            "The key lies beside the archive: whoever gets this folder has both. Move it, or use --key-dir.".to_owned(),
        );
    }
    notes.push(match document.deleted_from_server {
        true => "The server's own copy is removed.".to_owned(),
        false if !is_proven(copy) => {
            "The server's own copy, key included, is kept: the one here is not proven to be whole.".to_owned()
        }
        false => "The server still has its copy, key included; --delete-from-server removes it.".to_owned(),
    });
    let head = if copy.outcome == Outcome::Incomplete { paint.red(head) } else { paint.green(head) };
    output.say(&format!("{head}\n\n{}\n\n{}", table(&here(copy)), notes.join("\n")));
}

fn there(made: &Made) -> Vec<(&'static str, String)> {
    let metadata = &made.metadata;
    let holds = show::counts(metadata);
    vec![
        ("Name", show::line(&made.backup_name).into_owned()),
        ("Archive", format!("{} (on the server)", show::line(&made.archive_path))),
        ("Key", format!("{} (on the server)", show::line(&made.key_path))),
        ("Holds", holds),
        ("Made at", show::time(metadata.created_at)),
        ("Took", show::duration(made.duration_seconds)),
    ]
}

fn here(copy: &FetchedCopy) -> Vec<(&'static str, String)> {
    vec![
        ("Archive", show::path(&copy.archive_path)),
        ("Key", show::path(&copy.key_path)),
        ("Size", show::size(copy.archive_size)),
        ("SHA-256", copy.archive_sha256.clone()),
    ]
}

/// A backup that must not be relied on, as far as the server says so or the copy shows it.
fn incomplete(document: &Document) -> Option<Failure> {
    let told = document.on_server.as_ref().and_then(|made| made.incomplete.clone());
    let seen = document.copy.as_ref().filter(|copy| copy.outcome == Outcome::Incomplete).map(|copy| {
        let files = copy.metadata.as_ref().map_or(0, |metadata| metadata.files_count);
        let (missing, of) = (show::grouped(copy.contents_missing), show::grouped(files));
        format!("the backup is fetched but incomplete: {missing} of {of} contents are missing")
    });
    let failure = Failure::new("incomplete", seen.or(told)?, Exit::Incomplete);
    Some(failure.advise("On the server, is the disk that holds them mounted? Mount it there and back up again."))
}
