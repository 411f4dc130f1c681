//! Requests on their way: which, to whom, since when. No question is asked twice at a time.

use super::wire::{Ask, Fetch};
use bitcoin::{ScriptBuf, Txid};
use std::collections::{BTreeMap, HashMap, HashSet};

/// The most requests that one node has to answer at a time.
const MAX_IN_FLIGHT: usize = 8;

/// After so many seconds no answer is expected any more.
const PATIENCE: u64 = 60;

#[derive(Debug)]
struct Ticket {
    node: usize,
    ask: Ask,
    since: u64,
}

#[derive(Debug, Default)]
pub(super) struct Desk {
    last_id: u64,
    /// By id, so in the order in which they were asked.
    open: BTreeMap<u64, Ticket>,
    asked: HashSet<(usize, Ask)>,
    /// Not yet handed out.
    new: Vec<u64>,
    /// The scripts that questions are about.
    scripts: HashMap<usize, ScriptBuf>,
    /// The transactions to send.
    bodies: HashMap<Txid, Vec<u8>>,
}

impl Desk {
    /// How many wait for an answer.
    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    /// How many more a node may be asked.
    pub(super) fn room(&self, node: usize) -> usize {
        let busy = self.open.values().filter(|ticket| ticket.node == node).count();
        MAX_IN_FLIGHT.saturating_sub(busy)
    }

    /// Whether it has been asked and not been answered.
    pub(super) fn is_open(&self, node: usize, ask: &Ask) -> bool {
        self.asked.contains(&(node, ask.clone()))
    }

    /// Asks, unless there is no room. Whether it is on its way.
    pub(super) fn post(&mut self, node: usize, ask: Ask) -> bool {
        if self.is_open(node, &ask) {
            return true;
        }
        if self.room(node) == 0 {
            return false;
        }
        self.last_id += 1;
        self.asked.insert((node, ask.clone()));
        self.open.insert(self.last_id, Ticket { node, ask, since: 0 });
        self.new.push(self.last_id);
        true
    }

    /// [`Desk::post`] of a question about a script.
    pub(super) fn post_script(&mut self, node: usize, at: usize, script: &ScriptBuf, ask: Ask) -> bool {
        let posted = self.post(node, ask);
        if posted {
            self.scripts.insert(at, script.clone());
        }
        posted
    }

    /// Keeps the bytes of a transaction to send.
    pub(super) fn attach(&mut self, txid: Txid, body: Vec<u8>) {
        self.bodies.insert(txid, body);
    }

    /// The requests that have not been handed out, with the time from which their answer is waited for.
    pub(super) fn posted(&mut self, now: u64) -> Vec<Fetch> {
        let mut fetches = Vec::with_capacity(self.new.len());
        for id in std::mem::take(&mut self.new) {
            let Some(ticket) = self.open.get_mut(&id) else { continue };
            ticket.since = now;
            let ask = &ticket.ask;
            let path = match ask {
                Ask::Script { at } | Ask::More { at, .. } => {
                    self.scripts.get(at).map(|script| ask.path_of_script(script))
                }
                _ => None,
            };
            let body = match ask {
                Ask::Send { txid } => self.bodies.remove(txid).unwrap_or_default(),
                _ => Vec::new(),
            };
            let path = path.unwrap_or_else(|| ask.path());
            fetches.push(Fetch { id, node: ticket.node, method: ask.method(), path, body });
        }
        fetches
    }

    /// The question with that id, which is answered now.
    pub(super) fn take(&mut self, id: u64) -> Option<(usize, Ask)> {
        let Ticket { node, ask, .. } = self.open.remove(&id)?;
        self.asked.remove(&(node, ask.clone()));
        Some((node, ask))
    }

    /// Gives up what has waited too long.
    pub(super) fn expire(&mut self, now: u64) -> Vec<(usize, Ask)> {
        let late = |(id, ticket): (&u64, &Ticket)| {
            (ticket.since != 0 && now.saturating_sub(ticket.since) > PATIENCE).then_some(*id)
        };
        let late: Vec<u64> = self.open.iter().filter_map(late).collect();
        late.into_iter().filter_map(|id| self.take(id)).collect()
    }

    /// Gives up everything. Ids are not used again.
    pub(super) fn clear(&mut self) {
        *self = Self { last_id: self.last_id, ..Self::default() };
    }
}
