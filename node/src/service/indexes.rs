//! Questions to the indexes: waiting until they have seen the tip, and pages of what an address has.

use super::{Service, index_failure};
use crate::index::{BlockFilters, IndexError, Place};
use chaincore_consensus::Hash256;
use chaincore_plugin::ChainReader;
use chaincore_rpc::node::{
    NodeError, NodeResult, ScriptEvent, ScriptId, ScriptTotals, ScriptUnspent, Tip, TxPlace,
};
use std::time::{Duration, Instant};

/// How long a question to an index waits for the index to catch up with the tip.
const INDEX_PATIENCE: Duration = Duration::from_secs(10);

/// Rows of an index read at a time.
const ROWS: usize = 1000;

impl Service {
    /// Waits until an index has seen the tip of now. A node that is far behind answers as far as it is.
    pub(super) fn wait_for<R: crate::index::Rules>(&self, index: &crate::index::Index<R>) {
        let since = Instant::now();
        let tip = self.chain_handle().tip();
        while !index.status().synced && index.status().failure.is_none() && since.elapsed() < INDEX_PATIENCE {
            let at = index.status().best_block;
            if at.height >= tip.height && self.chain_handle().is_ancestor(&tip, &at) {
                return;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// The address index, at the tip.
    pub(super) fn addresses(&self) -> NodeResult<&crate::index::AddressIndex> {
        let index = self.core().indexes.addresses.as_ref().ok_or(NodeError::IndexOff("addressindex"))?;
        self.current(index)?;
        Ok(index)
    }

    /// What the filter index has, which is true of its blocks even while it is far behind; what it does not have is
    /// waited for.
    pub(super) fn of_filters<T>(
        &self,
        read: impl Fn(&BlockFilters) -> Result<Option<T>, IndexError>,
    ) -> NodeResult<Option<T>> {
        let index = self.core().indexes.filters.as_ref().ok_or(NodeError::IndexOff("blockfilterindex"))?;
        if let Some(found) = read(index).map_err(index_failure)? {
            return Ok(Some(found));
        }
        self.current(index)?;
        read(index).map_err(index_failure)
    }

    /// Waits for an index; an error if it has stopped and would answer of a chain that is no more.
    pub(super) fn current<R: crate::index::Rules>(&self, index: &crate::index::Index<R>) -> NodeResult<()> {
        self.wait_for(index);
        let status = index.status();
        match status.failure {
            Some(reason) => {
                Err(NodeError::Storage(format!("the index {} has stopped: {reason}", status.name)))
            }
            None => Ok(()),
        }
    }

    /// See [`chaincore_rpc::node::Node::script_totals`].
    pub(super) fn totals_of(&self, script: &ScriptId) -> NodeResult<ScriptTotals> {
        let (balance, at) = self.addresses()?.balance(&Hash256(script.0)).map_err(index_failure)?;
        Ok(ScriptTotals {
            at: Tip { hash: at.hash, height: at.height },
            received: balance.received,
            unspent: balance.total,
            immature: balance.immature,
            funded_count: balance.funded,
            unspent_count: balance.unspent,
            tx_count: balance.transactions,
        })
    }

    /// See [`chaincore_rpc::node::Node::script_unspent`].
    pub(super) fn unspent_of(
        &self,
        script: &ScriptId,
        skip: usize,
        limit: usize,
    ) -> NodeResult<Vec<ScriptUnspent>> {
        let (index, script) = (self.addresses()?, Hash256(script.0));
        let (mut skip, mut unspent, mut after) = (skip, Vec::new(), None);
        while unspent.len() < limit {
            let (items, _) = index.unspent(&script, after, ROWS).map_err(index_failure)?;
            let Some(last) = items.last() else { break };
            after = Some(Place { height: last.height, tx_index: last.tx_index, vout: last.outpoint.vout });
            let skipped = skip.min(items.len());
            skip -= skipped;
            unspent.extend(items.into_iter().skip(skipped).take(limit - unspent.len()).map(|item| {
                ScriptUnspent {
                    outpoint: item.outpoint,
                    value: item.value,
                    height: item.height,
                    coinbase: item.coinbase,
                }
            }));
        }
        Ok(unspent)
    }

    /// See [`chaincore_rpc::node::Node::script_history`].
    pub(super) fn history_of(
        &self,
        script: &ScriptId,
        before: Option<TxPlace>,
        skip: usize,
        limit: usize,
    ) -> NodeResult<Vec<ScriptEvent>> {
        let (index, script) = (self.addresses()?, Hash256(script.0));
        let place = |place: TxPlace| Place { height: place.height, tx_index: place.tx_index, vout: 0 };
        let (mut skip, mut events, mut before) = (skip, Vec::new(), before.map(place));
        // Rows before the wanted ones are passed over, never held.
        while events.len() < limit {
            let wanted = skip.saturating_add(limit - events.len()).min(ROWS);
            let items = index.history_back(&script, before, wanted).map_err(index_failure)?;
            let Some(last) = items.last() else { break };
            before = Some(Place { height: last.height, tx_index: last.tx_index, vout: 0 });
            let skipped = skip.min(items.len());
            skip -= skipped;
            events.extend(items.into_iter().skip(skipped).map(|item| ScriptEvent {
                txid: item.txid,
                height: item.height,
                tx_index: item.tx_index,
            }));
        }
        Ok(events)
    }
}
