//! From words on the command line to JSON-RPC parameters.
//!
//! Words are strings; methods want numbers, booleans and objects too. Which parameter of which method is JSON is a
//! table, the same as in Core's `rpc/client.cpp`: a test compares the two.

use chaincore_rpc::json::Json;

/// How a word becomes a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    /// The word is JSON.
    Json,
    /// The word is a string, even if it contains `=` and `-named` is used.
    Text,
    /// The word is JSON if it can be read so, else a string.
    JsonOrText,
}

/// Per method its parameters that are not plain strings: `index:name`, further names of the same index after `|`;
/// a name that ends in `$` is [`Format::Text`], in `?` is [`Format::JsonOrText`], any other [`Format::Json`].
#[rustfmt::skip]
const PARAMETERS: &[(&str, &str)] = &[
    ("addconnection", "2:v2transport"),
    ("addnode", "2:v2transport"),
    ("addpeeraddress", "1:port 2:tried"),
    ("analyzepsbt", "0:psbt$"),
    ("backupwallet", "0:destination$"),
    ("bumpfee", "1:options|conf_target|fee_rate|replaceable|outputs|original_change_index"),
    ("combinepsbt", "0:txs"),
    ("combinerawtransaction", "0:txs"),
    ("converttopsbt", "1:permitsigdata 2:iswitness 3:psbt_version"),
    ("createmultisig", "0:nrequired 1:keys"),
    ("createpsbt", "0:inputs 1:outputs 2:locktime 3:replaceable 4:version 5:psbt_version"),
    ("createrawtransaction", "0:inputs 1:outputs 2:locktime 3:replaceable 4:version"),
    (
        "createwallet",
        "0:wallet_name$ 1:disable_private_keys 2:blank 3:passphrase$ 4:avoid_reuse 5:descriptors \
         6:load_on_startup 7:external_signer",
    ),
    ("createwalletdescriptor", "1:options|internal"),
    ("decodepsbt", "0:psbt$"),
    ("decoderawtransaction", "1:iswitness"),
    ("deriveaddresses", "1:range"),
    ("descriptorprocesspsbt", "0:psbt$ 1:descriptors 2:sighashtype$ 3:bip32derivs 4:finalize"),
    ("disconnectnode", "1:nodeid"),
    ("dumptxoutset", "0:path$ 1:type$ 2:options|rollback?|in_memory"),
    ("echoipc", "0:arg$"),
    ("echojson", "0:arg0 1:arg1 2:arg2 3:arg3 4:arg4 5:arg5 6:arg6 7:arg7 8:arg8 9:arg9"),
    ("encryptwallet", "0:passphrase$"),
    ("estimaterawfee", "0:conf_target 1:threshold"),
    ("estimatesmartfee", "0:conf_target"),
    ("finalizepsbt", "0:psbt$ 1:extract"),
    (
        "fundrawtransaction",
        "1:options|add_inputs|include_unsafe|minconf|maxconf|changePosition|includeWatching|lockUnspents|\
         fee_rate|feeRate|subtractFeeFromOutputs|input_weights|conf_target|replaceable|solving_data|\
         max_tx_weight 2:iswitness",
    ),
    ("generateblock", "1:transactions 2:submit"),
    ("generatetoaddress", "0:nblocks 2:maxtries"),
    ("generatetodescriptor", "0:num_blocks 2:maxtries"),
    ("getaddressesbylabel", "0:label$"),
    ("getbalance", "1:minconf 2:include_watchonly 3:avoid_reuse"),
    ("getblock", "1:verbosity|verbose"),
    ("getblockfrompeer", "1:peer_id"),
    ("getblockhash", "0:height"),
    ("getblockheader", "1:verbose"),
    ("getblockstats", "0:hash_or_height? 1:stats"),
    ("getblocktemplate", "0:template_request"),
    ("getchaintxstats", "0:nblocks"),
    ("getdescriptoractivity", "0:blockhashes 1:scanobjects 2:include_mempool"),
    ("gethdkeys", "0:active_only|options|private"),
    ("getmempoolancestors", "1:verbose"),
    ("getmempooldescendants", "1:verbose"),
    ("getnetworkhashps", "0:nblocks 1:height"),
    ("getnewaddress", "0:label$ 1:address_type$"),
    ("getnodeaddresses", "0:count"),
    ("getorphantxs", "0:verbosity"),
    ("getrawmempool", "0:verbose 1:mempool_sequence"),
    ("getrawtransaction", "1:verbosity|verbose"),
    ("getreceivedbyaddress", "1:minconf 2:include_immature_coinbase"),
    ("getreceivedbylabel", "0:label$ 1:minconf 2:include_immature_coinbase"),
    ("gettransaction", "1:include_watchonly 2:verbose"),
    ("gettxout", "1:n 2:include_mempool"),
    ("gettxoutproof", "0:txids"),
    ("gettxoutsetinfo", "1:hash_or_height? 2:use_index"),
    ("gettxspendingprevout", "0:outputs 1:options|mempool_only|return_spending_tx"),
    ("importdescriptors", "0:requests"),
    (
        "importmempool",
        "0:filepath$ 1:options|apply_fee_delta_priority|use_current_time|apply_unbroadcast_set",
    ),
    ("joinpsbts", "0:txs"),
    ("keypoolrefill", "0:newsize"),
    ("listdescriptors", "0:private"),
    ("listreceivedbyaddress", "0:minconf 1:include_empty 2:include_watchonly 4:include_immature_coinbase"),
    ("listreceivedbylabel", "0:minconf 1:include_empty 2:include_watchonly 3:include_immature_coinbase"),
    (
        "listsinceblock",
        "0:blockhash$ 1:target_confirmations 2:include_watchonly 3:include_removed 4:include_change \
         5:label$",
    ),
    ("listtransactions", "0:label$ 1:count 2:skip 3:include_watchonly"),
    (
        "listunspent",
        "0:minconf 1:maxconf 2:addresses 3:include_unsafe 4:query_options|minimumAmount|maximumAmount|\
         maximumCount|minimumSumAmount|include_immature_coinbase",
    ),
    ("loadtxoutset", "0:path$"),
    ("loadwallet", "0:filename$ 1:load_on_startup"),
    ("lockunspent", "0:unlock 1:transactions 2:persistent"),
    ("logging", "0:include 1:exclude"),
    ("migratewallet", "0:wallet_name$ 1:passphrase$ 2:load_wallet"),
    ("mockscheduler", "0:delta_time"),
    ("prioritisetransaction", "1:dummy 2:fee_delta"),
    ("pruneblockchain", "0:height"),
    ("psbtbumpfee", "1:options|conf_target|fee_rate|replaceable|outputs|original_change_index|psbt_version"),
    ("rescanblockchain", "0:start_height 1:stop_height"),
    ("restorewallet", "0:wallet_name$ 1:backup_file$ 2:load_on_startup"),
    ("scanblocks", "1:scanobjects 2:start_height 3:stop_height 5:options|filter_false_positives"),
    ("scantxoutset", "1:scanobjects"),
    (
        "send",
        "0:outputs 1:conf_target 3:fee_rate 4:options|add_inputs|include_unsafe|minconf|maxconf|\
         add_to_wallet|change_position|fee_rate|include_watching|inputs|locktime|lock_unspents|psbt|\
         subtract_fee_from_outputs|conf_target|replaceable|solving_data|max_tx_weight 5:version",
    ),
    (
        "sendall",
        "0:recipients 1:conf_target 3:fee_rate 4:options|add_to_wallet|fee_rate|include_watching|inputs|\
         locktime|lock_unspents|psbt|send_max|minconf|maxconf|conf_target|replaceable|solving_data|\
         version",
    ),
    (
        "sendmany",
        "0:dummy$ 1:amounts 2:minconf 3:comment$ 4:subtractfeefrom 5:replaceable 6:conf_target \
         7:estimate_mode$ 8:fee_rate 9:verbose",
    ),
    ("sendmsgtopeer", "0:peer_id"),
    ("sendrawtransaction", "1:maxfeerate 2:maxburnamount"),
    (
        "sendtoaddress",
        "0:address$ 1:amount 2:comment$ 3:comment_to$ 4:subtractfeefromamount 5:replaceable \
         6:conf_target 7:estimate_mode$ 8:avoid_reuse 9:fee_rate 10:verbose",
    ),
    ("setban", "2:bantime 3:absolute"),
    ("setlabel", "1:label$"),
    ("setmocktime", "0:timestamp"),
    ("setnetworkactive", "0:state"),
    ("setwalletflag", "1:value"),
    ("signmessage", "1:message$"),
    ("signmessagewithprivkey", "1:message$"),
    ("signrawtransactionwithkey", "1:privkeys 2:prevtxs"),
    ("signrawtransactionwithwallet", "1:prevtxs"),
    ("simulaterawtransaction", "0:rawtxs 1:options|include_watchonly"),
    ("stop", "0:wait"),
    ("submitpackage", "0:package 1:maxfeerate 2:maxburnamount"),
    ("testmempoolaccept", "0:rawtxs 1:maxfeerate"),
    ("unloadwallet", "0:wallet_name$ 1:load_on_startup"),
    ("utxoupdatepsbt", "0:psbt$ 1:descriptors"),
    ("verifychain", "0:checklevel 1:nblocks"),
    ("verifymessage", "1:signature$ 2:message$"),
    ("waitforblock", "1:timeout"),
    ("waitforblockheight", "0:height 1:timeout"),
    ("waitfornewblock", "0:timeout"),
    (
        "walletcreatefundedpsbt",
        "0:inputs 1:outputs 2:locktime 3:options|add_inputs|include_unsafe|minconf|maxconf|\
         changePosition|includeWatching|lockUnspents|fee_rate|feeRate|subtractFeeFromOutputs|conf_target|\
         replaceable|solving_data|max_tx_weight 4:bip32derivs 5:version 6:psbt_version",
    ),
    ("walletpassphrase", "0:passphrase$ 1:timeout"),
    ("walletpassphrasechange", "0:oldpassphrase$ 1:newpassphrase$"),
    ("walletprocesspsbt", "0:psbt$ 1:sign 2:sighashtype$ 3:bip32derivs 4:finalize"),
];

