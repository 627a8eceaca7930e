//! How a write ended: applied, refused, or unknown; and how an unknown one is settled.
//!
//! A write whose answer is lost may have happened, may never happen, and *may still happen*: it can wait in a queue that
//! nobody can look into. So a look alone settles it only where it shows the write. To make the rest safe, a transaction
//! here changes a key that it also compares: then it can be applied once at most, whoever sends it and however often.
//! Sent again, it is applied if it was not, and refused if it was; which of the two is read from the *witness*, a key that
//! tells this very write from all others.

use std::time::Duration;

use model::limits::STATE_SETTLE_TRIES_MAX;

use crate::meta::{Entry, MetaError, MetaStore, Revision, Txn};

/// How a transaction ended. Match all three.
#[derive(Debug)]
pub enum Outcome {
    /// Every comparison held; all operations were done.
    Applied {
        /// What every change carries.
        revision: Revision,
    },
    /// A comparison did not hold; nothing was changed.
    Refused {
        /// What the transaction's `otherwise` asked for, in its order.
        current: Vec<Option<Entry>>,
    },
    /// The request was sent and its answer did not come.
    Unknown {
        /// What came instead.
        cause: MetaError,
    },
}

/// How a transaction ended, beyond doubt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    /// It was applied, once.
    Applied {
        /// What every change carries.
        revision: Revision,
    },
    /// It was not, and never will be: what it compares has moved on.
    Refused {
        /// What the transaction's `otherwise` asked for, in its order.
        current: Vec<Option<Entry>>,
    },
}

/// First wait before an unknown transaction is looked at again; it doubles with each try.
const PAUSE: Duration = Duration::from_millis(50);

/// Sends `txn`, and does not rest until it is known to be applied or refused.
///
/// `applied_at` looks at the entry of `witness` and tells at which revision it shows this very write, if it does. The
/// transaction has to change what it compares (see above).
///
/// # Errors
/// A definite error of the store; or, after [`STATE_SETTLE_TRIES_MAX`] tries, what kept the outcome unknown.
pub async fn settle(
    store: &dyn MetaStore,
    txn: Txn,
    witness: &str,
    applied_at: impl Fn(Option<&Entry>) -> Option<Revision>,
) -> Result<Settled, MetaError> {
    settle_from(store, txn, witness, applied_at, None).await
}

/// Like [`settle`]; a `doubt` is why the same change, perhaps as a part of more, may be on its way already.
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
            // Nothing was changed by this try; an earlier one may still have been the one that did it.
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

/// The error, if waiting may mend it.
fn transient(error: MetaError) -> Result<MetaError, MetaError> {
    if error.is_transient() { Ok(error) } else { Err(error) }
}
