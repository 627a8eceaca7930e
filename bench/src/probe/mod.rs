//! Measurements in processes of their own, so that their CPU time and memory are measured separately.

mod decode_frames; //         least work of any reader of the input
mod decode_parts; //          whole output, read back
pub(crate) mod one_series; // single series of the output
mod parts; //                 raw and rollup parts of a dataset
pub(crate) mod segments; //              batches of a folder's segments
pub(crate) mod stages; //     each stage alone

use std::path::PathBuf;

use anyhow::Result;
use serde::Serialize;

use crate::workload::Workload;

/// Process of the suite; each prints one JSON object.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Probe {
    /// Make a workload's segments.
    MakeSegments {
        /// Workload to make
        workload: Workload,
        /// Folder for the segments; it is emptied first
        folder: PathBuf,
    },
    /// Decode every frame of a folder of segments with one zstd context, and nothing else.
    DecodeFrames {
        /// Folder with segments
        segments: PathBuf,
    },
    /// Decode every raw part of a dataset to points.
    DecodeParts {
        /// Folder with a dataset
        dataset: PathBuf,
    },
    /// Find one series in each raw part of a dataset, and count the requests and bytes of the search.
    OneSeries {
        /// Folder with a dataset
        dataset: PathBuf,
    },
    /// Run each stage of the engine alone, over segments and the dataset that was made of them.
    Stages {
        /// Folder with segments
        segments: PathBuf,
        /// Folder with the dataset
        dataset: PathBuf,
    },
}

impl Probe {
    /// Runs the probe, and prints its result.
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
