use super::tables::ChainFile;
use super::*;
use crate::params::Retarget;

const SMALL: &str = "name = \"mynet\"\n[genesis]\ntime = 1700000000\n";

fn found(text: &str) -> Result<ChainParams, ChainFileError> {
    ChainParams::found(text, 1_800_000_000)
}

#[test]
fn the_defaults_are_the_chaincore_chain() {
    let params = found(SMALL).unwrap();
    let default = ChainParams::chaincore();
    assert_eq!(
        ChainParams {
            name: default.name.clone(),
            data_subfolder: default.data_subfolder.clone(),
            magic: default.magic,
            genesis: default.genesis.clone(),
            genesis_hash: default.genesis_hash,
            ..params.clone()
        },
        default
    );
    assert_eq!(params.data_subfolder, "mynet");
    assert_eq!(params.genesis.header.time, 1_700_000_000);
    assert_eq!(found("name = \"mynet\"").unwrap().genesis.header.time, 1_800_000_000);
}

#[test]
fn what_is_written_reads_back() {
    let full = r#"
        name = "full-net_2"
        magic = "0badcafe"
        p2p_port = 1
        rpc_port = 65535
        dns_seeds = ["seed.example.org"]
        fixed_seeds = ["203.0.113.7:8000", "[2001:db8::7]:1"]
        target_block_time = 60
        initial_reward = "12.5"
        halving_interval = 1000
        coinbase_maturity = 10
        mockable = true
        signet_challenge = "51"
        minimum_chain_work = "1000abc"
        [difficulty]
        bits = "1f00ffff"
        limit = "0fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
        retarget = "asert"
        half_life = 3600
        anchor = "genesis"
        interval = 100
        bip94 = true
        [genesis]
        message = "a \"quoted\" text \\ of more than seventy-five bytes, so that its push takes two bytes"
        time = 1700000000
        bits = "207fffff"
        reward = 1
        script = "51"
        [addresses]
        p2pkh = 30
        p2sh = 22
        wif = 158
        xpub = "02facafd"
        xprv = "02fac398"
        bech32 = "doge"
        [deployments]
        bip34 = 5
        bip65 = 6
        bip66 = 7
        csv = 8
        segwit = 9
        taproot = 10
    "#;
    for seed in ["seed.example.org:8000", "203.0.113.7", "203.0.113.7:0"] {
        let error = found(&format!("fixed_seeds = [\"{seed}\"]\n{SMALL}")).unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("chain file: fixed_seeds = {seed}: expected addresses")),
            "{error}"
        );
    }
    // The genesis target must lie within the limit.
    let error = found(full).unwrap_err();
    assert!(
        error.to_string().starts_with("chain file: genesis.bits = 207fffff: expected a target within"),
        "{error}"
    );
    let full = full.replace("207fffff", "200fffff");
    for retarget in ["asert", "bitcoin2016", "testnet-min-difficulty", "none", "fixed"] {
        let mut text = full.replace("retarget = \"asert\"", &format!("retarget = \"{retarget}\""));
        if retarget != "asert" {
            text = text.replace("half_life = 3600", "").replace("anchor = \"genesis\"", "");
        }
        let params = found(&text).unwrap();
        let written = params.to_toml();
        assert_eq!(ChainParams::from_toml(&written).unwrap().to_toml(), written);
        let mut read = ChainParams::from_toml(&written).unwrap();
        if retarget == "fixed" {
            assert_eq!(read.retarget, Retarget::Fixed(0x1f00_ffff));
        }
        // One thing a file says in two places: the start is the first block's.
        read.retarget = params.retarget;
        assert_eq!(read, params, "{retarget}");
    }
    let small = found(SMALL).unwrap();
    assert_eq!(ChainParams::from_toml(&small.to_toml()).unwrap(), small);
}

