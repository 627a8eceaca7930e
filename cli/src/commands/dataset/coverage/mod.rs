//! `tailor dataset coverage`: is a window complete, for every shard or for an organisation?

mod ask;
mod table;

use anyhow::Result;
use dataset::Catalog;
use dataset::coverage::{
    Coverage, CoverageAsk, CoverageIndex, CoverageSource, CoverageState, OpenJobs, Question, WindowCoverage, judge,
};
use model::{OrgId, ShardId, SystemClock, Window};
use proto::ApiError;

use crate::args::{OutputStyle, WindowArg};
use crate::context::ContextArgs;
use crate::exit::Code;
use crate::out;

/// Options of `tailor dataset coverage`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Dataset: a path, file:// or s3:// URI.
    ///
    /// For example `tailor dataset coverage s3://metrics/dataset --org 7`.
    #[arg(value_name = "URI")]
    dataset: String,
    /// Window to judge, as it was run: START/END, START/DURATION, or its name in listings; repeatable. Without it, the
    /// newest windows.
    ///
    /// For example `--window 2026-01-01T00:00:00Z/4h`.
    #[arg(long = "window", value_name = "START/END")]
    windows: Vec<WindowArg>,
    /// Organisation to judge, in the shards that the shard maps of the jobs give it. Without it, every shard.
    ///
    /// For example `--org 7`.
    #[arg(long, value_name = "N", conflicts_with = "shard")]
    org: Option<u64>,
    /// Shard to judge. Without it, every shard.
    ///
    /// For example `--shard org-mod-07`.
    #[arg(long, value_name = "NAME")]
    shard: Option<ShardId>,
    /// Most windows to judge, the newest first.
    ///
    /// For example `--limit 1000`.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Judge every window, without a limit.
    ///
    /// For example `tailor dataset coverage dataset --all`.
    #[arg(long, conflicts_with = "limit")]
    all: bool,
    /// Ask no cluster, even if one is named: the answer comes from the dataset alone.
    ///
    /// For example `tailor dataset coverage dataset --offline`.
    #[arg(long)]
    offline: bool,
    #[command(flatten)]
    context: ContextArgs,
    /// Style of the result.
    ///
    /// For example `-o json`.
    #[arg(short, long, value_enum, default_value_t)]
    output: OutputStyle,
}

impl Args {
    fn question(&self) -> Question {
        match (self.org, self.shard) {
            (Some(org), _) => Question::Org(OrgId(org)),
            (None, Some(shard)) => Question::Shard(shard),
            (None, None) => Question::All,
        }
    }

    fn windows(&self) -> Vec<Window> {
        self.windows.iter().map(|window| window.0).collect()
    }

    fn limit(&self) -> usize {
        if self.all || !self.windows.is_empty() { usize::MAX } else { self.limit as usize }
    }
}

pub(super) async fn run(args: Args) -> Result<Code> {
    let coverage = coverage(&args).await?;
    for warning in &coverage.warnings {
        out::say(format_args!("tailor: warning: {warning}"));
    }
    out::show(args.output, &coverage, table::shown)?;
    Ok(if coverage.is_lacking() {
        Code::Partly
    } else if coverage.state.is_complete() {
        Code::Done
    } else {
        Code::NotFound
    })
}

/// Asks the cluster if one is named, and otherwise the dataset; also if no coordinator answers.
async fn coverage(args: &Args) -> Result<Coverage> {
    let cluster = if args.offline { None } else { args.context.named_cluster()? };
    let Some(cluster) = cluster else { return of_dataset(args).await };
    match ask::cluster(&cluster, args).await {
        Err(error) if matches!(error.downcast_ref(), Some(ApiError::Away { .. })) => {
            let reason = model::error::chain(error.as_ref());
            out::say(format_args!("tailor: warning: the cluster was not asked, so the dataset alone tells: {reason}"));
            of_dataset(args).await
        }
        asked => asked,
    }
}

async fn of_dataset(args: &Args) -> Result<Coverage> {
    let question = args.question();
    let index = CoverageIndex::new(Catalog::open(&args.dataset)?.root().clone());
    let (mut named, mut before) = (args.windows(), None);
    let (mut windows, mut as_of_ms) = (Vec::<WindowCoverage>::new(), i64::MAX);
    loop {
        let ask = CoverageAsk {
            windows: named.clone(),
            before,
            limit: args.limit() - windows.len(),
            max_age: std::time::Duration::MAX,
        };
        let found = index.facts(&ask, &OpenJobs::default(), &SystemClock).await?;
        as_of_ms = as_of_ms.min(found.as_of_ms);
        windows.extend(found.windows.iter().map(|(window, facts)| judge(*window, facts, question)));
        named.drain(..found.windows.len().min(named.len()));
        before = windows.last().map(|window| window.window);
        let is_over = if args.windows.is_empty() { !found.more } else { named.is_empty() };
        if is_over || windows.len() >= args.limit() {
            let coverage = Coverage::new(args.dataset.clone(), CoverageSource::Dataset, question, as_of_ms, windows);
            return Ok(Coverage { more: found.more && args.windows.is_empty(), warnings: found.warnings, ..coverage });
        }
    }
}

/// States that are not complete, the gravest first.
fn lacking() -> impl Iterator<Item = CoverageState> {
    CoverageState::ALL.into_iter().rev().filter(|state| !state.is_complete())
}
