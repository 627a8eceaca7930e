//! Claims work: one request at a time, for all free slots. The leader holds the request for some seconds if there is
//! no work.

use std::sync::Arc;
use std::time::Duration;

use model::{Grant, HeldAttempt};
use tokio::time::Instant;
use tracing::Instrument;

use super::event::Event;
use super::{Phase, Shift};
use crate::agent::AgentError;
use crate::trace;
use proto::dispatch::DispatchError;

/// Longest time that the leader may hold a claim before it answers that there is no work.
const CLAIM_WAIT: Duration = Duration::from_secs(10);

/// Longest random pause after an empty answer, so that workers that asked together do not ask together again.
const EMPTY_PAUSE_MAX: Duration = Duration::from_millis(200);

impl Shift<'_> {
    /// True if a slot is free and nothing prevents work.
    pub(super) fn takes_work(&self) -> bool {
        let is_willing = self.standing.is_greeted() && self.draining.is_none() && self.unfit.is_none();
        // If the leader grants work but does not accept the outcomes, more attempts would not get any further.
        let is_heard = self.running.count(Phase::Reporting) <= self.agent.settings.slots;
        is_willing && is_heard && self.agent.slots.available_permits() > 0
    }

    pub(super) fn begin_claim(&mut self) {
        if let Some(trouble) = self.fitness.trouble() {
            return self.become_unfit(trouble);
        }
        self.claiming.begin();
        let free = self.agent.slots.available_permits() as u32;
        let (leader, worker) = (Arc::clone(&self.agent.leader), self.worker());
        self.tasks.spawn(async move { Event::Claimed(leader.claim(worker, free, CLAIM_WAIT).await) });
    }

    pub(super) fn claimed(&mut self, claimed: Result<Vec<Grant>, DispatchError>) -> Result<(), AgentError> {
        let now = Instant::now();
        match claimed {
            Ok(grants) => {
                self.backoff.reset();
                let pause = if grants.is_empty() { self.backoff.jittered(EMPTY_PAUSE_MAX / 2) } else { Duration::ZERO };
                self.claiming.end(now + pause);
                self.begin_attempts(grants);
                Ok(())
            }
            Err(error) => {
                self.claiming.end(now + self.backoff.next());
                self.leader_failed(&error)
            }
        }
    }

    fn begin_attempts(&mut self, grants: Vec<Grant>) {
        let mut unwanted = Vec::new();
        for grant in grants {
            let held = HeldAttempt { task: grant.task.clone(), attempt: grant.attempt };
            let permit = Arc::clone(&self.agent.slots).try_acquire_owned();
            match permit {
                Ok(permit) if self.draining.is_none() && self.session.is_held() => {
                    let execute = Arc::clone(&self.agent.execute);
                    let (span, log) = trace::begin(&grant, self.worker());
                    let progress = self.running.begin(held, span.clone());
                    let attempt = async move {
                        let outcome = execute.run(&grant, &progress, permit).await;
                        Event::Computed(Box::new(grant), Box::new(outcome))
                    };
                    // Both are entered: the spans of a trace look for their parent among those that are.
                    self.tasks.spawn(attempt.instrument(log).instrument(span));
                }
                _ => unwanted.push(held),
            }
        }
        self.hand_back(unwanted);
    }
}
