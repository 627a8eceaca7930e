//! Attempts at one task, from the event log of its job: all that is known of a task once its leader, its job or its cluster
//! is gone.

use std::collections::BTreeMap;

use model::{JobId, TaskPath};
use proto::v1;
use storage::{Root, StorageError};

use crate::attempt_line::{ASSIGNED, AttemptLine, DONE};
use crate::event_log::EventLog;
use crate::log_pieces::KeptLogs;

/// Attempts at a task in the order in which they began: tokens grow, and numbers begin anew if a job is tried again.
pub(crate) type Attempts = BTreeMap<(u64, u32), v1::AttemptRecord>;

/// Lines about tasks that were asked for last, by the URI of the dataset and the task.
pub(crate) type LinesOfTasks = KeptLogs<(String, TaskPath), Vec<AttemptLine>>;

/// Reads the attempts at a task from the pieces of its job's log, and from the lines that `log` has in memory.
pub(crate) async fn read(
    kept: &LinesOfTasks,
    dataset: &Root,
    log: Option<&EventLog>,
    path: &TaskPath,
) -> Result<Attempts, StorageError> {
    // Lines in memory come first: those that are written meanwhile are then found twice, and not never.
    let in_memory = log.map(|log| log.lines_in_memory(|line| is_about(line, path))).unwrap_or_default();
    let entry = kept.of((dataset.uri().to_owned(), path.clone()));
    let mut pieces = entry.lock().await;
    pieces.read_new(dataset, &path.job, |text| lines_of(text, path)).await?;
    let mut lines: Vec<_> = pieces.facts().flatten().cloned().collect();
    lines.extend(in_memory.iter().filter_map(|line| parsed(line, path)));
    Ok(by_number(lines))
}

fn lines_of(text: &str, path: &TaskPath) -> Vec<AttemptLine> {
    text.lines().filter(|line| is_about(line, path)).filter_map(|line| parsed(line, path)).collect()
}

/// True if a line may be about the task. It spares the parsing of nearly all lines of a large log.
fn is_about(line: &str, path: &TaskPath) -> bool {
    line.contains(&format!("\"{}\"", path.task)) && line.contains(&format!("\"{}\"", path.shard))
}

fn parsed(line: &str, path: &TaskPath) -> Option<AttemptLine> {
    let line: AttemptLine = serde_json::from_str(line).ok()?;
    let is_wanted =
        [ASSIGNED, DONE].contains(&line.event.as_str()) && line.shard == path.shard && line.task == path.task;
    is_wanted.then_some(line)
}

/// Puts the lines of each attempt together: its end says all that its begin says.
fn by_number(mut lines: Vec<AttemptLine>) -> Attempts {
    lines.sort_by_key(|line| line.event == DONE);
    lines.into_iter().map(|line| ((line.attempt.token.0, line.attempt.number), line.into())).collect()
}

/// Adds facts of other sources about attempts that run or count.
pub(crate) fn add(attempts: &mut Attempts, known: impl IntoIterator<Item = v1::AttemptRecord>) {
    for record in known {
        let id = record.attempt.map(|attempt| (attempt.token, attempt.number)).unwrap_or_default();
        if attempts.get(&id).is_none_or(|told| told.outcome.is_empty()) {
            attempts.insert(id, record);
        }
    }
}

/// Returns sentences about missing facts of the attempts; `last` is the largest number that was given to one.
pub(crate) fn unknown(attempts: &Attempts, last: u32, job: &JobId) -> Vec<String> {
    let is_known = |number: &u32| attempts.keys().any(|(_, known)| known == number);
    let missing: Vec<_> = (1..=last).filter(|number| !is_known(number)).collect();
    let mut sentences = Vec::new();
    if !missing.is_empty() {
        let named: Vec<_> = missing.iter().take(10).map(u32::to_string).collect();
        let more = if missing.len() > named.len() { ", ..." } else { "" };
        sentences.push(format!(
            "attempts {}{more}: nothing is in the event log of job {job}; its leader ended before it wrote the lines, or left them out",
            named.join(", ")
        ));
    }
    for ((_, number), attempt) in attempts {
        if attempt.outcome.is_empty() {
            sentences.push(format!(
                "attempt {number}: its end is not in the event log; its leader ended before it wrote the line"
            ));
        }
    }
    sentences
}

#[cfg(test)]
mod tests;
