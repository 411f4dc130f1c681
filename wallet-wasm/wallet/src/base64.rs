//! Base64 (RFC 4648, section 4), as vaults, PSBTs and signatures are written: one alphabet and one text for the same
//! bytes. A general library's tables and type parameters would be a hundredth of the module for browsers.

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The text of the bytes, padded.
pub(crate) fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group = (0..3).fold(0, |group, at| group << 8 | u32::from(chunk.get(at).copied().unwrap_or(0)));
        for at in 0..4 {
            let digit = DIGITS[(group >> (18 - 6 * at)) as usize & 63];
            text.push(if at > chunk.len() { '=' } else { digit.into() });
        }
    }
    text
}

/// The bytes of a padded text; `None` for anything that [`encode`] would not write.
pub(crate) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(4) {
        return None;
    }
    let padding = text.iter().rev().take_while(|byte| **byte == b'=').count();
    if padding > 2 { None } else { decode_unpadded(&text[..text.len() - padding]) }
}

/// The bytes of a text without padding; bits that belong to no byte must be 0.
pub(crate) fn decode_unpadded(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 2);
    for chunk in text.chunks(4) {
        let mut group = 0;
        for byte in chunk {
            group = group << 6 | value(*byte)?;
        }
        // What is left of a last group: 12 bits for one byte, 18 for two, 6 for none.
        let surplus = match chunk.len() {
            4 => 0,
            3 => 2,
            2 => 4,
            _ => return None,
        };
        if group & ((1 << surplus) - 1) != 0 {
            return None;
        }
        let group = group >> surplus;
        bytes.extend_from_slice(&group.to_be_bytes()[5 - chunk.len()..]);
    }
    Some(bytes)
}

fn value(digit: u8) -> Option<u32> {
    let value = match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(value.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use data_encoding::{BASE64, BASE64_NOPAD};
    use proptest::prelude::*;

    /// RFC 4648, section 10.
    #[test]
    fn the_rfcs_own() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
        ] {
            assert_eq!(encode(bytes.as_bytes()), text);
            assert_eq!(decode(text.as_bytes()).as_deref(), Some(bytes.as_bytes()));
        }
        for bad in
            ["Zg", "Zg=", "Z===", "====", "Zh==", "Zm9", "Zm9=", "Zm 9", "Zg==Zg==", "Z-8=", "é", "Zm8=\n"]
        {
            assert_eq!(decode(bad.as_bytes()), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn as_another_library_does(bytes: Vec<u8>, text in "[A-Za-z0-9+/=]{0,9}") {
            prop_assert_eq!(encode(&bytes), BASE64.encode(&bytes));
            prop_assert_eq!(decode(encode(&bytes).as_bytes()), Some(bytes));
            let text = text.as_bytes();
            prop_assert_eq!(decode_unpadded(text), BASE64_NOPAD.decode(text).ok());
            // The library also joins padded texts; one after the other is none here.
            if !text.iter().take(text.len().saturating_sub(2)).any(|byte| *byte == b'=') {
                prop_assert_eq!(decode(text), BASE64.decode(text).ok());
            }
        }
    }
}
