//! From text to script expressions, with Core's error texts.

use super::key::{Context, Key};
use super::script::Expression;
use chaincore_consensus::address::Address;
use chaincore_consensus::params::AddressFormat;
use chaincore_consensus::script::{MAX_PUBKEYS_PER_MULTISIG, MAX_SCRIPT_ELEMENT_SIZE};
use chaincore_consensus::{Script, hex};

/// The most keys that `multi_a` takes.
const MAX_KEYS_MULTI_A: usize = 999;
/// The most levels that a tree of taproot leaves has.
const MAX_TREE_DEPTH: u8 = 128;
/// The most keys of multisig that is not wrapped.
const MAX_BARE_KEYS: usize = 3;

/// What is left to read.
struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    /// Takes everything up to the next comma or closing bracket that belongs to what is around this.
    fn expression(&mut self) -> &'a str {
        let mut level = 0;
        let end = self.0.bytes().position(|byte| {
            match byte {
                b'(' | b'{' => level += 1,
                b')' | b'}' if level > 0 => level -= 1,
                b')' | b'}' | b',' => return level == 0,
                _ => {}
            }
            false
        });
        let (taken, rest) = self.0.split_at(end.unwrap_or(self.0.len()));
        self.0 = rest;
        taken
    }

    fn take(&mut self, character: char) -> bool {
        match self.0.strip_prefix(character) {
            Some(rest) => {
                self.0 = rest;
                true
            }
            None => false,
        }
    }

    fn next(&self) -> char {
        self.0.chars().next().unwrap_or(' ')
    }
}

/// The argument of a function, if `text` is a call of it.
fn call<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.strip_prefix(name)?.strip_prefix('(')?.strip_suffix(')')
}

/// Reads one descriptor without its checksum; the error is Core's text, which is empty where Core has none.
pub fn parse(text: &str, format: &AddressFormat) -> Result<Expression, String> {
    let mut rest = Rest(text);
    let parser = Parser { format };
    let expression = parser.script(&mut rest, Context::Top)?;
    if rest.0.is_empty() { Ok(expression) } else { Err(String::new()) }
}

struct Parser<'a> {
    format: &'a AddressFormat,
}

