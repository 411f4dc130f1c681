//! Words (BIP39): made from random bytes, checked as somebody types them, turned into the seed of the keys.

use super::{KeyError, fill_random, nfkd};
use bip39::{Language, Mnemonic};
use serde::Serialize;
use zeroize::Zeroizing;

/// How many words a new wallet has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WordCount {
    /// 12 words: 128 random bits.
    Twelve,
    /// 24 words: 256 random bits.
    TwentyFour,
}

/// The words of a wallet, with a checksum that holds. Wipes itself when dropped.
pub struct Phrase(Mnemonic);

/// What can be said of words as they stand, without keeping them.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Check {
    /// Whether a wallet can be restored from them.
    pub valid: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Which words are in no list, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<String>,
    /// For each of those, words that it may have been meant as, likeliest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub suggestions: Vec<Vec<&'static str>>,
}

/// No phrase is longer: 24 words, in scripts whose letters take several bytes.
const MAX_PHRASE_LEN: usize = 2000;

/// How many words are offered for one.
const MAX_SUGGESTIONS: usize = 8;

impl Phrase {
    /// New words.
    pub fn generate(words: WordCount) -> Result<Self, KeyError> {
        let mut entropy = Zeroizing::new([0; 32]);
        let len = match words {
            WordCount::Twelve => 16,
            WordCount::TwentyFour => 32,
        };
        fill_random(&mut entropy[..len])?;
        Self::from_entropy(&entropy[..len], Language::English)
    }

    /// The words of 16, 20, 24, 28 or 32 bytes.
    pub fn from_entropy(entropy: &[u8], language: Language) -> Result<Self, KeyError> {
        match Mnemonic::from_entropy_in(language, entropy) {
            Ok(mnemonic) => Ok(Self(mnemonic)),
            Err(_) => Err(KeyError::WordCount(entropy.len() * 3 / 4)),
        }
    }

    /// Reads words in any of the lists this build knows; blanks of any kind between them, upper case allowed.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        if text.len() > MAX_PHRASE_LEN {
            return Err(KeyError::WordCount(text.split_whitespace().count()));
        }
        let lower = nfkd(&Zeroizing::new(text.to_lowercase()))?;
        // The words alone make the seed, so it does not matter which of two lists with the same words is meant.
        let mut problem = None;
        for language in Language::ALL {
            match Mnemonic::parse_in_normalized(*language, &lower) {
                Ok(mnemonic) => return Ok(Self(mnemonic)),
                Err(bip39::Error::InvalidChecksum) => problem = Some(KeyError::Checksum),
                Err(_) => {}
            }
        }
        Err(problem.unwrap_or_else(|| match unknown_words(&lower) {
            unknown if unknown.is_empty() => KeyError::WordCount(lower.split_whitespace().count()),
            unknown => KeyError::UnknownWords(unknown),
        }))
    }

    /// The words, one blank between any two.
    pub fn text(&self) -> Zeroizing<String> {
        // No word of any list is longer than 9 letters of 3 bytes: the buffer never moves and leaves nothing behind.
        let mut text = Zeroizing::new(String::with_capacity(24 * 28));
        for (position, word) in self.0.words().enumerate() {
            if position > 0 {
                text.push(' ');
            }
            text.push_str(word);
        }
        text
    }

    /// The bytes that the words stand for.
    pub fn entropy(&self) -> Zeroizing<Vec<u8>> {
        let (bytes, len) = self.0.to_entropy_array();
        Zeroizing::new(Zeroizing::new(bytes)[..len].to_vec())
    }

    /// The seed of the keys.
    pub fn seed(&self, passphrase: &str) -> Result<Zeroizing<[u8; 64]>, KeyError> {
        Ok(Zeroizing::new(self.0.to_seed_normalized(&nfkd(passphrase)?)))
    }
}

impl core::fmt::Debug for Phrase {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.write_str("Phrase(…)")
    }
}

/// The words of a decomposed text that are not in the list most of them are in.
fn unknown_words(text: &str) -> Vec<String> {
    let words = || text.split_whitespace().take(48);
    let unknown_in = |language: &Language| {
        let list = *language;
        words().filter(move |word| list.find_word(word).is_none())
    };
    let language = Language::ALL.iter().min_by_key(|language| unknown_in(language).count());
    language.map_or(Vec::new(), |language| unknown_in(language).map(str::to_string).collect())
}

/// What can be said of words as they stand.
pub fn check(text: &str) -> Check {
    match Phrase::parse(text) {
        Ok(_) => Check { valid: true, error: None, unknown: Vec::new(), suggestions: Vec::new() },
        Err(error) => {
            let message = error.to_string();
            let unknown = if let KeyError::UnknownWords(words) = error { words } else { Vec::new() };
            let suggestions = unknown.iter().map(|word| similar(word)).collect();
            Check { valid: false, error: Some(message), unknown, suggestions }
        }
    }
}

/// The English words that begin so, in order; at most 8. None for an empty beginning.
pub fn suggest(prefix: &str) -> Vec<&'static str> {
    let prefix = prefix.trim().to_lowercase();
    if prefix.is_empty() {
        return Vec::new();
    }
    Language::English.words_by_prefix_iter(&prefix).take(MAX_SUGGESTIONS).collect()
}

/// How far a word may be from what was typed to be offered for it.
const MAX_EDITS: usize = 2;

/// English words that a mistyped one may have been: those nearest to it, and those with its first four letters, which
/// no two words share.
fn similar(word: &str) -> Vec<&'static str> {
    // No word has more than 8 letters; what is far longer is no slip of the finger.
    if word.len() > 16 {
        return Vec::new();
    }
    let start: String = word.chars().take(4).collect();
    let distance = |candidate: &str| {
        if start.chars().count() == 4 && candidate.starts_with(&start) {
            0
        } else if candidate.len().abs_diff(word.chars().count()) > MAX_EDITS {
            usize::MAX
        } else {
            edits(word, candidate)
        }
    };
    let mut near: Vec<(usize, &'static str)> = Language::English
        // (All of them. The list by its own name would be in the module a second time.)
        .words_by_prefix_iter("")
        .map(|candidate| (distance(candidate), candidate))
        .filter(|(distance, _)| *distance <= MAX_EDITS)
        .collect();
    near.sort();
    near.into_iter().map(|(_, word)| word).take(MAX_SUGGESTIONS).collect()
}

/// How many letters must be put in, taken out, changed or swapped with their neighbour to get from one to the other.
fn edits(from: &str, to: &str) -> usize {
    let (from, to): (Vec<char>, Vec<char>) = (from.chars().collect(), to.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    for row in 1..=from.len() {
        let mut next = vec![row];
        for column in 1..=to.len() {
            let changed = last[column - 1] + usize::from(from[row - 1] != to[column - 1]);
            let mut least = changed.min(last[column] + 1).min(next[column - 1] + 1);
            if row > 1 && column > 1 && from[row - 1] == to[column - 2] && from[row - 2] == to[column - 1] {
                least = least.min(before[column - 2] + 1);
            }
            next.push(least);
        }
        before = last;
        last = next;
    }
    last[to.len()]
}
