//! Hands a block in: where its work came from, again when there is no answer, and at the other nodes meanwhile. A block
//! that is lost is money that is lost, so whoever has it may publish it.

use super::node::{Node, NodeError};
use super::watch::Backoff;
use chaincore_consensus::Block;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

/// How long a node is waited for before the next one gets the block, too.
const HEAD_START: Duration = Duration::from_secs(3);
/// How long a block is offered: after that many blocks of others it is none that counts.
const PATIENCE: Duration = Duration::from_secs(600);

/// Who takes blocks.
pub(crate) trait Taker: Send + Sync + 'static {
    /// `Ok(None)` if the block became the tip, `Ok(Some(reason))` if not.
    fn take(&self, block: &Block) -> Result<Option<String>, NodeError>;
}

impl Taker for Node {
    fn take(&self, block: &Block) -> Result<Option<String>, NodeError> {
        self.submit(block)
    }
}

/// What became of a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    Accepted,
    Refused(String),
    /// No node answered.
    Lost(String),
}

enum Answer {
    Said { rank: usize, is_again: bool, said: Option<String> },
    Failed(String),
    GaveUp,
}

/// Hands a block in, first at the first of the nodes, and waits for the verdict. `tell` hears of failures.
pub(crate) fn hand_in<T: Taker>(nodes: &[Arc<T>], block: &Arc<Block>, tell: &dyn Fn(&str)) -> Verdict {
    let over = Arc::new(AtomicBool::new(false));
    let verdict = offer(nodes, block, &over, tell);
    over.store(true, Ordering::Relaxed);
    verdict
}

fn offer<T: Taker>(
    nodes: &[Arc<T>],
    block: &Arc<Block>,
    over: &Arc<AtomicBool>,
    tell: &dyn Fn(&str),
) -> Verdict {
    let (answers, inbox) = channel();
    let mut waiting = nodes.iter().enumerate();
    let mut running = 0;
    let mut start = |running: &mut usize| {
        for (rank, node) in waiting.by_ref() {
            let (node, block, over, to) = (node.clone(), block.clone(), over.clone(), answers.clone());
            let thread = std::thread::Builder::new().name("submit".into());
            if thread.spawn(move || offer_to(&*node, rank, &block, &over, &to)).is_ok() {
                *running += 1;
                return true;
            }
        }
        false
    };
    start(&mut running);
    let mut has_failed = false;
    let mut told = String::new();
    let mut refused = None;
    loop {
        match inbox.recv_timeout(HEAD_START) {
            Ok(Answer::Said { said: None, .. }) => return Verdict::Accepted,
            // An attempt whose answer did not come had been heard, or the block came from another of these nodes.
            Ok(Answer::Said { rank, is_again, said: Some(said) })
                if said == "duplicate" && (is_again || rank > 0) =>
            {
                return Verdict::Accepted;
            }
            Ok(Answer::Said { rank: 0, said: Some(said), .. }) => return Verdict::Refused(said),
            // What another node thinks of it is not the last word: it may be behind, or on another chain.
            Ok(Answer::Said { said: Some(said), .. }) => {
                refused = Some(said);
                running -= 1;
            }
            Ok(Answer::Failed(text)) => {
                if text != told {
                    tell(&text);
                    told = text;
                }
                has_failed = true;
                start(&mut running);
            }
            Ok(Answer::GaveUp) => running -= 1,
            Err(RecvTimeoutError::Timeout) => {
                start(&mut running);
            }
            Err(RecvTimeoutError::Disconnected) => running = 0,
        }
        if running == 0 && !start(&mut running) {
            return match refused {
                Some(reason) if !has_failed => Verdict::Refused(reason),
                Some(reason) => Verdict::Lost(format!("{told}; of another node: {reason}")),
                None => Verdict::Lost(told),
            };
        }
    }
}

/// Offers the block to one node until it answers.
fn offer_to(node: &impl Taker, rank: usize, block: &Block, over: &AtomicBool, answers: &Sender<Answer>) {
    let begun = Instant::now();
    let mut backoff = Backoff::new();
    let mut is_again = false;
    while !over.load(Ordering::Relaxed) {
        match node.take(block) {
            Ok(said) => {
                // Whoever does not listen knows the verdict already.
                let _ = answers.send(Answer::Said { rank, is_again, said });
                return;
            }
            Err(error) => {
                let _ = answers.send(Answer::Failed(error.to_string()));
            }
        }
        is_again = true;
        if begun.elapsed() >= PATIENCE {
            break;
        }
        std::thread::sleep(backoff.next());
    }
    let _ = answers.send(Answer::GaveUp);
}

#[cfg(test)]
mod tests {
    use super::*;
    use chaincore_consensus::Header;
    use chaincore_consensus::hash::{BlockHash, Hash256};
    use std::collections::VecDeque;
    use std::sync::Mutex;

    type Script = Mutex<VecDeque<Result<Option<String>, NodeError>>>;

    /// Answers what it was told to, and then waits for ever.
    struct Scripted(Script);

    impl Taker for Scripted {
        fn take(&self, _: &Block) -> Result<Option<String>, NodeError> {
            let next = self.0.lock().unwrap().pop_front();
            next.unwrap_or_else(|| {
                loop {
                    std::thread::park();
                }
            })
        }
    }

    fn node<const N: usize>(answers: [Result<Option<&str>, &str>; N]) -> Arc<Scripted> {
        let answers = answers.map(|answer| match answer {
            Ok(said) => Ok(said.map(str::to_owned)),
            Err(text) => Err(NodeError::Passing(text.to_owned())),
        });
        Arc::new(Scripted(Mutex::new(answers.into_iter().collect())))
    }

    fn offered(nodes: &[Arc<Scripted>]) -> (Verdict, Vec<String>) {
        let header = Header {
            version: 1,
            previous: BlockHash([0; 32]),
            merkle_root: Hash256::ZERO,
            time: 0,
            bits: 0,
            nonce: 0,
        };
        let block = Arc::new(Block { header, transactions: Vec::new() });
        let told = std::cell::RefCell::new(Vec::new());
        let verdict = hand_in(nodes, &block, &|text| told.borrow_mut().push(text.to_owned()));
        (verdict, told.into_inner())
    }

    #[test]
    fn a_block_is_handed_in_again_until_somebody_has_it() {
        assert_eq!(offered(&[node([Ok(None)])]), (Verdict::Accepted, vec![]));
        assert_eq!(offered(&[node([Ok(Some("high-hash"))])]).0, Verdict::Refused("high-hash".into()));
        // It is the same block to the node, but it took it the first time.
        let (verdict, told) = offered(&[node([Err("broke"), Ok(Some("duplicate"))])]);
        assert_eq!((verdict, told), (Verdict::Accepted, vec!["broke".to_owned()]));
        assert_eq!(offered(&[node([Ok(Some("duplicate"))])]).0, Verdict::Refused("duplicate".into()));
        // The second has it at once when the first fails, and when the first says nothing.
        assert_eq!(offered(&[node([Err("broke")]), node([Ok(None)])]).0, Verdict::Accepted);
        assert_eq!(offered(&[node([]), node([Ok(None)])]).0, Verdict::Accepted);
        // The word of the node that the work is from counts most.
        let nodes = [node([Err("broke"), Ok(None)]), node([Ok(Some("inconclusive"))])];
        assert_eq!(offered(&nodes).0, Verdict::Accepted);
    }
}
