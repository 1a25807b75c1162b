//! What a backup of a CFMS server is.
//!
//! Read in this order: [`error`], [`job`], [`server_data`] (where the data come from), `archive` (where they go), then
//! the verbs: [`create()`], [`verify()`], [`inspect()`].

mod archive;
pub mod create;
pub mod error;
mod hex;
pub mod inspect;
pub mod job;
pub mod names;
pub mod outlook;
pub mod server_data;
pub mod verify;
pub mod warning;

pub use create::{Destination, Metadata, Options, Outcome, Report, Scope, create};
pub use error::{Code, Error, ErrorReport, Result};
pub use inspect::{Inspection, inspect};
pub use job::{Canceller, Event, Job, Phase};
pub use names::BackupName;
pub use outlook::{FolderOutlook, Outlook, outlook};
pub use server_data::{ServerData, Survey};
pub use verify::{Finding, Severity, Verdict, Verification, verify};
pub use warning::{Warning, WarningCode};
