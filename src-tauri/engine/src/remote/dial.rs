//! Getting a line to a server: name, TCP, TLS.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::Error as TlsError;
use tokio_rustls::rustls::pki_types::{IpAddr, ServerName};
use url::Host;

use super::address::Address;
use super::pins::KnownServers;
use super::trust::{Examiner, Trust};
use crate::certificate::{Certificate, Fingerprint};
use crate::error::{RemoteError, Result};

/// How long an address may take to answer.
const PATIENCE: Duration = Duration::from_secs(15);
/// Of who lets himself be called and says nothing.
pub(super) const NO_TLS_ANSWER: &str = "it does not answer to a TLS handshake";

/// A line to a server, before anything was said.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// What a [`Dial`] has got.
pub struct Dialled {
    /// The line.
    pub stream: Box<dyn Stream>,
    /// The certificate that the server showed, where the line is encrypted.
    pub certificate: Option<Certificate>,
}

/// Gets a line to one server, as often as one is needed. The network's is [`Network`].
pub trait Dial: Send + Sync {
    /// The server's address, for people.
    fn server(&self) -> String;
    /// Where to ask for a WebSocket, as a URL.
    fn url(&self) -> String;
    /// Gets a line. Whether the server is to be trusted is decided here.
    fn dial(&self) -> Pin<Box<dyn Future<Output = Result<Dialled>> + Send + '_>>;
}

/// The network: TCP, and TLS with trust decided on the certificate.
#[derive(Debug, Clone)]
pub struct Network {
    address: Address,
    known: Option<KnownServers>,
    given: Option<Fingerprint>,
    allow_unencrypted: bool,
}

impl Network {
    /// Lines to the server at `address`, which must show the certificate that is pinned in `known`, if one is.
    pub fn new(address: Address, known: Option<KnownServers>) -> Self {
        Self { address, known, given: None, allow_unencrypted: false }
    }

    /// The server must show a certificate of that fingerprint, which is pinned then: the person said yes to it.
    #[must_use]
    pub fn trusting(mut self, fingerprint: Option<Fingerprint>) -> Self {
        self.given = fingerprint;
        self
    }

    /// Whether `ws://` may go to other computers: the person said so for this server.
    #[must_use]
    pub fn allowing_unencrypted(mut self, allow: bool) -> Self {
        self.allow_unencrypted = allow;
        self
    }

    async fn call(&self) -> Result<Dialled> {
        let stream = self.tcp().await?;
        if !self.address.is_encrypted() {
            return Ok(Dialled { stream: Box::new(stream), certificate: None });
        }
        let pinned = self.known.as_ref().map(|known| known.pinned(&self.address)).transpose()?.flatten();
        let examiner = Arc::new(Examiner::new(Trust { pinned, given: self.given }, self.server()));
        let config = Examiner::configure(&examiner).map_err(|error| self.unreachable(error))?;
        let name = match self.address.kind() {
            Host::Domain(name) => ServerName::try_from(name.clone()).map_err(|error| self.unreachable(error))?,
            Host::Ipv4(ip) => ServerName::IpAddress(IpAddr::from(std::net::IpAddr::from(*ip))),
            Host::Ipv6(ip) => ServerName::IpAddress(IpAddr::from(std::net::IpAddr::from(*ip))),
        };
        let connected = timeout(PATIENCE, TlsConnector::from(Arc::new(config)).connect(name, stream)).await;
        let seen = examiner.take_seen();
        if let Some(refusal) = seen.refusal {
            return Err(refusal.into());
        }
        let stream = match connected {
            Ok(outcome) => outcome.map_err(|error| self.no_tls(&error))?,
            Err(_) => return Err(self.lost(NO_TLS_ANSWER)),
        };
        if let (None, Some(given), Some(known)) = (pinned, self.given, &self.known) {
            known.trust(&self.address, given)?;
        }
        Ok(Dialled { stream: Box::new(stream), certificate: seen.certificate })
    }

    async fn tcp(&self) -> Result<TcpStream> {
        let addresses =
            timeout(PATIENCE, self.resolve()).await.map_err(|_| self.unreachable("its name is not resolved"))?;
        let mut addresses = addresses.map_err(|error| self.unreachable(error))?;
        if !self.address.is_encrypted() && !self.allow_unencrypted {
            addresses.retain(|address| address.ip().to_canonical().is_loopback());
            if addresses.is_empty() {
                return Err(RemoteError::Unencrypted { server: self.server() }.into());
            }
        }
        let mut refused = None;
        for address in addresses {
            match timeout(PATIENCE, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    keep_alive(&stream);
                    return Ok(stream);
                }
                Ok(Err(error)) => drop(refused.get_or_insert(in_words(&error))),
                Err(_) => drop(refused.get_or_insert(format!("{} does not answer", address.ip()))),
            }
        }
        Err(self.unreachable(refused.unwrap_or_else(|| "its name has no address".to_owned())))
    }

    async fn resolve(&self) -> io::Result<Vec<SocketAddr>> {
        let port = self.address.port();
        Ok(match self.address.kind() {
            Host::Domain(name) => lookup_host((name.as_str(), port)).await?.collect(),
            Host::Ipv4(ip) => vec![(*ip, port).into()],
            Host::Ipv6(ip) => vec![(*ip, port).into()],
        })
    }

    fn no_tls(&self, error: &io::Error) -> crate::Error {
        let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<TlsError>());
        match (tls, error.kind()) {
            (Some(TlsError::InvalidMessage(_) | TlsError::InappropriateMessage { .. }), _) => {
                self.not_cfms("it does not speak TLS")
            }
            (None, io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset) => {
                self.lost("it hangs up at a TLS handshake")
            }
            (Some(tls), _) => self.unreachable(format!("TLS: {tls}")),
            (None, _) => self.unreachable(in_words(error)),
        }
    }

    fn unreachable(&self, problem: impl ToString) -> crate::Error {
        RemoteError::Unreachable { server: self.server(), problem: problem.to_string() }.into()
    }

    fn lost(&self, problem: &str) -> crate::Error {
        RemoteError::ConnectionLost { server: self.server(), problem: problem.to_owned() }.into()
    }

    fn not_cfms(&self, problem: &str) -> crate::Error {
        RemoteError::NotCfmsServer { server: self.server(), problem: problem.to_owned() }.into()
    }
}

impl Dial for Network {
    fn server(&self) -> String {
        self.address.to_string()
    }

    fn url(&self) -> String {
        self.address.url()
    }

    fn dial(&self) -> Pin<Box<dyn Future<Output = Result<Dialled>> + Send + '_>> {
        Box::pin(self.call())
    }
}

/// A server may be silent for hours while it works. That the line is dead, only the system can tell: it asks the other
/// end's system, not the server.
fn keep_alive(stream: &TcpStream) {
    let probes =
        TcpKeepalive::new().with_time(Duration::from_secs(30)).with_interval(Duration::from_secs(10)).with_retries(6);
    // A system that knows no such thing still has its own, slower one.
    let _ = SockRef::from(stream).set_tcp_keepalive(&probes);
    let _ = stream.set_nodelay(true);
}

/// What the system says of a line, where a library's own words would be no help.
pub(super) fn in_words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "nothing listens there".to_owned(),
        io::ErrorKind::UnexpectedEof => "the server hung up without a goodbye".to_owned(),
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => "the server hung up".to_owned(),
        io::ErrorKind::InvalidData => "what came is no TLS of this line".to_owned(),
        _ => error.to_string(),
    }
}
