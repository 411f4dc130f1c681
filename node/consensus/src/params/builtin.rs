//! The built-in chains. The numbers of Bitcoin's own are Core 31's (`kernel/chainparams.cpp`).

use super::{
    AddressFormat, AsertAnchor, BuriedHeights, ChainParams, DeploymentStart, GenesisSpec, Retarget,
    VersionBitsDeployment,
};
use crate::amount::Amount;
use crate::hash::{BlockHash, sha256d};
use crate::pow::{Target, Work};
use crate::script::Script;

/// The text in the first block of Bitcoin's main, signet and regtest chains.
const TIMES: &str = "The Times 03/Jan/2009 Chancellor on brink of second bailout for banks";

/// The script of that block's output.
const TIMES_SCRIPT: &str = "4104678afdb0fe5548271967f1a67130b7105cd6a828e03909a67962e0ea1f61deb649f6bc3f4cef38c4f35504e51ec112de5c384df7ba0b8d578a4c702b6bf11d5fac";

const TWO_WEEKS: u32 = 14 * 24 * 60 * 60;

/// The bits of `SCRIPT_VERIFY_P2SH | SCRIPT_VERIFY_WITNESS`.
const P2SH_AND_WITNESS: u32 = 1 | 1 << 11;

/// Soft forks that hold from the start (BIP34 and the like from block 1, since genesis has no height in it).
pub(super) const FROM_THE_START: BuriedHeights =
    BuriedHeights { bip34: 1, bip65: 1, bip66: 1, csv: 1, segwit: 1, taproot: 0 };

/// Bitcoin mainnet's address formats.
pub(super) fn main_addresses() -> AddressFormat {
    AddressFormat {
        p2pkh: 0,
        p2sh: 5,
        wif: 128,
        xpub: [0x04, 0x88, 0xb2, 0x1e],
        xprv: [0x04, 0x88, 0xad, 0xe4],
        bech32_hrp: "bc".into(),
    }
}

fn test_addresses(bech32_hrp: &str) -> AddressFormat {
    AddressFormat {
        p2pkh: 111,
        p2sh: 196,
        wif: 239,
        xpub: [0x04, 0x35, 0x87, 0xcf],
        xprv: [0x04, 0x35, 0x83, 0x94],
        bech32_hrp: bech32_hrp.into(),
    }
}

/// Core's placeholder deployment, which only regtest ever votes on.
fn testdummy(start: DeploymentStart, period: u32, threshold: u32) -> Vec<VersionBitsDeployment> {
    vec![VersionBitsDeployment {
        name: "testdummy".into(),
        bit: 28,
        start,
        timeout: i64::MAX,
        min_activation_height: 0,
        period,
        threshold,
        gbt_optional: true,
    }]
}

fn hash(text: &str) -> BlockHash {
    text.parse().expect("a literal of 64 digits")
}

fn work(text: &str) -> Work {
    text.parse().expect("a literal of hexadecimal digits")
}

fn script(text: &str) -> Script {
    Script(crate::hex::decode(text).expect("a literal of hexadecimal digits"))
}

fn seeds(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| String::from(*name)).collect()
}

/// The first four bytes of the hash of the challenge, serialized with its length (BIP325).
pub(super) fn signet_magic(challenge: &[u8]) -> [u8; 4] {
    let mut bytes = Vec::new();
    crate::codec::put_var_bytes(&mut bytes, challenge);
    let hash = sha256d(&bytes);
    [hash[0], hash[1], hash[2], hash[3]]
}

impl ChainParams {
    /// The default chain: ten-second blocks from an easy start, Bitcoin mainnet's address formats, every soft fork
    /// from the beginning.
    pub fn chaincore() -> Self {
        let genesis = GenesisSpec {
            message: "ChainCore 01/Jan/2026 a chain of your own from one file".into(),
            script_pubkey: Script(vec![0x6a]),
            time: 1_767_225_600,
            bits: 0x1f0f_ffff,
            nonce: 347,
            reward: Amount::from_coins(50),
        }
        .build();
        Self {
            name: "chaincore".into(),
            data_subfolder: "chaincore".into(),
            magic: [0xcc, 0x0e, 0xc0, 0x8e],
            p2p_port: 8000,
            rpc_port: 5000,
            dns_seeds: Vec::new(),
            fixed_seeds: Vec::new(),
            genesis_hash: genesis.hash(),
            genesis,
            pow_limit: Target::from_leading_hex_zeros(3).expect("3 is below 64"),
            retarget: Retarget::Asert { half_life: 60, anchor: AsertAnchor::Parent },
            target_spacing: 10,
            target_timespan: 2016 * 10,
            enforce_bip94: false,
            initial_subsidy: Amount::from_coins(50),
            halving_interval: 210_000,
            coinbase_maturity: 100,
            addresses: main_addresses(),
            deployments: FROM_THE_START,
            bip34_hash: None,
            bip30_repeats: Vec::new(),
            version_bits: Vec::new(),
            script_flag_exceptions: Vec::new(),
            signet_challenge: None,
            minimum_chain_work: Work::ZERO,
            mockable: false,
        }
    }

