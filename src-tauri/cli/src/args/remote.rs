//! The arguments of `remote` and `servers`.

use std::path::PathBuf;

use cfms_backup::Fingerprint;
use cfms_backup::remote::Address;
use clap::{Args, Subcommand};

use crate::examples;

/// `remote`.
#[derive(Debug, Subcommand)]
pub(crate) enum RemoteVerb {
    /// Show what a server says of itself, and its certificate
    #[command(after_long_help = examples::help(examples::REMOTE_INFO))]
    Info(RemoteInfoArgs),
    /// Have a server make a backup, and with --output fetch a copy of it
    ///
    /// The JSON document has archive_path and key_path as the server tells them, and "copy" with those on this computer.
    #[command(after_long_help = examples::help(examples::REMOTE_BACKUP))]
    Backup(RemoteBackupArgs),
    /// Fetch a backup that our agent made for this user before
    #[command(after_long_help = examples::help(examples::REMOTE_DOWNLOAD))]
    Download(RemoteDownloadArgs),
}

/// `remote info`.
#[derive(Debug, Args)]
pub(crate) struct RemoteInfoArgs {
    /// Which server.
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

/// `remote backup`.
#[derive(Debug, Args)]
pub(crate) struct RemoteBackupArgs {
    /// Which server.
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    /// Who signs in.
    #[command(flatten)]
    pub(crate) account: AccountArgs,
    /// Name of the two files, without ending [default: the server chooses]
    #[arg(long, short, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Fetch archive and key, the archive into this folder; only our agent can send them
    #[arg(long, short, value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,
    /// Folder of the key that is fetched [default: the archive's]
    #[arg(long, value_name = "DIR", requires = "output")]
    pub(crate) key_dir: Option<PathBuf>,
    /// Have the server remove its own copy, once the one here is verified
    #[arg(long, requires = "output")]
    pub(crate) delete_from_server: bool,
}

/// `remote download`.
#[derive(Debug, Args)]
pub(crate) struct RemoteDownloadArgs {
    /// The backup's name, without ending
    #[arg(value_name = "BACKUP")]
    pub(crate) backup: String,
    /// Which server.
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    /// Who signs in.
    #[command(flatten)]
    pub(crate) account: AccountArgs,
    /// Folder of the archive; created where it is missing
    #[arg(long, short, value_name = "DIR")]
    pub(crate) output: PathBuf,
    /// Folder of the key; on another disk or computer it is safer [default: the archive's]
    #[arg(long, value_name = "DIR")]
    pub(crate) key_dir: Option<PathBuf>,
    /// Have the server remove its own copy, once the one here is verified
    #[arg(long)]
    pub(crate) delete_from_server: bool,
}

/// Which server, and whether it is the one that is meant.
#[derive(Debug, Args)]
#[command(next_help_heading = "Server")]
pub(crate) struct ServerArgs {
    /// The server: HOST, HOST:PORT or wss://HOST:PORT; the port is 5104 unless it is given
    #[arg(long, short, value_name = "SERVER", value_parser = parse_server)]
    pub(crate) server: Address,
    /// Trust the certificate with this SHA-256 fingerprint, now and from now on
    ///
    /// In any case, with or without colons. On the server it is shown by: openssl x509 -in content/ssl/cert.pem -noout
    /// -fingerprint -sha256. A server that is known already must be forgotten first (servers forget).
    #[arg(long, value_name = "FINGERPRINT", value_parser = parse_fingerprint)]
    pub(crate) trust_fingerprint: Option<Fingerprint>,
    /// Speak ws:// without encryption to another computer: whoever sits in between reads the password
    #[arg(long)]
    pub(crate) allow_unencrypted: bool,
}

/// Who signs in, and where the password comes from: never from the command line itself, which everybody can see.
#[derive(Debug, Args)]
#[command(next_help_heading = "Account")]
pub(crate) struct AccountArgs {
    /// The user
    #[arg(long, short, value_name = "NAME")]
    pub(crate) username: String,
    /// Read the password from the first line of standard input, a second factor from the second [default: ask for it]
    #[arg(long, group = "password")]
    pub(crate) password_stdin: bool,
    /// Read the password from the environment variable of this name
    #[arg(long, value_name = "VARIABLE", group = "password")]
    pub(crate) password_env: Option<String>,
    /// Take the password from the system's keyring, where --remember has put it
    #[arg(long, group = "password")]
    pub(crate) keyring: bool,
    /// Keep the password in the system's keyring, once it was right
    #[arg(long, conflicts_with = "keyring")]
    pub(crate) remember: bool,
}

/// `servers`.
#[derive(Debug, Subcommand)]
pub(crate) enum ServersVerb {
    /// List them, with their fingerprints
    #[command(after_long_help = examples::help(examples::SERVERS_LIST))]
    List,
    /// Forget one: its certificate will be unknown again
    ///
    /// Passwords that --remember has put into the system's keyring stay there: remove those with the keyring's own
    /// program.
    #[command(after_long_help = examples::help(examples::SERVERS_FORGET))]
    Forget(ForgetArgs),
}

/// `servers forget`.
#[derive(Debug, Args)]
pub(crate) struct ForgetArgs {
    /// The server: HOST, HOST:PORT or wss://HOST:PORT
    #[arg(value_name = "SERVER", value_parser = parse_server)]
    pub(crate) server: Address,
}

fn parse_server(text: &str) -> Result<Address, String> {
    Address::parse(text).map_err(|error| error.to_string())
}

fn parse_fingerprint(text: &str) -> Result<Fingerprint, String> {
    Fingerprint::parse(text).ok_or_else(|| "no SHA-256 fingerprint: 64 hex digits, with or without colons".to_owned())
}
