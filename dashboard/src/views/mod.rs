//! Views: what each URL shows. A view is parsed from the URL, asks the source, decides in plain code, and renders.
//!
//! | URL below the root | view | the command that says the same |
//! |---|---|---|
//! | `` | [`jobs`] | `tailor job list` |
//! | `jobs/J` | [`job`] | `tailor job get J` |
//! | `jobs/J/shards/S` | [`shard`] | `tailor shard get S --job J` |
//! | `jobs/J/shards/S/tasks/T` | [`task`] | `tailor task get T --job J --shard S` |
//! | `jobs/J/vs/K` | [`compare`] | `tailor job get` of both |
//! | `jobs/J/cost` | [`cost`] | `tailor job cost J` |
//! | `coverage?dataset=D` | [`coverage`] | `tailor dataset coverage D` |
//! | `trouble` | [`trouble`] | `tailor job list --open` and the tasks that wait |
//! | `workers` | [`workers`] | `tailor worker list` |
//!
//! The facts of a view are a struct that serialises: the JSON of a page is those facts, so page and JSON cannot differ
//! in what they say.

mod facts; //    facts of jobs, shards, tasks and workers, from the wire
mod answer; //   answers in sentences
mod estimate; // estimates of the time that is left
mod slow; //     reasons for which a shard is slow
mod spread; //   figures of unevenness: quantiles, the largest against the median
mod listing; //  lists that are filtered, ordered and cut to pages
mod stages; //   time by stage
mod events; //   events of a job
mod tasks; //    tasks of a shard
mod stream; //   stream of attempts by slot
mod banner;
mod compare;
mod cost;
mod coverage;
mod job;
mod jobs;
mod shard;
mod task;
mod trouble;
mod workers;
#[cfg(test)]
pub(crate) mod tests;

use std::collections::BTreeMap;

use maud::Markup;
use model::{Digest, JobId, ShardId, TaskId, TimestampMs};
use proto::ApiError;
use serde::Serialize;

use crate::html::Links;
use crate::html::links;
use crate::price::PagePrices;
use crate::source::{PageAction, PageSource};
use crate::trace::TraceUrl;
use listing::Listing;

/// Most rows of a table on one page; 200 rows render in a millisecond and stay below 300 KB.
pub(crate) const ROWS: usize = 200;

/// Name and version of the JSON objects, as of the command line.
const API_VERSION: &str = "tailor/v1";

/// View of one URL. Equal views are computed once for everybody who watches them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum View {
    Jobs(jobs::Query),
    Job(JobId, Listing),
    Shard(JobId, ShardId, Listing),
    Task(JobId, ShardId, TaskId),
    Compare(JobId, JobId, Listing),
    Cost(JobId),
    Coverage(coverage::Question),
    Trouble,
    Workers(Listing),
}

/// View as it was seen at one time.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) title: String,
    /// Entry of the navigation that the page belongs to.
    pub(crate) nav: &'static str,
    /// Texts and links of the views above this one.
    pub(crate) crumbs: Vec<(String, String)>,
    pub(crate) sections: Vec<Section>,
    /// Facts of the page, as JSON.
    pub(crate) document: serde_json::Value,
    /// Command that says the same.
    pub(crate) command: String,
    /// Changes that make sense here, where pages may change something.
    pub(crate) actions: Vec<PageAction>,
    /// True if it shows a job that is over: only a change by an operator makes it another page.
    pub(crate) is_over: bool,
}

impl Page {
    /// Returns the digest of all sections: equal for a page that has not changed.
    pub(crate) fn version(&self) -> String {
        let html: String = self.sections.iter().map(|section| section.html.0.as_str()).collect();
        Digest::of(html.as_bytes()).to_string()
    }
}

/// Part of a page that changes as a whole.
#[derive(Debug, Clone)]
pub(crate) struct Section {
    pub(crate) id: &'static str,
    pub(crate) html: Markup,
    /// True if the page follows its changes; forms stay as they are, so that nobody loses typed text.
    pub(crate) is_live: bool,
}

impl Section {
    /// Creates a section that follows its changes.
    fn live(id: &'static str, html: Markup) -> Self {
        Self { id, html, is_live: true }
    }

    /// Creates a section that stays as it was.
    fn still(id: &'static str, html: Markup) -> Self {
        Self { id, html, is_live: false }
    }
}

/// JSON object of a page: its kind, and its facts.
#[derive(Serialize)]
struct Document<'a, F> {
    api_version: &'static str,
    kind: &'static str,
    #[serde(flatten)]
    facts: &'a F,
}

/// Writes the facts of a page as JSON.
fn document<F: Serialize>(kind: &'static str, facts: &F) -> serde_json::Value {
    let document = Document { api_version: API_VERSION, kind, facts };
    serde_json::to_value(document).expect("facts are numbers and text")
}

