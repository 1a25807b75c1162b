//! Where a server is, parsed once.

use std::fmt;

use url::Host;

use crate::error::{RemoteError, Result};
use crate::protocol::SERVER_PORT;

/// The address of a server: `HOST`, `HOST:PORT` or a URL `wss://HOST:PORT/PATH`.
///
/// The port is 5104 unless it is given. Host names are in lower case and ASCII (IDNA).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Address {
    is_encrypted: bool,
    host: Host<String>,
    port: u16,
    /// Behind a reverse proxy a server may have one; begins with a slash.
    path: String,
}

impl Address {
    /// Understands what a person writes.
    ///
    /// # Errors
    /// [`RemoteError::Address`], which says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self> {
        // A password in the address must not come back in a message.
        let told = text.rsplit_once('@').map_or(text, |(_, rest)| rest);
        read(text.trim()).map_err(|problem| RemoteError::Address { address: told.to_owned(), problem }.into())
    }

    /// The host, as it is written in a URL: `files.example.org`, `10.0.0.7`, `[::1]`.
    pub fn host(&self) -> String {
        self.host.to_string()
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether the line is encrypted: `wss://`.
    pub fn is_encrypted(&self) -> bool {
        self.is_encrypted
    }

    /// The host itself.
    pub(crate) fn kind(&self) -> &Host<String> {
        &self.host
    }

    /// All of it, for the WebSocket handshake.
    pub(crate) fn url(&self) -> String {
        let scheme = if self.is_encrypted { "wss" } else { "ws" };
        format!("{scheme}://{}:{}{}", self.host, self.port, self.path)
    }
}

/// As a person writes it: `files.example.org:5104`; a URL where that says more.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_encrypted && self.path == "/" {
            write!(f, "{}:{}", self.host, self.port)
        } else {
            f.write_str(&self.url())
        }
    }
}

fn read(text: &str) -> Result<Address, &'static str> {
    let (scheme, rest) = text.split_once("://").unwrap_or(("wss", text));
    let is_encrypted = match scheme.to_ascii_lowercase().as_str() {
        "wss" | "https" => true,
        "ws" | "http" => false,
        _ => return Err("its scheme is neither wss nor ws"),
    };
    if rest.contains(['?', '#']) {
        return Err("it has a query or a fragment");
    }
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    if authority.contains('@') {
        return Err("it holds a user name; give that separately");
    }
    let path = if path.is_empty() { "/" } else { path };
    if !path.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("its path holds characters that are none of a URL");
    }
    let (host, port) = host_and_port(authority)?;
    Ok(Address { is_encrypted, host, port, path: path.to_owned() })
}

fn host_and_port(authority: &str) -> Result<(Host<String>, u16), &'static str> {
    let is_bare_ipv6 = !authority.starts_with('[') && authority.matches(':').count() > 1;
    let (host, port) = match authority.rsplit_once(':') {
        _ if is_bare_ipv6 => (format!("[{authority}]"), None),
        Some((host, port)) if !port.ends_with(']') => (host.to_owned(), Some(port)),
        _ => (authority.to_owned(), None),
    };
    let port = match port {
        None => SERVER_PORT,
        Some(digits) => {
            let port = digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten();
            port.filter(|&port| port > 0).ok_or("its port is no number from 1 to 65535")?
        }
    };
    if host.is_empty() {
        return Err("it names no host");
    }
    let host = Host::parse(&host).map_err(|_| "its host is neither a name nor an IP address")?;
    Ok((host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_as_people_write_it() {
        for (text, shown, url) in [
            ("files.example.org", "files.example.org:5104", "wss://files.example.org:5104/"),
            (" FILES.example.org:443 ", "files.example.org:443", "wss://files.example.org:443/"),
            ("wss://files.example.org", "files.example.org:5104", "wss://files.example.org:5104/"),
            ("wss://files.example.org:443/", "files.example.org:443", "wss://files.example.org:443/"),
            ("https://x.org/cfms", "wss://x.org:5104/cfms", "wss://x.org:5104/cfms"),
            ("ws://127.0.0.1:5105", "ws://127.0.0.1:5105/", "ws://127.0.0.1:5105/"),
            ("10.0.0.7", "10.0.0.7:5104", "wss://10.0.0.7:5104/"),
            ("::1", "[::1]:5104", "wss://[::1]:5104/"),
            ("[::1]:99", "[::1]:99", "wss://[::1]:99/"),
            ("文件.example", "xn--5nqy36c.example:5104", "wss://xn--5nqy36c.example:5104/"),
        ] {
            let address = Address::parse(text).unwrap();
            assert_eq!((address.to_string().as_str(), address.url().as_str()), (shown, url), "{text}");
            assert_eq!(Address::parse(&address.to_string()).unwrap(), address);
        }
    }

    #[test]
    fn what_is_no_address_is_refused_and_no_password_is_repeated() {
        for text in [
            "",
            ":5104",
            "wss://",
            "x:0",
            "x:65536",
            "x:+5",
            "x:",
            "a b",
            "ftp://x",
            "x?y",
            "x/#y",
            "[::1",
            "[x]:1",
            "a/\u{202e}",
            "wss://admin:hunter2@x",
        ] {
            let error = Address::parse(text).unwrap_err();
            assert_eq!(error.code(), crate::Code::ServerAddress, "{text}");
            assert!(!format!("{error} {:?}", error.params()).contains("hunter2"));
        }
    }
}
