//! `-netinfo`: the peers at a glance, in the columns of bitcoin-cli.

use chaincore_rpc::json::Json;
use std::fmt::Write as _;

/// The calls that are made, as one batch.
pub const METHODS: [&str; 2] = ["getpeerinfo", "getnetworkinfo"];

/// The highest level of details; what is above counts as this.
const MAX_LEVEL: u8 = 4;

/// The networks that have a column when they can be reached, and those that have one when there are such peers; with
/// their names in the table.
const NETWORKS: [(&str, &str); 7] = [
    ("ipv4", "ipv4"),
    ("ipv6", "ipv6"),
    ("onion", "onion"),
    ("i2p", "i2p"),
    ("cjdns", "cjdns"),
    ("not_publicly_routable", "npr"),
    ("internal", "int"),
];

/// What is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wish {
    level: u8,
    outbound_only: bool,
}

impl Wish {
    /// What the words after `-netinfo` say; the error is bitcoin-cli's text.
    pub fn parse(words: &[String]) -> Result<Self, String> {
        let more = "For more information, run: chaincore-cli -netinfo help";
        let Some(level) = words.first() else { return Ok(Self::default()) };
        let number: u8 =
            level.parse().map_err(|_| format!("invalid -netinfo level argument: {level}\n{more}"))?;
        let outbound_only = match words.get(1).map(String::as_str) {
            None => false,
            Some("o" | "outonly") if number > 0 => true,
            Some(other) if number > 0 => {
                return Err(format!("invalid -netinfo outonly argument: {other}\n{more}"));
            }
            Some(other) => {
                return Err(format!(
                    "invalid -netinfo outonly argument: {other}\nThe outonly argument is only valid for a level greater \
                     than 0 (the first argument). {more}"
                ));
            }
        };
        Ok(Self { level: number.min(MAX_LEVEL), outbound_only })
    }

    fn shows_addresses(self) -> bool {
        matches!(self.level, 2 | 4)
    }

    fn shows_versions(self) -> bool {
        matches!(self.level, 3 | 4)
    }
}

/// What `-netinfo help` prints.
pub const HELP: &str = "-netinfo (level [outonly]) | help

Shows the peers at a glance, from getpeerinfo and getnetworkinfo. It is meant for people and may change.

level    0  how many peers there are, by direction and network (default)
         1  a line for each peer before that
         2  as 1, with its address
         3  as 1, with its version
         4  as 1, with both
outonly     only the lines of peers that this node called; \"o\" for short

Columns: direction; type of the connection (full, block, manual, feeler, addr); net, the network it came through (npr: not
publicly routable); serv, the services it offers (n NETWORK, b BLOOM, w WITNESS, c COMPACT_FILTERS, l NETWORK_LIMITED,
2 P2P_V2); v, the version of the transport; mping and ping, the shortest and the last time of a ping; send and recv, how long
ago something was sent and received; txn and blk, how long ago it sent a transaction or block that was new (* if it is told of
none); hb, compact blocks unasked (. from it to us, * from us to it); addrp and addrl, addresses taken from it and not (. if
none are exchanged); age of the connection; id, its number.
";

fn text(value: &Json) -> String {
    value.get_str().map_or_else(|_| value.to_string(), ToOwned::to_owned)
}

fn number(value: &Json) -> i64 {
    value.get_int().unwrap_or(0)
}

fn is_true(value: &Json) -> bool {
    value.get_bool().unwrap_or(false)
}

/// One letter for each service.
fn letters(services: &Json) -> String {
    let letter = |name: &Json| match name.get_str().unwrap_or_default() {
        "NETWORK_LIMITED" => Some('l'),
        "P2P_V2" => Some('2'),
        name => name.chars().next().map(|first| first.to_ascii_lowercase()),
    };
    services.get_array().unwrap_or_default().iter().filter_map(letter).collect()
}

fn kind(name: &str) -> &str {
    match name {
        "outbound-full-relay" => "full",
        "block-relay-only" => "block",
        "addr-fetch" => "addr",
        "manual" | "feeler" => name,
        _ => "",
    }
}

/// The fields of a peer's line.
struct Line {
    is_outbound: bool,
    min_ping: f64,
    cells: [String; 15],
    address: String,
    version: String,
}

fn ping(value: &Json) -> (f64, String) {
    let Ok(seconds) = value.to_string().parse::<f64>() else { return (-1.0, String::new()) };
    let millis = (seconds * 1000.0).round();
    (seconds, if millis > 999_999.0 { "-".into() } else { format!("{millis:.0}") })
}

