-- The mirror's tables. What each column means stands in its comment, and the same words in README.md.
--
-- Not here: indexes that need the rows. A fresh mirror loads history into bare tables and builds these afterwards,
-- from the list in storage/mirror/src/indexes.rs. Primary keys of the large tables are among them:
--   transactions       PRIMARY KEY (tx_id)
--   outputs            PRIMARY KEY (tx_id, vout)
--   inputs             PRIMARY KEY (tx_id, vin)
--   utxos              PRIMARY KEY (tx_id, vout)
--   address_balances   PRIMARY KEY (script_key, address)
-- and the other indexes that readers and reorganizations need:
--   blocks             UNIQUE (hash); (time); (pool_id, height)
--   transactions       (substr(txid, 1, 8))               what chaincore.transaction_ids looks up
--   outputs            (script_key, tx_id)
--   inputs             (prev_tx_id, prev_vout); (script_key, tx_id)
--   utxos              (script_key)
--   address_balances   (balance DESC) WHERE balance > 0
--   stale_blocks       (height)
--   stale_transactions (substr(txid, 1, 8))
-- Until its primary key is there a table of the publication takes INSERT and COPY, but no UPDATE or DELETE.

CREATE SCHEMA IF NOT EXISTS chaincore;
COMMENT ON SCHEMA chaincore IS 'The mirror of the chain: one writer, any number of readers.';

-- Where the mirror is ---------------------------------------------------------------------------------------------

CREATE TABLE chaincore.sync_state (
    one            boolean PRIMARY KEY DEFAULT true CHECK (one),
    network        text NOT NULL,
    genesis_hash   bytea NOT NULL CHECK (octet_length(genesis_hash) = 32),
    tip_height     integer,
    tip_hash       bytea CHECK (octet_length(tip_hash) = 32),
    final_height   integer,
    mode           text NOT NULL CHECK (mode IN ('bulk', 'seal', 'catch-up', 'tip', 'reorg')),
    seeded         boolean NOT NULL DEFAULT false,
    event_seq      bigint NOT NULL DEFAULT 0,
    writer_epoch   bigint NOT NULL DEFAULT 0,
    blocks         bigint NOT NULL DEFAULT 0,
    txs            bigint NOT NULL DEFAULT 0,
    outputs        bigint NOT NULL DEFAULT 0,
    inputs         bigint NOT NULL DEFAULT 0,
    utxos          bigint NOT NULL DEFAULT 0,
    utxo_value     bigint NOT NULL DEFAULT 0,
    updated_at     timestamptz NOT NULL DEFAULT now(),
    plugin_version text NOT NULL,
    CHECK ((tip_height IS NULL) = (tip_hash IS NULL))
);
COMMENT ON TABLE chaincore.sync_state IS 'One row: how far the mirror is, written with every block in the same transaction.';
COMMENT ON COLUMN chaincore.sync_state.one IS 'Always true; there is one row.';
COMMENT ON COLUMN chaincore.sync_state.network IS 'The network: main, testnet4, signet, regtest or the name of a chain file.';
COMMENT ON COLUMN chaincore.sync_state.genesis_hash IS 'Hash of block 0; a writer for another chain refuses to run.';
COMMENT ON COLUMN chaincore.sync_state.tip_height IS 'Height of the last mirrored block; null before the first.';
COMMENT ON COLUMN chaincore.sync_state.tip_hash IS 'Hash of the last mirrored block; null before the first.';
COMMENT ON COLUMN chaincore.sync_state.final_height IS 'Up to here no reorganization is expected, so tx_id may be kept elsewhere; null before that.';
COMMENT ON COLUMN chaincore.sync_state.mode IS 'What the writer does: bulk (loading history), seal (building indexes), catch-up, tip, reorg (a long one is being undone).';
COMMENT ON COLUMN chaincore.sync_state.seeded IS 'Whether utxos and address_balances are filled and kept; false while history is loaded.';
COMMENT ON COLUMN chaincore.sync_state.event_seq IS 'Count of committed batches.';
COMMENT ON COLUMN chaincore.sync_state.writer_epoch IS 'Which writer holds the mirror: each new one adds 1, and one with an older number may not commit.';
COMMENT ON COLUMN chaincore.sync_state.blocks IS 'Rows in blocks.';
COMMENT ON COLUMN chaincore.sync_state.txs IS 'Rows in transactions.';
COMMENT ON COLUMN chaincore.sync_state.outputs IS 'Rows in outputs.';
COMMENT ON COLUMN chaincore.sync_state.inputs IS 'Rows in inputs.';
COMMENT ON COLUMN chaincore.sync_state.utxos IS 'Rows in utxos.';
COMMENT ON COLUMN chaincore.sync_state.utxo_value IS 'Sum of the values in utxos, in satoshi.';
COMMENT ON COLUMN chaincore.sync_state.updated_at IS 'When the writer last committed.';
COMMENT ON COLUMN chaincore.sync_state.plugin_version IS 'Version of the writer that last committed.';

CREATE TABLE chaincore.bulk_ranges (
    from_h    integer PRIMARY KEY,
    to_h      integer NOT NULL,
    done_h    integer,
    last_hash bytea,
    worker    integer NOT NULL,
    CHECK (to_h >= from_h AND (done_h IS NULL OR done_h BETWEEN from_h AND to_h))
);
COMMENT ON TABLE chaincore.bulk_ranges IS 'Ranges of heights that workers load side by side in bulk mode; empty afterwards.';
COMMENT ON COLUMN chaincore.bulk_ranges.from_h IS 'First height of the range.';
COMMENT ON COLUMN chaincore.bulk_ranges.to_h IS 'Last height of the range.';
COMMENT ON COLUMN chaincore.bulk_ranges.done_h IS 'Last height that is loaded; null if none is.';
COMMENT ON COLUMN chaincore.bulk_ranges.last_hash IS 'Hash of the block at done_h.';
COMMENT ON COLUMN chaincore.bulk_ranges.worker IS 'Number of the worker that loads the range.';

-- The chain -------------------------------------------------------------------------------------------------------

