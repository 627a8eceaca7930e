//! Task: its state, the attempts that run, and the last failure.

use maud::{Markup, html};
use model::{JobId, ShardId, TaskId};
use proto::{ApiError, v1};
use serde::Serialize;

use super::facts::{RunningFacts, TaskFacts};
use super::{Look, Page, Section, document};
use crate::html::{Links, bar, facts, long, name, state, table};
use crate::text;

/// Facts of the view.
#[derive(Debug, Serialize)]
struct Task {
    job: String,
    #[serde(flatten)]
    facts: TaskFacts,
}

pub(super) async fn look(look: &Look<'_>, (job, shard, id): (&JobId, ShardId, TaskId)) -> Result<Page, ApiError> {
    let request = v1::ListTasksRequest { job: job.to_string(), shard: shard.to_string(), ..Default::default() };
    let listed = look.source.tasks(request).await?;
    let name = id.to_string();
    let found = listed.tasks.iter().find(|task| task.task == name);
    let found =
        found.ok_or_else(|| ApiError::NotFound { what: format!("task {name} of shard {shard} of job {job}") })?;
    Ok(page(&Task { job: job.to_string(), facts: TaskFacts::from(found) }, &look.links))
}

fn page(task: &Task, links: &Links) -> Page {
    let (job, shard, name) = (&task.job, &task.facts.shard, &task.facts.task);
    Page {
        title: format!("{name} of {shard} of {job}"),
        nav: "Jobs",
        crumbs: vec![
            ("Jobs".to_owned(), links.to("")),
            (job.clone(), links.job(job)),
            (shard.clone(), links.shard(job, shard)),
        ],
        sections: vec![Section::live("answer", told(&task.facts)), Section::live("attempts", attempts(&task.facts))],
        document: document("TaskPage", task),
        command: format!("tailor task list --job {job} --shard {shard}"),
        actions: Vec::new(),
    }
}

fn told(task: &TaskFacts) -> Markup {
    let kind = if task.task.starts_with('r') { "reduces one partition" } else { "reads a part of the segments" };
    html! {
        p.answer { (state(&task.state)) " It " (kind) ", and was tried " (text::counted(task.attempts.into(), "time")) "." }
        @if let Some(error) = &task.error { p.bad { "The last failure: " (long("error", error)) } }
        (facts(&[
            ("Input", (task.bytes > 0).then(|| html! { (text::bytes(task.bytes)) })),
            ("Attempts", Some(html! { (text::count(task.attempts.into())) ", " (text::count(task.charged.into())) " charged" })),
        ]))
    }
}

fn attempts(task: &TaskFacts) -> Markup {
    let rows: Vec<_> = task.running.iter().map(|attempt| row(task, attempt)).collect();
    html! {
        h2 { "Attempts that run" }
        @if rows.is_empty() { p { "None runs." } }
        @else { (table("Attempts that run", &["Attempt", "Worker", "Begun", "Read", "Points", "Time"], &rows)) }
    }
}

fn row(task: &TaskFacts, attempt: &RunningFacts) -> Markup {
    html! {
        th scope="row" { (attempt.attempt) }
        td { (name(&attempt.worker_name)) " " (name(&attempt.worker)) }
        td { @if attempt.speculative { "beside a slow attempt" } @else { "as usual" } }
        td { (text::bytes(attempt.bytes)) " " (bar("Input that is read", attempt.bytes, task.bytes)) }
        td.number { (text::count(attempt.points)) }
        td.number { (text::span_ms(attempt.elapsed_ms)) }
    }
}
