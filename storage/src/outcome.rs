//! Outcome of a write: applied, refused, or unknown; and how an unknown outcome is settled.
//!
//! A write whose answer is lost may have happened, may never happen, and *may still happen*: it can wait in a queue
//! that nobody can inspect. So reading back settles it only if the write is found. To make the rest safe, a
//! transaction here changes a key that it also compares: then it is applied at most once, however often and by whom
//! it is sent. If it is sent again, it is applied if it was not, and refused if it was. Which of the two happened is
//! read from the *witness*, a key that distinguishes this write from all others.

use std::time::Duration;

use model::limits::STATE_SETTLE_TRIES_MAX;

use crate::meta::{Entry, MetaError, MetaStore, Revision, Txn};

/// Outcome of a transaction. Match all three.
#[derive(Debug)]
pub enum Outcome {
    /// Every comparison held; all operations were performed.
    Applied {
        /// Revision that every change carries.
        revision: Revision,
    },
    /// A comparison did not hold; nothing was changed.
    Refused {
        /// Entries of the keys in the transaction's `otherwise`, in its order.
        current: Vec<Option<Entry>>,
    },
    /// The request was sent, but its answer was lost.
    Unknown {
        /// Failure that came instead of the answer.
        cause: MetaError,
    },
}

/// Outcome of a transaction, known for certain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    /// The transaction was applied, once.
    Applied {
        /// Revision that every change carries.
        revision: Revision,
    },
    /// The transaction was not applied, and never will be: the keys that it compares have changed.
    Refused {
        /// Entries of the keys in the transaction's `otherwise`, in its order.
        current: Vec<Option<Entry>>,
    },
}

/// First pause before an unknown transaction is tried again; it doubles with each try.
const PAUSE: Duration = Duration::from_millis(50);

/// Sends `txn`, and repeats until it is known to be applied or refused.
///
/// `applied_at` returns the revision at which the entry of `witness` shows this write, if it does. The
/// transaction must change a key that it compares (see above).
///
/// # Errors
/// A definite error of the store; or, after [`STATE_SETTLE_TRIES_MAX`] tries, the failure that kept the outcome
/// unknown.
pub async fn settle(
    store: &dyn MetaStore,
    txn: Txn,
    witness: &str,
    applied_at: impl Fn(Option<&Entry>) -> Option<Revision>,
) -> Result<Settled, MetaError> {
    settle_from(store, txn, witness, applied_at, None).await
}

/// Settles as [`settle`] does. A `doubt` is the reason for which the same change, perhaps as part of a larger one,
/// may already be in flight.
///
/// # Errors
/// As of [`settle`].
pub async fn settle_from(
    store: &dyn MetaStore,
    txn: Txn,
    witness: &str,
    applied_at: impl Fn(Option<&Entry>) -> Option<Revision>,
    mut doubt: Option<MetaError>,
) -> Result<Settled, MetaError> {
    for tried in 0..STATE_SETTLE_TRIES_MAX {
        if tried > 0 {
            tokio::time::sleep(PAUSE * (1 << (tried - 1))).await;
        }
        match store.txn(txn.clone()).await {
            Ok(Outcome::Applied { revision }) => return Ok(Settled::Applied { revision }),
            Ok(Outcome::Refused { current }) if doubt.is_none() => return Ok(Settled::Refused { current }),
            Ok(Outcome::Refused { current }) => match read_back(store, witness, &applied_at).await {
                Ok(Some(revision)) => return Ok(Settled::Applied { revision }),
                Ok(None) => return Ok(Settled::Refused { current }),
                Err(error) => doubt = Some(transient(error)?),
            },
            Ok(Outcome::Unknown { cause }) => match read_back(store, witness, &applied_at).await {
                Ok(Some(revision)) => return Ok(Settled::Applied { revision }),
                Ok(None) => doubt = Some(cause),
                Err(error) => doubt = Some(transient(error)?),
            },
            // This try changed nothing, but an earlier one may still have made the change.
            Err(error) if doubt.is_some() => doubt = Some(transient(error)?),
            Err(error) => return Err(error),
        }
    }
    Err(doubt.unwrap_or(MetaError::Invalid { reason: "a transaction may not be tried even once".to_owned() }))
}

async fn read_back(
    store: &dyn MetaStore,
    witness: &str,
    applied_at: impl Fn(Option<&Entry>) -> Option<Revision>,
) -> Result<Option<Revision>, MetaError> {
    Ok(applied_at(store.get(witness).await?.as_ref()))
}

/// Returns the error if waiting may mend it.
fn transient(error: MetaError) -> Result<MetaError, MetaError> {
    if error.is_transient() { Ok(error) } else { Err(error) }
}
