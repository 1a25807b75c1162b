//! The command line: every verb and flag, with the text that `--help` and the manual page show.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};

use crate::examples;

mod archive;
mod remote;

pub(crate) use archive::*;
pub(crate) use remote::*;

/// Encrypted backups of CFMS servers.
///
/// A backup is an archive, encrypted with a key that is made for it alone, and a small file that holds this key. Whoever
/// has the two can open the backup, with this program or with nothing but openssl and tar. Whoever lacks the key cannot.
#[derive(Debug, Parser)]
#[command(name = "cfms-backup", version, max_term_width = 110, after_long_help = examples::help(examples::ALL))]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) verb: Verb,
    /// How to tell of it.
    #[command(flatten)]
    pub(crate) telling: Telling,
}

/// How a run tells what it does.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct Telling {
    /// Print one JSON document on standard output, and nothing else there
    ///
    /// It has the fields archive_path, key_path, metadata, warnings and more, as the verb has them. A run that fails
    /// prints {"error": {"code", "message", "advice", "params"}}; where there is a result all the same (a damaged
    /// archive, an incomplete backup), "error" stands beside its fields. Codes are stable across releases. Of warnings and
    /// findings the first 10,000 are listed, fewer where their texts are very long; warnings_total and findings_total count
    /// them all.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// How progress is shown, always on standard error
    #[arg(long, global = true, value_enum, default_value_t, value_name = "HOW")]
    pub(crate) progress: ProgressStyle,
    /// Print nothing but warnings and errors
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    /// Exit with 3 where there are warnings
    #[arg(long, global = true)]
    pub(crate) strict: bool,
    /// When to use colours; auto is on a terminal, unless NO_COLOR is set
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    pub(crate) color: Color,
}

/// How progress is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProgressStyle {
    /// A bar on a terminal, plain lines elsewhere, nothing with --quiet or --json
    #[default]
    Auto,
    /// Lines of text
    Plain,
    /// Each event as one line of JSON, by its field "event": plan, phase, done, warning, connection; archive, where there
    /// are several
    Json,
    /// Nothing
    None,
}

