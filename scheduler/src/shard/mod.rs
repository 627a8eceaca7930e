//! State of one shard: its phases and tasks.
//!
//! ```text
//!            every split read          every partition
//!            and stitched              reduced, books balance     manifest visible
//! Mapping <--------------> Reducing -----------------> Committing ----------> Ended(Done)
//!    |      a run is lost      |                            |
//!    +------ a failure that counts, or cancelled -----------+--------------> Ended(Failed | Cancelled)
//! ```

mod failure; //  consequences of a failed attempt
mod output; //   contents of the manifest
mod segments; // map tasks of one segment, and the check that their ranges join

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use model::{AttemptId, Invariant, PartitionId, Report, RunEntry, RunList, ShardPlan, TaskId, TaskKind, TaskPath};

use crate::event::{Effect, ListedRuns, NextAttempt, Restored, ShardEnd, TaskInput, WorkerId};
use crate::task::{Running, Status, Task, Tasks};

/// Context of a change: the time, the live workers, and the policy.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ShardContext<'a> {
    pub(crate) now: Duration,
    pub(crate) workers: &'a BTreeSet<WorkerId>,
    /// Live workers that take no work, because they drain or are unfit.
    pub(crate) resting: &'a BTreeSet<WorkerId>,
    pub(crate) policy: &'a crate::Policy,
}

impl ShardContext<'_> {
    /// True if every live worker is in `avoided`.
    pub(crate) fn all_are_in(&self, avoided: &BTreeSet<WorkerId>) -> bool {
        self.workers.is_subset(avoided)
    }

    /// True if every worker that takes work is in `avoided`.
    pub(crate) fn all_active_are_in(&self, avoided: &BTreeSet<WorkerId>) -> bool {
        self.workers.iter().all(|worker| self.resting.contains(worker) || avoided.contains(worker))
    }
}

/// Shard, from its plan to its end.
#[derive(Debug)]
pub(crate) struct Shard {
    plan: Arc<ShardPlan>,
    /// Segment bytes of the plan.
    bytes: u64,
    pub(crate) maps: Tasks,
    pub(crate) reduces: Tasks,
    /// Ordinals of the map tasks of each segment, or pack of segments.
    segments: Vec<Range<u32>>,
    phase: Phase,
    /// Runs to reduce; set when the last map task is done.
    runs: Option<Arc<ListedRuns>>,
    counts: Counts,
    /// Message of the store that turned a task away last; cleared when a store lets a task through.
    turned_away: Option<Box<str>>,
}

/// Phase of a shard's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Map tasks are open.
    Mapping,
    /// Every split is read and stitched; partitions are reduced.
    Reducing,
    /// The manifest is being written.
    Committing,
    /// The shard has ended.
    Ended,
}

/// Counts of a shard's attempts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Attempts that were assigned, under all leaders.
    pub attempts: u32,
    /// Attempts that have failed.
    pub failed: u32,
    /// Second attempts, begun beside a slow one.
    pub speculative: u32,
}

impl Shard {
    pub(crate) fn new(plan: Arc<ShardPlan>) -> Self {
        let maps = Tasks::new(plan.map_tasks.iter().map(model::MapTask::bytes));
        let reduces = Tasks::new(plan.partition_ids().map(|_| 0));
        let segments = segments::groups(&plan);
        let bytes = plan.bytes();
        Self {
            plan,
            bytes,
            maps,
            reduces,
            segments,
            phase: Phase::Mapping,
            runs: None,
            counts: Counts::default(),
            turned_away: None,
        }
    }

    /// Returns the message of the stores that turn the shard's tasks away, if they do.
    pub(crate) fn turned_away(&self) -> Option<&str> {
        self.turned_away.as_deref()
    }

    pub(crate) fn plan(&self) -> &Arc<ShardPlan> {
        &self.plan
    }

    pub(crate) fn phase(&self) -> Phase {
        self.phase
    }

    pub(crate) fn counts(&self) -> Counts {
        self.counts
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.phase == Phase::Ended
    }

