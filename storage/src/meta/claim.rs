//! What binds a task to one attempt: claim, completion, and what ends a claim otherwise.
//!
//! ```text
//!              claim                    complete
//!   open ------------------> claimed ------------------> done
//!    ^   attempts: last + 1     |        attempts, claim deleted; done written
//!    |   claim on the worker's  |
//!    |   lease                  |  fail (charged), hand_back (not charged), or the lease ends
//!    +--------------------------+
//! ```
//!
//! Each arrow is one transaction that carries the leader's token. The revision at which a claim's key came to be is the
//! fencing token of its attempt: the key may go at any moment, with the worker's lease; what comes back is another
//! incarnation, with a larger token, and whoever holds the old one is refused (LS-3). `attempts` outlives the claim, so
//! numbers only rise, whoever leads (LS-1). `done` is written once (LS-2).
//!
//! An answer that is lost is settled by reading back: the records of a claim and of a completion tell the attempt that wrote
//! them from every other.

use format::state_keys::{StateKey, TaskPath};
use format::state_records::{AttemptsRecord, ClaimRecord, DoneRecord, FailureRecord, StateRecord};
use model::{AttemptId, LeaseId};

use crate::meta::election::Leadership;
use crate::meta::{Compare, Entry, MetaError, MetaStore, Op, Revision, Txn};
use crate::outcome::{Settled, settle};

/// Why a claim, or what should end one, was not written.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    /// Stop leading, and rejoin the election.
    #[error("{task} was not changed: another coordinator leads (our token is {ours}); stop and rejoin the election")]
    Deposed {
        /// The task.
        task: TaskPath,
        /// The token that we had.
        ours: model::FencingToken,
    },
    /// Let the attempt go: its task is somebody else's, or open again.
    #[error("{attempt} holds {task} no longer; whatever it does is not used")]
    Stale {
        /// The task.
        task: TaskPath,
        /// The attempt.
        attempt: AttemptId,
    },
    /// Claim another task.
    #[error("{task} is not open: {by} holds it")]
    Taken {
        /// The task.
        task: TaskPath,
        /// Who holds it.
        by: LeaseId,
    },
    /// Nothing is left to do.
    #[error("{task} is done, by {by}")]
    Done {
        /// The task.
        task: TaskPath,
        /// The attempt that counts.
        by: AttemptId,
    },
    /// Read the task's attempts again.
    #[error("the attempts of {task} are not those that were seen; read them again")]
    Moved {
        /// The task.
        task: TaskPath,
    },
    /// The store.
    #[error(transparent)]
    Store(#[from] MetaError),
}

/// The attempts of a task, as they were read; none where it was never claimed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SeenAttempts {
    /// The record.
    pub record: AttemptsRecord,
    /// When it was last written.
    pub revision: Option<Revision>,
}

impl SeenAttempts {
    /// From the entry of the task's attempts.
    ///
    /// # Errors
    /// The value is no such record.
    pub fn of(entry: Option<&Entry>) -> Result<Self, MetaError> {
        entry.map_or(Ok(Self::default()), |entry| {
            Ok(Self { record: entry.record()?, revision: Some(entry.mod_revision) })
        })
    }
}

/// The keys of one task, and who may change them.
#[derive(Debug, Clone, Copy)]
pub struct TaskDoor<'a> {
    /// The store.
    pub store: &'a dyn MetaStore,
    /// The proof that we lead.
    pub leadership: Leadership,
    /// The task.
    pub task: &'a TaskPath,
}

