//! Addresses as text, as Core prints and reads them.

use super::{Host, NetAddress};
use data_encoding::BASE32_NOPAD;
use sha3::{Digest, Sha3_256};
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// The version byte of an onion service's name.
const ONION_VERSION: u8 = 3;

/// Why a text is not an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a network address")]
pub struct ParseAddressError(pub String);

fn base32(bytes: &[u8]) -> String {
    BASE32_NOPAD.encode(bytes).to_ascii_lowercase()
}

fn decode_base32(text: &str) -> Option<Vec<u8>> {
    BASE32_NOPAD.decode(text.to_ascii_uppercase().as_bytes()).ok()
}

/// The two bytes behind the key in an onion service's name.
fn onion_checksum(key: &[u8; 32]) -> [u8; 2] {
    let mut hasher = Sha3_256::new();
    hasher.update(b".onion checksum");
    hasher.update(key);
    hasher.update([ONION_VERSION]);
    let hash = hasher.finalize();
    [hash[0], hash[1]]
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ipv4(bytes) => Ipv4Addr::from(*bytes).fmt(f),
            Self::Ipv6(bytes) | Self::Cjdns(bytes) => Ipv6Addr::from(*bytes).fmt(f),
            Self::Onion(key) => {
                let name = [&key[..], &onion_checksum(key), &[ONION_VERSION]].concat();
                write!(f, "{}.onion", base32(&name))
            }
            Self::I2p(hash) => write!(f, "{}.b32.i2p", base32(hash)),
            Self::Internal(hash) => write!(f, "{}.internal", base32(hash)),
        }
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Host {
    type Err = ParseAddressError;

    /// Reads an IPv4, IPv6 (in brackets or not), onion or I2P address. Names are not resolved, and an IPv6
    /// address that stands for an internal name is refused.
    fn from_str(text: &str) -> Result<Self, ParseAddressError> {
        parse_host(unbracketed(text)).map(|(host, _)| host).ok_or_else(|| ParseAddressError(text.into()))
    }
}

/// The host and its zone.
fn parse_host(text: &str) -> Option<(Host, u32)> {
    if let Some(host) = parse_onion(text).or_else(|| parse_i2p(text)) {
        return Some((host, 0));
    }
    if let Ok(ip) = text.parse::<Ipv4Addr>() {
        return Some((Host::Ipv4(ip.octets()), 0));
    }
    let (address, zone) = match text.split_once('%') {
        Some((address, zone)) => (address, parse_number(zone)?),
        None => (text, 0),
    };
    let host = Host::from_legacy_ipv6(address.parse::<Ipv6Addr>().ok()?.octets());
    (!host.is_internal()).then_some((host, zone))
}

/// Digits only: no sign.
fn parse_number<T: FromStr>(text: &str) -> Option<T> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

fn parse_onion(text: &str) -> Option<Host> {
    let name = decode_base32(text.strip_suffix(".onion")?)?;
    let key: [u8; 32] = name.get(..32)?.try_into().ok()?;
    let [first, second] = onion_checksum(&key);
    (name[32..] == [first, second, ONION_VERSION]).then_some(Host::Onion(key))
}

fn parse_i2p(text: &str) -> Option<Host> {
    let (name, suffix) = text.split_at_checked(52)?;
    if !suffix.eq_ignore_ascii_case(".b32.i2p") {
        return None;
    }
    Some(Host::I2p(decode_base32(name)?.try_into().ok()?))
}

impl fmt::Display for NetAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host {
            Host::Ipv6(_) if self.zone != 0 => write!(f, "[{}%{}]:{}", self.host, self.zone, self.port),
            Host::Ipv6(_) | Host::Cjdns(_) => write!(f, "[{}]:{}", self.host, self.port),
            _ => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

impl fmt::Debug for NetAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl NetAddress {
    /// Reads an address with or without a port (Core's `LookupNumeric`, but for IPv4 addresses in fewer than
    /// four parts or not in decimal).
    pub fn parse(text: &str, default_port: u16) -> Result<Self, ParseAddressError> {
        let (host, port, _) = split_host_port(text);
        let (host, zone) = parse_host(host).ok_or_else(|| ParseAddressError(text.into()))?;
        Ok(Self { host, port: port.unwrap_or(default_port), zone })
    }
}

impl FromStr for NetAddress {
    type Err = ParseAddressError;

    /// As [`NetAddress::parse`] with port 0 where there is none.
    fn from_str(text: &str) -> Result<Self, ParseAddressError> {
        Self::parse(text, 0)
    }
}

fn unbracketed(text: &str) -> &str {
    text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text)
}

/// The host in `text` without its brackets, the port if there is one, and whether what is there is a port that
/// can be connected to (Core's `SplitHostPort`). What can't be a port stays in the host. The colons of an IPv6
/// address without brackets are not a port's.
pub fn split_host_port(text: &str) -> (&str, Option<u16>, bool) {
    let Some((before, after)) = text.rsplit_once(':') else {
        return (unbracketed(text), None, true);
    };
    let bracketed = text.starts_with('[') && before.ends_with(']');
    if before.contains(':') && !bracketed {
        return (unbracketed(text), None, true);
    }
    match parse_number::<u16>(after) {
        Some(port) => (unbracketed(before), Some(port), port != 0),
        None => (unbracketed(text), None, false),
    }
}
