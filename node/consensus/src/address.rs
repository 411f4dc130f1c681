//! Addresses: what people write for the scripts that pay them, and private keys as text.

pub mod bech32;
mod wif;

pub use wif::WifKey;

use crate::hash::hash160;
use crate::params::AddressFormat;
use crate::script::op::{OP_1, OP_CHECKSIG, OP_DUP, OP_EQUAL, OP_EQUALVERIFY, OP_HASH160};
use crate::script::{Builder, Script, witness_program};
use bech32::Variant;

/// Who is paid.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Address {
    /// The holder of the key with this hash (P2PKH).
    PubKeyHash([u8; 20]),
    /// Whoever satisfies the script with this hash (P2SH).
    ScriptHash([u8; 20]),
    /// A witness program (BIP141): version 0 has 20 or 32 bytes, versions 1 to 16 have 2 to 40.
    Witness {
        /// The version.
        version: u8,
        /// The program.
        program: Vec<u8>,
    },
}

/// Why a text is not an address of the chain, in Core's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct AddressError {
    /// Core's message.
    pub message: String,
    /// Which characters of a bech32 address are wrong, as far as that can be told.
    pub error_locations: Vec<usize>,
}

impl AddressError {
    fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), error_locations: Vec::new() }
    }
}

/// No address's program is longer.
const MAX_PROGRAM_LEN: usize = 40;

impl Address {
    /// The address of a public key's hash.
    pub fn p2pkh(key: &secp256k1::PublicKey) -> Self {
        Self::PubKeyHash(hash160(&key.serialize()))
    }

    /// The address of a public key's hash as a witness program.
    pub fn p2wpkh(key: &secp256k1::PublicKey) -> Self {
        Self::Witness { version: 0, program: hash160(&key.serialize()).to_vec() }
    }

    /// The address of a script's hash.
    pub fn p2sh(redeem_script: &[u8]) -> Self {
        Self::ScriptHash(hash160(redeem_script))
    }

    /// The address that `text` names on chains of this format (Core's `DecodeDestination`).
    pub fn parse(text: &str, format: &AddressFormat) -> Result<Self, AddressError> {
        let hrp = &format.bech32_hrp;
        let is_bech32 = text.get(..hrp.len()).is_some_and(|start| start.eq_ignore_ascii_case(hrp));
        if is_bech32 { parse_segwit(text, hrp) } else { parse_base58(text, format) }
    }

    /// The text of the address on chains of this format.
    pub fn to_text(&self, format: &AddressFormat) -> String {
        match self {
            Self::PubKeyHash(hash) => base58_check(&[format.p2pkh], hash),
            Self::ScriptHash(hash) => base58_check(&[format.p2sh], hash),
            Self::Witness { version, program } => {
                let variant = if *version == 0 { Variant::Bech32 } else { Variant::Bech32m };
                let mut data = vec![*version];
                data.extend(bech32::to_groups(program));
                bech32::encode(variant, &format.bech32_hrp, &data)
            }
        }
    }

    /// The script that pays the address.
    pub fn script_pubkey(&self) -> Script {
        match self {
            Self::PubKeyHash(hash) => Builder::new()
                .op(OP_DUP)
                .op(OP_HASH160)
                .push_data(hash)
                .op(OP_EQUALVERIFY)
                .op(OP_CHECKSIG)
                .into_script(),
            Self::ScriptHash(hash) => {
                Builder::new().op(OP_HASH160).push_data(hash).op(OP_EQUAL).into_script()
            }
            Self::Witness { version, program } => {
                Builder::new().push_int((*version).into()).push_data(program).into_script()
            }
        }
    }

    /// The address that a script pays, if it has one. A bare public key has none, as in Core.
    pub fn from_script(script: &[u8]) -> Option<Self> {
        const _: () = assert!(OP_1 == 0x51);
        match script {
            [OP_DUP, OP_HASH160, 20, hash @ .., OP_EQUALVERIFY, OP_CHECKSIG] => {
                hash.try_into().ok().map(Self::PubKeyHash)
            }
            [OP_HASH160, 20, hash @ .., OP_EQUAL] if hash.len() == 20 => {
                hash.try_into().ok().map(Self::ScriptHash)
            }
            _ => match witness_program(script)? {
                (0, program) if program.len() != 20 && program.len() != 32 => None,
                (version, program) => Some(Self::Witness { version, program: program.to_vec() }),
            },
        }
    }
}

