//! `serve`: the agent, until a signal ends it.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use cfms_backup::ServerData;
use cfms_backup::agent::{Agent, Entry, Listener, Settings, TlsPair};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::args::{ProgressStyle, ServeArgs, Telling};
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::output::{Answer, Output, table};
use crate::show;
use crate::signals::Signals;

/// Threads that work for the agent at once: a backup, downloads, sign-ins, reads of the database.
const BLOCKING_THREADS: usize = 32;
/// For what still runs when the agent has ended.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(5);

/// Runs the verb.
pub(crate) fn run(args: ServeArgs, output: &Output, signals: &Signals) -> Result<Answer> {
    let source = ServerData::open(&args.data_dir)?;
    let state_dir = match args.state_dir {
        Some(dir) => dir,
        None => default_state_dir(source.root())?,
    };
    let certificate = match (args.tls_cert, args.tls_key) {
        (Some(certificate), Some(key)) => TlsPair::Given { certificate, key },
        _ => TlsPair::Automatic,
    };
    let backup_dir = args.backup_dir.clone().unwrap_or_else(|| source.root().join("content/backups"));
    let facts = vec![
        ("Server", show::path(source.root())),
        ("Backups", show::path(&backup_dir)),
        ("", scope(args.whole_server).to_owned()),
        ("State", show::path(&state_dir)),
    ];
    let settings = Settings {
        listen: args.listen,
        certificate,
        backup_dir: args.backup_dir,
        state_dir,
        whole_server: args.whole_server,
        audit: teller(output.telling()),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(BLOCKING_THREADS)
        .enable_all()
        .build()
        .map_err(|error| Failure::internal(format!("the network cannot be used: {error}")))?;
    let served = runtime.block_on(async {
        let agent = Agent::bind(source, settings).await?;
        tell(&agent, facts, output)?;
        agent.run(signals.stopped()).await;
        Ok::<_, Failure>(())
    });
    runtime.shutdown_timeout(PATIENCE);
    served?;
    output.say("The agent has ended.");
    Ok(Answer::told(Exit::Done))
}

fn scope(is_whole: bool) -> &'static str {
    match is_whole {
        true => "of the whole server: users, password hashes, configuration and TLS pair too (--whole-server)",
        false => "of the documents only: no users, no configuration",
    }
}

/// The first line of `--json`.
#[derive(Serialize)]
struct Listening<'a> {
    listening: &'a str,
    fingerprint: cfms_backup::Fingerprint,
}

fn tell(agent: &Agent, mut facts: Vec<(&'static str, String)>, output: &Output) -> Result<()> {
    let url = format!("wss://{}", agent.address());
    output.announce(&Listening { listening: &url, fingerprint: agent.fingerprint() })?;
    facts.push(("Certificate", show::path(agent.certificate_path())));
    facts.push(("Fingerprint", agent.fingerprint().to_string()));
    let head = output.paint().green(&format!("✓ The agent listens on {url}"));
    output.say(&format!("{head}\n\n{}\n\nCtrl-C ends it.", table(&facts)));
    Ok(())
}

/// What is done with every entry of the audit log: a line on standard error.
fn teller(telling: &Telling) -> Listener {
    if telling.quiet || telling.progress == ProgressStyle::None {
        return Box::new(|_| ());
    }
    let as_json = telling.json || telling.progress == ProgressStyle::Json;
    Box::new(move |entry| {
        let line = if as_json { serde_json::to_string(entry).unwrap_or_default() } else { words(entry) };
        // Where standard error is closed there is the audit log still.
        let _ = writeln!(io::stderr().lock(), "{line}");
    })
}

fn words(entry: &Entry) -> String {
    let Entry { time, address, username, action, backup_name, code, result } = entry;
    let backup = backup_name.as_ref().map_or(String::new(), |name| format!(" {name}"));
    let time = show::time(*time);
    show::line(&format!("{time}  {address}  {username}  {action}{backup}: {code} {result}")).into_owned()
}

/// The agent's own folder where none was given: one for each data directory.
fn default_state_dir(root: &Path) -> Result<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|value: &OsString| Path::new(value).is_absolute());
    // systemd's, which is this service's alone.
    if let Some(dir) = variable("STATE_DIRECTORY") {
        return Ok(dir.into());
    }
    let base = variable("XDG_STATE_HOME").map(PathBuf::from);
    let base = base.or_else(|| variable("HOME").map(|home| Path::new(&home).join(".local/state")));
    let base = base.ok_or_else(|| {
        Failure::new("usage", "there is no home folder to keep the agent's state in", Exit::Usage)
            .advise("Say where it may keep its certificate, records and audit log: --state-dir DIR.")
    })?;
    let root = root.canonicalize().unwrap_or_else(|_| root.to_path_buf());
    let digest = Sha256::digest(root.as_os_str().as_encoded_bytes());
    let digits: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    Ok(base.join("cfms-backup").join(format!("agent-{digits}")))
}