/// A word that should be JSON and is not.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("Error parsing JSON: {0}")]
pub struct NotJson(String);

/// Index, name and format of every listed parameter of `method`.
fn parameters(method: &str) -> impl Iterator<Item = (usize, &'static str, Format)> {
    let listed = PARAMETERS.binary_search_by_key(&method, |entry| entry.0).map_or("", |at| PARAMETERS[at].1);
    listed.split(' ').filter_map(|entry| entry.split_once(':')).flat_map(|(index, names)| {
        let index = index.parse().expect("the table has numbers before colons");
        names.split('|').map(move |name| match name.as_bytes().last() {
            Some(b'$') => (index, &name[..name.len() - 1], Format::Text),
            Some(b'?') => (index, &name[..name.len() - 1], Format::JsonOrText),
            _ => (index, name, Format::Json),
        })
    })
}

fn format_at(method: &str, index: usize) -> Option<Format> {
    parameters(method).find(|parameter| parameter.0 == index).map(|parameter| parameter.2)
}

fn format_of(method: &str, name: &str) -> Option<Format> {
    parameters(method).find(|parameter| parameter.1 == name).map(|parameter| parameter.2)
}

fn convert(format: Option<Format>, word: &str) -> Result<Json, NotJson> {
    let text = || Json::String(word.to_owned());
    match format {
        None | Some(Format::Text) => Ok(text()),
        Some(Format::Json) => Json::parse(word.as_bytes()).ok_or_else(|| NotJson(word.to_owned())),
        Some(Format::JsonOrText) => Ok(Json::parse(word.as_bytes()).unwrap_or_else(text)),
    }
}

