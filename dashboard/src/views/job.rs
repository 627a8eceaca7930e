//! Job: the answer, its shards as a grid and as a list, stages, unevenness, events, warnings.

use maud::{Markup, html};
use model::JobId;
use proto::v1::{JobState, ShardState, ShardSummary};
use proto::{ApiError, v1};
use serde::Serialize;

use super::coverage::Question;
use super::estimate::Estimate;
use super::events::{self, Events};
use super::facts::{JobFacts, ShardFacts, is_open};
use super::listing::Listing;
use super::spread::Spread;
use super::stages::{self, StageFacts};
use super::{Page, ROWS, Section, ViewContext, document};
use crate::cost::{Cost, EndForecast, Spending};
use crate::html::{Links, Pager, bar, facts, instant, long, name, pager, state, table, warnings};
use crate::price::money;
use crate::record::JobRecord;
use crate::source::PageAction;
use crate::text;

/// States that the list can be filtered by.
pub(crate) const STATES: [&str; 6] = ["mapping", "reducing", "committing", "done", "failed", "cancelled"];
/// Orders of the list; without one, the worst come first.
pub(crate) const SORTS: [&str; 4] = ["name", "bytes", "elapsed", "attempts"];

/// Most cells of the grid; the list has the others.
const CELLS_MAX: usize = 600;

/// Facts of the view.
#[derive(Debug, Serialize)]
struct Job {
    #[serde(flatten)]
    facts: JobFacts,
    /// Range of the time that is left.
    estimate: Option<Estimate>,
    /// Cost in all, or so far, with its range at the end of a running job; none if it is not known.
    cost: Option<f64>,
    cost_at_end: Option<EndForecast>,
    /// Unevenness of the shards' input, in bytes, and of their time, in milliseconds.
    bytes_of_shards: Option<Spread>,
    elapsed_ms_of_shards: Option<Spread>,
    /// Time by stage, once the job has ended.
    stages: Vec<StageFacts>,
    /// Number of shards that the filter lets pass, and those of this page.
    shards_matching: usize,
    shards: Vec<ShardFacts>,
    events: Events,
    warnings: Vec<String>,
}

pub(super) async fn load(ctx: &ViewContext<'_>, id: &JobId, listing: &Listing) -> Result<Page, ApiError> {
    let seen = ctx.source.job(id.as_str()).await?;
    let summary = seen.job.clone().unwrap_or_default();
    let events = events::latest(ctx, &summary).await?;
    let mut shards: Vec<&ShardSummary> = seen.shards.iter().collect();
    let grid = grid(&summary, &seen.shards, &ctx.links);
    filter_and_order(&mut shards, listing);
    let place = listing.cut(&mut shards);
    let record = JobRecord::parse(&seen.record);
    let of_job = record.iter().flat_map(|record| record.warnings.clone());
    let of_shards =
        seen.shards.iter().flat_map(|shard| shard.warnings.iter().map(|text| format!("{}: {text}", shard.shard)));
    let warnings = of_job.chain(of_shards);
    let estimate = if is_open(&summary) { Estimate::of_job(&summary, &seen.shards, ctx.now_ms) } else { None };
    let cost = Spending::of_job(&seen).map(|spending| Cost::of(&spending, &ctx.settings.prices));
    let job = Job {
        facts: JobFacts::from(&summary),
        estimate,
        cost: cost.as_ref().map(|cost| cost.total),
        cost_at_end: cost.and_then(|cost| cost.at_end),
        bytes_of_shards: Spread::of(seen.shards.iter().map(|shard| shard.bytes)),
        elapsed_ms_of_shards: Spread::of(seen.shards.iter().map(|shard| shard.elapsed_ms).filter(|ms| *ms > 0)),
        stages: record
            .as_ref()
            .map(|record| stages::facts(&record.totals.stages, record.totals.bytes_in))
            .unwrap_or_default(),
        shards_matching: place.total,
        shards: shards.into_iter().map(ShardFacts::from).collect(),
        events,
        warnings: warnings.take(ROWS).collect(),
    };
    Ok(page(&job, &summary, (listing, place), grid, &ctx.links))
}

/// Orders by urgency: failed, then those that go on, then done.
fn urgency(shard: &ShardSummary) -> u8 {
    match shard.state() {
        ShardState::Failed => 0,
        ShardState::Cancelled => 1,
        ShardState::Committing | ShardState::Reducing | ShardState::Mapping | ShardState::Unspecified => 2,
        ShardState::Done => 3,
    }
}

