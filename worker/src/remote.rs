//! The leader over gRPC.
//!
//! `proto::client` finds the leader and its address. It gets little patience here, because the agent itself waits for
//! a leader that is away, and may have something better to do meanwhile.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use model::{Clock as _, Effort, Failure, Grant, HeldAttempt, Invariant, LeaseId, SystemClock};
use proto::client::{CallPolicy, Connection, LeaderClient, Link};
use proto::status::ApiError;
use proto::v1;

use proto::dispatch::{Beat, Dispatch, DispatchError, Hello, Orders, PROTOCOL, Verdict};
use proto::secret::Secret;

use crate::{metrics, trace};

/// Longest duration of one search for a leader.
const PATIENCE: Duration = Duration::from_secs(2);

/// Time for an answer, beyond the wait that the call itself allows.
const ANSWER: Duration = Duration::from_secs(5);

/// Leader of a cluster, reached over gRPC.
pub struct RemoteLeader<C = Link> {
    client: LeaderClient<C>,
    /// Secret that every request carries.
    secret: Bytes,
}

impl<C> fmt::Debug for RemoteLeader<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteLeader").field("client", &self.client).finish()
    }
}

impl<C: Connection> RemoteLeader<C> {
    /// Calls the leader that `client` finds. The mark of `secret` is in the worker's record.
    pub fn new(client: &LeaderClient<C>, secret: Secret) -> Self {
        let client = client.with_policy(CallPolicy { call_timeout: ANSWER, patience: PATIENCE });
        Self { client, secret: secret.to_bytes().into() }
    }
}

