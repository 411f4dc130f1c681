//! Responses as the front gives them to hyper.

use super::rest::{RestBody, RestResponse, RestStreamError};
use hyper::body::{Body, Bytes, Frame, SizeHint};
use hyper::ext::ReasonPhrase;
use hyper::header::{
    CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, DATE, HeaderName, HeaderValue, WWW_AUTHENTICATE,
};
use hyper::{Response, StatusCode};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::SystemTime;
use tokio::sync::mpsc;

/// The media type that Core's server gives to everything that is not JSON.
const DEFAULT_TYPE: HeaderValue = HeaderValue::from_static("text/html; charset=ISO-8859-1");
const JSON_TYPE: HeaderValue = HeaderValue::from_static("application/json");

/// A body: whole, or piece by piece.
pub(super) enum ReplyBody {
    Whole(Option<Bytes>),
    /// All of it is there, the last piece first.
    Parts(Vec<Bytes>),
    Pieces(mpsc::Receiver<Result<Bytes, RestStreamError>>),
}

pub(super) type Reply = Response<ReplyBody>;

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = RestStreamError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, RestStreamError>>> {
        match self.get_mut() {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Parts(parts) => Poll::Ready(parts.pop().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Pieces(pieces) => {
                pieces.poll_recv(context).map(|piece| piece.map(|piece| piece.map(Frame::data)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_none(),
            Self::Parts(parts) => parts.is_empty(),
            Self::Pieces(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Self::Parts(parts) => SizeHint::with_exact(parts.iter().map(|part| part.len() as u64).sum()),
            Self::Pieces(_) => SizeHint::default(),
        }
    }
}

/// A whole response, its headers in Core's order: those of the answer, the date, the length, and the media type last
/// if nobody chose one.
fn with_body(status: StatusCode, first: &[(HeaderName, HeaderValue)], body: impl Into<Bytes>) -> Reply {
    let body: Bytes = body.into();
    let length = HeaderValue::from(body.len());
    // An empty body is a body with a length all the same: hyper moves that header if there is none.
    let bodiless = matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    let body = Some(body).filter(|_| !bodiless);
    let mut reply = Response::new(ReplyBody::Whole(body));
    *reply.status_mut() = status;
    let headers = reply.headers_mut();
    for (name, value) in first {
        headers.insert(name, value.clone());
    }
    let now = httpdate::fmt_http_date(SystemTime::now());
    headers.insert(DATE, HeaderValue::try_from(now).expect("a date is made of letters, digits and colons"));
    if !bodiless {
        headers.insert(CONTENT_LENGTH, length);
        headers.entry(CONTENT_TYPE).or_insert(DEFAULT_TYPE);
    }
    if status == StatusCode::PAYLOAD_TOO_LARGE {
        reply.extensions_mut().insert(ReasonPhrase::from_static(b"Content too large"));
    }
    reply
}

/// A status with a plain text, empty mostly, as Core's server answers what never reaches a method.
pub(super) fn plain(status: StatusCode, text: &'static str) -> Reply {
    with_body(status, &[], text)
}

/// A JSON-RPC reply: one line, in the pieces that it was made of.
pub(super) fn json(status: StatusCode, mut line: Vec<Bytes>) -> Reply {
    let first = [(CONTENT_TYPE, JSON_TYPE)];
    if line.len() < 2 {
        return with_body(status, &first, line.pop().unwrap_or_default());
    }
    line.reverse();
    let body = ReplyBody::Parts(line);
    let length = body.size_hint().lower();
    let mut reply = with_body(status, &first, "");
    reply.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
    *reply.body_mut() = body;
    reply
}

/// 401 with the challenge.
pub(super) fn unauthorized() -> Reply {
    let challenge = HeaderValue::from_static("Basic realm=\"jsonrpc\"");
    with_body(StatusCode::UNAUTHORIZED, &[(WWW_AUTHENTICATE, challenge)], "")
}

/// The same, and the connection ends: the rest of the request was not read.
pub(super) fn closing(mut reply: Reply) -> Reply {
    reply.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    reply
}

/// A REST response.
pub(super) fn rest(response: RestResponse) -> Reply {
    let content_type = HeaderValue::from_str(&response.content_type)
        .unwrap_or(HeaderValue::from_static("application/octet-stream"));
    let mut reply = match response.body {
        RestBody::Full(bytes) => with_body(response.status, &[(CONTENT_TYPE, content_type)], bytes),
        RestBody::Stream(pieces) => {
            let mut reply = Response::new(ReplyBody::Pieces(pieces));
            *reply.status_mut() = response.status;
            reply.headers_mut().insert(CONTENT_TYPE, content_type);
            reply
        }
    };
    for (name, value) in response.headers {
        reply.headers_mut().append(name, value);
    }
    reply
}
