//! A shift: the time under one lease.
//!
//! One loop owns the state. Each slow operation (a call, an attempt) is a task of its own that ends with an
//! [`Event`]. When the shift ends, for any reason, the tasks are dropped and every attempt is stopped.

mod claims; //   requests for work
mod drain; //    orderly exit
mod event; //    events of the loop
mod outcomes; // outcomes of attempts
mod register; // registration with the cluster
mod turn; //     timing of repeated calls
mod unfit; //    periods in which the machine cannot work

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
use crate::metrics;
use drain::Draining;
use event::Event;
use proto::dispatch::{Beat, DispatchError, Orders};
use turn::Turn;
use unfit::Unfit;

/// Interval between two heartbeats.
const BEAT_PAUSE: Duration = Duration::from_secs(1);

/// Ending of a shift.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ShiftEnd {
    /// The lease was lost.
    Lost,
    /// The worker left, as it was asked to.
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
    /// Starts a shift under `session`, without attempts.
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

    /// Works until the lease is lost or the drain is complete.
    pub(super) async fn run(mut self, mut wish: DrainWish<'_>) -> Result<ShiftEnd, AgentError> {
        tracing::info!(worker = %self.worker(), name = self.agent.settings.name, "shift began");
        loop {
            self.begin_what_is_due();
            if self.has_drained() {
                return Ok(self.leave().await);
            }
            let wake_at = self.wake_at();
            let event = tokio::select! {
                biased;
                loss = self.session.lost() => {
                    tracing::warn!(worker = %self.worker(), ?loss, attempts = self.running.beats().len(), "lost the lease; stopped all attempts");
                    metrics::lease_lost();
                    for (kind, took) in self.running.lost() {
                        metrics::attempt_ended(kind, metrics::LEASE_LOST, took);
                    }
                    return Ok(if self.draining.is_some() { ShiftEnd::Drained } else { ShiftEnd::Lost });
                }
                reason = &mut wish, if self.draining.is_none() => {
                    self.begin_drain(reason);
                    continue;
                }
                Some(ended) = self.tasks.join_next() => match ended {
                    Ok(event) => event,
                    // Tasks of a live shift are never aborted, so this one panicked: pass the panic on.
                    Err(error) => std::panic::resume_unwind(error.into_panic()),
                },
                () = tokio::time::sleep_until(wake_at) => continue,
            };
            self.handle(event)?;
            metrics::busy_slots(self.agent.settings.slots.saturating_sub(self.agent.slots.available_permits()));
        }
    }

    fn worker(&self) -> LeaseId {
        self.session.lease()
    }

    /// Begins each call that is due and not already running.
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

    /// Time at which the next call is due.
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

    fn handle(&mut self, event: Event) -> Result<(), AgentError> {
        match event {
            Event::Stepped(step, Ok(())) => {
                self.standing.done(step);
                self.registering.end(Instant::now());
            }
            Event::Stepped(step, Err(error)) => self.not_registered(&step, error)?,
            Event::Claimed(claimed) => self.claimed(claimed)?,
            Event::Beaten(beaten) => self.beaten(beaten)?,
            Event::Computed(grant, outcome) => self.computed(*grant, *outcome),
            Event::Reported(held, reported) => self.reported(&held, reported)?,
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

    fn beaten(&mut self, beaten: Result<Orders, DispatchError>) -> Result<(), AgentError> {
        self.beating.end(Instant::now() + self.backoff.jittered(BEAT_PAUSE));
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

    /// Handles a call that the leader did not answer; it is tried again in any case.
    fn leader_failed(&mut self, error: &DispatchError) -> Result<(), AgentError> {
        match error {
            DispatchError::Away { .. } => tracing::debug!(%error, "failed to reach the leader"),
            DispatchError::UnknownWorker { .. } => {
                tracing::info!(%error, "the leader did not know this worker; registering again");
                self.standing.forget();
            }
            DispatchError::NotTaken { reason } => {
                tracing::error!(reason, "the leader refused a request of this worker as invalid; please report this");
            }
            DispatchError::Incompatible { reason } => return Err(AgentError::Incompatible { reason: reason.clone() }),
        }
        Ok(())
    }
}
