//! Shard: where it stands, why it does not go faster, how uneven its tasks are, who ran them when, and the tasks; of one
//! that has ended from the event log.

use maud::{Markup, html};
use model::{JobId, ShardId};
use proto::ApiError;
use proto::v1::{ShardState, ShardSummary};
use serde::Serialize;

use super::facts::{ShardFacts, TaskFacts};
use super::job::choice;
use super::listing::Listing;
use super::slow::{self, Reason};
use super::spread::Spread;
use super::stream::{self, Stream};
use super::tasks::Seen;
use super::{Page, ROWS, Section, ViewContext, answer, document};
use crate::html::{Links, Pager, bar, facts, long, name, pager, state, table, warnings};
use crate::source::PageAction;
use crate::text;

/// States that the list can be filtered by.
pub(crate) const STATES: [&str; 5] = ["open", "running", "waiting", "done", "ended"];

/// Facts of the view.
#[derive(Debug, Serialize)]
struct Shard {
    job: String,
    #[serde(flatten)]
    facts: ShardFacts,
    says: String,
    /// Reasons for which it does not go faster, the plainest first.
    reasons: Vec<Reason>,
    /// Spreads over the tasks that were looked at: input of map tasks, time of running attempts, and of those that count.
    bytes_of_tasks: Option<Spread>,
    elapsed_ms_of_running: Option<Spread>,
    elapsed_ms_of_counting: Option<Spread>,
    /// Number of tasks that were looked at for reasons, spreads and stream, and of all.
    tasks_looked_at: usize,
    tasks_all: u64,
    /// True if those that were looked at are not all that are known.
    tasks_are_cut: bool,
    /// Attempts by slot, as far as their workers are known.
    stream: Option<Stream>,
    /// Reason for which no tasks are listed, if none can be.
    no_tasks: Option<String>,
    /// Number of tasks that the filter lets through, and those of this page.
    tasks_matching: u64,
    tasks: Vec<TaskFacts>,
    /// Sentences about tasks of which nothing is known.
    tasks_unknown: Vec<String>,
    #[serde(skip)]
    is_over: bool,
}

/// Finds a shard among those of its job.
pub(super) async fn find(ctx: &ViewContext<'_>, job: &JobId, shard: ShardId) -> Result<ShardSummary, ApiError> {
    let seen = ctx.source.job(job.as_str()).await?;
    let name = shard.to_string();
    let found = seen.shards.into_iter().find(|known| known.shard == name);
    found.ok_or_else(|| ApiError::NotFound { what: format!("shard {name} of job {job}") })
}

pub(super) async fn load(
    ctx: &ViewContext<'_>,
    (job, id): (&JobId, ShardId),
    listing: &Listing,
) -> Result<Page, ApiError> {
    let summary = find(ctx, job, id).await?;
    let seen = Seen::of(ctx, (job, id), listing).await?;
    let tasks = &seen.looked_at;
    let running = tasks.iter().flat_map(|task| &task.running).map(|attempt| attempt.elapsed_ms);
    let counting = tasks.iter().filter_map(|task| task.counts.as_ref()?.effort.as_ref()).map(|effort| effort.wall_ms);
    let shard = Shard {
        job: job.to_string(),
        facts: ShardFacts::from(&summary),
        says: answer::of_shard(&summary),
        reasons: if is_over(&summary) { Vec::new() } else { slow::reasons(&summary, tasks) },
        bytes_of_tasks: Spread::of(tasks.iter().map(|task| task.bytes).filter(|bytes| *bytes > 0)),
        elapsed_ms_of_running: Spread::of(running),
        elapsed_ms_of_counting: Spread::of(counting.filter(|ms| *ms > 0)),
        tasks_looked_at: tasks.len(),
        tasks_all: seen.page.all,
        tasks_are_cut: seen.are_cut,
        stream: Stream::of(tasks, ctx.now_ms),
        no_tasks: seen.none,
        tasks_matching: seen.page.matching,
        tasks: seen.page.tasks.iter().map(TaskFacts::from).collect(),
        tasks_unknown: seen.page.unknown,
        is_over: is_over(&summary),
    };
    let place = Pager { offset: listing.from, shown: shard.tasks.len(), total: shard.tasks_matching as usize };
    Ok(page(&shard, (listing, place), &ctx.links))
}

