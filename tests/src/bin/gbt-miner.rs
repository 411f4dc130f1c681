//! A minimal external miner, as a separate process: `getblocktemplate`, a coinbase of its own, a nonce search,
//! `submitblock`. It knows only what BIP22, BIP23, BIP145 and the template say, and sends the bytes that real miners
//! send: those of pooler's cpuminer, or of ckpool.
//!
//! `gbt-miner URL AUTHORIZATION SCRIPT_HEX BLOCKS [ckpool]` prints the hash of each block found.
#![allow(clippy::print_stdout, reason = "its output is what the test reads")]

use chaincore_consensus::codec::{Decode, Encode};
use chaincore_consensus::hash::sha256d;
use chaincore_consensus::merkle::{block_merkle_root, block_witness_merkle_root};
use chaincore_consensus::script::Builder;
use chaincore_consensus::{
    Amount, Block, Hash256, Header, OutPoint, Script, Transaction, Tx, TxIn, TxOut, hex,
};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

/// How long an answer may take. Generous: it is a bound, not a measurement.
const PATIENCE: Duration = Duration::from_secs(120);
/// The largest answer that is read.
const MAX_ANSWER: usize = 64 << 20;

type Fallible<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Who the miner speaks like, to the byte: what two of them send over HTTP, and what they insist on in answers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Dialect {
    /// pooler's cpuminer 2.5.1: libcurl, a connection that is kept and another for the long poll, a carriage return
    /// after the JSON.
    Cpuminer,
    /// ckpool: a connection for each call, lines that end in a bare line feed, no id, no parameters where none are
    /// needed. It takes the first line of an answer that begins with a brace.
    Ckpool,
}

/// One connection to a node, or in ckpool's way one after another.
struct Rpc<'a> {
    dialect: Dialect,
    host: &'a str,
    authorization: &'a str,
    kept: Option<BufReader<TcpStream>>,
}

impl<'a> Rpc<'a> {
    fn new(dialect: Dialect, url: &'a str, authorization: &'a str) -> Fallible<Self> {
        let host = url.strip_prefix("http://").ok_or("the URL must begin with http://")?;
        Ok(Self { dialect, host: host.trim_end_matches('/'), authorization, kept: None })
    }

    /// A call. The text of the parameters is part of what is sent: `None` sends no parameters.
    fn call(&mut self, method: &str, params: Option<&str>, id: u32) -> Fallible<Value> {
        let text = match self.dialect {
            Dialect::Cpuminer => self.as_cpuminer(method, params.unwrap_or("[]"), id)?,
            Dialect::Ckpool => self.as_ckpool(method, params)?,
        };
        let reply: Value = serde_json::from_str(&text)?;
        if !reply["error"].is_null() {
            return Err(format!("{method}: {}", reply["error"]).into());
        }
        if self.dialect == Dialect::Ckpool && reply.get("id").is_some() {
            return Err(format!("{method}: an id where none was sent: {text}").into());
        }
        reply.get("result").cloned().ok_or_else(|| format!("{method}: no result in {text}").into())
    }

