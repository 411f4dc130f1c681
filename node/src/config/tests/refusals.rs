//! What is wrong, by the option's value and in the words that Core has for it.

use super::Home;

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
