//! The light client against a real node: both modes come to the same ledger and follow a reorganisation, and behind a
//! proxy that lies in each way the lie is named and the wallet goes on.

use bitcoin::consensus::encode::serialize_hex;
use bitcoin::{Amount, OutPoint, Txid};
use chaincore_consensus::codec::Decode;
use chaincore_consensus::filter::{BasicFilter, filter_hash, filter_header};
use chaincore_consensus::params::ChainParams;
use chaincore_consensus::pow::check_proof_of_work;
use chaincore_consensus::{Hash256, Header};
use chaincore_tests::{TestNode, mining};
use chaincore_wallet::chain::Chain;
use chaincore_wallet::ledger::{AccountSpec, Ledger, TxState};
use chaincore_wallet::light::filters::parse_file;
use chaincore_wallet::light::sync::{Answer, Fetch, Mode, Sync};
use chaincore_wallet::light::trust::FaultKind;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const ARGS: [&str; 4] = ["-regtest", "-txindex", "-blockfilterindex", "-ratelimit=0"];

/// The first account of the words of BIP84's test vectors.
const KEY: &str = "xpub6CatWdiZiodmUeTDp8LT5or8nmbKNcuyvz7WyksVFkKB4RHwCD3XyuvPEbvqAQY3rAPshWcMLoP2fMFMKHPJ4ZeZXYVUhLv1VMrjPC7PW6V";

/// A bound, not a measurement.
const PATIENCE: Duration = Duration::from_secs(90);

fn ledger() -> Ledger {
    let mut ledger = Ledger::new(100);
    let spec = AccountSpec {
        name: "one".into(),
        receive: format!("wpkh({KEY}/<0;1>/*)"),
        change: None,
        held: false,
    };
    ledger.add_account(spec).expect("a good descriptor");
    ledger
}

fn address(ledger: &Ledger, at: usize) -> String {
    let chain = Chain::from_name("regtest").expect("a built-in chain");
    chain.address(&ledger.scripts()[at]).expect("a script with an address")
}

fn generate(node: &TestNode, count: u32, address: &str) -> Vec<String> {
    let hashes = node.rpc("generatetoaddress", json!([count, address]));
    hashes.as_array().expect("hashes").iter().map(|hash| hash.as_str().expect("text").to_owned()).collect()
}

/// Pays the wallet from the coins of a block that pays anybody.
fn pay(node: &TestNode, height: u32, ledger: &Ledger, at: usize) -> Txid {
    let hash = node.rpc("getblockhash", json!([height]));
    let coinbase = node.rpc("getblock", json!([hash, 2]))["tx"][0].clone();
    let txid = coinbase["txid"].as_str().expect("a txid").parse().expect("a txid");
    let coin = OutPoint { txid, vout: 0 };
    let mut tx = mining::spend(coin, Amount::from_sat(5_000_000_000), Amount::from_sat(10_000), 1);
    tx.output[0].script_pubkey = ledger.scripts()[at].clone();
    let sent = node.rpc("sendrawtransaction", json!([serialize_hex(&tx)]));
    sent.as_str().expect("a txid").parse().expect("a txid")
}

/// 115 blocks, in which the wallet is paid twice: by a transaction in block 111, and by the coinbase of block 112.
fn story() -> (TestNode, Vec<Txid>) {
    let node = TestNode::start(&ARGS);
    let ledger = ledger();
    generate(&node, 110, &mining::address());
    let first = pay(&node, 1, &ledger, 0);
    generate(&node, 1, &mining::address());
    let hash = generate(&node, 1, &address(&ledger, 2)).remove(0);
    let coinbase = node.rpc("getblock", json!([hash]))["tx"][0].as_str().expect("a txid").parse();
    generate(&node, 3, &mining::address());
    (node, vec![first, coinbase.expect("a txid")])
}

fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(PATIENCE));
    config.build().into()
}

