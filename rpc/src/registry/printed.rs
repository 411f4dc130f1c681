//! Results as JSON text: a caller's own, or one that many callers are given without a copy for each.

use crate::error::{RpcError, code};
use hyper::body::Bytes;
use serde_json::value::RawValue;
use std::sync::Arc;

/// What a call answers, as JSON text.
#[derive(Debug, Clone)]
pub enum Printed {
    /// Made for one call.
    Own(Box<RawValue>),
    /// Made once for all who ask. It must be valid JSON: nobody reads it again.
    Shared(Arc<str>),
}

impl Printed {
    /// The text.
    pub fn text(&self) -> &str {
        match self {
            Self::Own(raw) => raw.get(),
            Self::Shared(text) => text,
        }
    }

    /// The text as bytes that are shared, if it is.
    pub(crate) fn shared_bytes(&self) -> Option<Bytes> {
        match self {
            Self::Own(_) => None,
            Self::Shared(text) => Some(Bytes::from_owner(Holder(text.clone()))),
        }
    }

    /// The text as a value of the caller's own.
    pub fn into_own(self) -> Result<Box<RawValue>, RpcError> {
        match self {
            Self::Own(raw) => Ok(raw),
            Self::Shared(text) => RawValue::from_string(String::from(&*text)).map_err(|error| {
                RpcError::new(code::INTERNAL_ERROR, format!("result cannot be printed: {error}"))
            }),
        }
    }
}

/// Lets [`Bytes`] hold the text.
struct Holder(Arc<str>);

impl AsRef<[u8]> for Holder {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}
