//! A chain of headers as it is kept between runs.

use super::{Checkpoint, FILE, HeaderChain, HeaderError, MAX_SIDE, lookback};
use crate::base64;
use chaincore_consensus::codec::{Decode, Reader};
use chaincore_consensus::params::ChainParams;
use chaincore_consensus::{BlockHash, Header};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// How many bytes a header takes without the hash of the one below it.
const STUB: usize = Header::LEN - 32;

/// A stored [`HeaderChain`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeaderState {
    pub(super) genesis: BlockHash,
    pub(super) base: u32,
    pub(super) below: BlockHash,
    pub(super) work: String,
    pub(super) checkpoints: String,
    pub(super) window: String,
}

impl HeaderChain {
    /// The chain in a compact form.
    pub fn state(&self) -> HeaderState {
        let mut checkpoints = Vec::with_capacity(self.checkpoints.len() * 36);
        for checkpoint in &self.checkpoints {
            checkpoints.extend_from_slice(&checkpoint.hash.0);
            checkpoints.extend_from_slice(&checkpoint.time.to_le_bytes());
        }
        // A header without the hash of the one below, which follows from that one.
        let mut window = Vec::with_capacity(self.window.len() * STUB);
        for header in &self.window {
            let bytes = header.to_array();
            window.extend_from_slice(&bytes[..4]);
            window.extend_from_slice(&bytes[36..]);
        }
        HeaderState {
            genesis: self.params.genesis_hash,
            base: self.base,
            below: self.window[0].previous,
            work: self.work.to_string(),
            checkpoints: base64::encode(&checkpoints),
            window: base64::encode(&window),
        }
    }

    /// The chain that [`HeaderChain::state`] told of. The state is ours, so rules are not checked again; that it is
    /// whole and of this chain is.
    pub fn from_state(params: Arc<ChainParams>, state: &HeaderState) -> Result<Self, HeaderError> {
        let damaged = HeaderError::State;
        if state.genesis != params.genesis_hash {
            return Err(damaged("another genesis block"));
        }
        let decode = |text: &str| base64::decode(text.as_bytes()).ok_or_else(|| damaged("not base64"));
        let (checkpoints, stubs) = (decode(&state.checkpoints)?, decode(&state.window)?);
        let files = checkpoints.len() / 36;
        if !checkpoints.len().is_multiple_of(36) || Some(state.base) != (files as u32).checked_mul(FILE) {
            return Err(damaged("checkpoints"));
        }
        if stubs.is_empty() || !stubs.len().is_multiple_of(STUB) || stubs.len() / STUB > MAX_SIDE * 4 {
            return Err(damaged("window"));
        }
        let checkpoints: Vec<Checkpoint> = checkpoints
            .chunks_exact(36)
            .map(|bytes| {
                let mut reader = Reader::new(bytes);
                Some(Checkpoint { hash: BlockHash(reader.array().ok()?), time: reader.u32().ok()? })
            })
            .collect::<Option<_>>()
            .ok_or(damaged("checkpoints"))?;
        let mut below = state.below;
        if checkpoints.last().map_or(BlockHash::ZERO, |checkpoint| checkpoint.hash) != below {
            return Err(damaged("window does not fit the checkpoints"));
        }
        let mut window = Vec::with_capacity(stubs.len() / STUB);
        for stub in stubs.chunks_exact(STUB) {
            let bytes = [&stub[..4], &below.0, &stub[4..]].concat();
            let header = Header::decode_exact(&bytes).map_err(|_| damaged("window"))?;
            below = header.hash();
            window.push(header);
        }
        if state.base == 0 && window[0] != params.genesis.header {
            return Err(damaged("genesis"));
        }
        if state.base > 0 && window.len() < lookback(&params) as usize {
            return Err(damaged("the window is too short for the rules"));
        }
        let work = state.work.parse().map_err(|_| damaged("work"))?;
        Ok(Self { params, base: state.base, window, tip_hash: below, work, checkpoints, side: None })
    }
}
