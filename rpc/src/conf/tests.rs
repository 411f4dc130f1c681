use super::*;

const OPTIONS: &[OptionSpec] = &[
    option("dbcache", "<n>", Group::General, ""),
    option("uacomment", "<text>", Group::General, ""),
    option("node-id", "<name>", Group::General, "").separate(),
    option("discover", "", Group::General, ""),
    option("no-discover", "", Group::General, "").stands_against("discover"),
    option("reindex", "", Group::General, ""),
    option("signetchallenge", "<hex>", Group::General, "").needs_value(),
];

fn table() -> OptionTable {
    OptionTable::new(&[SHARED_OPTIONS, OPTIONS])
}

/// A data folder with a configuration file.
struct Home(tempfile::TempDir);

impl Home {
    fn new(conf: &str) -> Self {
        let home = Self(tempfile::tempdir().unwrap());
        home.write("bitcoin.conf", conf);
        home
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.0.path().join(name), text).unwrap();
    }

    fn read(&self, arguments: &[&str]) -> Result<Conf, ConfError> {
        let datadir = format!("-datadir={}", self.0.path().display());
        let arguments = std::iter::once(datadir).chain(arguments.iter().map(|text| (*text).to_owned()));
        Conf::read(&table(), parse_arguments(&table(), arguments)?)
    }

    fn error(&self, arguments: &[&str]) -> String {
        self.read(arguments).unwrap_err().to_string()
    }
}

fn parsed(arguments: &[&str]) -> Result<Arguments, ConfError> {
    parse_arguments(&table(), arguments.iter().map(|text| (*text).to_owned()))
}

#[test]
fn one_dash_and_two_mean_the_same() {
    let home = Home::new("");
    for arguments in [
        &["-dbcache=7", "--regtest"][..],
        &["--dbcache=7", "-regtest=1"],
        &["-dbcache=5", "-dbcache=7", "--chain", "regtest"],
        &["-nodbcache", "-dbcache=7", "-chain=regtest"],
    ] {
        let conf = home.read(arguments).unwrap();
        assert_eq!(conf.settings.text("dbcache").as_deref(), Some("7"), "{arguments:?}");
        assert_eq!(conf.chain.name(), "regtest", "{arguments:?}");
        assert_eq!(conf.chain_dir(), home.0.path().join("regtest"));
    }
}

#[test]
fn values_may_follow_documented_options_as_words() {
    let arguments =
        parsed(&["--node-id", "core0", "--api-port", "5001", "--no-discover", "getblock", "-x"]).unwrap();
    assert_eq!(arguments.words, ["getblock", "-x"]);
    let settings = Settings::new(&table(), arguments);
    assert_eq!(settings.text("node-id").as_deref(), Some("core0"));
    assert_eq!(settings.port("rpcport").unwrap(), Some(5001));
    assert!(!settings.switch_or("discover", true).unwrap());
    // A switch takes no word, and an option does not swallow the next one.
    assert_eq!(parsed(&["-regtest", "1"]).unwrap().words, ["1"]);
    assert!(parsed(&["--node-id", "-regtest"]).unwrap().asks_for("regtest"));
}

#[test]
fn what_is_wrong_on_the_command_line_is_said_as_core_says_it() {
    let error = |arguments: &[&str]| parsed(arguments).unwrap_err().to_string();
    assert_eq!(error(&["-x"]), "Error parsing command line arguments: Invalid parameter -x");
    assert_eq!(error(&["--x=1"]), "Error parsing command line arguments: Invalid parameter --x=1");
    assert_eq!(
        error(&["-regtest.dbcache=1"]),
        "Error parsing command line arguments: Invalid parameter -regtest.dbcache=1"
    );
    assert_eq!(
        error(&["-nodatadir"]),
        "Error parsing command line arguments: Negating of -datadir is meaningless and therefore forbidden"
    );
    assert_eq!(
        error(&["-signetchallenge"]),
        "Error parsing command line arguments: Can not set -signetchallenge with no value. Please specify value with \
         -signetchallenge=value."
    );
    assert_eq!(
        error(&["-includeconf=x"]),
        "Error parsing command line arguments: -includeconf cannot be used from commandline; -includeconf=\"x\""
    );
    assert!(parsed(&["-noincludeconf"]).is_ok());
}

