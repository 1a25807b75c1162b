//! What a run says: results on standard output, warnings and errors on standard error, or one JSON document.

use std::cell::RefCell;
use std::io::{self, BufWriter, IsTerminal, Write};

use serde::Serialize;

use crate::args::{Color, Telling};
use crate::exit::Exit;
use crate::failure::{Failure, FailureReport, Result};
use crate::show;

/// Where a run speaks, and how.
pub(crate) struct Output {
    telling: Telling,
    colors: Colors,
    refused: RefCell<Option<io::Error>>,
}

#[derive(Clone, Copy)]
struct Colors {
    out: bool,
    err: bool,
}

/// What a verb did: the JSON document of it, if there is one, and the exit code.
#[derive(Debug)]
pub(crate) struct Answer {
    document: String,
    pub(crate) exit: Exit,
}

/// The document of a run that failed.
#[derive(Serialize)]
struct Failed<'a> {
    error: &'a FailureReport,
}

impl Answer {
    /// The answer of this document, with the exit code as it is without `--strict`.
    pub(crate) fn new(document: &impl Serialize, exit: Exit) -> Result<Self> {
        Ok(Self { document: pretty(document)?, exit })
    }

    /// The answer of a verb that has told all there is, by [`Output::stream`] for instance.
    pub(crate) fn told(exit: Exit) -> Self {
        Self { document: String::new(), exit }
    }
}

/// Text in colours, or not.
#[derive(Clone, Copy)]
pub(crate) struct Paint(bool);

impl Output {
    /// Speaks as `telling` says.
    pub(crate) fn new(telling: Telling) -> Self {
        let wanted = |terminal: bool| match telling.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
        };
        let colors = Colors { out: wanted(io::stdout().is_terminal()), err: wanted(io::stderr().is_terminal()) };
        Self { telling, colors, refused: RefCell::default() }
    }

    /// How it was asked to tell.
    pub(crate) fn telling(&self) -> &Telling {
        &self.telling
    }

    /// Colours for [`say`](Self::say).
    pub(crate) fn paint(&self) -> Paint {
        Paint(self.colors.out)
    }

    /// Colours for [`warn`](Self::warn).
    pub(crate) fn paint_warnings(&self) -> Paint {
        Paint(self.colors.err)
    }

    /// A result, for people: not with `--json`, not with `--quiet`. The text is printed as it is, escape what is not
    /// yours.
    pub(crate) fn say(&self, text: &str) {
        if !self.telling.json && !self.telling.quiet {
            self.print(text);
        }
    }

    /// A result that is the very thing that was asked for, such as a manual page: with `--quiet` too.
    pub(crate) fn hand_over(&self, text: &str) {
        if !self.telling.json {
            self.print(text);
        }
    }

    /// Something that programs wait for while the verb goes on: one line of JSON, at once, and only with `--json`.
    pub(crate) fn announce(&self, document: &impl Serialize) -> Result<()> {
        if self.telling.json {
            let text = serde_json::to_string(document);
            self.print(&text.map_err(|error| Failure::internal(format!("a line cannot be written as JSON: {error}")))?);
            self.flush();
        }
        Ok(())
    }

    /// With `--json`, a document that is written while it is made, as it may be large.
    pub(crate) fn stream(&self, document: &impl Serialize) {
        if self.telling.json {
            let mut out = Escaping(BufWriter::new(io::stdout().lock()));
            let written = serde_json::to_writer_pretty(&mut out, document).map_err(io::Error::from);
            self.note(written.and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush()));
        }
    }

    /// A warning, for people. With `--json` it is in the document.
    pub(crate) fn warn(&self, text: &str) {
        if !self.telling.json {
            self.flush();
            // Where standard error is closed there is nobody left to tell.
            let _ = writeln!(io::stderr().lock(), "{text}");
        }
    }

    /// A failure, for people. With `--json` it is in the document.
    pub(crate) fn complain(&self, failure: &FailureReport) {
        let paint = self.paint_warnings();
        let mut text = format!("{} {}", paint.red("error:"), show::line(&failure.message));
        if let Some(advice) = &failure.advice {
            text.push_str(&format!("\n       {}", show::line(advice)));
        }
        self.warn(&text);
    }

    /// The end of a run: the document, where it was asked for, and the exit code.
    pub(crate) fn conclude(&self, result: Result<Answer>) -> Exit {
        let (document, exit) = match result {
            Ok(answer) => (answer.document, answer.exit),
            Err(failure) => {
                self.complain(&failure.report);
                (failed(&failure), failure.exit)
            }
        };
        if self.telling.json && !document.is_empty() {
            self.print(&document);
        }
        let exit = if exit == Exit::Warnings && !self.telling.strict { Exit::Done } else { exit };
        self.flush();
        match self.refused.take() {
            // Who reads no further has what it wanted: `| head`.
            Some(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                let _ = writeln!(io::stderr().lock(), "error: cannot write to standard output: {error}");
                exit.or_worse(Exit::Failed)
            }
            _ => exit,
        }
    }

    fn print(&self, text: &str) {
        let written = writeln!(io::stdout().lock(), "{text}");
        if written.as_ref().is_err_and(|error| error.kind() != io::ErrorKind::BrokenPipe) {
            // A disk that is full must not be why nobody learns where a backup is.
            let _ = writeln!(io::stderr().lock(), "{text}");
        }
        self.note(written);
    }

    fn flush(&self) {
        self.note(io::stdout().flush());
    }

    fn note(&self, written: io::Result<()>) {
        if let Err(error) = written {
            self.refused.borrow_mut().get_or_insert(error);
        }
    }
}

