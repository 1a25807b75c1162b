//! `man`: the manual pages, made from the same definition as `--help`.

use std::fs;
use std::io;
use std::path::Path;

use clap::{Command, CommandFactory};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};
use serde_json::json;

use crate::args::{Cli, ManArgs};
use crate::examples::{self, Example};
use crate::exit::{self, Exit};
use crate::failure::{Failure, Result};
use crate::output::{Answer, Output};
use crate::show;

/// Runs the verb.
pub(crate) fn run(args: &ManArgs, output: &Output) -> Result<Answer> {
    let pages = pages()?;
    match &args.dir {
        Some(dir) => write(&pages, dir, output),
        None => {
            let text: Vec<&str> = pages.iter().map(|page| page.text.as_str()).collect();
            output.hand_over(&text.concat());
            let pages: Vec<_> = pages.iter().map(|page| json!({ "name": page.name, "text": page.text })).collect();
            Answer::new(&json!({ "pages": pages }), Exit::Done)
        }
    }
}

struct Page {
    /// The file's name: `cfms-backup-create.1`.
    name: String,
    text: String,
}

fn write(pages: &[Page], dir: &Path, output: &Output) -> Result<Answer> {
    fs::create_dir_all(dir).map_err(|error| Failure::io("create", dir, error))?;
    let mut written = Vec::with_capacity(pages.len());
    for page in pages {
        let path = dir.join(&page.name);
        fs::write(&path, &page.text).map_err(|error| Failure::io("write", &path, error))?;
        output.say(&show::path(&path));
        written.push(path.to_string_lossy().into_owned());
    }
    Answer::new(&json!({ "written": written }), Exit::Done)
}

fn pages() -> Result<Vec<Page>> {
    let mut root = Cli::command();
    root.build();
    let mut pages = vec![page(&root, "cfms-backup".into(), examples::ALL, true)?];
    for verb in verbs(&root) {
        pages.push(page(
            verb,
            format!("cfms-backup-{}", verb.get_name()),
            examples::of(verb.get_name()),
            has_verbs(verb),
        )?);
        for below in verbs(verb) {
            let name = format!("{}-{}", verb.get_name(), below.get_name());
            pages.push(page(below, format!("cfms-backup-{name}"), examples::of(&name), false)?);
        }
    }
    Ok(pages)
}

fn verbs(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|verb| verb.get_name() != "help")
}

fn has_verbs(command: &Command) -> bool {
    verbs(command).next().is_some()
}

fn page(command: &Command, name: String, examples: &[Example], has_verbs: bool) -> Result<Page> {
    let version = env!("CARGO_PKG_VERSION");
    // The help's own end, examples and exit codes, is written as sections of their own below.
    let command = command.clone().name(name.clone()).after_long_help(None::<&str>).version(version);
    let man = Man::new(command).manual("CFMS Backup").source(format!("cfms-backup {version}"));
    let mut text = Vec::new();
    let rendered = (|| -> io::Result<()> {
        man.render_title(&mut text)?;
        man.render_name_section(&mut text)?;
        man.render_synopsis_section(&mut text)?;
        man.render_description_section(&mut text)?;
        man.render_options_section(&mut text)?;
        if has_verbs {
            man.render_subcommands_section(&mut text)?;
        }
        exit_section().to_writer(&mut text)?;
        example_section(examples).to_writer(&mut text)
    })();
    rendered.map_err(|error| Failure::internal(format!("the page {name} cannot be written: {error}")))?;
    let text = String::from_utf8(text).map_err(|_| Failure::internal("a manual page is not UTF-8"))?;
    Ok(Page { name: format!("{name}.1"), text })
}

fn exit_section() -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["EXIT STATUS"]);
    for (exit, meaning) in exit::TABLE {
        roff.control("TP", []).text([bold(exit.code().to_string())]).text([roman(meaning)]);
    }
    roff
}

fn example_section(examples: &[Example]) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["EXAMPLES"]);
    for (command, meaning) in examples {
        roff.control("TP", []).text([roman(*meaning)]).text([bold(*command)]);
    }
    roff
}
