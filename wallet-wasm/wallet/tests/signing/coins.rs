//! Wallets and PSBTs to sign.

use bitcoin::absolute::LockTime;
use bitcoin::hashes::Hash;
use bitcoin::transaction::Version;
use bitcoin::{Amount, OutPoint, Psbt, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Txid, Witness};
use chaincore_consensus::params::ChainParams;
use chaincore_wallet::chain::Chain;
use chaincore_wallet::descriptor::PublicDescriptor;
use chaincore_wallet::keys::AccountKind;
use chaincore_wallet::signer::Signer;
use miniscript::psbt::{PsbtInputExt, PsbtOutputExt};

pub const WORDS: &str =
    "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about";
pub const OTHER_WORDS: &str = "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo wrong";

pub fn chain(name: &str) -> Chain {
    Chain::from_name(name).unwrap()
}

/// A chain whose addresses and keys look like no other's.
pub fn custom_chain() -> Chain {
    let file = "name = \"doge-like\"\n[genesis]\ntime = 1700000000\n[addresses]\np2pkh = 30\np2sh = 22\n\
                wif = 158\nxpub = \"02facafd\"\nxprv = \"02fac398\"\nbech32 = \"doge\"\n";
    let founded = ChainParams::found(file, 1_800_000_000).unwrap();
    Chain::from_file(&founded.to_toml()).unwrap()
}

pub fn signer(chain: Chain) -> Signer {
    Signer::from_mnemonic(WORDS, "", chain).unwrap()
}

pub fn other_signer(chain: Chain) -> Signer {
    Signer::from_mnemonic(OTHER_WORDS, "", chain).unwrap()
}

/// One address of a wallet.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    pub kind: AccountKind,
    pub account: u32,
    pub change: bool,
    pub index: u32,
}

pub fn place(kind: AccountKind, index: u32) -> Place {
    Place { kind, account: 0, change: false, index }
}

pub fn change(kind: AccountKind, index: u32) -> Place {
    Place { kind, account: 0, change: true, index }
}

impl Place {
    pub fn descriptor(self, signer: &Signer) -> PublicDescriptor {
        let keys = signer.account(self.kind, self.account).unwrap();
        let text = if self.change { keys.change } else { keys.receive };
        PublicDescriptor::parse(&text, signer.chain()).unwrap()
    }

    pub fn script(self, signer: &Signer) -> ScriptBuf {
        self.descriptor(signer).script(self.index).unwrap()
    }
}

/// A PSBT in the making.
pub struct Draft {
    pub psbt: Psbt,
    pub spent: Vec<TxOut>,
}

/// A transaction that pays a script, so that there is something to spend.
pub fn funding(script: ScriptBuf, value: u64, salt: u32) -> Transaction {
    Transaction {
        version: Version::TWO,
        lock_time: LockTime::ZERO,
        input: vec![TxIn {
            previous_output: OutPoint::new(Txid::from_byte_array([7; 32]), salt),
            script_sig: ScriptBuf::new(),
            sequence: Sequence::MAX,
            witness: Witness::from_slice(&[vec![1; 64]]),
        }],
        output: vec![
            TxOut { value: Amount::from_sat(1_000), script_pubkey: ScriptBuf::new_op_return([1]) },
            TxOut { value: Amount::from_sat(value), script_pubkey: script },
        ],
    }
}

