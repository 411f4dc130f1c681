//! Paying, hurrying up and taking back.

use super::args::{Bump, Cancel, Fee, Payment, Send, Shared};
use super::failure::Failure;
use super::network;
use super::nodes::Nodes;
use super::output::{aside, coins, coins_of, parse_coins, plain, print_json, say};
use super::wallet::{Wallet, confirm};
use bitcoin::consensus::encode::serialize_hex;
use chaincore_wallet::chain::Chain;
use chaincore_wallet::feerate::FeeRate;
use chaincore_wallet::psbt;
use chaincore_wallet::psbt::review::Review;
use serde_json::{Value, json};
use std::io::IsTerminal;

/// What is to be paid, as the service wants it, and the labels of URIs.
pub fn payment_params(wallet: &mut Wallet<'_>, payment: &Payment) -> Result<Value, Failure> {
    let mut amounts = payment.amount.iter();
    let mut to = Vec::new();
    for text in &payment.to {
        let is_uri = text.get(..8).is_some_and(|start| start.eq_ignore_ascii_case("bitcoin:"));
        let (address, asked) = if is_uri {
            let uri = wallet.call("parse_uri", json!({"text": text}))?;
            (uri["address"].clone(), uri["amount"].clone())
        } else {
            (json!(text.trim()), Value::Null)
        };
        let amount = match (asked, amounts.next()) {
            (asked, None) if !asked.is_null() => asked,
            (_, Some(all)) if all == "all" => json!("all"),
            (_, Some(amount)) => json!(parse_coins(amount)?),
            (_, None) => return Err(Failure::usage(format!("how much for {}? Say --amount", plain(text)))),
        };
        let check = wallet.call("check_address", json!({"address": address}))?;
        if check["valid"] != true {
            let wrong = Failure::new("bad_address", check["error"].as_str().unwrap_or("a bad address"));
            return Err(match other_chain(wallet, address.as_str().unwrap_or_default())? {
                Some(other) => wrong.with(&format!("(it is one of the chain {other})")),
                None => wrong,
            });
        }
        if check["warning"]["code"] == "look_alike" {
            let message = format!(
                "{}: {} The one that you know is {}. If it is right, label it first.",
                address.as_str().unwrap_or_default(),
                check["warning"]["message"].as_str().unwrap_or_default(),
                check["warning"]["address"].as_str().unwrap_or_default(),
            );
            return Err(Failure::new("look_alike", message));
        }
        to.push(json!({"address": address, "amount": amount}));
    }
    if amounts.next().is_some() {
        return Err(Failure::usage("there are more amounts than recipients"));
    }
    let mut params = json!({"to": to, "account": payment.account});
    if !payment.coins.is_empty() {
        for coin in &payment.coins {
            check_outpoint(coin)?;
        }
        params["coins"] = json!(payment.coins);
    }
    if let Some(data) = &payment.data {
        params["data"] = data_encoding::HEXLOWER.encode(data.as_bytes()).into();
    }
    if let Some(fee) = &payment.fee {
        params["fee"] = parse_coins(fee)?.into();
        return Ok(params);
    }
    with_fee(params, &payment.feerate)
}

