//! Taking in block files: the node's own (`-reindex`) and others' (`-loadblock`).
//!
//! One thread reads ahead; the blocks it has read are decoded and checked on the script threads, many at a time,
//! while the writer connects the ones before. Blocks that come before their parent wait as positions, not as
//! bytes.

use super::outcome::{CheckedBlock, Origin, Outcome};
use super::{Chain, ChainError, ChainHandle, Phase};
use chaincore_consensus::codec::Decode;
use chaincore_consensus::pow::check_proof_of_work;
use chaincore_consensus::{Block, BlockHash, Header};
use chaincore_storage::{BlockScan, FilePos, ScannedBlock};
use rayon::prelude::*;
use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use tokio::sync::oneshot;

/// Blocks, and bytes of blocks, that are decoded and checked together.
const BATCH_BLOCKS: usize = 64;
const BATCH_BYTES: usize = 8 << 20;

/// Blocks handed to the writer and not answered yet.
const MAX_IN_FLIGHT: usize = 128;

/// Blocks that may wait for their parent; more are left out.
const MAX_PARKED: usize = 2_000_000;

/// What an import did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ImportReport {
    /// Blocks that the chain did not have.
    pub accepted: u64,
    /// Blocks that it had.
    pub known: u64,
    /// Blocks that break a rule.
    pub rejected: u64,
    /// Blocks whose parent was in none of the files.
    pub without_parent: u64,
    /// Bytes read.
    pub bytes: u64,
}

/// A block file and what its blocks' positions mean.
#[derive(Debug, Clone)]
enum Source {
    /// One of the chain's own files: blocks stay where they are.
    Own(u32),
    /// Another file: blocks are copied.
    Other(PathBuf),
}

type Reply = oneshot::Receiver<Result<Outcome, ChainError>>;

/// A block given to the writer.
struct InFlight {
    hash: BlockHash,
    parent: BlockHash,
    source: usize,
    pos: FilePos,
    reply: Reply,
}

/// Takes block files in, on the thread that calls it (not one of an async runtime).
pub struct Importer {
    chain: ChainHandle,
    sources: Vec<Source>,
    in_flight: VecDeque<InFlight>,
    /// Blocks without parent, by the parent.
    parked: HashMap<BlockHash, Vec<(usize, FilePos)>>,
    parked_count: usize,
    report: ImportReport,
    total_bytes: u64,
}

impl Importer {
    /// An importer into `chain`.
    pub fn new(chain: ChainHandle) -> Self {
        Self {
            chain,
            sources: vec![],
            in_flight: VecDeque::new(),
            parked: HashMap::new(),
            parked_count: 0,
            report: ImportReport::default(),
            total_bytes: 0,
        }
    }

    /// Whether the chain was opened for a reindex, or one was interrupted: then [`Self::reindex`] must run.
    pub fn is_reindex_due(&self) -> Result<bool, ChainError> {
        self.chain.query_blocking(|chain| chain.is_reindexing())
    }

    /// Takes in the chain's own block files.
    pub fn reindex(mut self) -> Result<ImportReport, ChainError> {
        let numbers = self.chain.store().block_files().numbers()?;
        self.sources = numbers.into_iter().map(Source::Own).collect();
        self.run()?;
        self.chain.query_blocking(|chain| {
            chain.ensure_genesis()?;
            chain.activate(None)?;
            chain.flush()?;
            chain.note_reindexing(false)
        })?;
        Ok(self.report)
    }

    /// Takes in block files of this chain from elsewhere, such as Core's. They are only read.
    pub fn load(mut self, files: &[PathBuf]) -> Result<ImportReport, ChainError> {
        self.sources = files.iter().cloned().map(Source::Other).collect();
        self.run()?;
        self.chain.query_blocking(Chain::flush)?;
        Ok(self.report)
    }