impl Paint {
    /// Something that matters.
    pub(crate) fn bold(self, text: &str) -> String {
        self.wrap("1", text)
    }

    /// Something that is well.
    pub(crate) fn green(self, text: &str) -> String {
        self.wrap("1;32", text)
    }

    /// Something to look at.
    pub(crate) fn yellow(self, text: &str) -> String {
        self.wrap("1;33", text)
    }

    /// Something that is wrong.
    pub(crate) fn red(self, text: &str) -> String {
        self.wrap("1;31", text)
    }

    /// Whether there are colours.
    pub(crate) fn is_on(self) -> bool {
        self.0
    }

    fn wrap(self, style: &str, text: &str) -> String {
        if self.0 { format!("\x1b[{style}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// The document of a command line that was not understood; there is no [`Output`] yet then.
pub(crate) fn print_usage_document(message: &str) {
    let failure = Failure::new("usage", message, Exit::Usage).advise("See: cfms-backup --help");
    // Whoever closed standard output does not read it; the exit code says the same.
    let _ = writeln!(io::stdout().lock(), "{}", failed(&failure));
}

/// JSON on its way out, with [`show::json`]'s escapes. It comes in whole pieces of text.
struct Escaping<W>(W);

impl<W: Write> Write for Escaping<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = std::str::from_utf8(bytes).map_err(io::Error::other)?;
        if text.is_ascii() {
            self.0.write_all(bytes)?
        } else {
            self.0.write_all(show::json(text).as_bytes())?
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// A table of two columns, indented by two.
pub(crate) fn table(rows: &[(&str, String)]) -> String {
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    let lines: Vec<_> = rows.iter().map(|(name, value)| format!("  {name:<width$}  {value}")).collect();
    lines.join("\n")
}

/// A value as indented JSON, its fields in their order.
pub(crate) fn pretty(document: &impl Serialize) -> Result<String> {
    let text = serde_json::to_string_pretty(document);
    let text = text.map_err(|error| Failure::internal(format!("a result cannot be written as JSON: {error}")))?;
    Ok(show::json(&text))
}

fn failed(failure: &Failure) -> String {
    // A failure is texts, which are always JSON.
    pretty(&Failed { error: &failure.report }).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_aligned() {
        assert_eq!(table(&[("Key", "k".into()), ("Archive", "a".into())]), "  Key      k\n  Archive  a");
    }

    #[test]
    fn a_failure_as_data_has_the_four_fields() {
        let failure = Failure::new("usage", "what", Exit::Usage);
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&failed(&failure)).unwrap(),
            serde_json::json!({"error": {"code": "usage", "message": "what", "advice": null, "params": {}}})
        );
    }
}
