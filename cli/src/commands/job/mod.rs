//! `tailor job`: jobs of a cluster. One file a verb.

mod cancel;
mod compare;
mod cost;
mod events;
mod get;
mod list;
mod record;
mod retry;
mod submit;
mod wait;
mod watch;

use anyhow::Result;
use proto::v1::{GetJobResponse, JobState};

use crate::exit::Code;

/// Verbs of `tailor job`.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Job {
    /// Submit a job; repeating it under the same --job changes nothing
    Submit(Box<submit::Args>),
    /// List jobs, the latest first
    List(list::Args),
    /// Show one job with its shards
    Get(get::Args),
    /// Show the progress of a job until it ends. Exits 0 if done, 4 if failed or cancelled, 9 if partly done
    Watch(watch::Args),
    /// Wait until a job has ended. Exits 0 if done, 4 if failed or cancelled, 9 if partly done, 5 if not in time
    Wait(wait::Args),
    /// List the events of a job, the newest first, also of a job that has ended
    Events(events::Args),
    /// Show the cost of a job so far: time in slots, requests, bytes, and their price
    Cost(cost::Args),
    /// Compare two jobs that have ended, measure by measure and shard by shard
    Compare(compare::Args),
    /// Cancel a job: shards that have not committed end as cancelled
    Cancel(cancel::Args),
    /// Run the failed and cancelled shards of a job again
    Retry(retry::Args),
}

/// Runs the verb to its end.
pub(crate) async fn run(job: Job) -> Result<Code> {
    match job {
        Job::Submit(args) => submit::run(*args).await,
        Job::List(args) => list::run(args).await,
        Job::Get(args) => get::run(args).await,
        Job::Watch(args) => watch::run(args).await,
        Job::Wait(args) => wait::run(args).await,
        Job::Events(args) => events::run(args).await,
        Job::Cost(args) => cost::run(args).await,
        Job::Compare(args) => compare::run(args).await,
        Job::Cancel(args) => cancel::run(args).await,
        Job::Retry(args) => retry::run(args).await,
    }
}

/// Returns the state of the job in an answer.
fn state_of(response: &GetJobResponse) -> JobState {
    response.job.as_ref().map_or(JobState::Unspecified, |job| job.state())
}
