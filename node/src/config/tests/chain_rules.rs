//! Options that change the rules of a chain.

use super::Home;

#[test]
fn options_change_the_rules_of_test_chains() {
    let home = Home::new("");
    let config = home.config(&[
        "-regtest",
        "-test=bip94",
        "-vbparams=testdummy:-1:999:7",
        "-minimumchainwork=0x10",
        "-acceptnonstdtxn",
        "-testactivationheight=cltv@9",
        "-testactivationheight=bip34@2",
    ]);
    assert!(config.params.enforce_bip94 && !config.mempool.require_standard);
    assert_eq!((config.params.deployments.bip65, config.params.deployments.bip34), (9, 2));
    assert_eq!(config.params.minimum_chain_work.to_be_bytes()[31], 16);
    let dummy = config.params.version_bits.iter().find(|deployment| deployment.name == "testdummy").unwrap();
    assert_eq!(dummy.start, chaincore_consensus::params::DeploymentStart::AlwaysActive);
    assert_eq!((dummy.timeout, dummy.min_activation_height), (999, 7));
    let default = home.config(&["-signet"]).params.magic;
    assert_ne!(home.config(&["-signet", "-signetchallenge=51"]).params.magic, default);
}
