//! `subscribe_chain`: the chain's steps, from a block that the subscriber knows.

use super::path::{MAX_KNOWN, step};
use super::{Feed, argument, refusal};
use crate::error::RpcError;
use crate::json::Json;
use crate::value::to_raw;
use chaincore_consensus::BlockHash;
use jsonrpsee::RpcModule;
use jsonrpsee::server::SubscriptionSink;

/// Blocks of one message.
const MAX_CONNECT: usize = 100;

/// The hashes to resume from: a list, a single one, or none at all.
fn known(argument: &Json) -> Result<Vec<BlockHash>, RpcError> {
    if argument.is_null() {
        return Ok(vec![]);
    }
    if argument.get_str().is_ok() {
        return Ok(vec![argument.hash("known")?]);
    }
    let hashes = argument.get_array()?;
    if hashes.len() > MAX_KNOWN {
        let text = format!("known has {} hashes, and may have {MAX_KNOWN}", hashes.len());
        return Err(RpcError::invalid_parameter(text));
    }
    hashes.iter().map(|hash| hash.hash("known")).collect()
}

/// The subscription, ended by `unsubscribe_chain`; its notifications are called `chain`.
pub(super) fn methods(feed: Feed) -> RpcModule<Feed> {
    let mut module = RpcModule::new(feed);
    module
        .register_subscription(
            "subscribe_chain",
            "chain",
            "unsubscribe_chain",
            |params, pending, feed, _| async move {
                let started = feed.check_started();
                let known = started.and_then(|()| known(&argument(&params, "known")).map_err(refusal));
                match known {
                    Err(error) => pending.reject(error).await,
                    Ok(known) => {
                        if let Ok(sink) = pending.accept().await {
                            follow(&feed, sink, known).await;
                        }
                    }
                }
            },
        )
        .expect("the module is new and the two names differ");
    module
}

/// Tells the way to the tip, at once and whenever the tip or the durable tip moves.
async fn follow(feed: &Feed, sink: SubscriptionSink, mut known: Vec<BlockHash>) {
    let (mut tips, mut durables) = (feed.node.tip_watch(), feed.node.durable_watch());
    let mut told = None;
    loop {
        tips.borrow_and_update();
        let durable = *durables.borrow_and_update();
        let step = step(&*feed.node.chain(), durable, &known, MAX_CONNECT);
        let (end, complete) = (step.end(), step.is_complete());
        if told != Some((end, step.durable_tip)) {
            let Ok(message) = to_raw(&step) else { return };
            // Waits for a slow reader; what it is sent next is looked up after that.
            if sink.send(message).await.is_err() {
                return;
            }
            told = Some((end, step.durable_tip));
        }
        known = vec![end.hash];
        if complete {
            tokio::select! {
                () = sink.closed() => return,
                changed = tips.changed() => if changed.is_err() { return },
                changed = durables.changed() => if changed.is_err() { return },
            }
        }
    }
}
