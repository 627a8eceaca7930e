//! Executes granted attempts: resolves their documents and computes them.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use daemon::trace::TARGET;
use model::{Clock, Grant, HeldAttempt};
use storage::segment::SegmentAccess;
use tokio::runtime::Handle;
use tokio::sync::OwnedSemaphorePermit;
use tracing::Instrument as _;

use crate::WorkError;
use crate::agent::AgentError;
use crate::compute::{Attempt, Compute, InPlace};
use crate::limits::SlotLimits;
use crate::resolve::{Resolver, Roots};
use crate::scratch::Scratch;
use crate::slot::AttemptOutcome;
use crate::task::{Progress, Stores, Work};

/// Interface by which the agent runs attempts.
#[async_trait]
pub(crate) trait Execute: Send + Sync + fmt::Debug {
    /// Runs one attempt to its end. `permit` reserves its slot, and is kept until the slot is free even if the caller
    /// has gone.
    async fn run(&self, grant: &Grant, progress: &Arc<Progress>, permit: OwnedSemaphorePermit) -> AttemptOutcome;
}

/// Slots of this process, on threads of their own.
#[derive(Debug)]
pub(crate) struct Executor {
    resolver: Resolver,
    compute: Compute,
    scratch: Scratch,
    access: SegmentAccess,
    runtime: Handle,
}

impl Executor {
    /// Makes the scratch folder and starts the threads. Attempts are driven by the current runtime.
    pub(crate) fn start(
        (slots, limits): (usize, SlotLimits),
        access: SegmentAccess,
        scratch: &Path,
        roots: Arc<Roots>,
        clock: &dyn Clock,
    ) -> Result<Self, AgentError> {
        let compute = Compute::start(slots, limits).map_err(AgentError::Thread)?;
        Self::build(compute, access, scratch, roots, clock)
    }

    /// Makes the scratch folder, and runs attempts by `in_place` instead of threads.
    pub(crate) fn in_place(
        in_place: Arc<dyn InPlace>,
        scratch: &Path,
        roots: Arc<Roots>,
        clock: &dyn Clock,
    ) -> Result<Self, AgentError> {
        Self::build(Compute::InPlace(in_place), SegmentAccess::Ranged, scratch, roots, clock)
    }

    fn build(
        compute: Compute,
        access: SegmentAccess,
        scratch: &Path,
        roots: Arc<Roots>,
        clock: &dyn Clock,
    ) -> Result<Self, AgentError> {
        let made = Scratch::make(scratch, clock);
        let made = made.map_err(|source| AgentError::Scratch { folder: scratch.display().to_string(), source })?;
        let resolver = Resolver::new(roots);
        Ok(Self { resolver, compute, scratch: made, access, runtime: Handle::current() })
    }

    async fn attempt(
        &self,
        grant: &Grant,
        progress: &Arc<Progress>,
        permit: OwnedSemaphorePermit,
    ) -> Result<Attempt, WorkError> {
        let resolved = self.resolver.resolve(grant).await?;
        if let Work::Map { splits } = &resolved.assignment.work {
            progress.plan(splits.iter().map(|input| input.split.range.len()).sum());
        }
        let held = HeldAttempt { task: grant.task.clone(), attempt: grant.attempt };
        let scratch = self.scratch.of_attempt(&held).map_err(WorkError::Scratch)?;
        let stores = Stores {
            input: resolved.input.counted(Arc::clone(progress.tally())),
            dataset: resolved.dataset.counted(Arc::clone(progress.tally())),
            scratch: resolved.scratch.counted(Arc::clone(progress.tally())),
            local: scratch.root.clone(),
            access: self.access,
            runtime: self.runtime.clone(),
        };
        let (assignment, shard_map) = (resolved.assignment, resolved.shard_map);
        Ok(Attempt { assignment, stores, shard_map, progress: Arc::clone(progress), scratch, permit })
    }
}

#[async_trait]
impl Execute for Executor {
    async fn run(&self, grant: &Grant, progress: &Arc<Progress>, permit: OwnedSemaphorePermit) -> AttemptOutcome {
        let resolve = tracing::info_span!(target: TARGET, "resolve");
        match self.attempt(grant, progress, permit).instrument(resolve).await {
            Ok(attempt) => self.compute.run(attempt).instrument(tracing::info_span!(target: TARGET, "compute")).await,
            Err(error) => AttemptOutcome::Failed(error.blame_open_files().into()),
        }
    }
}
