//! One WebSocket to a server: a request, its answer, the next request.
//!
//! A task of its own reads and writes, so that pings are answered while nobody waits for anything; when the handle is
//! dropped, the task says goodbye and ends. What arrives while nobody asked is a broadcast and is passed over. A request
//! that was given up leaves an answer on its way that would be taken for the next one's: such a connection is over.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde::Serialize;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::error::{CapacityError, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Bytes, Error as WsError, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use super::confidence;
use super::dial::{Dial, in_words};
use super::overheard::Overheard;
use super::quoting::Unsaid;
use crate::archive::key::fill_random;
use crate::certificate::Certificate;
use crate::clock::unix_now;
use crate::error::{Error, RemoteError, Result};
use crate::hex;
use crate::protocol::frame::{Frame, Kind};
use crate::protocol::{Broadcast, FromServer, MAX_MESSAGE, Request, Response, code};

/// How long a server may take to agree to a WebSocket.
const HANDSHAKE: Duration = Duration::from_secs(15);
/// Of who lets himself be called and says nothing.
pub(super) const NO_ANSWER: &str = "it does not answer to a WebSocket handshake";
/// How long a goodbye may take.
const GOODBYE: Duration = Duration::from_secs(1);
/// Messages that may wait to be looked at. More are left on the line.
const WAITING: usize = 4;

/// How the JSON of a message is wrapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// It is a text message.
    Plain,
    /// Servers from 2026 on: a binary message of a numbered stream.
    Streams,
}

/// A WebSocket to a server.
pub(crate) struct Connection {
    server: String,
    unsaid: Unsaid,
    framing: Framing,
    certificate: Option<Certificate>,
    /// The stream of the last request, in the later framing.
    stream: u32,
    outgoing: mpsc::Sender<Message>,
    incoming: mpsc::Receiver<Result<Message>>,
    /// Whether anybody waits for what comes in.
    is_asked: Arc<AtomicBool>,
    /// With what words the server closed it.
    farewell: Arc<OnceLock<String>>,
    /// Whether an answer is still on its way.
    in_flight: bool,
}

impl Connection {
    /// Gets a line and makes a WebSocket of it. What is `unsaid` is in no error of it.
    pub(crate) async fn open(dial: &dyn Dial, framing: Framing, unsaid: &Unsaid) -> Result<Self> {
        let dialled = dial.dial().await?;
        let server = dial.server();
        let config = WebSocketConfig::default()
            .max_message_size(Some(MAX_MESSAGE))
            .max_frame_size(Some(MAX_MESSAGE))
            .max_write_buffer_size(4 * MAX_MESSAGE);
        let (stream, beginning) = Overheard::new(dialled.stream);
        let handshake = client_async_with_config(dial.url(), stream, Some(config));
        let socket = match timeout(HANDSHAKE, handshake).await {
            Ok(Ok((socket, _))) => socket,
            Ok(Err(error)) => return Err(no_websocket(dial, &error, &beginning.heard(), unsaid)),
            Err(_) => return Err(RemoteError::ConnectionLost { server, problem: NO_ANSWER.to_owned() }.into()),
        };
        let (outgoing, requests) = mpsc::channel(1);
        let (answers, incoming) = mpsc::channel(WAITING);
        let (is_asked, farewell) = (Arc::<AtomicBool>::default(), Arc::<OnceLock<_>>::default());
        let pump = Pump {
            socket,
            server: server.clone(),
            unsaid: unsaid.clone(),
            answers,
            is_asked: Arc::clone(&is_asked),
            farewell: Arc::clone(&farewell),
        };
        tokio::spawn(pump.run(requests));
        let certificate = dialled.certificate;
        let (unsaid, stream, in_flight) = (unsaid.clone(), 0, false);
        Ok(Self { server, unsaid, framing, certificate, stream, outgoing, incoming, is_asked, farewell, in_flight })
    }

    /// The certificate that the server showed.
    pub(crate) fn certificate(&self) -> Option<&Certificate> {
        self.certificate.as_ref()
    }

    /// Whether the server has closed it with these words.
    pub(crate) fn was_closed_with(&self, reason: &str) -> bool {
        self.farewell.get().is_some_and(|said| said == reason)
    }

    /// Whether it can still be used, as far as is known here. What arrived unasked is passed over.
    pub(crate) fn is_alive(&mut self) -> bool {
        loop {
            match self.incoming.try_recv() {
                Ok(Ok(_)) => {}
                Err(mpsc::error::TryRecvError::Empty) => return !self.in_flight,
                Ok(Err(_)) | Err(mpsc::error::TryRecvError::Disconnected) => return false,
            }
        }
    }

    /// Sends a request and waits for its answer, for `patience` at the most; broadcasts in between are told to `hear`.
    pub(crate) async fn ask<D: Serialize>(
        &mut self,
        request: Request<D>,
        patience: Option<Duration>,
        hear: &mut (dyn FnMut(Broadcast) + Send),
    ) -> Result<Response> {
        let confides = confidence::is_one(&request.action);
        self.send(request).await?;
        let mut response = self.answer(patience, hear).await?;
        self.conclude();
        if confides && response.code != code::OK {
            confidence::withhold_words(&mut response);
        }
        Ok(response)
    }

