//! `tailor plan`: shows what `run` would do; writes nothing. It accepts the options of `run`, so that a command line
//! can be checked before it is run; options that do not shape the plan (workers, memory, scratch) have no effect
//! here.

use anyhow::Result;
use coordinator::planning::Plans;
use format::manifest::API_VERSION;
use model::ShardPlan;
use serde::Serialize;
use storage::Root;

use super::run::Args;
use crate::exit::Code;
use crate::{out, tables};

/// Document behind `-o json`.
#[derive(Debug, Serialize)]
struct PlanReport<'a> {
    api_version: &'static str,
    kind: &'static str,
    plans: &'a [ShardPlan],
}

pub(crate) async fn run(args: Args) -> Result<Code> {
    // A plan only names the dataset: the root of the input stands in, and nothing is written to it.
    let input = args.job.input.clone();
    let job = args.job.job(|_| Ok(Root::open(&input)?)).await?;
    let Plans { plans, warnings } = coordinator::planning::plan(&job).await?;
    for warning in &warnings {
        crate::out::say(format_args!("tailor: warning: {warning}"));
    }
    let report = PlanReport { api_version: API_VERSION, kind: "Plan", plans: &plans };
    out::show(args.output, &report, |report| tables::plans(report.plans))?;
    Ok(Code::Done)
}
