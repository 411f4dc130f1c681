use super::ledger::{Book, Spoil};
use super::{ScriptedChain, check_plugin, killed_at};
use crate::{ChainReader, ReadError};

#[tokio::test]
async fn a_plugin_that_keeps_to_the_contract_passes() {
    check_plugin(|| Book::new(Spoil::Nothing)).await.unwrap();
}

#[tokio::test]
async fn plugins_that_do_not_are_caught() {
    let spoils = [Spoil::CursorFirst, Spoil::CursorLast, Spoil::RowsStay, Spoil::Believes, Spoil::KeepsRows];
    for spoil in spoils {
        let failure = check_plugin(|| Book::new(spoil)).await.expect_err(&format!("{spoil:?} is caught"));
        assert!(!failure.what.is_empty() && !failure.scenario.is_empty(), "{failure}");
    }
}

#[test]
fn a_chain_extends_reorganizes_and_forgets() {
    let chain = ScriptedChain::new(7);
    chain.extend(5);
    chain.flush();
    let old = chain.tip();
    chain.reorganize(2);
    let (tip, fork) = (chain.tip(), chain.at(3).unwrap());
    assert_eq!((tip.height, chain.durable_tip()), (6, old));
    assert!(chain.is_ancestor(&fork, &old) && chain.is_ancestor(&fork, &tip));
    assert!(!chain.is_ancestor(&old, &tip) && chain.is_ancestor(&old, &old));
    let path = chain.path(&[old, fork], 2);
    assert_eq!((path.fork, path.connect.len(), path.tip), (fork, 2, tip));
    // Coins that are spent were made by the blocks below, and are spent once.
    let mut spent = 0;
    for block in chain.branch(&tip) {
        let inputs: usize = block.block.transactions.iter().skip(1).map(|tx| tx.inputs.len()).sum();
        assert_eq!(inputs, block.spent.len());
        assert!(block.spent.iter().all(|coin| coin.height <= block.at.height));
        spent += inputs;
    }
    assert!(spent > 0);
    chain.set_readable(&tip, false);
    assert!(matches!(chain.applied_block(&tip.hash), Err(ReadError::Unavailable(hash)) if hash == tip.hash));
    chain.crash();
    assert_eq!((chain.tip(), chain.is_ancestor(&tip, &tip)), (old, false));
    chain.extend(1);
    chain.activate(fork);
    assert_eq!(chain.tip(), fork);
}

#[tokio::test]
async fn a_future_is_killed_where_it_waits() {
    let waits = || async {
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
        7
    };
    assert_eq!(killed_at(waits(), 1).await, None);
    assert_eq!(killed_at(waits(), 2).await, None);
    assert_eq!(killed_at(waits(), 3).await, Some(7));
}
