//! The versions that a round of a job was planned over: what its commits may replace knowingly (CM-5).
//!
//! They are noted before the segments are listed, in one object that is created only. A leader that dies while it plans leaves
//! it to the next one, which lists the segments anew and keeps the older note: what was committed in between may then be
//! refused although the second listing has it, and is never replaced unknowingly.

use std::collections::BTreeMap;

use format::keys::{self, ManifestName};
use format::state_records::JobHead;
use model::{JobId, ShardId, TimestampMs, Window};
use serde::{Deserialize, Serialize};
use storage::{Root, StorageError};
use tokio::sync::OnceCell;

use crate::job::Job;
use crate::read::read_whole;

/// The document of `jobs/<job>/bases/<round>-<ms>.json`.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Noted {
    /// Shards that had a version, and which was current.
    current: BTreeMap<ShardId, u32>,
}

/// Which planning of a job: its round, and when that was submitted, as its head says. A name may be given again (`tailor run`, or
/// a cluster that lost its state), an instant is not.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Round {
    number: u32,
    submitted_at_ms: TimestampMs,
}

impl Round {
    /// The round that a head is of.
    pub(crate) const fn of(head: &JobHead) -> Self {
        Self { number: head.round, submitted_at_ms: head.submitted_at_ms }
    }

    fn key(self, job: &JobId) -> String {
        keys::bases(job, self.number, self.submitted_at_ms)
    }
}

/// Notes what is current, for a round that is about to be planned.
pub(crate) async fn note(job: &Job, round: Round) -> Result<(), StorageError> {
    let noted = Noted { current: current_versions(&job.dataset, job.settings.window).await? };
    let bytes = serde_json::to_vec(&noted).expect("names and numbers");
    // Whoever planned this round before has noted no more than we.
    job.dataset.create_once(&round.key(&job.id), bytes).await.map(drop)
}

/// What was noted, read once for each round.
#[derive(Debug, Default)]
pub(crate) struct Bases {
    noted: OnceCell<Option<Noted>>,
}

impl Bases {
    /// The version that a shard was planned over, 0 where it had none; none where nothing was noted: a version of Tailor
    /// planned it that did not look.
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

/// The current version of each shard that has one, in a window.
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
