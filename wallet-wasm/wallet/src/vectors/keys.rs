//! Vectors of words, trees of keys, accounts, addresses and descriptors.

use super::{at, hex, same, text};
use crate::chain::Chain;
use crate::descriptor::{PublicDescriptor, Watched};
use crate::keys::{AccountKind, ExtendedPublicKey, Master, Phrase};
use bip39::Language;
use bitcoin::ScriptBuf;
use bitcoin::bip32::DerivationPath;
use serde::Deserialize;

#[derive(Deserialize)]
pub(super) struct Words {
    language: String,
    entropy: String,
    mnemonic: String,
    passphrase: String,
    seed: String,
    xprv: Option<String>,
}

fn main_chain() -> Result<Chain, String> {
    Chain::from_name("main").map_err(|error| error.to_string())
}

/// The list of a language, if this build has it: the module for browsers has English alone.
fn list(name: &str) -> Option<Language> {
    Language::ALL.iter().copied().find(|language| format!("{language:?}") == list_name(name))
}

fn list_name(name: &str) -> &'static str {
    match name {
        "english" => "English",
        "chinese_simplified" => "SimplifiedChinese",
        "chinese_traditional" => "TraditionalChinese",
        "czech" => "Czech",
        "french" => "French",
        "italian" => "Italian",
        "japanese" => "Japanese",
        "korean" => "Korean",
        "portuguese" => "Portuguese",
        "spanish" => "Spanish",
        _ => "",
    }
}

pub(super) fn bip39(vectors: &[Words]) -> Result<usize, String> {
    let mut checked = 0;
    for (number, vector) in vectors.iter().enumerate() {
        let Some(language) = list(&vector.language) else { continue };
        let fail = |error: crate::keys::KeyError| at(number, error);
        let made = Phrase::from_entropy(&hex(&vector.entropy)?, language).map_err(fail)?;
        let read = Phrase::parse(&vector.mnemonic).map_err(fail)?;
        same(number, "phrase", read.text().as_str(), made.text().as_str())?;
        if vector.language != "japanese" {
            // (Japanese words are published with wider blanks between them.)
            let expected = crate::keys::nfkd(&vector.mnemonic).map_err(fail)?;
            same(number, "phrase", made.text().as_str(), &expected)?;
        }
        let seed = read.seed(&vector.passphrase).map_err(fail)?;
        same(number, "seed", text(&*seed), vector.seed.clone())?;
        if let Some(xprv) = &vector.xprv {
            let master = Master::from_seed(&*seed, main_chain()?).map_err(fail)?;
            let key = master.derive(&DerivationPath::master()).map_err(fail)?;
            same(number, "master key", &key.to_string(), xprv)?;
        }
        checked += 1;
    }
    if checked == 0 { Err("no vector is of a language in this build".into()) } else { Ok(checked) }
}

#[derive(Deserialize)]
pub(super) struct Trees {
    valid: Vec<Tree>,
    invalid: Vec<String>,
}

#[derive(Deserialize)]
struct Tree {
    seed: String,
    keys: Vec<Key>,
}

#[derive(Deserialize)]
struct Key {
    path: String,
    xpub: String,
    xprv: String,
}

pub(super) fn bip32(vectors: &Trees) -> Result<usize, String> {
    let chain = main_chain()?;
    for (number, tree) in vectors.valid.iter().enumerate() {
        let fail = |error: crate::keys::KeyError| at(number, error);
        let master = Master::from_seed(&hex(&tree.seed)?, chain.clone()).map_err(fail)?;
        for key in &tree.keys {
            let path: DerivationPath = key.path.parse().map_err(|error| at(number, error))?;
            same(number, &key.path, master.derive(&path).map_err(fail)?.to_string(), key.xprv.clone())?;
            let xpub = master.xpub(&path).map_err(fail)?;
            same(number, &key.path, xpub.to_string(), key.xpub.clone())?;
            let read = ExtendedPublicKey::parse(&key.xpub, &chain).map_err(|error| at(number, error))?;
            same(number, &key.path, read.key, xpub)?;
        }
    }
    for (number, text) in vectors.invalid.iter().enumerate() {
        if ExtendedPublicKey::parse(text, &chain).is_ok() || Watched::parse(text, None, &chain).is_ok() {
            return Err(at(number, "an invalid extended key is read"));
        }
        // The reader for private keys is the library's, and only these vectors and PSBT tests hand it any.
    }
    Ok(vectors.valid.len() + vectors.invalid.len())
}

