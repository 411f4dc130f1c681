//! The signer: holds the keys, looks at what it is asked to sign, and lets nothing out that it has not verified.

mod input;

use crate::chain::Chain;
use crate::keys::{AccountKeys, AccountKind, KeyError, Master, Phrase, wipe::burn_stack};
use crate::psbt::review::{Review, plan};
use crate::psbt::{Finalised, Paths, Psbt, PsbtError, finalise, is_final};
use bitcoin::Transaction;
use bitcoin::sighash::SighashCache;

/// A wallet's keys, ready to sign. They are wiped when it is dropped.
pub struct Signer {
    master: Master,
    paths: Paths,
}

/// What signing gave.
#[derive(Clone, Debug)]
pub struct Signed {
    /// What was signed; of a finished transaction with its true id and size.
    pub review: Review,
    /// How many signatures were added.
    pub signatures: usize,
    /// The transaction, if nothing is missing any more.
    pub tx: Option<Transaction>,
}

/// Why nothing was signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// What is asked for must not be signed.
    #[error(transparent)]
    Psbt(#[from] PsbtError),
    /// No keys, or no random bytes.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// No input is this wallet's.
    #[error("none of the inputs is this wallet's")]
    NothingMine,
    /// A signature did not verify, so the machine computes wrongly or the keys do not fit: none is let out.
    #[error("input {input}: the signature made does not verify, nothing was signed")]
    Unverified {
        /// The input.
        input: usize,
    },
    /// No key of this wallet belongs to the address.
    #[error("{0} is none of this wallet's addresses")]
    NotMine(String),
    /// A message can't be signed that way.
    #[error("{0}")]
    Message(String),
}

impl SignError {
    /// The error's name in JSON.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Psbt(error) => error.code(),
            Self::Key(error) => error.code(),
            Self::NothingMine => "nothing_mine",
            Self::Unverified { .. } => "signature_unverified",
            Self::NotMine(_) => "not_mine",
            Self::Message(_) => "bad_message",
        }
    }
}

impl Signer {
    /// A wallet's keys from its words and passphrase.
    pub fn from_mnemonic(phrase: &str, passphrase: &str, chain: Chain) -> Result<Self, KeyError> {
        Self::from_phrase(&Phrase::parse(phrase)?, passphrase, chain)
    }

    /// A wallet's keys from words that were checked.
    pub fn from_phrase(phrase: &Phrase, passphrase: &str, chain: Chain) -> Result<Self, KeyError> {
        Ok(Self::from_master(Master::from_phrase(phrase, passphrase, chain)?))
    }

    /// A wallet's keys from their root.
    pub fn from_master(master: Master) -> Self {
        Self { master, paths: Paths::OwnChain }
    }

    /// A signer whose keys sign wherever a PSBT says, as those of published vectors do.
    #[cfg(feature = "vectors")]
    pub(crate) fn of_any_path(master: Master) -> Self {
        Self { master, paths: Paths::Any }
    }

    /// The root of the keys.
    pub fn master(&self) -> &Master {
        &self.master
    }

    /// The chain that the wallet is on.
    pub fn chain(&self) -> &Chain {
        self.master.chain()
    }

    /// The public side of an account.
    pub fn account(&self, kind: AccountKind, index: u32) -> Result<AccountKeys, KeyError> {
        self.master.account(kind, index)
    }

    /// What a PSBT would do, computed from the PSBT and the wallet's keys alone.
    ///
    /// # Errors
    /// Whatever must not be signed.
    pub fn review(&self, psbt: &Psbt) -> Result<Review, PsbtError> {
        Ok(plan(psbt, &self.master, self.paths)?.review)
    }

    /// Signs all inputs that are this wallet's and are not finished yet, with signatures for the whole transaction
    /// (ALL, DEFAULT). Each is verified before the PSBT is touched; if one fails, the PSBT stays as it was. A PSBT in
    /// which nothing is missing any more is finished, too.
    pub fn sign(&self, psbt: &mut Psbt) -> Result<Signed, SignError> {
        let plan = plan(psbt, &self.master, self.paths)?;
        if plan.own.iter().all(Vec::is_empty) {
            return Err(SignError::NothingMine);
        }
        let mut signed = psbt.clone();
        let mut cache = SighashCache::new(&psbt.unsigned_tx);
        let mut signatures = 0;
        for (index, own) in plan.own.iter().enumerate() {
            for own in own {
                if !is_final(&psbt.inputs[index]) {
                    input::sign(
                        &self.master,
                        index,
                        own,
                        &plan.spent,
                        &mut cache,
                        &mut signed.inputs[index],
                    )?;
                    signatures += 1;
                }
            }
        }
        burn_stack();
        let Finalised { psbt: finished, tx, .. } = finalise(signed.clone())?;
        *psbt = if tx.is_some() { finished } else { signed };
        let mut review = plan.review;
        for (input, own) in review.inputs.iter_mut().zip(&plan.own) {
            input.signed |= !own.is_empty();
        }
        review.complete = tx.is_some();
        if let Some(tx) = &tx {
            review.set_transaction(tx);
        }
        Ok(Signed { review, signatures, tx })
    }
}
