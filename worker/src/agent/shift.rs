//! A shift: the time under one lease.
//!
//! One loop owns the state. Whatever takes time (a call, an attempt) is a task of its own that ends with an [`Event`];
//! the shift's end, whatever it is, drops them all and stops every attempt.

mod claims; // what the leader grants
mod drain; //  the way out
mod event; //  what the loop hears
mod turn; //   what is done again and again

use std::sync::Arc;
use std::time::Duration;

use format::state_records::{Text, WorkerRecord};
use model::{FailureClass, HeldAttempt, LeaseId};
use storage::meta::{LeaseSession, MetaError};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::backoff::Backoff;
use super::fence::Fence;
use super::running::{Phase, Running};
use super::standing::{self, Standing, Step};
use super::tell::{Teller, Told};
use super::{Agent, AgentError, DrainWish, may_pass};
use crate::drain::Pace;
use crate::fitness::Fitness;
use crate::leader::{Beat, Hello, LeaderError, Orders, PROTOCOL};
use crate::metrics;
use crate::slot::Outcome;
use drain::Draining;
use event::Event;
use turn::Turn;

/// How often the leader hears how the worker does.
const BEAT_PAUSE: Duration = Duration::from_secs(1);

/// How a shift ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ShiftEnd {
    /// Its lease was lost.
    Lost,
    /// It left as it was asked to.
    Drained,
}

/// Why no work is taken.
#[derive(Debug)]
struct Unfit {
    reason: String,
    look_at: Instant,
}

/// The time under one lease.
pub(super) struct Shift<'a> {
    agent: &'a Agent,
    session: LeaseSession,
    fitness: Fitness,
    tasks: JoinSet<Event>,
    running: Running,
    pace: Pace,
    standing: Standing,
    registering: Turn,
    beating: Turn,
    claiming: Turn,
    backoff: Backoff,
    unfit: Option<Unfit>,
    draining: Option<Draining>,
    handing_back: usize,
}

impl<'a> Shift<'a> {
    /// Nothing is done yet.
    pub(super) fn begin(agent: &'a Agent, session: LeaseSession, seed: u64) -> Self {
        let settings = &agent.settings;
        Self {
            agent,
            fitness: Fitness { folder: settings.scratch.clone(), free_min: settings.scratch_free_min },
            session,
            tasks: JoinSet::new(),
            running: Running::default(),
            pace: Pace::default(),
            standing: Standing::default(),
            registering: Turn::due(),
            beating: Turn::due(),
            claiming: Turn::due(),
            backoff: Backoff::seeded(seed),
            unfit: None,
            draining: None,
            handing_back: 0,
        }
    }

    /// Works until the lease is lost or everything is drained.
    pub(super) async fn run(mut self, mut wish: DrainWish<'_>) -> Result<ShiftEnd, AgentError> {
        tracing::info!(worker = %self.worker(), name = self.agent.settings.name, "shift begins");
        loop {
            self.begin_what_is_due();
            if self.has_drained() {
                return Ok(self.leave().await);
            }
            let wake_at = self.wake_at();
            let event = tokio::select! {
                biased;
                loss = self.session.lost() => {
                    tracing::warn!(worker = %self.worker(), ?loss, attempts = self.running.beats().len(), "shift lost");
                    metrics::lease_lost();
                    return Ok(if self.draining.is_some() { ShiftEnd::Drained } else { ShiftEnd::Lost });
                }
                reason = &mut wish, if self.draining.is_none() => {
                    self.begin_drain(reason);
                    continue;
                }
                Some(ended) = self.tasks.join_next() => match ended {
                    Ok(event) => event,
                    // Nobody aborts a task of a shift that goes on: it panicked, and so do we.
                    Err(error) => std::panic::resume_unwind(error.into_panic()),
                },
                () = tokio::time::sleep_until(wake_at) => continue,
            };
            self.take(event)?;
            metrics::busy_slots(self.agent.settings.slots.saturating_sub(self.agent.slots.available_permits()));
        }
    }

