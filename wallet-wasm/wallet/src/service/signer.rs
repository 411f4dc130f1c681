//! The signer's face: the only one that sees words, passwords and keys. It has no network and needs none.
//!
//! | method | parameters | result |
//! |---|---|---|
//! | `generate` | `words: 12 or 24` | `{mnemonic}` |
//! | `check` | `mnemonic` | `{valid, error?, unknown?, suggestions?}` |
//! | `suggest` | `prefix` | `{words}` |
//! | `create` | `chain`, `mnemonic`, `passphrase?`, `password`, `name?`, `birthday?` | `{vault, wallet_id, state_key, name, birthday, chain, fingerprint, accounts}` |
//! | `unlock` | `vault`, `password` | the same without `vault` |
//! | `lock` | | `{}` |
//! | `account` | `kind`, `index` | account keys |
//! | `xpub` | `path` | `{xpub, origin, fingerprint}` |
//! | `address_at` | `kind`, `account`, `change`, `index` or `path` | `{address, path}` |
//! | `review` | `psbt` | review |
//! | `sign` | `psbt` | `{psbt, signatures, tx?, txid, review}` |
//! | `sign_message` | `address` or `path`, `message`, `format?` | `{address, path, signature}` |
//! | `show_words` | `password` | `{mnemonic, passphrase}` |
//! | `change_password` | `old`, `new` | `{vault}` |
//!
//! and those of [`super::stateless`]. Requests and answers contain secrets: whoever calls wipes them, and the sure way is to
//! end the worker ([`SignerService`] wipes what it keeps).

use super::{Fault, Params, answer, stateless, to_value};
use crate::chain::{Chain, ChainSpec};
use crate::keys::{self, AccountKind, AccountPath, KeyError, Phrase, WordCount};
use crate::keystore::{self, Opened, Vault};
use crate::message::Format;
use crate::psbt;
use crate::signer::{SignError, Signer};
use bitcoin::bip32::DerivationPath;
use bitcoin::consensus::encode::serialize_hex;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use zeroize::Zeroizing;

/// The most characters of a wallet's name.
const MAX_NAME_LEN: usize = 200;

/// What a vault holds.
#[derive(Serialize, Deserialize)]
struct Secret {
    version: u32,
    chain: ChainSpec,
    mnemonic: Zeroizing<String>,
    passphrase: Zeroizing<String>,
    name: String,
    /// Before this time, in seconds since 1970, the wallet received nothing; 0 if nobody knows.
    birthday: u64,
}

/// The version of [`Secret`].
const SECRET_VERSION: u32 = 1;

struct Session {
    signer: Signer,
    vault: Vault,
    opened: Opened,
    name: String,
    birthday: u64,
}

/// The signer's state: locked, or one wallet's keys.
#[derive(Default)]
pub struct SignerService {
    session: Option<Session>,
    kdf: keystore::Params,
}

impl SignerService {
    /// A locked signer.
    pub fn new() -> Self {
        Self::default()
    }

    /// A locked signer whose new vaults cost what is given here, not what is usual: for tests and small machines.
    pub fn with_kdf(kdf: keystore::Params) -> Self {
        Self { session: None, kdf }
    }

    /// Answers one request.
    pub fn call(&mut self, request: &str) -> String {
        let answered = answer(request, |method, params| self.run(method, &params));
        keys::wipe::burn_stack();
        answered
    }

    /// Forgets the keys.
    pub fn lock(&mut self) {
        self.session = None;
        keys::wipe::burn_stack();
    }

    /// The keys, if they are unlocked.
    pub fn signer(&self) -> Option<&Signer> {
        self.session.as_ref().map(|session| &session.signer)
    }

    fn run(&mut self, method: &str, params: &Params<'_>) -> Result<Value, Fault> {
        match method {
            "generate" => generate(params),
            "check" => check(params),
            "suggest" => suggest(params),
            "create" => self.create(params),
            "unlock" => self.unlock(params),
            "lock" => {
                self.lock();
                Ok(json!({}))
            }
            "account" => self.account(params),
            "xpub" => self.xpub(params),
            "address_at" => self.address_at(params),
            "review" => self.review(params),
            "sign" => self.sign(params),
            "sign_message" => self.sign_message(params),
            "show_words" => self.show_words(params),
            "change_password" => self.change_password(params),
            other => stateless::call(other, params).unwrap_or_else(|| Err(Fault::unknown_method(other))),
        }
    }

    fn unlocked(&self) -> Result<&Session, Fault> {
        self.session.as_ref().ok_or_else(|| Fault::new("locked", "the wallet is locked"))
    }

