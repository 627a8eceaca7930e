//! Witness of a run, which checks the invariants: every change in etcd and in the bucket passes here before any
//! process can see it.

mod manifests; // checks of commits
mod names; //     checks of unique names, and of foreign objects
mod records; //   checks of records

pub(crate) use manifests::segments_of;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use format::state_keys::TaskPath;
use model::{AttemptId, Digest, FailureClass, HeldAttempt, Invariant, JobId, ShardId};
use storage::meta::Entry;

use crate::bucket::Stored;

/// Invariant that did not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Invariant that is broken.
    pub invariant: Invariant,
    /// Evidence, as a message.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.invariant, self.what)
    }
}

/// Knowledge of the witness about the run so far.
#[derive(Debug, Default)]
pub(crate) struct Witness {
    /// Current entries of etcd.
    entries: BTreeMap<String, Entry>,
    /// Largest attempt number of each task, kept until its shard is over; another round counts anew.
    numbers: BTreeMap<TaskPath, u32>,
    /// Failure class of each failed attempt, as its worker reported it.
    failed: BTreeMap<HeldAttempt, FailureClass>,
    /// Manifests that each round of a job has committed.
    commits: BTreeMap<(JobId, u32, ShardId), Vec<u32>>,
    /// Every attempt that was ever given out, also if etcd has lost it.
    given: BTreeSet<(TaskPath, AttemptId)>,
    /// Rounds of jobs that were on record when etcd went back. Their later commits are unknown to the cluster.
    went_back: BTreeSet<(JobId, u32)>,
    /// Token of the last leader.
    leader: u64,
    /// Entries of etcd, each time before it went back.
    before: Vec<BTreeMap<String, Entry>>,
    /// Keys that strangers have put.
    strange_keys: BTreeSet<String>,
    /// Objects that belong to strangers.
    strange_objects: BTreeSet<String>,
    /// True if a worker forges reports.
    has_liar: bool,
    /// Plans that were lost.
    lost: BTreeMap<String, Stored>,
    /// Digests of objects whose names must be unique.
    written: BTreeMap<String, Digest>,
    /// Versions that were current when a job's last round was planned.
    bases: BTreeMap<JobId, BTreeMap<ShardId, u32>>,
    pub(crate) violations: Vec<Violation>,
}

impl Witness {
    /// Creates the witness of a world with these foreign objects.
    pub(crate) fn of(strangers: &[(String, Vec<u8>)], has_liar: bool) -> Self {
        let strange_objects = strangers.iter().map(|(key, _)| key.clone()).collect();
        Self { strange_objects, has_liar, ..Self::default() }
    }

    /// Notes the failure of an attempt, as its worker reports it.
    pub(crate) fn failed(&mut self, held: HeldAttempt, class: FailureClass) {
        self.failed.insert(held, class);
    }

    /// Lists the keys of jobs that are still present.
    pub(crate) fn keys_of_jobs(&self) -> Vec<String> {
        let is_ours = |key: &&String| key.starts_with(format::state_keys::JOBS) && !self.strange_keys.contains(*key);
        self.entries.keys().filter(is_ours).cloned().collect()
    }

    pub(crate) fn violated(&mut self, invariant: Invariant, what: impl Into<String>) {
        self.violations.push(Violation { invariant, what: what.into() });
    }
}

/// Joins a task and an attempt.
fn held(task: &TaskPath, attempt: AttemptId) -> HeldAttempt {
    HeldAttempt { task: task.clone(), attempt }
}