#[test]
fn the_last_counts_on_the_command_line_and_the_first_in_the_file() {
    let home = Home::new("dbcache=1\ndbcache=2\nregtest=1\n[regtest]\nuacomment=c\n");
    let conf = home.read(&[]).unwrap();
    assert_eq!(conf.settings.text("dbcache").as_deref(), Some("1"));
    let conf = home.read(&["-dbcache=3", "-dbcache=4"]).unwrap();
    assert_eq!(conf.settings.text("dbcache").as_deref(), Some("4"));
    assert_eq!(conf.settings.list("dbcache"), ["3", "4", "1", "2"]);
    assert_eq!(
        home.read(&["-uacomment=a", "-uacomment=b"]).unwrap().settings.list("uacomment"),
        ["a", "b", "c"]
    );
    // A negation clears what stands before it in its source, and the weaker sources if it is the last word.
    assert_eq!(home.read(&["-uacomment=a", "-nouacomment"]).unwrap().settings.list("uacomment"), [""; 0]);
    assert_eq!(home.read(&["-nouacomment", "-uacomment=b"]).unwrap().settings.list("uacomment"), ["b", "c"]);
    assert!(home.read(&["-nodbcache"]).unwrap().settings.is_negated("dbcache"));
    assert_eq!(home.read(&["-nodbcache=0"]).unwrap().settings.text("dbcache").as_deref(), Some("1"));
}

#[test]
fn sections_belong_to_their_chains() {
    let home = Home::new(
        "dbcache=1 # one\n[regtest]\ndbcache=2\nrpcport=1111\n[signet]\nsignet.x=1\ndbcache=3\n[moon]\n",
    );
    let conf = home.read(&["-regtest"]).unwrap();
    assert_eq!(conf.settings.text("dbcache").as_deref(), Some("2"));
    assert_eq!(conf.settings.port("rpcport").unwrap(), Some(1111));
    assert!(
        conf.warnings.iter().any(|text| text.ends_with("bitcoin.conf:8 Section [moon] is not recognized."))
    );
    assert!(conf.warnings.iter().any(|text| text == "Ignoring unknown configuration value signet.signet.x"));
    assert_eq!(home.read(&["-signet"]).unwrap().settings.text("dbcache").as_deref(), Some("3"));
    let conf = home.read(&[]).unwrap();
    assert_eq!(conf.chain.name(), "chaincore");
    assert_eq!(
        (conf.settings.text("dbcache").as_deref(), conf.settings.port("rpcport").unwrap()),
        (Some("1"), None)
    );
    // A dotted name is a section too.
    let home = Home::new("regtest.dbcache=9\nregtest=1\n");
    assert_eq!(home.read(&[]).unwrap().settings.text("dbcache").as_deref(), Some("9"));
}

#[test]
fn ports_at_the_top_of_the_file_do_not_count_on_cores_test_chains() {
    let home = Home::new("rpcport=1111\n");
    assert_eq!(home.read(&[]).unwrap().settings.port("rpcport").unwrap(), Some(1111));
    assert_eq!(
        home.error(&["-regtest"]),
        "Config setting for -rpcport only applied on regtest network when in [regtest] section."
    );
    assert_eq!(home.read(&["-regtest", "-rpcport=5"]).unwrap().settings.port("rpcport").unwrap(), Some(5));
}

#[test]
fn a_file_with_an_error_is_refused_with_the_line() {
    let cases = [
        ("a\n", "parse error on line 1: a"),
        (
            "\n-regtest=1\n",
            "parse error on line 2: -regtest=1, options in configuration file must be specified without leading -",
        ),
        (
            "nolisten\n",
            "parse error on line 1: nolisten, if you intended to specify a negated option, use nolisten=1 instead",
        ),
        (
            "rpcpassword=a#b\n",
            "parse error on line 1, using # in rpcpassword can be ambiguous and should be avoided",
        ),
        (
            "conf=x\n",
            "conf cannot be set in the configuration file; use includeconf= if you want to include additional config files",
        ),
        ("includeconf=missing.conf\n", "Failed to include configuration file missing.conf"),
    ];
    for (text, expected) in cases {
        assert_eq!(Home::new(text).error(&[]), format!("Error reading configuration file: {expected}"));
    }
    assert!(Home::new("").error(&["-conf=missing"]).ends_with("/missing\" could not be opened."));
}

