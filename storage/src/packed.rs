//! Coins as the cache holds them: the usual scripts inside the entry, without an allocation of their own.

use chaincore_consensus::coin::Coin;
use chaincore_consensus::{Amount, Script, TxOut};

/// Scripts up to this length lie inside the entry: P2PKH 25, P2SH 23, P2WPKH 22, P2WSH and P2TR 34, and public key
/// outputs with compressed keys 35.
const INLINE: usize = 35;

/// Bytes that an allocation takes beyond its contents, roughly.
const ALLOCATION: usize = 16;

enum PackedScript {
    Inline { len: u8, bytes: [u8; INLINE] },
    Heap(Box<[u8]>),
}

/// A [`Coin`] in 56 bytes.
pub(crate) struct PackedCoin {
    value: i64,
    height_and_coinbase: u32,
    tx_index: u32,
    script: PackedScript,
}

impl PackedCoin {
    pub(crate) fn new(coin: Coin) -> Self {
        let script = coin.output.script_pubkey.0;
        let script = if script.len() <= INLINE {
            let mut bytes = [0; INLINE];
            bytes[..script.len()].copy_from_slice(&script);
            PackedScript::Inline { len: script.len() as u8, bytes }
        } else {
            PackedScript::Heap(script.into_boxed_slice())
        };
        Self {
            value: coin.output.value.sat(),
            height_and_coinbase: coin.height << 1 | u32::from(coin.coinbase),
            tx_index: coin.tx_index,
            script,
        }
    }

    fn script(&self) -> &[u8] {
        match &self.script {
            PackedScript::Inline { len, bytes } => &bytes[..usize::from(*len)],
            PackedScript::Heap(bytes) => bytes,
        }
    }

    pub(crate) fn unpack(&self) -> Coin {
        Coin {
            output: TxOut { value: Amount(self.value), script_pubkey: Script(self.script().to_vec()) },
            height: self.height(),
            coinbase: self.height_and_coinbase & 1 == 1,
            tx_index: self.tx_index,
        }
    }

    pub(crate) fn height(&self) -> u32 {
        self.height_and_coinbase >> 1
    }

    /// Bytes outside the entry.
    pub(crate) fn heap_bytes(&self) -> usize {
        match &self.script {
            PackedScript::Inline { .. } => 0,
            PackedScript::Heap(bytes) => bytes.len() + ALLOCATION,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unpacks_to_what_was_packed() {
        assert_eq!(size_of::<PackedCoin>(), 56);
        for len in [0, 1, 22, 34, 35, 36, 67, 10_000] {
            let coin = Coin {
                output: TxOut { value: Amount(len as i64 * 7), script_pubkey: Script(vec![len as u8; len]) },
                height: 0x7fff_fff0,
                coinbase: len % 2 == 0,
                tx_index: u32::MAX,
            };
            let packed = PackedCoin::new(coin.clone());
            assert_eq!(packed.heap_bytes() > 0, len > INLINE);
            assert_eq!(packed.unpack(), coin);
        }
    }
}
