//! Transactions: their parts, their wire format (BIP144) and their identifiers.

use crate::amount::Amount;
use crate::codec::{
    Decode, DecodeError, Encode, Reader, Sink, compact_size_len, put_compact_size, put_var_bytes,
};
use crate::hash::{HashWriter, Txid, Wtxid};
use crate::script::Script;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// A weight unit's worth: witness bytes count one, all others four (BIP141).
pub const WITNESS_SCALE_FACTOR: usize = 4;

/// A reference to an output: the transaction and the output's position in it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct OutPoint {
    /// The transaction that made the output.
    pub txid: Txid,
    /// Its position among that transaction's outputs.
    pub vout: u32,
}

impl OutPoint {
    /// What a coinbase input refers to.
    pub const NULL: Self = Self { txid: Txid::ZERO, vout: u32::MAX };

    /// Whether this is the coinbase's reference to nothing.
    pub fn is_null(&self) -> bool {
        *self == Self::NULL
    }
}

impl fmt::Display for OutPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.txid, self.vout)
    }
}

impl Encode for OutPoint {
    fn encode(&self, sink: &mut impl Sink) {
        self.txid.encode(sink);
        sink.put(&self.vout.to_le_bytes());
    }
}

impl Decode for OutPoint {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { txid: Txid::decode(reader)?, vout: reader.u32()? })
    }
}

/// The stack items that unlock a segwit output.
pub type Witness = Vec<Vec<u8>>;

/// An input: what it spends and what unlocks it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TxIn {
    /// The output spent.
    pub previous_output: OutPoint,
    /// The unlocking script.
    pub script_sig: Script,
    /// Relative lock time and replaceability (BIP68, BIP125).
    pub sequence: u32,
    /// The witness, empty when there is none.
    pub witness: Witness,
}

impl TxIn {
    /// The sequence of an input with no lock time of any kind.
    pub const SEQUENCE_FINAL: u32 = 0xffff_ffff;
}

/// An output: an amount and the script that locks it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TxOut {
    /// How much.
    pub value: Amount,
    /// Who may spend it.
    pub script_pubkey: Script,
}

impl Encode for TxOut {
    fn encode(&self, sink: &mut impl Sink) {
        sink.put(&self.value.0.to_le_bytes());
        put_var_bytes(sink, &self.script_pubkey);
    }
}

impl Decode for TxOut {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { value: Amount(reader.i64()?), script_pubkey: Script(reader.var_bytes()?) })
    }
}

/// A transaction under construction, or the data of one. [`Tx`] is the immutable form that knows its ids.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Transaction {
    /// The version; 2 and above turn on relative lock times (BIP68).
    pub version: u32,
    /// What is spent.
    pub inputs: Vec<TxIn>,
    /// What is made.
    pub outputs: Vec<TxOut>,
    /// The height or time before which the transaction is not final.
    pub lock_time: u32,
}

impl Transaction {
    /// Whether any input has a witness.
    pub fn has_witness(&self) -> bool {
        self.inputs.iter().any(|input| !input.witness.is_empty())
    }

    /// Whether this is a coinbase: one input that refers to nothing.
    pub fn is_coinbase(&self) -> bool {
        matches!(self.inputs.as_slice(), [input] if input.previous_output.is_null())
    }

    /// The sum of the outputs, without a range check; saturates.
    pub fn output_sum(&self) -> Amount {
        Amount(self.outputs.iter().fold(0i64, |sum, output| sum.saturating_add(output.value.0)))
    }

    /// Puts the transaction without its witnesses, the form that the txid hashes.
    pub fn encode_stripped(&self, sink: &mut impl Sink) {
        sink.put(&self.version.to_le_bytes());
        self.encode_inputs_and_outputs(sink);
        sink.put(&self.lock_time.to_le_bytes());
    }

    fn encode_inputs_and_outputs(&self, sink: &mut impl Sink) {
        put_compact_size(sink, self.inputs.len() as u64);
        for input in &self.inputs {
            input.previous_output.encode(sink);
            put_var_bytes(sink, &input.script_sig);
            sink.put(&input.sequence.to_le_bytes());
        }
        put_compact_size(sink, self.outputs.len() as u64);
        for output in &self.outputs {
            output.encode(sink);
        }
    }

