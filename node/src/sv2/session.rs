//! What one client has been told, and what its messages lead to.

use super::wire::{Frame, Reply};
use super::work::{Reserve, Work};
use crate::template::BlockTemplate;
use binary_sv2::{Str0255Owned, from_bytes};
use chaincore_consensus::params::ChainParams;
use chaincore_consensus::{Block, BlockHash};
use common_messages_sv2 as common;
use common_messages_sv2::{SetupConnection, SetupConnectionErrorOwned, SetupConnectionSuccess};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};
use template_distribution_sv2 as distribution;
use template_distribution_sv2::{
    CoinbaseOutputConstraints, RequestTransactionData, RequestTransactionDataErrorOwned, SubmitSolution,
};

/// The version of the protocol.
const VERSION: u16 = 2;
/// The longest name of a client's vendor.
const MAX_VENDOR: usize = 64;
/// Templates that are remembered for one client.
const MAX_TEMPLATES: usize = 64;

/// What a frame leads to.
#[derive(Debug, Default)]
pub(super) struct Step {
    /// Messages for the client, in order.
    pub(super) replies: Vec<Reply>,
    /// A block for the chain, and the number of its template.
    pub(super) block: Option<(u64, Block)>,
    /// Why the connection ends, if it does.
    pub(super) close: Option<String>,
}

impl Step {
    fn reply(reply: Reply) -> Self {
        Self { replies: vec![reply], ..Self::default() }
    }

    fn close(why: impl Into<String>) -> Self {
        Self { close: Some(why.into()), ..Self::default() }
    }
}

/// A template that the client knows.
struct Known {
    work: Arc<Work>,
    /// Since when another tip is the best.
    stale_since: Option<Instant>,
}

/// A client's state. It knows nothing of sockets and chains.
pub(super) struct Session {
    params: Arc<ChainParams>,
    fee_delta: i64,
    stale_kept: Duration,
    set_up: bool,
    /// Who made the client, as it says.
    vendor: String,
    reserve: Option<Reserve>,
    /// Whether the room for the coinbase changed since the last template.
    renew: bool,
    /// In the order of their numbers.
    known: VecDeque<Known>,
    next_id: u64,
}

impl Session {
    pub(super) fn new(params: Arc<ChainParams>, fee_delta: i64, stale_kept: Duration) -> Self {
        Self {
            params,
            fee_delta,
            stale_kept,
            set_up: false,
            vendor: String::new(),
            reserve: None,
            renew: false,
            known: VecDeque::new(),
            next_id: 1,
        }
    }

    /// Whether the client has said who it is.
    pub(super) fn is_set_up(&self) -> bool {
        self.set_up
    }

    /// Who made the client, as it says; "client" if it does not.
    pub(super) fn vendor(&self) -> &str {
        if self.vendor.is_empty() { "client" } else { &self.vendor }
    }

    /// How much room its coinbase needs; before the client has said so it gets no template.
    pub(super) fn reserve(&self) -> Option<Reserve> {
        self.reserve
    }

    /// Whether it needs a template at once: it has none for this tip, or none that leaves enough room.
    pub(super) fn is_waiting(&self, tip: BlockHash) -> bool {
        let newest = self.known.back();
        self.reserve.is_some() && (self.renew || newest.is_none_or(|newest| newest.work.previous() != tip))
    }

    /// A frame of the client's.
    pub(super) fn frame(&mut self, mut frame: Frame) -> Step {
        // Extensions that are not known, and messages for channels, of which there are none, are ignored by the book.
        if frame.extension != 0 || frame.channel {
            tracing::debug!(target: "sv2", extension = frame.extension, kind = frame.kind, "ignored");
            return Step::default();
        }
        let payload = frame.payload.as_mut_slice();
        if !self.set_up {
            return match frame.kind {
                common::MESSAGE_TYPE_SETUP_CONNECTION => self.set_up(payload),
                kind => Step::close(format!("message {kind:#04x} before the connection was set up")),
            };
        }
        let broken = |error: binary_sv2::Error| Step::close(format!("a broken message: {error}"));
        match frame.kind {
            common::MESSAGE_TYPE_SETUP_CONNECTION => Step::close("the connection was set up twice"),
            distribution::MESSAGE_TYPE_COINBASE_OUTPUT_CONSTRAINTS => {
                from_bytes(payload).map_or_else(broken, |message| self.constrain(message))
            }
            distribution::MESSAGE_TYPE_REQUEST_TRANSACTION_DATA => {
                from_bytes(payload).map_or_else(broken, |message| self.data(message))
            }
            distribution::MESSAGE_TYPE_SUBMIT_SOLUTION => {
                from_bytes(payload).map_or_else(broken, |message| self.solution(&message))
            }
            kind => {
                tracing::debug!(target: "sv2", kind, "a message that is not known was ignored");
                Step::default()
            }
        }
    }

