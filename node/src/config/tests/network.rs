//! Whom the node calls, and who may call its port.

use super::Home;

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
