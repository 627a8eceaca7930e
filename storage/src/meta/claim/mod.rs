//! Claims: the records that bind a task to its attempts, from the first claim to completion.
//!
//! ```text
//!              claim                           complete
//!   open ------------------> claimed, once ------------------> done
//!    ^   attempts: last + 1  or more often  done written; all    |
//!    |   a claim of its own     |           claims and attempts  | reopen: done deleted,
//!    |   on the worker's lease  |           deleted              | attempts written again
//!    |                          |                                |
//!    +--------------------------+--------------------------------+
//!      fail, hand back, or the worker's lease ends: that one claim
//! ```
//!
//! Each arrow is one [`TaskChange`], which compares that the leader still leads. The create revision of a claim's key
//! and the term of the leader that put it make the fencing token of its attempt ([`token_of`]). The key may vanish at
//! any moment with the worker's lease; its holder is then refused (LS-3). `attempts` outlives the claims, and `done`
//! keeps the last number, so numbers only rise, under any leader (LS-1). Several attempts may hold a task; `done` is
//! written for the first, and ends the others (LS-2).
//!
//! [`apply`] writes many changes in one transaction. If that is refused, or its answer is lost, each is settled
//! alone, by reading back: the batch, should it still arrive, compares what the changes have moved by then.

use format::state_keys::StateKey;
use format::state_records::ClaimRecord;
use futures::future::join_all;
use model::FencingToken;
use model::limits::STATE_TXN_OPS_MAX;

use crate::meta::election::Leadership;
use crate::meta::{Entry, MetaError, MetaStore, Revision, Txn};
use crate::outcome::{Outcome, Settled, settle_from};

mod change; // changes of a task, and the result of each
mod error; //  reasons for which a change was not made
mod step; //   changes as comparisons and operations

pub use change::{Changed, SeenAttempts, TaskChange};
pub use error::ClaimError;

use step::Step;

/// Most changes in one transaction: a completion has three operations, and no change has more.
pub const CHANGES_PER_TXN_MAX: usize = STATE_TXN_OPS_MAX / 3;

/// Makes the changes, each of another task; returns the result of each, in order. If one fails, the others are made
/// all the same. More than [`CHANGES_PER_TXN_MAX`] changes take several transactions, one after another.
pub async fn apply(
    store: &dyn MetaStore,
    leadership: &Leadership,
    changes: Vec<TaskChange>,
) -> Vec<Result<Changed, ClaimError>> {
    let mut results = Vec::with_capacity(changes.len());
    for batch in changes.chunks(CHANGES_PER_TXN_MAX) {
        results.extend(apply_batch(store, leadership, batch).await);
    }
    results
}

/// Makes one change.
///
/// # Errors
/// See [`ClaimError`]; a worker whose lease has ended is [`MetaError::LeaseGone`].
pub async fn apply_one(
    store: &dyn MetaStore,
    leadership: &Leadership,
    change: &TaskChange,
) -> Result<Changed, ClaimError> {
    alone(store, leadership, change, None).await
}

async fn apply_batch(
    store: &dyn MetaStore,
    leadership: &Leadership,
    batch: &[TaskChange],
) -> Vec<Result<Changed, ClaimError>> {
    let ended = if batch.len() > 1 { together(store, leadership, batch).await } else { Together::Refused };
    match ended {
        Together::Applied(revision) => {
            batch.iter().map(|change| Ok(change.made_at(revision, leadership.term()))).collect()
        }
        Together::Deposed => batch.iter().map(|change| Err(deposed(change, leadership))).collect(),
        Together::Refused => join_all(batch.iter().map(|change| alone(store, leadership, change, None))).await,
        Together::Unknown(cause) => {
            let doubt = || Some(MetaError::unanswered("a batch of changes", cause.to_string()));
            join_all(batch.iter().map(|change| alone(store, leadership, change, doubt()))).await
        }
    }
}

/// Outcome of a batch.
enum Together {
    Applied(Revision),
    Deposed,
    /// Nothing was changed by the batch; each change may still be possible.
    Refused,
    Unknown(MetaError),
}

async fn together(store: &dyn MetaStore, leadership: &Leadership, batch: &[TaskChange]) -> Together {
    let steps = batch.iter().map(|change| change.step(leadership)).collect::<Result<Vec<Step>, _>>();
    // The changes that cannot be written are found when each is tried alone.
    let Ok(steps) = steps else { return Together::Refused };
    let mut txn = Txn::when(leadership.holds()).otherwise([StateKey::Leader]);
    for step in steps {
        txn = txn.and_when(step.compares).then(step.ops);
    }
    match store.txn(txn).await {
        Ok(Outcome::Applied { revision }) => Together::Applied(revision),
        Ok(Outcome::Refused { current }) => match current.first() {
            Some(leader) if leadership.is_shown_by(leader.as_ref()) => Together::Refused,
            _ => Together::Deposed,
        },
        Ok(Outcome::Unknown { cause }) => Together::Unknown(cause),
        Err(_) => Together::Refused,
    }
}

/// Makes one change. With a `doubt`, the change may have been sent before.
async fn alone(
    store: &dyn MetaStore,
    leadership: &Leadership,
    change: &TaskChange,
    doubt: Option<MetaError>,
) -> Result<Changed, ClaimError> {
    let mut step = change.step(leadership)?;
    let (compares, ops) = (std::mem::take(&mut step.compares), std::mem::take(&mut step.ops));
    let txn = Txn::when(leadership.holds()).and_when(compares).then(ops).otherwise(change.reads());
    match settle_from(store, txn, &step.witness, |entry| step.shown_by(entry), doubt).await? {
        Settled::Applied { revision } => Ok(change.made_at(revision, leadership.term())),
        Settled::Refused { current } => match (change, change.refusal(leadership, current)) {
            (TaskChange::Complete { done, .. }, ClaimError::Done { by, .. }) if by == done.attempt => {
                Ok(Changed::Completed)
            }
            (_, refusal) => Err(refusal),
        },
    }
}

/// Returns the token of the attempt that holds the claim `entry`.
///
/// # Errors
/// The value is not a claim.
pub fn token_of(entry: &Entry) -> Result<FencingToken, MetaError> {
    entry.record::<ClaimRecord>().map(|claim| claim.token(entry.create_revision.0))
}

fn deposed(change: &TaskChange, leadership: &Leadership) -> ClaimError {
    ClaimError::Deposed { task: change.task().clone(), ours: leadership.token() }
}

#[cfg(test)]
mod tests;