/// True if nothing of a shard goes on.
fn is_over(shard: &ShardSummary) -> bool {
    matches!(shard.state(), ShardState::Done | ShardState::Failed | ShardState::Cancelled)
}

fn page(shard: &Shard, list: (&Listing, Pager), links: &Links) -> Page {
    let (job, name) = (&shard.job, &shard.facts.shard);
    Page {
        title: format!("{name} of {job}"),
        nav: "Jobs",
        crumbs: vec![("Jobs".to_owned(), links.to("")), (job.clone(), links.job(job))],
        sections: vec![
            Section::live("answer", headline(shard, links)),
            Section::live("facts", about(&shard.facts)),
            Section::live("spread", spreads(shard)),
            Section::live("stream", drawn(shard)),
            Section::still("filters", filters(list.0, &links.shard(job, name))),
            Section::live("tasks", tasks(shard, list, links)),
            Section::live("warnings", warnings("Warnings", &shard.facts.warnings)),
        ],
        document: document("ShardPage", shard),
        command: format!("tailor shard get {name} --job {job}"),
        actions: actions(shard),
        is_over: shard.is_over,
    }
}

/// Replays are of shards that are done; others are run again with their job.
fn actions(shard: &Shard) -> Vec<PageAction> {
    let (job, name) = (shard.job.clone(), shard.facts.shard.clone());
    if shard.facts.state == "done" { vec![PageAction::ReplayShard { job, shard: name }] } else { Vec::new() }
}

fn headline(shard: &Shard, links: &Links) -> Markup {
    let facts = &shard.facts;
    html! {
        p.answer { (state(&facts.state)) " " (shard.says) @if let Some(eta_ms) = facts.eta_ms { " About " (text::span_ms(eta_ms)) " are left." } }
        @if let Some(cause) = &facts.cause { p.bad { (long("cause", cause)) } }
        p { (bar("Input that is read", facts.bytes_read, facts.bytes)) }
        @if !shard.reasons.is_empty() {
            h2 { "Why it takes its time" }
            ul.reasons {
                @for reason in &shard.reasons {
                    li {
                        strong { (reason.rule) } ": " (text::printable(&reason.says))
                        @if let Some(task) = &reason.task { " " a href=(links.task(&shard.job, &facts.shard, task)) { (name(task)) } }
                    }
                }
            }
        }
    }
}

fn about(shard: &ShardFacts) -> Markup {
    let replaces = shard.replaces.map(|version| match shard.same_content {
        Some(true) => format!("version {version}, of the same content"),
        Some(false) => format!("version {version}, of other content"),
        None => format!("version {version}"),
    });
    html! {
        h2 { "About" }
        (facts(&[
            ("Version", shard.version.map(|version| html! { (version) })),
            ("Replaces", replaces.map(|text| html! { (text) })),
            ("Content", shard.content_digest.as_deref().map(name)),
            ("Segments", Some(html! { (text::count(shard.segments)) ", " (text::bytes(shard.bytes)) })),
            ("Map tasks", Some(html! { (text::count(shard.map_tasks_done.into())) " of " (text::count(shard.map_tasks.into())) " done" })),
            ("Partitions", Some(html! { (text::count(shard.partitions_done.into())) " of " (text::count(shard.partitions.into())) " done" })),
            ("Attempts", Some(html! { (text::count(shard.attempts.into())) ", " (text::count(shard.attempts_failed.into())) " failed, " (text::count(shard.running.into())) " running" })),
            ("Points", Some(html! { (text::count(shard.points_read)) " read, " (text::count(shard.points_written)) " written" })),
            ("Time", Some(html! { (text::span_ms(shard.elapsed_ms)) })),
        ]))
    }
}

