//! Records of jobs, shards and datasets: written one at a time, each compared with the record before it.
//!
//! A copy of a transaction may reach the store long after its answer, when the keys that it wrote are deleted again: a
//! record that it requires to be absent *is* absent then. Therefore each transaction compares, besides the leadership, a
//! value that never returns; a late copy is refused by it:
//!
//! | transaction | comparison that refuses a copy |
//! |---|---|
//! | begins a job | last write of the dataset's record, which it also writes and which is never deleted |
//! | replaces a head, or deletes it with its job | last write of the head |
//! | writes orders to leave | count of such writes, which it increments and which is never deleted |
//! | replaces the demand for a pool | last write of the record, which is never deleted |
//! | writes a shard's record | creation of the job's head, and last write of the record itself |

use std::sync::atomic::Ordering;

use format::state_keys::{StateKey, job_prefix, shard_prefix};
use format::state_records::{
    DatasetRecord, DemandRecord, DrainRecord, DrainSerial, FormatRecord, JobHead, STATE_FORMAT, ShardRecord,
    StateRecord, Text, Unknown,
};
use model::limits::STATE_TXN_OPS_MAX;
use model::{Digest, JobId, LeaseId, ShardId};
use storage::meta::{Compare, Entry, MetaError, Op, Revision, Txn};
use storage::{Settled, settle};

use super::{Journal, JournalError, Writing, Written};

impl Journal {
    /// Records the dataset in which the history of jobs lies, before the first of them begins.
    pub(crate) async fn note_dataset(&self, uri: &str) -> Result<(), JournalError> {
        let _turn = self.shared.heads.lock().await;
        let key = dataset_key(uri);
        let record = DatasetRecord { uri: Text::cut(uri) };
        if let Some(revision) = self.put(&key, &record, [Compare::absent(&key)].into(), Vec::new()).await? {
            self.remember(&key, revision);
        }
        Ok(())
    }

    /// Creates a job that has no head, in a dataset that is recorded.
    pub(crate) async fn begin_job(&self, job: &JobId, head: &JobHead) -> Result<(), JournalError> {
        let _turn = self.shared.heads.lock().await;
        let (key, uri) = (head_key(job), head.dataset.as_str());
        let dataset = dataset_key(uri);
        let Some(noted) = self.written(&dataset) else { return Err(moved(&dataset)) };
        let noted_again = Op::put(&dataset, value(&DatasetRecord { uri: Text::cut(uri) })?);
        let when = [Compare::absent(&key), Compare::modified(&dataset, noted.modified)];
        let revision = self.replace(&key, head, when.into(), vec![noted_again]).await?;
        self.remember(&key, revision);
        self.remember(&dataset, revision);
        Ok(())
    }

    /// Replaces a job's head. An archived job is left alone.
    pub(crate) async fn put_job(&self, job: &JobId, head: &JobHead) -> Result<(), JournalError> {
        let _turn = self.shared.heads.lock().await;
        let key = head_key(job);
        let Some(seen) = self.written(&key) else { return Ok(()) };
        let revision = self.replace(&key, head, [Compare::modified(&key, seen.modified)].into(), Vec::new()).await?;
        self.remember(&key, revision);
        Ok(())
    }

    /// Replaces the record of a shard.
    pub(crate) async fn put_shard(
        &self,
        job: &JobId,
        shard: ShardId,
        record: &ShardRecord,
    ) -> Result<(), JournalError> {
        let key = shard_key(job, shard);
        let _writing = Writing::begin(&self.shared, &key);
        let revision = self.replace_shard(job, &key, record, Vec::new()).await?;
        self.remember(&key, revision);
        Ok(())
    }

