//! Requests, changes and times of a job, from the plans that the leader makes for it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use anyhow::Result;
use model::{ShardPlan, Split};
use storage::object::UPLOAD_PART_BYTES;
use worker::SlotLimits;

use super::Options;
use crate::listing::{self, Listed};

/// Documents that a worker reads for each shard that it works on: spec, plan, segments, run list.
const DOCUMENTS: u64 = 4;

/// Most keys in a page of a listing.
const PAGE: u64 = 1000;

/// Figures of one job.
#[derive(Debug, Clone, Default)]
pub(crate) struct Estimate {
    pub(super) points: u64,
    pub(super) maps: u64,
    pub(super) partitions: u64,
    /// GETs of segments.
    pub(super) segment_gets: u64,
    /// GETs of slices, and of indexes and tables of slices.
    pub(super) slice_gets: u64,
    /// GETs of any kind.
    pub(super) gets: u64,
    /// PUT and POST requests.
    pub(super) puts: u64,
    /// Pages of listings: of the input, and of runs that are removed.
    pub(super) lists: u64,
    /// GETs of slices for each GiB of decoded input.
    pub(super) gets_per_gib: f64,
    pub(super) slice_median: u64,
    /// Time that a slot needs for the longest map task and the longest reduce task, in seconds.
    pub(super) map_seconds: f64,
    pub(super) reduce_seconds: f64,
    /// Runs of the longest reduce task, in bytes; it may merge most of them to disk first.
    pub(super) scratch_bytes: u64,
    pub(super) etcd_changes: u64,
    pub(super) etcd_bytes: f64,
    pub(super) slot_hours: f64,
    pub(super) hours: f64,
    pub(super) requests_price: f64,
    pub(super) cores_price: f64,
}

impl Estimate {
    /// Plans a job of so many points, and derives its figures.
    pub(super) fn of(points: u64, options: &Options) -> Result<Self> {
        let mean = options.segment_size.0.max(1);
        let segments = ((points as f64 * options.segment_bytes) as u64).div_ceil(mean).max(1);
        let listed = Arc::new(Listed::new(segments, options.shards, mean * 3 / 4..mean * 5 / 4 + 1));
        let plans = listing::plans(&listed)?;
        let mut estimate = Self { points, lists: listed.pages.load(Ordering::Relaxed), ..Self::default() };
        let limits = SlotLimits::within(options.slot_memory.0);
        let mut slices = Vec::new();
        for plan in &plans {
            estimate.add(plan, &limits, options, &mut slices);
        }
        slices.sort_unstable();
        estimate.slice_median = slices.get(slices.len() / 2).copied().unwrap_or(0);
        estimate.complete(plans.len() as u64, options);
        Ok(estimate)
    }

    /// Adds the tasks of a shard. Each run adds its slice to `slices`: those of all partitions are as long.
    fn add(&mut self, plan: &ShardPlan, limits: &SlotLimits, options: &Options, slices: &mut Vec<u64>) {
        let (runs, partitions) = (plan.map_tasks.len() as u64, u64::from(plan.partitions));
        let per_segment_byte = options.run_bytes / options.segment_bytes;
        let points = |bytes: u64| bytes as f64 / options.segment_bytes;
        let mut lens = Vec::with_capacity(plan.map_tasks.len());
        for task in &plan.map_tasks {
            let run = (task.bytes() as f64 * per_segment_byte) as u64;
            lens.push(run / partitions.max(1));
            self.segment_gets += task.splits().map(|split| reads(split, plan, limits)).sum::<u64>();
            self.puts += upload(run, limits.upload_part_bytes() as u64);
            self.map_seconds = self.map_seconds.max(points(task.bytes()) * options.map_ns / 1e9);
        }
        let index_gets = match format::slices::is_worthwhile(plan.map_tasks.len(), plan.partitions) {
            true => runs + 2 * partitions,
            false => runs * partitions,
        };
        self.slice_gets += limits.slice_requests(&lens) * partitions + index_gets;
        self.scratch_bytes = self.scratch_bytes.max(lens.iter().sum());
        slices.extend(lens);
        let of_partition = points(plan.bytes()) / partitions.max(1) as f64;
        self.reduce_seconds = self.reduce_seconds.max(of_partition * options.reduce_ns / 1e9);
        let raw = upload((of_partition * options.raw_bytes) as u64, limits.upload_part_bytes() as u64);
        let rollup = upload((of_partition * options.rollup_bytes) as u64, UPLOAD_PART_BYTES as u64);
        self.puts += partitions * (raw + rollup);
        self.maps += runs;
        self.partitions += partitions;
        self.lists += (2 * runs + partitions).div_ceil(PAGE);
    }

    /// Derives what depends on the whole job.
    fn complete(&mut self, shards: u64, options: &Options) {
        let tasks = self.maps + self.partitions;
        let workers = options.slots.div_ceil(options.slots_per_worker.max(1));
        self.gets = self.segment_gets + self.slice_gets + (workers * shards * DOCUMENTS).min(tasks * DOCUMENTS);
        // Each attempt writes a report; a shard has a plan, two lists, a table, a report and a manifest.
        self.puts += tasks + 6 * shards;
        let points = self.points as f64;
        self.gets_per_gib = self.slice_gets as f64 / (points * options.decoded_bytes / (1_u64 << 30) as f64);
        self.etcd_changes = 2 * tasks;
        self.etcd_bytes = self.etcd_changes as f64 * options.etcd_bytes;
        self.slot_hours = points * (options.map_ns + options.reduce_ns) / 1e9 / 3600.0;
        self.hours = self.slot_hours / options.slots as f64;
        self.cores_price = self.slot_hours * options.core_price;
        self.requests_price =
            ((self.puts + self.lists) as f64 * options.put_price + self.gets as f64 * options.get_price) / 1000.0;
    }
}

/// Counts the reads of a split: of its range, and of the frame that ends behind it.
fn reads(split: Split, plan: &ShardPlan, limits: &SlotLimits) -> u64 {
    let ends_inside = plan.segments.get(split.segment as usize).is_some_and(|segment| split.range.end < segment.size);
    split.range.len().div_ceil(limits.segment_read_bytes()) + u64::from(ends_inside)
}

/// Counts the requests that write an object: one, or its parts, begin and end.
fn upload(bytes: u64, part_bytes: u64) -> u64 {
    match bytes.div_ceil(part_bytes) {
        0 => 0,
        1 => 1,
        parts => parts + 2,
    }
}