impl Parser<'_> {
    fn key(&self, function: &str, text: &str, context: Context) -> Result<Key, String> {
        Key::parse(text, context, self.format).map_err(|error| format!("{function}(): {error}"))
    }

    /// Reads a script expression off the front of `rest`.
    fn script(&self, rest: &mut Rest<'_>, context: Context) -> Result<Expression, String> {
        use Context::{P2sh, P2tr, P2wsh, Top};
        let text = rest.expression();
        let fail = |what: &str| Err(what.to_owned());
        if let Some(text) = call(text, "pk") {
            return Ok(Expression::Pk { key: self.key("pk", text, context)?, x_only: context == P2tr });
        }
        if matches!(context, Top | P2sh | P2wsh)
            && let Some(text) = call(text, "pkh")
        {
            return Ok(Expression::Pkh(self.key("pkh", text, context)?));
        }
        if let Some(text) = call(text, "combo") {
            return match context {
                Top => Ok(Expression::Combo(self.key("combo", text, context)?)),
                _ => fail("Can only have combo() at top level"),
            };
        }
        for (name, sorted) in [("multi", false), ("sortedmulti", true)] {
            if let Some(text) = call(text, name) {
                return match context {
                    Top | P2sh | P2wsh => self.multi(text, sorted, context),
                    _ => fail("Can only have multi/sortedmulti at top level, in sh(), or in wsh()"),
                };
            }
        }
        for (name, sorted) in [("multi_a", false), ("sortedmulti_a", true)] {
            if let Some(text) = call(text, name) {
                return match context {
                    P2tr => self.multi(text, sorted, context),
                    _ => fail("Can only have multi_a/sortedmulti_a inside tr()"),
                };
            }
        }
        if let Some(text) = call(text, "wpkh") {
            return match context {
                Top | P2sh => Ok(Expression::Wpkh(self.key("wpkh", text, Context::P2wpkh)?)),
                _ => fail("Can only have wpkh() at top level or inside sh()"),
            };
        }
        if let Some(text) = call(text, "sh") {
            return match context {
                Top => Ok(Expression::Sh(Box::new(self.inner(text, P2sh)?))),
                _ => fail("Can only have sh() at top level"),
            };
        }
        if let Some(text) = call(text, "wsh") {
            return match context {
                Top | P2sh => Ok(Expression::Wsh(Box::new(self.inner(text, P2wsh)?))),
                _ => fail("Can only have wsh() at top level or inside sh()"),
            };
        }
        if let Some(text) = call(text, "addr") {
            return match (context, Address::parse(text, self.format)) {
                (Top, Ok(address)) => Ok(Expression::Addr(address)),
                (Top, Err(_)) => fail("Address is not valid"),
                _ => fail("Can only have addr() at top level"),
            };
        }
        if let Some(text) = call(text, "tr") {
            return match context {
                Top => self.taproot(text),
                _ => fail("Can only have tr at top level"),
            };
        }
        if let Some(text) = call(text, "rawtr") {
            if context != Top {
                return fail("Can only have rawtr at top level");
            }
            let mut rest = Rest(text);
            let key = rest.expression();
            if !rest.0.is_empty() {
                return fail("rawtr(): only one key expected.");
            }
            return Ok(Expression::RawTr(self.key("rawtr", key, P2tr)?));
        }
        if let Some(text) = call(text, "raw") {
            let script = hex::decode(text).ok().filter(|script| !script.is_empty());
            return match (context, script) {
                (Top, Some(script)) => Ok(Expression::Raw(Script(script))),
                (Top, None) => fail("Raw script is not hex"),
                _ => fail("Can only have raw() at top level"),
            };
        }
        match context {
            P2sh => fail("A function is needed within P2SH"),
            P2wsh => fail("A function is needed within P2WSH"),
            _ => Err(format!("'{text}' is not a valid descriptor function")),
        }
    }

    /// Reads a script expression that must be all of `text`.
    fn inner(&self, text: &str, context: Context) -> Result<Expression, String> {
        let mut rest = Rest(text);
        let inner = self.script(&mut rest, context)?;
        if rest.0.is_empty() { Ok(inner) } else { Err(String::new()) }
    }

    fn multi(&self, text: &str, sorted: bool, context: Context) -> Result<Expression, String> {
        let mut rest = Rest(text);
        let threshold = rest.expression();
        let is_number = !threshold.is_empty() && threshold.bytes().all(|byte| byte.is_ascii_digit());
        let number = threshold.parse::<u32>().ok().filter(|_| is_number);
        let threshold = number.ok_or_else(|| format!("Multi threshold '{threshold}' is not valid"))?;
        let mut keys = Vec::new();
        while !rest.0.is_empty() {
            if !rest.take(',') {
                return Err(format!("Multi: expected ',', got '{}'", rest.next()));
            }
            let key = Key::parse(rest.expression(), context, self.format);
            keys.push(key.map_err(|error| format!("Multi: {error}"))?);
        }
        let count = keys.len();
        let (kind, most) = match context {
            Context::P2tr => ("multi_a", MAX_KEYS_MULTI_A),
            _ => ("multisig", MAX_PUBKEYS_PER_MULTISIG),
        };
        if keys.is_empty() || count > most {
            return Err(format!(
                "Cannot have {count} keys in {kind}; must have between 1 and {most} keys, inclusive"
            ));
        }
        if threshold < 1 {
            return Err(format!("Multisig threshold cannot be {threshold}, must be at least 1"));
        }
        if threshold as usize > count {
            return Err(format!(
                "Multisig threshold cannot be larger than the number of keys; threshold is {threshold} but only \
                 {count} keys specified"
            ));
        }
        if context == Context::Top && count > MAX_BARE_KEYS {
            return Err(format!("Cannot have {count} pubkeys in bare multisig; only at most 3 pubkeys"));
        }
        let size = keys.iter().map(|key| key.size() + 1).sum::<usize>() + 3;
        if context == Context::P2sh && size > MAX_SCRIPT_ELEMENT_SIZE {
            return Err(format!(
                "P2SH script is too large, {size} bytes is larger than {MAX_SCRIPT_ELEMENT_SIZE} bytes"
            ));
        }
        let ways = keys.iter().map(Key::ways).max().unwrap_or(1);
        if keys.iter().any(|key| key.ways() != 1 && key.ways() != ways) {
            return Err("multi(): Multipath derivation paths have mismatched lengths".into());
        }
        Ok(match context {
            Context::P2tr => Expression::MultiA { threshold, keys, sorted },
            _ => Expression::Multi { threshold, keys, sorted },
        })
    }

    fn taproot(&self, text: &str) -> Result<Expression, String> {
        let mut rest = Rest(text);
        let key = self.key("tr", rest.expression(), Context::P2tr)?;
        let mut leaves = Vec::new();
        if !rest.0.is_empty() {
            if !rest.take(',') {
                return Err(format!("tr: expected ',', got '{}'", rest.next()));
            }
            self.tree(&mut rest, &mut leaves)?;
        }
        let ways = leaves.iter().map(|(_, leaf): &(u8, Expression)| leaf.ways()).max().unwrap_or(1);
        let most = ways.max(key.ways());
        if leaves.iter().any(|(_, leaf)| leaf.ways() != 1 && leaf.ways() != most) {
            return Err("tr(): Multipath subscripts have mismatched lengths".into());
        }
        if key.ways() != 1 && key.ways() != most {
            return Err("tr(): Multipath internal key mismatches multipath subscripts lengths".into());
        }
        Ok(Expression::Tr { key, leaves })
    }

    fn tree(&self, rest: &mut Rest<'_>, leaves: &mut Vec<(u8, Expression)>) -> Result<(), String> {
        // For every level above the current leaf, whether it is on the right.
        let mut path: Vec<bool> = Vec::new();
        loop {
            while rest.take('{') {
                path.push(false);
                if path.len() > MAX_TREE_DEPTH.into() {
                    return Err(format!("tr() supports at most {MAX_TREE_DEPTH} nesting levels"));
                }
            }
            let mut leaf = Rest(rest.expression());
            let depth = u8::try_from(path.len()).expect("the depth is bounded");
            leaves.push((depth, self.script(&mut leaf, Context::P2tr)?));
            while path.pop_if(|right| *right).is_some() {
                if !rest.take('}') {
                    return Err("tr(): expected '}' after script expression".into());
                }
            }
            match path.last_mut() {
                None if rest.0.is_empty() => return Ok(()),
                None => return Err("tr(): expected ')' after script expression".into()),
                Some(_) if !rest.take(',') => {
                    return Err("tr(): expected ',' after script expression".into());
                }
                Some(side) => *side = true,
            }
        }
    }
}
