-- A chain of five blocks, made by hand; median times are the times, so that ages are easy to tell. In coins:
--   0  2024-01-01 00:00          50 to G, which nobody can spend
--   1  2024-01-01 12:00  pool 1  50 to A
--   2  2024-01-01 18:00  pool 2  49 to B; the miner left one coin
--   3  2024-01-03 00:00  pool 1  50.001 to A; 1: A's 50 to C 30, nulldata 0.1, A 19.899, fee 0.001
--   4  2024-01-03 06:00  nobody  50.000197 to B; 1: C's 30 to D 29.9999, E 300 satoshi, fee 9700 satoshi;
--                                2: D's to F 29.9998, fee 10000 satoshi
-- In the place of block 4 there was another one of pool 1 first, with transaction 4/1 in it.
CREATE TEMPORARY TABLE who (name text, script_type smallint, address text, script bytea);
INSERT INTO who VALUES
    ('G', 1, NULL, decode('21' || repeat('02', 33) || 'ac', 'hex')),
    ('A', 2, '1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2', NULL),
    ('B', 6, 'bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4', NULL),
    ('C', 7, 'bc1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3qccfmv3', NULL),
    ('D', 8, 'bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0', NULL),
    ('E', 3, '3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy', NULL),
    ('F', 1, NULL, decode('21' || repeat('03', 33) || 'ac', 'hex')),
    ('data', 5, NULL, '\x6a0401020304');

INSERT INTO chaincore.blocks (height, hash, prev_hash, merkle_root, version, time, median_time, bits, nonce, difficulty,
    chainwork, size, stripped_size, weight, tx_count, input_count, output_count, input_value, output_value, subsidy, fees,
    coinbase_value, coinbase_script, coinbase_address, pool_id, pool_rule_version, feerate_min, feerate_p10, feerate_p25,
    feerate_p50, feerate_p75, feerate_p90, feerate_max, segwit_txs, taproot_inputs, rbf_txs, op_return_count, utxo_delta,
    unspendable_value)
SELECT height, decode(lpad(to_hex(160 + height), 64, '0'), 'hex'),
    decode(lpad(CASE WHEN height = 0 THEN '0' ELSE to_hex(159 + height) END, 64, '0'), 'hex'),
    decode(repeat('11', 32), 'hex'), 536870912, time::timestamptz, time::timestamptz, 486604799, 7,
    work * 65535.0 / 281474976710656.0, decode(lpad(to_hex(total), 64, '0'), 'hex'), size, size, 4 * size,
    txs, ins, outs, in_value, out_value, 5000000000, fees, coinbase, convert_to(tag, 'UTF8'),
    (SELECT address FROM who WHERE name = paid), pool, 1, r[1], r[2], r[3], r[4], r[5], r[6], r[7], segwit, taproot, rbf,
    data, delta, lost
FROM (VALUES
    (0, '2024-01-01 00:00Z', 648000, 648000, 100000, 1, 0, 1, 0, 5000000000, 0, 5000000000, 'the first', 'G', NULL, NULL::float8[], 0, 0, 0, 0, 0, 5000000000),
    (1, '2024-01-01 12:00Z', 648000, 1296000, 100000, 1, 0, 1, 0, 5000000000, 0, 5000000000, 'Foundry USA Pool', 'A', 1, NULL, 0, 0, 0, 0, 1, 0),
    (2, '2024-01-01 18:00Z', 648000, 1944000, 100000, 1, 0, 1, 0, 4900000000, 0, 4900000000, 'Mined by AntPool', 'B', 2, NULL, 0, 0, 0, 0, 1, 0),
    (3, '2024-01-03 00:00Z', 1296000, 3240000, 500000, 2, 1, 4, 5000000000, 10000000000, 100000, 5000100000, 'Foundry USA Pool', 'A', 1, '{100,100,100,100,100,100,100}', 0, 0, 1, 1, 2, 10000000),
    (4, '2024-01-03 06:00Z', 1296000, 4536000, 1000000, 3, 2, 4, 5999990000, 10999990000, 19700, 5000019700, 'nobody known', 'B', NULL, '{10,10,10,10,20,20,20}', 2, 1, 0, 0, 2, 0)
) AS b(height, time, work, total, size, txs, ins, outs, in_value, out_value, fees, coinbase, tag, paid, pool, r, segwit,
    taproot, rbf, data, delta, lost);

