//! Journal: the only way of durable change. No other module writes the cluster's state.
//!
//! Changes of tasks are gathered into transactions: changes that are requested while others are in flight travel together,
//! so the store's speed with batches sets the journal's. Jobs and shards are written one by one. Every write carries the
//! proof that we lead, and compares the records that it replaces. A write whose outcome cannot be determined ends the
//! leadership, and the next leader reads the state.
//!
//! | a write meets | result |
//! |---|---|
//! | another leader | [`JournalError::Over`]: stop, rejoin the election |
//! | an outcome that stays unknown | [`JournalError::Over`]: the next leader reads it |
//! | a claim that is gone, a task that is done, a shard that has ended | [`JournalError::Stale`]: the attempt's report does not count |
//! | a store without space | [`JournalError::Blocked`]: nothing was changed, try again later |

mod batch; //    transactions of task changes
mod held; //     claims by which attempts hold their tasks
mod records; //  records of jobs, shards, datasets
mod recover; //  state that an earlier leader left

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use format::state_keys::StateKey;
use format::state_records::{DoneRecord, FailureRecord, Unknown};
use model::invariant::number_rises;
use model::limits::JOURNAL_QUEUE_MAX;
use model::{AttemptId, Digest, Invariant, LeaseId, TaskPath, TimestampMs};
use scheduler::Tried;
use storage::meta::claim::{Changed, ClaimError, SeenAttempts, TaskChange};
use storage::meta::election::Leadership;
use storage::meta::{MetaError, MetaStore, Revision};
use tokio::sync::{Semaphore, mpsc, oneshot};

use held::Held;
pub(crate) use recover::{Found, FoundJob, FoundShard, recover};

/// Most transactions of records in flight, beside those of tasks. A job of tens of thousands of shards may write as
/// many records at once, and etcd must still keep leases alive.
const RECORD_TXNS_MAX: usize = 256;

/// Reason for which a change was not made.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum JournalError {
    /// We lead no longer, or cannot determine the outcome of a write.
    #[error("{reason}")]
    Over {
        /// Cause, for the log.
        reason: String,
    },
    /// The attempt does not hold its task.
    #[error("{reason}")]
    Stale {
        /// Cause, for the log.
        reason: String,
    },
    /// Nothing was changed, and nothing can be changed right now.
    #[error("{reason}")]
    Blocked {
        /// Cause, and the next step.
        reason: String,
    },
}

impl From<ClaimError> for JournalError {
    fn from(error: ClaimError) -> Self {
        match error {
            ClaimError::Stale { .. } | ClaimError::Late { .. } | ClaimError::Done { .. } => {
                Self::Stale { reason: error.to_string() }
            }
            ClaimError::Deposed { .. } | ClaimError::Moved { .. } => Self::Over { reason: error.to_string() },
            ClaimError::Store(error) => error.into(),
        }
    }
}

impl From<MetaError> for JournalError {
    fn from(error: MetaError) -> Self {
        let reason = model::error::chain(&error);
        match error {
            MetaError::LeaseGone { .. } => Self::Stale { reason },
            MetaError::OutOfSpace | MetaError::NotAllowed { .. } => Self::Blocked { reason },
            MetaError::Unavailable { .. }
            | MetaError::TooNew { .. }
            | MetaError::Settings { .. }
            | MetaError::Invalid { .. }
            | MetaError::Foreign { .. } => Self::Over { reason },
        }
    }
}

/// Change that waits for its transaction.
struct Queued {
    change: TaskChange,
    reply: oneshot::Sender<Result<Changed, ClaimError>>,
}

/// Exclusive right to change one task.
struct Turn<'a> {
    shared: &'a Shared,
    task: TaskPath,
    _guard: tokio::sync::OwnedMutexGuard<()>,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut under_way = self.shared.under_way();
        // The two references are ours and the map's: nobody waits.
        if under_way.get(&self.task).is_some_and(|turn| Arc::strong_count(turn) <= 2) {
            under_way.remove(&self.task);
        }
    }
}

