//! `tailor job submit`: a job for the cluster.

use std::time::Duration;

use anyhow::Result;
use model::JobSpec;
use model::admission::is_unprintable;
use model::limits::SUBMITTER_BYTES_MAX;
use model::spec::{WEIGHT_DEFAULT, WEIGHT_MAX};
use proto::v1::{PlanJobRequest, SubmitJobRequest};

use super::state_of;
use crate::args::Output;
use crate::cluster::{Cluster, Operator};
use crate::commands::job_options::JobOptions;
use crate::context::ContextArgs;
use crate::documents::{self, Job, JobPlan, Submitted};
use crate::exit::Code;
use crate::files::everywhere;
use crate::watch::{Screen, follow};

/// Options of `tailor job submit`: those of `run` that shape the output, and how the job shares the cluster.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    job: JobOptions,
    /// Share of the cluster, 1 to 100: a job of weight 20 gets twice the slots of a job of weight 10.
    ///
    /// For example `--weight 20`.
    #[arg(long, alias = "priority", value_name = "N", default_value_t = WEIGHT_DEFAULT, value_parser = clap::value_parser!(u32).range(1..=i64::from(WEIGHT_MAX)))]
    weight: u32,
    /// Most attempts of the job at once. Without it, no limit.
    ///
    /// For example `--running-max 8`.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    running_max: Option<u32>,
    /// Wait until the job has ended, and exit accordingly: 0 done, 4 failed or cancelled, 9 partly done, 5 not in
    /// time.
    ///
    /// For example `--wait --timeout 2h`.
    #[arg(long)]
    wait: bool,
    /// Longest wait; the job goes on after it. Without it, until the job has ended.
    ///
    /// For example `--wait --timeout 2h`.
    #[arg(long, value_name = "DURATION", requires = "wait", value_parser = model::time::parse_duration)]
    timeout: Option<Duration>,
    /// Show the plan, and submit nothing.
    ///
    /// For example `tailor job submit --input s3://metrics/segments --dataset s3://metrics/dataset --dry-run`.
    #[arg(long, conflicts_with = "wait")]
    dry_run: bool,
    #[command(flatten)]
    context: ContextArgs,
    #[command(flatten)]
    output: Output,
}

pub(super) async fn run(args: Args) -> Result<Code> {
    let cluster = args.context.cluster()?;
    let (spec, _) = args.job.spec()?;
    let spec = JobSpec {
        input: everywhere(spec.input)?,
        dataset: everywhere(spec.dataset)?,
        weight: args.weight,
        running_max: args.running_max,
        submitted_by: submitter(),
        ..spec
    };
    if args.dry_run {
        return plan(&cluster, &spec, args.output).await;
    }
    let request = SubmitJobRequest { spec: spec.to_message().into() };
    let submit = |mut operator: Operator| {
        let request = request.clone();
        async move { operator.submit_job(request).await }
    };
    let submitted = cluster.client.operator(submit).await?;
    if !args.wait {
        let submitted = Submitted { job: submitted.job, existed: submitted.existed };
        documents::show(args.output.style, &submitted)?;
        return Ok(Code::Done);
    }
    crate::out::say(format_args!("tailor: job {} was submitted", submitted.job));
    let mut screen = Screen::of_stderr();
    let ended = follow(&cluster, &submitted.job, args.timeout, |response| screen.show(response)).await;
    screen.finish();
    let ended = ended?;
    let state = state_of(&ended);
    documents::show(args.output.style, &Job::from(ended))?;
    Ok(state.into())
}

async fn plan(cluster: &Cluster, spec: &JobSpec, output: Output) -> Result<Code> {
    let request = PlanJobRequest { spec: spec.to_message().into() };
    let plan = |mut operator: Operator| {
        let request = request.clone();
        async move { operator.plan_job(request).await }
    };
    let planned = JobPlan::new(spec.job.to_string(), cluster.client.operator(plan).await?);
    for warning in &planned.warnings {
        crate::out::say(format_args!("tailor: warning: {warning}"));
    }
    documents::show(output.style, &planned)?;
    Ok(Code::Done)
}

/// Returns user and host, as far as they are known.
fn submitter() -> String {
    let user = std::env::var("USER").or_else(|_| std::env::var("LOGNAME")).unwrap_or_else(|_| "unknown".to_owned());
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let whole = match host.trim() {
        "" => user,
        host => format!("{user}@{host}"),
    };
    // The environment may hold anything, so the text is cleaned and cut to the limit.
    whole.chars().filter(|letter| !is_unprintable(*letter)).take(SUBMITTER_BYTES_MAX / 4).collect()
}
