//! Drains: finishes attempts that are nearly done, hands the others back, revokes the lease.
//!
//! ```text
//! 0 s            asked: no more claims; what is not nearly done is stopped and handed back, so others can begin it
//! drain_timeout  what still computes is stopped and handed back, too
//! + 5 s          threads that have not stopped by then are left behind
//! ```
//!
//! The lease is revoked last: until then, reports that were held may still reach the leader. Its end frees the attempts
//! that could not be handed back.

use std::sync::Arc;
use std::time::Duration;

use model::HeldAttempt;
use model::error::chain;
use tokio::time::Instant;

use super::event::Event;
use super::{Shift, ShiftEnd};
use crate::agent::backoff::Backoff;
use crate::agent::fence::Fence;
use proto::dispatch::DispatchError;

/// Longest time for a stopped attempt to end; most of it goes into aborting its uploads.
const STOP_MAX: Duration = Duration::from_secs(5);

/// Longest time for which a leader that is away is asked to take attempts back.
const HAND_BACK_MAX: Duration = Duration::from_secs(3);

/// Longest wait for the worker's record to say that it leaves; without that, the worker would count as lost.
const POST_MAX: Duration = Duration::from_secs(2);

/// Longest wait for the lease to be revoked; the lease expires by itself after that.
const REVOKE_MAX: Duration = Duration::from_secs(3);

/// State of a shift that leaves.
#[derive(Debug)]
pub(super) struct Draining {
    reason: String,
    /// Deadline for the record: after it the worker leaves even if its record does not say so.
    posted_by: Instant,
    /// Deadline for attempts that were nearly done.
    give_up_at: Instant,
    has_given_up: bool,
}

impl Draining {
    /// Reason for which the worker leaves.
    pub(super) fn reason(&self) -> &str {
        &self.reason
    }

    /// Time of the next step of the drain.
    pub(super) fn next_at(&self) -> Instant {
        let give_up_or_leave_at = if self.has_given_up { self.leave_at() } else { self.give_up_at };
        if Instant::now() < self.posted_by { give_up_or_leave_at.min(self.posted_by) } else { give_up_or_leave_at }
    }

    fn leave_at(&self) -> Instant {
        self.give_up_at + STOP_MAX
    }
}

impl Shift<'_> {
    pub(super) fn begin_drain(&mut self, reason: String) {
        tracing::info!(reason, attempts = self.running.beats().len(), "began to drain");
        let now = Instant::now();
        let (give_up_at, posted_by) = (now + self.agent.settings.drain_timeout, now + POST_MAX);
        let pace = self.pace;
        let given_up = self.running.give_up(Some(&pace));
        self.draining = Some(Draining { reason, posted_by, give_up_at, has_given_up: false });
        self.hand_back(given_up);
        // Sends a heartbeat now, so that the leader learns of the drain at once.
        if self.beating.due_at().is_some() {
            self.beating.end(Instant::now());
        }
    }

    /// Gives up the attempts that missed the deadline.
    pub(super) fn push_drain(&mut self, now: Instant) {
        let Some(draining) = self.draining.as_mut().filter(|d| !d.has_given_up && now >= d.give_up_at) else { return };
        draining.has_given_up = true;
        let given_up = self.running.give_up(None);
        self.hand_back(given_up);
    }

    /// True if the worker can leave: no attempt is left and the record says so, or the time is up.
    pub(super) fn has_drained(&self) -> bool {
        let Some(draining) = &self.draining else { return false };
        let (is_idle, now) = (self.running.is_empty() && self.handing_back == 0, Instant::now());
        let is_known = self.standing.has_posted(&self.record()) || now >= draining.posted_by;
        (is_idle && is_known) || now >= draining.leave_at()
    }

    /// Hands attempts back, uncharged. If the leader cannot be reached, the end of the lease frees them.
    pub(super) fn hand_back(&mut self, attempts: Vec<HeldAttempt>) {
        if attempts.is_empty() {
            return;
        }
        self.handing_back += 1;
        let (leader, worker, fence) = (Arc::clone(&self.agent.leader), self.worker(), Fence::of(&self.session));
        let mut backoff = Backoff::seeded(self.backoff.seed());
        let reason = self.draining.as_ref().map_or("no free slot", Draining::reason).to_owned();
        let hand_back = async move {
            while fence.is_up() {
                match leader.hand_back(worker, &attempts, &reason).await {
                    Err(DispatchError::Away { .. }) => backoff.pause().await,
                    Ok(()) | Err(_) => return,
                }
            }
        };
        self.tasks.spawn(async move {
            if tokio::time::timeout(HAND_BACK_MAX, hand_back).await.is_err() {
                tracing::info!("attempts were not handed back in time; the end of the lease frees them");
            }
            Event::HandedBack
        });
    }

    /// Leaves: revokes the lease last, so that held reports can still reach the leader.
    pub(super) async fn leave(self) -> ShiftEnd {
        let Self { session, tasks, running, .. } = self;
        drop((tasks, running));
        let worker = session.lease();
        match tokio::time::timeout(REVOKE_MAX, session.close()).await {
            Ok(Ok(())) => tracing::info!(%worker, "drained"),
            Ok(Err(error)) => {
                tracing::warn!(%worker, error = chain(&error), "drained, but failed to revoke the lease; it expires by itself")
            }
            Err(_) => tracing::warn!(%worker, "drained, but revoking the lease took too long; it expires by itself"),
        }
        ShiftEnd::Drained
    }
}