    /// Bitcoin's main network.
    pub fn main() -> Self {
        let genesis = bitcoin_genesis(1_231_006_505, 2_083_236_893, 0x1d00_ffff);
        Self {
            name: "main".into(),
            data_subfolder: String::new(),
            magic: [0xf9, 0xbe, 0xb4, 0xd9],
            p2p_port: 8333,
            rpc_port: 8332,
            dns_seeds: seeds(&[
                "dnsseed.bluematt.me.",
                "seed.bitcoin.jonasschnelli.ch.",
                "seed.btc.petertodd.net.",
                "seed.bitcoin.sprovoost.nl.",
                "dnsseed.emzy.de.",
                "seed.bitcoin.wiz.biz.",
                "seed.mainnet.achownodes.xyz.",
            ]),
            fixed_seeds: Vec::new(),
            genesis_hash: genesis.hash(),
            genesis,
            pow_limit: Target::from_leading_hex_zeros(8).expect("8 is below 64"),
            retarget: Retarget::Bitcoin2016,
            target_spacing: 600,
            target_timespan: TWO_WEEKS,
            enforce_bip94: false,
            initial_subsidy: Amount::from_coins(50),
            halving_interval: 210_000,
            coinbase_maturity: 100,
            addresses: main_addresses(),
            deployments: BuriedHeights {
                bip34: 227_931,
                bip65: 388_381,
                bip66: 363_725,
                csv: 419_328,
                segwit: 481_824,
                taproot: 0,
            },
            bip34_hash: Some(hash("000000000000024b89b42a942fe0d9fea3bb44ab7bd1b19115dd6a759c0808b8")),
            bip30_repeats: vec![
                (91_842, hash("00000000000a4d0a398161ffc163c503763b1f4360639393e0e4c8e300e0caec")),
                (91_880, hash("00000000000743f190a18c5577a3c2d2a1f610ae9601ac046a38084ccb7cd721")),
            ],
            version_bits: testdummy(DeploymentStart::NeverActive, 2016, 1815),
            script_flag_exceptions: vec![
                // One block broke BIP16 before it held, and one spent a taproot output with an invalid witness.
                (hash("00000000000002dc756eebf4f49723ed8d30cc28a5f108eb94b1ba88ac4f9c22"), 0),
                (hash("0000000000000000000f14c35b2d841e986ab5441de8c585d5ffe55ea1e395ad"), P2SH_AND_WITNESS),
            ],
            signet_challenge: None,
            minimum_chain_work: work("1128750f82f4c366153a3a030"),
            mockable: false,
        }
    }

    /// Bitcoin's test network of BIP94.
    pub fn testnet4() -> Self {
        let genesis = GenesisSpec {
            message: "03/May/2024 000000000000000000001ebd58c244970b3aa9d783bb001011fbe8ea8e98e00e".into(),
            script_pubkey: Script([&[33][..], &[0; 33], &[0xac]].concat()),
            time: 1_714_777_860,
            bits: 0x1d00_ffff,
            nonce: 393_743_547,
            reward: Amount::from_coins(50),
        }
        .build();
        Self {
            name: "testnet4".into(),
            data_subfolder: "testnet4".into(),
            magic: [0x1c, 0x16, 0x3f, 0x28],
            p2p_port: 48333,
            rpc_port: 48332,
            dns_seeds: seeds(&["seed.testnet4.bitcoin.sprovoost.nl.", "seed.testnet4.wiz.biz."]),
            fixed_seeds: Vec::new(),
            genesis_hash: genesis.hash(),
            genesis,
            retarget: Retarget::TestnetMinDifficulty,
            enforce_bip94: true,
            addresses: test_addresses("tb"),
            deployments: FROM_THE_START,
            bip34_hash: None,
            bip30_repeats: Vec::new(),
            version_bits: testdummy(DeploymentStart::NeverActive, 2016, 1512),
            script_flag_exceptions: Vec::new(),
            minimum_chain_work: work("9a0fe15d0177d086304"),
            ..Self::main()
        }
    }

