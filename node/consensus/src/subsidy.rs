//! The new coins of a block.

use crate::amount::Amount;
use crate::params::ChainParams;

/// The new coins that the block at `height` may make: the initial reward, halved every
/// `halving_interval` blocks, nothing after 64 halvings (Core's `GetBlockSubsidy`).
pub fn block_subsidy(height: u32, params: &ChainParams) -> Amount {
    let halvings = height / params.halving_interval;
    if halvings >= 64 { Amount::ZERO } else { Amount(params.initial_subsidy.sat() >> halvings) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_as_core_does() {
        let main = ChainParams::main();
        assert_eq!(block_subsidy(0, &main), Amount::from_coins(50));
        assert_eq!(block_subsidy(209_999, &main), Amount::from_coins(50));
        assert_eq!(block_subsidy(210_000, &main), Amount::from_coins(25));
        assert_eq!(block_subsidy(64 * 210_000, &main), Amount::ZERO);
        let total: i64 =
            (0..14_000_000).step_by(1000).map(|height| block_subsidy(height, &main).sat() * 1000).sum();
        assert_eq!(total, 2_099_999_997_690_000);
        assert_eq!(block_subsidy(150, &ChainParams::regtest()), Amount::from_coins(25));
    }
}
