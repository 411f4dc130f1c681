//! The two tasks that serve a peer's socket.

use super::{Network, PeerLink, Received};
use crate::p2p::wire::{Frame, FrameReader};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

/// How much is read at once.
const READ_CHUNK: usize = 16 << 10;
/// How long the last frames of an ended connection may take to go out.
const FAREWELL: Duration = Duration::from_secs(1);

/// Serves a socket until the connection is closed by either side.
pub(super) fn start(network: &Arc<Network>, link: &Arc<PeerLink>, stream: TcpStream) {
    let (read, write) = stream.into_split();
    let (reader_network, reader_link) = (network.clone(), link.clone());
    tokio::spawn(async move {
        tokio::select! {
            () = reader_link.closed() => {}
            reason = receive(&reader_network, &reader_link, read) => {
                if !reader_link.is_closed() {
                    tracing::debug!(target: "net", "{reason}, disconnecting peer={}", reader_link.id());
                }
            }
        }
        reader_network.note_unfinished(&reader_link, 0);
        reader_network.disconnect(&reader_link);
    });
    let (network, link) = (network.clone(), link.clone());
    tokio::spawn(async move {
        if let Err(error) = send(&network, &link, write).await
            && !link.is_closed()
        {
            tracing::debug!(target: "net", "socket send error, disconnecting peer={}: {error}", link.id());
        }
        network.disconnect(&link);
    });
}

/// Reads until there is a reason to stop, and returns it.
async fn receive(network: &Network, link: &PeerLink, mut stream: OwnedReadHalf) -> String {
    let mut frames = FrameReader::new(network.options().magic);
    let mut chunk = vec![0; READ_CHUNK];
    loop {
        let read = match stream.read(&mut chunk).await {
            Ok(0) => return "socket closed".into(),
            Ok(read) => read,
            Err(error) => return format!("socket recv error: {error}"),
        };
        network.count_received(link, read);
        let mut rest = &chunk[..read];
        while let Some(frame) = frames.read(&mut rest) {
            match frame {
                Ok(frame) => take_message(network, link, frame),
                Err(error) => {
                    tracing::debug!(target: "net", "Header error: {error}, peer={}", link.id());
                    if error.is_fatal() {
                        return "the stream is not understood".into();
                    }
                    link.counters().message_received(None, error.wire_len());
                }
            }
            network.note_unfinished(link, frames.payload_capacity());
            link.inbox().has_room().await;
        }
        network.note_unfinished(link, frames.payload_capacity());
    }
}

fn take_message(network: &Network, link: &PeerLink, frame: Frame) {
    link.counters().message_received(Some(&frame.command), frame.wire_len() as u64);
    link.inbox().push(Received::new(frame, network.clock().now_micros()));
    network.wake().wake();
}

/// Sends what is queued until the connection is closed, and then what is left, if that is quick.
async fn send(network: &Network, link: &PeerLink, mut stream: OwnedWriteHalf) -> std::io::Result<()> {
    loop {
        let frame = tokio::select! {
            biased;
            () = link.closed() => break,
            frame = link.outbox().next() => frame,
        };
        let len = frame.bytes.len();
        // A peer that does not read must not keep the task from noticing that the connection is closed. One that does
        // gets the frame all the same, and what is queued behind it: a feeler ends right after its verack.
        tokio::select! {
            biased;
            sent = stream.write_all(&frame.bytes) => sent?,
            () = link.closed() => return Ok(()),
        }
        // In this order: what is counted twice for a moment would end the day's old blocks too early.
        let has_room = link.outbox().sent(len);
        network.count_sent(link, &frame.command, len);
        if has_room {
            network.wake().wake();
        }
    }
    let farewell = async {
        while let Some(frame) = link.outbox().pop() {
            stream.write_all(&frame.bytes).await?;
            link.outbox().sent(frame.bytes.len());
            network.count_sent(link, &frame.command, frame.bytes.len());
        }
        stream.shutdown().await
    };
    tokio::time::timeout(FAREWELL, farewell).await.unwrap_or(Ok(()))
}
