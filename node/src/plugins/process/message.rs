//! What the bridge asks a child: one line of JSON-RPC 2.0 each, written in pieces, so that a batch of blocks takes no
//! more memory as text than one of its pieces.

use chaincore_consensus::codec::Encode;
use chaincore_consensus::coin::Coin;
use chaincore_consensus::hex;
use chaincore_plugin::{AppliedBlock, BlockRef, MempoolEvent, RemovalReason};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use tokio::io::{AsyncWrite, AsyncWriteExt};

/// The version of the protocol, told with `manifest`. It changes when a program written for the old one would go wrong.
pub const PROTOCOL: u32 = 1;

/// How much is held before it is written.
const PIECE: usize = 64 << 10;

/// A call on its way to a child.
#[derive(Debug)]
pub(super) enum Message {
    /// Who are you?
    Manifest,
    /// Open what you keep, which is in this folder. The parameters are made by who knows them.
    Open(PathBuf, Value),
    /// Take these blocks in.
    Extend(Vec<AppliedBlock>),
    /// Drop what is above.
    Rollback(BlockRef),
    /// Both at once.
    Reorganize(BlockRef, Vec<AppliedBlock>),
    /// Which blocks do you have?
    Locator,
    /// Forget everything.
    Reset,
    /// This happened in the mempool.
    Mempool(Vec<MempoolEvent>),
    /// There is nothing else to do.
    Tick,
    /// Store what is due; the end of the input comes next.
    Close,
    /// Somebody called one of your methods.
    Call {
        /// Which.
        name: String,
        /// With what.
        params: Vec<Value>,
    },
    /// Somebody asked for one of your paths.
    Get {
        /// The route.
        path: String,
        /// What follows it.
        rest: String,
        /// The query.
        query: BTreeMap<String, String>,
    },
}

impl Message {
    /// The method's name.
    pub(super) fn method(&self) -> &'static str {
        match self {
            Self::Manifest => "manifest",
            Self::Open(..) => "open",
            Self::Extend(_) => "extend",
            Self::Rollback(_) => "rollback",
            Self::Reorganize(..) => "reorganize",
            Self::Locator => "locator",
            Self::Reset => "reset",
            Self::Mempool(_) => "mempool",
            Self::Tick => "tick",
            Self::Close => "close",
            Self::Call { .. } => "call",
            Self::Get { .. } => "get",
        }
    }

    /// Writes it as a line with this number.
    pub(super) async fn write(&self, id: u64, to: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        let mut to = Pieces { to, held: Vec::new() };
        let method = self.method();
        to.text(&format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":"#)).await?;
        match self {
            Self::Manifest => {
                let version = env!("CARGO_PKG_VERSION");
                to.json(&json!({ "protocol": PROTOCOL, "chaincore": version })).await?;
            }
            Self::Open(_, params) => to.json(params).await?,
            Self::Extend(blocks) => {
                to.text("{").await?;
                to.blocks(blocks).await?;
                to.text("}").await?;
            }
            Self::Rollback(block) => to.json(&json!({ "to": block_ref(block) })).await?,
            Self::Reorganize(block, blocks) => {
                to.text(&format!(r#"{{"to":{},"#, block_ref(block))).await?;
                to.blocks(blocks).await?;
                to.text("}").await?;
            }
            Self::Mempool(events) => {
                to.text(r#"{"events":["#).await?;
                for (at, event) in events.iter().enumerate() {
                    if at > 0 {
                        to.text(",").await?;
                    }
                    to.json(&mempool_event(event)).await?;
                }
                to.text("]}").await?;
            }
            Self::Call { name, params } => to.json(&json!({ "method": name, "params": params })).await?,
            Self::Get { path, rest, query } => {
                to.json(&json!({ "path": path, "rest": rest, "query": query })).await?;
            }
            Self::Locator | Self::Reset | Self::Tick | Self::Close => to.text("{}").await?,
        }
        to.text("}\n").await?;
        to.flush().await
    }
}

/// `{"height": …, "hash": …}`.
pub(super) fn block_ref(block: &BlockRef) -> Value {
    json!({ "height": block.height, "hash": block.hash })
}

fn mempool_event(event: &MempoolEvent) -> Value {
    let known = |kind: &str,
                 sequence: u64,
                 time: i64,
                 tx: &chaincore_consensus::TxRef,
                 fee: i64,
                 vsize: u64| {
        json!({
            "type": kind, "sequence": sequence, "time": time, "txid": tx.txid(), "wtxid": tx.wtxid(), "fee": fee,
            "vsize": vsize,
        })
    };
    match event {
        MempoolEvent::Added { sequence, time, tx, fee, vsize } => {
            let mut event = known("added", *sequence, *time, tx, fee.0, *vsize);
            event["tx"] = json!(hex::encode(&tx.to_bytes()));
            event
        }
        MempoolEvent::Removed { sequence, time, tx, fee, vsize, reason } => {
            let mut event = known("removed", *sequence, *time, tx, fee.0, *vsize);
            event["reason"] = json!(reason.name());
            match reason {
                RemovalReason::Block(block) => event["block"] = json!(block),
                RemovalReason::Replaced(by) => event["by"] = json!(by),
                _ => {}
            }
            event
        }
        MempoolEvent::Gap { lost } => json!({ "type": "gap", "lost": lost }),
    }
}

/// Text on its way into a pipe.
struct Pieces<'a, W> {
    to: &'a mut W,
    held: Vec<u8>,
}

impl<W: AsyncWrite + Unpin> Pieces<'_, W> {
    async fn flush(&mut self) -> io::Result<()> {
        self.to.write_all(&self.held).await?;
        self.held.clear();
        Ok(())
    }

    async fn text(&mut self, text: &str) -> io::Result<()> {
        self.held.extend_from_slice(text.as_bytes());
        if self.held.len() >= PIECE { self.flush().await } else { Ok(()) }
    }

    async fn json(&mut self, value: &Value) -> io::Result<()> {
        self.text(&value.to_string()).await
    }

    /// A text of hexadecimal digits.
    async fn hex(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.text("\"").await?;
        for piece in bytes.chunks(PIECE / 2) {
            self.text(&hex::encode(piece)).await?;
        }
        self.text("\"").await
    }

    async fn blocks(&mut self, blocks: &[AppliedBlock]) -> io::Result<()> {
        self.text(r#""blocks":["#).await?;
        for (at, block) in blocks.iter().enumerate() {
            let comma = if at > 0 { "," } else { "" };
            let AppliedBlock { at: BlockRef { height, hash }, prev, block, spent } = block;
            self.text(&format!(r#"{comma}{{"height":{height},"hash":"{hash}","prev":"{prev}","block":"#))
                .await?;
            self.hex(&block.to_bytes()).await?;
            self.text(r#","spent":["#).await?;
            for (at, coin) in spent.iter().enumerate() {
                self.coin(at > 0, coin).await?;
            }
            self.text("]}").await?;
        }
        self.text("]").await
    }

    async fn coin(&mut self, comma: bool, coin: &Coin) -> io::Result<()> {
        let Coin { output, height, coinbase, tx_index } = coin;
        let comma = if comma { "," } else { "" };
        let value = output.value.0;
        self.text(&format!(
            r#"{comma}{{"value":{value},"height":{height},"coinbase":{coinbase},"tx_index":{tx_index},"script":"#
        ))
        .await?;
        self.hex(&output.script_pubkey).await?;
        self.text("}").await
    }
}
