//! Key expressions (BIP380): a key in hexadecimal, WIF or extended form, with its origin and the path from it.

use super::bip32::{ExtendedPrivate, ExtendedPublic, HARDENED};
use super::provider::{Origin, Provider};
use chaincore_consensus::address::WifKey;
use chaincore_consensus::hash::hash160;
use chaincore_consensus::hex;
use chaincore_consensus::params::AddressFormat;
use secp256k1::PublicKey;

/// Where in a descriptor a key or script stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Context {
    /// Not in any function that wraps a script.
    Top,
    /// In `sh()`.
    P2sh,
    /// In `wpkh()`.
    P2wpkh,
    /// In `wsh()`.
    P2wsh,
    /// In `tr()` or `rawtr()`.
    P2tr,
}

/// The last step of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Last {
    /// None: one key.
    Fixed,
    /// `/*`: a child for each position.
    Child,
    /// `/*h`: a hardened child for each position.
    Hardened,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Single {
        key: Vec<u8>,
        /// It is written without its first byte.
        x_only: bool,
    },
    Extended {
        root: ExtendedPublic,
        private: Option<ExtendedPrivate>,
        /// One path, or one for each way of a multipath step (BIP389).
        paths: Vec<Vec<u32>>,
        last: Last,
    },
}

/// A key expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    origin: Option<Origin>,
    kind: Kind,
    /// It contains a private key.
    private: bool,
    /// Hardened steps are written with an apostrophe.
    apostrophe: bool,
}

fn is_hex(text: &str) -> bool {
    !text.is_empty() && text.len().is_multiple_of(2) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn path_step(text: &str, apostrophe: &mut bool) -> Result<u32, String> {
    let (digits, hardened) = match text.strip_suffix(['\'', 'h']) {
        Some(digits) => {
            *apostrophe = text.ends_with('\'');
            (digits, HARDENED)
        }
        None => (text, 0),
    };
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let number = digits.parse::<u32>().ok().filter(|_| is_number);
    let number = number.ok_or_else(|| format!("Key path value '{digits}' is not a valid uint32"))?;
    if number >= HARDENED {
        return Err(format!("Key path value {number} is out of range"));
    }
    Ok(number | hardened)
}

/// A path, or several if one step is `<a;b;…>` and that is allowed.
fn parse_path(steps: &[&str], apostrophe: &mut bool, multipath: bool) -> Result<Vec<Vec<u32>>, String> {
    let mut path = Vec::with_capacity(steps.len());
    let mut ways: Option<(usize, Vec<u32>)> = None;
    for step in steps {
        let Some(choices) = step.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')) else {
            path.push(path_step(step, apostrophe)?);
            continue;
        };
        if !multipath {
            return Err(format!(
                "Key path value '{step}' specifies multipath in a section where multipath is not allowed"
            ));
        }
        if ways.is_some() {
            return Err("Multiple multipath key path specifiers found".into());
        }
        let choices: Vec<&str> = choices.split(';').collect();
        if choices.len() < 2 {
            return Err("Multipath key path specifiers must have at least two items".into());
        }
        let mut numbers = Vec::with_capacity(choices.len());
        for choice in choices {
            let number = path_step(choice, apostrophe)?;
            if numbers.contains(&number) {
                return Err(format!("Duplicated key path value {number} in multipath specifier"));
            }
            numbers.push(number);
        }
        ways = Some((path.len(), numbers));
        path.push(0);
    }
    let Some((at, numbers)) = ways else { return Ok(vec![path]) };
    let way = |number| {
        let mut path = path.clone();
        path[at] = number;
        path
    };
    Ok(numbers.into_iter().map(way).collect())
}

fn path_text(path: &[u32], apostrophe: bool) -> String {
    let mark = if apostrophe { "'" } else { "h" };
    let step = |step: &u32| format!("/{}{}", step & !HARDENED, if *step >= HARDENED { mark } else { "" });
    path.iter().map(step).collect()
}

