//! Is the mirror what the node has? Eleven checks between the node's own store and the tables.
//!
//! All of them see one state of the database (one read-only transaction at repeatable read), so the mirror may go on
//! meanwhile; the node's side is taken at the block that this state ends with, on whatever branch it is. Nothing is
//! mended here: what is wrong is named, with its place.
//!
//! | check | what must hold |
//! |---|---|
//! | `cursor` | the node knows the mirror's tip, on its active chain |
//! | `headers` | no gaps, each block on the one below, headers hash to their hashes, work rises, the node has the same |
//! | `merkle` | merkle roots follow from `transactions` |
//! | `content` | every column of a block's rows is what the node's block gives |
//! | `sums` | counts and sums of the rows are those of `blocks`, fees and rewards add up |
//! | `coins` | count and value of `utxos` are those of the node's coins |
//! | `buckets` | so are the sums over 256 parts, which name where a coin differs |
//! | `balances` | `address_balances` follow from the rows and add up to `utxos` |
//! | `supply` | rewards minus what cannot be spent is what `utxos` holds |
//! | `spends` | nothing is spent twice, everything spent was made, nothing lies outside the chain |
//! | `indexes` | every index is there and valid, every table has a primary key |
//! | `totals` | the totals of `sync_state` are the counts |

mod blocks;
mod coins;
mod headers;
mod structure;

use crate::connection::{Limits, Server, within};
use crate::error::{MirrorError, is_missing};
use chaincore_consensus::BlockHash;
use chaincore_consensus::params::ChainParams;
use chaincore_plugin::{BlockRef, ChainReader, NodeReader};
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::{Connection as _, PgConnection, Postgres, Row as _};
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

/// What is wrong is listed up to so many places.
const MAX_PROBLEMS: usize = 10;

/// Heights that one statement looks at: long checks show progress and can be interrupted in between.
const STRIDE: u32 = 5_000;

/// How long one statement may take.
const STATEMENT: Duration = Duration::from_secs(3600);

/// How much is looked at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Extent {
    /// What shows most damage at any length of the chain within seconds: the last blocks, the coins as long as there
    /// are not too many, indexes.
    Fast,
    /// Everything; the content of blocks at random.
    Full,
    /// Everything of these heights, the content of every block too.
    Heights(RangeInclusive<u32>),
}

impl Extent {
    /// Reads `fast`, `full`, `100..200` (both included) or a single height.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "fast" => Some(Self::Fast),
            "full" => Some(Self::Full),
            _ => {
                let (from, to) = text.split_once("..").unwrap_or((text, text));
                let heights: RangeInclusive<u32> = from.parse().ok()?..=to.parse().ok()?;
                (!heights.is_empty()).then_some(Self::Heights(heights))
            }
        }
    }
}

/// The checks, by the names in `integrity_checks`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[expect(missing_docs, reason = "the module's table says what each is")]
pub enum Check {
    Cursor,
    Headers,
    Merkle,
    Content,
    Sums,
    Coins,
    Buckets,
    Balances,
    Supply,
    Spends,
    Indexes,
    Totals,
}

impl Check {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cursor => "cursor",
            Self::Headers => "headers",
            Self::Merkle => "merkle",
            Self::Content => "content",
            Self::Sums => "sums",
            Self::Coins => "coins",
            Self::Buckets => "buckets",
            Self::Balances => "balances",
            Self::Supply => "supply",
            Self::Spends => "spends",
            Self::Indexes => "indexes",
            Self::Totals => "totals",
        }
    }
}

/// What a check came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// The check.
    pub check: Check,
    /// The heights it looked at, if it looked at heights.
    pub heights: Option<RangeInclusive<u32>>,
    /// What it could not look at, and why; `None` if it did.
    pub skipped: Option<String>,
    /// What is wrong, ten at most. Empty: nothing is.
    pub problems: Vec<String>,
    /// How long it took.
    pub elapsed: Duration,
}

impl Finding {
    /// Whether all that was looked at is right. `None` if nothing was.
    pub fn is_ok(&self) -> Option<bool> {
        match (&self.skipped, self.problems.is_empty()) {
            (_, false) => Some(false),
            (Some(_), true) => None,
            (None, true) => Some(true),
        }
    }
}

/// The node's side.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    /// The chain.
    pub chain: &'a dyn ChainReader,
    /// Its coins.
    pub node: &'a dyn NodeReader,
    /// Its rules.
    pub params: &'a ChainParams,
}

/// What is wrong, as it is found.
#[derive(Default)]
struct Problems {
    list: Vec<String>,
    skipped: Option<String>,
}

impl Problems {
    fn add(&mut self, problem: String) {
        if !self.is_full() {
            self.list.push(problem);
        }
    }

    fn is_full(&self) -> bool {
        self.list.len() >= MAX_PROBLEMS
    }

    fn skip(&mut self, why: impl Into<String>) {
        self.skipped = Some(why.into());
    }

