//! Who watches over the invariants while a run goes on: everything that changes, in etcd and in the bucket, passes here before
//! anybody else can see it.

mod manifests; // what is committed
mod names; //     names that come once, and what is not ours
mod records; //   what is recorded

pub(crate) use manifests::segments_of;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use format::state_keys::TaskPath;
use model::{AttemptId, Digest, FailureClass, HeldAttempt, Invariant, JobId, ShardId};
use storage::meta::Entry;

use crate::bucket::Stored;

/// An invariant that did not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which.
    pub invariant: Invariant,
    /// What was seen.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.invariant, self.what)
    }
}

/// What is known of the run so far.
#[derive(Debug, Default)]
pub(crate) struct Witness {
    /// etcd as it is.
    entries: BTreeMap<String, Entry>,
    /// The largest number that an attempt of a task had; until its shard is over, for another round counts anew.
    numbers: BTreeMap<TaskPath, u32>,
    /// How attempts failed, by the word of their worker.
    failed: BTreeMap<HeldAttempt, FailureClass>,
    /// Manifests that each round of a job has committed.
    commits: BTreeMap<(JobId, u32, ShardId), Vec<u32>>,
    /// Every attempt that was ever given out, whatever happened to etcd.
    given: BTreeSet<(TaskPath, AttemptId)>,
    /// Rounds of jobs that were on record when etcd went back: nobody knows by then what they committed since.
    went_back: BTreeSet<(JobId, u32)>,
    /// The token of the last leader.
    leader: u64,
    /// etcd as it was, each time before it went back.
    before: Vec<BTreeMap<String, Entry>>,
    /// Keys that strangers have put.
    strange_keys: BTreeSet<String>,
    /// Objects that are somebody else's.
    strange_objects: BTreeSet<String>,
    /// A worker forges reports.
    has_liar: bool,
    /// Plans that are lost.
    lost: BTreeMap<String, Stored>,
    /// What was written under a name that comes once.
    written: BTreeMap<String, Digest>,
    /// Versions that were current when a job's last round was planned, as they were.
    bases: BTreeMap<JobId, BTreeMap<ShardId, u32>>,
    pub(crate) violations: Vec<Violation>,
}

impl Witness {
    /// A witness of a world with these objects of others.
    pub(crate) fn of(strangers: &[(String, Vec<u8>)], has_liar: bool) -> Self {
        let strange_objects = strangers.iter().map(|(key, _)| key.clone()).collect();
        Self { strange_objects, has_liar, ..Self::default() }
    }

    /// A worker says how an attempt has failed.
    pub(crate) fn failed(&mut self, held: HeldAttempt, class: FailureClass) {
        self.failed.insert(held, class);
    }

    /// Keys of jobs that are still there.
    pub(crate) fn keys_of_jobs(&self) -> Vec<String> {
        let is_ours = |key: &&String| key.starts_with(format::state_keys::JOBS) && !self.strange_keys.contains(*key);
        self.entries.keys().filter(is_ours).cloned().collect()
    }

    pub(crate) fn violated(&mut self, invariant: Invariant, what: impl Into<String>) {
        self.violations.push(Violation { invariant, what: what.into() });
    }
}

/// Whether both are one attempt.
fn held(task: &TaskPath, attempt: AttemptId) -> HeldAttempt {
    HeldAttempt { task: task.clone(), attempt }
}
