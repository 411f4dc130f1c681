//! What a block spent, kept to take the block off again and to show its inputs.

use crate::codec::{Decode, DecodeError, Encode, Reader, Sink, put_compact_size};
use crate::coin::{
    Coin, put_compressed_output, put_varint, read_compressed_output, read_varint, read_varint_u32,
};

/// The coins a block spent: one list per transaction after the coinbase, one coin per input.
///
/// The bytes are Core's `CBlockUndo`, followed by the coins' transaction indexes in the same order, which Core
/// does not keep.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct BlockUndo {
    /// The spent coins in the order of the block's inputs, the coinbase left out.
    pub txs: Vec<Vec<Coin>>,
}

impl BlockUndo {
    /// All spent coins in the order of the block's inputs.
    pub fn coins(&self) -> impl Iterator<Item = &Coin> {
        self.txs.iter().flatten()
    }
}

impl Encode for BlockUndo {
    fn encode(&self, sink: &mut impl Sink) {
        put_compact_size(sink, self.txs.len() as u64);
        for coins in &self.txs {
            put_compact_size(sink, coins.len() as u64);
            for coin in coins {
                put_varint(sink, coin.code());
                if coin.height > 0 {
                    // Where old versions of Core kept the spent transaction's version.
                    sink.put(&[0]);
                }
                put_compressed_output(sink, &coin.output);
            }
        }
        for coin in self.coins() {
            put_varint(sink, coin.tx_index.into());
        }
    }
}

impl Decode for BlockUndo {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut txs = reader.vec(1, |reader| reader.vec(3, decode_core_coin))?;
        for coin in txs.iter_mut().flatten() {
            coin.tx_index = read_varint_u32(reader)?;
        }
        Ok(Self { txs })
    }
}

fn decode_core_coin(reader: &mut Reader<'_>) -> Result<Coin, DecodeError> {
    let (height, coinbase) = Coin::split_code(read_varint(reader)?)?;
    if height > 0 {
        read_varint(reader)?;
    }
    Ok(Coin { output: read_compressed_output(reader)?, height, coinbase, tx_index: 0 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Amount, Script, TxOut};

    #[test]
    fn round_trips_and_begins_as_core_s() {
        let coin = |height, tx_index| Coin {
            output: TxOut { value: Amount(5_000_000_000), script_pubkey: Script(vec![0x51]) },
            height,
            coinbase: tx_index == 0,
            tx_index,
        };
        let undo = BlockUndo { txs: vec![vec![coin(1, 0), coin(200, 5)], vec![coin(0, 1)]] };
        let bytes = undo.to_bytes();
        assert_eq!(
            crate::hex::encode(&bytes),
            "02020300320751821000320751010032075100 0501".replace(' ', "")
        );
        assert_eq!(BlockUndo::decode_exact(&bytes), Ok(undo));
        assert!(BlockUndo::decode_exact(&bytes[..bytes.len() - 1]).is_err());
    }
}
