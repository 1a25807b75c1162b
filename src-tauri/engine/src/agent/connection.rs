//! One client's connection: handshakes, clocks, limits, and what goes over it in which order.
//!
//! A request is read only when the one before is answered, but the socket is read all the time: pings are answered during
//! an hour-long backup, and a client that has gone is noticed.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io::ErrorKind;
use std::net::IpAddr;
use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{broadcast, watch};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, sleep_until, timeout, timeout_at};
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::CapacityError;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Bytes, Error as WsError, Message};

use super::backups::Progress;
use super::dialogue::{self, Answer, Question, Reply, Unreadable};
use super::download::{Download, Piece, pieces};
use super::meter::Meter;
use super::places::Place;
use super::user::User;
use super::{Core, limits};
use crate::protocol::frame::{Frame, Kind};
use crate::protocol::{DownloadEnd, MAX_MESSAGE, action, code, farewell};

const TOO_BIG: &str = "message too big";
const OTHER_PROTOCOL: &str = "This backup agent speaks protocol version 3: plain JSON messages without stream headers";

/// Talks with one client to the end.
pub(super) async fn serve(
    core: Arc<Core>,
    tcp: TcpStream,
    (place, address): (Place, IpAddr),
    acceptor: TlsAcceptor,
    stopped: watch::Receiver<bool>,
) {
    let first_request = Instant::now() + limits::FIRST_REQUEST;
    let handshake = async {
        // Without it the last packet of an answer waits for the client's acknowledgement.
        let _ = tcp.set_nodelay(true);
        let tls = acceptor.accept(tcp).await.ok()?;
        let stream = Meter::new(tls, limits::STRANGERS_MESSAGE);
        tokio_tungstenite::accept_async_with_config(stream, Some(limits::websocket())).await.ok()
    };
    let mut stopping = stopped.clone();
    let socket = tokio::select! {
        socket = timeout_at(first_request, handshake) => socket.ok().flatten(),
        _ = stopping.changed() => None,
        () = place.is_lost() => None,
    };
    if let Some(socket) = socket {
        Connection::new(core, socket, (place, address), stopped, first_request).serve().await;
    }
}

struct Connection<S> {
    core: Arc<Core>,
    socket: WebSocketStream<Meter<S>>,
    place: Place,
    address: IpAddr,
    stopped: watch::Receiver<bool>,
    /// Requests that came before the one before them was answered.
    waiting: VecDeque<Message>,
    /// Until when the next request must have come.
    deadline: Instant,
    pings: Interval,
    /// Whether a ping is out that was not answered.
    is_pinged: bool,
    /// Whether bytes of a file are being sent: nothing else may come between, and the client may be slow to read pings.
    is_sending: bool,
    user: Option<User>,
    progress: Option<broadcast::Receiver<Progress>>,
    /// The running backup, and whether this user may be told of it.
    may_watch: Option<(u64, bool)>,
}

/// The conversation is over; with what it is closed, if anybody is there to be told.
struct Gone(Option<CloseFrame>);

/// What happens on a connection.
enum Happening {
    Came(Option<Result<Message, WsError>>),
    PingIsDue,
    Progress(Result<Progress, broadcast::error::RecvError>),
    Stopping,
    PlaceIsLost,
}

