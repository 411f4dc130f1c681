use super::*;

struct Home(tempfile::TempDir);

impl Home {
    fn new(conf: &str) -> Self {
        let home = Self(tempfile::tempdir().unwrap());
        std::fs::write(home.0.path().join("chaincore.conf"), conf).unwrap();
        home
    }

    fn request(&self, arguments: &[&str]) -> Result<Request, ConfError> {
        let datadir = format!("-datadir={}", self.0.path().display());
        Config::from_arguments(
            std::iter::once(datadir).chain(arguments.iter().map(|text| (*text).to_owned())),
        )
    }

    fn config(&self, arguments: &[&str]) -> Config {
        match self.request(arguments).unwrap() {
            Request::Run(config) => *config,
            other => panic!("{other:?}"),
        }
    }

    fn error(&self, arguments: &[&str]) -> String {
        self.request(arguments).unwrap_err().to_string()
    }
}

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
fn what_is_wrong_is_named_with_its_value() {
    let home = Home::new("");
    let cases: &[(&[&str], &str)] = &[
        (&["-x"], "Error parsing command line arguments: Invalid parameter -x"),
        (&["-rpcport=70000"], "Invalid port specified in -rpcport: '70000'"),
        (&["-port=x"], "Invalid port specified in -port: 'x'"),
        (
            &["-dbcache=lots"],
            "Invalid value 'lots' for -dbcache: it must be a whole number from 0 to 16777216.",
        ),
        (&["-minrelaytxfee=x"], "Invalid amount for -minrelaytxfee=<amt>: 'x'"),
        (&["-maxuploadtarget=1x"], "Unable to parse -maxuploadtarget: '1x'"),
        (&["-onlynet=ipv4", "-onlynet=abc"], "Unknown network specified in -onlynet: 'abc'"),
        (
            &["-onlynet=cjdns"],
            "Outbound connections restricted to CJDNS (-onlynet=cjdns) but -cjdnsreachable is not provided",
        ),
        (
            &["-onlynet=onion", "-listenonion=0"],
            "Outbound connections restricted to Tor (-onlynet=onion) but the proxy for reaching the Tor network is not \
             provided: none of -proxy, -onion or -listenonion is given",
        ),
        (
            &["-onlynet=onion", "-noonion"],
            "Outbound connections restricted to Tor (-onlynet=onion) but the proxy for reaching the Tor network is \
             explicitly forbidden: -onion=0",
        ),
        (
            &["-onlynet=I2P"],
            "Outbound connections restricted to i2p (-onlynet=i2p) but -i2psam is not provided",
        ),
        (
            &["-onlynet=onion", "-dnsseed=1"],
            "Incompatible options: -dnsseed=1 was explicitly specified, but -onlynet forbids connections to IPv4/IPv6",
        ),
        (
            &["-forcednsseed", "-dnsseed=0"],
            "Cannot set -forcednsseed to true when setting -dnsseed to false.",
        ),
        // As in Core: who is told whom to call has no seeds.
        (
            &["-forcednsseed", "-connect=0"],
            "Cannot set -forcednsseed to true when setting -dnsseed to false.",
        ),
        (&["-uacomment=a(b)"], "User Agent comment (a(b)) contains unsafe characters."),
        (
            &["-blockmaxweight=4000001"],
            "-blockmaxweight (4000001) exceeds consensus maximum block weight (4000000)",
        ),
        (
            &["-blockreservedweight=1"],
            "-blockreservedweight (1) is lower than minimum safety value of (2000)",
        ),
        (&["-chain=main", "-acceptnonstdtxn"], "acceptnonstdtxn is not currently supported for main chain"),
        (
            &["-chain=main", "-testactivationheight=csv@1"],
            "The -testactivationheight option may not be used on mainnet.",
        ),
        (
            &["-regtest", "-testactivationheight=csv"],
            "Invalid format (csv) for -testactivationheight=name@height.",
        ),
        (
            &["-regtest", "-testactivationheight=csv@-2"],
            "Invalid height value (csv@-2) for -testactivationheight=name@height.",
        ),
        (
            &["-regtest", "-testactivationheight=x@2"],
            "Invalid name (x@2) for -testactivationheight=name@height.",
        ),
        (&["-test=bip94"], "-test=<option> can only be used with regtest"),
        (&["-regtest", "-vbparams=x:1:2"], "Invalid deployment (x)"),
        (&["-minimumchainwork=zz"], "Invalid minimum work specified (zz), must be up to 64 hex digits"),
        (&["-signet", "-signetchallenge=zz"], "-signetchallenge must be hex, not 'zz'."),
        (&["-debug=nothing"], "Unsupported logging category -debug=nothing."),
        (
            &["-loglevel=loud"],
            "Unsupported global logging level -loglevel=loud. Valid values: info, debug, trace.",
        ),
        (&["-blocksdir=/no/such"], "Specified blocks directory \"/no/such\" does not exist."),
        (&["-rpccookieperms=me"], "Invalid -rpccookieperms=me; must be one of 'owner', 'group', or 'all'."),
        (&["-rpcbind=1.2.3.4:99999"], "Invalid port specified in -rpcbind: '1.2.3.4:99999'"),
        (&["-quiet", "-verbose"], "Options -quiet and -verbose contradict each other."),
    ];
    for (arguments, expected) in cases {
        let expected = expected.replace("=<amt>", "=<amount>");
        assert_eq!(home.error(arguments), expected, "{arguments:?}");
    }
    assert!(home.error(&["--mine=1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb"]).starts_with(
        "Invalid value '1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb' for -mine: it must be an address of chain chaincore ("
    ));
    assert!(home.error(&["start"]).contains("unexpected token 'start', see chaincored -h"));
}

