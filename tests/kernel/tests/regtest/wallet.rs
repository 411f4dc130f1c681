//! Outputs of several kinds and how they are spent.

use chaincore_consensus::coin::Coin;
use chaincore_consensus::hash::{hash160, sha256};
use chaincore_consensus::script::{Builder, Script, TaprootContext, op, taproot};
use chaincore_consensus::sighash::{
    PrecomputedTx, SighashType, legacy_sighash, segwit_v0_sighash, taproot_sighash,
};
use chaincore_consensus::{Amount, OutPoint, Transaction, TxIn, TxOut};
use secp256k1::{Keypair, Message, PublicKey, Scalar, SecretKey, ecdsa};

/// What an output is locked with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A bare key.
    PubKey,
    /// A key's hash.
    PubKeyHash,
    /// A key's hash as a witness program.
    WitnessKeyHash,
    /// The same behind a script hash.
    WrappedKeyHash,
    /// A taproot key.
    Taproot,
    /// A witness script that asks for nothing.
    WitnessTrue,
    /// A taproot script that asks for nothing.
    TapscriptTrue,
    /// A witness script that asks for a lock time of at least five.
    LockTime,
    /// A witness script that asks for a relative lock time of at least two blocks.
    RelativeLock,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::PubKey,
        Self::PubKeyHash,
        Self::WitnessKeyHash,
        Self::WrappedKeyHash,
        Self::Taproot,
        Self::WitnessTrue,
        Self::TapscriptTrue,
        Self::LockTime,
        Self::RelativeLock,
    ];

    /// The kind of output that has this script.
    pub fn of(script: &Script) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.script() == *script)
    }

    /// The output's script.
    pub fn script(self) -> Script {
        let key = PublicKey::from_secret_key(&secret()).serialize();
        let program = |version, bytes: &[u8]| Builder::new().push_int(version).push_data(bytes).into_script();
        match self {
            Self::PubKey => Builder::new().push_data(&key).op(op::OP_CHECKSIG).into_script(),
            Self::PubKeyHash => key_hash_script(&key),
            Self::WitnessKeyHash => program(0, &hash160(&key)),
            Self::WrappedKeyHash => {
                let hash = hash160(&Self::WitnessKeyHash.script());
                Builder::new().op(op::OP_HASH160).push_data(&hash).op(op::OP_EQUAL).into_script()
            }
            Self::Taproot | Self::TapscriptTrue => program(
                1,
                &taproot::output_key(&internal_key(), self.tree().as_ref()).expect("a valid key").0,
            ),
            Self::WitnessTrue | Self::LockTime | Self::RelativeLock => program(0, &sha256(&self.inner())),
        }
    }

    /// The script behind a witness program.
    fn inner(self) -> Script {
        let drop_to_true = |builder: Builder| builder.op(op::OP_DROP).push_int(1).into_script();
        match self {
            Self::LockTime => drop_to_true(Builder::new().push_int(5).op(op::OP_CHECKLOCKTIMEVERIFY)),
            Self::RelativeLock => drop_to_true(Builder::new().push_int(2).op(op::OP_CHECKSEQUENCEVERIFY)),
            _ => Builder::new().push_int(1).into_script(),
        }
    }

    fn tree(self) -> Option<[u8; 32]> {
        matches!(self, Self::TapscriptTrue)
            .then(|| taproot::leaf_hash(taproot::LEAF_TAPSCRIPT, &self.inner()))
    }
}

fn secret() -> SecretKey {
    SecretKey::from_secret_bytes([0x21; 32]).expect("a valid key")
}

fn internal_key() -> [u8; 32] {
    Keypair::from_secret_key(&secret()).x_only_public_key().0.to_byte_array()
}

fn key_hash_script(key: &[u8]) -> Script {
    let builder = Builder::new().op(op::OP_DUP).op(op::OP_HASH160).push_data(&hash160(key));
    builder.op(op::OP_EQUALVERIFY).op(op::OP_CHECKSIG).into_script()
}