    /// Adds a problem for every row; the first column is its text.
    fn add_rows(&mut self, rows: Vec<PgRow>) -> Result<(), MirrorError> {
        for row in rows {
            self.add(row.try_get(0).map_err(MirrorError::during("cannot read a check's answer"))?);
        }
        Ok(())
    }
}

/// Where the mirror is, as its one row says.
#[derive(Clone, Debug)]
struct State {
    /// `None` before the first block.
    tip: Option<BlockRef>,
    mode: String,
    seeded: bool,
}

/// One run over one state of the database.
struct Run<'a> {
    source: Source<'a>,
    connection: PgConnection,
    state: State,
    tip: BlockRef,
    extent: Extent,
}

/// Checks the mirror behind `server`, tells each finding as it comes, and writes all of them to `integrity_checks`
/// (as far as the login may write there).
///
/// # Errors
/// [`MirrorError`] if the check itself could not be made. Damage is no error but a [`Finding`].
pub async fn verify(
    server: &Server,
    source: Source<'_>,
    extent: Extent,
    on_finding: &mut (dyn FnMut(&Finding) + Send),
) -> Result<Vec<Finding>, MirrorError> {
    let limits = Limits { statement: STATEMENT, ..Limits::default() };
    let mut connection = server.connect(&limits).await?;
    let begin = sqlx::query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    within("cannot begin the check", limits.connect, begin.execute(&mut connection)).await?;
    let state = read_state(&mut connection, source.params).await?;
    let mut findings = vec![];
    let Some(tip) = state.tip else {
        let empty = Finding {
            check: Check::Cursor,
            heights: None,
            skipped: Some("nothing is mirrored yet".into()),
            problems: vec![],
            elapsed: Duration::ZERO,
        };
        on_finding(&empty);
        return Ok(vec![empty]);
    };
    let mut run = Run { source, connection, state, tip, extent };
    for &check in run.checks() {
        let begun = Instant::now();
        let mut problems = Problems::default();
        let heights = run.run(check, &mut problems).await?;
        let finding = Finding {
            check,
            heights,
            skipped: problems.skipped,
            problems: problems.list,
            elapsed: begun.elapsed(),
        };
        on_finding(&finding);
        findings.push(finding);
        // Nothing can be compared with a block that the node does not know.
        if check == Check::Cursor && findings[0].is_ok() == Some(false) {
            break;
        }
    }
    let Run { mut connection, .. } = run;
    let end = sqlx::query("COMMIT");
    within("cannot end the check", limits.connect, end.execute(&mut connection)).await?;
    record(&mut connection, &findings).await;
    // The answers are complete; a connection that ends badly changes none of them.
    let _ = tokio::time::timeout(limits.connect, connection.close()).await;
    Ok(findings)
}

async fn read_state(connection: &mut PgConnection, params: &ChainParams) -> Result<State, MirrorError> {
    let action = "cannot read where the mirror is";
    let query = sqlx::query(
        "SELECT network, genesis_hash, tip_height, tip_hash, mode, seeded FROM chaincore.sync_state",
    );
    let row = match within(action, STATEMENT, query.fetch_optional(connection)).await {
        Err(MirrorError::Database { source, .. }) if is_missing(&source) => {
            return Err(MirrorError::NoMirror);
        }
        row => row?,
    };
    let Some(row) = row else { return Ok(State { tip: None, mode: "bulk".into(), seeded: false }) };
    let read = || -> Result<_, sqlx::Error> {
        let network: String = row.try_get(0)?;
        let genesis: Vec<u8> = row.try_get(1)?;
        let (height, hash): (Option<i32>, Option<Vec<u8>>) = (row.try_get(2)?, row.try_get(3)?);
        Ok((network, genesis, height, hash, row.try_get(4)?, row.try_get(5)?))
    };
    let (network, genesis, height, hash, mode, seeded) = read().map_err(MirrorError::during(action))?;
    let expected = params.genesis.hash();
    if hash_of(&genesis) != Some(expected) {
        let found = hash_of(&genesis).map_or_else(|| "nothing".into(), |hash| hash.to_string());
        return Err(MirrorError::OtherChain {
            found: format!("{network} ({found})"),
            expected: format!("{} ({expected})", params.name),
        });
    }
    let tip = height.zip(hash).map(|(height, hash)| {
        let hash = hash_of(&hash).ok_or_else(|| MirrorError::Damaged {
            height: height as u32,
            what: "the tip's hash has not 32 bytes".into(),
        })?;
        Ok::<_, MirrorError>(BlockRef { height: height as u32, hash })
    });
    Ok(State { tip: tip.transpose()?, mode, seeded })
}

/// A hash as the tables have it, the way people write it.
fn hash_of(bytes: &[u8]) -> Option<BlockHash> {
    let mut hash: [u8; 32] = bytes.try_into().ok()?;
    hash.reverse();
    Some(BlockHash(hash))
}

