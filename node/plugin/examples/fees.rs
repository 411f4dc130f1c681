//! What each block pays in fees: `--plugin target/debug/examples/fees`. It keeps one file that is replaced as a whole,
//! so it can be killed at any moment.

use chaincore_consensus::{Block, codec::Decode, hex};
use serde_json::{Value, json};
use std::io::{Write, stdin, stdout};
use std::{error::Error, fs, path::PathBuf};

/// The cursor, and satoshis by height.
type State = (Value, Vec<i64>);

fn fees_of(block: &Value) -> Result<i64, Box<dyn Error>> {
    let parsed = Block::decode_exact(&hex::decode(block["block"].as_str().ok_or("no block")?)?)?;
    let spent = block["spent"].as_array().ok_or("no coins")?.iter().filter_map(|coin| coin["value"].as_i64());
    Ok(spent.sum::<i64>() - parsed.transactions[1..].iter().map(|tx| tx.output_sum().0).sum::<i64>())
}

fn answer(call: &Value, file: &mut PathBuf, state: &mut State) -> Result<Value, Box<dyn Error>> {
    let params = &call["params"];
    let height = params["to"]["height"].as_u64().or(params["params"][0].as_u64()).unwrap_or(0) as usize;
    match call["method"].as_str().unwrap_or_default() {
        "manifest" => {
            let about = json!([{"name": "getblockfees", "parameters": [{"name": "height"}]}]);
            return Ok(json!({"protocol": 1, "id": "fees", "version": "1.0", "methods": about}));
        }
        "open" => {
            *file = PathBuf::from(params["folder"].as_str().ok_or("no folder")?).join("state.json");
            *state =
                if file.exists() { serde_json::from_slice(&fs::read(&file)?)? } else { State::default() };
            return Ok(json!({ "cursor": state.0 }));
        }
        "call" => return Ok(json!(state.1.get(height).ok_or("there is no such block")?)),
        "extend" => {
            for block in params["blocks"].as_array().ok_or("no blocks")? {
                state.1.push(fees_of(block)?);
                state.0 = json!({"height": block["height"], "hash": block["hash"]});
            }
        }
        "rollback" => (state.0, _) = (params["to"].clone(), state.1.truncate(height + 1)),
        "reset" => *state = State::default(),
        _ => return Ok(Value::Null),
    }
    fs::write(file.with_extension("new"), json!(state).to_string())?;
    fs::rename(file.with_extension("new"), file)?;
    Ok(Value::Null)
}

fn main() -> Result<(), Box<dyn Error>> {
    let (mut file, mut state) = Default::default();
    for line in stdin().lines() {
        let call: Value = serde_json::from_str(&line?)?;
        let (name, said) = match answer(&call, &mut file, &mut state) {
            Ok(result) => ("result", result),
            Err(error) => ("error", json!({"code": 1, "message": error.to_string()})),
        };
        writeln!(stdout(), "{}", json!({"jsonrpc": "2.0", "id": call["id"], name: said}))?;
    }
    Ok(())
}
