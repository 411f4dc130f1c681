//! PSBTs of version 2 (BIP370), read as what they are in version 0: the transaction, which lies there in pieces, is put
//! together. Bitcoin Core writes this version if nobody says otherwise, and reads both.
//!
//! What only whoever still adds inputs and outputs needs (`PSBT_GLOBAL_TX_MODIFIABLE`) is lost: here transactions are
//! signed as they are.

use super::PsbtError;
use super::read::{MAGIC, take, take_compact_size};
use bitcoin::absolute::LockTime;
use bitcoin::consensus::encode::{VarInt, serialize};
use bitcoin::hashes::Hash as _;
use bitcoin::transaction::Version;
use bitcoin::{Amount, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Txid, Witness};

/// Lock times from here on are seconds since 1970, below they are heights.
const TIMES: u32 = 500_000_000;

fn damaged(what: &str) -> PsbtError {
    PsbtError::Decode(what.into())
}

/// A map of keys and values.
struct Map<'a>(Vec<(&'a [u8], &'a [u8])>);

impl<'a> Map<'a> {
    fn take_from(rest: &mut &'a [u8]) -> Option<Self> {
        let mut pairs = Vec::new();
        loop {
            let len = take_compact_size(rest)?;
            if len == 0 {
                return Some(Self(pairs));
            }
            let key = take(rest, len)?;
            let len = take_compact_size(rest)?;
            pairs.push((key, take(rest, len)?));
        }
    }

    /// Takes out the value of a field whose key is its type alone.
    fn field(&mut self, kind: u8) -> Result<Option<&'a [u8]>, PsbtError> {
        let mut found = None;
        let mut twice = false;
        self.0.retain(|(key, value)| {
            let is_it = *key == [kind];
            if is_it {
                twice |= found.replace(*value).is_some();
            }
            !is_it
        });
        if twice { Err(damaged(&format!("the field {kind:#04x} is there twice"))) } else { Ok(found) }
    }

    fn fixed<const N: usize>(&mut self, kind: u8) -> Result<Option<[u8; N]>, PsbtError> {
        let wrong = |_| damaged(&format!("the field {kind:#04x} has not {N} bytes"));
        self.field(kind)?.map(|value| value.try_into().map_err(wrong)).transpose()
    }

    fn number(&mut self, kind: u8) -> Result<Option<u32>, PsbtError> {
        Ok(self.fixed(kind)?.map(u32::from_le_bytes))
    }

    fn count(&mut self, kind: u8) -> Result<usize, PsbtError> {
        let mut value = self.field(kind)?.ok_or_else(|| missing(kind))?;
        let count = take_compact_size(&mut value).filter(|_| value.is_empty());
        count.ok_or_else(|| damaged(&format!("the field {kind:#04x} is no number")))
    }

    fn write(&self, out: &mut Vec<u8>) {
        for part in self.0.iter().flat_map(|(key, value)| [key, value]) {
            out.extend(serialize(&VarInt::from(part.len())));
            out.extend_from_slice(part);
        }
        out.push(0);
    }
}

fn missing(kind: u8) -> PsbtError {
    damaged(&format!("the field {kind:#04x} is missing"))
}

/// When an input wants the transaction to be locked until, at the least: as time and as height.
type Wish = (Option<u32>, Option<u32>);

fn input(map: &mut Map<'_>) -> Result<(TxIn, Wish), PsbtError> {
    let txid = Txid::from_byte_array(map.fixed(0x0e)?.ok_or_else(|| missing(0x0e))?);
    let vout = map.number(0x0f)?.ok_or_else(|| missing(0x0f))?;
    let sequence = map.number(0x10)?.map_or(Sequence::MAX, Sequence);
    let time = map.number(0x11)?;
    let height = map.number(0x12)?;
    if time.is_some_and(|time| time < TIMES) || height.is_some_and(|height| height == 0 || height >= TIMES) {
        return Err(damaged("an input wants a lock time that is none"));
    }
    let previous_output = OutPoint { txid, vout };
    let input = TxIn { previous_output, sequence, script_sig: ScriptBuf::new(), witness: Witness::new() };
    Ok((input, (time, height)))
}