    /// Returns the segment bytes of the shard, by which the longest shard goes first.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Counts the attempts that run.
    pub(crate) fn running(&self) -> usize {
        self.maps.running() + self.reduces.running()
    }

    /// True if a task can begin.
    pub(crate) fn has_open(&self) -> bool {
        match self.phase {
            Phase::Mapping => self.maps.are_open(),
            Phase::Reducing => self.reduces.are_open(),
            Phase::Committing | Phase::Ended => false,
        }
    }

    /// True if the shard can still be cancelled. In `Committing` the manifest may already be visible.
    pub(crate) fn can_be_cancelled(&self) -> bool {
        matches!(self.phase, Phase::Mapping | Phase::Reducing)
    }

    /// Returns the tasks of one kind.
    pub(crate) fn tasks(&self, kind: TaskKind) -> &Tasks {
        match kind {
            TaskKind::Map => &self.maps,
            TaskKind::Reduce => &self.reduces,
        }
    }

    fn tasks_mut(&mut self, kind: TaskKind) -> &mut Tasks {
        match kind {
            TaskKind::Map => &mut self.maps,
            TaskKind::Reduce => &mut self.reduces,
        }
    }

    /// Returns a task of the plan; none after the shard's end.
    pub(crate) fn task(&self, task: TaskId) -> Option<&Task> {
        self.tasks(task.kind).get(task.ordinal)
    }

    fn path(&self, task: TaskId) -> TaskPath {
        TaskPath { job: self.plan.job.clone(), shard: self.plan.shard, task }
    }

    /// Restores the progress under an earlier leader.
    pub(crate) fn restore(&mut self, restored: Restored, now: Duration) {
        self.counts.attempts = restored.tried.iter().map(|(_, tried)| tried.last).sum();
        for (task, tried) in restored.tried {
            let tasks = self.tasks_mut(task.kind);
            if tasks.get(task.ordinal).is_some() {
                tasks.change(task.ordinal, |task| task.tried = tried);
            }
        }
        for (task, attempt, report) in restored.done {
            self.put_done(task, attempt, report, now);
        }
        for (task, attempt, worker) in restored.running {
            let running =
                Running { number: attempt.number, attempt: Some(attempt), worker, since: now, is_speculative: false };
            self.tasks_mut(task.kind).put_running(task.ordinal, running);
        }
    }

    /// Begins an attempt at the heaviest task that is open to `worker`.
    pub(crate) fn claim(&mut self, worker: WorkerId, ctx: ShardContext<'_>) -> Option<NextAttempt> {
        match self.phase {
            Phase::Mapping => {
                let ordinal = self.maps.open_to(worker, ctx)?;
                Some(self.begin(TaskId::map(ordinal), worker, ctx.now))
            }
            Phase::Reducing => {
                let ordinal = self.reduces.open_to(worker, ctx)?;
                Some(self.begin(TaskId::reduce(PartitionId(ordinal)), worker, ctx.now))
            }
            Phase::Committing | Phase::Ended => None,
        }
    }

    /// Begins an attempt at `task`, first or second.
    pub(crate) fn begin(&mut self, task: TaskId, worker: WorkerId, now: Duration) -> NextAttempt {
        self.counts.attempts += 1;
        let number = self.tasks_mut(task.kind).begin(task.ordinal, worker, now);
        let input = match task.kind {
            TaskKind::Map => {
                TaskInput::Map { exact_start: self.maps.get(task.ordinal).and_then(|task| task.tried.exact_start) }
            }
            TaskKind::Reduce => TaskInput::Reduce { runs: self.runs() },
        };
        NextAttempt { worker, task: self.path(task), number, input }
    }

    /// Begins a second attempt beside a slow one whose claim stands. A reduce attempt may still run although a map task was
    /// opened again: its own list of runs is complete, and a second attempt would be given one without that task's run.
    pub(crate) fn speculate(&mut self, task: TaskId, worker: WorkerId, now: Duration) -> Option<NextAttempt> {
        let phase = match task.kind {
            TaskKind::Map => Phase::Mapping,
            TaskKind::Reduce => Phase::Reducing,
        };
        let running = self.task(task)?.running();
        if self.phase != phase || running.len() != 1 || running[0].attempt.is_none() {
            return None;
        }
        self.counts.speculative += 1;
        Some(self.begin(task, worker, now))
    }

