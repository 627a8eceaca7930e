//! Measures each stage of the engine alone, on the same data, with the engine's own functions. The sum of the stages
//! is the least time that `tailor run` can take.

mod clock; //  CPU time by step
mod input; //  segments to packed chunks, and back
mod output; // parts decoded, and encoded again

use std::fmt;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use clock::Clock;

/// Stage of the engine, measured alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Step {
    /// Read segment bytes into memory.
    Read,
    /// Decode frames to contents, with one zstd context.
    Decode,
    /// Find the fields of a payload in its content.
    Parse,
    /// Pack a payload's columns into a chunk.
    Pack,
    /// Unpack a chunk to columns.
    Unpack,
    /// Encode merged series to a raw part.
    EncodePart,
    /// Encode rollup rows to a rollup part.
    EncodeRollup,
    /// Digest the bytes of parts and write them to a file.
    Write,
    /// Decode a raw part to series. Not in the floor, because only a reader does this.
    DecodePart,
    /// Decode a rollup part to rows. Not in the floor either.
    DecodeRollup,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Decode => "zstd",
            Self::Parse => "parse",
            Self::Pack => "pack",
            Self::Unpack => "unpack",
            Self::EncodePart => "encode part",
            Self::EncodeRollup => "encode rollup",
            Self::Write => "write",
            Self::DecodePart => "decode part",
            Self::DecodeRollup => "decode rollup",
        })
    }
}

impl Step {
    /// Every step, in the order of the work.
    pub(crate) const ALL: [Self; 10] = [
        Self::Read,
        Self::Decode,
        Self::Parse,
        Self::Pack,
        Self::Unpack,
        Self::EncodePart,
        Self::EncodeRollup,
        Self::Write,
        Self::DecodePart,
        Self::DecodeRollup,
    ];
}

/// CPU time of each step.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Steps {
    /// Points that were read.
    pub(crate) points: u64,
    /// CPU time, in the order of [`Step::ALL`].
    pub(crate) cpu: Vec<Duration>,
    /// CPU time of decoding one frame with a context of its own. This common mistake costs six sevenths of the speed.
    pub(crate) new_context_a_frame: Duration,
    /// CPU time of decoding one frame with a shared context.
    pub(crate) one_context_a_frame: Duration,
}

impl Steps {
    /// Returns the CPU time of one step.
    pub(crate) fn of(&self, step: Step) -> Duration {
        self.cpu[step as usize]
    }
}

/// Runs every step over `segments` and the dataset that was made of them.
pub(super) fn run(segments: &Path, dataset: &Path) -> Result<Steps> {
    let mut clock = Clock::start();
    let counts = input::run(segments, &mut clock)?;
    output::run(dataset, &mut clock)?;
    let cpu = clock.stop();
    let one_context_a_frame = cpu[Step::Decode as usize] / counts.frames.max(1) as u32;
    let new_context_a_frame = input::new_context_a_frame(segments)?;
    Ok(Steps { points: counts.points, cpu, new_context_a_frame, one_context_a_frame })
}
