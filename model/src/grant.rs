//! Grant of an attempt to a worker, and the documents that it names.
//!
//! A grant is small for any shard: the plan, the spec and the run list are objects, read once per shard and named by
//! digest, so that every worker works on exactly the intended plan.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::ids::{AttemptId, TaskPath};
use crate::outcome::ObjectEntry;
use crate::trace::TraceParent;

/// Assignment of one attempt at one task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Job, shard and task.
    pub task: TaskPath,
    /// Attempt; all objects that it writes carry its token.
    pub attempt: AttemptId,
    /// URI of the dataset.
    pub dataset: Arc<str>,
    /// URI of the root of runs.
    pub scratch: Arc<str>,
    /// Digest of the job's spec, an object of the dataset.
    pub spec: Digest,
    /// Digest of the shard's plan, an object of the dataset.
    pub plan: Digest,
    /// Map task: offset of the first frame of its only split, if the stitch has found it.
    pub exact_start: Option<u64>,
    /// Reduce task: digest of the run list, an object of the root of runs.
    pub runs: Option<Digest>,
    /// Span of the leader that begins the attempt's trace, if the leader is traced.
    pub trace: Option<TraceParent>,
}

/// Attempt together with its task.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HeldAttempt {
    /// Job, shard and task.
    pub task: TaskPath,
    /// Number and token of the attempt.
    pub attempt: AttemptId,
}

/// Run, with the map task that wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunEntry {
    /// Ordinal of the map task that must run again if the run is lost.
    pub map_task: u32,
    /// Key, size and digest of the run.
    pub object: ObjectEntry,
}

/// Runs of a shard that count, gathered by every reduce task of the shard.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunList {
    /// Entries in source order.
    pub runs: Vec<RunEntry>,
}

impl RunList {
    /// Serialises the list.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a list of runs is numbers and names")
    }

    /// Digest of the serialised list.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.to_bytes())
    }
}
