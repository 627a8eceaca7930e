//! `tailor job watch`: the progress of a job.

use anyhow::Result;
use model::JobId;

use super::state_of;
use crate::args::Output;
use crate::context::ContextArgs;
use crate::documents::{self, Job};
use crate::exit::Code;
use crate::watch::{Screen, follow};

/// Options of `tailor job watch`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Name of the job.
    ///
    /// For example `tailor job watch nightly`.
    job: JobId,
    #[command(flatten)]
    context: ContextArgs,
    #[command(flatten)]
    output: Output,
}

pub(super) async fn run(args: Args) -> Result<Code> {
    let cluster = args.context.cluster()?;
    let mut screen = Screen::of_stderr();
    let ended = follow(&cluster, args.job.as_str(), None, |response| screen.show(response)).await;
    screen.finish();
    let ended = ended?;
    let state = state_of(&ended);
    documents::show(args.output.style, &Job::from(ended))?;
    Ok(state.into())
}