impl TaskDoor<'_> {
    /// Assigns the task to `worker`, under its lease: the attempt that it may run.
    ///
    /// # Errors
    /// See [`ClaimError`]; a worker whose lease has ended is [`MetaError::LeaseGone`].
    pub async fn claim(&self, worker: LeaseId, seen: &SeenAttempts) -> Result<AttemptId, ClaimError> {
        let number = seen.record.last + 1;
        let attempts = AttemptsRecord { last: number, ..seen.record.clone() };
        let record = ClaimRecord { attempt: number, worker, leader: self.leadership.token() };
        let [claim, attempts_key, done] = self.keys();
        let unmoved = match seen.revision {
            Some(revision) => Compare::modified(&attempts_key, revision),
            None => Compare::absent(&attempts_key),
        };
        let txn = Txn::when([self.leadership.holds(), Compare::absent(&claim), Compare::absent(done), unmoved])
            .then([Op::put_leased(&claim, value(&record)?, worker), Op::put(attempts_key, value(&attempts)?)]);
        let claimed_at = |entry: Option<&Entry>| {
            entry.filter(|e| e.record().is_ok_and(|found: ClaimRecord| found == record)).map(|e| e.create_revision)
        };
        match self.settle(txn, &claim, claimed_at).await? {
            Ok(revision) => Ok(AttemptId { number, token: revision.token() }),
            Err(found) => Err(self.refusal(found).unwrap_or_else(|| ClaimError::Moved { task: self.task.clone() })),
        }
    }

    /// Records the attempt as the one that counts. Calling it again changes nothing.
    ///
    /// # Errors
    /// See [`ClaimError`].
    pub async fn complete(&self, done: &DoneRecord) -> Result<(), ClaimError> {
        let [claim, attempts, done_key] = self.keys();
        let txn = Txn::when([self.leadership.holds(), self.is_held(done.attempt)]).then([
            Op::put(&done_key, value(done)?),
            Op::delete(claim),
            Op::delete(attempts),
        ]);
        let done_at = |entry: Option<&Entry>| {
            entry.filter(|e| e.record().is_ok_and(|found: DoneRecord| found == *done)).map(|e| e.mod_revision)
        };
        match self.settle(txn, &done_key, done_at).await? {
            Ok(_) => Ok(()),
            Err(found) => match self.refusal(found) {
                Some(ClaimError::Done { by, .. }) if by == done.attempt => Ok(()),
                Some(refusal @ (ClaimError::Deposed { .. } | ClaimError::Done { .. })) => Err(refusal),
                _ => Err(ClaimError::Stale { task: self.task.clone(), attempt: done.attempt }),
            },
        }
    }

    /// Opens the task again and charges the attempt: `before` are its attempts as of the claim.
    ///
    /// # Errors
    /// See [`ClaimError`].
    pub async fn fail(
        &self,
        attempt: AttemptId,
        before: &AttemptsRecord,
        failure: FailureRecord,
    ) -> Result<(), ClaimError> {
        let charged = before.charged + 1;
        let after = value(&AttemptsRecord { last: attempt.number, charged, failure: Some(failure) })?;
        let [_, attempts, _] = self.keys();
        // The claim wrote the attempts, too: at the same revision.
        let unmoved = Compare::modified(&attempts, attempt.token.into());
        self.end(attempt, Some(unmoved), Some(Op::put(attempts, after))).await
    }

    /// Opens the task again without charging the attempt: its worker drains.
    ///
    /// # Errors
    /// See [`ClaimError`].
    pub async fn hand_back(&self, attempt: AttemptId) -> Result<(), ClaimError> {
        self.end(attempt, None, None).await
    }

    async fn end(&self, attempt: AttemptId, compare: Option<Compare>, op: Option<Op>) -> Result<(), ClaimError> {
        let [claim, ..] = self.keys();
        let txn = Txn::when([self.leadership.holds(), self.is_held(attempt)].into_iter().chain(compare))
            .then([Op::delete(&claim)].into_iter().chain(op));
        // Whether by us or with its lease: the attempt does not hold the task any more.
        let token = Revision::from(attempt.token);
        let ended = |entry: Option<&Entry>| entry.is_none_or(|e| e.create_revision != token).then_some(token);
        match self.settle(txn, &claim, ended).await? {
            Ok(_) => Ok(()),
            Err(found) => match self.refusal(found) {
                Some(refusal @ ClaimError::Deposed { .. }) => Err(refusal),
                _ => Err(ClaimError::Stale { task: self.task.clone(), attempt }),
            },
        }
    }

    fn is_held(&self, attempt: AttemptId) -> Compare {
        Compare::created(StateKey::Claim(self.task.clone()), attempt.token.into())
    }

    /// Claim, attempts, done.
    fn keys(&self) -> [String; 3] {
        let task = || self.task.clone();
        [StateKey::Claim(task()), StateKey::Attempts(task()), StateKey::Done(task())].map(String::from)
    }

    /// The revision at which it was applied, or what was found instead.
    async fn settle(
        &self,
        txn: Txn,
        witness: &str,
        applied_at: impl Fn(Option<&Entry>) -> Option<Revision>,
    ) -> Result<Result<Revision, Found>, MetaError> {
        let [claim, _, done] = self.keys();
        let txn = txn.otherwise([String::from(StateKey::Leader), claim, done]);
        match settle(self.store, txn, witness, applied_at).await? {
            Settled::Applied { revision } => Ok(Ok(revision)),
            Settled::Refused { current } => {
                let mut current = current.into_iter();
                let mut next = || current.next().flatten();
                Ok(Err(Found { leader: next(), claim: next(), done: next() }))
            }
        }
    }

    /// What stands against a change, if it can be named.
    fn refusal(&self, found: Found) -> Option<ClaimError> {
        let task = self.task.clone();
        let ours = self.leadership.token();
        if found.leader.is_none_or(|leader| leader.create_revision.token() != ours) {
            return Some(ClaimError::Deposed { task, ours });
        }
        let done = found.done.map(|done| done.record().map(|done: DoneRecord| done.attempt));
        let held = found.claim.map(|claim| claim.record().map(|claim: ClaimRecord| claim.worker));
        match (done, held) {
            (Some(Ok(by)), _) => Some(ClaimError::Done { task, by }),
            (None, Some(Ok(by))) => Some(ClaimError::Taken { task, by }),
            (Some(Err(error)), _) | (_, Some(Err(error))) => Some(ClaimError::Store(error)),
            (None, None) => None,
        }
    }
}

/// What a refused change found.
struct Found {
    leader: Option<Entry>,
    claim: Option<Entry>,
    done: Option<Entry>,
}

fn value(record: &impl StateRecord) -> Result<Vec<u8>, MetaError> {
    record.encode().map_err(|error| MetaError::Invalid { reason: error.to_string() })
}

#[cfg(test)]
mod tests;
