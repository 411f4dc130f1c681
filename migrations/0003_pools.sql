-- Mining pools, and how their blocks tell who made them. A tag is what the pool itself writes into its coinbases.

INSERT INTO chaincore.pools (pool_id, name, link) VALUES
    (1, 'Foundry USA', 'https://foundrydigital.com'),
    (2, 'AntPool', 'https://www.antpool.com'),
    (3, 'F2Pool', 'https://www.f2pool.com'),
    (4, 'ViaBTC', 'https://www.viabtc.com'),
    (5, 'Binance Pool', 'https://pool.binance.com'),
    (6, 'MARA Pool', 'https://marapool.com'),
    (7, 'Luxor', 'https://luxor.tech'),
    (8, 'SBI Crypto', 'https://sbicrypto.com'),
    (9, 'SpiderPool', 'https://www.spiderpool.com'),
    (10, 'Braiins Pool', 'https://braiins.com/pool'),
    (11, 'Poolin', 'https://www.poolin.com'),
    (12, 'BTC.com', 'https://pool.btc.com'),
    (13, 'BTC.TOP', NULL),
    (14, 'Huobi Pool', NULL),
    (15, 'OKExPool', NULL),
    (16, '1THash', NULL),
    (17, 'Lubian', NULL),
    (18, 'EMCD', 'https://emcd.io'),
    (19, 'ULTIMUSPOOL', 'https://www.ultimuspool.com'),
    (20, 'OCEAN', 'https://ocean.xyz'),
    (21, 'PEGA Pool', 'https://www.pega-pool.com'),
    (22, 'WhitePool', 'https://whitebit.com/mining-pool'),
    (23, 'SECPOOL', 'https://www.secpool.com'),
    (24, 'Solo CK', 'https://solo.ckpool.org'),
    (25, 'KanoPool', 'https://kano.is'),
    (26, 'BitFury', 'https://bitfury.com'),
    (27, 'BTCC Pool', NULL),
    (28, 'BW.COM', NULL),
    (29, 'GHash.IO', NULL),
    (30, 'Eligius', NULL),
    (31, 'BitMinter', NULL),
    (32, '50BTC', NULL),
    (33, 'Bixin', NULL),
    (34, 'BitClub Network', NULL),
    (35, 'KnCMiner', NULL),
    (36, 'NovaBlock', NULL),
    (37, 'NiceHash', 'https://www.nicehash.com'),
    (38, 'Sigmapool', 'https://sigmapool.com'),
    (39, 'Terra Pool', NULL),
    (40, 'Titan', NULL),
    (41, 'Public Pool', 'https://web.public-pool.io'),
    (42, 'Rawpool', NULL);

INSERT INTO chaincore.pool_rules (version, pool_id, pattern)
SELECT 1, pool_id, convert_to(tag, 'UTF8')
FROM (VALUES
    (1, 'Foundry USA Pool'),
    (2, 'AntPool'),
    (3, 'F2Pool'), (3, '七彩神仙鱼'), (3, '🐟'),
    (4, '/ViaBTC/'), (4, 'viabtc.com deploy'),
    (5, '/Binance/'), (5, 'binance'),
    (6, 'MARA Pool'), (6, 'MARA Made in USA'),
    (7, '/LUXOR/'), (7, 'Powered by Luxor Tech'),
    (8, 'SBICrypto'), (8, 'SBI Crypto'),
    (9, 'SpiderPool'),
    (10, '/slush/'),
    (11, '/poolin.com'), (11, '/poolin/'),
    (12, '/BTC.COM/'), (12, '/BTC.com/'), (12, 'btccom'),
    (13, '/BTC.TOP/'),
    (14, '/HuoBi/'), (14, '/Huobi/'),
    (15, '/www.okex.com/'),
    (16, '/1THash&58COIN/'), (16, '/1THash/'),
    (17, '/Buffett/'), (17, '/lubian.com/'),
    (18, 'EMCD'), (18, 'emcd.io'),
    (19, '/ultimus/'),
    (20, 'OCEAN.XYZ'),
    (21, '/pegapool/'),
    (22, 'WhitePool'),
    (23, 'SecPool'), (23, 'SECPOOL'),
    (24, '/solo.ckpool.org/'),
    (25, 'Kano'),
    (26, '/Bitfury/'), (26, '/BitFury/'),
    (27, '/BTCC/'),
    (28, 'bw.com'), (28, '/BW Pool/'),
    (29, 'ghash.io'),
    (30, 'Eligius'),
    (31, 'BitMinter'),
    (32, '50BTC.com'), (32, '50btc.com'),
    (33, '/Bixin/'), (33, '/HaoBTC/'),
    (34, '/BitClub Network/'),
    (35, 'KnCMiner'),
    (36, '/NovaBlock/'),
    (37, '/NiceHash/'), (37, '/NiceHashSolo'),
    (38, '/sigmapool.com/'),
    (39, 'terrapool.io'),
    (40, 'Titan.io'),
    (41, 'Public-Pool'), (41, 'public-pool.io'),
    (42, 'Rawpool.com')
) AS tags(pool_id, tag);

CREATE FUNCTION chaincore.pool_rules_version() RETURNS integer
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (SELECT coalesce(max(version), 0) FROM chaincore.pool_rules);
COMMENT ON FUNCTION chaincore.pool_rules_version() IS 'The newest version in pool_rules, for blocks.pool_rule_version.';

CREATE FUNCTION chaincore.pool_of(coinbase_script bytea, coinbase_address text) RETURNS integer
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT r.pool_id
    FROM chaincore.pool_rules r
    WHERE r.address = pool_of.coinbase_address OR position(r.pattern IN pool_of.coinbase_script) > 0
    ORDER BY (r.address IS NOT NULL) DESC, octet_length(r.pattern) DESC, r.rule_id
    LIMIT 1;
END;
COMMENT ON FUNCTION chaincore.pool_of(bytea, text) IS 'pool_id for a coinbase by pool_rules; null if no rule fits.';

CREATE FUNCTION chaincore.recompute_pools(from_height integer DEFAULT 0) RETURNS bigint
LANGUAGE sql
BEGIN ATOMIC
    WITH looked AS (
        SELECT b.height, chaincore.pool_of(b.coinbase_script, b.coinbase_address) AS pool_id
        FROM chaincore.blocks b
        WHERE b.height >= recompute_pools.from_height
            AND b.pool_rule_version IS DISTINCT FROM chaincore.pool_rules_version()
    ), changed AS (
        UPDATE chaincore.blocks b
        SET pool_id = looked.pool_id, pool_rule_version = chaincore.pool_rules_version()
        FROM looked
        WHERE b.height = looked.height
        RETURNING 1
    )
    SELECT count(*) FROM changed;
END;
COMMENT ON FUNCTION chaincore.recompute_pools(integer) IS 'Applies pool_rules to the blocks from a height that were last looked at with another version of them; how many that were.';
