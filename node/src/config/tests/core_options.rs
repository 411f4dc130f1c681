//! Core's words: every one is known, and a harness written for Core starts a node.

use super::Home;
use crate::config::{LogLevel, options};

/// The arguments and the file of Core's own test framework.
#[test]
fn a_harness_written_for_core_starts_a_node() {
    let home = Home::new("");
    std::fs::remove_file(home.0.path().join("chaincore.conf")).unwrap();
    let conf = "regtest=1\n[regtest]\nport=11000\nrpcport=16000\nrpcservertimeout=99000\nrpcdoccheck=1\nrpcthreads=2\n\
                fallbackfee=0.0002\nserver=1\nkeypool=1\ndiscover=0\ndnsseed=0\nfixedseeds=0\nlistenonion=0\n\
                peertimeout=999999999\nprinttoconsole=0\nnatpmp=0\nshrinkdebugfile=0\nunsafesqlitesync=1\nconnect=0\n\
                par=2\nprevoutfetchthreads=1\nmaxconnections=94\nbind=127.0.0.1\nnonsense=1\n";
    std::fs::write(home.0.path().join("bitcoin.conf"), conf).unwrap();
    let config = home.config(&[
        "-logtimemicros",
        "-debug",
        "-debugexclude=leveldb",
        "-debugexclude=rand",
        "-debugexclude=net",
        "-uacomment=testnode0",
        "-disablewallet",
        "-logthreadnames",
        "-logsourcelocations",
        "-loglevel=trace",
        "-nologratelimit",
        "--v2transport",
        "-whitelist=noban,in,out@127.0.0.1",
        "-testactivationheight=segwit@5",
        "-persistmempool=0",
        "-mocktime=1296688602",
    ]);
    assert_eq!(config.params.name, "regtest");
    assert_eq!((config.api.binds[0].1, config.peers.port, config.api.threads), (16000, 11000, 2));
    assert_eq!(config.api.idle_timeout.as_secs(), 99000);
    assert_eq!(config.peers.connect.as_deref(), Some(&[][..]));
    assert_eq!(config.peers.comments, ["testnode0"]);
    assert_eq!((config.params.deployments.segwit, config.mock_time), (5, Some(1_296_688_602)));
    assert!(!config.mempool.persist && !config.peers.discover && config.log.micros);
    assert_eq!(config.storage.script_threads, 2);
    assert!(config.log.details.iter().all(|(name, level)| *name != "net" && *level == LogLevel::Trace));
    assert!(config.log.details.iter().any(|(name, _)| *name == "validation"));
    let warnings = config.warnings();
    assert!(
        warnings.contains(&"Ignoring unknown configuration value regtest.nonsense".to_owned()),
        "{warnings:?}"
    );
    let unused = warnings.last().unwrap();
    assert!(unused.contains("-natpmp"), "{unused}");
    assert!(!unused.contains("-v2transport") && !unused.contains("-whitelist"), "{unused}");
    assert!(config.peers.encrypted);
    assert!(config.describe().contains(&"Command-line arg: uacomment=\"testnode0\"".to_owned()));
}

