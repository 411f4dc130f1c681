//! The way to the chain from everywhere else: commands to the writer thread, and reading without it.

use super::mining_log::MiningLog;
use super::outcome::{CheckedBlock, Origin, Outcome};
use super::shared::Shared;
use super::{
    BlockEntry, BlockVerdict, Chain, ChainError, ChainOptions, NewPowValidBlock, ScriptVerifier, Snapshot,
    Status, TipState,
};
use crate::clock::Clock;
use crate::mempool::{Accepted, FeeRate, Mempool, PackageOutcome};
use chaincore_consensus::coin::Coin;
use chaincore_consensus::params::ChainParams;
use chaincore_consensus::reject::RejectReason;
use chaincore_consensus::undo::BlockUndo;
use chaincore_consensus::{Block, BlockHash, Header, OutPoint, TxRef};
use chaincore_plugin::{AppliedBlock, BlockRef};
use chaincore_storage::Store;
use std::sync::{Arc, Mutex, RwLock};
use std::thread::JoinHandle;
use std::time::Instant;
use tokio::sync::{mpsc, oneshot, watch};

/// Commands that may wait for the writer; senders beyond that wait themselves.
const QUEUE_LEN: usize = 64;

/// Runs on the writer thread; returns the error that ends it, if there was one.
type Run = Box<dyn FnOnce(&mut Chain) -> Option<ChainError> + Send>;

enum Command {
    Run(Run),
    /// Stop, after a last flush if `flush`.
    Stop {
        flush: bool,
    },
}

