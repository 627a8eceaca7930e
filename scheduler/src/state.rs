//! State of all jobs and workers, and `step`, the one function that changes it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use model::limits::OPEN_JOBS_MAX;
use model::{JobId, ShardId, TaskId, TaskPath};

use crate::assign;
use crate::event::{Effect, Event, NextAttempt, Restored, ShardEnd, WorkerId};
use crate::job::Job;
use crate::job::life::{self, JobEffect, JobEvent, Life, Refusal};
use crate::policy::Policy;
use crate::shard::{Shard, ShardContext};
use crate::task::Status;

/// State of the scheduler: policy, jobs, workers.
#[derive(Debug, Default)]
pub struct State {
    pub(crate) policy: Policy,
    pub(crate) jobs: BTreeMap<JobId, Job>,
    pub(crate) workers: BTreeSet<WorkerId>,
    pub(crate) resting: BTreeSet<WorkerId>,
    /// Pausing tasks, by the time at which they open again.
    waiting: BTreeSet<(Duration, TaskPath)>,
    jobs_seen: u64,
    /// Units of the tasks that were done, and the time of the attempts that did them; see `demand`.
    pub(crate) units_done: u64,
    pub(crate) busy: Duration,
}

impl State {
    /// Creates a state without jobs or workers.
    pub fn new(policy: Policy) -> Self {
        Self { policy, ..Self::default() }
    }

    /// True if a worker that asks might get something: work is open, or an attempt may be slow.
    pub fn has_open(&self) -> bool {
        self.jobs.values().any(|job| job.has_open() && job.has_room())
    }

    /// Counts the running attempts of all jobs.
    pub fn running(&self) -> usize {
        self.jobs.values().map(Job::running).sum()
    }

    /// Returns the state of a job; none if its name is free.
    pub fn life(&self, job: &JobId) -> Option<Life> {
        self.jobs.get(job).map(|job| job.life)
    }

    /// Lists the jobs whose names are taken.
    pub fn job_ids(&self) -> impl Iterator<Item = &JobId> {
        self.jobs.keys()
    }

    /// True if every job has ended.
    pub fn has_ended(&self) -> bool {
        self.jobs.values().all(|job| job.life.has_ended())
    }

    /// Moves a job, and its entry with it.
    fn move_job(&mut self, id: &JobId, event: JobEvent, now: Duration) -> Vec<Effect> {
        let before = self.life(id);
        let is_request = matches!(event, JobEvent::Submitted | JobEvent::Retried);
        let (after, effects) = if before.is_none() && is_request && self.jobs.len() >= OPEN_JOBS_MAX {
            (None, vec![JobEffect::Refuse(Refusal::TooMany)])
        } else {
            life::step(before, event, now)
        };
        match (self.jobs.get_mut(id), after) {
            (Some(job), Some(life)) => job.life = life,
            (Some(_), None) => drop(self.jobs.remove(id)),
            (None, Some(life)) => {
                self.jobs_seen += 1;
                self.jobs.insert(id.clone(), Job::new(life, self.jobs_seen));
            }
            (None, None) => {}
        }
        let mut effects: Vec<_> = effects.into_iter().map(|effect| Effect::Job { job: id.clone(), effect }).collect();
        if event == JobEvent::Opened {
            self.end_if_idle(id, now, &mut effects);
        }
        effects
    }

    /// Ends a job whose last shard has ended.
    fn end_if_idle(&mut self, id: &JobId, now: Duration, effects: &mut Vec<Effect>) {
        let is_idle = |job: &&Job| job.is_idle() && matches!(job.life, Life::Running { .. });
        if self.jobs.get(id).filter(is_idle).is_some() {
            effects.extend(self.move_job(id, JobEvent::ShardsEnded, now));
        }
    }

