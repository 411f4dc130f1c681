//! New wallets, from new words, known words or a public key; words and passwords.

use super::args::{Create, Kind, Restore, Shared, WhichChain};
use super::clock;
use super::failure::Failure;
use super::file::{self, About, OpenKeys, WalletFile};
use super::nodes::Authorities;
use super::output::{self, aside, print_json, say};
use super::password;
use super::wallet::{self, Wallet, call_signer};
use chaincore_wallet::chain::{Chain, ChainSpec};
use chaincore_wallet::keys::{AccountKind, Phrase, WordCount};
use chaincore_wallet::keystore::{self, Params, Vault};
use chaincore_wallet::service::SignerService;
use serde_json::{Value, json};
use std::io::{IsTerminal, Read};
use zeroize::Zeroizing;

const DEFAULT_CHAIN: &str = "chaincore";

/// The chain that was said, else the node's, else the default one.
pub fn which_chain(shared: &Shared, which: &WhichChain) -> Result<ChainSpec, Failure> {
    let spec = if let Some(path) = &which.chain_file {
        let text = std::fs::read_to_string(path)
            .map_err(|error| Failure::usage(format!("the chain file {}: {error}", path.display())))?;
        ChainSpec::File { file: text }
    } else if let Some(name) = &which.chain {
        ChainSpec::Name { name: name.clone() }
    } else if !shared.nodes.is_empty() && !shared.offline {
        let ca_cert = shared.ca_cert.as_deref().map(Authorities::read).transpose()?;
        wallet::find(shared, &shared.nodes, ca_cert.as_deref())?.chain()
    } else {
        ChainSpec::Name { name: DEFAULT_CHAIN.into() }
    };
    Ok(Chain::from_spec(&spec)?.spec())
}

pub fn create(shared: &Shared, create: &Create) -> Result<(), Failure> {
    file::check_free(&shared.wallet)?;
    let chain = which_chain(shared, &create.chain)?;
    if let Some(key) = &create.watch {
        return watch(shared, create, chain, key);
    }
    let count = if create.words == 24 { WordCount::TwentyFour } else { WordCount::Twelve };
    let words = Phrase::generate(count)?.text();
    let passphrase = match create.passphrase {
        true => password::twice("Passphrase besides the words: ")?,
        false => Zeroizing::new(String::new()),
    };
    let new = NewWallet {
        name: &create.name,
        birthday: clock::now(),
        words: &words,
        passphrase: &passphrase,
        encrypted: !create.no_encryption,
        kinds: &[Kind::Segwit, Kind::Taproot],
        gap: None,
    };
    new.write(shared, chain)?;
    if shared.json {
        print_json(&json!({"wallet": shared.wallet, "mnemonic": *words}));
        return Ok(());
    }
    say!("The wallet is in {}. Its words, in this order:\n", shared.wallet.display());
    for (at, word) in words.split(' ').enumerate() {
        let end = if at % 4 == 3 { "\n" } else { "" };
        output::write(format_args!("{:>4}. {word:<10}{end}", at + 1));
    }
    say!("\nWrite them down on paper. They are the wallet: whoever has them has the coins, and without them");
    say!("nobody can bring back a lost file or a forgotten password.");
    Ok(())
}

pub fn restore(shared: &Shared, restore: &Restore) -> Result<(), Failure> {
    file::check_free(&shared.wallet)?;
    let chain = which_chain(shared, &restore.chain)?;
    let birthday = restore.birthday.as_deref().map_or(Ok(0), clock::parse_date)?;
    let text = match &restore.words_file {
        Some(path) if path.as_os_str() != "-" => {
            let text = std::fs::read_to_string(path);
            text.map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?
        }
        None if std::io::stdin().is_terminal() => {
            aside!("The words, in order:");
            let mut line = String::new();
            std::io::stdin().read_line(&mut line).map_err(|error| Failure::usage(error.to_string()))?;
            line
        }
        _ => {
            let mut text = String::new();
            let read = std::io::stdin().take(10_000).read_to_string(&mut text);
            read.map_err(|error| Failure::usage(error.to_string()))?;
            text
        }
    };
    let text = Zeroizing::new(text);
    let words = Phrase::parse(&text)?.text();
    let passphrase = match restore.passphrase {
        true => password::ask("Passphrase that belongs to the words: ")?,
        false => Zeroizing::new(String::new()),
    };
    let new = NewWallet {
        name: &restore.name,
        birthday,
        words: &words,
        passphrase: &passphrase,
        encrypted: !restore.no_encryption,
        kinds: &restore.kinds,
        gap: Some(restore.gap),
    };
    new.write(shared, chain)?;
    if shared.json {
        print_json(&json!({"wallet": shared.wallet}));
    } else {
        let kinds: Vec<&str> = restore.kinds.iter().map(|kind| kind_name(*kind)).collect();
        say!(
            "The wallet is in {}, with accounts of the kinds {}.",
            shared.wallet.display(),
            kinds.join(", ")
        );
    }
    Ok(())
}

/// What a wallet with keys is made from.
struct NewWallet<'a> {
    name: &'a str,
    birthday: u64,
    words: &'a Zeroizing<String>,
    passphrase: &'a Zeroizing<String>,
    encrypted: bool,
    kinds: &'a [Kind],
    gap: Option<u32>,
}

