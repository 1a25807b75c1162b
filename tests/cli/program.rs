//! The program under test, and servers for it to back up.

use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use rusqlite::Connection;
use serde_json::Value;
use tempfile::TempDir;

/// The program, with an environment in which nothing of the caller's has a say.
pub(crate) fn command<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cfms-backup"));
    command.args(arguments).stdin(Stdio::null()).env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE");
    command
}

/// Says that a test was not made and why; past the test runner, which keeps what tests print to itself.
pub(crate) fn skipped(why: &str) {
    let _ = writeln!(std::io::stderr(), "skipped: {why}");
}

/// The folder of real servers' archives, which lies beside a checkout or nowhere.
pub(crate) fn golden() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/golden/golden");
    if !folder.exists() {
        skipped("../shared/golden, the data of real servers, is not here");
        return None;
    }
    Some(folder)
}

/// How a run ended and what it said.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs the program to its end.
pub(crate) fn run<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Run {
    command(arguments).output().expect("the program starts").into()
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        let run = Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).expect("standard output is UTF-8"),
            err: String::from_utf8(output.stderr).expect("standard error is UTF-8"),
        };
        assert!(!run.err.contains("panicked at"), "{run:?}");
        run
    }
}

impl Run {
    /// The document on standard output, which must be one and nothing else.
    pub(crate) fn document(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// A server of the demonstration's, as small as it gets, in a folder that goes with it.
pub(crate) struct Server {
    pub(crate) folder: TempDir,
    pub(crate) root: PathBuf,
    missing: PathBuf,
}

impl Server {
    /// With the one content that is missing on purpose.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("server");
        let run = run(["demo".as_ref(), root.as_os_str(), "--size=0".as_ref(), "--json".as_ref()]);
        assert_eq!(run.code, Some(0), "{run:?}");
        let missing = root.join(run.document()["missing_path"].as_str().unwrap());
        Self { folder, root, missing }
    }

    /// With nothing missing, so that there is nothing to warn of.
    pub(crate) fn whole() -> Self {
        let server = Self::new();
        fs::create_dir_all(server.missing.parent().unwrap()).unwrap();
        fs::write(&server.missing, "found again").unwrap();
        server.execute("UPDATE files SET sha256 = NULL WHERE sha256 IS NOT NULL");
        server
    }

    /// With `bytes` more of contents, which take no room on the disk.
    pub(crate) fn with_hole(self, bytes: u64) -> Self {
        let path = self.root.join("content/hole");
        fs::File::create(&path).unwrap().set_len(bytes).unwrap();
        self.execute(
            "INSERT INTO files VALUES ('zz_hole', NULL, './content/hole', 1.0, 1);
             INSERT INTO documents VALUES ('zz_hole', 'A hole', 1.0, NULL);
             INSERT INTO document_revisions (document_id, file_id, created_time) VALUES ('zz_hole', 'zz_hole', 1.0);",
        );
        self
    }

    /// Changes the database.
    pub(crate) fn execute(&self, sql: &str) {
        Connection::open(self.root.join("app.db")).unwrap().execute_batch(sql).unwrap();
    }

    /// `create` of this server into the folder `out` beside it, with further arguments.
    pub(crate) fn create(&self, arguments: &[&str]) -> Run {
        run(self.create_arguments(arguments))
    }

    /// The arguments of [`create`](Self::create).
    pub(crate) fn create_arguments(&self, arguments: &[&str]) -> Vec<std::ffi::OsString> {
        let mut all: Vec<std::ffi::OsString> =
            vec!["create".into(), "--data-dir".into(), self.root.clone().into(), "--output".into(), self.out().into()];
        all.extend(arguments.iter().map(std::ffi::OsString::from));
        all
    }

    /// A backup of that name.
    pub(crate) fn backup(&self, name: &str) -> Backup {
        let run = self.create(&["--name", name]);
        assert_eq!(run.code, Some(0), "{run:?}");
        Backup { archive: self.out().join(format!("{name}.cfms.enc")), key: self.out().join(format!("{name}.key")) }
    }

    /// Where [`create`](Self::create) writes.
    pub(crate) fn out(&self) -> PathBuf {
        self.folder.path().join("out")
    }
}

/// An archive and its key.
pub(crate) struct Backup {
    pub(crate) archive: PathBuf,
    pub(crate) key: PathBuf,
}

impl Backup {
    /// Turns one bit in the middle.
    pub(crate) fn damage(&self) {
        let mut bytes = fs::read(&self.archive).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x10;
        fs::write(&self.archive, bytes).unwrap();
    }

    /// Cuts off the last block.
    pub(crate) fn cut(&self) {
        let file = fs::File::options().write(true).open(&self.archive).unwrap();
        file.set_len(file.metadata().unwrap().len() - 16).unwrap();
    }
}

/// The names in `folder`, sorted; none where it is not there.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
