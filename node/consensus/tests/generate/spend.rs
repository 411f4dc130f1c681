//! Spends of every standard kind with true signatures, and ways to spoil them.

use chaincore_consensus::hash::{hash160, sha256};
use chaincore_consensus::script::{Builder, Script, SigVersion, TaprootContext, op, taproot};
use chaincore_consensus::sighash::{
    PrecomputedTx, SighashType, legacy_sighash, segwit_v0_sighash, taproot_sighash,
};
use chaincore_consensus::{Amount, Transaction, TxOut};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use secp256k1::{Keypair, Message, Parity, PublicKey, Scalar, SecretKey, ecdsa, schnorr};

/// One input of a transaction with what it spends.
#[derive(Debug, Clone)]
pub struct Spend {
    /// The transaction.
    pub tx: Transaction,
    /// The outputs it spends.
    pub spent: Vec<TxOut>,
    /// The input that is signed.
    pub input: usize,
}

/// What an output commits to.
#[derive(Debug, Clone, Copy)]
pub enum Lock {
    /// The script itself.
    Bare,
    /// Its hash (BIP16).
    P2sh,
    /// Its hash as a witness program.
    P2wsh,
    /// The witness program's hash.
    P2shP2wsh,
    /// The hash of a key.
    P2wpkh,
    /// The same behind a script hash.
    P2shP2wpkh,
    /// A taproot key.
    KeyPath,
    /// A taproot tree with the script.
    ScriptPath,
}

/// What the script asks for.
#[derive(Debug, Clone, Copy)]
pub enum Ask {
    /// A signature of a compressed key.
    Key,
    /// A signature of an uncompressed key; compressed or x-only where others are not valid.
    LongKey,
    /// A key by its hash.
    KeyHash,
    /// Two of three keys: `OP_CHECKMULTISIG`, or in tapscript `OP_CHECKSIGADD`.
    TwoOfThree,
    /// Two signatures around code separators.
    Separated,
    /// A branch, the other one with a signature that nobody has.
    Branch,
}

/// How a signature is written down.
#[derive(Debug, Clone, Copy)]
pub enum Form {
    /// As it should be.
    Plain,
    /// ECDSA with the other S.
    HighS,
    /// ECDSA with a zero too many in front of R.
    Padded,
    /// With a byte too many behind.
    Longer,
    /// Not at all.
    Empty,
    /// For another message.
    Wrong,
}

/// Everything that one spend is made of.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// The output.
    pub lock: Lock,
    /// The script.
    pub ask: Ask,
    /// The form of each signature, in the order in which they are made.
    pub forms: [Form; 2],
    /// The hash type.
    pub hash_type: u8,
    /// Whether a taproot spend has an annex.
    pub annex: bool,
}

pub fn plan() -> impl Strategy<Value = Plan> {
    let lock = select(vec![
        Lock::Bare,
        Lock::P2sh,
        Lock::P2wsh,
        Lock::P2shP2wsh,
        Lock::P2wpkh,
        Lock::P2shP2wpkh,
        Lock::KeyPath,
        Lock::ScriptPath,
        Lock::ScriptPath,
    ]);
    let ask =
        select(vec![Ask::Key, Ask::LongKey, Ask::KeyHash, Ask::TwoOfThree, Ask::Separated, Ask::Branch]);
    let form = || {
        prop_oneof![
            20 => Just(Form::Plain), 1 => Just(Form::HighS), 1 => Just(Form::Padded), 1 => Just(Form::Longer),
            1 => Just(Form::Empty), 1 => Just(Form::Wrong)
        ]
    };
    let hash_type = prop_oneof![8 => select(vec![0u8, 1, 1, 2, 3, 0x81, 0x82, 0x83]), 1 => any::<u8>()];
    (lock, ask, [form(), form()], hash_type, any::<bool>())
        .prop_map(|(lock, ask, forms, hash_type, annex)| Plan { lock, ask, forms, hash_type, annex })
}