fn parse_base58(text: &str, format: &AddressFormat) -> Result<Address, AddressError> {
    let Some(data) = decode_base58_check(text, 21) else {
        let is_base58 = decode_base58(text).is_some_and(|bytes| bytes.len() <= 100);
        return Err(AddressError::new(if is_base58 {
            "Invalid checksum or length of Base58 address (P2PKH or P2SH)"
        } else {
            "Invalid or unsupported Segwit (Bech32) or Base58 encoding."
        }));
    };
    let (version, hash) = data
        .split_first()
        .ok_or_else(|| AddressError::new("Invalid or unsupported Base58-encoded address."))?;
    let known = *version == format.p2pkh || *version == format.p2sh;
    match <[u8; 20]>::try_from(hash) {
        Ok(hash) if *version == format.p2pkh => Ok(Address::PubKeyHash(hash)),
        Ok(hash) if *version == format.p2sh => Ok(Address::ScriptHash(hash)),
        _ if known => Err(AddressError::new("Invalid length for Base58 address (P2PKH or P2SH)")),
        _ => Err(AddressError::new("Invalid or unsupported Base58-encoded address.")),
    }
}

fn parse_segwit(text: &str, expected_hrp: &str) -> Result<Address, AddressError> {
    let fail = |message: String| Err(AddressError::new(message));
    let decoded = bech32::decode(text).map_err(|error| {
        let (message, error_locations) = bech32::locate_errors(text).unwrap_or((error, Vec::new()));
        AddressError { message: message.into(), error_locations }
    })?;
    let Some((version, groups)) = decoded.data.split_first() else {
        return fail("Empty Bech32 data section".into());
    };
    if decoded.hrp != expected_hrp {
        return fail(format!(
            "Invalid or unsupported prefix for Segwit (Bech32) address (expected {expected_hrp}, got {}).",
            decoded.hrp
        ));
    }
    match (*version, decoded.variant) {
        (0, Variant::Bech32m) => return fail("Version 0 witness address must use Bech32 checksum".into()),
        (1.., Variant::Bech32) => return fail("Version 1+ witness address must use Bech32m checksum".into()),
        _ => {}
    }
    let Some(program) = bech32::from_groups(groups) else {
        return fail("Invalid padding in Bech32 data section".into());
    };
    let len = program.len();
    let unit = if len == 1 { "byte" } else { "bytes" };
    if *version == 0 && len != 20 && len != 32 {
        return fail(format!("Invalid Bech32 v0 address program size ({len} {unit}), per BIP141"));
    }
    if *version > 16 {
        return fail("Invalid Bech32 address witness version".into());
    }
    if !(2..=MAX_PROGRAM_LEN).contains(&len) {
        return fail(format!("Invalid Bech32 address program size ({len} {unit})"));
    }
    Ok(Address::Witness { version: *version, program })
}

/// The bytes of a base58 text with its checksum verified and taken off; at most `max_len` of them. Blanks around
/// it are ignored, as in Core.
pub fn decode_base58_check(text: &str, max_len: usize) -> Option<Vec<u8>> {
    let text = trim(text);
    // Each byte takes more than one digit, so a longer text can't fit.
    if text.len() > (max_len + 4) * 2 {
        return None;
    }
    bs58::decode(text).with_check(None).into_vec().ok().filter(|data| data.len() <= max_len)
}

/// The bytes of a base58 text of at most 1000 digits, without a checksum.
pub fn decode_base58(text: &str) -> Option<Vec<u8>> {
    let text = trim(text);
    if text.len() > 1000 { None } else { bs58::decode(text).into_vec().ok() }
}

/// What C calls space.
fn trim(text: &str) -> &str {
    text.trim_matches(['\t', '\n', '\x0b', '\x0c', '\r', ' '])
}

