//! Whether the server is locked down: a state of the running server's memory alone, so it is asked.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::{SinkExt, StreamExt};
use rand::Rng;
use serde_json::{Value, json};
use tokio::net::TcpStream;
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
/// How long an answer is waited for. A server that does not run refuses at once.
const PATIENCE: Duration = Duration::from_secs(3);

/// Asks the server.
pub(super) struct Lockdown {
    host: String,
    port: u16,
    last: Mutex<Option<(Instant, bool)>>,
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

    /// Whether the server says that it is locked down. One that does not answer is not running, and locks nothing.
    pub(super) async fn is_on(&self) -> bool {
        let mut last = self.last.lock().await;
        if let Some((asked, is_on)) = *last
            && asked.elapsed() < FRESH
        {
            return is_on;
        }
        let is_on = timeout(PATIENCE, self.ask()).await.ok().flatten().unwrap_or(false);
        *last = Some((Instant::now(), is_on));
        is_on
    }

    async fn ask(&self) -> Option<bool> {
        // The later framing first: an older server hangs up on it at once, a later one would be silent on the other.
        if let Some(answer) = self.exchange(true).await {
            return Some(answer);
        }
        self.exchange(false).await
    }

    async fn exchange(&self, is_later: bool) -> Option<bool> {
        let tcp = TcpStream::connect((self.host.as_str(), self.port)).await.ok()?;
        let name = ServerName::try_from(self.host.clone()).ok()?;
        let stream = TlsConnector::from(Arc::new(client_config()?)).connect(name, tcp).await.ok()?;
        let url = format!("wss://{}:{}/", if self.host.contains(':') { "localhost" } else { &self.host }, self.port);
        let config = Some(limits::websocket());
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

/// Takes any certificate. No secret is sent to that server, and all that is believed of it is that it is locked down:
/// somebody else on its port could only refuse what would be allowed without it.
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
