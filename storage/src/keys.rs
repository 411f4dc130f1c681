//! The registry of trees and keys in `chainstate/`. A change to any of these changes [`FORMAT`].
//!
//! | tree | key | value |
//! |---|---|---|
//! | `coins` | txid, output number (below) | [`Coin`](chaincore_consensus::coin::Coin), compressed |
//! | `blocks` | block hash | [`BlockRecord`](crate::BlockRecord) |
//! | `meta` | `made` | nothing; that it is there shows that the database is |
//! | `meta` | `tip` | hash of the block that the coins belong to |
//! | `meta` | `f`, file number big-endian | [`FileInfo`](crate::FileInfo) |
//! | `meta` | `x`, name | whatever the chain keeps under that name |

use chaincore_consensus::{OutPoint, Txid};

/// The version of everything under the data folder.
pub(crate) const FORMAT: u32 = 1;

/// The trees of `chainstate/`, in the order of their numbers.
pub(crate) const TREES: &[&str] = &["coins", "blocks", "meta"];
/// The coins.
pub(crate) const COINS: u8 = 0;
/// The block index.
pub(crate) const BLOCKS: u8 = 1;
/// Everything else.
pub(crate) const META: u8 = 2;

/// The meta key that every database has.
pub(crate) const MADE: &[u8] = b"made";
/// The meta key of the coins' block.
pub(crate) const TIP: &[u8] = b"tip";
/// What the keys of file infos begin with.
pub(crate) const FILE_PREFIX: &[u8] = b"f";

/// The meta key of a block file's info.
pub(crate) fn file_key(file: u32) -> [u8; 5] {
    let mut key = [FILE_PREFIX[0]; 5];
    key[1..].copy_from_slice(&file.to_be_bytes());
    key
}

/// The meta key of a value of the chain's own.
pub(crate) fn extra_key(name: &str) -> Vec<u8> {
    [b"x", name.as_bytes()].concat()
}

/// A coin's key: 33 bytes for the first 255 outputs of a transaction, 37 for others, in the order of
/// (txid bytes, output number).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct CoinKey {
    bytes: [u8; 37],
    len: u8,
}

impl CoinKey {
    pub(crate) fn new(outpoint: &OutPoint) -> Self {
        let mut bytes = [0xff; 37];
        bytes[..32].copy_from_slice(&outpoint.txid.0);
        let len = match u8::try_from(outpoint.vout) {
            Ok(vout) if vout < 0xff => {
                bytes[32] = vout;
                33
            }
            _ => {
                bytes[33..].copy_from_slice(&outpoint.vout.to_be_bytes());
                37
            }
        };
        Self { bytes, len }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len.into()]
    }

    /// The outpoint behind a key, `None` if it is not one.
    pub(crate) fn parse(key: &[u8]) -> Option<OutPoint> {
        let (txid, rest) = key.split_first_chunk::<32>()?;
        let vout = match *rest {
            [vout] if vout < 0xff => vout.into(),
            [0xff, a, b, c, d] => u32::from_be_bytes([a, b, c, d]),
            _ => return None,
        };
        Some(OutPoint { txid: Txid(*txid), vout })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coin_keys_keep_the_order_and_round_trip() {
        let mut last = Vec::new();
        for txid in [0u8, 1, 0xff] {
            for vout in [0, 1, 0xfe, 0xff, 0x100, 0xffff, 0x1_0000, u32::MAX] {
                let outpoint = OutPoint { txid: Txid([txid; 32]), vout };
                let key = CoinKey::new(&outpoint);
                assert!(last.as_slice() < key.as_bytes());
                assert_eq!(CoinKey::parse(key.as_bytes()), Some(outpoint));
                last = key.as_bytes().to_vec();
            }
        }
        assert_eq!(CoinKey::parse(&[0; 32]), None);
        assert_eq!(CoinKey::parse(&[0xff; 33]), None);
    }
}