    fn as_cpuminer(&mut self, method: &str, params: &str, id: u32) -> Fallible<String> {
        let end = if method == "submitblock" { "" } else { "\r\n" };
        let body = format!("{{\"method\": \"{method}\", \"params\": {params}, \"id\":{id}}}{end}");
        let (host, authorization, length) = (self.host, self.authorization, body.len());
        let request = format!(
            "POST / HTTP/1.1\r\nHost: {host}\r\nAuthorization: {authorization}\r\nAccept-Encoding: deflate, gzip, br, \
             zstd\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nUser-Agent: cpuminer/2.5.1\r\n\
             X-Mining-Extensions: midstate\r\n\r\n{body}"
        );
        let mut stream = match self.kept.take() {
            Some(stream) => stream,
            None => BufReader::new(TcpStream::connect(host)?),
        };
        stream.get_ref().set_read_timeout(Some(PATIENCE))?;
        stream.get_mut().write_all(request.as_bytes())?;
        let mut status = String::new();
        stream.read_line(&mut status)?;
        let mut length = None;
        loop {
            let mut line = String::new();
            stream.read_line(&mut line)?;
            let line = line.trim_end();
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(": ").ok_or("a header without a colon")?;
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = Some(value.parse::<usize>()?),
                "content-encoding" | "transfer-encoding" => return Err(format!("{name}: {value}").into()),
                _ => {}
            }
        }
        let mut body = vec![0; length.ok_or("no Content-Length")?.min(MAX_ANSWER)];
        stream.read_exact(&mut body)?;
        self.kept = Some(stream);
        let body = String::from_utf8(body)?;
        if status.trim_end() != "HTTP/1.1 200 OK" {
            return Err(format!("{method}: {} {body}", status.trim_end()).into());
        }
        Ok(body)
    }

    fn as_ckpool(&self, method: &str, params: Option<&str>) -> Fallible<String> {
        let params = params.map(|params| format!(", \"params\": {params}")).unwrap_or_default();
        let body = format!("{{\"method\": \"{method}\"{params}}}\n");
        let (host, authorization, length) = (self.host, self.authorization, body.len());
        let request = format!(
            "POST / HTTP/1.1\nAuthorization: {authorization}\nHost: {host}\nContent-type: application/json\n\
             Content-Length: {length}\n\n{body}"
        );
        let mut stream = TcpStream::connect(host)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(request.as_bytes())?;
        let mut lines = BufReader::new(stream.take(MAX_ANSWER as u64));
        let mut line = String::new();
        lines.read_line(&mut line)?;
        if line.trim_end() != "HTTP/1.1 200 OK" {
            return Err(format!("{method}: {line}").into());
        }
        while !line.starts_with('{') {
            line.clear();
            if lines.read_line(&mut line)? == 0 {
                return Err(format!("{method}: no line of JSON").into());
            }
        }
        if !line.ends_with('\n') {
            return Err(format!("{method}: a line without an end, for which it would wait").into());
        }
        Ok(line)
    }

    /// A template; with the last one's `longpollid`, when there is something new.
    fn template(&mut self, longpollid: Option<&str>) -> Fallible<Value> {
        let poll = longpollid.map(|id| format!(", \"longpollid\": \"{id}\"")).unwrap_or_default();
        let params = match self.dialect {
            Dialect::Cpuminer => format!(
                "[{{\"capabilities\": [\"coinbasetxn\", \"coinbasevalue\", \"longpoll\", \"workid\"], \"rules\": \
                 [\"segwit\"]{poll}}}]"
            ),
            Dialect::Ckpool => "[{\"capabilities\": [\"coinbasetxn\", \"workid\", \"coinbase/append\"], \
                 \"rules\" : [\"segwit\"]}]"
                .into(),
        };
        self.call("getblocktemplate", Some(&params), 0)
    }
}

fn field<'a>(template: &'a Value, name: &str) -> Fallible<&'a str> {
    template[name].as_str().ok_or_else(|| format!("the template has no text '{name}'").into())
}

fn number(template: &Value, name: &str) -> Fallible<u64> {
    template[name].as_u64().ok_or_else(|| format!("the template has no number '{name}'").into())
}

