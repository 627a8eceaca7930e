//! Search of tasks: the filter before the order, and the order before the page.

use std::time::Duration;

use model::{FailureClass, JobId, LeaseId, TaskId, TaskPath};

use super::trace::after;
use crate::find::{TaskFilter, TaskOrder};
use crate::view::{TaskCounts, TaskState, TaskWait};

/// Four map tasks: m0 is done, m1 has failed and m2 was handed back, both run again; m3 runs.
const TRACE: &str = "plan 40/10 into 2 | w1 joins | w2 joins | w1 claims 3 | after 5s | w1 maps m0 0..12 | w1 fails m1 transient \
                     | w1 hands back m2 | after 2s | w2 claims 3 | after 1s";

struct Found {
    tasks: Vec<String>,
    matching: u64,
    all: u64,
}

fn find(filter: &TaskFilter, order: TaskOrder, page: (usize, usize)) -> Found {
    let (state, now) = after(TRACE);
    let job: JobId = "j".parse().expect("a name");
    let found = state.find_tasks(&job, None, filter, order, page, now);
    let tasks = found.tasks.iter().map(|(_, view)| view.task.to_string()).collect();
    Found { tasks, matching: found.matching, all: found.all }
}

fn names(filter: &TaskFilter, order: TaskOrder) -> Vec<String> {
    find(filter, order, (0, 100)).tasks
}

#[test]
fn each_filter_lets_through_what_it_says() {
    let all = TaskFilter::default();
    assert_eq!(names(&all, TaskOrder::Plan), ["m-00000", "m-00001", "m-00002", "m-00003", "r-00000", "r-00001"]);
    let of_state = |state| names(&TaskFilter { state: Some(state), ..TaskFilter::default() }, TaskOrder::Plan);
    assert_eq!(of_state(TaskState::Done), ["m-00000"]);
    assert_eq!(of_state(TaskState::Open), ["r-00000", "r-00001"]);
    let retrying = TaskFilter { retrying: true, ..TaskFilter::default() };
    assert_eq!(names(&retrying, TaskOrder::Plan), ["m-00001", "m-00002"], "a first attempt that runs is no retry");
    let twice = TaskFilter { attempts_min: 2, ..TaskFilter::default() };
    assert!(names(&twice, TaskOrder::Plan).contains(&"m-00002".to_owned()));
    let failed = TaskFilter { class: Some(FailureClass::Transient), ..TaskFilter::default() };
    assert_eq!(names(&failed, TaskOrder::Plan), ["m-00001"]);
    let elsewhere = TaskFilter { class: Some(FailureClass::Bug), ..TaskFilter::default() };
    assert!(names(&elsewhere, TaskOrder::Plan).is_empty());
    let nobody = TaskFilter { workers: Some(vec![LeaseId(99)]), ..TaskFilter::default() };
    assert!(names(&nobody, TaskOrder::Plan).is_empty());
}

#[test]
fn a_page_is_cut_after_filter_and_order_and_the_totals_are_those_of_the_whole() {
    let all = TaskFilter::default();
    let second = find(&all, TaskOrder::Plan, (2, 2));
    assert_eq!((second.tasks, second.matching, second.all), (vec!["m-00002".into(), "m-00003".into()], 6, 6));
    let retrying = TaskFilter { retrying: true, ..TaskFilter::default() };
    let first = find(&retrying, TaskOrder::Attempts, (0, 1));
    assert_eq!((first.tasks.len(), first.matching, first.all), (1, 2, 6));
    assert_eq!(find(&all, TaskOrder::Plan, (100, 5)).tasks.len(), 0);
}