    fn run(&mut self) -> Result<(), ChainError> {
        let folder = self.chain.store().block_files().folder().to_path_buf();
        let size = |source: &Source| {
            let path = match source {
                Source::Own(number) => folder.join(format!("blk{number:05}.dat")),
                Source::Other(path) => path.clone(),
            };
            std::fs::metadata(path).map_or(0, |metadata| metadata.len())
        };
        self.total_bytes = self.sources.iter().map(size).sum();
        let result = self.run_files();
        self.chain.status().set(Phase::Ready);
        self.report.without_parent = self.parked_count as u64;
        result
    }

    fn run_files(&mut self) -> Result<(), ChainError> {
        for source in 0..self.sources.len() {
            let name = match &self.sources[source] {
                Source::Own(number) => format!("blk{number:05}.dat"),
                Source::Other(path) => path.display().to_string(),
            };
            tracing::info!(file = name, "taking in blocks");
            let before = self.report.bytes;
            if !self.file(source, &name, BATCH_BLOCKS)? {
                // Something looked like a block and was none; what it seemed to contain may be blocks.
                self.report.bytes = before;
                self.file(source, &name, 1)?;
            }
        }
        while !self.in_flight.is_empty() {
            self.answer_first()?;
        }
        Ok(())
    }

    fn open(&self, source: usize) -> Result<BlockScan, ChainError> {
        Ok(match &self.sources[source] {
            Source::Own(number) => self.chain.store().block_files().scan(*number, 0)?,
            Source::Other(path) => {
                let number = u32::try_from(source).expect("no command line names 4 billion files");
                BlockScan::open(path, number, self.chain.params().magic)?
            }
        })
    }

    /// Takes in one file, `batch_blocks` blocks at a time; whether all that looked like blocks were blocks. With
    /// batches of one block the search goes on inside of what was none.
    fn file(&mut self, source: usize, name: &str, batch_blocks: usize) -> Result<bool, ChainError> {
        let mut scan = self.open(source)?;
        let mut clean = true;
        loop {
            let (batch, end) = self.read_batch(&mut scan, batch_blocks)?;
            let params = self.chain.params().clone();
            let check = |block: ScannedBlock| (block.pos, CheckedBlock::decode(block.bytes, &params));
            let checked: Vec<_> =
                self.chain.scripts().pool().install(|| batch.into_par_iter().map(check).collect());
            for (pos, block) in checked {
                match block {
                    Ok(block) => self.submit(block, source, pos)?,
                    Err(reason) => {
                        tracing::warn!(file = name, offset = pos.offset, %reason, "not a valid block");
                        clean = false;
                        if batch_blocks == 1 {
                            scan.reject();
                        }
                    }
                }
            }
            self.chain.status().set(Phase::Importing {
                file: name.into(),
                blocks: self.report.accepted,
                bytes: self.report.bytes + scan.offset(),
                total_bytes: self.total_bytes,
            });
            if self.chain.status().is_interrupted() {
                return Err(ChainError::Stopped("the import was interrupted".into()));
            }
            if end {
                self.report.bytes += scan.offset();
                return Ok(clean);
            }
        }
    }

    /// Reads blocks that the chain does not have; whether the file has ended.
    fn read_batch(
        &mut self,
        scan: &mut BlockScan,
        batch_blocks: usize,
    ) -> Result<(Vec<ScannedBlock>, bool), ChainError> {
        let snapshot = self.chain.snapshot();
        let pow_limit = self.chain.params().pow_limit;
        let mut batch = vec![];
        let mut bytes = 0;
        while batch.len() < batch_blocks && bytes < BATCH_BYTES {
            let Some(frame) = scan.next_frame()? else { return Ok((batch, true)) };
            // A file can be full of what only looks like blocks.
            if self.chain.status().is_interrupted() {
                return Ok((batch, false));
            }
            let header = Header::decode_exact(&frame.header).expect("any 80 bytes are a header");
            if !check_proof_of_work(&header.hash(), header.bits, pow_limit) {
                scan.reject();
                continue;
            }
            if snapshot.entry(&header.hash()).is_some_and(|entry| entry.has_data()) {
                self.report.known += 1;
                continue;
            }
            let Some(block) = scan.read_frame(&frame)? else { return Ok((batch, true)) };
            // A header with work can stand before anything. Where such a one has been met, nothing is copied that
            // is no block.
            if batch_blocks == 1 && Block::decode_exact(block).is_err() {
                scan.reject();
                continue;
            }
            bytes += block.len();
            batch.push(ScannedBlock { pos: frame.pos, bytes: block.to_vec() });
        }
        Ok((batch, false))
    }

