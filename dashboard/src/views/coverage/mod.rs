//! Coverage: is a window complete, of a dataset or for one organisation? A matrix of windows and shards, the newest
//! window first, and below it every shard that is not complete, with the command that helps.
//!
//! The answer is that of the call `GetCoverage`, whose index costs no listing for a view.

mod ask; //    question of the view, as the URL and the form have it
mod cells; //  facts of windows and shards, from the wire
mod render; // pictures of the answer

use std::collections::{BTreeMap, BTreeSet};

use proto::{ApiError, v1};
use serde::Serialize;

pub(crate) use ask::Question;
use cells::WindowFacts;

use super::{Page, ViewContext};
use crate::source::SourceKind;
use crate::text;

/// Most windows on a page.
const WINDOWS: u32 = 12;

/// Most running jobs of a page whose progress is asked for.
const RUNNING_JOBS_MAX: usize = 4;

/// Most jobs that are searched for datasets to choose from.
const JOBS_SEARCHED: u32 = 100;

/// Facts of the view.
#[derive(Debug, Serialize)]
struct Coverage {
    dataset: String,
    /// True if the pages show no other dataset.
    #[serde(skip)]
    is_fixed: bool,
    /// Organisation that is asked about, as text, because it has 64 bits.
    org: Option<String>,
    /// Window that is asked about; none for the newest.
    window: Option<String>,
    /// Datasets that the latest jobs name, as long as none is chosen.
    datasets: BTreeSet<String>,
    windows: Vec<WindowFacts>,
    /// Last window, if there are earlier ones.
    next: Option<String>,
    as_of_ms: Option<i64>,
    warnings: Vec<String>,
}

pub(super) async fn load(ctx: &ViewContext<'_>, question: &Question) -> Result<Page, ApiError> {
    let asked = question.checked()?;
    let mut coverage = Coverage {
        dataset: question.dataset.clone(),
        is_fixed: false,
        org: asked.org.map(|org| org.to_string()),
        window: asked.window.map(|window| window.to_string()),
        datasets: BTreeSet::new(),
        windows: Vec::new(),
        next: None,
        as_of_ms: None,
        warnings: Vec::new(),
    };
    match ctx.source.kind() {
        // A job's record may name the dataset by an older place.
        SourceKind::Dataset(uri) => (coverage.dataset, coverage.is_fixed) = (uri, true),
        SourceKind::Cluster if coverage.dataset.is_empty() => coverage.datasets = datasets(ctx).await?,
        SourceKind::Cluster => {}
    }
    if !coverage.dataset.is_empty() {
        let request = v1::GetCoverageRequest {
            dataset: coverage.dataset.clone(),
            windows: coverage.window.iter().cloned().collect(),
            org: asked.org,
            limit: WINDOWS,
            before: question.before.clone(),
            ..Default::default()
        };
        let answer = ctx.source.coverage(request).await?;
        coverage.windows = answer.windows.iter().map(|window| WindowFacts::of(window, asked.org)).collect();
        let last = answer.windows.last().filter(|_| answer.more && asked.window.is_none());
        coverage.next = last.map(|last| last.window.clone());
        coverage.as_of_ms = Some(answer.as_of_ms);
        coverage.warnings = answer.warnings;
        add_progress(ctx, &mut coverage.windows).await?;
    }
    Ok(render::page(&coverage, question, &ctx.links))
}

/// Lists the datasets that the latest jobs name.
async fn datasets(ctx: &ViewContext<'_>) -> Result<BTreeSet<String>, ApiError> {
    let jobs = ctx.source.jobs(v1::ListJobsRequest { limit: JOBS_SEARCHED, ..Default::default() }).await?.jobs;
    Ok(jobs.into_iter().map(|job| job.dataset).collect())
}

/// Adds how much of their input the running shards have read.
async fn add_progress(ctx: &ViewContext<'_>, windows: &mut [WindowFacts]) -> Result<(), ApiError> {
    let running = |window: &WindowFacts| window.running_jobs().map(str::to_owned).collect::<Vec<_>>();
    let jobs: BTreeSet<String> = windows.iter().flat_map(running).collect();
    for job in jobs.into_iter().take(RUNNING_JOBS_MAX) {
        let seen = match ctx.source.job(&job).await {
            Ok(seen) => seen,
            // The job has ended meanwhile, or another cluster runs it.
            Err(ApiError::NotFound { .. } | ApiError::Refused { .. }) => continue,
            Err(error) => return Err(error),
        };
        let percent =
            |shard: &v1::ShardSummary| Some((shard.shard.clone(), text::percent(shard.bytes_read, shard.bytes)?));
        let read: BTreeMap<_, _> = seen.shards.iter().filter_map(percent).collect();
        windows.iter_mut().for_each(|window| window.add_progress(&job, &read));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
