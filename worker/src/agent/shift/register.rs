//! Registers the worker: writes its record, then greets the leader. Both are repeated whenever one of them no longer
//! holds.

use std::sync::Arc;

use format::state_records::{Text, WorkerRecord};
use model::error::chain;
use storage::meta::MetaError;
use tokio::time::Instant;

use super::Shift;
use super::event::{Event, Refusal};
use crate::agent::standing::{self, Step};
use crate::agent::{AgentError, may_pass};
use proto::dispatch::Hello;

impl Shift<'_> {
    /// Record of the worker as it is now.
    pub(super) fn record(&self) -> WorkerRecord {
        let settings = &self.agent.settings;
        WorkerRecord {
            name: Text::cut(&settings.name),
            slots: settings.slots as u32,
            memory_bytes: settings.memory.0,
            version: Text::cut(env!("CARGO_PKG_VERSION")),
            protocol: settings.protocol,
            secret_sha256: settings.secret.map(|secret| Text::cut(&secret.mark())),
            draining: self.draining.as_ref().map(|draining| Text::cut(draining.reason())),
            unfit: self.unfit.as_ref().map(|unfit| Text::cut(&unfit.reason)),
        }
    }

    pub(super) fn take_step(&mut self, step: Step) {
        let (worker, done) = (self.worker(), step.clone());
        match step {
            Step::Post(record) => {
                let posted = standing::post(Arc::clone(&self.agent.meta), worker, record);
                self.tasks.spawn(async move { Event::Stepped(done, posted.await.map_err(Refusal::State)) });
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
                self.tasks
                    .spawn(async move { Event::Stepped(done, leader.hello(&hello).await.map_err(Refusal::Leader)) });
            }
        }
    }

    pub(super) fn not_registered(&mut self, step: &Step, refusal: Refusal) -> Result<(), AgentError> {
        match refusal {
            // The session learns this from its next renewal, and ends the shift.
            Refusal::State(MetaError::LeaseGone { .. }) => {}
            Refusal::State(error) if may_pass(&error) => {
                tracing::warn!(error = chain(&error), "failed to register; trying again");
            }
            Refusal::State(error) => return Err(AgentError::State(error)),
            Refusal::Leader(error) => self.leader_failed(&error)?,
        }
        tracing::debug!(?step, "registering again");
        self.registering.end(Instant::now() + self.backoff.next());
        Ok(())
    }
}
