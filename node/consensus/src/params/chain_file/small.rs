//! A small reader of chain files, for modules of browsers, where a general one of TOML would be a twentieth of what people
//! download. It reads what nodes write and people usually write: comments, tables, and keys with texts, numbers, truths
//! and lists of them. What else TOML has (dates, inline and nested tables, texts of several lines, numbers to other
//! bases) it refuses by its line; what it reads, it reads as TOML says.

use super::error::ChainFileError;
use super::tables::ChainFile;
use serde::Deserialize;
use serde::de::value::{Error, MapDeserializer, SeqDeserializer};
use serde::de::{Deserializer, Error as _, IntoDeserializer, Unexpected, Visitor};
use serde::forward_to_deserialize_any;

/// The file that the text is.
pub(super) fn parse(text: &str) -> Result<ChainFile, ChainFileError> {
    let mut reader = Reader { text, at: 0 };
    let read = reader.file().map_err(|problem| {
        let line = text.as_bytes()[..reader.at].iter().filter(|byte| **byte == b'\n').count() + 1;
        ChainFileError::Syntax(format!("line {line}: {problem}"))
    })?;
    ChainFile::deserialize(read).map_err(|error| ChainFileError::Syntax(error.to_string()))
}

/// What stands behind a key.
enum Item {
    Text(String),
    Integer(i64),
    /// A number with decimals, as written: it is coins, and not for floating point.
    Decimal(String),
    Truth(bool),
    List(Vec<Item>),
    Table(Vec<(String, Item)>),
}

struct Reader<'a> {
    text: &'a str,
    /// The next byte's offset.
    at: usize,
}

type Read<T> = Result<T, &'static str>;

