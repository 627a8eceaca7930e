//! `tailor plan`: what `run` would do; writes nothing.

use anyhow::Result;
use coordinator::planning::Planned;
use model::ShardPlan;
use serde::Serialize;
use storage::Root;

use super::job_options::JobOptions;
use super::print_json;
use crate::args::OutputStyle;
use crate::exit::Code;
use crate::tables;

/// Options of `tailor plan`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    job: JobOptions,
    /// How to show it.
    #[arg(short, long, value_enum, default_value_t)]
    output: OutputStyle,
}

/// The object behind `-o json`.
#[derive(Debug, Serialize)]
struct PlanReport<'a> {
    api_version: &'static str,
    kind: &'static str,
    plans: &'a [ShardPlan],
}

pub(crate) async fn run(args: Args) -> Result<Code> {
    // The dataset is only named by a plan: the input's root stands in, and nothing is written to it.
    let input = args.job.input.clone();
    let job = args.job.job(|_| Ok(Root::open(&input)?))?;
    let Planned { plans, warnings } = coordinator::planning::plan(&job).await?;
    for warning in &warnings {
        eprintln!("tailor: warning: {warning}");
    }
    match args.output {
        OutputStyle::Table => print!("{}", tables::plans(&plans)),
        OutputStyle::Json => print_json(&PlanReport { api_version: "tailor/v1", kind: "Plan", plans: &plans })?,
    }
    Ok(Code::Done)
}