    /// Sends a request. What comes is for it, until it is [concluded](Self::conclude).
    pub(crate) async fn send<D: Serialize>(&mut self, request: Request<D>) -> Result<()> {
        if !self.is_alive() {
            return Err(self.lost("it is closed"));
        }
        let message = self.encode(request)?;
        self.in_flight = true;
        self.is_asked.store(true, Ordering::SeqCst);
        match self.outgoing.send(message).await {
            Ok(()) => Ok(()),
            Err(_) => Err(self.ending().await),
        }
    }

    /// All that was to come has come.
    pub(crate) fn conclude(&mut self) {
        self.in_flight = false;
        self.is_asked.store(false, Ordering::SeqCst);
    }

    /// Waits for an answer, for `patience` at the most; broadcasts before it are told to `hear`.
    pub(crate) async fn answer(
        &mut self,
        patience: Option<Duration>,
        hear: &mut (dyn FnMut(Broadcast) + Send),
    ) -> Result<Response> {
        let server = self.server.clone();
        let answer = self.next_answer(hear);
        match patience {
            None => answer.await,
            Some(patience) => timeout(patience, answer)
                .await
                .unwrap_or_else(|_| Err(RemoteError::Silent { server, seconds: patience.as_secs() }.into())),
        }
    }

    async fn next_answer(&mut self, hear: &mut (dyn FnMut(Broadcast) + Send)) -> Result<Response> {
        loop {
            let message = self.receive().await?;
            let bytes = message.into_data();
            let payload = match self.framing {
                Framing::Plain => &bytes[..],
                Framing::Streams => match Frame::parse(&bytes) {
                    Some(Frame { stream, payload, .. }) if stream == self.stream && !payload.is_empty() => payload,
                    Some(_) => continue,
                    None => return Err(self.odd("a message is not of this server's framing", &bytes)),
                },
            };
            match FromServer::parse(payload) {
                Ok(FromServer::Response(response)) => return Ok(response),
                Ok(FromServer::Broadcast(broadcast)) => hear(broadcast),
                Err(error) if error.is_data() => return Err(self.odd("an answer has another shape", payload)),
                Err(_) => return Err(self.odd("an answer is not JSON", payload)),
            }
        }
    }

    /// The next piece of a file, within `patience`. What comes instead, as an answer that ends the transfer, is an error.
    pub(crate) async fn bytes(&mut self, patience: Duration) -> Result<Bytes> {
        let message = match timeout(patience, self.receive()).await {
            Ok(message) => message?,
            Err(_) => return Err(self.lost(&format!("nothing came for {} s", patience.as_secs()))),
        };
        match message {
            Message::Binary(bytes) => Ok(bytes),
            other => Err(self.odd("a text came where a file was expected", &other.into_data())),
        }
    }

    async fn receive(&mut self) -> Result<Message> {
        match self.incoming.recv().await {
            Some(message) => message,
            None => Err(self.lost("it is closed")),
        }
    }

    /// Why the connection ended.
    async fn ending(&mut self) -> Error {
        loop {
            match self.incoming.recv().await {
                Some(Ok(_)) => {}
                Some(Err(error)) => return error,
                None => return self.lost("it is closed"),
            }
        }
    }

    fn encode<D: Serialize>(&mut self, mut request: Request<D>) -> Result<Message> {
        if self.framing == Framing::Streams {
            let mut nonce = [0; 16];
            fill_random(&mut nonce)?;
            request.nonce = Some(hex::encode(&nonce));
            request.timestamp = Some(unix_now());
            // The client's are the odd ones.
            self.stream = if self.stream == 0 { 1 } else { self.stream.wrapping_add(2) };
        }
        let text = serde_json::to_string(&request).map_err(|_| self.odd("a request cannot be written", b""))?;
        if text.len() > MAX_MESSAGE {
            return Err(self.odd("a request is larger than a server takes", b""));
        }
        Ok(match self.framing {
            Framing::Plain => Message::text(text),
            Framing::Streams => {
                let frame = Frame { stream: self.stream, kind: Kind::More, payload: text.as_bytes() };
                Message::binary(frame.to_bytes())
            }
        })
    }

    fn lost(&self, problem: &str) -> Error {
        RemoteError::ConnectionLost { server: self.server.clone(), problem: problem.to_owned() }.into()
    }

    fn odd(&self, problem: &'static str, message: &[u8]) -> Error {
        RemoteError::Protocol { server: self.server.clone(), problem, quoted: self.unsaid.quoted(message) }.into()
    }
}

/// Reads and writes until one of the two ends hangs up.
struct Pump {
    socket: WebSocketStream<Overheard>,
    server: String,
    unsaid: Unsaid,
    answers: mpsc::Sender<Result<Message>>,
    is_asked: Arc<AtomicBool>,
    farewell: Arc<OnceLock<String>>,
}