    fn worker(&self) -> LeaseId {
        self.session.lease()
    }

    /// Begins whatever is due and not under way.
    fn begin_what_is_due(&mut self) {
        let now = Instant::now();
        self.look_at_fitness(now);
        self.push_drain(now);
        if self.registering.is_due(now)
            && let Some(step) = self.standing.next(&self.record())
        {
            self.registering.begin();
            self.take_step(step);
        }
        if self.beating.is_due(now) && self.standing.is_greeted() {
            self.beating.begin();
            let (leader, worker, beat) = (Arc::clone(&self.agent.leader), self.worker(), self.beat());
            self.tasks.spawn(async move { Event::Beaten(leader.heartbeat(worker, &beat).await) });
        }
        if self.claiming.is_due(now) && self.takes_work() {
            self.begin_claim();
        }
    }

    /// When the next thing is due, if nothing happens before.
    fn wake_at(&self) -> Instant {
        let is_unregistered = self.standing.next(&self.record()).is_some();
        let due = [
            self.registering.due_at().filter(|_| is_unregistered),
            self.beating.due_at().filter(|_| self.standing.is_greeted()),
            self.claiming.due_at().filter(|_| self.takes_work()),
            self.unfit.as_ref().map(|unfit| unfit.look_at),
            self.draining.as_ref().map(Draining::next_at),
        ];
        due.into_iter().flatten().min().unwrap_or_else(|| Instant::now() + BEAT_PAUSE)
    }

    fn take(&mut self, event: Event) -> Result<(), AgentError> {
        match event {
            Event::Stepped(step, Ok(())) => {
                self.standing.done(step);
                self.registering.end(Instant::now());
            }
            Event::Stepped(step, Err(error)) => self.not_registered(&step, error)?,
            Event::Claimed(claimed) => self.claimed(claimed)?,
            Event::Beaten(beaten) => self.beaten(beaten)?,
            Event::Computed(grant, outcome) => self.computed(*grant, *outcome),
            Event::Told(held, told) => self.told(&held, told)?,
            Event::HandedBack => self.handing_back -= 1,
        }
        Ok(())
    }

    fn record(&self) -> WorkerRecord {
        let settings = &self.agent.settings;
        WorkerRecord {
            name: Text::cut(&settings.name),
            slots: settings.slots as u32,
            memory_bytes: settings.memory.0,
            version: Text::cut(env!("CARGO_PKG_VERSION")),
            protocol: PROTOCOL,
            draining: self.draining.as_ref().map(|draining| Text::cut(draining.reason())),
            unfit: self.unfit.as_ref().map(|unfit| Text::cut(&unfit.reason)),
        }
    }

    fn beat(&self) -> Beat {
        Beat {
            attempts: self.running.beats(),
            unfit: self.unfit.as_ref().map(|unfit| unfit.reason.clone()),
            draining: self.draining.as_ref().map(|draining| draining.reason().to_owned()),
        }
    }

    fn take_step(&mut self, step: Step) {
        let (worker, done) = (self.worker(), step.clone());
        match step {
            Step::Post(record) => {
                let posted = standing::post(Arc::clone(&self.agent.meta), worker, record);
                self.tasks.spawn(async move { Event::Stepped(done, posted.await.map_err(event::Refusal::State)) });
            }
            Step::Greet => {
                let settings = &self.agent.settings;
                let hello = Hello {
                    worker,
                    name: settings.name.clone(),
                    version: env!("CARGO_PKG_VERSION").to_owned(),
                    slots: settings.slots as u32,
                };
                let leader = Arc::clone(&self.agent.leader);
                self.tasks.spawn(async move {
                    Event::Stepped(done, leader.hello(&hello).await.map_err(event::Refusal::Leader))
                });
            }
        }
    }

