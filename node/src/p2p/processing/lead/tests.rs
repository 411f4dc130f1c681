use super::*;
use chaincore_consensus::{Hash256, Header};

fn grow(from: &Arc<BlockEntry>, count: u32, salt: u32) -> Vec<Arc<BlockEntry>> {
    let mut entries: Vec<Arc<BlockEntry>> = vec![];
    for n in 0..count {
        let parent = entries.last().unwrap_or(from);
        let header = Header {
            version: 1,
            previous: parent.hash(),
            merkle_root: Hash256::ZERO,
            time: n,
            bits: 0x207f_ffff,
            nonce: salt,
        };
        entries.push(Arc::new(BlockEntry::on(parent, header)));
    }
    entries
}

fn genesis() -> Arc<BlockEntry> {
    Arc::new(BlockEntry::root(chaincore_consensus::params::ChainParams::regtest().genesis.header))
}

#[test]
fn of_each_peers_chain_the_lowest_headers_stay() {
    let genesis = genesis();
    let (long, short, other) = (grow(&genesis, 900, 1), grow(&genesis, 30, 2), grow(&genesis, 500, 3));
    let twig = grow(&long[599], 200, 4);
    let claims = |list: &[&Arc<BlockEntry>]| -> BTreeMap<PeerId, Arc<BlockEntry>> {
        (1..).map(PeerId).zip(list.iter().copied().cloned()).collect()
    };
    let heights = |list: &[&Arc<BlockEntry>], measure: &BlockEntry| {
        let kept = cuts(&claims(list), measure.chain_work(), 100);
        kept.into_values().map(|entry| entry.height()).collect::<Vec<_>>()
    };
    let (far, near, middle) = (&long[899], &short[29], &other[499]);
    assert_eq!(heights(&[far, near, middle], &genesis), [100, 30, 100]);
    // A chain that is still to be judged stays up to the point where it can be: one, the best.
    assert_eq!(heights(&[far, near, middle], &other[199]), [300, 30, 100]);
    assert_eq!(heights(&[middle, near], &other[199]), [300, 30]);
    // What others have of it stays as well, and a little of what they have above.
    assert_eq!(heights(&[far, &long[250], &twig[199]], &long[599]), [700, 251, 700]);
    assert_eq!(heights(&[], &genesis), [0u32; 0]);
}

#[test]
fn how_far_a_branch_is_ahead_leaves_out_what_must_be_known_of_it() {
    let genesis = genesis();
    let chain = grow(&genesis, 300, 1);
    let tip = &chain[299];
    for height in [0, 1, 2, 150, 299, 300] {
        let measure = tip.ancestor(height).unwrap().chain_work();
        assert_eq!(judged(tip, measure), height);
    }
    assert_eq!(linked(tip), 0);
}

#[test]
fn what_cannot_go_is_not_looked_at_again_and_again() {
    let mut lead = Lead::new(Limits { waiting: 1000, lead: 200 });
    assert!(!lead.is_due(1000));
    assert!(lead.is_due(1001));
    // A chain of 3000 that is still to be judged has stayed.
    lead.trim_above = lead.after(3000);
    assert!(!lead.is_due(3500));
    assert!(lead.is_due(3501));
    lead.trim_above = lead.after(3000);
    // Its blocks have come.
    assert!(!lead.is_due(10));
    assert!(lead.is_due(1001));
    assert_eq!((lead.share(4), lead.low(4), lead.low(1)), (125, 62, 100));
    assert_eq!(lead.share(5_000), 1);
}
