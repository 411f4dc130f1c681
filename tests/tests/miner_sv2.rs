//! A pool's side of Stratum v2: templates come from the node's process, a block goes back, on `regtest` and on `chaincore`.

use binary_sv2::{GetSize, Serialize, from_bytes};
use bitcoin::absolute::LockTime;
use bitcoin::block::{Header, Version};
use bitcoin::consensus::encode::{deserialize_partial, serialize, serialize_hex};
use bitcoin::hashes::{Hash, sha256d};
use bitcoin::{
    Amount, BlockHash, CompactTarget, OutPoint, ScriptBuf, Sequence, Target, Transaction, TxIn, TxMerkleNode,
    TxOut, Witness, transaction,
};
use chaincore_tests::TestNode;
use chaincore_tests::mining::{address, spend};
use codec_sv2::{
    Decoded, Decrypted, Handshake, InitiatorSent, MessageFrame, NoiseDecoder, NoiseEncoder,
    TransportDecryptState, TransportEncryptState,
};
use common_messages_sv2 as common;
use noise_sv2::Initiator;
use serde_json::json;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;
use template_distribution_sv2 as distribution;

/// A bound, not a measurement.
const PATIENCE: Duration = Duration::from_secs(120);
/// What coinbases of these tests pay to: a version of witness that nobody has given a meaning.
const PAYEE: [u8; 4] = [0x60, 2, 7, 7];

/// Where a node serves templates, and the key that it says it has: 32 bytes behind two of version.
fn served(node: &TestNode) -> (SocketAddr, String) {
    let mut found = None;
    node.wait_until("templates are served", |node| {
        let plugins = node.rpc("listplugins", json!([]));
        let described = plugins.as_array().into_iter().flatten().filter_map(|plugin| {
            let described = plugin["description"].as_str()?.split_once(" on ")?.1;
            let (address, key) = described.split_once(", authority key ")?;
            Some((address.parse().ok()?, key.to_owned()))
        });
        found = described.into_iter().next();
        found.is_some()
    });
    found.expect("it was waited for")
}

/// A pool, or what declares jobs to one.
struct Client {
    stream: TcpStream,
    decoder: NoiseDecoder,
    encoder: NoiseEncoder,
    seal: TransportEncryptState,
    open: Option<TransportDecryptState>,
}

impl Client {
    fn connect(node: &TestNode) -> Self {
        let (address, key) = served(node);
        let key = bitcoin::base58::decode_check(&key).expect("a checksum");
        assert_eq!(key[..2], [1, 0]);
        let key = key[2..].try_into().expect("32 bytes");
        let mut stream = TcpStream::connect(address).expect("it takes calls");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
        let (mut encoder, mut decoder) = (NoiseEncoder::new(), NoiseDecoder::new());
        let initiator = Initiator::from_raw_k(key).expect("a key");
        let (first, sent) = Handshake::initiator(initiator).step_0().expect("a first message");
        stream.write_all(&encoder.encode_handshake(first)).expect("it listens");
        let answer = loop {
            stream.read_exact(decoder.writable()).expect("it answers");
            match decoder.next_handshake_frame::<InitiatorSent>().expect("an answer") {
                Decoded::Frame(answer) => break answer,
                Decoded::Incomplete(_) => {}
            }
        };
        let answer = answer.payload().try_into().expect("it is as long as it has to be");
        let (seal, open) = sent.step_2(answer).expect("it has the key that it says").split();
        let mut client = Self { stream, decoder, encoder, seal, open: Some(open) };
        let set_up = common::SetupConnection {
            protocol: common::Protocol::TemplateDistributionProtocol,
            min_version: 2,
            max_version: 2,
            flags: 0,
            endpoint_host: "127.0.0.1".try_into().expect("short"),
            endpoint_port: address.port(),
            vendor: "test".try_into().expect("short"),
            hardware_version: "".try_into().expect("short"),
            firmware: "".try_into().expect("short"),
            device_id: "".try_into().expect("short"),
        };
        client.say(common::MESSAGE_TYPE_SETUP_CONNECTION, set_up);
        assert_eq!(client.read().0, common::MESSAGE_TYPE_SETUP_CONNECTION_SUCCESS);
        let room = distribution::CoinbaseOutputConstraints {
            coinbase_output_max_additional_size: 100,
            coinbase_output_max_additional_sigops: 0,
        };
        client.say(distribution::MESSAGE_TYPE_COINBASE_OUTPUT_CONSTRAINTS, room);
        client
    }