/// Settings of all pages.
#[derive(Debug, Clone, Default)]
pub(crate) struct ViewSettings {
    /// Prices for the cost of a job.
    pub(crate) prices: PagePrices,
    /// Page of a trace elsewhere, if the installation has one.
    pub(crate) trace_url: Option<TraceUrl>,
}

/// Context in which a view is computed: its source, its settings, the time.
#[derive(Debug)]
pub(crate) struct ViewContext<'a> {
    pub(crate) source: &'a dyn PageSource,
    pub(crate) settings: &'a ViewSettings,
    pub(crate) now_ms: TimestampMs,
    pub(crate) links: Links,
}

impl View {
    /// Parses the path below the root, and the query; none if there is no such view.
    pub(crate) fn parse(path: &str, query: &BTreeMap<String, String>) -> Option<Self> {
        let decoded: Option<Vec<_>> = path.split('/').map(segment).collect();
        let decoded = decoded?;
        let parts: Vec<_> = decoded.iter().map(String::as_str).collect();
        Some(match parts[..] {
            [""] => Self::Jobs(jobs::Query::of(query)),
            ["coverage"] => Self::Coverage(coverage::Question::of(query)),
            ["trouble"] => Self::Trouble,
            ["workers"] => Self::Workers(Listing::of(query, &workers::STATES, &workers::SORTS)),
            ["jobs", job] => Self::Job(job.parse().ok()?, Listing::of(query, &job::STATES, &job::SORTS)),
            ["jobs", job, "cost"] => Self::Cost(job.parse().ok()?),
            ["jobs", a, "vs", b] => Self::Compare(a.parse().ok()?, b.parse().ok()?, Listing::of(query, &[], &[])),
            // As the form of a job's page asks.
            ["jobs", a, "vs"] => {
                Self::Compare(a.parse().ok()?, query.get("with")?.trim().parse().ok()?, Listing::default())
            }
            ["jobs", job, "shards", shard] => {
                Self::Shard(job.parse().ok()?, shard.parse().ok()?, Listing::of(query, &shard::STATES, &[]))
            }
            ["jobs", job, "shards", shard, "tasks", task] => {
                Self::Task(job.parse().ok()?, shard.parse().ok()?, task.parse().ok()?)
            }
            _ => return None,
        })
    }

    /// Path and query of the view below the root: one spelling for equal views.
    pub(crate) fn url(&self) -> String {
        match self {
            Self::Jobs(query) => query.query(&query.after),
            Self::Coverage(question) => question.url(),
            Self::Trouble => "trouble".to_owned(),
            Self::Workers(listing) => format!("workers{}", listing.query(listing.from)),
            Self::Job(job, listing) => format!("{}{}", links::job_path(job.as_str()), listing.query(listing.from)),
            Self::Shard(job, shard, listing) => {
                format!("{}{}", links::shard_path(job.as_str(), &shard.to_string()), listing.query(listing.from))
            }
            Self::Cost(job) => format!("{}/cost", links::job_path(job.as_str())),
            Self::Compare(a, b, listing) => {
                format!("{}{}", links::compare_path(a.as_str(), b.as_str()), listing.query(listing.from))
            }
            Self::Task(job, shard, task) => links::task_path(job.as_str(), &shard.to_string(), &task.to_string()),
        }
    }

    /// Number of folders between the root and the view.
    pub(crate) fn depth(&self) -> usize {
        match self {
            Self::Jobs(_) | Self::Coverage(_) | Self::Trouble | Self::Workers(_) => 0,
            Self::Job(..) => 1,
            Self::Cost(_) => 2,
            Self::Shard(..) | Self::Compare(..) => 3,
            Self::Task(..) => 5,
        }
    }

    /// Loads from the source what the view shows, and renders it.
    ///
    /// # Errors
    /// The source's.
    pub(crate) async fn load(
        &self,
        source: &dyn PageSource,
        settings: &ViewSettings,
        now_ms: TimestampMs,
    ) -> Result<Page, ApiError> {
        let ctx = ViewContext { source, settings, now_ms, links: Links::at(self.depth()) };
        match self {
            Self::Jobs(query) => jobs::load(&ctx, query).await,
            Self::Coverage(question) => coverage::load(&ctx, question).await,
            Self::Trouble => trouble::load(&ctx).await,
            Self::Workers(listing) => workers::load(&ctx, listing).await,
            Self::Job(job, listing) => job::load(&ctx, job, listing).await,
            Self::Shard(job, shard, listing) => shard::load(&ctx, (job, *shard), listing).await,
            Self::Cost(job) => cost::load(&ctx, job).await,
            Self::Compare(a, b, listing) => compare::load(&ctx, (a, b), listing).await,
            Self::Task(job, shard, task) => task::load(&ctx, (job, *shard, *task)).await,
        }
    }
}

/// Decodes a segment of a path; none if it is not text.
fn segment(segment: &str) -> Option<String> {
    percent_encoding::percent_decode_str(segment).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}
