//! A wallet and a pretended chain around it, for tests.

use super::{AccountSpec, Keychain, Ledger, TxState, TxUpdate, Update};
use crate::chain::Chain;
use crate::keys::AccountKind;
use crate::signer::Signer;
use bitcoin::absolute::LockTime;
use bitcoin::hashes::Hash;
use bitcoin::transaction::Version;
use bitcoin::{Amount, BlockHash, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Txid, Witness};
use std::sync::OnceLock;

/// The words of BIP39's first vector: nobody's.
pub const WORDS: &str = "abandon abandon abandon abandon abandon abandon \
    abandon abandon abandon abandon abandon about";

fn empty(signer: &Signer) -> Ledger {
    let mut ledger = Ledger::new(100);
    for kind in AccountKind::ALL {
        let keys = signer.account(kind, 0).unwrap();
        let spec = AccountSpec {
            name: keys.receive[..4].into(),
            receive: keys.receive,
            change: Some(keys.change),
            held: true,
        };
        ledger.add_account(spec).unwrap();
    }
    ledger.apply(Update::new((200, block(200, 0))));
    ledger
}

/// A block hash that says its height and branch.
pub fn block(height: u32, branch: u8) -> BlockHash {
    let mut bytes = [branch; 32];
    bytes[..4].copy_from_slice(&height.to_le_bytes());
    BlockHash::from_byte_array(bytes)
}

/// In a block, proven.
pub fn proven(height: u32, index: u32) -> TxState {
    TxState::Proven { height, block: block(height, 0), time: 1_700_000_000 + height * 10, index }
}

/// An output script of somebody else's.
pub fn stranger(n: u8) -> ScriptBuf {
    ScriptBuf::new_p2wpkh(&bitcoin::WPubkeyHash::from_byte_array([n; 20]))
}

/// A transaction; inputs and outputs as given.
pub fn tx(inputs: &[OutPoint], outputs: &[(ScriptBuf, u64)]) -> Transaction {
    let input = |outpoint: &OutPoint| TxIn {
        previous_output: *outpoint,
        script_sig: ScriptBuf::new(),
        sequence: Sequence(0xffff_fffd),
        witness: Witness::new(),
    };
    let output = |(script, value): &(ScriptBuf, u64)| TxOut {
        value: Amount::from_sat(*value),
        script_pubkey: script.clone(),
    };
    Transaction {
        version: Version::TWO,
        lock_time: LockTime::ZERO,
        input: inputs.iter().map(input).collect(),
        output: outputs.iter().map(output).collect(),
    }
}

/// An output that nothing is known of.
pub fn outside(n: u32) -> OutPoint {
    OutPoint::new(Txid::from_byte_array([0xee; 32]), n)
}

pub struct World {
    pub signer: Signer,
    pub ledger: Ledger,
    /// The accounts' ids: legacy, nested, segwit, taproot.
    pub ids: Vec<String>,
    fresh: u32,
}

impl World {
    /// A wallet with an account of every kind, on regtest at height 200.
    pub fn new() -> Self {
        let signer = Signer::from_mnemonic(WORDS, "", Chain::from_name("regtest").unwrap()).unwrap();
        // Deriving the addresses is what takes long.
        static EMPTY: OnceLock<Ledger> = OnceLock::new();
        let ledger = EMPTY.get_or_init(|| empty(&signer)).clone();
        let ids = ledger.accounts().iter().map(|account| account.id().to_string()).collect();
        Self { signer, ledger, ids, fresh: 0 }
    }

    /// The script of an address.
    pub fn script(&self, account: usize, keychain: Keychain, index: u32) -> ScriptBuf {
        self.ledger.accounts()[account].script(crate::keys::secp(), keychain, index)
    }

    /// Says something of transactions.
    pub fn tell(&mut self, txs: Vec<(Transaction, TxState)>) {
        let tip = self.ledger.tip().unwrap();
        let txs = txs.into_iter().map(|(tx, state)| TxUpdate { tx, state, prevouts: Vec::new() }).collect();
        self.ledger.apply(Update { txs, ..Update::new(tip) });
    }

    /// Somebody pays an account; the coin.
    pub fn fund(&mut self, account: usize, value: u64, state: TxState) -> OutPoint {
        self.fresh += 1;
        let script = self.script(account, Keychain::Receive, self.fresh % 5);
        let paid = tx(&[outside(self.fresh)], &[(stranger(1), 1234), (script, value)]);
        let outpoint = OutPoint::new(paid.compute_txid(), 1);
        self.tell(vec![(paid, state)]);
        outpoint
    }

    /// As many small coins, told at once.
    pub fn fund_often(&mut self, count: u32, account: usize, value: u64, state: TxState) {
        let script = self.script(account, Keychain::Receive, 0);
        let paid = (0..count).map(|n| (tx(&[outside(1_000_000 + n)], &[(script.clone(), value)]), state));
        self.tell(paid.collect());
    }
}
