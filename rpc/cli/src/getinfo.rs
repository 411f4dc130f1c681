//! `-getinfo`: four answers on one page, laid out as bitcoin-cli does.

use chaincore_rpc::json::Json;

/// The calls that are made, as one batch; those of a wallet may fail.
pub const METHODS: [&str; 4] = ["getnetworkinfo", "getblockchaininfo", "getwalletinfo", "getbalances"];

/// Escape codes, or nothing.
#[derive(Debug, Clone, Copy)]
pub struct Colors {
    on: bool,
}

impl Colors {
    /// Colours where `when` is `always`, or `auto` on a terminal.
    pub fn new(when: &str, terminal: bool) -> Result<Self, String> {
        match when {
            "always" => Ok(Self { on: true }),
            "auto" => Ok(Self { on: terminal }),
            "never" => Ok(Self { on: false }),
            _ => Err("Invalid value for -color option. Valid values: always, auto, never.".to_owned()),
        }
    }

    fn paint(self, code: u8, text: &str) -> String {
        if self.on { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// What the page is made of: the results of [`METHODS`], and balances per wallet where there are several.
#[derive(Debug)]
pub struct Info {
    /// `getnetworkinfo`.
    pub network: Json,
    /// `getblockchaininfo`.
    pub chain: Json,
    /// `getwalletinfo`, if a wallet is loaded.
    pub wallet: Option<Json>,
    /// `getbalances`, if a wallet is loaded.
    pub balances: Option<Json>,
    /// Wallet names and balances.
    pub wallets: Vec<(String, String)>,
}

/// The page, without a newline at its end.
pub fn page(info: &Info, colors: Colors) -> String {
    let chain = |name: &str| scalar(info.chain.field(name));
    let network = |name: &str| scalar(info.network.field(name));
    let progress: f64 = chain("verificationprogress").parse().unwrap_or(0.0);
    let mut text = colors.paint(34, &format!("Chain: {}", chain("chain"))) + "\n";
    text += &format!("Blocks: {}\nHeaders: {}\n", chain("blocks"), chain("headers"));
    text += &format!("Verification progress: {}{:.4}%\n", bar(progress), progress * 100.0);
    text += &format!("Difficulty: {}\n\n", chain("difficulty"));

    let connections = format!(
        "Network: in {}, out {}, total {}",
        network("connections_in"),
        network("connections_out"),
        network("connections")
    );
    text += &(colors.paint(32, &connections) + "\n");
    text += &format!("Version: {}\nTime offset (s): {}\n", network("version"), network("timeoffset"));
    text += &format!("Proxies: {}\n", proxies(&info.network));
    text += &format!("Min tx relay fee rate (BTC/kvB): {}\n\n", network("relayfee"));

    if let Some(wallet) = &info.wallet {
        let name = scalar(wallet.field("walletname"));
        let name = if name.is_empty() { "\"\"" } else { &name };
        text += &(colors.paint(35, &format!("Wallet: {name}")) + "\n");
        text += &format!("Keypool size: {}\n", scalar(wallet.field("keypoolsize")));
        if !wallet.field("unlocked_until").is_null() {
            text += &format!("Unlocked until: {}\n", scalar(wallet.field("unlocked_until")));
        }
    }
    if let Some(balances) = &info.balances {
        let trusted = scalar(balances.field("mine").field("trusted"));
        text += &format!("{} {trusted}\n\n", colors.paint(36, "Balance:"));
    }
    if !info.wallets.is_empty() {
        let width = info.wallets.iter().map(|(_, balance)| balance.len()).fold(10, usize::max);
        text += &(colors.paint(36, "Balances") + "\n");
        for (name, balance) in &info.wallets {
            text += &format!("{balance:>width$} {}\n", if name.is_empty() { "\"\"" } else { name });
        }
        text.push('\n');
    }
    let warnings = warnings(&info.network);
    let warnings = if warnings.is_empty() { "(none)" } else { &warnings };
    text + &format!("{} {warnings}", colors.paint(33, "Warnings:"))
}

/// Twenty squares, while there is still something to verify.
fn bar(progress: f64) -> String {
    if !(0.0..0.99).contains(&progress) {
        return String::new();
    }
    let full = (progress * 20.0).ceil() as usize;
    format!("{}{} ", "\u{2592}".repeat(full), "\u{2591}".repeat(20usize.saturating_sub(full)))
}

/// Each proxy with the networks that go through it.
fn proxies(network: &Json) -> String {
    let mut found: Vec<(String, Vec<String>)> = Vec::new();
    for network in network.field("networks").get_array().unwrap_or_default() {
        let (proxy, name) = (scalar(network.field("proxy")), scalar(network.field("name")));
        match found.iter_mut().find(|entry| entry.0 == proxy) {
            _ if proxy.is_empty() => {}
            Some(entry) => entry.1.push(name),
            None => found.push((proxy, vec![name])),
        }
    }
    if found.is_empty() {
        return "n/a".to_owned();
    }
    let shown: Vec<_> =
        found.iter().map(|(proxy, names)| format!("{proxy} ({})", names.join(", "))).collect();
    shown.join(", ")
}

/// A list of strings since Core 28, one string before.
fn warnings(network: &Json) -> String {
    match network.field("warnings") {
        Json::Array(list) => list.iter().map(scalar).collect::<Vec<_>>().join(", "),
        other => scalar(other),
    }
}

/// The text of a string, the digits of a number; nothing for what is absent.
fn scalar(json: &Json) -> String {
    match json {
        Json::String(text) | Json::Number(text) => text.clone(),
        Json::Null => String::new(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> Json {
        Json::parse(text.as_bytes()).unwrap()
    }

    fn sample() -> Info {
        Info {
            network: raw(
                r#"{"version":310000,"timeoffset":0,"connections":3,"connections_in":1,"connections_out":2,
                "networks":[{"name":"ipv4","proxy":""},{"name":"onion","proxy":"127.0.0.1:9050"}],
                "relayfee":0.00000100,"warnings":["one","two"]}"#,
            ),
            chain: raw(r#"{"chain":"regtest","blocks":199,"headers":200,"difficulty":4.656542373906925e-10,
                "verificationprogress":0.5}"#),
            wallet: None,
            balances: None,
            wallets: Vec::new(),
        }
    }

    #[test]
    fn page_shows_the_numbers_of_the_node_unchanged() {
        let expected = "Chain: regtest\nBlocks: 199\nHeaders: 200\nVerification progress: \
                        ▒▒▒▒▒▒▒▒▒▒░░░░░░░░░░ 50.0000%\nDifficulty: 4.656542373906925e-10\n\nNetwork: in 1, out 2, \
                        total 3\nVersion: 310000\nTime offset (s): 0\nProxies: 127.0.0.1:9050 (onion)\nMin tx relay \
                        fee rate (BTC/kvB): 0.00000100\n\nWarnings: one, two";
        assert_eq!(page(&sample(), Colors::new("never", true).unwrap()), expected);
    }

    #[test]
    fn colours_are_only_used_when_wanted() {
        assert!(
            page(&sample(), Colors::new("always", false).unwrap())
                .starts_with("\u{1b}[34mChain: regtest\u{1b}[0m")
        );
        assert!(!page(&sample(), Colors::new("auto", false).unwrap()).contains('\u{1b}'));
        assert!(Colors::new("sometimes", true).is_err());
    }

    #[test]
    fn wallets_are_listed_when_there_are_any() {
        let mut info = sample();
        info.wallet = Some(raw(r#"{"walletname":"","keypoolsize":4000}"#));
        info.wallets =
            vec![(String::new(), "1.00000000".to_owned()), ("b".to_owned(), "123.00000000".to_owned())];
        let page = page(&info, Colors::new("never", false).unwrap());
        assert!(page.contains("Wallet: \"\"\nKeypool size: 4000\n"), "{page}");
        assert!(page.contains("Balances\n  1.00000000 \"\"\n123.00000000 b\n\n"), "{page}");
    }
}
