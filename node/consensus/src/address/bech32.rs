//! Bech32 (BIP173) and bech32m (BIP350) texts.
//!
//! The checksum is written out here, and not taken from a library, because `validateaddress` must tell where up to
//! two wrong characters are, which the libraries can't.

use std::collections::HashMap;

/// Which of the two checksums.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Variant {
    /// BIP173.
    Bech32,
    /// BIP350.
    Bech32m,
}

impl Variant {
    const BOTH: [Self; 2] = [Self::Bech32, Self::Bech32m];

    /// What the polynomial of a right text leaves.
    const fn constant(self) -> u32 {
        match self {
            Self::Bech32 => 1,
            Self::Bech32m => 0x2bc8_30a3,
        }
    }
}

/// A text taken apart.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Decoded {
    /// Which checksum it has.
    pub variant: Variant,
    /// The human-readable part in lower case.
    pub hrp: String,
    /// The groups of five bits before the checksum.
    pub data: Vec<u8>,
}

const ALPHABET: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";

const CHECKSUM_LEN: usize = 6;

/// The longest text allowed.
const MAX_LEN: usize = 90;

/// Takes one more group into the remainder of the generator polynomial.
fn step(remainder: u32, group: u8) -> u32 {
    const GENERATOR: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
    let top = remainder >> 25;
    let shifted = (remainder & 0x01ff_ffff) << 5 ^ u32::from(group);
    (0..5).filter(|bit| top >> bit & 1 == 1).fold(shifted, |sum, bit| sum ^ GENERATOR[bit])
}

/// The remainder after the human-readable part, of which every character counts as two groups.
fn start(hrp: &str) -> u32 {
    let high = hrp.bytes().map(|byte| byte >> 5);
    let low = hrp.bytes().map(|byte| byte & 31);
    high.chain([0]).chain(low).fold(1, step)
}

/// The text of `data`, groups of five bits, with a checksum.
pub fn encode(variant: Variant, hrp: &str, data: &[u8]) -> String {
    let sum = data.iter().copied().chain([0; CHECKSUM_LEN]).fold(start(hrp), step) ^ variant.constant();
    let checksum = (0..CHECKSUM_LEN).map(|at| (sum >> (5 * (CHECKSUM_LEN - 1 - at))) as u8 & 31);
    let groups = data.iter().copied().chain(checksum);
    let letters = groups.map(|group| char::from(ALPHABET[usize::from(group & 31)]));
    hrp.chars().chain(['1']).chain(letters).collect()
}

/// What the text says, if its characters and its checksum are right.
pub fn decode(text: &str) -> Result<Decoded, &'static str> {
    let (hrp, groups) = split(text).map_err(|(message, _)| message)?;
    let remainder = groups.iter().copied().fold(start(&hrp), step);
    let variant = Variant::BOTH.into_iter().find(|variant| variant.constant() == remainder);
    let variant = variant.ok_or("Invalid checksum")?;
    Ok(Decoded { variant, hrp, data: groups[..groups.len() - CHECKSUM_LEN].to_vec() })
}

/// What is wrong with a text, and with which characters.
pub type Fault = (&'static str, Vec<usize>);

/// The human-readable part in lower case and all groups behind it.
fn split(text: &str) -> Result<(String, Vec<u8>), Fault> {
    if text.len() > MAX_LEN {
        return Err(("Bech32 string too long", (MAX_LEN..text.len()).collect()));
    }
    let (mut lower, mut upper, mut wrong) = (false, false, Vec::new());
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'a'..=b'z' if !upper => lower = true,
            b'A'..=b'Z' if !lower => upper = true,
            b'a'..=b'z' | b'A'..=b'Z' | 0..=32 | 127.. => wrong.push(at),
            _ => {}
        }
    }
    if !wrong.is_empty() {
        return Err(("Invalid character or mixed case", wrong));
    }
    let Some(separator) = text.rfind('1') else { return Err(("Missing separator", vec![])) };
    if separator == 0 || separator + CHECKSUM_LEN >= text.len() {
        return Err(("Invalid separator position", vec![separator]));
    }
    let group = |(at, byte): (usize, u8)| {
        let group = ALPHABET.iter().position(|letter| *letter == byte.to_ascii_lowercase());
        group.map(|group| group as u8).ok_or(("Invalid Base 32 character", vec![separator + 1 + at]))
    };
    let groups = text.bytes().skip(separator + 1).enumerate().map(group).collect::<Result<_, _>>()?;
    Ok((text[..separator].to_ascii_lowercase(), groups))
}