    fn say<T: Serialize + GetSize>(&mut self, kind: u8, message: T) {
        let frame = MessageFrame::from_message(message, kind, 0, false).expect("it is short");
        let bytes = self.encoder.encode_transport(frame, &mut self.seal).expect("it can be encrypted");
        self.stream.write_all(&bytes).expect("the node listens");
    }

    fn read(&mut self) -> (u8, Vec<u8>) {
        loop {
            self.stream.read_exact(self.decoder.writable()).expect("the node says something");
            let open = self.open.take().expect("the keys are there");
            match self.decoder.next_transport_frame(open).expect("a frame") {
                Decrypted::Incomplete(_, open) => self.open = Some(open),
                Decrypted::Frame(mut frame, open) => {
                    self.open = Some(open);
                    return (frame.header().msg_type(), frame.payload().to_vec());
                }
            }
        }
    }

    fn template(&mut self) -> distribution::NewTemplateOwned {
        let (kind, mut payload) = self.read();
        assert_eq!(kind, distribution::MESSAGE_TYPE_NEW_TEMPLATE);
        from_bytes::<distribution::NewTemplate>(&mut payload).expect("a template").into_owned()
    }

    /// The next template that comes with a new tip, and the header that it is to be mined with.
    fn job(&mut self) -> (distribution::NewTemplateOwned, Header) {
        let mut template = self.template();
        while !template.future_template {
            template = self.template();
        }
        let (kind, mut payload) = self.read();
        assert_eq!(kind, distribution::MESSAGE_TYPE_SET_NEW_PREV_HASH);
        let message: distribution::SetNewPrevHash = from_bytes(&mut payload).expect("a block to build on");
        assert_eq!(message.template_id, template.template_id);
        let header = Header {
            version: Version::from_consensus(template.version.cast_signed()),
            prev_blockhash: BlockHash::from_byte_array(message.prev_hash.to_array()),
            merkle_root: TxMerkleNode::all_zeros(),
            time: message.header_timestamp,
            bits: CompactTarget::from_consensus(message.n_bits),
            nonce: 0,
        };
        assert_eq!(Target::from_compact(header.bits), Target::from_le_bytes(message.target.to_array()));
        (template, header)
    }

    /// Mines a block of a template and hands it in.
    fn mine(&mut self, template: &distribution::NewTemplateOwned, mut header: Header) -> BlockHash {
        let coinbase = coinbase(template);
        let mut root = coinbase.compute_txid().to_byte_array();
        for hash in template.merkle_path.iter() {
            root = sha256d::Hash::hash(&[&root[..], hash.as_bytes()].concat()).to_byte_array();
        }
        header.merkle_root = TxMerkleNode::from_byte_array(root);
        let target = Target::from_compact(header.bits);
        while !target.is_met_by(header.block_hash()) {
            header.nonce += 1;
        }
        let bytes = serialize(&coinbase);
        let solution = distribution::SubmitSolution {
            template_id: template.template_id,
            version: header.version.to_consensus().cast_unsigned(),
            header_timestamp: header.time,
            header_nonce: header.nonce,
            coinbase_tx: bytes.as_slice().try_into().expect("it is short"),
        };
        self.say(distribution::MESSAGE_TYPE_SUBMIT_SOLUTION, solution);
        header.block_hash()
    }
}

