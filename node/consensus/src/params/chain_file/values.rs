//! Single values of a chain file: what each may be, and its default where it has one of its own.

use super::error::{ChainFileError, bad};
use super::tables::Coins;
use crate::amount::{Amount, MAX_MONEY};
use crate::hex;
use crate::pow::{Target, Work};
use crate::script::Script;
use core::net::SocketAddr;

/// The integer at `key`, or the default, within the range.
pub(super) fn integer<T: TryFrom<i64>>(
    key: &'static str,
    value: Option<i64>,
    default: T,
    range: std::ops::RangeInclusive<i64>,
) -> Result<T, ChainFileError> {
    let Some(value) = value else { return Ok(default) };
    let expected = || format!("expected a number from {} to {}", range.start(), range.end());
    if !range.contains(&value) {
        return bad(key, value, expected());
    }
    T::try_from(value).or_else(|_| bad(key, value, expected()))
}

pub(super) fn four_bytes(key: &'static str, text: &str) -> Result<[u8; 4], ChainFileError> {
    let bytes = hex::decode(text).ok().and_then(|bytes| <[u8; 4]>::try_from(bytes).ok());
    bytes.map_or_else(|| bad(key, text, "expected 8 hexadecimal digits"), Ok)
}

pub(super) fn work(key: &'static str, text: &str) -> Result<Work, ChainFileError> {
    text.parse().or_else(|_| bad(key, text, "expected 1 to 64 hexadecimal digits"))
}

pub(super) fn script(key: &'static str, text: &str) -> Result<Script, ChainFileError> {
    match hex::decode(text) {
        Ok(bytes) if bytes.len() <= 10_000 => Ok(Script(bytes)),
        _ => bad(key, text, "expected a script of at most 10000 bytes in hexadecimal"),
    }
}

pub(super) fn compact(key: &'static str, text: &str) -> Result<(u32, Target), ChainFileError> {
    let bits = if text.len() == 8 { u32::from_str_radix(text, 16).ok() } else { None };
    match bits.map(|bits| (bits, Target::from_compact(bits))) {
        Some((bits, Ok(target))) if target.to_compact() == bits => Ok((bits, target)),
        Some((_, Err(error))) => bad(key, text, error.to_string()),
        _ => bad(key, text, "expected a compact target of 8 hexadecimal digits"),
    }
}

pub(super) fn reward(key: &'static str, value: Option<Coins>) -> Result<Amount, ChainFileError> {
    let Some(Coins(text)) = value else { return Ok(Amount::from_coins(50)) };
    match Amount::from_coins_text(&text) {
        Ok(amount) if (0..=MAX_MONEY).contains(&amount.sat()) => Ok(amount),
        _ => bad(key, text, "expected coins from 0 to 21000000 with at most 8 decimals"),
    }
}

/// Names that would be mistaken for a built-in chain or for a folder of the node's own.
const RESERVED_NAMES: [&str; 11] = [
    "main",
    "test",
    "testnet",
    "testnet3",
    "testnet4",
    "signet",
    "regtest",
    "chaincore",
    "blocks",
    "chainstate",
    "indexes",
];

pub(super) fn name(value: Option<String>) -> Result<String, ChainFileError> {
    let name = value.ok_or(ChainFileError::Missing("name"))?;
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_';
    if name.is_empty() || name.len() > 32 || name.starts_with('-') || !name.bytes().all(plain) {
        return bad("name", format!("'{name}'"), "expected 1 to 32 of a-z, 0-9, - and _");
    }
    if RESERVED_NAMES.contains(&name.as_str()) {
        return bad("name", format!("'{name}'"), "the name is taken");
    }
    Ok(name)
}

/// Addresses with a port: names have their place among the DNS seeds.
pub(super) fn fixed_seeds(listed: Vec<String>) -> Result<Vec<SocketAddr>, ChainFileError> {
    let parsed = listed.into_iter().map(|text| match text.parse::<SocketAddr>() {
        Ok(address) if address.port() != 0 => Ok(address),
        _ => bad("fixed_seeds", text, "expected addresses with a port, such as 203.0.113.7:8000"),
    });
    parsed.collect()
}
