//! Coins: unspent outputs with what the rules need to know about where they came from.
//!
//! The stored form is Core's compressed one (`compressor.h`): amounts lose their trailing zeros and the usual
//! scripts lose everything but the hash or key.

use crate::amount::Amount;
use crate::codec::{Decode, DecodeError, Encode, Reader, Sink};
use crate::script::Script;
use crate::transaction::TxOut;

/// An unspent output.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Coin {
    /// The output.
    pub output: TxOut,
    /// The height of the block that made it, below 2^31.
    pub height: u32,
    /// Whether a coinbase made it.
    pub coinbase: bool,
    /// The position of the transaction that made it in its block.
    pub tx_index: u32,
}

impl Coin {
    pub(crate) fn code(&self) -> u64 {
        u64::from(self.height) << 1 | u64::from(self.coinbase)
    }

    pub(crate) fn split_code(code: u64) -> Result<(u32, bool), DecodeError> {
        let height = u32::try_from(code >> 1)
            .map_err(|_| DecodeError::Invalid(format!("coin code {code} too large")))?;
        Ok((height, code & 1 == 1))
    }
}

impl Encode for Coin {
    fn encode(&self, sink: &mut impl Sink) {
        put_varint(sink, self.code());
        put_compressed_output(sink, &self.output);
        put_varint(sink, self.tx_index.into());
    }
}

impl Decode for Coin {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (height, coinbase) = Self::split_code(read_varint(reader)?)?;
        let output = read_compressed_output(reader)?;
        Ok(Self { output, height, coinbase, tx_index: read_varint_u32(reader)? })
    }
}

/// Puts Core's `VARINT`: base 128, the most significant group first, each continued group counting from one so
/// that every number has one form.
pub fn put_varint(sink: &mut impl Sink, mut value: u64) {
    let mut bytes = [0; 10];
    let mut at = bytes.len() - 1;
    bytes[at] = (value & 0x7f) as u8;
    while value > 0x7f {
        value = (value >> 7) - 1;
        at -= 1;
        bytes[at] = (value & 0x7f) as u8 | 0x80;
    }
    sink.put(&bytes[at..]);
}

/// Reads Core's `VARINT`.
pub fn read_varint(reader: &mut Reader<'_>) -> Result<u64, DecodeError> {
    let too_large = || DecodeError::Invalid("variable-length integer too large".into());
    let mut value = 0u64;
    loop {
        let byte = reader.u8()?;
        if value > u64::MAX >> 7 {
            return Err(too_large());
        }
        value = value << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Ok(value);
        }
        value = value.checked_add(1).ok_or_else(too_large)?;
    }
}

/// Reads Core's `VARINT` where the value has 32 bits.
pub fn read_varint_u32(reader: &mut Reader<'_>) -> Result<u32, DecodeError> {
    let value = read_varint(reader)?;
    u32::try_from(value).map_err(|_| DecodeError::Invalid(format!("{value} exceeds 32 bits")))
}

/// A number that is small for amounts with many trailing zeros (Core's `CompressAmount`).
pub fn compress_amount(amount: u64) -> u64 {
    if amount == 0 {
        return 0;
    }
    let mut rest = amount;
    let mut exponent = 0;
    while rest.is_multiple_of(10) && exponent < 9 {
        rest /= 10;
        exponent += 1;
    }
    if exponent < 9 {
        let last = rest % 10;
        1 + (rest / 10 * 9 + last - 1) * 10 + exponent
    } else {
        1 + (rest - 1) * 10 + 9
    }
}

/// The amount behind [`compress_amount`]'s number; `None` if it exceeds 64 bits.
pub fn decompress_amount(compressed: u64) -> Option<u64> {
    let Some(rest) = compressed.checked_sub(1) else { return Some(0) };
    let exponent = rest % 10;
    let rest = rest / 10;
    let digits = if exponent < 9 { (rest / 9).checked_mul(10)?.checked_add(rest % 9 + 1)? } else { rest + 1 };
    digits.checked_mul(10u64.pow(exponent as u32))
}

/// The sizes of the special scripts' payloads, by their code.
const SPECIAL_SIZES: [usize; 6] = [20, 20, 32, 32, 32, 32];

/// No script longer than this can ever run, so none is stored (Core's `MAX_SCRIPT_SIZE`).
const MAX_SCRIPT_SIZE: u64 = 10_000;

/// Puts an output in Core's compressed form. The value must not be negative.
pub fn put_compressed_output(sink: &mut impl Sink, output: &TxOut) {
    put_varint(sink, compress_amount(output.value.sat().unsigned_abs()));
    let script = &output.script_pubkey.0;
    if let Some((code, payload)) = special_form(script) {
        sink.put(&[code]);
        sink.put(payload);
    } else {
        put_varint(sink, (script.len() + SPECIAL_SIZES.len()) as u64);
        sink.put(script);
    }
}

