//! Payment URIs (BIP21, BIP321): `bitcoin:ADDRESS?amount=0.1&label=…`.
//!
//! Every chain uses the same scheme, as its addresses tell it apart. Parameters that must be understood (`req-…`) and are
//! not make a URI invalid; other unknown ones are passed over.

use crate::chain::Chain;
use bitcoin::ScriptBuf;
use chaincore_consensus::amount::{Amount, MAX_MONEY};
use std::fmt::Write;

/// No URI is longer.
const MAX_URI: usize = 4096;
const SCHEME: &str = "bitcoin:";

/// What a URI asks for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PaymentUri {
    /// Whom to pay.
    pub address: String,
    /// What that address's script is.
    pub script: ScriptBuf,
    /// How much, in satoshis.
    pub amount: Option<u64>,
    /// Who that is.
    pub label: Option<String>,
    /// What it is for.
    pub message: Option<String>,
}

/// Why a text is no payment URI.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UriError {
    /// Another scheme or none.
    #[error("a payment URI begins with 'bitcoin:'")]
    Scheme,
    /// Too long.
    #[error("a payment URI has at most {MAX_URI} characters")]
    TooLong,
    /// Nothing that this wallet could pay.
    #[error("the URI has no address of this chain")]
    NoAddress,
    /// The address is wrong.
    #[error(transparent)]
    Address(#[from] crate::chain::ChainError),
    /// Not coins with at most eight decimals.
    #[error("the URI's amount '{0}' is not an amount of coins")]
    Amount(String),
    /// Twice, and who knows which one holds.
    #[error("the URI says '{0}' twice")]
    Twice(String),
    /// What must be understood is not.
    #[error("the URI demands '{0}', which this wallet does not know")]
    Required(String),
    /// Broken escapes.
    #[error("the URI is broken at '{0}'")]
    Escape(String),
}

impl UriError {
    /// A word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Address(error) => error.code(),
            Self::Required(_) => "uri_unsupported",
            _ => "bad_uri",
        }
    }
}

/// Reads a URI. An address may stand before the parameters (BIP21) or in one that is named after the chain's prefix
/// (BIP321, `bc=…`).
pub fn parse(text: &str, chain: &Chain) -> Result<PaymentUri, UriError> {
    let text = text.trim();
    if text.len() > MAX_URI {
        return Err(UriError::TooLong);
    }
    let scheme = text.get(..SCHEME.len()).ok_or(UriError::Scheme)?;
    if !scheme.eq_ignore_ascii_case(SCHEME) {
        return Err(UriError::Scheme);
    }
    // A fragment is for nobody.
    let rest = text[SCHEME.len()..].split('#').next().unwrap_or_default();
    let rest = rest.strip_prefix("//").unwrap_or(rest);
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let mut uri = PaymentUri::default();
    let path = unescape(path)?;
    if !path.is_empty() {
        uri.address = path;
    }
    let mut seen = Vec::new();
    let hrp = chain.params().addresses.bech32_hrp.clone();
    let mut named = None;
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (key, value) = (unescape(key)?.to_ascii_lowercase(), unescape(value)?);
        let (name, required) = key.strip_prefix("req-").map_or((key.as_str(), false), |name| (name, true));
        let once = ["amount", "label", "message", "pop"].contains(&name);
        if once && seen.iter().any(|other| other == name) {
            return Err(UriError::Twice(name.into()));
        }
        seen.push(name.to_string());
        match name {
            "amount" => uri.amount = Some(amount(&value)?),
            "label" => uri.label = Some(value),
            "message" => uri.message = Some(value),
            _ if name == hrp => {
                named.get_or_insert(value);
            }
            _ if required => return Err(UriError::Required(shown(&key))),
            _ => {}
        }
    }
    // The newer kind of address, if a URI has both.
    let addresses = named.into_iter().chain((!uri.address.is_empty()).then(|| uri.address.clone()));
    let mut last = UriError::NoAddress;
    for address in addresses {
        match chain.script(&address) {
            Ok(script) => return Ok(PaymentUri { address, script, ..uri }),
            Err(error) => last = error.into(),
        }
    }
    Err(last)
}

/// Writes a URI. Zero satoshis are not asked for.
pub fn make(address: &str, amount: Option<u64>, label: Option<&str>, message: Option<&str>) -> String {
    let mut uri = format!("{SCHEME}{address}");
    let amount = amount.filter(|amount| *amount > 0).map(coins);
    let parts = [("amount", amount.as_deref()), ("label", label), ("message", message)];
    let mut mark = '?';
    for (key, value) in parts {
        let Some(value) = value.filter(|value| !value.is_empty()) else { continue };
        uri.push(mark);
        uri.push_str(key);
        uri.push('=');
        escape(value, &mut uri);
        mark = '&';
    }
    uri
}

/// Coins without zeros at the end.
fn coins(amount: u64) -> String {
    let text = Amount(i64::try_from(amount).unwrap_or(i64::MAX)).to_string();
    text.trim_end_matches('0').trim_end_matches('.').into()
}

fn amount(text: &str) -> Result<u64, UriError> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    // BIP21 allows `.5`, `5.` and leading zeros, which JSON numbers do not.
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    let number = if part.is_empty() { whole.to_string() } else { format!("{whole}.{part}") };
    Amount::from_coins_text(&number)
        .ok()
        .filter(|amount| plain && text != "." && (0..=MAX_MONEY).contains(&amount.sat()))
        .and_then(|amount| u64::try_from(amount.sat()).ok())
        .ok_or_else(|| UriError::Amount(shown(text)))
}

