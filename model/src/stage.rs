//! Stages of the work, with the time spent in each.

use std::fmt;
use std::ops::AddAssign;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Stage of a task's work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Reads bytes of segments and runs into memory.
    Read,
    /// Decodes frames to payloads: zstd, and the payload's fields.
    Decode,
    /// Routes payloads to partitions: window, hash, packing of chunks.
    Route,
    /// Sorts the buffer and writes slices of a run.
    Spill,
    /// Merges slices to ordered series without duplicates.
    Merge,
    /// Encodes series to blocks.
    Encode,
    /// Computes rollup rows, and encodes their blocks.
    Rollup,
    /// Writes bytes to the store, with their digests.
    Write,
}

impl Stage {
    /// Every stage, in the order of the work.
    pub const ALL: [Self; 8] =
        [Self::Read, Self::Decode, Self::Route, Self::Spill, Self::Merge, Self::Encode, Self::Rollup, Self::Write];

    /// Returns the name, as in labels and documents.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Decode => "decode",
            Self::Route => "route",
            Self::Spill => "spill",
            Self::Merge => "merge",
            Self::Encode => "encode",
            Self::Rollup => "rollup",
            Self::Write => "write",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Time spent in one stage.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageTime {
    /// Wall-clock time, summed over threads.
    pub wall: Duration,
    /// CPU time, summed over threads.
    pub cpu: Duration,
}

/// Time spent in every stage.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StageTimes([StageTime; Stage::ALL.len()]);

impl StageTimes {
    /// Returns the time of one stage.
    pub fn of(&self, stage: Stage) -> StageTime {
        self.0[stage as usize]
    }

    /// Adds time to one stage.
    pub fn add(&mut self, stage: Stage, wall: Duration, cpu: Duration) {
        let time = &mut self.0[stage as usize];
        time.wall += wall;
        time.cpu += cpu;
    }

    /// Sums the time of all stages.
    pub fn total(&self) -> StageTime {
        self.0
            .iter()
            .fold(StageTime::default(), |sum, time| StageTime { wall: sum.wall + time.wall, cpu: sum.cpu + time.cpu })
    }
}

impl AddAssign<&StageTimes> for StageTimes {
    fn add_assign(&mut self, other: &Self) {
        for stage in Stage::ALL {
            let time = other.of(stage);
            self.add(stage, time.wall, time.cpu);
        }
    }
}
