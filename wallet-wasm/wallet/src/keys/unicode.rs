//! Unicode's compatibility decomposition (NFKD), in which BIP39 wants words and passphrases.
//!
//! Its tables are a tenth of a module for browsers, and every browser has them. With the feature `unicode` they are in
//! the build; without it, whoever embeds the library gives it the platform's with [`set_normalizer`], once. ASCII is its
//! own decomposition and needs neither.

use super::KeyError;
use zeroize::Zeroizing;

/// The decomposition of a text.
#[cfg(not(feature = "unicode"))]
pub type Normalizer = fn(&str) -> String;

#[cfg(not(feature = "unicode"))]
static NORMALIZER: std::sync::OnceLock<Normalizer> = std::sync::OnceLock::new();

/// Gives the platform's decomposition. The first one given stays.
#[cfg(not(feature = "unicode"))]
pub fn set_normalizer(normalizer: Normalizer) {
    NORMALIZER.get_or_init(|| normalizer);
}

/// The compatibility decomposition of a text; without any means for it, [`KeyError::Unicode`].
pub(crate) fn nfkd(text: &str) -> Result<Zeroizing<String>, KeyError> {
    if text.is_ascii() {
        return Ok(Zeroizing::new(text.to_owned()));
    }
    decompose(text).map(Zeroizing::new).ok_or(KeyError::Unicode)
}

#[cfg(feature = "unicode")]
fn decompose(text: &str) -> Option<String> {
    let mut cow = std::borrow::Cow::Borrowed(text);
    bip39::Mnemonic::normalize_utf8_cow(&mut cow);
    Some(cow.into_owned())
}

#[cfg(not(feature = "unicode"))]
fn decompose(text: &str) -> Option<String> {
    NORMALIZER.get().map(|normalizer| normalizer(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compatible_letters_become_one() {
        for (text, expected) in [("plain", "plain"), ("ａｂｃ", "abc"), ("é", "e\u{301}"), ("ﬁ　x", "fi x")]
        {
            assert_eq!(nfkd(text).unwrap().as_str(), expected);
        }
    }
}
