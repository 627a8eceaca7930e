//! Consequences of a failed attempt.
//!
//! | class | counts | the task |
//! |---|---|---|
//! | transient | yes | rests, then runs again; the shard ends with the last attempt it has |
//! | throttled | no | rests, then runs again, for as long as `Policy::throttled_max` |
//! | resource | no | runs on another worker; the shard ends once it failed so on all of them (1) |
//! | input, from a guess | yes | waits for the stitch: a wrong guess runs again, a right one is the input's failure |
//! | input, bug | yes | runs on another worker; the second worker to fail so, or the only one, ends the shard (2) |
//! | run lost | no | waits for the map task that wrote the run, which is charged |
//! | cancelled | no | runs again |
//!
//! If all other workers drain or are unfit: (1) the task rests, then runs again, for as long as
//! `Policy::throttled_max`; (2) the task rests, then runs again on the same worker, whose second failure counts.

use model::{AttemptId, Failure, FailureClass, TaskId, TaskKind};

use super::{Shard, ShardContext};
use crate::event::{Effect, ShardEnd, Tried, WorkerId};
use crate::policy::is_charged;
use crate::task::{Running, Status, Suspicion, Task};

impl Shard {
    /// Handles a failed attempt: reopens its task, or ends the shard.
    pub(crate) fn failed(
        &mut self,
        task: TaskId,
        attempt: AttemptId,
        failure: Failure,
        ctx: ShardContext<'_>,
        effects: &mut Vec<Effect>,
    ) {
        let Some(running) = self.running_as(task, attempt) else { return };
        self.drop_attempts(task, |other| other.attempt == Some(attempt));
        self.counts.failed += u32::from(failure.class != FailureClass::Cancelled);
        if let FailureClass::RunLost { map_task } = failure.class {
            return self.run_lost(task, map_task, running, &failure, effects);
        }
        if failure.class == FailureClass::Throttled {
            self.turned_away = Some(failure.message.as_str().into());
        }
        let path = self.path(task);
        let pause = |failures: u32| ctx.policy.pause(&path, failures);
        let judge = |entry: &mut Task| judge(entry, task, running.worker, failure, ctx, pause);
        let end = self.tasks_mut(task.kind).change(task.ordinal, judge);
        if let Some(cause) = end {
            return self.end(ShardEnd::Failed { cause }, effects);
        }
        if task.kind == TaskKind::Map {
            self.stitch_around(task.ordinal, ctx, effects);
        }
    }

    /// Handles a suspect whose guess was right: the failure is the input's.
    pub(super) fn confirm(&mut self, ordinal: u32, ctx: ShardContext<'_>, effects: &mut Vec<Effect>) {
        let end = self.maps.change(ordinal, |task| {
            let Status::Suspect(suspicion) = std::mem::replace(&mut task.status, Status::Open) else { return None };
            let Suspicion { guessed, worker, failure } = *suspicion;
            task.tried.exact_start = Some(guessed);
            doubt(task, worker, &failure.message, ctx)
        });
        if let Some(cause) = end {
            self.end(ShardEnd::Failed { cause }, effects);
        }
    }

    fn run_lost(
        &mut self,
        task: TaskId,
        map_task: u32,
        running: Running,
        failure: &Failure,
        effects: &mut Vec<Effect>,
    ) {
        let Some(map) = self.maps.get(map_task) else {
            let cause = format!("task {task}: {}: the shard has no map task {map_task}", failure.message);
            return self.end(ShardEnd::Failed { cause }, effects);
        };
        // The run may have been replaced since this reduce began, after another reduce reported the same loss.
        if map.done().is_none_or(|done| done.at > running.since) {
            return;
        }
        let tried = Tried { charged: map.tried.charged + 1, ..map.tried };
        if tried.charged >= model::limits::ATTEMPTS_PER_TASK_MAX {
            let cause =
                format!("task {task}: {} (lost {} times; look at what removes runs)", failure.message, tried.charged);
            return self.end(ShardEnd::Failed { cause }, effects);
        }
        self.remap(map_task, tried, effects);
    }
}

