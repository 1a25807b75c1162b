//! A line whose first bytes are kept: a failed handshake is told by what came instead.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::dial::Stream;

/// Bytes that are kept.
const MOST: usize = 80;

/// A line, and an ear at it.
pub(super) struct Overheard {
    line: Box<dyn Stream>,
    beginning: Beginning,
}

/// The first bytes that came.
#[derive(Clone, Default)]
pub(super) struct Beginning(Arc<Mutex<Vec<u8>>>);

impl Overheard {
    pub(super) fn new(line: Box<dyn Stream>) -> (Self, Beginning) {
        let beginning = Beginning::default();
        (Self { line, beginning: beginning.clone() }, beginning)
    }
}

impl Beginning {
    pub(super) fn heard(&self) -> Vec<u8> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn hear(&self, bytes: &[u8]) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = bytes.len().min(MOST.saturating_sub(kept.len()));
        kept.extend_from_slice(&bytes[..wanted]);
    }
}

impl AsyncRead for Overheard {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.line).poll_read(cx, buf))?;
        self.beginning.hear(&buf.filled()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Overheard {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.line).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.line).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.line).poll_shutdown(cx)
    }
}
