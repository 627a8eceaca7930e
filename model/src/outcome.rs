//! What an attempt hands back: the objects it wrote, what it counted, how long each stage took, or why it failed.

use serde::{Deserialize, Serialize};

use crate::books::{MapBooks, ReduceBooks};
use crate::digest::Digest;
use crate::ids::PartitionId;
use crate::plan::Split;
use crate::stage::StageTimes;
use crate::time::{RollupStep, TimestampMs};

/// One object and what proves that it is intact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObjectEntry {
    /// Key under its root.
    pub key: String,
    /// Size in bytes.
    pub size: u64,
    /// Digest of all its bytes.
    pub digest: Digest,
}

/// One rollup part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RollupEntry {
    /// Its step, in milliseconds.
    pub step: RollupStep,
    /// Rows in it.
    pub rows: u64,
    /// The object.
    pub object: ObjectEntry,
}

/// What a part spans.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Extent {
    /// Series in it.
    pub series: u64,
    /// Points in it.
    pub points: u64,
    /// Smallest organisation.
    pub org_min: u64,
    /// Largest organisation.
    pub org_max: u64,
    /// Smallest metric.
    pub metric_min: u64,
    /// Largest metric.
    pub metric_max: u64,
    /// First instant.
    pub time_min_ms: TimestampMs,
    /// Last instant.
    pub time_max_ms: TimestampMs,
}

/// What one map attempt put aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuarantineEntry {
    /// Bad frames in it.
    pub frames: u64,
    /// The object.
    pub object: ObjectEntry,
}

/// Where the frames of a split began and ended: what the stitch joins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SplitReport {
    /// The split.
    pub split: Split,
    /// Offset of the first frame that it owned; none where no frame starts in its range.
    pub first: Option<u64>,
    /// Just past the last byte that it owned; its start where it owned none.
    pub end: u64,
}

/// A finished map attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MapReport {
    /// One for each split of the task, in order.
    pub splits: Vec<SplitReport>,
    /// The run; none where no point was routed.
    pub run: Option<ObjectEntry>,
    /// The reading side.
    pub books: MapBooks,
    /// What was put aside.
    pub quarantine: Option<QuarantineEntry>,
    /// First and last instant of the points that were read, inside the window or not.
    pub time_range_ms: Option<(TimestampMs, TimestampMs)>,
    /// Time by stage.
    pub stages: StageTimes,
    /// How often the buffer was full.
    pub spills: u32,
}

/// A finished reduce attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReduceReport {
    /// The partition.
    pub partition: PartitionId,
    /// The raw part; none where the partition holds no point.
    pub raw: Option<ObjectEntry>,
    /// The rollup parts, by step; a step without a row is left out.
    pub rollups: Vec<RollupEntry>,
    /// Extent of the raw part.
    pub extent: Option<Extent>,
    /// The writing side.
    pub books: ReduceBooks,
    /// Time by stage.
    pub stages: StageTimes,
}

/// What a finished attempt hands back: an object beside its run, named by digest in the cluster's state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Report {
    /// Of a map attempt.
    Map(MapReport),
    /// Of a reduce attempt.
    Reduce(ReduceReport),
}

impl Report {
    /// The bytes of its object. The same report gives the same bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a report is numbers and names")
    }

    /// The report of an object's bytes.
    ///
    /// # Errors
    /// Says what is no report.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }
}

/// Why an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// What the scheduler does next.
    pub class: FailureClass,
    /// The whole chain of causes, with the object that failed.
    pub message: String,
}

/// What the scheduler does about a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureClass {
    /// The network, a lost connection, an internal error: try again, and count it.
    Transient,
    /// The store asks for time, or is away: try again later. It says nothing about the task, so it is not counted.
    Throttled,
    /// The worker's own disk or memory: try again on another worker.
    Resource,
    /// The input: trying again gives the same. `guessed` holds where the split's first frame was believed to be,
    /// when it was: the failure counts only once the stitch confirms that belief.
    Input {
        /// The believed first frame of a single-split task.
        guessed: Option<u64>,
    },
    /// A run that a reduce gathers is missing or damaged: the map task that wrote it runs again, and only that.
    RunLost {
        /// Ordinal of the map task.
        map_task: u32,
    },
    /// Somebody asked for it to stop.
    Cancelled,
    /// An invariant does not hold: stop, keep the evidence.
    Bug,
}
