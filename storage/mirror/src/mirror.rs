//! The mirror as a plugin: how far behind it is decides how it writes.

use crate::api::{self, Opened};
use crate::batch::{Seen, Totals};
use crate::connection::Server;
use crate::error::MirrorError;
use crate::options::MirrorOptions;
use crate::reorg::Change;
use crate::samples::Samples;
use crate::seal::{self, Sealing};
use crate::session::{Mode, Session, block_ref, in_time};
use crate::speed::Speed;
use crate::write::{Style, pieces};
use chaincore_plugin::{
    AppliedBlock, BatchLimits, BlockRef, Context, Manifest, MempoolEvent, Plugin, PluginError, async_trait,
};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The plugin's name.
pub const ID: &str = "mirror";

/// Follows the chain into PostgreSQL.
pub struct Mirror {
    options: MirrorOptions,
    server: Server,
    /// What a call needs; taken while it runs, so that whatever ends it early ends the session.
    open: Option<Open>,
    /// The same for whoever asks from outside.
    opened: Opened,
    samples: Samples,
    speed: Speed,
    /// When the analysts' views were filled.
    refreshed: Option<Instant>,
    /// Whether a connection in the clear has been told of.
    has_warned: bool,
}

struct Open {
    session: Session,
    context: Context,
}

impl Mirror {
    /// A mirror that is not connected yet.
    ///
    /// # Errors
    /// [`MirrorError::Url`].
    pub fn new(options: MirrorOptions) -> Result<Self, MirrorError> {
        let server = Server::parse(&options.url)?;
        Ok(Self {
            options,
            server,
            open: None,
            opened: Opened::default(),
            samples: Samples::default(),
            speed: Speed::default(),
            refreshed: None,
            has_warned: false,
        })
    }

    /// The server, without the password.
    pub fn server(&self) -> &Server {
        &self.server
    }

    fn take(&mut self) -> Result<Open, MirrorError> {
        self.open.take().ok_or(MirrorError::Closed)
    }

    async fn connect(&mut self, context: &Context) -> Result<Option<BlockRef>, MirrorError> {
        if let Some(old) = self.open.take() {
            old.session.close().await;
        }
        context.report.describe(&format!("connecting to {}", self.server));
        if self.server.may_be_clear() && !std::mem::replace(&mut self.has_warned, true) {
            tracing::warn!(
                server = %self.server,
                "the connection may be unencrypted: say sslmode=verify-full in the mirror's URL"
            );
        }
        let options = &self.options;
        let session =
            Session::open(&self.server, &options.limits, options.lease_patience, &context.params).await?;
        let tip = session.tip();
        tracing::info!(server = %self.server, mode = %session.mode, epoch = session.epoch,
            height = tip.map(|tip| tip.height), "the mirror is open");
        self.samples.reopened();
        *self.opened.lock().expect("no one panics while holding it") = Some(context.clone());
        self.open = Some(Open { session, context: context.clone() });
        Ok(tip)
    }

    async fn take_in(&mut self, open: &mut Open, blocks: &[AppliedBlock]) -> Result<(), MirrorError> {
        self.finish_seal(open).await?;
        let Open { session, context } = open;
        let (Some(first), Some(last)) = (blocks.first(), blocks.last()) else { return Ok(()) };
        let tip_height = context.chain.tip().height.max(last.at.height);
        let missing = tip_height - first.at.height + 1;
        let many = missing >= self.options.bulk_from && missing > tip_height / 10 * 3;
        if session.seeded && many && !session.is_published().await? {
            tracing::info!(missing, "too many blocks are missing: the mirror is loaded in bulk again");
            session.unseal().await?;
        }
        if !session.seeded {
            let totals = session.write_history(&context.params, blocks).await?;
            self.tell(open, totals);
            return Ok(());
        }
        let (mode, size) = if missing <= self.options.tip_from {
            (Mode::Tip, 1)
        } else {
            (Mode::CatchUp, self.options.catch_up_blocks)
        };
        let seen = (mode == Mode::Tip).then(|| seen(context));
        let params = context.params.clone();
        for piece in pieces(&params, blocks, size.max(1)) {
            let style = Style { mode, durable: mode == Mode::Tip, seen: seen.as_ref() };
            let totals = open.session.write_live(&params, piece, style).await?;
            self.tell(open, totals);
        }
        Ok(())
    }

    async fn change(
        &mut self,
        open: &mut Open,
        fork: BlockRef,
        blocks: &[AppliedBlock],
    ) -> Result<(), MirrorError> {
        self.finish_seal(open).await?;
        let Open { session, context } = open;
        if session.tip() == Some(fork) && blocks.is_empty() {
            return Ok(());
        }
        let node_tip = context.chain.tip();
        let end = blocks.last().map_or(fork, |block| block.at).height;
        let mode = if !session.seeded {
            Mode::Bulk
        } else if node_tip.height <= end {
            Mode::Tip
        } else {
            Mode::Reorg
        };
        let seen = seen(context);
        let seen = (mode == Mode::Tip).then_some(&seen);
        let change = Change { fork, node_tip, mode, seen };
        context.report.describe(&format!("changing branches above {}", fork.height));
        let params = context.params.clone();
        let totals = session.reorganize(&params, change, blocks).await?;
        self.tell(open, totals);
        Ok(())
    }

