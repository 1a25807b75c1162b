//! `diff`: what differs between two backups, or between a backup and its server.

use std::path::Path;

use cfms_backup::diff::{Differences, Side};
use cfms_backup::tree::LiveServer;
use cfms_backup::{Archive, Job, OnDamage, ServerData};
use serde::Serialize;

use crate::args::DiffArgs;
use crate::diff_text;
use crate::exit::Exit;
use crate::failure::Result;
use crate::opened::{self, Source};
use crate::output::{Answer, Output};
use crate::progress::Progress;
use crate::signals::Signals;
use crate::verify::must_exist;

#[derive(Serialize)]
struct Document<'a> {
    old: Compared,
    new: Compared,
    #[serde(flatten)]
    differences: &'a Differences<'a>,
}

/// One of the two, and of which moment it is, in Unix seconds.
#[derive(Serialize)]
struct Compared {
    #[serde(flatten)]
    what: What,
    state_of: f64,
}

#[derive(Serialize)]
#[serde(untagged)]
enum What {
    Archive(Source),
    Server { data_dir: String, database: String },
}

/// Runs the verb.
pub(crate) fn run(args: &DiffArgs, output: &Output, signals: &Signals) -> Result<Answer> {
    let (progress, job) = Progress::start(output, signals);
    let on_damage = if args.keep_damaged { OnDamage::Keep } else { OnDamage::Refuse };
    let open = |archive: &Path, key: Option<&Path>, job: &Job| -> Result<Archive> {
        must_exist(archive)?;
        let archive = Archive::open(archive, key, on_damage, job)?;
        opened::tell_flaws(&archive, output);
        Ok(archive)
    };
    let old = open(&args.old, args.old_key.as_deref(), &job)?;
    let archive = match &args.new {
        Some(new) => Some(open(new, args.new_key.as_deref(), &job)?),
        None => None,
    };
    let server = match &args.data_dir {
        Some(data_dir) => {
            let data = ServerData::open(data_dir)?;
            Some(LiveServer::open(&data, &args.allow_outside, args.server_stopped, &job)?)
        }
        None => None,
    };
    let new = match (&archive, &server) {
        (Some(archive), _) => Side::Archive(archive),
        // The command line has one of the two.
        (None, Some(server)) => Side::Server(server),
        (None, None) => Side::Archive(&old),
    };
    let old = Side::Archive(&old);
    let differences = cfms_backup::diff(old, new, &job)?;
    drop(progress);
    diff_text::tell(old, new, &differences, output);
    let has_flaws = [old, new].iter().any(|side| matches!(side, Side::Archive(archive) if !archive.flaws().is_empty()));
    let exit = if has_flaws || differences.not_compared_total() > 0 { Exit::Warnings } else { Exit::Done };
    output.stream(&Document { old: Compared::of(old), new: Compared::of(new), differences: &differences });
    Ok(Answer::told(exit))
}

impl Compared {
    fn of(side: Side<'_>) -> Self {
        let what = match side {
            Side::Archive(archive) => What::Archive(Source::of(archive)),
            Side::Server(server) => What::Server {
                data_dir: server.root().to_string_lossy().into_owned(),
                database: server.database().to_string_lossy().into_owned(),
            },
        };
        Self { what, state_of: side.state_of() }
    }
}