CREATE TABLE chaincore.blocks (
    height             integer PRIMARY KEY,
    hash               bytea NOT NULL,
    prev_hash          bytea NOT NULL,
    merkle_root        bytea NOT NULL,
    version            integer NOT NULL,
    time               timestamptz NOT NULL,
    median_time        timestamptz NOT NULL,
    bits               bigint NOT NULL,
    nonce              bigint NOT NULL,
    difficulty         double precision NOT NULL,
    chainwork          bytea NOT NULL,
    size               integer NOT NULL,
    stripped_size      integer NOT NULL,
    weight             integer NOT NULL,
    tx_count           integer NOT NULL,
    input_count        integer NOT NULL,
    output_count       integer NOT NULL,
    input_value        bigint NOT NULL,
    output_value       bigint NOT NULL,
    subsidy            bigint NOT NULL,
    fees               bigint NOT NULL,
    coinbase_value     bigint NOT NULL,
    coinbase_script    bytea NOT NULL,
    coinbase_address   text,
    witness_commitment bytea,
    pool_id            integer,
    pool_rule_version  integer,
    feerate_min        double precision,
    feerate_p10        double precision,
    feerate_p25        double precision,
    feerate_p50        double precision,
    feerate_p75        double precision,
    feerate_p90        double precision,
    feerate_max        double precision,
    segwit_txs         integer NOT NULL,
    taproot_inputs     integer NOT NULL,
    rbf_txs            integer NOT NULL,
    op_return_count    integer NOT NULL,
    utxo_delta         integer NOT NULL,
    unspendable_value  bigint NOT NULL,
    utxo_acc           bigint NOT NULL DEFAULT 0,
    received_at        timestamptz,
    relayed_by_node    text
);
COMMENT ON TABLE chaincore.blocks IS 'The active chain, one row per block. Blocks that left it are in stale_blocks.';
COMMENT ON COLUMN chaincore.blocks.height IS 'How many blocks lie below.';
COMMENT ON COLUMN chaincore.blocks.hash IS 'Block hash.';
COMMENT ON COLUMN chaincore.blocks.prev_hash IS 'Hash of the block below; zeros in block 0.';
COMMENT ON COLUMN chaincore.blocks.merkle_root IS 'Merkle root of the header.';
COMMENT ON COLUMN chaincore.blocks.version IS 'Version of the header, signed as the header has it.';
COMMENT ON COLUMN chaincore.blocks.time IS 'Time of the header; miners may set it some hours off.';
COMMENT ON COLUMN chaincore.blocks.median_time IS 'Median of the times of this block and the 10 below; never falls.';
COMMENT ON COLUMN chaincore.blocks.bits IS 'Target of the header in its compact form, unsigned.';
COMMENT ON COLUMN chaincore.blocks.nonce IS 'Nonce of the header, unsigned.';
COMMENT ON COLUMN chaincore.blocks.difficulty IS 'How much harder than the easiest target of Bitcoin; times 2^48 / 65535 it is the expected number of hashes.';
COMMENT ON COLUMN chaincore.blocks.chainwork IS 'Expected number of hashes for the chain up to here, 32 bytes, most significant first.';
COMMENT ON COLUMN chaincore.blocks.size IS 'Bytes with witnesses.';
COMMENT ON COLUMN chaincore.blocks.stripped_size IS 'Bytes without witnesses.';
COMMENT ON COLUMN chaincore.blocks.weight IS 'Weight units: 3 times stripped_size plus size.';
COMMENT ON COLUMN chaincore.blocks.tx_count IS 'Transactions, the coinbase included.';
COMMENT ON COLUMN chaincore.blocks.input_count IS 'Outputs spent; the coinbase spends none.';
COMMENT ON COLUMN chaincore.blocks.output_count IS 'Outputs created, those of the coinbase included.';
COMMENT ON COLUMN chaincore.blocks.input_value IS 'Satoshi in the outputs spent.';
COMMENT ON COLUMN chaincore.blocks.output_value IS 'Satoshi in the outputs created, those of the coinbase included.';
COMMENT ON COLUMN chaincore.blocks.subsidy IS 'Satoshi the block may create.';
COMMENT ON COLUMN chaincore.blocks.fees IS 'Satoshi of fees: what its transactions spend but do not pass on.';
COMMENT ON COLUMN chaincore.blocks.coinbase_value IS 'Satoshi in the outputs of the coinbase; at most subsidy plus fees.';
COMMENT ON COLUMN chaincore.blocks.coinbase_script IS 'The script that the coinbase has in the place of a signature: height, tags of the pool, anything.';
COMMENT ON COLUMN chaincore.blocks.coinbase_address IS 'Address of the first output of the coinbase that has one.';
COMMENT ON COLUMN chaincore.blocks.witness_commitment IS 'The 32 bytes that commit to the witnesses (BIP 141); null if there are none.';
COMMENT ON COLUMN chaincore.blocks.pool_id IS 'Who mined it by pool_rules; null if no rule fits.';
COMMENT ON COLUMN chaincore.blocks.pool_rule_version IS 'The newest version of pool_rules when pool_id was found; null if never looked at.';
COMMENT ON COLUMN chaincore.blocks.feerate_min IS 'Lowest fee rate of a transaction, satoshi per virtual byte; null as all fee rates if there is only the coinbase.';
COMMENT ON COLUMN chaincore.blocks.feerate_p10 IS 'Satoshi per virtual byte that a tenth of the weight does not exceed.';
COMMENT ON COLUMN chaincore.blocks.feerate_p25 IS 'Satoshi per virtual byte that a quarter of the weight does not exceed.';
COMMENT ON COLUMN chaincore.blocks.feerate_p50 IS 'Satoshi per virtual byte that half of the weight does not exceed.';
COMMENT ON COLUMN chaincore.blocks.feerate_p75 IS 'Satoshi per virtual byte that three quarters of the weight do not exceed.';
COMMENT ON COLUMN chaincore.blocks.feerate_p90 IS 'Satoshi per virtual byte that nine tenths of the weight do not exceed.';
COMMENT ON COLUMN chaincore.blocks.feerate_max IS 'Highest fee rate of a transaction, satoshi per virtual byte.';
COMMENT ON COLUMN chaincore.blocks.segwit_txs IS 'Transactions with a witness, the coinbase left out.';
COMMENT ON COLUMN chaincore.blocks.taproot_inputs IS 'Spent outputs of type witness_v1_taproot.';
COMMENT ON COLUMN chaincore.blocks.rbf_txs IS 'Transactions that signal replaceability (BIP 125), the coinbase left out.';
COMMENT ON COLUMN chaincore.blocks.op_return_count IS 'Outputs of type nulldata, those of the coinbase included.';
COMMENT ON COLUMN chaincore.blocks.utxo_delta IS 'Unspent outputs added minus those removed.';
COMMENT ON COLUMN chaincore.blocks.unspendable_value IS 'Satoshi in outputs that nobody can ever spend: they never enter utxos, or are overwritten there.';
COMMENT ON COLUMN chaincore.blocks.utxo_acc IS 'Sum modulo 2^64, as a signed number, over all unspent outputs after the block: the first 8 bytes of SHA256(txid as serialized, vout, value; the latter little-endian, 4 and 8 bytes).';
COMMENT ON COLUMN chaincore.blocks.received_at IS 'When the node of the mirror connected it; null for history loaded in bulk.';
COMMENT ON COLUMN chaincore.blocks.relayed_by_node IS 'nodes.node_id of the node that the mirror had it from; null for history loaded in bulk.';

