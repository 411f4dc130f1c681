-- Ready views for analysts. They change only with a new version in their comment; what stands in chaincore may change
-- with the mirror. Satoshi are bigint, shares go from 0 to 1, days are those of Universal Time, and ages are told by
-- the median time of blocks, which never falls.

CREATE SCHEMA analytics;
COMMENT ON SCHEMA analytics IS 'Views and functions for analysts, version 1.';

CREATE FUNCTION analytics.work_of(difficulty double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN difficulty * 281474976710656.0 / 65535.0;
COMMENT ON FUNCTION analytics.work_of(double precision) IS 'Expected number of hashes for a block of a difficulty.';

-- 1 ---------------------------------------------------------------------------------------------------------------

CREATE VIEW analytics.daily_chain AS
SELECT
    day,
    count(*) AS blocks,
    sum(tx_count)::bigint AS txs,
    sum(input_count)::bigint AS inputs,
    sum(output_count)::bigint AS outputs,
    sum(output_value - coinbase_value)::bigint AS volume,
    sum(fees)::bigint AS fees,
    sum(subsidy)::bigint AS subsidy,
    avg(seconds)::double precision AS mean_interval,
    (avg(weight) / 4000000)::double precision AS fullness,
    sum(size)::bigint AS size
FROM (
    -- Block 0 is older than its chain: the time to block 1 says nothing of mining.
    SELECT chaincore.day_of(time) AS day,
        CASE WHEN height > 1 THEN extract(epoch FROM time - lag(time) OVER (ORDER BY height)) END AS seconds,
        tx_count, input_count, output_count, output_value, coinbase_value, fees, subsidy, weight, size
    FROM chaincore.blocks
) AS b
GROUP BY day;
COMMENT ON VIEW analytics.daily_chain IS 'The chain day by day.';
COMMENT ON COLUMN analytics.daily_chain.day IS 'Day of the times in the headers.';
COMMENT ON COLUMN analytics.daily_chain.blocks IS 'Blocks.';
COMMENT ON COLUMN analytics.daily_chain.txs IS 'Transactions, coinbases included.';
COMMENT ON COLUMN analytics.daily_chain.inputs IS 'Outputs spent.';
COMMENT ON COLUMN analytics.daily_chain.outputs IS 'Outputs created.';
COMMENT ON COLUMN analytics.daily_chain.volume IS 'Satoshi in the outputs of all but coinbases; change that went back to its owner counts.';
COMMENT ON COLUMN analytics.daily_chain.fees IS 'Satoshi of fees.';
COMMENT ON COLUMN analytics.daily_chain.subsidy IS 'Satoshi of subsidy.';
COMMENT ON COLUMN analytics.daily_chain.mean_interval IS 'Mean seconds from the block below; block 1 does not count, as block 0 is older than its chain; null without others.';
COMMENT ON COLUMN analytics.daily_chain.fullness IS 'Mean weight as part of 4,000,000.';
COMMENT ON COLUMN analytics.daily_chain.size IS 'Bytes of all blocks.';

-- 2 ---------------------------------------------------------------------------------------------------------------

CREATE VIEW analytics.fee_market AS
SELECT
    height, time, tx_count - 1 AS paying_txs, feerate_min, feerate_p10, feerate_p25, feerate_p50, feerate_p75,
    feerate_p90, feerate_max, fees,
    fees::double precision / nullif(fees + subsidy, 0) AS fee_share,
    weight / 4000000::double precision AS fullness
FROM chaincore.blocks;
COMMENT ON VIEW analytics.fee_market IS 'What each block took for its space.';
COMMENT ON COLUMN analytics.fee_market.height IS 'blocks.height.';
COMMENT ON COLUMN analytics.fee_market.time IS 'blocks.time.';
COMMENT ON COLUMN analytics.fee_market.paying_txs IS 'Transactions without the coinbase.';
COMMENT ON COLUMN analytics.fee_market.feerate_min IS 'Lowest fee rate that was taken, satoshi per virtual byte; null as all fee rates if nothing was.';
COMMENT ON COLUMN analytics.fee_market.feerate_p10 IS 'blocks.feerate_p10.';
COMMENT ON COLUMN analytics.fee_market.feerate_p25 IS 'blocks.feerate_p25.';
COMMENT ON COLUMN analytics.fee_market.feerate_p50 IS 'blocks.feerate_p50.';
COMMENT ON COLUMN analytics.fee_market.feerate_p75 IS 'blocks.feerate_p75.';
COMMENT ON COLUMN analytics.fee_market.feerate_p90 IS 'blocks.feerate_p90.';
COMMENT ON COLUMN analytics.fee_market.feerate_max IS 'Highest fee rate, satoshi per virtual byte.';
COMMENT ON COLUMN analytics.fee_market.fees IS 'Satoshi of fees.';
COMMENT ON COLUMN analytics.fee_market.fee_share IS 'Fees as part of fees and subsidy.';
COMMENT ON COLUMN analytics.fee_market.fullness IS 'Weight as part of 4,000,000.';

-- 3 ---------------------------------------------------------------------------------------------------------------

CREATE FUNCTION analytics.pool_share_over(span interval)
RETURNS TABLE (
    pool_id integer, pool text, blocks bigint, share double precision, fees bigint, empty_blocks bigint,
    stale_blocks bigint, stale_rate double precision
)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH since AS (
        SELECT time - span AS since FROM chaincore.blocks ORDER BY height DESC LIMIT 1
    ), mined AS (
        SELECT b.pool_id, false AS stale, b.fees, b.tx_count FROM chaincore.blocks b, since WHERE b.time > since.since
        UNION ALL
        SELECT s.pool_id, true, 0, s.tx_count FROM chaincore.stale_blocks s, since
        WHERE chaincore.header_time(s.header) > since.since
    )
    SELECT m.pool_id, coalesce(p.name, 'unknown'),
        count(*) FILTER (WHERE NOT m.stale),
        count(*) FILTER (WHERE NOT m.stale)::double precision
            / nullif(sum(count(*) FILTER (WHERE NOT m.stale)) OVER (), 0)::double precision,
        sum(m.fees)::bigint,
        count(*) FILTER (WHERE NOT m.stale AND m.tx_count = 1),
        count(*) FILTER (WHERE m.stale),
        count(*) FILTER (WHERE m.stale)::double precision / count(*)
    FROM mined m
    LEFT JOIN chaincore.pools p ON p.pool_id = m.pool_id
    GROUP BY m.pool_id, p.name
    ORDER BY 3 DESC, 2;
END;
COMMENT ON FUNCTION analytics.pool_share_over(interval) IS 'What pool_share tells, over any span of time up to the tip.';

CREATE VIEW analytics.pool_share AS
SELECT span.days, s.pool_id, s.pool, s.blocks, s.share, s.fees, s.empty_blocks, s.stale_blocks, s.stale_rate
FROM (VALUES (7), (30), (365)) AS span(days)
CROSS JOIN LATERAL analytics.pool_share_over(make_interval(days => span.days)) AS s;
COMMENT ON VIEW analytics.pool_share IS 'Who mined the blocks of the 7, 30 and 365 days up to the tip.';
COMMENT ON COLUMN analytics.pool_share.days IS 'How many days: 7, 30 or 365.';
COMMENT ON COLUMN analytics.pool_share.pool_id IS 'pools.pool_id; null for blocks that no rule fits.';
COMMENT ON COLUMN analytics.pool_share.pool IS 'Name of the pool, or unknown.';
COMMENT ON COLUMN analytics.pool_share.blocks IS 'Blocks of the active chain.';
COMMENT ON COLUMN analytics.pool_share.share IS 'Their part of all blocks.';
COMMENT ON COLUMN analytics.pool_share.fees IS 'Satoshi of fees in them.';
COMMENT ON COLUMN analytics.pool_share.empty_blocks IS 'Those with nothing but a coinbase.';
COMMENT ON COLUMN analytics.pool_share.stale_blocks IS 'Blocks that left the active chain.';
COMMENT ON COLUMN analytics.pool_share.stale_rate IS 'Those as part of all blocks the pool found.';

-- 4 ---------------------------------------------------------------------------------------------------------------

CREATE VIEW analytics.hashrate_daily AS
WITH step AS (
    SELECT height, chaincore.day_of(time) AS day, pool_id, analytics.work_of(difficulty) AS work,
        extract(epoch FROM time - lag(time) OVER (ORDER BY height)) AS seconds
    FROM chaincore.blocks
), spent AS (
    SELECT day, sum(seconds)::double precision AS seconds, sum(work) AS work
    FROM step
    WHERE seconds IS NOT NULL
    GROUP BY day
)
SELECT
    step.day, step.pool_id, coalesce(pools.name, 'unknown') AS pool,
    count(*) AS blocks,
    sum(step.work) / CASE WHEN spent.seconds > 0 THEN spent.seconds END AS hashrate,
    spent.work / CASE WHEN spent.seconds > 0 THEN spent.seconds END AS network_hashrate
FROM step
JOIN spent USING (day)
LEFT JOIN chaincore.pools USING (pool_id)
WHERE step.seconds IS NOT NULL
GROUP BY step.day, step.pool_id, pools.name, spent.seconds, spent.work;
COMMENT ON VIEW analytics.hashrate_daily IS 'Hash rates, estimated from the work in the blocks of a day and the time from the last block before the day to its last one.';
COMMENT ON COLUMN analytics.hashrate_daily.day IS 'Day of the times in the headers. Block 0 is left out: no time is known that it took.';
COMMENT ON COLUMN analytics.hashrate_daily.pool_id IS 'pools.pool_id; null for blocks that no rule fits.';
COMMENT ON COLUMN analytics.hashrate_daily.pool IS 'Name of the pool, or unknown.';
COMMENT ON COLUMN analytics.hashrate_daily.blocks IS 'Blocks of the pool.';
COMMENT ON COLUMN analytics.hashrate_daily.hashrate IS 'Hashes per second of the pool; few blocks make a rough estimate. Null if the times stand still or run back.';
COMMENT ON COLUMN analytics.hashrate_daily.network_hashrate IS 'Hashes per second of all together.';

-- 5 ---------------------------------------------------------------------------------------------------------------

CREATE VIEW analytics.difficulty_epochs AS
WITH epochs AS (
    SELECT
        height / 2016 AS epoch, min(height) AS from_height, max(height) AS to_height, count(*) AS blocks,
        (array_agg(time ORDER BY height))[1] AS started_at,
        (array_agg(time ORDER BY height DESC))[1] AS ended_at,
        max(difficulty) AS difficulty
    FROM chaincore.blocks
    GROUP BY height / 2016
), timed AS (
    SELECT *, extract(epoch FROM ended_at - started_at)::double precision AS seconds FROM epochs
)
SELECT
    epoch, from_height, to_height, blocks, started_at, ended_at, seconds, difficulty,
    (difficulty / lag(difficulty) OVER (ORDER BY epoch) - 1) * 100 AS change_percent,
    CASE WHEN blocks BETWEEN 2 AND 2015
            AND (SELECT network FROM chaincore.sync_state) IN ('main', 'testnet4', 'signet')
        -- What 2015 intervals would take at this pace; the rule lets it be a quarter to four times two weeks.
        THEN (1209600 / least(greatest(seconds / (blocks - 1) * 2015, 302400), 4838400) - 1) * 100
    END AS expected_change_percent
FROM timed;
COMMENT ON VIEW analytics.difficulty_epochs IS 'Every 2016 blocks: how long they took and how difficult they were.';
COMMENT ON COLUMN analytics.difficulty_epochs.epoch IS 'Height divided by 2016.';
COMMENT ON COLUMN analytics.difficulty_epochs.from_height IS 'First height.';
COMMENT ON COLUMN analytics.difficulty_epochs.to_height IS 'Last height; of the newest epoch, the tip.';
COMMENT ON COLUMN analytics.difficulty_epochs.blocks IS 'Blocks so far.';
COMMENT ON COLUMN analytics.difficulty_epochs.started_at IS 'Time of the first block.';
COMMENT ON COLUMN analytics.difficulty_epochs.ended_at IS 'Time of the last block.';
COMMENT ON COLUMN analytics.difficulty_epochs.seconds IS 'Seconds from the one to the other.';
COMMENT ON COLUMN analytics.difficulty_epochs.difficulty IS 'Highest difficulty of its blocks: networks for tests have single easy blocks.';
COMMENT ON COLUMN analytics.difficulty_epochs.change_percent IS 'Change against the epoch before, in per cent; null in the first.';
COMMENT ON COLUMN analytics.difficulty_epochs.expected_change_percent IS 'Change to expect after this epoch at its pace so far, in per cent; null if it is over or the network has another rule.';

-- 6 ---------------------------------------------------------------------------------------------------------------

CREATE VIEW analytics.supply AS
SELECT
    height, time,
    sum(coinbase_value - fees) OVER so_far::bigint AS minted,
    sum(subsidy + fees - coinbase_value) OVER so_far::bigint AS unclaimed,
    sum(unspendable_value) OVER so_far::bigint AS unspendable,
    sum(coinbase_value - fees - unspendable_value) OVER so_far::bigint AS circulating
FROM chaincore.blocks
WINDOW so_far AS (ORDER BY height);
COMMENT ON VIEW analytics.supply IS 'How much money there was at each height.';
COMMENT ON COLUMN analytics.supply.height IS 'blocks.height.';
COMMENT ON COLUMN analytics.supply.time IS 'blocks.time.';
COMMENT ON COLUMN analytics.supply.minted IS 'Satoshi that coinbases created up to here, fees they passed on left out.';
COMMENT ON COLUMN analytics.supply.unclaimed IS 'Satoshi of subsidy and fees that miners did not take.';
COMMENT ON COLUMN analytics.supply.unspendable IS 'Satoshi in outputs that nobody can ever spend.';
COMMENT ON COLUMN analytics.supply.circulating IS 'minted minus unspendable: what the unspent outputs hold together.';

-- 7 ---------------------------------------------------------------------------------------------------------------

CREATE MATERIALIZED VIEW analytics.utxo_age_bands AS
WITH bands(band, label, from_age, to_age) AS (
    VALUES
        (1, 'below 1 day', interval '0', interval '1 day'),
        (2, '1 day to 1 week', interval '1 day', interval '7 days'),
        (3, '1 week to 1 month', interval '7 days', interval '30 days'),
        (4, '1 to 3 months', interval '30 days', interval '90 days'),
        (5, '3 to 6 months', interval '90 days', interval '180 days'),
        (6, '6 to 12 months', interval '180 days', interval '365 days'),
        (7, '1 to 2 years', interval '365 days', interval '730 days'),
        (8, '2 to 3 years', interval '730 days', interval '1095 days'),
        (9, '3 to 5 years', interval '1095 days', interval '1825 days'),
        (10, '5 to 7 years', interval '1825 days', interval '2555 days'),
        (11, '7 to 10 years', interval '2555 days', interval '3650 days'),
        (12, 'over 10 years', interval '3650 days', NULL)
), tip AS (
    SELECT height, median_time FROM chaincore.blocks ORDER BY height DESC LIMIT 1
), by_height AS (
    SELECT chaincore.height_of(tx_id) AS height, count(*) AS utxos, sum(value) AS value
    FROM chaincore.utxos
    GROUP BY chaincore.height_of(tx_id)
), aged AS (
    SELECT tip.median_time - b.median_time AS age, u.utxos, u.value
    FROM by_height u
    JOIN chaincore.blocks b USING (height)
    CROSS JOIN tip
)
SELECT
    bands.band, bands.label,
    coalesce(sum(aged.utxos), 0)::bigint AS utxos,
    coalesce(sum(aged.value), 0)::bigint AS value,
    coalesce(sum(aged.value) / nullif(sum(sum(aged.value)) OVER (), 0), 0)::double precision AS share,
    (SELECT height FROM tip) AS as_of_height
FROM bands
LEFT JOIN aged ON aged.age >= bands.from_age AND (bands.to_age IS NULL OR aged.age < bands.to_age)
GROUP BY bands.band, bands.label;
CREATE UNIQUE INDEX utxo_age_bands_band ON analytics.utxo_age_bands (band);
COMMENT ON MATERIALIZED VIEW analytics.utxo_age_bands IS 'How long unspent outputs have lain there. As of the last analytics.refresh().';
COMMENT ON COLUMN analytics.utxo_age_bands.band IS 'Number of the band, the youngest first.';
COMMENT ON COLUMN analytics.utxo_age_bands.label IS 'Its ages; a month has 30 days, a year 365.';
COMMENT ON COLUMN analytics.utxo_age_bands.utxos IS 'Unspent outputs.';
COMMENT ON COLUMN analytics.utxo_age_bands.value IS 'Satoshi in them.';
COMMENT ON COLUMN analytics.utxo_age_bands.share IS 'Their part of all value.';
COMMENT ON COLUMN analytics.utxo_age_bands.as_of_height IS 'Height of the tip at the last refresh; null if there was no block.';

-- 8 ---------------------------------------------------------------------------------------------------------------

CREATE FUNCTION analytics.dust_limit(script_type smallint) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE script_type WHEN 3 THEN 540 WHEN 6 THEN 294 WHEN 7 THEN 330 WHEN 8 THEN 330 WHEN 9 THEN 240 WHEN 10 THEN 330
    ELSE 546 END;
COMMENT ON FUNCTION analytics.dust_limit(smallint) IS 'Satoshi below which nodes do not relay an output of a type, because it costs more than it is worth; by Bitcoin Core''s default of 3000 satoshi per 1000 bytes.';

CREATE MATERIALIZED VIEW analytics.utxo_value_bands AS
WITH counted AS (
    SELECT CASE WHEN value = 0 THEN -1 ELSE length(value::text) - 1 END AS exponent,
        count(*) AS utxos, sum(value) AS value,
        count(*) FILTER (WHERE value < analytics.dust_limit(script_type)) AS dust_utxos
    FROM chaincore.utxos
    GROUP BY 1
)
SELECT
    band AS exponent,
    CASE WHEN band < 0 THEN 0 ELSE (10::numeric ^ band)::bigint END AS from_value,
    coalesce(utxos, 0) AS utxos,
    coalesce(value, 0)::bigint AS value,
    coalesce(utxos / nullif(sum(utxos) OVER (), 0), 0)::double precision AS utxo_share,
    coalesce(value / nullif(sum(value) OVER (), 0), 0)::double precision AS value_share,
    coalesce(dust_utxos, 0) AS dust_utxos,
    coalesce(sum(dust_utxos) OVER () / nullif(sum(utxos) OVER (), 0), 0)::double precision AS dust_share,
    (SELECT max(height) FROM chaincore.blocks) AS as_of_height
FROM generate_series(-1, 15) AS band
LEFT JOIN counted ON counted.exponent = band;
CREATE UNIQUE INDEX utxo_value_bands_exponent ON analytics.utxo_value_bands (exponent);
COMMENT ON MATERIALIZED VIEW analytics.utxo_value_bands IS 'Unspent outputs by value, one row per power of ten. As of the last analytics.refresh().';
COMMENT ON COLUMN analytics.utxo_value_bands.exponent IS 'Power of ten where the band begins, in satoshi; -1 for outputs of nothing.';
COMMENT ON COLUMN analytics.utxo_value_bands.from_value IS 'Satoshi where the band begins.';
COMMENT ON COLUMN analytics.utxo_value_bands.utxos IS 'Unspent outputs.';
COMMENT ON COLUMN analytics.utxo_value_bands.value IS 'Satoshi in them.';
COMMENT ON COLUMN analytics.utxo_value_bands.utxo_share IS 'Their part of all unspent outputs.';
COMMENT ON COLUMN analytics.utxo_value_bands.value_share IS 'Their part of all value.';
COMMENT ON COLUMN analytics.utxo_value_bands.dust_utxos IS 'Those below analytics.dust_limit of their type.';
COMMENT ON COLUMN analytics.utxo_value_bands.dust_share IS 'Dust of all bands as part of all unspent outputs.';
COMMENT ON COLUMN analytics.utxo_value_bands.as_of_height IS 'Height of the tip at the last refresh; null if there was no block.';

-- 9 ---------------------------------------------------------------------------------------------------------------

CREATE VIEW analytics.script_type_adoption AS
SELECT
    chaincore.day_of(b.time) AS day, s.script_type, t.name,
    sum(s.n_out)::bigint AS outputs,
    (sum(s.n_out) / nullif(sum(sum(s.n_out)) OVER (PARTITION BY chaincore.day_of(b.time)), 0))::double precision
        AS output_share,
    sum(s.out_value)::bigint AS out_value,
    sum(s.n_in)::bigint AS inputs,
    (sum(s.n_in) / nullif(sum(sum(s.n_in)) OVER (PARTITION BY chaincore.day_of(b.time)), 0))::double precision
        AS input_share,
    sum(s.in_value)::bigint AS in_value
FROM chaincore.script_type_stats s
JOIN chaincore.blocks b USING (height)
LEFT JOIN chaincore.script_types t USING (script_type)
GROUP BY chaincore.day_of(b.time), s.script_type, t.name;
COMMENT ON VIEW analytics.script_type_adoption IS 'Which types of scripts were used on each day.';
COMMENT ON COLUMN analytics.script_type_adoption.day IS 'Day of the times in the headers.';
COMMENT ON COLUMN analytics.script_type_adoption.script_type IS 'script_types.script_type.';
COMMENT ON COLUMN analytics.script_type_adoption.name IS 'Name of the type.';
COMMENT ON COLUMN analytics.script_type_adoption.outputs IS 'Outputs created.';
COMMENT ON COLUMN analytics.script_type_adoption.output_share IS 'Their part of all outputs of the day.';
COMMENT ON COLUMN analytics.script_type_adoption.out_value IS 'Satoshi in them.';
COMMENT ON COLUMN analytics.script_type_adoption.inputs IS 'Outputs spent.';
COMMENT ON COLUMN analytics.script_type_adoption.input_share IS 'Their part of all outputs spent on the day; null if none was.';
COMMENT ON COLUMN analytics.script_type_adoption.in_value IS 'Satoshi in them.';

-- 10 --------------------------------------------------------------------------------------------------------------

CREATE VIEW analytics.rich_list AS
SELECT
    row_number() OVER (ORDER BY balance DESC, script_key, address) AS rank,
    address, balance, utxo_count, first_height, last_height,
    balance / nullif((SELECT utxo_value FROM chaincore.sync_state), 0)::double precision AS share
FROM (
    SELECT * FROM chaincore.address_balances WHERE balance > 0 ORDER BY balance DESC, script_key, address LIMIT 1000
) AS richest;
COMMENT ON VIEW analytics.rich_list IS 'The 1000 addresses that have most.';
COMMENT ON COLUMN analytics.rich_list.rank IS 'From 1.';
COMMENT ON COLUMN analytics.rich_list.address IS 'address_balances.address.';
COMMENT ON COLUMN analytics.rich_list.balance IS 'Satoshi.';
COMMENT ON COLUMN analytics.rich_list.utxo_count IS 'Unspent outputs.';
COMMENT ON COLUMN analytics.rich_list.first_height IS 'Height of its first output.';
COMMENT ON COLUMN analytics.rich_list.last_height IS 'Height of the last block that paid or spent it.';
COMMENT ON COLUMN analytics.rich_list.share IS 'Its part of all value.';

CREATE MATERIALIZED VIEW analytics.balance_distribution AS
WITH ranked AS (
    SELECT balance, ntile(10) OVER (ORDER BY balance DESC, script_key, address) AS decile
    FROM chaincore.address_balances
    WHERE balance > 0
), counted AS (
    SELECT decile, count(*) AS addresses, sum(balance) AS balance, min(balance) AS least, max(balance) AS most
    FROM ranked
    GROUP BY decile
)
SELECT
    tenth AS decile,
    coalesce(addresses, 0) AS addresses,
    coalesce(balance, 0)::bigint AS balance,
    coalesce(balance / nullif(sum(balance) OVER (), 0), 0)::double precision AS share,
    least, most,
    (SELECT max(height) FROM chaincore.blocks) AS as_of_height
FROM generate_series(1, 10) AS tenth
LEFT JOIN counted ON counted.decile = tenth;
CREATE UNIQUE INDEX balance_distribution_decile ON analytics.balance_distribution (decile);
COMMENT ON MATERIALIZED VIEW analytics.balance_distribution IS 'How value is spread over addresses, by tenths of the addresses that have any. As of the last analytics.refresh().';
COMMENT ON COLUMN analytics.balance_distribution.decile IS 'Which tenth, from 1, the richest.';
COMMENT ON COLUMN analytics.balance_distribution.addresses IS 'Addresses; the first tenths have one more if it does not divide.';
COMMENT ON COLUMN analytics.balance_distribution.balance IS 'Satoshi they have together.';
COMMENT ON COLUMN analytics.balance_distribution.share IS 'Their part of all value.';
COMMENT ON COLUMN analytics.balance_distribution.least IS 'Least balance among them.';
COMMENT ON COLUMN analytics.balance_distribution.most IS 'Largest balance among them.';
COMMENT ON COLUMN analytics.balance_distribution.as_of_height IS 'Height of the tip at the last refresh; null if there was no block.';

-- 11 --------------------------------------------------------------------------------------------------------------

CREATE FUNCTION analytics.coin_days_destroyed_between(from_height integer, to_height integer)
RETURNS TABLE (day date, moved bigint, coin_days double precision, mean_age_days double precision)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH spent AS (
        SELECT chaincore.height_of(i.tx_id) AS height, chaincore.height_of(i.prev_tx_id) AS prev_height,
            sum(i.value) AS value
        FROM chaincore.inputs i
        WHERE i.tx_id >= chaincore.first_tx_id(from_height) AND i.tx_id < (to_height::bigint + 1) << 20
        GROUP BY 1, 2
    ), aged AS (
        SELECT chaincore.day_of(b.time) AS day, s.value,
            extract(epoch FROM b.median_time - p.median_time)::double precision / 86400 AS days
        FROM spent s
        JOIN chaincore.blocks b ON b.height = s.height
        JOIN chaincore.blocks p ON p.height = s.prev_height
    )
    SELECT a.day, sum(a.value)::bigint, sum(a.value::double precision * a.days) / 100000000,
        sum(a.value::double precision * a.days) / nullif(sum(a.value::double precision), 0)
    FROM aged a
    GROUP BY a.day;
END;
COMMENT ON FUNCTION analytics.coin_days_destroyed_between(integer, integer) IS 'What coin_days_destroyed tells, for blocks from one height to another: reads only their partitions.';

CREATE VIEW analytics.coin_days_destroyed AS
SELECT d.day, d.moved, d.coin_days, d.mean_age_days
FROM analytics.coin_days_destroyed_between(0, (SELECT max(height) FROM chaincore.blocks)) AS d;
COMMENT ON VIEW analytics.coin_days_destroyed IS 'How old the money was that moved, day by day, over the whole chain; for less use the function.';
COMMENT ON COLUMN analytics.coin_days_destroyed.day IS 'Day of the times in the headers of the spending blocks.';
COMMENT ON COLUMN analytics.coin_days_destroyed.moved IS 'Satoshi in the outputs spent.';
COMMENT ON COLUMN analytics.coin_days_destroyed.coin_days IS 'Their coins (100,000,000 satoshi) times the days they had lain.';
COMMENT ON COLUMN analytics.coin_days_destroyed.mean_age_days IS 'Mean days they had lain, weighted by value.';

-- 12 --------------------------------------------------------------------------------------------------------------

CREATE VIEW analytics.reorg_log AS
SELECT
    r.id, r.detected_at, r.fork_height, r.depth, r.connected, r.txs_dropped,
    coalesce(t.still_stale, 0) AS txs_still_stale,
    coalesce(t.reconfirmed, 0) AS txs_reconfirmed,
    coalesce(t.missing, 0) AS txs_missing,
    r.value_dropped, r.apply_ms
FROM chaincore.reorgs r
LEFT JOIN (
    SELECT b.reorg_id, count(*) AS still_stale, count(s.reconfirmed_height) AS reconfirmed,
        count(*) FILTER (WHERE s.reconfirmed_height IS NULL AND s.pos > 0) AS missing
    FROM chaincore.stale_blocks b
    JOIN chaincore.stale_transactions s ON s.block_hash = b.hash
    GROUP BY b.reorg_id
) AS t ON t.reorg_id = r.id;
COMMENT ON VIEW analytics.reorg_log IS 'Reorganizations, and what became of the transactions they dropped.';
COMMENT ON COLUMN analytics.reorg_log.id IS 'reorgs.id.';
COMMENT ON COLUMN analytics.reorg_log.detected_at IS 'When the writer saw it.';
COMMENT ON COLUMN analytics.reorg_log.fork_height IS 'Height of the last block that stayed.';
COMMENT ON COLUMN analytics.reorg_log.depth IS 'Blocks dropped.';
COMMENT ON COLUMN analytics.reorg_log.connected IS 'Blocks taken in their place when the writer saw it.';
COMMENT ON COLUMN analytics.reorg_log.txs_dropped IS 'Transactions in the dropped blocks, coinbases included.';
COMMENT ON COLUMN analytics.reorg_log.txs_still_stale IS 'Those whose block did not come back or fall to a later reorganization.';
COMMENT ON COLUMN analytics.reorg_log.txs_reconfirmed IS 'Of these, those that other blocks confirmed.';
COMMENT ON COLUMN analytics.reorg_log.txs_missing IS 'Of these, those that no block confirmed, coinbases left out.';
COMMENT ON COLUMN analytics.reorg_log.value_dropped IS 'Satoshi in the outputs of the dropped blocks.';
COMMENT ON COLUMN analytics.reorg_log.apply_ms IS 'Milliseconds that the mirror took.';

CREATE VIEW analytics.stale_rate AS
WITH found AS (
    SELECT date_trunc('month', chaincore.day_of(time)::timestamp)::date AS month, false AS stale FROM chaincore.blocks
    UNION ALL
    SELECT date_trunc('month', chaincore.day_of(chaincore.header_time(header))::timestamp)::date, true
    FROM chaincore.stale_blocks
), reorganized AS (
    SELECT date_trunc('month', chaincore.day_of(detected_at)::timestamp)::date AS month, count(*) AS reorgs,
        max(depth) AS deepest
    FROM chaincore.reorgs
    GROUP BY 1
), counted AS (
    SELECT month, count(*) FILTER (WHERE NOT stale) AS blocks, count(*) FILTER (WHERE stale) AS stale_blocks
    FROM found
    GROUP BY month
)
SELECT
    month,
    coalesce(blocks, 0) AS blocks,
    coalesce(stale_blocks, 0) AS stale_blocks,
    stale_blocks::double precision / nullif(blocks + stale_blocks, 0) AS stale_rate,
    coalesce(reorgs, 0) AS reorgs,
    deepest
FROM counted
FULL JOIN reorganized USING (month);
COMMENT ON VIEW analytics.stale_rate IS 'How many blocks left the chain, month by month.';
COMMENT ON COLUMN analytics.stale_rate.month IS 'First day of the month.';
COMMENT ON COLUMN analytics.stale_rate.blocks IS 'Blocks of the active chain, by the times in their headers.';
COMMENT ON COLUMN analytics.stale_rate.stale_blocks IS 'Blocks that left it, by the times in their headers.';
COMMENT ON COLUMN analytics.stale_rate.stale_rate IS 'Those as part of all.';
COMMENT ON COLUMN analytics.stale_rate.reorgs IS 'Reorganizations that the mirror followed in the month.';
COMMENT ON COLUMN analytics.stale_rate.deepest IS 'Most blocks that one of them dropped; null if there was none.';

-- And these -------------------------------------------------------------------------------------------------------

CREATE VIEW analytics.mempool_hourly AS
SELECT
    date_trunc('hour', taken_at, 'UTC') AS hour,
    count(*) AS snapshots,
    avg(tx_count)::double precision AS mean_txs,
    max(vsize) AS max_vsize,
    avg(total_fee)::double precision AS mean_fee,
    max(min_feerate) AS max_min_feerate,
    avg(feerate_p50)::double precision AS mean_feerate_p50
FROM chaincore.mempool_snapshots
GROUP BY 1;
COMMENT ON VIEW analytics.mempool_hourly IS 'The mempool hour by hour.';
COMMENT ON COLUMN analytics.mempool_hourly.hour IS 'When the hour began.';
COMMENT ON COLUMN analytics.mempool_hourly.snapshots IS 'Snapshots taken.';
COMMENT ON COLUMN analytics.mempool_hourly.mean_txs IS 'Mean count of transactions.';
COMMENT ON COLUMN analytics.mempool_hourly.max_vsize IS 'Most virtual bytes.';
COMMENT ON COLUMN analytics.mempool_hourly.mean_fee IS 'Mean satoshi of all fees in it.';
COMMENT ON COLUMN analytics.mempool_hourly.max_min_feerate IS 'Highest rate below which it took nothing, satoshi per virtual byte.';
COMMENT ON COLUMN analytics.mempool_hourly.mean_feerate_p50 IS 'Mean of the medians of fee rates, satoshi per virtual byte; null if it was always empty.';

CREATE VIEW analytics.op_return_daily AS
SELECT
    chaincore.day_of(time) AS day,
    sum(op_return_count)::bigint AS op_returns,
    sum(op_return_count) / nullif(sum(output_count), 0)::double precision AS output_share,
    sum(unspendable_value)::bigint AS unspendable_value
FROM chaincore.blocks
GROUP BY 1;
COMMENT ON VIEW analytics.op_return_daily IS 'Outputs that only carry data, day by day.';
COMMENT ON COLUMN analytics.op_return_daily.day IS 'Day of the times in the headers.';
COMMENT ON COLUMN analytics.op_return_daily.op_returns IS 'Outputs of type nulldata.';
COMMENT ON COLUMN analytics.op_return_daily.output_share IS 'Their part of all outputs.';
COMMENT ON COLUMN analytics.op_return_daily.unspendable_value IS 'Satoshi in outputs that nobody can ever spend, of this and other types.';

CREATE FUNCTION analytics.address_history(wanted text)
RETURNS TABLE (height integer, tx_id bigint, txid bytea, received bigint, sent bigint, balance bigint)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH made AS (
        SELECT o.tx_id, o.value
        FROM chaincore.outputs o
        WHERE o.script_key = chaincore.addr(wanted)
            AND wanted = coalesce(o.address, 'raw:' || encode(sha256(o.script), 'hex'))
            -- Not what nobody can spend: the coinbase of block 0, scripts that end at once or are too long.
            AND o.tx_id >= chaincore.first_tx_id(1)
            AND (o.script IS NULL OR (substr(o.script, 1, 1) <> '\x6a' AND octet_length(o.script) <= 10000))
    ), used AS (
        SELECT i.tx_id, i.value
        FROM chaincore.inputs i
        JOIN chaincore.outputs o ON o.tx_id = i.prev_tx_id AND o.vout = i.prev_vout
        WHERE i.script_key = chaincore.addr(wanted)
            AND wanted = coalesce(o.address, 'raw:' || encode(sha256(o.script), 'hex'))
    ), moved AS (
        SELECT m.tx_id, sum(m.received)::bigint AS received, sum(m.sent)::bigint AS sent
        FROM (SELECT made.tx_id, made.value AS received, 0 AS sent FROM made
              UNION ALL SELECT used.tx_id, 0, used.value FROM used) AS m
        GROUP BY m.tx_id
    )
    SELECT chaincore.height_of(m.tx_id), m.tx_id, t.txid, m.received, m.sent,
        sum(m.received - m.sent) OVER (ORDER BY m.tx_id)::bigint
    FROM moved m
    LEFT JOIN chaincore.transactions t ON t.tx_id = m.tx_id
    ORDER BY m.tx_id;
END;
COMMENT ON FUNCTION analytics.address_history(text) IS 'Transactions that paid or spent an address, in the order of the chain, with the balance after each. The two coinbases of Bitcoin that others overwrote are not taken off.';

CREATE FUNCTION analytics.balance_at(wanted text, at_height integer) RETURNS bigint
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (SELECT coalesce(sum(received - sent), 0)::bigint FROM analytics.address_history(wanted) WHERE height <= at_height);
COMMENT ON FUNCTION analytics.balance_at(text, integer) IS 'Satoshi that an address had after the block at a height.';

CREATE VIEW analytics.node_lag AS
SELECT
    n.node_id, n.name, n.status, n.height, s.tip_height - n.height AS blocks_behind, n.last_seen,
    CASE WHEN n.best_hash IS NULL OR n.height > s.tip_height THEN NULL ELSE b.hash IS NOT NULL END AS on_active_chain
FROM chaincore.nodes n
LEFT JOIN chaincore.sync_state s ON true
LEFT JOIN chaincore.blocks b ON b.height = n.height AND b.hash = n.best_hash;
COMMENT ON VIEW analytics.node_lag IS 'How far nodes are behind the mirror.';
COMMENT ON COLUMN analytics.node_lag.node_id IS 'nodes.node_id.';
COMMENT ON COLUMN analytics.node_lag.name IS 'Name to show.';
COMMENT ON COLUMN analytics.node_lag.status IS 'How it is: syncing, ok, or unreachable.';
COMMENT ON COLUMN analytics.node_lag.height IS 'Height of its tip.';
COMMENT ON COLUMN analytics.node_lag.blocks_behind IS 'How far that is below the tip of the mirror; negative if it is above.';
COMMENT ON COLUMN analytics.node_lag.last_seen IS 'When it last answered.';
COMMENT ON COLUMN analytics.node_lag.on_active_chain IS 'Whether its tip is in the chain of the mirror; null if that is not known.';

CREATE FUNCTION analytics.refresh() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    name text;
    populated boolean;
BEGIN
    FOR name, populated IN SELECT matviewname, ispopulated FROM pg_matviews WHERE schemaname = 'analytics' ORDER BY 1 LOOP
        -- One that a dump without rows has made was never filled, and only a filled one can be read meanwhile.
        EXECUTE format('REFRESH MATERIALIZED VIEW %s analytics.%I', CASE WHEN populated THEN 'CONCURRENTLY' ELSE '' END,
            name);
    END LOOP;
END
$$;
COMMENT ON FUNCTION analytics.refresh() IS 'Computes utxo_age_bands, utxo_value_bands and balance_distribution anew; readers see the old ones meanwhile.';
REVOKE ALL ON FUNCTION analytics.refresh() FROM PUBLIC;
