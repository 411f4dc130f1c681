//! The socket under hyper: what hyper writes that Core's clients expect otherwise, and an end to writes that no one
//! takes.
//!
//! hyper title-cases header names as `Www-Authenticate`, and answers an oversized head with 431 where Core says 400.
//! Both are heads that start a write, so they are recognized at its first bytes.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};

const CHALLENGE_HEAD: &[u8] = b"HTTP/1.1 401 ";
const CHALLENGE_AS_WRITTEN: &[u8] = b"\r\nWww-Authenticate: ";
const CHALLENGE: &[u8] = b"\r\nWWW-Authenticate: ";
const TOO_LARGE_LINE: &[u8] = b"HTTP/1.1 431 Request Header Fields Too Large\r\n";
const BAD_REQUEST_LINE: &[u8] = b"HTTP/1.1 400 Bad Request\r\n";

/// A connection's socket.
pub(super) struct Wire {
    stream: TcpStream,
    /// A head that replaces the one hyper wrote, and how much of it is sent.
    replaced: Option<(Vec<u8>, usize)>,
    /// How long a write may make no progress; `None`: for ever.
    patience: Option<Duration>,
    stalled: Option<Pin<Box<Sleep>>>,
}

/// The head that is sent instead of the one at the start of `bytes`, if that needs replacing. Everything hyper writes
/// with it is taken along.
fn replacement(bytes: &[u8]) -> Option<Vec<u8>> {
    if let Some(rest) = bytes.strip_prefix(TOO_LARGE_LINE) {
        return Some([BAD_REQUEST_LINE, rest].concat());
    }
    if bytes.starts_with(CHALLENGE_HEAD) {
        let at = bytes.windows(CHALLENGE.len()).position(|window| window == CHALLENGE_AS_WRITTEN)?;
        let mut head = bytes.to_vec();
        head[at..at + CHALLENGE.len()].copy_from_slice(CHALLENGE);
        return Some(head);
    }
    None
}

impl Wire {
    pub(super) fn new(stream: TcpStream, patience: Option<Duration>) -> Self {
        Self { stream, replaced: None, patience, stalled: None }
    }

    /// Passes a write's outcome on, unless it has been pending for too long.
    fn watch<T>(&mut self, context: &mut Context<'_>, poll: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if poll.is_ready() {
            self.stalled = None;
            return poll;
        }
        let Some(patience) = self.patience else { return Poll::Pending };
        let timer =
            self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(Instant::now() + patience)));
        ready!(timer.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    /// Sends what is left of a replaced head.
    fn send_replaced(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some((bytes, sent)) = &mut self.replaced {
            let poll = Pin::new(&mut self.stream).poll_write(context, &bytes[*sent..]);
            if let Poll::Ready(Ok(count)) = &poll {
                *sent += count;
                if *count == 0 {
                    return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
                }
                if *sent == bytes.len() {
                    self.replaced = None;
                }
            }
            ready!(self.watch(context, poll))?;
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let wire = self.get_mut();
        ready!(wire.send_replaced(context))?;
        if let Some(head) = replacement(bytes) {
            // Taken over whole; the flush that hyper does next sends it.
            wire.replaced = Some((head, 0));
            return Poll::Ready(Ok(bytes.len()));
        }
        let poll = Pin::new(&mut wire.stream).poll_write(context, bytes);
        wire.watch(context, poll)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match slices.iter().find(|slice| !slice.is_empty()) {
            Some(first) if replacement(first).is_some() => self.poll_write(context, first),
            _ => {
                let wire = self.get_mut();
                ready!(wire.send_replaced(context))?;
                let poll = Pin::new(&mut wire.stream).poll_write_vectored(context, slices);
                wire.watch(context, poll)
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let wire = self.get_mut();
        ready!(wire.send_replaced(context))?;
        Pin::new(&mut wire.stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let wire = self.get_mut();
        ready!(wire.send_replaced(context))?;
        Pin::new(&mut wire.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_two_heads_are_replaced() {
        assert_eq!(
            replacement(b"HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Length: 0\r\n\r\n")
                .unwrap(),
            b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"
        );
        assert_eq!(
            replacement(b"HTTP/1.1 401 Unauthorized\r\nA: b\r\nWww-Authenticate: Basic\r\n\r\n").unwrap(),
            b"HTTP/1.1 401 Unauthorized\r\nA: b\r\nWWW-Authenticate: Basic\r\n\r\n"
        );
        for other in
            [b"HTTP/1.1 200 OK\r\nWww-Authenticate: x\r\n\r\n".as_slice(), b"HTTP/1.1 401 X\r\n\r\n", b""]
        {
            assert_eq!(replacement(other), None);
        }
    }
}
