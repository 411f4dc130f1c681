//! The chain that Core's test harness mines, mined through our methods: block hashes and the coins' hash must be
//! Core's.

mod support;

use support::{HARNESS, MemoryNode, call, registry};

#[tokio::test]
async fn the_harness_chain_is_cores_bit_for_bit() {
    let node = MemoryNode::new();
    let registry = registry(&node);
    for round in 0..8 {
        let count = if round == 7 { 24 } else { 25 };
        let params = format!("[{count}, \"{}\"]", HARNESS[round % 4]);
        let hashes = call(&registry, "generatetoaddress", &params).await.unwrap();
        assert_eq!(hashes.matches('"').count(), 2 * count);
    }
    assert_eq!(
        call(&registry, "getblockhash", "[1]").await.unwrap(),
        "\"4a31ceeaab3807a7441be5f951d86a4682a217bff37123f34196e2709d852f5e\""
    );
    assert_eq!(
        call(&registry, "getbestblockhash", "[]").await.unwrap(),
        "\"70561696b71207e34ce30fd728f44836b9a49b391af801d77b4621e3cb16e888\""
    );
    let coins = call(&registry, "gettxoutsetinfo", "[\"muhash\"]").await.unwrap();
    assert!(
        coins.contains("\"muhash\":\"36534f06309cd7f54739afe99c2224e39a53a759da8973f057fe257b1b961c79\""),
        "{coins}"
    );
    assert!(coins.starts_with("{\"height\":199,\"bestblock\":\"70561696"), "{coins}");
    assert!(
        coins.contains("\"txouts\":199,") && coins.contains("\"total_amount\":8700.00000000,"),
        "{coins}"
    );
}

#[tokio::test]
async fn the_hash_of_the_coins_in_order_is_cores() {
    let node = MemoryNode::new();
    let registry = registry(&node);
    // The chain of Core's unit tests: one key, a clock that moves a second per block. Its coins at height 110 are
    // among regtest's assumeutxo data.
    let key = "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798";
    for height in 1..=110 {
        call(&registry, "setmocktime", &format!("[{}]", 1_598_887_952 + height - 1)).await.unwrap();
        call(&registry, "generatetodescriptor", &format!("[1, \"pk({key})\"]")).await.unwrap();
    }
    assert_eq!(
        call(&registry, "getblockhash", "[100]").await.unwrap(),
        "\"0ee6e270d6594249e548110619f7bd690695beb219b915da4a2e84e2b61ed60f\""
    );
    let coins = call(&registry, "gettxoutsetinfo", "[]").await.unwrap();
    assert!(
        coins.starts_with(
            "{\"height\":110,\"bestblock\":\"135eec25a6fb277884e5824e7aa7d052c4868161c99a5122170b5266f86c273d\","
        ),
        "{coins}"
    );
    let hash = "\"hash_serialized_3\":\"86e9a1205b418b16dde3a18a78c730e30137e28466bda5dbf6b33ab8fc05447c\"";
    assert!(coins.contains(hash), "{coins}");
}