    fn runs(&mut self) -> Arc<ListedRuns> {
        let partitions = self.plan.partitions;
        debug_assert!(self.maps.are_done(), "a list without the run of an open map task loses its points");
        let maps = &self.maps;
        let listed = || {
            let entry = |(ordinal, task): (usize, &Task)| {
                Some(RunEntry { map_task: ordinal as u32, object: task.map_report()?.run.clone()? })
            };
            let list = RunList { runs: maps.iter().enumerate().filter_map(entry).collect() };
            #[cfg(feature = "planted")]
            let list = planted_order(list);
            Arc::new(ListedRuns { digest: list.digest(), list, partitions })
        };
        Arc::clone(self.runs.get_or_insert_with(listed))
    }

    /// Notes that an attempt's claim was written. Returns false if the attempt is no longer wanted and must be
    /// stopped.
    pub(crate) fn claimed(&mut self, task: TaskId, attempt: AttemptId) -> bool {
        self.tasks_mut(task.kind).claimed(task.ordinal, attempt) && !self.has_ended()
    }

    /// Returns the attempt if it runs.
    pub(crate) fn running_as(&self, task: TaskId, attempt: AttemptId) -> Option<Running> {
        self.task(task)?.running_as(attempt)
    }

    /// Ends attempts uncharged: handed back, refused, or of a lost worker.
    pub(crate) fn drop_attempts(&mut self, task: TaskId, is_dropped: impl Fn(&Running) -> bool) {
        self.tasks_mut(task.kind).drop_attempts(task.ordinal, is_dropped);
    }

    /// Records the attempt that counts, and stops every other attempt at its task.
    pub(crate) fn recorded(
        &mut self,
        task: TaskId,
        attempt: AttemptId,
        report: Report,
        ctx: ShardContext<'_>,
        effects: &mut Vec<Effect>,
    ) {
        self.turned_away = None;
        let others = self.put_done(task, attempt, report, ctx.now);
        let losers = others.into_iter().filter_map(|other| Some((other.attempt?, other.worker)));
        for (loser, worker) in losers.filter(|(loser, _)| *loser != attempt) {
            effects.push(Effect::Stop { worker, task: self.path(task), attempt: loser });
        }
        if task.kind == TaskKind::Map {
            self.stitch_around(task.ordinal, ctx, effects);
        }
        self.advance(effects);
    }

    /// Frees the number of an attempt whose claim was never written.
    pub(crate) fn take_back(&mut self, task: TaskId, number: u32) {
        let tasks = self.tasks_mut(task.kind);
        if tasks.get(task.ordinal).is_some_and(|task| task.tried.last == number) {
            tasks.change(task.ordinal, |task| task.tried.last -= 1);
        }
    }

    fn put_done(&mut self, task: TaskId, attempt: AttemptId, report: Report, at: Duration) -> Vec<Running> {
        match (task.kind, &report) {
            (TaskKind::Map, Report::Map(_)) | (TaskKind::Reduce, Report::Reduce(_)) => {
                self.tasks_mut(task.kind).put_done(task.ordinal, attempt, report, at)
            }
            // Reports are checked against their task before they come here (`coordinator::check_report`).
            _ => Vec::new(),
        }
    }

    /// Marks a task as open again.
    pub(crate) fn reopened(&mut self, task: TaskId) {
        self.tasks_mut(task.kind).open_if(task.ordinal, |status| matches!(status, Status::Reopening));
    }

    /// Opens a task whose pause has ended at `now`.
    pub(crate) fn wake(&mut self, task: TaskId, now: Duration) {
        let has_rested = |status: &Status| matches!(status, Status::Waiting { until } if *until <= now);
        self.tasks_mut(task.kind).open_if(task.ordinal, has_rested);
    }