/// The array of positional parameters.
pub fn positional(method: &str, words: &[String]) -> Result<Json, NotJson> {
    let values = words.iter().enumerate().map(|(index, word)| convert(format_at(method, index), word));
    values.collect::<Result<_, _>>().map(Json::Array)
}

/// The object of named parameters (`-named`). Words without `=` are positional and go into `args`; so do words
/// with a `=` that is no name's, where the next positional parameter is a string or the word is JSON. The last of
/// several values of one name counts.
pub fn named(method: &str, words: &[String]) -> Result<Json, NotJson> {
    let mut named: Vec<(String, Json)> = Vec::new();
    let mut positional = Vec::new();
    for word in words {
        let next = format_at(method, positional.len());
        let Some((name, text)) = word.split_once('=') else {
            positional.push(convert(next, word)?);
            continue;
        };
        let format = format_of(method, name);
        if format.is_none() {
            match next {
                Some(Format::Json) => {
                    if let Some(json) = Json::parse(word.as_bytes()) {
                        positional.push(json);
                        continue;
                    }
                }
                Some(Format::Text) => {
                    positional.push(Json::String(word.clone()));
                    continue;
                }
                _ => {}
            }
        }
        let value = convert(format, text)?;
        match named.iter_mut().find(|entry| entry.0 == name) {
            Some(entry) => entry.1 = value,
            None => named.push((name.to_owned(), value)),
        }
    }
    if !positional.is_empty() {
        // Appended even if the user named an `args` as well: the node then says what is wrong with that.
        named.push(("args".to_owned(), Json::Array(positional)));
    }
    Ok(Json::Object(named))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn table_is_sorted_so_that_it_can_be_searched() {
        assert!(PARAMETERS.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert_eq!(
            parameters("getblock").collect::<Vec<_>>(),
            [(1, "verbosity", Format::Json), (1, "verbose", Format::Json)]
        );
        assert_eq!(parameters("no such method").count(), 0);
    }

    #[test]
    fn positional_words_become_json_where_the_method_wants_it() {
        let cases: &[(&str, &[&str], &str)] = &[
            ("getblockcount", &[], "[]"),
            ("getblockhash", &["7"], "[7]"),
            ("getblock", &["00ff", "2"], r#"["00ff",2]"#),
            ("getblock", &["00ff", "true"], r#"["00ff",true]"#),
            ("sendrawtransaction", &["00", "0.10000000"], r#"["00",0.10000000]"#),
            ("getblockstats", &["abc", r#"["a"]"#], r#"["abc",["a"]]"#),
            ("getblockstats", &["1000"], "[1000]"),
            ("echo", &["a\"b", "\u{e9}"], r#"["a\"b","é"]"#),
            ("echojson", &["12345678901234567890.5e400", " null "], "[12345678901234567890.5e400,null]"),
        ];
        for (method, given, expected) in cases {
            assert_eq!(
                positional(method, &words(given)).unwrap().to_string(),
                *expected,
                "{method} {given:?}"
            );
        }
        let error = positional("getblockhash", &words(&["7x"])).unwrap_err();
        assert_eq!(error.to_string(), "Error parsing JSON: 7x");
    }

    #[test]
    fn named_words_keep_positional_ones_in_args() {
        let cases: &[(&str, &[&str], &str)] = &[
            ("getblock", &["blockhash=00", "verbosity=2"], r#"{"blockhash":"00","verbosity":2}"#),
            ("getblock", &["00", "verbosity=2"], r#"{"verbosity":2,"args":["00"]}"#),
            ("getblock", &["00", "1"], r#"{"args":["00",1]}"#),
            ("getblock", &["verbosity=1", "verbosity=2"], r#"{"verbosity":2}"#),
            ("createwallet", &["my=wallet"], r#"{"args":["my=wallet"]}"#),
            ("createwallet", &["wallet_name=a=b"], r#"{"wallet_name":"a=b"}"#),
            ("testmempoolaccept", &[r#"["a=b"]"#], r#"{"args":[["a=b"]]}"#),
            ("echo", &["arg0=x", "args=[1]"], r#"{"arg0":"x","args":"[1]"}"#),
            ("getblockcount", &[], "{}"),
        ];
        for (method, given, expected) in cases {
            assert_eq!(named(method, &words(given)).unwrap().to_string(), *expected, "{method} {given:?}");
        }
        assert!(named("getblockhash", &words(&["height=x"])).is_err());
    }
}