/// The chain, for everyone but its writer. Clones are the same chain.
///
/// Commands come in two forms: `async`, and `_blocking` for threads outside an async runtime (calling those on
/// a runtime's thread panics). They are carried out in the order in which they were queued.
#[derive(Clone)]
pub struct ChainHandle {
    shared: Arc<Shared>,
    mempool: Arc<RwLock<Mempool>>,
    scripts: ScriptVerifier,
    commands: mpsc::Sender<Command>,
    thread: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl ChainHandle {
    /// Opens the chain, replays what the last durable state lacks, and starts the writer. This can take long:
    /// `status` tells how far it is.
    pub fn open(options: &ChainOptions, mempool: Mempool, status: Status) -> Result<Self, ChainError> {
        let chain = Chain::open(options, mempool, status)?;
        Self::start(chain)
    }

    fn start(chain: Chain) -> Result<Self, ChainError> {
        let (commands, queue) = mpsc::channel(QUEUE_LEN);
        let shared = chain.shared.clone();
        let mempool = chain.mempool.clone();
        let scripts = chain.scripts.clone();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .map_err(|error| ChainError::Startup(format!("cannot start the chain's thread: {error}")))?;
        let thread = std::thread::Builder::new()
            .name("chain".into())
            .spawn(move || write(chain, queue, &runtime))
            .map_err(|error| ChainError::Startup(format!("cannot start the chain's thread: {error}")))?;
        Ok(Self { shared, mempool, scripts, commands, thread: Arc::new(Mutex::new(Some(thread))) })
    }

    fn stopped_error(&self) -> ChainError {
        let reason = self.shared.stopped().cloned();
        ChainError::Stopped(reason.unwrap_or_else(|| "it is shutting down".into()))
    }

    /// Does something with the chain on its writer thread.
    pub async fn query<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Chain) -> Result<T, ChainError> + Send + 'static,
    ) -> Result<T, ChainError> {
        let (command, reply) = command(work);
        self.commands.send(command).await.map_err(|_| self.stopped_error())?;
        reply.await.unwrap_or_else(|_| Err(self.stopped_error()))
    }

    /// [`Self::query`] for threads outside an async runtime.
    pub fn query_blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Chain) -> Result<T, ChainError> + Send + 'static,
    ) -> Result<T, ChainError> {
        let (command, reply) = command(work);
        self.commands.blocking_send(command).map_err(|_| self.stopped_error())?;
        reply.blocking_recv().unwrap_or_else(|_| Err(self.stopped_error()))
    }

    /// Queues work without waiting for its result, which arrives through the receiver.
    pub(crate) fn queue_blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Chain) -> Result<T, ChainError> + Send + 'static,
    ) -> Result<oneshot::Receiver<Result<T, ChainError>>, ChainError> {
        let (command, reply) = command(work);
        self.commands.blocking_send(command).map_err(|_| self.stopped_error())?;
        Ok(reply)
    }

    /// Hands in a block. The rules that need no chain state are checked here, the others by the writer.
    pub async fn submit_block(&self, block: Arc<Block>, origin: Origin) -> Result<Outcome, ChainError> {
        let (hash, params) = (block.hash(), self.shared.params.clone());
        let checked = tokio::task::spawn_blocking(move || CheckedBlock::new(block, &params));
        match checked.await.map_err(|error| ChainError::Stopped(error.to_string()))? {
            Ok(block) => self.query(move |chain| chain.accept_block(&block, origin)).await,
            Err(reason) => Ok(self.refuse_block(hash, reason)),
        }
    }

    /// [`Self::submit_block`] for threads outside an async runtime.
    pub fn submit_block_blocking(&self, block: Arc<Block>, origin: Origin) -> Result<Outcome, ChainError> {
        let (hash, previous, begun) = (block.hash(), block.header.previous, Instant::now());
        let outcome = match CheckedBlock::new(block, &self.shared.params) {
            Ok(block) => self.submit_checked_blocking(block, origin)?,
            Err(reason) => self.refuse_block(hash, reason),
        };
        let height = self.entry(&previous).map(|below| below.height() + 1);
        let (log, at) = (self.mining_log(), self.clock().now());
        log.submitted(at, origin, hash, height, &outcome, begun.elapsed());
        Ok(outcome)
    }

    /// What miners did with this node.
    pub fn mining_log(&self) -> &MiningLog {
        &self.shared.mining_log
    }

    /// [`Self::submit_block_blocking`] of a block that the caller has checked, on whatever thread.
    pub fn submit_checked_blocking(
        &self,
        block: CheckedBlock,
        origin: Origin,
    ) -> Result<Outcome, ChainError> {
        self.query_blocking(move |chain| chain.accept_block(&block, origin))
    }

    /// The answer to a block that was not worth handing in, because [`CheckedBlock`]'s checks have refused it. The
    /// refusal is noted and logged as for one that was.
    pub fn refuse_block(&self, hash: BlockHash, reason: RejectReason) -> Outcome {
        self.shared.refuse_block(hash, &reason);
        Outcome::Rejected(reason)
    }

    /// What was found out about blocks since the last call: which were connected and which were refused, whoever
    /// handed them in and however long ago. If nobody takes them, the oldest are dropped.
    pub fn take_block_verdicts(&self) -> Vec<BlockVerdict> {
        self.shared.verdicts.take()
    }

    /// Sets who is told of blocks that may be passed on before they are connected. Returns whether this was the first
    /// call; others change nothing.
    pub fn set_new_pow_valid_block(&self, listener: NewPowValidBlock) -> bool {
        self.shared.set_new_pow_valid_block(listener)
    }

    /// Hands in headers, each on the one before. The answer is the last one's entry, or why one was refused
    /// (those before it are kept). Without `min_pow_checked` new headers are refused as `too-little-chainwork`: the
    /// caller has to know that their branch has enough work.
    pub async fn submit_headers(
        &self,
        headers: Vec<Header>,
        min_pow_checked: bool,
    ) -> Result<Result<Option<Arc<BlockEntry>>, RejectReason>, ChainError> {
        self.query(move |chain| Ok(chain.accept_headers(&headers, min_pow_checked))).await
    }

    /// [`Self::submit_headers`] for threads outside an async runtime.
    pub fn submit_headers_blocking(
        &self,
        headers: Vec<Header>,
        min_pow_checked: bool,
    ) -> Result<Result<Option<Arc<BlockEntry>>, RejectReason>, ChainError> {
        self.query_blocking(move |chain| Ok(chain.accept_headers(&headers, min_pow_checked)))
    }

    /// Hands in a transaction for the mempool.
    pub async fn submit_tx(&self, tx: TxRef) -> Result<Result<Accepted, RejectReason>, ChainError> {
        self.query(move |chain| chain.accept_tx(&tx)).await
    }

    /// [`Self::submit_tx`] for threads outside an async runtime.
    pub fn submit_tx_blocking(&self, tx: TxRef) -> Result<Result<Accepted, RejectReason>, ChainError> {
        self.query_blocking(move |chain| chain.accept_tx(&tx))
    }

    /// Hands in a child with its unconfirmed parents for the mempool, which come first; see
    /// [`Mempool::accept_package`]. For threads outside an async runtime.
    pub fn submit_package_blocking(
        &self,
        package: Vec<TxRef>,
        max_rate: Option<FeeRate>,
    ) -> Result<PackageOutcome, ChainError> {
        self.query_blocking(move |chain| chain.accept_package(&package, max_rate))
    }

    /// Declares a block invalid, and with it all above (Core's `invalidateblock`).
    pub async fn invalidate(&self, hash: BlockHash) -> Result<(), ChainError> {
        self.query(move |chain| chain.invalidate(hash)).await
    }

    /// Takes such a declaration back, for the block, all above and all below (Core's `reconsiderblock`).
    pub async fn reconsider(&self, hash: BlockHash) -> Result<(), ChainError> {
        self.query(move |chain| chain.reconsider(hash)).await
    }

    /// Prefers a block to others of equal work (Core's `preciousblock`).
    pub async fn precious(&self, hash: BlockHash) -> Result<(), ChainError> {
        self.query(move |chain| chain.precious(hash)).await
    }

    /// Makes everything accepted so far durable.
    pub async fn flush(&self) -> Result<(), ChainError> {
        self.query(Chain::flush).await
    }

    /// The active chain as it is now.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.shared.snapshot()
    }

    /// Where the chain stands, and a way to be woken when it moves.
    pub fn tip_state(&self) -> watch::Receiver<TipState> {
        self.shared.tip_state().subscribe()
    }

    /// An unspent output, and the state of the chain in which it is one.
    pub fn coin(&self, outpoint: &OutPoint) -> Result<(Option<Coin>, Arc<Snapshot>), ChainError> {
        self.shared.coin(outpoint)
    }

    /// A block of any branch, by hash.
    pub fn entry(&self, hash: &BlockHash) -> Option<Arc<BlockEntry>> {
        self.snapshot().entry(hash)
    }

    fn known(&self, hash: &BlockHash) -> Result<Arc<BlockEntry>, ChainError> {
        self.entry(hash).ok_or(ChainError::UnknownBlock(*hash))
    }

    /// A stored block.
    pub fn read_block(&self, hash: &BlockHash) -> Result<Arc<Block>, ChainError> {
        self.shared.read_block(&*self.known(hash)?)
    }

    /// A stored block's wire form.
    pub fn read_block_bytes(&self, hash: &BlockHash) -> Result<Vec<u8>, ChainError> {
        self.shared.block_bytes(&*self.known(hash)?)
    }

    /// `len` bytes of a stored block from byte `offset` on.
    pub fn read_block_part(&self, hash: &BlockHash, offset: u32, len: u32) -> Result<Vec<u8>, ChainError> {
        let pos = self.known(hash)?.data_pos().ok_or(ChainError::Unavailable(*hash))?;
        Ok(self.shared.store.block_files().read_block_part(pos, offset, len)?)
    }

    /// What a block spent; known once it has been connected.
    pub fn read_undo(&self, hash: &BlockHash) -> Result<BlockUndo, ChainError> {
        self.shared.read_undo(&*self.known(hash)?)
    }

    /// A block that has been connected at some time, with what it spent.
    pub fn read_applied(&self, hash: &BlockHash) -> Result<AppliedBlock, ChainError> {
        self.shared.applied_block(&*self.known(hash)?)
    }

    /// The transactions waiting for a block. Readers lock it for reading, shortly; only the writer changes it.
    pub fn mempool(&self) -> &Arc<RwLock<Mempool>> {
        &self.mempool
    }

    /// The threads and the cache that scripts are verified with.
    pub fn scripts(&self) -> &ScriptVerifier {
        &self.scripts
    }

    /// The chain's parameters.
    pub fn params(&self) -> &Arc<ChainParams> {
        &self.shared.params
    }

    /// The node's clock.
    pub fn clock(&self) -> &Clock {
        &self.shared.clock
    }

    /// The storage, for what the chain itself has no part in (indexes, sizes).
    pub fn store(&self) -> &Arc<Store> {
        &self.shared.store
    }

    /// What the chain is busy with.
    pub fn status(&self) -> &Status {
        &self.shared.status
    }

    /// Whether the chain is still catching up with the network (Core's `IsInitialBlockDownload`).
    pub fn is_initial_download(&self) -> bool {
        self.shared.is_initial_download()
    }

    /// Flushes, then reads the durable state while the writer is kept from changing it: for walks over all
    /// coins. The writer goes on connecting blocks meanwhile, as long as they fit the cache. `read` must not ask
    /// this handle for anything: the writer may be waiting for it to end.
    pub fn read_durable_blocking<T>(
        &self,
        read: impl FnOnce(&Store, BlockRef) -> Result<T, ChainError>,
    ) -> Result<T, ChainError> {
        self.query_blocking(Chain::flush)?;
        self.read_durable(read)
    }

    /// [`Self::read_durable_blocking`] of the state that is durable already.
    pub fn read_durable<T>(
        &self,
        read: impl FnOnce(&Store, BlockRef) -> Result<T, ChainError>,
    ) -> Result<T, ChainError> {
        let _gate = self.shared.hold_durable();
        let durable = self.shared.tip_state().borrow().durable;
        read(&self.shared.store, durable)
    }

    /// Whether the writer has stopped.
    pub fn is_stopped(&self) -> bool {
        self.commands.is_closed()
    }

    /// Waits until the writer has stopped, by request or because of a failure; the reason if it was one.
    pub async fn stopped(&self) -> Option<String> {
        self.commands.closed().await;
        self.shared.stopped().cloned()
    }

    /// Flushes and stops the writer. The folder is free again when all handles are dropped.
    pub async fn shutdown(&self) -> Result<(), ChainError> {
        let _ = self.commands.send(Command::Stop { flush: true }).await;
        self.commands.closed().await;
        let this = self.clone();
        let joined = tokio::task::spawn_blocking(move || this.join());
        joined.await.map_err(|error| ChainError::Stopped(error.to_string()))?
    }

    /// [`Self::shutdown`] for threads outside an async runtime.
    pub fn shutdown_blocking(&self) -> Result<(), ChainError> {
        let _ = self.commands.blocking_send(Command::Stop { flush: true });
        self.join()
    }

    /// Stops the writer without a last flush: what a crash leaves, for tests of what comes after one.
    #[cfg(any(test, feature = "testkit"))]
    pub fn crash_blocking(&self) {
        let _ = self.commands.blocking_send(Command::Stop { flush: false });
        let _ = self.join();
    }

    fn join(&self) -> Result<(), ChainError> {
        let thread = self.thread.lock().expect("no one panics while holding the thread").take();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            self.shared.stop("the chain's thread has failed".into());
        }
        match self.shared.stopped() {
            Some(reason) => Err(ChainError::Stopped(reason.clone())),
            None => Ok(()),
        }
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }
}