impl Run<'_> {
    fn checks(&self) -> &'static [Check] {
        use Check::{
            Balances, Buckets, Coins, Content, Cursor, Headers, Indexes, Merkle, Spends, Sums, Supply, Totals,
        };
        match self.extent {
            Extent::Fast => &[Cursor, Headers, Sums, Coins, Indexes],
            Extent::Full => &[
                Cursor, Headers, Merkle, Content, Sums, Coins, Buckets, Balances, Supply, Spends, Indexes,
                Totals,
            ],
            Extent::Heights(_) => &[Cursor, Headers, Merkle, Content, Sums, Spends],
        }
    }

    async fn run(
        &mut self,
        check: Check,
        problems: &mut Problems,
    ) -> Result<Option<RangeInclusive<u32>>, MirrorError> {
        let heights = self.heights(check);
        match check {
            Check::Cursor => self.cursor(problems),
            Check::Headers => self.headers(&heights, problems).await?,
            Check::Merkle => self.merkle(&heights, problems).await?,
            Check::Content => self.content(&heights, problems).await?,
            Check::Sums => self.sums(&heights, problems).await?,
            Check::Coins => self.coins(problems).await?,
            Check::Buckets => self.buckets(problems).await?,
            Check::Balances => self.balances(problems).await?,
            Check::Supply => self.supply(problems).await?,
            Check::Spends => self.spends(&heights, problems).await?,
            Check::Indexes => self.indexes(problems).await?,
            Check::Totals => self.totals(problems).await?,
        }
        let of_heights =
            matches!(check, Check::Headers | Check::Merkle | Check::Content | Check::Sums | Check::Spends);
        Ok(of_heights.then_some(heights))
    }

    /// The heights that a check looks at.
    fn heights(&self, check: Check) -> RangeInclusive<u32> {
        let tip = self.tip.height;
        let last = |count: u32| tip.saturating_sub(count - 1)..=tip;
        match (&self.extent, check) {
            (Extent::Fast, Check::Headers) => last(2016),
            (Extent::Fast, _) => last(100),
            (Extent::Full, _) => 0..=tip,
            (Extent::Heights(heights), _) => *heights.start()..=(*heights.end()).min(tip),
        }
    }

    /// The mirror may be behind the node, and behind a reorganization too; it may not be where the node never was.
    fn cursor(&self, problems: &mut Problems) {
        let tip = self.tip;
        if !self.source.chain.is_ancestor(&tip, &tip) {
            problems.add(format!("the mirror's tip {tip} is unknown to the node"));
        } else if !self.source.chain.is_ancestor(&tip, &self.source.chain.tip()) {
            problems.skip(format!(
                "the mirror's tip {tip} has left the node's chain, and the mirror has yet to follow"
            ));
        }
    }

    /// Why coins and balances cannot be compared now, if so.
    fn without_coins(&self) -> Option<String> {
        (!self.state.seeded).then(|| {
            format!("history is still being loaded (mode {}): there are no coins yet", self.state.mode)
        })
    }

    async fn fetch(
        &mut self,
        query: Query<'static, Postgres, PgArguments>,
    ) -> Result<Vec<PgRow>, MirrorError> {
        within("cannot make a check", STATEMENT, query.fetch_all(&mut self.connection)).await
    }

    /// The first column of the only row.
    async fn fetch_number(
        &mut self,
        query: Query<'static, Postgres, PgArguments>,
    ) -> Result<i128, MirrorError> {
        let row = within("cannot make a check", STATEMENT, query.fetch_one(&mut self.connection)).await?;
        let text: String = row.try_get(0).map_err(MirrorError::during("cannot read a check's answer"))?;
        text.parse().map_err(|_| MirrorError::Damaged { height: 0, what: format!("'{text}' is no number") })
    }
}

/// Parts of a range of heights, each small enough for one statement.
fn strides(heights: &RangeInclusive<u32>) -> impl Iterator<Item = (u32, u32)> + use<> {
    let (from, to) = (*heights.start(), *heights.end());
    (from..=to).step_by(STRIDE as usize).map(move |from| (from, from.saturating_add(STRIDE - 1).min(to)))
}

/// Writes the findings down. A login that may only read cannot, which takes nothing from what was found.
async fn record(connection: &mut PgConnection, findings: &[Finding]) {
    for finding in findings {
        let detail = serde_json::json!({
            "problems": finding.problems,
            "skipped": finding.skipped,
            "milliseconds": u64::try_from(finding.elapsed.as_millis()).unwrap_or(u64::MAX),
        });
        let insert = sqlx::query(
            "INSERT INTO chaincore.integrity_checks \
             (started_at, finished_at, name, from_height, to_height, ok, detail) \
             VALUES (now() - $1 * interval '1 second', now(), $2, $3, $4, $5, $6)",
        )
        .bind(finding.elapsed.as_secs_f64())
        .bind(finding.check.name())
        .bind(finding.heights.as_ref().map(|heights| *heights.start() as i32))
        .bind(finding.heights.as_ref().map(|heights| *heights.end() as i32))
        .bind(finding.is_ok())
        .bind(detail);
        let written =
            within("cannot record a check", Duration::from_secs(10), insert.execute(&mut *connection));
        if let Err(error) = written.await {
            tracing::debug!(target: "mirror", "the check is not recorded: {error}");
            return;
        }
    }
}
