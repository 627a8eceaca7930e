//! Records of jobs, shards and datasets: written one at a time, each against what was there before.
//!
//! A copy of a transaction may reach the store long after its answer, when all that it wrote has gone again: then a record that it
//! wants absent *is* absent. So each compares something that does not come back, beside that we lead:
//!
//! | a transaction | compares, so that a copy finds it moved |
//! |---|---|
//! | begins a job | the record of its dataset, which it writes too, and which never goes |
//! | replaces a head, or deletes it with its job | when the head was written last |
//! | writes orders to leave | how often orders were written, which it raises, and which never goes |
//! | writes a shard's record | when the head of its job came to be, and when the record itself was written last |

use std::sync::atomic::Ordering;

use format::state_keys::{StateKey, job_prefix, shard_prefix};
use format::state_records::{
    DatasetRecord, DrainRecord, DrainSerial, FormatRecord, JobHead, STATE_FORMAT, ShardRecord, StateRecord, Text,
    Unknown,
};
use model::limits::STATE_TXN_OPS_MAX;
use model::{Digest, JobId, LeaseId, ShardId};
use storage::meta::{Compare, Entry, MetaError, Op, Revision, Txn};
use storage::{Settled, settle};

use super::{Journal, JournalError, Writing, Written};

impl Journal {
    /// Remembers where the history of jobs lies: before the first of them begins.
    pub(crate) async fn note_dataset(&self, uri: &str) -> Result<(), JournalError> {
        let _turn = self.shared.heads.lock().await;
        let key = dataset_key(uri);
        let record = DatasetRecord { uri: Text::cut(uri) };
        if let Some(revision) = self.put(&key, &record, [Compare::absent(&key)].into(), Vec::new()).await? {
            self.remember(&key, revision);
        }
        Ok(())
    }

    /// Makes a job, which has no head, in a dataset that is noted.
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

    /// Replaces a job's head. One that is archived has nothing to say any more.
    pub(crate) async fn put_job(&self, job: &JobId, head: &JobHead) -> Result<(), JournalError> {
        let _turn = self.shared.heads.lock().await;
        let key = head_key(job);
        let Some(seen) = self.written(&key) else { return Ok(()) };
        let revision = self.replace(&key, head, [Compare::modified(&key, seen.modified)].into(), Vec::new()).await?;
        self.remember(&key, revision);
        Ok(())
    }

    /// Replaces a shard's record.
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

    /// Replaces a shard's record by its last one; the records of its tasks go in the same transaction.
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
        // Nothing is given out by it any more: a claim is made against the record that is known.
        self.shared.written().remove(&key);
        self.forget_tasks(|task| task.job == *job && task.shard == shard);
        Ok(())
    }

    /// Removes everything of a job that is on record elsewhere.
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
            // An earlier try may have done it, whose outcome was not known.
            if current.next().flatten().is_some() {
                return Err(moved(&key));
            }
        }
        self.shared.written().retain(|key, _| !key.starts_with(&job_prefix(job)));
        self.shared.unknown().retain(|key, _| !key.starts_with(&job_prefix(job)));
        self.forget_tasks(|task| task.job == *job);
        Ok(())
    }

    /// Writes orders to leave, and removes those that are carried out or taken back. One write at a time: the next one has to
    /// see what that one leaves.
    pub(crate) async fn write_drains(&self, orders: &[(LeaseId, Option<DrainRecord>)]) -> Result<(), JournalError> {
        let key = String::from(StateKey::DrainSerial);
        // One operation is the count's.
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

    /// Every dataset that has, or had, a job. A record that cannot be read hides no other.
    pub(crate) async fn datasets(&self) -> Result<Vec<String>, MetaError> {
        let listing = self.shared.store.list(format::state_keys::DATASETS).await?;
        let uri = |entry: &Entry| entry.record().map(|record: DatasetRecord| record.uri.to_string()).ok();
        Ok(listing.entries.iter().filter_map(uri).collect())
    }

    /// Says which format the state has, where it is not said yet or an older version said it: before anything else is
    /// written, so that no version that would misread us leads after us.
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

    /// Writes a record that has to be as we know it.
    async fn replace(
        &self,
        key: &str,
        record: &impl StateRecord,
        when: Vec<Compare>,
        also: Vec<Op>,
    ) -> Result<Revision, JournalError> {
        self.put(key, record, when, also).await?.ok_or_else(|| moved(key))
    }

    /// Writes a record, and what goes with it, if we lead and all of `when` holds; tells when it was written, if it was.
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

    /// Holds as long as a record is as it was seen, or is not there yet.
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

fn shard_key(job: &JobId, shard: ShardId) -> String {
    StateKey::Shard(job.clone(), shard).into()
}

fn value(record: &impl StateRecord) -> Result<Vec<u8>, MetaError> {
    record.encode().map_err(|error| MetaError::Invalid { reason: error.to_string() })
}

/// Only we write what is of jobs, one write of a record after another: whoever leads has to read anew what is there.
pub(super) fn moved(key: &str) -> JournalError {
    JournalError::Over {
        reason: format!("{key}, or what it hangs on, is not as we wrote it; its reader must start anew"),
    }
}