CREATE TABLE chaincore.transactions (
    tx_id        bigint NOT NULL,
    fee          bigint NOT NULL,
    input_value  bigint NOT NULL,
    output_value bigint NOT NULL,
    version      bigint NOT NULL,
    locktime     bigint NOT NULL,
    weight       integer NOT NULL,
    size         integer NOT NULL,
    n_in         integer NOT NULL,
    n_out        integer NOT NULL,
    flags        integer NOT NULL,
    txid         bytea NOT NULL,
    wtxid        bytea
) PARTITION BY RANGE (tx_id);
COMMENT ON TABLE chaincore.transactions IS 'Transactions of the active chain.';
COMMENT ON COLUMN chaincore.transactions.tx_id IS 'Place in the chain: height times 2^20 plus the position in the block. Final only up to sync_state.final_height.';
COMMENT ON COLUMN chaincore.transactions.fee IS 'Satoshi spent but not passed on; 0 for a coinbase.';
COMMENT ON COLUMN chaincore.transactions.input_value IS 'Satoshi in the outputs spent; 0 for a coinbase.';
COMMENT ON COLUMN chaincore.transactions.output_value IS 'Satoshi in the outputs.';
COMMENT ON COLUMN chaincore.transactions.version IS 'Version, unsigned.';
COMMENT ON COLUMN chaincore.transactions.locktime IS 'Lock time as it stands there: a height below 500000000, else seconds since 1970; only some transactions are bound by it.';
COMMENT ON COLUMN chaincore.transactions.weight IS 'Weight units; a virtual byte has four.';
COMMENT ON COLUMN chaincore.transactions.size IS 'Bytes with witness.';
COMMENT ON COLUMN chaincore.transactions.n_in IS 'Rows in inputs: outputs spent; 0 for a coinbase.';
COMMENT ON COLUMN chaincore.transactions.n_out IS 'Rows in outputs.';
COMMENT ON COLUMN chaincore.transactions.flags IS 'Sum of the bits of transaction_flags that fit.';
COMMENT ON COLUMN chaincore.transactions.txid IS 'Transaction id. Two of Bitcoin''s early coinbases each stand twice in the chain, so not unique.';
COMMENT ON COLUMN chaincore.transactions.wtxid IS 'Transaction id with witness; null without a witness, when it is the txid.';

CREATE TABLE chaincore.outputs (
    tx_id       bigint NOT NULL,
    value       bigint NOT NULL,
    script_key  bigint NOT NULL,
    vout        integer NOT NULL,
    script_type smallint NOT NULL,
    address     text,
    script      bytea
) PARTITION BY RANGE (tx_id);
COMMENT ON TABLE chaincore.outputs IS 'Outputs of the active chain, spent or not; a row is never changed.';
COMMENT ON COLUMN chaincore.outputs.tx_id IS 'transactions.tx_id of the transaction that made it.';
COMMENT ON COLUMN chaincore.outputs.value IS 'Satoshi.';
COMMENT ON COLUMN chaincore.outputs.script_key IS 'First 8 bytes of SHA256(script) as a signed number; two scripts may share one, so compare address too.';
COMMENT ON COLUMN chaincore.outputs.vout IS 'Position among the outputs of the transaction.';
COMMENT ON COLUMN chaincore.outputs.script_type IS 'script_types.script_type.';
COMMENT ON COLUMN chaincore.outputs.address IS 'Address; null for scripts that have none.';
COMMENT ON COLUMN chaincore.outputs.script IS 'The script where there is no address; else null, for the address tells it.';

CREATE TABLE chaincore.inputs (
    tx_id          bigint NOT NULL,
    prev_tx_id     bigint NOT NULL,
    value          bigint NOT NULL,
    script_key     bigint NOT NULL,
    sequence       bigint NOT NULL,
    vin            integer NOT NULL,
    prev_vout      integer NOT NULL,
    witness_size   integer NOT NULL,
    scriptsig_size integer NOT NULL,
    script_type    smallint NOT NULL
) PARTITION BY RANGE (tx_id);
COMMENT ON TABLE chaincore.inputs IS 'Spent outputs, one row where each is spent. The input of a coinbase spends nothing and is not here.';
COMMENT ON COLUMN chaincore.inputs.tx_id IS 'transactions.tx_id of the spending transaction.';
COMMENT ON COLUMN chaincore.inputs.prev_tx_id IS 'transactions.tx_id of the transaction that made the output; divided by 2^20 it is the height of that.';
COMMENT ON COLUMN chaincore.inputs.value IS 'Satoshi of the output.';
COMMENT ON COLUMN chaincore.inputs.script_key IS 'outputs.script_key of the output.';
COMMENT ON COLUMN chaincore.inputs.sequence IS 'Sequence number, unsigned.';
COMMENT ON COLUMN chaincore.inputs.vin IS 'Position among the inputs of the transaction.';
COMMENT ON COLUMN chaincore.inputs.prev_vout IS 'outputs.vout of the output.';
COMMENT ON COLUMN chaincore.inputs.witness_size IS 'Bytes of the witness as it is serialized, its counts included; 0 if it has none.';
COMMENT ON COLUMN chaincore.inputs.scriptsig_size IS 'Bytes of the script of the input.';
COMMENT ON COLUMN chaincore.inputs.script_type IS 'script_types.script_type of the output.';

