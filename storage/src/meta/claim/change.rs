//! Changes of a task, and the result of each.

use format::state_keys::TaskPath;
use format::state_records::{AttemptsRecord, DoneRecord, FailureRecord};
use model::{AttemptId, LeaseId, Term};

use crate::meta::{Compare, Entry, MetaError, Revision};

/// Change of one task that a leader wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskChange {
    /// Assigns the task to a worker, under the worker's lease: as the only attempt, or as the twin of a slow one.
    Claim {
        /// Task to claim.
        task: TaskPath,
        /// Worker that is to run it.
        worker: LeaseId,
        /// Last write of the shard's record, if it has one. It is compared, so that a late claim finds that its shard
        /// is over.
        shard: Option<Revision>,
        /// Attempts of the task, as they were last seen.
        seen: SeenAttempts,
    },
    /// Records the attempt that counts, and ends every claim of the task. Repeating it changes nothing.
    Complete {
        /// Task to complete.
        task: TaskPath,
        /// Record to write.
        done: DoneRecord,
        /// Create revision of that attempt's claim.
        claimed: Revision,
    },
    /// Ends an attempt that failed.
    Fail {
        /// Task of the attempt.
        task: TaskPath,
        /// Attempt that failed.
        attempt: AttemptId,
        /// Create revision of its claim.
        claimed: Revision,
        /// True if the failure counts against the task.
        charged: bool,
        /// Failure to record.
        failure: FailureRecord,
        /// Attempts of the task, as they were last seen.
        seen: SeenAttempts,
    },
    /// Ends an attempt that its worker hands back because it drains.
    HandBack {
        /// Task of the attempt.
        task: TaskPath,
        /// Attempt that is handed back.
        attempt: AttemptId,
        /// Create revision of its claim.
        claimed: Revision,
    },
    /// Reopens a task that is done, because the stitch refuted its guess or its run was lost.
    Reopen {
        /// Task to reopen.
        task: TaskPath,
        /// Record that no longer counts.
        done: DoneRecord,
        /// Attempts that count against the task from now on.
        charged: u32,
        /// Offset of its first frame, if that is known by now.
        exact_start: Option<u64>,
    },
}

/// Result of a change that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changed {
    /// The worker may run the attempt.
    Claimed {
        /// Attempt with its token.
        attempt: AttemptId,
        /// Attempts of the task now, as written together with the claim.
        seen: SeenAttempts,
    },
    /// The attempt is recorded as the one that counts.
    Completed,
    /// The failed attempt is ended.
    Failed {
        /// Attempts of the task now.
        seen: SeenAttempts,
    },
    /// The attempt that was handed back is ended.
    HandedBack,
    /// The task is open again.
    Reopened {
        /// Attempts of the task now.
        seen: SeenAttempts,
    },
}

/// Attempts of a task, as they were read; empty if the task was never claimed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SeenAttempts {
    /// Record of the attempts.
    pub record: AttemptsRecord,
    /// Revision of its last write; none if there is no record.
    pub revision: Option<Revision>,
}

impl SeenAttempts {
    /// Parses the entry of the task's attempts.
    ///
    /// # Errors
    /// The value is not such a record.
    pub fn of(entry: Option<&Entry>) -> Result<Self, MetaError> {
        entry.map_or(Ok(Self::default()), |entry| {
            Ok(Self { record: entry.record()?, revision: Some(entry.mod_revision) })
        })
    }

    /// Comparison that holds as long as nobody has written the record since.
    pub(super) fn unmoved(&self, key: &str) -> Compare {
        match self.revision {
            Some(revision) => Compare::modified(key, revision),
            None => Compare::absent(key),
        }
    }
}

impl TaskChange {
    /// Returns the task to change.
    pub fn task(&self) -> &TaskPath {
        match self {
            Self::Claim { task, .. }
            | Self::Complete { task, .. }
            | Self::Fail { task, .. }
            | Self::HandBack { task, .. }
            | Self::Reopen { task, .. } => task,
        }
    }

    /// Returns the attempt that must hold the task for this change, with the create revision of its claim.
    pub(super) fn holder(&self) -> Option<(AttemptId, Revision)> {
        match self {
            Self::Complete { done, claimed, .. } => Some((done.attempt, *claimed)),
            Self::Fail { attempt, claimed, .. } | Self::HandBack { attempt, claimed, .. } => Some((*attempt, *claimed)),
            Self::Claim { .. } | Self::Reopen { .. } => None,
        }
    }

    /// Returns the record of attempts after this change; empty if the change writes none.
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

    /// Returns the result of the change when it was made at `revision` in that term.
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