#[test]
fn included_files_count_after_the_file_and_do_not_include_others() {
    let home = Home::new("regtest=1\nincludeconf=more.conf\n[regtest]\nincludeconf=test.conf\n");
    home.write("more.conf", "dbcache=1\nuacomment=more\nincludeconf=deeper.conf\n");
    home.write("test.conf", "dbcache=2\nuacomment=test\n");
    let conf = home.read(&[]).unwrap();
    assert_eq!(conf.settings.list("uacomment"), ["test", "more"]);
    assert_eq!(conf.settings.text("dbcache").as_deref(), Some("2"));
    assert!(conf.warnings.iter().any(|text| text.ends_with("ignoring -includeconf=deeper.conf")));
    assert!(!home.read(&["-noincludeconf"]).unwrap().settings.is_set("dbcache"));
}

#[test]
fn our_own_file_goes_before_cores() {
    let home = Home::new("dbcache=1\n");
    home.write("chaincore.conf", "dbcache=2\n");
    let conf = home.read(&[]).unwrap();
    assert_eq!(conf.settings.text("dbcache").as_deref(), Some("2"));
    assert!(conf.warnings[0].contains("bitcoin.conf is not read, because"), "{:?}", conf.warnings);
    assert_eq!(home.read(&["-conf=bitcoin.conf"]).unwrap().settings.text("dbcache").as_deref(), Some("1"));
    let conf = home.read(&["-noconf"]).unwrap();
    assert!(!conf.settings.is_set("dbcache") && conf.conf_file.is_none());
}

#[test]
fn the_file_may_name_another_data_folder() {
    let other = tempfile::tempdir().unwrap();
    let home = Home::new(&format!("datadir={}\n", other.path().display()));
    // The command line goes first.
    assert_eq!(home.read(&[]).unwrap().datadir, home.0.path());
    let conf = format!("-conf={}", home.0.path().join("bitcoin.conf").display());
    let conf = Conf::read(&table(), parsed(&[&conf]).unwrap()).unwrap();
    assert_eq!(conf.datadir, other.path());
    assert_eq!(
        home.error(&["-datadir=/no/such/folder"]),
        "Specified data directory \"/no/such/folder\" does not exist."
    );
}

#[test]
fn saved_settings_stand_between_the_command_line_and_the_file() {
    let home = Home::new("regtest=1\ndbcache=1\nuacomment=file\n");
    std::fs::create_dir(home.0.path().join("regtest")).unwrap();
    home.write(
        "regtest/settings.json",
        r#"{"_warning_":"x","dbcache":2,"uacomment":["a","b"],"discover":false}"#,
    );
    let conf = home.read(&[]).unwrap();
    assert_eq!(conf.settings.text("dbcache").as_deref(), Some("2"));
    assert_eq!(conf.settings.list("uacomment"), ["a", "b", "file"]);
    assert!(conf.settings.is_negated("discover"));
    assert_eq!(home.read(&["-dbcache=3"]).unwrap().settings.text("dbcache").as_deref(), Some("3"));
    home.write("regtest/settings.json", "[]");
    assert!(home.error(&[]).contains("does not contain valid JSON"));
}

#[test]
fn chains_that_contradict_each_other_are_both_named() {
    let home = Home::new("");
    assert_eq!(
        home.error(&["-regtest", "-chain=main"]),
        "Invalid combination of -regtest and -chain=main: each of them chooses the chain. Can use at most one."
    );
    assert!(home.error(&["-signet", "--chain-file", "x.toml"]).contains("-signet and --chain-file=x.toml"));
    assert!(home.error(&["-chain=moon"]).starts_with("Unknown chain moon."));
    assert!(home.error(&["-chain=../etc"]).starts_with("Unknown chain ../etc."));
    assert!(home.error(&["-testnet"]).contains("-testnet4"));
    assert_eq!(home.read(&["-noregtest", "-testnet4"]).unwrap().chain.name(), "testnet4");
    let conf = home.read(&["-chain=main"]).unwrap();
    assert_eq!(conf.chain_dir(), home.0.path());
    assert_eq!(conf.cookie_path(), Some(home.0.path().join(".cookie")));
}

