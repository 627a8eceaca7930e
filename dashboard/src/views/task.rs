//! Task: its state, and every attempt at it that is known, also of a job that has ended.

use maud::{Markup, html};
use model::{JobId, ShardId, TaskId, TimestampMs};
use proto::{ApiError, v1};
use serde::Serialize;

use super::facts::{AttemptFacts, TaskFacts};
use super::{Page, ROWS, Section, ViewContext, document};
use crate::html::{Links, bar, facts, instant, long, name, state, table};
use crate::text;

/// Facts of the view.
#[derive(Debug, Serialize)]
struct Task {
    job: String,
    shard: String,
    task: String,
    /// `open`, `running`, `waiting` or `done`; `ended` without an attempt that counts.
    state: String,
    /// Task as it is now; none if its job or its shard has ended.
    now: Option<TaskFacts>,
    /// Attempts in the order in which they began, the latest ones if there are very many.
    attempts: Vec<AttemptFacts>,
    attempts_left_out: usize,
    /// Sentences about facts that are lost.
    unknown: Vec<String>,
    #[serde(skip)]
    now_ms: TimestampMs,
}

pub(super) async fn load(ctx: &ViewContext<'_>, (job, shard, id): (&JobId, ShardId, TaskId)) -> Result<Page, ApiError> {
    let (job, shard, task) = (job.to_string(), shard.to_string(), id.to_string());
    let request = v1::GetTaskRequest { job, shard, task, ..Default::default() };
    let found = ctx.source.task(request.clone()).await?;
    let traces = ctx.settings.trace_url.as_ref();
    let mut attempts: Vec<_> = found.attempts.iter().map(|record| AttemptFacts::of(record, traces)).collect();
    let attempts_left_out = attempts.len().saturating_sub(ROWS);
    attempts.drain(..attempts_left_out);
    let now = found.task.as_ref().map(TaskFacts::from);
    let counts = attempts.iter().any(|attempt| attempt.outcome.as_deref() == Some("counts"));
    let ended = if counts { "done" } else { "ended" };
    let v1::GetTaskRequest { job, shard, task, .. } = request;
    let task = Task {
        job,
        shard,
        task,
        state: now.as_ref().map_or_else(|| ended.to_owned(), |now| now.state.clone()),
        now,
        attempts,
        attempts_left_out,
        unknown: found.unknown,
        now_ms: ctx.now_ms,
    };
    Ok(page(&task, &ctx.links))
}

fn page(task: &Task, links: &Links) -> Page {
    let (job, shard, name) = (&task.job, &task.shard, &task.task);
    Page {
        title: format!("{name} of {shard} of {job}"),
        nav: "Jobs",
        crumbs: vec![
            ("Jobs".to_owned(), links.to("")),
            (job.clone(), links.job(job)),
            (shard.clone(), links.shard(job, shard)),
        ],
        sections: vec![Section::live("answer", headline(task)), Section::live("attempts", attempts(task))],
        document: document("TaskPage", task),
        command: format!("tailor task get {name} --shard {shard} --job {job}"),
        actions: Vec::new(),
        is_over: task.now.is_none(),
    }
}

fn headline(task: &Task) -> Markup {
    let kind = if task.task.starts_with('r') { "reduces one partition" } else { "reads a part of the segments" };
    let tried = task.now.as_ref().map_or(task.attempts.len() as u64, |now| now.attempts.into());
    let now = task.now.as_ref();
    html! {
        p.answer { (state(&task.state)) " It " (kind) ", and was tried " (text::counted(tried, "time")) "." }
        @if task.now.is_none() { p { "Its shard has ended; the event log of the job tells what is known." } }
        @if let Some(waits_for) = now.and_then(|now| now.waits_for.as_ref()) {
            p {
                "It waits for " (text::printable(waits_for))
                @if let Some(next_ms) = now.and_then(|now| now.next_try_ms) { ", " (text::span_ms(next_ms)) " from now" }
                "."
            }
        }
        @if let Some(error) = now.and_then(|now| now.error.as_ref()) { p.bad { "The last failure: " (long("error", error)) } }
        (facts(&[
            ("Input", now.filter(|now| now.bytes > 0).map(|now| html! { (text::bytes(now.bytes)) })),
            ("Attempts", now.map(|now| html! { (text::count(now.attempts.into())) ", " (text::count(now.charged.into())) " charged" })),
        ]))
    }
}

fn attempts(task: &Task) -> Markup {
    let input = task.now.as_ref().map_or(0, |now| now.bytes);
    let rows: Vec<_> =
        task.attempts.iter().enumerate().map(|(at, attempt)| row(attempt, at, input, task.now_ms)).collect();
    let headers = [
        "Attempt",
        "Outcome",
        "Worker",
        "Begun",
        "Time",
        "Stages",
        "Bytes",
        "Points",
        "Requests",
        "Throttled",
        "Trace",
        "Error",
    ];
    html! {
        h2 { "Attempts" }
        @if task.attempts_left_out > 0 { p { (text::counted(task.attempts_left_out as u64, "earlier attempt")) " are left out." } }
        @if rows.is_empty() { p { "No attempt is known." } }
        @else { (table("Attempts at this task, in the order in which they began", &headers, &rows)) }
        @for sentence in &task.unknown { p.legend { (name(sentence)) "." } }
    }
}

fn row(attempt: &AttemptFacts, at: usize, input: u64, now_ms: TimestampMs) -> Markup {
    let worker = attempt.worker_name.as_ref().or(attempt.worker.as_ref());
    html! {
        th scope="row" { (attempt.attempt) @if attempt.speculative { " (twin)" } }
        td {
            @if let Some(outcome) = &attempt.outcome { (state(outcome)) } @else { "not known" }
            @if let Some(class) = &attempt.class { " " (name(class)) }
        }
        td { @if let Some(worker) = worker { (name(worker)) } @else { "-" } }
        td { (instant(attempt.started_at_ms.unwrap_or_default())) }
        td.number { @if let Some(ms) = attempt.took_ms(now_ms) { (text::span_ms(ms)) } @else { "-" } }
        td { (stages(attempt)) }
        td.number { (text::bytes(attempt.bytes)) @if attempt.is_running() && input > 0 { " " (bar("Input that is read", attempt.bytes, input)) } }
        td.number { (text::count(attempt.points)) }
        td.number { @if let Some(requests) = attempt.requests { (text::count(requests)) } @else { "-" } }
        td.number { @if let Some(ms) = attempt.throttled_ms { (text::span_ms(ms)) } @else { "-" } }
        td { (trace(attempt)) }
        td { @if let Some(error) = &attempt.error { (long(&format!("error-{at}"), error)) } }
    }
}

/// Shows the time of each stage; of an attempt without times, the stage alone.
fn stages(attempt: &AttemptFacts) -> Markup {
    let times = attempt.stages_ms.iter().map(|(stage, ms)| format!("{stage} {}", text::span_ms(*ms)));
    let times: Vec<_> = times.collect();
    html! {
        @if !times.is_empty() { (name(&times.join(", "))) }
        @else if let Some(stage) = &attempt.stage { (name(stage)) }
        @else { "-" }
    }
}

/// Shows the id of a trace, as a link where the place of traces is set.
fn trace(attempt: &AttemptFacts) -> Markup {
    html! {
        @match (&attempt.trace_id, &attempt.trace_url) {
            (Some(id), Some(url)) => a href=(url) rel="external noreferrer" { (name(id)) },
            (Some(id), None) => (name(id)),
            (None, _) => "-",
        }
    }
}
