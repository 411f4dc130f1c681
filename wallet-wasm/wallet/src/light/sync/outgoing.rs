//! Transactions on their way to the nodes: one node after the other is asked until one takes it. Nodes that are busy or
//! could not be reached are asked again: a node that has it already takes it once more.

use super::Sync;
use super::wire::Ask;
use crate::ledger::Ledger;
use bitcoin::{Transaction, Txid};
use serde::Serialize;

/// The most answers of broadcasts that are remembered.
const MAX_SENT: usize = 50;

/// So many times are the nodes gone through while none says whether it takes it.
const ROUNDS: u32 = 6;

/// What became of a transaction that was to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sent {
    /// The transaction.
    #[serde(with = "crate::text::shown")]
    pub txid: Txid,
    /// Whether a node took it.
    pub accepted: bool,
    /// What the node said, if it did not. Without it no node said anything: it may be on its way all the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// A transaction on its way to the nodes.
#[derive(Debug, Clone)]
pub(super) struct Outgoing {
    tx: Transaction,
    /// The node that is asked next, or is being asked.
    node: usize,
    told: Option<String>,
    /// How often the nodes were gone through.
    rounds: u32,
}

impl Sync {
    /// Sends a transaction to the nodes, one after the other until one takes it.
    pub fn broadcast(&mut self, tx: Transaction) {
        let node = self.source();
        self.outgoing.push(Outgoing { tx, node, told: None, rounds: 0 });
    }

    /// What became of the transactions that were to be sent, oldest first.
    pub fn sent(&self) -> impl Iterator<Item = &Sent> {
        self.sent.iter()
    }

    /// Starts again with the main node: there are other nodes now.
    pub(super) fn restart_outgoing(&mut self) {
        for out in &mut self.outgoing {
            (out.node, out.rounds) = (0, 0);
        }
    }

    pub(super) fn ask_outgoing(&mut self) {
        for Outgoing { tx, node, .. } in self.outgoing.clone() {
            let txid = tx.compute_txid();
            if self.nodes[node].wrong_chain {
                self.not_sent(node, txid, None);
                continue;
            }
            self.desk.attach(txid, crate::light::esplora::broadcast_body(&tx));
            self.want(node, Ask::Send { txid });
        }
    }

    pub(super) fn take_sent(
        &mut self,
        node: usize,
        txid: Txid,
        good: bool,
        body: &[u8],
        ledger: &mut Ledger,
    ) {
        if !good {
            let said: String = String::from_utf8_lossy(body).trim().chars().take(500).collect();
            return self.not_sent(node, txid, Some(said));
        }
        let Some(at) = self.outgoing.iter().position(|out| out.tx.compute_txid() == txid) else { return };
        let out = self.outgoing.remove(at);
        self.changed |= ledger.sent(out.tx, self.now).changed;
        self.remember_sent(Sent { txid, accepted: true, error: None });
    }

    /// A node did not take a transaction, or did not say: the next one is asked.
    pub(super) fn not_sent(&mut self, node: usize, txid: Txid, said: Option<String>) {
        let Some(at) = self.outgoing.iter().position(|out| out.tx.compute_txid() == txid) else { return };
        let out = &mut self.outgoing[at];
        out.told = said.or(out.told.take());
        out.node = node + 1;
        if out.node < self.nodes.len() {
            return;
        }
        out.rounds += 1;
        out.node = 0;
        if out.told.is_some() || out.rounds == ROUNDS {
            let out = self.outgoing.remove(at);
            self.remember_sent(Sent { txid, accepted: false, error: out.told });
        }
    }

    fn remember_sent(&mut self, sent: Sent) {
        if self.sent.len() == MAX_SENT {
            self.sent.pop_front();
        }
        self.sent.push_back(sent);
        self.changed = true;
    }
}