fn filter_and_order(shards: &mut Vec<&ShardSummary>, listing: &Listing) {
    shards.retain(|shard| listing.state.is_empty() || ShardFacts::from(*shard).state == listing.state);
    match listing.sort.as_str() {
        "name" => shards.sort_by(|a, b| a.shard.cmp(&b.shard)),
        "bytes" => shards.sort_by_key(|shard| std::cmp::Reverse(shard.bytes)),
        "elapsed" => shards.sort_by_key(|shard| std::cmp::Reverse(shard.elapsed_ms)),
        "attempts" => shards.sort_by_key(|shard| std::cmp::Reverse(shard.attempts_failed)),
        _ => shards.sort_by_key(|shard| (urgency(shard), std::cmp::Reverse(shard.eta_ms.max(shard.elapsed_ms)))),
    }
}

fn page(job: &Job, summary: &v1::JobSummary, list: (&Listing, Pager), grid: Markup, links: &Links) -> Page {
    Page {
        title: job.facts.job.clone(),
        nav: "Jobs",
        crumbs: vec![("Jobs".to_owned(), links.to(""))],
        sections: vec![
            Section::live("answer", answer(job, summary, links)),
            Section::live("grid", grid),
            Section::live("facts", about(job, links)),
            Section::live("stages", stages::render(&job.stages)),
            Section::still("compare", compare_form(&job.facts.job, links)),
            Section::still("filters", filters(list.0, &links.job(&job.facts.job))),
            Section::live("shards", shards(job, list, links)),
            Section::live("events", events::render(&job.events, summary, links)),
            Section::live("warnings", warnings("Warnings", &job.warnings)),
        ],
        document: document("JobPage", job),
        command: format!("tailor job get {}", job.facts.job),
        actions: actions(summary),
        is_over: !is_open(summary),
    }
}

/// Changes that make sense in the job's state.
fn actions(job: &v1::JobSummary) -> Vec<PageAction> {
    let name = job.job.clone();
    match job.state() {
        JobState::Planning | JobState::Running => vec![PageAction::CancelJob { job: name }],
        JobState::PartlyDone | JobState::Failed | JobState::Cancelled => vec![PageAction::RetryJob { job: name }],
        _ => Vec::new(),
    }
}

fn answer(job: &Job, summary: &v1::JobSummary, links: &Links) -> Markup {
    html! {
        p.answer {
            (state(&job.facts.state)) " " (job.facts.says)
            @if let Some(estimate) = job.estimate { " Done in " (estimate.words()) "." }
            @else if summary.state() == JobState::Running { " Too little is done to say when it ends." }
        }
        @if let Some(obstacle) = &job.facts.waiting_for { p.bad { "It waits for " (long("waiting-for", obstacle)) "." } }
        @if let Some(cause) = &job.facts.cause { p.bad { (long("cause", cause)) } }
        p { (bar("Input that is read", job.facts.bytes_read, job.facts.bytes)) }
        p {
            a href=(format!("{}/cost", links.job(&job.facts.job))) { "Cost of this job" }
            @if let Some(cost) = job.cost { @if is_open(summary) { " so far" } ": " (money(cost)) }
            @if let Some(end) = job.cost_at_end { "; at its end " (money(end.low)) " to " (money(end.high)) }
        }
    }
}

fn about(job: &Job, links: &Links) -> Markup {
    let facts_of = &job.facts;
    let coverage = Question::about(&facts_of.dataset, &facts_of.window).url();
    let uneven = |spread: &Option<Spread>, shown: fn(u64) -> String| {
        let spread = (*spread)?;
        let ratio = spread.skew()?;
        Some(html! { "the largest is " (text::ratio(ratio)) " times the median, " (shown(spread.excess())) " more" })
    };
    html! {
        h2 { "About" }
        (facts(&[
            ("Window", Some(html! { (name(&text::window(&facts_of.window))) })),
            ("Input", Some(name(&facts_of.input))),
            ("Dataset", Some(html! { (name(&facts_of.dataset)) " " a href=(links.to(&coverage)) { "Coverage of its window" } })),
            ("Reason", facts_of.reason.as_deref().map(|reason| long("reason", reason))),
            ("Submitted", Some(instant(facts_of.submitted_at_ms))),
            ("Ended", facts_of.ended_at_ms.map(instant)),
            ("Weight", Some(html! { (facts_of.weight) })),
            ("Attempts", Some(html! { (text::count(facts_of.attempts)) ", " (text::count(facts_of.attempts_failed)) " failed" })),
            ("Input of shards", uneven(&job.bytes_of_shards, text::bytes)),
            ("Time of shards", uneven(&job.elapsed_ms_of_shards, text::span_ms)),
        ]))
    }
}