fn fetch(agent: &ureq::Agent, base: &str, fetch: &Fetch) -> Answer {
    let answer = agent.get(format!("{base}{}", fetch.path)).call();
    match answer {
        Ok(mut answer) => {
            let body = answer.body_mut().with_config().limit(64 << 20).read_to_vec().expect("a whole body");
            Answer::Status(answer.status().as_u16(), body)
        }
        Err(error) => Answer::Unreachable(error.to_string()),
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_secs()
}

/// Lets the client talk with the nodes until something holds.
fn until(
    what: &str,
    sync: &mut Sync,
    ledger: &mut Ledger,
    nodes: &[&str],
    done: impl Fn(&Sync, &Ledger) -> bool,
) {
    let agent = agent();
    let since = Instant::now();
    // The clock of the client runs faster than ours, so that what it does every few seconds is done soon.
    let start = now();
    let mut turn = 0;
    while !done(sync, ledger) {
        assert!(since.elapsed() < PATIENCE, "{what}: {:?} {:?}", sync.progress(), sync.faults());
        let fetches = sync.poll(ledger, start + turn);
        if fetches.is_empty() {
            turn += 1;
            std::thread::sleep(Duration::from_millis(5));
        }
        for wanted in fetches {
            let answer = fetch(&agent, nodes[wanted.node], &wanted);
            sync.give(wanted.id, answer);
        }
    }
}

fn client(mode: Mode, nodes: usize) -> Sync {
    let mut sync = Sync::new(&ChainParams::regtest(), mode, None);
    sync.set_nodes(nodes);
    sync
}

fn proven(ledger: &Ledger, txids: &[Txid]) -> bool {
    txids.iter().all(|txid| {
        ledger.tx(txid).is_some_and(|known| matches!(known.state, TxState::Proven { .. }) && !known.dropped)
    })
}

fn has(sync: &Sync, node: usize, kind: FaultKind) -> bool {
    sync.faults().iter().any(|fault| fault.node == node && fault.kind == kind)
}

#[test]
fn both_modes_come_to_the_same_and_follow_a_reorganisation() {
    let (node, mut txids) = story();
    let url = node.url().to_owned();
    let mut wallets: Vec<(Mode, Sync, Ledger)> =
        [Mode::Verified, Mode::Filters].into_iter().map(|mode| (mode, client(mode, 1), ledger())).collect();
    let settled = |sync: &Sync, ledger: &Ledger, height: u32| {
        sync.progress().synced && ledger.tip().is_some_and(|(tip, _)| tip == height)
    };
    let mut all = |what: &str, height: u32, more: &dyn Fn(&Ledger) -> bool, txids: &[Txid]| {
        for (mode, sync, ledger) in &mut wallets {
            until(&format!("{what} {mode:?}"), sync, ledger, &[&url], |sync, ledger| {
                settled(sync, ledger, height) && more(ledger) && proven(ledger, txids)
            });
            assert!(sync.faults().iter().all(|fault| fault.passed), "{what} {mode:?}: {:?}", sync.faults());
        }
        let seen: Vec<_> = wallets
            .iter()
            .map(|(_, _, ledger)| {
                let states: Vec<_> =
                    ledger.txs().map(|(txid, known)| (*txid, known.state.height())).collect();
                (ledger.balance(None), states)
            })
            .collect();
        assert_eq!(seen[0], seen[1], "{what}");
        seen[0].0
    };
    let balance = all("at first", 115, &|_| true, &txids);
    assert_eq!((balance.confirmed, balance.immature), (4_999_990_000, 5_000_000_000));

    // Unconfirmed, and then in a block that is replaced with the two above it.
    let third = pay(&node, 2, &ledger(), 1);
    let waits = |ledger: &Ledger| ledger.tx(&third).is_some_and(|known| known.state.name() == "mempool");
    let balance = all("unconfirmed", 115, &waits, &txids);
    assert_eq!(balance.unconfirmed, 4_999_990_000);
    let replaced = generate(&node, 3, &mining::address());
    txids.push(third);
    all("confirmed", 118, &|_| true, &txids);
    node.rpc("invalidateblock", json!([replaced[0]]));
    // Without the transaction, which waits in the mempool again.
    for _ in 0..4 {
        node.rpc("generateblock", json!([mining::address(), []]));
    }
    all("reorganised", 119, &waits, &txids[..2]);
    generate(&node, 1, &mining::address());
    let balance = all("confirmed again", 120, &|_| true, &txids);
    assert_eq!(balance.confirmed, 2 * 4_999_990_000);
}

/// What a proxy does with the body of an answer to a path.
type Lie = Arc<dyn Fn(&str, Vec<u8>) -> Vec<u8> + Send + std::marker::Sync>;

/// A web server that asks another and lies about what it heard; its address.
fn liar(node: &TestNode, lie: Lie) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("a bound socket has an address");
    let target = node.url().to_owned();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let (target, lie) = (target.clone(), lie.clone());
            std::thread::spawn(move || serve(stream, &target, &lie));
        }
    });
    format!("http://{address}")
}

