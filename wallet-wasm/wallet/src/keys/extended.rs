//! Extended public keys as people paste them: `xpub`, `ypub`, `zpub`, their test network forms (SLIP132), and those of
//! chains with version bytes of their own.

use super::AccountKind;
use crate::chain::Chain;
use bitcoin::NetworkKind;
use bitcoin::bip32::Xpub;
use chaincore_consensus::address::{base58_check, decode_base58_check};

/// An extended public key and what its prefix says of its use.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExtendedPublicKey {
    /// The key, written as the chain's network kind in descriptors.
    pub key: Xpub,
    /// The kind of script that the prefix names; `None` for those of BIP32, which name none.
    pub kind: Option<AccountKind>,
}

/// Why a text is no extended public key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExtendedKeyError {
    /// Not base58 of 78 bytes with a checksum that holds.
    #[error("this is no extended public key: its checksum or length is wrong")]
    Encoding,
    /// It could spend: a wallet that only watches has no use for it, and it should be nowhere but with its owner.
    #[error("this is a private key: it is not needed to watch, keep it secret")]
    Private,
    /// Four bytes that no wallet writes.
    #[error("extended keys that begin with the bytes {0} are of no kind known here")]
    Version(String),
    /// The key belongs to the other kind of network.
    #[error("this key is written for {found} networks, the chain {chain} is another")]
    Network {
        /// What the key says.
        found: &'static str,
        /// The wallet's chain.
        chain: String,
    },
    /// Multisignature keys of SLIP132 say no script of one key.
    #[error("this key is meant for multisignature scripts: give the whole descriptor instead")]
    Multisig,
    /// The key inside is no point of the curve.
    #[error("this extended key has no valid public key in it")]
    Point,
}

impl ExtendedKeyError {
    /// The error's name in JSON.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Private => "private_key",
            Self::Network { .. } => "wrong_network",
            _ => "bad_extended_key",
        }
    }
}

/// SLIP132's version bytes: public, private, network, kind (`Err` for the multisignature ones).
const VERSIONS: [([u8; 4], [u8; 4], NetworkKind, Result<Option<AccountKind>, ()>); 10] = {
    use AccountKind::{Nested, Segwit};
    use NetworkKind::{Main, Test};
    [
        ([0x04, 0x88, 0xb2, 0x1e], [0x04, 0x88, 0xad, 0xe4], Main, Ok(None)),
        ([0x04, 0x35, 0x87, 0xcf], [0x04, 0x35, 0x83, 0x94], Test, Ok(None)),
        ([0x04, 0x9d, 0x7c, 0xb2], [0x04, 0x9d, 0x78, 0x78], Main, Ok(Some(Nested))),
        ([0x04, 0x4a, 0x52, 0x62], [0x04, 0x4a, 0x4e, 0x28], Test, Ok(Some(Nested))),
        ([0x04, 0xb2, 0x47, 0x46], [0x04, 0xb2, 0x43, 0x0c], Main, Ok(Some(Segwit))),
        ([0x04, 0x5f, 0x1c, 0xf6], [0x04, 0x5f, 0x18, 0xbc], Test, Ok(Some(Segwit))),
        ([0x02, 0x95, 0xb4, 0x3f], [0x02, 0x95, 0xb0, 0x05], Main, Err(())),
        ([0x02, 0x42, 0x89, 0xef], [0x02, 0x42, 0x85, 0xb5], Test, Err(())),
        ([0x02, 0xaa, 0x7e, 0xd3], [0x02, 0xaa, 0x7a, 0x99], Main, Err(())),
        ([0x02, 0x57, 0x54, 0x83], [0x02, 0x57, 0x50, 0x48], Test, Err(())),
    ]
};

impl ExtendedPublicKey {
    /// Reads an extended public key for use on a chain.
    pub fn parse(text: &str, chain: &Chain) -> Result<Self, ExtendedKeyError> {
        let mut bytes = decode_base58_check(text, 78)
            .filter(|bytes| bytes.len() == 78)
            .map(zeroize::Zeroizing::new)
            .ok_or(ExtendedKeyError::Encoding)?;
        let version = [bytes[0], bytes[1], bytes[2], bytes[3]];
        let format = &chain.params().addresses;
        if version == format.xprv || VERSIONS.iter().any(|(_, private, ..)| *private == version) {
            return Err(ExtendedKeyError::Private);
        }
        let kind = if version == format.xpub {
            None
        } else {
            let (_, _, network, kind) = VERSIONS
                .iter()
                .find(|(public, ..)| *public == version)
                .ok_or_else(|| ExtendedKeyError::Version(chaincore_consensus::hex::encode(&version)))?;
            if *network != chain.network_kind() {
                let found = if network.is_mainnet() { "main" } else { "test" };
                return Err(ExtendedKeyError::Network { found, chain: chain.name().into() });
            }
            kind.map_err(|()| ExtendedKeyError::Multisig)?
        };
        let standard = if chain.network_kind().is_mainnet() { VERSIONS[0].0 } else { VERSIONS[1].0 };
        bytes[..4].copy_from_slice(&standard);
        let key = Xpub::decode(&bytes).map_err(|_| ExtendedKeyError::Point)?;
        // A master key has no parent and is nobody's child (BIP32).
        if key.depth == 0 && bytes[5..13] != [0; 8] {
            return Err(ExtendedKeyError::Encoding);
        }
        Ok(Self { key, kind })
    }

    /// The kind of account that the key stands for: what its prefix says, or else what is usual for its depth alone
    /// cannot tell, so segwit.
    pub fn kind_or_segwit(&self) -> AccountKind {
        self.kind.unwrap_or(AccountKind::Segwit)
    }
}

/// An extended public key with the chain's version bytes.
pub fn extended_to_text(key: &Xpub, chain: &Chain) -> String {
    base58_check(&chain.params().addresses.xpub, &key.encode()[4..])
}
