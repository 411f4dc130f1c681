//! What fees the mempool offers, and what it takes to be among the next blocks.
//!
//! Pure figures: from the mempool's chunks, which are in the order in which they would be mined. There is no memory of
//! past blocks here, so an estimate says what would do now, not what will do if the crowd grows.

use crate::node::MempoolChunk;
use serde::Serialize;

/// Virtual bytes of one step of the histogram (Esplora's).
const BIN: u64 = 50_000;
/// The numbers of blocks that estimates are given for (Esplora's).
const TARGETS: std::ops::RangeInclusive<u32> = 1..=25;
const FAR_TARGETS: [u32; 3] = [144, 504, 1008];
/// How many of the next blocks are told apart; the last holds all the rest.
const NEXT_BLOCKS: usize = 8;

/// A chunk's fee rate in satoshis per virtual byte.
fn rate(chunk: &MempoolChunk) -> f64 {
    chunk.fee.sat() as f64 * 4.0 / chunk.weight.max(1) as f64
}

/// Virtual bytes of a weight.
fn vsize(weight: u64) -> u64 {
    weight.div_ceil(4)
}

/// The histogram: from the best rate down, a lower bound of a step's rates and the step's virtual bytes.
pub fn histogram(chunks: &[MempoolChunk]) -> Vec<(f64, u64)> {
    let mut steps: Vec<(f64, u64)> = Vec::new();
    let (mut size, mut last) = (0, f64::INFINITY);
    for chunk in chunks {
        let rate = rate(chunk).min(last);
        // Equal rates are never torn apart.
        if size > BIN && rate < last {
            steps.push((last, size));
            size = 0;
        }
        size += vsize(chunk.weight);
        last = rate;
    }
    if size > 0 {
        steps.push((last, size));
    }
    steps
}

/// What a transaction must pay to be among the next `blocks` blocks of `room` weight units each: a little more than
/// what would be left out, and never less than `floor`.
fn estimate(chunks: &[MempoolChunk], blocks: u32, room: u64, floor: f64) -> f64 {
    let room = room.saturating_mul(blocks.into());
    let mut weight = 0_u64;
    let mut least = floor;
    for chunk in chunks {
        weight = weight.saturating_add(chunk.weight);
        least = rate(chunk);
        if weight > room {
            return least.max(floor);
        }
    }
    // All of them fit: so does whatever is taken at all, unless there is hardly room left.
    if weight.saturating_mul(10) > room.saturating_mul(9) { least.max(floor) } else { floor }
}

/// Estimates for every target, in satoshis per virtual byte.
pub fn estimates(chunks: &[MempoolChunk], room: u64, floor: f64) -> Vec<(u32, f64)> {
    let targets = TARGETS.chain(FAR_TARGETS);
    targets.map(|target| (target, estimate(chunks, target, room, floor))).collect()
}

/// Estimates in words, as mempool.space names them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Recommended {
    /// For the next block.
    pub fastest_fee: f64,
    /// For the next three.
    pub half_hour_fee: f64,
    /// For the next six.
    pub hour_fee: f64,
    /// For some day.
    pub economy_fee: f64,
    /// What is taken at all.
    pub minimum_fee: f64,
}

/// Those of the mempool.
pub fn recommended(chunks: &[MempoolChunk], room: u64, floor: f64) -> Recommended {
    let at = |blocks| estimate(chunks, blocks, room, floor);
    Recommended {
        fastest_fee: at(1),
        half_hour_fee: at(3),
        hour_fee: at(6),
        economy_fee: at(144),
        minimum_fee: floor,
    }
}

/// A block as it would be mined of the mempool, in mempool.space's words.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NextBlock {
    /// Bytes; as many as virtual bytes where there are no witnesses.
    pub block_size: u64,
    /// Virtual bytes.
    #[serde(rename = "blockVSize")]
    pub block_vsize: u64,
    /// Transactions.
    pub n_tx: u64,
    /// Satoshis.
    pub total_fees: i64,
    /// The rate of the virtual byte in the middle.
    pub median_fee: f64,
    /// The rates at seven places from the lowest to the highest.
    pub fee_range: Vec<f64>,
}

/// The places of [`NextBlock::fee_range`], in parts of a block's weight from its cheap end.
const RANGE: [f64; 7] = [0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0];

fn next_block(chunks: &[MempoolChunk], bytes_of: &dyn Fn(&MempoolChunk) -> u64) -> NextBlock {
    let weight: u64 = chunks.iter().map(|chunk| chunk.weight).sum();
    // From the cheap end, as chunks are best first.
    let at = |part: f64| {
        let wanted = part * weight as f64;
        let mut below = 0;
        let reached = chunks.iter().rev().find(|chunk| {
            below += chunk.weight;
            below as f64 >= wanted
        });
        reached.or(chunks.first()).map_or(0.0, rate)
    };
    NextBlock {
        block_size: chunks.iter().map(bytes_of).sum(),
        block_vsize: chunks.iter().map(|chunk| vsize(chunk.weight)).sum(),
        n_tx: chunks.iter().map(|chunk| chunk.txids.len() as u64).sum(),
        total_fees: chunks.iter().map(|chunk| chunk.fee.sat()).sum(),
        median_fee: at(0.5),
        fee_range: RANGE.map(at).to_vec(),
    }
}

