//! Who mined a block, and addresses as SQL reads them.

use crate::mirrored::{chain, database};

#[test]
fn a_coinbase_tells_its_pool_by_tag() {
    let database = database("tags");
    let of = |script: &str| {
        let ask = format!(
            "SELECT coalesce((SELECT name FROM chaincore.pools WHERE pool_id = chaincore.pool_of({script}, NULL)), '-')"
        );
        database.sql(&ask).unwrap()
    };
    assert_eq!(of("'\\x0340420f2f5669614254432f4d696e6564206279'"), "ViaBTC");
    assert_eq!(of("convert_to('....Foundry USA Pool #dropgold', 'UTF8')"), "Foundry USA");
    // Bytes that are no text do not matter.
    assert_eq!(of("'\\x00ff00'::bytea || convert_to('七彩神仙鱼', 'UTF8') || '\\x00ff'::bytea"), "F2Pool");
    assert_eq!(of("convert_to('foundry usa pool', 'UTF8')"), "-");
    assert_eq!(of("''"), "-");
    assert_eq!(of("NULL"), "-");
    // Each tag leads to its own pool: none is hidden in another's.
    let hidden = "SELECT p.name, convert_from(r.pattern, 'UTF8') FROM chaincore.pool_rules r JOIN chaincore.pools p USING (pool_id)
        WHERE chaincore.pool_of(r.pattern, NULL) IS DISTINCT FROM r.pool_id";
    assert_eq!(database.sql(hidden).unwrap(), "");
    let without_rule = "SELECT name FROM chaincore.pools LEFT JOIN chaincore.pool_rules USING (pool_id) WHERE rule_id IS NULL";
    assert_eq!(database.sql(without_rule).unwrap(), "");
    assert!(database.sql("SELECT count(*) FROM chaincore.pools").unwrap().parse::<u32>().unwrap() > 30);
}

#[test]
fn an_address_goes_before_a_tag_and_a_longer_tag_before_a_shorter_one() {
    let database = database("order");
    database
        .sql(
            "INSERT INTO chaincore.pools VALUES (1001, 'By Address', NULL), (1002, 'Longer', NULL);
             INSERT INTO chaincore.pool_rules (version, pool_id, address) VALUES (2, 1001, 'theirs');
             INSERT INTO chaincore.pool_rules (version, pool_id, pattern) VALUES (2, 1002, 'AntPool of Ours')",
        )
        .unwrap();
    let of = |tag: &str, address: &str| {
        database.sql(&format!("SELECT chaincore.pool_of('{tag}', '{address}')")).unwrap()
    };
    assert_eq!(of("AntPool", "else"), "2");
    assert_eq!(of("AntPool of Ours", "else"), "1002");
    assert_eq!(of("AntPool of Ours", "theirs"), "1001");
    assert_eq!(of("", "theirs"), "1001");
    let rule = |columns: &str, values: &str| {
        let insert = "INSERT INTO chaincore.pool_rules (version, pool_id";
        database.sql(&format!("{insert}{columns}) VALUES (3, 1001{values})"))
    };
    assert!(rule("", "").is_err());
    assert!(rule(", address, pattern", ", 'x', 'y'").is_err());
    // Nothing is found in everything.
    assert!(rule(", pattern", ", ''").is_err());
}

#[test]
fn new_rules_are_applied_to_old_blocks_once() {
    let chain = chain("recompute");
    let recompute = |from: &str| chain.sql(&format!("SELECT chaincore.recompute_pools({from})")).unwrap();
    let pools = || {
        let ask =
            "SELECT string_agg(coalesce(pool_id::text, '-') || '@' || pool_rule_version, ' ' ORDER BY height)
            FROM chaincore.blocks";
        chain.sql(ask).unwrap()
    };
    assert_eq!(recompute(""), "0");
    assert_eq!(pools(), "-@1 1@1 2@1 1@1 -@1");
    chain
        .sql(
            "INSERT INTO chaincore.pools VALUES (1001, 'Known Now', NULL);
             INSERT INTO chaincore.pool_rules (version, pool_id, pattern) VALUES (2, 1001, 'nobody known');
             DELETE FROM chaincore.pool_rules WHERE pool_id = 2",
        )
        .unwrap();
    assert_eq!(recompute("3"), "2");
    assert_eq!(pools(), "-@1 1@1 2@1 1@2 1001@2");
    assert_eq!(recompute(""), "3");
    assert_eq!(pools(), "-@2 1@2 -@2 1@2 1001@2");
    assert_eq!(recompute(""), "0");
}