fn command<T: Send + 'static>(
    work: impl FnOnce(&mut Chain) -> Result<T, ChainError> + Send + 'static,
) -> (Command, oneshot::Receiver<Result<T, ChainError>>) {
    let (sender, reply) = oneshot::channel();
    let run = Box::new(move |chain: &mut Chain| {
        let result = work(chain);
        let fatal = result.as_ref().err().filter(|error| error.is_fatal()).cloned();
        // Nobody may be waiting any more.
        let _ = sender.send(result);
        fatal
    });
    (Command::Run(run), reply)
}

/// The writer thread.
fn write(mut chain: Chain, mut queue: mpsc::Receiver<Command>, runtime: &tokio::runtime::Runtime) {
    loop {
        let wait = chain.until_flush();
        let next = runtime.block_on(async { tokio::time::timeout(wait, queue.recv()).await });
        let failure = match next {
            Ok(Some(Command::Run(run))) => run(&mut chain).or_else(|| chain.flush_if_due().err()),
            Ok(Some(Command::Stop { flush: false })) => return,
            Ok(Some(Command::Stop { flush: true }) | None) => {
                if let Err(error) = chain.flush() {
                    fail(&chain, &error);
                }
                return;
            }
            Err(_) => chain.flush_if_due().err(),
        };
        if let Some(error) = failure {
            // What is in memory may be half of a change: only the last durable state counts now.
            fail(&chain, &error);
            return;
        }
    }
}

fn fail(chain: &Chain, error: &ChainError) {
    tracing::error!("the chain stops: {error}");
    chain.shared.stop(error.to_string());
}
