//! What a backup of a server would hold.

use std::path::PathBuf;
use std::time::UNIX_EPOCH;

use serde::Serialize;
use ts_rs::TS;

use super::content_index::{Order, WhichContents};
use super::refusal::Refusal;
use super::snapshot::{Counts, Snapshot};
use super::source::DatabaseFiles;
use super::{MissingBelow, ServerData, is_incomplete};
use crate::error::Result;
use crate::job::{Job, Phase};
use crate::warning::{Warning, WarningCode};

/// Warnings that are listed.
const MAX_WARNINGS: usize = 1000;
/// Contents of which one is shown while they are looked at.
const SHOWN_EVERY: u64 = 64;
/// Folders outside that are offered.
const MAX_OUTSIDE: usize = 16;

/// What was found in a data directory, before any backup.
#[derive(Debug, Clone, Serialize, TS)]
#[ts(export)]
pub struct Survey {
    /// The folder that the server runs in.
    pub root: PathBuf,
    /// Its database.
    pub database: PathBuf,
    /// Its name, from config.toml.
    pub server_name: Option<String>,
    /// Rows of documents.
    #[ts(type = "number")]
    pub documents: u64,
    /// Rows of folders.
    #[ts(type = "number")]
    pub folders: u64,
    /// Files that some revision points to.
    #[ts(type = "number")]
    pub files: u64,
    /// User accounts.
    #[ts(type = "number")]
    pub users: u64,
    /// Bytes of the contents of those files.
    #[ts(type = "number")]
    pub content_bytes: u64,
    /// Bytes of the database.
    #[ts(type = "number")]
    pub database_bytes: u64,
    /// About the size of an archive of the whole server, in bytes.
    #[ts(type = "number")]
    pub estimated_bytes: u64,
    /// About the size of an archive of the documents only, in bytes.
    #[ts(type = "number")]
    pub estimated_bytes_documents_only: u64,
    /// When the database was last written, in Unix seconds.
    pub last_change: Option<f64>,
    /// Contents of documents that a backup would lack, of the [`Survey::files`].
    #[ts(type = "number")]
    pub contents_missing: u64,
    /// Contents of no document (avatars, uploads) that a backup would lack.
    #[ts(type = "number")]
    pub other_contents_missing: u64,
    /// Whether the server keeps its contents in S3, so that none can be read.
    pub contents_in_s3: bool,
    /// Those of the documents' missing contents that lie outside the server's folder, or behind a link, and would not be read.
    #[ts(type = "number")]
    pub contents_outside: u64,
    /// Whether so many are missing that a backup would end incomplete.
    pub incomplete: bool,
    /// The folder below which the missing contents that are not outside should be, where they share one.
    pub missing_below: Option<PathBuf>,
    /// Folders outside the server's own that rows name, with readable files in them: each may be allowed.
    pub outside_folders: Vec<PathBuf>,
    /// What is wrong already; at most a thousand, the contents that are missing among them.
    pub warnings: Vec<Warning>,
}

/// Bytes of tar that came together.
#[derive(Default)]
struct Estimate {
    documents: u64,
    others: u64,
}

pub(super) fn survey(
    source: &ServerData,
    allow_outside: &[PathBuf],
    server_stopped: bool,
    job: &Job,
) -> Result<Survey> {
    let files = DatabaseFiles::of(source.database())?;
    let (size, unmerged) = files.sizes()?;
    job.phase(Phase::Snapshot, Some(size + unmerged), None)?;
    let snapshot = source.snapshot(server_stopped, &[], job)?;
    job.settle();

    let counts = snapshot.counts();
    job.phase(Phase::Survey, None, Some(counts.files + counts.other_files))?;
    let mut survey = Survey {
        root: source.root().to_path_buf(),
        database: source.database().to_path_buf(),
        server_name: source.server_name().map(str::to_owned),
        documents: counts.documents,
        folders: counts.folders,
        files: counts.files,
        users: counts.users,
        content_bytes: 0,
        database_bytes: snapshot.size(),
        estimated_bytes: 0,
        estimated_bytes_documents_only: 0,
        last_change: files
            .last_change()
            .and_then(|time| time.duration_since(UNIX_EPOCH).ok())
            .map(|since| since.as_secs_f64()),
        contents_missing: 0,
        other_contents_missing: 0,
        contents_in_s3: source.contents_in_s3(),
        contents_outside: 0,
        incomplete: false,
        missing_below: None,
        outside_folders: Vec::new(),
        warnings: Vec::new(),
    };
    let mut estimate = Estimate::default();
    survey.look_at_contents(source, &snapshot, allow_outside, &mut estimate, job)?;
    survey.look_at_server_files(source, allow_outside, &mut estimate);
    let tables = table_bytes(counts);
    survey.estimated_bytes_documents_only = archive_bytes(tables + estimate.documents);
    survey.estimated_bytes =
        archive_bytes(tables + estimate.documents + estimate.others + member_bytes(snapshot.size()));
    Ok(survey)
}

