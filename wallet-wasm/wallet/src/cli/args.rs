//! The command line, and what `--help` teaches.

use super::failure::Failure;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  Make a wallet and write down its words; no node is needed for that:
    chaincore-wallet create --wallet alice.json
  The next address to receive at, and what has arrived:
    chaincore-wallet receive --wallet alice.json
    chaincore-wallet balance --wallet alice.json --node http://127.0.0.1:5000
  Pay 1.5 coins at 2 satoshis per virtual byte, then look at it, hurry it up, or take it back:
    chaincore-wallet send --wallet alice.json --to ADDRESS --amount 1.5 --feerate 2
    chaincore-wallet history --wallet alice.json
    chaincore-wallet bump --wallet alice.json TXID --feerate 10
    chaincore-wallet cancel --wallet alice.json TXID
  Nodes are remembered. Several are asked the same and checked against each other; the dead are passed over:
    chaincore-wallet balance --wallet alice.json --node http://a:5000 --node http://b:5000
  Watch without keys, and sign elsewhere:
    chaincore-wallet create --wallet watch.json --watch XPUB
    chaincore-wallet psbt create --wallet watch.json --to ADDRESS --amount all --out pay.psbt
    chaincore-wallet psbt sign --wallet alice.json pay.psbt --out signed.psbt
    chaincore-wallet psbt send --wallet watch.json signed.psbt

Amounts are decimal coins with at most 8 decimals and exact; a fee rate is satoshis per virtual byte,
--fee is the whole fee in coins.
A confirmed transaction counts as proven when its merkle branch leads to a header whose proof of work the wallet has
checked itself; what a node only says is shown as reported. For --mode filters a node needs -blockfilterindex, which is on
by default except on Bitcoin's own chains.

Exit codes:
  0  done
  1  something else went wrong
  2  the command line is wrong
  3  the password is wrong or missing
  4  an address, descriptor, key, URI, PSBT or the words are wrong (prefix or checksum)
  5  not enough money
  6  no node answers
  7  the node refused the transaction
  8  the wallet file is missing, exists already, or can't be read or written
  9  the nodes are on another chain, or lie
 10  another process is using the wallet";

/// A wallet for ChainCore and Bitcoin's chains. The keys stay in its file; nodes are asked, checked and not trusted.
#[derive(Parser)]
#[command(name = "chaincore-wallet", version, after_help = EXAMPLES)]
pub struct Arguments {
    #[command(flatten)]
    pub shared: Shared,
    #[command(subcommand)]
    pub command: Command,
}

/// What every command takes.
#[derive(Args)]
#[command(next_help_heading = "Options of every command")]
pub struct Shared {
    /// The wallet's file
    #[arg(short, long, global = true, value_name = "FILE", default_value = "wallet.json")]
    #[arg(env = "CHAINCORE_WALLET")]
    pub wallet: PathBuf,
    /// A node, as http://HOST:PORT or https://HOST; may be said several times. The first that answers is the main
    /// one, the others cross-check it. Without, the wallet uses those that it was last told, else one on this machine
    #[arg(short, long = "node", global = true, value_name = "URL", env = "CHAINCORE_NODE")]
    #[arg(value_delimiter = ',')]
    pub nodes: Vec<String>,
    /// Who vouches for https:// nodes: a file with certificates in PEM, instead of the authorities that browsers
    /// know. The wallet remembers it with the nodes
    #[arg(long, global = true, value_name = "FILE", env = "CHAINCORE_CA_CERT")]
    pub ca_cert: Option<PathBuf>,
    /// How transactions are found: by the node's address index with proofs, or by block filters that are matched here,
    /// so that the node learns no address
    #[arg(long, global = true, value_enum)]
    pub mode: Option<Mode>,
    /// Ask no node: what the wallet knew last
    #[arg(long, global = true)]
    pub offline: bool,
    /// Print JSON, errors too (on the standard error)
    #[arg(long, global = true)]
    pub json: bool,
    /// A file whose first line is the password; else the variable CHAINCORE_WALLET_PASSWORD, else you are asked
    #[arg(long, global = true, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
    /// No progress, no warnings
    #[arg(short, long, global = true)]
    pub quiet: bool,
}

/// How transactions are found.
#[derive(Clone, Copy, ValueEnum)]
pub enum Mode {
    /// By address index, each with a proof
    Verified,
    /// By filters: private
    Filters,
}

