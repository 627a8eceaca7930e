//! Claims: workers that wait for work, and the grants that they get.
//!
//! A claim waits until there is work or its time is up. Assignments of the scheduler are journaled first, then granted.
//! If the caller is gone, its grants are handed back at once. If the reply was lost on the network, `beats` takes the
//! grants back.

use std::sync::Arc;
use std::time::Duration;

use model::error::chain;
use model::{Grant, HeldAttempt, JobId, LeaseId, TraceParent};
use proto::dispatch::DispatchError;
use scheduler::{Event, NextAttempt, TaskInput};
use tokio::time::Instant;

use super::Leader;
use super::message::{Assigned, Outcome, Reply};
use crate::journal::JournalError;

/// Longest wait of a claim: shorter than the wait that proxies cut off.
const WAIT_MAX: Duration = Duration::from_secs(30);
/// Most tasks that one claim gets.
const SLOTS_MAX: u32 = 256;

/// Claim that waits for work.
pub(crate) struct Waiting {
    worker: LeaseId,
    slots: u32,
    until: Instant,
    reply: Reply<Vec<Grant>, DispatchError>,
}

impl Leader {
    pub(super) fn claim(
        &mut self,
        worker: LeaseId,
        slots: u32,
        wait: Duration,
        reply: Reply<Vec<Grant>, DispatchError>,
    ) {
        if !self.workers.contains_key(&worker) {
            let _ = reply.send(Err(DispatchError::UnknownWorker { worker }));
            return;
        }
        let (slots, until) = (slots.min(SLOTS_MAX), Instant::now() + wait.min(WAIT_MAX));
        self.waiting.push_back(Waiting { worker, slots, until, reply });
    }

    /// Refuses the waiting claims of a worker that is gone: they must not bring it back.
    pub(super) fn drop_claims(&mut self, worker: LeaseId) {
        let (gone, left): (Vec<_>, Vec<_>) = self.waiting.drain(..).partition(|waiting| waiting.worker == worker);
        self.waiting = left.into();
        for waiting in gone {
            let _ = waiting.reply.send(Err(DispatchError::UnknownWorker { worker }));
        }
    }

    /// Assigns work to the claims that wait, as far as there is any. Slow attempts are looked for only with each tick.
    pub(super) fn serve(&mut self, is_tick: bool) {
        let now = Instant::now();
        self.waiting.retain(|waiting| !waiting.reply.is_closed());
        let may_assign = self.blocked.as_ref().is_none_or(|(_, until)| *until <= now);
        let mut left = std::collections::VecDeque::new();
        while let Some(waiting) = self.waiting.pop_front() {
            let is_worth_it = may_assign && (self.state.has_open() || is_tick);
            let assigned = if is_worth_it { self.assign(&waiting) } else { Vec::new() };
            if !assigned.is_empty() {
                self.write_claims(waiting, assigned);
            } else if waiting.until <= now {
                let _ = waiting.reply.send(Ok(Vec::new()));
            } else {
                left.push_back(waiting);
            }
        }
        self.waiting = left;
    }

    fn assign(&mut self, waiting: &Waiting) -> Vec<NextAttempt> {
        let now = self.now();
        scheduler::claim(&mut self.state, waiting.worker, waiting.slots as usize, now)
    }

    fn write_claims(&self, waiting: Waiting, assigned: Vec<NextAttempt>) {
        let Waiting { worker, reply, .. } = waiting;
        let at_ms = self.env.clock.now_ms();
        let claims = assigned.into_iter().map(|NextAttempt { task, number, input, .. }| {
            let (journal, lists) = (self.journal.clone(), Arc::clone(&self.run_lists));
            let scratch = self.jobs.get(&task.job).map(|live| live.scratch(self.settings.scratch.as_deref()));
            let (round, created) = (self.round(&task.job), self.journal.shard_created(&task));
            async move {
                let listed = match (&input, scratch) {
                    (TaskInput::Reduce { runs }, Some(scratch)) => lists.publish(&scratch, &task, runs).await,
                    _ => Ok(()),
                };
                let result = match listed {
                    Ok(()) => journal.claim(task.clone(), created, worker, number, at_ms).await,
                    Err(error) => Err(JournalError::Blocked { reason: chain(&error) }),
                };
                Assigned { task, round, number, input, result }
            }
        });
        let (handle, claims) = (self.handle.clone(), futures::future::join_all(claims));
        tokio::spawn(async move {
            let assigned = claims.await;
            handle.send_outcome(Outcome::Assigned { worker, assigned, reply });
        });
    }

    /// Grants the assignments whose claims were written and still stand.
    pub(super) fn assigned(
        &mut self,
        worker: LeaseId,
        assigned: Vec<Assigned>,
        reply: Reply<Vec<Grant>, DispatchError>,
    ) {
        let mut grants = Vec::with_capacity(assigned.len());
        for Assigned { task, round, number, input, result } in assigned {
            match self.unless_over(result) {
                None => return,
                // The job is in another round by now, which has an attempt of that number too.
                Some(_) if self.round(&task.job) != round => {}
                Some(Ok(attempt)) => {
                    self.apply(Event::Claimed { task: task.clone(), attempt });
                    if self.state.runs(&task, attempt, worker) {
                        let trace = self.begin_trace(&task, attempt);
                        self.note_assigned(&task, attempt, trace);
                        grants.extend(self.grant(HeldAttempt { task, attempt }, input, trace));
                    }
                }
                Some(Err(error)) => {
                    tracing::info!(%task, %worker, %error, "failed to write a claim; the task is assigned again");
                    self.apply(Event::ClaimRefused { task, number });
                }
            }
        }
        if self.workers.contains_key(&worker) {
            self.send_grants(worker, grants, reply);
        } else {
            let _ = reply.send(Err(DispatchError::UnknownWorker { worker }));
        }
    }

    fn round(&self, job: &JobId) -> Option<u32> {
        self.jobs.get(job).map(|live| live.head.round)
    }

    fn grant(&mut self, held: HeldAttempt, input: TaskInput, trace: Option<TraceParent>) -> Option<Grant> {
        let live = self.jobs.get_mut(&held.task.job)?;
        let scratch = live.scratch(self.settings.scratch.as_deref());
        let shard = live.shards.get_mut(&held.task.shard)?;
        shard.begun.get_or_insert_with(Instant::now);
        let (exact_start, runs) = match input {
            TaskInput::Map { exact_start } => (exact_start, None),
            TaskInput::Reduce { runs } => (None, Some(runs.digest)),
        };
        Some(Grant {
            task: held.task,
            attempt: held.attempt,
            dataset: live.spec.dataset.as_str().into(),
            scratch: scratch.into(),
            spec: live.head.spec,
            plan: shard.record.plan,
            exact_start,
            runs,
            trace,
        })
    }

    /// Sends grants to the worker that claimed; takes them back if its call is gone.
    fn send_grants(&mut self, worker: LeaseId, grants: Vec<Grant>, reply: Reply<Vec<Grant>, DispatchError>) {
        let held: Vec<_> =
            grants.iter().map(|grant| HeldAttempt { task: grant.task.clone(), attempt: grant.attempt }).collect();
        for (held, grant) in held.iter().zip(&grants) {
            self.expect_beats(worker, held.clone(), grant.trace);
        }
        if reply.send(Ok(grants)).is_err() {
            self.take_back(held, "its claim was given up before it was answered");
        }
    }
}