/// Reads an output in Core's compressed form.
pub fn read_compressed_output(reader: &mut Reader<'_>) -> Result<TxOut, DecodeError> {
    let amount = read_varint(reader)?;
    let value = decompress_amount(amount)
        .and_then(|value| i64::try_from(value).ok())
        .ok_or_else(|| DecodeError::Invalid(format!("compressed amount {amount} too large")))?;
    let size = read_varint(reader)?;
    let script = match SPECIAL_SIZES.get(usize::try_from(size).unwrap_or(usize::MAX)) {
        Some(&len) => expand_special(size as u8, reader.bytes(len)?)?,
        None => {
            let len = size - SPECIAL_SIZES.len() as u64;
            if len > MAX_SCRIPT_SIZE {
                return Err(DecodeError::Invalid(format!("stored script of {len} bytes")));
            }
            reader.bytes(len as usize)?.to_vec()
        }
    };
    Ok(TxOut { value: Amount(value), script_pubkey: Script(script) })
}

fn special_form(script: &[u8]) -> Option<(u8, &[u8])> {
    match script {
        [0x76, 0xa9, 20, hash @ .., 0x88, 0xac] if hash.len() == 20 => Some((0, hash)),
        [0xa9, 20, hash @ .., 0x87] if hash.len() == 20 => Some((1, hash)),
        [33, parity @ (2 | 3), x @ .., 0xac] if x.len() == 32 => Some((*parity, x)),
        [65, 4, point @ .., 0xac] if point.len() == 64 => {
            // Only a point on the curve can be had back from its x coordinate.
            secp256k1::PublicKey::from_slice(&script[1..66]).ok()?;
            Some((4 | (point[63] & 1), &point[..32]))
        }
        _ => None,
    }
}

fn expand_special(code: u8, payload: &[u8]) -> Result<Vec<u8>, DecodeError> {
    Ok(match code {
        0 => [&[0x76, 0xa9, 20], payload, &[0x88, 0xac]].concat(),
        1 => [&[0xa9, 20], payload, &[0x87]].concat(),
        2 | 3 => [&[33, code], payload, &[0xac]].concat(),
        _ => {
            let compressed = [&[code - 2], payload].concat();
            let key = secp256k1::PublicKey::from_slice(&compressed)
                .map_err(|_| DecodeError::Invalid("stored public key is not on the curve".into()))?;
            [&[65][..], &key.serialize_uncompressed(), &[0xac]].concat()
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_have_core_s_bytes() {
        for (value, hex) in [
            (0u64, "00"),
            (0x7f, "7f"),
            (0x80, "8000"),
            (0x1234, "a334"),
            (0xffff, "82fe7f"),
            (0x123456, "c7e756"),
            (0x8012_3456, "86ffc7e756"),
            (0xffff_ffff, "8efefefe7f"),
            (u64::MAX, "80fefefefefefefefe7f"),
        ] {
            let mut bytes = Vec::new();
            put_varint(&mut bytes, value);
            assert_eq!(crate::hex::encode(&bytes), hex);
            assert_eq!(read_varint(&mut Reader::new(&bytes)), Ok(value));
        }
        assert!(read_varint(&mut Reader::new(&[0xff; 12])).is_err());
    }

    #[test]
    fn amounts_compress_as_in_core() {
        for (amount, compressed) in [
            (0, 0),
            (1, 1),
            (1_000_000, 7),
            (100_000_000, 9),
            (5_000_000_000, 50),
            (2_100_000_000_000_000, 21_000_000),
        ] {
            assert_eq!(compress_amount(amount), compressed);
            assert_eq!(decompress_amount(compressed), Some(amount));
        }
        for amount in (1..100_000).chain((0..1000).map(|n| n * 777_777_700)) {
            assert_eq!(decompress_amount(compress_amount(amount)), Some(amount));
        }
        assert_eq!(decompress_amount(u64::MAX), None);
    }

    #[test]
    fn scripts_and_coins_round_trip() {
        let genesis_key = "04678afdb0fe5548271967f1a67130b7105cd6a828e03909a67962e0ea1f61deb649f6bc3f4cef38c4f35504e51ec112de5c384df7ba0b8d578a4c702b6bf11d5f";
        let key = crate::hex::decode(genesis_key).unwrap();
        let mut off_curve = key.clone();
        off_curve[64] ^= 2;
        let p2pk = |key: &[u8]| [&[key.len() as u8], key, &[0xac]].concat();
        let cases = [
            ([&[0x76, 0xa9, 20][..], &[7; 20], &[0x88, 0xac]].concat(), 21),
            ([&[0xa9, 20][..], &[7; 20], &[0x87]].concat(), 21),
            (p2pk(&[&[2][..], &[9; 32]].concat()), 33),
            (p2pk(&key), 33),
            (p2pk(&off_curve), 68),
            (vec![], 1),
            (vec![0x51; 121], 122),
            (vec![0x51; 122], 124),
            (vec![0x51; 10_000], 10_002),
        ];
        for (script, size) in cases {
            let output = TxOut { value: Amount(1), script_pubkey: Script(script) };
            let mut bytes = Vec::new();
            put_compressed_output(&mut bytes, &output);
            assert_eq!(bytes.len(), size + 1);
            let coin = Coin { output, height: 7, coinbase: true, tx_index: 300 };
            assert_eq!(Coin::decode_exact(&coin.to_bytes()), Ok(coin));
        }
        let bad = [0, 1, 4].iter().chain(&[0xff; 32]).copied().collect::<Vec<u8>>();
        assert!(Coin::decode_exact(&bad).is_err());
    }
}