#[test]
fn addresses_are_read_as_bip_173_and_bip_350_say() {
    let database = database("bech32");
    let script = |address: &str| {
        database
            .sql(&format!("SELECT coalesce(encode(chaincore.address_script('{address}'), 'hex'), '-')"))
            .unwrap()
    };
    let valid = [
        ("BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4", "0014751e76e8199196d454941c45d1b3a323f1433bd6"),
        (
            "tb1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3q0sl5k7",
            "00201863143c14c5166804bd19203356da136c985678cd4d27a1b8c6329604903262",
        ),
        (
            "bc1pw508d6qejxtdg4y5r3zarvary0c5xw7kw508d6qejxtdg4y5r3zarvary0c5xw7kt5nd6y",
            "5128751e76e8199196d454941c45d1b3a323f1433bd6751e76e8199196d454941c45d1b3a323f1433bd6",
        ),
        ("BC1SW50QGDZ25J", "6002751e"),
        ("bc1zw508d6qejxtdg4y5r3zarvaryvaxxpcs", "5210751e76e8199196d454941c45d1b3a323"),
        (
            "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
            "512079be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
        ),
    ];
    for (address, expected) in valid {
        assert_eq!(script(address), expected, "{address}");
    }
    // BIP 350's: wrong checksum for the version, invalid version, lengths, case, padding, an empty rest.
    let invalid = [
        "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqh2y7hd",
        "tb1z0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqglt7rf",
        "bc1q0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vq54well",
        "bc1p38j9r5y49hruaue7wxjce0updqjuyyx0kh56v8s25huc6995vvpql3jow4",
        "BC130XLXVLHEMJA6C4DQV22UAPCTQUPFHLXM9H8Z3K2E72Q4K9HCZ7VQ7ZWS8R",
        "bc1pw5dgrnzv",
        "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7v8n0nx0muaewav253zgeav",
        "BC1QR508D6QEJXTDG4Y5R3ZARVARYV98GJ9P",
        "tb1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vq47Zagq",
        "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7v07qwwzcrf",
        "tb1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vpggkg4j",
        "bc1gmk9yu",
        "",
        "1",
        "bc1",
    ];
    for address in invalid {
        assert_eq!(script(address), "-", "{address}");
    }
}

#[test]
fn addresses_are_read_in_base_58() {
    let database = database("base58");
    let script = |address: &str| {
        database
            .sql(&format!("SELECT coalesce(encode(chaincore.address_script('{address}'), 'hex'), '-')"))
            .unwrap()
    };
    let hash = "62e907b15cbf27d5425399ebf6f0fb50ebb88f18";
    assert_eq!(script("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"), format!("76a914{hash}88ac"));
    assert_eq!(script("mpXwg4jMtRhuSpVq4xS3HFHmCmWp9NyGKt"), format!("76a914{hash}88ac"));
    assert_eq!(
        script("3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy"),
        "a914b472a266d0bd89c13706a4132ccfb16f7c3b9fcb87"
    );
    // A hash of zeros only has many leading ones: neither fewer nor more will do.
    assert_eq!(script("1111111111111111111114oLvT2"), format!("76a914{}88ac", "00".repeat(20)));
    for wrong in [
        "111111111111111111114oLvT2",
        "11111111111111111111114oLvT2",
        "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb",
        "1A1zP1eP5QGefi2DMPTfTL5SLmv7Divf0a",
        // The key of a wallet has the same form and another length.
        "5HueCGU8rMjxEXxiPuD5BDku4MkFqeZyd4dZ1jvhTVqvbTLvyTJ",
    ] {
        assert_eq!(script(wrong), "-", "{wrong}");
    }
    let keys = "SELECT chaincore.addr('raw:' || encode(sha256('abc'), 'hex')) = chaincore.script_key('abc'),
        chaincore.addr('raw:ABC') IS NULL, chaincore.addr('nonsense') IS NULL";
    assert_eq!(database.sql(keys).unwrap(), "t|t|t");
}
