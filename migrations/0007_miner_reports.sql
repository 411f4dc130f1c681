-- What miners tell the node of their own work, and whose blocks that is.

ALTER TABLE chaincore.miner_events
    DROP CONSTRAINT miner_events_kind_check,
    ADD CONSTRAINT miner_events_kind_check
        CHECK (kind IN ('template', 'share', 'submit', 'accepted', 'rejected', 'stale', 'report')),
    ADD COLUMN worker text,
    ADD COLUMN address text,
    ADD COLUMN hashes bigint,
    ADD COLUMN hash_rate bigint,
    ADD COLUMN blocks_accepted bigint,
    ADD COLUMN blocks_rejected bigint,
    ADD COLUMN uptime bigint;
COMMENT ON COLUMN chaincore.miner_events.kind IS 'template (asked for), share (found), submit, accepted, rejected, stale (too late), report (a miner told how it works).';
COMMENT ON COLUMN chaincore.miner_events.worker IS 'Of a report: what the miner calls itself.';
COMMENT ON COLUMN chaincore.miner_events.address IS 'Of a report: the address that its blocks pay.';
COMMENT ON COLUMN chaincore.miner_events.hashes IS 'Of a report: headers hashed since the miner began.';
COMMENT ON COLUMN chaincore.miner_events.hash_rate IS 'Of a report: headers hashed in a second, on average.';
COMMENT ON COLUMN chaincore.miner_events.blocks_accepted IS 'Of a report: blocks that became a tip.';
COMMENT ON COLUMN chaincore.miner_events.blocks_rejected IS 'Of a report: blocks that did not.';
COMMENT ON COLUMN chaincore.miner_events.uptime IS 'Of a report: seconds since the miner began.';

CREATE OR REPLACE VIEW chaincore.mining_stats AS
WITH mined AS (
    SELECT chaincore.day_of(time) AS day, pool_id, hash, false AS stale, fees, subsidy, weight, tx_count
    FROM chaincore.blocks
    UNION ALL
    SELECT chaincore.day_of(chaincore.header_time(header)), pool_id, hash, true, 0, 0, 0, tx_count
    FROM chaincore.stale_blocks
), local AS (
    SELECT hash, count(*) FILTER (WHERE kind = 'accepted') AS accepted, avg(latency_ms) AS latency_ms
    FROM chaincore.miner_events
    WHERE kind IN ('accepted', 'stale') AND hash IS NOT NULL
    GROUP BY hash
), reports AS (
    SELECT chaincore.day_of(at) AS day, address, worker, avg(hash_rate) AS hash_rate
    FROM chaincore.miner_events
    WHERE kind = 'report'
    GROUP BY 1, 2, 3
), working AS (
    -- A worker belongs to the pool of the blocks that pay its address that day.
    SELECT day, pool_id, count(*) AS workers, sum(hash_rate) AS hash_rate
    FROM reports
    JOIN (
        SELECT DISTINCT chaincore.day_of(time) AS day, pool_id, coinbase_address AS address
        FROM chaincore.blocks
        WHERE coinbase_address IN (SELECT address FROM reports)
    ) AS paid USING (day, address)
    GROUP BY day, pool_id
)
SELECT
    mined.day,
    mined.pool_id,
    coalesce(pools.name, 'unknown') AS pool,
    count(*) FILTER (WHERE NOT stale) AS blocks,
    count(*) FILTER (WHERE NOT stale)::double precision
        / nullif(sum(count(*) FILTER (WHERE NOT stale)) OVER (PARTITION BY mined.day), 0)::double precision AS share,
    count(*) FILTER (WHERE stale) AS stale_blocks,
    count(*) FILTER (WHERE NOT stale AND tx_count = 1) AS empty_blocks,
    sum(fees)::bigint AS fees,
    sum(subsidy)::bigint AS subsidy,
    (avg(weight) FILTER (WHERE NOT stale) / 4000000)::double precision AS fullness,
    coalesce(sum(local.accepted), 0)::bigint AS local_accepted,
    avg(local.latency_ms)::double precision AS local_latency_ms,
    coalesce(max(working.workers), 0)::bigint AS local_workers,
    coalesce(max(working.hash_rate), 0)::double precision AS local_hash_rate
FROM mined
LEFT JOIN chaincore.pools USING (pool_id)
LEFT JOIN local USING (hash)
LEFT JOIN working ON working.day = mined.day AND working.pool_id IS NOT DISTINCT FROM mined.pool_id
GROUP BY mined.day, mined.pool_id, pools.name;
COMMENT ON COLUMN chaincore.mining_stats.local_workers IS 'Miners that told a known node how they work and whose address these blocks pay.';
COMMENT ON COLUMN chaincore.mining_stats.local_hash_rate IS 'Headers that they hashed in a second, together, as they said.';