fn output(map: &mut Map<'_>) -> Result<TxOut, PsbtError> {
    let value = map.fixed(0x03)?.map(u64::from_le_bytes).ok_or_else(|| missing(0x03))?;
    let script = map.field(0x04)?.ok_or_else(|| missing(0x04))?;
    Ok(TxOut { value: Amount::from_sat(value), script_pubkey: ScriptBuf::from(script.to_vec()) })
}

/// The lock time that satisfies all inputs (BIP370, "Determining Lock Time"): a height where that can be chosen.
fn lock_time(wishes: &[Wish], fallback: u32) -> Result<LockTime, PsbtError> {
    let wishes = || wishes.iter().filter(|wish| **wish != (None, None));
    let all = |kind: fn(&Wish) -> Option<u32>| wishes().map(kind).collect::<Option<Vec<u32>>>();
    let chosen = match (all(|wish| wish.1), all(|wish| wish.0)) {
        (Some(none), _) if none.is_empty() => fallback,
        (Some(heights), _) => heights.into_iter().max().unwrap_or(fallback),
        (None, Some(times)) => times.into_iter().max().unwrap_or(fallback),
        (None, None) => return Err(damaged("one input wants to be locked by height, another by time")),
    };
    Ok(LockTime::from_consensus(chosen))
}

