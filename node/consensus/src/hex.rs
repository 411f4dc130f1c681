//! Lower-case hexadecimal, as JSON-RPC and the test vectors write bytes.

/// Why a text is not hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HexError {
    /// The number of digits is odd.
    #[error("{0} hexadecimal digits: an even number is needed")]
    OddLength(usize),
    /// A character is not a digit; its byte offset.
    #[error("not a hexadecimal digit at offset {0}")]
    NotADigit(usize),
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// The bytes that `text` names, digits of either case.
pub fn decode(text: &str) -> Result<Vec<u8>, HexError> {
    let text = text.as_bytes();
    if !text.len().is_multiple_of(2) {
        return Err(HexError::OddLength(text.len()));
    }
    let nibble = |at: usize| digit(text[at]).ok_or(HexError::NotADigit(at));
    (0..text.len()).step_by(2).map(|at| Ok(nibble(at)? << 4 | nibble(at + 1)?)).collect()
}

/// Lower-case digits of `bytes`, in the order given.
pub fn encode(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(DIGITS[usize::from(byte >> 4)].into());
        text.push(DIGITS[usize::from(byte & 15)].into());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip_and_errors() {
        assert_eq!(encode(&decode("00ffAb").unwrap()), "00ffab");
        assert_eq!(decode("abc"), Err(HexError::OddLength(3)));
        assert_eq!(decode("0g"), Err(HexError::NotADigit(1)));
    }
}