INSERT INTO chaincore.transactions
SELECT (height::bigint << 20) + pos, fee, in_value, out_value, 2, 0, weight, weight / 4, ins, outs, flags,
    decode(lpad(to_hex(256 * (height + 1) + pos), 64, '0'), 'hex'), NULL
FROM (VALUES
    (0, 0, 0, 0, 5000000000, 400, 0, 1, 1), (1, 0, 0, 0, 5000000000, 400, 0, 1, 1), (2, 0, 0, 0, 4900000000, 400, 0, 1, 1),
    (3, 0, 0, 0, 5000100000, 400, 0, 1, 1), (3, 1, 100000, 5000000000, 4999900000, 4000, 1, 3, 24),
    (4, 0, 0, 0, 5000019700, 400, 0, 1, 1), (4, 1, 9700, 3000000000, 2999990300, 3880, 1, 2, 2),
    (4, 2, 10000, 2999990000, 2999980000, 2000, 1, 1, 6)
) AS t(height, pos, fee, in_value, out_value, weight, ins, outs, flags);

CREATE TEMPORARY TABLE paid (height integer, pos integer, vout integer, value bigint, name text);
INSERT INTO paid VALUES
    (0, 0, 0, 5000000000, 'G'), (1, 0, 0, 5000000000, 'A'), (2, 0, 0, 4900000000, 'B'), (3, 0, 0, 5000100000, 'A'),
    (3, 1, 0, 3000000000, 'C'), (3, 1, 1, 10000000, 'data'), (3, 1, 2, 1989900000, 'A'), (4, 0, 0, 5000019700, 'B'),
    (4, 1, 0, 2999990000, 'D'), (4, 1, 1, 300, 'E'), (4, 2, 0, 2999980000, 'F');
INSERT INTO chaincore.outputs (tx_id, value, script_key, vout, script_type, address, script)
SELECT (height::bigint << 20) + pos, value, coalesce(chaincore.addr(address), chaincore.script_key(script)), vout,
    script_type, address, script
FROM paid JOIN who USING (name);

INSERT INTO chaincore.inputs (tx_id, prev_tx_id, value, script_key, sequence, vin, prev_vout, witness_size, scriptsig_size,
    script_type)
SELECT (s.height::bigint << 20) + s.pos, o.tx_id, o.value, o.script_key, 4294967293, 0, o.vout, 0, 107, o.script_type
FROM (VALUES (3, 1, 1, 0, 0), (4, 1, 3, 1, 0), (4, 2, 4, 1, 0)) AS s(height, pos, of_height, of_pos, vout)
JOIN chaincore.outputs o ON o.tx_id = (s.of_height::bigint << 20) + s.of_pos AND o.vout = s.vout;

INSERT INTO chaincore.utxos (tx_id, value, script_key, vout, script_type, coinbase, address)
SELECT o.tx_id, o.value, o.script_key, o.vout, o.script_type, o.tx_id & 1048575 = 0, o.address
FROM (VALUES (2, 0, 0), (3, 0, 0), (3, 1, 2), (4, 0, 0), (4, 1, 1), (4, 2, 0)) AS u(height, pos, vout)
JOIN chaincore.outputs o ON o.tx_id = (u.height::bigint << 20) + u.pos AND o.vout = u.vout;

INSERT INTO chaincore.address_balances (script_key, balance, received, sent, utxo_count, first_height, last_height, address)
SELECT coalesce(chaincore.addr(who.address), chaincore.script_key(script)), balance, received, sent, utxos, first, last,
    coalesce(who.address, 'raw:' || encode(sha256(script), 'hex'))
FROM (VALUES ('A', 6990000000, 11990000000, 5000000000, 2, 1, 3), ('B', 9900019700, 9900019700, 0, 2, 2, 4),
    ('E', 300, 300, 0, 1, 4, 4), ('F', 2999980000, 2999980000, 0, 1, 4, 4)
) AS b(name, balance, received, sent, utxos, first, last)
JOIN who USING (name);