/// Handle of the journal. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Journal {
    shared: Arc<Shared>,
    queue: mpsc::Sender<Queued>,
}

#[derive(Debug)]
struct Shared {
    store: Arc<dyn MetaStore>,
    leadership: Leadership,
    /// Attempts of tasks that were tried and are not done, as they were last seen.
    attempts: Mutex<HashMap<TaskPath, SeenAttempts>>,
    /// Claims of attempts that were granted.
    held: Held,
    /// Revisions of each record of a dataset, job or shard.
    written: Mutex<BTreeMap<String, Written>>,
    /// Record that counts how often orders to leave were written.
    drains_written: std::sync::atomic::AtomicU64,
    /// Fields of shards' records that a newer version wrote. They are kept when this version writes the record.
    unknown: Mutex<BTreeMap<String, Unknown>>,
    /// Records of shards that are being written: the store may have the old or the new content.
    writing: Mutex<HashSet<String>>,
    /// Permits for transactions of records in flight.
    records: Semaphore,
    /// Exclusive right to write heads, because a write of a head must see the result of the one before.
    heads: tokio::sync::Mutex<()>,
    /// Tasks with a change in flight, because a change must see the result of the one before.
    under_way: Mutex<HashMap<TaskPath, Arc<tokio::sync::Mutex<()>>>>,
}

/// Revisions of a record.
#[derive(Debug, Clone, Copy)]
struct Written {
    /// Revision at which it was created; a record that was deleted and created again has another one.
    created: Revision,
    /// Revision of its last write.
    modified: Revision,
}

impl Shared {
    /// Waits for the changes of `task` that are in flight.
    async fn in_turn(&self, task: &TaskPath) -> Turn<'_> {
        let turn = Arc::clone(self.under_way().entry(task.clone()).or_default());
        Turn { shared: self, task: task.clone(), _guard: turn.lock_owned().await }
    }

    fn under_way(&self) -> MutexGuard<'_, HashMap<TaskPath, Arc<tokio::sync::Mutex<()>>>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn attempts(&self) -> MutexGuard<'_, HashMap<TaskPath, SeenAttempts>> {
        // No code panics while it holds the lock.
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn written(&self) -> MutexGuard<'_, BTreeMap<String, Written>> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn unknown(&self) -> MutexGuard<'_, BTreeMap<String, Unknown>> {
        self.unknown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn writing(&self) -> MutexGuard<'_, HashSet<String>> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Shard's record that is being written, until the outcome is known.
struct Writing<'a> {
    shared: &'a Shared,
    key: &'a str,
}

impl<'a> Writing<'a> {
    fn begin(shared: &'a Shared, key: &'a str) -> Self {
        shared.writing().insert(key.to_owned());
        Self { shared, key }
    }
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        self.shared.writing().remove(self.key);
    }
}

impl Journal {
    /// Opens the journal for as long as `leadership` holds; `found` is the state that was read.
    pub(crate) fn open(store: Arc<dyn MetaStore>, leadership: Leadership, found: &Found) -> Self {
        let (queue, queued) = mpsc::channel(JOURNAL_QUEUE_MAX);
        let shared = Arc::new(Shared {
            store,
            leadership,
            attempts: Mutex::new(found.attempts().collect()),
            held: Held::found(found),
            written: Mutex::new(found.written.clone()),
            drains_written: found.drain_serial.last.into(),
            unknown: Mutex::new(found.unknown().collect()),
            writing: Mutex::default(),
            records: Semaphore::new(RECORD_TXNS_MAX),
            heads: tokio::sync::Mutex::default(),
            under_way: Mutex::default(),
        });
        tokio::spawn(batch::run(Arc::clone(&shared), queued));
        Self { shared, queue }
    }

    /// Returns the proof that we lead.
    pub(crate) fn leadership(&self) -> &Leadership {
        &self.shared.leadership
    }

    /// Returns the revision at which the record of the task's shard was created. Each round of a job has its own.
    pub(crate) fn shard_created(&self, task: &TaskPath) -> Option<Revision> {
        self.written(&records::shard_key(&task.job, task.shard)).map(|shard| shard.created)
    }

