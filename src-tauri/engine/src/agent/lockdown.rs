//! Whether the server is locked down: a state of the running server's memory alone, so it is asked.

use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::{SinkExt, StreamExt};
use rand::Rng;
use serde_json::{Value, json};
use tokio::net::{TcpStream, lookup_host};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{self, ClientConfig, DigitallySignedStruct, SignatureScheme};
use tokio_tungstenite::tungstenite::Message;

use super::limits;
use crate::hex;
use crate::protocol::frame::{Frame, Kind};
use crate::protocol::{FromServer, Request, action};

/// How long an answer is as good as a new one.
const FRESH: Duration = Duration::from_secs(2);
/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(3);

/// What is known of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// The server says so, or does not run.
    Off,
    /// The server says so.
    On,
    /// Something accepts connections on the server's port and has never said.
    Unknown,
}

/// Asks the server.
pub(super) struct Lockdown {
    host: String,
    port: u16,
    last: Mutex<Option<(Instant, State)>>,
}

impl Lockdown {
    /// Asks the server that listens on `host` and `port`.
    pub(super) fn of(host: &str, port: u16) -> Self {
        // A server that listens everywhere is found here.
        let host = match host {
            "" | "0.0.0.0" => "127.0.0.1",
            "::" | "[::]" => "::1",
            host => host,
        };
        Self { host: host.to_owned(), port, last: Mutex::default() }
    }

    /// What the server says. Of one that is too busy to answer, what it said last holds on: only where nobody listens is
    /// there no server, whose lockdown has ended with it.
    pub(super) async fn state(&self) -> State {
        let mut last = self.last.lock().await;
        if let Some((asked, state)) = *last
            && asked.elapsed() < FRESH
        {
            return state;
        }
        let answer = timeout(PATIENCE, self.ask()).await.ok().flatten();
        let state = answer.or(last.map(|(_, state)| state)).unwrap_or(State::Unknown);
        *last = Some((Instant::now(), state));
        state
    }

    async fn ask(&self) -> Option<State> {
        // The later framing first: an older server hangs up on it at once, a later one would be silent on the other.
        for is_later in [true, false] {
            match self.connect().await.ok()? {
                None => return Some(State::Off),
                Some(tcp) => match exchange(tcp, is_later).await {
                    Some(is_on) => return Some(if is_on { State::On } else { State::Off }),
                    None => continue,
                },
            }
        }
        None
    }

    /// `None` where nobody listens.
    async fn connect(&self) -> io::Result<Option<TcpStream>> {
        let mut outcome = Err(io::ErrorKind::AddrNotAvailable.into());
        for address in lookup_host((self.host.as_str(), self.port)).await? {
            match TcpStream::connect(address).await {
                Ok(tcp) => return Ok(Some(tcp)),
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => outcome = Ok(None),
                // A name may stand for an address that this machine has not got, beside one that it has.
                Err(_) => {}
            }
        }
        outcome
    }
}

/// Whether the server says that it is locked down; `None` if it says neither.
async fn exchange(tcp: TcpStream, is_later: bool) -> Option<bool> {
    let address = tcp.peer_addr().ok()?;
    let name = ServerName::from(address.ip());
    let stream = TlsConnector::from(Arc::new(client_config()?)).connect(name, tcp).await.ok()?;
    let config = Some(limits::websocket());
    let url = format!("wss://{address}/");
    let (mut socket, _) = tokio_tungstenite::client_async_with_config(url, stream, config).await.ok()?;
    socket.send(question(is_later)).await.ok()?;
    while let Some(Ok(message)) = socket.next().await {
        let answer = match &message {
            Message::Binary(bytes) if is_later => Frame::parse(bytes).map(|frame| frame.payload),
            Message::Text(text) if !is_later => Some(text.as_bytes()),
            Message::Close(_) => return None,
            _ => None,
        };
        // What has an action and no code is a broadcast, and may come before the answer.
        if let Some(Ok(FromServer::Response(response))) = answer.map(FromServer::parse) {
            let _ = socket.close(None).await;
            return response.data.get("lockdown").and_then(Value::as_bool);
        }
    }
    None
}

fn question(is_later: bool) -> Message {
    let mut request = Request::new(action::SERVER_INFO, json!({}));
    if is_later {
        let mut nonce = [0; 16];
        rand::rng().fill_bytes(&mut nonce);
        request.nonce = Some(hex::encode(&nonce));
        request.timestamp = Some(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64());
    }
    // Texts and numbers are always JSON.
    let text = serde_json::to_string(&request).unwrap_or_default();
    match is_later {
        true => Message::binary(Frame { stream: 1, kind: Kind::More, payload: text.as_bytes() }.to_bytes()),
        false => Message::text(text),
    }
}

fn client_config() -> Option<ClientConfig> {
    let provider = Arc::new(ring::default_provider());
    let builder =
        ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions().ok()?;
    Some(builder.dangerous().with_custom_certificate_verifier(Arc::new(Anyone(provider))).with_no_client_auth())
}

/// Takes any certificate: a server's is self-signed, and replaced while the agent runs. No secret is sent there, and all that
/// is believed is one bit, of whoever holds the server's own port.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