#[test]
fn a_bad_value_is_named_with_its_key() {
    for (text, message) in [
        ("[genesis]\ntime = 1", "key 'name' is missing"),
        ("name = \"Main\"", "name = 'Main': expected 1 to 32 of"),
        ("name = \"regtest\"", "name = 'regtest': the name is taken"),
        ("name = \"a/b\"", "name = 'a/b'"),
        ("name = \"x\"\nmagic = \"12\"", "magic = 12: expected 8 hexadecimal digits"),
        ("name = \"x\"\np2p_port = 70000", "p2p_port = 70000: expected a number from 1 to 65535"),
        ("name = \"x\"\np2p_port = 5000", "rpc_port = 5000: expected another port"),
        ("name = \"x\"\ntarget_block_time = 0", "target_block_time = 0: expected"),
        ("name = \"x\"\ninitial_reward = -1", "initial_reward = -1: expected coins"),
        ("name = \"x\"\ninitial_reward = 21000001", "initial_reward = 21000001"),
        ("name = \"x\"\nhalving_interval = 0", "halving_interval = 0"),
        ("name = \"x\"\ncoinbase_maturity = -1", "coinbase_maturity = -1"),
        ("name = \"x\"\nsignet_challenge = \"5\"", "signet_challenge = 5: expected a script"),
        ("name = \"x\"\nminimum_chain_work = \"1g\"", "minimum_chain_work = 1g: expected 1 to 64 hex"),
        ("name = \"x\"\n[difficulty]\nleading_hex_zeros = 64", "difficulty.leading_hex_zeros = 64: expected"),
        ("name = \"x\"\n[difficulty]\nleading_hex_zeros = 3\nbits = \"1d00ffff\"", "not both"),
        (
            "name = \"x\"\n[difficulty]\nbits = \"1d80ffff\"",
            "difficulty.bits = 1d80ffff: compact target 1d80ffff is negative",
        ),
        ("name = \"x\"\n[difficulty]\nbits = \"1d00ff\"", "difficulty.bits = 1d00ff: expected"),
        ("name = \"x\"\n[difficulty]\nlimit = \"1\"", "difficulty.limit = 1: expected a target no harder"),
        (
            "name = \"x\"\n[difficulty]\nretarget = \"often\"",
            "difficulty.retarget = 'often': expected 'asert'",
        ),
        ("name = \"x\"\n[difficulty]\nretarget = \"none\"\nhalf_life = 1", "difficulty.half_life = 1: only"),
        ("name = \"x\"\n[difficulty]\nhalf_life = 0", "difficulty.half_life = 0"),
        ("name = \"x\"\n[difficulty]\nanchor = \"moon\"", "difficulty.anchor = 'moon'"),
        (
            "name = \"x\"\ntarget_block_time = 1000000\n[difficulty]\ninterval = 100000",
            "difficulty.interval = 100000",
        ),
        ("name = \"x\"\n[genesis]\ntime = -1", "genesis.time = -1"),
        ("name = \"x\"\n[genesis]\nhash = \"12\"", "genesis.hash = 12"),
        ("name = \"x\"\n[addresses]\np2pkh = 256", "addresses.p2pkh = 256"),
        ("name = \"x\"\n[addresses]\np2pkh = 5", "addresses.p2sh = 5: expected another"),
        ("name = \"x\"\n[addresses]\nbech32 = \"Bc\"", "addresses.bech32 = 'Bc'"),
        ("name = \"x\"\n[addresses]\nxpub = \"zz\"", "addresses.xpub = zz"),
        ("name = \"x\"\n[deployments]\nsegwit = -5", "deployments.segwit = -5"),
        ("name = \"x\"\ncolour = \"red\"", "unknown field `colour`"),
        ("name = 5", "name"),
        ("name = ", "chain file: "),
    ] {
        let error = found(text).unwrap_err().to_string();
        assert!(error.contains(message), "{text}: {error}");
    }
}

#[test]
fn the_first_block_is_verified() {
    let mined = found(SMALL).unwrap().to_toml();
    assert!(ChainParams::from_toml(&mined).is_ok());
    let error = ChainParams::from_toml(SMALL).unwrap_err();
    assert_eq!(error, ChainFileError::Missing("genesis.nonce"));
    let nonce = mined.lines().find(|line| line.starts_with("nonce = ")).unwrap();
    let error = ChainParams::from_toml(&mined.replace(nonce, "nonce = 4294967295")).unwrap_err();
    assert!(matches!(error, ChainFileError::GenesisWork { nonce: u32::MAX, .. }), "{error}");
    let hash = mined.lines().find(|line| line.starts_with("hash = ")).unwrap();
    let other = format!("hash = \"{}\"", "00".repeat(32));
    let error = ChainParams::from_toml(&mined.replace(hash, &other)).unwrap_err();
    assert!(matches!(error, ChainFileError::GenesisHash { .. }), "{error}");
}

/// What the small reader reads is what the large one reads; what that refuses, it refuses.
#[test]
fn the_small_reader_agrees() {
    let read = |parsed: Result<ChainFile, ChainFileError>| {
        parsed.and_then(|file| ChainParams::described(file, true))
    };
    let written = found(SMALL).unwrap().to_toml();
    let spaced = written.replace(" = ", "=").replace('\n', " # and so on\r\n\r\n");
    let listed = format!("dns_seeds = [ 'a', # one\n \"b\\u00e9\\n\",\n]\n{SMALL}");
    let numbers = format!("initial_reward = +1_2.5_0\nhalving_interval = +1_000\n{SMALL}");
    for text in [SMALL, &written, &spaced, &listed, &numbers, &format!("{SMALL}[difficulty]"), ""] {
        let small = read(small::parse(text));
        assert_eq!(small.is_ok(), !text.is_empty(), "{small:?}");
        assert_eq!(small, read(parse(text)), "{text}");
    }
    for damage in [
        "name",
        "name = x",
        "name = \"x",
        "name = 'x",
        "name = \"\\q\"",
        "name = \"\\ud800\"",
        "name = \"\\u+041\"",
        "name = 'x' y",
        "name = 1.5",
        "name = 5",
        "p2p_port = 08",
        "p2p_port = 1__0",
        "p2p_port = 1_",
        "p2p_port = 1.5",
        "p2p_port = .5",
        "p2p_port = 5.",
        "p2p_port = 9223372036854775808",
        "p2p_port = --1",
        "mockable = yes",
        "mockable = 1",
        "colour = 1",
        "dns_seeds = ['a' 'b']",
        "dns_seeds = ['a'",
        "dns_seeds = [1]",
        "dns_seeds = 'a'",
        "name = 'x'\nname = 'y'",
        "[genesis]\n[genesis]",
        "[genesis",
        "[[genesis]]",
        "genesis = 1",
        "[genesis] time = 1",
        "= 1",
        "\u{1}",
        "name = 'é\u{1}'",
        "initial_reward = true",
        "initial_reward = [1]",
        "[addresses]\nxpub = {}",
        "name = 'x'\rmagic = '1'",
    ] {
        assert!(small::parse(damage).is_err(), "{damage}");
        assert!(parse(damage).is_err(), "{damage}");
    }
    // These are TOML all the same.
    for refused in [
        "name = \"\"\"x\"\"\"",
        "genesis.time = 1",
        "genesis = {time = 1}",
        "p2p_port = 0x10",
        "initial_reward = 1e1",
    ] {
        let error = small::parse(&format!("\n{refused}")).err().map(|error| error.to_string());
        assert!(error.is_some_and(|error| error.starts_with("chain file: line 2: ")), "{refused}");
    }
}