    fn create(&mut self, params: &Params<'_>) -> Result<Value, Fault> {
        #[derive(Deserialize)]
        struct Create {
            chain: ChainSpec,
            mnemonic: Zeroizing<String>,
            #[serde(default)]
            passphrase: Zeroizing<String>,
            password: Zeroizing<String>,
            #[serde(default)]
            name: String,
            #[serde(default)]
            birthday: u64,
        }
        let Create { chain, mnemonic, passphrase, password, name, birthday } = params.read()?;
        if name.chars().count() > MAX_NAME_LEN {
            return Err(Fault::new("bad_params", format!("a name has at most {MAX_NAME_LEN} characters")));
        }
        let chain = Chain::from_spec(&chain)?;
        let phrase = Phrase::parse(&mnemonic)?;
        let signer = Signer::from_phrase(&phrase, &passphrase, chain)?;
        let secret = Secret {
            version: SECRET_VERSION,
            chain: signer.chain().spec(),
            mnemonic: phrase.text(),
            passphrase,
            name: name.clone(),
            birthday,
        };
        let plaintext = Zeroizing::new(
            serde_json::to_vec(&secret).map_err(|error| Fault::new("internal", error.to_string()))?,
        );
        let (vault, opened) = keystore::create(&password, &plaintext, self.kdf)?;
        let sealed = to_value(&vault)?;
        let session = self.session.insert(Session { signer, vault, opened, name, birthday });
        let mut result = session.describe()?;
        result["vault"] = sealed;
        Ok(result)
    }

    fn unlock(&mut self, params: &Params<'_>) -> Result<Value, Fault> {
        #[derive(Deserialize)]
        struct Unlock {
            vault: Vault,
            password: Zeroizing<String>,
        }
        let Unlock { vault, password } = params.read()?;
        let opened = keystore::open(&password, &vault)?;
        let secret = read_secret(&opened)?;
        let chain = Chain::from_spec(&secret.chain)?;
        let signer = Signer::from_mnemonic(&secret.mnemonic, &secret.passphrase, chain)?;
        let Secret { name, birthday, .. } = secret;
        self.session.insert(Session { signer, vault, opened, name, birthday }).describe()
    }

    fn account(&self, params: &Params<'_>) -> Result<Value, Fault> {
        #[derive(Deserialize)]
        struct Account {
            kind: AccountKind,
            index: u32,
        }
        let Account { kind, index } = params.read()?;
        to_value(self.unlocked()?.signer.account(kind, index)?)
    }

    fn xpub(&self, params: &Params<'_>) -> Result<Value, Fault> {
        #[derive(Deserialize)]
        struct Xpub {
            path: String,
        }
        let path = read_path(&params.read::<Xpub>()?.path)?;
        let master = self.unlocked()?.signer.master();
        let xpub = master.xpub(&path)?;
        let origin = if path.is_empty() {
            format!("[{}]", master.fingerprint())
        } else {
            format!("[{}/{path}]", master.fingerprint())
        };
        Ok(json!({
            "xpub": keys::extended_to_text(&xpub, master.chain()),
            "origin": origin,
            "fingerprint": master.fingerprint().to_string(),
        }))
    }

    fn address_at(&self, params: &Params<'_>) -> Result<Value, Fault> {
        let signer = &self.unlocked()?.signer;
        let place = params.read::<Place>()?.find(signer)?;
        Ok(json!({"address": address_of(signer, place)?, "path": path_of(signer, place)?}))
    }

    fn review(&self, params: &Params<'_>) -> Result<Value, Fault> {
        let psbt = params.read::<Text>()?.psbt()?;
        to_value(self.unlocked()?.signer.review(&psbt)?)
    }

    fn sign(&self, params: &Params<'_>) -> Result<Value, Fault> {
        let mut psbt = params.read::<Text>()?.psbt()?;
        let signed = self.unlocked()?.signer.sign(&mut psbt)?;
        let mut result = json!({
            "psbt": psbt::to_base64(&psbt),
            "signatures": signed.signatures,
            "txid": signed.review.txid,
            "review": to_value(&signed.review)?,
        });
        if let Some(tx) = &signed.tx {
            result["tx"] = serialize_hex(tx).into();
        }
        Ok(result)
    }

    fn sign_message(&self, params: &Params<'_>) -> Result<Value, Fault> {
        #[derive(Deserialize)]
        struct Message {
            message: String,
            #[serde(default)]
            format: Format,
            #[serde(flatten)]
            place: Place,
        }
        let Message { message, format, place } = params.read()?;
        let signer = &self.unlocked()?.signer;
        let place = place.find(signer)?;
        Ok(json!({
            "address": address_of(signer, place)?,
            "path": path_of(signer, place)?,
            "signature": signer.sign_message(place, &message, format)?,
        }))
    }

    fn show_words(&self, params: &Params<'_>) -> Result<Value, Fault> {
        #[derive(Deserialize)]
        struct Show {
            password: Zeroizing<String>,
        }
        let Show { password } = params.read()?;
        // The password is asked for again although the words are at hand: somebody else may sit there now.
        let secret = read_secret(&keystore::open(&password, &self.unlocked()?.vault)?)?;
        Ok(json!({"mnemonic": *secret.mnemonic, "passphrase": *secret.passphrase}))
    }

