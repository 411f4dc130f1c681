//! An open wallet: its file, its keys if it has any, and the service that knows the rest.

use super::args::{Mode, Shared};
use super::failure::Failure;
use super::file::WalletFile;
use super::network;
use super::nodes::{Nodes, Response};
use super::password;
use chaincore_wallet::chain::Chain;
use chaincore_wallet::service::{LightService, SignerService};
use chaincore_wallet::signer::Signer;
use serde_json::{Value, json};
use std::io::{IsTerminal, Write};
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
    /// Opens the wallet, for which the password may be asked.
    pub fn open(shared: &'a Shared) -> Result<Self, Failure> {
        let file = WalletFile::read(&shared.wallet)?;
        Self::open_file(shared, file, None)
    }

    /// Opens a file that was read, or is yet to be written; with a password if it is known already.
    pub fn open_file(
        shared: &'a Shared,
        file: WalletFile,
        password: Option<&Zeroizing<String>>,
    ) -> Result<Self, Failure> {
        let mut open = json!({"chain": file.chain});
        let keys = if let Some(vault) = &file.vault {
            let password = match password {
                Some(password) => password.clone(),
                None => password::current(shared)?,
            };
            let mut service = SignerService::new();
            let params = json!({"vault": vault, "password": *password});
            let unlocked = call_signer(&mut service, "unlock", params)?;
            open["wallet_id"] = unlocked["wallet_id"].clone();
            open["state_key"] = unlocked["state_key"].clone();
            Some(Keys::Unlocked(Box::new(service)))
        } else if let Some(open_keys) = &file.open_keys {
            let chain = Chain::from_spec(&file.chain)?;
            let signer = Signer::from_mnemonic(&open_keys.mnemonic, &open_keys.passphrase, chain)?;
            Some(Keys::Open(Box::new(signer)))
        } else {
            None
        };
        if !file.state.is_empty() {
            open["state"] = file.state.as_str().into();
        }
        let mut wallet = Self { shared, file, light: LightService::new(), keys };
        wallet.call("open", open)?;
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
        if !self.shared.quiet {
            eprintln!("note: {message}");
        }
    }

    /// The nodes that were named, else those of last time.
    pub fn nodes(&mut self) -> Result<Nodes, Failure> {
        if self.shared.offline {
            return Err(Failure::usage("that needs a node: leave out --offline"));
        }
        let urls = if self.shared.nodes.is_empty() { &self.file.nodes } else { &self.shared.nodes };
        let mut nodes = Nodes::find(urls, &|message| self.warn(message))?;
        let genesis = self.chain()?.params().genesis_hash.to_string();
        nodes.keep_chain(&genesis, &|message| self.warn(message))?;
        // Also the dead: they may come back.
        self.file.nodes = urls.clone();
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
        self.save()?;
        synced.map(|()| Some(nodes))
    }

    /// Writes the file.
    pub fn save(&mut self) -> Result<(), Failure> {
        self.keep()?;
        self.file.write(&self.shared.wallet, false)
    }

    /// Writes the file of a new wallet.
    pub fn save_new(&mut self) -> Result<(), Failure> {
        self.keep()?;
        self.file.write(&self.shared.wallet, true)
    }

    fn keep(&mut self) -> Result<(), Failure> {
        let saved = self.call("save", json!({}))?;
        self.file.state = saved["state"].as_str().unwrap_or_default().to_string();
        Ok(())
    }
}

/// Asks before money moves. Without a terminal nobody is there to ask: whoever wrote the script has decided.
pub fn confirm(question: &str, yes: bool) -> Result<(), Failure> {
    if yes || !std::io::stdin().is_terminal() {
        return Ok(());
    }
    eprint!("{question} [y/N] ");
    let _ = std::io::stderr().flush();
    let mut answer = String::new();
    let _ = std::io::stdin().read_line(&mut answer);
    if ["y", "yes"].contains(&answer.trim().to_lowercase().as_str()) {
        return Ok(());
    }
    Err(Failure::new("declined", "nothing was sent"))
}
