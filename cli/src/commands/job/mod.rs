//! `tailor job`: jobs of a cluster. One file a verb.

mod cancel;
mod get;
mod list;
mod retry;
mod submit;
mod wait;
mod watch;

use anyhow::Result;
use proto::v1::{GetJobResponse, JobState};

use crate::exit::Code;

/// Verbs on jobs.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Job {
    /// Submit a job. The same under the same --job again changes nothing.
    Submit(Box<submit::Args>),
    /// List jobs, the latest first.
    List(list::Args),
    /// Show one job with its shards.
    Get(get::Args),
    /// Show how a job goes on, until it has ended. Exits as the job ends: 0 done, 4 failed or cancelled, 9 partly done.
    Watch(watch::Args),
    /// Wait until a job has ended. Exits as it ends: 0 done, 4 failed or cancelled, 9 partly done, 5 not in time.
    Wait(wait::Args),
    /// Stop a job: shards that have not committed end as cancelled.
    Cancel(cancel::Args),
    /// Run the shards of a job that failed or were cancelled once more.
    Retry(retry::Args),
}

/// Runs a verb to its end.
pub(crate) async fn run(job: Job) -> Result<Code> {
    match job {
        Job::Submit(args) => submit::run(*args).await,
        Job::List(args) => list::run(args).await,
        Job::Get(args) => get::run(args).await,
        Job::Watch(args) => watch::run(args).await,
        Job::Wait(args) => wait::run(args).await,
        Job::Cancel(args) => cancel::run(args).await,
        Job::Retry(args) => retry::run(args).await,
    }
}

/// State of a job, as it was answered.
fn state_of(response: &GetJobResponse) -> JobState {
    response.job.as_ref().map_or(JobState::Unspecified, |job| job.state())
}
