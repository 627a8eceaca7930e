//! Checks of etcd: attempt numbers rise, one attempt per task is recorded, and no process writes after it lost the
//! right to.

use format::state_keys::{StateKey, TaskPath};
use format::state_records::{
    AttemptsRecord, ClaimRecord, DoneRecord, LeaderRecord, ShardPhase, ShardRecord, StateRecord,
};
use model::invariant::{may_complete, number_rises};
use model::{AttemptId, Digest, Invariant, JobId, Report, ShardId};
use scheduler::is_charged;
use storage::meta::claim::token_of;
use storage::meta::{Change, Entry};

use super::{Witness, held};
use crate::bucket::Bucket;

impl Witness {
    /// Checks the changes of one transaction, or of the end of one lease. `by` is the process whose call it was.
    pub(crate) fn changed(&mut self, changes: Vec<Change>, by: Option<&str>, bucket: &Bucket) {
        let is_theirs = |change: &Change| change.key().starts_with(format::state_keys::JOBS);
        if let Some(by) = by
            && let Some(change) = changes.iter().find(|change| is_theirs(change))
        {
            self.check_leads(by, change.key());
        }
        for change in &changes {
            self.check_strangers(change);
            match (change, change.key().parse::<StateKey>()) {
                (Change::Put(entry), Ok(StateKey::Claim(task, number))) => self.claimed(&task, number, entry),
                (Change::Put(entry), Ok(StateKey::Done(task))) => self.done(&task, entry, bucket),
                (Change::Put(entry), Ok(StateKey::Attempts(task))) => self.tried(&task, entry, &changes),
                (Change::Put(entry), Ok(StateKey::Leader)) => self.leads(entry),
                (Change::Put(entry), Ok(StateKey::Shard(job, shard))) => {
                    self.shard_changed((&job, shard), entry, bucket)
                }
                (Change::Deleted { .. }, Ok(StateKey::Done(task))) => self.reopened(&task, &changes),
                (Change::Deleted { .. }, Ok(StateKey::Shard(job, shard))) => self.forget_numbers(&job, shard),
                (_, Ok(_)) => {}
                (change, Err(_)) if self.is_strange(change.key()) => {}
                (change, Err(error)) => self.violated(Invariant::Ls3, format!("{}: {error}", change.key())),
            }
        }
        for change in changes {
            match change {
                Change::Put(entry) => drop(self.entries.insert(entry.key.clone(), entry)),
                Change::Deleted { key } => drop(self.entries.remove(&key)),
            }
        }
    }

    /// Returns the current record of a key.
    pub(super) fn record<R: StateRecord>(&self, key: StateKey) -> Option<R> {
        self.entries.get(&String::from(key)).and_then(|entry| entry.record().ok())
    }

    /// LS-3: checks that only the leader writes keys of jobs.
    fn check_leads(&mut self, by: &str, key: &str) {
        let leader: Option<LeaderRecord> = self.record(StateKey::Leader);
        let leader = leader.map(|leader| leader.replica.to_string()).unwrap_or_default();
        if leader != by {
            self.violated(Invariant::Ls3, format!("{by} wrote {key} while {leader:?} leads"));
        }
    }

    /// LS-3: checks that the revisions of leaders only rise.
    fn leads(&mut self, entry: &Entry) {
        let token = entry.create_revision.0;
        if token <= self.leader {
            self.violated(Invariant::Ls3, format!("a leader was elected at {token}, one before at {}", self.leader));
        }
        self.leader = self.leader.max(token);
    }

    /// LS-1 and LS-3: checks a new claim, which must not outlast its worker's lease.
    fn claimed(&mut self, task: &TaskPath, number: u32, entry: &Entry) {
        let last = self.numbers.entry(task.clone()).or_default();
        let (before, rises) = (*last, number_rises(*last, number));
        *last = (*last).max(number);
        if !rises {
            self.violated(Invariant::Ls1, format!("{task} is tried as {number}, after {before}"));
        }
        if let Ok(token) = token_of(entry)
            && !self.given.insert((task.clone(), AttemptId { number, token }))
        {
            self.violated(
                Invariant::Ls1,
                format!("{task} is tried as {number} by {token}, a name that was given before"),
            );
        }
        let phase = self.shard(task).map(|shard| shard.phase);
        if !matches!(phase, Some(ShardPhase::Running | ShardPhase::Committing)) {
            self.violated(Invariant::Ls3, format!("{task} is tried, and its shard is over ({phase:?})"));
        }
        let claim: Option<ClaimRecord> = entry.record().ok();
        if !claim.is_some_and(|claim| Some(claim.worker) == entry.lease && claim.attempt == number) {
            self.violated(Invariant::Ls3, format!("the claim {} does not end with its worker's lease", entry.key));
        }
    }

    /// LS-2 and LS-3: checks that the recorded attempt holds its task, and that the report is its own.
    fn done(&mut self, task: &TaskPath, entry: &Entry, bucket: &Bucket) {
        let Ok(done) = entry.record::<DoneRecord>() else {
            return self.violated(Invariant::Ls2, format!("{} cannot be read", entry.key));
        };
        let before: Option<DoneRecord> = self.record(StateKey::Done(task.clone()));
        let claim = self.entries.get(&String::from(StateKey::Claim(task.clone(), done.attempt.number)));
        let holder = claim.and_then(|claim| token_of(claim).ok());
        if let Err(invariant) = may_complete(before.map(|before| before.attempt), holder, done.attempt) {
            self.violated(invariant, format!("{task} is recorded done by {}, which must not be", done.attempt));
        }
        self.check_report(task, &done, bucket);
    }