fn serve(mut stream: TcpStream, target: &str, lie: &Lie) {
    let agent = agent();
    let mut reader = BufReader::new(stream.try_clone().expect("a second handle"));
    loop {
        let mut request = String::new();
        if reader.read_line(&mut request).unwrap_or(0) == 0 {
            return;
        }
        let path = request.split(' ').nth(1).unwrap_or("/").to_owned();
        let mut line = String::new();
        while reader.read_line(&mut line).unwrap_or(0) > 2 {
            line.clear();
        }
        let mut answer = agent.get(format!("{target}{path}")).call().expect("the node answers");
        let mut body = Vec::new();
        answer.body_mut().as_reader().read_to_end(&mut body).expect("a whole body");
        let status = answer.status().as_u16();
        let body = if status == 200 { lie(&path, body) } else { body };
        let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n", body.len());
        if stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body)).is_err() {
            return;
        }
    }
}

fn edit(body: &[u8], change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut value = serde_json::from_slice(body).expect("JSON");
    change(&mut value);
    value.to_string().into_bytes()
}

/// The filter of the block that pays the wallet, made empty; where asked, with filter headers that say so.
fn without_filter(node: &TestNode, headers_too: bool) -> Lie {
    const HEIGHT: usize = 111;
    let read = |path: &str| match fetch(
        &agent(),
        node.url(),
        &Fetch {
            id: 0,
            node: 0,
            method: chaincore_wallet::light::sync::Method::Get,
            path: path.into(),
            body: Vec::new(),
        },
    ) {
        Answer::Status(200, body) => body,
        other => panic!("{path}: {other:?}"),
    };
    let honest = read("/light/filters/0.bin");
    let headers = read("/light/headers/0.bin");
    let block = Header::decode_exact(&headers[80 * HEIGHT..80 * (HEIGHT + 1)]).expect("a header").hash();
    let mut filters: Vec<Vec<u8>> =
        parse_file(&honest).expect("filters").into_iter().map(<[u8]>::to_vec).collect();
    filters[HEIGHT] = BasicFilter::build(block, [&[0x51][..]]).into_bytes();
    let mut below = Hash256::ZERO;
    let lying_headers: Vec<u8> = filters
        .iter()
        .flat_map(|filter| {
            below = filter_header(&filter_hash(filter), &below);
            below.0
        })
        .collect();
    let file: Vec<u8> = filters
        .iter()
        .flat_map(|filter| [&(filter.len() as u32).to_le_bytes()[..], filter].concat())
        .collect();
    Arc::new(move |path, body| match path {
        "/light/filters/0.bin" => file.clone(),
        "/light/filterheaders/0.bin" if headers_too => lying_headers.clone(),
        _ => body,
    })
}

/// A client with a liar alone and one with an honest node beside it.
fn caught(node: &TestNode, txids: &[Txid], mode: Mode, kind: FaultKind, lie: Lie) -> Ledger {
    let proxy = liar(node, lie);
    let (mut alone, mut first) = (client(mode, 1), ledger());
    let what = format!("{kind:?} alone");
    until(&what, &mut alone, &mut first, &[&proxy], |sync, _| has(sync, 0, kind));
    let (mut helped, mut second) = (client(mode, 2), ledger());
    let what = format!("{kind:?} with help");
    until(&what, &mut helped, &mut second, &[&proxy, node.url()], |sync, ledger| {
        has(sync, 0, kind) && proven(ledger, txids)
    });
    assert!(helped.faults().iter().all(|fault| fault.node == 0), "{:?}", helped.faults());
    assert!(helped.progress().nodes[0].lied && !helped.progress().nodes[1].lied);
    first
}

