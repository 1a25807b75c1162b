//! What reading a server's data promises, against small servers made here and, where they lie beside the checkout, real
//! ones.

mod accounts;
mod agreement;
mod contents;
mod golden;
mod repeated;
mod rows;
mod snapshot;
mod survey;
mod trust;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rusqlite::Connection;
use tempfile::TempDir;

use super::*;
use crate::skipped::skipped;

/// The schema of a server as it has been for years.
const SCHEMA: &str = "
    CREATE TABLE users (username VARCHAR(255) NOT NULL, pass_hash TEXT NOT NULL, PRIMARY KEY (username));
    CREATE TABLE files (id VARCHAR(255) NOT NULL, sha256 VARCHAR(64), path TEXT NOT NULL, created_time FLOAT NOT NULL,
        active BOOLEAN NOT NULL, PRIMARY KEY (id));
    CREATE TABLE folders (id VARCHAR(255) NOT NULL, name VARCHAR(255) NOT NULL, created_time FLOAT NOT NULL,
        parent_id VARCHAR(255), PRIMARY KEY (id));
    CREATE TABLE documents (id VARCHAR(255) NOT NULL, title VARCHAR(255) NOT NULL, created_time FLOAT NOT NULL,
        folder_id VARCHAR(255), PRIMARY KEY (id));
    CREATE TABLE document_revisions (id INTEGER NOT NULL, document_id VARCHAR(255) NOT NULL,
        file_id VARCHAR(255) NOT NULL, created_time FLOAT NOT NULL, PRIMARY KEY (id));
    CREATE TABLE document_access_rules (id INTEGER NOT NULL, access_type VARCHAR(64) NOT NULL,
        document_id VARCHAR(255) NOT NULL, rule_data JSON NOT NULL, PRIMARY KEY (id));
    CREATE TABLE folder_access_rules (id INTEGER NOT NULL, access_type VARCHAR(64) NOT NULL, folder_id VARCHAR(255),
        rule_data JSON NOT NULL, PRIMARY KEY (id));";

/// A data directory that is gone with this.
struct Server {
    _scratch: TempDir,
    root: PathBuf,
}

impl Server {
    /// A server with the usual schema and the rows of `sql`.
    fn with(sql: &str) -> Self {
        Self::bare(&format!("{SCHEMA} BEGIN; {sql}; COMMIT;"))
    }

    /// A server whose database is made by `sql` alone.
    fn bare(sql: &str) -> Self {
        let scratch = tempfile::tempdir().expect("a temporary folder");
        let root = scratch.path().canonicalize().expect("its path").join("server");
        fs::create_dir(&root).expect("the server's folder");
        Connection::open(root.join("app.db")).expect("a database").execute_batch(sql).expect("its rows");
        for file in ["config.toml", "init"] {
            fs::write(root.join(file), "").expect("a file of the server's");
        }
        Self { _scratch: scratch, root }
    }

    fn path(&self, below: &str) -> PathBuf {
        self.root.join(below)
    }

    /// Writes a file below the data directory.
    fn put(&self, below: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(below);
        fs::create_dir_all(path.parent().expect("a folder")).expect("the folder");
        fs::write(&path, content).expect("the file");
        path
    }

    fn open(&self) -> ServerData {
        ServerData::open(&self.root).expect("a data directory")
    }

    fn snapshot(&self) -> Snapshot {
        self.open().snapshot(false, &[], &Job::silent()).expect("a snapshot")
    }

    fn survey(&self) -> Survey {
        self.open().survey(&[], false, &Job::silent()).expect("a survey")
    }
}

/// A file that some row names by `path`.
fn row(path: &str) -> ContentRow {
    ContentRow { rowid: 1, id: "f".to_owned(), path: path.to_owned(), sha256: None, active: true, is_renamed: false }
}

/// What a table is printed as.
fn printed(write: impl FnOnce(&mut dyn std::io::Write, &Job) -> Result<()>) -> String {
    let mut out = Vec::new();
    write(&mut out, &Job::silent()).expect("the table is written");
    String::from_utf8(out).expect("JSON is UTF-8")
}

/// Runs `program` in another process; `None` where there is no Python.
fn python(program: &str, arguments: &[&Path]) -> Option<Command> {
    let is_there = Command::new("python3")
        .arg("-c")
        .arg("import sqlite3")
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|s| s.success());
    if !is_there {
        skipped("python3 with sqlite3 is not there");
        return None;
    }
    let mut command = Command::new("python3");
    command.arg("-c").arg(program).args(arguments);
    Some(command)
}
