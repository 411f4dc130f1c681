use super::*;
use chaincore_consensus::address::Address;

// Keys that the tables below name.
const KEYS: [(&str, &str); 8] = [
    ("KEY1", "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"),
    (
        "LONG",
        "0479be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8",
    ),
    ("KEY2", "02c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5"),
    ("KEY3", "02f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9"),
    (
        "XPUB",
        "tpubD6NzVbkrYhZ4WaWSyoBvQwbpLkojyoTZPRsgXELWz3Popb3qkjcJyJUGLnL4qHHoQvao8ESAastxYSnhyswJ76uZPStJRJCTKvosUCJZL5B",
    ),
    (
        "XPRV",
        "tprv8ZgxMBicQKsPd7Uf69XL1XwhmjHopUGep8GuEiJDZmbQz6o58LninorQAfcKZWARbtRtfnLcJ5MQ2AtHcQJCCRUcMRvmDUjyEmNUWwx8UbK",
    ),
    ("XONLY1", "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"),
    ("XONLY2", "c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5"),
];

fn full(text: &str) -> String {
    KEYS.iter().fold(text.to_owned(), |text, (name, key)| text.replace(name, key))
}

/// A descriptor, its canonical form, and the addresses at positions 0 and 1, as Bitcoin Core gives them on regtest.
const UNDERSTOOD: &[(&str, &str, &[&str])] = &[
    ("wpkh(KEY1)", "wpkh(KEY1)#ucxz0gak", &["bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"]),
    ("sh(wpkh(KEY1))", "sh(wpkh(KEY1))#jqtwwlah", &["2NAUYAHhujozruyzpsFRP63mbrdaU5wnEpN"]),
    (
        "combo(KEY1)",
        "combo(KEY1)#lq9sf04s",
        &[
            "mrCDrCybB6J1vRfbwM5hemdJz73FwDBC8r",
            "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080",
            "2NAUYAHhujozruyzpsFRP63mbrdaU5wnEpN",
        ],
    ),
    ("combo(LONG)", "combo(LONG)#drcxjdas", &["mtoKs9V381UAhUia3d7Vb9GNak8Qvmcsme"]),
    ("pk(LONG)", "pk(LONG)#fsjyjr2x", &[]),
    ("multi(1,KEY1,KEY2)", "multi(1,KEY1,KEY2)#l5sy3u48", &[]),
    ("sortedmulti(2,KEY2,KEY1,KEY3)", "sortedmulti(2,KEY2,KEY1,KEY3)#5a5m2eqr", &[]),
    ("sh(multi(2,KEY1,LONG))", "sh(multi(2,KEY1,LONG))#ngaurvfk", &["2Mv2WxCPiKNkGL9TqAcCmXPhbJtKGjG35x7"]),
    (
        "sh(sortedmulti(2,KEY2,KEY1))",
        "sh(sortedmulti(2,KEY2,KEY1))#89cay9dd",
        &["2MtycqikMJfc1GfzPar2xBzBMqmfHSdGF9s"],
    ),
    (
        "wsh(multi(2,KEY1,KEY2))",
        "wsh(multi(2,KEY1,KEY2))#e7d75zev",
        &["bcrt1qnwvyc7aw8m7acw3lpgs0lqdlaz0drls8luf72cs5nmn9f0kcghdsr03hg4"],
    ),
    ("sh(wsh(pkh(KEY1)))", "sh(wsh(pkh(KEY1)))#dcl29tl9", &["2NCv3Z6EZnDxprQ8M7D6fgSEzEAai8ef62b"]),
    (
        "wsh(pk(KEY1))",
        "wsh(pk(KEY1))#fdpqq2al",
        &["bcrt1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3qzf4jry"],
    ),
    ("tr(KEY1)", "tr(KEY1)#3q50ef67", &["bcrt1pmfr3p9j00pfxjh0zmgp99y8zftmd3s5pmedqhyptwy6lm87hf5ssm803es"]),
    (
        "tr(XONLY1)",
        "tr(XONLY1)#gxjkeue2",
        &["bcrt1pmfr3p9j00pfxjh0zmgp99y8zftmd3s5pmedqhyptwy6lm87hf5ssm803es"],
    ),
    (
        "rawtr(XONLY1)",
        "rawtr(XONLY1)#xsjqcczm",
        &["bcrt1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqc8gma6"],
    ),
    (
        "tr(XONLY1,pk(XONLY2))",
        "tr(XONLY1,pk(XONLY2))#v7hhggq3",
        &["bcrt1pg44et8f66qnjn5fd0hu6dnnx7tczqslmt3dkzpccjlzeg99psshqfkkdep"],
    ),
    (
        "tr(KEY1,{pk(KEY2),multi_a(1,KEY1,KEY3)})",
        "tr(KEY1,{pk(KEY2),multi_a(1,KEY1,KEY3)})#7ln4tj9c",
        &["bcrt1p5m0cse0au854r0rx6cdsgrefwu9wemz99qdvq7mphskw598lr8psq4w466"],
    ),
    (
        "tr(KEY1,{{pk(KEY2),pk(KEY3)},sortedmulti_a(2,KEY3,KEY2)})",
        "tr(KEY1,{{pk(KEY2),pk(KEY3)},sortedmulti_a(2,KEY3,KEY2)})#gzyau7kt",
        &["bcrt1pjxskk32qq4jusgt8g5zf5adgl0x94696mgsjz4lkzfz5l7arzgjsqnp5ya"],
    ),
    (
        "addr(bcrt1q4u4nsgk6ug0sqz7r3rj9tykjxrsl0yy4d0wwte)",
        "addr(bcrt1q4u4nsgk6ug0sqz7r3rj9tykjxrsl0yy4d0wwte)#q98e3xzr",
        &["bcrt1q4u4nsgk6ug0sqz7r3rj9tykjxrsl0yy4d0wwte"],
    ),
    (
        "addr(mjTkW3DjgyZck4KbiRusZsqTgaYTxdSz6z)",
        "addr(mjTkW3DjgyZck4KbiRusZsqTgaYTxdSz6z)#jdtmxdcm",
        &["mjTkW3DjgyZck4KbiRusZsqTgaYTxdSz6z"],
    ),
    ("raw(51)", "raw(51)#8lvh9jxk", &[]),
    ("raw(6a0161)", "raw(6a0161)#hyyt7vd3", &[]),
    (
        "pkh([d34db33f/44h/0h/0h]KEY1)",
        "pkh([d34db33f/44h/0h/0h]KEY1)#jfjjhh62",
        &["mrCDrCybB6J1vRfbwM5hemdJz73FwDBC8r"],
    ),
    (
        "pkh([d34db33f/44'/0h/0']KEY1)",
        "pkh([d34db33f/44'/0'/0']KEY1)#49mgvt3g",
        &["mrCDrCybB6J1vRfbwM5hemdJz73FwDBC8r"],
    ),
    (
        "wpkh(tpubD6NzVbkrYhZ4WaWSyoBvQwbpLkojyoTZPRsgXELWz3Popb3qkjcJyJUGLnL4qHHoQvao8ESaAstxYSnhyswJ76uZPStJRJCTKvosUCJZL5B/0/*)",
        "wpkh(tpubD6NzVbkrYhZ4WaWSyoBvQwbpLkojyoTZPRsgXELWz3Popb3qkjcJyJUGLnL4qHHoQvao8ESaAstxYSnhyswJ76uZPStJRJCTKvosUCJZL5B/0/*)#efr7m7hr",
        &["bcrt1qm90ugl4d48jv8n6e5t9ln6t9zlpm5th68x4f8g", "bcrt1ql7zg7ukh3dwr25ex2zn9jse926f27xy2jz58tm"],
    ),
    (
        "wpkh([d34db33f/84'/1h]tpubD6NzVbkrYhZ4WaWSyoBvQwbpLkojyoTZPRsgXELWz3Popb3qkjcJyJUGLnL4qHHoQvao8ESaAstxYSnhyswJ76uZPStJRJCTKvosUCJZL5B/0/*)",
        "wpkh([d34db33f/84h/1h]tpubD6NzVbkrYhZ4WaWSyoBvQwbpLkojyoTZPRsgXELWz3Popb3qkjcJyJUGLnL4qHHoQvao8ESaAstxYSnhyswJ76uZPStJRJCTKvosUCJZL5B/0/*)#eh7q7alt",
        &["bcrt1qm90ugl4d48jv8n6e5t9ln6t9zlpm5th68x4f8g", "bcrt1ql7zg7ukh3dwr25ex2zn9jse926f27xy2jz58tm"],
    ),
    (
        "wpkh(tpubD6NzVbkrYhZ4WaWSyoBvQwbpLkojyoTZPRsgXELWz3Popb3qkjcJyJUGLnL4qHHoQvao8ESaAstxYSnhyswJ76uZPStJRJCTKvosUCJZL5B/0/1)",
        "wpkh(tpubD6NzVbkrYhZ4WaWSyoBvQwbpLkojyoTZPRsgXELWz3Popb3qkjcJyJUGLnL4qHHoQvao8ESaAstxYSnhyswJ76uZPStJRJCTKvosUCJZL5B/0/1)#8eg2l8hl",
        &["bcrt1ql7zg7ukh3dwr25ex2zn9jse926f27xy2jz58tm"],
    ),
    (
        "wpkh(tpubD6NzVbkrYhZ4WaWSyoBvQwbpLkojyoTZPRsgXELWz3Popb3qkjcJyJUGLnL4qHHoQvao8ESaAstxYSnhyswJ76uZPStJRJCTKvosUCJZL5B/0/*')",
        "wpkh(tpubD6NzVbkrYhZ4WaWSyoBvQwbpLkojyoTZPRsgXELWz3Popb3qkjcJyJUGLnL4qHHoQvao8ESaAstxYSnhyswJ76uZPStJRJCTKvosUCJZL5B/0/*')#jhaesut4",
        &[],
    ),
    (
        "wpkh(XPRV/0/*')",
        "wpkh(tpubD6NzVbkrYhZ4WaWSyoBvQwbpLkojyoTZPRsgXELWz3Popb3qkjcJyJUGLnL4qHHoQvao8ESaAstxYSnhyswJ76uZPStJRJCTKvosUCJZL5B/0/*')#jhaesut4",
        &["bcrt1q97fke3clxkzr5hr8hq7yadd7ljs3lche47kmmx", "bcrt1qghmrjwhysp8dfmdswzfhzp2vnmg8pz9wq8xhzk"],
    ),
    (
        "wpkh(XPRV/0h/*h)",
        "wpkh(tpubD6NzVbkrYhZ4WaWSyoBvQwbpLkojyoTZPRsgXELWz3Popb3qkjcJyJUGLnL4qHHoQvao8ESaAstxYSnhyswJ76uZPStJRJCTKvosUCJZL5B/0h/*h)#l2tanlmg",
        &["bcrt1qkppdm5nct40dxjn3a05vqwx7magkdpdheqt4z6", "bcrt1qyd5a6ja87c0f5lgl9cjftjxucs8jfws7zkn6ln"],
    ),
    (
        "pkh(XPRV/1)",
        "pkh(tpubD6NzVbkrYhZ4WaWSyoBvQwbpLkojyoTZPRsgXELWz3Popb3qkjcJyJUGLnL4qHHoQvao8ESaAstxYSnhyswJ76uZPStJRJCTKvosUCJZL5B/1)#9rxkdwge",
        &["mxsVHeGQbMSWvCFownJYB8r5NYKcFb3iFd"],
    ),
    (
        "wpkh(tpubD6NzVbkrYhZ4WaWSyoBvQwbpLkojyoTZPRsgXELWz3Popb3qkjcJyJUGLnL4qHHoQvao8ESaAstxYSnhyswJ76uZPStJRJCTKvosUCJZL5B/<0;1>/*)",
        "wpkh(tpubD6NzVbkrYhZ4WaWSyoBvQwbpLkojyoTZPRsgXELWz3Popb3qkjcJyJUGLnL4qHHoQvao8ESaAstxYSnhyswJ76uZPStJRJCTKvosUCJZL5B/0/*)#efr7m7hr",
        &[
            "bcrt1qm90ugl4d48jv8n6e5t9ln6t9zlpm5th68x4f8g",
            "bcrt1ql7zg7ukh3dwr25ex2zn9jse926f27xy2jz58tm",
            "bcrt1qku54ue2l7t7cftu2p6lghrufr6vzc99h0fwffz",
            "bcrt1q9klcdx4zrgf7m95zhpwfm0lalk92a2rh3swq85",
        ],
    ),
    (
        "wsh(multi(2,tpubD6NzVbkrYhZ4WaWSyoBvQwbpLkojyoTZPRsgXELWz3Popb3qkjcJyJUGLnL4qHHoQvao8ESaAstxYSnhyswJ76uZPStJRJCTKvosUCJZL5B/<0;1>/*,tpubD6NzVbkrYhZ4WaWSyoBvQwbpLkojyoTZPRsgXELWz3Popb3qkjcJyJUGLnL4qHHoQvao8ESaAstxYSnhyswJ76uZPStJRJCTKvosUCJZL5B/<2;3>/*))",
        "wsh(multi(2,tpubD6NzVbkrYhZ4WaWSyoBvQwbpLkojyoTZPRsgXELWz3Popb3qkjcJyJUGLnL4qHHoQvao8ESaAstxYSnhyswJ76uZPStJRJCTKvosUCJZL5B/0/*,tpubD6NzVbkrYhZ4WaWSyoBvQwbpLkojyoTZPRsgXELWz3Popb3qkjcJyJUGLnL4qHHoQvao8ESaAstxYSnhyswJ76uZPStJRJCTKvosUCJZL5B/2/*))#6qeezdqj",
        &[
            "bcrt1qd7ae0jt4yp88flvyxersy2h3mf3xy0nyecl9ngqxer08q5rl9q7syvpv9x",
            "bcrt1qxnjtk4hum5224hdt8jnx7l08emn7g68uphuqzrl242jcujx409zqwcpjl8",
            "bcrt1q88z4tguaqtjckpdjt3ga33r7wn7r930q9823vcpv3u9s5nyx3w4s0ln898",
            "bcrt1qavmwsl68nxxs2dl0680l03u2dgctmfrt9grzz0s6sj2fpwgzhh6sy3cycq",
        ],
    ),
    (
        "tr(tpubD6NzVbkrYhZ4WaWSyoBvQwbpLkojyoTZPRsgXELWz3Popb3qkjcJyJUGLnL4qHHoQvao8ESaAstxYSnhyswJ76uZPStJRJCTKvosUCJZL5B/<0;1>/*,pk(KEY1))",
        "tr(tpubD6NzVbkrYhZ4WaWSyoBvQwbpLkojyoTZPRsgXELWz3Popb3qkjcJyJUGLnL4qHHoQvao8ESaAstxYSnhyswJ76uZPStJRJCTKvosUCJZL5B/0/*,pk(KEY1))#cmvr0s0a",
        &[
            "bcrt1pkuhmy5czqq4ec4hf60n9408w8txl7rkwkcg22tn9tluqxtywdznqc8kme4",
            "bcrt1pztetk4rsdn7zpsja6r8e0jhls2epsw66fx8twkxtv69vj2sk9gyqlujtwm",
            "bcrt1pchfl2uxal3lnm6t2fd56wrc70me6e6p84c6xuyayau2nr7em4vus026gmc",
            "bcrt1prxxym40z53h0wfne6sym0exfxetf6gcvt678scaszx0my4mq4kusydrk6z",
        ],
    ),
    (
        "combo(tpubD6NzVbkrYhZ4WaWSyoBvQwbpLkojyoTZPRsgXELWz3Popb3qkjcJyJUGLnL4qHHoQvao8ESaAstxYSnhyswJ76uZPStJRJCTKvosUCJZL5B/*)",
        "combo(tpubD6NzVbkrYhZ4WaWSyoBvQwbpLkojyoTZPRsgXELWz3Popb3qkjcJyJUGLnL4qHHoQvao8ESaAstxYSnhyswJ76uZPStJRJCTKvosUCJZL5B/*)#k6dpdfds",
        &[
            "myMFMZLu351CMa8ojwGC9Sdm9iwfBSX7rY",
            "bcrt1qcww93pevcs7uv5jjype6y9j0pf9x63vv7rfmgt",
            "2MvieFaH4Ltd2S4rWRqMXUHUMYQz44SEDb3",
            "mxsVHeGQbMSWvCFownJYB8r5NYKcFb3iFd",
            "bcrt1qhew9gshgladxm65ye9afcw2z6689w5zch9fe6n",
            "2Msd2vkLY9uavVkmYh2iveHcU32TvomULKy",
        ],
    ),
    (
        "pkh(cMahea7zqjxrtgAbB7LSGbcQUr1uX1ojuat9jZodMN87JcbXMTcA)",
        "pkh(KEY1)#e48zzw02",
        &["mrCDrCybB6J1vRfbwM5hemdJz73FwDBC8r"],
    ),
    (
        "wpkh(cMahea7zqjxrtgAbB7LSGbcQUr1uX1ojuat9jZodMN87JcbXMTcA)",
        "wpkh(KEY1)#ucxz0gak",
        &["bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"],
    ),
    (
        "tr(cMahea7zqjxrtgAbB7LSGbcQUr1uX1ojuat9jZodMN87JcbXMTcA)",
        "tr(XONLY1)#gxjkeue2",
        &["bcrt1pmfr3p9j00pfxjh0zmgp99y8zftmd3s5pmedqhyptwy6lm87hf5ssm803es"],
    ),
];

