//! What the command line promises, tried on the real program.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // as in every test

mod demo;
mod exit_codes;
mod extract;
mod help;
mod hostile_text;
mod json;
mod looking;
mod program;
mod secrets;
mod selftest;
mod signals;
mod telling;
