//! What runs in processes of its own, so that its CPU time and memory are told apart.

mod decode_frames; // the least that any reader of the input does
mod decode_parts; //  the whole output, read back
pub(crate) mod one_series; // one series of it
mod parts; //         the raw and rollup parts of a dataset
mod segments; //      the batches of a folder's segments
pub(crate) mod stages; // each stage alone

use std::path::PathBuf;

use anyhow::Result;
use serde::Serialize;

use crate::workload::Workload;

/// A process of the suite; each prints one JSON object.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Probe {
    /// Make a workload's segments.
    MakeSegments {
        /// Which.
        workload: Workload,
        /// Where; emptied first.
        folder: PathBuf,
    },
    /// Decode every frame of a folder of segments with one zstd context, and nothing else.
    DecodeFrames {
        /// The folder.
        segments: PathBuf,
    },
    /// Decode every raw part of a dataset to points.
    DecodeParts {
        /// The dataset.
        dataset: PathBuf,
    },
    /// Find one series in each raw part of a dataset, and count what was read for it.
    OneSeries {
        /// The dataset.
        dataset: PathBuf,
    },
    /// Run each stage of the engine alone, over segments and the dataset that was made of them.
    Stages {
        /// The folder of segments.
        segments: PathBuf,
        /// The dataset.
        dataset: PathBuf,
    },
}

impl Probe {
    /// Runs it and prints what it counted.
    pub(crate) fn run(&self) -> Result<()> {
        match self {
            Self::MakeSegments { workload, folder } => workload.make(folder),
            Self::DecodeFrames { segments } => show(&decode_frames::run(segments)?),
            Self::DecodeParts { dataset } => show(&decode_parts::run(dataset)?),
            Self::OneSeries { dataset } => show(&one_series::run(dataset)?),
            Self::Stages { segments, dataset } => show(&stages::run(segments, dataset)?),
        }
    }
}

fn show(counted: &impl Serialize) -> Result<()> {
    println!("{}", serde_json::to_string(counted)?);
    Ok(())
}
