//! Blocks for regtest made with the `bitcoin` crate's types alone, good ones and bad ones.

use bitcoin::absolute::LockTime;
use bitcoin::block::{Header, Version};
use bitcoin::hashes::Hash;
use bitcoin::opcodes::all::OP_RETURN;
use bitcoin::script::{Builder, PushBytesBuf};
use bitcoin::{
    Address, Amount, Block, BlockHash, CompactTarget, Network, OutPoint, ScriptBuf, Sequence, Transaction,
    TxIn, TxMerkleNode, TxOut, Witness, transaction,
};

/// What proof of work regtest asks for.
pub const REGTEST_BITS: u32 = 0x207f_ffff;

/// Finds the nonce that gives a header its proof of work.
pub fn solve(header: &mut Header) {
    let target = header.target();
    while header.validate_pow(target).is_err() {
        header.nonce += 1;
    }
}

/// Finds a nonce that does not give a header its proof of work.
pub fn spoil(header: &mut Header) {
    let target = header.target();
    while header.validate_pow(target).is_ok() {
        header.nonce += 1;
    }
}

/// Headers, each on the one before. Other salts give other headers.
pub fn headers(from: BlockHash, time: u32, count: usize, salt: u32) -> Vec<Header> {
    let mut previous = from;
    (0..count)
        .map(|n| {
            let mut header = Header {
                version: Version::from_consensus(0x2000_0000),
                prev_blockhash: previous,
                merkle_root: TxMerkleNode::from_byte_array(salted(salt, n)),
                time: time + 1 + u32::try_from(n).expect("not that many"),
                bits: CompactTarget::from_consensus(REGTEST_BITS),
                nonce: 0,
            };
            solve(&mut header);
            previous = header.block_hash();
            header
        })
        .collect()
}

fn salted(salt: u32, n: usize) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[..4].copy_from_slice(&salt.to_le_bytes());
    bytes[4..12].copy_from_slice(&(n as u64).to_le_bytes());
    bytes
}

/// A block of a coinbase and these transactions, which pay no fees and have no witnesses. `ballast` bytes that mean
/// nothing make it large.
pub fn block(parent: BlockHash, height: u32, time: u32, ballast: usize, more: Vec<Transaction>) -> Block {
    let mut output = vec![TxOut {
        value: Amount::from_sat(50_0000_0000 >> (height / 150).min(63)),
        script_pubkey: ScriptBuf::from_bytes(vec![0x51]),
    }];
    if ballast > 0 {
        let data = PushBytesBuf::try_from(vec![0xaa; ballast]).expect("less than 4 GiB");
        let script = Builder::new().push_opcode(OP_RETURN).push_slice(data).into_script();
        output.push(TxOut { value: Amount::ZERO, script_pubkey: script });
    }
    let coinbase = Transaction {
        version: transaction::Version::TWO,
        lock_time: LockTime::ZERO,
        input: vec![TxIn {
            previous_output: OutPoint::null(),
            script_sig: Builder::new().push_int(i64::from(height)).push_slice([0x71; 8]).into_script(),
            sequence: Sequence::MAX,
            witness: Witness::new(),
        }],
        output,
    };
    let header = Header {
        version: Version::from_consensus(0x2000_0000),
        prev_blockhash: parent,
        merkle_root: TxMerkleNode::all_zeros(),
        time,
        bits: CompactTarget::from_consensus(REGTEST_BITS),
        nonce: 0,
    };
    let mut txdata = vec![coinbase];
    txdata.extend(more);
    let mut block = Block { header, txdata };
    block.header.merkle_root = block.compute_merkle_root().expect("there is a coinbase");
    solve(&mut block.header);
    block
}

/// [`block`] of transactions with witnesses.
pub fn witness_block(parent: BlockHash, height: u32, time: u32, more: Vec<Transaction>) -> Block {
    let mut block = block(parent, height, time, 0, more);
    let reserved = [0; 32];
    block.txdata[0].input[0].witness.push(reserved);
    let root = block.witness_root().expect("there is a coinbase");
    let commitment = Block::compute_witness_commitment(&root, &reserved);
    let data = [&[0xaa, 0x21, 0xa9, 0xed][..], commitment.as_byte_array()].concat();
    let data = PushBytesBuf::try_from(data).expect("36 bytes");
    let script = Builder::new().push_opcode(OP_RETURN).push_slice(data).into_script();
    block.txdata[0].output.push(TxOut { value: Amount::ZERO, script_pubkey: script });
    block.header.merkle_root = block.compute_merkle_root().expect("there is a coinbase");
    solve(&mut block.header);
    block
}

/// The script behind [`address`]: anyone's signature will do, and so will none.
fn open_script() -> ScriptBuf {
    ScriptBuf::from_bytes(vec![0x51])
}

/// An address of regtest whose coins anyone can [`spend`].
pub fn address() -> String {
    Address::p2wsh(&open_script(), Network::Regtest).to_string()
}

/// Spends coins of [`address`] and pays what is left back there, in several equal outputs.
pub fn spend(from: OutPoint, value: Amount, fee: Amount, outputs: u64) -> Transaction {
    let mut witness = Witness::new();
    witness.push(open_script().as_bytes());
    let each = (value - fee) / outputs;
    let script_pubkey = open_script().to_p2wsh();
    Transaction {
        version: transaction::Version::TWO,
        lock_time: LockTime::ZERO,
        input: vec![TxIn {
            previous_output: from,
            script_sig: ScriptBuf::new(),
            sequence: Sequence::ENABLE_RBF_NO_LOCKTIME,
            witness,
        }],
        output: vec![TxOut { value: each, script_pubkey }; usize::try_from(outputs).expect("few")],
    }
}