/// A transaction that spends `coins` to `outputs`, signed.
pub fn spend(coins: &[(OutPoint, Coin)], outputs: Vec<TxOut>) -> Transaction {
    let input = |(outpoint, coin): &(OutPoint, Coin)| TxIn {
        previous_output: *outpoint,
        script_sig: Script::new(),
        sequence: if Kind::of(&coin.output.script_pubkey) == Some(Kind::RelativeLock) {
            2
        } else {
            0xffff_fffe
        },
        witness: vec![],
    };
    let mut tx = Transaction { version: 2, inputs: coins.iter().map(input).collect(), outputs, lock_time: 5 };
    sign(&mut tx, coins);
    tx
}

/// Signs every input anew.
pub fn sign(tx: &mut Transaction, coins: &[(OutPoint, Coin)]) {
    let spent: Vec<TxOut> = coins.iter().map(|(_, coin)| coin.output.clone()).collect();
    let pre = PrecomputedTx::new(tx, &spent);
    let signed: Vec<(Script, Vec<Vec<u8>>)> =
        (0..coins.len()).map(|at| unlock(tx, at, &spent, &pre)).collect();
    for (input, (script_sig, witness)) in tx.inputs.iter_mut().zip(signed) {
        input.script_sig = script_sig;
        input.witness = witness;
    }
}

fn unlock(tx: &Transaction, at: usize, spent: &[TxOut], pre: &PrecomputedTx) -> (Script, Vec<Vec<u8>>) {
    let Some(kind) = Kind::of(&spent[at].script_pubkey) else { return Default::default() };
    let key = PublicKey::from_secret_key(&secret()).serialize();
    let all = SighashType(1);
    let ecdsa = |hash: [u8; 32]| {
        let mut signature = ecdsa::sign(Message::from_digest(hash), &secret()).serialize_der().to_vec();
        signature.push(1);
        signature
    };
    let legacy = || ecdsa(legacy_sighash(tx, at, &spent[at].script_pubkey, all, pre).0);
    let segwit = || ecdsa(segwit_v0_sighash(tx, at, &key_hash_script(&key), spent[at].value, all, pre).0);
    match kind {
        Kind::PubKey => (Builder::new().push_data(&legacy()).into_script(), vec![]),
        Kind::PubKeyHash => (Builder::new().push_data(&legacy()).push_data(&key).into_script(), vec![]),
        Kind::WitnessKeyHash => (Script::new(), vec![segwit(), key.to_vec()]),
        Kind::WrappedKeyHash => {
            let redeem = Builder::new().push_data(&Kind::WitnessKeyHash.script()).into_script();
            (redeem, vec![segwit(), key.to_vec()])
        }
        Kind::Taproot => {
            let context = TaprootContext { annex_hash: None, leaf_hash: None, code_separator: u32::MAX };
            let hash =
                taproot_sighash(tx, at, spent, SighashType(0), &context, pre).expect("there is a hash");
            let tweak =
                Scalar::from_be_bytes(taproot::tweak_hash(&internal_key(), None)).expect("a valid tweak");
            let pair = Keypair::from_secret_key(&secret()).add_xonly_tweak(&tweak).expect("a valid key");
            (Script::new(), vec![pair.sign_schnorr_no_aux_rand(&hash.0).to_byte_array().to_vec()])
        }
        Kind::TapscriptTrue => {
            let (_, odd) = taproot::output_key(&internal_key(), kind.tree().as_ref()).expect("a valid key");
            let control = [&[taproot::LEAF_TAPSCRIPT | u8::from(odd)][..], &internal_key()].concat();
            (Script::new(), vec![kind.inner().0, control])
        }
        Kind::WitnessTrue | Kind::LockTime | Kind::RelativeLock => (Script::new(), vec![kind.inner().0]),
    }
}

/// An output of this kind.
pub fn output(kind: Kind, value: i64) -> TxOut {
    TxOut { value: Amount(value), script_pubkey: kind.script() }
}
