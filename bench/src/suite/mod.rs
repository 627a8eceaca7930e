//! Suite of measurements, in order.

mod bench; //             folders, binaries, and the processes made from them
mod ratios; //            CPU, size and wall time of the measured workload, in turn
mod bounds; //            memory, for any shape of the data
mod scale; //             very small jobs and very long segments
pub(crate) mod stages; // each stage, with the least time that it takes

use std::path::PathBuf;

use anyhow::Result;

use crate::child::cpu_of_all;
use crate::figure::Figure;
use crate::machine::{Load, processor};
use crate::report::Report;
use crate::workload::Workload;
use bench::Bench;

/// Options of the suite.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Folder for segments and datasets. All segments except the largest are kept for the next run
    #[arg(long, value_name = "DIR", default_value = "target/bench")]
    pub(crate) dir: PathBuf,
    /// Binary of Tailor to measure
    #[arg(long, value_name = "FILE", default_value = "target/release/tailor")]
    pub(crate) tailor: PathBuf,
    /// Number of rounds
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) rounds: u16,
    /// Two million points instead of a hundred: shows that everything runs, without a verdict
    #[arg(long, conflicts_with = "large")]
    pub(crate) quick: bool,
    /// Add one billion points and a segment of more than 2 GiB: some 20 GB of disk, ten minutes
    #[arg(long)]
    pub(crate) large: bool,
    /// File for the result as JSON [default: `result.json` in DIR]
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

impl Options {
    /// Returns the file for the result as JSON.
    pub(crate) fn json(&self) -> PathBuf {
        self.json.clone().unwrap_or_else(|| self.dir.join("result.json"))
    }
}

/// Workloads of a run; a quick run has small variants of the large ones.
struct Workloads {
    measured: Workload,
    hot: Workload,
    tiny: Workload,
}

/// Measures all figures.
pub(crate) fn run(options: &Options) -> Result<Report> {
    let load = Load::start(cpu_of_all())?;
    let bench = Bench::new(options)?;
    let workloads = if options.quick {
        Workloads { measured: Workload::Small, hot: Workload::SmallHotSeries, tiny: Workload::SmallTinySeries }
    } else {
        Workloads { measured: Workload::Medium, hot: Workload::HotSeries, tiny: Workload::TinySeries }
    };
    let measured = ratios::measure(&bench, workloads.measured)?;
    let mut figures: Vec<Figure> = measured.figures();
    figures.extend(bounds::figures(&bench, &workloads, options.large)?);
    figures.extend(scale::figures(&bench, workloads.measured, options.large)?);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let others_share = load.share_of_others(cpu_of_all())?;
    Ok(Report { cores, processor: processor(), others_share, figures, stages: measured.stages() })
}