    /// Finishes what history needs once, or fills the analysts' views again: work that takes long.
    async fn long(&mut self, open: &mut Open, seal: bool) -> Result<(), MirrorError> {
        let report = open.context.report.clone();
        let progress = move |what: &str, done: Option<f64>| match done {
            Some(done) => report.describe(&format!("{what}: {:.0} %", done * 100.0)),
            None => report.describe(what),
        };
        let stopping = open.context.report.clone();
        let sealing = Sealing {
            server: &self.server,
            params: &open.context.params,
            memory: &self.options.seal_memory,
            progress: &progress,
            is_stopping: &move || stopping.is_stopping(),
        };
        if seal {
            tracing::info!("history is loaded: sums and indexes are made");
            open.session.seal(&sealing).await?;
            tracing::info!("the mirror has all its indexes and follows the tip");
        } else {
            open.session.refresh(&sealing).await?;
        }
        self.refreshed = Some(Instant::now());
        Ok(())
    }

    /// Coins and balances are filled but not all indexes built: that has to end before anything live is written.
    async fn finish_seal(&mut self, open: &mut Open) -> Result<(), MirrorError> {
        if open.session.seeded && open.session.mode == Mode::Seal {
            self.long(open, true).await
        } else {
            Ok(())
        }
    }

    async fn idle(&mut self, open: &mut Open) -> Result<(), MirrorError> {
        let behind = |open: &Open| {
            let height = open.session.tip().map_or(0, |tip| tip.height);
            open.context.chain.tip().height.saturating_sub(height)
        };
        if open.session.tip().is_some() && !open.session.seeded || open.session.mode == Mode::Seal {
            self.long(open, true).await?;
        }
        if open.session.seeded && behind(open) <= self.options.tip_from {
            open.session.set_mode(Mode::Tip).await?;
        }
        // How old they are is not known after a start: it counts from there.
        let refreshed = *self.refreshed.get_or_insert_with(Instant::now);
        if open.session.seeded && refreshed.elapsed() >= self.options.refresh {
            self.long(open, false).await?;
        }
        let limit = self.options.limits.patience();
        let recorded = self.samples.record(&mut open.session, &open.context, &self.options);
        in_time("cannot record samples", limit, recorded).await?;
        self.tell(open, Totals::default());
        Ok(())
    }

    /// Tells where the mirror is.
    fn tell(&mut self, open: &Open, totals: Totals) {
        let report = &open.context.report;
        let height = open.session.tip().map_or(0, |tip| tip.height);
        let tip = open.context.chain.tip().height;
        let rows = self.speed.add(totals.rows().max(0) as u64);
        let mode = open.session.mode;
        report.describe(&match mode {
            Mode::Tip => format!("follows the tip, {height}"),
            _ => format!("{mode}: block {height} of {tip}, {rows:.0} rows/s"),
        });
        report.figure("height", "height of the last mirrored block", height.into());
        report.figure(
            "lag_blocks",
            "blocks that the node has and the mirror has not",
            tip.saturating_sub(height).into(),
        );
        report.figure("rows_per_second", "rows written per second of late", rows);
        report.figure("rows_total", "rows written since the node started", self.speed.total() as f64);
    }

    async fn known(&mut self, open: &mut Open) -> Result<Vec<BlockRef>, MirrorError> {
        let Some(tip) = open.session.tip() else { return Ok(vec![]) };
        let rows: Vec<(i32, Vec<u8>)> = sqlx::query_as(
            "SELECT height, hash FROM chaincore.blocks WHERE height = ANY ($1) ORDER BY height DESC",
        )
        .bind(locator_heights(tip.height))
        .fetch_all(&mut open.session.connection)
        .await
        .map_err(MirrorError::during("cannot read blocks"))?;
        Ok(rows.into_iter().filter_map(|(height, hash)| block_ref(height, &hash)).collect())
    }

    async fn empty(&mut self) -> Result<(), MirrorError> {
        let Some(open) = &mut self.open else { return Err(MirrorError::Closed) };
        open.session.empty().await
    }

    /// Every error ends the session: what the server did is not known.
    fn end(&mut self, error: MirrorError) -> PluginError {
        self.open = None;
        tracing::debug!(%error, "the mirror's session ended");
        error.into()
    }
}

/// Heights to ask for with a locator: ten of the last ones, then ever fewer.
fn locator_heights(tip: u32) -> Vec<i32> {
    let (mut heights, mut back, mut step) = (Vec::new(), 0u32, 1u32);
    while back < tip {
        heights.push((tip - back) as i32);
        if heights.len() >= 10 {
            step = step.saturating_mul(2);
        }
        back = back.saturating_add(step);
    }
    heights.push(0);
    heights
}