/// What is no descriptor, and Core's words for it.
const REFUSED: &[(&str, &str)] = &[
    ("raw()", "Raw script is not hex"),
    ("raw(xy)", "Raw script is not hex"),
    ("addr(foo)", "Address is not valid"),
    ("wpkh(LONG)", "wpkh(): Uncompressed keys are not allowed"),
    ("wsh(pk(LONG))", "pk(): Uncompressed keys are not allowed"),
    ("tr(LONG)", "tr(): Uncompressed keys are not allowed"),
    ("pk()", "pk(): No key provided"),
    ("pk(00)", "pk(): Pubkey '00' is invalid"),
    ("pk( )", "pk(): Key ' ' is invalid due to whitespace"),
    ("pk( KEY1)", "pk(): Key ' KEY1' is invalid due to whitespace"),
    (
        "pk(06XONLY1483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8)",
        "pk(): Hybrid public keys are not allowed",
    ),
    (
        "wpkh(tpubD6NzVbkrYhZ4WaWSyoBvQwbpLkojyoTZPRsgXELWz3Popb3qkjcJyJUGLnL4qHHoQvao8ESaAstxYSnhyswJ76uZPStJRJCTKvosUCJZL5B/x)",
        "wpkh(): Key path value 'x' is not a valid uint32",
    ),
    (
        "wpkh(tpubD6NzVbkrYhZ4WaWSyoBvQwbpLkojyoTZPRsgXELWz3Popb3qkjcJyJUGLnL4qHHoQvao8ESaAstxYSnhyswJ76uZPStJRJCTKvosUCJZL5B/2147483648)",
        "wpkh(): Key path value 2147483648 is out of range",
    ),
    (
        "wpkh(tpubD6NzVbkrYhZ4WaWSyoBvQwbpLkojyoTZPRsgXELWz3Popb3qkjcJyJUGLnL4qHHoQvao8ESaAstxYSnhyswJ76uZPStJRJCTKvosUCJZL5B/<0>)",
        "wpkh(): Multipath key path specifiers must have at least two items",
    ),
    (
        "wpkh(tpubD6NzVbkrYhZ4WaWSyoBvQwbpLkojyoTZPRsgXELWz3Popb3qkjcJyJUGLnL4qHHoQvao8ESaAstxYSnhyswJ76uZPStJRJCTKvosUCJZL5B/<0;0>)",
        "wpkh(): Duplicated key path value 0 in multipath specifier",
    ),
    (
        "wpkh(tpubD6NzVbkrYhZ4WaWSyoBvQwbpLkojyoTZPRsgXELWz3Popb3qkjcJyJUGLnL4qHHoQvao8ESaAstxYSnhyswJ76uZPStJRJCTKvosUCJZL5B/<0;1>/<2;3>)",
        "wpkh(): Multiple multipath key path specifiers found",
    ),
    ("pk([00]KEY1)", "pk(): Fingerprint is not 4 bytes (2 characters instead of 8 characters)"),
    ("pk([zzzzzzzz]KEY1)", "pk(): Fingerprint 'zzzzzzzz' is not hex"),
    ("pk(d34db33f]KEY1)", "pk(): Key origin start '[ character expected but not found, got 'd' instead"),
    ("pk([d34db33f]]KEY1)", "pk(): Multiple ']' characters found for a single pubkey"),
    (
        "pk([d34db33f/<0;1>]KEY1)",
        "pk(): Key path value '<0;1>' specifies multipath in a section where multipath is not allowed",
    ),
    ("multi(0,KEY1)", "Multisig threshold cannot be 0, must be at least 1"),
    (
        "multi(2,KEY1)",
        "Multisig threshold cannot be larger than the number of keys; threshold is 2 but only 1 keys specified",
    ),
    ("multi(a,KEY1)", "Multi threshold 'a' is not valid"),
    ("multi(1)", "Cannot have 0 keys in multisig; must have between 1 and 20 keys, inclusive"),
    ("multi(1,KEY1,KEY1,KEY1,KEY1)", "Cannot have 4 pubkeys in bare multisig; only at most 3 pubkeys"),
    ("multi(1 KEY1)", "Multi threshold '1 KEY1' is not valid"),
    ("multi(1,KEY1)KEY1", "'multi(1,KEY1)KEY1' is not a valid descriptor function"),
    (
        "sh(multi(1,KEY1,KEY1,KEY1,KEY1,KEY1,KEY1,KEY1,KEY1,KEY1,KEY1,KEY1,KEY1,KEY1,KEY1,KEY1,KEY1))",
        "P2SH script is too large, 547 bytes is larger than 520 bytes",
    ),
    (
        "wsh(multi(1,KEY1,KEY1,KEY1,KEY1,KEY1,KEY1,KEY1,KEY1,KEY1,KEY1,KEY1,KEY1,KEY1,KEY1,KEY1,KEY1,KEY1,KEY1,KEY1,KEY1,KEY1))",
        "Cannot have 21 keys in multisig; must have between 1 and 20 keys, inclusive",
    ),
    ("sh(sh(pk(KEY1)))", "Can only have sh() at top level"),
    ("wsh(wsh(pk(KEY1)))", "Can only have wsh() at top level or inside sh()"),
    ("wsh(wpkh(KEY1))", "Can only have wpkh() at top level or inside sh()"),
    ("sh(combo(KEY1))", "Can only have combo() at top level"),
    ("sh(tr(KEY1))", "Can only have tr at top level"),
    ("sh(raw(51))", "Can only have raw() at top level"),
    ("sh(addr(x))", "Can only have addr() at top level"),
    ("sh(x)", "A function is needed within P2SH"),
    ("wsh(x)", "A function is needed within P2WSH"),
    ("foo", "'foo' is not a valid descriptor function"),
    ("foo()", "'foo()' is not a valid descriptor function"),
    ("tr()", "tr(): No key provided"),
    ("tr(KEY1,)", "'' is not a valid descriptor function"),
    ("tr(KEY1,pk(KEY2)", "'pk(KEY2' is not a valid descriptor function"),
    ("tr(KEY1,{pk(KEY2),pk(KEY3)}", "'tr(KEY1,{pk(KEY2),pk(KEY3)}' is not a valid descriptor function"),
    ("tr(KEY1,{pk(KEY2)})", "tr(): expected ',' after script expression"),
    ("tr(KEY1,pk(KEY2),pk(KEY3))", "tr(): expected ')' after script expression"),
    ("rawtr(KEY1,KEY2)", "rawtr(): only one key expected."),
    ("wsh(multi_a(1,KEY1))", "Can only have multi_a/sortedmulti_a inside tr()"),
    ("tr(KEY1,multi(1,KEY1))", "Can only have multi/sortedmulti at top level, in sh(), or in wsh()"),
    (
        "wsh(multi(2,tpubD6NzVbkrYhZ4WaWSyoBvQwbpLkojyoTZPRsgXELWz3Popb3qkjcJyJUGLnL4qHHoQvao8ESaAstxYSnhyswJ76uZPStJRJCTKvosUCJZL5B/<0;1>/*,tpubD6NzVbkrYhZ4WaWSyoBvQwbpLkojyoTZPRsgXELWz3Popb3qkjcJyJUGLnL4qHHoQvao8ESaAstxYSnhyswJ76uZPStJRJCTKvosUCJZL5B/<2;3;4>/*))",
        "multi(): Multipath derivation paths have mismatched lengths",
    ),
    ("pk(KEY1)#", "Expected 8 character checksum, not 0 characters"),
    ("pk(x)#abc", "Expected 8 character checksum, not 3 characters"),
    ("pk(KEY1)#aaaaaaaa", "Provided checksum 'aaaaaaaa' does not match computed checksum 'gn28ywm7'"),
    ("é()", "Invalid characters in payload"),
    ("", "'' is not a valid descriptor function"),
    (
        "tr(KEY1,{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{pk(KEY1)",
        "tr() supports at most 128 nesting levels",
    ),
    ("wsh(pk(KEY1))x", "'wsh(pk(KEY1))x' is not a valid descriptor function"),
];

