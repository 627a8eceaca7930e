//! PlantedBug bugs in the calls of a worker to its leader.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use model::{Effort, Failure, FailureClass, Grant, HeldAttempt, LeaseId};
use proto::dispatch::{Beat, Dispatch, DispatchError, Hello, Orders, Verdict};

use super::{PlantedBug, struck};
use crate::port::Port;

/// Leader behind a planted bug.
#[derive(Debug)]
pub(super) struct Bent {
    planted: PlantedBug,
    inner: Arc<dyn Dispatch>,
    port: Arc<Port>,
}

impl Bent {
    pub(super) fn new(planted: PlantedBug, inner: Arc<dyn Dispatch>, port: Arc<Port>) -> Self {
        Self { planted, inner, port }
    }
}

#[async_trait]
impl Dispatch for Bent {
    async fn hello(&self, hello: &Hello) -> Result<(), DispatchError> {
        self.inner.hello(hello).await
    }

    async fn claim(&self, worker: LeaseId, slots: u32, wait: Duration) -> Result<Vec<Grant>, DispatchError> {
        self.inner.claim(worker, slots, wait).await
    }

    async fn complete(
        &self,
        worker: LeaseId,
        held: &HeldAttempt,
        report: Bytes,
        effort: Option<Effort>,
    ) -> Result<Verdict, DispatchError> {
        self.inner.complete(worker, held, report, effort).await
    }

    async fn fail(&self, worker: LeaseId, held: &HeldAttempt, failure: &Failure) -> Result<(), DispatchError> {
        let mut failure = failure.clone();
        if self.planted == PlantedBug::ThrottledCharges && failure.class == FailureClass::Throttled {
            struck(&self.port);
            failure.class = FailureClass::Transient;
        }
        self.inner.fail(worker, held, &failure).await
    }

    async fn hand_back(&self, worker: LeaseId, held: &[HeldAttempt], reason: &str) -> Result<(), DispatchError> {
        if self.planted == PlantedBug::DrainCharges {
            for held in held {
                struck(&self.port);
                let failure = Failure::new(FailureClass::Transient, reason);
                self.inner.fail(worker, held, &failure).await?;
            }
        }
        self.inner.hand_back(worker, held, reason).await
    }

    async fn heartbeat(&self, worker: LeaseId, beat: &Beat) -> Result<Orders, DispatchError> {
        self.inner.heartbeat(worker, beat).await
    }
}
