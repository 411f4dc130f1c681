//! The authority's key: whoever knows its public half knows that a connection ends at this node.

use crate::p2p::authentication::{FileError, NodeKey, read_or_make_key};
use noise_sv2::Responder;
use std::path::Path;
use std::time::Duration;

/// What public keys begin with as text.
const TEXT_VERSION: [u8; 2] = [1, 0];
/// A connection's certificate is looked at once, when it begins.
const CERTIFICATE_LIFE: Duration = Duration::from_secs(60 * 60);

/// The key, which signs a certificate for each connection.
#[derive(Clone, Debug)]
pub(super) struct Authority(NodeKey);

impl Authority {
    /// The key in a file that only its owner can read; a new one if there is no such file.
    pub(super) fn open(path: &Path) -> Result<Self, FileError> {
        read_or_make_key(path).map(Self)
    }

    /// The public key as clients are configured with it: base58check of two bytes of version and the x coordinate.
    pub(super) fn text(&self) -> String {
        as_text(&self.0.public())
    }

    #[cfg(test)]
    pub(super) fn public(&self) -> [u8; 32] {
        self.0.public()
    }

    /// This side of one connection's handshake.
    pub(super) fn responder(&self) -> Result<Box<Responder>, noise_sv2::Error> {
        Responder::from_authority_kp(&self.0.public(), &self.0.secret(), CERTIFICATE_LIFE)
    }
}

fn as_text(public: &[u8; 32]) -> String {
    bs58::encode([&TEXT_VERSION[..], public].concat()).with_check().into_string()
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn the_text_is_the_specification_s() {
        // The example of chapter 4.7 of the specification.
        let public = [
            118, 99, 112, 0, 151, 156, 28, 17, 175, 12, 48, 11, 205, 140, 127, 228, 134, 16, 252, 233, 185,
            193, 30, 61, 174, 227, 90, 224, 176, 138, 116, 85,
        ];
        assert_eq!(as_text(&public), "9bXiEd8boQVhq7WddEcERUL5tyyJVFYdU8th3HfbNXK3Yw6GRXh");
    }

    #[test]
    fn the_key_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let text = Authority::open(&path).unwrap().text();
        assert_eq!(Authority::open(&path).unwrap().text(), text);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        assert!(Authority::open(&path).unwrap().responder().is_ok());
        std::fs::write(&path, "no key").unwrap();
        assert!(matches!(Authority::open(&path), Err(FileError::Key(_))));
    }
}
