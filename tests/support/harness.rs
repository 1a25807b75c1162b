//! The ground on which the proofs stand: temporary servers, the program under test, and Python's scripts as oracles.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

/// How often a proof goes round: a sample in `make test`, the whole in `make prove`.
pub(crate) fn rounds(sample: u64, whole: u64) -> u64 {
    if std::env::var_os("CFMS_PROVE").is_some_and(|value| value == "1") { whole } else { sample }
}

/// Says that a proof was not made and why; past the test runner, which keeps what tests print to itself.
pub(crate) fn skipped(why: &str) {
    let _ = writeln!(std::io::stderr(), "skipped: {why}");
}

/// Whether this process is root's.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// The folder of the real servers' data, which lies beside a checkout or nowhere.
pub(crate) fn golden() -> Option<PathBuf> {
    let folder = root().join("../shared/golden").canonicalize().ok();
    if folder.is_none() {
        skipped("../shared/golden, the data of real servers, is not here");
    }
    folder
}

/// The root of the checkout.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The program under test.
pub(crate) fn program() -> &'static str {
    env!("CARGO_BIN_EXE_cfms-backup")
}

/// A script of tests/support, ready to run.
pub(crate) fn script(name: &str) -> Command {
    let mut command = Command::new("python3");
    command
        .arg("-B")
        .arg(root().join("tests/support").join(name))
        .env("PYTHONIOENCODING", "utf-8")
        .stdin(Stdio::null());
    command
}

/// Runs a script that must succeed, and gives what it printed.
pub(crate) fn python<S: AsRef<OsStr>>(name: &str, arguments: impl IntoIterator<Item = S>) -> String {
    let output = script(name).args(arguments).output().expect("python3 starts");
    let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{name}: {said}{complained}");
    said.into_owned()
}

/// How a run of the program ended and what it said.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) signal: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        let (code, signal) = (output.status.code(), output.status.signal());
        Self { code, signal, out: text(output.stdout), err: text(output.stderr) }
    }
}

impl Run {
    /// The document on standard output.
    pub(crate) fn document(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The code of the error in the document.
    pub(crate) fn error_code(&self) -> String {
        self.document()["error"]["code"].as_str().unwrap_or_default().to_owned()
    }

    /// The codes of the warnings with what they are about.
    pub(crate) fn warnings(&self) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let warnings = self.document()["warnings"].as_array().cloned().unwrap_or_default();
        warnings.iter().map(|warning| (text(&warning["code"]), text(&warning["file_id"]))).collect()
    }

    /// Itself, if the run ended so.
    #[track_caller]
    pub(crate) fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:?}");
        self
    }
}

/// A folder with a server in it, and room for backups and temporary files; all of it goes when it goes.
pub(crate) struct Ground {
    pub(crate) folder: TempDir,
}

impl Ground {
    /// Without a server yet.
    pub(crate) fn bare() -> Self {
        let folder = tempfile::Builder::new().prefix("cfms-proof-").tempdir().expect("a temporary folder");
        for name in ["out", "keys", "tmp"] {
            fs::create_dir(folder.path().join(name)).expect("a folder");
        }
        Self { folder }
    }

    /// With a server of make_server.py's kind.
    pub(crate) fn with(kind: &str) -> Self {
        let ground = Self::bare();
        python("make_server.py", [kind.as_ref(), ground.server().as_os_str()]);
        ground
    }

    /// With a copy of the server in that folder; what is read-only there may be written here.
    pub(crate) fn with_copy_of(server: &Path) -> Self {
        let ground = Self::bare();
        let done = |command: &mut Command| command.status().expect("it starts").success();
        assert!(done(Command::new("cp").arg("-R").args([server, &ground.server()])));
        assert!(done(Command::new("chmod").args(["-R", "u+w"]).arg(ground.server())));
        ground
    }

    /// A path in the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The server's data directory.
    pub(crate) fn server(&self) -> PathBuf {
        self.path("server")
    }

    /// The archive of that name.
    pub(crate) fn archive(&self, name: &str) -> PathBuf {
        self.path("out").join(format!("{name}.cfms.enc"))
    }

    /// The key of that name, beside the archive.
    pub(crate) fn key(&self, name: &str) -> PathBuf {
        self.path("out").join(format!("{name}.key"))
    }

    /// A command whose temporary files lie here.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env("TMPDIR", self.path("tmp")).stdin(Stdio::null()).current_dir(self.folder.path());
        command
    }

    /// The arguments of `create` for a backup of that name into `out`.
    pub(crate) fn create_arguments(&self, name: &str, more: &[&str]) -> Vec<OsString> {
        let (server, out) = (self.server(), self.path("out"));
        let fixed: [&OsStr; 8] = [
            "create".as_ref(),
            "--json".as_ref(),
            "--data-dir".as_ref(),
            server.as_ref(),
            "--output".as_ref(),
            out.as_ref(),
            "--name".as_ref(),
            name.as_ref(),
        ];
        fixed.into_iter().chain(more.iter().map(OsStr::new)).map(OsStr::to_owned).collect()
    }

    /// Makes a backup of that name into `out`.
    pub(crate) fn create(&self, name: &str, more: &[&str]) -> Run {
        self.command(program()).args(self.create_arguments(name, more)).output().expect("the program starts").into()
    }

    /// Runs another verb on the archive of that name.
    pub(crate) fn on_archive(&self, verb: &str, name: &str) -> Run {
        let archive = self.archive(name);
        let arguments = [verb.as_ref(), "--json".as_ref(), archive.as_os_str()];
        self.command(program()).args(arguments).output().expect("the program starts").into()
    }

    /// What lies in one of the folders, by name.
    pub(crate) fn names(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(folder)).expect("the folder is there");
        let mut names: Vec<_> =
            entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

/// Everything that can be seen of the files below a folder, without reading times: what a reader must not change.
pub(crate) fn everything_below(folder: &Path) -> BTreeMap<PathBuf, String> {
    let mut seen = BTreeMap::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("the folder can be read") {
            let path = entry.expect("an entry").path();
            let about = fs::symlink_metadata(&path).expect("the file is there");
            let digest = match about.is_file() {
                true => Sha256::digest(fs::read(&path).expect("the file can be read")).to_vec(),
                false => Vec::new(),
            };
            let facts = (about.mode(), about.uid(), about.ino(), about.len(), about.mtime(), about.mtime_nsec());
            seen.insert(path.clone(), format!("{facts:?} {digest:02x?}"));
            if about.is_dir() {
                folders.push(path);
            }
        }
    }
    seen
}

/// Numbers that are the same in every run (SplitMix64), so that a failure can be had again.
pub(crate) struct Seeded(pub(crate) u64);

impl Seeded {
    /// The next number below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }
}
