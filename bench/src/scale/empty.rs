//! Measures a job of many empty shards: each is a commit and the end of a shard, and all of them are due at once.
//!
//! The job must end under one leader, which keeps its lease. It must accept a cancellation at any time, with an
//! answer at once, also while a new leader still reads the job.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use model::JobId;
use proto::v1;

use super::cluster::Cluster;

/// Longest wait for the answer to a cancellation, as for any answer to an operator.
const CANCEL_MAX: Duration = Duration::from_secs(10);
/// Longest time per shard, in addition to a minute.
const SHARD_MAX: Duration = Duration::from_millis(20);

pub(super) async fn measure(cluster: &mut Cluster, shards: u64) -> Result<()> {
    let patience = Duration::from_secs(60) + SHARD_MAX * u32::try_from(shards)?;
    let term = state(cluster).await?.token;

    let (job, began) = (name("empty")?, Instant::now());
    cluster.submit_empty(&job, shards).await?;
    let ended = wait(cluster, &job, patience).await?;
    ensure!(ended.state() == v1::JobState::Done, "the job of empty shards is {:?}: {}", ended.state(), ended.cause);
    ensure!(state(cluster).await?.token == term, "the leader lost its lease over {shards} empty shards");
    println!("{shards} empty shards: {:.1} s, under one leader", began.elapsed().as_secs_f64());

    let job = name("empty-cancelled")?;
    cluster.submit_empty(&job, shards).await?;
    until_some_are_done(cluster, &job, patience).await?;
    let answered = cancel(cluster, &job).await?;
    let ended = wait(cluster, &job, patience).await?;
    println!("cancelled after {} of them: answered in {:.2} s", ended.shards_done, answered.as_secs_f64());
    ensure!(answered <= CANCEL_MAX, "a cancel is answered too late");

    let job = name("empty-taken-over")?;
    cluster.submit_empty(&job, shards).await?;
    until_some_are_done(cluster, &job, patience).await?;
    cluster.kill_leader()?;
    let killed = Instant::now();
    while state(cluster).await?.token == term {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let led = killed.elapsed();
    let answered = cancel(cluster, &job).await?;
    let ended = wait(cluster, &job, patience).await?;
    println!(
        "cancelled by a new leader, which led {:.1} s after the old one was killed: answered in {:.2} s, {} were done",
        led.as_secs_f64(),
        answered.as_secs_f64(),
        ended.shards_done
    );
    ensure!(answered <= CANCEL_MAX, "a cancel is answered too late while a job is taken over");
    Ok(())
}

fn name(name: &str) -> Result<JobId> {
    name.parse().context("a job's name")
}

async fn state(cluster: &Cluster) -> Result<v1::GetClusterResponse> {
    let client = cluster.client()?;
    Ok(client.operator(|mut client| async move { client.get_cluster(v1::GetClusterRequest {}).await }).await?)
}

/// Returns the job from the listing: a view of every shard would be the largest part of the work.
async fn listed(cluster: &Cluster, job: &JobId) -> Result<v1::JobSummary> {
    let asked = v1::ListJobsRequest::default();
    let client = cluster.client()?;
    let listed = client
        .operator(|mut client| {
            let asked = asked.clone();
            async move { client.list_jobs(asked).await }
        })
        .await?;
    listed.jobs.into_iter().find(|listed| listed.job == job.as_str()).context("the job is not listed")
}

async fn until_some_are_done(cluster: &Cluster, job: &JobId, patience: Duration) -> Result<()> {
    let began = Instant::now();
    while listed(cluster, job).await?.shards_done == 0 {
        ensure!(began.elapsed() < patience, "no shard of {job} is done after {patience:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

async fn wait(cluster: &Cluster, job: &JobId, patience: Duration) -> Result<v1::JobSummary> {
    use v1::JobState::{Cancelling, Planning, Running};
    let began = Instant::now();
    loop {
        let seen = listed(cluster, job).await?;
        if !matches!(seen.state(), Planning | Running | Cancelling) {
            return Ok(seen);
        }
        ensure!(began.elapsed() < patience, "{job} is not over after {patience:?}: {seen:?}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

async fn cancel(cluster: &Cluster, job: &JobId) -> Result<Duration> {
    let (began, client) = (Instant::now(), cluster.client()?);
    let asked = v1::CancelJobRequest { job: job.to_string(), reason: "the bench goes on".to_owned() };
    client
        .operator(|mut client| {
            let asked = asked.clone();
            async move { client.cancel_job(asked).await }
        })
        .await?;
    Ok(began.elapsed())
}