#[test]
fn networks_to_call_and_seeds_follow_from_several_options() {
    use crate::p2p::net_address::Network;
    let home = Home::new("");
    let reach = |arguments: &[&str]| home.config(arguments).peers.reach;
    let default = reach(&[]);
    assert!(default.dns_seeds && default.fixed_seeds && !default.force_dns_seeds);
    assert_eq!((default.upload_target, default.reach.dialled()), (0, vec![Network::Ipv4, Network::Ipv6]));
    let hidden = reach(&["-onlynet=onion", "-onlynet=IPv6"]);
    assert!(hidden.dns_seeds && hidden.interactions.is_empty());
    assert_eq!(hidden.reach.dialled(), [Network::Ipv6]);
    let hidden = home.config(&["-onlynet=onion"]);
    assert!(!hidden.peers.reach.dns_seeds && hidden.peers.reach.reach.dialled().is_empty());
    let line = "parameter interaction: -onlynet excludes IPv4 and IPv6 -> setting -dnsseed=0";
    assert!(hidden.describe().contains(&line.to_owned()));
    let other = reach(&["-fixedseeds=0", "-forcednsseed", "-maxuploadtarget=5G"]);
    assert!(!other.fixed_seeds && other.force_dns_seeds);
    assert_eq!(other.upload_target, 5 << 30);
    assert!(reach(&["-connect=0", "-forcednsseed", "-dnsseed=1"]).force_dns_seeds);
}

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

#[test]
fn the_port_is_only_opened_to_a_network_on_purpose() {
    let home = Home::new("");
    assert_eq!(home.config(&["-rpcbind=0.0.0.0"]).api.binds[0].0, "127.0.0.1");
    let api =
        home.config(&["-rpcbind=0.0.0.0", "-rpcbind=[::]:7000", "-rpcallowip=10.0.0.0/8", "-rpcport=0"]).api;
    assert_eq!(api.binds, [("0.0.0.0".to_owned(), 0), ("::".to_owned(), 7000)]);
    assert_eq!(api.allow, ["10.0.0.0/8"]);
    let api = home.config(&["-rpcuser=u", "-rpcpassword=p", "-ratelimit=0", "-cors=*"]).api;
    assert_eq!((api.password, api.cookie), (Some(("u".to_owned(), "p".to_owned())), None));
    assert_eq!((api.rate_limit, api.cors_origins), (None, vec!["*".to_owned()]));
}

#[test]
fn templates_are_served_where_and_as_often_as_is_said() {
    let home = Home::new("");
    let sv2 = |args: &[&str]| home.config(&[&["-sv2"], args].concat()).mining.sv2.unwrap();
    assert_eq!(home.config(&["-sv2port=1"]).mining.sv2, None);
    assert_eq!(home.config(&["-nosv2"]).mining.sv2, None);
    let default = sv2(&[]);
    assert_eq!(default.listen.to_string(), "127.0.0.1:8442");
    assert_eq!((default.interval.as_secs(), default.fee_delta), (30, 1000));
    assert!(default.key_file.ends_with("chaincore/sv2_authority_key"));
    assert_eq!(default.template.max_weight, 4_000_000);
    for (chain, port) in [("regtest", 18447), ("testnet4", 48442), ("main", 8442)] {
        assert_eq!(sv2(&[&format!("-chain={chain}")]).listen.port(), port);
    }
    let own =
        sv2(&["-sv2bind=::1", "-sv2port=7", "-sv2interval=5", "-sv2feedelta=1", "-blockmaxweight=9000"]);
    assert_eq!(own.listen.to_string(), "[::1]:7");
    assert_eq!((own.interval.as_secs(), own.fee_delta, own.template.max_weight), (5, 1, 9000));
    assert_eq!(sv2(&["-sv2bind=0.0.0.0:9", "-sv2port=7"]).listen.to_string(), "0.0.0.0:9");
    for bad in ["-sv2bind=here", "-sv2port=65536", "-sv2interval=0", "-sv2feedelta=0"] {
        assert!(home.error(&["-sv2", bad]).to_lowercase().contains(&bad[1..6]), "{bad}");
    }
}