#[test]
fn every_option_of_core_is_known() {
    // As declared in Core 31's init.cpp, chainparamsbase.cpp, init/common.cpp and common/args.cpp.
    let names = "help-debug version alertnotify assumevalid blocksdir blocksxor fastprune blocknotify \
        blockreconstructionextratxn blocksonly coinstatsindex conf datadir dbbatchsize dbcache includeconf \
        allowignoredconf loadblock maxmempool mempoolexpiry minimumchainwork par prevoutfetchthreads persistmempool \
        persistmempoolv1 pid prune reindex reindex-chainstate settings startupnotify shutdownnotify txindex \
        txospenderindex blockfilterindex addnode asmap bantime bind cjdnsreachable connect discover dns dnsseed \
        externalip fixedseeds forcednsseed listen listenonion maxconnections maxreceivebuffer maxsendbuffer \
        maxuploadtarget onion i2psam i2pacceptincoming onlynet v2transport peerbloomfilters peerblockfilters \
        txreconciliation port proxy proxyrandomize seednode networkactive timeout peertimeout torcontrol torpassword \
        natpmp whitebind whitelist zmqpubhashblock zmqpubhashtx zmqpubrawblock zmqpubrawtx zmqpubsequence \
        zmqpubhashblockhwm zmqpubhashtxhwm zmqpubrawblockhwm zmqpubrawtxhwm zmqpubsequencehwm checkblocks checklevel \
        checkblockindex checkaddrman checkmempool checkpoints deprecatedrpc stopafterblockimport stopatheight \
        limitancestorcount limitancestorsize limitdescendantsize limitdescendantcount test limitclustercount \
        limitclustersize capturemessages mocktime maxsigcachesize maxtipage printpriority uacomment acceptnonstdtxn \
        incrementalrelayfee dustrelayfee acceptstalefeeestimates bytespersigop datacarrier datacarriersize \
        permitbaremultisig minrelaytxfee privatebroadcast whitelistforcerelay whitelistrelay blockmaxweight \
        blockreservedweight blockmintxfee blockversion rest rpcallowip rpcauth rpcbind rpcdoccheck rpccookiefile \
        rpccookieperms rpcpassword rpcport rpcservertimeout rpcthreads rpcuser rpcwhitelist rpcwhitelistdefault \
        rpcworkqueue server ipcbind daemon daemonwait chain regtest testactivationheight testnet testnet4 vbparams \
        signet signetchallenge signetseednode debuglogfile debug debugexclude logips loglevel logtimestamps \
        logthreadnames logsourcelocations logtimemicros loglevelalways logratelimit printtoconsole shrinkdebugfile \
        help h ? disablewallet fallbackfee keypool wallet walletdir unsafesqlitesync addresstype changetype mintxfee \
        walletnotify signer dbcrashratio";
    let table = options::table();
    for name in names.split_whitespace() {
        assert!(table.find(name).is_some(), "-{name}");
    }
    let mut all: Vec<_> = table.iter().map(|spec| spec.name).collect();
    let count = all.len();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), count, "no option stands in two lists");
    for spec in table.iter() {
        if let Some((target, _)) = spec.alias {
            assert!(table.find(target).is_some(), "--{} stands for nothing", spec.name);
        }
    }
}

#[test]
fn block_filters_are_wanted_in_cores_words() {
    let home = Home::new("");
    let storage = |arguments: &[&str]| {
        let config = home.config(arguments);
        (config.storage.filter_index, config.peers.serve_filters)
    };
    assert_eq!(storage(&[]), (true, false), "a chain of our own has them");
    for chain in ["-chain=main", "-testnet4", "-signet", "-regtest"] {
        assert_eq!(storage(&[chain]), (false, false), "{chain}");
        assert_eq!(storage(&[chain, "-blockfilterindex"]), (true, false), "{chain}");
    }
    for wanted in ["-blockfilterindex", "-blockfilterindex=1", "-blockfilterindex=basic"] {
        assert_eq!(storage(&[wanted]), (true, false), "{wanted}");
        assert_eq!(storage(&[wanted, "-peerblockfilters"]), (true, true), "{wanted}");
    }
    assert_eq!(storage(&["-blockfilterindex=0"]), (false, false));
    assert_eq!(storage(&["-noblockfilterindex", "-peerblockfilters=0"]), (false, false));
    let error = home.error(&["-blockfilterindex=basic", "-blockfilterindex=foo"]);
    assert_eq!(error, "Unknown -blockfilterindex value foo.");
    let error = home.error(&["-regtest", "-peerblockfilters"]);
    assert_eq!(error, "Cannot set -peerblockfilters without -blockfilterindex.");
}
