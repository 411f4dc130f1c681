//! Whoever is no miner, and chains that nobody can mine.

use super::*;

#[test]
fn whoever_is_no_miner_is_turned_away() {
    let dir = tempfile::tempdir().unwrap();
    let chain = open(ChainParams::regtest(), dir.path());
    // As many places as there are connections up to the floods: one that is closed is given again a moment later.
    let host = serve(&chain, StratumOptions { max_connections: 8, ..options() });
    let mut nobody = Miner::connect(&host);
    nobody.call("mining.subscribe", json!([]));
    let refused = nobody.call("mining.authorize", json!(["nobody", "x"]));
    assert!(refused["error"][1].as_str().unwrap().contains("-stratumaddress"), "{refused}");
    // What is no request is answered, and the connection goes on.
    for (line, id, words) in [
        ("hello", json!(null), "not JSON"),
        ("[1]", json!(null), "JSON object"),
        ("{\"id\":4}", json!(4), "no method"),
        ("{\"id\":5,\"method\":\"mining.subscribe\",\"params\":\"x\"}", json!(5), "params must be an array"),
        ("{\"id\":6,\"method\":\"mining.submit\",\"params\":{\"a\":1}}", json!(6), "params must be an array"),
    ] {
        nobody.send(format!("{line}\n").as_bytes());
        let answer = nobody.read().unwrap();
        assert_eq!((&answer["id"], &answer["error"][0]), (&id, &json!(20)), "{answer}");
        assert!(answer["error"][1].as_str().unwrap().contains(words), "{answer}");
    }
    // Garbage, floods and lines without an end are cut off, with a last word.
    for (junk, words) in [
        (vec![b'x'; 100_000], "a line longer than 4096 bytes"),
        ([vec![b'x'; 6000], vec![b'\n']].concat(), "a line longer than 4096 bytes"),
        (b"\xff\xfe\n".repeat(5000), "nothing but refused messages"),
        (b"{}\n".repeat(5000), "nothing but refused messages"),
        (b"{\"id\":1,\"method\":\"x\"}\n".repeat(5000), "nothing but refused messages"),
        (b"{\"id\":1,\"method\":\"mining.ping\"}\n".repeat(5000), "too many lines"),
    ] {
        let mut miner = Miner::connect(&host);
        let stream = miner.stream.get_ref().try_clone().unwrap();
        let writer = std::thread::spawn(move || {
            let mut stream = stream;
            // It is cut off while it writes.
            let _ = stream.write_all(&junk);
        });
        let (mut line, mut last) = (String::new(), String::new());
        while miner.stream.read_line(&mut line).is_ok_and(|read| read > 0) {
            last = std::mem::take(&mut line);
        }
        writer.join().unwrap();
        let last: Value = serde_json::from_str(&last).expect(&last);
        assert_eq!(last["id"], Value::Null);
        assert!(last["error"][1].as_str().unwrap().contains(words), "{words}: {last}");
    }
    // No more than eight at a time.
    let mut miners: Vec<Miner> = vec![];
    wait_until("seven places", || {
        miners.clear();
        miners.extend((0..7).map(|_| Miner::connect(&host)));
        miners.iter_mut().all(|miner| {
            miner.send(b"{\"id\":7,\"method\":\"mining.ping\"}\n");
            miner.stream.read_line(&mut String::new()).is_ok_and(|read| read > 0)
        })
    });
    for (n, miner) in miners.iter_mut().enumerate() {
        miner.begin(&payee(n as u8).1, "d=0.000000001");
    }
    let mut ninth = Miner::connect(&host);
    let mut line = String::new();
    assert!(!ninth.stream.read_line(&mut line).is_ok_and(|read| read > 0), "{line}");
    drop(nobody);
    wait_until("a place", || {
        let mut late = Miner::connect(&host);
        late.send(b"{\"id\":7,\"method\":\"mining.ping\"}\n");
        let mut line = String::new();
        late.stream.read_line(&mut line).is_ok_and(|read| read > 0) && line.contains("pong")
    });
    host.stop();
    chain.shutdown_blocking().unwrap();
}

#[test]
fn a_signet_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let chain = open(ChainParams::signet(), dir.path());
    let host = crate::testkit::host(&chain);
    let slot = Arc::new(OnceLock::new());
    assert!(slot.set(chain.clone()).is_ok());
    host.start(Box::new(StratumPlugin::new(options(), slot))).unwrap();
    wait_until("the refusal", || host.statuses()[0].state == PluginState::Failed);
    let error = host.statuses().remove(0).last_error.unwrap_or_default();
    assert!(error.contains("signature"), "{error}");
    host.stop();
    chain.shutdown_blocking().unwrap();
}
