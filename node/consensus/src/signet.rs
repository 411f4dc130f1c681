//! Blocks that must satisfy a script (BIP325).
//!
//! The coinbase's witness commitment carries a scriptSig and a witness that solve the chain's challenge for two
//! virtual transactions: one that commits to the block without them and pays the challenge, and one that spends it.

use crate::amount::Amount;
use crate::block::Block;
use crate::codec::{DecodeError, Reader};
use crate::hash::Hash256;
use crate::merkle::{merkle_root, witness_commitment_position};
use crate::params::ChainParams;
use crate::reject::RejectReason;
use crate::script::op::{OP_0, OP_RETURN};
use crate::script::{Builder, Script, VerifyFlags, instructions, verify_input};
use crate::sighash::PrecomputedTx;
use crate::transaction::{OutPoint, Transaction, TxIn, TxOut, Witness};

/// What a solution's push begins with.
pub const SIGNET_HEADER: [u8; 4] = [0xec, 0xc7, 0xda, 0xa2];

/// The rules that solutions are held to.
const FLAGS: VerifyFlags = VerifyFlags(
    VerifyFlags::P2SH.0 | VerifyFlags::WITNESS.0 | VerifyFlags::DERSIG.0 | VerifyFlags::NULLDUMMY.0,
);

/// Refuses a block that does not solve the chain's challenge, if the chain has one. Genesis need not.
pub fn check_solution(block: &Block, params: &ChainParams) -> Result<(), RejectReason> {
    let Some(challenge) = &params.signet_challenge else { return Ok(()) };
    if block.hash() == params.genesis_hash || is_solved(block, challenge) {
        return Ok(());
    }
    Err(RejectReason::consensus("bad-signet-blksig").with_debug("signet block signature validation failure"))
}

fn is_solved(block: &Block, challenge: &Script) -> bool {
    let Some((to_spend, to_sign)) = signing_transactions(block, challenge) else { return false };
    let spent = to_spend.outputs;
    let pre = PrecomputedTx::new(&to_sign, &spent);
    verify_input(&to_sign, 0, &spent, &pre, FLAGS, None).is_ok()
}

/// The two virtual transactions of a block: the one that pays the challenge and the one that spends it with the
/// block's solution. `None` if the block has no witness commitment or a malformed solution. Whoever signs a block
/// signs the second.
pub fn signing_transactions(block: &Block, challenge: &Script) -> Option<(Transaction, Transaction)> {
    let position = witness_commitment_position(block)?;
    let mut coinbase = Transaction::clone(block.transactions.first()?);
    let (script, solution) = take_solution(&coinbase.outputs[position].script_pubkey);
    coinbase.outputs[position].script_pubkey = script;
    let (script_sig, witness) = match solution {
        // No solution at all suits a challenge that asks for nothing.
        None => (Script::new(), Witness::new()),
        Some(bytes) => decode_solution(&bytes).ok()?,
    };
    let rest = block.transactions[1..].iter().map(|tx| Hash256(tx.txid().0));
    let leaves: Vec<Hash256> = std::iter::once(Hash256(coinbase.compute_txid().0)).chain(rest).collect();
    let header = &block.header;
    let mut data = Vec::with_capacity(72);
    data.extend(header.version.to_le_bytes());
    data.extend(header.previous.0);
    data.extend(merkle_root(&leaves).0.0);
    data.extend(header.time.to_le_bytes());
    let to_spend = virtual_transaction(
        OutPoint::NULL,
        Builder::new().op(OP_0).push_data(&data).into_script(),
        Witness::new(),
        challenge.clone(),
    );
    let outpoint = OutPoint { txid: to_spend.compute_txid(), vout: 0 };
    let to_sign = virtual_transaction(outpoint, script_sig, witness, Script(vec![OP_RETURN]));
    Some((to_spend, to_sign))
}

fn virtual_transaction(spent: OutPoint, script_sig: Script, witness: Witness, paid: Script) -> Transaction {
    Transaction {
        version: 0,
        inputs: vec![TxIn { previous_output: spent, script_sig, sequence: 0, witness }],
        outputs: vec![TxOut { value: Amount::ZERO, script_pubkey: paid }],
        lock_time: 0,
    }
}

