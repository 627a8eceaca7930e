//! What beats show: how far attempts are, and which of them their worker does not know.
//!
//! A worker lists every attempt that it has not told the end of. One that runs by the record, and stands in no beat of its
//! worker for [`UNSEEN_MAX`], is nobody's: its grant was lost on the way, a return of it was, or another leader died between
//! the record and the answer. It is taken back, uncharged; nobody else would ever end it.

use std::time::Duration;

use model::{AttemptId, Failure, FailureClass, HeldAttempt, LeaseId, TaskPath};
use tokio::time::Instant;
use worker::leader::{Beat, LeaderError, Orders};

use super::Leader;
use super::live::Watched;
use super::message::Reply;
use super::recovering::awaits_takeover;

/// How long an attempt may stand in no beat: its grant may be under way.
const UNSEEN_MAX: Duration = Duration::from_secs(10);

impl Leader {
    /// An attempt runs on `worker` by the record: its beats have to show it from now on.
    pub(super) fn expect_beats(&mut self, worker: LeaseId, task: TaskPath, attempt: AttemptId) {
        if let Some(live) = self.workers.get_mut(&worker) {
            live.attempts.insert(HeldAttempt { task, attempt }, Watched::from(Instant::now()));
        }
    }

    /// How a worker does; what it should do.
    pub(super) fn beat(&mut self, worker: LeaseId, beat: &Beat, reply: Reply<Orders, LeaderError>) {
        let now = Instant::now();
        let state = &self.state;
        let is_unknown = |job: &model::JobId| awaits_takeover(state, job);
        let is_over = |held: &HeldAttempt| !is_unknown(&held.task.job) && !state.runs(&held.task, held.attempt, worker);
        let Some(live) = self.workers.get_mut(&worker) else {
            let _ = reply.send(Err(LeaderError::UnknownWorker { worker }));
            return;
        };
        live.heard = Some(now);
        live.attempts.retain(|held, _| !is_over(held));
        let mut stop = Vec::new();
        for attempt in &beat.attempts {
            if is_over(&attempt.held) {
                stop.push(attempt.held.clone());
            } else {
                let watched = live.attempts.entry(attempt.held.clone()).or_insert_with(|| Watched::from(now));
                watched.see(attempt.bytes, attempt.points, now);
            }
        }
        let unseen = live.attempts.iter_mut().filter(|(_, watched)| now - watched.seen > UNSEEN_MAX);
        let unseen: Vec<_> = unseen
            .map(|(held, watched)| {
                // If it cannot be taken back now, it is unseen again.
                watched.seen = now;
                held.clone()
            })
            .collect();
        let drain = live.drain.clone().filter(|_| beat.draining.is_none());
        self.take_back(worker, unseen, "its worker does not know of it");
        let _ = reply.send(Ok(Orders { stop, drain }));
    }

    /// Attempts that read and write nothing any more: a process may live on while a thread of it hangs.
    pub(super) fn give_up_the_stuck(&mut self) {
        let (now, max) = (Instant::now(), self.settings.progress_max);
        let mut stuck = Vec::new();
        for (worker, live) in &mut self.workers {
            for (held, watched) in &mut live.attempts {
                if now - watched.changed > max && self.state.runs(&held.task, held.attempt, *worker) {
                    // If that cannot be recorded now, it is stuck again.
                    watched.changed = now;
                    stuck.push((*worker, held.clone()));
                }
            }
        }
        for (worker, held) in stuck {
            let message = format!("the attempt has read and written nothing for {} s", max.as_secs());
            self.record_failure(held, Failure { class: FailureClass::Transient, message }, worker, None);
        }
    }
}