/// A valid key, one of a few.
fn secret(number: u8) -> SecretKey {
    let mut bytes = [0x11; 32];
    bytes[31] = number;
    SecretKey::from_secret_bytes(bytes).unwrap()
}

/// What to put on the stack for a script, bottom first.
enum Item {
    Data(Vec<u8>),
    /// A signature with key `key` over the code from `code_at`, after the separator at opcode `separator`.
    Signature {
        key: u8,
        code_at: usize,
        separator: u32,
    },
}

struct Inner {
    script: Script,
    items: Vec<Item>,
}

fn inner(ask: Ask, tapscript: bool, long_keys: bool) -> Inner {
    let key = |number: u8| {
        let key = PublicKey::from_secret_key(&secret(number));
        match (tapscript, matches!(ask, Ask::LongKey) && long_keys) {
            (true, _) => key.serialize()[1..].to_vec(),
            (_, true) => key.serialize_uncompressed().to_vec(),
            _ => key.serialize().to_vec(),
        }
    };
    let sign = |key| Item::Signature { key, code_at: 0, separator: u32::MAX };
    let b = Builder::new();
    let (script, items) = match ask {
        Ask::Key | Ask::LongKey => (b.push_data(&key(1)).op(op::OP_CHECKSIG), vec![sign(1)]),
        Ask::KeyHash => {
            let b = b.op(op::OP_DUP).op(op::OP_HASH160).push_data(&hash160(&key(1)));
            (b.op(op::OP_EQUALVERIFY).op(op::OP_CHECKSIG), vec![sign(1), Item::Data(key(1))])
        }
        Ask::TwoOfThree if tapscript => {
            let b = b.push_data(&key(1)).op(op::OP_CHECKSIG).push_data(&key(2)).op(op::OP_CHECKSIGADD);
            let b = b.push_data(&key(3)).op(op::OP_CHECKSIGADD).push_int(2).op(op::OP_NUMEQUAL);
            (b, vec![sign(3), Item::Data(vec![]), sign(1)])
        }
        Ask::TwoOfThree => {
            let b = (1..=3).fold(b.push_int(2), |b, number| b.push_data(&key(number)));
            (b.push_int(3).op(op::OP_CHECKMULTISIG), vec![Item::Data(vec![]), sign(1), sign(3)])
        }
        Ask::Separated => {
            let b = b
                .op(op::OP_CODESEPARATOR)
                .push_data(&key(1))
                .op(op::OP_CHECKSIGVERIFY)
                .op(op::OP_CODESEPARATOR);
            let second_at = b.clone().into_script().len();
            let items = vec![
                Item::Signature { key: 2, code_at: second_at, separator: 3 },
                Item::Signature { key: 1, code_at: 1, separator: 0 },
            ];
            (b.push_data(&key(2)).op(op::OP_CHECKSIG), items)
        }
        Ask::Branch => {
            let b = b
                .op(op::OP_IF)
                .push_data(&key(1))
                .op(op::OP_ELSE)
                .op(op::OP_CODESEPARATOR)
                .push_data(&key(2));
            (b.op(op::OP_ENDIF).op(op::OP_CHECKSIG), vec![sign(1), Item::Data(vec![1])])
        }
    };
    Inner { script: script.into_script(), items }
}

struct Signer<'a> {
    spend: &'a Spend,
    pre: PrecomputedTx,
    plan: Plan,
    version: SigVersion,
    made: usize,
}

