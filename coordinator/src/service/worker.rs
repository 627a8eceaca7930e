//! Implements the gRPC service that workers call: checks each request, and asks the leader.

use std::time::Duration;

use daemon::trace::TARGET;
use model::admission::{check_name, check_reason, check_text, is_unprintable};
use model::limits::{ATTEMPTS_PER_REQUEST_MAX, FAILURE_BYTES_MAX, NAME_BYTES_MAX, REPORT_BYTES_MAX};
use model::{Effort, Failure, HeldAttempt, LeaseId, Stage};
use proto::dispatch::{AttemptBeat, Beat, Dispatch as _, DispatchError, Hello, PROTOCOL, PROTOCOL_MIN, Verdict};
use proto::v1::worker_service_server::WorkerService;
use proto::{ApiError, convert::parsed, required, v1};
use tonic::{Request, Response, Status};
use tracing::Instrument as _;

use super::Door;
use super::gates::Permit;
use super::traces::{continued, parent_of_call};
use crate::access::Caller;
use crate::leader::Handle;

/// Implementation of `WorkerService`; a replica that does not lead refuses its calls.
#[derive(Debug)]
pub(crate) struct Workers {
    pub(crate) door: Door,
    /// True if callers have identities.
    pub(crate) is_by_role: bool,
}

#[tonic::async_trait]
impl WorkerService for Workers {
    async fn hello(&self, request: Request<v1::HelloRequest>) -> Result<Response<v1::HelloResponse>, Status> {
        let caller = Caller::of(request.extensions());
        let request = request.into_inner();
        let protocol = common_protocol(&request)?;
        check_name("name", &request.name).map_err(ApiError::from)?;
        check_text("version", &request.version, NAME_BYTES_MAX).map_err(ApiError::from)?;
        let (leader, worker, _permit) = self.admit(&caller, &request.worker, &request.secret)?;
        let hello = Hello { worker, name: request.name, version: request.version, slots: request.slots };
        leader.hello(&hello).await.map_err(status)?;
        let version = env!("CARGO_PKG_VERSION").to_owned();
        Ok(Response::new(v1::HelloResponse { protocol, version }))
    }

    async fn claim(&self, request: Request<v1::ClaimRequest>) -> Result<Response<v1::ClaimResponse>, Status> {
        let caller = Caller::of(request.extensions());
        let request = request.into_inner();
        let (leader, worker, _permit) = self.admit(&caller, &request.worker, &request.secret)?;
        let wait = Duration::from_millis(request.wait_ms.into());
        let grants = leader.claim(worker, request.slots, wait).await.map_err(status)?;
        let grants = grants.iter().map(v1::Grant::from).collect();
        Ok(Response::new(v1::ClaimResponse { grants }))
    }

    async fn complete(&self, request: Request<v1::CompleteRequest>) -> Result<Response<v1::CompleteResponse>, Status> {
        let caller = Caller::of(request.extensions());
        let parent = parent_of_call(&request);
        let request = request.into_inner();
        let (leader, worker, _permit) = self.admit(&caller, &request.worker, &request.secret)?;
        let span = continued(parent, tracing::info_span!(target: TARGET, parent: None, "attempt.complete"));
        let held = held(request.task, request.attempt)?;
        if request.report.len() > REPORT_BYTES_MAX {
            let reason = format!("it has {} bytes, over {REPORT_BYTES_MAX}", request.report.len());
            return Err(ApiError::Invalid { field: "report".to_owned(), reason }.into());
        }
        let told = leader.complete(worker, &held, request.report, request.effort.map(Effort::from));
        let verdict = told.instrument(span).await.map_err(status)?;
        let answer = match verdict {
            Verdict::Counts => v1::CompleteResponse { counts: true, ..Default::default() },
            Verdict::Refused { reason, violates } => {
                let violates = violates.map(|invariant| invariant.id().to_owned());
                v1::CompleteResponse { counts: false, reason, violates }
            }
        };
        Ok(Response::new(answer))
    }

    async fn fail(&self, request: Request<v1::FailRequest>) -> Result<Response<v1::FailResponse>, Status> {
        let caller = Caller::of(request.extensions());
        let parent = parent_of_call(&request);
        let request = request.into_inner();
        let (leader, worker, _permit) = self.admit(&caller, &request.worker, &request.secret)?;
        let span = continued(parent, tracing::info_span!(target: TARGET, parent: None, "attempt.fail"));
        let held = held(request.task, request.attempt)?;
        let mut failure: Failure = required("failure", request.failure).map_err(ApiError::from)?;
        // Cut and cleaned rather than refused, because a failure must be recorded whatever its text quotes.
        failure.message = kept(&failure.message);
        leader.fail(worker, &held, &failure).instrument(span).await.map_err(status)?;
        Ok(Response::new(v1::FailResponse {}))
    }

