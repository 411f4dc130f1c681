//! The chain's parameters, with what the options change in them.

use chaincore_consensus::hex;
use chaincore_consensus::params::{BuriedHeights, ChainParams, DeploymentStart};
use chaincore_consensus::pow::Work;
use chaincore_consensus::script::Script;
use chaincore_rpc::conf::{Conf, ConfError};

fn wrong<T>(text: String) -> Result<T, ConfError> {
    Err(ConfError::Value(text))
}

/// The chosen chain's parameters.
pub(super) fn params(conf: &Conf) -> Result<ChainParams, ConfError> {
    let mut params = ChainParams::clone(&conf.chain.params);
    let settings = &conf.settings;
    for option in ["testactivationheight", "vbparams"] {
        if params.name == "main" && settings.is_set(option) {
            return wrong(format!("The -{option} option may not be used on mainnet."));
        }
    }
    for text in settings.list("testactivationheight") {
        set_height(&mut params.deployments, &text)?;
    }
    for text in settings.list("vbparams") {
        set_vote(&mut params, &text)?;
    }
    for test in settings.list("test") {
        if params.name != "regtest" {
            return wrong("-test=<option> can only be used with regtest".to_owned());
        }
        // Core's other test options change nothing that ChainCore has.
        if test == "bip94" {
            params.enforce_bip94 = true;
        }
    }
    let challenges = settings.list("signetchallenge");
    if params.signet_challenge.is_some() && !challenges.is_empty() {
        let [challenge] = challenges.as_slice() else {
            return wrong("-signetchallenge cannot be multiple values.".to_owned());
        };
        match hex::decode(challenge) {
            Ok(script) => params.set_signet_challenge(Script(script)),
            Err(_) => return wrong(format!("-signetchallenge must be hex, not '{challenge}'.")),
        }
    }
    if let Some(text) = settings.text("minimumchainwork") {
        params.minimum_chain_work = match work(&text) {
            Some(work) => work,
            None => {
                return wrong(format!(
                    "Invalid minimum work specified ({text}), must be up to 64 hex digits"
                ));
            }
        };
    }
    // Every script is verified whatever this says, but a value that says nothing is a mistake.
    if let Some(text) = settings.text("assumevalid")
        && !is_hex_number(&text)
    {
        return wrong(format!(
            "Invalid assumevalid block hash specified ({text}), must be up to 64 hex digits (or 0 to disable)"
        ));
    }
    Ok(params)
}

/// Whether a text is a number of up to 256 bits in hexadecimal.
fn is_hex_number(text: &str) -> bool {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    digits.len() <= 64 && digits.chars().all(|digit| digit.is_ascii_hexdigit())
}

/// A number of up to 64 hexadecimal digits, with or without `0x`.
fn work(text: &str) -> Option<Work> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    if digits.len() > 64 {
        return None;
    }
    let bytes = hex::decode(&format!("{digits:0>64}")).ok()?;
    Some(Work::from_be_bytes(bytes.try_into().ok()?))
}

/// `name@height`: when a soft fork begins. Texts are Core's.
fn set_height(heights: &mut BuriedHeights, text: &str) -> Result<(), ConfError> {
    let Some((name, height)) = text.split_once('@') else {
        return wrong(format!("Invalid format ({text}) for -testactivationheight=name@height."));
    };
    let Some(height) = height.parse::<u32>().ok().filter(|height| *height < i32::MAX as u32) else {
        return wrong(format!("Invalid height value ({text}) for -testactivationheight=name@height."));
    };
    match name {
        "bip34" => heights.bip34 = height,
        "cltv" => heights.bip65 = height,
        "dersig" => heights.bip66 = height,
        "csv" => heights.csv = height,
        "segwit" => heights.segwit = height,
        _ => return wrong(format!("Invalid name ({text}) for -testactivationheight=name@height.")),
    }
    Ok(())
}

/// `deployment:start:end[:min_activation_height]`. Texts are Core's.
fn set_vote(params: &mut ChainParams, text: &str) -> Result<(), ConfError> {
    let parts: Vec<_> = text.split(':').collect();
    let (name, start, end, height) = match parts[..] {
        [name, start, end] => (name, start, end, "0"),
        [name, start, end, height] => (name, start, end, height),
        _ => {
            return wrong(
                "Version bits parameters malformed, expecting deployment:start:end[:min_activation_height]"
                    .to_owned(),
            );
        }
    };
    let Ok(start) = start.parse::<i64>() else { return wrong(format!("Invalid nStartTime ({start})")) };
    let Ok(timeout) = end.parse::<i64>() else { return wrong(format!("Invalid nTimeout ({end})")) };
    let Ok(height) = height.parse::<u32>() else {
        return wrong(format!("Invalid min_activation_height ({height})"));
    };
    let Some(deployment) = params.version_bits.iter_mut().find(|deployment| deployment.name == name) else {
        return wrong(format!("Invalid deployment ({name})"));
    };
    deployment.start = match start {
        -1 => DeploymentStart::AlwaysActive,
        -2 => DeploymentStart::NeverActive,
        time => DeploymentStart::Time(time),
    };
    deployment.timeout = timeout;
    deployment.min_activation_height = height;
    Ok(())
}
