//! One connection from its beginning to its end.

use super::server::{Client, Shared};
use super::session::Session;
use super::wire::{Event, Reply, Wire};
use crate::chain::Phase;
use crate::mining_server::{Refused, hand_in, payee_of};
use crate::template::{BlockTemplate, TemplateError, TemplateSource};
use chaincore_consensus::params::Retarget;
use chaincore_rpc::ratelimit::{Bucket, Rate};
use socket2::{SockRef, TcpKeepalive};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Who has not said by then how much room its coinbase needs is no client: it may have to ask its pool first.
const INTRODUCTION: Duration = Duration::from_secs(60);
/// A client may be silent for as long as there is nothing to say; whether it still is there is the system's to find out.
const KEEPALIVE: Duration = Duration::from_secs(60);
/// Messages a client may send at once, and how many more each second.
const MESSAGES: Rate = Rate { per_second: 10.0, burst: 100.0 };
/// What is written goes out in pieces of so many bytes. Who does not take one by then is gone.
const PIECE: usize = 64 << 10;
const WRITE_PATIENCE: Duration = Duration::from_secs(10);
/// How often the chain is looked at while it is busy.
const LOOK: Duration = Duration::from_secs(1);

/// A client that is connected.
pub(super) struct Connection {
    /// For the log.
    id: u64,
    shared: Arc<Shared>,
    stream: TcpStream,
    wire: Wire,
    session: Session,
    templates: TemplateSource,
    /// When to look for better fees.
    look_at: Instant,
    /// What the pool had seen when the last template was made.
    seen: u64,
    /// No valid template could be made; when to try again, and what the log knows of it.
    no_template_before: Instant,
    refused: Refused,
}