    /// Replaces a shard's record by its last one, and deletes the records of its tasks in the same transaction.
    pub(crate) async fn end_shard(
        &self,
        job: &JobId,
        shard: ShardId,
        record: &ShardRecord,
    ) -> Result<(), JournalError> {
        let (key, prefix) = (shard_key(job, shard), shard_prefix(job, shard));
        let tasks = ["attempts/", "claims/", "done/"].map(|kind| Op::delete_prefix(format!("{prefix}{kind}")));
        let _writing = Writing::begin(&self.shared, &key);
        self.replace_shard(job, &key, record, tasks.into()).await?;
        // No claim is made by this record any more: claims compare the record that is known.
        self.shared.written().remove(&key);
        self.forget_tasks(|task| task.job == *job && task.shard == shard);
        Ok(())
    }

    /// Deletes all keys of a job whose result is recorded in its dataset.
    pub(crate) async fn forget_job(&self, job: &JobId) -> Result<(), JournalError> {
        let _turn = self.shared.heads.lock().await;
        let key = head_key(job);
        let Some(seen) = self.written(&key) else { return Ok(()) };
        let txn = Txn::when(self.leadership().holds())
            .and_when([Compare::modified(&key, seen.modified)])
            .then([Op::delete_prefix(job_prefix(job))])
            .otherwise([String::from(StateKey::Leader), key.clone()]);
        let gone = |entry: Option<&Entry>| {
            entry.is_none_or(|entry| entry.mod_revision != seen.modified).then_some(seen.modified)
        };
        if let Settled::Refused { current } = settle(&*self.shared.store, txn, &key, gone).await? {
            let mut current = current.into_iter();
            self.check_leader(current.next().flatten().as_ref())?;
            // An earlier try with an unknown outcome may have done it.
            if current.next().flatten().is_some() {
                return Err(moved(&key));
            }
        }
        self.shared.written().retain(|key, _| !key.starts_with(&job_prefix(job)));
        self.shared.unknown().retain(|key, _| !key.starts_with(&job_prefix(job)));
        self.forget_tasks(|task| task.job == *job);
        Ok(())
    }

    /// Writes orders to leave, and removes those that are carried out or withdrawn. Writes are serialised, because
    /// each must see the result of the one before.
    pub(crate) async fn write_drains(&self, orders: &[(LeaseId, Option<DrainRecord>)]) -> Result<(), JournalError> {
        let key = String::from(StateKey::DrainSerial);
        // The count takes one operation of each transaction.
        for orders in orders.chunks(STATE_TXN_OPS_MAX - 1) {
            let op = |(worker, order): &(LeaseId, Option<DrainRecord>)| match order {
                Some(order) => Ok(Op::put(StateKey::Drain(*worker), value(order)?)),
                None => Ok(Op::delete(StateKey::Drain(*worker))),
            };
            let ops = orders.iter().map(op).collect::<Result<Vec<_>, MetaError>>()?;
            let last = self.shared.drains_written.fetch_add(1, Ordering::Relaxed) + 1;
            let revision = self.replace(&key, &DrainSerial { last }, [self.unmoved(&key)].into(), ops).await?;
            self.remember(&key, revision);
        }
        Ok(())
    }

    /// Replaces the demand for workers of a pool.
    pub(crate) async fn put_demand(&self, pool: &str, record: DemandRecord) -> Result<(), JournalError> {
        let key = String::from(StateKey::Demand(pool.to_owned()));
        if self.written(&key).is_none()
            && let Some(entry) = self.shared.store.get(&key).await?
        {
            self.remember(&key, entry.mod_revision);
        }
        let revision = self.replace(&key, &record, [self.unmoved(&key)].into(), Vec::new()).await?;
        self.remember(&key, revision);
        Ok(())
    }

    /// Lists every dataset that has, or had, a job. A record that cannot be read hides no other.
    pub(crate) async fn datasets(&self) -> Result<Vec<String>, MetaError> {
        let listing = self.shared.store.list(format::state_keys::DATASETS).await?;
        let uri = |entry: &Entry| entry.record().map(|record: DatasetRecord| record.uri.to_string()).ok();
        Ok(listing.entries.iter().filter_map(uri).collect())
    }

