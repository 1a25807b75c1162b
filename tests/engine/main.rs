//! What the product promises of backups, each promise tried through the program or the library as a person would have
//! it. The oracles are not ours: openssl, tar, sqlite3 and Python's standard library (tests/support).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // as in every test

#[path = "../support/harness.rs"]
mod harness;

mod at_work;
mod crashes;
mod damage;
mod differences;
mod documents;
mod faults;
mod foreign;
mod hostile;
mod into_server;
mod names;
mod read_back;
mod restored;
mod secrets;