    /// The identifier that inputs refer to. [`Tx`] keeps it.
    pub fn compute_txid(&self) -> Txid {
        let mut hasher = HashWriter::default();
        self.encode_stripped(&mut hasher);
        Txid(hasher.finish())
    }

    /// The identifier that covers the witnesses. [`Tx`] keeps it.
    pub fn compute_wtxid(&self) -> Wtxid {
        let mut hasher = HashWriter::default();
        self.encode(&mut hasher);
        Wtxid(hasher.finish())
    }

    /// Bytes without witnesses.
    pub fn stripped_len(&self) -> usize {
        let inputs: usize = self.inputs.iter().map(|i| 40 + var_bytes_len(&i.script_sig)).sum();
        let outputs: usize = self.outputs.iter().map(|o| 8 + var_bytes_len(&o.script_pubkey)).sum();
        8 + compact_size_len(self.inputs.len() as u64)
            + inputs
            + compact_size_len(self.outputs.len() as u64)
            + outputs
    }

    /// Bytes with witnesses, as relayed.
    pub fn total_len(&self) -> usize {
        if !self.has_witness() {
            return self.stripped_len();
        }
        let witnesses: usize = self.inputs.iter().map(|input| witness_len(&input.witness)).sum();
        self.stripped_len() + 2 + witnesses
    }

    /// Reads the form without witnesses, whatever the bytes look like: what JSON-RPC's `iswitness=false` asks
    /// for and what a transaction without inputs under construction needs.
    pub fn decode_stripped(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let version = reader.u32()?;
        let inputs = reader.vec(41, decode_input)?;
        let outputs = reader.vec(9, TxOut::decode)?;
        Ok(Self { version, inputs, outputs, lock_time: reader.u32()? })
    }
}

fn var_bytes_len(bytes: &[u8]) -> usize {
    compact_size_len(bytes.len() as u64) + bytes.len()
}

fn witness_len(witness: &Witness) -> usize {
    compact_size_len(witness.len() as u64) + witness.iter().map(|item| var_bytes_len(item)).sum::<usize>()
}

fn decode_input(reader: &mut Reader<'_>) -> Result<TxIn, DecodeError> {
    Ok(TxIn {
        previous_output: OutPoint::decode(reader)?,
        script_sig: Script(reader.var_bytes()?),
        sequence: reader.u32()?,
        witness: Witness::new(),
    })
}

impl Encode for Transaction {
    fn encode(&self, sink: &mut impl Sink) {
        if !self.has_witness() {
            return self.encode_stripped(sink);
        }
        sink.put(&self.version.to_le_bytes());
        sink.put(&[0, 1]);
        self.encode_inputs_and_outputs(sink);
        for input in &self.inputs {
            put_compact_size(sink, input.witness.len() as u64);
            for item in &input.witness {
                put_var_bytes(sink, item);
            }
        }
        sink.put(&self.lock_time.to_le_bytes());
    }
}

impl Decode for Transaction {
    /// Reads either form, as Core's `UnserializeTransaction` does: an input count of zero announces flags.
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let version = reader.u32()?;
        let mut inputs = reader.vec(41, decode_input)?;
        let mut outputs = Vec::new();
        let mut flags = 0;
        if inputs.is_empty() {
            flags = reader.u8()?;
            if flags != 0 {
                inputs = reader.vec(41, decode_input)?;
                outputs = reader.vec(9, TxOut::decode)?;
            }
        } else {
            outputs = reader.vec(9, TxOut::decode)?;
        }
        if flags & 1 != 0 {
            flags ^= 1;
            for input in &mut inputs {
                input.witness = reader.vec(1, Reader::var_bytes)?;
            }
            if inputs.iter().all(|input| input.witness.is_empty()) {
                return Err(DecodeError::SuperfluousWitness);
            }
        }
        if flags != 0 {
            return Err(DecodeError::UnknownFlags(flags));
        }
        Ok(Self { version, inputs, outputs, lock_time: reader.u32()? })
    }
}

/// An immutable transaction with its identifiers and sizes computed once.
#[derive(Clone, Debug)]
pub struct Tx {
    data: Transaction,
    txid: Txid,
    wtxid: Wtxid,
    stripped_len: u32,
    total_len: u32,
}

