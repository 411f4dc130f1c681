use super::*;
use proptest::prelude::*;

/// A P2WPKH output and the input that spends it.
const OUTPUT: u64 = 31 * 4;
const WITNESS: u64 = 109;

fn coin(value: u64) -> Candidate {
    Candidate { value, satisfaction: WITNESS, segwit: true }
}

fn goal(value: u64, rate: u64) -> Goal {
    Goal {
        value,
        outputs_weight: OUTPUT,
        outputs: 1,
        fee: FeeRule { rate: FeeRate(rate), ..FeeRule::default() },
        change_weight: OUTPUT,
        min_change: 294,
        change_input_weight: INPUT_WEIGHT + WITNESS,
    }
}

#[test]
fn a_set_without_change_is_found() {
    let coins: Vec<_> = [50_000, 31_000, 20_000, 9_000, 120_000].map(coin).into();
    // 20,000 + 31,000 less the fee for two inputs and one output at 5 sat/vB.
    let inputs = [coin(0), coin(0)];
    let fee = FeeRate(5000).fee_for_weight(weight_of(inputs.iter(), OUTPUT, 1));
    let found = select(&coins, &[], &goal(51_000 - fee, 5000), 1).unwrap();
    assert_eq!(found, Selection { chosen: vec![1, 2], change: None, fee });
}

#[test]
fn change_is_made_where_it_is_worth_it() {
    let found = select(&[coin(100_000)], &[], &goal(40_000, 1000), 1).unwrap();
    let fee = FeeRate(1000).fee_for_weight(weight_of([coin(0)].iter(), 2 * OUTPUT, 2));
    assert_eq!(fee, 141, "one input, two outputs");
    assert_eq!(found, Selection { chosen: vec![0], change: Some(60_000 - fee), fee });
    // One satoshi less than worth the change output goes to the miner.
    let found = select(&[coin(40_000 + fee + 293)], &[], &goal(40_000, 1000), 1).unwrap();
    assert_eq!(found, Selection { chosen: vec![0], change: None, fee: fee + 293 });
}

#[test]
fn too_little_says_how_much_is_missing() {
    let short = select(&[coin(1000), coin(500)], &[], &goal(2000, 1000), 1).unwrap_err();
    assert_eq!(short, Short { needed: 2000 + 179, available: 1500 });
    // Coins that cost more than they bring are no help.
    let short = select(&[coin(60); 100], &[], &goal(2000, 1000), 1).unwrap_err();
    assert_eq!(short.available, 0);
    assert!(select(&[], &[], &goal(0, 1000), 1).is_err());
}

#[test]
fn replacements_and_children_pay_for_others() {
    let mut rule = FeeRule { rate: FeeRate(1000), ..FeeRule::default() };
    assert_eq!(rule.fee(400), 100);
    rule.replaces = Some(500);
    assert_eq!(rule.fee(400), 510);
    rule = FeeRule { rate: FeeRate(2000), parents: (200, 200), ..FeeRule::default() };
    assert_eq!(rule.fee(400), 400, "2 sat/vB for 300 vB, of which 200 are paid");
    rule.parents = (200, 1_000_000);
    assert_eq!(rule.fee(400), 200, "its own bytes at least");
}

#[test]
fn thousands_of_coins_are_no_trouble() {
    let coins: Vec<_> = (0..5000).map(|n| coin(1000 + n * 7 % 100_000)).collect();
    let found = select(&coins, &[], &goal(3_000_000, 2000), 7).unwrap();
    assert!(goal(3_000_000, 2000).settle(pick(&coins, &found.chosen)).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn money_is_conserved_and_the_fee_is_right(
        values in prop::collection::vec(1u64..10_000_000, 1..30),
        part in 1u64..1000,
        rate in 100u64..200_000,
        require in any::<bool>(),
        seed in any::<u64>(),
    ) {
        let coins: Vec<_> = values
            .iter()
            .enumerate()
            .map(|(at, &value)| if at % 3 == 0 {
                Candidate { value, satisfaction: 4 * 107, segwit: false }
            } else {
                coin(value)
            })
            .collect();
        let sum: u64 = values.iter().sum();
        let goal = goal(sum / 1000 * part + 1, rate);
        let required: &[usize] = if require { &[0] } else { &[] };
        match select(&coins, required, &goal, seed) {
            Ok(found) => {
                let inputs = pick(&coins, &found.chosen);
                let brought = sum_of(inputs.clone());
                prop_assert_eq!(brought, goal.value + found.fee + found.change.unwrap_or(0));
                let least = goal.fee.fee(goal.weight(inputs, found.change.is_some()));
                prop_assert!(found.fee >= least);
                match found.change {
                    Some(change) => prop_assert!(change >= goal.min_change && found.fee == least),
                    None => prop_assert!(found.fee - least <= goal.min_change + goal.cost_of_change()),
                }
                prop_assert!(found.chosen.windows(2).all(|pair| pair[0] < pair[1]), "no coin twice");
                prop_assert!(required.iter().all(|at| found.chosen.contains(at)));
            }
            Err(short) => {
                // Nothing that helps would have been enough.
                let useful: Vec<_> = (0..coins.len())
                    .filter(|at| required.contains(at) || coins[*at].effective_value(goal.fee.rate) > 0)
                    .collect();
                prop_assert!(goal.settle(pick(&coins, &useful)).is_err());
                prop_assert!(short.needed > short.available);
            }
        }
    }
}
