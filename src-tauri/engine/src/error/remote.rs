//! What can go wrong with a server at the other end of a line.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::Code;
use crate::certificate::{Certificate, Fingerprint};

/// Why a server could not be asked, or would not do what it was asked. `server` is its address as a person writes it;
/// texts of the server itself have lost their control characters.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs)] // the messages say what the fields are
pub enum RemoteError {
    /// What was given is no address of a server.
    #[error("{address:?} is not the address of a server: {problem}")]
    Address { address: String, problem: &'static str },
    /// Nothing listens there, the name is not known, the network does not reach it.
    #[error("{server} cannot be reached: {problem}")]
    Unreachable { server: String, problem: String },
    /// `ws://` to another computer: whoever sits in between reads the password.
    #[error("{server} would be spoken to without encryption")]
    Unencrypted { server: String },
    /// Something else listens there.
    #[error("what answers at {server} is not a CFMS server: {problem}")]
    NotCfmsServer { server: String, problem: String },
    /// Nobody has decided on that certificate yet, and no authority vouches for it.
    #[error("the certificate of {server} is not known: SHA-256 fingerprint {}", .certificate.fingerprint)]
    CertificateUnknown {
        server: String,
        certificate: Box<Certificate>,
        /// Why no authority vouches for it.
        problem: String,
    },
    /// The server shows another certificate than the one that is trusted.
    #[error(
        "the certificate of {server} has CHANGED: trusted is {expected}, and now it shows {}", .certificate.fingerprint
    )]
    CertificateChanged { server: String, expected: Fingerprint, certificate: Box<Certificate> },
    /// The server shows another certificate than the one that was given to compare with.
    #[error(
        "the certificate of {server} is not the one that was given: given is {expected}, it shows {}",
        .certificate.fingerprint
    )]
    CertificateOther { server: String, expected: Fingerprint, certificate: Box<Certificate> },

    /// The server's version has no such action.
    #[error("{server} ({name}, version {version}) has no backup action")]
    NoBackupAction { server: String, name: String, version: String },
    /// Name or password are wrong.
    #[error("{server} refused the user name or the password of {username}")]
    CredentialsRefused { server: String, username: String },
    /// The password is right, and must be changed before anybody can sign in with it.
    #[error("the password of {username} on {server} has expired or must be changed")]
    PasswordExpired { server: String, username: String },
    /// The same at our agent, which changes no passwords.
    #[error("the password of {username} has expired or must be changed, which {server}, an agent, cannot do")]
    PasswordExpiredAtAgent { server: String, username: String },
    /// The password is right, and a second factor is wanted.
    #[error("{server} wants a second factor of {username}")]
    SecondFactorWanted { server: String, username: String },
    /// The password is right, and the second factor that was given is not.
    #[error("{server} refused the second factor of {username}")]
    SecondFactorRefused { server: String, username: String },
    /// The account is switched off.
    #[error("the account {username} on {server} is not active")]
    UserInactive { server: String, username: String },
    /// An administrator has locked the server down.
    #[error("{server} is locked down")]
    Lockdown { server: String },
    /// The server slows down who tries too often.
    #[error("{server} has seen too many attempts")]
    TooManyAttempts { server: String },
    /// The user lacks a permission.
    #[error("{username} may not do that on {server}: {message}")]
    AccessDenied { server: String, username: String, message: String },
    /// The server lets nobody in from here, or not this user, whatever the password.
    #[error("{server} lets nobody in from here, or not {username}: {message}")]
    EntryDenied { server: String, username: String, message: String },
    /// The token is not taken any more.
    #[error("{server} has ended the session of {username}")]
    SessionEnded { server: String, username: String },
    /// Any other refusal, in the server's words.
    #[error("{server} refused {action}: {message} ({code})")]
    Refused { server: String, action: String, code: i64, message: String },
    /// It clashes with what the server holds or does already.
    #[error("{server} cannot do that now: {message}")]
    Busy { server: String, message: String },
    /// A backup of that name lies there already, or is being made.
    #[error("{server} has a backup called {name} already")]
    NameTaken { server: String, name: String },

    /// The server said something that is not in the protocol.
    #[error("{server} sent something unexpected: {problem}{}", quotation(.quoted))]
    Protocol {
        server: String,
        problem: &'static str,
        /// A short piece of what it sent.
        quoted: String,
    },
    /// The line broke, and stayed broken.
    #[error("the connection to {server} was lost: {problem}")]
    ConnectionLost { server: String, problem: String },
    /// The server did not answer a question that takes no work.
    #[error("{server} has not answered for {seconds} s")]
    Silent { server: String, seconds: u64 },
    /// The line broke while the server was doing something that must not be asked for twice.
    #[error("the connection to {server} was lost during {action}: {problem}. Whether it was done is not known")]
    OutcomeUnknown { server: String, action: String, problem: String },
    /// The server answered to a backup, and what it answered is not in the protocol.
    #[error("{server} may have made a backup, and answered with something unexpected: {problem}{}", quotation(.quoted))]
    OutcomeUnclear {
        server: String,
        problem: &'static str,
        /// A short piece of what it sent.
        quoted: String,
    },
    /// The server cannot send files.
    #[error("{server} cannot send backups: it has no action for it")]
    CannotSendFiles { server: String },
    /// The server does not give out a backup of that name.
    #[error("{server} has no backup {name} for this user")]
    NotOnServer { server: String, name: String },
    /// What arrived is not what the server read.
    #[error("the {part} of {name} did not arrive from {server} as it was sent: {problem}")]
    TransferDamaged { server: String, name: String, part: &'static str, problem: &'static str },

    /// The list of known servers cannot be understood.
    #[error("the list of known servers {} cannot be understood: {problem}", .path.display())]
    KnownServers { path: PathBuf, problem: String },
    /// The system's keyring does not answer, or holds no such password.
    #[error("the system's keyring has no password for {server}: {problem}")]
    Keyring { server: String, problem: String },
}