CREATE TABLE chaincore.utxos (
    tx_id       bigint NOT NULL,
    value       bigint NOT NULL,
    script_key  bigint NOT NULL,
    vout        integer NOT NULL,
    script_type smallint NOT NULL,
    coinbase    boolean NOT NULL,
    address     text
);
COMMENT ON TABLE chaincore.utxos IS 'Outputs that can be spent at the tip, kept in the transaction that mirrors a block.';
COMMENT ON COLUMN chaincore.utxos.tx_id IS 'transactions.tx_id of the transaction that made it; divided by 2^20 it is the height.';
COMMENT ON COLUMN chaincore.utxos.value IS 'Satoshi.';
COMMENT ON COLUMN chaincore.utxos.script_key IS 'outputs.script_key.';
COMMENT ON COLUMN chaincore.utxos.vout IS 'outputs.vout.';
COMMENT ON COLUMN chaincore.utxos.script_type IS 'script_types.script_type.';
COMMENT ON COLUMN chaincore.utxos.coinbase IS 'Whether a coinbase made it: then it can be spent only 100 blocks later.';
COMMENT ON COLUMN chaincore.utxos.address IS 'Address; null for scripts that have none.';

CREATE TABLE chaincore.address_balances (
    script_key   bigint NOT NULL,
    balance      bigint NOT NULL,
    received     bigint NOT NULL,
    sent         bigint NOT NULL,
    utxo_count   integer NOT NULL,
    first_height integer NOT NULL,
    last_height  integer NOT NULL,
    address      text NOT NULL
) WITH (fillfactor = 85);
COMMENT ON TABLE chaincore.address_balances IS 'What each address has at the tip, kept in the transaction that mirrors a block.';
COMMENT ON COLUMN chaincore.address_balances.script_key IS 'outputs.script_key.';
COMMENT ON COLUMN chaincore.address_balances.balance IS 'Satoshi in its unspent outputs: received minus sent.';
COMMENT ON COLUMN chaincore.address_balances.received IS 'Satoshi in all outputs it ever had.';
COMMENT ON COLUMN chaincore.address_balances.sent IS 'Satoshi in those that are spent.';
COMMENT ON COLUMN chaincore.address_balances.utxo_count IS 'Unspent outputs.';
COMMENT ON COLUMN chaincore.address_balances.first_height IS 'Height of its first output.';
COMMENT ON COLUMN chaincore.address_balances.last_height IS 'Height of the last block that paid or spent it.';
COMMENT ON COLUMN chaincore.address_balances.address IS 'Address, or raw: and SHA256(script) in hex for scripts that have none.';

CREATE TABLE chaincore.script_type_stats (
    height      integer NOT NULL,
    script_type smallint NOT NULL,
    n_out       integer NOT NULL,
    out_value   bigint NOT NULL,
    n_in        integer NOT NULL,
    in_value    bigint NOT NULL,
    PRIMARY KEY (height, script_type)
);
COMMENT ON TABLE chaincore.script_type_stats IS 'Outputs made and spent by type in each block; types that do not occur have no row.';
COMMENT ON COLUMN chaincore.script_type_stats.height IS 'blocks.height.';
COMMENT ON COLUMN chaincore.script_type_stats.script_type IS 'script_types.script_type.';
COMMENT ON COLUMN chaincore.script_type_stats.n_out IS 'Outputs created.';
COMMENT ON COLUMN chaincore.script_type_stats.out_value IS 'Satoshi in them.';
COMMENT ON COLUMN chaincore.script_type_stats.n_in IS 'Outputs spent.';
COMMENT ON COLUMN chaincore.script_type_stats.in_value IS 'Satoshi in them.';

-- What left the chain ---------------------------------------------------------------------------------------------

CREATE TABLE chaincore.reorgs (
    id            bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    detected_at   timestamptz NOT NULL,
    fork_height   integer NOT NULL,
    fork_hash     bytea NOT NULL,
    old_tip       bytea NOT NULL,
    new_tip       bytea NOT NULL,
    depth         integer NOT NULL,
    connected     integer NOT NULL,
    txs_dropped   integer NOT NULL,
    value_dropped bigint NOT NULL,
    apply_ms      integer NOT NULL
);
COMMENT ON TABLE chaincore.reorgs IS 'Reorganizations that the mirror has followed.';
COMMENT ON COLUMN chaincore.reorgs.id IS 'Number in the order they came.';
COMMENT ON COLUMN chaincore.reorgs.detected_at IS 'When the writer saw it.';
COMMENT ON COLUMN chaincore.reorgs.fork_height IS 'Height of the last block that stayed.';
COMMENT ON COLUMN chaincore.reorgs.fork_hash IS 'Hash of the last block that stayed.';
COMMENT ON COLUMN chaincore.reorgs.old_tip IS 'Hash of the tip before.';
COMMENT ON COLUMN chaincore.reorgs.new_tip IS 'Hash of the tip that the node had when the writer saw it.';
COMMENT ON COLUMN chaincore.reorgs.depth IS 'Blocks dropped.';
COMMENT ON COLUMN chaincore.reorgs.connected IS 'Blocks taken in their place when the writer saw it.';
COMMENT ON COLUMN chaincore.reorgs.txs_dropped IS 'Transactions in the dropped blocks, coinbases included.';
COMMENT ON COLUMN chaincore.reorgs.value_dropped IS 'Satoshi in the outputs of the dropped blocks.';
COMMENT ON COLUMN chaincore.reorgs.apply_ms IS 'Milliseconds that the mirror took.';

