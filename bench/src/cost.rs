//! Extrapolates measured figures to ten trillion points: tasks, requests, traffic of etcd, hours of workers, and the
//! price of S3 requests.
//!
//! The calculation is plain arithmetic over the engine's own limits. Every assumption is an option with a default,
//! and is printed.

use model::JobSettings;
use model::limits::{MAP_TASKS_PER_SHARD_MAX, PARTITIONS_PER_SHARD_MAX};

/// Assumptions; the defaults are figures of docs/performance.md.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Number of points to process
    #[arg(long, default_value_t = 10_000_000_000_000)]
    points: u64,
    /// Number of shards of equal size
    #[arg(long, default_value_t = 64)]
    shards: u64,
    /// Segment bytes per point
    #[arg(long, default_value_t = 8.2)]
    segment_bytes: f64,
    /// Bytes of runs per point
    #[arg(long, default_value_t = 3.0)]
    run_bytes: f64,
    /// Bytes of raw parts and rollups per point
    #[arg(long, default_value_t = 2.0)]
    part_bytes: f64,
    /// CPU seconds of `tailor run` for 100 million points.
    #[arg(long, default_value_t = 5.4)]
    cpu_seconds: f64,
    /// CPU of a cluster over that of `tailor run`.
    #[arg(long, default_value_t = 1.35)]
    cluster_ratio: f64,
    /// Bytes of one ranged read of a segment.
    #[arg(long, default_value_t = 2 << 20)]
    read_bytes: u64,
    /// Bytes of one part of an upload.
    #[arg(long, default_value_t = 8 << 20)]
    upload_bytes: u64,
    /// Reads of one slice of a run by a reduce task, its share of the index included.
    #[arg(long, default_value_t = 2.0)]
    reads_per_slice: f64,
    /// Bytes that etcd writes for one change of a task.
    #[arg(long, default_value_t = 450.0)]
    etcd_bytes: f64,
    /// Price of a thousand PUT, POST and LIST requests, in dollars.
    #[arg(long, default_value_t = 0.005)]
    put_price: f64,
    /// Price of a thousand GET requests, in dollars.
    #[arg(long, default_value_t = 0.0004)]
    get_price: f64,
    /// Price of one core for an hour on a spot machine, in dollars.
    #[arg(long, default_value_t = 0.015)]
    core_price: f64,
}

/// Prints the estimate as a table in Markdown.
pub(crate) fn run(options: &Options) {
    let Options { points, shards, .. } = *options;
    let points = points as f64;
    let settings = JobSettings::default();
    let shard_bytes = points * options.segment_bytes / shards as f64;
    let per_shard = |target: u64, most: f64| (shard_bytes / target as f64).ceil().clamp(1.0, most);
    let maps = per_shard(settings.split_bytes.0, MAP_TASKS_PER_SHARD_MAX as f64) * shards as f64;
    let reduces = per_shard(settings.partition_bytes.0, f64::from(PARTITIONS_PER_SHARD_MAX)) * shards as f64;
    let tasks = maps + reduces;
    let slices = maps / shards as f64 * reduces;
    let gets =
        points * options.segment_bytes / options.read_bytes as f64 + slices * options.reads_per_slice + 2.0 * tasks;
    // Each object takes a request for its begin and one for its end; each attempt writes a report.
    let puts = points * (options.run_bytes + options.part_bytes) / options.upload_bytes as f64 + 2.0 * tasks + tasks;
    let changes = 2.0 * tasks;
    let core_hours = points / 1e8 * options.cpu_seconds * options.cluster_ratio / 3600.0;
    let requests_price = puts / 1000.0 * options.put_price + gets / 1000.0 * options.get_price;
    println!("| for {points:.1e} points in {shards} shards | |");
    println!("|---|---|");
    println!("| map tasks, reduce tasks | {maps:.0}, {reduces:.0} |");
    println!("| GET requests | {:.1} million |", gets / 1e6);
    println!("| PUT and POST requests | {:.1} million |", puts / 1e6);
    println!("| changes of etcd | {changes:.0}, {:.2} GB written |", changes * options.etcd_bytes / 1e9);
    println!("| core hours | {core_hours:.0} |");
    println!("| S3 requests | ${requests_price:.0} |");
    println!("| cores on spot machines | ${:.0} |", core_hours * options.core_price);
    println!();
    println!("Assumed: {options:?}");
}
