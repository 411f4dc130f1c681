//! Work made of a block template, and the block that a share makes of it.

use super::protocol::Submission;
use crate::template::{BlockTemplate, personal_coinbase};
use chaincore_consensus::merkle::{merkle_branch, root_from_branch};
use chaincore_consensus::pow;
use chaincore_consensus::{Block, BlockHash, Hash256, Header, Script, TxRef, hex};
use serde_json::{Value, json};

/// Bytes in the coinbase that the server gives each connection, and that each worker changes as it likes.
pub(super) const OWN_BYTES: usize = 4;
/// The latter.
pub(super) const WORKER_BYTES: usize = 4;

/// A template as all connections share it.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) template: BlockTemplate,
    /// The hashes between the coinbase and the merkle root.
    branch: Vec<Hash256>,
    /// The network's difficulty.
    pub(super) network: f64,
}

impl Job {
    pub(super) fn new(template: BlockTemplate) -> Self {
        let leaves: Vec<Hash256> =
            template.block.transactions.iter().map(|tx| Hash256(tx.txid().0)).collect();
        let network = pow::difficulty(template.block.header.bits);
        Self { branch: merkle_branch(&leaves, 0), network, template }
    }

    pub(super) fn previous(&self) -> BlockHash {
        self.template.block.header.previous
    }

    fn coinbase(&self, payout: &Script, extra: &[u8; OWN_BYTES + WORKER_BYTES]) -> TxRef {
        personal_coinbase(&self.template, payout, extra)
    }

    /// The coinbase before and after its eight free bytes, without witness, as miners hash it.
    fn coinbase_parts(&self, payout: &Script) -> (Vec<u8>, Vec<u8>) {
        let tx = self.coinbase(payout, &[0; OWN_BYTES + WORKER_BYTES]);
        let mut bytes = Vec::new();
        tx.encode_stripped(&mut bytes);
        // Version, count of inputs, outpoint, length of the script (below 100 bytes), the script up to its last bytes.
        let script = tx.inputs[0].script_sig.0.len();
        let at = 4 + 1 + 36 + 1 + script - OWN_BYTES - WORKER_BYTES;
        let after = bytes.split_off(at + OWN_BYTES + WORKER_BYTES);
        bytes.truncate(at);
        (bytes, after)
    }

    /// The parameters of `mining.notify`, with this version for the block.
    pub(super) fn notify(&self, id: &str, payout: &Script, version: i32, clean: bool) -> Value {
        let header = &self.template.block.header;
        let (first, second) = self.coinbase_parts(payout);
        // Miners take the hash in words of four bytes, each of them turned round.
        let mut previous = header.previous.0;
        previous.chunks_exact_mut(4).for_each(<[u8]>::reverse);
        let branch: Vec<String> = self.branch.iter().map(|hash| hex::encode(&hash.0)).collect();
        json!([
            id,
            hex::encode(&previous),
            hex::encode(&first),
            hex::encode(&second),
            branch,
            format!("{:08x}", version as u32),
            format!("{:08x}", header.bits),
            format!("{:08x}", header.time),
            clean
        ])
    }

    /// The header that a submission stands for, of a block with this version.
    pub(super) fn header(
        &self,
        payout: &Script,
        own: [u8; OWN_BYTES],
        share: &Submission,
        version: i32,
    ) -> Header {
        let coinbase = self.coinbase(payout, &extra(own, share));
        let header = &self.template.block.header;
        Header {
            version,
            merkle_root: root_from_branch(Hash256(coinbase.txid().0), &self.branch, 0),
            time: share.time,
            nonce: share.nonce,
            ..*header
        }
    }

    /// The block of a header made by [`Self::header`].
    pub(super) fn block(
        &self,
        payout: &Script,
        own: [u8; OWN_BYTES],
        share: &Submission,
        header: Header,
    ) -> Block {
        let mut transactions = self.template.block.transactions.clone();
        transactions[0] = self.coinbase(payout, &extra(own, share));
        Block { header, transactions }
    }
}

fn extra(own: [u8; OWN_BYTES], share: &Submission) -> [u8; OWN_BYTES + WORKER_BYTES] {
    let mut bytes = [0; OWN_BYTES + WORKER_BYTES];
    bytes[..OWN_BYTES].copy_from_slice(&own);
    bytes[OWN_BYTES..].copy_from_slice(&share.extra);
    bytes
}