#[test]
fn help_and_version_are_printed_without_a_data_folder() {
    let ask =
        |argument: &str| match Config::from_arguments(["-datadir=/no/such".to_owned(), argument.to_owned()])
            .unwrap()
        {
            Request::Print(text) => text,
            other => panic!("{other:?}"),
        };
    for argument in ["-h", "-?", "--help", "-help"] {
        let text = ask(argument);
        assert!(
            text.contains("\nOptions:\n")
                && text.contains("-mine=<address>")
                && text.contains("Usage: chaincored")
        );
        assert!(!text.contains("-mocktime") && !text.contains("disablewallet"));
        assert!(text.lines().all(|line| line.chars().count() <= 79), "{text}");
    }
    assert!(ask("-help-debug").contains("-mocktime") && ask("-help-debug").contains("-disablewallet"));
    assert!(ask("-version").contains("version v"));
    let home = Home::new("");
    assert!(matches!(home.request(&["-daemon"]).unwrap(), Request::RunInBackground(None)));
    let Request::RunInBackground(Some(pid)) = home.request(&["-daemonwait", "-pid=p"]).unwrap() else {
        panic!("it waits for the file with the process id");
    };
    assert!(pid.ends_with("p"));
    assert!(matches!(home.request(&["-daemon", "-nodaemon"]).unwrap(), Request::Run(_)));
    assert!(home.request(&["-daemon", "-par=x"]).is_err());
}

#[cfg(unix)]
#[test]
fn folders_are_made_for_the_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let home = Home::new("");
    let config = home.config(&["-regtest"]);
    config.create_folders().unwrap();
    config.create_folders().unwrap();
    let mode = |path: PathBuf| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(home.0.path().join("regtest")), 0o700);
    assert_eq!(mode(home.0.path().join("regtest/blocks")), 0o700);
    assert_eq!(std::fs::read_dir(home.0.path().join("regtest/wallets")).unwrap().count(), 0);
    // Who removed the folder of wallets gets no new one.
    std::fs::remove_dir(home.0.path().join("regtest/wallets")).unwrap();
    config.create_folders().unwrap();
    assert!(!home.0.path().join("regtest/wallets").exists());
}

/// What a subcommand prints.
fn told(arguments: &[&str]) -> Result<String, String> {
    match Config::from_arguments(arguments.iter().map(|text| (*text).to_owned())) {
        Ok(Request::Print(text)) => Ok(text),
        Ok(other) => panic!("{other:?}"),
        Err(error) => Err(error.to_string()),
    }
}

