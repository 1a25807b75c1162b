//! A stream that gives only so many bytes until it is told to go on: what a message may cost, while it is still under way.

use std::io::{ErrorKind, Result};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes that a message of the greatest size may take beside itself: frame headers, pings, and the beginning of the next.
const BESIDE: usize = 16 * 1024;

/// Measures what is read from a stream.
pub(super) struct Meter<S> {
    stream: S,
    most: usize,
    left: usize,
}

impl<S> Meter<S> {
    /// Gives about `most` bytes for a message.
    pub(super) fn new(stream: S, most: usize) -> Self {
        Self { stream, most, left: most + BESIDE }
    }

    /// How many bytes a message may have.
    pub(super) fn most(&self) -> usize {
        self.most
    }

    /// Gives `most` bytes for a message from now on.
    pub(super) fn allow(&mut self, most: usize) {
        self.most = most;
        self.begin();
    }

    /// A message has come whole: the next is measured anew.
    pub(super) fn begin(&mut self) {
        self.left = self.most.saturating_add(BESIDE);
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Meter<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        if self.left == 0 {
            return Poll::Ready(Err(ErrorKind::FileTooLarge.into()));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        self.left = self.left.saturating_sub(buffer.filled().len() - before);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Meter<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