    fn not_registered(&mut self, step: &Step, refusal: event::Refusal) -> Result<(), AgentError> {
        match refusal {
            // The session is told so by its next renewal, and ends the shift.
            event::Refusal::State(MetaError::LeaseGone { .. }) => {}
            event::Refusal::State(error) if may_pass(&error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "not registered yet, trying again");
            }
            event::Refusal::State(error) => return Err(AgentError::State(error)),
            event::Refusal::Leader(error) => self.leader_failed(&error)?,
        }
        tracing::debug!(?step, "registering again");
        self.registering.end(Instant::now() + self.backoff.next());
        Ok(())
    }

    fn beaten(&mut self, beaten: Result<Orders, LeaderError>) -> Result<(), AgentError> {
        self.beating.end(Instant::now() + self.backoff.around(BEAT_PAUSE));
        let orders = match beaten {
            Ok(orders) => orders,
            Err(error) => return self.leader_failed(&error),
        };
        orders.stop.iter().for_each(|held| self.running.stop(held));
        if let Some(reason) = orders.drain.filter(|_| self.draining.is_none()) {
            self.begin_drain(reason);
        }
        Ok(())
    }

    /// What a call that the leader did not answer leads to, beside trying again.
    fn leader_failed(&mut self, error: &LeaderError) -> Result<(), AgentError> {
        match error {
            LeaderError::Away { .. } => tracing::debug!(%error, "leader away"),
            LeaderError::UnknownWorker { .. } => {
                tracing::info!(%error, "registering again");
                self.standing.forget();
            }
            LeaderError::Incompatible { reason } => return Err(AgentError::Incompatible { reason: reason.clone() }),
        }
        Ok(())
    }

    fn computed(&mut self, grant: model::Grant, outcome: Outcome) {
        let held = HeldAttempt { task: grant.task.clone(), attempt: grant.attempt };
        let kind = held.task.task.kind;
        let Some(attempt) = self.running.get_mut(&held) else { return };
        if attempt.phase == Phase::HandedBack {
            metrics::attempt_ended(kind, "handed-back");
            return self.running.remove(&held);
        }
        attempt.phase = Phase::Telling;
        let took = attempt.began_at.elapsed();
        metrics::attempt_computed(kind, &outcome, took);
        match &outcome {
            Outcome::Failed(failure) if failure.class == FailureClass::Resource => {
                self.become_unfit(failure.message.clone());
            }
            Outcome::Failed(_) => {}
            Outcome::Mapped(_) | Outcome::Reduced(_) => self.pace.learn(kind, took),
        }
        let teller = Teller {
            leader: Arc::clone(&self.agent.leader),
            roots: Arc::clone(&self.agent.roots),
            fence: Fence::of(&self.session),
            worker: self.worker(),
            backoff: Backoff::seeded(self.backoff.seed()),
        };
        self.tasks.spawn(async move { Event::Told(held, teller.tell(&grant, outcome).await) });
    }

    fn told(&mut self, held: &HeldAttempt, told: Told) -> Result<(), AgentError> {
        self.running.remove(held);
        let outcome = match told {
            Told::Counts => "counts",
            Told::Refused => "refused",
            Told::Failed(failure) if failure.class == FailureClass::Cancelled => "cancelled",
            Told::Failed(failure) => {
                if failure.class == FailureClass::Resource {
                    self.become_unfit(failure.message);
                }
                "failed"
            }
            Told::Fenced => "fenced",
            Told::Incompatible { reason } => return Err(AgentError::Incompatible { reason }),
        };
        metrics::attempt_ended(held.task.task.kind, outcome);
        Ok(())
    }

    fn become_unfit(&mut self, reason: String) {
        tracing::warn!(reason, "unfit: takes no work until that has changed");
        metrics::unfit(true);
        self.unfit = Some(Unfit { reason, look_at: Instant::now() + self.agent.settings.unfit_pause });
    }

    fn look_at_fitness(&mut self, now: Instant) {
        let Some(unfit) = self.unfit.as_mut().filter(|unfit| now >= unfit.look_at) else { return };
        if self.fitness.trouble().is_some() {
            unfit.look_at = now + self.agent.settings.unfit_pause;
        } else {
            tracing::info!("fit again");
            metrics::unfit(false);
            self.unfit = None;
        }
    }
}
