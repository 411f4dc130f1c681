//! The chain of headers.

use super::{Problems, Run, hash_of, strides};
use crate::error::MirrorError;
use chaincore_consensus::subsidy::block_subsidy;
use chaincore_consensus::{BlockHash, Hash256, Header};
use chaincore_plugin::BlockRef;
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use std::ops::RangeInclusive;

struct Stored {
    height: u32,
    hash: Option<BlockHash>,
    header: Header,
    chainwork: Vec<u8>,
    subsidy: i64,
}

impl Run<'_> {
    pub(super) async fn headers(
        &mut self,
        heights: &RangeInclusive<u32>,
        problems: &mut Problems,
    ) -> Result<(), MirrorError> {
        let ours = self.own_branch(heights)?;
        let mut below: Option<Stored> = None;
        for (from, to) in strides(heights) {
            let query = sqlx::query(
                "SELECT height, hash, prev_hash, merkle_root, version, extract(epoch FROM time)::bigint, bits, nonce, \
                 chainwork, subsidy FROM chaincore.blocks WHERE height BETWEEN $1 AND $2 ORDER BY height",
            );
            let rows = self.fetch(query.bind(from as i32).bind(to as i32)).await?;
            let mut expected = from;
            for row in &rows {
                let stored = read(row).map_err(MirrorError::during("cannot read a block's row"))?;
                for missing in expected..stored.height {
                    problems.add(format!("block {missing} is missing"));
                }
                expected = stored.height + 1;
                let own = ours.get((stored.height - heights.start()) as usize);
                self.header(&stored, below.as_ref(), own, problems);
                below = Some(stored);
                if problems.is_full() {
                    return Ok(());
                }
            }
            for missing in expected..=to {
                problems.add(format!("block {missing} is missing"));
            }
        }
        Ok(())
    }

    fn header(
        &self,
        stored: &Stored,
        below: Option<&Stored>,
        own: Option<&BlockHash>,
        problems: &mut Problems,
    ) {
        let height = stored.height;
        let Some(hash) = stored.hash else {
            return problems.add(format!("block {height}: its hash has not 32 bytes"));
        };
        if stored.header.hash() != hash {
            problems
                .add(format!("block {height}: its header hashes to {}, not to {hash}", stored.header.hash()));
        }
        if own.is_some_and(|own| *own != hash) {
            problems.add(format!("block {height}: the mirror has {hash}, the node another"));
        }
        if stored.subsidy != block_subsidy(height, self.source.params).0 {
            problems.add(format!("block {height}: a subsidy of {} is not the rule's", stored.subsidy));
        }
        let Some(below) = below.filter(|below| below.height + 1 == height) else { return };
        if below.hash.is_some_and(|hash| stored.header.previous != hash) {
            problems.add(format!("block {height}: it is not on block {}", below.height));
        }
        if stored.chainwork <= below.chainwork {
            problems.add(format!("block {height}: the work of the chain does not rise"));
        }
    }

    /// The node's hashes at these heights, on the branch that ends with the mirror's tip.
    fn own_branch(&self, heights: &RangeInclusive<u32>) -> Result<Vec<BlockHash>, MirrorError> {
        let chain = self.source.chain;
        let mut hashes = vec![];
        let mut at = self.tip;
        loop {
            if heights.contains(&at.height) {
                hashes.push(at.hash);
            }
            if at.height <= *heights.start() {
                break;
            }
            at = chain.parent(&at).ok_or_else(|| unknown(&at))?;
        }
        hashes.reverse();
        Ok(hashes)
    }

    /// The node's block at a height of that branch.
    pub(super) fn own_blocks(&self, heights: &RangeInclusive<u32>) -> Result<Vec<BlockRef>, MirrorError> {
        let hashes = self.own_branch(heights)?;
        Ok(hashes
            .into_iter()
            .zip(*heights.start()..)
            .map(|(hash, height)| BlockRef { height, hash })
            .collect())
    }
}

fn unknown(at: &BlockRef) -> MirrorError {
    MirrorError::Damaged { height: at.height, what: format!("the node does not know what {at} builds on") }
}

fn read(row: &PgRow) -> Result<Stored, sqlx::Error> {
    let hash = |at: usize| row.try_get::<Vec<u8>, _>(at).map(|bytes| hash_of(&bytes));
    let number = |at: usize| row.try_get::<i64, _>(at).map(|number| number as u32);
    let header = Header {
        version: row.try_get(4)?,
        previous: hash(2)?.unwrap_or(BlockHash::ZERO),
        merkle_root: Hash256(hash(3)?.unwrap_or(BlockHash::ZERO).0),
        time: number(5)?,
        bits: number(6)?,
        nonce: number(7)?,
    };
    Ok(Stored {
        height: row.try_get::<i32, _>(0)? as u32,
        hash: hash(1)?,
        header,
        chainwork: row.try_get(8)?,
        subsidy: row.try_get(9)?,
    })
}