impl Reader<'_> {
    fn file(&mut self) -> Read<Item> {
        let mut top = Vec::new();
        let mut open: Option<(String, Vec<(String, Item)>)> = None;
        loop {
            self.gap();
            let Some(byte) = self.next() else { break };
            if byte == b'[' {
                self.at += 1;
                self.blanks();
                let name = self.key()?;
                self.blanks();
                self.expect(b']', "expected ']' behind a table's name")?;
                if let Some((name, entries)) = open.replace((name, Vec::new())) {
                    top.push((name, Item::Table(entries)));
                }
            } else {
                let key = self.key()?;
                self.blanks();
                self.expect(b'=', "expected '=' behind a key")?;
                self.blanks();
                let value = self.value(0)?;
                open.as_mut().map_or(&mut top, |(_, entries)| entries).push((key, value));
            }
            self.blanks();
            self.comment();
            if self.next().is_some() && !self.newline() {
                return Err("expected the end of the line");
            }
        }
        if let Some((name, entries)) = open {
            top.push((name, Item::Table(entries)));
        }
        Ok(Item::Table(top))
    }

    fn next(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn expect(&mut self, byte: u8, otherwise: &'static str) -> Read<()> {
        if self.next() != Some(byte) {
            return Err(otherwise);
        }
        self.at += 1;
        Ok(())
    }

    fn blanks(&mut self) {
        while matches!(self.next(), Some(b' ' | b'\t')) {
            self.at += 1;
        }
    }

    fn newline(&mut self) -> bool {
        let rest = &self.text.as_bytes()[self.at..];
        let len = if rest.starts_with(b"\r\n") { 2 } else { usize::from(rest.starts_with(b"\n")) };
        self.at += len;
        len > 0
    }

    fn comment(&mut self) {
        if self.next() == Some(b'#') {
            while !matches!(self.next(), None | Some(b'\n' | b'\r')) {
                self.at += 1;
            }
        }
    }

    /// Everything up to the next key, table or value.
    fn gap(&mut self) {
        loop {
            let before = self.at;
            self.blanks();
            self.comment();
            self.newline();
            if self.at == before {
                return;
            }
        }
    }

    fn word(&mut self, belongs: impl Fn(u8) -> bool) -> &str {
        let start = self.at;
        while self.next().is_some_and(&belongs) {
            self.at += 1;
        }
        &self.text[start..self.at]
    }

    fn key(&mut self) -> Read<String> {
        let key = self.word(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
        if key.is_empty() { Err("expected a key") } else { Ok(key.to_owned()) }
    }

    fn value(&mut self, depth: u8) -> Read<Item> {
        match self.next() {
            Some(b'"') => self.quoted().map(Item::Text),
            Some(b'\'') => {
                self.at += 1;
                let text =
                    self.word(|byte| byte != b'\'' && (byte == b'\t' || !byte.is_ascii_control())).to_owned();
                self.expect(b'\'', "expected ' at the end of a text")?;
                Ok(Item::Text(text))
            }
            Some(b'[') if depth < 4 => {
                self.at += 1;
                let mut items = Vec::new();
                loop {
                    self.gap();
                    if self.next() == Some(b']') {
                        self.at += 1;
                        return Ok(Item::List(items));
                    }
                    items.push(self.value(depth + 1)?);
                    self.gap();
                    if self.next() != Some(b']') {
                        self.expect(b',', "expected ',' or ']' in a list")?;
                    }
                }
            }
            _ => match self.word(|byte| byte.is_ascii_alphanumeric() || b"+-._:".contains(&byte)) {
                "true" => Ok(Item::Truth(true)),
                "false" => Ok(Item::Truth(false)),
                word => number(word).ok_or("expected a text, a decimal number, true, false or a list"),
            },
        }
    }

    /// A text in double quotes.
    fn quoted(&mut self) -> Read<String> {
        const ESCAPE: &str = "this escape is none";
        self.at += 1;
        let mut text = String::new();
        loop {
            let plain = self
                .word(|byte| !matches!(byte, b'"' | b'\\') && (byte == b'\t' || !byte.is_ascii_control()));
            text.push_str(plain);
            if self.next() == Some(b'"') {
                self.at += 1;
                return Ok(text);
            }
            self.expect(b'\\', "expected \" at the end of a text")?;
            let escape = self.next().ok_or(ESCAPE)?;
            let digits = match escape {
                b'x' => 2,
                b'u' => 4,
                b'U' => 8,
                _ => 0,
            };
            // (Only behind what is known to be one byte long may the cursor move by one.)
            let character = match escape {
                b'b' => '\u{8}',
                b't' => '\t',
                b'n' => '\n',
                b'f' => '\u{c}',
                b'r' => '\r',
                b'e' => '\u{1b}',
                b'"' => '"',
                b'\\' => '\\',
                _ if digits > 0 => {
                    let code = self.text.get(self.at + 1..self.at + 1 + digits).ok_or(ESCAPE)?;
                    let hexadecimal = code.bytes().all(|byte| byte.is_ascii_hexdigit());
                    let code = u32::from_str_radix(code, 16).ok().filter(|_| hexadecimal);
                    code.and_then(char::from_u32).ok_or(ESCAPE)?
                }
                _ => return Err(ESCAPE),
            };
            self.at += 1 + digits;
            text.push(character);
        }
    }
}

/// A decimal number: underscores only between digits, no zeros in front, digits on both sides of a point.
fn number(word: &str) -> Option<Item> {
    let unsigned = word.strip_prefix(['+', '-']).unwrap_or(word);
    let digits = |part: &str| {
        let bytes = part.as_bytes();
        let known = bytes.iter().all(|byte| byte.is_ascii_digit() || *byte == b'_');
        let lonely = part.starts_with('_') || part.ends_with('_') || part.contains("__");
        !part.is_empty() && known && !lonely
    };
    let whole = unsigned.split('.').next()?;
    if !digits(whole) || (whole.len() > 1 && whole.starts_with('0')) {
        return None;
    }
    let plain = word.strip_prefix('+').unwrap_or(word).replace('_', "");
    match unsigned.split_once('.') {
        None => plain.parse().ok().map(Item::Integer),
        Some((_, decimals)) => digits(decimals).then_some(Item::Decimal(plain)),
    }
}

impl<'de> IntoDeserializer<'de, Error> for Item {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Item {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            Self::Text(text) | Self::Decimal(text) => visitor.visit_string(text),
            Self::Integer(number) => visitor.visit_i64(number),
            Self::Truth(truth) => visitor.visit_bool(truth),
            Self::List(items) => visitor.visit_seq(SeqDeserializer::new(items.into_iter())),
            Self::Table(entries) => visitor.visit_map(MapDeserializer::new(entries.into_iter())),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    /// Where a text is wanted, a number with decimals is none.
    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            Self::Decimal(_) => Err(Error::invalid_type(Unexpected::Other("number with decimals"), &visitor)),
            other => other.deserialize_any(visitor),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str bytes byte_buf unit unit_struct newtype_struct seq tuple
        tuple_struct map struct enum identifier ignored_any
    }
}