/// A PSBT that spends outputs of these places, updated through their descriptors by miniscript.
pub fn draft(signer: &Signer, inputs: &[(Place, u64)], outputs: Vec<TxOut>) -> Draft {
    let mut tx = Transaction {
        version: Version::TWO,
        lock_time: LockTime::from_height(100).unwrap(),
        input: Vec::new(),
        output: outputs,
    };
    let mut sources = Vec::new();
    for (salt, (place, value)) in (0..).zip(inputs) {
        let previous = funding(place.script(signer), *value, salt);
        tx.input.push(TxIn {
            previous_output: OutPoint::new(previous.compute_txid(), 1),
            script_sig: ScriptBuf::new(),
            sequence: Sequence::ENABLE_RBF_NO_LOCKTIME,
            witness: Witness::new(),
        });
        sources.push(previous);
    }
    let mut psbt = Psbt::from_unsigned_tx(tx).unwrap();
    let mut spent = Vec::new();
    for ((fields, previous), (place, _)) in psbt.inputs.iter_mut().zip(sources).zip(inputs) {
        let definite = place.descriptor(signer).at(place.index).unwrap();
        fields.update_with_descriptor_unchecked(&definite).unwrap();
        spent.push(previous.output[1].clone());
        if place.kind != AccountKind::Legacy {
            fields.witness_utxo = Some(previous.output[1].clone());
        }
        fields.non_witness_utxo = Some(previous);
    }
    Draft { psbt, spent }
}

/// Says of an output that it is this wallet's.
pub fn claim(draft: &mut Draft, output: usize, signer: &Signer, place: Place) {
    let definite = place.descriptor(signer).at(place.index).unwrap();
    draft.psbt.outputs[output].update_with_descriptor_unchecked(&definite).unwrap();
}

/// A PSBT that spends the first output of each descriptor to nobody.
pub fn draft_of(descriptors: &[PublicDescriptor], value: u64) -> Draft {
    let mut tx = Transaction {
        version: Version::TWO,
        lock_time: LockTime::ZERO,
        input: Vec::new(),
        output: vec![pay(ScriptBuf::new_op_return([1]), 0)],
    };
    let mut sources = Vec::new();
    for (salt, descriptor) in (0..).zip(descriptors) {
        let previous = funding(descriptor.script(0).unwrap(), value, salt);
        tx.input.push(TxIn {
            previous_output: OutPoint::new(previous.compute_txid(), 1),
            script_sig: ScriptBuf::new(),
            sequence: Sequence::MAX,
            witness: Witness::new(),
        });
        sources.push(previous);
    }
    let mut psbt = Psbt::from_unsigned_tx(tx).unwrap();
    let mut spent = Vec::new();
    for ((fields, previous), descriptor) in psbt.inputs.iter_mut().zip(sources).zip(descriptors) {
        fields.update_with_descriptor_unchecked(&descriptor.at(0).unwrap()).unwrap();
        spent.push(previous.output[1].clone());
        fields.non_witness_utxo = Some(previous);
    }
    Draft { psbt, spent }
}

pub fn pay(script: ScriptBuf, value: u64) -> TxOut {
    TxOut { value: Amount::from_sat(value), script_pubkey: script }
}

/// Whether Bitcoin Core's engine accepts every input.
pub fn accepted(tx: &Transaction, spent: &[TxOut]) -> Result<(), String> {
    let bytes = bitcoin::consensus::serialize(tx);
    let utxos: Vec<_> = spent
        .iter()
        .map(|output| bitcoinconsensus::Utxo {
            script_pubkey: output.script_pubkey.as_bytes().as_ptr(),
            script_pubkey_len: u32::try_from(output.script_pubkey.len()).unwrap(),
            value: i64::try_from(output.value.to_sat()).unwrap(),
        })
        .collect();
    for (input, output) in spent.iter().enumerate() {
        bitcoinconsensus::verify_with_flags(
            output.script_pubkey.as_bytes(),
            output.value.to_sat(),
            &bytes,
            Some(&utxos),
            input,
            bitcoinconsensus::VERIFY_ALL_PRE_TAPROOT | bitcoinconsensus::VERIFY_TAPROOT,
        )
        .map_err(|error| format!("input {input}: {error:?}"))?;
    }
    Ok(())
}

/// The codes of a review's warnings.
pub fn codes(review: &chaincore_wallet::psbt::review::Review) -> Vec<&str> {
    review.warnings.iter().map(|warning| warning.code.as_str()).collect()
}