fn line(peer: &Json, now: i64) -> Line {
    let field = |name: &str| peer.field(name);
    let since = |name: &str, unit: i64| match number(field(name)) {
        0 => String::new(),
        time => ((now - time) / unit).to_string(),
    };
    let or = |text: String, otherwise: &str| if text.is_empty() { otherwise.to_owned() } else { text };
    let count = |name: &str| match number(field(name)) {
        0 => String::new(),
        count => count.to_string(),
    };
    let is_outbound = !is_true(field("inbound"));
    let network = text(field("network"));
    let short = NETWORKS.iter().find(|(name, _)| *name == network).map_or("", |(_, short)| *short);
    let (min_ping, min_text) = ping(field("minping"));
    let to = if is_true(field("bip152_hb_to")) { "." } else { " " };
    let from = if is_true(field("bip152_hb_from")) { "*" } else { " " };
    let transport = text(field("transport_protocol_type"));
    let version = format!("{}{}", number(field("version")), text(field("subver")));
    Line {
        is_outbound,
        min_ping,
        cells: [
            if is_outbound { "out" } else { "in" }.into(),
            kind(&text(field("connection_type"))).into(),
            short.into(),
            letters(field("servicesnames")),
            transport.strip_prefix('v').filter(|number| number.len() == 1).unwrap_or(" ").into(),
            min_text,
            ping(field("pingtime")).1,
            since("lastsend", 1),
            since("lastrecv", 1),
            or(since("last_transaction", 60), if is_true(field("relaytxes")) { "" } else { "*" }),
            since("last_block", 60),
            format!("{to}{from}"),
            or(count("addr_processed"), if is_true(field("addr_relay_enabled")) { "" } else { "." }),
            count("addr_rate_limited"),
            since("conntime", 60),
        ],
        address: text(field("addr")),
        version: if version == "0" { String::new() } else { version },
    }
}

/// The page, for peers and network as the node tells of them. `chain` is what the header calls the chain, `now` in
/// seconds since 1970.
pub fn page(wish: Wish, peers: &Json, network: &Json, chain: &str, now: i64) -> String {
    let all = peers.get_array().unwrap_or_default();
    let services = match wish.level {
        0 => String::new(),
        _ => format!(" - services {}", letters(network.field("localservicesnames"))),
    };
    let mut page = format!(
        "ChainCore client {} {chain} - server {}{}{services}\n\n",
        env!("CARGO_PKG_VERSION"),
        number(network.field("protocolversion")),
        text(network.field("subversion"))
    );
    if wish.level > 0 {
        let shown = all.iter().filter(|peer| !wish.outbound_only || !is_true(peer.field("inbound")));
        let mut lines: Vec<(i64, Line)> =
            shown.map(|peer| (number(peer.field("id")), line(peer, now))).collect();
        lines.sort_by(|(_, one), (_, other)| {
            (one.is_outbound, one.min_ping)
                .partial_cmp(&(other.is_outbound, other.min_ping))
                .unwrap_or(std::cmp::Ordering::Equal)
        });
        if !lines.is_empty() {
            list(&mut page, wish, &lines);
        }
    }
    totals(&mut page, all, network);
    if wish.level == 0 {
        let names = network.field("localservicesnames").get_array().unwrap_or_default();
        let names: Vec<String> =
            names.iter().map(|name| text(name).to_lowercase().replace('_', " ")).collect();
        let _ = write!(page, "\n\nLocal services: {}", names.join(", "));
    }
    page += "\n\nLocal addresses";
    let local = network.field("localaddresses").get_array().unwrap_or_default();
    if local.is_empty() {
        page += ": n/a\n";
    }
    let width = local.iter().map(|local| text(local.field("address")).len() + 1).max().unwrap_or(0);
    for local in local {
        let (address, port, score) =
            (text(local.field("address")), number(local.field("port")), number(local.field("score")));
        let _ = write!(page, "\n{address:<width$}    port {port:>6}    score {score:>6}");
    }
    page
}

fn list(page: &mut String, wish: Wish, lines: &[(i64, Line)]) {
    let widest = |at: usize, least: usize| {
        lines.iter().map(|(_, line)| line.cells[at].len()).max().unwrap_or(0).max(least)
    };
    let (serv, taken, limited, age) = (widest(3, 6), widest(12, 5), widest(13, 6), widest(14, 5));
    let id_width = lines.iter().map(|(id, _)| id.to_string().len()).max().unwrap_or(0).max(2);
    let address_width = match wish.shows_addresses() {
        true => lines.iter().map(|(_, line)| line.address.len() + 1).max().unwrap_or(0),
        false => 0,
    };
    let address = if wish.shows_addresses() { "address" } else { "" };
    let version = if wish.shows_versions() { "version" } else { "" };
    let _ = writeln!(
        page,
        "<->   type   net {:>serv$}  v  mping   ping send recv  txn  blk  hb {:>taken$}{:>limited$}{:>age$} \
         {:>id_width$} {address:<address_width$}{version}",
        "serv", "addrp", "addrl", "age", "id"
    );
    for (id, line) in lines {
        let [way, kind, net, services, v, min, last, send, recv, txn, blk, hb, addrp, addrl, old] =
            &line.cells;
        let address = if wish.shows_addresses() { &line.address } else { "" };
        let version = if wish.shows_versions() { &line.version } else { "" };
        let _ = writeln!(
            page,
            "{way:>3} {kind:>6} {net:>5} {services:>serv$} {v:>2}{min:>7}{last:>7}{send:>5}{recv:>5}{txn:>5}{blk:>5}  \
             {hb:>2} {addrp:>taken$}{addrl:>limited$}{old:>age$} {id:>id_width$} {address:<address_width$}{version}"
        );
    }
    let _ = writeln!(
        page,
        "                {:serv$}         ms     ms  sec  sec  min  min                {:>age$}\n",
        "", "min"
    );
}

