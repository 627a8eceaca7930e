//! Reasons for which a shard does not go faster, by rule. Each rule names the task or worker that shows it.
//!
//! | rule | reason |
//! |---|---|
//! | tasks are open, none runs, none waits | capacity: no free slot |
//! | a task has several times the bytes of the median | skew: the input is uneven |
//! | a task reads several times slower than the median, at a usual size | a slow worker |
//! | attempts failed | retries: their work is done again |
//! | tasks wait | a pause after a failure, or a neighbour |

use proto::v1::{RunningAttempt, ShardSummary, TaskState, TaskSummary};
use serde::Serialize;

use super::spread::Spread;
use crate::text;

/// Ratio to the median from which on a task is unusual; twins are begun at about the same.
const UNUSUAL: f64 = 3.0;

/// Fewest running attempts whose paces are compared.
const PACES_MIN: usize = 3;

/// Reason for which a shard is slow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Reason {
    /// `capacity`, `skew`, `worker`, `retries` or `waiting`.
    pub(crate) rule: &'static str,
    pub(crate) says: String,
    /// Task that shows it, if one does.
    pub(crate) task: Option<String>,
}

/// Finds the reasons for which an open shard does not go faster, the plainest first.
pub(crate) fn reasons(shard: &ShardSummary, tasks: &[TaskSummary]) -> Vec<Reason> {
    [capacity(shard, tasks), skew(tasks), slow_worker(tasks), retries(shard, tasks), waiting(tasks)]
        .into_iter()
        .flatten()
        .collect()
}

fn count_of(tasks: &[TaskSummary], state: TaskState) -> u64 {
    tasks.iter().filter(|task| task.state() == state).count() as u64
}

fn capacity(shard: &ShardSummary, tasks: &[TaskSummary]) -> Option<Reason> {
    let open = count_of(tasks, TaskState::Open);
    let is_starved = open > 0 && shard.running == 0 && count_of(tasks, TaskState::Waiting) == 0;
    is_starved.then(|| Reason {
        rule: "capacity",
        says: format!("No slot is free: {} open and none runs. More workers would help.", are(open, "task")),
        task: None,
    })
}

fn skew(tasks: &[TaskSummary]) -> Option<Reason> {
    let largest = tasks.iter().filter(|task| task.state() == TaskState::Running).max_by_key(|task| task.bytes)?;
    let spread = Spread::of(tasks.iter().map(|task| task.bytes).filter(|bytes| *bytes > 0))?;
    let ratio = (spread.median > 0).then(|| largest.bytes as f64 / spread.median as f64)?;
    (ratio >= UNUSUAL).then(|| Reason {
        rule: "skew",
        says: format!(
            "Task {} has {} of input, {} times the median of its shard: the input is uneven.",
            largest.task,
            text::bytes(largest.bytes),
            text::ratio(ratio)
        ),
        task: Some(largest.task.clone()),
    })
}

/// Bytes a second of an attempt that has run for a second or more.
fn pace(attempt: &RunningAttempt) -> Option<u64> {
    (attempt.elapsed_ms >= 1000).then(|| attempt.bytes * 1000 / attempt.elapsed_ms)
}

fn slow_worker(tasks: &[TaskSummary]) -> Option<Reason> {
    let paces = tasks.iter().flat_map(|task| task.running.iter().map(move |attempt| (task, attempt)));
    let paces: Vec<_> =
        paces.filter_map(|(task, attempt)| Some((pace(attempt).filter(|_| task.bytes > 0)?, task, attempt))).collect();
    let median =
        Spread::of(paces.iter().map(|(pace, ..)| *pace)).filter(|spread| spread.count >= PACES_MIN as u64)?.median;
    let (slowest, task, attempt) = paces.into_iter().min_by_key(|(pace, ..)| *pace)?;
    let ratio = median as f64 / slowest.max(1) as f64;
    (ratio >= UNUSUAL).then(|| Reason {
        rule: "worker",
        says: format!(
            "Task {} on worker {} reads {} times slower than the median of this shard's attempts.",
            task.task,
            attempt.worker_name,
            text::ratio(ratio)
        ),
        task: Some(task.task.clone()),
    })
}

