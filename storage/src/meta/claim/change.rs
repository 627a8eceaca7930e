//! The changes of a task, and what each of them tells once it is made.

use format::state_keys::TaskPath;
use format::state_records::{AttemptsRecord, DoneRecord, FailureRecord};
use model::{AttemptId, LeaseId, Term};

use crate::meta::{Compare, Entry, MetaError, Revision};

/// A change of one task that a leader wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskChange {
    /// Hands the task to a worker, under its lease: as the only attempt or as the twin of one that is slow.
    Claim {
        /// The task.
        task: TaskPath,
        /// Who shall run it.
        worker: LeaseId,
        /// When the record of its shard was last written, where it has one: a claim that comes late finds its shard over.
        shard: Option<Revision>,
        /// Its attempts, as they were last seen.
        seen: SeenAttempts,
    },
    /// Records the attempt that counts, and ends every claim of the task. Asking again changes nothing.
    Complete {
        /// The task.
        task: TaskPath,
        /// What is recorded.
        done: DoneRecord,
        /// When the claim of that attempt came to be.
        claimed: Revision,
    },
    /// Ends an attempt that failed.
    Fail {
        /// The task.
        task: TaskPath,
        /// The attempt.
        attempt: AttemptId,
        /// When its claim came to be.
        claimed: Revision,
        /// Whether it counts against the task.
        charged: bool,
        /// How it failed.
        failure: FailureRecord,
        /// The task's attempts, as they were last seen.
        seen: SeenAttempts,
    },
    /// Ends an attempt that its worker gives back: it drains.
    HandBack {
        /// The task.
        task: TaskPath,
        /// The attempt.
        attempt: AttemptId,
        /// When its claim came to be.
        claimed: Revision,
    },
    /// Lets a task that is done run again: the stitch refuted its guess, or its run was lost.
    Reopen {
        /// The task.
        task: TaskPath,
        /// The record that shall not count any longer.
        done: DoneRecord,
        /// How many attempts count against the task from now on.
        charged: u32,
        /// Where its first frame starts, if that is known by now.
        exact_start: Option<u64>,
    },
}

/// What a change that was made tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changed {
    /// The worker may run the attempt.
    Claimed {
        /// The attempt.
        attempt: AttemptId,
        /// The task's attempts now, written when the claim came to be.
        seen: SeenAttempts,
    },
    /// The attempt counts.
    Completed,
    /// The attempt is over.
    Failed {
        /// The task's attempts now.
        seen: SeenAttempts,
    },
    /// The attempt is over.
    HandedBack,
    /// The task is open.
    Reopened {
        /// The task's attempts now.
        seen: SeenAttempts,
    },
}

/// The attempts of a task, as they were seen; none where it was never claimed.
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

    /// Holds as long as nobody wrote them since.
    pub(super) fn unmoved(&self, key: &str) -> Compare {
        match self.revision {
            Some(revision) => Compare::modified(key, revision),
            None => Compare::absent(key),
        }
    }
}

impl TaskChange {
    /// The task.
    pub fn task(&self) -> &TaskPath {
        match self {
            Self::Claim { task, .. }
            | Self::Complete { task, .. }
            | Self::Fail { task, .. }
            | Self::HandBack { task, .. }
            | Self::Reopen { task, .. } => task,
        }
    }

    /// The attempt that has to hold the task for it, and when its claim came to be.
    pub(super) fn holder(&self) -> Option<(AttemptId, Revision)> {
        match self {
            Self::Complete { done, claimed, .. } => Some((done.attempt, *claimed)),
            Self::Fail { attempt, claimed, .. } | Self::HandBack { attempt, claimed, .. } => Some((*attempt, *claimed)),
            Self::Claim { .. } | Self::Reopen { .. } => None,
        }
    }

    /// The record of attempts that it leaves. One that writes none leaves nothing to see.
    pub(super) fn attempts_after(&self) -> AttemptsRecord {
        match self {
            Self::Claim { seen, .. } => AttemptsRecord { last: seen.record.last + 1, ..seen.record.clone() },
            Self::Fail { charged, failure, seen, .. } => AttemptsRecord {
                charged: seen.record.charged + u32::from(*charged),
                failure: Some(failure.clone()),
                ..seen.record.clone()
            },
            Self::Reopen { done, charged, exact_start, .. } => AttemptsRecord {
                last: done.last.max(done.attempt.number),
                charged: *charged,
                failure: None,
                exact_start: *exact_start,
                begun_at_ms: done.begun_at_ms,
            },
            Self::Complete { .. } | Self::HandBack { .. } => AttemptsRecord::default(),
        }
    }

    /// What it tells once it was made at `revision`, in that term.
    pub(super) fn made_at(&self, revision: Revision, term: Term) -> Changed {
        let seen = SeenAttempts { record: self.attempts_after(), revision: Some(revision) };
        match self {
            Self::Claim { .. } => {
                let attempt = AttemptId { number: seen.record.last, token: revision.token(term) };
                Changed::Claimed { attempt, seen }
            }
            Self::Complete { .. } => Changed::Completed,
            Self::Fail { .. } => Changed::Failed { seen },
            Self::HandBack { .. } => Changed::HandedBack,
            Self::Reopen { .. } => Changed::Reopened { seen },
        }
    }
}
