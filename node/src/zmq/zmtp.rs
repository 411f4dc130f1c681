//! The protocol's bytes: ZMTP 3.1 (ZeroMQ RFC 37) with the mechanism NULL, from the side of a publisher.
//!
//! Both sides say who they are (a greeting of 64 bytes, then a `READY` command); then the subscriber says what it wants,
//! in commands or, up to version 3.0, in messages that begin with a 1 or a 0; the publisher sends messages of one or
//! more frames.

use std::io;
use tokio::io::{AsyncRead, AsyncReadExt};

/// How long a greeting is.
pub(super) const GREETING_BYTES: usize = 64;

/// The longest frame that a subscriber may send, in bytes: it sends topics and facts about itself.
pub(super) const MAX_FRAME: u64 = 8192;

/// What a ping may ask to be sent back, in bytes.
const MAX_PING_CONTEXT: usize = 16;

const MORE: u8 = 1;
const LONG: u8 = 2;
const COMMAND: u8 = 4;

/// Why a connection cannot go on.
#[derive(Debug, thiserror::Error)]
pub(super) enum ZmtpError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("this is not ZeroMQ")]
    Signature,
    #[error("version {0} of the protocol is older than 3")]
    Version(u8),
    #[error("the mechanism '{0}' is not NULL")]
    Mechanism(String),
    #[error("a frame has the unknown flags {0:#04x}")]
    Flags(u8),
    #[error("a frame of {0} bytes is longer than {MAX_FRAME}")]
    Length(u64),
    #[error("instead of READY there is {0}")]
    NotReady(&'static str),
    #[error("a {0} socket cannot subscribe")]
    Socket(String),
    #[error("the command {0} is cut short")]
    CutShort(&'static str),
}

/// What this side begins with.
pub(super) fn greeting() -> [u8; GREETING_BYTES] {
    let mut bytes = [0; GREETING_BYTES];
    // The signature, as version 3 and all later ones have it, then the version and the mechanism.
    (bytes[0], bytes[8], bytes[9]) = (0xff, 1, 0x7f);
    (bytes[10], bytes[11]) = (3, 1);
    bytes[12..16].copy_from_slice(b"NULL");
    bytes
}

/// Checks what the other side begins with.
pub(super) fn check_greeting(bytes: &[u8; GREETING_BYTES]) -> Result<(), ZmtpError> {
    if bytes[0] != 0xff || bytes[9] & 1 == 0 {
        return Err(ZmtpError::Signature);
    }
    if bytes[10] < 3 {
        return Err(ZmtpError::Version(bytes[10]));
    }
    let name = bytes[12..32].split(|byte| *byte == 0).next().unwrap_or_default();
    if name != b"NULL" {
        return Err(ZmtpError::Mechanism(String::from_utf8_lossy(name).into_owned()));
    }
    Ok(())
}

/// One frame.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Frame {
    pub(super) command: bool,
    /// Whether the message goes on with the next frame.
    pub(super) more: bool,
    pub(super) body: Vec<u8>,
}

/// Reads a frame, whose length is checked before there is room for it.
pub(super) async fn read_frame(from: &mut (impl AsyncRead + Unpin)) -> Result<Frame, ZmtpError> {
    let flags = from.read_u8().await?;
    if flags & !(MORE | LONG | COMMAND) != 0 {
        return Err(ZmtpError::Flags(flags));
    }
    let length = if flags & LONG == 0 { from.read_u8().await?.into() } else { from.read_u64().await? };
    if length > MAX_FRAME {
        return Err(ZmtpError::Length(length));
    }
    let mut body = vec![0; usize::try_from(length).map_err(|_| ZmtpError::Length(length))?];
    from.read_exact(&mut body).await?;
    Ok(Frame { command: flags & COMMAND != 0, more: flags & MORE != 0, body })
}

fn put_frame(out: &mut Vec<u8>, flags: u8, body: &[u8]) {
    match u8::try_from(body.len()) {
        Ok(short) => out.extend([flags, short]),
        Err(_) => {
            out.push(flags | LONG);
            out.extend((body.len() as u64).to_be_bytes());
        }
    }
    out.extend(body);
}

fn command(name: &str, data: &[u8]) -> Vec<u8> {
    let mut body = vec![name.len() as u8];
    body.extend(name.as_bytes());
    body.extend(data);
    let mut out = Vec::with_capacity(body.len() + 9);
    put_frame(&mut out, COMMAND, &body);
    out
}