    /// Lists the attempts that run.
    pub(crate) fn all_running(&self) -> impl Iterator<Item = (TaskId, Running)> {
        let maps = self.maps.all_running().map(|(ordinal, running)| (TaskId::map(ordinal), running));
        let reduces =
            self.reduces.all_running().map(|(ordinal, running)| (TaskId::reduce(PartitionId(ordinal)), running));
        maps.chain(reduces)
    }

    /// Ends the shard and stops its attempts.
    pub(crate) fn end(&mut self, end: ShardEnd, effects: &mut Vec<Effect>) {
        if self.has_ended() {
            return;
        }
        let stop = |(task, running): (TaskId, Running)| {
            let attempt = running.attempt?;
            Some(Effect::Stop { worker: running.worker, task: self.path(task), attempt })
        };
        effects.extend(self.all_running().filter_map(stop));
        effects.push(Effect::End { job: self.plan.job.clone(), shard: self.plan.shard, end });
        self.phase = Phase::Ended;
        // A job may have a million tasks; their outcomes are on record, so the memory is freed.
        self.maps = Tasks::new(std::iter::empty());
        self.reduces = Tasks::new(std::iter::empty());
        self.runs = None;
    }

    /// Moves to the next phase if the finished tasks allow it.
    pub(crate) fn advance(&mut self, effects: &mut Vec<Effect>) {
        if self.phase == Phase::Mapping && self.maps.are_done() {
            if let Some(cause) = self.too_much_is_bad() {
                return self.end(ShardEnd::Failed { cause }, effects);
            }
            self.phase = Phase::Reducing;
        }
        if self.phase == Phase::Reducing && self.reduces.are_done() {
            let output = self.output();
            if let Err(unbalanced) = output.books.balance() {
                return self.violated(Invariant::Dt1, unbalanced.to_string(), effects);
            }
            self.phase = Phase::Committing;
            effects.push(Effect::Commit { output: Box::new(output) });
        }
    }

    /// Ends the shard over a broken invariant, so that none of its output becomes visible.
    fn violated(&mut self, invariant: Invariant, what: String, effects: &mut Vec<Effect>) {
        effects.push(Effect::Violated { invariant, what: what.clone() });
        self.end(ShardEnd::Failed { cause: what }, effects);
    }

    /// Goes back to mapping after the run of a map task was lost.
    fn map_again(&mut self) {
        self.runs = None;
        if self.phase == Phase::Reducing {
            self.phase = Phase::Mapping;
        }
    }

    /// Returns a cause of failure if the shard's tasks together quarantine more than the job allows.
    fn too_much_is_bad(&self) -> Option<String> {
        let reports = self.maps.iter().filter_map(Task::map_report);
        let (frames, bytes) = reports.fold((0, 0), |(frames, bytes), report| {
            (frames + report.books.frames_quarantined, bytes + report.books.bytes_quarantined)
        });
        let (settings, shard_bytes) = (&self.plan.settings, self.bytes);
        if frames > settings.bad_frames_max {
            let max = settings.bad_frames_max;
            return Some(format!(
                "{frames} bad frames, over the {max} that a shard may quarantine; raise `--bad-frames-max` if that is acceptable"
            ));
        }
        let max = settings.bad_bytes_max;
        (bytes > max.bytes_of(shard_bytes)).then(|| {
            let share = model::loss::share_text(bytes, shard_bytes);
            format!(
                "{bytes} bytes in {frames} bad frames ({share} of the shard), over the {max} that a shard may quarantine; raise `--bad-bytes-max` if that loss is acceptable"
            )
        })
    }
}

/// Puts runs in the order in which they were written, by the token of their attempts.
#[cfg(feature = "planted")]
fn planted_order(mut list: RunList) -> RunList {
    if crate::planted::is_planted(crate::planted::Planted::ArrivalOrder) {
        list.runs.sort_by_key(|run| std::cmp::Reverse(run.object.key.rsplit('-').next().map(str::to_owned)));
    }
    list
}
