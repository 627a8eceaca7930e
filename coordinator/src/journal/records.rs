//! Records of jobs, shards and datasets: written one at a time, each against what was there before.

use format::state_keys::{StateKey, job_prefix, shard_prefix};
use format::state_records::{DatasetRecord, JobHead, ShardRecord, StateRecord, Text};
use model::{Digest, JobId, ShardId};
use storage::meta::{Compare, Entry, MetaError, Op, Txn};
use storage::{Settled, settle};

use super::{Journal, JournalError};

impl Journal {
    /// Makes a job; the head that is there already, if there is one.
    pub(crate) async fn begin_job(&self, job: &JobId, head: &JobHead) -> Result<Option<JobHead>, JournalError> {
        let key = String::from(StateKey::Job(job.clone()));
        match self.put(&key, head, Vec::new(), true).await? {
            None => Ok(None),
            Some(entry) => Ok(Some(entry.record()?)),
        }
    }

    /// Replaces a job's head.
    pub(crate) async fn put_job(&self, job: &JobId, head: &JobHead) -> Result<(), JournalError> {
        let key = String::from(StateKey::Job(job.clone()));
        self.replace(&key, head, Vec::new()).await
    }

    /// Replaces a shard's record.
    pub(crate) async fn put_shard(
        &self,
        job: &JobId,
        shard: ShardId,
        record: &ShardRecord,
    ) -> Result<(), JournalError> {
        let key = String::from(StateKey::Shard(job.clone(), shard));
        self.replace(&key, record, Vec::new()).await
    }

    /// Replaces a shard's record by its last one; the records of its tasks go in the same transaction.
    pub(crate) async fn end_shard(
        &self,
        job: &JobId,
        shard: ShardId,
        record: &ShardRecord,
    ) -> Result<(), JournalError> {
        let key = String::from(StateKey::Shard(job.clone(), shard));
        let prefix = shard_prefix(job, shard);
        let tasks = ["attempts/", "claims/", "done/"].map(|kind| Op::delete_prefix(format!("{prefix}{kind}")));
        self.replace(&key, record, tasks.into()).await?;
        self.forget_tasks(|task| task.job == *job && task.shard == shard);
        Ok(())
    }

    /// Removes everything of a job that is on record elsewhere.
    pub(crate) async fn forget_job(&self, job: &JobId) -> Result<(), JournalError> {
        let key = String::from(StateKey::Job(job.clone()));
        let Some(seen) = self.shared.revisions().get(&key).copied() else { return Ok(()) };
        // It compares the head, which it deletes: a late copy of it finds another one, or none.
        let txn = Txn::when([self.leadership().holds(), Compare::modified(&key, seen)])
            .then([Op::delete_prefix(job_prefix(job))])
            .otherwise([String::from(StateKey::Leader), key.clone()]);
        let gone = |entry: Option<&Entry>| entry.is_none_or(|entry| entry.mod_revision != seen).then_some(seen);
        match settle(&*self.shared.store, txn, &key, gone).await? {
            Settled::Applied { .. } => {}
            Settled::Refused { current } => {
                let mut current = current.into_iter();
                self.check_leader(current.next().flatten().as_ref())?;
                // Another write of ours moved it, and is not answered yet: the next try knows what it left.
                if current.next().flatten().is_some() {
                    return Err(JournalError::Blocked { reason: format!("{key} is just being written") });
                }
            }
        }
        self.shared.revisions().retain(|key, _| !key.starts_with(&job_prefix(job)));
        self.forget_tasks(|task| task.job == *job);
        Ok(())
    }

    /// Remembers where a job's history lies.
    pub(crate) async fn note_dataset(&self, uri: &str) -> Result<(), JournalError> {
        let record = DatasetRecord { uri: Text::cut(uri) };
        let key = String::from(StateKey::Dataset(Digest::of(uri.as_bytes())));
        self.put(&key, &record, Vec::new(), true).await.map(drop)
    }

    /// Every dataset that has, or had, a job.
    pub(crate) async fn datasets(&self) -> Result<Vec<String>, MetaError> {
        let listing = self.shared.store.list(format::state_keys::DATASETS).await?;
        let uri = |entry: &Entry| entry.record().map(|record: DatasetRecord| record.uri.to_string());
        listing.entries.iter().map(uri).collect()
    }

    async fn replace(&self, key: &str, record: &impl StateRecord, also: Vec<Op>) -> Result<(), JournalError> {
        match self.put(key, record, also, false).await? {
            None => Ok(()),
            Some(_) => {
                Err(JournalError::Over { reason: format!("{key} is not as we wrote it; its reader must start anew") })
            }
        }
    }

    /// Writes a record over the one that was seen, or where there is none; the entry that stands against it, if one does.
    async fn put(
        &self,
        key: &str,
        record: &impl StateRecord,
        also: Vec<Op>,
        must_be_new: bool,
    ) -> Result<Option<Entry>, JournalError> {
        let invalid = |error: format::state_records::StateRecordError| MetaError::Invalid { reason: error.to_string() };
        let value = record.encode().map_err(invalid)?;
        let seen = self.shared.revisions().get(key).copied().filter(|_| !must_be_new);
        let unmoved = match seen {
            Some(revision) => Compare::modified(key, revision),
            None => Compare::absent(key),
        };
        // A record that takes others with it is the last of its shard: nothing is given out by it any more.
        let is_last = !also.is_empty();
        let txn = Txn::when([self.leadership().holds(), unmoved])
            .then([Op::put(key, value.clone())].into_iter().chain(also))
            .otherwise([String::from(StateKey::Leader), key.to_owned()]);
        let written =
            |entry: Option<&Entry>| entry.filter(|entry| entry.value == value).map(|entry| entry.mod_revision);
        match settle(&*self.shared.store, txn, key, written).await? {
            Settled::Applied { revision } => {
                let mut revisions = self.shared.revisions();
                match is_last {
                    true => drop(revisions.remove(key)),
                    false => drop(revisions.insert(key.to_owned(), revision)),
                }
                Ok(None)
            }
            Settled::Refused { current } => {
                let mut current = current.into_iter();
                self.check_leader(current.next().flatten().as_ref())?;
                let standing = current.next().flatten();
                if standing.is_none() {
                    return Err(JournalError::Over { reason: format!("{key} vanished while it was written") });
                }
                Ok(standing)
            }
        }
    }

    fn check_leader(&self, leader: Option<&Entry>) -> Result<(), JournalError> {
        let ours = self.leadership().token();
        if leader.is_some_and(|leader| leader.create_revision.token() == ours) {
            return Ok(());
        }
        Err(JournalError::Over { reason: format!("another coordinator leads (our token is {ours})") })
    }
}
