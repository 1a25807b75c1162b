//! `completions`: the completions of a shell.

use clap::CommandFactory;
use serde_json::json;

use crate::args::{Cli, CompletionsArgs};
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::output::{Answer, Output};

/// Runs the verb.
pub(crate) fn run(args: &CompletionsArgs, output: &Output) -> Result<Answer> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "cfms-backup", &mut script);
    let script = String::from_utf8(script).map_err(|_| Failure::internal("the completions are not UTF-8"))?;
    output.hand_over(script.trim_end());
    Answer::new(&json!({ "shell": args.shell.to_string(), "script": script }), Exit::Done)
}
