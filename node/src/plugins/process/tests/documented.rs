//! The example exchange in `PROTOCOL.md` is what the bridge says and takes.

use super::super::*;
use super::bench::{Bench, Registered};
use chaincore_consensus::codec::Decode;
use chaincore_consensus::coin::Coin;
use chaincore_consensus::{Amount, Block, TxOut, hex};

const DOCUMENT: &str = include_str!("../../../../plugin/PROTOCOL.md");

/// Says the answers of the document, one for each line that it gets and keeps.
const CHILD: &str = "import sys\nanswers = open(sys.argv[1]).read().splitlines()\nfor line, answer in zip(sys.stdin, \
                     answers):\n    open(sys.argv[2], 'a').write(line)\n    print(answer, flush=True)\nsys.stdin.read()\n";

fn block_ref(value: &Value) -> BlockRef {
    BlockRef {
        height: value["height"].as_u64().unwrap() as u32,
        hash: value["hash"].as_str().unwrap().parse().unwrap(),
    }
}

fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().unwrap()).unwrap()
}

fn coin(value: &Value) -> Coin {
    let number = |name: &str| value[name].as_u64().unwrap();
    let script_pubkey = bytes(&value["script"]).into();
    Coin {
        output: TxOut { value: Amount(number("value") as i64), script_pubkey },
        height: number("height") as u32,
        coinbase: value["coinbase"].as_bool().unwrap(),
        tx_index: number("tx_index") as u32,
    }
}

fn applied(value: &Value) -> AppliedBlock {
    let block = Block::decode_exact(&bytes(&value["block"])).unwrap();
    let at = block_ref(value);
    assert_eq!(block.hash(), at.hash);
    AppliedBlock {
        at,
        prev: value["prev"].as_str().unwrap().parse().unwrap(),
        spent: value["spent"].as_array().unwrap().iter().map(coin).collect(),
        block: Arc::new(block),
    }
}

fn applied_all(params: &Value) -> Vec<AppliedBlock> {
    params["blocks"].as_array().unwrap().iter().map(applied).collect()
}

#[test]
fn the_example_is_what_is_said() {
    let bench = Bench::new();
    let folder = bench.folder.path().display().to_string();
    let example =
        DOCUMENT.split_once("```exchange\n").and_then(|(_, rest)| rest.split_once("\n```")).unwrap().0;
    // What depends on where and when it runs.
    let example = example
        .replace("/srv/chaincore/regtest", &folder)
        .replace(r#""chaincore":"0.1.0""#, &format!(r#""chaincore":"{}""#, env!("CARGO_PKG_VERSION")));
    let side =
        |mark: &str| -> Vec<&str> { example.lines().filter_map(|line| line.strip_prefix(mark)).collect() };
    let (asked, answered) = (side("-> "), side("<- "));
    assert_eq!(asked.len() + answered.len(), example.lines().count());
    std::fs::write(bench.path("answers"), answered.join("\n")).unwrap();
    std::fs::write(bench.path("child.py"), CHILD).unwrap();
    let command = format!("python3 {0}/child.py {0}/answers {0}/lines", folder);
    let command = CommandLine::parse(&command).unwrap();
    let mut plugin = ProcessPlugin::start(command, false, &bench.environment(), &bench.limits);
    assert_eq!(plugin.failure(), None);
    let mut api = Registered::default();
    plugin.register(&mut api);
    let mut context = bench.context();
    context.folder = bench.path("plugins").join(&plugin.manifest().id);
    let mut seen = std::collections::BTreeSet::new();
    for (line, answer) in asked.iter().zip(&answered) {
        let (call, answer): (Value, Value) =
            (serde_json::from_str(line).unwrap(), serde_json::from_str(answer).unwrap());
        let (method, params) = (call["method"].as_str().unwrap(), &call["params"]);
        seen.insert(method.to_owned());
        let done = match method {
            "manifest" => Ok(()),
            "open" => {
                let opened = bench.run(plugin.open(&context));
                opened.map(|cursor| assert_eq!(cursor.is_none(), answer["result"]["cursor"].is_null()))
            }
            "extend" => bench.run(plugin.extend(&applied_all(params))),
            "rollback" => bench.run(plugin.rollback(block_ref(&params["to"]))),
            "tick" => bench.run(plugin.tick()),
            "close" => {
                bench.run(plugin.close());
                Ok(())
            }
            "call" => {
                let got = api.call(params["method"].as_str().unwrap(), params["params"].as_array().unwrap());
                match &answer["error"] {
                    Value::Null => assert_eq!(got.unwrap(), answer["result"]),
                    error => assert_eq!(got.unwrap_err().message, error["message"].as_str().unwrap()),
                }
                Ok(())
            }
            "get" => {
                let request =
                    RestRequest { rest: params["rest"].as_str().unwrap().into(), ..Default::default() };
                let page = (api.routes[0].handler)(&request).unwrap();
                assert_eq!(page.body, answer["result"]["json"].to_string().as_bytes());
                Ok(())
            }
            other => panic!("the example has {other}, which this test cannot ask"),
        };
        match &answer["error"] {
            Value::Null => done.unwrap(),
            error if method == "call" || error["code"] == -32601 => done.unwrap(),
            error => assert_eq!(done.unwrap_err().to_string(), error["message"].as_str().unwrap()),
        }
    }
    let got = bench.noted("lines");
    assert_eq!(got.len(), asked.len());
    for (got, asked) in got.iter().zip(&asked) {
        assert_eq!(got, asked);
    }
    let shown: Vec<_> = seen.iter().map(String::as_str).collect();
    assert_eq!(shown, ["call", "close", "extend", "get", "manifest", "open", "rollback", "tick"]);
}

#[test]
fn every_message_and_limit_is_described() {
    for message in [
        Message::Manifest,
        Message::Open(Default::default(), Value::Null),
        Message::Extend(vec![]),
        Message::Rollback(BlockRef { height: 0, hash: chaincore_consensus::BlockHash::ZERO }),
        Message::Locator,
        Message::Reset,
        Message::Mempool(vec![]),
        Message::Tick,
        Message::Close,
        Message::Call { name: String::new(), params: vec![] },
        Message::Get { path: String::new(), rest: String::new(), query: Default::default() },
    ] {
        let heading = format!("\n### `{}`", message.method());
        assert!(DOCUMENT.contains(&heading), "{heading}");
    }
    assert!(DOCUMENT.contains("\n### `reorganize`"));
    let limits = Limits::default();
    for (what, value) in [
        ("answer to `manifest`", format!("{} s", limits.manifest.as_secs())),
        ("answer to any other call of the host's", format!("{} s", limits.call.as_secs())),
        ("answer to `call` and `get`", format!("{} s", limits.api.as_secs())),
        ("answer to `close`", format!("{} s", limits.close.as_secs())),
        ("a line on standard output", format!("{} bytes", limits.line)),
        ("a line on standard error", format!("{} bytes", limits.log_line)),
    ] {
        let row = DOCUMENT.lines().find(|line| line.starts_with(&format!("| {what} |")));
        let row = row.unwrap_or_else(|| panic!("no row for {what}"));
        assert!(row.contains(&value), "{row}: {value}");
    }
}