/// Draws a cell for each shard, in order of names: its state as a letter and as a colour.
fn grid(job: &v1::JobSummary, shards: &[ShardSummary], links: &Links) -> Markup {
    let left_out = shards.len().saturating_sub(CELLS_MAX);
    html! {
        @if !shards.is_empty() {
            h2 { "Shards at a glance" }
            ul.grid {
                @for shard in shards.iter().take(CELLS_MAX) {
                    @let facts = ShardFacts::from(shard);
                    @let letter = letter(shard.state());
                    @let short = shard.shard.trim_start_matches("org-mod-").trim_start_matches("org-");
                    @let done = text::percent(shard.bytes_read, shard.bytes).unwrap_or_default();
                    li {
                        a class=(format!("cell s-{}", facts.state)) href=(links.shard(&job.job, &shard.shard))
                            aria-label=(format!("{letter} {}: {}, {done} % read", text::printable(short), facts.state)) title=(format!("{}: {}, {done} % read", text::printable(&shard.shard), facts.state)) {
                            span.letter { (letter) } " " (text::printable(text::cut(short, 12).0))
                        }
                    }
                }
            }
            p.legend { "M mapping, R reducing, C committing, D done, F failed, X cancelled" @if left_out > 0 { "; " (text::count(left_out as u64)) " more are in the list" } "." }
        }
    }
}

fn letter(state: ShardState) -> char {
    match state {
        ShardState::Mapping => 'M',
        ShardState::Reducing => 'R',
        ShardState::Committing => 'C',
        ShardState::Done => 'D',
        ShardState::Failed => 'F',
        ShardState::Cancelled => 'X',
        ShardState::Unspecified => '?',
    }
}

/// Shows a form that names another job to compare with.
fn compare_form(job: &str, links: &Links) -> Markup {
    html! {
        form method="get" action=(format!("{}/vs", links.job(job))) {
            label { "Compare with job " input name="with" type="text" required maxlength="64"; }
            button { "Compare" }
        }
    }
}

fn filters(listing: &Listing, here: &str) -> Markup {
    html! {
        form method="get" action=(here) {
            (choice("State", "state", &listing.state, &STATES))
            (choice("Order", "sort", &listing.sort, &SORTS))
            button { "Show" }
        }
    }
}

/// Shows a choice among fixed words, the first of which is none of them.
pub(super) fn choice(label: &str, key: &str, chosen: &str, words: &[&str]) -> Markup {
    let none = if key == "sort" { "worst first" } else { "all" };
    html! {
        label {
            (label) " "
            select name=(key) {
                option value="" { (none) }
                @for word in words { option value=(word) selected[*word == chosen] { (word) } }
            }
        }
    }
}

fn shards(job: &Job, (listing, place): (&Listing, Pager), links: &Links) -> Markup {
    let rows: Vec<_> = job.shards.iter().map(|shard| row(&job.facts.job, shard, links)).collect();
    let here = links.job(&job.facts.job);
    html! {
        h2 { "Shards" }
        (pager("shards", place, ROWS, |from| format!("{here}{}", listing.query(from))))
        @if !rows.is_empty() {
            (table("Shards of this job", &["Shard", "State", "Read", "Input", "Map", "Reduce", "Running", "Failed attempts", "Time", "Left", "Version", "Cause"], &rows))
        }
    }
}

fn row(job: &str, shard: &ShardFacts, links: &Links) -> Markup {
    html! {
        th scope="row" { a href=(links.shard(job, &shard.shard)) { (name(&shard.shard)) } }
        td { (state(&shard.state)) }
        td { (bar(&format!("Input of {} that is read", text::printable(&shard.shard)), shard.bytes_read, shard.bytes)) }
        td.number { (text::bytes(shard.bytes)) }
        td.number { (text::count(shard.map_tasks_done.into())) " of " (text::count(shard.map_tasks.into())) }
        td.number { (text::count(shard.partitions_done.into())) " of " (text::count(shard.partitions.into())) }
        td.number { (text::count(shard.running.into())) }
        td.number { (text::count(shard.attempts_failed.into())) }
        td.number { (text::span_ms(shard.elapsed_ms)) }
        td.number { @if let Some(eta_ms) = shard.eta_ms { (text::span_ms(eta_ms)) } @else { "-" } }
        td.number { @if let Some(version) = shard.version { "v" (version) } @else { "-" } }
        td { @if let Some(cause) = &shard.cause { (long(&format!("cause-{}", shard.shard), cause)) } }
    }
}
