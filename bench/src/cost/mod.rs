//! Extrapolates to jobs that no test can run: tasks, requests, traffic of etcd, hours of slots, and the price of S3
//! requests.
//!
//! The leader's own planner lists a synthetic input and plans it; requests follow from its tasks and from the engine's
//! own limits. Every assumption is an option with a default.

mod estimate; // requests and times of a plan
mod table; //    figures beside their targets

use std::process::ExitCode;

use anyhow::Result;

use estimate::Estimate;

/// Assumptions; the defaults are figures of docs/performance.md.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Options {
    /// Points to process; a column for each number
    #[arg(long, value_delimiter = ',', default_value = "10000000000,10000000000000,100000000000000")]
    points: Vec<u64>,
    /// Number of shards of equal size
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u64).range(1..=64))]
    shards: u64,
    /// Mean size of a segment
    #[arg(long, default_value = "64MiB")]
    segment_size: model::ByteSize,
    /// Memory of one slot
    #[arg(long, default_value = "512MiB")]
    slot_memory: model::ByteSize,
    /// Number of slots
    #[arg(long, default_value_t = 1000)]
    slots: u64,
    /// Slots of one worker
    #[arg(long, default_value_t = 4)]
    slots_per_worker: u64,
    /// Segment bytes per point
    #[arg(long, default_value_t = 8.2)]
    segment_bytes: f64,
    /// Decoded bytes per point, without ids and metadata
    #[arg(long, default_value_t = 16.0)]
    decoded_bytes: f64,
    /// Bytes of runs per point
    #[arg(long, default_value_t = 3.0)]
    run_bytes: f64,
    /// Bytes of raw parts per point
    #[arg(long, default_value_t = 1.5)]
    raw_bytes: f64,
    /// Bytes of rollup parts per point
    #[arg(long, default_value_t = 0.5)]
    rollup_bytes: f64,
    /// Nanoseconds of a slot for a point in a map task: the slower processor, in a cluster, through S3
    #[arg(long, default_value_t = 90.0)]
    map_ns: f64,
    /// Nanoseconds of a slot for a point in a reduce task: the slower processor, in a cluster, through S3
    #[arg(long, default_value_t = 40.0)]
    reduce_ns: f64,
    /// Bytes that etcd writes for one change of a task
    #[arg(long, default_value_t = 450.0)]
    etcd_bytes: f64,
    /// Price of a thousand PUT, POST and LIST requests, in dollars
    #[arg(long, default_value_t = 0.005)]
    put_price: f64,
    /// Price of a thousand GET requests, in dollars
    #[arg(long, default_value_t = 0.0004)]
    get_price: f64,
    /// Price of one core for an hour on a spot machine, in dollars
    #[arg(long, default_value_t = 0.015)]
    core_price: f64,
}

/// Prints the estimates as a table in Markdown. Fails if one is over its target.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let estimates = options.points.iter().map(|points| Estimate::of(*points, options)).collect::<Result<Vec<_>>>()?;
    print!("{}", table::of(&estimates));
    println!();
    println!("Assumed: {options:?}");
    let passes = estimates.iter().all(|estimate| estimate.missed_targets().is_empty());
    Ok(if passes { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(Debug, clap::Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    fn estimate(points: u64, more: &[&str]) -> Estimate {
        let line = Line::parse_from(["cost"].iter().chain(more));
        Estimate::of(points, &line.options).expect("it is planned")
    }

    #[test]
    fn the_planners_plans_stay_within_their_targets_whatever_the_size_of_the_job() {
        for (points, segments) in [(10_000_000_000, "64MiB"), (10_000_000_000, "1MiB"), (10_000_000_000_000, "256MiB")]
        {
            let estimate = estimate(points, &["--segment-size", segments]);
            assert_eq!(estimate.missed_targets(), [""; 0], "{points} points in segments of {segments}: {estimate:#?}");
        }
    }

    #[test]
    fn small_memory_costs_requests_for_segments_and_not_for_slices() {
        let points = 1_000_000_000_000;
        let [small, large] =
            ["64MiB", "1GiB"].map(|memory| estimate(points, &["--segment-size", "256MiB", "--slot-memory", memory]));
        assert!(small.slice_gets <= large.slice_gets * 11 / 10, "{small:#?} {large:#?}");
        assert!(small.segment_gets > 3 * large.segment_gets);
    }
}
