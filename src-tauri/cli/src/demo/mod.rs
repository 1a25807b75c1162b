//! `demo`: writes a data directory as a CFMS server keeps it, to try everything on.

use std::borrow::Cow;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::args::DemoArgs;
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::output::{Answer, Output, table};
use crate::show;
use crate::signals::Signals;

mod company;
mod content;
mod pdf;
mod png;
mod random;
pub(crate) mod schema;
mod server;
pub(crate) mod tls;

pub(crate) use server::Made;

/// The password of every account.
const PASSWORD: &str = "Harbour-2026";

/// Runs the verb.
pub(crate) fn run(args: &DemoArgs, output: &Output, signals: &Signals) -> Result<Answer> {
    let claimed = Claimed::new(&args.dir)?;
    let made = server::write(&args.dir, args.size, args.seed, PASSWORD, &signals.canceller())?;
    claimed.keep();
    let dir = std::path::absolute(&args.dir).map_err(|error| Failure::io("find", &args.dir, error))?;
    let next = format!("cfms-backup create --data-dir {}", show::shell_word(&dir.to_string_lossy()));
    output.say(&text(&dir, &made, &next, output));
    let document = Document {
        data_dir: dir.to_string_lossy(),
        database: dir.join("app.db").to_string_lossy().into_owned(),
        made: &made,
        username: company::USERS[0].name,
        password: PASSWORD,
        next_command: &next,
        warnings: [],
    };
    Answer::new(&document, Exit::Done)
}

#[derive(Serialize)]
struct Document<'a> {
    data_dir: Cow<'a, str>,
    database: String,
    #[serde(flatten)]
    made: &'a Made,
    username: &'static str,
    password: &'static str,
    next_command: &'a str,
    /// Every verb's document has them.
    warnings: [(); 0],
}

fn text(dir: &Path, made: &Made, next: &str, output: &Output) -> String {
    let paint = output.paint();
    let rows = [
        ("Folder", show::path(dir)),
        (
            "Holds",
            format!(
                "{} in {}",
                show::count(made.documents, "document", "documents"),
                show::count(made.folders, "folder", "folders")
            ),
        ),
        (
            "",
            format!(
                "{}, {}, {}",
                show::count(made.revisions, "revision", "revisions"),
                show::count(made.access_rules, "access rule", "access rules"),
                show::count(made.users, "user", "users")
            ),
        ),
        ("Contents", show::size(made.content_bytes)),
        ("Missing", format!("the content of “{}”, on purpose", company::MISSING)),
        (
            "Sign in",
            format!("as {} with {PASSWORD}; the other accounts have the same password", company::USERS[0].name),
        ),
    ];
    let head = paint.green("✓ A demonstration server is ready");
    format!("{head}\n\n{}\n\nTry:\n  {}", table(&rows), show::line(next))
}

/// The folder of a demonstration: new or empty, and emptied again if writing does not end well.
struct Claimed {
    dir: PathBuf,
    made: bool,
    kept: bool,
}

impl Claimed {
    fn new(dir: &Path) -> Result<Self> {
        let made = match fs::create_dir(dir) {
            Ok(()) => true,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let mut entries = fs::read_dir(dir).map_err(|error| Failure::io("read", dir, error))?;
                if entries.next().is_some() {
                    let message = format!("{} is not empty", dir.display());
                    let mut failure = Failure::new("not_empty", message, Exit::Failed)
                        .advise("Choose a new or an empty folder: a demonstration never touches what is there.");
                    failure.report.params.insert("path", dir.to_string_lossy().into_owned());
                    return Err(failure);
                }
                false
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                fs::create_dir_all(dir).map_err(|error| Failure::io("create", dir, error))?;
                true
            }
            Err(error) => return Err(Failure::io("create", dir, error)),
        };
        Ok(Self { dir: dir.to_path_buf(), made, kept: false })
    }

    fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for Claimed {
    fn drop(&mut self) {
        if self.kept {
            return;
        }
        // The run has failed already, and says why; what cannot be removed is seen by whoever looks.
        for name in server::ENTRIES {
            let path = self.dir.join(name);
            let _ = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        }
        if self.made {
            let _ = fs::remove_dir(&self.dir);
        }
    }
}
