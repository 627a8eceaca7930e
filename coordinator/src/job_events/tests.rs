use std::sync::Arc;

use model::{AttemptId, FencingToken, LeaderId, LeaseId, TaskId, TaskPath, Term};
use object_store::memory::InMemory;
use serde_json::json;

use super::*;
use crate::attempt_line::AttemptLine;
use crate::event_log::{EventLog, LineRank};

fn job() -> JobId {
    "j".parse().expect("a name")
}

fn log(revision: u64) -> EventLog {
    EventLog::new(job(), LeaderId { revision, term: Term::drawn(1) })
}

/// Notes the begin and the end of an attempt.
fn note_attempt(log: &EventLog, at_ms: i64, ordinal: u32, end: AttemptEnd) {
    let path = TaskPath { job: job(), shard: "org-mod-07".parse().expect("a shard"), task: TaskId::map(ordinal) };
    let attempt = AttemptId { number: 1, token: FencingToken(9) };
    let line = |event: &str| AttemptLine::new(at_ms, event, &path, attempt, LeaseId(3));
    log.note_attempt(LineRank::Begin, &line(ASSIGNED));
    log.note_attempt(LineRank::End, &AttemptLine { outcome: Some(end), error: "disk".to_owned(), ..line(DONE) });
}

fn lines(events: &[v1::JobEvent]) -> Vec<String> {
    let line = |event: &v1::JobEvent| format!("{} {} {}", event.at_ms, event.event, event.task).trim_end().to_owned();
    events.iter().map(line).collect()
}

#[tokio::test]
async fn the_newest_events_of_all_leaders_come_first_without_the_attempts_that_went_well() {
    let dataset = Root::of_store("memory", Arc::new(InMemory::new()));
    let (first, second) = (log(7), log(8));
    first.note(1, "submitted", json!({ "reason": "night", "cause": null }));
    note_attempt(&first, 2, 0, AttemptEnd::Counts);
    note_attempt(&first, 3, 1, AttemptEnd::Failed);
    first.flush_all(&dataset).await.expect("memory");
    second.note(4, "taken-over", json!({ "open": 2 }));
    note_attempt(&second, 5, 2, AttemptEnd::Stopped);
    second.note(6, "ended", json!({}));
    let in_memory = ["6 ended", "4 taken-over"];
    assert_eq!(lines(&second.newest_events(10)), in_memory, "of its own leadership alone");
    second.flush_all(&dataset).await.expect("memory");

    let (events, more) = read(&dataset, &job(), 10).await.expect("memory");
    assert_eq!(lines(&events), ["6 ended", "4 taken-over", "3 attempt-done m-00001", "1 submitted"]);
    assert!(!more && events[3].text == "reason: night" && events[2].text.contains("error: disk"), "{events:?}");
    let (events, more) = read(&dataset, &job(), 2).await.expect("memory");
    assert_eq!((lines(&events), more), (in_memory.map(str::to_owned).to_vec(), true));
}

#[test]
fn the_memory_of_a_log_is_bounded_and_a_long_text_is_cut_between_letters() {
    let log = log(7);
    for at_ms in 1..=1000 {
        log.note(at_ms, "happened", json!({ "text": "ä".repeat(TEXT_BYTES_MAX) }));
        note_attempt(&log, at_ms, 0, AttemptEnd::Counts);
    }
    let events = log.newest_events(usize::MAX);
    assert_eq!((events.len(), events[0].at_ms), (EVENTS_MAX, 1000));
    assert!(events[0].text.len() <= TEXT_BYTES_MAX && events[0].text.ends_with('ä'), "{}", events[0].text);
}
