//! Payments, their speeding up and cancelling, and sending what was signed.

use super::Session;
use super::show::Which;
use crate::bump;
use crate::feerate::FeeRate;
use crate::keys;
use crate::payment::{self, Payment, PaymentRequest, Share};
use crate::psbt;
use crate::service::{Fault, Params};
use crate::text;
use bitcoin::consensus::encode::deserialize_hex;
use bitcoin::{OutPoint, Transaction, Txid};
use serde::Deserialize;
use serde_json::{Value, json};

/// No payment has more recipients.
const MAX_RECIPIENTS: usize = 2500;
/// If the node has no estimate: 1 sat/vB.
const FALLBACK: FeeRate = FeeRate(1000);
/// If nobody says how soon, in blocks.
const USUAL_TARGET: u32 = 6;

/// What to pay for each byte: a number or a text in sat/vB, or how many blocks it may take.
#[derive(Deserialize)]
struct Rate {
    feerate: Option<Value>,
    target: Option<u32>,
}

/// An output, as text.
#[derive(Deserialize)]
struct Outpoint(#[serde(with = "text::shown")] OutPoint);

impl Session {
    fn rate(&self, rate: &Rate) -> Result<FeeRate, Fault> {
        let bad = |text: &str| crate::feerate::FeeRateError(text.chars().take(40).collect());
        match &rate.feerate {
            Some(Value::String(text)) => Ok(text.parse()?),
            // As it was written: a number's decimals are not for a float to round.
            Some(Value::Number(number)) => match number.to_string().parse() {
                Ok(rate) => Ok(rate),
                Err(_) => {
                    let rate = number.as_f64().and_then(FeeRate::from_sat_per_vb);
                    Ok(rate.ok_or_else(|| bad(&number.to_string()))?)
                }
            },
            Some(_) => Err(bad("").into()),
            None => Ok(self.estimate(rate.target.unwrap_or(USUAL_TARGET))),
        }
    }

    /// The node's estimate for at most that many blocks, but never less than what is relayed; if it has none, a rate
    /// that does on an idle chain.
    fn estimate(&self, target: u32) -> FeeRate {
        let fees = self.sync.fees();
        let soon = fees.range(..=target).next_back().or_else(|| fees.first_key_value());
        let rate = soon.and_then(|(_, rate)| FeeRate::from_sat_per_vb(*rate));
        rate.unwrap_or(FALLBACK).max(FeeRate::MIN_RELAY)
    }

    pub(super) fn fees(&self) -> Result<Value, Fault> {
        let targets: serde_json::Map<String, Value> =
            self.sync.fees().iter().map(|(blocks, rate)| (blocks.to_string(), json!(rate))).collect();
        Ok(json!({
            "targets": targets,
            "minimum": FeeRate::MIN_RELAY.sat_per_vb(),
            "usual": self.estimate(USUAL_TARGET).sat_per_vb(),
        }))
    }

    pub(super) fn create(&mut self, params: &Params<'_>) -> Result<Value, Fault> {
        #[derive(Deserialize)]
        struct To {
            address: String,
            amount: Value,
        }
        #[derive(Deserialize)]
        struct Create {
            to: Vec<To>,
            #[serde(flatten)]
            rate: Rate,
            fee: Option<u64>,
            coins: Option<Vec<Outpoint>>,
            account: Option<String>,
            data: Option<String>,
        }
        let Create { to, rate, fee, coins, account, data } = params.read()?;
        if to.len() > MAX_RECIPIENTS {
            return Err(Fault::new(
                "bad_params",
                format!("a payment has at most {MAX_RECIPIENTS} recipients"),
            ));
        }
        let mut recipients = Vec::with_capacity(to.len());
        for To { address, amount } in to {
            let share = match &amount {
                Value::String(all) if all == "all" => Share::All,
                amount => Share::Exactly(amount.as_u64().ok_or_else(|| {
                    Fault::new("bad_amount", "an amount is a whole number of satoshis or \"all\"")
                })?),
            };
            recipients.push((self.chain.script(&address)?, share));
        }
        let data = data.map(|hex| chaincore_consensus::hex::decode(&hex)).transpose();
        let data = data.map_err(|_| Fault::new("bad_params", "data is written in hexadecimal"))?;
        let request = PaymentRequest {
            to: recipients,
            // A fee that is said is what is paid, if nodes pass such a transaction on at all.
            feerate: if fee.is_some() { FeeRate::MIN_RELAY } else { self.rate(&rate)? },
            fee: fee.unwrap_or(0),
            coins: coins.map(|coins| coins.into_iter().map(|coin| coin.0).collect()),
            account: account.map(|account| self.account_id(&account)).transpose()?,
            data,
            seed: seed()?,
        };
        let payment = payment::create(&mut self.ledger, &request)?;
        Ok(shown(&payment))
    }

    pub(super) fn speed_up(&mut self, params: &Params<'_>) -> Result<Value, Fault> {
        let Bump { txid, rate } = params.read()?;
        let rate = self.rate(&rate)?;
        let (payment, method) = bump::speed_up(&mut self.ledger, &txid, rate, seed()?)?;
        let mut shown = shown(&payment);
        shown["method"] = method.name().into();
        Ok(shown)
    }

    pub(super) fn cancel(&mut self, params: &Params<'_>) -> Result<Value, Fault> {
        let Bump { txid, rate } = params.read()?;
        let rate = self.rate(&rate)?;
        Ok(shown(&bump::cancel(&mut self.ledger, &txid, rate, seed()?)?))
    }

    pub(super) fn broadcast(&mut self, params: &Params<'_>) -> Result<Value, Fault> {
        #[derive(Deserialize)]
        struct Broadcast {
            tx: String,
        }
        let tx: Transaction = deserialize_hex(params.read::<Broadcast>()?.tx.trim())
            .map_err(|_| Fault::new("bad_transaction", "this is no transaction in hexadecimal"))?;
        let txid = tx.compute_txid();
        self.sync.broadcast(tx);
        Ok(json!({"txid": txid.to_string()}))
    }

    pub(super) fn rebroadcast(&mut self, params: &Params<'_>) -> Result<Value, Fault> {
        let Which { txid } = params.read()?;
        let unknown = || Fault::new("unknown_transaction", format!("the wallet has no transaction {txid}"));
        let known = self.ledger.tx(&txid).ok_or_else(unknown)?;
        self.sync.broadcast(known.tx.clone());
        Ok(json!({"txid": txid.to_string()}))
    }

    pub(super) fn forget(&mut self, params: &Params<'_>) -> Result<Value, Fault> {
        let Which { txid } = params.read()?;
        Ok(json!({"forgotten": self.ledger.forget(&txid)}))
    }
}

/// What `speed_up` and `cancel` want.
#[derive(Deserialize)]
struct Bump {
    #[serde(with = "text::shown")]
    txid: Txid,
    #[serde(flatten)]
    rate: Rate,
}

fn seed() -> Result<u64, Fault> {
    let mut seed = [0; 8];
    keys::fill_random(&mut seed).map_err(|error| Fault::new("no_entropy", error.to_string()))?;
    Ok(u64::from_le_bytes(seed))
}

fn shown(payment: &Payment) -> Value {
    json!({
        "psbt": psbt::to_base64(&payment.psbt),
        "txid": payment.psbt.unsigned_tx.compute_txid().to_string(),
        "fee": payment.fee,
        "vsize": payment.vsize,
        "feerate": FeeRate::of(payment.fee, payment.vsize).sat_per_vb(),
        "change": payment.change.map(|(vout, value)| json!({"vout": vout, "value": value})),
        "inputs": payment.inputs.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}
