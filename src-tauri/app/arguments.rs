//! The few words that may follow the program's name.

use std::ffi::OsString;
use std::path::PathBuf;

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// The window, with a source chosen already.
    Open(Option<PathBuf>),
    /// The help.
    Help,
    /// The version.
    Version,
    /// Something that is none of these.
    Misunderstood(OsString),
}

/// The answer to `--version`.
pub(crate) const VERSION: &str = concat!("cfms-backup-app ", env!("CARGO_PKG_VERSION"));

/// The answer to `--help`.
pub(crate) const HELP: &str = "\
CFMS Backup: encrypted backups of a CFMS server, from a window

Usage: cfms-backup-app [SOURCE]

  SOURCE         The folder of a CFMS server, or its database file: it is chosen when the window opens
  -h, --help     Print this help
  -V, --version  Print the version

The same from a terminal or a script: cfms-backup --help";

/// Understands the arguments that follow the program's name. A relative source is one below the current folder.
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Request {
    let mut source = None;
    let mut only_paths = false;
    for argument in arguments {
        let text = argument.to_string_lossy();
        match &*text {
            "--" if !only_paths => only_paths = true,
            "-h" | "--help" if !only_paths => return Request::Help,
            "-V" | "--version" if !only_paths => return Request::Version,
            option if option.starts_with('-') && !only_paths => return Request::Misunderstood(argument),
            _ if source.is_some() => return Request::Misunderstood(argument),
            _ => source = Some(PathBuf::from(argument)),
        }
    }
    Request::Open(source.map(|path| std::path::absolute(&path).unwrap_or(path)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&str]) -> Request {
        parse(arguments.iter().map(OsString::from))
    }

    #[test]
    fn a_source_is_chosen_by_its_path() {
        assert_eq!(parsed(&[]), Request::Open(None));
        assert_eq!(parsed(&["/srv/cfms"]), Request::Open(Some("/srv/cfms".into())));
        assert_eq!(parsed(&["--", "-odd"]), Request::Open(Some(std::env::current_dir().unwrap().join("-odd"))));
    }

    #[test]
    fn what_is_not_understood_opens_no_window() {
        assert_eq!(parsed(&["--souce", "/srv"]), Request::Misunderstood("--souce".into()));
        assert_eq!(parsed(&["/srv", "/other"]), Request::Misunderstood("/other".into()));
        assert_eq!(parsed(&["-h"]), Request::Help);
        assert_eq!(parsed(&["--version"]), Request::Version);
    }
}
