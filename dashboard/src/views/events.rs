//! Events of a job, the newest first: what happened to it, without the attempts that went well.

use maud::{Markup, html};
use proto::{ApiError, v1};
use serde::Serialize;

use super::ViewContext;
use super::facts::filled;
use crate::html::{Links, instant, name, table};

/// Most events on a page.
const EVENTS_SHOWN: u32 = 30;

/// Events of a job.
#[derive(Debug, Serialize)]
pub(crate) struct Events {
    latest: Vec<EventFacts>,
    /// True if the event log has earlier ones.
    more: bool,
    /// Sentences about events that are missing here.
    unknown: Vec<String>,
}

/// Facts of an event.
#[derive(Debug, Serialize)]
struct EventFacts {
    at_ms: Option<i64>,
    event: String,
    shard: Option<String>,
    task: Option<String>,
    text: Option<String>,
}

impl From<&v1::JobEvent> for EventFacts {
    fn from(event: &v1::JobEvent) -> Self {
        Self {
            at_ms: (event.at_ms != 0).then_some(event.at_ms),
            event: event.event.clone(),
            shard: filled(&event.shard),
            task: filled(&event.task),
            text: filled(&event.text),
        }
    }
}

/// Asks for the newest events of a job. A page without them is still a page, so a refusal becomes a sentence.
pub(crate) async fn latest(ctx: &ViewContext<'_>, job: &v1::JobSummary) -> Result<Events, ApiError> {
    let request = v1::ListEventsRequest { job: job.job.clone(), dataset: job.dataset.clone(), limit: EVENTS_SHOWN };
    match ctx.source.events(request).await {
        Ok(answer) => Ok(Events {
            latest: answer.events.iter().map(EventFacts::from).collect(),
            more: answer.more,
            unknown: answer.unknown,
        }),
        Err(error @ (ApiError::Away { .. } | ApiError::NotLeader { .. } | ApiError::TooMany { .. })) => Err(error),
        Err(error) => Ok(Events { latest: Vec::new(), more: false, unknown: vec![error.to_string()] }),
    }
}

/// Shows the events of a job.
pub(crate) fn render(events: &Events, job: &v1::JobSummary, links: &Links) -> Markup {
    let rows: Vec<_> = events.latest.iter().map(|event| row(event, job, links)).collect();
    html! {
        h2 { "Events" }
        @if rows.is_empty() { p { "No event is known." } }
        @else { (table("Events of this job, the newest first", &["Time", "Event", "Shard", "Task", "Details"], &rows)) }
        @for sentence in &events.unknown { p.legend { (name(sentence)) "." } }
        @if events.more { p.legend { "Earlier events are in the event log, in the dataset." } }
    }
}

fn row(event: &EventFacts, job: &v1::JobSummary, links: &Links) -> Markup {
    let task_link = |shard: &String| links.task(&job.job, shard, event.task.as_deref().unwrap_or_default());
    let task = event.task.as_deref().unwrap_or_default();
    html! {
        th scope="row" { (instant(event.at_ms.unwrap_or_default())) }
        td { (name(&event.event)) }
        td { @if let Some(shard) = &event.shard { a href=(links.shard(&job.job, shard)) { (name(shard)) } } }
        td {
            @if let Some(link) = event.shard.as_ref().filter(|_| !task.is_empty()).map(task_link) { a href=(link) { (name(task)) } }
            @else { (name(task)) }
        }
        td { @if let Some(text) = &event.text { (name(text)) } }
    }
}