impl Survey {
    fn look_at_contents(
        &mut self,
        source: &ServerData,
        snapshot: &Snapshot,
        allow_outside: &[PathBuf],
        estimate: &mut Estimate,
        job: &Job,
    ) -> Result<()> {
        let contents = source.contents(allow_outside)?;
        let mut owners = snapshot.owners()?;
        let mut looked_at = 0_u64;
        let mut below = MissingBelow::default();
        for which in [WhichContents::OfDocuments, WhichContents::Others] {
            let is_document = which == WhichContents::OfDocuments;
            snapshot.for_each_content(which, Order::AsStored, &mut |row| {
                // To look a document up takes longer than to look at its content.
                let is_shown = looked_at.is_multiple_of(SHOWN_EVERY);
                looked_at += 1;
                let shown = if is_shown { owners.of(&row)? } else { None };
                job.item(shown.map(|owner| owner.place));
                job.advance(0)?;
                let Refusal { code, reason } = match contents.size_of(&row) {
                    Ok(size) => {
                        if is_document {
                            self.content_bytes += size;
                            estimate.documents += member_bytes(size);
                        } else {
                            estimate.others += member_bytes(size);
                        }
                        return Ok(());
                    }
                    Err(refusal) => refusal,
                };
                if !is_document && !row.active && code == WarningCode::Missing {
                    // An upload that never finished: nothing is lost with it.
                    return Ok(());
                }
                match is_document {
                    true => self.contents_missing += 1,
                    false => self.other_contents_missing += 1,
                }
                if code == WarningCode::Outside {
                    self.contents_outside += u64::from(is_document);
                    if self.outside_folders.len() < MAX_OUTSIDE {
                        let folder = contents.folder_to_allow(&row).filter(|new| !self.outside_folders.contains(new));
                        self.outside_folders.extend(folder);
                    }
                } else if is_document {
                    below.add(contents.shown_path(&row));
                }
                if self.warnings.len() < MAX_WARNINGS {
                    let owner = owners.of(&row)?;
                    self.warnings.push(Warning::of_content(row, owner, code, reason));
                }
                Ok(())
            })?;
        }
        job.settle();
        self.incomplete = is_incomplete(self.contents_missing, self.files);
        self.missing_below = below.folder();
        Ok(())
    }

    fn look_at_server_files(&mut self, source: &ServerData, allow_outside: &[PathBuf], estimate: &mut Estimate) {
        for file in source.server_files() {
            match source.open_server_file(&file, allow_outside) {
                Ok(content) => estimate.others += content.map_or(0, |content| member_bytes(content.size)),
                Err(refusal) if self.warnings.len() < MAX_WARNINGS => self.warnings.push(file.warning(refusal)),
                Err(_) => {}
            }
        }
    }
}

/// About the JSON tables and the manifest: ids have 64 digits, titles are short, most documents have one revision and a rule.
fn table_bytes(counts: Counts) -> u64 {
    counts.documents * 700 + counts.folders * 400 + counts.files * 480 + counts.other_files * 220 + 16 * 1024
}

/// A member of a tar: its header and its bytes in blocks of 512.
fn member_bytes(size: u64) -> u64 {
    512 + size.next_multiple_of(512)
}

/// A whole archive: a tar is filled up to blocks of 10240, and has 32 bytes of IV and padding around it.
fn archive_bytes(tar: u64) -> u64 {
    (tar + 1024).next_multiple_of(10240) + 32
}
