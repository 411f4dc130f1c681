//! The template provider's options.

use super::Home;

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
fn options_that_do_nothing_without_another_are_warned_of() {
    let home = Home::new("");
    let unused = |args: &[&str]| home.config(args).mining.unused;
    assert_eq!(unused(&["-sv2port=1"]), ["-sv2port has no effect without -sv2"]);
    assert_eq!(
        unused(&["-stratumaddress=1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "-minethreads=2"]),
        ["-minethreads has no effect without -mine", "-stratumaddress has no effect without -stratum"]
    );
    assert!(unused(&["-sv2", "-sv2port=1", "-stratum", "-stratumdifficulty=1"]).is_empty());
    assert!(unused(&[]).is_empty());
}