/// What can be asked for.
#[derive(Subcommand)]
pub enum Command {
    /// Make a new wallet, or one that only watches
    Create(Create),
    /// Make a wallet from its words
    Restore(Restore),
    /// The wallet, its accounts and how far it has come
    Info,
    /// How much there is
    Balance(Of),
    /// What happened, newest first
    History(Of),
    /// The unspent coins
    Coins(Of),
    /// An address to receive at
    Receive(Receive),
    /// List, add and rename accounts
    #[command(subcommand)]
    Account(Account),
    /// The descriptors of all accounts, for other wallets to watch
    Descriptors,
    /// Pay
    Send(Send),
    /// Hurry a transaction up: replace it, else have a child pay for it
    Bump(Bump),
    /// Take an unconfirmed payment back: replace it by one to yourself
    Cancel(Cancel),
    /// Make, sign, combine, finish, look at and send partially signed transactions
    #[command(subcommand)]
    Psbt(Psbt),
    /// What things are called, and the exchange of labels (BIP329)
    #[command(subcommand)]
    Label(Label),
    /// Do not spend a coin (txid:number)
    Freeze {
        /// The coin
        outpoint: String,
    },
    /// Let a coin be spent again
    Unfreeze {
        /// The coin
        outpoint: String,
    },
    /// Sign a message with an address's key, and check such signatures
    #[command(subcommand)]
    Message(Message),
    /// Show the words that the wallet can be restored from
    Words,
    /// Change the password
    Password,
}

/// Which chain a new wallet is for.
#[derive(Args)]
pub struct WhichChain {
    /// The chain: chaincore, main, testnet4, signet or regtest. Without, the node's if one is given, else chaincore
    #[arg(long, value_name = "NAME")]
    pub chain: Option<String>,
    /// The file of a chain of one's own
    #[arg(long, value_name = "FILE", conflicts_with = "chain")]
    pub chain_file: Option<PathBuf>,
}

#[derive(Args)]
pub struct Create {
    #[command(flatten)]
    pub chain: WhichChain,
    /// How many words: 12 or 24
    #[arg(long, default_value_t = 12, value_parser = words)]
    pub words: u32,
    /// What the wallet is called
    #[arg(long, default_value = "")]
    pub name: String,
    /// Ask for a passphrase besides the words (BIP39): without it the words open another wallet
    #[arg(long)]
    pub passphrase: bool,
    /// Write everything to the file as it is, keys included. Whoever can read the file can spend the coins
    #[arg(long)]
    pub no_encryption: bool,
    /// Only watch: an extended public key or a descriptor
    #[arg(long, value_name = "KEY")]
    pub watch: Option<String>,
    /// What an extended key is for
    #[arg(long, requires = "watch", value_enum)]
    pub kind: Option<Kind>,
}

fn words(text: &str) -> Result<u32, String> {
    match text {
        "12" => Ok(12),
        "24" => Ok(24),
        _ => Err("a new wallet has 12 or 24 words".into()),
    }
}

#[derive(Args)]
pub struct Restore {
    #[command(flatten)]
    pub chain: WhichChain,
    /// A file with the words; `-` reads the standard input. Without, you are asked
    #[arg(long, value_name = "FILE")]
    pub words_file: Option<PathBuf>,
    /// What the wallet is called
    #[arg(long, default_value = "")]
    pub name: String,
    /// Ask for the passphrase that belongs to the words
    #[arg(long)]
    pub passphrase: bool,
    /// When the wallet was made, as 2026-01-31; filters are searched from there on
    #[arg(long, value_name = "DATE")]
    pub birthday: Option<String>,
    /// Which kinds of accounts the words had: older wallets have legacy or nested ones
    #[arg(long, value_enum, value_delimiter = ',', value_name = "KINDS", default_value = "segwit,taproot")]
    pub kinds: Vec<Kind>,
    /// So many unused addresses in a row are looked at before an account counts as searched
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub gap: u32,
    /// Write the keys to the file as they are. Whoever can read the file can spend the coins
    #[arg(long)]
    pub no_encryption: bool,
}

/// Which script an account pays to.
#[derive(Clone, Copy, PartialEq, ValueEnum)]
pub enum Kind {
    /// P2PKH (BIP44)
    Legacy,
    /// P2SH-P2WPKH (BIP49)
    Nested,
    /// P2WPKH (BIP84)
    Segwit,
    /// P2TR (BIP86)
    Taproot,
}

#[derive(Args)]
pub struct Of {
    /// Of one account: its name or id
    #[arg(long, value_name = "ACCOUNT")]
    pub account: Option<String>,
}

#[derive(Args)]
pub struct Receive {
    /// Of which account: its name or id
    #[arg(long, value_name = "ACCOUNT")]
    pub account: Option<String>,
    /// Another address than last time, though that is not used yet
    #[arg(long)]
    pub new: bool,
    /// Also if so many in a row are unused that a wallet made from the words elsewhere would not look that far
    #[arg(long, requires = "new")]
    pub beyond_gap: bool,
    /// What the address is for
    #[arg(long)]
    pub label: Option<String>,
    /// How much is asked for, in coins, for the URI
    #[arg(long)]
    pub amount: Option<String>,
}

#[derive(Subcommand)]
pub enum Account {
    /// The accounts and what they hold
    List,
    /// Another account of the wallet's own keys
    Add {
        /// Its kind
        #[arg(long, value_enum, default_value = "segwit")]
        kind: Kind,
        /// Its number
        #[arg(long, default_value_t = 0)]
        index: u32,
        /// What it is called
        #[arg(long)]
        name: Option<String>,
    },
    /// Watch an extended public key or a descriptor besides
    Watch {
        /// The key
        key: String,
        /// What it is called
        #[arg(long)]
        name: String,
        /// What an extended key is for
        #[arg(long, value_enum)]
        kind: Option<Kind>,
    },
    /// Call an account something else
    Rename {
        /// Its name or id
        account: String,
        /// Its new name
        name: String,
    },
}