/// A transaction shared between a block, the mempool and whoever follows them.
pub type TxRef = Arc<Tx>;

impl Tx {
    /// The transaction's identifier.
    pub fn txid(&self) -> Txid {
        self.txid
    }

    /// The identifier that covers the witnesses.
    pub fn wtxid(&self) -> Wtxid {
        self.wtxid
    }

    /// Bytes without witnesses.
    pub fn stripped_size(&self) -> usize {
        self.stripped_len as usize
    }

    /// Bytes with witnesses.
    pub fn total_size(&self) -> usize {
        self.total_len as usize
    }

    /// Weight units (BIP141).
    pub fn weight(&self) -> usize {
        self.stripped_size() * (WITNESS_SCALE_FACTOR - 1) + self.total_size()
    }

    /// Virtual bytes: a quarter of the weight, rounded up, without a sigop adjustment.
    pub fn vsize(&self) -> usize {
        self.weight().div_ceil(WITNESS_SCALE_FACTOR)
    }

    /// The data, to change and make into another transaction.
    pub fn into_inner(self) -> Transaction {
        self.data
    }
}

impl From<Transaction> for Tx {
    fn from(data: Transaction) -> Self {
        let txid = data.compute_txid();
        let wtxid = if data.has_witness() { data.compute_wtxid() } else { Wtxid(txid.0) };
        // A transaction above 4 GiB can't be decoded (MAX_SIZE bounds each part) and is never built.
        let len = |len: usize| u32::try_from(len).unwrap_or(u32::MAX);
        Self { txid, wtxid, stripped_len: len(data.stripped_len()), total_len: len(data.total_len()), data }
    }
}

impl Deref for Tx {
    type Target = Transaction;

    fn deref(&self) -> &Transaction {
        &self.data
    }
}

impl PartialEq for Tx {
    fn eq(&self, other: &Self) -> bool {
        self.wtxid == other.wtxid
    }
}

impl Eq for Tx {}

impl Encode for Tx {
    fn encode(&self, sink: &mut impl Sink) {
        self.data.encode(sink);
    }
}

impl Decode for Tx {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Transaction::decode(reader).map(Self::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(witness: Witness) -> Transaction {
        Transaction {
            version: 2,
            inputs: vec![TxIn {
                previous_output: OutPoint { txid: Txid([7; 32]), vout: 1 },
                script_sig: Script(vec![0x51]),
                sequence: 5,
                witness,
            }],
            outputs: vec![TxOut { value: Amount(3), script_pubkey: Script(vec![0x6a; 300]) }],
            lock_time: 9,
        }
    }

    #[test]
    fn both_forms_round_trip_and_measure() {
        for witness in [vec![], vec![vec![1; 70], vec![]]] {
            let tx = sample(witness);
            let bytes = tx.to_bytes();
            assert_eq!(Transaction::decode_exact(&bytes), Ok(tx.clone()));
            assert_eq!(tx.total_len(), bytes.len());
            let tx = Tx::from(tx);
            assert_eq!(tx.txid() == Txid(tx.wtxid().0), !tx.has_witness());
            let mut stripped = Vec::new();
            tx.encode_stripped(&mut stripped);
            assert_eq!(tx.stripped_size(), stripped.len());
        }
    }

    #[test]
    fn strictness() {
        let mut bytes = sample(vec![vec![1]]).to_bytes();
        bytes.push(0);
        assert_eq!(Transaction::decode_exact(&bytes), Err(DecodeError::TrailingBytes(1)));
        bytes.pop();
        bytes[5] = 3;
        assert_eq!(Transaction::decode_exact(&bytes), Err(DecodeError::UnknownFlags(2)));
        let empty = sample(vec![]);
        let mut bytes = empty.version.to_le_bytes().to_vec();
        bytes.extend([0, 1]);
        empty.encode_inputs_and_outputs(&mut bytes);
        bytes.push(0);
        bytes.extend(empty.lock_time.to_le_bytes());
        assert_eq!(Transaction::decode_exact(&bytes), Err(DecodeError::SuperfluousWitness));
    }
}
