//! Numbers on the stack: little-endian sign and magnitude, read with a size limit.

use super::error::ScriptError;

/// How many bytes a number that opcodes calculate with may have. Results may be longer.
pub const DEFAULT_MAX_LEN: usize = 4;

/// The number that `bytes` hold. Fails above `max_len` bytes (at most 8), or with `minimal` if there is a shorter form.
pub fn decode(bytes: &[u8], minimal: bool, max_len: usize) -> Result<i64, ScriptError> {
    debug_assert!(max_len <= 8);
    if bytes.len() > max_len {
        return Err(ScriptError::ScriptNum);
    }
    let Some(last) = bytes.last() else { return Ok(0) };
    // The top byte must carry more than the sign, unless the sign bit would otherwise belong to the byte below.
    if minimal && last & 0x7f == 0 && (bytes.len() < 2 || bytes[bytes.len() - 2] & 0x80 == 0) {
        return Err(ScriptError::ScriptNum);
    }
    let mut le = [0; 8];
    le[..bytes.len()].copy_from_slice(bytes);
    let negative = last & 0x80 != 0;
    le[bytes.len() - 1] &= 0x7f;
    let magnitude = i64::from_le_bytes(le);
    Ok(if negative { -magnitude } else { magnitude })
}

/// The shortest bytes of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Encoded {
    bytes: [u8; 9],
    len: u8,
}

impl Encoded {
    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

/// The shortest bytes of `n`, none for 0.
pub fn encode(n: i64) -> Encoded {
    let mut bytes = [0; 9];
    let magnitude = n.unsigned_abs();
    bytes[..8].copy_from_slice(&magnitude.to_le_bytes());
    let mut len = 8 - magnitude.leading_zeros() as usize / 8;
    if len > 0 && bytes[len - 1] & 0x80 != 0 {
        len += 1;
    }
    if n < 0 {
        bytes[len - 1] |= 0x80;
    }
    Encoded { bytes, len: len as u8 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shortest_forms_round_trip() {
        for n in
            [0, 1, -1, 127, 128, -128, 255, 256, -255, 32767, 32768, i64::from(u32::MAX), 1 << 39, -(1 << 38)]
        {
            let bytes = encode(n);
            assert_eq!(decode(bytes.as_slice(), true, 8), Ok(n));
        }
        assert_eq!(encode(0).as_slice(), [0u8; 0]);
        assert_eq!(encode(-255).as_slice(), [0xff, 0x80]);
        assert_eq!(encode(i64::MIN).as_slice(), [0, 0, 0, 0, 0, 0, 0, 0x80, 0x80]);
    }

    #[test]
    fn limits() {
        assert_eq!(decode(&[0; 5], false, 4), Err(ScriptError::ScriptNum));
        assert_eq!(decode(&[0x80], false, 4), Ok(0));
        for padded in [&[0][..], &[0x80], &[1, 0], &[1, 0x80]] {
            assert_eq!(decode(padded, true, 4), Err(ScriptError::ScriptNum));
            assert!(decode(padded, false, 4).is_ok());
        }
        assert_eq!(decode(&[0xff, 0x80], true, 4), Ok(-255));
    }
}
