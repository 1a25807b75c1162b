//! A screen of the test's own: an X server without a monitor, and a window manager that gives windows the keyboard.

use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStdout, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process_group};

/// A screen; it goes with the value.
#[derive(Debug)]
pub(crate) struct Screen {
    /// As in `DISPLAY`.
    pub(crate) display: String,
    _server: Group,
    _manager: Group,
}

/// A program and all that it started, ended together.
#[derive(Debug)]
pub(crate) struct Group(Child);

impl Screen {
    /// Starts one. The X server itself finds a number that is free.
    pub(crate) fn new() -> Self {
        let mut server = Group::start(
            Command::new("Xvfb")
                .args(["-displayfd", "1", "-screen", "0", "1280x800x24", "-nolisten", "tcp", "-noreset"])
                .stdout(Stdio::piped()),
        );
        let mut number = String::new();
        BufReader::new(server.stdout()).read_line(&mut number).unwrap();
        let display = format!(":{}", number.trim());
        assert!(display.len() > 1, "the X server did not start");
        let manager = Group::start(Command::new("openbox").env("DISPLAY", &display).stdout(Stdio::null()));
        Self { display, _server: server, _manager: manager }
    }
}

impl Group {
    /// What the program says, once.
    pub(crate) fn stdout(&mut self) -> ChildStdout {
        self.0.stdout.take().unwrap()
    }

    /// Starts a program as the head of its group.
    pub(crate) fn start(command: &mut Command) -> Self {
        Self(command.stdin(Stdio::null()).stderr(Stdio::null()).process_group(0).spawn().unwrap())
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = kill_process_group(Pid::from_child(&self.0), Signal::KILL);
        let _ = self.0.wait();
    }
}