fn seen(context: &Context) -> Seen {
    Seen { at: now(), node_id: crate::samples::node_id(&context.node.identity()) }
}

/// Seconds since 1970.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

#[async_trait]
impl Plugin for Mirror {
    fn manifest(&self) -> Manifest {
        let mut manifest = Manifest::new(ID, env!("CARGO_PKG_VERSION"));
        manifest.batch =
            BatchLimits { max_blocks: 2_000, max_bytes: 16 << 20, max_wait: Duration::from_secs(2) };
        manifest.needs_mempool = self.options.mempool_events;
        manifest.important = self.options.important;
        manifest
    }

    fn register(&self, api: &mut dyn chaincore_plugin::ApiRegistry) {
        api::register(api, &self.server, &self.opened);
    }

    async fn open(&mut self, context: &Context) -> Result<Option<BlockRef>, PluginError> {
        self.connect(context).await.map_err(|error| self.end(error))
    }

    async fn extend(&mut self, blocks: &[AppliedBlock]) -> Result<(), PluginError> {
        let mut open = self.take()?;
        self.take_in(&mut open, blocks).await.map_err(|error| self.end(error))?;
        self.open = Some(open);
        Ok(())
    }

    async fn rollback(&mut self, to: BlockRef) -> Result<(), PluginError> {
        self.reorganize(to, &[]).await
    }

    async fn reorganize(&mut self, to: BlockRef, blocks: &[AppliedBlock]) -> Result<(), PluginError> {
        let mut open = self.take()?;
        self.change(&mut open, to, blocks).await.map_err(|error| self.end(error))?;
        self.open = Some(open);
        Ok(())
    }

    async fn locator(&mut self) -> Result<Vec<BlockRef>, PluginError> {
        let mut open = self.take()?;
        let limit = self.options.limits.patience();
        let known = in_time("cannot read blocks", limit, self.known(&mut open)).await;
        let known = known.map_err(|error| self.end(error))?;
        self.open = Some(open);
        Ok(known)
    }

    async fn reset(&mut self) -> Result<(), PluginError> {
        self.empty().await.map_err(|error| self.end(error))
    }

    async fn mempool(&mut self, events: &[MempoolEvent]) -> Result<(), PluginError> {
        let mut open = self.take()?;
        let limit = self.options.limits.patience();
        let recorded = self.samples.events(&mut open.session, events);
        in_time("cannot record what happened in the mempool", limit, recorded)
            .await
            .map_err(|error| self.end(error))?;
        self.open = Some(open);
        Ok(())
    }

    async fn tick(&mut self) -> Result<(), PluginError> {
        let mut open = self.take()?;
        self.idle(&mut open).await.map_err(|error| self.end(error))?;
        self.open = Some(open);
        Ok(())
    }

    async fn close(&mut self) {
        if let Some(open) = self.open.take() {
            open.session.close().await;
        }
    }
}

impl Session {
    /// Forgets the chain: rows, cursor and what was noted about branches. Samples of the mempool and of nodes stay.
    async fn empty(&mut self) -> Result<(), MirrorError> {
        let limit = self.limits.patience();
        in_time("cannot empty the tables", limit, async {
            let failed = || MirrorError::during("cannot empty the tables");
            let mut transaction = sqlx::Connection::begin(&mut self.connection).await.map_err(failed())?;
            sqlx::query("SELECT FROM chaincore.sync_state WHERE writer_epoch = $1 FOR UPDATE")
                .bind(self.epoch)
                .fetch_one(&mut *transaction)
                .await
                .map_err(failed())?;
            sqlx::query(
                "TRUNCATE chaincore.blocks, chaincore.transactions, chaincore.outputs, chaincore.inputs,
                    chaincore.utxos, chaincore.address_balances, chaincore.script_type_stats, chaincore.reorgs,
                    chaincore.stale_blocks, chaincore.stale_transactions, chaincore.bulk_ranges",
            )
            .execute(&mut *transaction)
            .await
            .map_err(failed())?;
            seal::bare(&mut transaction, self.partitions).await?;
            sqlx::query(
                "UPDATE chaincore.sync_state SET tip_height = NULL, tip_hash = NULL, final_height = NULL,
                    mode = 'bulk', seeded = false, event_seq = event_seq + 1, blocks = 0, txs = 0, outputs = 0,
                    inputs = 0, utxos = 0, utxo_value = 0, updated_at = now()",
            )
            .execute(&mut *transaction)
            .await
            .map_err(failed())?;
            transaction.commit().await.map_err(failed())
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locators_get_sparser_and_end_with_block_0() {
        assert_eq!(locator_heights(0), [0]);
        assert_eq!(locator_heights(3), [3, 2, 1, 0]);
        let heights = locator_heights(1_000_000);
        assert!(heights.len() < 40 && heights.windows(2).all(|pair| pair[0] > pair[1]));
        assert_eq!((heights[0], heights.last()), (1_000_000, Some(&0)));
    }
}