    /// Records the format of the state, unless it is recorded already. It is the first write of a leader, so that no
    /// version that would misread our state leads after us.
    pub(crate) async fn note_format(&self, found: Option<u32>) -> Result<(), JournalError> {
        if found.is_some_and(|found| found >= STATE_FORMAT) {
            return Ok(());
        }
        self.put(&String::from(StateKey::Format), &FormatRecord { version: STATE_FORMAT }, Vec::new(), Vec::new())
            .await
            .map(drop)
    }

    async fn replace_shard(
        &self,
        job: &JobId,
        key: &str,
        record: &ShardRecord,
        also: Vec<Op>,
    ) -> Result<Revision, JournalError> {
        let head = head_key(job);
        let Some(job) = self.written(&head) else { return Err(moved(&head)) };
        let record = &ShardRecord { unknown: self.unknown(key).unwrap_or_default(), ..record.clone() };
        self.replace(key, record, [Compare::created(&head, job.created), self.unmoved(key)].into(), also).await
    }

    /// Replaces a record, which must be as we know it.
    async fn replace(
        &self,
        key: &str,
        record: &impl StateRecord,
        when: Vec<Compare>,
        also: Vec<Op>,
    ) -> Result<Revision, JournalError> {
        self.put(key, record, when, also).await?.ok_or_else(|| moved(key))
    }

    /// Writes a record and the operations that go with it, if we lead and all of `when` holds; returns the revision
    /// of the write, if it was made.
    async fn put(
        &self,
        key: &str,
        record: &impl StateRecord,
        when: Vec<Compare>,
        also: Vec<Op>,
    ) -> Result<Option<Revision>, JournalError> {
        let value = value(record)?;
        let _permit = self.shared.records.acquire().await;
        let txn = Txn::when(self.leadership().holds())
            .and_when(when)
            .then([Op::put(key, value.clone())].into_iter().chain(also))
            .otherwise([String::from(StateKey::Leader)]);
        let written =
            |entry: Option<&Entry>| entry.filter(|entry| entry.value == value).map(|entry| entry.mod_revision);
        match settle(&*self.shared.store, txn, key, written).await? {
            Settled::Applied { revision } => Ok(Some(revision)),
            Settled::Refused { current } => {
                self.check_leader(current.first().and_then(Option::as_ref))?;
                Ok(None)
            }
        }
    }

    fn unknown(&self, key: &str) -> Option<Unknown> {
        self.shared.unknown().get(key).cloned()
    }

    /// Returns a comparison that holds as long as a record is as it was seen, or does not exist yet.
    fn unmoved(&self, key: &str) -> Compare {
        match self.written(key) {
            Some(seen) => Compare::modified(key, seen.modified),
            None => Compare::absent(key),
        }
    }

    fn remember(&self, key: &str, modified: Revision) {
        let first = Written { created: modified, modified };
        self.shared.written().entry(key.to_owned()).or_insert(first).modified = modified;
    }

    fn check_leader(&self, leader: Option<&Entry>) -> Result<(), JournalError> {
        if self.leadership().is_shown_by(leader) {
            return Ok(());
        }
        let ours = self.leadership().token();
        Err(JournalError::Over { reason: format!("another coordinator leads (our token is {ours})") })
    }
}

fn dataset_key(uri: &str) -> String {
    StateKey::Dataset(Digest::of(uri.as_bytes())).into()
}

fn head_key(job: &JobId) -> String {
    StateKey::Job(job.clone()).into()
}

pub(super) fn shard_key(job: &JobId, shard: ShardId) -> String {
    StateKey::Shard(job.clone(), shard).into()
}

fn value(record: &impl StateRecord) -> Result<Vec<u8>, MetaError> {
    record.encode().map_err(|error| MetaError::Invalid { reason: error.to_string() })
}

/// Creates the error for a record that changed. Only a leader writes records of jobs, one after another, so somebody
/// else leads, and the state must be read again.
pub(super) fn moved(key: &str) -> JournalError {
    JournalError::Over {
        reason: format!("{key}, or what it hangs on, is not as we wrote it; its reader must start anew"),
    }
}
