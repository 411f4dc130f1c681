//! The template handed out last, and its text, for all who ask.
//!
//! After a new tip a thousand miners ask at once. One of them makes the template and its text, the others wait for that
//! and share it: what is kept for each is the few bytes around it. A text is good for one second, since it tells the
//! time; the next second's differs in nothing but its small parts.

use super::print::{Transactions, print};
use crate::error::RpcError;
use crate::node::{BlockTemplate, Node, NodeRef};
use chaincore_consensus::script::{Builder, op};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A template younger than this is handed out again although the mempool has changed, in seconds.
const TEMPLATE_LIFETIME: i64 = 5;
/// How many texts of one template are kept. Miners who know different rules get different ones.
const KEPT_TEXTS: usize = 4;

/// The template handed out last, shared by all callers.
#[derive(Default)]
pub struct Templates {
    last: Mutex<Last>,
    /// Held by the one who makes a template or a text.
    making: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Default)]
struct Last {
    /// The mempool's counter when the template was made; long polls compare with it.
    updates: u64,
    made: Option<Made>,
}

/// A template and what is written of it.
struct Made {
    at: i64,
    template: Arc<BlockTemplate>,
    transactions: Arc<Transactions>,
    texts: Vec<(Audience, Arc<str>)>,
}

/// For whom and when a text is.
#[derive(Clone, PartialEq, Eq)]
struct Audience {
    now: i64,
    /// Those of the miner's rules that make a difference.
    rules: Vec<String>,
}

impl Audience {
    fn new(node: &dyn Node, rules: &[String]) -> Self {
        let votes = node.params().version_bits.iter().map(|deployment| &deployment.name);
        Self { now: node.now(), rules: votes.filter(|name| rules.contains(name)).cloned().collect() }
    }
}

impl Made {
    fn is_on_tip(&self, node: &dyn Node) -> bool {
        self.template.block.header.previous == node.chain().tip().hash
    }

    fn is_young(&self, now: i64) -> bool {
        now - self.at <= TEMPLATE_LIFETIME
    }

    fn text(&self, audience: &Audience) -> Option<Arc<str>> {
        self.texts.iter().find(|(known, _)| known == audience).map(|(_, text)| text.clone())
    }
}

impl Templates {
    fn last(&self) -> MutexGuard<'_, Last> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The mempool's counter when the last template was made.
    pub(super) fn updates(&self) -> u64 {
        self.last().updates
    }

    /// The text to hand out now to a miner who knows `rules`.
    pub(super) async fn text(self: Arc<Self>, node: NodeRef, rules: &[String]) -> Result<Arc<str>, RpcError> {
        let audience = Audience::new(&*node, rules);
        if let Some(text) = self.ready(&*node, &audience) {
            return Ok(text);
        }
        let making = self.making.clone().lock_owned().await;
        // Whoever was before has made it, mostly; the time may have gone on.
        let audience = Audience { now: node.now(), ..audience };
        if let Some(text) = self.ready(&*node, &audience) {
            return Ok(text);
        }
        let made = tokio::task::spawn_blocking(move || {
            let made = self.make(&*node, &audience);
            drop(making);
            made
        });
        made.await.map_err(|_| RpcError::shutting_down())?
    }

    /// A text that can be given without a look at the mempool.
    fn ready(&self, node: &dyn Node, audience: &Audience) -> Option<Arc<str>> {
        let last = self.last();
        let made = last.made.as_ref()?;
        if made.is_young(audience.now) && made.is_on_tip(node) { made.text(audience) } else { None }
    }

    fn make(&self, node: &dyn Node, audience: &Audience) -> Result<Arc<str>, RpcError> {
        let (template, transactions, updates) = self.current(node, audience.now)?;
        if let Some(text) = self.last().made.as_ref().and_then(|made| made.text(audience)) {
            return Ok(text);
        }
        let text: Arc<str> =
            print(node, &template, &transactions, updates, &audience.rules, audience.now)?.into();
        if let Some(made) = &mut self.last().made {
            made.texts.retain(|(known, _)| known.now == audience.now);
            if made.texts.len() == KEPT_TEXTS {
                made.texts.remove(0);
            }
            made.texts.push((audience.clone(), text.clone()));
        }
        Ok(text)
    }

    /// The template to hand out now, made if need be, and the mempool's counter when it was made.
    fn current(
        &self,
        node: &dyn Node,
        now: i64,
    ) -> Result<(Arc<BlockTemplate>, Arc<Transactions>, u64), RpcError> {
        let updates = node.mempool_info().updates;
        let before = {
            let mut last = self.last();
            if let Some(made) = &last.made
                && made.is_on_tip(node)
                && (updates == last.updates || made.is_young(now))
            {
                return Ok((made.template.clone(), made.transactions.clone(), last.updates));
            }
            // Whatever fails below, the next call starts afresh.
            last.updates = updates;
            last.made.take().map(|made| made.transactions)
        };
        let anyone = Builder::new().op(op::OP_1).into_script();
        let template = node.build_template(anyone, true)?;
        let segwit = template.height >= node.params().deployments.segwit;
        let transactions = Arc::new(Transactions::print(&template, segwit, before.as_deref())?);
        let template = Arc::new(template);
        let made = Made {
            at: now,
            template: template.clone(),
            transactions: transactions.clone(),
            texts: Vec::new(),
        };
        self.last().made = Some(made);
        Ok((template, transactions, updates))
    }
}
