//! Accounts, addresses and descriptors.

use super::args::{Account, Receive, Shared};
use super::create::{account_kind, kind_name};
use super::failure::Failure;
use super::output::{parse_coins, plain, print_json, say};
use super::show::print_accounts;
use super::wallet::Wallet;
use serde_json::{Value, json};

pub fn receive(shared: &Shared, receive: &Receive) -> Result<(), Failure> {
    let mut wallet = Wallet::open(shared)?;
    // A node is asked only if one is named: which addresses are used is better known then, but none is needed.
    if !shared.nodes.is_empty() {
        wallet.sync()?;
    }
    let mut given = hand_out(&mut wallet, receive)?;
    if let Some(label) = &receive.label {
        wallet.call("label", json!({"kind": "addr", "ref": given["address"], "label": label}))?;
    }
    let amount = receive.amount.as_deref().map(parse_coins).transpose()?;
    let label = receive.label.clone().map_or_else(|| given["label"].clone(), Value::from);
    let uri = json!({"address": given["address"], "amount": amount, "label": label});
    given["uri"] = wallet.call("make_uri", uri)?["uri"].clone();
    given["label"] = label;
    wallet.save()?;
    if shared.json {
        print_json(&given);
        return Ok(());
    }
    say!("{}", given["address"].as_str().unwrap_or_default());
    if receive.label.is_some() || amount.is_some() {
        say!("{}", given["uri"].as_str().unwrap_or_default());
    }
    Ok(())
}

/// The address; another one than before if that is asked for.
fn hand_out(wallet: &mut Wallet<'_>, receive: &Receive) -> Result<Value, Failure> {
    let before = wallet.call("summary", json!({}))?;
    let params = json!({"account": receive.account, "next": receive.new});
    let given = wallet.call("receive", params.clone())?;
    if !receive.new {
        return Ok(given);
    }
    let handed_out = |summary: &Value| {
        let mut accounts = summary["accounts"].as_array().into_iter().flatten();
        let account = accounts.find(|account| account["id"] == given["account"]);
        account.and_then(|account| account["used"].as_u64()).unwrap_or_default()
    };
    if handed_out(&wallet.call("summary", json!({}))?) == 0 {
        let message = "the account's descriptor has one address alone: leave out --new";
        return Err(Failure::new("one_address", message));
    }
    if given["index"].as_u64().is_some_and(|index| index >= handed_out(&before)) {
        return Ok(given);
    }
    let gap = before["gap"].as_u64().unwrap_or_default();
    if !receive.beyond_gap {
        let message = format!(
            "{gap} addresses in a row were handed out and none is used: a wallet that is restored from the words would \
             not look further, and not see what arrives there. Use one of them ({} is the last), or say --beyond-gap",
            given["address"].as_str().unwrap_or_default()
        );
        return Err(Failure::new("gap_full", message));
    }
    wallet.call("configure", json!({"gap": gap + 1}))?;
    let again = wallet.call("receive", params)?;
    match again["index"] == given["index"] {
        false => Ok(again),
        true => Err(Failure::new("gap_full", format!("{gap} unused addresses in a row are the most"))),
    }
}

pub fn account(shared: &Shared, account: Account) -> Result<(), Failure> {
    let mut wallet = match account {
        Account::List => Wallet::look(shared)?,
        _ => Wallet::open(shared)?,
    };
    match account {
        Account::List => {}
        Account::Add { kind, index, name } => {
            let mut params = json!(wallet.signer()?.account(account_kind(kind), index)?);
            params["name"] = json!(name);
            wallet.call("add_account", params)?;
            wallet.save()?;
        }
        Account::Watch { key, name, kind } => {
            let kind = kind.map(kind_name);
            wallet.call("watch", json!({"name": name, "descriptor": key, "kind": kind}))?;
            wallet.save()?;
        }
        Account::Rename { account, name } => {
            wallet.call("rename_account", json!({"account": account, "name": name}))?;
            wallet.save()?;
        }
    }
    let accounts = wallet.call("summary", json!({}))?["accounts"].clone();
    match shared.json {
        true => print_json(&accounts),
        false => print_accounts(&accounts),
    }
    Ok(())
}

pub fn descriptors(shared: &Shared) -> Result<(), Failure> {
    let mut wallet = Wallet::look(shared)?;
    let descriptors = wallet.call("descriptors", json!({}))?;
    if shared.json {
        print_json(&descriptors);
        return Ok(());
    }
    for account in descriptors.as_array().into_iter().flatten() {
        say!("# {}", plain(account["name"].as_str().unwrap_or_default()));
        for key in ["receive", "change"] {
            if let Some(descriptor) = account[key].as_str() {
                say!("{descriptor}");
            }
        }
    }
    Ok(())
}