impl NewWallet<'_> {
    fn write(&self, shared: &Shared, chain: ChainSpec) -> Result<(), Failure> {
        let mut file = WalletFile::new(chain, about(shared, self.name, self.birthday)?);
        let password = match self.encrypted {
            true => {
                let password = password::new(shared)?;
                let params = json!({
                    "chain": file.chain,
                    "mnemonic": **self.words,
                    "passphrase": **self.passphrase,
                    "password": *password,
                    "name": self.name,
                    "birthday": self.birthday,
                });
                let created = call_signer(&mut SignerService::new(), "create", params)?;
                file.vault = Some(read_vault(&created["vault"])?);
                Some(password)
            }
            false => {
                file.open_keys = Some(OpenKeys {
                    mnemonic: self.words.to_string(),
                    passphrase: self.passphrase.to_string(),
                });
                None
            }
        };
        let mut wallet = Wallet::open_file(shared, file, password.as_ref())?;
        for (at, kind) in self.kinds.iter().enumerate() {
            if !self.kinds[..at].contains(kind) {
                let keys = wallet.signer()?.account(account_kind(*kind), 0)?;
                wallet.call("add_account", json!(keys))?;
            }
        }
        wallet.call("configure", json!({"birthday": self.birthday, "gap": self.gap}))?;
        wallet.save_new()
    }
}

/// What is known of a new wallet.
fn about(shared: &Shared, name: &str, birthday: u64) -> Result<About, Failure> {
    let ca_cert = shared.ca_cert.as_deref().map(Authorities::read).transpose()?;
    Ok(About { name: name.into(), birthday, nodes: shared.nodes.clone(), ca_cert })
}

fn read_vault(value: &Value) -> Result<Vault, Failure> {
    serde_json::from_value(value.clone()).map_err(|error| Failure::new("bad_vault", error.to_string()))
}

/// What the library calls a kind.
pub fn account_kind(kind: Kind) -> AccountKind {
    match kind {
        Kind::Legacy => AccountKind::Legacy,
        Kind::Nested => AccountKind::Nested,
        Kind::Segwit => AccountKind::Segwit,
        Kind::Taproot => AccountKind::Taproot,
    }
}

/// What the services call a kind.
pub fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Legacy => "legacy",
        Kind::Nested => "nested",
        Kind::Segwit => "segwit",
        Kind::Taproot => "taproot",
    }
}

fn watch(shared: &Shared, create: &Create, chain: ChainSpec, key: &str) -> Result<(), Failure> {
    let mut file = WalletFile::new(chain, about(shared, &create.name, 0)?);
    // The key is looked at before a password is asked for.
    let params = json!({"name": "", "descriptor": key, "kind": create.kind.map(kind_name)});
    Wallet::open_file(shared, WalletFile::new(file.chain.clone(), About::default()), None)?
        .call("watch", params)?;
    let password = match create.no_encryption {
        true => None,
        false => {
            let password = password::new(shared)?;
            file.watching = Some(keystore::seal(&password, &[], Params::default())?);
            Some(password)
        }
    };
    let mut wallet = Wallet::open_file(shared, file, password.as_ref())?;
    let name = if create.name.is_empty() { "watched" } else { &create.name };
    let params = json!({"name": name, "descriptor": key, "kind": create.kind.map(kind_name)});
    let id = wallet.call("watch", params)?["id"].clone();
    wallet.save_new()?;
    if shared.json {
        print_json(&json!({"wallet": shared.wallet, "account": id}));
    } else {
        say!(
            "The wallet is in {}. It only watches: it has no keys and can sign nothing.",
            shared.wallet.display()
        );
    }
    Ok(())
}

pub fn words(shared: &Shared) -> Result<(), Failure> {
    let file = WalletFile::read(&shared.wallet)?;
    let shown = match (&file.vault, &file.open_keys) {
        (Some(vault), _) => {
            let password = password::current(shared)?;
            let mut service = SignerService::new();
            call_signer(&mut service, "unlock", json!({"vault": vault, "password": *password}))
                .map_err(|failure| failure.of(&shared.wallet))?;
            call_signer(&mut service, "show_words", json!({"password": *password}))?
        }
        (None, Some(keys)) => json!({"mnemonic": keys.mnemonic, "passphrase": keys.passphrase}),
        (None, None) => return Err(Failure::new("no_keys", "this wallet only watches: it has no words")),
    };
    if shared.json {
        print_json(&shown);
        return Ok(());
    }
    say!("{}", shown["mnemonic"].as_str().unwrap_or_default());
    if shown["passphrase"] != "" {
        say!("and the passphrase: {}", shown["passphrase"].as_str().unwrap_or_default());
    }
    Ok(())
}

pub fn password(shared: &Shared) -> Result<(), Failure> {
    WalletFile::read(&shared.wallet)?;
    let _lock = wallet::lock(shared)?;
    let mut file = WalletFile::read(&shared.wallet)?;
    let Some(vault) = file.lock() else {
        return Err(Failure::new("no_password", "this wallet has no password"));
    };
    let old = password::current(shared)?;
    let opened = keystore::open(&old, vault).map_err(|error| Failure::from(error).of(&shared.wallet))?;
    let new = password::changed()?;
    // What the vault seals stays what it was, and so does all that is sealed with its key.
    let changed = Some(keystore::reseal(&new, &opened, Params::default())?);
    match file.vault {
        Some(_) => file.vault = changed,
        None => file.watching = changed,
    }
    file.write(&shared.wallet, false, None)?;
    match shared.json {
        true => print_json(&json!({"changed": true})),
        false => say!("The password is changed. Copies of the old file still open with the old one."),
    }
    Ok(())
}
