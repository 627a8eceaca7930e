//! What a worker is given: which attempt, and where it is told what there is to do.
//!
//! A grant is small whatever the shard: the plan, the spec and the list of runs are objects, read once a shard and named by
//! digest, so that nobody works on another plan than the one that was meant.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::ids::{AttemptId, TaskPath};
use crate::outcome::ObjectEntry;

/// One attempt at one task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Which task.
    pub task: TaskPath,
    /// Which attempt: everything it writes carries its token.
    pub attempt: AttemptId,
    /// URI of the dataset.
    pub dataset: Arc<str>,
    /// URI of the root of runs.
    pub scratch: Arc<str>,
    /// The job's spec: an object of the dataset.
    pub spec: Digest,
    /// The shard's plan: an object of the dataset.
    pub plan: Digest,
    /// Of a map task: where the first frame of its one split starts, if the stitch has found that out.
    pub exact_start: Option<u64>,
    /// Of a reduce task: the list of runs, an object of the root of runs.
    pub runs: Option<Digest>,
}

/// An attempt with its task.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HeldAttempt {
    /// Which task.
    pub task: TaskPath,
    /// Which attempt.
    pub attempt: AttemptId,
}

/// A run, and the map task that wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunEntry {
    /// Ordinal of the map task: the one to run again if the run is lost.
    pub map_task: u32,
    /// The run.
    pub object: ObjectEntry,
}

/// The runs of a shard, in source order: what every reduce task of it gathers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunList {
    /// In source order.
    pub runs: Vec<RunEntry>,
}

impl RunList {
    /// The bytes of its object.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a list of runs is numbers and names")
    }

    /// Digest of the object.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.to_bytes())
    }
}
