//! Base versions: the versions over which a round of a job was planned, and which its commits may knowingly replace
//! (CM-5).
//!
//! They are noted before the segments are listed, in one create-only object. If a leader dies while it plans, the
//! next one lists the segments anew and keeps the older note. A version that was committed in between may then be
//! refused although the second listing contains its input, but it is never replaced unknowingly.

use std::collections::BTreeMap;

use format::keys::{self, ManifestName};
use format::state_records::JobHead;
use model::{JobId, ShardId, TimestampMs, Window};
use serde::{Deserialize, Serialize};
use storage::{Root, StorageError};
use tokio::sync::OnceCell;

use crate::job::Job;
use crate::read::read_whole;

/// Document at `jobs/<job>/bases/<round>-<ms>.json`.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Noted {
    /// Current version of each shard that had one.
    current: BTreeMap<ShardId, u32>,
}

/// Identity of a planning: the round, and the time at which it was submitted, from the job's head. A name may be
/// reused (by `tailor run`, or by a cluster that lost its state), but not with the same time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Round {
    number: u32,
    submitted_at_ms: TimestampMs,
}

impl Round {
    /// Returns the round of a head.
    pub(crate) const fn of(head: &JobHead) -> Self {
        Self { number: head.round, submitted_at_ms: head.submitted_at_ms }
    }

    fn key(self, job: &JobId) -> String {
        keys::bases(job, self.number, self.submitted_at_ms)
    }
}

/// Notes the current versions, for a round that is about to be planned.
pub(crate) async fn note(job: &Job, round: Round) -> Result<(), StorageError> {
    let noted = Noted { current: current_versions(&job.dataset, job.settings.window).await? };
    let bytes = serde_json::to_vec(&noted).expect("names and numbers");
    // If the round was planned before, that earlier note stands.
    job.dataset.create_exclusive(&round.key(&job.id), bytes).await.map(drop)
}

/// Base versions of a round, read once.
#[derive(Debug, Default)]
pub(crate) struct Bases {
    noted: OnceCell<Option<Noted>>,
}

impl Bases {
    /// Returns the version over which a shard was planned, 0 if it had none. Returns none if nothing was noted,
    /// because an older version of Tailor planned the shard.
    pub(crate) async fn of(
        &self,
        dataset: &Root,
        job: &JobId,
        round: Round,
        shard: ShardId,
    ) -> Result<Option<u32>, StorageError> {
        let key = round.key(job);
        let read = || read_whole(dataset, &key, |bytes| serde_json::from_slice(bytes));
        let noted = self.noted.get_or_try_init(read).await?;
        Ok(noted.as_ref().map(|noted| noted.current.get(&shard).copied().unwrap_or(0)))
    }
}

/// Lists the current version of each shard that has one, in a window.
async fn current_versions(dataset: &Root, window: Window) -> Result<BTreeMap<ShardId, u32>, StorageError> {
    let listed = dataset.list(&ManifestName::folder_of(window)).await?;
    let names = listed.iter().filter_map(|object| object.location.as_ref().parse::<ManifestName>().ok());
    let mut current = BTreeMap::new();
    for name in names {
        let version = current.entry(name.shard).or_insert(name.version);
        *version = name.version.max(*version);
    }
    Ok(current)
}

#[cfg(test)]
mod tests;
