//! Changes of a task as comparisons and operations, with the sign by which each is recognised afterwards.
//!
//! Each change moves a key that it compares, for good: revisions do not come back, and a task that was claimed once
//! has either `attempts` or `done` as long as its shard lasts. So a change is applied at most once, alone or in a
//! batch, however often it is sent.

use bytes::Bytes;
use format::state_keys::{StateKey, claims_prefix};
use format::state_records::{ClaimRecord, DoneRecord, StateRecord};
use model::AttemptId;

use super::{ClaimError, TaskChange};
use crate::meta::election::Leadership;
use crate::meta::{Compare, Entry, MetaError, Op, Revision};

/// Comparisons and operations of a change, without the leader's token.
pub(super) struct Step {
    pub(super) compares: Vec<Compare>,
    pub(super) ops: Vec<Op>,
    /// Key whose entry shows if the change was made.
    pub(super) witness: String,
    sign: Sign,
}

/// Entry of the witness after the change was made.
enum Sign {
    /// The witness has this value, written after this revision. No other change writes this value.
    Value(Bytes, Revision),
    /// The claim of this incarnation is gone, ended by this change or with its lease.
    Ended(Revision),
}

impl Step {
    /// Returns the revision at which the change was made, if the witness's entry shows it.
    pub(super) fn shown_by(&self, entry: Option<&Entry>) -> Option<Revision> {
        match &self.sign {
            Sign::Value(value, after) => {
                entry.filter(|e| e.value == *value && e.mod_revision > *after).map(|e| e.mod_revision)
            }
            Sign::Ended(claimed) => entry.is_none_or(|e| e.create_revision != *claimed).then_some(*claimed),
        }
    }
}

impl TaskChange {
    pub(super) fn step(&self, leadership: &Leadership) -> Result<Step, MetaError> {
        let task = self.task();
        let attempts = String::from(StateKey::Attempts(task.clone()));
        let done_key = String::from(StateKey::Done(task.clone()));
        let attempts_after = value(&self.attempts_after())?;
        Ok(match self {
            Self::Claim { worker, shard, seen, .. } => {
                let unmoved = shard.map(|revision| Compare::modified(self.shard_key(), revision));
                let number = self.attempts_after().last;
                let claim = String::from(StateKey::Claim(task.clone(), number));
                let record = value(&ClaimRecord { attempt: number, worker: *worker, term: leadership.term() })?;
                let ops = [Op::put_leased(&claim, record.clone(), *worker), Op::put(&attempts, attempts_after)];
                Step {
                    compares: [Compare::absent(done_key), seen.unmoved(&attempts)].into_iter().chain(unmoved).collect(),
                    ops: ops.into(),
                    witness: claim,
                    sign: Sign::Value(record, Revision(0)),
                }
            }
            Self::Complete { done, claimed, .. } => {
                let record = value(done)?;
                let ends = [Op::delete(attempts), Op::delete_prefix(claims_prefix(task))];
                Step {
                    compares: vec![self.is_held_by(done.attempt, *claimed), Compare::absent(&done_key)],
                    ops: [Op::put(&done_key, record.clone())].into_iter().chain(ends).collect(),
                    witness: done_key,
                    sign: Sign::Value(record, Revision(0)),
                }
            }
            Self::Fail { attempt, claimed, seen, .. } => Step {
                compares: vec![self.is_held_by(*attempt, *claimed), seen.unmoved(&attempts)],
                ops: vec![Op::delete(self.claim_of(*attempt)), Op::put(&attempts, attempts_after.clone())],
                witness: attempts,
                sign: Sign::Value(attempts_after, seen.revision.unwrap_or_default()),
            },
            Self::HandBack { attempt, claimed, .. } => Step {
                compares: vec![self.is_held_by(*attempt, *claimed)],
                ops: vec![Op::delete(self.claim_of(*attempt))],
                witness: self.claim_of(*attempt),
                sign: Sign::Ended(*claimed),
            },
            Self::Reopen { done, .. } => Step {
                compares: vec![Compare::value(&done_key, value(done)?)],
                ops: vec![Op::delete(done_key), Op::put(&attempts, attempts_after.clone())],
                witness: attempts,
                sign: Sign::Value(attempts_after, Revision(0)),
            },
        })
    }

    fn claim_of(&self, attempt: AttemptId) -> String {
        StateKey::Claim(self.task().clone(), attempt.number).into()
    }

    fn shard_key(&self) -> String {
        StateKey::Shard(self.task().job.clone(), self.task().shard).into()
    }

    fn is_held_by(&self, attempt: AttemptId, claimed: Revision) -> Compare {
        Compare::created(self.claim_of(attempt), claimed)
    }

    /// Lists the keys to read if the change is refused, for [`Self::refusal`].
    pub(super) fn reads(&self) -> Vec<String> {
        let done = StateKey::Done(self.task().clone());
        let third = match self {
            Self::Claim { .. } => Some(self.shard_key()),
            other => other.holder().map(|(attempt, _)| self.claim_of(attempt)),
        };
        [StateKey::Leader, done].map(String::from).into_iter().chain(third).collect()
    }

    /// True if this claims a task whose shard has moved on.
    fn is_late(&self, shard_now: Option<&Entry>) -> bool {
        let Self::Claim { shard: Some(revision), .. } = self else { return false };
        shard_now.is_none_or(|entry| entry.mod_revision != *revision)
    }

    /// Determines the reason of a refusal, from the entries of [`Self::reads`].
    pub(super) fn refusal(&self, leadership: &Leadership, found: Vec<Option<Entry>>) -> ClaimError {
        let task = self.task().clone();
        let mut found = found.into_iter();
        let mut next = || found.next().flatten();
        let (leader, done, third) = (next(), next(), next());
        if !leadership.is_shown_by(leader.as_ref()) {
            return ClaimError::Deposed { task, ours: leadership.token() };
        }
        match (done.map(|entry| entry.record::<DoneRecord>()), self.holder()) {
            (Some(Ok(done)), _) => ClaimError::Done { task, by: done.attempt },
            (Some(Err(error)), _) => ClaimError::Store(error),
            (None, Some((attempt, claimed))) if third.as_ref().is_none_or(|claim| claim.create_revision != claimed) => {
                ClaimError::Stale { task, attempt }
            }
            (None, None) if self.is_late(third.as_ref()) => ClaimError::Late { task },
            (None, _) => ClaimError::Moved { task },
        }
    }
}

fn value(record: &impl StateRecord) -> Result<Bytes, MetaError> {
    record.encode().map(Bytes::from).map_err(|error| MetaError::Invalid { reason: error.to_string() })
}
