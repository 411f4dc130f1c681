//! The parser: Core's grammar, with nesting on a stack of its own.

use super::Json;

/// How deep arrays and objects may nest.
const MAX_DEPTH: usize = 512;

enum Open {
    Array(Vec<Json>),
    Object(Vec<(String, Json)>, String),
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// The one value that `bytes` are.
pub(super) fn read(bytes: &[u8]) -> Option<Json> {
    let mut reader = Reader { bytes, at: 0 };
    let value = reader.document()?;
    reader.skip_space();
    (reader.at == bytes.len()).then_some(value)
}

impl Reader<'_> {
    fn skip_space(&mut self) {
        while matches!(self.bytes.get(self.at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn peek(&mut self) -> Option<u8> {
        self.skip_space();
        self.bytes.get(self.at).copied()
    }

    fn take(&mut self, wanted: u8) -> Option<()> {
        (self.peek()? == wanted).then(|| self.at += 1)
    }

    /// One value. Nesting lives on a stack of its own, so that depth costs no call stack.
    fn document(&mut self) -> Option<Json> {
        let mut stack: Vec<Open> = Vec::new();
        loop {
            // Here a value must begin (or, right after an opening bracket, end).
            let mut value = match self.peek()? {
                b'[' => {
                    self.at += 1;
                    if stack.len() == MAX_DEPTH {
                        return None;
                    }
                    if self.peek()? != b']' {
                        stack.push(Open::Array(Vec::new()));
                        continue;
                    }
                    self.at += 1;
                    Json::Array(Vec::new())
                }
                b'{' => {
                    self.at += 1;
                    if stack.len() == MAX_DEPTH {
                        return None;
                    }
                    if self.peek()? != b'}' {
                        let key = self.key()?;
                        stack.push(Open::Object(Vec::new(), key));
                        continue;
                    }
                    self.at += 1;
                    Json::Object(Vec::new())
                }
                b'"' => Json::String(self.string()?),
                b'-' | b'0'..=b'9' => Json::Number(self.number()?),
                _ => self.keyword()?,
            };
            // The value is complete: put it where it belongs and close what closes.
            loop {
                match stack.pop() {
                    None => return Some(value),
                    Some(Open::Array(mut values)) => {
                        values.push(value);
                        match self.peek()? {
                            b',' => {
                                self.at += 1;
                                stack.push(Open::Array(values));
                                break;
                            }
                            b']' => self.at += 1,
                            _ => return None,
                        }
                        value = Json::Array(values);
                    }
                    Some(Open::Object(mut members, key)) => {
                        members.push((key, value));
                        match self.peek()? {
                            b',' => {
                                self.at += 1;
                                let key = self.key()?;
                                stack.push(Open::Object(members, key));
                                break;
                            }
                            b'}' => self.at += 1,
                            _ => return None,
                        }
                        value = Json::Object(members);
                    }
                }
            }
        }
    }

    fn key(&mut self) -> Option<String> {
        if self.peek()? != b'"' {
            return None;
        }
        let key = self.string()?;
        self.take(b':')?;
        Some(key)
    }

    fn keyword(&mut self) -> Option<Json> {
        let rest = &self.bytes[self.at..];
        let (length, value) = match rest {
            [b'n', b'u', b'l', b'l', ..] => (4, Json::Null),
            [b't', b'r', b'u', b'e', ..] => (4, Json::Bool(true)),
            [b'f', b'a', b'l', b's', b'e', ..] => (5, Json::Bool(false)),
            _ => return None,
        };
        self.at += length;
        Some(value)
    }

    fn digits(&mut self) -> Option<()> {
        let start = self.at;
        while matches!(self.bytes.get(self.at), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        (self.at > start).then_some(())
    }

    fn number(&mut self) -> Option<String> {
        let start = self.at;
        if self.bytes[self.at] == b'-' {
            self.at += 1;
        }
        let first = self.at;
        self.digits()?;
        if self.bytes[first] == b'0' && self.at > first + 1 {
            return None;
        }
        if self.bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.bytes.get(self.at), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.bytes.get(self.at), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        String::from_utf8(self.bytes[start..self.at].to_vec()).ok()
    }

    fn string(&mut self) -> Option<String> {
        self.at += 1;
        let mut text: Vec<u8> = Vec::new();
        loop {
            let rest = &self.bytes[self.at..];
            let plain = rest.iter().position(|byte| *byte < 0x20 || matches!(byte, b'"' | b'\\'))?;
            text.extend_from_slice(&rest[..plain]);
            self.at += plain + 1;
            match rest[plain] {
                b'"' => return String::from_utf8(text).ok(),
                b'\\' => self.escape(&mut text)?,
                _ => return None,
            }
        }
    }

    fn escape(&mut self, text: &mut Vec<u8>) -> Option<()> {
        let kind = *self.bytes.get(self.at)?;
        self.at += 1;
        let byte = match kind {
            b'"' | b'\\' | b'/' => kind,
            b'b' => 0x08,
            b'f' => 0x0c,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                let high = self.four_digits()?;
                let point = if (0xd800..0xdc00).contains(&high) {
                    if self.bytes.get(self.at..self.at + 2)? != b"\\u" {
                        return None;
                    }
                    self.at += 2;
                    let low = self.four_digits()?;
                    if !(0xdc00..0xe000).contains(&low) {
                        return None;
                    }
                    0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00)
                } else {
                    high
                };
                let mut buffer = [0; 4];
                text.extend_from_slice(char::from_u32(point)?.encode_utf8(&mut buffer).as_bytes());
                return Some(());
            }
            _ => return None,
        };
        text.push(byte);
        Some(())
    }

    fn four_digits(&mut self) -> Option<u32> {
        let digits = self.bytes.get(self.at..self.at + 4)?;
        if !digits.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        self.at += 4;
        u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    }
}
