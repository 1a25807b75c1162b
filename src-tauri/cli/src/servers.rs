//! `servers`: whom this user trusts.

use cfms_backup::remote::{KnownServer, KnownServers};
use serde_json::json;

use crate::args::{ForgetArgs, ServersVerb};
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::output::{Answer, Output};
use crate::show;

/// Runs the verb.
pub(crate) fn run(verb: &ServersVerb, output: &Output) -> Result<Answer> {
    let known = KnownServers::of_this_user().ok_or_else(|| {
        Failure::new("usage", "there is no home folder that could hold a list of known servers", Exit::Usage)
            .advise("Set HOME or XDG_CONFIG_HOME.")
    })?;
    match verb {
        ServersVerb::List => list(&known, output),
        ServersVerb::Forget(args) => forget(&known, args, output),
    }
}

fn list(known: &KnownServers, output: &Output) -> Result<Answer> {
    let servers = known.list()?;
    if servers.is_empty() {
        output.say("No server is known.");
    }
    for KnownServer { host, port, fingerprint, trusted_at } in &servers {
        let since = show::time(*trusted_at);
        output.say(&format!("{}\n  {fingerprint}\n  trusted since {since}", show::line(&format!("{host}:{port}"))));
    }
    Answer::new(&json!({ "servers": servers }), Exit::Done)
}

fn forget(known: &KnownServers, args: &ForgetArgs, output: &Output) -> Result<Answer> {
    let server = args.server.to_string();
    if !known.forget(&args.server)? {
        return Err(Failure::new("unknown_server", format!("{server} is not among the known servers"), Exit::Failed)
            .advise("See: cfms-backup servers list"));
    }
    output.say(&format!(
        "{server} is forgotten: its certificate will be unknown again. Passwords in the system's keyring stay there."
    ));
    Answer::new(&json!({ "forgotten": server }), Exit::Done)
}