impl Signer<'_> {
    fn form(&mut self) -> Form {
        self.made += 1;
        self.plan.forms[(self.made - 1) % 2]
    }

    fn ecdsa(&mut self, key: u8, code: &[u8]) -> Vec<u8> {
        let form = self.form();
        let hash_type = SighashType::from_byte(self.plan.hash_type);
        let Spend { tx, spent, input } = self.spend;
        let mut hash = match self.version {
            SigVersion::Base => legacy_sighash(tx, *input, code, hash_type, &self.pre),
            _ => segwit_v0_sighash(tx, *input, code, spent[*input].value, hash_type, &self.pre),
        };
        if matches!(form, Form::Wrong) {
            hash.0[0] ^= 1;
        }
        let signature = ecdsa::sign(Message::from_digest(hash.0), &secret(key));
        let mut der = match form {
            Form::Empty => return vec![],
            Form::HighS => high_s(&signature),
            Form::Padded => padded(&signature.serialize_der()),
            _ => signature.serialize_der().to_vec(),
        };
        if matches!(form, Form::Longer) {
            der.push(0);
        }
        der.push(self.plan.hash_type);
        der
    }

    fn schnorr(&mut self, key: &Keypair, context: &TaprootContext) -> Vec<u8> {
        let form = self.form();
        let Spend { tx, spent, input } = self.spend;
        let hash_type = SighashType::from_byte(self.plan.hash_type);
        let hash = taproot_sighash(tx, *input, spent, hash_type, context, &self.pre);
        let mut hash = hash.unwrap_or_default();
        if matches!(form, Form::Wrong | Form::HighS | Form::Padded) {
            hash.0[0] ^= 1;
        }
        let mut signature = schnorr::sign_no_aux_rand(&hash.0, key).to_byte_array().to_vec();
        if self.plan.hash_type != 0 {
            signature.push(self.plan.hash_type);
        }
        match form {
            Form::Empty => vec![],
            Form::Longer => [signature, vec![0]].concat(),
            _ => signature,
        }
    }

    fn stack(&mut self, inner: &Inner, context: Option<TaprootContext>) -> Vec<Vec<u8>> {
        let item = |item: &Item| match (item, context) {
            (Item::Data(data), _) => data.clone(),
            (Item::Signature { key, separator, .. }, Some(context)) => {
                let context = TaprootContext { code_separator: *separator, ..context };
                self.schnorr(&Keypair::from_secret_key(&secret(*key)), &context)
            }
            (Item::Signature { key, code_at, .. }, None) => self.ecdsa(*key, &inner.script[*code_at..]),
        };
        inner.items.iter().map(item).collect()
    }
}

fn high_s(signature: &ecdsa::Signature) -> Vec<u8> {
    let compact = signature.serialize_compact();
    let s = SecretKey::from_secret_bytes(compact[32..].try_into().unwrap()).unwrap().negate();
    let with_sign = |bytes: &[u8]| {
        let bytes = &bytes[bytes.iter().position(|byte| *byte != 0).unwrap()..];
        if bytes[0] & 0x80 != 0 { [&[0], bytes].concat() } else { bytes.to_vec() }
    };
    let (r, s) = (with_sign(&compact[..32]), with_sign(&s.to_secret_bytes()));
    let mut der = vec![0x30, (4 + r.len() + s.len()) as u8, 2, r.len() as u8];
    der.extend(&r);
    der.extend([2, s.len() as u8]);
    der.extend(&s);
    der
}

fn padded(der: &[u8]) -> Vec<u8> {
    let mut padded = der.to_vec();
    padded[1] += 1;
    padded[3] += 1;
    padded.insert(4, 0);
    padded
}

fn p2sh(script: &[u8]) -> Script {
    Builder::new().op(op::OP_HASH160).push_data(&hash160(script)).op(op::OP_EQUAL).into_script()
}

fn program(version: i64, program: &[u8]) -> Script {
    Builder::new().push_int(version).push_data(program).into_script()
}

fn script_of_pushes(stack: &[Vec<u8>]) -> Script {
    stack.iter().fold(Builder::new(), |b, item| b.push_data(item)).into_script()
}

impl Spend {
    /// Makes the input spend an output made by the plan.
    pub fn build(tx: Transaction, spent: Vec<TxOut>, input: usize, plan: Plan) -> Self {
        let mut spend = Self { tx, spent, input };
        spend.tx.inputs[input].script_sig = Script::new();
        spend.tx.inputs[input].witness = vec![];
        match plan.lock {
            Lock::KeyPath | Lock::ScriptPath => spend.unlock_taproot(plan),
            Lock::P2wpkh | Lock::P2shP2wpkh => spend.unlock_key_hash(plan),
            _ => spend.unlock_script(plan),
        }
        spend
    }

