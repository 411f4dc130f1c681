//! What blocks do to coins and balances, summed up over a batch. Pure.

use crate::error::MirrorError;
use crate::rows::{BlockRows, InputRow, OutputRow, Owner, height_of, tx_id};
use std::collections::{BTreeMap, HashSet};

/// A change of somebody's balance.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Delta {
    /// What came in, in satoshis.
    pub received: i64,
    /// What went out, in satoshis.
    pub sent: i64,
    /// How many more coins there are.
    pub coins: i32,
    /// The first height at which something happened.
    pub first: u32,
    /// The last.
    pub last: u32,
}

/// The changes that a batch of blocks makes.
#[derive(Debug, Default)]
pub struct Effects<'a> {
    /// Coins that are there after the batch and were not before.
    pub created: Vec<&'a OutputRow>,
    /// Coins that were there before the batch and are not after, as transaction and output: sorted.
    pub spent: Vec<(i64, i32)>,
    /// Balances, sorted by owner: rows are locked in one order.
    pub balances: BTreeMap<Owner, Delta>,
}

impl<'a> Effects<'a> {
    /// The effects of blocks that follow each other. The inputs must know their owners.
    ///
    /// # Errors
    /// [`MirrorError::Input`] if a coin is spent twice or spends what the batch did not make.
    pub fn of(batch: &'a [BlockRows]) -> Result<Self, MirrorError> {
        let Some(first) = batch.first() else { return Ok(Self::default()) };
        let first_id = tx_id(first.block.height, 0);
        let mut effects = Self::default();
        let mut inside = HashSet::new();
        for block in batch {
            for input in &block.inputs {
                effects.input(input, first_id, &mut inside)?;
            }
        }
        for block in batch {
            for output in block.outputs.iter().filter(|output| output.is_coin) {
                let repeated = block.repeats_coinbase && output.tx_id == tx_id(block.block.height, 0);
                effects.output(output, repeated);
                if !inside.remove(&(output.tx_id, output.vout)) {
                    effects.created.push(output);
                }
            }
        }
        if let Some((id, vout)) = inside.into_iter().next() {
            let what = format!("output {vout} of transaction {id} is spent but was not made");
            return Err(MirrorError::Input { height: first.block.height, what });
        }
        effects.spent.sort_unstable();
        if let Some(twice) = effects.spent.windows(2).find(|pair| pair[0] == pair[1]) {
            let what = format!("output {} of transaction {} is spent twice", twice[0].1, twice[0].0);
            return Err(MirrorError::Input { height: first.block.height, what });
        }
        Ok(effects)
    }

    fn input(
        &mut self,
        input: &InputRow,
        first_id: i64,
        inside: &mut HashSet<(i64, i32)>,
    ) -> Result<(), MirrorError> {
        let coin = (input.prev_tx_id, input.prev_vout);
        let height = height_of(input.tx_id);
        if input.prev_tx_id < first_id {
            self.spent.push(coin);
        } else if !inside.insert(coin) {
            let what = format!("output {} of transaction {} is spent twice", coin.1, coin.0);
            return Err(MirrorError::Input { height, what });
        }
        let Some(owner) = &input.owner else {
            return Err(MirrorError::Input { height, what: "the owners of spent coins are missing".into() });
        };
        let delta = self.delta(owner.clone(), height);
        delta.sent += input.value;
        delta.coins -= 1;
        Ok(())
    }

    /// An output that becomes a coin. One that repeats another one takes its place: nobody has more than before.
    fn output(&mut self, output: &OutputRow, repeated: bool) {
        let owner = output.script.owner(output.raw_script.as_deref());
        let delta = self.delta(owner, height_of(output.tx_id));
        if !repeated {
            delta.received += output.value;
            delta.coins += 1;
        }
    }

    fn delta(&mut self, owner: Owner, height: u32) -> &mut Delta {
        let none = Delta { received: 0, sent: 0, coins: 0, first: height, last: height };
        let delta = self.balances.entry(owner).or_insert(none);
        delta.first = delta.first.min(height);
        delta.last = delta.last.max(height);
        delta
    }
}
