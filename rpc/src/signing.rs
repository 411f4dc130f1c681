//! Signing the inputs of a transaction with given keys, and taking over signatures that are there already.
//!
//! Pure. An input is signed as far as the keys go: a multisig input may need others to go on.

use crate::descriptor::{Provider, x_only};
use chaincore_consensus::address::WifKey;
use chaincore_consensus::script::{
    Builder, ScriptError, ScriptKind, SigVersion, SignatureChecker, TaprootContext, VerifyFlags, classify,
    instructions, op, verify_script,
};
use chaincore_consensus::sighash::{
    PrecomputedTx, SighashType, TxChecker, legacy_sighash, segwit_v0_sighash, taproot_sighash,
};
use chaincore_consensus::{Script, Transaction, TxIn, TxOut};
use secp256k1::{Keypair, Message, SecretKey};
use std::collections::BTreeMap;

/// Keys to sign with, and the scripts and public keys behind hashes.
#[derive(Debug, Clone, Default)]
pub struct Keys {
    secrets: BTreeMap<Vec<u8>, SecretKey>,
    /// What is behind the hashes in scripts.
    pub known: Provider,
}

impl Keys {
    /// Adds a private key.
    pub fn add(&mut self, key: &WifKey) {
        let public = key.public_key_bytes();
        self.known.add_plain_key(&public);
        self.secrets.insert(public, key.secret);
    }

    fn by_x(&self, wanted: &[u8; 32]) -> Option<&SecretKey> {
        let fits = |public: &Vec<u8>| public.len() == 33 && x_only(public) == *wanted;
        self.secrets.iter().find(|(public, _)| fits(public)).map(|(_, secret)| secret)
    }
}

/// How one input is to be signed.
pub struct Job<'a> {
    /// The transaction; what its inputs are unlocked with does not matter.
    pub tx: &'a Transaction,
    /// Which of its inputs.
    pub input: usize,
    /// What the input spends.
    pub output: &'a TxOut,
    /// What all inputs spend, or nothing if not all of it is known: then taproot cannot be signed.
    pub spent: &'a [TxOut],
    /// Made from the transaction and `spent`.
    pub pre: &'a PrecomputedTx,
    /// What the signatures cover.
    pub hash_type: SighashType,
}

/// What an input is unlocked with.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Unlocking {
    /// The unlocking script.
    pub script_sig: Script,
    /// The witness.
    pub witness: Vec<Vec<u8>>,
}

impl From<&TxIn> for Unlocking {
    fn from(input: &TxIn) -> Self {
        Self { script_sig: input.script_sig.clone(), witness: input.witness.clone() }
    }
}

/// The data that a script of pushes pushes.
fn pushes(script: &Script) -> Vec<Vec<u8>> {
    instructions(script).map_while(Result::ok).filter_map(|one| one.data.map(<[u8]>::to_vec)).collect()
}

/// A script that pushes these, each in the shortest way.
fn push_all(stack: &[Vec<u8>]) -> Script {
    let push = |script: Builder, data: &Vec<u8>| match data.as_slice() {
        [] => script.push_int(0),
        [small @ 1..=16] => script.push_int((*small).into()),
        [0x81] => script.push_int(-1),
        data => script.push_data(data),
    };
    stack.iter().fold(Builder::new(), push).into_script()
}

impl Job<'_> {
    fn checker(&self) -> TxChecker<'_> {
        TxChecker::new(self.tx, self.input, self.spent, self.pre).with_amount(self.output.value)
    }

    /// Whether an unlocking satisfies the output that is spent, by the rules for relayed transactions.
    pub fn verify(&self, unlocking: &Unlocking) -> Result<(), ScriptError> {
        let Unlocking { script_sig, witness } = unlocking;
        let flags = VerifyFlags::STANDARD;
        verify_script(script_sig, &self.output.script_pubkey, witness, flags, &self.checker())
    }

    /// Signs the input with `keys`, and with the signatures of `earlier` attempts as far as they hold.
    pub fn sign(&self, keys: &Keys, earlier: &[Unlocking]) -> Unlocking {
        if let Some(complete) = earlier.iter().find(|unlocking| self.verify(unlocking).is_ok()) {
            return complete.clone();
        }
        let mut attempt = Attempt { job: self, keys, known: keys.known.clone(), signatures: vec![] };
        for unlocking in earlier {
            let pushed = pushes(&unlocking.script_sig);
            for data in pushed.into_iter().chain(unlocking.witness.iter().cloned()) {
                attempt.learn(data);
            }
        }
        attempt.unlock()
    }
}

/// One input being signed.
struct Attempt<'a> {
    job: &'a Job<'a>,
    keys: &'a Keys,
    known: Provider,
    /// What may be signatures, from earlier attempts.
    signatures: Vec<Vec<u8>>,
}

