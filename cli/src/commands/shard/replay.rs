//! `tailor shard replay`: one shard of an ended job runs again.

use std::time::Duration;

use anyhow::Result;
use model::ShardId;
use proto::v1::{GetJobResponse, JobState, ReplayShardRequest};

use super::OfJob;
use crate::cluster::{Operator, shard_of};
use crate::confirm::Confirmation;
use crate::documents::{self, Replayed, ShardEntry, Submitted};
use crate::exit::{Code, Exit};
use crate::watch::{Screen, follow};

/// Options of `tailor shard replay`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Name of the shard.
    ///
    /// For example `tailor shard replay org-7 --job nightly --reason repaired`.
    shard: ShardId,
    #[command(flatten)]
    target: OfJob,
    /// Reason, kept in the manifest.
    ///
    /// For example `--reason repaired`.
    #[arg(long, value_name = "TEXT", value_parser = crate::args::reason)]
    reason: String,
    /// Replace a version that was committed while the replay ran, even if the replay did not read all of that
    /// version's input; the text is the reason. Without it, the replay fails and that version stays.
    ///
    /// For example `--force-replace "v7 was made of test data"`.
    #[arg(long, value_name = "REASON", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    force_replace: Option<String>,
    /// Wait until the replay has ended, and show the new version and whether its content is the same.
    ///
    /// For example `--wait --timeout 1h`.
    #[arg(long)]
    wait: bool,
    /// Longest wait; the replay goes on after it. Without it, until the replay has ended.
    ///
    /// For example `--wait --timeout 1h`.
    #[arg(long, value_name = "DURATION", requires = "wait", value_parser = model::time::parse_duration)]
    timeout: Option<Duration>,
    #[command(flatten)]
    confirmation: Confirmation,
}

pub(super) async fn run(args: Args) -> Result<Code> {
    let OfJob { job: of_job, dataset, context, output } = args.target;
    let cluster = context.cluster()?;
    let shard = args.shard.to_string();
    let ended_job = cluster.job(&of_job, dataset.as_deref()).await?;
    refuse_open(&ended_job)?;
    let before = ShardEntry::from(shard_of(ended_job, &of_job, &shard)?);
    args.confirmation.ask(&what_changes(&of_job, &before), &shard)?;
    let request = ReplayShardRequest {
        job: of_job.clone(),
        shard: shard.clone(),
        reason: args.reason,
        dataset: dataset.unwrap_or_default(),
        force_replace: args.force_replace.unwrap_or_default(),
    };
    let replay = |mut operator: Operator| {
        let request = request.clone();
        async move { operator.replay_shard(request).await }
    };
    let job = cluster.client.operator(replay).await?.job;
    if !args.wait {
        documents::show(output.style, &Submitted { job, existed: false })?;
        return Ok(Code::Done);
    }
    let mut screen = Screen::of_stderr();
    let ended = follow(&cluster, &job, args.timeout, |response| screen.show(response)).await;
    screen.finish();
    let ended = ended?;
    let state = ended.job.as_ref().map_or(JobState::Unspecified, |job| job.state());
    let after = shard_of(ended, &job, &shard)?;
    if state != JobState::Done {
        let cause = if after.cause.is_empty() { "it was cancelled" } else { &after.cause };
        return Err(Exit::error(state.into(), format!("job {job} did not commit shard {shard}: {cause}")));
    }
    documents::show(output.style, &Replayed::new(of_job, &before, job, after.into()))?;
    Ok(Code::Done)
}

/// Refuses a job that still runs, before a person is asked to confirm.
fn refuse_open(job: &GetJobResponse) -> Result<()> {
    use JobState::{Cancelling, Planning, Running};
    let Some(job) = job.job.as_ref().filter(|job| matches!(job.state(), Planning | Running | Cancelling)) else {
        return Ok(());
    };
    let reason = format!(
        "job {} still runs; a shard is replayed once its job has ended: `tailor job wait {}`, then replay it",
        job.job, job.job
    );
    Err(Exit::error(Code::Failed, reason))
}

fn what_changes(job: &str, shard: &ShardEntry) -> String {
    let version = match shard.version {
        Some(version) => format!("a new version takes the place of v{version}, or of the one that counts by then"),
        None => "it becomes a version of its own".to_owned(),
    };
    format!("shard {} of job {job} will be run again: {version}; old parts stay", shard.shard)
}
