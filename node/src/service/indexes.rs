//! Questions to the indexes: waiting until they have seen the tip, and pages of what an address has.

use super::{Service, index_failure};
use crate::index::{BlockFilters, IndexError, Place};
use chaincore_consensus::Script;
use chaincore_plugin::ChainReader;
use chaincore_rpc::node::{NodeError, NodeResult, ScriptEvent, ScriptUnspent};
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

    /// See [`chaincore_rpc::node::Node::script_unspent`].
    pub(super) fn unspent_of(
        &self,
        script: &Script,
        skip: usize,
        limit: usize,
    ) -> NodeResult<Vec<ScriptUnspent>> {
        let index = self.addresses()?;
        let (mut skip, mut unspent, mut after) = (skip, Vec::new(), None);
        while unspent.len() < limit {
            let (items, _) = index.unspent(script, after, ROWS).map_err(index_failure)?;
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
        script: &Script,
        skip: usize,
        limit: usize,
    ) -> NodeResult<Vec<ScriptEvent>> {
        let index = self.addresses()?;
        // The index reads oldest first; the newest are the last of all.
        let (totals, _) = index.balance(script).map_err(index_failure)?;
        let count = usize::try_from(totals.transactions).unwrap_or(usize::MAX);
        let end = count.saturating_sub(skip);
        let first = end.saturating_sub(limit);
        let (mut at, mut events, mut after) = (0, Vec::new(), None);
        // Rows before the wanted ones are passed over, never held.
        while at < end {
            let (items, _) = index.history(script, after, ROWS.min(end - at)).map_err(index_failure)?;
            let Some(last) = items.last() else { break };
            after = Some(Place { height: last.height, tx_index: last.tx_index, vout: 0 });
            let passed = first.saturating_sub(at).min(items.len());
            at += items.len();
            events.extend(items.into_iter().skip(passed).map(|item| ScriptEvent {
                txid: item.txid,
                height: item.height,
                tx_index: item.tx_index,
            }));
        }
        events.reverse();
        Ok(events)
    }
}
