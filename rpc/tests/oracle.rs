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
