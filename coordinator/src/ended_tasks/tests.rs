use model::{FencingToken, LeaderId, TaskPath, Term};
use object_store::memory::InMemory;

use super::*;
use crate::event_log::LineRank;

const SHARDS: [&str; 2] = ["org-mod-07", "org-9"];

fn job() -> JobId {
    "j".parse().expect("a name")
}

fn end(shard: &str, ordinal: u32, number: u32, outcome: AttemptEnd, took_ms: u64) -> AttemptLine {
    let path = TaskPath { job: job(), shard: shard.parse().expect("a shard"), task: TaskId::map(ordinal) };
    let attempt = AttemptId { number, token: FencingToken(100 + u64::from(number)) };
    let end_ms = 1_000_000 + i64::from(number) * 10_000;
    let class = (outcome == AttemptEnd::Failed).then_some(FailureClass::Transient);
    AttemptLine {
        name: format!("w{number}"),
        start_ms: Some(end_ms.saturating_sub_unsigned(took_ms)),
        outcome: Some(outcome),
        error: class.map(|_| "no route to host".to_owned()).unwrap_or_default(),
        class,
        wall_ms: took_ms,
        bytes: 7,
        ..AttemptLine::new(end_ms, DONE, &path, attempt, LeaseId(number.into()))
    }
}

fn search() -> TaskSearch {
    TaskSearch {
        job: job(),
        shard: None,
        state: None,
        class: None,
        worker: String::new(),
        retrying: false,
        attempts_min: 0,
        order: TaskOrder::Plan,
        offset: 0,
        limit: 0,
    }
}

/// Writes a log: in the first shard a task that was done at once, a task that was tried again, and one that was not
/// done; in the second, a task that is not written yet.
async fn logged() -> (Root, EventLog) {
    let dataset = Root::of_store("memory", Arc::new(InMemory::new()));
    let log = EventLog::new(job(), LeaderId { revision: 1, term: Term::drawn(1) });
    for line in [
        end(SHARDS[0], 2, 1, AttemptEnd::Failed, 500),
        end(SHARDS[0], 0, 1, AttemptEnd::Counts, 100),
        end(SHARDS[0], 1, 1, AttemptEnd::Failed, 900),
        end(SHARDS[0], 1, 2, AttemptEnd::Counts, 300),
    ] {
        log.note_attempt(LineRank::End, &line);
    }
    log.flush(&dataset).await.expect("memory");
    log.note_attempt(LineRank::End, &end(SHARDS[1], 0, 1, AttemptEnd::Counts, 50));
    (dataset, log)
}

async fn names(search: TaskSearch) -> (Vec<String>, u64) {
    let (dataset, log) = logged().await;
    let found = find(&AttemptsOfJobs::new(1), &dataset, Some(&log), &search, 6).await.expect("memory");
    let name = |task: &v1::TaskSummary| format!("{}/{} {}", task.shard, task.task, task.state().as_str_name());
    (found.tasks.iter().map(name).collect(), found.matching)
}

#[tokio::test]
async fn a_task_of_the_past_has_its_attempts_and_what_is_not_known_is_said() {
    let (dataset, log) = logged().await;
    let found = find(&AttemptsOfJobs::new(1), &dataset, Some(&log), &search(), 6).await.expect("memory");
    assert_eq!((found.tasks.len(), found.matching, found.all, found.more), (4, 4, 6, false));
    assert!(found.unknown[0].starts_with("2 of 6 tasks"), "{:?}", found.unknown);
    let again = &found.tasks[1];
    assert_eq!((again.attempts, again.charged, again.bytes, again.error.as_str()), (2, 1, 7, "no route to host"));
    let counts = again.counts.as_ref().expect("the second attempt");
    assert_eq!((counts.worker_name.as_str(), counts.start_ms, counts.end_ms), ("w2", 1_019_700, 1_020_000));
    assert_eq!(again.ended.iter().map(|attempt| attempt.outcome.as_str()).collect::<Vec<_>>(), ["failed"]);
    assert_eq!(found.tasks[2].state(), v1::TaskState::Ended, "no attempt counts, and none will");
}

#[tokio::test]
async fn tasks_are_filtered_then_put_in_order_then_cut() {
    let first = |search: TaskSearch| TaskSearch { shard: Some(SHARDS[0].parse().expect("a shard")), ..search };
    let urgent = first(TaskSearch { order: TaskOrder::Urgent, ..search() });
    let (shown, matching) = names(urgent).await;
    let expected = ["m-00002 TASK_STATE_ENDED", "m-00001 TASK_STATE_DONE", "m-00000 TASK_STATE_DONE"];
    assert_eq!((shown, matching), (expected.map(|task| format!("org-mod-07/{task}")).into(), 3));
    let slowest = first(TaskSearch { order: TaskOrder::Slowest, offset: 1, limit: 1, ..search() });
    assert_eq!(names(slowest).await, (vec!["org-mod-07/m-00002 TASK_STATE_ENDED".to_owned()], 3));
    for (search, matching) in [
        (TaskSearch { state: Some(v1::TaskState::Ended), ..search() }, 1),
        (TaskSearch { state: Some(v1::TaskState::Running), ..search() }, 0),
        (TaskSearch { attempts_min: 2, ..search() }, 1),
        (TaskSearch { worker: "w2".to_owned(), ..search() }, 1),
        (TaskSearch { class: Some(FailureClass::Transient), ..search() }, 2),
        (TaskSearch { retrying: true, ..search() }, 0),
    ] {
        assert_eq!(names(search).await.1, matching);
    }
}

#[tokio::test]
async fn a_line_that_is_in_memory_and_in_a_piece_is_one_attempt() {
    let (dataset, log) = logged().await;
    log.flush(&dataset).await.expect("memory");
    let found = find(&AttemptsOfJobs::new(1), &dataset, Some(&log), &search(), 4).await.expect("memory");
    assert_eq!((found.tasks[3].attempts, found.unknown.len()), (1, 0));
}

#[test]
fn attempts_beyond_the_limit_are_told_also_to_whoever_asks_for_one_shard() {
    let attempt = EndedAttempt::from(end(SHARDS[0], 0, 1, AttemptEnd::Counts, 100));
    let other = TaskSearch { shard: Some(SHARDS[1].parse().expect("a shard")), ..search() };
    let unknown = found(std::iter::repeat_n(&attempt, ATTEMPTS_MAX), &other, 6).unknown;
    assert!(unknown[0].contains("attempts are listed"), "{unknown:?}");
}
