-- Logical replication. The publication is made when somebody wants it: PostgreSQL refuses to change or delete rows of a
-- published table without a primary key, and while history is loaded the large tables have none.

CREATE FUNCTION chaincore.publish() RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
    -- All that is about the chain and the nodes; not what the writer notes for itself.
    published constant text[] := ARRAY['sync_state', 'blocks', 'transactions', 'outputs', 'inputs', 'utxos',
        'address_balances', 'script_type_stats', 'reorgs', 'stale_blocks', 'stale_transactions', 'mempool_snapshots',
        'mempool_events', 'nodes', 'node_samples', 'miner_events', 'integrity_checks', 'script_types',
        'transaction_flags', 'feerate_buckets', 'pools', 'pool_rules'];
    keyless text;
    list text;
BEGIN
    SELECT string_agg(name, ', ' ORDER BY name) INTO keyless
    FROM unnest(published) AS name
    WHERE NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = ('chaincore.' || name)::regclass AND i.indisprimary
        AND i.indisvalid);
    IF keyless IS NOT NULL THEN
        RAISE EXCEPTION 'not yet: % have no primary key before history is loaded', keyless
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    SELECT string_agg(format('chaincore.%I', name), ', ') INTO list FROM unnest(published) AS name;
    IF EXISTS (SELECT FROM pg_publication WHERE pubname = 'chaincore_pub') THEN
        EXECUTE 'ALTER PUBLICATION chaincore_pub SET TABLE ' || list;
    ELSE
        -- By the parent, so that a subscriber may cut its tables in other pieces.
        EXECUTE 'CREATE PUBLICATION chaincore_pub FOR TABLE ' || list || ' WITH (publish_via_partition_root = true)';
    END IF;
    RETURN 'chaincore_pub';
END
$$;
COMMENT ON FUNCTION chaincore.publish() IS 'Makes the publication chaincore_pub of all tables of the mirror, or brings it up to date; its name.';
REVOKE ALL ON FUNCTION chaincore.publish() FROM PUBLIC;