    /// Changes a shard that has not ended; returns the effects that follow.
    fn on_shard(
        &mut self,
        job: &JobId,
        id: ShardId,
        now: Duration,
        change: impl FnOnce(&mut Shard, ShardContext<'_>, &mut Vec<Effect>),
    ) -> Vec<Effect> {
        let ctx = ShardContext { now, workers: &self.workers, resting: &self.resting, policy: &self.policy };
        let Some(entry) = self.jobs.get_mut(job) else { return Vec::new() };
        let Some(shard) = entry.shards.get_mut(&id).filter(|shard| !shard.has_ended()) else { return Vec::new() };
        let mut effects = Vec::new();
        change(shard, ctx, &mut effects);
        let has_ended = shard.has_ended();
        if has_ended {
            entry.close(id);
        }
        entry.update_ready(id);
        if has_ended {
            effects.extend(self.move_job(job, JobEvent::ShardEnded, now));
            self.end_if_idle(job, now, &mut effects);
        }
        effects
    }

    /// Ends a shard of which only the record is left.
    fn shard_lost(&mut self, job: JobId, shard: ShardId, cause: String, now: Duration) -> Vec<Effect> {
        let mut effects = self.move_job(&job, JobEvent::ShardEnded, now);
        effects.push(Effect::End { job, shard, end: ShardEnd::Failed { cause } });
        effects
    }

    /// Lets time pass for jobs that wait for it.
    fn tick(&mut self, now: Duration) -> Vec<Effect> {
        let waits = |(id, job): (&JobId, &Job)| matches!(job.life, Life::Paused { .. }).then(|| id.clone());
        let waiting: Vec<JobId> = self.jobs.iter().filter_map(waits).collect();
        waiting.iter().flat_map(|id| self.move_job(id, JobEvent::Tick, now)).collect()
    }

    /// Opens the tasks whose pause has ended.
    fn wake(&mut self, now: Duration) {
        while let Some((_, task)) = self.waiting.first().filter(|(until, _)| *until <= now).cloned() {
            self.waiting.pop_first();
            self.on_shard(&task.job, task.shard, now, |shard, _, _| shard.wake(task.task, now));
        }
    }

    /// Remembers when a task's pause ends.
    fn note_rest(&mut self, path: &TaskPath) {
        let shard = self.jobs.get(&path.job).and_then(|job| job.shards.get(&path.shard));
        let until = shard.and_then(|shard| rest_of(&shard.task(path.task)?.status));
        self.waiting.extend(until.map(|until| (until, path.clone())));
    }

    /// True if the scheduler knows the attempt as running.
    fn holds(&self, path: &TaskPath, attempt: model::AttemptId) -> bool {
        let shard = self.jobs.get(&path.job).and_then(|job| job.shards.get(&path.shard));
        shard.is_some_and(|shard| shard.running_as(path.task, attempt).is_some())
    }

    fn attempt_over(&mut self, path: &TaskPath, number: u32) {
        if let Some(job) = self.jobs.get_mut(&path.job) {
            job.remove_attempt(path.shard, path.task, number, None);
        }
    }

    fn worker_lost(&mut self, worker: WorkerId, now: Duration) {
        self.workers.remove(&worker);
        self.resting.remove(&worker);
        let lost: Vec<_> = self.jobs.iter().map(|(id, job)| (id.clone(), job.attempts_of(worker))).collect();
        for (job, attempts) in lost {
            for (shard, task, number) in attempts {
                let path = TaskPath { job: job.clone(), shard, task };
                self.give_up(&path, number, now);
            }
        }
    }

    /// Forgets an attempt that produced nothing, and reopens its task.
    fn give_up(&mut self, path: &TaskPath, number: u32, now: Duration) {
        self.attempt_over(path, number);
        self.on_shard(&path.job, path.shard, now, |shard, _, _| {
            shard.drop_attempts(path.task, |running| running.number == number);
        });
    }

    fn planned(
        &mut self,
        plan: std::sync::Arc<model::ShardPlan>,
        restored: Option<Box<Restored>>,
        now: Duration,
    ) -> Vec<Effect> {
        let (job, id) = (plan.job.clone(), plan.shard);
        let Some(entry) = self.jobs.get_mut(&job) else { return Vec::new() };
        let mut shard = Shard::new(plan);
        if let Some(restored) = restored {
            for (task, attempt, worker) in &restored.running {
                entry.add_attempt(id, *task, attempt.number, *worker, now);
            }
            shard.restore(*restored, now);
        }
        entry.open(id, shard);
        // A shard without input has no tasks: it commits at once, as empty.
        self.on_shard(&job, id, now, |shard, ctx, effects| {
            shard.stitch_all(ctx, effects);
            shard.advance(effects);
        })
    }

    fn cancel(&mut self, job: &JobId, cause: &str, now: Duration) -> Vec<Effect> {
        let Some(entry) = self.jobs.get(job) else { return Vec::new() };
        // A shard in `Committing` may be visible already, so its commit decides how it ends.
        let open = entry.shards.iter().filter(|(_, shard)| shard.can_be_cancelled()).map(|(id, _)| *id);
        let open: Vec<ShardId> = open.collect();
        let mut effects = Vec::new();
        for id in open {
            let end = ShardEnd::Cancelled { cause: cause.to_owned() };
            effects.extend(self.on_shard(job, id, now, |shard, _, effects| shard.end(end, effects)));
        }
        effects
    }
}

fn rest_of(status: &Status) -> Option<Duration> {
    match status {
        Status::Waiting { until } => Some(*until),
        _ => None,
    }
}

/// Applies an event and returns the effects to perform. `now` counts from any fixed moment.
pub fn step(state: &mut State, event: Event, now: Duration) -> Vec<Effect> {
    state.wake(now);
    match event {
        Event::Job { job, round, event } => {
            let is_late = |known: &Job| round.is_some_and(|round| round != known.round);
            if state.jobs.get(&job).is_some_and(is_late) { Vec::new() } else { state.move_job(&job, event, now) }
        }
        Event::JobSpecified { job, round, weight, running_max } => {
            if let Some(known) = state.jobs.get_mut(&job) {
                (known.round, known.weight, known.running_max) = (round, weight.max(1), running_max);
            }
            Vec::new()
        }
        Event::ShardPlanned { plan, restored } => state.planned(plan, restored, now),
        Event::WorkerJoined { worker } => {
            state.workers.insert(worker);
            Vec::new()
        }
        Event::WorkerRests { worker, rests } => {
            if rests && state.workers.contains(&worker) {
                state.resting.insert(worker);
            } else {
                state.resting.remove(&worker);
            }
            Vec::new()
        }
        Event::WorkerLost { worker } => {
            state.worker_lost(worker, now);
            Vec::new()
        }
        Event::Claimed { task, attempt } => claimed(state, task, attempt, now),
        Event::ClaimRefused { task, number } => {
            state.give_up(&task, number, now);
            // The number was never written, so the next attempt may have it (LS-1 covers written numbers only).
            state.on_shard(&task.job, task.shard, now, |shard, _, _| shard.take_back(task.task, number))
        }
        Event::Recorded { task, attempt, report } => {
            if let Some(job) = state.jobs.get_mut(&task.job) {
                job.remove_attempts_at(task.shard, task.task, attempt.number, now);
                if let Some((shard, running)) =
                    job.shards.get(&task.shard).and_then(|shard| Some((shard, shard.running_as(task.task, attempt)?)))
                {
                    state.units_done += shard.units_of(task.task);
                    state.busy += now.saturating_sub(running.since);
                }
            }
            state.on_shard(&task.job, task.shard, now, |shard, ctx, effects| {
                shard.recorded(task.task, attempt, *report, ctx, effects);
            })
        }
        Event::Failed { task, attempt, .. } | Event::HandedBack { task, attempt } if !state.holds(&task, attempt) => {
            // A late report about an attempt that is over changes nothing (LS-3).
            Vec::new()
        }
        Event::Failed { task, attempt, failure } => {
            let effects = state.on_shard(&task.job, task.shard, now, |shard, ctx, effects| {
                shard.failed(task.task, attempt, failure, ctx, effects);
            });
            state.attempt_over(&task, attempt.number);
            state.note_rest(&task);
            effects
        }
        Event::HandedBack { task, attempt } => {
            state.attempt_over(&task, attempt.number);
            state.on_shard(&task.job, task.shard, now, |shard, _, _| {
                shard.drop_attempts(task.task, |running| running.attempt == Some(attempt));
            })
        }
        Event::Reopened { task } => state.on_shard(&task.job, task.shard, now, |shard, _, _| shard.reopened(task.task)),
        Event::Committed { job, shard, version } => {
            state.on_shard(&job, shard, now, |shard, _, effects| shard.end(ShardEnd::Done { version }, effects))
        }
        Event::CommitFailed { job, shard, cause } => {
            state.on_shard(&job, shard, now, |shard, _, effects| shard.end(ShardEnd::Failed { cause }, effects))
        }
        Event::CommitWithdrawn { job, shard, cause } => {
            state.on_shard(&job, shard, now, |shard, _, effects| shard.end(ShardEnd::Cancelled { cause }, effects))
        }
        Event::ShardLost { job, shard, cause } => state.shard_lost(job, shard, cause, now),
        Event::Cancelled { job, cause } => state.cancel(&job, &cause, now),
        Event::Tick => state.tick(now),
    }
}

/// Assigns up to `slots` tasks to a worker that asks for work. A worker that has not joined or is lost gets none: its
/// request may have been delayed for long.
pub fn claim(state: &mut State, worker: WorkerId, slots: usize, now: Duration) -> Vec<NextAttempt> {
    state.wake(now);
    assign::claim(state, worker, slots, now)
}

/// Handles a written claim. If the attempt is no longer wanted, stops it and ends its claim.
fn claimed(state: &mut State, path: TaskPath, attempt: model::AttemptId, now: Duration) -> Vec<Effect> {
    let worker = state.jobs.get(&path.job).and_then(|job| job.worker_of(path.shard, path.task, attempt.number));
    let mut is_wanted = false;
    let TaskPath { job, shard, task } = &path;
    let effects = state.on_shard(job, *shard, now, |shard: &mut Shard, _, _| {
        is_wanted = shard.claimed(*task as TaskId, attempt);
    });
    match worker {
        Some(worker) if !is_wanted => {
            state.attempt_over(&path, attempt.number);
            vec![Effect::Stop { worker, task: path, attempt }]
        }
        _ => effects,
    }
}
