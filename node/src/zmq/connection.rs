//! Talks with one subscriber.

use super::publisher::{MAX_SUBSCRIBERS, Publisher};
use super::subscriber::{Next, Subscriber};
use super::zmtp::{self, GREETING_BYTES, Request, ZmtpError};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, BufWriter};
use tokio::task::JoinSet;

/// Who has not said who he is by then is no subscriber (libzmq's default).
const INTRODUCTION: Duration = Duration::from_secs(30);

/// How long it waits after the system has refused a connection, for want of files perhaps.
const REFUSED_WAIT: Duration = Duration::from_millis(100);

/// A listener in a runtime.
pub(super) enum Accepting {
    Tcp(tokio::net::TcpListener),
    #[cfg(unix)]
    // The file goes when the socket does.
    Unix(
        tokio::net::UnixListener,
        #[expect(dead_code, reason = "it is kept to be dropped")] super::endpoint::SocketFile,
    ),
}

impl Accepting {
    pub(super) fn new(listener: super::endpoint::Listener) -> io::Result<Self> {
        Ok(match listener {
            super::endpoint::Listener::Tcp(listener) => {
                Self::Tcp(tokio::net::TcpListener::from_std(listener)?)
            }
            #[cfg(unix)]
            super::endpoint::Listener::Unix(listener, file) => {
                Self::Unix(tokio::net::UnixListener::from_std(listener)?, file)
            }
        })
    }

    /// Takes the next connection, and starts it among the others unless there are too many.
    async fn next(&self, publisher: &Arc<Publisher>, tasks: &mut JoinSet<()>) -> io::Result<()> {
        let has_room = |tasks: &mut JoinSet<()>| {
            while tasks.try_join_next().is_some() {}
            tasks.len() < MAX_SUBSCRIBERS
        };
        match self {
            Self::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                if has_room(tasks) {
                    // A subscriber whose machine is gone would be kept for good. Neither changes what is sent.
                    let _ = socket2::SockRef::from(&stream).set_keepalive(true);
                    let _ = stream.set_nodelay(true);
                    tasks.spawn(serve(stream, peer.to_string(), publisher.clone()));
                }
            }
            #[cfg(unix)]
            Self::Unix(listener, _) => {
                let (stream, _) = listener.accept().await?;
                if has_room(tasks) {
                    tasks.spawn(serve(stream, "a local subscriber".into(), publisher.clone()));
                }
            }
        }
        Ok(())
    }
}

/// Takes in subscribers for as long as it is polled.
pub(super) async fn accept(listener: Accepting, publisher: Arc<Publisher>) {
    let mut tasks = JoinSet::new();
    loop {
        if let Err(error) = listener.next(&publisher, &mut tasks).await {
            tracing::debug!(target: "zmq", %error, "a connection cannot be accepted");
            tokio::time::sleep(REFUSED_WAIT).await;
        }
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin, name: String, publisher: Arc<Publisher>) {
    tracing::debug!(target: "zmq", "{name} is connected");
    let end = talk(stream, &publisher).await;
    match end {
        Ok(()) => tracing::debug!(target: "zmq", "{name} was left"),
        Err(error) => tracing::debug!(target: "zmq", "{name} is gone: {error}"),
    }
}

/// Everything with one subscriber. Ends without an error when it is left.
async fn talk(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    publisher: &Arc<Publisher>,
) -> Result<(), ZmtpError> {
    let (reader, mut writer) = tokio::io::split(stream);
    let mut reader = BufReader::new(reader);
    let introduced = tokio::time::timeout(INTRODUCTION, introduce(&mut reader, &mut writer)).await;
    introduced.map_err(|_| ZmtpError::Io(io::ErrorKind::TimedOut.into()))??;
    let member = publisher.join();
    let subscriber = &*member.subscriber;
    tokio::select! {
        end = listen(reader, subscriber) => end,
        end = write(writer, subscriber) => end,
        () = subscriber.end.notified() => Ok(()),
    }
}

async fn introduce(
    reader: &mut (impl AsyncRead + Unpin),
    writer: &mut (impl AsyncWrite + Unpin),
) -> Result<(), ZmtpError> {
    writer.write_all(&zmtp::greeting()).await?;
    let mut greeting = [0; GREETING_BYTES];
    reader.read_exact(&mut greeting).await?;
    zmtp::check_greeting(&greeting)?;
    writer.write_all(&zmtp::ready()).await?;
    writer.flush().await?;
    let checked = zmtp::check_ready(&zmtp::read_frame(reader).await?);
    if let Err(error) = &checked {
        writer.write_all(&zmtp::refusal(error)).await?;
        writer.shutdown().await?;
    }
    checked
}

async fn listen(mut reader: impl AsyncRead + Unpin, subscriber: &Subscriber) -> Result<(), ZmtpError> {
    loop {
        let frame = zmtp::read_frame(&mut reader).await?;
        match zmtp::request(&frame)? {
            Request::Subscribe(prefix) => subscriber.subscribe(prefix),
            Request::Cancel(prefix) => subscriber.cancel(prefix),
            Request::Answer(frame) => subscriber.answer(frame),
            Request::Nothing => {}
        }
    }
}

async fn write(writer: impl AsyncWrite + Unpin, subscriber: &Subscriber) -> Result<(), ZmtpError> {
    let mut writer = BufWriter::new(writer);
    loop {
        match subscriber.pop() {
            Some(Next::Message(message)) => writer.write_all(message.bytes()).await?,
            Some(Next::Answer(frame)) => writer.write_all(&frame).await?,
            None => {
                writer.flush().await?;
                // What came since is remembered.
                subscriber.news.notified().await;
            }
        }
    }
}
