//! Heartbeats: the progress of attempts, and the attempts that their worker does not know.
//!
//! A worker lists every attempt whose end it has not reported. An attempt that is recorded as running but missing from
//! its worker's heartbeats for [`UNSEEN_MAX`] is orphaned: its grant was lost on the way, its return was lost, or
//! another leader died between the record and the reply. Such an attempt is taken back, uncharged, because nobody else
//! would ever end it.

use std::time::Duration;

use model::{Failure, FailureClass, HeldAttempt, LeaseId, TraceParent};
use proto::dispatch::{Beat, DispatchError, Orders};
use scheduler::Event;
use tokio::time::Instant;

use super::Leader;
use super::live::Watched;
use super::message::Reply;
use super::recovering::awaits_takeover;

/// Longest time that an attempt may be missing from heartbeats: its grant may still be under way.
const UNSEEN_MAX: Duration = Duration::from_secs(10);

impl Leader {
    /// Notes that an attempt is recorded as running on `worker`, so that the worker's heartbeats have to show it from
    /// now on.
    pub(super) fn expect_beats(&mut self, worker: LeaseId, held: HeldAttempt, trace: Option<TraceParent>) {
        if let Some(live) = self.workers.get_mut(&worker) {
            live.attempts.insert(held, Watched { trace, ..Watched::from(Instant::now()) });
        }
    }

    /// Handles a heartbeat: notes the progress of each attempt, and replies with the orders for the worker.
    pub(super) fn beat(&mut self, worker: LeaseId, beat: &Beat, reply: Reply<Orders, DispatchError>) {
        let now = Instant::now();
        let state = &self.state;
        let is_unknown = |job: &model::JobId| awaits_takeover(state, job);
        let is_over = |held: &HeldAttempt| !is_unknown(&held.task.job) && !state.runs(&held.task, held.attempt, worker);
        let Some(live) = self.workers.get_mut(&worker) else {
            let _ = reply.send(Err(DispatchError::UnknownWorker { worker }));
            return;
        };
        live.heard = Some(now);
        let begins_to_leave = beat.draining.is_some() && !live.is_leaving();
        live.told_of_leaving |= beat.draining.is_some();
        live.attempts.retain(|held, _| !is_over(held));
        let mut stop = Vec::new();
        for attempt in &beat.attempts {
            if is_over(&attempt.held) {
                stop.push(attempt.held.clone());
            } else {
                let watched = live.attempts.entry(attempt.held.clone()).or_insert_with(|| Watched::from(now));
                watched.see(attempt, now);
            }
        }
        let unseen = live.attempts.iter_mut().filter(|(_, watched)| now - watched.seen > UNSEEN_MAX);
        let unseen: Vec<_> = unseen
            .map(|(held, watched)| {
                // If the attempt cannot be taken back now, it counts as unseen again after another `UNSEEN_MAX`.
                watched.seen = now;
                held.clone()
            })
            .collect();
        let drain = live.drain.clone().filter(|_| beat.draining.is_none());
        self.take_back(unseen, "its worker does not know of it");
        if begins_to_leave {
            self.leaves(worker);
            self.apply(Event::WorkerRests { worker, rests: true });
        }
        let _ = reply.send(Ok(Orders { stop, drain }));
    }

    /// Fails attempts that read and write nothing any more: a process may live on while one of its threads hangs.
    pub(super) fn give_up_the_stuck(&mut self) {
        let (now, max) = (Instant::now(), self.settings.progress_max);
        let mut stuck = Vec::new();
        for (worker, live) in &mut self.workers {
            for (held, watched) in &mut live.attempts {
                if now - watched.changed > max && self.state.runs(&held.task, held.attempt, *worker) {
                    // If the failure cannot be recorded now, the attempt counts as stuck again after another
                    // `progress_max`.
                    watched.changed = now;
                    stuck.push((*worker, held.clone()));
                }
            }
        }
        for (worker, held) in stuck {
            let message = format!("the attempt has read and written nothing for {} s", max.as_secs());
            self.record_failure(held, Failure::new(FailureClass::Transient, message), worker, None);
        }
    }
}