    /// LS-3: checks that a report that counts belongs to the attempt that counts.
    fn check_report(&mut self, task: &TaskPath, done: &DoneRecord, bucket: &Bucket) {
        let key = report_key(task, done.attempt);
        // A restored state may ask again for what its job has cleaned up since; the next leader finds that it is gone.
        if bucket.object(&key).is_none() && !self.before.is_empty() {
            return;
        }
        let Some(object) = bucket.object(&key).filter(|object| Digest::of(&object.bytes) == done.report) else {
            return self.violated(Invariant::Cm2, format!("{task} is done by a report that is not at {key}"));
        };
        let Ok(report) = Report::from_bytes(&object.bytes) else {
            return self.violated(Invariant::Cm2, format!("{key} is not a report"));
        };
        let name = done.attempt.to_string();
        let foreign = objects(&report).into_iter().find(|key| !key.contains(&name));
        if let Some(foreign) = foreign {
            self.violated(Invariant::Ls3, format!("{task} is done by {name}, whose report names {foreign}"));
        }
    }

    /// LS-4: checks that a charged attempt has failed by its own fault.
    fn tried(&mut self, task: &TaskPath, entry: &Entry, changes: &[Change]) {
        let Ok(now) = entry.record::<AttemptsRecord>() else {
            return self.violated(Invariant::Ls1, format!("{} cannot be read", entry.key));
        };
        let before: AttemptsRecord = self.record(StateKey::Attempts(task.clone())).unwrap_or_default();
        let is_reopened = changes.iter().any(|change| change.key() == String::from(StateKey::Done(task.clone())));
        if now.charged <= before.charged || is_reopened {
            return;
        }
        let ended = changes.iter().find_map(|change| match (change, change.key().parse()) {
            (Change::Deleted { key }, Ok(StateKey::Claim(of, number))) if of == *task => {
                let claim = self.entries.get(key)?;
                Some(AttemptId { number, token: token_of(claim).ok()? })
            }
            _ => None,
        });
        let Some(ended) = ended else {
            return self.violated(Invariant::Ls4, format!("{task} is charged, and no attempt of it has ended"));
        };
        let is_stuck =
            now.failure.is_some_and(|failure| failure.cause.as_str().contains("has read and written nothing"));
        let class = self.failed.get(&held(task, ended)).copied();
        let is_refused = self.has_liar && class.is_none();
        if !is_stuck && !is_refused && !class.is_some_and(is_charged) {
            self.violated(Invariant::Ls4, format!("{task} is charged for {ended}, which failed so: {class:?}"));
        }
    }

    /// Forgets the numbers of a shard's attempts when another round of it begins.
    fn shard_changed(&mut self, (job, shard): (&JobId, ShardId), entry: &Entry, bucket: &Bucket) {
        let phase = entry.record::<ShardRecord>().map(|record| record.phase);
        if let Ok(ShardRecord { phase: ShardPhase::Done, version, .. }) = entry.record::<ShardRecord>() {
            self.check_version(job, shard, version, bucket);
        }
        if !matches!(phase, Ok(ShardPhase::Running | ShardPhase::Committing)) {
            self.forget_numbers(job, shard);
        }
    }

    /// LS-1 counts within a round of a shard. The names of attempts stay: they never come again.
    fn forget_numbers(&mut self, job: &JobId, shard: ShardId) {
        self.numbers.retain(|task, _| task.job != *job || task.shard != shard);
    }

    /// LS-2: checks that a completed task stays done, unless it is opened again or its shard is over.
    fn reopened(&mut self, task: &TaskPath, changes: &[Change]) {
        let attempts = String::from(StateKey::Attempts(task.clone()));
        let is_opened = changes.iter().any(|change| matches!(change, Change::Put(entry) if entry.key == attempts));
        let shard = String::from(StateKey::Shard(task.job.clone(), task.shard));
        let is_over = changes.iter().any(|change| change.key() == shard);
        if !is_opened && !is_over {
            self.violated(Invariant::Ls2, format!("{task} was done, and is not any longer"));
        }
    }

    /// Returns the current record of a task's shard.
    pub(super) fn shard(&self, task: &TaskPath) -> Option<ShardRecord> {
        self.record(StateKey::Shard(task.job.clone(), task.shard))
    }
}

/// Returns the key of an attempt's report in the bucket.
pub(super) fn report_key(task: &TaskPath, attempt: AttemptId) -> String {
    let scratch = format::keys::scratch_root("dataset", &task.job);
    format!("{scratch}/{}", format::keys::report(task, attempt))
}

/// Lists the keys of all objects that a report names.
fn objects(report: &Report) -> Vec<String> {
    let objects: Vec<_> = match report {
        Report::Map(report) => report.run.iter().chain(report.quarantine.iter().map(|entry| &entry.object)).collect(),
        Report::Reduce(report) => report.raw.iter().chain(report.rollups.iter().map(|rollup| &rollup.object)).collect(),
    };
    objects.into_iter().map(|object| object.key.clone()).collect()
}