/// The next blocks of `room` weight units each, the best first. `bytes_of` tells the bytes of a chunk.
pub fn next_blocks(
    chunks: &[MempoolChunk],
    room: u64,
    bytes_of: &dyn Fn(&MempoolChunk) -> u64,
) -> Vec<NextBlock> {
    let mut blocks = Vec::new();
    let mut rest = chunks;
    while !rest.is_empty() {
        let mut weight = 0;
        let fits = |chunk: &&MempoolChunk| {
            weight += chunk.weight;
            weight <= room
        };
        // One at least: a chunk has room in a block by the mempool's limits.
        let count = if blocks.len() + 1 == NEXT_BLOCKS {
            rest.len()
        } else {
            rest.iter().take_while(fits).count().max(1)
        };
        let (block, after) = rest.split_at(count);
        blocks.push(next_block(block, bytes_of));
        rest = after;
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;
    use chaincore_consensus::{Amount, Txid};

    fn chunk(fee: i64, weight: u64) -> MempoolChunk {
        MempoolChunk { txids: vec![Txid([0; 32])], fee: Amount(fee), weight }
    }

    /// `count` chunks of 4000 weight units, the first at `best` satoshis per virtual byte, each one less.
    fn falling(count: i64, best: i64) -> Vec<MempoolChunk> {
        (0..count).map(|n| chunk((best - n) * 1000, 4000)).collect()
    }

    #[test]
    fn the_histogram_holds_everything_once() {
        let chunks = falling(200, 500);
        let steps = histogram(&chunks);
        assert_eq!(steps.iter().map(|(_, size)| size).sum::<u64>(), 200_000);
        assert!(steps.windows(2).all(|pair| pair[0].0 > pair[1].0), "{steps:?}");
        assert_eq!(steps[0], (450.0, 51_000));
        let equal: Vec<_> = (0..200).map(|_| chunk(5000, 4000)).collect();
        assert_eq!(histogram(&equal), [(5.0, 200_000)]);
        assert!(histogram(&[]).is_empty());
    }

    #[test]
    fn an_empty_mempool_takes_the_least() {
        for (_, rate) in estimates(&[], 4_000_000, 0.1) {
            assert_eq!(rate, 0.1);
        }
        let few = falling(10, 500);
        assert_eq!(estimate(&few, 1, 4_000_000, 1.0), 1.0);
    }

    #[test]
    fn a_crowd_must_be_outbid() {
        // 100 chunks, of which a block of this room takes ten.
        let chunks = falling(100, 500);
        let at = |blocks| estimate(&chunks, blocks, 40_000, 1.0);
        assert_eq!((at(1), at(2), at(9)), (490.0, 480.0, 410.0));
        // Full to the brim, but nobody is left out; and with room to spare.
        assert_eq!((at(10), at(11), at(12)), (401.0, 401.0, 1.0));
        let all = estimates(&chunks, 40_000, 1.0);
        assert!(all.windows(2).all(|pair| pair[0].1 >= pair[1].1), "{all:?}");
        assert_eq!(
            all.iter().map(|(target, _)| *target).collect::<Vec<_>>()[22..],
            [23, 24, 25, 144, 504, 1008]
        );
        let words = recommended(&chunks, 40_000, 1.0);
        assert_eq!((words.fastest_fee, words.half_hour_fee, words.economy_fee), (490.0, 470.0, 1.0));
    }

    #[test]
    fn next_blocks_are_full_and_the_last_holds_the_rest() {
        let chunks = falling(100, 500);
        let blocks = next_blocks(&chunks, 40_000, &|chunk| chunk.weight / 2);
        assert_eq!(blocks.len(), 8);
        assert!(blocks[..7].iter().all(|block| block.n_tx == 10 && block.block_vsize == 10_000));
        assert_eq!((blocks[7].n_tx, blocks[7].block_size), (30, 60_000));
        let first = &blocks[0];
        assert_eq!((first.fee_range[0], first.fee_range[6]), (491.0, 500.0));
        assert_eq!((first.median_fee, first.total_fees), (495.0, (491..=500).sum::<i64>() * 1000));
        assert!(first.fee_range.windows(2).all(|pair| pair[0] <= pair[1]), "{first:?}");
        assert!(next_blocks(&[], 40_000, &|_| 0).is_empty());
        // One that is too large for a block still gets one.
        assert_eq!(next_blocks(&[chunk(1, 50_000), chunk(1, 50_000)], 40_000, &|_| 0).len(), 2);
    }
}