fn assemble(template: &Value, script: &Script) -> Fallible<Block> {
    let mut transactions = vec![];
    for entry in template["transactions"].as_array().ok_or("the template has no transactions")? {
        let tx = Tx::decode_exact(&hex::decode(field(entry, "data")?)?)?;
        if tx.txid().to_string() != field(entry, "txid")? || tx.wtxid().to_string() != field(entry, "hash")? {
            return Err(format!("the template names {} wrongly", tx.txid()).into());
        }
        transactions.push(Arc::new(tx));
    }
    let height = i64::try_from(number(template, "height")?)?;
    let value = Amount(i64::try_from(number(template, "coinbasevalue")?)?);
    let mut script_sig = Builder::new().push_int(height);
    if height <= 16 {
        script_sig = script_sig.op(0);
    }
    let mut coinbase = Transaction {
        version: 2,
        inputs: vec![TxIn {
            previous_output: OutPoint::NULL,
            script_sig: script_sig.into_script(),
            sequence: TxIn::SEQUENCE_FINAL,
            witness: vec![vec![0; 32]],
        }],
        outputs: vec![TxOut { value, script_pubkey: script.clone() }],
        lock_time: 0,
    };
    transactions.insert(0, Arc::new(coinbase.clone().into()));
    let header = Header {
        version: i32::try_from(template["version"].as_i64().ok_or("the template has no version")?)?,
        previous: field(template, "previousblockhash")?.parse()?,
        merkle_root: Hash256::ZERO,
        time: u32::try_from(number(template, "curtime")?)?,
        bits: u32::from_str_radix(field(template, "bits")?, 16)?,
        nonce: 0,
    };
    let mut block = Block { header, transactions };
    let root = block_witness_merkle_root(&block);
    let commitment = sha256d(&[root.0, [0; 32]].concat());
    let script_pubkey = Script([&[0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed][..], &commitment].concat());
    if let Some(given) = template["default_witness_commitment"].as_str()
        && given != hex::encode(&script_pubkey)
    {
        return Err(format!("the template commits to {given}, not {}", hex::encode(&script_pubkey)).into());
    }
    coinbase.outputs.push(TxOut { value: Amount::ZERO, script_pubkey });
    // As real miners do: the block goes out without the coinbase's witness, and the node puts it there.
    coinbase.inputs[0].witness.clear();
    block.transactions[0] = Arc::new(coinbase.into());
    block.header.merkle_root = block_merkle_root(&block).0;
    Ok(block)
}

/// Finds the nonce.
fn solve(block: &mut Block, template: &Value) -> Fallible<()> {
    let mut target = hex::decode(field(template, "target")?)?;
    target.reverse();
    let reached = |hash: &[u8; 32]| hash.iter().rev().le(target.iter().rev());
    while !reached(&block.header.hash().0) {
        block.header.nonce = block.header.nonce.checked_add(1).ok_or("no nonce reaches the target")?;
    }
    Ok(())
}

fn main() -> Fallible<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (dialect, args) = match args.as_slice() {
        [first @ .., last] if last == "ckpool" => (Dialect::Ckpool, first),
        all => (Dialect::Cpuminer, all),
    };
    let [url, authorization, script, blocks] = args else {
        return Err("usage: gbt-miner URL AUTHORIZATION SCRIPT_HEX BLOCKS [ckpool]".into());
    };
    let mut rpc = Rpc::new(dialect, url, authorization)?;
    let script = Script(hex::decode(script)?);
    let blocks: u32 = blocks.parse()?;
    let mut template = rpc.template(None)?;
    for left in (0..blocks).rev() {
        let mut block = assemble(&template, &script)?;
        solve(&mut block, &template)?;
        let hash = block.hash().to_string();
        let params = format!("[\"{}\"]", hex::encode(&block.to_bytes()));
        let next = std::thread::scope(|scope| {
            // As the real one does: a long poll waits on a connection of its own for what the block brings about. The
            // last block's is left out, as the node would keep its template for whoever asks next.
            let poll = (dialect == Dialect::Cpuminer && left > 0).then(|| {
                scope.spawn(|| {
                    let id = field(&template, "longpollid")?;
                    Rpc::new(dialect, url, authorization)?.template(Some(id))
                })
            });
            let answer = rpc.call("submitblock", Some(&params), 1)?;
            if !answer.is_null() {
                return Err(format!("submitblock: {answer}").into());
            }
            if dialect == Dialect::Ckpool && rpc.call("getbestblockhash", None, 0)? != hash.as_str() {
                return Err("the block is not the tip".into());
            }
            match poll {
                Some(poll) => poll.join().map_err(|_| "the long poll panicked")?.map(Some),
                None if left > 0 => rpc.template(None).map(Some),
                None => Ok(None),
            }
        })?;
        println!("{hash}");
        let Some(next) = next else { break };
        if field(&next, "previousblockhash")? != hash {
            return Err(format!("the template after {hash} builds on {}", next["previousblockhash"]).into());
        }
        template = next;
    }
    Ok(())
}
