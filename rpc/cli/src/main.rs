//! Command-line client of a ChainCore or Bitcoin Core node, called as bitcoin-cli is.

mod call;
mod convert;
mod getinfo;
mod netinfo;
mod options;
mod prompt;

use std::io::{ErrorKind, Write};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use call::{CallError, Caller};
use chaincore_rpc::conf::{Arguments, Conf, ConfError, OptionTable, help_text, parse_arguments};
use chaincore_rpc::json::Json;

fn main() -> ExitCode {
    let mut given = Vec::new();
    for argument in std::env::args_os().skip(1) {
        match argument.into_string() {
            Ok(argument) => given.push(argument),
            Err(argument) => {
                warn(&format!("Error parsing command line arguments: {} is not UTF-8", argument.display()));
                return ExitCode::FAILURE;
            }
        }
    }
    let table = options::table();
    let arguments = match parse_arguments(&table, given.clone()) {
        Ok(arguments) => arguments,
        Err(error) => {
            warn(&error.to_string());
            return ExitCode::FAILURE;
        }
    };
    if given.is_empty() || arguments.asks_for("help") {
        let shown = write(format_args!("{}", help(&table)));
        if given.is_empty() {
            warn("Error: too few parameters");
            return ExitCode::FAILURE;
        }
        return shown;
    }
    if arguments.asks_for("version") {
        return write(format_args!("ChainCore RPC client version v{}\n", env!("CARGO_PKG_VERSION")));
    }
    let words = arguments.words.clone();
    let conf = match read_conf(&table, arguments) {
        Ok(conf) => conf,
        Err(error) => {
            warn(&error);
            return ExitCode::FAILURE;
        }
    };
    match run(conf, words) {
        Ok(Answer::Nothing) => ExitCode::SUCCESS,
        Ok(Answer::Text(text)) => write(format_args!("{text}\n")),
        Ok(Answer::Failure(text, code)) => {
            warn(&text);
            ExitCode::from(code)
        }
        Err(error) => {
            warn(&format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// What a command came to.
enum Answer {
    /// The result is null.
    Nothing,
    /// What to print.
    Text(String),
    /// The node's error, and the exit code for it.
    Failure(String, u8),
}

/// Prints. Who stops reading has had enough, which is no failure; a full disk is one.
fn write(text: std::fmt::Arguments<'_>) -> ExitCode {
    let mut out = std::io::stdout();
    match out.write_fmt(text).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            warn(&format!("error: what came out could not be written to the standard output: {error}"));
            ExitCode::FAILURE
        }
        _ => ExitCode::SUCCESS,
    }
}

/// A line on standard error, where nobody may be listening.
fn warn(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

fn read_conf(table: &OptionTable, arguments: Arguments) -> Result<Conf, String> {
    Conf::read(table, arguments).map_err(|error| match error {
        ConfError::Arguments(_) | ConfError::File(_) => error.to_string(),
        other => format!("Error: {other}"),
    })
}

fn help(table: &OptionTable) -> String {
    format!(
        "ChainCore RPC client version v{}\n\n\
         Asks a node, on this machine or another one, by JSON-RPC. Finds the node's password (cookie) by itself if it\n\
         is given the same -datadir and chain options as the node.\n\n\
         Usage: chaincore-cli [options] <command> [params]\n   \
         or: chaincore-cli [options] -named <command> [name=value]...\n   \
         or: chaincore-cli [options] help [command]\n\n\
         Examples:\n\n\
         \x20 chaincore-cli getblockcount\n\
         \x20 chaincore-cli -regtest -datadir=/tmp/node -named getblock blockhash=<hash> verbosity=2\n\
         \x20 chaincore-cli -getinfo\n\n{}",
        env!("CARGO_PKG_VERSION"),
        help_text(table, options::GROUPS)
    )
}

fn run(mut conf: Conf, mut words: Vec<String>) -> Result<Answer, CallError> {
    let refused = |text: &str| CallError::Refused(text.to_owned());
    let switch = |conf: &Conf, name: &str| conf.settings.switch_or(name, false);
    if switch(&conf, "stdinrpcpass")? {
        let password = prompt::secret("RPC password> ")
            .ok_or_else(|| refused("-stdinrpcpass specified but failed to read from standard input"))?;
        conf.settings.force("rpcpassword", &password);
    }
    if switch(&conf, "stdinwalletpassphrase")? {
        if !words.first().is_some_and(|method| method.starts_with("walletpassphrase")) {
            return Err(refused("-stdinwalletpassphrase is only applicable for walletpassphrase(change)"));
        }
        let passphrase = prompt::secret("Wallet passphrase> ").ok_or_else(|| {
            refused("-stdinwalletpassphrase specified but failed to read from standard input")
        })?;
        words.insert(1, passphrase);
    }
    if switch(&conf, "stdin")? {
        words.extend(prompt::remaining_lines());
    }
    let asked: Vec<_> = conf
        .settings
        .given(["addrinfo", "generate", "getinfo", "netinfo"].into_iter())
        .map(|name| format!("-{name}"))
        .collect();
    if asked.len() > 1 {
        return Err(refused(&format!("Only one of {} may be specified.", asked.join(", "))));
    }
    let caller = Caller::new(&conf)?;
    let wallet = conf.settings.text("rpcwallet").filter(|_| !conf.settings.is_negated("rpcwallet"));
    let ask = |request: &Json| caller.call(&conf, request, wallet.as_deref());
    if switch(&conf, "getinfo")? {
        return show_info(&conf, &caller, &words, wallet.as_deref());
    }
    if switch(&conf, "netinfo")? {
        return show_network(&conf, &caller, &words);
    }
    if switch(&conf, "addrinfo")? {
        if !words.is_empty() {
            return Err(refused("-addrinfo takes no arguments"));
        }
        return address_counts(&ask(&request("getaddrmaninfo", Json::Null, number(1)))?);
    }
    if switch(&conf, "generate")? {
        return generate(words, ask);
    }
    if words.is_empty() {
        return Err(refused("too few parameters (need at least command)"));
    }
    let method = words.remove(0);
    let convert = if switch(&conf, "named")? { convert::named } else { convert::positional };
    let params = convert(&method, &words).map_err(|error| refused(&error.to_string()))?;
    let id = conf.settings.text("rpcid").unwrap_or_else(|| "1".to_owned());
    Ok(answer(&ask(&request(&method, params, Json::String(id)))?))
}

fn number(value: usize) -> Json {
    Json::Number(value.to_string())
}

/// A request, with its members in the order in which bitcoin-cli writes them.
fn request(method: &str, params: Json, id: Json) -> Json {
    Json::Object(vec![
        ("method".to_owned(), Json::String(method.to_owned())),
        ("params".to_owned(), params),
        ("id".to_owned(), id),
        ("jsonrpc".to_owned(), Json::String("2.0".to_owned())),
    ])
}

/// What to print for a reply: strings as they are, anything else as indented JSON.
fn answer(reply: &Json) -> Answer {
    let error = reply.field("error");
    if !error.is_null() {
        return failure(error);
    }
    match reply.field("result") {
        Json::Null => Answer::Nothing,
        Json::String(text) => Answer::Text(text.clone()),
        result => Answer::Text(result.pretty(2)),
    }
}

/// Core's code for a method of a wallet that was called without saying of which.
const WALLET_NOT_SPECIFIED: i64 = -19;

fn failure(error: &Json) -> Answer {
    let code = error.field("code");
    if !matches!(error, Json::Object(_)) || code.is_null() {
        return Answer::Failure(format!("error: {error}"), 1);
    }
    let number = code.get_int::<i64>().unwrap_or(1);
    let mut text = format!("error code: {code}\n");
    if let Json::String(message) = error.field("message") {
        text += &format!("error message:\n{message}");
    }
    if number == WALLET_NOT_SPECIFIED {
        text += " Or for the CLI, specify the \"-rpcwallet=<walletname>\" option before the command (run \"chaincore-cli \
                 -h\" for help or \"chaincore-cli listwallets\" to see which wallets are currently loaded).";
    }
    // The system keeps eight bits of an exit code, and an error must never look like a success.
    let exit = (number.unsigned_abs() & 0xff) as u8;
    Answer::Failure(text, if exit == 0 { 1 } else { exit })
}

fn show_info(
    conf: &Conf,
    caller: &Caller,
    words: &[String],
    wallet: Option<&str>,
) -> Result<Answer, CallError> {
    use std::io::IsTerminal;
    if !words.is_empty() {
        return Err(CallError::Refused("-getinfo takes no arguments".to_owned()));
    }
    let color = conf.settings.text("color").unwrap_or_else(|| "auto".to_owned());
    let calls = getinfo::METHODS.iter().enumerate();
    let batch = calls.map(|(id, method)| request(method, Json::Null, number(id))).collect();
    let replies = caller.call(conf, &Json::Array(batch), wallet)?;
    let reply_of = |id: usize| {
        let replies = replies.get_array().unwrap_or_default();
        replies.iter().find(|reply| reply.field("id").get_int() == Ok(id)).cloned().unwrap_or_default()
    };
    let [network, chain, wallet_info, balances] = [0, 1, 2, 3].map(reply_of);
    for reply in [&network, &chain] {
        if !reply.field("error").is_null() {
            return Ok(failure(reply.field("error")));
        }
    }
    if replies.get_array().is_err() {
        return Ok(answer(&replies));
    }
    let mut wallets = Vec::new();
    if wallet.is_none() {
        let listed = caller.call(conf, &request("listwallets", Json::Null, number(1)), None)?;
        let names = listed.field("result").get_array().unwrap_or_default();
        for name in names.iter().filter_map(|name| name.get_str().ok()).filter(|_| names.len() > 1) {
            let reply = caller.call(conf, &request("getbalances", Json::Null, number(1)), Some(name))?;
            let balance = reply.field("result").field("mine").field("trusted").to_string();
            wallets.push((name.to_owned(), balance));
        }
    }
    let optional = |reply: &Json| Some(reply.field("result")).filter(|result| !result.is_null()).cloned();
    let info = getinfo::Info {
        network: network.field("result").clone(),
        chain: chain.field("result").clone(),
        wallet: optional(&wallet_info),
        balances: optional(&balances),
        wallets,
    };
    let colors = getinfo::Colors::new(&color, std::io::stdout().is_terminal()).map_err(CallError::Refused)?;
    Ok(Answer::Text(getinfo::page(&info, colors)))
}

fn show_network(conf: &Conf, caller: &Caller, words: &[String]) -> Result<Answer, CallError> {
    if matches!(words.first().map(String::as_str), Some("h" | "help")) {
        return Ok(Answer::Text(netinfo::HELP.to_owned()));
    }
    let wish = netinfo::Wish::parse(words).map_err(CallError::Refused)?;
    let calls = netinfo::METHODS.iter().enumerate();
    let batch = calls.map(|(id, method)| request(method, Json::Null, number(id))).collect();
    let replies = caller.call(conf, &Json::Array(batch), None)?;
    let Ok(all) = replies.get_array() else { return Ok(answer(&replies)) };
    let reply_of = |id: usize| all.iter().find(|reply| reply.field("id").get_int() == Ok(id)).cloned();
    let [peers, network] = [0, 1].map(|id| reply_of(id).unwrap_or_default());
    for reply in [&peers, &network] {
        if !reply.field("error").is_null() {
            return Ok(failure(reply.field("error")));
        }
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let now = i64::try_from(now).unwrap_or(i64::MAX);
    let chain = &conf.chain.params.name;
    Ok(Answer::Text(netinfo::page(wish, peers.field("result"), network.field("result"), chain, now)))
}

/// `-addrinfo`: `getaddrmaninfo` with only the totals.
fn address_counts(reply: &Json) -> Result<Answer, CallError> {
    if !reply.field("error").is_null() {
        return Ok(answer(reply));
    }
    let mut counts: Vec<(String, Json)> = Vec::new();
    for (network, count) in reply.field("result").get_object().unwrap_or_default() {
        let name = if network == "all_networks" { "total" } else { network };
        counts.push((name.to_owned(), count.field("total").clone()));
    }
    let known = Json::Object(vec![("addresses_known".to_owned(), Json::Object(counts))]);
    Ok(Answer::Text(known.pretty(2)))
}

/// `-generate [blocks] [tries]`: mine to a new address of the node's wallet.
fn generate(
    mut words: Vec<String>,
    ask: impl Fn(&Json) -> Result<Json, CallError>,
) -> Result<Answer, CallError> {
    let fresh = ask(&request("getnewaddress", Json::Array(Vec::new()), Json::String("1".to_owned())))?;
    let Ok(address) = fresh.field("result").get_str() else { return Ok(answer(&fresh)) };
    match words.first().map(String::as_str) {
        _ if words.len() > 2 => {
            let text = "too many arguments (maximum 2 for nblocks and maxtries)";
            return Err(CallError::Refused(text.to_owned()));
        }
        None => words.push("1".to_owned()),
        Some("0") => {
            let text = "the first argument (number of blocks to generate, default: 1) must be an integer value greater \
                        than zero";
            return Err(CallError::Refused(text.to_owned()));
        }
        Some(_) => {}
    }
    words.insert(1, address.to_owned());
    let params = convert::positional("generatetoaddress", &words)
        .map_err(|error| CallError::Refused(error.to_string()))?;
    let reply = ask(&request("generatetoaddress", params, number(1)))?;
    if !reply.field("error").is_null() {
        return Ok(answer(&reply));
    }
    let mined = Json::Object(vec![
        ("address".to_owned(), Json::String(address.to_owned())),
        ("blocks".to_owned(), reply.field("result").clone()),
    ]);
    Ok(Answer::Text(mined.pretty(2)))
}
