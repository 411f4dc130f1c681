//! The same chain by Bitcoin Core's rules, in a folder that goes away with it.

use bitcoinkernel::{
    Block as KernelBlock, BlockValidationResult, BlockValidationStateRef, ChainType, ChainstateManager,
    Context, ContextBuilder, Log, Logger, ProcessBlockResult, prelude::*,
};
use chaincore_consensus::codec::Encode;
use chaincore_consensus::reject::RejectKind;
use chaincore_consensus::{Block, BlockHash};
use std::sync::{Arc, Mutex};

/// What Core says of a block that it refuses.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// The sort of refusal, unless the block did not come that far.
    pub kind: Option<RejectKind>,
    /// The reason and the details, as its log has them.
    pub reason: String,
}

#[derive(Default)]
struct Heard {
    log: Vec<String>,
    checked: Option<BlockValidationResult>,
}

/// Keeps the log's lines.
struct Listener(Arc<Mutex<Heard>>);

impl Log for Listener {
    fn log(&self, message: &str) {
        self.0.lock().expect("no holder panics").log.push(message.trim_end().to_owned());
    }
}

/// Core's chain. Fields go in the order of their declaration: the log last.
pub struct Core {
    manager: ChainstateManager,
    _context: Context,
    _folder: tempfile::TempDir,
    heard: Arc<Mutex<Heard>>,
    _logger: Logger,
}

impl Core {
    /// Only genesis.
    pub fn new() -> Self {
        let heard = Arc::new(Mutex::new(Heard::default()));
        let logger = Logger::new(Listener(heard.clone())).expect("the log can be heard");
        let checked = heard.clone();
        let context = ContextBuilder::new()
            .chain_type(ChainType::Regtest)
            .with_block_checked_validation(move |_: KernelBlock, state: BlockValidationStateRef<'_>| {
                checked.lock().expect("no holder panics").checked = Some(state.result());
            })
            .build()
            .expect("a context can be had");
        let folder = tempfile::tempdir().expect("a folder can be made");
        let path = |name: &str| folder.path().join(name).to_str().expect("its path is text").to_owned();
        let manager = ChainstateManager::builder(&context, &path("data"), &path("blocks"))
            .expect("the folders can be made")
            .block_tree_db_in_memory(true)
            .chainstate_db_in_memory(true)
            .worker_threads(0)
            .build()
            .expect("the chain can be opened");
        manager.import_blocks().expect("genesis is imported");
        Self { manager, _context: context, _folder: folder, heard, _logger: logger }
    }

    /// Hands a block over; Core's verdict if it does not become the tip.
    pub fn process(&self, block: &Block) -> Result<(), Refusal> {
        *self.heard.lock().expect("no holder panics") = Heard::default();
        let kernel_block = KernelBlock::new(&block.to_bytes()).expect("our bytes are a block");
        let result = self.manager.process_block(&kernel_block);
        if self.tip() == block.hash() {
            assert_eq!(result, ProcessBlockResult::NewBlock);
            return Ok(());
        }
        let heard = self.heard.lock().expect("no holder panics");
        let reason = heard.log.iter().rev().find_map(|line| {
            let failed = line.split_once("AcceptBlock FAILED (").and_then(|(_, rest)| rest.strip_suffix(')'));
            failed.or_else(|| line.split_once("Block validation error: ").map(|(_, rest)| rest))
        });
        let reason = reason.unwrap_or_else(|| panic!("no reason in {:?}", heard.log));
        Err(Refusal { kind: heard.checked.and_then(kind), reason: reason.to_owned() })
    }

    /// The hash of the last block.
    pub fn tip(&self) -> BlockHash {
        BlockHash(self.manager.active_chain().tip().block_hash().to_bytes())
    }
}

fn kind(result: BlockValidationResult) -> Option<RejectKind> {
    Some(match result {
        BlockValidationResult::Unset => return None,
        BlockValidationResult::Consensus => RejectKind::Consensus,
        BlockValidationResult::CachedInvalid => RejectKind::CachedInvalid,
        BlockValidationResult::InvalidHeader => RejectKind::InvalidHeader,
        BlockValidationResult::Mutated => RejectKind::Mutated,
        BlockValidationResult::MissingPrev => RejectKind::MissingPrev,
        BlockValidationResult::InvalidPrev => RejectKind::InvalidPrev,
        BlockValidationResult::TimeFuture => RejectKind::TimeFuture,
        BlockValidationResult::HeaderLowWork => RejectKind::HeaderLowWork,
    })
}
