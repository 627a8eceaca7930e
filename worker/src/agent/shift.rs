//! A shift: the time under one lease.
//!
//! One loop owns the state. Whatever takes time (a call, an attempt) is a task of its own that ends with an [`Event`];
//! the shift's end, whatever it is, drops them all and stops every attempt.

mod claims; //   what the leader grants
mod drain; //    the way out
mod event; //    what the loop hears
mod outcomes; // what became of attempts
mod register; // how the cluster comes to know the worker
mod turn; //     what is done again and again
mod unfit; //    when the machine cannot work

use std::sync::Arc;
use std::time::Duration;

use model::LeaseId;
use storage::meta::LeaseSession;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::backoff::Backoff;
use super::running::{Phase, Running};
use super::standing::Standing;
use super::{Agent, AgentError, DrainWish};
use crate::drain::Pace;
use crate::fitness::Fitness;
use crate::leader::{Beat, LeaderError, Orders};
use crate::metrics;
use drain::Draining;
use event::Event;
use turn::Turn;
use unfit::Unfit;

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

    fn beat(&self) -> Beat {
        Beat {
            attempts: self.running.beats(),
            unfit: self.unfit.as_ref().map(|unfit| unfit.reason.clone()),
            draining: self.draining.as_ref().map(|draining| draining.reason().to_owned()),
        }
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
            LeaderError::NotTaken { reason } => {
                tracing::error!(reason, "the leader does not take a request of this worker; please report this");
            }
            LeaderError::Incompatible { reason } => return Err(AgentError::Incompatible { reason: reason.clone() }),
        }
        Ok(())
    }
}