/// The same in version 0, as bytes. `bytes` begin with [`MAGIC`].
pub(super) fn to_version_0(bytes: &[u8]) -> Result<Vec<u8>, PsbtError> {
    let mut rest = &bytes[MAGIC.len()..];
    let rest = &mut rest;
    let mut next = || Map::take_from(rest).ok_or_else(|| damaged("it ends early"));
    let mut global = next()?;
    let version = Version(global.fixed(0x02)?.map(i32::from_le_bytes).ok_or_else(|| missing(0x02))?);
    let fallback = global.number(0x03)?.unwrap_or(0);
    let (inputs, outputs) = (global.count(0x04)?, global.count(0x05)?);
    global.field(0x06)?;
    global.field(0xfb)?;
    if global.field(0x00)?.is_some() {
        return Err(damaged("version 2 has no unsigned transaction"));
    }
    // Every map takes a byte at the least, so that these end with the bytes.
    let (mut maps, mut wishes) = (Vec::new(), Vec::new());
    let mut tx = Transaction { version, lock_time: LockTime::ZERO, input: Vec::new(), output: Vec::new() };
    for _ in 0..inputs {
        let mut map = next()?;
        let (input, wish) = input(&mut map)?;
        tx.input.push(input);
        wishes.push(wish);
        maps.push(map);
    }
    for _ in 0..outputs {
        let mut map = next()?;
        tx.output.push(output(&mut map)?);
        maps.push(map);
    }
    tx.lock_time = lock_time(&wishes, fallback)?;
    let tx = serialize(&tx);
    let mut out = MAGIC.to_vec();
    global.0.insert(0, (&[0], &tx));
    for map in std::iter::once(&global).chain(&maps) {
        map.write(&mut out);
    }
    // What follows is for the reader of version 0 to judge.
    out.extend_from_slice(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bitcoin::Psbt;

    /// A PSBT of version 0 in version 2, each input with these fields besides.
    fn version_2(psbt: &Psbt, wishes: &[Vec<(u8, u32)>]) -> Vec<u8> {
        let bytes = psbt.serialize();
        let mut rest = &bytes[MAGIC.len()..];
        let mut owned: Vec<(Vec<u8>, Vec<u8>)> = vec![
            (vec![0x02], psbt.unsigned_tx.version.0.to_le_bytes().to_vec()),
            (vec![0x03], psbt.unsigned_tx.lock_time.to_consensus_u32().to_le_bytes().to_vec()),
            (vec![0x04], vec![psbt.inputs.len() as u8]),
            (vec![0x05], vec![psbt.outputs.len() as u8]),
            (vec![0x06], vec![3]),
            (vec![0xfb], 2u32.to_le_bytes().to_vec()),
        ];
        let mut out = MAGIC.to_vec();
        let write = |map: &mut Map<'_>, owned: &[(Vec<u8>, Vec<u8>)], out: &mut Vec<u8>| {
            let pairs = owned.iter().map(|(key, value)| (key.as_slice(), value.as_slice()));
            Map(map.0.iter().copied().chain(pairs).collect()).write(out);
        };
        let mut global = Map::take_from(&mut rest).unwrap();
        global.field(0).unwrap();
        write(&mut global, &owned, &mut out);
        for (at, input) in psbt.unsigned_tx.input.iter().enumerate() {
            owned = vec![
                (vec![0x0e], input.previous_output.txid.to_byte_array().to_vec()),
                (vec![0x0f], input.previous_output.vout.to_le_bytes().to_vec()),
                (vec![0x10], input.sequence.0.to_le_bytes().to_vec()),
            ];
            let wished = wishes.get(at).into_iter().flatten();
            owned.extend(wished.map(|(kind, wish)| (vec![*kind], wish.to_le_bytes().to_vec())));
            write(&mut Map::take_from(&mut rest).unwrap(), &owned, &mut out);
        }
        for output in &psbt.unsigned_tx.output {
            owned = vec![
                (vec![0x03], output.value.to_sat().to_le_bytes().to_vec()),
                (vec![0x04], output.script_pubkey.to_bytes()),
            ];
            write(&mut Map::take_from(&mut rest).unwrap(), &owned, &mut out);
        }
        out
    }

    fn sample() -> Psbt {
        let input = |n: u8| TxIn {
            previous_output: OutPoint { txid: Txid::from_byte_array([n; 32]), vout: n.into() },
            sequence: Sequence(0xffff_fffd),
            ..TxIn::default()
        };
        let output =
            |sats| TxOut { value: Amount::from_sat(sats), script_pubkey: ScriptBuf::from(vec![0x51; 3]) };
        let mut psbt = Psbt::from_unsigned_tx(Transaction {
            version: Version::TWO,
            lock_time: LockTime::from_consensus(77),
            input: vec![input(1), input(2)],
            output: vec![output(5), output(2_100_000_000_000_000)],
        })
        .unwrap();
        psbt.inputs[1].witness_utxo = Some(output(9));
        psbt.outputs[0].redeem_script = Some(ScriptBuf::from(vec![0x52]));
        psbt
    }

    #[test]
    fn the_same_comes_out() {
        let psbt = sample();
        assert_eq!(crate::psbt::read(&version_2(&psbt, &[])).unwrap(), psbt);
        let mut longer = version_2(&psbt, &[]);
        longer.push(7);
        assert!(crate::psbt::read(&longer).is_err(), "what follows is refused");
    }

    #[test]
    fn lock_times_as_the_inputs_want_them() {
        let (time, height) = (0x11, 0x12);
        let with = |wishes: &[Vec<(u8, u32)>]| {
            crate::psbt::read(&version_2(&sample(), wishes))
                .map(|psbt| psbt.unsigned_tx.lock_time.to_consensus_u32())
                .ok()
        };
        assert_eq!(with(&[vec![(height, 10_000)], vec![]]), Some(10_000));
        assert_eq!(with(&[vec![(height, 10_000)], vec![(height, 9_000)]]), Some(10_000));
        assert_eq!(with(&[vec![(height, 9), (time, TIMES + 1)], vec![(height, 8)]]), Some(9));
        assert_eq!(with(&[vec![(height, 9), (time, TIMES + 1)], vec![(time, TIMES + 2)]]), Some(TIMES + 2));
        assert_eq!(with(&[vec![(height, 9), (time, TIMES + 1)], vec![(height, 8), (time, TIMES)]]), Some(9));
        assert_eq!(with(&[vec![(height, 9)], vec![(time, TIMES)]]), None);
        for (kind, wrong) in [(height, 0), (height, TIMES), (time, TIMES - 1)] {
            assert_eq!(with(&[vec![(kind, wrong)]]), None);
        }
    }

    #[test]
    fn cut_and_changed_bytes_do_no_harm() {
        let bytes = version_2(&sample(), &[vec![(0x12, 5)]]);
        for len in MAGIC.len()..bytes.len() {
            assert!(crate::psbt::read(&bytes[..len]).is_err(), "{len}");
            let mut changed = bytes.clone();
            changed[len] ^= 0xff;
            let _ = crate::psbt::read(&changed);
        }
    }
}