/// When to use colours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless NO_COLOR is set
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Make a backup of a server on this computer
    ///
    /// The server may be running: the backup is of one moment, nothing of the server's is changed, and it does not wait
    /// longer than copying its database takes. The archive is read back from disk and checked before it is called done.
    #[command(after_long_help = examples::help(examples::CREATE))]
    Create(CreateArgs),
    /// Check that archives are whole and what was written
    ///
    /// First the size and the SHA-256 that the key file records, then every member. Archives that a CFMS server wrote
    /// itself carry no digest: of these is said what could not be checked.
    #[command(after_long_help = examples::help(examples::VERIFY))]
    Verify(VerifyArgs),
    /// Show what an archive holds, without reading its contents
    #[command(after_long_help = examples::help(examples::INSPECT))]
    Inspect(InspectArgs),
    /// Be a server that backs up: give a data directory the API through which clients make and fetch backups
    ///
    /// Clients sign in with the users and passwords of the server itself, which is only read; whoever may manage the system
    /// (manage_system) or export backups (export_backup) there may make backups here. It runs beside the server, or without
    /// it. Backups are of the documents only, unless --whole-server is given. Ctrl-C, SIGTERM and other signals: ends with 0;
    /// a running backup is cancelled and leaves nothing behind.
    #[command(after_long_help = examples::help(examples::SERVE))]
    Serve(ServeArgs),
    /// List the folders and documents of an archive
    ///
    /// Nothing is read of the contents. What lies in no folder that there is, in odd data, is listed below "Without a
    /// folder".
    #[command(after_long_help = examples::help(examples::LIST))]
    List(ListArgs),
    /// Show all that an archive knows of one document or folder: revisions, contents, and who may do what with it
    ///
    /// Who may do what is what the server's access rules say. Permissions that were granted to single users beside the
    /// rules, and users that were blocked, are not in it.
    #[command(after_long_help = examples::help(examples::SHOW))]
    Show(ShowArgs),
    /// Write the content of one document to standard output
    ///
    /// Only what lies on the way to it is read. The content is written while it is read and checked against the
    /// archive's manifest, or the SHA-256 that the server recorded: if it is not what was backed up, the exit code is 5
    /// at the end, and what was written must not be used. With --json there is an error, as standard output is the content.
    #[command(after_long_help = examples::help(examples::CAT))]
    Cat(CatArgs),
    /// Back up a server over the network
    ///
    /// The server makes the backup itself. From our agent (`serve`) archive and key then come home, and are checked there
    /// before they get their names; other servers keep them on their own disk.
    #[command(subcommand, after_long_help = examples::help(examples::REMOTE))]
    Remote(RemoteVerb),
    /// The servers whose certificates you trust
    #[command(subcommand, after_long_help = examples::help(examples::SERVERS))]
    Servers(ServersVerb),
    /// Take folders and documents out of an archive into a folder
    ///
    /// Files are named by titles, made safe for every system and unique; the map cfms-extracted.json in the folder says
    /// which is what. They are readable by you alone. Each is checked as with cat, and gets its name only when it is whole;
    /// a damaged one is left out, named, and the exit code is 5. What the backup never held is named. Nothing is written
    /// through links.
    #[command(after_long_help = examples::help(examples::EXTRACT))]
    Extract(ExtractArgs),
    /// Tell what differs between two backups, or between a backup and the server as it is now
    ///
    /// Folders and documents that came or went, are called otherwise, lie elsewhere or have another content, and whose
    /// rights changed: who could read, write, move or manage then and who can now, first where anyone is let in who was not.
    /// Rights are evaluated as each side's server does it; permissions that were granted to single users beside the rules,
    /// and users that were blocked, are not in it. Contents are compared by the digests in manifests and by those that
    /// servers recorded, and read only where these do not settle it. What could not be compared is named, and is a warning;
    /// that something differs is none.
    #[command(after_long_help = examples::help(examples::DIFF))]
    Diff(DiffArgs),
    /// Put a server back into a new data directory, or documents into a new or a present server
    ///
    /// Database, contents, config.toml, TLS pair and init are written as they were, with their users and passwords; a CFMS
    /// server started there serves every document. The archive is checked first, as with verify. Everything is written into
    /// a private folder in DIR, read back from there and compared, and put in its place only then, the database last: a run
    /// that fails, or is killed, leaves no server behind, and the next run removes what it left. Nothing is ever
    /// overwritten: a DIR with anything in the way is refused. An archive's own words are not
    /// believed: contents stay below content/, settings of config.toml that lead out of DIR are mended and the original
    /// kept, and both are told.
    ///
    /// --documents-only, --only, --into and --like, and backups of documents alone, make a new server of the documents:
    /// its database is one of the first servers, or like the one that --like names, and has no users. Columns that it has
    /// no place for are named; where they keep something closed or deleted, or where anyone would be let in whom the
    /// backup's server kept out, nothing is written.
    ///
    /// A DIR with a server gets the folders, documents and contents that it does not have: its users, configuration and
    /// keys are left alone. Contents are written beside and renamed, then one transaction adds all rows; before, the
    /// database is copied to app.db.before-restore-TIME; after, every content is read back and the database checked. What
    /// is there already and identical is no conflict, and contents that its disk lost are put back. What differs stops it,
    /// unless --on-conflict says what to do; on a running server documents are only added.
    #[command(after_long_help = examples::help(examples::RESTORE))]
    Restore(RestoreArgs),
    /// Write a demonstration server to try this program on
    ///
    /// A data directory as a CFMS server keeps it, of an invented company: nested folders, English and Chinese titles,
    /// revisions, access rules, users and groups, and one content that is missing on purpose.
    #[command(after_long_help = examples::help(examples::DEMO))]
    Demo(DemoArgs),
    /// Make, check and open a small backup in a temporary folder, to see that this program works here
    #[command(after_long_help = examples::help(examples::SELFTEST))]
    Selftest,
    /// Print the completions of a shell
    #[command(after_long_help = examples::help(examples::COMPLETIONS))]
    Completions(CompletionsArgs),
    /// Print the manual page, or write one page a verb into a folder
    #[command(after_long_help = examples::help(examples::MAN))]
    Man(ManArgs),
}

/// `create`.
#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// The source.
    #[command(flatten)]
    pub(crate) source: Source,
    /// Folder of the archive; created where it is missing [default: content/backups of the server]
    #[arg(long, short, value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,
    /// Folder of the key; on another disk or computer it is safer [default: the archive's]
    #[arg(long, value_name = "DIR")]
    pub(crate) key_dir: Option<PathBuf>,
    /// Name of the two files, without ending; nothing is ever overwritten [default: backup_TIME]
    #[arg(long, short, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Leave out database, users, groups, configuration and TLS pair
    ///
    /// Such a backup holds folders, documents, revisions, access rules and contents: good for handing over or moving
    /// documents, but nobody can sign in to a server that is restored from it alone.
    #[arg(long)]
    pub(crate) documents_only: bool,
    /// Do not read the finished archive back
    #[arg(long)]
    pub(crate) no_verify: bool,
    /// Take a backup that lacks many contents as done, with warnings
    #[arg(long)]
    pub(crate) allow_missing: bool,
    /// Also read files below this folder, where the database, config.toml or the link content leads out of the server's
    /// own; repeatable
    #[arg(long, value_name = "DIR")]
    pub(crate) allow_outside: Vec<PathBuf>,
    /// Refuse a destination on the disk that the server's data lie on
    #[arg(long)]
    pub(crate) require_other_disk: bool,
    /// The server is stopped: read its database on a network file system too
    #[arg(long)]
    pub(crate) server_stopped: bool,
}

/// Where a server's data are.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Source {
    /// The server's database file; its folder is the server's
    #[arg(long, short = 'd', value_name = "FILE")]
    pub(crate) database: Option<PathBuf>,
    /// The folder that the server runs in: config.toml, app.db and content/ lie there
    #[arg(long, short = 'D', value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
}

/// `verify`.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// The archives, NAME.cfms.enc
    #[arg(required = true, value_name = "ARCHIVE")]
    pub(crate) archives: Vec<PathBuf>,
    /// The key file, for a single archive [default: NAME.key beside the archive]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
}

