//! An open wallet: its file, its keys if it has any, and the service that knows the rest.

use super::args::{Mode, Shared};
use super::failure::Failure;
use super::file::{Seal, WalletFile};
use super::lock::WalletLock;
use super::network;
use super::nodes::{Authorities, Nodes, Response};
use super::output::{self, aside};
use super::password;
use chaincore_wallet::chain::Chain;
use chaincore_wallet::keystore;
use chaincore_wallet::service::{LightService, SignerService};
use chaincore_wallet::signer::Signer;
use data_encoding::HEXLOWER;
use serde_json::{Value, json};
use std::io::IsTerminal;
use zeroize::Zeroizing;

/// The keys.
pub enum Keys {
    /// From a vault.
    Unlocked(Box<SignerService>),
    /// From the words in the file.
    Open(Box<Signer>),
}

impl Keys {
    fn signer(&self) -> Option<&Signer> {
        match self {
            Self::Unlocked(service) => service.signer(),
            Self::Open(signer) => Some(signer),
        }
    }
}

pub struct Wallet<'a> {
    shared: &'a Shared,
    pub file: WalletFile,
    light: LightService,
    keys: Option<Keys>,
    seal: Option<Seal>,
    /// Whether an answer is wanted, whatever becomes of the file.
    only_follows: bool,
    /// Kept as long as something may be written.
    lock: Option<WalletLock>,
}

/// Reads the answer of a service.
pub fn result(answer: &str) -> Result<Value, Failure> {
    let mut answer: Value =
        serde_json::from_str(answer).map_err(|error| Failure::new("internal", error.to_string()))?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
    match answer.get("error") {
        Some(error) => Err(Failure::new(&text(&error["code"]), text(&error["message"]))),
        None => Ok(answer["result"].take()),
    }
}

/// Calls a service that may be given secrets.
pub fn call_signer(service: &mut SignerService, method: &str, params: Value) -> Result<Value, Failure> {
    let request = Zeroizing::new(json!({"method": method, "params": params}).to_string());
    result(&Zeroizing::new(service.call(&request)))
}

impl<'a> Wallet<'a> {
    /// Opens the wallet to change it, for which the password may be asked. No other process changes it meanwhile.
    pub fn open(shared: &'a Shared) -> Result<Self, Failure> {
        // Without a wallet there is nothing to lock, nor to leave a lock beside; and nobody waits for a person who
        // looks for a password.
        let password = match WalletFile::read(&shared.wallet)?.lock() {
            Some(_) => Some(password::current(shared)?),
            None => None,
        };
        let lock = lock(shared)?;
        let mut wallet = Self::open_file(shared, WalletFile::read(&shared.wallet)?, password.as_ref())?;
        wallet.lock = lock;
        Ok(wallet)
    }

    /// Opens the wallet to look at what it knows; nothing is to be written.
    pub fn look(shared: &'a Shared) -> Result<Self, Failure> {
        let file = WalletFile::read(&shared.wallet)?;
        Self::open_file(shared, file, None)
    }

    /// Opens the wallet to see what nodes know by now, which is kept; offline, just to look at it.
    pub fn follow(shared: &'a Shared) -> Result<Self, Failure> {
        match shared.offline {
            true => Self::look(shared),
            false => Ok(Self { only_follows: true, ..Self::open(shared)? }),
        }
    }

    /// Opens a file that was read, or is yet to be written; with a password if it is known already.
    pub fn open_file(
        shared: &'a Shared,
        mut file: WalletFile,
        password: Option<&Zeroizing<String>>,
    ) -> Result<Self, Failure> {
        let mut open = json!({"chain": file.chain});
        let mut seal = None;
        let password = match (file.lock(), password) {
            (None, _) => Zeroizing::default(),
            (Some(_), Some(password)) => password.clone(),
            (Some(_), None) => password::current(shared)?,
        };
        let of_file = |failure: Failure| failure.of(&shared.wallet);
        let keys = if let Some(vault) = &file.vault {
            let mut service = SignerService::new();
            let params = json!({"vault": vault, "password": *password});
            let unlocked = call_signer(&mut service, "unlock", params).map_err(of_file)?;
            let mut key = Zeroizing::new([0; 32]);
            let text = unlocked["state_key"].as_str().unwrap_or_default();
            HEXLOWER
                .decode_mut(text.as_bytes(), &mut key[..])
                .map_err(|_| Failure::new("internal", "a state key has 64 digits"))?;
            seal = Some(Seal { wallet_id: vault.wallet_id.clone(), key });
            Some(Keys::Unlocked(Box::new(service)))
        } else if let Some(vault) = &file.watching {
            let opened = keystore::open(&password, vault).map_err(|error| of_file(error.into()))?;
            seal = Some(Seal { wallet_id: opened.wallet_id.clone(), key: opened.state_key.clone() });
            None
        } else if let Some(open_keys) = &file.open_keys {
            let chain = Chain::from_spec(&file.chain)?;
            let signer = Signer::from_mnemonic(&open_keys.mnemonic, &open_keys.passphrase, chain)?;
            Some(Keys::Open(Box::new(signer)))
        } else {
            None
        };
        if let Some(seal) = &seal {
            open["wallet_id"] = seal.wallet_id.as_str().into();
            open["state_key"] = HEXLOWER.encode(&*seal.key).into();
            file.unseal(seal).map_err(of_file)?;
        }
        if !file.state.is_empty() {
            open["state"] = file.state.as_str().into();
        }
        let mut wallet =
            Self { shared, file, light: LightService::new(), keys, seal, only_follows: false, lock: None };
        wallet.call("open", open).map_err(of_file)?;
        Ok(wallet)
    }