#[test]
fn a_chain_is_founded_and_started_by_file_and_then_by_name() {
    let home = Home::new("");
    let file = home.0.path().join("town.toml").display().to_string();
    let found = |out: &str, more: &[&str]| {
        let arguments = [
            "chain",
            "new",
            "--name",
            "town",
            "--out",
            out,
            "--reward",
            "12.5",
            "--rpc-port",
            "7001",
            "--bech32",
            "town",
            "--retarget",
            "none",
            "--time",
            "1700000000",
        ];
        told(&[&arguments[..], more].concat())
    };
    let text = found(&file, &["--leading-zeros", "2"]).unwrap();
    assert!(text.contains("Chain town is founded") && text.contains("--chain-file"), "{text}");
    assert!(found(&file, &[]).unwrap_err().contains("was not written"), "a chain is not overwritten");
    let config = home.config(&[&format!("--chain-file={file}")]);
    assert_eq!((config.params.name.as_str(), config.api.binds[0].1), ("town", 7001));
    assert_eq!(config.params.initial_subsidy.sat(), 1_250_000_000);
    assert_eq!(
        (config.params.addresses.bech32_hrp.as_str(), config.params.genesis.header.time),
        ("town", 1_700_000_000)
    );
    config.create_folders().unwrap();
    assert_eq!(home.config(&["-chain=town"]).params, config.params);
    // What is stored was judged by the first file's rules; a port is no rule.
    let edited = home.0.path().join("edited.toml").display().to_string();
    let edit = |from: &str, to: &str| {
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.contains(from));
        std::fs::write(&edited, text.replace(from, to)).unwrap();
        format!("--chain-file={edited}")
    };
    assert_eq!(home.config(&[&edit("rpc_port = 7001", "rpc_port = 7002")]).api.binds[0].1, 7002);
    let halving = edit("halving_interval = 210000", "halving_interval = 21");
    assert!(home.error(&[&halving]).contains("its rules differ from those in"));

    let bad = home.0.path().join("bad.toml");
    let error = |more: &[&str]| found(&bad.display().to_string(), more).unwrap_err();
    assert!(error(&["--leading-zeros", "2", "--bits", "207fffff"]).contains("--bits"));
    assert!(error(&["--magic", "zz"]).contains("zz"));
    assert!(error(&["--moon"]).starts_with("unexpected argument '--moon' found"), "{}", error(&["--moon"]));
    assert!(!bad.exists());
    assert!(told(&["chain", "new", "--help"]).unwrap().contains("--leading-zeros"));
    for asked in [&["chain"][..], &["chain", "--help"], &["chain", "help"]] {
        let text = told(asked).unwrap();
        assert!(text.contains("chaincored chain new") && text.contains("--leading-zeros"), "{text}");
    }
    assert!(told(&["key"]).unwrap().contains("chaincored key new"));
    let refused = told(&["chain", "old"]).unwrap_err();
    assert_eq!(refused, "chaincored chain can do 'new', not 'old'; see chaincored chain new --help");
}

#[test]
fn a_new_key_is_written_for_its_owner_and_its_address_can_be_mined_to() {
    let home = Home::new("");
    let file = home.0.path().join("key.txt");
    let out = file.display().to_string();
    let arguments = ["key", "new", "--out", &out, "--chain", "regtest"];
    let address = told(&arguments).unwrap();
    let address = address.trim();
    assert!(address.starts_with("bcrt1q"), "{address}");
    let config = home.config(&["-regtest", "--mine", address]);
    let text = std::fs::read_to_string(&file).unwrap();
    let (wif, kept) = text.trim().split_once('\n').unwrap();
    assert_eq!(kept, address);
    let key = chaincore_consensus::address::WifKey::parse(wif, &config.params.addresses).unwrap();
    let public = secp256k1::PublicKey::from_slice(&key.public_key_bytes()).unwrap();
    let script = chaincore_consensus::address::Address::p2wpkh(&public).script_pubkey();
    assert_eq!(config.mining.mine.unwrap().1, script);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }
    assert!(told(&arguments).unwrap_err().contains("was not written"), "a key is not overwritten");
    assert!(told(&["key", "new", "--out", "x", "--chain", "moon"]).unwrap_err().contains("moon"));
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

#[cfg(unix)]
#[test]
fn plugins_of_ones_own_are_there_before_anything_starts() {
    let home = Home::new("plugin=/bin/sh -c true\nimportant-plugin=sh\n");
    let seen = |arguments: &[&str]| -> Vec<(String, Vec<String>, bool)> {
        let plugins = home.config(arguments).process_plugins;
        let name = |path: PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
        plugins
            .into_iter()
            .map(|(command, known)| (name(command.program), command.arguments, known))
            .collect()
    };
    let words =
        |text: &str| text.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect::<Vec<_>>();
    let plugin = |name: &str, arguments: &str, important| (name.to_owned(), words(arguments), important);
    assert_eq!(seen(&[]), [plugin("sh", "-c true", false), plugin("sh", "", true)]);
    assert_eq!(
        seen(&["--plugin", "/bin/cat -u", "-plugin=cat"])[..2],
        [plugin("cat", "-u", false), plugin("cat", "", false)]
    );
    assert_eq!(seen(&["-noplugin"]), [plugin("sh", "", true)]);
    assert_eq!(
        home.error(&["--plugin", "/no/such.py 5"]),
        "Invalid value '/no/such.py 5' for -plugin: it must be the path of a program, or a program and its arguments \
         (there is no file /no/such.py)."
    );
    let error = home.error(&["-important-plugin=no-such-program"]);
    assert!(
        error.contains("for -important-plugin: ") && error.contains("no-such-program, here or in PATH"),
        "{error}"
    );
}