impl Pump {
    async fn run(mut self, mut requests: mpsc::Receiver<Message>) {
        let mut farewell = None;
        let ending = loop {
            tokio::select! {
                request = requests.recv() => match request {
                    None => {
                        // Nobody is left to hear how it went.
                        let _ = timeout(GOODBYE, self.socket.close(None)).await;
                        return;
                    }
                    Some(message) => if let Err(error) = self.socket.send(message).await {
                        break self.lost(&error, farewell);
                    },
                },
                message = self.socket.next() => match message {
                    Some(Ok(message @ (Message::Text(_) | Message::Binary(_)))) => {
                        if !self.hand_over(message).await {
                            return;
                        }
                    }
                    // Reading on answers a ping, and completes a close.
                    Some(Ok(Message::Close(frame))) => {
                        if let Some(frame) = &frame {
                            let _ = self.farewell.set(frame.reason.to_string());
                        }
                        farewell = frame;
                    }
                    Some(Ok(_)) => {}
                    Some(Err(error)) => break self.lost(&error, farewell),
                    None => break self.lost(&WsError::ConnectionClosed, farewell),
                },
            }
        };
        let _ = self.answers.send(Err(ending)).await;
    }

    /// `false` if nobody is left.
    async fn hand_over(&mut self, message: Message) -> bool {
        match self.answers.try_send(Ok(message)) {
            Ok(()) => true,
            Err(mpsc::error::TrySendError::Closed(_)) => false,
            // Where nobody waits it is a broadcast that nobody hears.
            Err(mpsc::error::TrySendError::Full(_)) if !self.is_asked.load(Ordering::SeqCst) => true,
            Err(mpsc::error::TrySendError::Full(message)) => self.answers.send(message).await.is_ok(),
        }
    }

    fn lost(&self, error: &WsError, farewell: Option<CloseFrame>) -> Error {
        let server = self.server.clone();
        let protocol = |problem, quoted| RemoteError::Protocol { server: server.clone(), problem, quoted };
        let problem = match (error, farewell) {
            (WsError::Capacity(CapacityError::MessageTooLong { size, .. }), _) => {
                return protocol("a message is larger than 1 MiB", format!("{size} bytes")).into();
            }
            (WsError::Utf8(_), _) => return protocol("a text message is not UTF-8", String::new()).into(),
            (WsError::Protocol(error), None) if !is_broken_line(error) => {
                return protocol("the WebSocket protocol is not kept", error.to_string()).into();
            }
            (_, Some(frame)) => match frame.code {
                CloseCode::Size => return protocol("the request was too large for it", String::new()).into(),
                code => {
                    let reason = if frame.reason.is_empty() {
                        String::new()
                    } else {
                        format!(", “{}”", self.unsaid.cleaned(&frame.reason))
                    };
                    format!("the server closed it (code {}{reason})", u16::from(code))
                }
            },
            (WsError::Io(error), None) => in_words(error),
            (_, None) => "the server hung up".to_owned(),
        };
        RemoteError::ConnectionLost { server, problem }.into()
    }
}

fn is_broken_line(error: &ProtocolError) -> bool {
    matches!(error, ProtocolError::ResetWithoutClosingHandshake | ProtocolError::SendAfterClosing)
}

/// Why there was no WebSocket: a break, which may mend, or something that is no server of ours, going by the `beginning`
/// of its answer.
fn no_websocket(dial: &dyn Dial, error: &WsError, beginning: &[u8], unsaid: &Unsaid) -> Error {
    let server = dial.server();
    let hangs_up = match dial.url().starts_with("ws:") {
        // Many a TLS port does nothing else.
        true => "it hangs up at a WebSocket handshake; if it speaks TLS, use wss://",
        false => "it hangs up at a WebSocket handshake",
    };
    match error {
        WsError::Io(error) if error.kind() != io::ErrorKind::ConnectionReset => {
            RemoteError::ConnectionLost { server, problem: in_words(error) }
        }
        WsError::Io(_) | WsError::Protocol(ProtocolError::HandshakeIncomplete) => {
            RemoteError::ConnectionLost { server, problem: hangs_up.to_owned() }
        }
        WsError::Http(response) => {
            let status = response.status();
            let problem = format!("it answers like a web server, with HTTP {}", status.as_u16());
            match status.is_server_error() {
                // A proxy whose server is not back yet.
                true => RemoteError::ConnectionLost { server, problem },
                false => RemoteError::NotCfmsServer { server, problem },
            }
        }
        _ => RemoteError::NotCfmsServer { server, problem: kind_of(beginning, unsaid) },
    }
    .into()
}

/// What begins its answer to a WebSocket handshake like that.
fn kind_of(beginning: &[u8], unsaid: &Unsaid) -> String {
    match beginning {
        // An alert of TLS, or one of its handshakes.
        [0x15 | 0x16, 3, ..] => "it speaks TLS: use wss://".to_owned(),
        [b'H', b'T', b'T', b'P', b'/', ..] => "it is a web server".to_owned(),
        other => format!("it answers to a WebSocket handshake with “{}”", unsaid.quoted(other)),
    }
}