/// `inspect`.
#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// The archive, NAME.cfms.enc
    #[arg(value_name = "ARCHIVE")]
    pub(crate) archive: PathBuf,
    /// The key file [default: NAME.key beside the archive]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
}

/// `serve`.
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// The folder that the server runs in: config.toml, app.db and content/ lie there
    #[arg(long, short = 'D', value_name = "DIR")]
    pub(crate) data_dir: PathBuf,
    /// Where to listen; port 0 is any that is free
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:5105", value_parser = parse_address)]
    pub(crate) listen: SocketAddr,
    /// The TLS certificate, a PEM file [default: the server's own, else one that is made and kept]
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// Its private key, a PEM file
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Folder of the backups [default: content/backups of the server]
    #[arg(long, value_name = "DIR")]
    pub(crate) backup_dir: Option<PathBuf>,
    /// Folder of the agent's own certificate, records and audit log [default: one below ~/.local/state/cfms-backup]
    #[arg(long, value_name = "DIR")]
    pub(crate) state_dir: Option<PathBuf>,
    /// Make backups of the whole server
    ///
    /// They hold the database with every password hash, config.toml with its secrets and the TLS key: whoever may make a
    /// backup then gets these. Clients are told by server_info.
    #[arg(long)]
    pub(crate) whole_server: bool,
}

/// `demo`.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// A folder that is new or empty
    #[arg(value_name = "DIR")]
    pub(crate) dir: PathBuf,
    /// About how large the contents shall be together: bytes, or a number with K, M or G
    #[arg(long, value_name = "SIZE", default_value = "48M", value_parser = parse_size)]
    pub(crate) size: u64,
    /// Which of the many possible servers to write; the same number gives the same documents
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub(crate) seed: u64,
}

/// `completions`.
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL", value_parser = clap::value_parser!(clap_complete::Shell))]
    pub(crate) shell: clap_complete::Shell,
}

/// `man`.
#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// Write one page a verb into this folder, which is created where it is missing
    #[arg(value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
}

/// Reads the command line of this process.
///
/// # Errors
/// What clap cannot make sense of; also `--help` and `--version`, which are no errors.
pub(crate) fn parse() -> Result<Cli, clap::Error> {
    let cli = Cli::try_parse()?;
    match &cli.verb {
        Verb::Verify(VerifyArgs { archives, key: Some(_) }) if archives.len() > 1 => {
            Err(usage("verify", "--key is of one archive; several archives are checked with the keys beside them"))
        }
        Verb::Cat(_) if cli.telling.json => {
            Err(usage("cat", "standard output is the content, so --json cannot be used; see: cfms-backup show --json"))
        }
        _ => Ok(cli),
    }
}

fn usage(verb: &str, message: &str) -> clap::Error {
    let mut command = Cli::command();
    command.build();
    match command.find_subcommand_mut(verb) {
        Some(verb) => verb.error(clap::error::ErrorKind::ArgumentConflict, message),
        None => command.error(clap::error::ErrorKind::ArgumentConflict, message),
    }
}

/// `127.0.0.1:5105`, `[::]:5105`, `localhost:5105`.
fn parse_address(text: &str) -> Result<SocketAddr, String> {
    let found = text.to_socket_addrs().ok().and_then(|mut addresses| addresses.next());
    found.ok_or_else(|| "no address with a port, such as 127.0.0.1:5105".to_owned())
}

/// Bytes of `4096`, `512K`, `48M`, `2G`.
fn parse_size(text: &str) -> Result<u64, String> {
    let (digits, shift) = match text.char_indices().next_back() {
        Some((at, 'k' | 'K')) => (&text[..at], 10),
        Some((at, 'm' | 'M')) => (&text[..at], 20),
        Some((at, 'g' | 'G')) => (&text[..at], 30),
        _ => (text, 0),
    };
    let number: u64 = digits.parse().map_err(|_| "not a size: give bytes, or a number with K, M or G".to_owned())?;
    let bytes = number.checked_mul(1 << shift).filter(|&bytes| bytes <= 1 << 40);
    bytes.ok_or_else(|| "too large: a terabyte at the most".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn sizes_are_read_as_people_write_them() {
        assert_eq!(parse_size("4096"), Ok(4096));
        assert_eq!(parse_size("48M"), Ok(48 << 20));
        assert_eq!(parse_size("2g"), Ok(2 << 30));
        for bad in ["", "M", "-1", "1.5G", "99999999999999999999", "18446744073709551615K", "5000G"] {
            assert!(parse_size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn every_flag_and_verb_says_what_it_is_for() {
        fn check(command: &clap::Command) {
            assert!(command.get_about().is_some(), "{} has no description", command.get_name());
            for argument in command.get_arguments().filter(|a| !matches!(a.get_id().as_str(), "help" | "version")) {
                assert!(argument.get_help().is_some(), "{} of {} has no help", argument.get_id(), command.get_name());
            }
            command.get_subcommands().for_each(check);
        }
        check(&Cli::command());
    }
}