    /// Calls the service.
    pub fn call(&mut self, method: &str, params: Value) -> Result<Value, Failure> {
        result(&self.light.call(&json!({"method": method, "params": params}).to_string()))
    }

    /// Hands an answer to the service.
    pub fn give(&mut self, response: Response) {
        self.light.give(response.id, response.status, response.body);
    }

    /// The keys.
    pub fn signer(&self) -> Result<&Signer, Failure> {
        let none =
            || Failure::new("no_keys", "this wallet only watches: sign with `psbt create` and another one");
        self.keys.as_ref().and_then(Keys::signer).ok_or_else(none)
    }

    /// Whether it has keys.
    pub fn has_keys(&self) -> bool {
        self.keys.is_some()
    }

    /// The chain.
    pub fn chain(&self) -> Result<Chain, Failure> {
        Ok(Chain::from_spec(&self.file.chain)?)
    }

    /// The mode that was asked for.
    pub fn mode(&self) -> Option<&'static str> {
        self.shared.mode.map(|mode| match mode {
            Mode::Verified => "verified",
            Mode::Filters => "filters",
        })
    }

    pub fn is_quiet(&self) -> bool {
        self.shared.quiet || self.shared.json
    }

    /// Says something that matters, but does not stop.
    pub fn warn(&self, message: &str) {
        note(self.shared, message);
    }

    /// The nodes that were named, else those of last time.
    pub fn nodes(&mut self) -> Result<Nodes, Failure> {
        if self.shared.offline {
            return Err(Failure::usage("that needs a node: leave out --offline"));
        }
        let chain = self.chain()?;
        let usual = vec![format!("http://127.0.0.1:{}", chain.params().rpc_port)];
        let about = &self.file.about;
        let urls = [&self.shared.nodes, &about.nodes].into_iter().find(|urls| !urls.is_empty());
        let urls = urls.unwrap_or_else(|| {
            self.warn(&format!("no node was named yet: asking {}", usual[0]));
            &usual
        });
        let urls = urls.clone();
        let ca_cert = match &self.shared.ca_cert {
            Some(path) => Some(Authorities::read(path)?),
            // Who vouches for some nodes does not for others.
            None => about.ca_cert.clone().filter(|_| urls == about.nodes),
        };
        let mut nodes = find(self.shared, &urls, ca_cert.as_deref())?;
        let genesis = chain.params().genesis_hash.to_string();
        nodes.keep_chain(&genesis, &|message| self.warn(message))?;
        // Also the dead: they may come back.
        self.file.about.nodes = urls;
        self.file.about.ca_cert = ca_cert;
        Ok(nodes)
    }

    /// Brings the wallet up to date and keeps what was learnt; the nodes, unless it was to stay offline.
    pub fn sync(&mut self) -> Result<Option<Nodes>, Failure> {
        if self.shared.offline {
            return Ok(None);
        }
        let nodes = self.nodes()?;
        let synced = network::sync(self, &nodes);
        // What was learnt before something went wrong is worth keeping.
        match self.save() {
            Err(failure) if self.only_follows => {
                self.warn(&format!("what was learnt is not kept: {failure}"))
            }
            saved => saved?,
        }
        synced.map(|()| Some(nodes))
    }

    /// Writes the file.
    pub fn save(&mut self) -> Result<(), Failure> {
        self.keep()?;
        self.file.write(&self.shared.wallet, false, self.seal.as_ref())
    }

    /// Writes the file after something that can't be taken back. If that fails, it is worth a word, but no error:
    /// whoever sees one does it again.
    pub fn save_after(&mut self) {
        if let Err(failure) = self.save() {
            self.warn(&format!("it is done, but {failure}"));
        }
    }

    /// Writes the file of a new wallet.
    pub fn save_new(&mut self) -> Result<(), Failure> {
        self.keep()?;
        self.lock = lock(self.shared)?;
        self.file.write(&self.shared.wallet, true, self.seal.as_ref())
    }

    fn keep(&mut self) -> Result<(), Failure> {
        let saved = self.call("save", json!({}))?;
        self.file.state = saved["state"].as_str().unwrap_or_default().to_string();
        Ok(())
    }
}

/// Takes the lock of the wallet that is meant.
pub fn lock(shared: &Shared) -> Result<Option<WalletLock>, Failure> {
    WalletLock::acquire(&shared.wallet, &|message| note(shared, message))
}

/// Says something that matters, but does not stop.
pub fn note(shared: &Shared, message: &str) {
    if !shared.quiet {
        aside!("note: {message}");
    }
}

/// The nodes that answer.
pub fn find(shared: &Shared, urls: &[String], ca_cert: Option<&str>) -> Result<Nodes, Failure> {
    let authorities = ca_cert.map(Authorities::parse).transpose().map_err(Failure::usage)?;
    Nodes::find(urls, authorities, &|message| note(shared, message))
}

/// Asks before money moves. Without a terminal nobody is there to ask: whoever wrote the script has decided.
pub fn confirm(question: &str, yes: bool) -> Result<(), Failure> {
    if yes || !std::io::stdin().is_terminal() {
        return Ok(());
    }
    output::write_aside(format_args!("{question} [y/N] "));
    let mut answer = String::new();
    let _ = std::io::stdin().read_line(&mut answer);
    if ["y", "yes"].contains(&answer.trim().to_lowercase().as_str()) {
        return Ok(());
    }
    Err(Failure::new("declined", "nothing was sent"))
}
