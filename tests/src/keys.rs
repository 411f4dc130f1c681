//! Keys that are always the same, the scripts they lock with, and how those are unlocked.

use chaincore_consensus::hash::{hash160, sha256, tagged_hash};
use chaincore_consensus::script::op::{
    OP_1, OP_2, OP_3, OP_CHECKMULTISIG, OP_CHECKSIG, OP_DUP, OP_EQUALVERIFY, OP_HASH160,
};
use chaincore_consensus::script::{Builder, TaprootContext};
use chaincore_consensus::sighash::{
    PrecomputedTx, SighashType, legacy_sighash, segwit_v0_sighash, taproot_sighash,
};
use chaincore_consensus::{Script, Transaction, TxOut};
use secp256k1::{Keypair, Message, PublicKey, Scalar, SecretKey};
use std::collections::HashMap;

const KEYS: usize = 64;

/// A way to lock an output: which kind of script, with which key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lock {
    kind: Kind,
    key: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    P2pkh,
    P2wpkh,
    P2tr,
    /// Two of three keys, in P2WSH.
    Multisig,
}

impl Lock {
    /// A lock for a number: all kinds and keys come round.
    pub fn nth(n: usize) -> Self {
        // Three in seven outputs are P2WPKH, two P2TR, the way the mix lies on mainnet, one each of the others.
        let kind = match n % 7 {
            0..=2 => Kind::P2wpkh,
            3 | 4 => Kind::P2tr,
            5 => Kind::P2pkh,
            _ => Kind::Multisig,
        };
        Self { kind, key: (n / 7) % KEYS }
    }
}

struct Key {
    secret: SecretKey,
    public: PublicKey,
    /// The key pair after the taproot tweak.
    tweaked: Keypair,
}

impl Key {
    fn nth(n: usize) -> Self {
        let seed = sha256(format!("chaincore test key {n}").as_bytes());
        let secret =
            SecretKey::from_secret_bytes(seed).expect("a hash is a valid key but for odds of 2^-128");
        let pair = Keypair::from_secret_key(&secret);
        let (internal, _) = pair.x_only_public_key();
        let tweak = tagged_hash("TapTweak", &[&internal.to_byte_array()]);
        let tweak = Scalar::from_be_bytes(tweak).expect("a hash is a valid scalar but for odds of 2^-128");
        let tweaked = pair.add_xonly_tweak(&tweak).expect("the tweak does not cancel the key");
        Self { secret, public: PublicKey::from_secret_key(&secret), tweaked }
    }

    fn hash(&self) -> [u8; 20] {
        hash160(&self.public.serialize())
    }

    fn ecdsa(&self, hash: [u8; 32]) -> Vec<u8> {
        let mut signature = self.secret.sign_ecdsa(Message::from_digest(hash)).serialize_der().to_vec();
        signature.push(SighashType::ALL.0 as u8);
        signature
    }
}

/// All keys and their scripts.
pub struct Signer {
    keys: Vec<Key>,
    locks: HashMap<Script, Lock>,
}

impl Default for Signer {
    fn default() -> Self {
        Self::new()
    }
}

impl Signer {
    /// The tests' keys, always the same.
    pub fn new() -> Self {
        let mut signer = Self { keys: (0..KEYS).map(Key::nth).collect(), locks: HashMap::new() };
        for n in 0..7 * KEYS {
            let lock = Lock::nth(n);
            signer.locks.insert(signer.script(lock), lock);
        }
        signer
    }

    fn multisig_keys(&self, first: usize) -> [&Key; 3] {
        [0, 1, 2].map(|step| &self.keys[(first + step) % KEYS])
    }

    fn multisig_script(&self, first: usize) -> Script {
        let keys = self.multisig_keys(first);
        let script = keys
            .iter()
            .fold(Builder::new().op(OP_2), |script, key| script.push_data(&key.public.serialize()));
        script.op(OP_3).op(OP_CHECKMULTISIG).into_script()
    }

    fn p2pkh(&self, key: usize) -> Script {
        let hash = self.keys[key].hash();
        let script = Builder::new().op(OP_DUP).op(OP_HASH160).push_data(&hash);
        script.op(OP_EQUALVERIFY).op(OP_CHECKSIG).into_script()
    }

    /// The output script of a lock.
    pub fn script(&self, lock: Lock) -> Script {
        match lock.kind {
            Kind::P2pkh => self.p2pkh(lock.key),
            Kind::P2wpkh => Builder::new().op(0).push_data(&self.keys[lock.key].hash()).into_script(),
            Kind::P2tr => {
                let key = self.keys[lock.key].tweaked.x_only_public_key().0;
                Builder::new().op(OP_1).push_data(&key.to_byte_array()).into_script()
            }
            Kind::Multisig => {
                let hash = sha256(&self.multisig_script(lock.key));
                Builder::new().op(0).push_data(&hash).into_script()
            }
        }
    }

    /// The lock that an output script is of.
    pub fn lock_of(&self, script: &Script) -> Lock {
        self.locks[script]
    }

    /// Signs every input.
    pub fn sign(&self, tx: &mut Transaction, spent: &[TxOut], locks: &[Lock]) {
        // Hashes are taken of the unsigned transaction; whether an input has a witness tells the cache what to
        // prepare, so a placeholder stands there meanwhile.
        for (input, lock) in tx.inputs.iter_mut().zip(locks) {
            if lock.kind != Kind::P2pkh {
                input.witness = vec![vec![0]];
            }
        }
        let pre = PrecomputedTx::new(tx, spent);
        let signed: Vec<(Script, Vec<Vec<u8>>)> =
            (0..tx.inputs.len()).map(|at| self.unlock(tx, at, spent, locks[at], &pre)).collect();
        for (input, (script_sig, witness)) in tx.inputs.iter_mut().zip(signed) {
            input.script_sig = script_sig;
            input.witness = witness;
        }
    }

    fn unlock(
        &self,
        tx: &Transaction,
        at: usize,
        spent: &[TxOut],
        lock: Lock,
        pre: &PrecomputedTx,
    ) -> (Script, Vec<Vec<u8>>) {
        let key = &self.keys[lock.key];
        let public = key.public.serialize().to_vec();
        match lock.kind {
            Kind::P2pkh => {
                let hash = legacy_sighash(tx, at, &spent[at].script_pubkey, SighashType::ALL, pre);
                let script = Builder::new().push_data(&key.ecdsa(hash.0)).push_data(&public);
                (script.into_script(), vec![])
            }
            Kind::P2wpkh => {
                let code = self.p2pkh(lock.key);
                let hash = segwit_v0_sighash(tx, at, &code, spent[at].value, SighashType::ALL, pre);
                (Script::new(), vec![key.ecdsa(hash.0), public])
            }
            Kind::Multisig => {
                let script = self.multisig_script(lock.key);
                let hash = segwit_v0_sighash(tx, at, &script, spent[at].value, SighashType::ALL, pre);
                let [first, _, third] = self.multisig_keys(lock.key);
                (Script::new(), vec![vec![], first.ecdsa(hash.0), third.ecdsa(hash.0), script.0])
            }
            Kind::P2tr => {
                let context = TaprootContext { annex_hash: None, leaf_hash: None, code_separator: u32::MAX };
                let hash = taproot_sighash(tx, at, spent, SighashType(0), &context, pre)
                    .expect("the default hash type has a hash");
                let signature = secp256k1::schnorr::sign_no_aux_rand(&hash.0, &key.tweaked);
                (Script::new(), vec![signature.to_byte_array().to_vec()])
            }
        }
    }
}