/// Whom to pay and how.
#[derive(Args)]
pub struct Payment {
    /// Whom: an address or a payment URI; may be said several times, each with its --amount
    #[arg(long, value_name = "ADDRESS", required = true)]
    pub to: Vec<String>,
    /// How much, in coins, or `all`; not needed if the URI says it
    #[arg(long, value_name = "COINS", allow_negative_numbers = true)]
    pub amount: Vec<String>,
    #[command(flatten)]
    pub feerate: Fee,
    /// The whole fee, in coins, instead of a rate
    #[arg(long, value_name = "COINS", allow_negative_numbers = true, conflicts_with_all = ["feerate", "target"])]
    pub fee: Option<String>,
    /// From one account only: its name or id
    #[arg(long, value_name = "ACCOUNT")]
    pub account: Option<String>,
    /// Spend these coins and no others (txid:number); may be said several times
    #[arg(long = "coin", value_name = "OUTPOINT")]
    pub coins: Vec<String>,
    /// Write this text into the chain for everybody, for ever (at most 80 bytes)
    #[arg(long, value_name = "TEXT")]
    pub data: Option<String>,
    /// What the payment is called
    #[arg(long)]
    pub label: Option<String>,
}

#[derive(Args)]
pub struct Fee {
    /// What to pay: satoshis per virtual byte, with at most 3 decimals
    #[arg(long, value_name = "RATE")]
    pub feerate: Option<String>,
    /// How many blocks it may take, by the node's estimate; used if no rate is given
    #[arg(long, value_name = "BLOCKS", default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..=1008))]
    pub target: u32,
}

#[derive(Args)]
pub struct Send {
    #[command(flatten)]
    pub payment: Payment,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
}

#[derive(Args)]
pub struct Bump {
    /// The transaction
    pub txid: String,
    #[command(flatten)]
    pub feerate: Fee,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
}

#[derive(Args)]
pub struct Cancel {
    /// The transaction
    pub txid: String,
    #[command(flatten)]
    pub feerate: Fee,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
}

/// Where something goes.
#[derive(Args)]
pub struct Out {
    /// Write to this file instead of the terminal. A PSBT in a file called .psbt is binary, else base64
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

impl Out {
    /// Writes the file, if one was said.
    pub fn write(&self, bytes: &[u8]) -> Result<(), Failure> {
        let Some(path) = &self.out else { return Ok(()) };
        let failed =
            |error: std::io::Error| Failure::usage(format!("{} can't be written: {error}", path.display()));
        std::fs::write(path, bytes).map_err(failed)
    }
}

#[derive(Subcommand)]
pub enum Psbt {
    /// A payment that is to be signed, here or elsewhere
    Create {
        #[command(flatten)]
        payment: Payment,
        #[command(flatten)]
        out: Out,
    },
    /// Sign what is this wallet's
    Sign {
        /// A file, `-` for the standard input, or the text itself
        psbt: String,
        #[command(flatten)]
        out: Out,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
    /// Put the signatures of several copies together
    Combine {
        /// Files or texts
        #[arg(required = true, num_args = 2..)]
        psbts: Vec<String>,
        #[command(flatten)]
        out: Out,
    },
    /// Make the transaction of a PSBT that has all signatures
    #[command(alias = "finalize")]
    Finalise {
        /// A file, `-` for the standard input, or the text itself
        psbt: String,
        #[command(flatten)]
        out: Out,
    },
    /// What a PSBT would do
    Show {
        /// A file, `-` for the standard input, or the text itself
        psbt: String,
    },
    /// Finish a PSBT and send its transaction
    Send {
        /// A file, `-` for the standard input, or the text itself
        psbt: String,
    },
}

#[derive(Subcommand)]
pub enum Label {
    /// Call something so; an empty label takes it away
    Set {
        /// What it is: tx, addr, output, input, pubkey or xpub
        kind: String,
        /// Which one
        reference: String,
        /// The label
        label: String,
    },
    /// All labels, one JSON object a line (BIP329)
    Export {
        #[command(flatten)]
        out: Out,
    },
    /// Take the labels of a BIP329 file
    Import {
        /// The file; `-` for the standard input
        file: PathBuf,
    },
}

#[derive(Subcommand)]
pub enum Message {
    /// Sign a message with the key of one of the wallet's addresses
    Sign {
        /// The address
        #[arg(long)]
        address: String,
        /// The message
        #[arg(long)]
        message: String,
        /// The older form that most programs know, instead of BIP322's; not for taproot addresses
        #[arg(long)]
        legacy: bool,
    },
    /// Check that the owner of an address has signed a message. Needs no wallet if the chain is said
    Verify {
        /// The address
        #[arg(long)]
        address: String,
        /// The message
        #[arg(long)]
        message: String,
        /// The signature
        #[arg(long)]
        signature: String,
        #[command(flatten)]
        chain: WhichChain,
    },
}