type Outcome<T> = Result<T, Gone>;

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    fn new(
        core: Arc<Core>,
        socket: WebSocketStream<Meter<S>>,
        (place, address): (Place, IpAddr),
        stopped: watch::Receiver<bool>,
        deadline: Instant,
    ) -> Self {
        let mut pings = interval_at(Instant::now() + limits::PING, limits::PING);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            core,
            socket,
            place,
            address,
            stopped,
            waiting: VecDeque::new(),
            deadline,
            pings,
            is_pinged: false,
            is_sending: false,
            user: None,
            progress: None,
            may_watch: None,
        }
    }

    /// Talks to the end, and says goodbye.
    async fn serve(mut self) {
        let Err(Gone(end)) = self.talk().await;
        let farewell = async {
            if let Some(frame) = end {
                let _ = self.socket.send(Message::Close(Some(frame))).await;
            } else {
                // To a client that takes its leave, the library answers while it is read on.
                while let Some(Ok(_)) = self.socket.next().await {}
            }
            // What a client is still sending is read, or the system would take back what was sent to it.
            let (stream, mut rest) = (self.socket.get_mut(), [0; 4096]);
            stream.allow(usize::MAX);
            let _ = stream.shutdown().await;
            while stream.read(&mut rest).await.is_ok_and(|read| read > 0) {}
        };
        let _ = timeout(limits::FAREWELL, farewell).await;
    }

    async fn talk(&mut self) -> Outcome<Infallible> {
        loop {
            let message = self.next_request().await?;
            // The later framing's header is peeled off, and put on again around the answer.
            let frame = match &message {
                Message::Binary(bytes) => Frame::parse(bytes),
                _ => None,
            };
            let stream = frame.map(|frame| frame.stream);
            let question = match frame {
                Some(frame) => Question::parse(frame.payload),
                None => Question::parse(message_bytes(&message)),
            };
            drop(message);
            match (question, stream) {
                (Err(Unreadable::NotJson), _) => return Err(closing(CloseCode::Normal, "not JSON")),
                (Err(Unreadable::Unusable), _) => self.send_reply(stream, Reply::unusable()).await?,
                (Ok(question), Some(stream)) => self.answer_later(stream, question).await?,
                (Ok(question), None) => self.answer(question).await?,
            }
            let is_stranger = !self.user.as_ref().is_some_and(|user| user.may_back_up);
            let idle = if is_stranger { limits::IDLE_STRANGER } else { limits::IDLE_USER };
            self.deadline = Instant::now() + idle;
        }
    }

    async fn answer(&mut self, question: Question) -> Outcome<()> {
        let work = dialogue::answer(Arc::clone(&self.core), self.address, question);
        let Answer { reply, download, user, listens, .. } = self.meanwhile(work).await?;
        if let Some(user) = user {
            self.signed_in(user);
        }
        if listens && self.progress.is_none() {
            self.progress = Some(self.core.backups.listen());
        }
        self.send_reply(None, reply).await?;
        match download {
            Some(download) => self.send_file(download).await,
            None => Ok(()),
        }
    }

    /// To a client of the later framing all is refused but `server_info`, from which it learns whom it talks to.
    async fn answer_later(&mut self, stream: u32, question: Question) -> Outcome<()> {
        let reply = if question.is_server_info() {
            let work = dialogue::answer(Arc::clone(&self.core), self.address, question);
            self.meanwhile(work).await?.reply
        } else {
            Reply::refusal(code::BAD_REQUEST, OTHER_PROTOCOL)
        };
        self.send_reply(Some(stream), reply).await
    }

    /// In the framing of the request: the later one, if that came on a stream.
    async fn send_reply(&mut self, stream: Option<u32>, reply: Reply) -> Outcome<()> {
        let text = reply.into_text();
        let message = match stream {
            Some(stream) => {
                let frame = Frame { stream, kind: Kind::Conclusion, payload: text.as_bytes() };
                Message::binary(frame.to_bytes())
            }
            None => Message::text(text),
        };
        self.send(message).await
    }

    async fn send_file(&mut self, download: Download) -> Outcome<()> {
        let (username, backup, part) = download.title.clone();
        let (mut pieces, mut sent) = (pieces(download), 0_u64);
        self.is_sending = true;
        let outcome = loop {
            match self.meanwhile(pieces.recv()).await {
                Ok(Some(Piece::Bytes(bytes))) => {
                    let size = bytes.len() as u64;
                    if let Err(gone) = self.send(Message::binary(bytes)).await {
                        break Err(gone);
                    }
                    sent += size;
                }
                Ok(Some(Piece::End(sha256))) => {
                    self.is_sending = false;
                    break self.send(Message::text(Reply::of(&DownloadEnd { sha256 }, "success").into_text())).await;
                }
                Ok(Some(Piece::Changed)) => break Err(closing(CloseCode::Error, farewell::FILE_CHANGED)),
                Ok(Some(Piece::Broken) | None) => break Err(closing(CloseCode::Error, "the file cannot be read")),
                Err(gone) => break Err(gone),
            }
        };
        let told = match &outcome {
            Ok(()) => (code::OK, format!("{part}: {sent} bytes sent")),
            Err(_) => (code::FAILED, format!("{part}: broken off after {sent} bytes")),
        };
        let what = (told.0, told.1.as_str());
        self.core.note_backup_deed(self.address, &username, action::DOWNLOAD_BACKUP, Some(&backup), what);
        outcome
    }

    fn signed_in(&mut self, user: User) {
        // Who may do nothing here has what a stranger has.
        self.place.belongs_to(user.may_back_up.then_some(&user.name));
        self.socket.get_mut().allow(if user.may_back_up { MAX_MESSAGE } else { limits::STRANGERS_MESSAGE });
        self.user = Some(user);
        self.may_watch = None;
    }

    async fn next_request(&mut self) -> Outcome<Message> {
        while self.waiting.is_empty() {
            let deadline = self.deadline;
            let happening = tokio::select! {
                happening = self.happening() => happening,
                () = sleep_until(deadline) => return Err(closing(CloseCode::Policy, "no request for too long")),
            };
            self.see_to(happening).await?;
        }
        self.waiting.pop_front().ok_or(Gone(None))
    }

    /// Does `work` while the connection goes on living.
    async fn meanwhile<T>(&mut self, work: impl Future<Output = T>) -> Outcome<T> {
        tokio::pin!(work);
        loop {
            let happening = tokio::select! {
                done = &mut work => return Ok(done),
                happening = self.happening() => happening,
            };
            self.see_to(happening).await?;
        }
    }

    /// The next thing that happens. Nothing is lost if it is not waited for to the end.
    async fn happening(&mut self) -> Happening {
        let may_read = self.waiting.len() < limits::WAITING_REQUESTS;
        let progress = async {
            match &mut self.progress {
                Some(progress) => progress.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            came = self.socket.next(), if may_read => Happening::Came(came),
            _ = self.pings.tick() => Happening::PingIsDue,
            told = progress => Happening::Progress(told),
            _ = self.stopped.changed() => Happening::Stopping,
            () = self.place.is_lost() => Happening::PlaceIsLost,
        }
    }

    async fn see_to(&mut self, happening: Happening) -> Outcome<()> {
        match happening {
            Happening::Came(Some(Ok(message))) => self.take(message),
            Happening::Came(Some(Err(error))) if is_too_big(&error) => Err(closing(CloseCode::Size, TOO_BIG)),
            Happening::Came(Some(Err(WsError::Utf8(_)))) => Err(closing(CloseCode::Invalid, "not UTF-8")),
            Happening::Came(Some(Err(WsError::Protocol(_)))) => Err(closing(CloseCode::Protocol, "protocol error")),
            Happening::Came(Some(Err(_)) | None) => Err(Gone(None)),
            Happening::Stopping => Err(closing(CloseCode::Away, "the agent is stopping")),
            Happening::PlaceIsLost => Err(closing(CloseCode::Again, "too many connections")),
            Happening::Progress(Ok(progress)) => self.tell(progress).await,
            Happening::Progress(Err(_)) => Ok(()),
            Happening::PingIsDue => {
                let can_answer = self.waiting.len() < limits::WAITING_REQUESTS && !self.is_sending;
                if self.is_pinged && can_answer {
                    return Err(closing(CloseCode::Error, "keepalive ping timeout"));
                }
                self.is_pinged = true;
                self.send(Message::Ping(Bytes::new())).await
            }
        }
    }

    fn take(&mut self, message: Message) -> Outcome<()> {
        let stream = self.socket.get_mut();
        stream.begin();
        match message {
            Message::Text(_) | Message::Binary(_) if message.len() > stream.most() => {
                return Err(closing(CloseCode::Size, TOO_BIG));
            }
            Message::Text(_) | Message::Binary(_) => self.waiting.push_back(message),
            Message::Pong(_) => self.is_pinged = false,
            // The library has answered it.
            Message::Ping(_) | Message::Frame(_) => {}
            Message::Close(_) => return Err(Gone(None)),
        }
        Ok(())
    }

    /// Tells of a running backup whoever could ask for one when it begins: what is told names documents.
    async fn tell(&mut self, progress: Progress) -> Outcome<()> {
        if self.is_sending {
            return Ok(());
        }
        let Some(user) = &self.user else { return Ok(()) };
        let may_watch = match self.may_watch {
            Some((backup, may)) if backup == progress.backup => may,
            _ => {
                let may = user.may_still_back_up(&self.core, self.address).await;
                self.may_watch = Some((progress.backup, may));
                may
            }
        };
        match may_watch {
            true => self.send(Message::binary(Bytes::from(progress.text.to_string()))).await,
            false => Ok(()),
        }
    }

    async fn send(&mut self, message: Message) -> Outcome<()> {
        match timeout(limits::SEND, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(Gone(None)),
        }
    }
}

fn is_too_big(error: &WsError) -> bool {
    match error {
        WsError::Capacity(CapacityError::MessageTooLong { .. }) => true,
        WsError::Io(error) => error.kind() == ErrorKind::FileTooLarge,
        _ => false,
    }
}

fn closing(code: CloseCode, reason: &'static str) -> Gone {
    Gone(Some(CloseFrame { code, reason: reason.into() }))
}

fn message_bytes(message: &Message) -> &[u8] {
    match message {
        Message::Text(text) => text.as_bytes(),
        Message::Binary(bytes) => bytes,
        _ => &[],
    }
}

#[cfg(test)]
pub(super) mod tests;