fn spreads(shard: &Shard) -> Markup {
    let rows: Vec<_> = [
        ("Input of a map task", shard.bytes_of_tasks, text::bytes as fn(u64) -> String),
        ("Time of running attempts", shard.elapsed_ms_of_running, text::span_ms),
        ("Time of attempts that count", shard.elapsed_ms_of_counting, text::span_ms),
    ]
    .into_iter()
    .filter_map(|(label, spread, shown)| spread.map(|spread| spread_row(label, &spread, shown)))
    .collect();
    html! {
        @if !rows.is_empty() {
            h2 { "How even the tasks are" }
            (table("Quantiles over the tasks of this shard", &["Of", "Tasks", "Least", "25 %", "Median", "75 %", "Most", "Most over median"], &rows))
        }
    }
}

fn spread_row(label: &str, spread: &Spread, shown: fn(u64) -> String) -> Markup {
    html! {
        th scope="row" { (label) }
        td.number { (text::count(spread.count)) }
        @for value in [spread.min, spread.p25, spread.median, spread.p75, spread.max] { td.number { (shown(value)) } }
        td.number { @if let Some(skew) = spread.skew() { (text::ratio(skew)) " ×, + " (shown(spread.excess())) } @else { "-" } }
    }
}

fn drawn(shard: &Shard) -> Markup {
    html! {
        @if let Some(stream) = &shard.stream { (stream::render(stream)) }
        (looked_at(shard))
    }
}

/// Says which tasks stand for all.
fn looked_at(shard: &Shard) -> Markup {
    html! {
        @if shard.tasks_are_cut {
            p.legend {
                (text::count(shard.tasks_looked_at as u64)) " of " (text::counted(shard.tasks_all, "task"))
                " are looked at here and in the quantiles: the slowest, the most urgent, and the first of the plan. The list has all."
            }
        }
    }
}

fn filters(listing: &Listing, here: &str) -> Markup {
    html! {
        form method="get" action=(here) {
            (choice("State", "state", &listing.state, &STATES))
            button { "Show" }
        }
    }
}

fn tasks(shard: &Shard, (listing, place): (&Listing, Pager), links: &Links) -> Markup {
    let here = links.shard(&shard.job, &shard.facts.shard);
    let rows: Vec<_> = shard.tasks.iter().map(|task| row(&shard.job, task, links)).collect();
    html! {
        h2 { "Tasks" }
        @match &shard.no_tasks {
            Some(reason) => p { "No tasks are listed: " (text::printable(reason)) "." },
            None => (pager("tasks", place, ROWS, |from| format!("{here}{}", listing.query(from)))),
        }
        @for sentence in &shard.tasks_unknown { p.legend { (name(sentence)) "." } }
        @if !rows.is_empty() {
            (table("Tasks of this shard, those that wait first", &["Task", "State", "Attempts", "Charged", "Input", "Worker", "Bytes", "Time", "Error"], &rows))
        }
    }
}

fn row(job: &str, task: &TaskFacts, links: &Links) -> Markup {
    html! {
        th scope="row" { a href=(links.task(job, &task.shard, &task.task)) { (name(&task.task)) } }
        td { (state(&task.state)) }
        td.number { (text::count(task.attempts.into())) }
        td.number { (text::count(task.charged.into())) }
        td.number { (text::bytes(task.bytes)) }
        td {
            @for attempt in &task.running { div { (name(&attempt.worker_name)) @if attempt.speculative { " (twin)" } } }
            @if let Some(worker) = task.counts.as_ref().and_then(|counts| counts.worker_name.as_ref()) { (name(worker)) }
        }
        td.number {
            @for attempt in &task.running { div { (text::bytes(attempt.bytes)) } }
            @if let Some(counts) = &task.counts { (text::bytes(counts.bytes)) }
        }
        td.number {
            @for attempt in &task.running { div { (text::span_ms(attempt.elapsed_ms)) } }
            @if let Some(ms) = task.counts.as_ref().and_then(|counts| counts.wall_ms) { (text::span_ms(ms)) }
        }
        td { @if let Some(error) = &task.error { (long(&format!("error-{}", task.task), error)) } }
    }
}