    fn lock_with(&mut self, script_pubkey: Script) {
        self.spent[self.input].script_pubkey = script_pubkey;
    }

    fn signer(&self, plan: Plan, version: SigVersion) -> Signer<'_> {
        Signer { spend: self, pre: PrecomputedTx::default(), plan, version, made: 0 }
    }

    fn unlock_script(&mut self, plan: Plan) {
        let inner = inner(plan.ask, false, true);
        let wsh = program(0, &sha256(&inner.script));
        self.lock_with(match plan.lock {
            Lock::Bare => inner.script.clone(),
            Lock::P2sh => p2sh(&inner.script),
            Lock::P2wsh => wsh.clone(),
            _ => p2sh(&wsh),
        });
        let segwit = matches!(plan.lock, Lock::P2wsh | Lock::P2shP2wsh);
        let version = if segwit { SigVersion::WitnessV0 } else { SigVersion::Base };
        let mut stack = self.signer(plan, version).stack(&inner, None);
        if !matches!(plan.lock, Lock::Bare) {
            stack.push(inner.script.0.clone());
        }
        let signed = &mut self.tx.inputs[self.input];
        if segwit {
            signed.witness = stack;
        } else {
            signed.script_sig = script_of_pushes(&stack);
        }
        if matches!(plan.lock, Lock::P2shP2wsh) {
            signed.script_sig = script_of_pushes(&[wsh.0]);
        }
    }

    fn unlock_key_hash(&mut self, plan: Plan) {
        let inner = inner(Ask::KeyHash, false, false);
        let wpkh = program(0, &inner.script[3..23]);
        let wrapped = matches!(plan.lock, Lock::P2shP2wpkh);
        self.lock_with(if wrapped { p2sh(&wpkh) } else { wpkh.clone() });
        let stack = self.signer(plan, SigVersion::WitnessV0).stack(&inner, None);
        self.tx.inputs[self.input].witness = stack;
        if wrapped {
            self.tx.inputs[self.input].script_sig = script_of_pushes(&[wpkh.0]);
        }
    }

    fn unlock_taproot(&mut self, plan: Plan) {
        let inner = inner(plan.ask, true, false);
        let internal = Keypair::from_secret_key(&secret(9));
        let internal_key = internal.x_only_public_key().0.to_byte_array();
        let leaf = taproot::leaf_hash(taproot::LEAF_TAPSCRIPT, &inner.script);
        let sibling = [0x77; 32];
        let root = taproot::branch_hash(&leaf, &sibling);
        let (output_key, odd) = taproot::output_key(&internal_key, Some(&root)).unwrap();
        self.lock_with(program(1, &output_key));
        let annex = plan.annex.then(|| vec![taproot::ANNEX_TAG, 1, 2, 3]);
        let annex_hash = annex.as_ref().map(|annex| {
            let mut with_len = vec![annex.len() as u8];
            with_len.extend(annex);
            sha256(&with_len)
        });
        let mut context = TaprootContext { annex_hash, leaf_hash: None, code_separator: u32::MAX };
        let mut stack;
        if matches!(plan.lock, Lock::KeyPath) {
            let tweak = Scalar::from_be_bytes(taproot::tweak_hash(&internal_key, Some(&root))).unwrap();
            let key = internal.add_xonly_tweak(&tweak).unwrap();
            assert_eq!(key.x_only_public_key().1 == Parity::Odd, odd);
            stack = vec![self.signer(plan, SigVersion::Taproot).schnorr(&key, &context)];
        } else {
            context.leaf_hash = Some(leaf);
            stack = self.signer(plan, SigVersion::Tapscript).stack(&inner, Some(context));
            stack.push(inner.script.0.clone());
            stack.push([&[taproot::LEAF_TAPSCRIPT | u8::from(odd)][..], &internal_key, &sibling].concat());
        }
        stack.extend(annex);
        self.tx.inputs[self.input].witness = stack;
    }
}