#[test]
fn a_chain_of_ones_own_comes_from_its_file_and_then_from_its_folder() {
    let home = Home::new("[town]\ndbcache=8\n");
    let definition =
        chaincore_consensus::params::ChainParams::found("name = 'town'\nrpc_port = 7777", 1_700_000_000);
    home.write("town.toml", &definition.unwrap().to_toml());
    let file = home.0.path().join("town.toml").display().to_string();
    let conf = home.read(&["--chain-file", &file]).unwrap();
    assert_eq!((conf.chain.name(), conf.chain.params.rpc_port), ("town", 7777));
    assert_eq!(conf.chain.definition.as_deref(), Some(home.0.path().join("town.toml").as_path()));
    assert_eq!(conf.settings.text("dbcache").as_deref(), Some("8"));
    assert!(conf.warnings.is_empty(), "{:?}", conf.warnings);
    assert!(home.error(&["-chain=town"]).starts_with("Unknown chain town."));
    std::fs::create_dir(conf.chain_dir()).unwrap();
    home.write("town/chain.toml", &std::fs::read_to_string(&file).unwrap());
    assert_eq!(home.read(&["-chain=town"]).unwrap().chain.params, conf.chain.params);
    home.write("bad.toml", "name = 3");
    assert!(
        home.error(&["--chain-file", &home.0.path().join("bad.toml").display().to_string()])
            .contains("bad.toml")
    );
    assert!(home.error(&["--chain-file=none.toml"]).contains("none.toml"));
}

#[test]
fn bad_values_are_named_with_what_is_allowed() {
    let home = Home::new("");
    let settings = home.read(&["-dbcache=lots", "-discover=maybe", "-api-port=70000"]).unwrap().settings;
    assert_eq!(
        settings.number("dbcache", 4..=100).unwrap_err().to_string(),
        "Invalid value 'lots' for -dbcache: it must be a whole number from 4 to 100."
    );
    assert_eq!(
        settings.switch("discover").unwrap_err().to_string(),
        "Invalid value 'maybe' for -discover (--no-discover): it must be 0 or 1."
    );
    assert_eq!(
        settings.port("rpcport").unwrap_err().to_string(),
        "Invalid port specified in --api-port: '70000'"
    );
    let error =
        |arguments: &[&str]| home.read(arguments).unwrap().settings.port("rpcport").unwrap_err().to_string();
    assert_eq!(error(&["-rpcport=x"]), "Invalid port specified in -rpcport: 'x'");
    assert_eq!(error(&["--api-port=1", "-rpcport=x"]), "Invalid port specified in -rpcport: 'x'");
}

#[test]
fn the_log_shows_every_option_but_no_secret() {
    let home = Home::new("regtest=1\n[regtest]\nrpcpassword=hidden\n");
    let conf = home.read(&["-dbcache=7", "-nodiscover"]).unwrap();
    let lines = conf.settings.describe(&table());
    assert!(lines.contains(&"Config file arg: [regtest] rpcpassword=****".to_owned()), "{lines:?}");
    assert!(lines.contains(&"Command-line arg: dbcache=\"7\"".to_owned()), "{lines:?}");
    assert!(lines.contains(&"Command-line arg: discover=false".to_owned()), "{lines:?}");
    assert!(!lines.concat().contains("hidden"));
}

#[test]
fn help_lists_options_under_their_headings() {
    let text = help_text(&table(), &[Group::General, Group::Chain, Group::Api]);
    assert!(text.starts_with("Options:\n\n"), "{text}");
    assert!(
        text.contains(
            "\nChain selection options:\n\n  -chain=<name>\n       The chain: chaincore (default),"
        ),
        "{text}"
    );
    assert!(text.contains("  --api-port=<port>\n       Same as -rpcport\n\n"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 79), "{text}");
    assert_eq!(paragraph("aa bb cc", 5, 2), "aa bb\n  cc");
}

#[test]
fn a_cookie_is_read_with_or_without_its_newline() {
    let home = Home::new("");
    home.write(".cookie", "__cookie__:00ff\r\n");
    assert_eq!(read_cookie(&home.0.path().join(".cookie")).unwrap(), "__cookie__:00ff");
    assert!(read_cookie(&home.0.path().join("none")).is_err());
    let conf = home.read(&["-norpccookiefile"]).unwrap();
    assert_eq!(conf.cookie_path(), None);
    let conf = home.read(&["-regtest", "-rpccookiefile=my"]).unwrap();
    assert_eq!(conf.cookie_path(), Some(home.0.path().join("regtest/my")));
}
