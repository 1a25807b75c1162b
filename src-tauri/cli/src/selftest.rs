//! `selftest`: a small server, a backup of it, and a look whether the backup is what it should be.

use std::fs;
use std::path::Path;

use cfms_backup::{Destination, Metadata, Options, Report, ServerData, Verdict};
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::create;
use crate::demo::{schema, tls};
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::output::{Answer, Output, pretty};
use crate::progress::Progress;
use crate::show;
use crate::signals::Signals;

const ROWS: &str = "
INSERT INTO users VALUES ('admin', 'hash', 'salt', 1.5, NULL, NULL, 1.5, NULL);
INSERT INTO folders VALUES ('folder_1', 'Test folder', 1.5, NULL);
INSERT INTO documents VALUES ('document_1', 'Test document', 2.5, 'folder_1'), ('document_2', '测试文档', 3.5, NULL);
INSERT INTO files VALUES
    ('file_1', NULL, './content/files/file_1', 2.5, 1), ('file_2', NULL, './content/files/file_2', 3.5, 1);
INSERT INTO document_revisions VALUES (1, 'document_1', 'file_1', 2.5), (2, 'document_2', 'file_2', 3.5);
INSERT INTO document_access_rules VALUES (1, 'read', 'document_1', '{}');
";

/// Runs the verb.
pub(crate) fn run(output: &Output, signals: &Signals) -> Result<Answer> {
    output.say("Setting up test database...");
    let folder = tempfile::Builder::new().prefix("cfms-backup-selftest-").tempdir();
    let folder = folder.map_err(|error| Failure::io("create", std::env::temp_dir(), error))?;
    set_up(folder.path())?;
    output.say("Test database setup complete.\n\nTesting backup generation...\n");

    let report = back_up(folder.path(), output, signals)?;
    let metadata = pretty(&report.metadata)?;
    output.say(&format!(
        "Backup generated successfully!\nArchive path: {}\nKey path: {}\nMetadata: {metadata}\n",
        show::path(&report.archive_path),
        show::path(&report.key_path),
    ));
    check(&report, output, signals)?;
    // By now the folder must go; who sees the run end well may rely on it.
    folder.close().map_err(|error| Failure::io("remove", std::env::temp_dir(), error))?;

    let line = "=".repeat(50);
    output.say(&format!(
        "Archive size: {} bytes\n\n{}\n\n{line}\nSUCCESS: Backup generation functionality works!\n{line}",
        show::grouped(report.archive_size),
        output.paint().green("✓ All backup tests passed!"),
    ));
    create::answer(report, Exit::Done)
}

fn set_up(root: &Path) -> Result<()> {
    for folder in ["content/files", "content/ssl"] {
        let path = root.join(folder);
        fs::create_dir_all(&path).map_err(|error| Failure::io("create", &path, error))?;
    }
    let config = schema::config("Test", "");
    let (certificate, key) = tls::pair("localhost", 20_000)?;
    let files = [
        ("config.toml", config.as_bytes()),
        ("init", b""),
        ("content/ssl/cert.pem", certificate.as_bytes()),
        ("content/ssl/key.pem", key.as_bytes()),
        ("content/files/file_1", b"The first document of the test.\n"),
        ("content/files/file_2", "第二个测试文档。\n".as_bytes()),
    ];
    for (name, bytes) in files {
        let path = root.join(name);
        fs::write(&path, bytes).map_err(|error| Failure::io("write", &path, error))?;
    }
    let database = root.join("app.db");
    let connection: Connection = schema::create(&database)?;
    connection.execute_batch(ROWS).map_err(|error| schema::refused(&database, error))
}

fn back_up(root: &Path, output: &Output, signals: &Signals) -> Result<Report> {
    let source = ServerData::open(&root.join("app.db"))?;
    let destination = Destination {
        archive_dir: root.join("content/backups"),
        key_dir: None,
        name: Some(cfms_backup::BackupName::parse("test_backup")?),
    };
    let (_progress, job) = Progress::start(output, signals);
    Ok(cfms_backup::create(&source, &destination, &Options::default(), &job)?)
}

/// Looks at the two files as a stranger would, and has them verified once more.
fn check(report: &Report, output: &Output, signals: &Signals) -> Result<()> {
    let Metadata { version, created_at, documents_count, folders_count, files_count } = &report.metadata;
    require((version.as_str(), *documents_count, *folders_count, *files_count) == ("1.0", 2, 1, 2), "the counts")?;
    require(report.warnings_total == 0, "the absence of warnings")?;

    let on_disk =
        fs::metadata(&report.archive_path).map_err(|error| Failure::io("read", &report.archive_path, error))?;
    // 16 bytes of IV, a tar in records of 10240 bytes, 16 bytes of padding.
    let is_whole =
        on_disk.len() == report.archive_size && (report.archive_size.wrapping_sub(32)).is_multiple_of(10_240);
    require(is_whole, "the archive's size")?;

    let key = fs::read(&report.key_path).map_err(|error| Failure::io("read", &report.key_path, error))?;
    let key: Value = serde_json::from_slice(&key).unwrap_or_default();
    let is_key = key["key"].as_str().is_some_and(|hex| hex.len() == 64)
        && key["algorithm"] == "AES-256-CBC"
        && key["backup_name"] == "test_backup"
        && key["created_at"] == read_again(*created_at)
        && key["archive_sha256"] == json!(report.archive_sha256);
    require(is_key, "the key file")?;

    let (_progress, job) = Progress::start(output, signals);
    let verification = cfms_backup::verify(&report.archive_path, None, &job)?;
    require(verification.verdict == Verdict::Verified && verification.findings.is_empty(), "the verification")
}

/// A number as it comes out of JSON: serde_json's reader may miss the last digit of a float, but always in the same way.
fn read_again(number: f64) -> Value {
    serde_json::from_str(&json!(number).to_string()).unwrap_or_default()
}

fn require(holds: bool, what: &str) -> Result<()> {
    match holds {
        true => Ok(()),
        false => {
            Err(Failure::new("selftest", format!("the self-test failed: {what} is not as it must be"), Exit::Failed))
        }
    }
}
