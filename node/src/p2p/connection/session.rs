//! The two tasks that serve a peer's socket.

use super::{Network, PeerLink, Received};
use crate::p2p::transport::{Event, Receiver, SendCipher, Step, Transport, TransportError, TransportVersion};
use crate::p2p::wire::{Command, Frame};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc;

/// How much is read at once.
const READ_CHUNK: usize = 16 << 10;
/// How long the last frames of an ended connection may take to go out.
const FAREWELL: Duration = Duration::from_secs(1);
/// No connection takes more steps until messages can be sent.
const STEPS: usize = 2;

/// Serves a socket until the connection is closed by either side.
pub(super) fn start(network: &Arc<Network>, link: &Arc<PeerLink>, stream: TcpStream) {
    let (read, write) = stream.into_split();
    let (steps, next_steps) = mpsc::channel(STEPS);
    let magic = network.options().magic;
    let (receiver, first) = match link.attempted() {
        TransportVersion::V1 => (Receiver::plain(magic), Some(Step::Plain)),
        TransportVersion::V2 if link.is_inbound() => (Receiver::called(magic), None),
        TransportVersion::V2 => {
            let (receiver, first) = Receiver::calling(magic);
            (receiver, Some(first))
        }
    };
    if let Some(first) = first {
        take_step(link, &steps, first);
    }
    let writer = {
        let (network, link) = (network.clone(), link.clone());
        tokio::spawn(async move {
            if let Err(error) = send(&network, &link, write, next_steps).await
                && !link.is_closed()
            {
                tracing::debug!(target: "net", "socket send error, disconnecting peer={}: {error}", link.id());
            }
            network.disconnect(&link);
        })
    };
    let (network, link) = (network.clone(), link.clone());
    tokio::spawn(async move {
        tokio::select! {
            () = link.closed() => {}
            reason = receive(&network, &link, read, receiver, steps) => {
                if !link.is_closed() {
                    tracing::debug!(target: "net", "{reason}, disconnecting peer={}", link.id());
                }
            }
        }
        network.note_unfinished(&link, 0);
        network.disconnect(&link);
        // What it has sent is known when it is done.
        let _ = writer.await;
        if !network.is_active() || !link.hears_only_plain() {
            return;
        }
        if network.calls_in_the_open(&link) {
            network.call_in_the_open(&link).await;
        } else {
            tracing::info!(
                target: "net",
                "peer={} does not encrypt, and a private network is not called in the open unless -v2transport=0 says so",
                link.id()
            );
        }
    });
}

/// Passes a step on to whoever sends.
fn take_step(link: &PeerLink, steps: &mpsc::Sender<Step>, step: Step) {
    if matches!(step, Step::Plain) {
        link.found(Transport::Plain);
    }
    // There is room for all; if nobody takes them any more, the connection has ended.
    let _ = steps.try_send(step);
}

/// Reads until there is a reason to stop, and returns it.
async fn receive(
    network: &Network,
    link: &PeerLink,
    mut stream: OwnedReadHalf,
    mut receiver: Receiver,
    steps: mpsc::Sender<Step>,
) -> String {
    let mut chunk = vec![0; READ_CHUNK];
    loop {
        let read = match stream.read(&mut chunk).await {
            Ok(0) => return "socket closed".into(),
            Ok(read) => read,
            Err(error) => return format!("socket recv error: {error}"),
        };
        network.count_received(link, read);
        let mut rest = &chunk[..read];
        loop {
            match receiver.read(&mut rest) {
                Ok(None) => break,
                Ok(Some(event)) => take(network, link, &steps, event),
                Err(error) => {
                    log_failure(link, &error);
                    return "the stream is not understood".into();
                }
            }
            network.note_unfinished(link, receiver.held());
            link.inbox().has_room().await;
        }
        network.note_unfinished(link, receiver.held());
    }
}

fn log_failure(link: &PeerLink, error: &TransportError) {
    tracing::debug!(target: "net", "{error}, peer={}", link.id());
}

fn take(network: &Network, link: &PeerLink, steps: &mpsc::Sender<Step>, event: Event) {
    match event {
        Event::Step(step) => take_step(link, steps, step),
        Event::Established(session) => link.found(Transport::Encrypted(session)),
        Event::Message { frame, wire_len } => take_message(network, link, frame, wire_len),
        Event::Unusable { why, wire_len } => {
            log_failure(link, &why);
            link.counters().message_received(None, wire_len);
        }
    }
}

fn take_message(network: &Network, link: &PeerLink, frame: Frame, wire_len: u64) {
    link.counters().message_received(Some(&frame.command), wire_len);
    link.inbox().push(Received::new(frame, network.clock().now_micros()));
    network.wake().wake();
}

/// How messages go out.
enum Way {
    /// Not yet.
    Unknown,
    Plain,
    Encrypted(Box<SendCipher>),
}

impl Way {
    fn is_known(&self) -> bool {
        !matches!(self, Self::Unknown)
    }

    /// What goes out for a frame: the bytes from an index on.
    fn wire(&mut self, command: &Command, mut frame: Vec<u8>) -> (Vec<u8>, usize) {
        let start = match self {
            Self::Encrypted(cipher) => cipher.seal_frame(command, &mut frame),
            Self::Plain | Self::Unknown => 0,
        };
        (frame, start)
    }
}

/// Sends what is queued until the connection is closed, and then what is left, if that is quick.
async fn send(
    network: &Network,
    link: &PeerLink,
    mut stream: OwnedWriteHalf,
    mut steps: mpsc::Receiver<Step>,
) -> std::io::Result<()> {
    let mut way = Way::Unknown;
    loop {
        let frame = tokio::select! {
            biased;
            () = link.closed() => break,
            Some(step) = steps.recv(), if !way.is_known() => {
                let (bytes, next) = match step {
                    Step::Plain => (Vec::new(), Way::Plain),
                    Step::Greet(bytes) => {
                        tracing::debug!(target: "net", "start sending v2 handshake to peer={}", link.id());
                        (bytes, Way::Unknown)
                    }
                    Step::Encrypt(bytes, cipher) => (bytes, Way::Encrypted(cipher)),
                };
                tokio::select! {
                    biased;
                    sent = stream.write_all(&bytes) => sent?,
                    () = link.closed() => return Ok(()),
                }
                way = next;
                network.count_sent(link, None, bytes.len());
                continue;
            }
            frame = link.outbox().next(), if way.is_known() => frame,
        };
        let queued = frame.bytes.len();
        let (bytes, start) = way.wire(&frame.command, frame.bytes);
        // A peer that does not read must not keep the task from noticing that the connection is closed. One that does
        // gets the frame all the same, and what is queued behind it: a feeler ends right after its verack.
        tokio::select! {
            biased;
            sent = stream.write_all(&bytes[start..]) => sent?,
            () = link.closed() => return Ok(()),
        }
        // In this order: what is counted twice for a moment would end the day's old blocks too early.
        let has_room = link.outbox().sent(queued);
        network.count_sent(link, Some(&frame.command), bytes.len() - start);
        if has_room {
            network.wake().wake();
        }
    }
    let farewell = async {
        // Who has not been greeted yet would not understand it.
        while way.is_known()
            && let Some(frame) = link.outbox().pop()
        {
            let queued = frame.bytes.len();
            let (bytes, start) = way.wire(&frame.command, frame.bytes);
            stream.write_all(&bytes[start..]).await?;
            link.outbox().sent(queued);
            network.count_sent(link, Some(&frame.command), bytes.len() - start);
        }
        stream.shutdown().await
    };
    tokio::time::timeout(FAREWELL, farewell).await.unwrap_or(Ok(()))
}