/// A message of three parts.
pub(super) fn message(topic: &str, body: &[u8], count: u32) -> Vec<u8> {
    let mut out = Vec::with_capacity(topic.len() + body.len() + 20);
    put_frame(&mut out, MORE, topic.as_bytes());
    put_frame(&mut out, MORE, body);
    put_frame(&mut out, 0, &count.to_le_bytes());
    out
}

const SOCKET_TYPE: &str = "Socket-Type";

/// This side's `READY`.
pub(super) fn ready() -> Vec<u8> {
    let mut property = vec![SOCKET_TYPE.len() as u8];
    property.extend(SOCKET_TYPE.as_bytes());
    property.extend(3u32.to_be_bytes());
    property.extend(b"PUB");
    command("READY", &property)
}

/// What the other side is told when it cannot be served.
pub(super) fn refusal(error: &ZmtpError) -> Vec<u8> {
    let reason = error.to_string();
    let reason = &reason.as_bytes()[..reason.len().min(255)];
    let mut data = vec![reason.len() as u8];
    data.extend(reason);
    command("ERROR", &data)
}

/// The first `len` bytes of what is left.
fn cut<'a>(rest: &mut &'a [u8], len: usize) -> Option<&'a [u8]> {
    let (part, after) = rest.split_at_checked(len)?;
    *rest = after;
    Some(part)
}

/// A command's name and what follows it.
fn split_command(body: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut rest = body;
    let len = cut(&mut rest, 1)?[0];
    let name = cut(&mut rest, len.into())?;
    Some((name, rest))
}

/// Checks the other side's `READY`: it must be a socket that subscribes.
pub(super) fn check_ready(frame: &Frame) -> Result<(), ZmtpError> {
    if !frame.command {
        return Err(ZmtpError::NotReady("a message"));
    }
    match split_command(&frame.body) {
        Some((b"READY", properties)) => check_socket_type(properties),
        Some((b"ERROR", _)) => Err(ZmtpError::NotReady("ERROR")),
        _ => Err(ZmtpError::NotReady("another command")),
    }
}

fn check_socket_type(mut properties: &[u8]) -> Result<(), ZmtpError> {
    let mut property = || {
        let len = cut(&mut properties, 1)?[0];
        let name = cut(&mut properties, len.into())?;
        let len = cut(&mut properties, 4)?.try_into().ok()?;
        let value = cut(&mut properties, u32::from_be_bytes(len) as usize)?;
        Some((name, value))
    };
    while let Some((name, value)) = property() {
        if name.eq_ignore_ascii_case(SOCKET_TYPE.as_bytes()) {
            return match value {
                b"SUB" | b"XSUB" => Ok(()),
                other => Err(ZmtpError::Socket(String::from_utf8_lossy(other).into_owned())),
            };
        }
    }
    Err(ZmtpError::CutShort("READY"))
}

/// What a subscriber asks for.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Request<'a> {
    /// Everything whose topic begins so.
    Subscribe(&'a [u8]),
    /// No longer that.
    Cancel(&'a [u8]),
    /// This frame as an answer.
    Answer(Vec<u8>),
    /// Nothing that a publisher would know of.
    Nothing,
}

/// Reads a frame that came after the handshake.
pub(super) fn request(frame: &Frame) -> Result<Request<'_>, ZmtpError> {
    if !frame.command {
        return Ok(match frame.body.split_first() {
            Some((1, topic)) if !frame.more => Request::Subscribe(topic),
            Some((0, topic)) if !frame.more => Request::Cancel(topic),
            _ => Request::Nothing,
        });
    }
    match split_command(&frame.body) {
        Some((b"SUBSCRIBE", topic)) => Ok(Request::Subscribe(topic)),
        Some((b"CANCEL", topic)) => Ok(Request::Cancel(topic)),
        Some((b"PING", data)) => {
            // Two bytes tell how long the other side waits; what follows is to be sent back.
            let context = data.get(2..).ok_or(ZmtpError::CutShort("PING"))?;
            Ok(Request::Answer(command("PONG", &context[..context.len().min(MAX_PING_CONTEXT)])))
        }
        _ => Ok(Request::Nothing),
    }
}
