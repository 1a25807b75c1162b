//! The exit codes: one table for the program, its help, its manual page and its tests.

use std::process::ExitCode;

use cfms_backup::Code;

/// How a run ended, as the caller's shell sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It did what it was asked to do.
    Done,
    /// It did not.
    Failed,
    /// It was not called rightly.
    Usage,
    /// It is done, with warnings, and `--strict` was given.
    Warnings,
    /// The key does not open the archive.
    WrongKey,
    /// The archive is not what was written.
    Damaged,
    /// The server's certificate is not known, or is another than before.
    Untrusted,
    /// The server does not let this user in.
    Credentials,
    /// The backup lacks so many contents that it must not be relied on.
    Incomplete,
    /// SIGHUP.
    HungUp,
    /// SIGINT.
    Interrupted,
    /// SIGQUIT.
    Quit,
    /// SIGTERM.
    Terminated,
}

/// Every exit code with its meaning, in ascending order.
pub(crate) const TABLE: [(Exit, &str); 13] = [
    (Exit::Done, "done; warnings, if any, are printed"),
    (Exit::Failed, "failed; nothing was written, unless the message says so"),
    (Exit::Usage, "the command line was not understood"),
    (Exit::Warnings, "done with warnings, under --strict"),
    (Exit::WrongKey, "the key is not this archive's, or is no key"),
    (Exit::Damaged, "the archive is damaged or cut off"),
    (Exit::Untrusted, "the server's certificate is not known, or is another than before"),
    (Exit::Credentials, "the server does not take user name, password or second factor, or lets nobody in from here"),
    (Exit::Incomplete, "the backup is written, but all contents, or at least ten and 5 %, are missing"),
    (Exit::HungUp, "its terminal was closed (SIGHUP); cleaned up"),
    (Exit::Interrupted, "interrupted (Ctrl-C, SIGINT); cleaned up"),
    (Exit::Quit, "quit (SIGQUIT); cleaned up"),
    (Exit::Terminated, "terminated (SIGTERM); cleaned up"),
];

impl Exit {
    /// What the shell gets.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Warnings => 3,
            Self::WrongKey => 4,
            Self::Damaged => 5,
            Self::Untrusted => 6,
            Self::Credentials => 7,
            Self::Incomplete => 8,
            Self::HungUp => 129,
            Self::Interrupted => 130,
            Self::Quit => 131,
            Self::Terminated => 143,
        }
    }

    /// The exit of an engine's error. Who cancelled, only the signals know: see [`crate::signals`].
    pub(crate) fn of(code: Code) -> Self {
        match code {
            Code::WrongKey | Code::KeyFile => Self::WrongKey,
            Code::Damaged | Code::Truncated => Self::Damaged,
            Code::CertificateUnknown | Code::CertificateChanged | Code::CertificateOther => Self::Untrusted,
            Code::CredentialsRefused
            | Code::PasswordExpired
            | Code::PasswordExpiredAtAgent
            | Code::SecondFactorWanted
            | Code::SecondFactorRefused
            | Code::UserInactive
            | Code::EntryDenied
            | Code::TooManyAttempts => Self::Credentials,
            Code::BadName => Self::Usage,
            Code::Cancelled => Self::Interrupted,
            _ => Self::Failed,
        }
    }

    /// The worse of two, for a run over several archives: a damaged archive is worse than one that could not be read.
    #[must_use]
    pub(crate) fn or_worse(self, other: Self) -> Self {
        if other.rank() > self.rank() { other } else { self }
    }

    fn rank(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Warnings => 1,
            Self::Usage => 2,
            Self::Failed | Self::Untrusted | Self::Credentials => 3,
            Self::WrongKey => 4,
            Self::Incomplete => 5,
            Self::Damaged => 6,
            Self::HungUp | Self::Interrupted | Self::Quit | Self::Terminated => 7,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}

/// The table as help text shows it.
pub(crate) fn help() -> String {
    TABLE.iter().map(|(exit, meaning)| format!("  {:>3}  {meaning}\n", exit.code())).collect()
}
