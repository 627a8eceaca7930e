//! Reports of finished attempts (objects, counts, time by stage), and failures.

use serde::{Deserialize, Serialize};

use crate::Invariant;
use crate::books::{MapBooks, ReduceBooks};
use crate::digest::Digest;
use crate::effort::Effort;
use crate::ids::PartitionId;
use crate::plan::Split;
use crate::stage::StageTimes;
use crate::time::{RollupStep, TimestampMs};

/// Object, with size and digest to prove that it is intact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObjectEntry {
    /// Key under the object's root.
    pub key: String,
    /// Size of the object in bytes.
    pub size: u64,
    /// Digest of all its bytes.
    pub digest: Digest,
}

/// Rollup part of one step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RollupEntry {
    /// Step in milliseconds.
    pub step: RollupStep,
    /// Rows in the part.
    pub rows: u64,
    /// Key, size and digest.
    pub object: ObjectEntry,
}

/// Counts and bounds of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Extent {
    /// Number of series.
    pub series: u64,
    /// Number of points.
    pub points: u64,
    /// Smallest organisation in the part.
    pub org_min: u64,
    /// Largest organisation in the part.
    pub org_max: u64,
    /// Smallest metric in the part.
    pub metric_min: u64,
    /// Largest metric in the part.
    pub metric_max: u64,
    /// First instant, in milliseconds.
    pub time_min_ms: TimestampMs,
    /// Last instant, in milliseconds.
    pub time_max_ms: TimestampMs,
}

/// Quarantine object of one map attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuarantineEntry {
    /// Bad frames in the object.
    pub frames: u64,
    /// Key, size and digest.
    pub object: ObjectEntry,
}

/// First and last offset of the frames in a split, for the stitch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SplitReport {
    /// Split that was read.
    pub split: Split,
    /// Offset of the first frame that the split owns; none if no frame starts in its range.
    pub first: Option<u64>,
    /// End of the last frame that the split owns; the split's start if it owns none.
    pub end: u64,
}

/// Report of a finished map attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MapReport {
    /// Report of each split of the task, in order.
    pub splits: Vec<SplitReport>,
    /// Run that was written; none if no point was routed.
    pub run: Option<ObjectEntry>,
    /// Books of the reading side.
    pub books: MapBooks,
    /// Quarantine object, if there were bad frames.
    pub quarantine: Option<QuarantineEntry>,
    /// First and last instant of the points that were read, inside the window or not.
    pub time_range_ms: Option<(TimestampMs, TimestampMs)>,
    /// Time spent in each stage.
    pub stages: StageTimes,
    /// Spills of the shuffle buffer.
    pub spills: u32,
    /// Requests and time of the attempt, sent beside the report: the object stays as the previous release reads it.
    #[serde(skip)]
    pub effort: Option<Effort>,
}

/// Report of a finished reduce attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReduceReport {
    /// Partition that was written.
    pub partition: PartitionId,
    /// Raw part; none if the partition holds no point.
    pub raw: Option<ObjectEntry>,
    /// Rollup parts, by step; a step without a row is left out.
    pub rollups: Vec<RollupEntry>,
    /// Extent of the raw part.
    pub extent: Option<Extent>,
    /// Books of the writing side.
    pub books: ReduceBooks,
    /// Time spent in each stage.
    pub stages: StageTimes,
    /// Requests and time of the attempt, sent beside the report: the object stays as the previous release reads it.
    #[serde(skip)]
    pub effort: Option<Effort>,
}

/// Report of a finished attempt: an object beside its run, named by digest in the cluster's state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Report {
    /// Report of a map attempt.
    Map(MapReport),
    /// Report of a reduce attempt.
    Reduce(ReduceReport),
}

impl Report {
    /// Returns the requests and the time of the attempt, if its worker sent them.
    pub const fn effort(&self) -> Option<Effort> {
        match self {
            Self::Map(report) => report.effort,
            Self::Reduce(report) => report.effort,
        }
    }

    /// Notes the requests and the time of the attempt.
    pub const fn set_effort(&mut self, effort: Option<Effort>) {
        match self {
            Self::Map(report) => report.effort = effort,
            Self::Reduce(report) => report.effort = effort,
        }
    }

    /// Returns the time spent in each stage.
    pub const fn stages(&self) -> &StageTimes {
        match self {
            Self::Map(report) => &report.stages,
            Self::Reduce(report) => &report.stages,
        }
    }

    /// Serialises the report; the same report gives the same bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a report is numbers and names")
    }

    /// Parses the bytes of a report's object.
    ///
    /// # Errors
    /// The bytes are not a report.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }
}

/// Failure of an attempt.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// Class, which decides the scheduler's next step.
    pub class: FailureClass,
    /// Whole chain of causes, with the object that failed.
    pub message: String,
    /// Invariant that the attempt found broken, if one. An older worker names none.
    pub violates: Option<Invariant>,
}

impl Failure {
    /// Creates a failure that breaks no invariant.
    pub fn new(class: FailureClass, message: impl Into<String>) -> Self {
        Self { class, message: message.into(), violates: None }
    }
}

/// Class of a failure, by the scheduler's reaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureClass {
    /// Network failure, lost connection or internal error: try again, and count it.
    Transient,
    /// The store asks for time, or is away: try again later. The failure says nothing about the task, so it is not
    /// counted.
    Throttled,
    /// Failure of the worker's own disk or memory: try again on another worker.
    Resource,
    /// Bad input, on which another try would fail as well. If the split's first frame was guessed, `guessed` holds
    /// the guess: the failure counts only once the stitch confirms it.
    Input {
        /// Guessed offset of the first frame of a single-split task.
        guessed: Option<u64>,
    },
    /// Missing or damaged run that a reduce gathers: the map task that wrote it runs again, and only that task.
    RunLost {
        /// Ordinal of the map task.
        map_task: u32,
    },
    /// The attempt was asked to stop.
    Cancelled,
    /// Broken invariant: stop, and keep the evidence.
    Bug,
}
