//! Newest events of a job, for people: from the memory of the leader that runs it, or from the log of a job that has
//! ended.
//!
//! Nearly all lines of a large log are about attempts that went well; they are left out here, and are told for each task
//! (`attempts_of_task`).

use format::keys;
use model::JobId;
use proto::v1;
use serde_json::{Map, Value};
use storage::{Root, StorageError};

use crate::attempt_line::{ASSIGNED, AttemptEnd, DONE};

/// Most events of an answer.
pub(crate) const EVENTS_MAX: usize = 200;
/// Most pieces of a log that are read, the newest first: 2 MiB.
const PIECES_MAX: usize = 8;
/// Longest text of an event, in bytes; the log has the whole.
const TEXT_BYTES_MAX: usize = 1024;

/// True if a person wants to read a line: all but the begins of attempts, and the ends of those that did their work.
pub(crate) fn is_told(line: &str) -> bool {
    let is = |key: &str, value: &str| line.contains(&format!("\"{key}\":\"{value}\""));
    let is_usual = || [AttemptEnd::Counts, AttemptEnd::Stopped].iter().any(|end| is("outcome", end.name()));
    !(is("event", ASSIGNED) || is("event", DONE) && is_usual())
}

/// Converts lines, the oldest first, to the events of an answer, the newest first.
pub(crate) fn newest_first<'a>(lines: impl DoubleEndedIterator<Item = &'a str>, limit: usize) -> Vec<v1::JobEvent> {
    lines.rev().filter(|line| is_told(line)).filter_map(event).take(limit).collect()
}

/// Reads the newest events of a job that has ended. Returns true with them if there may be more.
pub(crate) async fn read(dataset: &Root, job: &JobId, limit: usize) -> Result<(Vec<v1::JobEvent>, bool), StorageError> {
    let mut pieces = dataset.list(&keys::events_of(job)).await?;
    // In order of key, pieces are in order of time.
    pieces.sort_by(|a, b| a.location.cmp(&b.location));
    let mut events = Vec::new();
    for piece in pieces.iter().rev().take(PIECES_MAX) {
        let bytes = match dataset.read(piece.location.as_ref()).await {
            Ok(bytes) => bytes,
            // A collector or an operator removed it since.
            Err(StorageError::NotFound { .. }) => continue,
            Err(error) => return Err(error),
        };
        let text = String::from_utf8_lossy(&bytes);
        events.extend(newest_first(text.lines(), limit + 1 - events.len()));
        if events.len() > limit {
            events.truncate(limit);
            return Ok((events, true));
        }
    }
    Ok((events, pieces.len() > PIECES_MAX))
}

/// Parses a line; none if it is not an event.
fn event(line: &str) -> Option<v1::JobEvent> {
    let Value::Object(mut fields) = serde_json::from_str(line).ok()? else { return None };
    let mut text = |key: &str| match fields.remove(key) {
        Some(Value::String(text)) => text,
        Some(other) => other.to_string(),
        None => String::new(),
    };
    let (event, shard, task) = (text("event"), text("shard"), text("task"));
    // A count of lines that were left out has no time of its own.
    let at_ms = fields.remove("at_ms").and_then(|at| at.as_i64()).unwrap_or_default();
    Some(v1::JobEvent { at_ms, event, shard, task, text: sentence(&fields) })
}

/// Writes the other fields that have a value as `key: value`, one after the other.
fn sentence(fields: &Map<String, Value>) -> String {
    let field = |(key, value): (&String, &Value)| match value {
        Value::String(text) => format!("{key}: {text}"),
        other => format!("{key}: {other}"),
    };
    let mut text = fields.iter().filter(|(_, value)| !value.is_null()).map(field).collect::<Vec<_>>().join(", ");
    text.truncate(text.floor_char_boundary(TEXT_BYTES_MAX));
    text
}

#[cfg(test)]
mod tests;