impl Key {
    /// Reads a key expression; the error is Core's text.
    pub fn parse(text: &str, context: Context, format: &AddressFormat) -> Result<Self, String> {
        let parts: Vec<&str> = text.split(']').collect();
        let mut apostrophe = false;
        let (origin, key) = match parts[..] {
            [key] => (None, key),
            [origin, key] => {
                let Some(inner) = origin.strip_prefix('[') else {
                    let got = origin.chars().next().unwrap_or(']');
                    return Err(format!(
                        "Key origin start '[ character expected but not found, got '{got}' instead"
                    ));
                };
                let mut steps = inner.split('/');
                let print = steps.next().unwrap_or_default();
                if print.len() != 8 {
                    let count = print.len();
                    return Err(format!(
                        "Fingerprint is not 4 bytes ({count} characters instead of 8 characters)"
                    ));
                }
                let fingerprint = hex::decode(print).ok().and_then(|bytes| bytes.try_into().ok());
                let fingerprint = fingerprint.ok_or_else(|| format!("Fingerprint '{print}' is not hex"))?;
                let steps: Vec<&str> = steps.collect();
                let mut paths = parse_path(&steps, &mut apostrophe, false)?;
                (Some(Origin { fingerprint, path: paths.remove(0) }), key)
            }
            _ => return Err("Multiple ']' characters found for a single pubkey".into()),
        };
        let (kind, private) = Self::parse_kind(key, context, &mut apostrophe, format)?;
        Ok(Self { origin, kind, private, apostrophe })
    }

    fn parse_kind(
        text: &str,
        context: Context,
        apostrophe: &mut bool,
        format: &AddressFormat,
    ) -> Result<(Kind, bool), String> {
        let mut steps: Vec<&str> = text.split('/').collect();
        let key = steps.remove(0);
        if key.is_empty() {
            return Err("No key provided".into());
        }
        let is_space = |c: char| matches!(c, ' ' | '\t'..='\r');
        if key.starts_with(is_space) || key.ends_with(is_space) {
            return Err(format!("Key '{key}' is invalid due to whitespace"));
        }
        if steps.is_empty() {
            if is_hex(key) {
                return Self::parse_hex(key, context).map(|kind| (kind, false));
            }
            if let Some(wif) = WifKey::parse(key, format) {
                if !wif.compressed && !matches!(context, Context::Top | Context::P2sh) {
                    return Err("Uncompressed keys are not allowed".into());
                }
                let kind = Kind::Single { key: wif.public_key_bytes(), x_only: context == Context::P2tr };
                return Ok((kind, true));
            }
        }
        let private = ExtendedPrivate::parse(key, format);
        let root = private.map(|key| key.public()).or_else(|| ExtendedPublic::parse(key, format));
        let root = root.ok_or_else(|| format!("key '{key}' is not valid"))?;
        let last = match steps.last().copied() {
            Some("*") => Last::Child,
            Some(step @ ("*'" | "*h")) => {
                *apostrophe = step.ends_with('\'');
                Last::Hardened
            }
            _ => Last::Fixed,
        };
        if last != Last::Fixed {
            steps.pop();
        }
        let paths = parse_path(&steps, apostrophe, true)?;
        Ok((Kind::Extended { root, private, paths, last }, private.is_some()))
    }

    fn parse_hex(text: &str, context: Context) -> Result<Kind, String> {
        let bytes = hex::decode(text).map_err(|error| error.to_string())?;
        if matches!((bytes.first(), bytes.len()), (Some(6 | 7), 65)) {
            return Err("Hybrid public keys are not allowed".into());
        }
        if matches!(bytes.len(), 33 | 65) && PublicKey::from_slice(&bytes).is_ok() {
            if bytes.len() == 65 && !matches!(context, Context::Top | Context::P2sh) {
                return Err("Uncompressed keys are not allowed".into());
            }
            return Ok(Kind::Single { key: bytes, x_only: false });
        }
        let full = [&[2], &bytes[..]].concat();
        if context == Context::P2tr && bytes.len() == 32 && PublicKey::from_slice(&full).is_ok() {
            return Ok(Kind::Single { key: full, x_only: true });
        }
        Err(format!("Pubkey '{text}' is invalid"))
    }

