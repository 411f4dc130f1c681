//! What the documents promise: the defaults, and the flags that people start with.

use super::Home;

#[test]
fn a_node_without_options_is_the_documented_one() {
    let home = Home::new("");
    let config = home.config(&[]);
    assert_eq!(config.params.name, "chaincore");
    assert_eq!(config.chain_dir, home.0.path().join("chaincore"));
    assert_eq!(config.api.binds, [("127.0.0.1".to_owned(), 5000), ("::1".to_owned(), 5000)]);
    assert_eq!(config.api.cookie, Some(home.0.path().join("chaincore/.cookie")));
    assert_eq!(config.peers.port, 8000);
    assert_eq!(config.log.file, Some(home.0.path().join("chaincore/debug.log")));
    assert_eq!(config.storage.blocks_dir, home.0.path().join("chaincore/blocks"));
    assert_eq!(config.storage.cache_mib, 450);
    assert!(config.banner && config.api.enabled && config.storage.address_index && config.storage.tx_index);
    assert!(config.log.details.is_empty() && !config.log.to_terminal && config.mining.mine.is_none());
    assert!(config.mempool.require_standard && config.mempool.persist);
    let fees = &config.mempool;
    assert_eq!(
        (fees.min_relay_fee.sat(), fees.incremental_relay_fee.sat(), fees.dust_relay_fee.sat()),
        (100, 100, 3000)
    );
}

#[test]
fn documented_flags_are_understood() {
    let home = Home::new("");
    let config = home.config(&[
        "--node-id",
        "core0",
        "--api-port",
        "5001",
        "--p2p-port",
        "8001",
        "--bootstrap-nodes",
        "http://localhost:5000,127.0.0.1:8002",
        "--no-discover",
        "--debug",
        "--quiet",
        "--mine",
        "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
    ]);
    assert_eq!(config.node_id.as_deref(), Some("core0"));
    assert_eq!((config.api.binds[0].1, config.peers.port), (5001, 8001));
    let bootstrap: Vec<String> = config.peers.bootstrap.iter().map(ToString::to_string).collect();
    assert_eq!(bootstrap, ["http://localhost:5000", "127.0.0.1:8002"]);
    assert!(!config.peers.discover && !config.banner);
    assert_eq!(config.log.details.len(), crate::logging::CATEGORIES.len());
    let (address, script) = config.mining.mine.unwrap();
    assert_eq!(address, "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa");
    assert_eq!(
        chaincore_consensus::hex::encode(&script),
        "76a91462e907b15cbf27d5425399ebf6f0fb50ebb88f1888ac"
    );
    assert!(home.config(&["--verbose"]).log.to_terminal);
}
