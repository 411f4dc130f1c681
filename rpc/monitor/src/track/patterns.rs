//! What transactions look like: shapes, kinds of outputs, values, fees, busy addresses.

use super::check::Sums;
use crate::nodes::{BlockReply, TxReply};
use chaincore_consensus::{Block, TxIn};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};

/// How many addresses are counted; later ones are left out and that is told.
const MOST_ADDRESSES: usize = 500_000;
/// How many kinds of outputs a node may name.
const MOST_KINDS: usize = 64;
/// How many busy addresses are exported.
const BUSY: usize = 20;

/// Outputs of a kind.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct KindCount {
    /// How many.
    pub outputs: u64,
    /// What they are worth, in satoshis.
    pub value: i64,
}

/// An address that is paid often.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BusyAddress {
    /// The address.
    pub address: String,
    /// How many outputs pay it.
    pub outputs: u64,
    /// What they are worth, in satoshis.
    pub received: i64,
}

/// Shapes of transactions, coinbases left out.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Shapes {
    /// One input, one output.
    pub sweeps: u64,
    /// Several inputs, one output.
    pub consolidations: u64,
    /// Two outputs: a payment and change.
    pub payments: u64,
    /// Three outputs and more.
    pub batches: u64,
}

/// Fees, of the transactions whose inputs are all known.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Fees {
    /// How many transactions that is.
    pub transactions: u64,
    /// What they pay together, in satoshis.
    pub total: i64,
    /// The lowest, mean and highest fee rate, in satoshis per virtual byte.
    pub lowest_rate: f64,
    /// The mean.
    pub mean_rate: f64,
    /// The highest.
    pub highest_rate: f64,
}

/// All of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct PatternReport {
    /// All transactions.
    pub total: u64,
    /// Of them coinbases.
    pub coinbases: u64,
    /// Per block.
    pub mean_per_block: f64,
    /// The most in a block.
    pub most_in_a_block: u64,
    /// Inputs, coinbases left out.
    pub inputs: u64,
    /// Outputs.
    pub outputs: u64,
    /// Shapes.
    pub shapes: Shapes,
    /// Transactions with witnesses, coinbases left out.
    pub segwit: u64,
    /// Transactions that say they may be replaced (BIP125).
    pub replaceable: u64,
    /// Transactions with a lock time.
    pub locked: u64,
    /// Transactions with an output that carries data.
    pub with_data: u64,
    /// Fees.
    pub fees: Fees,
    /// Outputs by kind.
    pub output_kinds: BTreeMap<String, KindCount>,
    /// Outputs by the power of ten of their value in satoshis; the first is those without value.
    pub value_bands: Vec<u64>,
    /// How many different addresses are paid.
    pub addresses: u64,
    /// Of them more than once.
    pub addresses_reused: u64,
    /// Whether there were more than could be counted.
    pub addresses_incomplete: bool,
    /// Those that are paid most often.
    pub busy_addresses: Vec<BusyAddress>,
}

/// Counts.
#[derive(Debug, Clone, Default)]
pub struct Patterns {
    report: PatternReport,
    blocks: u64,
    vsize: u64,
    addresses: HashMap<String, (u64, i64)>,
}

/// The band of a value: 0 for nothing, 1 for 1 to 9 satoshis, and so on.
fn band(value: i64) -> usize {
    u64::try_from(value).ok().and_then(u64::checked_ilog10).map_or(0, |power| power as usize + 1)
}

impl Patterns {
    /// Takes a block.
    pub fn take(&mut self, reply: &BlockReply, block: &Block, sums: &Sums) {
        self.blocks += 1;
        let count = reply.transactions.len() as u64;
        self.report.most_in_a_block = self.report.most_in_a_block.max(count);
        for (at, (told, tx)) in reply.transactions.iter().zip(&block.transactions).enumerate() {
            self.report.total += 1;
            self.outputs(told);
            if at == 0 {
                self.report.coinbases += 1;
                continue;
            }
            let report = &mut self.report;
            report.inputs += tx.inputs.len() as u64;
            match (tx.inputs.len(), tx.outputs.len()) {
                (0 | 1, 0 | 1) => report.shapes.sweeps += 1,
                (_, 0 | 1) => report.shapes.consolidations += 1,
                (_, 2) => report.shapes.payments += 1,
                _ => report.shapes.batches += 1,
            }
            report.segwit += u64::from(tx.has_witness());
            report.replaceable +=
                u64::from(tx.inputs.iter().any(|input| input.sequence < TxIn::SEQUENCE_FINAL - 1));
            report.locked += u64::from(tx.lock_time != 0);
            report.with_data += u64::from(told.outputs.iter().any(|output| output.kind == "nulldata"));
            if let Some(Some(fee)) = sums.fees.get(at - 1) {
                let fees = &mut report.fees;
                let vsize = tx.vsize().max(1) as u64;
                let rate = *fee as f64 / vsize as f64;
                fees.lowest_rate = if fees.transactions == 0 { rate } else { fees.lowest_rate.min(rate) };
                fees.highest_rate = fees.highest_rate.max(rate);
                fees.transactions += 1;
                fees.total = fees.total.saturating_add(*fee);
                self.vsize += vsize;
            }
        }
    }

    fn outputs(&mut self, told: &TxReply) {
        let report = &mut self.report;
        for output in &told.outputs {
            report.outputs += 1;
            let mut kind = crate::text::clean(&output.kind, 40);
            if !report.output_kinds.contains_key(&kind) && report.output_kinds.len() >= MOST_KINDS {
                kind = "others".into();
            }
            let count = report.output_kinds.entry(kind).or_default();
            count.outputs += 1;
            count.value = count.value.saturating_add(output.value);
            let band = band(output.value);
            if report.value_bands.len() <= band {
                report.value_bands.resize(band + 1, 0);
            }
            report.value_bands[band] += 1;
            let Some(address) = &output.address else { continue };
            if let Some((outputs, received)) = self.addresses.get_mut(address) {
                *outputs += 1;
                *received = received.saturating_add(output.value);
            } else if self.addresses.len() < MOST_ADDRESSES {
                self.addresses.insert(crate::text::clean(address, 100), (1, output.value));
            } else {
                report.addresses_incomplete = true;
            }
        }
    }

    /// What it came to.
    pub fn report(&self) -> PatternReport {
        let mut report = self.report.clone();
        report.mean_per_block = report.total as f64 / self.blocks.max(1) as f64;
        report.fees.mean_rate = report.fees.total as f64 / self.vsize.max(1) as f64;
        report.addresses = self.addresses.len() as u64;
        report.addresses_reused = self.addresses.values().filter(|(outputs, _)| *outputs > 1).count() as u64;
        let mut busy: Vec<_> = self.addresses.iter().filter(|(_, (outputs, _))| *outputs > 1).collect();
        busy.sort_by(|a, b| b.1.0.cmp(&a.1.0).then_with(|| a.0.cmp(b.0)));
        let busy = busy.into_iter().take(BUSY).map(|(address, (outputs, received))| BusyAddress {
            address: address.clone(),
            outputs: *outputs,
            received: *received,
        });
        report.busy_addresses = busy.collect();
        report
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_fall_into_powers_of_ten() {
        assert_eq!([-1, 0, 1, 9, 10, 100_000_000, i64::MAX].map(band), [0, 0, 1, 1, 2, 9, 19]);
    }
}