    fn change_password(&mut self, params: &Params<'_>) -> Result<Value, Fault> {
        #[derive(Deserialize)]
        struct Change {
            old: Zeroizing<String>,
            new: Zeroizing<String>,
        }
        let Change { old, new } = params.read()?;
        let kdf = self.kdf;
        let session = self.session.as_mut().ok_or_else(|| Fault::new("locked", "the wallet is locked"))?;
        keystore::open(&old, &session.vault)?;
        session.vault = keystore::reseal(&new, &session.opened, kdf)?;
        Ok(json!({"vault": to_value(&session.vault)?}))
    }
}

impl Session {
    /// What the other side of a page learns of an unlocked wallet.
    fn describe(&self) -> Result<Value, Fault> {
        let accounts = [AccountKind::Segwit, AccountKind::Taproot]
            .into_iter()
            .map(|kind| self.signer.account(kind, 0))
            .collect::<Result<Vec<_>, KeyError>>()?;
        Ok(json!({
            "wallet_id": self.opened.wallet_id,
            "state_key": chaincore_consensus::hex::encode(&*self.opened.state_key),
            "name": self.name,
            "birthday": self.birthday,
            "chain": to_value(self.signer.chain().spec())?,
            "fingerprint": self.signer.master().fingerprint().to_string(),
            "accounts": to_value(accounts)?,
        }))
    }
}

/// A PSBT as text.
#[derive(Deserialize)]
struct Text {
    psbt: String,
}

impl Text {
    fn psbt(&self) -> Result<psbt::Psbt, Fault> {
        Ok(psbt::from_base64(&self.psbt)?)
    }
}

/// One of the wallet's addresses: by itself, by its path, or by its place.
#[derive(Deserialize)]
struct Place {
    address: Option<String>,
    path: Option<String>,
    kind: Option<AccountKind>,
    #[serde(default)]
    account: u32,
    #[serde(default)]
    change: bool,
    #[serde(default)]
    index: u32,
}

impl Place {
    fn find(&self, signer: &Signer) -> Result<AccountPath, Fault> {
        match (&self.path, &self.address, self.kind) {
            (Some(path), address, _) => {
                let place = AccountPath::from_path(&read_path(path)?, signer.chain())
                    .ok_or_else(|| KeyError::Path(crate::chain::shorten(path)))?;
                match address {
                    // Who gives both wants them to belong together.
                    Some(address) if *address != address_of(signer, place)? => {
                        Err(SignError::NotMine(crate::chain::shorten(address)).into())
                    }
                    _ => Ok(place),
                }
            }
            (None, Some(address), _) => Ok(signer.find(address)?),
            (None, None, Some(kind)) => {
                Ok(AccountPath { kind, account: self.account, change: self.change, index: self.index })
            }
            (None, None, None) => Err(Fault::new("bad_params", "an address or a path is needed")),
        }
    }
}

fn address_of(signer: &Signer, place: AccountPath) -> Result<String, Fault> {
    let script = psbt::script_of(place.kind, &signer.master().public_key(place)?);
    signer.chain().address(&script).ok_or_else(|| Fault::new("internal", "a usual script has no address"))
}

fn path_of(signer: &Signer, place: AccountPath) -> Result<String, Fault> {
    Ok(format!("m/{}", place.to_path(signer.chain())?))
}

fn read_path(text: &str) -> Result<DerivationPath, Fault> {
    let path: Result<DerivationPath, _> = text.replace('H', "h").parse();
    match path {
        Ok(path) if path.len() <= 10 => Ok(path),
        _ => Err(KeyError::Path(crate::chain::shorten(text)).into()),
    }
}

fn read_secret(opened: &Opened) -> Result<Secret, Fault> {
    // What was sealed by a later version may look different; its number says so before anything else is read.
    #[derive(Deserialize)]
    struct Version {
        version: u32,
    }
    let unreadable = |_| Fault::new("bad_vault", "the vault opens, but there is no wallet in it");
    let Version { version } = crate::text::read_json(&opened.plaintext).map_err(unreadable)?;
    if version != SECRET_VERSION {
        return Err(Fault::new("vault_version", format!("wallets of version {version} are not supported")));
    }
    crate::text::read_json(&opened.plaintext).map_err(unreadable)
}

fn generate(params: &Params<'_>) -> Result<Value, Fault> {
    #[derive(Deserialize)]
    struct Generate {
        words: u32,
    }
    let words = match params.read::<Generate>()?.words {
        12 => WordCount::Twelve,
        24 => WordCount::TwentyFour,
        other => {
            return Err(Fault::new("bad_params", format!("a new wallet has 12 or 24 words, not {other}")));
        }
    };
    Ok(json!({"mnemonic": *Phrase::generate(words)?.text()}))
}

fn check(params: &Params<'_>) -> Result<Value, Fault> {
    #[derive(Deserialize)]
    struct Words {
        mnemonic: Zeroizing<String>,
    }
    to_value(keys::check(&params.read::<Words>()?.mnemonic))
}

fn suggest(params: &Params<'_>) -> Result<Value, Fault> {
    #[derive(Deserialize)]
    struct Prefix {
        prefix: String,
    }
    Ok(json!({"words": keys::suggest(&params.read::<Prefix>()?.prefix)}))
}