fn retries(shard: &ShardSummary, tasks: &[TaskSummary]) -> Option<Reason> {
    let worst = tasks.iter().filter(|task| !task.error.is_empty()).max_by_key(|task| task.attempts);
    (shard.attempts_failed > 0).then(|| Reason {
        rule: "retries",
        says: match worst {
            Some(task) => format!(
                "{} of {} failed; task {} was tried {}.",
                text::count(shard.attempts_failed.into()),
                text::counted(shard.attempts.into(), "attempt"),
                task.task,
                text::counted(task.attempts.into(), "time"),
            ),
            None => format!(
                "{} of {} failed.",
                text::count(shard.attempts_failed.into()),
                text::counted(shard.attempts.into(), "attempt")
            ),
        },
        task: worst.map(|task| task.task.clone()),
    })
}

fn waiting(tasks: &[TaskSummary]) -> Option<Reason> {
    let waiting = count_of(tasks, TaskState::Waiting);
    let first = tasks.iter().find(|task| task.state() == TaskState::Waiting)?;
    Some(Reason {
        rule: "waiting",
        says: format!(
            "{} waiting: for a pause after a failure, or for a neighbour to confirm a start.",
            are(waiting, "task")
        ),
        task: Some(first.task.clone()),
    })
}

/// Formats a count with its noun and verb: `1 task is`, `3 tasks are`.
fn are(number: u64, noun: &str) -> String {
    format!("{} {}", text::counted(number, noun), if number == 1 { "is" } else { "are" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(ordinal: u32, state: TaskState, bytes: u64) -> TaskSummary {
        TaskSummary { task: format!("m-{ordinal:05}"), state: state.into(), bytes, attempts: 1, ..Default::default() }
    }

    fn running(ordinal: u32, bytes: u64, read: u64) -> TaskSummary {
        let worker_name = format!("w{ordinal}");
        let attempt = RunningAttempt { worker_name, bytes: read, elapsed_ms: 10_000, ..Default::default() };
        TaskSummary { running: vec![attempt], ..task(ordinal, TaskState::Running, bytes) }
    }

    fn check(shard: &ShardSummary, tasks: &[TaskSummary], expected: &expect_test::Expect) {
        let said: String =
            reasons(shard, tasks).into_iter().map(|reason| format!("{}: {}\n", reason.rule, reason.says)).collect();
        expected.assert_eq(&said);
    }

    #[test]
    fn each_rule_names_what_shows_it() {
        let quiet = ShardSummary { running: 4, ..Default::default() };
        let even: Vec<_> = (0..4).map(|at| running(at, 100 << 20, 50 << 20)).collect();
        check(&quiet, &even, &expect_test::expect![""]);

        let starved = [task(0, TaskState::Open, 1), task(1, TaskState::Done, 1)];
        check(
            &ShardSummary::default(),
            &starved,
            &expect_test::expect![[r#"
            capacity: No slot is free: 1 task is open and none runs. More workers would help.
        "#]],
        );

        let mut uneven = even.clone();
        uneven.push(running(9, 500 << 20, 50 << 20));
        check(
            &quiet,
            &uneven,
            &expect_test::expect![[r#"
            skew: Task m-00009 has 500 MiB of input, 5.0 times the median of its shard: the input is uneven.
        "#]],
        );

        let mut slow = even.clone();
        slow[2] = running(2, 100 << 20, 10 << 20);
        check(
            &quiet,
            &slow,
            &expect_test::expect![[r#"
            worker: Task m-00002 on worker w2 reads 5.0 times slower than the median of this shard's attempts.
        "#]],
        );

        let retried = ShardSummary { attempts: 9, attempts_failed: 2, running: 1, ..Default::default() };
        let mut failing = task(3, TaskState::Waiting, 1);
        (failing.error, failing.attempts) = ("503".to_owned(), 3);
        check(
            &retried,
            &[failing],
            &expect_test::expect![[r#"
            retries: 2 of 9 attempts failed; task m-00003 was tried 3 times.
            waiting: 1 task is waiting: for a pause after a failure, or for a neighbour to confirm a start.
        "#]],
        );
    }
}
