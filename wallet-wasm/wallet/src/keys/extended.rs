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

/// What SLIP132's version bytes mean.
struct Version {
    public: [u8; 4],
    private: [u8; 4],
    network: NetworkKind,
    script: Script,
}

/// The scripts that version bytes name.
#[derive(Clone, Copy)]
enum Script {
    /// None: BIP32's own.
    Any,
    Single(AccountKind),
    Multisig,
}

const fn version(public: u32, private: u32, network: NetworkKind, script: Script) -> Version {
    Version { public: public.to_be_bytes(), private: private.to_be_bytes(), network, script }
}

/// BIP32's own for the two kinds of networks come first.
const VERSIONS: [Version; 10] = {
    use AccountKind::{Nested, Segwit};
    use NetworkKind::{Main, Test};
    use Script::{Any, Multisig, Single};
    [
        version(0x0488_b21e, 0x0488_ade4, Main, Any),
        version(0x0435_87cf, 0x0435_8394, Test, Any),
        version(0x049d_7cb2, 0x049d_7878, Main, Single(Nested)),
        version(0x044a_5262, 0x044a_4e28, Test, Single(Nested)),
        version(0x04b2_4746, 0x04b2_430c, Main, Single(Segwit)),
        version(0x045f_1cf6, 0x045f_18bc, Test, Single(Segwit)),
        version(0x0295_b43f, 0x0295_b005, Main, Multisig),
        version(0x0242_89ef, 0x0242_85b5, Test, Multisig),
        version(0x02aa_7ed3, 0x02aa_7a99, Main, Multisig),
        version(0x0257_5483, 0x0257_5048, Test, Multisig),
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
        if version == format.xprv || VERSIONS.iter().any(|known| known.private == version) {
            return Err(ExtendedKeyError::Private);
        }
        let kind = if version == format.xpub {
            None
        } else {
            let known = VERSIONS
                .iter()
                .find(|known| known.public == version)
                .ok_or_else(|| ExtendedKeyError::Version(chaincore_consensus::hex::encode(&version)))?;
            if known.network != chain.network_kind() {
                let found = if known.network.is_mainnet() { "main" } else { "test" };
                return Err(ExtendedKeyError::Network { found, chain: chain.name().into() });
            }
            match known.script {
                Script::Any => None,
                Script::Single(kind) => Some(kind),
                Script::Multisig => return Err(ExtendedKeyError::Multisig),
            }
        };
        let standard =
            if chain.network_kind().is_mainnet() { VERSIONS[0].public } else { VERSIONS[1].public };
        bytes[..4].copy_from_slice(&standard);
        let key = Xpub::decode(&bytes).map_err(|_| ExtendedKeyError::Point)?;
        // A master key has no parent and is nobody's child (BIP32).
        if key.depth == 0 && bytes[5..13] != [0; 8] {
            return Err(ExtendedKeyError::Encoding);
        }
        Ok(Self { key, kind })
    }
}

/// An extended public key with the chain's version bytes.
pub fn extended_to_text(key: &Xpub, chain: &Chain) -> String {
    base58_check(&chain.params().addresses.xpub, &key.encode()[4..])
}