/// A version and a payload in base58 with a checksum.
pub fn base58_check(version: &[u8], payload: &[u8]) -> String {
    bs58::encode([version, payload].concat()).with_check().into_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::ChainParams;

    #[test]
    fn the_usual_kinds_round_trip() {
        let main = ChainParams::chaincore().addresses;
        for (text, script) in [
            ("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "76a91462e907b15cbf27d5425399ebf6f0fb50ebb88f1888ac"),
            ("3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy", "a914b472a266d0bd89c13706a4132ccfb16f7c3b9fcb87"),
            ("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "0014751e76e8199196d454941c45d1b3a323f1433bd6"),
            (
                "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
                "512079be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
            ),
            ("bc1pfeessrawgf", "51024e73"),
        ] {
            let address = Address::parse(text, &main).unwrap();
            assert_eq!(crate::hex::encode(&address.script_pubkey()), script);
            assert_eq!(Address::from_script(&address.script_pubkey()), Some(address.clone()));
            assert_eq!(address.to_text(&main), text);
        }
        let key = secp256k1::PublicKey::from_slice(
            &[
                &[2][..],
                &crate::hex::decode("79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798")
                    .unwrap(),
            ]
            .concat(),
        )
        .unwrap();
        assert_eq!(Address::p2wpkh(&key).to_text(&main), "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4");
        assert_eq!(Address::p2pkh(&key).to_text(&main), "1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMH");
        assert_eq!(Address::p2sh(b"").to_text(&main), "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy");
    }

    #[test]
    fn scripts_without_an_address() {
        for script in [
            &[][..],
            &[0x6a],
            &[33; 35],
            &[0, 2, 1, 2],
            &[0x76, 0xa9, 20, 1, 0x88, 0xac],
            &[0xa9, 20, 1, 0x87],
        ] {
            assert_eq!(Address::from_script(script), None, "{script:?}");
        }
    }

    #[test]
    fn refusals_in_core_s_words() {
        let format = ChainParams::regtest().addresses;
        // The addresses, messages and positions that Core's own test of `validateaddress` has.
        let unsupported = "Invalid or unsupported Segwit (Bech32) or Base58 encoding.";
        let bech32 = "Invalid Bech32 checksum";
        let base58 = "Invalid checksum or length of Base58 address (P2PKH or P2SH)";
        for (text, message, locations) in [
            ("", base58, vec![]),
            (
                "bc1pw508d6qejxtdg4y5r3zarvary0c5xw7kw508d6qejxtdg4y5r3zarvary0c5xw7k7grplx",
                unsupported,
                vec![],
            ),
            (
                "bcrt1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqdmchcc",
                "Version 1+ witness address must use Bech32m checksum",
                vec![],
            ),
            (
                "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7k35mrzd",
                "Version 0 witness address must use Bech32 checksum",
                vec![],
            ),
            (
                "bcrt130xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqynjegk",
                "Invalid Bech32 address witness version",
                vec![],
            ),
            (
                "bcrt1s0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7v8n0nx0muaewav25430mtr",
                "Invalid Bech32 address program size (41 bytes)",
                vec![],
            ),
            (
                "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kqqq5k3my",
                "Invalid Bech32 v0 address program size (21 bytes), per BIP141",
                vec![],
            ),
            (
                "bcrt1q049edschfnwystcqnsvyfpj23mpsg3jcedq9xv049edschfnwystcqnsvyfpj23mpsg3jcedq9xv049edschfnwystcqnsvyfpj23m",
                "Bech32 string too long",
                (90..108).collect(),
            ),
            ("bcrt1q049edschfnwystcqnsvyfpj23mpsg3jcedq9xv", bech32, vec![9]),
            ("bcrt1qax9suht3qv95sw33xavx8crpxduefdrsvgsklu", bech32, vec![22, 43]),
            ("BCRT1QPLMTZKC2XHARPPZDLNPAQL78RSHJ68U32RAH7R", bech32, vec![38]),
            ("bcrtq049ldschfnwystcqnsvyfpj23mpsg3jcedq9xv", "Missing separator", vec![]),
            ("bcrt1q04oldschfnwystcqnsvyfpj23mpsg3jcedq9xv", "Invalid Base 32 character", vec![8]),
            ("bcrt1qdg3myrgvzw7ml8q0ejxhlkyxn7vl9r56yzkfgvzclrf4hkpx9yfqhpsuks", bech32, vec![19, 30]),
            ("bcrt1ptmp74ayg7p24uslctssvjm06q5phz4yrxucgnv", bech32, vec![5]),
            ("17VZNX1SN5NtKa8UQFxwQbFeFc3iqRYhem", "Invalid or unsupported Base58-encoded address.", vec![]),
            ("mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJJfn", base58, vec![]),
            ("2VKf7XKMrp4bVNVmuRbyCewkP8FhGLP2E54LHDPakr9Sq5mtU2", base58, vec![]),
            ("asfah14i8fajz0123f", unsupported, vec![]),
            ("1q049ldschfnwystcqnsvyfpj23mpsg3jcedq9xv", unsupported, vec![]),
            ("bcrt1Q049edschfnwystcqnsvyfpj23mpsg3jcedq9xv", "Invalid character or mixed case", vec![5]),
        ] {
            let error = Address::parse(text, &format).unwrap_err();
            let actual = (error.message.as_str(), error.error_locations);
            assert_eq!(actual, (message, locations), "{text}");
        }
    }
}
