//! `cfms-backup`: arguments in, verbs of the engine called, text or JSON out.
//!
//! Read [`args`] first, then [`create`]; [`exit`] has the exit codes.

mod args;
mod cat;
mod completions;
mod create;
mod demo;
mod diff;
mod diff_text;
mod examples;
mod exit;
mod extract;
mod failure;
mod inspect;
mod list;
mod man;
mod opened;
mod output;
mod progress;
mod remote;
mod restore;
mod secrecy;
mod selftest;
mod serve;
mod servers;
mod show;
mod show_document;
mod signals;
mod verify;
mod warnings;

use std::io::{self, Write};
use std::process::ExitCode;

use args::{Cli, Verb};
use exit::Exit;
use failure::{Failure, Result};
use output::{Answer, Output};
use signals::Signals;

fn main() -> ExitCode {
    secrecy::keep();
    // The standard library itself panics where the system refuses to close a folder. That is a failed run like any other:
    // everything was cleaned up on the way here, and the message has been printed.
    let exit = std::panic::catch_unwind(|| match args::parse() {
        Ok(cli) => run(cli),
        Err(error) => refuse(&error),
    });
    exit.unwrap_or(Exit::Failed).into()
}

fn run(cli: Cli) -> Exit {
    let output = Output::new(cli.telling);
    let signals = match Signals::listen() {
        Ok(signals) => signals,
        Err(error) => return output.conclude(Err(Failure::internal(format!("cannot listen to signals: {error}")))),
    };
    let mut result = call(cli.verb, &output, &signals);
    // What is told of a run that was stopped may be an answer too: a backup was made, and did not come home.
    let exit = match &mut result {
        Ok(answer) => &mut answer.exit,
        Err(failure) => &mut failure.exit,
    };
    if *exit == Exit::Interrupted {
        *exit = signals.exit();
    }
    output.conclude(result)
}

fn call(verb: Verb, output: &Output, signals: &Signals) -> Result<Answer> {
    match verb {
        Verb::Create(args) => create::run(args, output, signals),
        Verb::Verify(args) => verify::run(args, output, signals),
        Verb::Inspect(args) => inspect::run(args, output),
        Verb::Serve(args) => serve::run(args, output, signals),
        Verb::List(args) => list::run(&args, output, signals),
        Verb::Show(args) => show_document::run(&args, output, signals),
        Verb::Cat(args) => cat::run(&args, output, signals),
        Verb::Remote(verb) => remote::run(verb, output, signals),
        Verb::Servers(verb) => servers::run(&verb, output),
        Verb::Extract(args) => extract::run(args, output, signals),
        Verb::Diff(args) => diff::run(&args, output, signals),
        Verb::Restore(args) => restore::run(&args, output, signals),
        Verb::Demo(args) => demo::run(&args, output, signals),
        Verb::Selftest => selftest::run(output, signals),
        Verb::Completions(args) => completions::run(&args, output),
        Verb::Man(args) => man::run(&args, output),
    }
}

/// Ends a run whose command line is no verb to run: a mistake in it, or `--help` and `--version`.
fn refuse(error: &clap::Error) -> Exit {
    if !error.use_stderr() {
        // Who closed standard output has read enough.
        let _ = error.print();
        return Exit::Done;
    }
    let text = error.render().to_string();
    let shown: Vec<_> = text.trim_end().lines().map(show::line).collect();
    if std::env::args_os().skip(1).take_while(|argument| argument != "--").any(|argument| argument == "--json") {
        // What is wrong stands before the first blank line, a list of arguments indented below its sentence.
        let lines = shown.iter().take_while(|line| !line.trim().is_empty()).map(|line| line.trim());
        let message = lines.collect::<Vec<_>>().join(" ");
        output::print_usage_document(message.trim_start_matches("error: "));
    } else {
        let _ = writeln!(io::stderr().lock(), "{}", shown.join("\n"));
    }
    Exit::Usage
}