/// RFC 3986's percent signs; a plus is a plus.
fn unescape(text: &str) -> Result<String, UriError> {
    let broken = || UriError::Escape(shown(text));
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        if byte != b'%' {
            bytes.push(byte);
            rest = after;
            continue;
        }
        let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok()).ok_or_else(broken)?;
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(broken());
        }
        bytes.push(u8::from_str_radix(digits, 16).map_err(|_| broken())?);
        rest = &after[2..];
    }
    String::from_utf8(bytes).map_err(|_| broken())
}

fn escape(text: &str, out: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            write!(out, "%{byte:02X}").expect("a string takes all");
        }
    }
}

fn shown(text: &str) -> String {
    text.chars().take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The BIPs' own example has a wrong checksum.
    const OLD: &str = "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa";

    fn main() -> Chain {
        Chain::from_name("main").unwrap()
    }

    #[test]
    fn the_examples_of_bip21() {
        let read = |text: &str| parse(text, &main());
        let plain = read(&format!("bitcoin:{OLD}")).unwrap();
        assert_eq!((plain.address.as_str(), plain.amount), (OLD, None));
        let named = read(&format!("bitcoin:{OLD}?label=Luke-Jr")).unwrap();
        assert_eq!(named.label.as_deref(), Some("Luke-Jr"));
        let amount = read(&format!("bitcoin:{OLD}?amount=20.3&label=Luke-Jr")).unwrap();
        assert_eq!(amount.amount, Some(2_030_000_000));
        let full =
            read(&format!("bitcoin:{OLD}?amount=50&label=Luke-Jr&message=Donation%20for%20project%20xyz"));
        assert_eq!(full.unwrap().message.as_deref(), Some("Donation for project xyz"));
        let future =
            format!("bitcoin:{OLD}?req-somethingyoudontunderstand=50&req-somethingelseyoudontget=999");
        assert_eq!(read(&future), Err(UriError::Required("req-somethingyoudontunderstand".into())));
        let known = format!("bitcoin:{OLD}?somethingyoudontunderstand=50&somethingelseyoudontget=999");
        assert_eq!(read(&known).unwrap().address, OLD);
    }

    #[test]
    fn bip321_and_qr_codes() {
        let new = "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq";
        let read = |text: &str| parse(text, &main());
        assert_eq!(read(&format!("bitcoin:?bc={new}")).unwrap().address, new);
        assert_eq!(read(&format!("bitcoin:{OLD}?bc={new}")).unwrap().address, new);
        assert_eq!(read(&format!("bitcoin:{OLD}?lightning=lnbc1x&bc=")).unwrap().address, OLD);
        let upper = format!("BITCOIN:{}?AMOUNT=0.5", new.to_uppercase());
        assert_eq!(read(&upper).unwrap().amount, Some(50_000_000));
        assert_eq!(read(&format!("bitcoin:?req-bc={new}")).unwrap().address, new);
        assert_eq!(read("bitcoin:?lno=lno1x"), Err(UriError::NoAddress));
        assert!(matches!(read("bitcoin:?req-pop=x"), Err(UriError::Required(_))));
    }

    #[test]
    fn what_is_wrong_is_refused() {
        let read = |rest: &str| parse(&format!("bitcoin:{OLD}?{rest}"), &main());
        for amount in ["", ".", "-1", "1e3", "0.123456789", "21000001", "1,5", "0x10", "1.2.3"] {
            assert_eq!(read(&format!("amount={amount}")), Err(UriError::Amount(amount.into())), "{amount}");
        }
        for (amount, sat) in [(".5", 50_000_000), ("1.", 100_000_000), ("007", 700_000_000)] {
            assert_eq!(read(&format!("amount={amount}")).unwrap().amount, Some(sat));
        }
        assert_eq!(read("amount=1&amount=1"), Err(UriError::Twice("amount".into())));
        assert_eq!(read("label=a&req-label=b"), Err(UriError::Twice("label".into())));
        for broken in ["label=%", "label=%4", "label=%+1", "label=%ff"] {
            assert!(matches!(read(broken), Err(UriError::Escape(_))), "{broken}");
        }
        assert_eq!(parse(OLD, &main()), Err(UriError::Scheme));
        assert_eq!(parse("bitcoin:", &main()), Err(UriError::NoAddress));
        let tampered = OLD.replace("1A1", "1B1");
        assert!(matches!(parse(&format!("bitcoin:{tampered}"), &main()), Err(UriError::Address(_))));
        let elsewhere = Chain::from_name("regtest").unwrap();
        assert!(matches!(parse(&format!("bitcoin:{OLD}"), &elsewhere), Err(UriError::Address(_))));
        assert_eq!(parse(&format!("bitcoin:{}", "x".repeat(5000)), &main()), Err(UriError::TooLong));
    }

    #[test]
    fn what_is_made_can_be_read() {
        let label = "Zoë & Söhne, 50%+?#";
        let uri = make(OLD, Some(120_000_000), Some(label), Some("für\nMai"));
        assert!(uri.starts_with(&format!("bitcoin:{OLD}?amount=1.2&label=Zo%C3%AB%20%26")), "{uri}");
        let read = parse(&uri, &main()).unwrap();
        assert_eq!((read.amount, read.label.as_deref()), (Some(120_000_000), Some(label)));
        assert_eq!(read.message.as_deref(), Some("für\nMai"));
        assert_eq!(make(OLD, None, None, Some("")), format!("bitcoin:{OLD}"));
        assert_eq!(make(OLD, Some(1), None, None), format!("bitcoin:{OLD}?amount=0.00000001"));
    }
}