fn coinbase(template: &distribution::NewTemplateOwned) -> Transaction {
    let payee = TxOut {
        value: Amount::from_sat(template.coinbase_tx_value_remaining),
        script_pubkey: ScriptBuf::from(PAYEE.to_vec()),
    };
    let mut outputs = vec![payee];
    let mut rest = template.coinbase_tx_outputs.as_bytes();
    for _ in 0..template.coinbase_tx_outputs_count {
        let (output, read) = deserialize_partial(rest).expect("an output");
        outputs.push(output);
        rest = &rest[read..];
    }
    assert!(rest.is_empty());
    let input = TxIn {
        previous_output: OutPoint::null(),
        script_sig: ScriptBuf::from([template.coinbase_prefix.as_bytes(), b"pool"].concat()),
        sequence: Sequence(template.coinbase_tx_input_sequence),
        witness: Witness::from_slice(&[[0; 32]]),
    };
    Transaction {
        version: transaction::Version(template.coinbase_tx_version.cast_signed()),
        lock_time: LockTime::from_consensus(template.coinbase_tx_locktime),
        input: vec![input],
        output: outputs,
    }
}

fn tip(node: &TestNode) -> BlockHash {
    node.rpc("getbestblockhash", json!([])).as_str().and_then(|hash| hash.parse().ok()).expect("a hash")
}

#[test]
fn a_pool_mines_over_stratum_v2_and_knows_the_node_again() {
    for chain in [&["-regtest"][..], &["-connect=0"]] {
        let mut node = TestNode::start(&[chain, &["-sv2", "-sv2port=0"]].concat());
        let mut client = Client::connect(&node);
        for height in 1..=2u64 {
            let (template, header) = client.job();
            assert_eq!(header.prev_blockhash, tip(&node));
            let hash = client.mine(&template, header);
            node.wait_until("the block is there", |node| tip(node) == hash);
            assert_eq!(node.rpc("getblockcount", json!([])), height);
            let block = node.rpc("getblock", json!([hash.to_string(), 2]));
            assert_eq!(block["tx"][0]["vout"][0]["scriptPubKey"]["hex"], "60020707");
        }
        let key = served(&node).1;
        assert!(node.log().contains(&format!("authority key {key}")));
        let file = node.chain_dir().join("sv2_authority_key");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(&file).expect("the key's file").permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        // The next start has the same key, and goes on where the last one ended.
        assert_eq!(node.stop(), Some(0));
        node.launch();
        assert_eq!(served(&node).1, key);
        let (_, header) = Client::connect(&node).job();
        assert_eq!(header.prev_blockhash, tip(&node));
    }
}

#[test]
fn a_pool_mines_transactions_that_came_after_its_first_template() {
    let node = TestNode::start(&["-regtest", "-sv2", "-sv2port=0", "-sv2interval=1", "-sv2feedelta=5000"]);
    let hashes = node.rpc("generatetoaddress", json!([101, address()]));
    let mut client = Client::connect(&node);
    let (template, header) = client.job();
    assert_eq!(template.coinbase_tx_value_remaining, 50_0000_0000);
    let block = node.rpc("getblock", json!([hashes[0], 2]));
    let txid = block["tx"][0]["txid"].as_str().and_then(|txid| txid.parse().ok()).expect("a txid");
    let tx = spend(OutPoint { txid, vout: 0 }, Amount::from_sat(50_0000_0000), Amount::from_sat(10_000), 2);
    node.rpc("sendrawtransaction", json!([serialize_hex(&tx)]));
    let better = client.template();
    assert!(!better.future_template && better.template_id > template.template_id);
    assert_eq!(better.coinbase_tx_value_remaining, 50_0000_0000 + 10_000);
    let hash = client.mine(&better, header);
    node.wait_until("the block is there", |node| tip(node) == hash);
    let block = node.rpc("getblock", json!([hash.to_string()]));
    assert_eq!(block["tx"][1], tx.compute_txid().to_string());
}
