//! Measures Tailor against the least work that any engine must do, and prints each figure beside its target.
//!
//! Machines differ and are shared, so the figures that matter are ratios within one run: the sides of a comparison run
//! in turn (A B A B), in processes of its own, and medians are judged. `docs/performance.md` has the latest table.
//!
//! ```text
//! suite (this process, small) -> children: tailor run | bench probe ... -> wait4: CPU, wall time, peak memory
//! ```
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the table and the progress")]

// Child processes, and their use of resources.
mod child;
// Servers that keep running.
mod process;
// Machine, and its load by others.
mod machine;
// Segments, made once and reused.
mod workload;
// Figures: samples, target, verdict.
mod figure;
// Suite of measurements, in order.
mod suite;
// Measurements in processes of their own.
mod probe;
// Extrapolation to a hundred trillion points.
mod cost;
// a job in a cluster
mod cluster;
// Coordinator alone, with a million tasks.
mod scale;
// Planning of a job of millions of segments.
mod listing;
// Imports, measured per second of one core.
mod import;
// Result, for people and programs.
mod report;

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

/// Same allocator as the `tailor` binary, so that they can be compared.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures Tailor; without a command, measures everything in one table.
#[derive(Debug, Parser)]
#[command(args_conflicts_with_subcommands = true)]
struct Bench {
    #[command(flatten)]
    suite: suite::Options,
    #[command(subcommand)]
    command: Option<Command>,
}

/// Measurements outside the table.
#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Compare the coordinator, with simulated workers, with a plain client of the same etcd
    Scale(scale::Options),
    /// Plan a job of millions of segments, and measure the most memory that it takes
    Listing(listing::Options),
    /// Measure imports of CSV and OTLP, in megabytes per second of one core
    Import(import::Options),
    /// Compare a job in a cluster with two workers with `tailor run`
    Cluster(cluster::Options),
    /// Plan jobs of up to a hundred trillion points, and estimate their requests, times and price
    Cost(cost::Options),
    #[command(flatten)]
    Probe(probe::Probe),
}

fn main() -> Result<ExitCode> {
    let Bench { suite, command } = Bench::parse();
    match command {
        Some(Command::Scale(options)) => return scale::run(&options).map(|()| ExitCode::SUCCESS),
        Some(Command::Listing(options)) => return listing::run(&options).map(|()| ExitCode::SUCCESS),
        Some(Command::Import(options)) => return import::run(&options).map(|()| ExitCode::SUCCESS),
        Some(Command::Cluster(options)) => return cluster::run(&options).map(|()| ExitCode::SUCCESS),
        Some(Command::Cost(options)) => return cost::run(&options),
        Some(Command::Probe(probe)) => return probe.run().map(|()| ExitCode::SUCCESS),
        None => {}
    }
    let report = suite::run(&suite)?;
    print!("{report}");
    write_json(&suite.json(), &report)?;
    // Two million points are mostly start-up: a quick run proves that everything runs, not that it is fast.
    Ok(if suite.quick || report.passes() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn write_json(path: &Path, report: &report::Report) -> Result<()> {
    std::fs::write(path, serde_json::to_vec_pretty(report)?)?;
    eprintln!("bench: wrote {}", path.display());
    Ok(())
}
