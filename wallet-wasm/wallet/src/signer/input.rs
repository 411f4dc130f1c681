//! One signature: made, verified with the public key as it was derived on the public side, written into its input.

use super::SignError;
use crate::keys::AccountKind;
use crate::keys::{KeyError, Master, fill_random, wipe::Wiped};
use crate::psbt::review::{OwnInput, Spend};
use crate::psbt::{PsbtError, redeem_script_of};
use bitcoin::hashes::Hash;
use bitcoin::key::TapTweak;
use bitcoin::psbt::Input;
use bitcoin::secp256k1::{Keypair, Message};
use bitcoin::sighash::{Prevouts, SighashCache};
use bitcoin::{EcdsaSighashType, TapSighashType, Transaction, TxOut, XOnlyPublicKey, ecdsa, taproot};
use zeroize::Zeroizing;

/// Signs an input with one of the wallet's keys.
pub(super) fn sign(
    master: &Master,
    index: usize,
    own: &OwnInput,
    spent: &[TxOut],
    cache: &mut SighashCache<&Transaction>,
    fields: &mut Input,
) -> Result<(), SignError> {
    if own.spend == Spend::Single(AccountKind::Taproot) {
        return sign_taproot(master, index, own, spent, cache, fields);
    }
    let message = ecdsa_message(index, own, &spent[index], cache, fields)
        .ok_or(SignError::Psbt(PsbtError::MissingSpent { input: index }))?;
    let secp = master.secp();
    let key = master.secret_key(&own.key.path)?;
    // Half of all signatures have an r that takes a byte more; another one is made then.
    let signature = secp.sign_ecdsa_low_r(&message, &key);
    if secp.verify_ecdsa(&message, &signature, &own.key.key).is_err() {
        return Err(SignError::Unverified { input: index });
    }
    if own.spend == Spend::Single(AccountKind::Nested) {
        fields.redeem_script = Some(redeem_script_of(&own.key.key));
    }
    // Whatever stood there is replaced: nothing says that it was a signature.
    let public = bitcoin::PublicKey::new(own.key.key);
    fields.partial_sigs.insert(public, ecdsa::Signature { signature, sighash_type: EcdsaSighashType::All });
    Ok(())
}

/// What an ECDSA signature of the input signs; `None` if the input is not there or its script is missing.
fn ecdsa_message(
    index: usize,
    own: &OwnInput,
    spent: &TxOut,
    cache: &mut SighashCache<&Transaction>,
    fields: &Input,
) -> Option<Message> {
    let all = EcdsaSighashType::All;
    let digest = match own.spend {
        Spend::Single(AccountKind::Legacy) => {
            cache.legacy_signature_hash(index, &spent.script_pubkey, all.to_u32()).ok()?.to_byte_array()
        }
        Spend::Single(AccountKind::Nested | AccountKind::Segwit) => {
            let program = redeem_script_of(&own.key.key);
            cache.p2wpkh_signature_hash(index, &program, spent.value, all).ok()?.to_byte_array()
        }
        Spend::Sh => {
            let script = fields.redeem_script.as_ref()?;
            cache.legacy_signature_hash(index, script, all.to_u32()).ok()?.to_byte_array()
        }
        Spend::Wsh => {
            let script = fields.witness_script.as_ref()?;
            cache.p2wsh_signature_hash(index, script, spent.value, all).ok()?.to_byte_array()
        }
        Spend::Single(AccountKind::Taproot) => return None,
    };
    Some(Message::from_digest(digest))
}

fn sign_taproot(
    master: &Master,
    index: usize,
    own: &OwnInput,
    spent: &[TxOut],
    cache: &mut SighashCache<&Transaction>,
    fields: &mut Input,
) -> Result<(), SignError> {
    let sighash_type =
        fields.sighash_type.and_then(|asked| asked.taproot_hash_ty().ok()).unwrap_or(TapSighashType::Default);
    let missing = SignError::Psbt(PsbtError::MissingSpent { input: index });
    let digest = cache
        .taproot_key_spend_signature_hash(index, &Prevouts::All(spent), sighash_type)
        .map_err(|_| missing.clone())?;
    let message = Message::from_digest(digest.to_byte_array());
    let secp = master.secp();
    let key = master.secret_key(&own.key.path)?;
    let untweaked = Wiped::new(Keypair::from_secret_key(secp, &key));
    let keypair = Wiped::new(untweaked.tap_tweak(secp, None).to_keypair());
    let mut aux = Zeroizing::new([0; 32]);
    fill_random(&mut *aux).map_err(KeyError::from)?;
    let signature = secp.sign_schnorr_with_aux_rand(&message, &keypair, &aux);
    // The key that the output itself names, not the one that was just computed.
    let output_key = spent[index].script_pubkey.as_bytes().get(2..34).ok_or(missing)?;
    let verifies = XOnlyPublicKey::from_slice(output_key)
        .and_then(|output_key| secp.verify_schnorr(&signature, &message, &output_key));
    if verifies.is_err() {
        return Err(SignError::Unverified { input: index });
    }
    fields.tap_internal_key = Some(own.key.key.x_only_public_key().0);
    fields.tap_key_sig = Some(taproot::Signature { signature, sighash_type });
    Ok(())
}