#[test]
fn what_core_understands_is_understood_alike() {
    let params = ChainParams::regtest();
    let format = &params.addresses;
    for (text, canonical, addresses) in UNDERSTOOD {
        let found = Descriptor::parse(&full(text), format).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(found[0].to_text(format), full(canonical), "{text}");
        let last = u32::from(found[0].is_range());
        let mut made = vec![];
        for descriptor in &found {
            for position in 0..=last {
                let scripts = descriptor.scripts(position, &mut Provider::default());
                let scripts = scripts.into_iter().flatten();
                made.extend(
                    scripts.filter_map(|script| Some(Address::from_script(&script)?.to_text(format))),
                );
            }
        }
        // Core lists no address at all where one script has none.
        if !addresses.is_empty() {
            assert_eq!(made, *addresses, "{text}");
        }
        // The canonical form means the same.
        let again = Descriptor::parse_with_checksum(&full(canonical), format).unwrap();
        assert_eq!(again[0].to_text(format), full(canonical));
    }
}

#[test]
fn what_core_refuses_is_refused_in_its_words() {
    let params = ChainParams::regtest();
    for (text, error) in REFUSED {
        let found = Descriptor::parse(&full(text), &params.addresses);
        assert_eq!(found.err(), Some(full(error)), "{text}");
    }
}