impl RemoteError {
    /// The machine's name.
    pub fn code(&self) -> Code {
        match self {
            Self::Address { .. } => Code::ServerAddress,
            Self::Unreachable { .. } => Code::ServerUnreachable,
            Self::Unencrypted { .. } => Code::Unencrypted,
            Self::NotCfmsServer { .. } => Code::NotCfmsServer,
            Self::CertificateUnknown { .. } => Code::CertificateUnknown,
            Self::CertificateChanged { .. } => Code::CertificateChanged,
            Self::CertificateOther { .. } => Code::CertificateOther,
            Self::NoBackupAction { .. } => Code::NoBackupAction,
            Self::CredentialsRefused { .. } => Code::CredentialsRefused,
            Self::PasswordExpired { .. } => Code::PasswordExpired,
            Self::PasswordExpiredAtAgent { .. } => Code::PasswordExpiredAtAgent,
            Self::SecondFactorWanted { .. } => Code::SecondFactorWanted,
            Self::SecondFactorRefused { .. } => Code::SecondFactorRefused,
            Self::UserInactive { .. } => Code::UserInactive,
            Self::Lockdown { .. } => Code::Lockdown,
            Self::TooManyAttempts { .. } => Code::TooManyAttempts,
            Self::AccessDenied { .. } => Code::AccessDenied,
            Self::EntryDenied { .. } => Code::EntryDenied,
            Self::SessionEnded { .. } => Code::SessionEnded,
            Self::Refused { .. } => Code::ServerRefused,
            Self::Busy { .. } => Code::ServerBusy,
            Self::NameTaken { .. } => Code::NameTakenOnServer,
            Self::Protocol { .. } => Code::Protocol,
            Self::ConnectionLost { .. } => Code::ConnectionLost,
            Self::Silent { .. } => Code::ServerSilent,
            Self::OutcomeUnknown { .. } => Code::OutcomeUnknown,
            Self::OutcomeUnclear { .. } => Code::OutcomeUnclear,
            Self::CannotSendFiles { .. } => Code::CannotSendFiles,
            Self::NotOnServer { .. } => Code::NotOnServer,
            Self::TransferDamaged { .. } => Code::TransferDamaged,
            Self::KnownServers { .. } => Code::KnownServers,
            Self::Keyring { .. } => Code::Keyring,
        }
    }

