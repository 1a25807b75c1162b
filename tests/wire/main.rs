//! The promises on the wire: the client against servers as they are, the agent against clients as they come.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // as in every test

mod agent;
mod client;