impl Connection {
    /// Leads a connection to its end and says why it ended.
    pub(super) async fn run(id: u64, stream: TcpStream, shared: Arc<Shared>) -> String {
        let wire = match Wire::new(&shared.authority) {
            Ok(wire) => wire,
            Err(error) => return error.to_string(),
        };
        let _ = stream.set_nodelay(true);
        let _ = SockRef::from(&stream).set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE));
        let options = &shared.options;
        let mut connection = Self {
            id,
            wire,
            session: Session::new(shared.params.clone(), options.fee_delta, options.stale_kept),
            templates: TemplateSource::new(shared.chain.clone()),
            look_at: Instant::now(),
            seen: 0,
            no_template_before: Instant::now(),
            refused: Refused::default(),
            stream,
            shared,
        };
        match connection.converse().await {
            Ok(()) => "the client left".into(),
            Err(why) => why,
        }
    }

    async fn converse(&mut self) -> Result<(), String> {
        let begun = Instant::now();
        let mut allowance = Bucket::full(&MESSAGES, begun);
        let mut input: Vec<u8> = Vec::with_capacity(1024);
        let mut tips = self.shared.chain.tip_state();
        loop {
            let tip = tips.borrow_and_update().applied.hash;
            self.session.forget(Instant::now());
            let ready = self.shared.chain.status().phase() == Phase::Ready
                && Instant::now() >= self.no_template_before;
            if ready && (self.session.is_waiting(tip) || self.may_be_better()) {
                self.serve().await?;
            }
            // A template may just have been refused.
            let ready = ready && Instant::now() >= self.no_template_before;
            let until = match self.session.reserve() {
                None if !self.session.is_set_up() => begun + self.shared.options.handshake,
                None => begun + INTRODUCTION,
                Some(_) if !ready => Instant::now() + LOOK,
                Some(_) => self.look_at,
            };
            tokio::select! {
                moved = tips.changed() => moved.map_err(|_| "the chain ends")?,
                read = self.stream.read_buf(&mut input) => {
                    if read.map_err(|error| error.to_string())? == 0 {
                        return Ok(());
                    }
                }
                () = tokio::time::sleep_until(until.into()) => {
                    if self.session.reserve().is_none() {
                        return Err("it did not introduce itself".into());
                    }
                }
            }
            while let Some(event) = self.wire.next(&mut input).map_err(|error| error.to_string())? {
                if allowance.take(&MESSAGES, Instant::now()).is_err() {
                    return Err("too many messages".into());
                }
                self.hear(event).await?;
            }
        }
    }

    async fn hear(&mut self, event: Event) -> Result<(), String> {
        let frame = match event {
            Event::Handshake(answer) => return self.write(&answer).await,
            Event::Frame(frame) => frame,
        };
        let was_set_up = self.session.is_set_up();
        let step = self.session.frame(frame);
        if !was_set_up && self.session.is_set_up() {
            let client = Client {
                name: self.session.vendor().to_owned(),
                address: String::new(),
                blocks: 0,
                lost: 0,
                since: Instant::now(),
            };
            let clients = &self.shared.counts.clients;
            clients.lock().expect("no one panics while holding it").insert(self.id, client);
        }
        if let Some((template, block)) = step.block {
            let (shared, id) = (self.shared.clone(), self.id);
            let worker = format!("{} {id}", self.session.vendor());
            let address = payee_of(&block, &self.shared.params);
            tracing::debug!(target: "sv2", client = id, template, "a solution");
            tokio::spawn(async move {
                let is_best = hand_in(shared.chain.clone(), block, worker).await;
                shared.counts.blocks.fetch_add(is_best.into(), Ordering::Relaxed);
                shared.counts.note(id, |client| {
                    client.address = address;
                    *(if is_best { &mut client.blocks } else { &mut client.lost }) += 1;
                });
            });
        }
        self.tell(step.replies).await?;
        step.close.map_or(Ok(()), Err)
    }

    /// Whether it is time to look at the fees, and something may be there to see. The next look is after the interval.
    fn may_be_better(&mut self) -> bool {
        let now = Instant::now();
        if self.session.reserve().is_none() || now < self.look_at {
            return false;
        }
        self.look_at = now + self.shared.options.interval;
        let pool = self.shared.chain.mempool().read().expect("no one panics while holding the mempool");
        // Where late blocks may be easy, the target changes with the clock alone.
        self.seen != pool.transactions_updated()
            || self.shared.params.retarget == Retarget::TestnetMinDifficulty
    }

    /// Makes a template and tells the client of it, if it is news.
    async fn serve(&mut self) -> Result<(), String> {
        let Some(reserve) = self.session.reserve() else { return Ok(()) };
        let (source, options) = (self.templates.clone(), reserve.apply(&self.shared.options.template));
        let built = tokio::task::spawn_blocking(move || source.build_blocking(options, true)).await;
        let now = Instant::now();
        let template: BlockTemplate = match built.map_err(|error| error.to_string())? {
            Ok(template) => template,
            Err(error @ TemplateError::Invalid(_)) => {
                self.refused.log(&error);
                self.no_template_before = now + LOOK;
                return Ok(());
            }
            Err(error) => return Err(error.to_string()),
        };
        self.refused = Refused::default();
        self.look_at = now + self.shared.options.interval;
        self.seen = template.transactions_updated;
        let replies = self.session.offer(template, now);
        let counts = &self.shared.counts;
        counts.made.fetch_add(1, Ordering::Relaxed);
        counts.told.fetch_add(u64::from(!replies.is_empty()), Ordering::Relaxed);
        self.tell(replies).await
    }

    async fn tell(&mut self, replies: Vec<Reply>) -> Result<(), String> {
        for reply in replies {
            let bytes = self.wire.seal(reply).map_err(|error| error.to_string())?;
            self.write(&bytes).await?;
        }
        Ok(())
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), String> {
        for piece in bytes.chunks(PIECE) {
            match tokio::time::timeout(WRITE_PATIENCE, self.stream.write_all(piece)).await {
                Ok(written) => written.map_err(|error| error.to_string())?,
                Err(_) => return Err("the client takes nothing".into()),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn a_flood_is_noticed_and_a_busy_client_is_not() {
        let start = Instant::now();
        let mut allowance = Bucket::full(&MESSAGES, start);
        assert!((0..100).all(|_| allowance.take(&MESSAGES, start).is_ok()));
        assert!(allowance.take(&MESSAGES, start).is_err());
        let mut allowance = Bucket::full(&MESSAGES, start);
        let mut now = start;
        for _ in 0..2000 {
            now += Duration::from_millis(125);
            assert!(allowance.take(&MESSAGES, now).is_ok());
        }
    }
}