/// The chain whose address it is, if it is another's.
fn other_chain(wallet: &Wallet<'_>, address: &str) -> Result<Option<&'static str>, Failure> {
    let own = wallet.chain()?;
    let is_of = |name: &&str| Chain::from_name(name).is_ok_and(|chain| chain.script(address).is_ok());
    Ok(["main", "chaincore", "testnet4", "regtest"]
        .into_iter()
        .filter(|name| *name != own.name())
        .find(is_of))
}

/// Whether a coin is named as it should be.
pub fn check_outpoint(text: &str) -> Result<(), Failure> {
    match text.parse::<bitcoin::OutPoint>() {
        Ok(_) => Ok(()),
        Err(_) => Err(Failure::usage(format!(
            "'{}' is no coin: one is named by its transaction and number, as TXID:0",
            plain(text)
        ))),
    }
}

/// Adds the rate or the target.
pub fn with_fee(mut params: Value, fee: &Fee) -> Result<Value, Failure> {
    match &fee.feerate {
        Some(rate) => {
            let rate: FeeRate =
                rate.parse().map_err(|error| Failure::new("bad_feerate", format!("{error}")))?;
            params["feerate"] = rate.to_string().into();
        }
        None => params["target"] = fee.target.into(),
    }
    Ok(params)
}

pub fn send(shared: &Shared, send: &Send) -> Result<(), Failure> {
    let mut wallet = Wallet::open(shared)?;
    wallet.signer()?;
    let params = payment_params(&mut wallet, &send.payment)?;
    let nodes = online(&mut wallet)?;
    let made = create(&mut wallet, params)?;
    let meant = send.payment.fee.is_some();
    let sent = sign_and_send(&mut wallet, &nodes, &made, (send.yes, meant), "Send it?")?;
    print_sent(shared, &sent);
    if let Some(label) = &send.payment.label {
        let label = json!({"kind": "tx", "ref": sent["txid"], "label": label});
        if let Err(failure) = wallet.call("label", label) {
            wallet.warn(&format!("it is sent, but not labelled: {failure}"));
        }
    }
    wallet.save_after();
    Ok(())
}

/// Makes a payment. If there is too little money, says what else there is.
pub fn create(wallet: &mut Wallet<'_>, params: Value) -> Result<Value, Failure> {
    let account = params["account"].clone();
    let failure = match wallet.call("create", params) {
        Err(failure) if failure.code() == "not_enough_money" => failure,
        other => return other,
    };
    let balance = wallet.call("balance", json!({"account": account}))?;
    let of = |key: &str| balance[key].as_i64().unwrap_or_default();
    let (immature, frozen) = (of("immature"), of("frozen"));
    // Change of one's own payments can be spent before it is confirmed, what others pay can not.
    let unconfirmed = of("total") - of("spendable") - immature - frozen;
    let reasons = [
        (unconfirmed, "is not confirmed yet"),
        (immature, "was mined too recently to be spent"),
        (frozen, "is frozen"),
    ];
    let rest = reasons.iter().filter(|(value, _)| *value > 0);
    let rest: Vec<String> = rest.map(|(value, why)| format!("{} {why}", coins(*value))).collect();
    match rest.is_empty() {
        true => Err(failure),
        false => Err(failure.with(&format!("(besides, {})", rest.join(", ")))),
    }
}

pub fn bump(shared: &Shared, bump: &Bump) -> Result<(), Failure> {
    let mut wallet = Wallet::open(shared)?;
    wallet.signer()?;
    let params = with_fee(json!({"txid": txid(&bump.txid)?}), &bump.feerate)?;
    let nodes = online(&mut wallet)?;
    let made = wallet.call("speed_up", params)?;
    let question = match made["method"].as_str() {
        Some("cpfp") => "Have this child pay for it?",
        _ => "Replace it by this?",
    };
    let sent = sign_and_send(&mut wallet, &nodes, &made, (bump.yes, false), question)?;
    print_sent(shared, &sent);
    wallet.save_after();
    Ok(())
}

pub fn cancel(shared: &Shared, cancel: &Cancel) -> Result<(), Failure> {
    let mut wallet = Wallet::open(shared)?;
    wallet.signer()?;
    let params = with_fee(json!({"txid": txid(&cancel.txid)?}), &cancel.feerate)?;
    let nodes = online(&mut wallet)?;
    let made = wallet.call("cancel", params)?;
    let question = "Replace the payment by this, to yourself?";
    let sent = sign_and_send(&mut wallet, &nodes, &made, (cancel.yes, false), question)?;
    print_sent(shared, &sent);
    wallet.save_after();
    Ok(())
}

fn txid(text: &str) -> Result<&str, Failure> {
    match text.parse::<bitcoin::Txid>() {
        Ok(_) => Ok(text),
        Err(_) => Err(Failure::usage(format!("'{}' is no transaction's id", plain(text)))),
    }
}

fn online(wallet: &mut Wallet<'_>) -> Result<Nodes, Failure> {
    wallet
        .sync()?
        .ok_or_else(|| Failure::usage("that needs a node: leave out --offline, or use `psbt create`"))
}

/// Looks at what was made with the keys' own eyes, asks, signs and sends.
fn sign_and_send(
    wallet: &mut Wallet<'_>,
    nodes: &Nodes,
    made: &Value,
    (yes, fee_is_said): (bool, bool),
    question: &str,
) -> Result<Value, Failure> {
    let mut psbt = psbt::from_base64(made["psbt"].as_str().unwrap_or_default())?;
    let review = wallet.signer()?.review(&psbt)?;
    if !wallet.is_quiet() {
        print_review(&review);
    }
    check_fee(&review, yes, fee_is_said)?;
    confirm(question, yes)?;
    let signed = wallet.signer()?.sign(&mut psbt)?;
    let incomplete =
        || Failure::new("incomplete", "the wallet's keys alone can't sign this: use `psbt create`");
    let tx = signed.tx.ok_or_else(incomplete)?;
    let txid = network::broadcast(wallet, nodes, &serialize_hex(&tx))?;
    let mut sent = json!({
        "txid": txid,
        "fee": made["fee"],
        "vsize": tx.vsize(),
        "feerate": FeeRate::of(signed.review.fee, tx.vsize() as u64).sat_per_vb(),
        "change": made["change"],
        "inputs": made["inputs"],
        "tx": serialize_hex(&tx),
    });
    if !made["method"].is_null() {
        sent["method"] = made["method"].clone();
    }
    Ok(sent)
}

/// Without a terminal nobody sees the warnings: a fee that nobody can mean needs `--yes`. Who said the whole fee in
/// coins has seen it, whatever rate that is; not so one that is dear for what is paid.
fn check_fee(review: &Review, yes: bool, fee_is_said: bool) -> Result<(), Failure> {
    let dear: &[&str] = if fee_is_said { &["high_fee"] } else { &["high_fee", "high_feerate"] };
    let high = review.warnings.iter().find(|warning| dear.contains(&warning.code.as_str()));
    match high {
        Some(warning) if !yes && !std::io::stdin().is_terminal() => {
            let message = format!("{} If it is meant, say --yes.", warning.message);
            Err(Failure::new("high_fee", message))
        }
        _ => Ok(()),
    }
}

fn print_sent(shared: &Shared, sent: &Value) {
    match shared.json {
        true => print_json(sent),
        false => say!("{}", sent["txid"].as_str().unwrap_or_default()),
    }
}

/// What is about to be signed, on the standard error: the standard output is for the result.
pub fn print_review(review: &Review) {
    for output in &review.outputs {
        let place = output.address.as_deref().or(output.script.as_deref()).unwrap_or_default();
        let what = serde_json::to_value(output.kind).unwrap_or_default();
        aside!("{:>20}  {:<8} {place}", coins_of(&json!(output.value)), what.as_str().unwrap_or_default());
    }
    aside!(
        "{:>20}  fee      {} vB at {:.3} sat/vB",
        coins_of(&json!(review.fee)),
        review.vsize,
        review.feerate
    );
    for warning in &review.warnings {
        aside!("warning: {}", warning.message);
    }
}