#[test]
fn lies_are_named_and_survived() {
    let (node, txids) = story();
    // A merkle branch that leads elsewhere.
    let branch: Lie = Arc::new(|path, body| match path.ends_with("/merkle-proof") {
        true => edit(&body, |proof| proof["merkle"] = json!(["11".repeat(32)])),
        false => body,
    });
    let first = caught(&node, &txids, Mode::Verified, FaultKind::BadProof, branch);
    for txid in &txids {
        assert_eq!(first.tx(txid).map(|known| known.state.name()), Some("reported"));
    }
    // A block without work, with a difficulty of its own, or on nothing; what is below it stays proven.
    for kind in [FaultKind::NoWork, FaultKind::WrongDifficulty, FaultKind::NotLinked] {
        let lie: Lie = Arc::new(move |path, mut body| {
            if path.starts_with("/light/headers/") && body.len() >= 80 {
                let at = body.len() - 80;
                let mut header = Header::decode_exact(&body[at..]).expect("a header");
                match kind {
                    FaultKind::WrongDifficulty => header.bits = 0x2000_ffff,
                    FaultKind::NotLinked => header.previous.0[0] ^= 1,
                    _ => {}
                }
                let limit = ChainParams::regtest().pow_limit;
                let worked = |header: &Header| check_proof_of_work(&header.hash(), header.bits, limit);
                while worked(&header) == (kind == FaultKind::NoWork) {
                    header.nonce = header.nonce.wrapping_add(1);
                }
                body.truncate(at);
                body.extend(header.to_array());
            }
            body
        });
        caught(&node, &txids, Mode::Verified, kind, lie);
    }
    // A transaction whose amount is another.
    let amount: Lie = Arc::new(|path, body| match path.ends_with("/txs") && body.len() > 4 {
        true => edit(&body, |page| page[0]["vout"][0]["value"] = json!(1)),
        false => body,
    });
    caught(&node, &txids, Mode::Verified, FaultKind::WrongTransaction, amount);
    // Filters.
    let wrong = without_filter(&node, false);
    caught(&node, &txids, Mode::Filters, FaultKind::WrongFilter, wrong);
    // Blocks that are others.
    let other: Lie = Arc::new(|path, mut body| {
        if path.starts_with("/api/block/") && path.ends_with("/raw") {
            let last = body.len() - 1;
            body[last] ^= 1;
        }
        body
    });
    caught(&node, &txids, Mode::Filters, FaultKind::WrongBlock, other);
}

/// Lies that one node alone can tell without being caught, and a second one uncovers.
#[test]
fn what_only_a_second_node_uncovers() {
    let (node, txids) = story();
    let hidden = txids[0].to_string();
    let withheld: Lie = Arc::new(move |path, body| match path.ends_with("/txs") {
        true => edit(&body, |page| {
            if let Some(page) = page.as_array_mut() {
                page.retain(|tx| tx["txid"] != hidden);
            }
        }),
        false => body,
    });
    for (mode, kind, lie) in [
        (Mode::Verified, FaultKind::WithheldTransaction, withheld),
        (Mode::Filters, FaultKind::WrongFilterHeader, without_filter(&node, true)),
    ] {
        let proxy = liar(&node, lie);
        let (mut alone, mut first) = (client(mode, 1), ledger());
        until("alone", &mut alone, &mut first, &[&proxy], |sync, _| sync.progress().synced);
        if mode == Mode::Verified {
            assert!(first.tx(&txids[0]).is_none() && alone.faults().is_empty());
        }
        for order in [[proxy.as_str(), node.url()], [node.url(), proxy.as_str()]] {
            let at = usize::from(order[1] == proxy);
            let (mut helped, mut second) = (client(mode, 2), ledger());
            until("with help", &mut helped, &mut second, &order, |sync, ledger| {
                has(sync, at, kind) && proven(ledger, &txids) && sync.progress().synced
            });
            assert!(helped.faults().iter().all(|fault| fault.node == at), "{:?}", helped.faults());
        }
    }
}

/// The files as caches see them, and a node without filters.
#[test]
fn the_files_on_the_wire() {
    let node = TestNode::start(&["-regtest", "-ratelimit=0", "-blockfilterindex=0"]);
    generate(&node, 3, &mining::address());
    let told = node.get_json("/light/chain");
    assert_eq!(
        (&told["name"], &told["filters"], &told["tip"]["height"]),
        (&json!("regtest"), &json!(false), &json!(3))
    );
    for kind in ["filters", "filterheaders"] {
        let (status, body) = node.get(&format!("/light/{kind}/0.bin"));
        assert!(status == 404 && body.contains("no_filters"), "{body}");
    }
    let answer = agent().get(format!("{}/light/headers/0.bin", node.url())).call().expect("an answer");
    assert_eq!(answer.headers()["cache-control"], "no-cache");
    let tag = answer.headers()["etag"].clone();
    let again =
        agent().get(format!("{}/light/headers/0.bin", node.url())).header("if-none-match", &tag).call();
    assert_eq!(again.expect("an answer").status(), 304);
    assert_eq!(node.get("/light/headers/1.bin").0, 404);
}
