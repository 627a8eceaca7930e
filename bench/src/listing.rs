//! Plans a job of millions of segments as the leader does: lists them, cuts tasks, writes the plans, adds them to the
//! scheduler, and records every map task. The result is the most memory that the process takes.
//!
//! The input is a store that generates its listing, in the order and the pages of a bucket; none of it is held. The
//! plans go to a local dataset.

mod store;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use model::books::MapBooks;
use model::{
    AttemptId, ByteSize, FencingToken, JobSettings, JobSpec, MapReport, Report, ShardPlan, SplitReport, StageTimes,
    TaskId,
};
use scheduler::{Event, Policy, Restored, State};
use storage::Root;

pub(crate) use store::Listed;

/// Most memory of the process, in bytes.
const PEAK_BYTES_MAX: u64 = 512 << 20;

/// Options of `bench listing`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Segments under the input
    #[arg(long, default_value_t = 10_000_000)]
    segments: u64,
    /// Number of shards, to which the segments belong evenly
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u64).range(1..=64))]
    shards: u64,
}

/// Sizes of the segments, in bytes.
const SIZES: std::ops::Range<u64> = 100_000..200_000;

/// Totals over the plans of all shards.
struct Planned {
    segments: u64,
    /// Pages of the listing.
    pages: u64,
    tasks: usize,
    /// Bytes of the plans' objects, and of those that are not segment lists.
    objects_bytes: u64,
    documents_bytes: u64,
    took: Duration,
}

/// Measures, and prints the result.
pub(crate) fn run(options: &Options) -> Result<()> {
    let before = peak_bytes()?;
    let planned = runtime()?.block_on(plan(options.segments, options.shards))?;
    let peak = peak_bytes()?;
    println!(
        "{} segments of {} shards in {} pages: {} map tasks, {:.1} s; objects of {}, of them plans {}",
        planned.segments,
        options.shards,
        planned.pages,
        planned.tasks,
        planned.took.as_secs_f64(),
        ByteSize(planned.objects_bytes),
        ByteSize(planned.documents_bytes),
    );
    println!(
        "peak memory {} MiB (at most {}), {} MiB before; {:.0} bytes a segment",
        peak >> 20,
        PEAK_BYTES_MAX >> 20,
        before >> 20,
        (peak - before) as f64 / options.segments as f64
    );
    ensure!(planned.segments == options.segments, "{} segments were planned", planned.segments);
    ensure!(planned.pages == options.segments.div_ceil(1000), "a segment was listed again");
    ensure!(peak <= PEAK_BYTES_MAX, "planning takes too much memory");
    Ok(())
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?)
}

/// Lists and plans a synthetic input as the leader does; returns the plans.
pub(crate) fn plans(listed: &Arc<Listed>) -> Result<Vec<ShardPlan>> {
    let folder = tempfile::tempdir()?;
    let dataset = Root::create(folder.path().to_str().context("a plain name")?)?;
    runtime()?.block_on(async {
        let job = job(&dataset, Arc::clone(listed)).await?;
        Ok(coordinator::planning::plan(&job).await?.plans)
    })
}

/// Creates a job over a synthetic input.
async fn job(dataset: &Root, listed: Arc<Listed>) -> Result<coordinator::Job> {
    let spec = JobSpec {
        job: "listing".parse()?,
        input: dataset.uri().to_owned(),
        dataset: dataset.uri().to_owned(),
        shards: Vec::new(),
        settings: JobSettings::default(),
        shard_map: String::new(),
        reason: String::new(),
        weight: model::spec::WEIGHT_DEFAULT,
        running_max: None,
        force_replace: None,
        replay_of: None,
        submitted_by: String::new(),
        submitted_at_ms: 0,
    };
    let mut job = coordinator::Job::reading(&spec, dataset.clone(), &coordinator::Env::real()).await?;
    job.input = Root::of_store("listed://input", listed);
    Ok(job)
}

async fn plan(segments: u64, shards: u64) -> Result<Planned> {
    let folder = tempfile::tempdir()?;
    let dataset = Root::create(folder.path().to_str().context("a plain name")?)?;
    let began = Instant::now();
    let listed = Arc::new(Listed::new(segments, shards, SIZES));
    let job = job(&dataset, Arc::clone(&listed)).await?;
    let plans = coordinator::planning::plan(&job).await?.plans;
    let written = coordinator::planning::write(&dataset, plans).await?;
    let mut state = State::new(Policy::default());
    for event in scheduler::life::UNTIL_OPENING {
        scheduler::step(&mut state, Event::Job { job: job.id.clone(), round: None, event }, Duration::ZERO);
    }
    let mut planned =
        Planned { segments: 0, pages: 0, tasks: 0, objects_bytes: 0, documents_bytes: 0, took: Duration::ZERO };
    for (plan, _) in written {
        planned.segments += plan.segments.len() as u64;
        planned.tasks += plan.map_tasks.len();
        let restored = Some(Box::new(Restored { done: recorded(&plan), ..Restored::default() }));
        let effects =
            scheduler::step(&mut state, Event::ShardPlanned { plan: Arc::new(plan), restored }, Duration::from_secs(1));
        ensure!(effects.is_empty(), "nothing is to be done before a worker asks: {effects:?}");
    }
    planned.took = began.elapsed();
    planned.pages = listed.pages.load(Ordering::Relaxed);
    for object in dataset.list("").await? {
        planned.objects_bytes += object.size;
        if object.location.as_ref().contains("/plans/") {
            planned.documents_bytes += object.size;
        }
    }
    Ok(planned)
}

/// Builds the reports of all map tasks of a shard, as a leader takes them over.
fn recorded(plan: &ShardPlan) -> Vec<(TaskId, AttemptId, Report)> {
    let report = |(ordinal, task): (usize, &model::MapTask)| {
        let read = |split: model::Split| SplitReport { split, first: Some(split.range.start), end: split.range.end };
        let report = MapReport {
            splits: task.splits().map(read).collect(),
            run: None,
            books: MapBooks::default(),
            quarantine: None,
            time_range_ms: None,
            stages: StageTimes::default(),
            spills: 0,
            effort: None,
        };
        let attempt = AttemptId { number: 1, token: FencingToken(1) };
        (TaskId::map(ordinal as u32), attempt, Report::Map(report))
    };
    plan.map_tasks.iter().enumerate().map(report).collect()
}

/// Returns the most memory that this process has had resident at once.
fn peak_bytes() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("/proc tells memory")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nextest runs each test in a process of its own, so the peak is this test's.
    #[test]
    fn a_hundred_thousand_segments_take_little_memory_and_small_plans() {
        const SEGMENTS: u64 = 100_000;
        let before = peak_bytes().expect("/proc");
        let planned = runtime().expect("a runtime").block_on(plan(SEGMENTS, 8)).expect("it is planned");
        let took = peak_bytes().expect("/proc") - before;
        assert_eq!(planned.segments, SEGMENTS);
        assert_eq!(planned.pages, SEGMENTS / 1000, "pages and nothing else");
        assert!(planned.documents_bytes < 10 * SEGMENTS, "plans of {} bytes", planned.documents_bytes);
        assert!(planned.objects_bytes < 60 * SEGMENTS, "objects of {} bytes", planned.objects_bytes);
        // Vectors of plain values took 70 MiB for the listing and the plans alone.
        assert!(took < 32 << 20, "{} MiB", took >> 20);
    }
}
