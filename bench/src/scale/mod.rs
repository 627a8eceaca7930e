//! Measures the coordinator alone: a real `tailor coordinator` and a real etcd, with workers that only claim and
//! complete.
//!
//! The plan is real, too: segments are sparse files, so a million tasks take no disk. The leader's changes per second
//! are compared with a plain client of the same etcd that sends the same batches, in turn, in one run.

mod cluster; // processes of the cluster
mod empty; //   job of many empty shards, which all commit at once
mod plain; //   same changes without a coordinator
mod viewers; // people who watch the pages meanwhile
mod workers; // workers that claim and complete

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use cluster::Cluster;
use workers::Workers;

/// Smallest ratio of the leader's changes per second to those of a plain client.
const RATIO_MIN: f64 = 0.70;
/// Longest time until a new leader grants work.
const RECOVERY_MAX: Duration = Duration::from_secs(10);
/// Most memory per task, in bytes.
const TASK_BYTES_MAX: f64 = 1024.0;
/// Largest database of etcd, in bytes.
const ETCD_BYTES_MAX: u64 = 50 << 20;

/// Options of `bench scale`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Tasks of the plan
    #[arg(long, default_value_t = 1_000_000)]
    tasks: u64,
    /// Tasks that are claimed and left open before the leader is killed
    #[arg(long, default_value_t = 100_000)]
    open: usize,
    /// Empty shards of one job, which all commit at once; 0 skips that part
    #[arg(long, default_value_t = 60_000)]
    empty_shards: u64,
    /// Run only the part with empty shards
    #[arg(long)]
    only_empty: bool,
    /// Open pages while changes are counted; 0 skips that part
    #[arg(long, default_value_t = 50)]
    viewers: usize,
    /// Number of pairs of that part, without and with viewers in turn
    #[arg(long, default_value_t = 6)]
    viewer_pairs: usize,
    /// Run only the part with viewers
    #[arg(long, conflicts_with = "only_empty")]
    only_viewers: bool,
    /// Duration of each measurement, in seconds
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Number of turns of each side
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Binary of Tailor to measure
    #[arg(long, default_value = "target/release/tailor")]
    tailor: std::path::PathBuf,
}

/// Measures, and prints the table.
pub(crate) fn run(options: &Options) -> Result<()> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?.block_on(measure(options))
}

async fn measure(options: &Options) -> Result<()> {
    if options.viewers > 0 && !options.only_empty {
        // A cluster of its own, because each pair needs tasks that are open.
        viewers::measure(options).await?;
    }
    if options.only_viewers {
        return Ok(());
    }
    if options.empty_shards > 0 {
        // A cluster of its own keeps its history in etcd away from the other measurements.
        let mut cluster = Cluster::start(&options.tailor).await?;
        empty::measure(&mut cluster, options.empty_shards).await?;
    }
    if options.only_empty {
        return Ok(());
    }
    let mut cluster = Cluster::start(&options.tailor).await?;
    let before_rss = cluster.leader().resident()?;
    let planned = Instant::now();
    cluster.submit(options.tasks).await?;
    let planned = planned.elapsed();
    let task_bytes = cluster.leader().resident()?.saturating_sub(before_rss) as f64 / options.tasks as f64;
    println!(
        "plan of {} tasks: {:.1} s, {task_bytes:.0} bytes a task (at most {TASK_BYTES_MAX})",
        options.tasks,
        planned.as_secs_f64()
    );

    let workers = Workers::join(&cluster).await?;
    // Runs first, while no task is done: these workers write no reports, which a new leader would miss.
    workers.hold(options.open).await?;
    let etcd_bytes = cluster.etcd_bytes().await?;
    println!("etcd with {} open tasks: {:.1} MB in use (at most 50)", options.open, etcd_bytes as f64 / 1e6);
    let recovery = cluster.replace_leader(&workers).await?;
    println!("new leader: first claim {:.1} s after the old one was killed (at most 10)", recovery.as_secs_f64());
    workers.let_go().await?;

    let span = Duration::from_secs(options.seconds);
    let mut ratios = Vec::new();
    for round in 0..options.rounds {
        let cpu = cluster.leader().cpu()?;
        let leader = workers.work(span).await?;
        let cpu = (cluster.leader().cpu()? - cpu).as_secs_f64() / span.as_secs_f64();
        let plain = plain::changes_per_second(&cluster, span).await?;
        ratios.push(leader / plain);
        println!(
            "round {round}: leader {leader:.0} changes/s (its CPU {cpu:.2} of a core), plain client {plain:.0}, ratio {:.2}",
            leader / plain
        );
    }
    ratios.sort_by(f64::total_cmp);
    let ratio = *ratios.get(ratios.len() / 2).context("at least one round")?;
    println!("ratio, median of {}: {ratio:.2} (at least {RATIO_MIN})", ratios.len());
    ensure!(ratio >= RATIO_MIN, "the leader keeps etcd less busy than it should");
    ensure!(task_bytes <= TASK_BYTES_MAX, "a task takes too much memory");
    ensure!(etcd_bytes <= ETCD_BYTES_MAX, "the state is too large");
    ensure!(recovery <= RECOVERY_MAX, "a new leader takes too long");
    Ok(())
}
