//! What a backup of a CFMS server is: reading the server's data, the encrypted archive, and the verbs on it.
//!
//! ```
//! use cfms_backup::{BackupName, Destination, Job, Options, ServerData, create};
//! # let scratch = tempfile::tempdir()?;
//! # let (server, backups) = (scratch.path().join("server"), scratch.path().join("backups"));
//! # std::fs::create_dir(&server)?;
//! # rusqlite::Connection::open(server.join("app.db"))?.execute_batch(
//! #     "CREATE TABLE folders (id VARCHAR PRIMARY KEY, name VARCHAR, created_time FLOAT, parent_id VARCHAR);
//! #      CREATE TABLE documents (id VARCHAR PRIMARY KEY, title VARCHAR, created_time FLOAT, folder_id VARCHAR);
//! #      CREATE TABLE files (id VARCHAR PRIMARY KEY, sha256 VARCHAR, path TEXT, created_time FLOAT, active BOOLEAN);
//! #      CREATE TABLE document_revisions (id INTEGER PRIMARY KEY, document_id VARCHAR, file_id VARCHAR, created_time FLOAT);
//! #      INSERT INTO documents VALUES ('d', 'Handbook', 1.5, NULL);",
//! # )?;
//!
//! let result = create(
//!     &ServerData::open(&server)?,
//!     &Destination { archive_dir: backups, key_dir: None, name: Some(BackupName::parse("manual_backup")?) },
//!     &Options::default(),
//!     &Job::silent(),
//! )?;
//!
//! println!("Archive: {}", result.archive_path.display());
//! println!("Key: {}", result.key_path.display());
//! println!("Metadata: {:?}", result.metadata);
//! # assert!(result.archive_path.ends_with("backups/manual_backup.cfms.enc"));
//! # assert_eq!(result.metadata.documents_count, 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Read in this order: [`error`], [`job`] (progress and the wish to stop), [`names`], [`server_data`] (where the data come
//! from), `archive` (where they go), then the verbs, one file each: [`create()`], [`verify()`], [`inspect()`],
//! [`extract()`], [`diff()`] and [`restore()`], the last three on [`tree`], a backup as folders and documents.
//!
//! The wire between a client and a server has its messages in [`protocol`]; [`agent`] is the server that backs up,
//! [`remote`] the client of it and of every CFMS server. Neither knows the other.
//!
//! The engine blocks, but for these two, and knows neither a terminal nor a window. Every arrow between its modules points down: the verbs
//! know `archive` and `server_data`, which do not know each other.

pub mod agent;
mod archive;
pub mod certificate;
mod clock;
pub mod create;
pub mod diff;
pub mod error;
pub mod extract;
mod hex;
pub mod inspect;
pub mod job;
mod listed;
pub mod names;
pub mod outlook;
mod own_folder;
pub mod protocol;
pub mod remote;
pub mod restore;
pub mod rights;
mod rule_text;
pub mod server_data;
#[cfg(test)]
mod skipped;
pub mod tree;
pub mod verify;
mod volume;
pub mod warning;

pub use certificate::{Certificate, Fingerprint};
pub use create::{Destination, Metadata, Options, Outcome, Report, Scope, create};
pub use diff::{Differences, Side, diff};
pub use error::{Code, Error, ErrorReport, RemoteError, RestoreError, Result};
pub use extract::{Extracted, extract};
pub use inspect::{Inspection, inspect};
pub use job::{Canceller, Event, Job, Phase};
pub use names::BackupName;
pub use outlook::{FolderOutlook, Outlook, outlook};
pub use restore::{RestoreOptions, RestorePlan, Restored, restore};
pub use server_data::{ServerData, Survey};
pub use tree::{Archive, OnDamage, Tree};
pub use verify::{Finding, Severity, Verdict, Verification, verify};
pub use warning::{Warning, WarningCode};