    /// Bitcoin's default signet (BIP325).
    pub fn signet() -> Self {
        let genesis = bitcoin_genesis(1_598_918_400, 52_613_770, 0x1e03_77ae);
        let challenge = script(
            "512103ad5e0edad18cb1f0fc0d28a3d4f1f3e445640337489abb10404f2d1e086be430210359ef5021964fe22d6f8e05b2463c9540ce96883fe3b278760f048f5189f2e6c452ae",
        );
        Self {
            name: "signet".into(),
            data_subfolder: "signet".into(),
            magic: signet_magic(&challenge),
            p2p_port: 38333,
            rpc_port: 38332,
            dns_seeds: seeds(&["seed.signet.bitcoin.sprovoost.nl.", "seed.signet.achownodes.xyz."]),
            fixed_seeds: Vec::new(),
            genesis_hash: genesis.hash(),
            genesis,
            pow_limit: Target::from_compact(0x1e03_77ae).expect("a valid compact target"),
            addresses: test_addresses("tb"),
            deployments: FROM_THE_START,
            bip34_hash: None,
            bip30_repeats: Vec::new(),
            version_bits: testdummy(DeploymentStart::NeverActive, 2016, 1815),
            script_flag_exceptions: Vec::new(),
            signet_challenge: Some(challenge),
            minimum_chain_work: work("b463ea0a4b8"),
            ..Self::main()
        }
    }

    /// Bitcoin's regression test chain: blocks for the asking.
    pub fn regtest() -> Self {
        let genesis = bitcoin_genesis(1_296_688_602, 2, 0x207f_ffff);
        Self {
            name: "regtest".into(),
            data_subfolder: "regtest".into(),
            magic: [0xfa, 0xbf, 0xb5, 0xda],
            p2p_port: 18444,
            rpc_port: 18443,
            dns_seeds: Vec::new(),
            fixed_seeds: Vec::new(),
            genesis_hash: genesis.hash(),
            genesis,
            pow_limit: Target::from_be_bytes({
                let mut bytes = [0xff; 32];
                bytes[0] = 0x7f;
                bytes
            }),
            retarget: Retarget::NoRetarget,
            target_timespan: 24 * 60 * 60,
            halving_interval: 150,
            addresses: test_addresses("bcrt"),
            deployments: BuriedHeights { segwit: 0, ..FROM_THE_START },
            bip34_hash: None,
            bip30_repeats: Vec::new(),
            version_bits: testdummy(DeploymentStart::Time(0), 144, 108),
            script_flag_exceptions: Vec::new(),
            minimum_chain_work: Work::ZERO,
            mockable: true,
            ..Self::main()
        }
    }
}

fn bitcoin_genesis(time: u32, nonce: u32, bits: u32) -> crate::Block {
    GenesisSpec {
        message: TIMES.into(),
        script_pubkey: script(TIMES_SCRIPT),
        time,
        bits,
        nonce,
        reward: Amount::from_coins(50),
    }
    .build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pow::check_proof_of_work;

    #[test]
    fn the_first_blocks_are_those_everybody_knows() {
        for (name, expected) in [
            ("main", "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f"),
            ("testnet4", "00000000da84f2bafbbc53dee25a72ae507ff4914b867c565be350b0da8bf043"),
            ("signet", "00000008819873e925422c1ff0f99f7cc9bbb232af63a077a480a3633bee1ef6"),
            ("regtest", "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206"),
            ("chaincore", "000c589bb621f285e1c333ff6ddc3cecfd67ca98fe3f4818ee090714e199f52b"),
        ] {
            let params = ChainParams::by_name(name).unwrap();
            assert_eq!(params.name, name);
            assert_eq!(params.genesis_hash.to_string(), expected, "{name}");
            assert!(
                check_proof_of_work(&params.genesis_hash, params.genesis.header.bits, params.pow_limit),
                "{name}"
            );
        }
        assert!(ChainParams::by_name("testnet3").is_none());
        let merkle_root = ChainParams::testnet4().genesis.header.merkle_root.to_string();
        assert_eq!(merkle_root, "7aa0a7ae1e223414cb807e40cd57e667b718e42aaf9306db9102fe28912b7b4e");
        assert_eq!(ChainParams::signet().magic, [0x0a, 0x03, 0xcf, 0x40]);
        assert_eq!(ChainParams::regtest().pow_limit.to_compact(), 0x207f_ffff);
        assert_eq!(ChainParams::regtest().retarget_interval(), 144);
        assert_eq!(ChainParams::main().retarget_interval(), 2016);
    }

    #[test]
    fn the_first_chaincore_block_is_the_one_that_mining_gives() {
        let params = ChainParams::chaincore();
        let spec = GenesisSpec {
            message: "ChainCore 01/Jan/2026 a chain of your own from one file".into(),
            script_pubkey: Script(vec![0x6a]),
            time: params.genesis.header.time,
            bits: params.genesis.header.bits,
            nonce: 0,
            reward: Amount::from_coins(50),
        };
        let mined = super::super::mine_genesis(&spec).unwrap();
        assert_eq!(mined.header.nonce, params.genesis.header.nonce, "nonce of {}", mined.hash());
        assert_eq!(mined, params.genesis);
    }
}