/// What is wrong with a text, and with which characters: one or two wrong ones are found by the checksum (Core's
/// `LocateErrors`). `None` if nothing is wrong.
pub fn locate_errors(text: &str) -> Option<Fault> {
    let (hrp, groups) = match split(text) {
        Ok(parts) => parts,
        Err(error) => return Some(error),
    };
    let first = text.len() - groups.len();
    let remainder = groups.iter().copied().fold(start(&hrp), step);
    if Variant::BOTH.iter().any(|variant| variant.constant() == remainder) {
        return None;
    }
    // The remainder is linear: each wrong group adds what it alone would leave, so what two of them add is the sum
    // of two of these, and by the code's distance of at most one pair.
    let mut alone = HashMap::new();
    for at in 0..groups.len() {
        for error in 1..32 {
            let left = std::iter::once(error).chain((at + 1..groups.len()).map(|_| 0)).fold(0, step);
            alone.insert(left, at);
        }
    }
    let mut best: Option<(Variant, Vec<usize>)> = None;
    for variant in Variant::BOTH {
        let sum = remainder ^ variant.constant();
        let found = alone.get(&sum).map(|at| vec![first + at]).or_else(|| {
            alone.iter().find_map(|(left, at)| {
                let other = alone.get(&(sum ^ left)).filter(|other| *other != at)?;
                Some(vec![first + at.min(other), first + at.max(other)])
            })
        });
        if let Some(found) = found
            && best.as_ref().is_none_or(|(_, fewest)| found.len() < fewest.len())
        {
            best = Some((variant, found));
        }
    }
    Some(match best {
        Some((Variant::Bech32, at)) => ("Invalid Bech32 checksum", at),
        Some((Variant::Bech32m, at)) => ("Invalid Bech32m checksum", at),
        None => ("Invalid checksum", vec![]),
    })
}

/// The bits of `bytes` in groups of five, the last one filled up with zeros.
pub fn to_groups(bytes: &[u8]) -> Vec<u8> {
    let mut groups = Vec::with_capacity((bytes.len() * 8).div_ceil(5));
    let (mut bits, mut held) = (0u32, 0);
    for byte in bytes {
        bits = bits << 8 | u32::from(*byte);
        held += 8;
        while held >= 5 {
            held -= 5;
            groups.push((bits >> held) as u8 & 31);
        }
    }
    if held > 0 {
        groups.push((bits << (5 - held)) as u8 & 31);
    }
    groups
}

/// The bytes in groups of five bits; `None` if more than four bits are left over or one of them is set.
pub fn from_groups(groups: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(groups.len() * 5 / 8);
    let (mut bits, mut held) = (0u32, 0);
    for group in groups {
        bits = bits << 5 | u32::from(*group);
        held += 5;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
        }
    }
    let left = bits & ((1 << held) - 1);
    (held < 5 && left == 0).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn valid_texts_of_both_kinds() {
        for (text, variant) in [
            ("A12UEL5L", Variant::Bech32),
            (
                "an83characterlonghumanreadablepartthatcontainsthenumber1andtheexcludedcharactersbio1tt5tgs",
                Variant::Bech32,
            ),
            ("split1checkupstagehandshakeupstreamerranterredcaperred2y9e3w", Variant::Bech32),
            ("A1LQFN3A", Variant::Bech32m),
            ("abcdef1l7aum6echk45nj3s0wdvt2fg8x9yrzpqzd3ryx", Variant::Bech32m),
            ("?1v759aa", Variant::Bech32m),
        ] {
            let decoded = decode(text).unwrap();
            assert_eq!(decoded.variant, variant);
            assert_eq!(encode(variant, &decoded.hrp, &decoded.data), text.to_ascii_lowercase());
            assert_eq!(locate_errors(text), None);
        }
        for text in [
            "pzry9x0s0muk",
            "1pzry9x0s0muk",
            "x1b4n0q5v",
            "li1dgmt3",
            "A1G7SGD8",
            "10a06t8",
            "a\u{e9}1lqfn3a",
        ] {
            assert!(decode(text).is_err(), "{text}");
        }
    }

    #[test]
    fn one_or_two_wrong_characters_are_found() {
        let right = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";
        let change = |text: &str, at: usize| {
            let other = if &text[at..=at] == "q" { "p" } else { "q" };
            format!("{}{other}{}", &text[..at], &text[at + 1..])
        };
        for first in 5..right.len() {
            let one = change(right, first);
            assert_eq!(locate_errors(&one), Some(("Invalid Bech32 checksum", vec![first])));
            for second in first + 1..right.len().min(first + 4) {
                let two = change(&one, second);
                assert_eq!(locate_errors(&two), Some(("Invalid Bech32 checksum", vec![first, second])));
            }
        }
    }

    #[test]
    fn groups_round_trip() {
        for len in 0..50u8 {
            let bytes: Vec<u8> = (0..len).map(|n| n.wrapping_mul(37)).collect();
            assert_eq!(from_groups(&to_groups(&bytes)), Some(bytes));
        }
        assert_eq!(from_groups(&[0]), None);
        assert_eq!(from_groups(&[0, 1]), None);
    }
}
