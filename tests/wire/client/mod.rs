//! The client, against servers as they are and as none should be.

mod downloads;
mod over_tls;
mod real_servers;
mod scripted;
mod signing_in;
mod stopped;
mod telling_all;
mod unfit;
