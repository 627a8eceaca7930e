//! Jobs: a sentence for each that is open, and the ended ones below, latest first.

use std::collections::BTreeMap;

use maud::{Markup, html};
use proto::{ApiError, v1};
use serde::Serialize;

use super::banner::{self, ClusterFacts};
use super::facts::{JobFacts, is_open};
use super::{Page, ROWS, Section, ViewContext, document};
use crate::html::{Links, bar, instant, long, name, state, table, warnings};
use crate::source::SourceKind;
use crate::text;

/// Query of the list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Query {
    /// Token of the page, as the page before gave it; empty for the first.
    pub(crate) after: String,
    /// Dataset whose history is shown; empty for all that the cluster has worked on.
    pub(crate) dataset: String,
    /// True for only the jobs that have not ended.
    pub(crate) open_only: bool,
}

/// Longest token or URI of a query.
const VALUE_BYTES_MAX: usize = 2048;

impl Query {
    pub(crate) fn of(query: &BTreeMap<String, String>) -> Self {
        let value =
            |key: &str| query.get(key).filter(|value| value.len() <= VALUE_BYTES_MAX).cloned().unwrap_or_default();
        Self { after: value("after"), dataset: value("dataset"), open_only: query.contains_key("open") }
    }

    /// Query of the same list after a token; empty for that of the first page of all jobs.
    pub(crate) fn query(&self, after: &str) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (key, value) in [("after", after), ("dataset", &self.dataset)] {
            if !value.is_empty() {
                query.append_pair(key, value);
            }
        }
        if self.open_only {
            query.append_pair("open", "1");
        }
        match query.finish() {
            query if query.is_empty() => query,
            query => format!("?{query}"),
        }
    }
}

/// Facts of the view.
#[derive(Debug, Serialize)]
struct Jobs {
    /// Cluster; none of a dataset alone.
    cluster: Option<ClusterFacts>,
    dataset: Option<String>,
    open: Vec<JobFacts>,
    ended: Vec<JobFacts>,
    /// Token of the next page, if there is one.
    next: Option<String>,
    warnings: Vec<String>,
}

pub(super) async fn load(ctx: &ViewContext<'_>, query: &Query) -> Result<Page, ApiError> {
    let request = v1::ListJobsRequest {
        dataset: query.dataset.clone(),
        open_only: query.open_only,
        limit: ROWS as u32,
        page_token: query.after.clone(),
    };
    let (cluster, dataset) = match ctx.source.kind() {
        SourceKind::Cluster => (Some(ctx.source.cluster().await?.into()), None),
        SourceKind::Dataset(uri) => (None, Some(uri)),
    };
    let list = ctx.source.jobs(request).await?;
    let (open, ended): (Vec<_>, Vec<_>) = list.jobs.iter().partition(|job| is_open(job));
    let facts = |jobs: Vec<&v1::JobSummary>| jobs.into_iter().map(JobFacts::from).collect();
    let next = Some(list.next_page_token).filter(|token| !token.is_empty());
    let jobs = Jobs { cluster, dataset, open: facts(open), ended: facts(ended), next, warnings: list.warnings };
    Ok(page(&jobs, query, &ctx.links))
}

fn page(jobs: &Jobs, query: &Query, links: &Links) -> Page {
    let head = match (&jobs.cluster, &jobs.dataset) {
        (Some(cluster), _) => banner::render(cluster),
        (None, uri) => {
            html! { p { "Records in " (name(uri.as_deref().unwrap_or_default())) "; no cluster is asked." } }
        }
    };
    Page {
        title: "Jobs".to_owned(),
        nav: "Jobs",
        crumbs: Vec::new(),
        sections: vec![
            Section::live("cluster", head),
            Section::still("filters", filters(query, links)),
            Section::live("open", open(jobs, links)),
            Section::live("ended", ended(jobs, query, links)),
        ],
        document: document("JobsPage", jobs),
        command: format!("tailor job list{}", if query.open_only { " --open" } else { "" }),
        actions: Vec::new(),
        is_over: false,
    }
}

fn filters(query: &Query, links: &Links) -> Markup {
    html! {
        form method="get" action=(links.to("")) {
            label { "Dataset " input name="dataset" type="text" value=(query.dataset) placeholder="all of this cluster" maxlength="2048"; }
            label { input name="open" type="checkbox" value="1" checked[query.open_only]; " open jobs only" }
            button { "Show" }
        }
    }
}

fn open(jobs: &Jobs, links: &Links) -> Markup {
    html! {
        h2 { "Open" }
        @if jobs.open.is_empty() { p { "No job is open." } }
        @for job in &jobs.open {
            article {
                h3 { a href=(links.job(&job.job)) { (name(&job.job)) } " " (state(&job.state)) }
                p { (job.says) }
                @if let Some(obstacle) = &job.waiting_for {
                    p.bad { "It waits for " (long(&format!("wait-{}", job.job), obstacle)) "." }
                }
                p { (bar(&format!("Input of {} that is read", text::printable(&job.job)), job.bytes_read, job.bytes)) }
            }
        }
    }
}

fn ended(jobs: &Jobs, query: &Query, links: &Links) -> Markup {
    let rows: Vec<_> = jobs.ended.iter().map(|job| row(job, links)).collect();
    html! {
        @if !query.open_only {
            h2 { "Ended" }
            @if rows.is_empty() { p { "No job has ended." } }
            @else { (table("Jobs that have ended, latest first", &["Job", "State", "Shards", "Failed", "Input", "Submitted", "Ended", "Answer"], &rows)) }
            @if let Some(next) = &jobs.next {
                nav.pager aria-label="Pages of jobs" { a href=(links.to(&query.query(next))) rel="next" { "Earlier jobs" } }
            }
        }
        (warnings("Left out", &jobs.warnings))
    }
}

fn row(job: &JobFacts, links: &Links) -> Markup {
    html! {
        th scope="row" { a href=(links.job(&job.job)) { (name(&job.job)) } }
        td { (state(&job.state)) }
        td.number { (text::count(job.shards_done.into())) " of " (text::count(job.shard_count.into())) }
        td.number { (text::count(job.shards_failed.into())) }
        td.number { (text::bytes(job.bytes)) }
        td { (instant(job.submitted_at_ms)) }
        td { (instant(job.ended_at_ms.unwrap_or_default())) }
        td { (job.says) @if let Some(cause) = &job.cause { " " (long(&format!("cause-{}", job.job), cause)) } }
    }
}