/// A small change somewhere.
#[derive(Debug, Clone)]
pub enum Change {
    /// A bit of a byte of a stack item of the witness.
    WitnessBit(Index, Index, u8),
    /// A stack item goes, or comes twice.
    WitnessItem(Index, bool),
    /// A bit of the unlocking script.
    SigBit(Index, u8),
    /// A byte more in the unlocking script.
    SigByte(Index, u8),
    /// A bit of the locking script.
    LockBit(Index, u8),
    /// Another value of any output spent.
    Value(Index),
    /// Another version, lock time or sequence.
    Field(u8, u32),
    /// An output goes.
    Output(Index),
    /// An input of another kind goes or comes.
    OtherSpent(Index),
}

pub fn change() -> impl Strategy<Value = Change> {
    let at = any::<Index>;
    prop_oneof![
        6 => (at(), at(), 0u8..8).prop_map(|(item, byte, bit)| Change::WitnessBit(item, byte, bit)),
        2 => (at(), any::<bool>()).prop_map(|(item, twice)| Change::WitnessItem(item, twice)),
        4 => (at(), 0u8..8).prop_map(|(byte, bit)| Change::SigBit(byte, bit)),
        1 => (at(), any::<u8>()).prop_map(|(at, byte)| Change::SigByte(at, byte)),
        2 => (at(), 0u8..8).prop_map(|(byte, bit)| Change::LockBit(byte, bit)),
        2 => at().prop_map(Change::Value),
        2 => (0u8..3, any::<u32>()).prop_map(|(field, value)| Change::Field(field, value)),
        1 => at().prop_map(Change::Output),
        1 => at().prop_map(Change::OtherSpent),
    ]
}

fn flip(bytes: &mut [u8], at: Index, bit: u8) {
    if !bytes.is_empty() {
        bytes[at.index(bytes.len())] ^= 1 << bit;
    }
}

impl Spend {
    /// Applies a change; one that finds nothing to change does nothing.
    pub fn change(&mut self, change: &Change) {
        let input = self.input;
        let signed = &mut self.tx.inputs[input];
        match change {
            Change::WitnessBit(item, byte, bit) if !signed.witness.is_empty() => {
                let item = item.index(signed.witness.len());
                flip(&mut signed.witness[item], *byte, *bit);
            }
            Change::WitnessItem(item, twice) if !signed.witness.is_empty() => {
                let at = item.index(signed.witness.len());
                let item = signed.witness[at].clone();
                if *twice {
                    signed.witness.insert(at, item);
                } else {
                    signed.witness.remove(at);
                }
            }
            Change::SigBit(byte, bit) => flip(&mut signed.script_sig.0, *byte, *bit),
            Change::SigByte(at, byte) => {
                let at = at.index(signed.script_sig.len() + 1);
                signed.script_sig.0.insert(at, *byte);
            }
            Change::LockBit(byte, bit) => flip(&mut self.spent[input].script_pubkey.0, *byte, *bit),
            Change::Value(at) => {
                let at = at.index(self.spent.len());
                self.spent[at].value = Amount(self.spent[at].value.0 ^ 1);
            }
            Change::Field(0, value) => self.tx.version = *value,
            Change::Field(1, value) => self.tx.lock_time = *value,
            Change::Field(_, value) => signed.sequence = *value,
            Change::Output(at) if !self.tx.outputs.is_empty() => {
                let at = at.index(self.tx.outputs.len());
                self.tx.outputs.remove(at);
            }
            Change::WitnessBit(..) | Change::WitnessItem(..) | Change::Output(_) => {}
            Change::OtherSpent(at) => {
                let at = at.index(self.tx.inputs.len());
                if at != input {
                    self.tx.inputs[at].previous_output.vout ^= 1;
                    self.spent[at].script_pubkey.0.push(0);
                }
            }
        }
    }
}
