//! `remote`: servers at the other end of a line.

mod account;
mod backup;
mod telling;

use std::sync::Arc;

use cfms_backup::remote::{KnownServers, Network, Remote, ServerFacts};
use cfms_backup::{Error, Job, RemoteError};
use serde::Serialize;

use crate::args::{RemoteInfoArgs, RemoteVerb, ServerArgs};
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::output::{Answer, Output, table};
use crate::progress::Progress;
use crate::signals::Signals;
use crate::{show, warnings};

/// For threads that still wait for a name server, say, when all is done.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(1);

/// Runs the verb.
pub(crate) fn run(verb: RemoteVerb, output: &Output, signals: &Signals) -> Result<Answer> {
    // One thread keeps lines alive while this one asks for a password.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.map_err(|error| Failure::internal(format!("the network cannot be used: {error}")))?;
    let outcome = runtime.block_on(async {
        match verb {
            RemoteVerb::Info(args) => info(&args, output, signals).await,
            RemoteVerb::Backup(args) => backup::make(args, output, signals).await,
            RemoteVerb::Download(args) => backup::fetch(args, output, signals).await,
        }
    });
    runtime.shutdown_timeout(PATIENCE);
    outcome
}

async fn info(args: &RemoteInfoArgs, output: &Output, signals: &Signals) -> Result<Answer> {
    #[derive(Serialize)]
    struct Document {
        server: ServerFacts,
        warnings: Vec<cfms_backup::Warning>,
    }
    let facts = connect(&args.server, output, signals).await?.facts();
    output.say(&format!(
        "{}\n\n{}",
        output.paint().bold(&show::line(&facts.server_name)),
        table(&telling::server(&facts))
    ));
    let exit = tell_warnings(&facts.warnings, facts.warnings.len() as u64, output);
    let warnings = facts.warnings.clone();
    Answer::new(&Document { server: facts, warnings }, exit)
}

/// Calls the server, and says where it has to be called again; shows the certificate that stands in the way.
async fn connect(args: &ServerArgs, output: &Output, signals: &Signals) -> Result<Remote> {
    let network = Network::new(args.server.clone(), KnownServers::of_this_user())
        .trusting(args.trust_fingerprint)
        .allowing_unencrypted(args.allow_unencrypted);
    let (progress, job) = Progress::start(output, signals);
    let connected = Remote::connect(Arc::new(network), &job).await;
    drop(progress);
    connected.map_err(|error| untrusted(error, output))
}

fn untrusted(error: Error, output: &Output) -> Failure {
    let Error::Remote(remote) = &error else { return error.into() };
    let certificate = match &**remote {
        RemoteError::CertificateUnknown { certificate, .. }
        | RemoteError::CertificateChanged { certificate, .. }
        | RemoteError::CertificateOther { certificate, .. } => certificate,
        _ => return error.into(),
    };
    output.warn(&format!("The server shows this certificate:\n{}\n", table(&telling::certificate(certificate))));
    let unknown = matches!(**remote, RemoteError::CertificateUnknown { .. });
    let flag = unknown.then(|| format!("--trust-fingerprint {}", certificate.fingerprint));
    let failure = Failure::from(error);
    match (flag, failure.report.advice.clone()) {
        (Some(flag), Some(advice)) => failure.advise(advice.replace("--trust-fingerprint", &flag)),
        _ => failure,
    }
}

/// A job without progress: a bar would be drawn over a question.
fn quiet_job(signals: &Signals) -> Job {
    Job::silent().with_canceller(signals.canceller())
}

fn tell_warnings(found: &[cfms_backup::Warning], total: u64, output: &Output) -> Exit {
    if found.is_empty() {
        return Exit::Done;
    }
    output.warn(&warnings::text(found, total, output.paint_warnings()));
    Exit::Warnings
}
