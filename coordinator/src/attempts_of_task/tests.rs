use std::sync::Arc;

use model::{AttemptId, FencingToken, LeaderId, LeaseId, TaskId, Term};
use object_store::memory::InMemory;
use serde_json::json;

use super::*;
use crate::attempt_line::AttemptEnd;
use crate::event_log::LineRank;

fn path(ordinal: u32) -> TaskPath {
    TaskPath {
        job: "j".parse().expect("a name"),
        shard: "org-mod-07".parse().expect("a shard"),
        task: TaskId::map(ordinal),
    }
}

fn line(event: &str, ordinal: u32, number: u32, end: Option<AttemptEnd>) -> AttemptLine {
    let attempt = AttemptId { number, token: FencingToken(100 + u64::from(number)) };
    let at_ms = 1000 + i64::from(number);
    AttemptLine { outcome: end, ..AttemptLine::new(at_ms, event, &path(ordinal), attempt, LeaseId(number.into())) }
}

fn log(revision: u64) -> EventLog {
    EventLog::new("j".parse().expect("a name"), LeaderId { revision, term: Term::drawn(1) })
}

#[tokio::test]
async fn attempts_of_a_task_come_from_the_logs_of_all_leaders_and_from_unwritten_lines() {
    let dataset = Root::of_store("memory", Arc::new(InMemory::new()));
    let (first, second) = (log(1), log(2));
    first.note_attempt(LineRank::Begin, &line(ASSIGNED, 3, 1, None));
    first.note_attempt(LineRank::End, &line(DONE, 3, 1, Some(AttemptEnd::Failed)));
    first.note_attempt(LineRank::End, &line(DONE, 4, 1, Some(AttemptEnd::Counts)));
    first.note(5, "shard-ended", json!({ "shard": "org-mod-07", "task": "m-00003" }));
    first.note_attempt(LineRank::Begin, &line(ASSIGNED, 3, 2, None));
    first.flush(&dataset).await.expect("memory");
    second.note_attempt(LineRank::Begin, &line(ASSIGNED, 3, 4, None));
    second.note_attempt(LineRank::End, &line(DONE, 3, 4, Some(AttemptEnd::Counts)));
    let mut attempts = read(&LinesOfTasks::new(1), &dataset, Some(&second), &path(3)).await.expect("memory");
    let shown: Vec<_> = attempts.values().map(|a| (a.attempt.expect("an id").number, a.outcome.as_str())).collect();
    assert_eq!(shown, [(1, "failed"), (2, ""), (4, "counts")]);
    let told = unknown(&attempts, 4, &path(3).job);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].starts_with("attempts 3: nothing") && told[1].starts_with("attempt 2: its end"), "{told:?}");

    let running = v1::AttemptRecord { outcome: "running".to_owned(), ..attempts[&(102, 2)].clone() };
    let counts = v1::AttemptRecord { worker: "a guess".to_owned(), ..attempts[&(104, 4)].clone() };
    add(&mut attempts, [running, counts]);
    assert_eq!(attempts[&(102, 2)].outcome, "running");
    assert_ne!(attempts[&(104, 4)].worker, "a guess", "the log knows more of an end");
    assert_eq!(unknown(&attempts, 4, &path(3).job).len(), 1);
}

#[tokio::test]
async fn a_job_without_a_log_has_no_attempts_that_are_known() {
    let dataset = Root::of_store("memory", Arc::new(InMemory::new()));
    let attempts = read(&LinesOfTasks::new(1), &dataset, None, &path(0)).await.expect("memory");
    assert!(attempts.is_empty() && unknown(&attempts, 0, &path(0).job).is_empty());
}
