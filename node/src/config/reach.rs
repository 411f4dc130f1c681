//! Where first peers come from, on which networks they are called, and how much is sent.

use crate::p2p::net_address::Network;
use crate::p2p::reach::Reach;
use chaincore_rpc::conf::{Conf, ConfError, Settings};

/// What was chosen.
#[derive(Debug, Clone)]
pub struct ReachConfig {
    /// The networks on which the node calls others by itself.
    pub reach: Reach,
    /// Whether the chain's DNS seeds are looked up while too few nodes are known.
    pub dns_seeds: bool,
    /// Whether they are looked up in any case.
    pub force_dns_seeds: bool,
    /// Whether the chain's fixed addresses are used when nothing else brings any.
    pub fixed_seeds: bool,
    /// How many bytes should be sent in a day; 0 for any number.
    pub upload_target: u64,
    /// What follows from several options together, for the log.
    pub interactions: Vec<String>,
}

impl ReachConfig {
    /// `is_alone`: the node is told whom to call, and needs no seeds.
    pub(super) fn read(conf: &Conf, is_alone: bool) -> Result<Self, ConfError> {
        let settings = &conf.settings;
        let wrong = |text: &str| Err(ConfError::Value(text.to_owned()));
        let only = settings.list("onlynet");
        let networks: Vec<Option<Network>> = only.iter().map(|name| Network::from_name(name)).collect();
        let is_clear = |network: &Option<Network>| network.is_some_and(Network::is_dialled);
        let excludes_clear = !networks.is_empty() && !networks.iter().any(is_clear);
        let mut interactions = Vec::new();
        let asked = settings.switch("dnsseed")?;
        if excludes_clear && asked.is_none() && !is_alone {
            interactions.push(
                "parameter interaction: -onlynet excludes IPv4 and IPv6 -> setting -dnsseed=0".to_owned(),
            );
        }
        let dns_seeds = asked.unwrap_or(!is_alone && !excludes_clear);
        let force_dns_seeds = settings.switch_or("forcednsseed", false)?;
        if force_dns_seeds && !dns_seeds {
            return wrong("Cannot set -forcednsseed to true when setting -dnsseed to false.");
        }
        let upload_target = settings.text("maxuploadtarget").unwrap_or_else(|| "0".to_owned());
        let Some(upload_target) = bytes(&upload_target) else {
            return wrong(&format!("Unable to parse -maxuploadtarget: '{upload_target}'"));
        };
        if let Some(name) = only.iter().find(|name| Network::from_name(name).is_none()) {
            return wrong(&format!("Unknown network specified in -onlynet: '{name}'"));
        }
        let networks: Vec<Network> = networks.into_iter().flatten().collect();
        if networks.contains(&Network::Cjdns) && !settings.is_set("cjdnsreachable") {
            return wrong(
                "Outbound connections restricted to CJDNS (-onlynet=cjdns) but -cjdnsreachable is not provided",
            );
        }
        if excludes_clear && asked == Some(true) {
            return wrong(
                "Incompatible options: -dnsseed=1 was explicitly specified, but -onlynet forbids connections to \
                 IPv4/IPv6",
            );
        }
        check_proxies(settings, &networks)?;
        Ok(Self {
            reach: if networks.is_empty() { Reach::ALL } else { Reach::only(&networks) },
            dns_seeds,
            force_dns_seeds,
            fixed_seeds: settings.switch_or("fixedseeds", true)?,
            upload_target,
            interactions,
        })
    }
}

/// Whoever wants to be on a network alone for which nothing is set up would be on none.
fn check_proxies(settings: &Settings, only: &[Network]) -> Result<(), ConfError> {
    let wrong = |text: &str| Err(ConfError::Value(text.to_owned()));
    let is_given = |name: &str| settings.text(name).is_some_and(|value| !value.is_empty() && value != "0");
    if only.contains(&Network::Onion) {
        if settings.text("onion").is_some_and(|value| value == "0") {
            return wrong(
                "Outbound connections restricted to Tor (-onlynet=onion) but the proxy for reaching the Tor network \
                 is explicitly forbidden: -onion=0",
            );
        }
        if !is_given("onion") && !is_given("proxy") && !settings.switch_or("listenonion", true)? {
            return wrong(
                "Outbound connections restricted to Tor (-onlynet=onion) but the proxy for reaching the Tor network \
                 is not provided: none of -proxy, -onion or -listenonion is given",
            );
        }
    }
    if only.contains(&Network::I2p) && !is_given("i2psam") {
        return wrong("Outbound connections restricted to i2p (-onlynet=i2p) but -i2psam is not provided");
    }
    Ok(())
}

/// A number of bytes with a unit: small letters count by 1000, capital ones by 1024; without one it is MiB (Core's
/// `ParseByteUnits`).
fn bytes(text: &str) -> Option<u64> {
    let (digits, unit) = match text.char_indices().last()? {
        (at, unit) if "kKmMgGtT".contains(unit) => (&text[..at], unit),
        _ => (text, 'M'),
    };
    let base: u64 = if unit.is_ascii_uppercase() { 1024 } else { 1000 };
    let power = match unit.to_ascii_lowercase() {
        'k' => 1,
        'm' => 2,
        'g' => 3,
        _ => 4,
    };
    let is_number = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    digits.parse::<u64>().ok().filter(|_| is_number)?.checked_mul(base.pow(power))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_units() {
        for (text, expected) in [
            ("0", Some(0)),
            ("800", Some(800 << 20)),
            ("1k", Some(1000)),
            ("1K", Some(1024)),
            ("2m", Some(2_000_000)),
            ("3g", Some(3_000_000_000)),
            ("1G", Some(1 << 30)),
            ("1t", Some(1_000_000_000_000)),
            ("16777215T", Some(16_777_215 << 40)),
            ("16777216T", None),
            ("", None),
            ("M", None),
            ("-1", None),
            ("+1", None),
            ("1.5G", None),
            ("1 M", None),
            ("1é", None),
            ("18446744073709551616k", None),
        ] {
            assert_eq!(bytes(text), expected, "{text:?}");
        }
    }
}
