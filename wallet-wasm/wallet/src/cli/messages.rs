//! Signed messages.

use super::args::{Message, Shared};
use super::create::which_chain;
use super::failure::Failure;
use super::output::{print_json, say};
use super::wallet::Wallet;
use chaincore_wallet::chain::Chain;
use chaincore_wallet::message::{self, Format};
use serde_json::json;

pub fn message(shared: &Shared, command: Message) -> Result<(), Failure> {
    match command {
        Message::Sign { address, message, legacy } => {
            let wallet = Wallet::look(shared)?;
            let signer = wallet.signer()?;
            // A wrong address is another failure than somebody else's.
            signer.chain().script(&address)?;
            let format = if legacy { Format::Legacy } else { Format::Bip322 };
            let signature = signer.sign_message(signer.find(&address)?, &message, format)?;
            match shared.json {
                true => print_json(&json!({"address": address, "signature": signature})),
                false => say!("{signature}"),
            }
            Ok(())
        }
        Message::Verify { address, message, signature, chain } => {
            let said = chain.chain.is_some() || chain.chain_file.is_some();
            let chain = match said {
                true => Chain::from_spec(&which_chain(shared, &chain)?)?,
                // The file says it without a password.
                false => Chain::from_spec(&super::file::WalletFile::read(&shared.wallet)?.chain)?,
            };
            let verdict = message::verify(&chain, &address, &message, &signature)?;
            if shared.json {
                print_json(&json!({"valid": verdict.is_valid(), "verdict": verdict}));
            }
            if !verdict.is_valid() {
                return Err(Failure::new(
                    "bad_signature",
                    "the owner of the address has not signed this message",
                ));
            }
            if !shared.json {
                say!("the owner of {address} has signed this message");
            }
            Ok(())
        }
    }
}
