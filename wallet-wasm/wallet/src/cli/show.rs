//! What there is and what happened.

use super::args::{Of, Shared};
use super::clock;
use super::failure::Failure;
use super::file::About;
use super::output::{coins_of, plain, print_json, print_table, say};
use super::wallet::Wallet;
use serde_json::{Value, json};

pub fn info(shared: &Shared) -> Result<(), Failure> {
    // The wallet alone can be told of without a node.
    let asks = !shared.nodes.is_empty() && !shared.offline;
    let mut wallet = if asks { Wallet::follow(shared)? } else { Wallet::look(shared)? };
    if asks {
        wallet.sync()?;
    }
    let summary = wallet.call("summary", json!({}))?;
    let encrypted = wallet.file.lock().is_some();
    let About { name, birthday, nodes, ca_cert } = wallet.file.about.clone();
    if shared.json {
        print_json(&json!({
            "name": name,
            "chain": summary["chain"],
            "encrypted": encrypted,
            "keys": wallet.has_keys(),
            "birthday": birthday,
            "nodes": nodes,
            "ca_cert": ca_cert,
            "mode": summary["mode"],
            "tip": summary["tip"],
            "balance": summary["balance"],
            "accounts": summary["accounts"],
        }));
        return Ok(());
    }
    let line = |what: &str, value: &str| say!("{what:<12}{value}");
    line("File", &plain(&shared.wallet.display().to_string()));
    if !name.is_empty() {
        line("Name", &plain(&name));
    }
    line("Chain", summary["chain"].as_str().unwrap_or_default());
    let keys = match (wallet.has_keys(), encrypted) {
        (true, true) => "in the file, encrypted",
        (true, false) => "in the file, for everybody to read who can read it",
        (false, true) => "none: it only watches; the file is encrypted",
        (false, false) => "none: it only watches",
    };
    line("Keys", keys);
    if birthday > 0 {
        line("Made", &clock::shown(birthday));
    }
    line("Nodes", &if nodes.is_empty() { "none yet".into() } else { nodes.join(", ") });
    match summary["tip"]["height"].as_u64() {
        Some(height) if height > 0 => line("Knows until", &format!("block {height}")),
        _ => line("Knows until", "nothing yet"),
    }
    line("Balance", &coins_of(&summary["balance"]["total"]));
    say!();
    print_accounts(&summary["accounts"]);
    Ok(())
}

/// The accounts as a table.
pub fn print_accounts(accounts: &Value) {
    let rows: Vec<Vec<String>> = accounts
        .as_array()
        .into_iter()
        .flatten()
        .map(|account| {
            let text = |key: &str| plain(account[key].as_str().unwrap_or_default());
            vec![
                text("id"),
                text("name"),
                text("kind"),
                if account["held"] == true { "own" } else { "watched" }.into(),
                coins_of(&account["balance"]["total"]),
            ]
        })
        .collect();
    print_table(&["Account", "Name", "Kind", "Keys", "Coins"], &[4], &rows);
}

pub fn balance(shared: &Shared, of: &Of) -> Result<(), Failure> {
    let mut wallet = Wallet::follow(shared)?;
    wallet.sync()?;
    let balance = wallet.call("balance", json!({"account": of.account}))?;
    let tip = wallet.call("summary", json!({}))?["tip"].clone();
    if shared.json {
        let mut balance = balance;
        balance["tip"] = tip;
        print_json(&balance);
        return Ok(());
    }
    say!("{}", coins_of(&balance["total"]));
    let part = |what: &str, key: &str| {
        if balance[key] != 0 {
            say!("  {what:<14}{:>20}", coins_of(&balance[key]));
        }
    };
    if balance["confirmed"] != balance["total"] {
        part("confirmed", "confirmed");
        part("unconfirmed", "unconfirmed");
        part("immature", "immature");
        part("frozen", "frozen");
    }
    part("not proven", "unproven");
    if shared.offline {
        say!("as of block {}", tip["height"]);
    }
    Ok(())
}

pub fn history(shared: &Shared, of: &Of) -> Result<(), Failure> {
    let mut wallet = Wallet::follow(shared)?;
    wallet.sync()?;
    let history = wallet.call("history", json!({"account": of.account}))?;
    if shared.json {
        print_json(&history);
        return Ok(());
    }
    let rows: Vec<Vec<String>> = history
        .as_array()
        .into_iter()
        .flatten()
        .map(|entry| {
            let state = match (entry["state"].as_str(), entry["confirmations"].as_u64()) {
                (Some("proven"), Some(depth)) => format!("{depth} deep"),
                (Some("reported"), Some(depth)) => format!("{depth} deep, not proven"),
                (Some("mempool"), _) => "waiting".into(),
                (Some(other), _) => other.into(),
                _ => String::new(),
            };
            vec![
                entry["time"].as_u64().filter(|time| *time > 0).map_or_else(String::new, clock::shown),
                coins_of(&entry["net"]),
                state,
                entry["txid"].as_str().unwrap_or_default().into(),
                plain(entry["label"].as_str().unwrap_or(if entry["coinbase"] == true {
                    "(mined)"
                } else {
                    ""
                })),
            ]
        })
        .collect();
    print_table(&["Time (UTC)", "Coins", "State", "Transaction", "Label"], &[1], &rows);
    Ok(())
}

pub fn coins(shared: &Shared, of: &Of) -> Result<(), Failure> {
    let mut wallet = Wallet::follow(shared)?;
    wallet.sync()?;
    let coins = wallet.call("coins", json!({"account": of.account}))?;
    if shared.json {
        print_json(&coins);
        return Ok(());
    }
    let rows: Vec<Vec<String>> = coins
        .as_array()
        .into_iter()
        .flatten()
        .map(|coin| {
            let mut state = coin["state"].as_str().unwrap_or_default().to_string();
            for (key, word) in [("immature", ", immature"), ("frozen", ", frozen")] {
                if coin[key] == true {
                    state += word;
                }
            }
            vec![
                coins_of(&coin["value"]),
                state,
                coin["outpoint"].as_str().unwrap_or_default().into(),
                coin["address"].as_str().unwrap_or_default().into(),
                plain(coin["label"].as_str().unwrap_or_default()),
            ]
        })
        .collect();
    print_table(&["Coins", "State", "Coin", "Address", "Label"], &[0], &rows);
    Ok(())
}