    fn submit(&mut self, block: CheckedBlock, source: usize, pos: FilePos) -> Result<(), ChainError> {
        let stored_at = matches!(self.sources[source], Source::Own(_)).then_some(pos);
        let (hash, parent) = (block.hash(), block.block().header.previous);
        let reply = self.chain.queue_blocking(move |chain| chain.import_block(&block, stored_at))?;
        self.in_flight.push_back(InFlight { hash, parent, source, pos, reply });
        while self.in_flight.len() > MAX_IN_FLIGHT {
            self.answer_first()?;
        }
        Ok(())
    }

    fn answer_first(&mut self) -> Result<(), ChainError> {
        let Some(first) = self.in_flight.pop_front() else { return Ok(()) };
        let closed = |_| ChainError::Stopped("the chain has stopped during the import".into());
        let outcome = first.reply.blocking_recv().map_err(closed)??;
        match outcome {
            Outcome::Best { .. } | Outcome::SideChain => self.report.accepted += 1,
            Outcome::AlreadyKnown => self.report.known += 1,
            Outcome::MissingParent => {
                self.park(first.parent, first.source, first.pos);
                return Ok(());
            }
            Outcome::KnownInvalid | Outcome::Rejected(_) => {
                self.report.rejected += 1;
                tracing::warn!(hash = %first.hash, ?outcome, "block refused");
            }
        }
        for (source, pos) in self.parked.remove(&first.hash).unwrap_or_default() {
            self.parked_count -= 1;
            let bytes = self.read_again(source, pos)?;
            match CheckedBlock::decode(bytes, self.chain.params()) {
                Ok(block) => self.submit(block, source, pos)?,
                Err(reason) => tracing::warn!(%reason, "a block file has changed while it was read"),
            }
        }
        Ok(())
    }

    fn park(&mut self, parent: BlockHash, source: usize, pos: FilePos) {
        if self.parked_count == MAX_PARKED {
            tracing::warn!(%parent, "too many blocks wait for their parents: one is left out");
            return;
        }
        self.parked_count += 1;
        self.parked.entry(parent).or_default().push((source, pos));
    }

    fn read_again(&self, source: usize, pos: FilePos) -> Result<Vec<u8>, ChainError> {
        match &self.sources[source] {
            Source::Own(_) => Ok(self.chain.store().block_files().read_block(pos)?),
            Source::Other(path) => read_foreign(&mut self.open(source)?, path, pos),
        }
    }
}

fn read_foreign(scan: &mut BlockScan, path: &Path, pos: FilePos) -> Result<Vec<u8>, ChainError> {
    scan.seek_to_block(pos.offset);
    match scan.next_block()? {
        Some(block) if block.pos.offset == pos.offset => Ok(block.bytes),
        _ => Err(ChainError::Refused(format!("{} has changed while it was read", path.display()))),
    }
}

impl Chain {
    /// Accepts a block of a block file; `stored_at` is its place if that file is the chain's own.
    fn import_block(
        &mut self,
        block: &CheckedBlock,
        stored_at: Option<FilePos>,
    ) -> Result<Outcome, ChainError> {
        if let Some(pos) = stored_at {
            let len = u32::try_from(block.bytes().len()).expect("a block file's frame is smaller");
            self.shared.store.block_files().adopt_block(pos, len);
        }
        self.accept_block_at(block, Origin::Import, stored_at)
    }
}
