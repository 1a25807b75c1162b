//! A run that did not do what it was asked to do.

use std::collections::BTreeMap;
use std::io;

use cfms_backup::Error;
use serde::Serialize;

use crate::exit::Exit;

/// Why a verb failed, for people and as data, and the exit code of it.
#[derive(Debug)]
pub(crate) struct Failure {
    /// What JSON shows.
    pub(crate) report: FailureReport,
    /// What the shell gets.
    pub(crate) exit: Exit,
}

/// The engine's [`ErrorReport`](cfms_backup::ErrorReport), or one of the command line's own in the same form.
#[derive(Debug, Serialize)]
pub(crate) struct FailureReport {
    /// The machine's name, stable across releases.
    pub(crate) code: String,
    /// What happened.
    pub(crate) message: String,
    /// What to do now.
    pub(crate) advice: Option<String>,
    /// The parts of the message.
    pub(crate) params: BTreeMap<&'static str, String>,
}

/// The result of a verb.
pub(crate) type Result<T> = std::result::Result<T, Failure>;

impl Failure {
    /// A failure that only the command line knows.
    pub(crate) fn new(code: &str, message: impl Into<String>, exit: Exit) -> Self {
        let report =
            FailureReport { code: code.to_owned(), message: message.into(), advice: None, params: BTreeMap::new() };
        Self { report, exit }
    }

    /// The same with what to do now.
    #[must_use]
    pub(crate) fn advise(mut self, advice: impl Into<String>) -> Self {
        self.report.advice = Some(advice.into());
        self
    }

    /// The system's refusal to do `action` to `path`.
    pub(crate) fn io(action: &'static str, path: impl AsRef<std::path::Path>, source: io::Error) -> Self {
        Error::io(action, path, source).into()
    }

    /// A fault of this program itself, as something impossible happened.
    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::new("internal", message, Exit::Failed).advise("This is a fault of this program; please report it.")
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let report = error.report();
        // A unit variant is serialised as its name.
        let code = match serde_json::to_value(report.code) {
            Ok(serde_json::Value::String(name)) => name,
            _ => format!("{:?}", report.code),
        };
        let exit = Exit::of(report.code);
        let report = FailureReport { code, message: report.message, advice: report.advice, params: report.params };
        Self { report, exit }
    }
}