CREATE TABLE chaincore.stale_blocks (
    hash      bytea PRIMARY KEY,
    height    integer NOT NULL,
    prev_hash bytea NOT NULL,
    header    bytea NOT NULL CHECK (octet_length(header) = 80),
    tx_count  integer NOT NULL,
    fees      bigint NOT NULL,
    pool_id   integer,
    reorg_id  bigint NOT NULL,
    seen_at   timestamptz NOT NULL
);
COMMENT ON TABLE chaincore.stale_blocks IS 'Blocks that were in the active chain and are no more. One that comes back leaves this table.';
COMMENT ON COLUMN chaincore.stale_blocks.hash IS 'Block hash.';
COMMENT ON COLUMN chaincore.stale_blocks.height IS 'How many blocks lie below.';
COMMENT ON COLUMN chaincore.stale_blocks.prev_hash IS 'Hash of the block below.';
COMMENT ON COLUMN chaincore.stale_blocks.header IS 'The 80 bytes of the header as they are hashed.';
COMMENT ON COLUMN chaincore.stale_blocks.tx_count IS 'Transactions, the coinbase included.';
COMMENT ON COLUMN chaincore.stale_blocks.fees IS 'Satoshi of fees.';
COMMENT ON COLUMN chaincore.stale_blocks.pool_id IS 'Who mined it by pool_rules; null if no rule fits.';
COMMENT ON COLUMN chaincore.stale_blocks.reorg_id IS 'reorgs.id of the reorganization that dropped it last.';
COMMENT ON COLUMN chaincore.stale_blocks.seen_at IS 'When the mirror dropped it.';

CREATE TABLE chaincore.stale_transactions (
    block_hash         bytea NOT NULL,
    pos                integer NOT NULL,
    txid               bytea NOT NULL,
    fee                bigint NOT NULL,
    reconfirmed_height integer,
    PRIMARY KEY (block_hash, pos)
);
COMMENT ON TABLE chaincore.stale_transactions IS 'Transactions of stale_blocks.';
COMMENT ON COLUMN chaincore.stale_transactions.block_hash IS 'stale_blocks.hash.';
COMMENT ON COLUMN chaincore.stale_transactions.pos IS 'Position in the block; 0 is the coinbase.';
COMMENT ON COLUMN chaincore.stale_transactions.txid IS 'Transaction id.';
COMMENT ON COLUMN chaincore.stale_transactions.fee IS 'Satoshi of fee.';
COMMENT ON COLUMN chaincore.stale_transactions.reconfirmed_height IS 'Height where the active chain has the transaction too; null if it does not, or not yet.';

-- The mempool -----------------------------------------------------------------------------------------------------

CREATE TABLE chaincore.mempool_snapshots (
    taken_at        timestamptz PRIMARY KEY,
    tx_count        integer NOT NULL,
    vsize           bigint NOT NULL,
    total_fee       bigint NOT NULL,
    min_feerate     double precision NOT NULL,
    feerate_p10     double precision,
    feerate_p25     double precision,
    feerate_p50     double precision,
    feerate_p75     double precision,
    feerate_p90     double precision,
    vsize_by_bucket bigint[] NOT NULL
);
COMMENT ON TABLE chaincore.mempool_snapshots IS 'The mempool of the node of the mirror, once a minute while the node follows the tip.';
COMMENT ON COLUMN chaincore.mempool_snapshots.taken_at IS 'When.';
COMMENT ON COLUMN chaincore.mempool_snapshots.tx_count IS 'Transactions.';
COMMENT ON COLUMN chaincore.mempool_snapshots.vsize IS 'Their virtual bytes.';
COMMENT ON COLUMN chaincore.mempool_snapshots.total_fee IS 'Satoshi of their fees.';
COMMENT ON COLUMN chaincore.mempool_snapshots.min_feerate IS 'Satoshi per virtual byte below which the mempool takes nothing.';
COMMENT ON COLUMN chaincore.mempool_snapshots.feerate_p10 IS 'Satoshi per virtual byte that a tenth of the virtual bytes does not exceed; null as all of them if it is empty.';
COMMENT ON COLUMN chaincore.mempool_snapshots.feerate_p25 IS 'Satoshi per virtual byte that a quarter of the virtual bytes does not exceed.';
COMMENT ON COLUMN chaincore.mempool_snapshots.feerate_p50 IS 'Satoshi per virtual byte that half of the virtual bytes do not exceed.';
COMMENT ON COLUMN chaincore.mempool_snapshots.feerate_p75 IS 'Satoshi per virtual byte that three quarters of the virtual bytes do not exceed.';
COMMENT ON COLUMN chaincore.mempool_snapshots.feerate_p90 IS 'Satoshi per virtual byte that nine tenths of the virtual bytes do not exceed.';
COMMENT ON COLUMN chaincore.mempool_snapshots.vsize_by_bucket IS 'Virtual bytes by fee rate: element n belongs to feerate_buckets.bucket n.';

CREATE TABLE chaincore.mempool_events (
    seq         bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    at          timestamptz NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('added', 'mined', 'replaced', 'evicted', 'expired', 'reorg', 'conflict')),
    fee         bigint NOT NULL,
    vsize       integer NOT NULL,
    txid        bytea NOT NULL,
    replaced_by bytea
);
COMMENT ON TABLE chaincore.mempool_events IS 'What happened in the mempool of the node of the mirror; empty unless it is switched on.';
COMMENT ON COLUMN chaincore.mempool_events.seq IS 'Number in the order they were written.';
COMMENT ON COLUMN chaincore.mempool_events.at IS 'When.';
COMMENT ON COLUMN chaincore.mempool_events.kind IS 'added, or why it left: mined, replaced, evicted (it paid the least), expired, reorg, conflict (with a block).';
COMMENT ON COLUMN chaincore.mempool_events.fee IS 'Satoshi of fee.';
COMMENT ON COLUMN chaincore.mempool_events.vsize IS 'Virtual bytes.';
COMMENT ON COLUMN chaincore.mempool_events.txid IS 'Transaction id.';
COMMENT ON COLUMN chaincore.mempool_events.replaced_by IS 'Transaction id of what replaced it; null for all other kinds.';

-- Nodes and miners ------------------------------------------------------------------------------------------------