    /// Whether it stands for a key at each position.
    pub fn is_range(&self) -> bool {
        matches!(&self.kind, Kind::Extended { last, .. } if *last != Last::Fixed)
    }

    /// Whether it contains a private key.
    pub fn is_private(&self) -> bool {
        self.private
    }

    /// The bytes that its public keys have.
    pub fn size(&self) -> usize {
        match &self.kind {
            Kind::Single { key, .. } => key.len(),
            Kind::Extended { .. } => 33,
        }
    }

    /// In how many ways a multipath step can be taken; 1 without one.
    pub fn ways(&self) -> usize {
        match &self.kind {
            Kind::Single { .. } => 1,
            Kind::Extended { paths, .. } => paths.len(),
        }
    }

    /// The expression with a multipath step taken in one way; the same without one.
    pub fn way(&self, way: usize) -> Self {
        let mut key = self.clone();
        if let Kind::Extended { paths, .. } = &mut key.kind
            && let Some(path) = paths.get(way).cloned()
            && paths.len() > 1
        {
            *paths = vec![path];
        }
        key
    }

    /// The public key at a position, made known to `provider`; `None` if that takes a private key that is not there.
    pub fn derive(&self, position: u32, provider: &mut Provider) -> Option<Vec<u8>> {
        let (key, mut origin) = match &self.kind {
            Kind::Single { key, .. } => (key.clone(), Origin::own(key)),
            Kind::Extended { root, private, paths, last } => {
                let mut path = paths[0].clone();
                match last {
                    Last::Fixed => {}
                    Last::Child => path.push(position),
                    Last::Hardened => path.push(position | HARDENED),
                }
                let public = if path.iter().any(|step| *step >= HARDENED) {
                    let key = path.iter().try_fold((*private)?, |key, step| key.child(*step))?;
                    key.public()
                } else {
                    path.iter().try_fold(*root, |key, step| key.child(*step))?
                };
                let [a, b, c, d, ..] = hash160(&root.key.serialize());
                (public.key.serialize().to_vec(), Origin { fingerprint: [a, b, c, d], path })
            }
        };
        if let Some(given) = &self.origin {
            let path = [&given.path[..], &origin.path].concat();
            origin = Origin { fingerprint: given.fingerprint, path };
        }
        provider.add_key(&key, origin);
        Some(key)
    }

    /// The text, with public keys only.
    pub fn to_text(&self, format: &AddressFormat) -> String {
        let key = match &self.kind {
            Kind::Single { key, x_only: true } => hex::encode(&key[1..]),
            Kind::Single { key, x_only: false } => hex::encode(key),
            Kind::Extended { root, paths, last, .. } => {
                let end = match last {
                    Last::Fixed => "",
                    Last::Child => "/*",
                    Last::Hardened if self.apostrophe => "/*'",
                    Last::Hardened => "/*h",
                };
                root.to_text(format) + &path_text(&paths[0], self.apostrophe) + end
            }
        };
        match &self.origin {
            None => key,
            Some(origin) => format!("[{}]{key}", origin.to_text(self.apostrophe)),
        }
    }
}

impl Origin {
    /// A key that is its own origin.
    fn own(key: &[u8]) -> Self {
        let [a, b, c, d, ..] = hash160(key);
        Self { fingerprint: [a, b, c, d], path: vec![] }
    }

    /// `d34db33f/44h/0h`.
    pub fn to_text(&self, apostrophe: bool) -> String {
        hex::encode(&self.fingerprint) + &path_text(&self.path, apostrophe)
    }
}
