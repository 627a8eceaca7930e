//! Settings of a job that shape its output, and their digest.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ids::ParseIdError;
use crate::loss::LossMax;
use crate::series::DuplicateRule;
use crate::size::ByteSize;
use crate::time::{RollupStep, Window};

/// Settings of a job that shape its output: two runs with equal settings over equal inputs give equal bytes (DT-3).
/// Workers, memory and scratch are left out on purpose, because they must not matter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobSettings {
    /// Range of event time that is written.
    pub window: Window,
    /// Choice among several points of one timestamp.
    pub duplicates: DuplicateRule,
    /// Reaction to a frame that cannot be read.
    pub on_bad_frame: OnBadFrame,
    /// Most frames that a shard may quarantine before it fails after all.
    pub bad_frames_max: u64,
    /// Most bytes that a shard may quarantine before it fails after all.
    #[serde(default, skip_serializing_if = "LossMax::is_default")]
    pub bad_bytes_max: LossMax,
    /// Rollups written beside the raw parts, ascending.
    pub rollups: Vec<RollupStep>,
    /// File format of parts and rollups.
    pub format: OutputFormat,
    /// Compression of the columns of parts; Parquet has its own.
    pub encoding: Encoding,
    /// Segment bytes that one map task reads: exactly, unless it is [`Self::SPLIT_BYTES`].
    pub split_bytes: ByteSize,
    /// Segment bytes whose points one partition should hold: exactly, unless it is [`Self::PARTITION_BYTES`].
    pub partition_bytes: ByteSize,
}

impl JobSettings {
    /// Default of [`Self::split_bytes`]: a least size, from which the planner grows the splits of large shards.
    pub const SPLIT_BYTES: ByteSize = ByteSize(64 << 20);

    /// Default of [`Self::partition_bytes`]: a least size, from which the planner grows the partitions of large shards.
    pub const PARTITION_BYTES: ByteSize = ByteSize(32 << 20);
}

impl Default for JobSettings {
    fn default() -> Self {
        Self {
            window: Window::ALL,
            duplicates: DuplicateRule::default(),
            on_bad_frame: OnBadFrame::default(),
            bad_frames_max: 1000,
            bad_bytes_max: LossMax::default(),
            rollups: Vec::new(),
            format: OutputFormat::default(),
            encoding: Encoding::default(),
            split_bytes: Self::SPLIT_BYTES,
            partition_bytes: Self::PARTITION_BYTES,
        }
    }
}

/// Reaction to a bad frame.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnBadFrame {
    /// The frame's shard fails.
    #[default]
    Fail,
    /// The frame's bytes and the cause go to the shard's quarantine; the shard goes on.
    Quarantine,
}

/// File format of the output.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutputFormat {
    /// Tailor's own format: blocks of compressed columns (`docs/formats.md`).
    #[default]
    Part,
    /// Parquet, with one row per point.
    Parquet,
}

impl OutputFormat {
    /// Returns the extension of its files.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Part => "part",
            Self::Parquet => "parquet",
        }
    }
}

/// Compression of the columns of a part.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// Exact decimals as bit-packed integers: fast.
    #[default]
    Packed,
    /// The same integers through pco: smallest files.
    Pco,
}

/// Names of variants in text and in flags, with one table per type.
macro_rules! named {
    ($type:ident, $expected:literal, $($name:literal => $variant:ident),+) => {
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $(Self::$variant => $name),+ })
            }
        }

        impl FromStr for $type {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($name => Ok(Self::$variant),)+
                    _ => Err(ParseIdError { text: text.to_owned(), expected: $expected }),
                }
            }
        }
    };
}

named!(OnBadFrame, "a rule for bad frames (fail or quarantine)", "fail" => Fail, "quarantine" => Quarantine);
named!(OutputFormat, "an output format (part or parquet)", "part" => Part, "parquet" => Parquet);
named!(Encoding, "an encoding (packed or pco)", "packed" => Packed, "pco" => Pco);