CREATE TABLE chaincore.nodes (
    node_id    text PRIMARY KEY,
    name       text NOT NULL,
    network    text NOT NULL,
    endpoint   text,
    version    text,
    user_agent text,
    first_seen timestamptz NOT NULL,
    last_seen  timestamptz NOT NULL,
    height     integer,
    best_hash  bytea,
    peers      integer,
    status     text NOT NULL
);
COMMENT ON TABLE chaincore.nodes IS 'Nodes that the mirror or a monitor knows, each as it was last seen.';
COMMENT ON COLUMN chaincore.nodes.node_id IS 'What the node calls itself (--node-id), or its address where it does not.';
COMMENT ON COLUMN chaincore.nodes.name IS 'Name to show.';
COMMENT ON COLUMN chaincore.nodes.network IS 'As sync_state.network.';
COMMENT ON COLUMN chaincore.nodes.endpoint IS 'Address of its REST and RPC interface, without passwords; null if that is off.';
COMMENT ON COLUMN chaincore.nodes.version IS 'Version of its software.';
COMMENT ON COLUMN chaincore.nodes.user_agent IS 'What it calls itself to peers.';
COMMENT ON COLUMN chaincore.nodes.first_seen IS 'When it was first seen.';
COMMENT ON COLUMN chaincore.nodes.last_seen IS 'When it last answered.';
COMMENT ON COLUMN chaincore.nodes.height IS 'Height of its tip.';
COMMENT ON COLUMN chaincore.nodes.best_hash IS 'Hash of its tip.';
COMMENT ON COLUMN chaincore.nodes.peers IS 'Connected peers.';
COMMENT ON COLUMN chaincore.nodes.status IS 'How it is: syncing, ok, or unreachable.';

CREATE TABLE chaincore.node_samples (
    node_id text NOT NULL,
    at      timestamptz NOT NULL,
    height  integer NOT NULL,
    hash    bytea NOT NULL,
    peers   integer,
    mempool integer,
    rtt_ms  integer,
    PRIMARY KEY (node_id, at)
);
COMMENT ON TABLE chaincore.node_samples IS 'How nodes were, in intervals.';
COMMENT ON COLUMN chaincore.node_samples.node_id IS 'nodes.node_id.';
COMMENT ON COLUMN chaincore.node_samples.at IS 'When.';
COMMENT ON COLUMN chaincore.node_samples.height IS 'Height of its tip.';
COMMENT ON COLUMN chaincore.node_samples.hash IS 'Hash of its tip.';
COMMENT ON COLUMN chaincore.node_samples.peers IS 'Connected peers.';
COMMENT ON COLUMN chaincore.node_samples.mempool IS 'Transactions in its mempool.';
COMMENT ON COLUMN chaincore.node_samples.rtt_ms IS 'Milliseconds it took to answer; null for the node of the mirror itself.';

CREATE TABLE chaincore.miner_events (
    at         timestamptz NOT NULL,
    node_id    text NOT NULL,
    seq        integer NOT NULL,
    kind       text NOT NULL CHECK (kind IN ('template', 'share', 'submit', 'accepted', 'rejected', 'stale')),
    height     integer,
    hash       bytea,
    latency_ms integer,
    detail     text,
    PRIMARY KEY (at, node_id, seq)
);
COMMENT ON TABLE chaincore.miner_events IS 'What miners of the known nodes did.';
COMMENT ON COLUMN chaincore.miner_events.at IS 'When.';
COMMENT ON COLUMN chaincore.miner_events.node_id IS 'nodes.node_id.';
COMMENT ON COLUMN chaincore.miner_events.seq IS 'Number among the events of one node at one moment.';
COMMENT ON COLUMN chaincore.miner_events.kind IS 'template (asked for), share (found), submit, accepted, rejected, stale (too late).';
COMMENT ON COLUMN chaincore.miner_events.height IS 'Height of the block it is about.';
COMMENT ON COLUMN chaincore.miner_events.hash IS 'Hash of the block it is about.';
COMMENT ON COLUMN chaincore.miner_events.latency_ms IS 'Milliseconds that the node took.';
COMMENT ON COLUMN chaincore.miner_events.detail IS 'Why it was rejected, or null.';

-- Checks and builds -----------------------------------------------------------------------------------------------

CREATE TABLE chaincore.integrity_checks (
    id          bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    started_at  timestamptz NOT NULL,
    finished_at timestamptz,
    name        text NOT NULL,
    from_height integer,
    to_height   integer,
    ok          boolean,
    detail      jsonb NOT NULL DEFAULT '{}'
);
COMMENT ON TABLE chaincore.integrity_checks IS 'Comparisons of the mirror with itself and with the node, and what they found.';
COMMENT ON COLUMN chaincore.integrity_checks.id IS 'Number in the order they began.';
COMMENT ON COLUMN chaincore.integrity_checks.started_at IS 'When it began.';
COMMENT ON COLUMN chaincore.integrity_checks.finished_at IS 'When it ended; null while it runs or if it was broken off.';
COMMENT ON COLUMN chaincore.integrity_checks.name IS 'Name of the check.';
COMMENT ON COLUMN chaincore.integrity_checks.from_height IS 'First height looked at; null if it is not about heights.';
COMMENT ON COLUMN chaincore.integrity_checks.to_height IS 'Last height looked at; null if it is not about heights.';
COMMENT ON COLUMN chaincore.integrity_checks.ok IS 'Whether all was well; null until it ended.';
COMMENT ON COLUMN chaincore.integrity_checks.detail IS 'What was counted, and what differs.';

CREATE TABLE chaincore.index_builds (
    index_name  text PRIMARY KEY,
    relation    text NOT NULL,
    state       text NOT NULL CHECK (state IN ('planned', 'building', 'done', 'failed')),
    started_at  timestamptz,
    finished_at timestamptz
);
COMMENT ON TABLE chaincore.index_builds IS 'Indexes that are built after history is loaded.';
COMMENT ON COLUMN chaincore.index_builds.index_name IS 'Name of the index.';
COMMENT ON COLUMN chaincore.index_builds.relation IS 'Table or partition it belongs to.';
COMMENT ON COLUMN chaincore.index_builds.state IS 'planned, building, done or failed; what was building when the writer ended is built anew.';
COMMENT ON COLUMN chaincore.index_builds.started_at IS 'When it was begun.';
COMMENT ON COLUMN chaincore.index_builds.finished_at IS 'When it ended.';