INSERT INTO chaincore.script_type_stats VALUES
    (0, 1, 1, 5000000000, 0, 0), (1, 2, 1, 5000000000, 0, 0), (2, 6, 1, 4900000000, 0, 0),
    (3, 2, 2, 6990000000, 1, 5000000000), (3, 7, 1, 3000000000, 0, 0), (3, 5, 1, 10000000, 0, 0),
    (4, 6, 1, 5000019700, 0, 0), (4, 7, 0, 0, 1, 3000000000), (4, 8, 1, 2999990000, 1, 2999990000),
    (4, 3, 1, 300, 0, 0), (4, 1, 1, 2999980000, 0, 0);

-- 2024-01-03 05:00 is 1704258000, 0x6594e9d0, which stands in bytes 68 to 71 of the header, least significant first.
INSERT INTO chaincore.reorgs VALUES (1, '2024-01-03 06:01Z', 3, decode(lpad('a3', 64, '0'), 'hex'),
    decode(lpad('b4', 64, '0'), 'hex'), decode(lpad('a4', 64, '0'), 'hex'), 1, 1, 2, 8000000000, 12);
INSERT INTO chaincore.stale_blocks VALUES (decode(lpad('b4', 64, '0'), 'hex'), 4, decode(lpad('a3', 64, '0'), 'hex'),
    decode(repeat('00', 68) || 'd0e99465' || repeat('00', 8), 'hex'), 2, 9700, 1, 1, '2024-01-03 06:01Z');
INSERT INTO chaincore.stale_transactions VALUES
    (decode(lpad('b4', 64, '0'), 'hex'), 0, decode(lpad('fff', 64, '0'), 'hex'), 0, NULL),
    (decode(lpad('b4', 64, '0'), 'hex'), 1, decode(lpad('501', 64, '0'), 'hex'), 9700, 4);

INSERT INTO chaincore.mempool_snapshots VALUES
    ('2024-01-03 05:58Z', 2, 1470, 19700, 1, 10, 10, 10, 20, 20, '{0,0,0}'),
    ('2024-01-03 05:59Z', 4, 2470, 29700, 1, 10, 10, 14, 20, 20, '{0,0,0}'),
    ('2024-01-03 06:00Z', 0, 0, 0, 2.5, NULL, NULL, NULL, NULL, NULL, '{0,0,0}');

INSERT INTO chaincore.nodes VALUES
    ('alpha', 'Alpha', 'main', 'http://127.0.0.1:5000', '0.1.0', NULL, '2024-01-01Z', '2024-01-03 06:02Z', 4,
        decode(lpad('a4', 64, '0'), 'hex'), 8, 'ok'),
    ('beta', 'Beta', 'main', NULL, '0.1.0', NULL, '2024-01-01Z', '2024-01-03 06:02Z', 3,
        decode(lpad('b3', 64, '0'), 'hex'), 8, 'ok'),
    ('gamma', 'Gamma', 'main', NULL, NULL, NULL, '2024-01-01Z', '2024-01-02Z', NULL, NULL, NULL, 'unreachable');

INSERT INTO chaincore.sync_state (network, genesis_hash, tip_height, tip_hash, final_height, mode, seeded, event_seq,
    writer_epoch, blocks, txs, outputs, inputs, utxos, utxo_value, plugin_version)
VALUES ('main', decode(lpad('a0', 64, '0'), 'hex'), 4, decode(lpad('a4', 64, '0'), 'hex'), 0, 'tip', true, 5, 1, 5, 8, 11, 3,
    6, 19890000000, '0.1.0');

ALTER TABLE chaincore.transactions ADD PRIMARY KEY (tx_id);
ALTER TABLE chaincore.outputs ADD PRIMARY KEY (tx_id, vout);
ALTER TABLE chaincore.inputs ADD PRIMARY KEY (tx_id, vin);
ALTER TABLE chaincore.utxos ADD PRIMARY KEY (tx_id, vout);
ALTER TABLE chaincore.address_balances ADD PRIMARY KEY (script_key, address);
SELECT analytics.refresh();