    /// Binds an attempt to a worker, at `at_ms`, and returns its fencing token. `number` is counted by the scheduler
    /// and larger than the last one on record (LS-1). It may skip the numbers of claims that were refused because
    /// their workers were lost together. `created` is from [`Self::shard_created`] when the attempt was assigned: the
    /// job may be in another round by now, which counts its own numbers.
    pub(crate) async fn claim(
        &self,
        task: TaskPath,
        created: Option<Revision>,
        worker: LeaseId,
        number: u32,
        at_ms: TimestampMs,
    ) -> Result<AttemptId, JournalError> {
        let _turn = self.shared.in_turn(&task).await;
        let key = records::shard_key(&task.job, task.shard);
        let Some(shard) = self.written(&key).filter(|shard| Some(shard.created) == created) else {
            return Err(JournalError::Stale { reason: format!("the shard of {task} is over") });
        };
        let mut seen = self.seen(&task);
        let rises = number_rises(seen.record.last, number);
        #[cfg(feature = "planted")]
        let rises = rises
            && !(number != seen.record.last + 1
                && scheduler::planted::is_planted(scheduler::planted::Planted::GapIsViolated));
        if !rises {
            let reason = format!("{task} was to be tried as {number}, its last attempt was {}", seen.record.last);
            crate::metrics::violated(Invariant::Ls1, &reason);
            let reason = format!("{}: {reason}", Invariant::Ls1);
            return Err(JournalError::Over { reason });
        }
        seen.record.last = number - 1;
        seen.record.begun_at_ms.get_or_insert(at_ms);
        let (done, has_tries_on_record) = (String::from(StateKey::Done(task.clone())), seen.revision.is_some());
        let claim = TaskChange::Claim { task, worker, shard: Some(shard.modified), seen };
        match self.ask(claim).await? {
            Ok(Changed::Claimed { attempt, .. }) => Ok(attempt),
            Ok(other) => Err(mismatch(&other)),
            // From now on every claim of the shard would be refused.
            Err(ClaimError::Late { .. }) if self.is_as_known(&key, shard) => Err(records::moved(&key)),
            // A completion that was answered as not done took effect later. One that this leader knows of has taken
            // the tries with it.
            Err(ClaimError::Done { .. }) if has_tries_on_record => Err(records::moved(&done)),
            Err(error) => Err(error.into()),
        }
    }

    /// Records an attempt as the one that counts.
    pub(crate) async fn complete(
        &self,
        task: TaskPath,
        attempt: AttemptId,
        report: Digest,
        report_bytes: u64,
    ) -> Result<(), JournalError> {
        let _turn = self.shared.in_turn(&task).await;
        let seen = self.seen(&task).record;
        let (last, begun_at_ms) = (seen.last.max(attempt.number), seen.begun_at_ms);
        let done = DoneRecord { attempt, last, report, report_bytes, begun_at_ms };
        let claimed = self.shared.held.claim_of(&task, attempt);
        self.change(TaskChange::Complete { task, done, claimed }).await.map(drop)
    }

    /// Ends an attempt that failed.
    pub(crate) async fn fail(
        &self,
        task: TaskPath,
        attempt: AttemptId,
        charged: bool,
        failure: FailureRecord,
    ) -> Result<(), JournalError> {
        let _turn = self.shared.in_turn(&task).await;
        let seen = self.seen(&task);
        let claimed = self.shared.held.claim_of(&task, attempt);
        self.change(TaskChange::Fail { task: task.clone(), attempt, claimed, charged, failure, seen }).await?;
        self.shared.held.ended(&task, attempt);
        Ok(())
    }

    /// Ends an attempt without charging it.
    pub(crate) async fn hand_back(&self, task: TaskPath, attempt: AttemptId) -> Result<(), JournalError> {
        let _turn = self.shared.in_turn(&task).await;
        let claimed = self.shared.held.claim_of(&task, attempt);
        self.change(TaskChange::HandBack { task: task.clone(), attempt, claimed }).await?;
        self.shared.held.ended(&task, attempt);
        Ok(())
    }