#[test]
fn scripts_are_inferred_with_what_is_known_of_their_hashes() {
    let params = ChainParams::regtest();
    let format = &params.addresses;
    for (text, inferred) in [
        ("wpkh(KEY1)", vec!["wpkh([751e76e8]KEY1)"]),
        ("tr(KEY1)", vec!["tr([751e76e8]XONLY1)"]),
        ("wsh(sortedmulti(1,KEY2,KEY1))", vec!["wsh(multi(1,[751e76e8]KEY1,[06afd46b]KEY2))"]),
        ("sh(wsh(pkh([d34db33f/1h]KEY1)))", vec!["sh(wsh(pkh([d34db33f/1h]KEY1)))"]),
        (
            "combo(KEY1)",
            vec![
                "pk([751e76e8]KEY1)",
                "pkh([751e76e8]KEY1)",
                "wpkh([751e76e8]KEY1)",
                "sh(wpkh([751e76e8]KEY1))",
            ],
        ),
        ("raw(51)", vec!["raw(51)"]),
        ("rawtr(XONLY1)", vec!["rawtr([751e76e8]XONLY1)"]),
    ] {
        let mut provider = Provider::default();
        let scripts = Descriptor::parse(&full(text), format).unwrap()[0].scripts(0, &mut provider).unwrap();
        let texts: Vec<_> = scripts.iter().map(|script| infer_with(script, &provider, format)).collect();
        let wanted: Vec<_> = inferred.iter().map(|text| with_checksum(full(text))).collect();
        assert_eq!(texts, wanted, "{text}");
    }
}

#[test]
fn texts_that_are_no_descriptors_do_no_harm() {
    let params = ChainParams::regtest();
    // Every understood text, cut and with a character changed, on the boundaries of characters.
    for (text, ..) in UNDERSTOOD {
        let text = full(text);
        for at in 0..text.len() {
            for change in ["", "{", ")", ",", "/", "<", "'", "*"] {
                let changed = format!("{}{change}{}", &text[..at], &text[at + 1..]);
                if let Ok(found) = Descriptor::parse(&changed, &params.addresses) {
                    assert!(!found.is_empty());
                }
            }
        }
    }
}