    /// What the person can do now.
    pub fn advice(&self) -> Option<&'static str> {
        Some(match self {
            Self::Address { .. } => "Write it as HOST, HOST:PORT or wss://HOST:PORT.",
            Self::Unreachable { .. } => {
                "Is the server running, are address and port right (5104, our agent 5105), does a firewall let you through?"
            }
            Self::Unencrypted { .. } => {
                "Use wss://. If the line itself is safe (a tunnel, a cable between two machines), say so with --allow-unencrypted."
            }
            Self::NotCfmsServer { .. } => "Check the address and the port: 5104 unless its administrator changed it.",
            Self::CertificateUnknown { .. } => {
                "Compare the fingerprint with the server's own (there: openssl x509 -in content/ssl/cert.pem -noout \
                 -fingerprint -sha256) or ask who runs it; if they are the same, repeat with --trust-fingerprint."
            }
            Self::CertificateChanged { .. } => {
                "Do not go on before you know why: somebody may sit in between. If its administrator renewed it, forget the \
                 server (servers forget) and compare the new fingerprint as at first."
            }
            Self::CertificateOther { .. } => {
                "Do not go on before you know why: somebody may sit in between. Read the fingerprint on the server anew."
            }
            Self::NoBackupAction { .. } => {
                "Back it up on its own machine (cfms-backup create), or run our agent beside it there (cfms-backup serve) and \
                 connect to that."
            }
            Self::CredentialsRefused { .. } => {
                "Check both. After several failures a server slows down further attempts."
            }
            Self::PasswordExpired { .. } => "Change it in the CFMS client, or here where you are asked for a new one.",
            Self::PasswordExpiredAtAgent { .. } => {
                "Change it in the CFMS client, signed in to the server itself, then come back with the new one."
            }
            Self::SecondFactorRefused { .. } => {
                "Give the six digits that your authenticator shows now, each only once. Are both clocks right? Backup codes are \
                 not taken by an agent."
            }
            Self::SecondFactorWanted { .. } => "Give the six digits that your authenticator shows now.",
            Self::UserInactive { .. } => "Ask an administrator of the server to activate the account.",
            Self::Lockdown { .. } => "Ask who locked it down; only users with bypass_lockdown may act meanwhile.",
            Self::TooManyAttempts { .. } => "Wait some minutes, then try again with the right password.",
            Self::AccessDenied { .. } => {
                "Use an account that has the permission manage_system (on some servers export_backup), or ask for it."
            }
            Self::EntryDenied { .. } => {
                "Ask its administrator: this computer's network may be blocked there, or the account bound to other places."
            }
            Self::SessionEnded { .. } => "Sign in again.",
            Self::Busy { .. } => "Wait until what it is doing has finished, or choose another name.",
            Self::NameTaken { .. } => "Choose another name, or fetch that one if it is yours: remote download NAME.",
            Self::Protocol { .. } => "If it is a CFMS server indeed, please report this with the server's version.",
            Self::ConnectionLost { .. } | Self::Silent { .. } => "Check the network and the server, then try again.",
            Self::OutcomeUnknown { .. } => {
                "If the server still runs, it may finish it; look in content/backups there before asking again (an agent's \
                 comes home with: remote download NAME)."
            }
            Self::OutcomeUnclear { .. } => {
                "Look at the server (content/backups there) before you ask again: if there is a backup, its key lies beside it \
                 and may be readable by every user of that machine. Please report this with the server's version."
            }
            Self::CannotSendFiles { .. } => {
                "Fetch archive and key from content/backups on the server (scp, sftp), or run our agent beside it."
            }
            Self::NotOnServer { .. } => {
                "Only backups that this agent made for this user are given out. Check the name."
            }
            Self::TransferDamaged { .. } => "Fetch it again. If it happens again, look at the server's disk.",
            Self::KnownServers { .. } => "Mend or remove the file; without it every server is unknown again.",
            Self::Keyring { .. } => "Type the password, or give it with --password-stdin or --password-env.",
            Self::Refused { .. } => return None,
        })
    }

    /// The parts of the message, for translations.
    pub fn params(&self) -> BTreeMap<&'static str, String> {
        let mut params = BTreeMap::new();
        let mut put = |name, value: &str| {
            params.insert(name, value.to_owned());
        };
        match self {
            Self::Address { address, problem } => {
                put("address", address);
                put("problem", problem);
            }
            Self::Unencrypted { server }
            | Self::Lockdown { server }
            | Self::TooManyAttempts { server }
            | Self::CannotSendFiles { server } => put("server", server),
            Self::Unreachable { server, problem }
            | Self::NotCfmsServer { server, problem }
            | Self::ConnectionLost { server, problem }
            | Self::Keyring { server, problem } => {
                put("server", server);
                put("problem", problem);
            }
            Self::CertificateUnknown { server, certificate, problem } => {
                put("server", server);
                put("problem", problem);
                params.extend(of_certificate(certificate));
            }
            Self::CertificateChanged { server, expected, certificate }
            | Self::CertificateOther { server, expected, certificate } => {
                put("server", server);
                put("expected", &expected.to_string());
                params.extend(of_certificate(certificate));
            }
            Self::NoBackupAction { server, name, version } => {
                put("server", server);
                put("name", name);
                put("version", version);
            }
            Self::CredentialsRefused { server, username }
            | Self::PasswordExpired { server, username }
            | Self::PasswordExpiredAtAgent { server, username }
            | Self::SecondFactorWanted { server, username }
            | Self::SecondFactorRefused { server, username }
            | Self::UserInactive { server, username }
            | Self::SessionEnded { server, username } => {
                put("server", server);
                put("username", username);
            }
            Self::AccessDenied { server, username, message } | Self::EntryDenied { server, username, message } => {
                put("server", server);
                put("username", username);
                put("message", message);
            }
            Self::Refused { server, action, code, message } => {
                put("server", server);
                put("request", action);
                put("code", &code.to_string());
                put("message", message);
            }
            Self::Busy { server, message } => {
                put("server", server);
                put("message", message);
            }
            Self::Protocol { server, problem, quoted } | Self::OutcomeUnclear { server, problem, quoted } => {
                put("server", server);
                put("problem", problem);
                put("quoted", quoted);
            }
            Self::Silent { server, seconds } => {
                put("server", server);
                put("seconds", &seconds.to_string());
            }
            Self::OutcomeUnknown { server, action, problem } => {
                put("server", server);
                put("request", action);
                put("problem", problem);
            }
            Self::NotOnServer { server, name } | Self::NameTaken { server, name } => {
                put("server", server);
                put("name", name);
            }
            Self::TransferDamaged { server, name, part, problem } => {
                put("server", server);
                put("name", name);
                put("part", part);
                put("problem", problem);
            }
            Self::KnownServers { path, problem } => {
                put("path", &path.display().to_string());
                put("problem", problem);
            }
        }
        params
    }
}

/// The parts of a certificate that a person compares. Times are Unix seconds.
fn of_certificate(certificate: &Certificate) -> impl Iterator<Item = (&'static str, String)> {
    let time = |time: Option<i64>| time.map(|seconds| seconds.to_string()).unwrap_or_default();
    [
        ("fingerprint", certificate.fingerprint.to_string()),
        ("names", certificate.names.join(", ")),
        ("issuer", certificate.issuer.clone()),
        ("self_signed", certificate.self_signed.to_string()),
        ("not_before", time(certificate.not_before)),
        ("not_after", time(certificate.not_after)),
    ]
    .into_iter()
}

fn quotation(quoted: &str) -> String {
    if quoted.is_empty() { String::new() } else { format!(" (“{quoted}”)") }
}