#[derive(Deserialize)]
pub(super) struct Account {
    kind: AccountKind,
    chain: String,
    seed: String,
    account_xpub: String,
    addresses: Vec<String>,
}

pub(super) fn accounts(vectors: &[Account]) -> Result<usize, String> {
    for (number, vector) in vectors.iter().enumerate() {
        let chain = Chain::from_name(&vector.chain).map_err(|error| at(number, error))?;
        let fail = |error: crate::keys::KeyError| at(number, error);
        let master = Master::from_seed(&hex(&vector.seed)?, chain.clone()).map_err(fail)?;
        let account = master.account(vector.kind, 0).map_err(fail)?;
        let known =
            ExtendedPublicKey::parse(&vector.account_xpub, &chain).map_err(|error| at(number, error))?;
        same(number, "account key", account.xpub, crate::keys::extended_to_text(&known.key, &chain))?;
        // The same addresses by descriptor, and by the extended key alone.
        let by_descriptor =
            PublicDescriptor::parse(&account.receive, &chain).map_err(|error| at(number, error))?;
        let by_key = Watched::parse(&vector.account_xpub, Some(vector.kind), &chain)
            .map_err(|error| at(number, error))?;
        for (index, expected) in (0..).zip(&vector.addresses) {
            for descriptor in [&by_descriptor, &by_key.receive] {
                let script = descriptor.script(index).map_err(|error| at(number, error))?;
                same(number, "address", chain.address(&script).as_ref(), Some(expected))?;
            }
        }
    }
    Ok(vectors.len())
}

#[derive(Deserialize)]
pub(super) struct Address {
    address: String,
    script: String,
    chain: String,
}

pub(super) fn addresses(vectors: &[Address]) -> Result<usize, String> {
    for (number, vector) in vectors.iter().enumerate() {
        let chain = Chain::from_name(&vector.chain).map_err(|error| at(number, error))?;
        let script = chain.script(&vector.address).map_err(|error| at(number, error))?;
        same(number, "script", script.to_hex_string(), vector.script.clone())?;
        let back = chain.address(&ScriptBuf::from_bytes(hex(&vector.script)?));
        // Bech32 addresses may be written in capitals.
        let expected = if vector.address.chars().any(|letter| letter.is_ascii_lowercase()) {
            vector.address.clone()
        } else {
            vector.address.to_lowercase()
        };
        same(number, "address", back, Some(expected))?;
    }
    Ok(vectors.len())
}

#[derive(Deserialize)]
pub(super) struct Descriptors {
    valid: Vec<Described>,
    invalid: Vec<Refused>,
}

#[derive(Deserialize)]
struct Described {
    descriptor: String,
    chain: String,
    scripts: Vec<String>,
}

#[derive(Deserialize)]
struct Refused {
    descriptor: String,
    chain: String,
    code: String,
}

pub(super) fn descriptors(vectors: &Descriptors) -> Result<usize, String> {
    for (number, vector) in vectors.valid.iter().enumerate() {
        let chain = Chain::from_name(&vector.chain).map_err(|error| at(number, error))?;
        let parsed =
            PublicDescriptor::parse(&vector.descriptor, &chain).map_err(|error| at(number, error))?;
        for (index, expected) in (0..).zip(&vector.scripts) {
            let script = parsed.script(index).map_err(|error| at(number, error))?;
            same(number, "script", script.to_hex_string(), expected.clone())?;
        }
        let again =
            PublicDescriptor::parse(&parsed.to_string(), &chain).map_err(|error| at(number, error))?;
        same(number, "descriptor", again, parsed)?;
    }
    for (number, vector) in vectors.invalid.iter().enumerate() {
        let chain = Chain::from_name(&vector.chain).map_err(|error| at(number, error))?;
        match Watched::parse(&vector.descriptor, None, &chain) {
            Ok(_) => return Err(at(number, format!("invalid and read: {}", vector.descriptor))),
            Err(error) => same(number, "code", error.code(), &vector.code)?,
        }
    }
    Ok(vectors.valid.len() + vectors.invalid.len())
}
