//! `cfms-backup serve`, talked to by clients of all kinds.

mod attacks;
mod backups;
mod certificates;
mod dialogue;
mod downloads;
mod lockdown;
pub(crate) mod served;
mod sign_in;
