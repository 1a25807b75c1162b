//! The arguments of the verbs that look into an archive, and take things out of it.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// An archive that is looked into.
#[derive(Debug, Args)]
pub(crate) struct ArchiveArgs {
    /// The archive, NAME.cfms.enc
    #[arg(value_name = "ARCHIVE")]
    pub(crate) archive: PathBuf,
    /// The key file [default: NAME.key beside the archive]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
    /// Use what is left of a damaged archive; what is damaged is named
    #[arg(long)]
    pub(crate) keep_damaged: bool,
}

/// `list`.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// The archive.
    #[command(flatten)]
    pub(crate) archive: ArchiveArgs,
    /// A folder or document: titles with / between them, or an id [default: everything at the top]
    ///
    /// A / in a title is written \/, a \ as \\. A path that begins with / is never taken for an id.
    #[arg(value_name = "PATH")]
    pub(crate) path: Option<String>,
    /// List what is in the folders too
    #[arg(long, short)]
    pub(crate) tree: bool,
}

/// `show`.
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// The archive.
    #[command(flatten)]
    pub(crate) archive: ArchiveArgs,
    /// A document or folder: its path, titles with / between them, or its id
    ///
    /// A / in a title is written \/, a \ as \\. A path that begins with / is never taken for an id.
    #[arg(value_name = "DOCUMENT")]
    pub(crate) document: String,
}

/// `cat`.
#[derive(Debug, Args)]
pub(crate) struct CatArgs {
    /// The archive.
    #[command(flatten)]
    pub(crate) archive: ArchiveArgs,
    /// A document: its path, titles with / between them, or its id
    ///
    /// A / in a title is written \/, a \ as \\. A path that begins with / is never taken for an id.
    #[arg(value_name = "DOCUMENT")]
    pub(crate) document: String,
    /// The id of a revision, as show tells it [default: the latest]
    #[arg(long, value_name = "ID")]
    pub(crate) revision: Option<String>,
}

/// `extract`.
#[derive(Debug, Args)]
pub(crate) struct ExtractArgs {
    /// The archive.
    #[command(flatten)]
    pub(crate) archive: ArchiveArgs,
    /// Folder to write into; created where it is missing
    #[arg(long, short, value_name = "DIR")]
    pub(crate) output: PathBuf,
    /// Folders and documents: titles with / between them, or ids [default: everything but the server's own files]
    ///
    /// A / in a title is written \/, a \ as \\. A path that begins with / is never taken for an id; / alone is everything.
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<String>,
    /// A document, by its id; repeatable
    #[arg(long = "document", value_name = "ID")]
    pub(crate) documents: Vec<String>,
    /// Which revisions of each document
    #[arg(long, value_enum, default_value_t, value_name = "WHICH")]
    pub(crate) revisions: WhichRevisions,
    /// What to do where a file is there already
    #[arg(long, value_enum, default_value_t, value_name = "HOW")]
    pub(crate) conflict: OnConflict,
    /// The server's own files: database, config.toml, TLS pair, init; into the folder server, without PATH only these
    ///
    /// They hold every password hash and the server's secrets.
    #[arg(long)]
    pub(crate) server_files: bool,
}

/// `diff`.
#[derive(Debug, Args)]
pub(crate) struct DiffArgs {
    /// The older archive, NAME.cfms.enc
    #[arg(value_name = "OLD")]
    pub(crate) old: PathBuf,
    /// The newer archive
    #[arg(value_name = "NEW", required_unless_present = "data_dir", conflicts_with = "data_dir")]
    pub(crate) new: Option<PathBuf>,
    /// Compare with the server in this folder instead, as it is now; nothing in it is changed
    #[arg(long, short = 'D', value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// The key file of OLD [default: NAME.key beside the archive]
    #[arg(long, value_name = "FILE")]
    pub(crate) old_key: Option<PathBuf>,
    /// The key file of NEW [default: NAME.key beside the archive]
    #[arg(long, value_name = "FILE", conflicts_with = "data_dir")]
    pub(crate) new_key: Option<PathBuf>,
    /// Use what is left of a damaged archive; what is damaged is named
    #[arg(long)]
    pub(crate) keep_damaged: bool,
    /// Also read the server's files below this folder outside its own; repeatable
    #[arg(long, value_name = "DIR", requires = "data_dir")]
    pub(crate) allow_outside: Vec<PathBuf>,
    /// The server is stopped: read its database on a network file system too
    #[arg(long, requires = "data_dir")]
    pub(crate) server_stopped: bool,
}

/// `restore`.
#[derive(Debug, Args)]
pub(crate) struct RestoreArgs {
    /// The archive.
    #[command(flatten)]
    pub(crate) archive: ArchiveArgs,
    /// The data directory; made where it is missing
    #[arg(long, short = 'D', value_name = "DIR")]
    pub(crate) data_dir: PathBuf,
    /// Restore the documents alone, also from a backup of the whole server: nobody can sign in to a new server made so
    #[arg(long)]
    pub(crate) documents_only: bool,
    /// Restore this folder or document alone, by its path or id, with all that is in it; repeatable
    ///
    /// A path is made of titles with / between them; a / in a title is written \/, a \ as \\. Folders above it are made
    /// where the server does not have them.
    #[arg(long, value_name = "PATH")]
    pub(crate) only: Vec<String>,
    /// Put everything into this folder of the server, by its path or id; in a new data directory it is made
    #[arg(long, value_name = "FOLDER")]
    pub(crate) into: Option<String>,
    /// The database of an unused server, whose tables a new data directory gets; for documents of later servers
    #[arg(long, value_name = "EMPTY.db")]
    pub(crate) like: Option<PathBuf>,
    /// What to do with documents and folders of the server that differ from the backup's
    #[arg(long, value_enum, default_value_t, value_name = "HOW")]
    pub(crate) on_conflict: OnRestoreConflict,
    /// Restore also where more people would be let in than in the backup
    #[arg(long)]
    pub(crate) accept_wider_access: bool,
    /// Say what would be done, and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Neither check the archive as a whole before, nor read back what was written
    #[arg(long)]
    pub(crate) no_verify: bool,
    /// Only remove what restores that were killed left in DIR, as every restore does; nothing is read from ARCHIVE
    #[arg(long)]
    pub(crate) clean: bool,
}

/// What is done with what a server has already, and otherwise.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnRestoreConflict {
    /// Write nothing at all
    #[default]
    Stop,
    /// Keep what is there
    Keep,
    /// Make it as it was in the backup
    Replace,
    /// Put the old document beside the present one, with the present one's rules
    Copy,
}

/// Which revisions are taken out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum WhichRevisions {
    /// The latest
    #[default]
    Latest,
    /// Each, as a file of its own
    All,
}

/// What is done where a file is there already.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnConflict {
    /// Write nothing at all
    #[default]
    Stop,
    /// Give the new file another name
    Rename,
    /// Replace the old file
    Overwrite,
}
