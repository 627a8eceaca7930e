//! Document about the events of a job.

use proto::v1;
use serde::Serialize;

use super::{Document, cell, filled, instant};
use crate::tables::Table;

/// Event of a job.
#[derive(Debug, Serialize)]
struct EventEntry {
    at: Option<String>,
    at_ms: Option<i64>,
    /// Name of the event, such as `shard-ended`.
    event: String,
    /// Shard and task; none of an event about the job.
    shard: Option<String>,
    task: Option<String>,
    /// Other fields, as `key: value`.
    text: Option<String>,
}

impl From<v1::JobEvent> for EventEntry {
    fn from(event: v1::JobEvent) -> Self {
        let (at, at_ms) = instant(event.at_ms);
        let (shard, task, text) = (filled(event.shard), filled(event.task), filled(event.text));
        Self { at, at_ms, event: event.event, shard, task, text }
    }
}

/// Newest events of a job, without the attempts that went well.
#[derive(Debug, Serialize)]
pub(crate) struct EventList {
    job: String,
    /// Events, the newest first.
    events: Vec<EventEntry>,
    /// True if the event log has earlier ones.
    pub(crate) more: bool,
    /// Sentences about events that are missing here.
    pub(crate) unknown: Vec<String>,
}

impl EventList {
    pub(crate) fn new(job: String, list: v1::ListEventsResponse) -> Self {
        let v1::ListEventsResponse { events, more, unknown } = list;
        Self { job, events: events.into_iter().map(EventEntry::from).collect(), more, unknown }
    }

    /// Counts the events that are listed.
    pub(crate) fn shown(&self) -> usize {
        self.events.len()
    }
}

impl Document for EventList {
    const KIND: &'static str = "EventList";

    fn table(&self, _is_wide: bool) -> String {
        let header = ["TIME", "EVENT", "SHARD", "TASK", "DETAILS"];
        let mut table = Table::new(&header).text(&header);
        for event in &self.events {
            table.row(vec![
                cell(event.at.as_ref()),
                event.event.clone(),
                cell(event.shard.as_ref()),
                cell(event.task.as_ref()),
                event.text.clone().unwrap_or_default(),
            ]);
        }
        table.to_string()
    }

    fn names(&self) -> Vec<String> {
        self.events.iter().map(|event| event.event.clone()).collect()
    }
}