#[test]
fn what_waits_comes_first_then_what_runs_then_what_is_open_then_what_is_done() {
    let (state, now) = after(&format!("{TRACE} | w2 fails m1 transient"));
    let job: JobId = "j".parse().expect("a name");
    let found = state.find_tasks(&job, None, &TaskFilter::default(), TaskOrder::Urgent, (0, 100), now);
    let shown: Vec<_> = found.tasks.iter().map(|(_, view)| (view.task.to_string(), view.state)).collect();
    let state_of = |name: &str| shown.iter().position(|(task, _)| task == name).expect("a task");
    assert_eq!(shown[0], ("m-00001".to_owned(), TaskState::Waiting), "{shown:?}");
    assert_eq!(shown[5], ("m-00000".to_owned(), TaskState::Done), "{shown:?}");
    assert!(state_of("m-00002") < state_of("r-00000") && state_of("m-00003") < state_of("r-00000"), "{shown:?}");
    // The same page, whether all is put in order or the first ones alone.
    for offset in 0..7 {
        let page = state.find_tasks(&job, None, &TaskFilter::default(), TaskOrder::Urgent, (offset, 2), now);
        let named: Vec<_> = page.tasks.iter().map(|(_, view)| (view.task.to_string(), view.state)).collect();
        assert_eq!(named, shown.iter().skip(offset).take(2).cloned().collect::<Vec<_>>());
    }
}

#[test]
fn the_slowest_comes_first_and_equals_keep_the_order_of_the_plan() {
    let slowest = names(&TaskFilter::default(), TaskOrder::Slowest);
    let (running, still): (Vec<_>, Vec<_>) = slowest.iter().partition(|name| name.as_str() < "r" && *name != "m-00000");
    assert!(!running.is_empty());
    assert_eq!(&slowest[slowest.len() - 2..], ["r-00000", "r-00001"], "{still:?}");
}

#[test]
fn a_task_that_does_not_run_says_for_what_it_waits() {
    let (state, _) = after(TRACE);
    let job: JobId = "j".parse().expect("a name");
    let views = state.tasks(&job, super::trace::SHARD);
    let waits = |task: &str| views.iter().find(|view| view.task.to_string() == task).and_then(|view| view.waits_for);
    assert_eq!(waits("m-00000"), None);
    assert_eq!(waits("r-00000"), Some(TaskWait::Maps));
    let (state, now) = after("plan 10/10 into 1 | w1 claims | w1 fails m0 transient");
    let view = state.tasks(&job, super::trace::SHARD).remove(0);
    assert!(matches!(view.waits_for, Some(TaskWait::Pause(until)) if until > now), "{view:?}");
    assert_eq!(view.class, Some(FailureClass::Transient));
    let (state, _) = after("plan 20/10 into 1 | w1 joins | w2 joins | w1 claims | w1 fails m0 resource");
    let view = state.tasks(&job, super::trace::SHARD).remove(0);
    assert_eq!(view.waits_for, Some(TaskWait::OtherWorker));
    let (state, _) = after("plan 20/10 into 1");
    assert_eq!(state.tasks(&job, super::trace::SHARD)[0].waits_for, Some(TaskWait::Slot));
}

#[test]
fn tasks_are_counted_by_state_as_they_are_listed() {
    let (state, _) = after(TRACE);
    let job: JobId = "j".parse().expect("a name");
    let views = state.tasks(&job, super::trace::SHARD);
    let count = |kind: &str, wanted| {
        let is_it = |view: &&crate::view::TaskView| view.state == wanted && view.task.to_string().starts_with(kind);
        views.iter().filter(is_it).count() as u64
    };
    let counts = |kind| TaskCounts {
        open: count(kind, TaskState::Open),
        running: count(kind, TaskState::Running),
        waiting: count(kind, TaskState::Waiting),
        done: count(kind, TaskState::Done),
    };
    assert_eq!(state.task_counts(), (counts("m"), counts("r")));
    assert!(Duration::ZERO < after(TRACE).1);
}

#[test]
fn a_task_that_is_done_knows_the_worker_whose_attempt_counts() {
    let (state, _) = after(&format!("{TRACE} | w2 maps m1 12..20"));
    let job: JobId = "j".parse().expect("a name");
    let worker_of = |task: TaskId| {
        let path = TaskPath { job: job.clone(), shard: super::trace::SHARD, task };
        state.done(&path).map(|done| done.worker)
    };
    assert_eq!(worker_of(TaskId::map(0)), Some(Some(LeaseId(1))));
    assert_eq!(worker_of(TaskId::map(1)), Some(Some(LeaseId(2))), "the first attempt, of another worker, failed");
    assert_eq!(worker_of(TaskId::map(2)), None);
}
