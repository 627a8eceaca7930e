//! Documents: answers of the cluster, for people and for programs.
//!
//! Each document is one JSON object under `-o json`: `api_version`, `kind`, and the fields of its struct. The wire
//! may change, these names do not. States are lower-case words with dashes. Instants have two fields (`_at` in RFC
//! 3339 and `_at_ms`), durations end in `_ms`, unknown values are `null`, and ids are text ([`crate::json`]).
//!
//! | kind | document | printed by |
//! |---|---|---|
//! | `JobList` | [`JobList`] | `job list` |
//! | `Job` | [`Job`] | `job get`, `watch`, `wait`, `submit --wait` |
//! | `Submitted` | [`Submitted`] | `job submit`, `shard replay` |
//! | `JobPlan` | [`JobPlan`] | `job submit --dry-run` |
//! | `EventList` | [`EventList`] | `job events` |
//! | `JobCost` | [`JobCost`] | `job cost` |
//! | `Comparison` | [`Comparison`] | `job compare` |
//! | `Cancelled` | [`Cancelled`] | `job cancel` |
//! | `Retried` | [`Retried`] | `job retry` |
//! | `ShardList`, `Shard` | [`ShardList`], [`ShardOfJob`] | `shard list`, `shard get` |
//! | `Replayed` | [`Replayed`] | `shard replay --wait` |
//! | `TaskList`, `Task` | [`TaskList`], [`TaskOfJob`] | `task list`, `task get` |
//! | `WorkerList` | [`WorkerList`] | `worker list` |
//! | `Drained`, `Undrained` | [`Drained`], [`Undrained`] | `worker drain`, with `--cancel` |

mod attempt;
mod changes;
mod compare;
mod cost;
mod events;
mod job;
mod plan;
mod replayed;
mod shard;
mod task;
#[cfg(test)]
mod tests;
mod worker;

use std::time::Duration;

use anyhow::{Context, Result};
use format::manifest::API_VERSION;
use serde::Serialize;

pub(crate) use attempt::TaskOfJob;
pub(crate) use changes::{Cancelled, Drained, Retried, Submitted, Undrained};
pub(crate) use compare::Comparison;
pub(crate) use cost::JobCost;
pub(crate) use events::EventList;
pub(crate) use job::{Job, JobList};
pub(crate) use plan::JobPlan;
pub(crate) use replayed::Replayed;
pub(crate) use shard::{ShardEntry, ShardList, ShardOfJob};
pub(crate) use task::TaskList;
pub(crate) use worker::WorkerList;

use crate::args::{self, ListStyle};
use crate::{json, out};

/// Answer that can be shown.
pub(crate) trait Document: Serialize {
    /// Name of the document under `-o json`.
    const KIND: &'static str;

    /// Formats the document for people.
    fn table(&self, is_wide: bool) -> String;

    /// Returns the names in the document, as other verbs accept them.
    fn names(&self) -> Vec<String>;
}

#[derive(Serialize)]
struct Envelope<'a, D> {
    api_version: &'static str,
    kind: &'static str,
    #[serde(flatten)]
    document: &'a D,
}

/// Shows a document in a style.
pub(crate) fn show<D: Document>(style: ListStyle, document: &D) -> Result<()> {
    out::text(text(style, document)?)
}

fn text<D: Document>(style: ListStyle, document: &D) -> Result<String> {
    Ok(match style {
        ListStyle::Table => document.table(false),
        ListStyle::Wide => document.table(true),
        ListStyle::Name => document.names().into_iter().map(|name| name + "\n").collect(),
        ListStyle::Json => {
            let envelope = Envelope { api_version: API_VERSION, kind: D::KIND, document };
            json::pretty(&envelope).context("write JSON")? + "\n"
        }
    })
}

/// Formats one row of many as a document of its own, on one line.
pub(crate) fn line<T: Serialize>(kind: &'static str, row: &T) -> serde_json::Result<String> {
    json::line(&Envelope { api_version: API_VERSION, kind, document: row })
}

/// Converts a state of the wire to a word: `JOB_STATE_PARTLY_DONE` to `partly-done`.
fn word(name: &str, prefix: &str) -> String {
    name.trim_start_matches(prefix).to_lowercase().replace('_', "-")
}

/// Returns the text, or none if the wire leaves it empty.
fn filled(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

/// Converts an instant, which is 0 on the wire if there is none, to RFC 3339 and to milliseconds.
fn instant(at_ms: i64) -> (Option<String>, Option<i64>) {
    if at_ms == 0 { (None, None) } else { (Some(args::shown(at_ms)), Some(at_ms)) }
}

/// Formats a cell; `-` if there is no value.
fn cell<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

/// Formats a duration for people: `850ms`, `42s`, `3m 07s`, `2h 05m`.
pub(crate) fn span(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0 => format!("{}ms", duration.as_millis()),
        1..60 => format!("{seconds}s"),
        60..3600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h {:02}m", seconds / 3600, seconds / 60 % 60),
    }
}

/// Formats named values, one on a line; leaves empty ones out.
fn fields(fields: &[(&str, String)]) -> String {
    let width = fields.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let shown = fields.iter().filter(|(_, value)| !value.is_empty());
    shown.map(|(name, value)| format!("{name:width$}  {}\n", crate::text::line(value))).collect()
}