    /// Opens a task again that `attempt` did.
    pub(crate) async fn reopen(&self, task: TaskPath, attempt: AttemptId, tried: Tried) -> Result<(), JournalError> {
        let _turn = self.shared.in_turn(&task).await;
        let key = String::from(StateKey::Done(task.clone()));
        let done = self.shared.store.get(&key).await?;
        let done = done.map(|entry| entry.record::<DoneRecord>()).transpose()?;
        let Some(done) = done.filter(|done| done.attempt == attempt) else {
            return Err(JournalError::Over { reason: format!("{task} is not done by {attempt}, as we believed") });
        };
        let Tried { charged, exact_start, .. } = tried;
        self.change(TaskChange::Reopen { task, done, charged, exact_start }).await.map(drop)
    }

    /// Makes a change that has to be made, for as long as the store accepts none.
    pub(crate) async fn insist<T, F>(&self, change: impl Fn() -> F) -> Result<T, JournalError>
    where
        F: Future<Output = Result<T, JournalError>>,
    {
        /// Pause between two tries: an operator makes room within minutes.
        const PAUSE: std::time::Duration = std::time::Duration::from_secs(1);
        loop {
            match change().await {
                Err(JournalError::Blocked { .. }) => tokio::time::sleep(PAUSE).await,
                result => return result,
            }
        }
    }

    /// Drops the known records of the tasks of a shard that has ended.
    pub(crate) fn forget_tasks(&self, is_over: impl Fn(&TaskPath) -> bool + Copy) {
        self.shared.attempts().retain(|task, _| !is_over(task));
        self.shared.held.forget(is_over);
    }

    fn written(&self, key: &str) -> Option<Written> {
        self.shared.written().get(key).copied()
    }

    fn seen(&self, task: &TaskPath) -> SeenAttempts {
        self.shared.attempts().get(task).cloned().unwrap_or_default()
    }

    /// Returns true if this leader neither rewrote a shard's record since `seen` nor is writing it now.
    fn is_as_known(&self, key: &str, seen: Written) -> bool {
        let is_known = self.written(key).is_some_and(|written| written.modified == seen.modified);
        is_known && !self.shared.writing().contains(key)
    }

    async fn change(&self, change: TaskChange) -> Result<Changed, JournalError> {
        Ok(self.ask(change).await??)
    }

    /// Makes a change; the inner error is the reason against it.
    async fn ask(&self, change: TaskChange) -> Result<Result<Changed, ClaimError>, JournalError> {
        let task = change.task().clone();
        let shard = records::shard_key(&task.job, task.shard);
        let incarnation = || self.written(&shard).map(|shard| shard.created);
        let before = incarnation();
        let (reply, answer) = oneshot::channel();
        let closed = || JournalError::Over { reason: "the journal is closed".to_owned() };
        self.queue.send(Queued { change, reply }).await.map_err(|_| closed())?;
        let changed = match answer.await.map_err(|_| closed())? {
            Ok(changed) => changed,
            Err(refused) => return Ok(Err(refused)),
        };
        // The answer was late: the known records of the task belong to another round by now.
        if incarnation() != before {
            return Err(JournalError::Stale { reason: format!("the shard of {task} has ended meanwhile") });
        }
        let mut attempts = self.shared.attempts();
        match &changed {
            Changed::Claimed { attempt, seen } => {
                self.shared.held.claimed(task.clone(), *attempt, seen.revision.unwrap_or_default());
                attempts.insert(task, seen.clone());
            }
            Changed::Failed { seen } | Changed::Reopened { seen } => {
                attempts.insert(task, seen.clone());
            }
            Changed::Completed => {
                self.shared.held.done(&task);
                attempts.remove(&task);
            }
            Changed::HandedBack => {}
        }
        Ok(Ok(changed))
    }
}

fn mismatch(changed: &Changed) -> JournalError {
    JournalError::Over { reason: format!("the journal answered a claim with {changed:?}; please report this") }
}