fn totals(page: &mut String, peers: &[Json], network: &Json) {
    let of = |direction: usize, name: Option<&str>| {
        let is_counted = |peer: &&Json| {
            let inbound = is_true(peer.field("inbound"));
            let network = text(peer.field("network"));
            let way = match direction {
                0 => inbound,
                1 => !inbound,
                _ => true,
            };
            way && name.is_none_or(|name| network == name)
        };
        peers.iter().filter(is_counted).count()
    };
    let kinds = |name: &str| peers.iter().filter(|peer| text(peer.field("connection_type")) == name).count();
    let known = network.field("networks").get_array().unwrap_or_default();
    let is_reachable = |name: &str| {
        known.iter().any(|network| text(network.field("name")) == name && is_true(network.field("reachable")))
    };
    let columns: Vec<(&str, &str)> = NETWORKS
        .into_iter()
        .filter(|(name, _)| match *name {
            "not_publicly_routable" | "internal" => of(2, Some(name)) > 0,
            name => is_reachable(name),
        })
        .collect();
    let manual = kinds("manual");
    *page += "     ";
    for (_, short) in &columns {
        let _ = write!(page, "{short:>8}");
    }
    *page += "   total   block";
    if manual > 0 {
        *page += "  manual";
    }
    for (direction, title) in ["in", "out", "total"].into_iter().enumerate() {
        let _ = write!(page, "\n{title:<5}");
        for (name, _) in &columns {
            let _ = write!(page, "{:>8}", of(direction, Some(name)));
        }
        let _ = write!(page, "   {:>5}", of(direction, None));
        if direction == 1 {
            let _ = write!(page, "   {:>5}", kinds("block-relay-only"));
            if manual > 0 {
                let _ = write!(page, "   {manual:>5}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(words: &[&str]) -> Result<Wish, String> {
        Wish::parse(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
    }

    const PEERS: &str = r#"[{"id":7,"addr":"1.2.3.4:8333","network":"ipv4","servicesnames":["NETWORK","WITNESS"],
        "relaytxes":true,"lastsend":990,"lastrecv":995,"last_transaction":400,"last_block":0,"conntime":100,
        "pingtime":0.0124,"minping":0.012,"version":70016,"subver":"/peer:1/","inbound":false,
        "bip152_hb_to":true,"bip152_hb_from":false,"addr_relay_enabled":true,"addr_processed":12,
        "addr_rate_limited":0,"connection_type":"manual","transport_protocol_type":"v1"},
        {"id":8,"addr":"127.0.0.1:999","network":"not_publicly_routable","servicesnames":[],"relaytxes":false,
        "lastsend":0,"lastrecv":0,"last_transaction":0,"last_block":0,"conntime":1000,"version":0,"subver":"",
        "inbound":true,"bip152_hb_to":false,"bip152_hb_from":false,"addr_relay_enabled":false,"addr_processed":0,
        "addr_rate_limited":0,"connection_type":"inbound","transport_protocol_type":"v1"}]"#;
    const NETWORK: &str = r#"{"protocolversion":70016,"subversion":"/node:2/","localservicesnames":["NETWORK"],
        "networks":[{"name":"ipv4","reachable":true},{"name":"onion","reachable":false}],"localaddresses":[]}"#;

    #[test]
    fn peers_and_totals_stand_in_their_columns() {
        let (peers, network) =
            (Json::parse(PEERS.as_bytes()).unwrap(), Json::parse(NETWORK.as_bytes()).unwrap());
        let page = page(wish(&["4"]).unwrap(), &peers, &network, "regtest", 1000);
        let lines: Vec<&str> = page.lines().collect();
        assert!(lines[0].ends_with("regtest - server 70016/node:2/ - services n"), "{page}");
        let expected = [
            " in          npr         1                            *              .          0  8 127.0.0.1:999 ",
            "out manual  ipv4     nw  1     12     12   10    5   10       .     12         15  7 1.2.3.4:8333  70016/peer:1/",
            "         ipv4     npr   total   block  manual",
            "in          0       1       1",
            "out         1       0       1       0       1",
        ];
        for expected in expected {
            assert!(lines.contains(&expected), "{expected:?} is not in\n{page}");
        }
        let page = super::page(wish(&["1", "o"]).unwrap(), &peers, &network, "regtest", 1000);
        assert!(!page.contains("\n in ") && page.contains("\nout manual"), "{page}");
    }

    #[test]
    fn levels_are_checked() {
        assert_eq!(wish(&[]).unwrap(), Wish::default());
        assert_eq!(wish(&["200", "outonly"]).unwrap(), Wish { level: 4, outbound_only: true });
        assert!(wish(&["x"]).unwrap_err().starts_with("invalid -netinfo level argument: x\n"));
        assert!(wish(&["0", "o"]).unwrap_err().contains("only valid for a level greater than 0"));
        assert!(wish(&["1", "in"]).unwrap_err().starts_with("invalid -netinfo outonly argument: in\n"));
    }
}
