//! Who still writes: the jobs of data objects, and the processes of scratch.
//!
//! A job in a long reduce finishes no object for hours; what grows meanwhile is its staging files. A process in a long map
//! may write nothing at all; but it holds the lock of its scratch.

use std::collections::{BTreeMap, HashSet};

use format::keys::SCRATCH;
use model::TimestampMs;
use object_store::ObjectMeta;

use super::folder::StagingFile;

/// When each writer last wrote, and which of them surely live.
pub(super) struct Activity {
    newest: BTreeMap<String, TimestampMs>,
    in_use: HashSet<String>,
    open_jobs: HashSet<String>,
    young_from_ms: TimestampMs,
}

impl Activity {
    pub(super) fn of(
        objects: &[ObjectMeta],
        staging: &[StagingFile],
        in_use: HashSet<String>,
        young_from_ms: TimestampMs,
    ) -> Self {
        let objects = objects.iter().map(|object| (object.location.as_ref(), object.last_modified.timestamp_millis()));
        let staging = staging.iter().map(|file| (file.key.as_str(), file.modified_ms));
        let mut newest = BTreeMap::new();
        for (key, modified_ms) in objects.chain(staging) {
            let newest = newest.entry(writer_of(key).to_owned()).or_insert(modified_ms);
            *newest = modified_ms.max(*newest);
        }
        Self { newest, in_use, open_jobs: HashSet::new(), young_from_ms }
    }

    /// The same, beside a cluster with these open jobs: their data, and their runs, have their names.
    pub(super) fn beside(self, open_jobs: HashSet<String>) -> Self {
        Self { open_jobs, ..self }
    }

    /// Whether the writer of `key` is done, one way or another.
    pub(super) fn is_over(&self, key: &str) -> bool {
        let writer = writer_of(key);
        let is_in_use = key.starts_with(SCRATCH) && self.in_use.contains(writer);
        !is_in_use
            && !self.open_jobs.contains(writer)
            && self.newest.get(writer).is_none_or(|newest| *newest <= self.young_from_ms)
    }
}

/// Who writes under a key (`format::keys`): the job of a data object, the process of a scratch object.
fn writer_of(key: &str) -> &str {
    let component = if key.starts_with(SCRATCH) { key.split('/').nth(1) } else { key.rsplit('/').nth(1) };
    component.unwrap_or(key)
}
