//! Long lists, streamed: however long one is, a piece of it is all that is held.

use self::End::{Broken, Done, More};
use super::Rest;
use crate::http::rest::{RestResponse, RestStreamError};
use crate::value::Object;
use hyper::body::Bytes;
use tokio::sync::mpsc;

/// How many pieces wait for a slow reader before the next is made.
const PIECES_AHEAD: usize = 2;
/// A piece is sent when it has so many bytes, or more by one item.
const PIECE_BYTES: usize = 64 << 10;

/// What a piece ends with.
enum End {
    /// There is more.
    More,
    /// That was all.
    Done,
    /// An item cannot be had; why.
    Broken(String),
}

/// Streams `{…head, "list":[items]}`. The items are JSON and are made on threads that may block; the error says why one
/// cannot be had, and ends the answer in the middle.
pub(super) fn stream<I>(rest: &Rest, head: Object, list: &str, items: I) -> RestResponse
where
    I: Iterator<Item = Result<String, String>> + Send + 'static,
{
    let (pieces, body) = mpsc::channel(PIECES_AHEAD);
    let mut opening = head.into_json();
    opening.pop();
    opening.push_str(&format!(",\"{list}\":["));
    let node = rest.0.node.clone();
    // Only making items needs a thread that may block; waiting for a slow reader needs none.
    tokio::spawn(async move {
        let (mut items, mut text, mut is_first) = (items, opening, true);
        loop {
            let made = tokio::task::spawn_blocking(move || {
                let end = fill(&mut text, &mut items, &mut is_first);
                (items, text, is_first, end)
            });
            let end;
            (items, text, is_first, end) = match made.await {
                Ok(made) => made,
                Err(_) => return,
            };
            let broken = match &end {
                Broken(reason) => {
                    tracing::error!(%reason, "a list cannot be streamed to its end");
                    Some(reason.clone())
                }
                _ => node.is_stopping().then(|| "the node is stopping".to_owned()),
            };
            if let Some(reason) = broken {
                // The reader may have gone: nothing is left to do for it.
                let _gone = pieces.send(Err(RestStreamError(reason))).await.is_err();
                return;
            }
            if pieces.send(Ok(Bytes::from(std::mem::take(&mut text)))).await.is_err() || matches!(end, Done) {
                return;
            }
        }
    });
    RestResponse::stream("application/json", body)
}

fn fill(
    text: &mut String,
    items: &mut impl Iterator<Item = Result<String, String>>,
    is_first: &mut bool,
) -> End {
    while text.len() < PIECE_BYTES {
        match items.next() {
            Some(Ok(item)) => {
                if !std::mem::take(is_first) {
                    text.push(',');
                }
                text.push_str(&item);
            }
            Some(Err(reason)) => return Broken(reason),
            None => {
                text.push_str("]}\n");
                return Done;
            }
        }
    }
    More
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_holds_little_more_than_it_should() {
        let item = "7".repeat(1000);
        let mut items = (0..200).map(|_| Ok(item.clone()));
        let (mut is_first, mut whole, mut pieces) = (true, String::new(), 0);
        loop {
            let mut text = String::new();
            let end = fill(&mut text, &mut items, &mut is_first);
            assert!(text.len() < PIECE_BYTES + 1001);
            whole.push_str(&text);
            pieces += 1;
            match end {
                More => {}
                Done => break,
                Broken(reason) => panic!("{reason}"),
            }
        }
        assert_eq!(whole, format!("{}]}}\n", vec![item; 200].join(",")));
        assert_eq!(pieces, 4);
        let mut broken = [Ok("1".to_owned()), Err("gone".to_owned())].into_iter();
        assert!(
            matches!(fill(&mut String::new(), &mut broken, &mut true), Broken(reason) if reason == "gone")
        );
    }
}