    fn set_up(&mut self, payload: &mut [u8]) -> Step {
        let refuse = |code: &str, flags| {
            let error_code = Str0255Owned::new(code.into()).expect("codes are short");
            Step {
                replies: vec![Reply::SetupError(SetupConnectionErrorOwned { flags, error_code })],
                close: Some(code.into()),
                ..Step::default()
            }
        };
        // The crate takes a protocol that it does not know for a broken message.
        if payload
            .first()
            .is_some_and(|kind| *kind != common::SV2_TEMPLATE_DISTRIBUTION_PROTOCOL_DISCRIMINANT)
        {
            return refuse(common::ERROR_CODE_SETUP_CONNECTION_UNSUPPORTED_PROTOCOL, 0);
        }
        let asked: SetupConnection = match from_bytes(payload) {
            Ok(asked) => asked,
            Err(error) => return Step::close(format!("a broken message: {error}")),
        };
        if asked.get_version(VERSION, VERSION).is_none() {
            return refuse(common::ERROR_CODE_SETUP_CONNECTION_PROTOCOL_VERSION_MISMATCH, 0);
        }
        // The protocol has none.
        if asked.flags != 0 {
            return refuse(common::ERROR_CODE_SETUP_CONNECTION_UNSUPPORTED_FEATURE_FLAGS, asked.flags);
        }
        self.set_up = true;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let vendor = text(asked.vendor.as_bytes());
        self.vendor = vendor.chars().filter(|letter| !letter.is_control()).take(MAX_VENDOR).collect();
        tracing::debug!(
            target: "sv2",
            vendor = ?text(asked.vendor.as_bytes()),
            firmware = ?text(asked.firmware.as_bytes()),
            "a template client"
        );
        Step::reply(Reply::SetupSuccess(SetupConnectionSuccess { used_version: VERSION, flags: 0 }))
    }

    fn constrain(&mut self, asked: CoinbaseOutputConstraints) -> Step {
        let Some(reserve) = Reserve::of(asked) else {
            return Step::close(format!("no block has room for {asked}"));
        };
        // Another template with the same room would be the same.
        self.renew |= self.reserve != Some(reserve);
        self.reserve = Some(reserve);
        Step::default()
    }

    fn known(&self, id: u64) -> Option<&Known> {
        self.known.iter().find(|known| known.work.id == id)
    }

    fn data(&self, asked: RequestTransactionData) -> Step {
        let id = asked.template_id;
        let refuse = |code: &str| {
            let error_code = Str0255Owned::new(code.into()).expect("codes are short");
            Step::reply(Reply::NoData(RequestTransactionDataErrorOwned { template_id: id, error_code }))
        };
        match self.known(id) {
            None => refuse(distribution::ERROR_CODE_REQUEST_TRANSACTION_DATA_TEMPLATE_ID_NOT_FOUND),
            Some(known) if known.stale_since.is_some() => {
                refuse(distribution::ERROR_CODE_REQUEST_TRANSACTION_DATA_STALE_TEMPLATE_ID)
            }
            Some(known) => Step::reply(Reply::Data(known.work.data())),
        }
    }

    /// A template that is remembered is good for a block, be it stale: which of two blocks wins is not known yet.
    fn solution(&self, solution: &SubmitSolution<'_>) -> Step {
        let id = solution.template_id;
        let Some(known) = self.known(id) else {
            tracing::debug!(target: "sv2", template = id, "a solution of a template that is not known (any more)");
            return Step::default();
        };
        match known.work.block(solution, &self.params) {
            Ok(block) => Step { block: Some((id, block)), ..Step::default() },
            Err(error) => {
                tracing::debug!(target: "sv2", template = id, "a solution that is no block: {error}");
                Step::default()
            }
        }
    }

    /// A template that was made for this client: what it is told of it. Nothing if it is hardly better than the one that
    /// it has.
    pub(super) fn offer(&mut self, template: BlockTemplate, now: Instant) -> Vec<Reply> {
        let work = Arc::new(Work::new(self.next_id, template));
        let tip = work.previous();
        let same = self.known.back().filter(|newest| {
            !self.renew && newest.work.previous() == tip && newest.work.bits() == work.bits()
        });
        let replies = match same {
            Some(newest) if work.fees < newest.work.fees.saturating_add(self.fee_delta) => vec![],
            Some(_) => vec![Reply::NewTemplate(work.announcement(false))],
            None => {
                vec![Reply::NewTemplate(work.announcement(true)), Reply::SetNewPrevHash(work.activation())]
            }
        };
        for known in &mut self.known {
            known.stale_since = match known.work.previous() == tip {
                true => None,
                false => known.stale_since.or(Some(now)),
            };
        }
        if !replies.is_empty() {
            self.renew = false;
            self.next_id += 1;
            self.known.push_back(Known { work, stale_since: None });
        }
        self.forget(now);
        replies
    }

    /// Drops templates that have not been on the tip for long enough, and the oldest if there are too many.
    pub(super) fn forget(&mut self, now: Instant) {
        let kept = self.stale_kept;
        self.known.retain(|known| known.stale_since.is_none_or(|since| now.duration_since(since) < kept));
        while self.known.len() > MAX_TEMPLATES {
            self.known.pop_front();
        }
    }
}
