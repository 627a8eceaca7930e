//! `tailor job wait`: as `watch`, but silent until the end.

use std::time::Duration;

use anyhow::Result;
use model::JobId;

use super::state_of;
use crate::args::Output;
use crate::context::ContextArgs;
use crate::documents::{self, Job};
use crate::exit::Code;
use crate::watch::follow;

/// Options of `tailor job wait`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Name of the job.
    ///
    /// For example `tailor job wait nightly`.
    job: JobId,
    /// Longest wait; the job goes on after it. Without it, until the job has ended.
    ///
    /// For example `--timeout 2h`.
    #[arg(long, value_name = "DURATION", value_parser = model::time::parse_duration)]
    timeout: Option<Duration>,
    #[command(flatten)]
    context: ContextArgs,
    #[command(flatten)]
    output: Output,
}

pub(super) async fn run(args: Args) -> Result<Code> {
    let ended = follow(&args.context.cluster()?, args.job.as_str(), args.timeout, |_| ()).await?;
    let state = state_of(&ended);
    documents::show(args.output.style, &Job::from(ended))?;
    Ok(state.into())
}