-- Words for numbers -----------------------------------------------------------------------------------------------

CREATE TABLE chaincore.script_types (
    script_type smallint PRIMARY KEY,
    name        text NOT NULL UNIQUE
);
COMMENT ON TABLE chaincore.script_types IS 'Types of output scripts.';
COMMENT ON COLUMN chaincore.script_types.script_type IS 'Number, as the tables of the chain have it.';
COMMENT ON COLUMN chaincore.script_types.name IS 'Name, as Bitcoin Core''s RPC has it.';
INSERT INTO chaincore.script_types VALUES
    (0, 'nonstandard'), (1, 'pubkey'), (2, 'pubkeyhash'), (3, 'scripthash'), (4, 'multisig'), (5, 'nulldata'),
    (6, 'witness_v0_keyhash'), (7, 'witness_v0_scripthash'), (8, 'witness_v1_taproot'), (9, 'anchor'),
    (10, 'witness_unknown');

CREATE TABLE chaincore.transaction_flags (
    bit     integer PRIMARY KEY,
    name    text NOT NULL UNIQUE,
    meaning text NOT NULL
);
COMMENT ON TABLE chaincore.transaction_flags IS 'Bits of transactions.flags.';
COMMENT ON COLUMN chaincore.transaction_flags.bit IS 'Value of the bit, a power of two.';
COMMENT ON COLUMN chaincore.transaction_flags.name IS 'Name, as chaincore.has_flag takes it.';
COMMENT ON COLUMN chaincore.transaction_flags.meaning IS 'When it is set.';
INSERT INTO chaincore.transaction_flags VALUES
    (1, 'coinbase', 'first transaction of its block'),
    (2, 'segwit', 'has a witness'),
    (4, 'taproot', 'spends an output of type witness_v1_taproot'),
    (8, 'rbf', 'signals replaceability (BIP 125) by a sequence number; never set for a coinbase'),
    (16, 'op_return', 'has an output of type nulldata'),
    (32, 'runestone', 'has an output whose script begins with OP_RETURN OP_13');

CREATE TABLE chaincore.feerate_buckets (
    bucket       integer PRIMARY KEY,
    from_feerate double precision NOT NULL UNIQUE
);
COMMENT ON TABLE chaincore.feerate_buckets IS 'Ranges of fee rates for mempool_snapshots.vsize_by_bucket; each ends where the next begins.';
COMMENT ON COLUMN chaincore.feerate_buckets.bucket IS 'Number, from 1.';
COMMENT ON COLUMN chaincore.feerate_buckets.from_feerate IS 'Satoshi per virtual byte where it begins.';
INSERT INTO chaincore.feerate_buckets
SELECT row_number() OVER (ORDER BY edge), edge
FROM unnest(ARRAY[0, 0.5, 1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 30, 40, 50, 60, 80, 100, 125, 150, 200, 300, 500, 1000,
    2000]::double precision[]) AS edge;

CREATE TABLE chaincore.pools (
    pool_id integer PRIMARY KEY,
    name    text NOT NULL UNIQUE,
    link    text
);
COMMENT ON TABLE chaincore.pools IS 'Mining pools.';
COMMENT ON COLUMN chaincore.pools.pool_id IS 'Number that stays with the pool.';
COMMENT ON COLUMN chaincore.pools.name IS 'Name.';
COMMENT ON COLUMN chaincore.pools.link IS 'Its web site.';

CREATE TABLE chaincore.pool_rules (
    rule_id integer GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    version integer NOT NULL,
    pool_id integer NOT NULL REFERENCES chaincore.pools,
    pattern bytea CHECK (octet_length(pattern) > 0),
    address text,
    CHECK (num_nonnulls(pattern, address) = 1)
);
COMMENT ON TABLE chaincore.pool_rules IS 'How a block tells who mined it. New rules get a new version; chaincore.recompute_pools applies them to old blocks.';
COMMENT ON COLUMN chaincore.pool_rules.rule_id IS 'Number; of two rules that fit, an address goes first, then the longer pattern, then the lower number.';
COMMENT ON COLUMN chaincore.pool_rules.version IS 'Version of the rules that brought it.';
COMMENT ON COLUMN chaincore.pool_rules.pool_id IS 'pools.pool_id.';
COMMENT ON COLUMN chaincore.pool_rules.pattern IS 'Bytes that blocks.coinbase_script holds; null if the rule is about an address.';
COMMENT ON COLUMN chaincore.pool_rules.address IS 'blocks.coinbase_address; null if the rule is about a pattern.';

-- Functions -------------------------------------------------------------------------------------------------------

CREATE FUNCTION chaincore.height_of(tx_id bigint) RETURNS integer
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN (tx_id >> 20)::integer;
COMMENT ON FUNCTION chaincore.height_of(bigint) IS 'Height of the block of a tx_id.';

CREATE FUNCTION chaincore.first_tx_id(height integer) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN height::bigint << 20;
COMMENT ON FUNCTION chaincore.first_tx_id(integer) IS 'tx_id of the coinbase of the block at a height.';

CREATE FUNCTION chaincore.script_key(script bytea) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN ('x' || encode(substr(sha256(script), 1, 8), 'hex'))::bit(64)::bigint;
COMMENT ON FUNCTION chaincore.script_key(bytea) IS 'script_key of a script.';

CREATE FUNCTION chaincore.has_flag(flags integer, flag text) RETURNS boolean
LANGUAGE sql STABLE STRICT PARALLEL SAFE
RETURN (SELECT flags & bit <> 0 FROM chaincore.transaction_flags WHERE name = flag);
COMMENT ON FUNCTION chaincore.has_flag(integer, text) IS 'Whether transactions.flags has the flag of this name; null for an unknown name.';

