//! PSBTs in and out: bytes, base64 and hexadecimal digits.

use super::PsbtError;
use crate::base64;
use crate::chain::shorten;
use bitcoin::Psbt;
use chaincore_consensus::hex;

/// The most bytes of a PSBT that are read: a hundred inputs with previous transactions of the largest size that is
/// relayed are ten million.
pub const MAX_PSBT_BYTES: usize = 16 * 1024 * 1024;

/// The most bytes of the unsigned transaction: none that is larger fits in a block.
const MAX_TX_BYTES: usize = 1_000_000;

pub(super) const MAGIC: &[u8] = b"psbt\xff";

/// Reads a PSBT from a file or a text: raw bytes, base64 (line breaks, the URL alphabet and missing padding are
/// fine) or hexadecimal digits.
pub fn read(data: &[u8]) -> Result<Psbt, PsbtError> {
    // Base64 takes 4 bytes for 3, hexadecimal digits 6.
    let limit = MAX_PSBT_BYTES * 2 + 2;
    if data.len() > limit {
        return Err(PsbtError::TooLarge { len: data.len(), limit: MAX_PSBT_BYTES });
    }
    if data.starts_with(MAGIC) {
        return decode(data);
    }
    let mut text: Vec<u8> = data.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    if text.len().is_multiple_of(2)
        && text.get(..10).is_some_and(|start| start.eq_ignore_ascii_case(b"70736274ff"))
    {
        let bytes = core::str::from_utf8(&text)
            .ok()
            .and_then(|text| hex::decode(text).ok())
            .ok_or(PsbtError::Encoding)?;
        return decode(&bytes);
    }
    for byte in &mut text {
        match *byte {
            b'-' => *byte = b'+',
            b'_' => *byte = b'/',
            _ => {}
        }
    }
    let padding = text.iter().rev().take_while(|byte| **byte == b'=').count();
    text.truncate(text.len() - padding.min(2));
    let bytes = base64::decode_unpadded(&text).ok_or(PsbtError::Encoding)?;
    if bytes.starts_with(MAGIC) { decode(&bytes) } else { Err(PsbtError::Encoding) }
}

/// Reads a PSBT from text.
pub fn from_base64(text: &str) -> Result<Psbt, PsbtError> {
    read(text.as_bytes())
}

/// The base64 text of a PSBT.
pub fn to_base64(psbt: &Psbt) -> String {
    base64::encode(&psbt.serialize())
}

fn decode(bytes: &[u8]) -> Result<Psbt, PsbtError> {
    if bytes.len() > MAX_PSBT_BYTES {
        return Err(PsbtError::TooLarge { len: bytes.len(), limit: MAX_PSBT_BYTES });
    }
    if version(bytes) == Some(2) {
        return decode_version_0(&super::v2::to_version_0(bytes)?);
    }
    decode_version_0(bytes)
}

/// What the first map says of the version, if it can be read.
fn version(bytes: &[u8]) -> Option<u32> {
    let mut rest = bytes.get(MAGIC.len()..)?;
    loop {
        let len = take_compact_size(&mut rest).filter(|len| *len > 0)?;
        let key = take(&mut rest, len)?;
        let len = take_compact_size(&mut rest)?;
        let value = take(&mut rest, len)?;
        if key == [0xfb] {
            return value.try_into().map(u32::from_le_bytes).ok();
        }
    }
}

fn decode_version_0(bytes: &[u8]) -> Result<Psbt, PsbtError> {
    // The library makes room for as many inputs and outputs as the transaction says, so that one is measured first.
    check_global_map(&bytes[MAGIC.len()..])?;
    let mut rest = bytes;
    let psbt = Psbt::deserialize_from_reader(&mut rest)
        .map_err(|error| PsbtError::Decode(shorten(&error.to_string())))?;
    if rest.iter().all(u8::is_ascii_whitespace) {
        Ok(psbt)
    } else {
        Err(PsbtError::Decode(format!("{} bytes follow it", rest.len())))
    }
}

/// Looks through the first map: it must have a version that is known and an unsigned transaction that a block has room
/// for.
fn check_global_map(mut rest: &[u8]) -> Result<(), PsbtError> {
    let damaged = || PsbtError::Decode("its first map ends early".into());
    let (mut tx, mut version) = (None, 0);
    loop {
        let key_len = take_compact_size(&mut rest).ok_or_else(damaged)?;
        if key_len == 0 {
            break;
        }
        let key = take(&mut rest, key_len).ok_or_else(damaged)?;
        let value_len = take_compact_size(&mut rest).ok_or_else(damaged)?;
        let value = take(&mut rest, value_len).ok_or_else(damaged)?;
        match key {
            [0x00] => tx = Some(value.len()),
            [0xfb] => version = value.try_into().map_or(u32::MAX, u32::from_le_bytes),
            _ => {}
        }
    }
    match tx {
        _ if version != 0 => Err(PsbtError::Version(version)),
        Some(len) if len > MAX_TX_BYTES => Err(PsbtError::TooLarge { len, limit: MAX_TX_BYTES }),
        Some(_) => Ok(()),
        None => Err(PsbtError::Decode("it has no unsigned transaction".into())),
    }
}

pub(super) fn take<'a>(rest: &mut &'a [u8], len: usize) -> Option<&'a [u8]> {
    let (taken, after) = rest.split_at_checked(len)?;
    *rest = after;
    Some(taken)
}

pub(super) fn take_compact_size(rest: &mut &[u8]) -> Option<usize> {
    let wide = |bytes: &[u8]| {
        let mut padded = [0; 8];
        padded[..bytes.len()].copy_from_slice(bytes);
        usize::try_from(u64::from_le_bytes(padded)).ok()
    };
    match take(rest, 1)?[0] {
        byte @ ..0xfd => Some(byte.into()),
        0xfd => wide(take(rest, 2)?),
        0xfe => wide(take(rest, 4)?),
        0xff => wide(take(rest, 8)?),
    }
}