/// The commitment script with its first solution cut down to the header, and the solution.
fn take_solution(script: &Script) -> (Script, Option<Vec<u8>>) {
    let mut rebuilt = Builder::new();
    let mut solution = None;
    for instruction in instructions(script).map_while(Result::ok) {
        rebuilt = match instruction.data.filter(|data| !data.is_empty()) {
            None => rebuilt.op(instruction.op),
            Some(data) => match data.strip_prefix(&SIGNET_HEADER) {
                Some(found) if solution.is_none() && !found.is_empty() => {
                    solution = Some(found.to_vec());
                    rebuilt.push_data(&SIGNET_HEADER)
                }
                _ => rebuilt.push_data(data),
            },
        };
    }
    let script = if solution.is_some() { rebuilt.into_script() } else { script.clone() };
    (script, solution)
}

fn decode_solution(bytes: &[u8]) -> Result<(Script, Witness), DecodeError> {
    let mut reader = Reader::new(bytes);
    let script_sig = Script(reader.var_bytes()?);
    let witness = reader.vec(1, Reader::var_bytes)?;
    match reader.remaining() {
        0 => Ok((script_sig, witness)),
        left => Err(DecodeError::TrailingBytes(left)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{put_compact_size, put_var_bytes};
    use crate::merkle::WITNESS_COMMITMENT_HEADER;
    use crate::transaction::Tx;
    use secp256k1::SecretKey;
    use std::sync::Arc;

    /// A block on the signet of `challenge` whose commitment carries `solution`.
    fn block(params: &ChainParams, solution: Option<&[u8]>) -> Block {
        let mut block = params.genesis.clone();
        block.header.version = 4;
        let mut tx = Transaction::clone(&block.transactions[0]);
        let mut script = [&WITNESS_COMMITMENT_HEADER[..], &[7; 32]].concat();
        if let Some(solution) = solution {
            let push = Builder::new().push_data(&[&SIGNET_HEADER[..], solution].concat()).into_script();
            script.extend(&push.0);
        }
        tx.outputs.push(TxOut { value: Amount::ZERO, script_pubkey: Script(script) });
        block.transactions = vec![Arc::new(Tx::from(tx))];
        block
    }

    fn params(challenge: Script) -> ChainParams {
        let mut params = ChainParams::signet();
        params.set_signet_challenge(challenge);
        params
    }

    #[test]
    fn the_default_challenge_has_the_known_magic() {
        let default = ChainParams::signet();
        let again = params(default.signet_challenge.clone().unwrap());
        assert_eq!(again.magic, default.magic);
    }

    #[test]
    fn a_challenge_of_nothing_needs_no_solution() {
        let easy = params(Script(vec![0x51]));
        assert_eq!(check_solution(&block(&easy, None), &easy), Ok(()));
        assert_eq!(check_solution(&block(&easy, Some(&[0, 0])), &easy), Ok(()));
        for malformed in [&[0][..], &[0, 0, 0], &[5, 0]] {
            let refusal = check_solution(&block(&easy, Some(malformed)), &easy).unwrap_err();
            assert_eq!(refusal.reason, "bad-signet-blksig");
        }
        let mut without = block(&easy, None);
        without.transactions = easy.genesis.transactions.clone();
        assert!(check_solution(&without, &easy).is_err());
        assert_eq!(check_solution(&easy.genesis, &easy), Ok(()));
        assert_eq!(check_solution(&without, &ChainParams::main()), Ok(()));
    }

    #[test]
    fn a_key_s_signature_solves_its_challenge_for_this_block_only() {
        let secret = SecretKey::from_secret_bytes([3; 32]).unwrap();
        let key = secp256k1::PublicKey::from_secret_key(&secret).serialize();
        let challenge = Builder::new().push_data(&key).op(crate::script::op::OP_CHECKSIG).into_script();
        let params = params(challenge.clone());
        // The solution's header stays in the block that is signed, empty.
        let unsigned = block(&params, Some(&[0]));
        let (_, to_sign) = signing_transactions(&block(&params, Some(&[0, 0])), &challenge).unwrap();
        let pre = PrecomputedTx::new(&to_sign, &[]);
        let hash =
            crate::sighash::legacy_sighash(&to_sign, 0, &challenge, crate::sighash::SighashType(1), &pre);
        let message = secp256k1::Message::from_digest(hash.0);
        let mut signature = secp256k1::ecdsa::sign(message, &secret).serialize_der().to_vec();
        signature.push(1);
        let mut solution = Vec::new();
        put_var_bytes(&mut solution, &Builder::new().push_data(&signature).into_script());
        put_compact_size(&mut solution, 0);
        let mut signed = block(&params, Some(&solution));
        assert_eq!(check_solution(&signed, &params), Ok(()));
        assert!(check_solution(&unsigned, &params).is_err());
        signed.header.time += 1;
        assert!(check_solution(&signed, &params).is_err());
    }
}
