//! `subscribe_tip`: the tip, for who only wants to know the height.

use super::Feed;
use super::path::BlockPlace;
use crate::value::to_raw;
use jsonrpsee::RpcModule;

/// The subscription, ended by `unsubscribe_tip`: notifications `tip`, now and after every change. A slow reader misses
/// tips in between, never the last one.
pub(super) fn methods(feed: Feed) -> RpcModule<Feed> {
    let mut module = RpcModule::new(feed);
    module
        .register_subscription("subscribe_tip", "tip", "unsubscribe_tip", |_, pending, feed, _| async move {
            if let Err(error) = feed.check_started() {
                return pending.reject(error).await;
            }
            let Ok(sink) = pending.accept().await else { return };
            let mut tips = feed.node.tip_watch();
            loop {
                let tip = BlockPlace::from(*tips.borrow_and_update());
                let Ok(message) = to_raw(&tip) else { return };
                if sink.send(message).await.is_err() {
                    return;
                }
                tokio::select! {
                    () = sink.closed() => return,
                    changed = tips.changed() => if changed.is_err() { return },
                }
            }
        })
        .expect("the module is new and the two names differ");
    module
}