/// Sets the task's next status; returns a cause if the shard ends.
fn judge(
    task: &mut Task,
    id: TaskId,
    worker: WorkerId,
    failure: Failure,
    ctx: ShardContext<'_>,
    pause: impl Fn(u32) -> std::time::Duration,
) -> Option<String> {
    let cause = format!("task {id}: {}", failure.message);
    (task.error, task.class) = (Some(failure.message.as_str().into()), Some(failure.class));
    task.tried.charged += u32::from(is_charged(failure.class));
    if failure.class != FailureClass::Throttled {
        task.throttled_since = None;
    }
    if failure.class != FailureClass::Resource {
        task.starved_since = None;
    }
    // A second attempt that still runs goes on.
    let is_alone = task.running().is_empty();
    match failure.class {
        FailureClass::Input { guessed: Some(guessed) } if task.tried.exact_start.is_none() => {
            if is_alone {
                let failure = Failure { message: cause, ..failure };
                task.status = Status::Suspect(Box::new(Suspicion { guessed, worker, failure }));
            }
            None
        }
        FailureClass::Input { .. } | FailureClass::Bug => {
            let end = doubt(task, worker, &cause, ctx);
            rest_if_nobody_else(task, ctx, pause);
            end
        }
        FailureClass::Resource => {
            task.avoided.insert(worker);
            if ctx.all_are_in(&task.avoided) {
                return Some(cause);
            }
            if ctx.all_active_are_in(&task.avoided) && is_out_of_patience(&mut task.starved_since, ctx) {
                return Some(format!("{cause} (for {} minutes, and no other worker takes work)", minutes(ctx)));
            }
            rest_if_nobody_else(task, ctx, pause);
            None
        }
        FailureClass::Transient if task.tried.charged >= ctx.policy.attempts_max => {
            Some(format!("{cause} (after {} attempts)", task.tried.last))
        }
        FailureClass::Throttled if is_out_of_patience(&mut task.throttled_since, ctx) => {
            Some(format!("{cause} (for {} minutes)", minutes(ctx)))
        }
        FailureClass::Transient | FailureClass::Throttled => {
            task.failures += 1;
            if is_alone {
                task.status = Status::Waiting { until: ctx.now + pause(task.failures) };
            }
            None
        }
        FailureClass::RunLost { .. } | FailureClass::Cancelled => None,
    }
}

/// Handles a failure that another attempt would probably meet as well. The second attempt to meet it ends the shard:
/// another worker's, or the same worker's if no other takes work. If there is no other worker, the first attempt does.
fn doubt(task: &mut Task, worker: WorkerId, cause: &str, ctx: ShardContext<'_>) -> Option<String> {
    let is_second = task.is_doubted;
    task.is_doubted = true;
    task.avoided.insert(worker);
    (is_second || ctx.all_are_in(&task.avoided)).then(|| cause.to_owned())
}

/// Lets a task rest before a worker that it failed on gets it again: by then another one may take work.
fn rest_if_nobody_else(task: &mut Task, ctx: ShardContext<'_>, pause: impl Fn(u32) -> std::time::Duration) {
    if task.running().is_empty() && ctx.all_active_are_in(&task.avoided) {
        task.failures += 1;
        task.status = Status::Waiting { until: ctx.now + pause(task.failures) };
    }
}

fn minutes(ctx: ShardContext<'_>) -> u64 {
    ctx.policy.throttled_max.as_secs() / 60
}

fn is_out_of_patience(since: &mut Option<std::time::Duration>, ctx: ShardContext<'_>) -> bool {
    let since = *since.get_or_insert(ctx.now);
    ctx.now.saturating_sub(since) >= ctx.policy.throttled_max
}