    async fn hand_back(&self, request: Request<v1::HandBackRequest>) -> Result<Response<v1::HandBackResponse>, Status> {
        let caller = Caller::of(request.extensions());
        let request = request.into_inner();
        let (leader, worker, _permit) = self.admit(&caller, &request.worker, &request.secret)?;
        check_count(request.attempts.len())?;
        check_reason(&request.reason).map_err(ApiError::from)?;
        let held: Result<Vec<HeldAttempt>, _> = request.attempts.into_iter().map(HeldAttempt::try_from).collect();
        let held = held.map_err(|error| ApiError::from(error.within("attempts")))?;
        leader.hand_back(worker, &held, &request.reason).await.map_err(status)?;
        Ok(Response::new(v1::HandBackResponse {}))
    }

    async fn heartbeat(
        &self,
        request: Request<v1::HeartbeatRequest>,
    ) -> Result<Response<v1::HeartbeatResponse>, Status> {
        let caller = Caller::of(request.extensions());
        let request = request.into_inner();
        let (leader, worker, _permit) = self.admit(&caller, &request.worker, &request.secret)?;
        check_count(request.attempts.len())?;
        let attempts: Result<Vec<_>, ApiError> = request.attempts.into_iter().map(attempt_beat).collect();
        let some = |text: String| Some(kept(&text)).filter(|text| !text.is_empty());
        let beat = Beat { attempts: attempts?, unfit: some(request.unfit), draining: some(request.draining) };
        let orders = leader.heartbeat(worker, &beat).await.map_err(status)?;
        Ok(Response::new(v1::HeartbeatResponse {
            stop: orders.stop.iter().map(v1::HeldAttempt::from).collect(),
            drain: orders.drain.unwrap_or_default(),
        }))
    }
}

impl Workers {
    /// Checks that the request comes from that worker; returns the leader, the worker's id, and a permit.
    fn admit(&self, caller: &Caller, worker: &str, secret: &[u8]) -> Result<(Handle, LeaseId, Permit), ApiError> {
        let permit = self.door.gates.worker()?;
        let worker: LeaseId = parsed("worker", worker)?;
        let leader = self.door.leader()?;
        let owner = self.is_by_role.then_some(caller.name.as_str());
        leader.marks().check(worker, secret, owner).inspect_err(|error| {
            if matches!(error, ApiError::Refused { .. }) {
                self.door.audit.refuse(caller, "WorkerService", "lease", error);
            }
        })?;
        Ok((leader, worker, permit))
    }
}

/// Cuts a worker's text to the kept length, and replaces control characters by spaces.
fn kept(text: &str) -> String {
    let end = text.floor_char_boundary(FAILURE_BYTES_MAX);
    text[..end].chars().map(|letter| if is_unprintable(letter) { ' ' } else { letter }).collect()
}

fn check_count(attempts: usize) -> Result<(), ApiError> {
    if attempts <= ATTEMPTS_PER_REQUEST_MAX {
        return Ok(());
    }
    let reason = format!("{attempts} attempts; a request names at most {ATTEMPTS_PER_REQUEST_MAX}");
    Err(ApiError::Invalid { field: "attempts".to_owned(), reason })
}

/// Returns the protocol version that both speak: the worker's, if we serve it.
fn common_protocol(request: &v1::HelloRequest) -> Result<u32, ApiError> {
    if (PROTOCOL_MIN..=PROTOCOL).contains(&request.protocol) {
        return Ok(request.protocol);
    }
    let reason = format!(
        "worker {} runs Tailor {} and speaks protocol {}; this coordinator runs {} and serves {PROTOCOL_MIN} to {PROTOCOL}: \
         upgrade the {}",
        request.name,
        request.version,
        request.protocol,
        env!("CARGO_PKG_VERSION"),
        if request.protocol > PROTOCOL { "coordinators first" } else { "worker" },
    );
    Err(ApiError::Incompatible { reason })
}

fn attempt_beat(progress: v1::AttemptProgress) -> Result<AttemptBeat, ApiError> {
    let held = required("attempts.held", progress.held)?;
    // A stage that this version does not know is none.
    let stage = Stage::ALL.into_iter().find(|stage| stage.name() == progress.stage);
    let effort = progress.effort.map(Effort::from).unwrap_or_default();
    let trace = progress.traceparent.parse().ok();
    Ok(AttemptBeat { held, bytes: progress.bytes, points: progress.points, stage, effort, trace })
}

fn held(task: Option<v1::TaskPath>, attempt: Option<v1::Attempt>) -> Result<HeldAttempt, ApiError> {
    Ok(HeldAttempt { task: required("task", task)?, attempt: required("attempt", attempt)? })
}

fn status(error: DispatchError) -> ApiError {
    match error {
        DispatchError::Away { reason } => ApiError::Away { reason },
        DispatchError::UnknownWorker { worker } => ApiError::UnknownWorker { worker: worker.to_string() },
        DispatchError::NotTaken { reason } => ApiError::Invalid { field: "request".to_owned(), reason },
        DispatchError::Incompatible { reason } => ApiError::Incompatible { reason },
    }
}