impl Attempt<'_> {
    /// Takes over a piece of an earlier attempt, whatever it may be.
    fn learn(&mut self, data: Vec<u8>) {
        if matches!((data.first(), data.len()), (Some(2 | 3), 33) | (Some(4), 65)) {
            self.known.add_plain_key(&data);
        }
        self.known.add_script(&Script(data.clone()));
        if !data.is_empty() && !self.signatures.contains(&data) {
            self.signatures.push(data);
        }
    }

    /// A signature of a key over a script: an earlier one that holds, or a new one. An earlier one is taken for one
    /// key only; `taken` are those that are.
    fn ecdsa(
        &self,
        key: &[u8],
        script: &Script,
        version: SigVersion,
        taken: &mut Vec<usize>,
    ) -> Option<Vec<u8>> {
        let checker = self.job.checker();
        let holds = |at: &usize| {
            !taken.contains(at) && checker.check_ecdsa(&self.signatures[*at], key, script, version)
        };
        if let Some(earlier) = (0..self.signatures.len()).find(holds) {
            taken.push(earlier);
            return Some(self.signatures[earlier].clone());
        }
        let secret = self.keys.secrets.get(key)?;
        let hash_type = match self.job.hash_type {
            SighashType::DEFAULT => SighashType::ALL,
            other => other,
        };
        let Job { tx, input, output, pre, .. } = *self.job;
        let hash = match version {
            SigVersion::WitnessV0 if key.len() != 33 => return None,
            SigVersion::WitnessV0 => segwit_v0_sighash(tx, input, script, output.value, hash_type, pre),
            _ => legacy_sighash(tx, input, script, hash_type, pre),
        };
        let signature = secp256k1::ecdsa::sign_low_r(Message::from_digest(hash.0), secret);
        let byte = u8::try_from(hash_type.0).ok()?;
        Some([&signature.serialize_der()[..], &[byte]].concat())
    }

    /// A signature for an output key that is one of the keys.
    fn schnorr(&self, output_key: &[u8; 32]) -> Option<Vec<u8>> {
        let secret = self.keys.by_x(output_key)?;
        let Job { tx, input, spent, pre, hash_type, .. } = *self.job;
        let context = TaprootContext { annex_hash: None, leaf_hash: None, code_separator: u32::MAX };
        let hash = taproot_sighash(tx, input, spent, hash_type, &context, pre)?;
        let pair = Keypair::from_secret_key(secret);
        let mut signature = pair.sign_schnorr_no_aux_rand(&hash.0).to_byte_array().to_vec();
        if hash_type != SighashType::DEFAULT {
            signature.push(u8::try_from(hash_type.0).ok()?);
        }
        Some(signature)
    }

    /// What satisfies a script that is not about another script's hash, as far as that is there.
    fn solve(&self, script: &Script, version: SigVersion) -> Vec<Vec<u8>> {
        let taken = &mut vec![];
        match classify(script) {
            ScriptKind::PubKey(key) => self.ecdsa(key, script, version, taken).into_iter().collect(),
            ScriptKind::PubKeyHash(hash) => {
                let key = self.known.key(hash);
                let found =
                    key.and_then(|key| Some([self.ecdsa(key, script, version, taken)?, key.to_vec()]));
                found.into_iter().flatten().collect()
            }
            ScriptKind::MultiSig { m, keys } => {
                let needed = usize::from(m);
                // An element for nothing comes first: CHECKMULTISIG takes one too many.
                let mut stack = vec![vec![]];
                let signatures = keys.iter().filter_map(|key| self.ecdsa(key, script, version, taken));
                stack.extend(signatures.take(needed));
                // Half of what is missing is marked by empty elements, as Core does it.
                let missing = (needed + 1).saturating_sub(stack.len());
                stack.resize(stack.len() + missing.div_ceil(2), vec![]);
                stack
            }
            _ => vec![],
        }
    }

    fn unlock(&self) -> Unlocking {
        let mut script = self.job.output.script_pubkey.clone();
        let mut redeem = None;
        if let ScriptKind::ScriptHash(hash) = classify(&script) {
            let Some(inner) = self.known.script(hash).cloned() else { return Unlocking::default() };
            redeem = Some(inner.to_vec());
            script = inner;
        }
        let (stack, witness) = match classify(&script) {
            ScriptKind::WitnessV0KeyHash(hash) => {
                let code = Builder::new().op(op::OP_DUP).op(op::OP_HASH160).push_data(hash);
                let code = code.op(op::OP_EQUALVERIFY).op(op::OP_CHECKSIG).into_script();
                (vec![], self.solve(&code, SigVersion::WitnessV0))
            }
            ScriptKind::WitnessV0ScriptHash(hash) => match self.known.witness_script(hash) {
                Some(inner) => {
                    let mut witness = self.solve(inner, SigVersion::WitnessV0);
                    witness.push(inner.to_vec());
                    (vec![], witness)
                }
                None => (vec![], vec![]),
            },
            ScriptKind::WitnessV1Taproot(key) if redeem.is_none() => {
                (vec![], self.schnorr(key).into_iter().collect())
            }
            _ => (self.solve(&script, SigVersion::Base), vec![]),
        };
        let stack: Vec<Vec<u8>> = stack.into_iter().chain(redeem).collect();
        Unlocking { script_sig: push_all(&stack), witness }
    }
}
