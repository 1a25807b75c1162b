//! What the window promises, tried on the real program: WebKit's own WebDriver looks, clicks and types in it, on a screen
//! of its own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // as in every test

mod backing_up;
mod bench;
mod browsing;
mod bus;
mod desktop;
mod dialog;
mod looks;
mod pictures;
mod previews;
mod remote;
mod screen;
mod webdriver;