-- Not STRICT, for then it would not become part of the query that calls it.
CREATE FUNCTION chaincore.transaction_ids(id bytea) RETURNS SETOF bigint
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT tx_id FROM chaincore.transactions WHERE substr(txid, 1, 8) = substr(id, 1, 8) AND txid = id ORDER BY tx_id;
END;
COMMENT ON FUNCTION chaincore.transaction_ids(bytea) IS 'tx_id of each transaction with a txid: none, one, or two for two early coinbases of Bitcoin.';

CREATE FUNCTION chaincore.header_time(header bytea) RETURNS timestamptz
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN to_timestamp(get_byte(header, 68) + 256::bigint * get_byte(header, 69) + 65536::bigint * get_byte(header, 70)
    + 16777216::bigint * get_byte(header, 71));
COMMENT ON FUNCTION chaincore.header_time(bytea) IS 'Time in a header of 80 bytes.';

CREATE FUNCTION chaincore.day_of(at timestamptz) RETURNS date
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN (at AT TIME ZONE 'UTC')::date;
COMMENT ON FUNCTION chaincore.day_of(timestamptz) IS 'Day by Universal Time, whatever the time zone of the session.';

-- 50,000 heights lie in a partition. The names are part of the contract: bulk loading writes into the leaf.
CREATE FUNCTION chaincore.partition_of(parent text, height integer) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN parent || '_p' || lpad((height / 50000)::text, greatest(4, length((height / 50000)::text)), '0');
COMMENT ON FUNCTION chaincore.partition_of(text, integer) IS 'Name of the partition of transactions, outputs or inputs for a height.';

-- Run with the rights of the owner, so that a writer who may only change rows can make room for them. It makes
-- nothing but these partitions, whatever it is given.
CREATE FUNCTION chaincore.ensure_partition(height integer) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    from_id bigint := (height / 50000)::bigint * 50000 << 20;
    to_id bigint := (height / 50000 + 1)::bigint * 50000 << 20;
    parent text;
    leaf text;
    made boolean := false;
BEGIN
    IF height IS NULL OR height < 0 THEN
        RAISE EXCEPTION 'no partition for height %', height USING ERRCODE = 'invalid_parameter_value';
    END IF;
    FOREACH parent IN ARRAY ARRAY['transactions', 'outputs', 'inputs'] LOOP
        leaf := chaincore.partition_of(parent, height);
        IF to_regclass(format('chaincore.%I', leaf)) IS NULL THEN
            -- One at a time: two writers would both find it missing.
            PERFORM pg_advisory_xact_lock(hashtext('chaincore.ensure_partition'));
            IF to_regclass(format('chaincore.%I', leaf)) IS NULL THEN
                -- Attaching leaves readers of the parent alone, CREATE TABLE … PARTITION OF would wait for them.
                EXECUTE format('CREATE TABLE chaincore.%I (LIKE chaincore.%I)', leaf, parent);
                EXECUTE format('ALTER TABLE chaincore.%I ATTACH PARTITION chaincore.%I FOR VALUES FROM (%s) TO (%s)',
                    parent, leaf, from_id, to_id);
                made := true;
            END IF;
        END IF;
    END LOOP;
    RETURN made;
END
$$;
COMMENT ON FUNCTION chaincore.ensure_partition(integer) IS 'Makes the partitions of transactions, outputs and inputs for a height; true if one was missing.';
REVOKE ALL ON FUNCTION chaincore.ensure_partition(integer) FROM PUBLIC;
SELECT chaincore.ensure_partition(0);

-- Mining ----------------------------------------------------------------------------------------------------------

CREATE VIEW chaincore.mining_stats AS
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
)
SELECT
    day,
    mined.pool_id,
    coalesce(pools.name, 'unknown') AS pool,
    count(*) FILTER (WHERE NOT stale) AS blocks,
    count(*) FILTER (WHERE NOT stale)::double precision
        / nullif(sum(count(*) FILTER (WHERE NOT stale)) OVER (PARTITION BY day), 0)::double precision AS share,
    count(*) FILTER (WHERE stale) AS stale_blocks,
    count(*) FILTER (WHERE NOT stale AND tx_count = 1) AS empty_blocks,
    sum(fees)::bigint AS fees,
    sum(subsidy)::bigint AS subsidy,
    (avg(weight) FILTER (WHERE NOT stale) / 4000000)::double precision AS fullness,
    coalesce(sum(local.accepted), 0)::bigint AS local_accepted,
    avg(local.latency_ms)::double precision AS local_latency_ms
FROM mined
LEFT JOIN chaincore.pools USING (pool_id)
LEFT JOIN local USING (hash)
GROUP BY day, mined.pool_id, pools.name;
COMMENT ON VIEW chaincore.mining_stats IS 'Who mined how much on each day, with what the miners of the known nodes did.';
COMMENT ON COLUMN chaincore.mining_stats.day IS 'Day of the times in the headers, Universal Time.';
COMMENT ON COLUMN chaincore.mining_stats.pool_id IS 'pools.pool_id; null for blocks that no rule fits.';
COMMENT ON COLUMN chaincore.mining_stats.pool IS 'Name of the pool, or unknown.';
COMMENT ON COLUMN chaincore.mining_stats.blocks IS 'Blocks of the active chain.';
COMMENT ON COLUMN chaincore.mining_stats.share IS 'Their part of all blocks of the day, 0 to 1; null if the day has only stale ones.';
COMMENT ON COLUMN chaincore.mining_stats.stale_blocks IS 'Blocks that left the active chain.';
COMMENT ON COLUMN chaincore.mining_stats.empty_blocks IS 'Blocks of the active chain with nothing but a coinbase.';
COMMENT ON COLUMN chaincore.mining_stats.fees IS 'Satoshi of fees in the blocks.';
COMMENT ON COLUMN chaincore.mining_stats.subsidy IS 'Satoshi of subsidy in the blocks.';
COMMENT ON COLUMN chaincore.mining_stats.fullness IS 'Mean weight of the blocks as part of 4,000,000.';
COMMENT ON COLUMN chaincore.mining_stats.local_accepted IS 'Submissions of the known nodes'' miners that became one of these blocks.';
COMMENT ON COLUMN chaincore.mining_stats.local_latency_ms IS 'Mean milliseconds that the nodes took for these.';