#[async_trait]
impl<C> Dispatch for RemoteLeader<C>
where
    C: Connection<Future: Send> + Send + Sync + 'static,
{
    async fn hello(&self, hello: &Hello) -> Result<(), DispatchError> {
        let request = v1::HelloRequest {
            worker: hello.worker.to_string(),
            name: hello.name.clone(),
            protocol: PROTOCOL,
            version: hello.version.clone(),
            slots: hello.slots,
            secret: self.secret.clone(),
        };
        let asked = self.client.worker(|mut client| {
            let request = request.clone();
            async move { client.hello(request).await }
        });
        let answer = asked.await.map_err(|error| refusal(hello.worker, error))?;
        tracing::debug!(protocol = answer.protocol, version = answer.version, "greeted the leader");
        Ok(())
    }

    async fn claim(&self, worker: LeaseId, slots: u32, wait: Duration) -> Result<Vec<Grant>, DispatchError> {
        let (wait_ms, secret) = (wait.as_millis() as u32, self.secret.clone());
        let request = v1::ClaimRequest { worker: worker.to_string(), slots, wait_ms, secret };
        let client = self.client.with_policy(CallPolicy { call_timeout: wait + ANSWER, patience: PATIENCE });
        let asked = client.worker(|mut client| {
            let request = request.clone();
            async move { client.claim(request).await }
        });
        let answer = asked.await.map_err(|error| refusal(worker, error))?;
        let grants = answer.grants.into_iter().map(Grant::try_from).collect::<Result<_, _>>();
        grants.map_err(|error| DispatchError::Incompatible {
            reason: format!("the leader grants what this worker does not understand ({error}); run the same version"),
        })
    }

    async fn complete(
        &self,
        worker: LeaseId,
        held: &HeldAttempt,
        report: Bytes,
        effort: Option<Effort>,
    ) -> Result<Verdict, DispatchError> {
        let request = v1::CompleteRequest {
            worker: worker.to_string(),
            task: Some((&held.task).into()),
            attempt: Some(held.attempt.into()),
            report,
            secret: self.secret.clone(),
            effort: effort.as_ref().map(Into::into),
        };
        let asked = self.client.worker(|mut client| {
            let request = request.clone();
            async move { client.complete(trace::carried(request)).await }
        });
        let answer = asked.await.map_err(|error| refusal(worker, error))?;
        Ok(if answer.counts {
            Verdict::Counts
        } else {
            Verdict::Refused { violates: answer.violates.as_deref().and_then(Invariant::of_id), reason: answer.reason }
        })
    }

    async fn fail(&self, worker: LeaseId, held: &HeldAttempt, failure: &Failure) -> Result<(), DispatchError> {
        let request = v1::FailRequest {
            worker: worker.to_string(),
            task: Some((&held.task).into()),
            attempt: Some(held.attempt.into()),
            failure: Some(failure.into()),
            secret: self.secret.clone(),
        };
        let asked = self.client.worker(|mut client| {
            let request = request.clone();
            async move { client.fail(trace::carried(request)).await }
        });
        asked.await.map(drop).map_err(|error| refusal(worker, error))
    }

    async fn hand_back(&self, worker: LeaseId, held: &[HeldAttempt], reason: &str) -> Result<(), DispatchError> {
        let request = v1::HandBackRequest {
            worker: worker.to_string(),
            attempts: held.iter().map(Into::into).collect(),
            reason: reason.to_owned(),
            secret: self.secret.clone(),
        };
        let asked = self.client.worker(|mut client| {
            let request = request.clone();
            async move { client.hand_back(request).await }
        });
        asked.await.map(drop).map_err(|error| refusal(worker, error))
    }

    async fn heartbeat(&self, worker: LeaseId, beat: &Beat) -> Result<Orders, DispatchError> {
        let attempts = beat.attempts.iter().map(|attempt| v1::AttemptProgress {
            held: Some((&attempt.held).into()),
            bytes: attempt.bytes,
            points: attempt.points,
            stage: attempt.stage.map(|stage| stage.to_string()).unwrap_or_default(),
            effort: Some((&attempt.effort).into()),
            traceparent: attempt.trace.map(|trace| trace.to_string()).unwrap_or_default(),
        });
        let request = v1::HeartbeatRequest {
            worker: worker.to_string(),
            attempts: attempts.collect(),
            unfit: beat.unfit.clone().unwrap_or_default(),
            draining: beat.draining.clone().unwrap_or_default(),
            secret: self.secret.clone(),
        };
        let asked = self.client.worker(|mut client| {
            let request = request.clone();
            async move { client.heartbeat(request).await }
        });
        let answer = asked.await.map_err(|error| refusal(worker, error))?;
        // Only a gauge depends on this machine's clock.
        metrics::leader_answered(SystemClock.now_ms());
        // Ignore attempt names that do not parse: they cannot be ours.
        let stop = answer.stop.into_iter().filter_map(|held| HeldAttempt::try_from(held).ok()).collect();
        Ok(Orders { stop, drain: Some(answer.drain).filter(|reason| !reason.is_empty()) })
    }
}

/// Maps an API error to the agent's next step.
fn refusal(worker: LeaseId, error: ApiError) -> DispatchError {
    match error {
        ApiError::UnknownWorker { .. } => DispatchError::UnknownWorker { worker },
        ApiError::Incompatible { reason } => DispatchError::Incompatible { reason },
        ApiError::Invalid { field, reason } => DispatchError::NotTaken { reason: format!("{field}: {reason}") },
        // An older or newer version may lead later, so asking again loses nothing.
        error => DispatchError::Away { reason: error.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use tonic::Status;

    use super::*;

    #[test]
    fn only_what_asking_again_does_not_mend_ends_the_worker() {
        let worker = LeaseId(1);
        let unknown = refusal(worker, ApiError::UnknownWorker { worker: worker.to_string() });
        assert!(matches!(unknown, DispatchError::UnknownWorker { worker: LeaseId(1) }));
        let old = refusal(worker, ApiError::Incompatible { reason: "upgrade this worker".to_owned() });
        assert_eq!(old.to_string(), "upgrade this worker");
        let large = refusal(worker, Status::out_of_range("message length too large").into());
        assert!(matches!(large, DispatchError::NotTaken { .. }), "asking again does not make it smaller: {large}");
        for error in [ApiError::Away { reason: "no quorum".to_owned() }, ApiError::Bug { reason: "x".to_owned() }] {
            assert!(matches!(refusal(worker, error), DispatchError::Away { .. }));
        }
    }
}
