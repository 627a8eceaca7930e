//! Requests for a job as a whole: submit, retry, cancel. The job's life decides; here the request waits for the decision.
//!
//! A request is put aside while its event is applied. The effect that answers it takes it: [`JobEffect::Begin`],
//! [`JobEffect::Refuse`], or the head that a cancel writes.
//!
//! [`JobEffect::Begin`]: scheduler::life::JobEffect::Begin
//! [`JobEffect::Refuse`]: scheduler::life::JobEffect::Refuse

use model::limits::OPEN_JOBS_MAX;
use model::{JobId, JobSpec, ShardId, TraceParent};
use proto::{ApiError, v1};
use scheduler::life::{JobEvent, Life, Refusal};

use super::Leader;
use super::message::{Follower, Reply};
use crate::report::JobReport;

/// Request that waits for the decision of the job's life.
pub(crate) enum Request {
    /// Take the job on.
    Submit {
        spec: Box<JobSpec>,
        /// Waiter for the job's end. With one, a job of this name that has ended is run again.
        follower: Option<Follower>,
        /// Span of the submission, if it is traced.
        trace: Option<TraceParent>,
        reply: Reply<v1::SubmitJobResponse>,
    },
    /// Run the shards that are not done again.
    Retry { reason: String, earlier: Box<JobReport>, shards: Vec<ShardId>, reply: Reply<Vec<ShardId>> },
    /// Stop the job, for the operator's reason.
    Cancel { reason: String, reply: Reply<()> },
}

impl Leader {
    pub(super) fn submit(
        &mut self,
        spec: Box<JobSpec>,
        (follower, trace): (Option<Follower>, Option<TraceParent>),
        reply: Reply<v1::SubmitJobResponse>,
    ) {
        let id = spec.job.clone();
        self.request(&id, JobEvent::Submitted, Request::Submit { spec, follower, trace, reply });
    }

    /// Runs once more the shards of an ended job that are not done. `earlier` is the job's record.
    pub(super) fn retry(
        &mut self,
        id: &JobId,
        reason: String,
        earlier: Option<Box<JobReport>>,
        reply: Reply<Vec<ShardId>>,
    ) {
        let is_free = self.state.life(id).is_none_or(|life| life == Life::Beginning);
        let earlier = match (earlier, is_free) {
            (Some(earlier), _) => earlier,
            (None, true) => return drop(reply.send(Err(no_job(id)))),
            (None, false) => return drop(reply.send(Err(still_runs(id)))),
        };
        match shards_to_retry(id, &earlier) {
            Err(refusal) if is_free => drop(reply.send(Err(refusal))),
            shards => {
                let shards = shards.unwrap_or_default();
                self.request(id, JobEvent::Retried, Request::Retry { reason, earlier, shards, reply });
            }
        }
    }

    /// Stops a job. The reply follows once the cancel is on record, so that the next leader goes on with it. A repeated
    /// cancel gets the same reply, and the first reason stays.
    pub(super) fn cancel(&mut self, id: &JobId, reason: String, reply: Reply<()>) {
        self.request(id, JobEvent::Cancelled, Request::Cancel { reason, reply });
    }

    fn request(&mut self, id: &JobId, event: JobEvent, request: Request) {
        self.request = Some(request);
        self.tell_job(id, None, event);
        // The effect of the event has taken the request by now.
        self.request = None;
    }

    /// Refuses the request that waits.
    pub(super) fn refuse(&mut self, id: &JobId, refusal: Refusal) {
        match self.request.take() {
            Some(Request::Submit { spec, reply, .. }) => drop(reply.send(self.submission_refused(&spec, refusal))),
            Some(Request::Retry { reply, .. }) => {
                let error = match refusal {
                    Refusal::JustBegun => just_begun(id),
                    Refusal::TooMany => too_many(),
                    _ => still_runs(id),
                };
                let _ = reply.send(Err(error));
            }
            Some(Request::Cancel { reply, .. }) => drop(reply.send(Err(self.cancel_refused(id, refusal)))),
            None => {}
        }
    }

    fn submission_refused(&self, spec: &JobSpec, refusal: Refusal) -> Result<v1::SubmitJobResponse, ApiError> {
        match (refusal, self.jobs.get(&spec.job)) {
            (Refusal::TooMany, _) => Err(too_many()),
            (Refusal::Recovering | Refusal::Unreadable, _) => Err(self.not_yet_taken_over(&spec.job)),
            (_, Some(live)) => known(spec, &live.spec),
            (_, None) => Err(just_begun(&spec.job)),
        }
    }

    fn cancel_refused(&self, id: &JobId, refusal: Refusal) -> ApiError {
        match refusal {
            Refusal::JustBegun => just_begun(id),
            Refusal::Unreadable => {
                let trouble = self.recovering.get(id).and_then(|recovering| recovering.trouble.clone());
                ApiError::Refused { reason: trouble.unwrap_or_default() }
            }
            Refusal::Ended => {
                ApiError::Refused { reason: format!("job {id} has ended already; see `tailor job get {id}`") }
            }
            Refusal::Unknown | Refusal::Recovering | Refusal::Open | Refusal::TooMany => no_job(id),
        }
    }
}

/// Lists the shards of an ended job that are not done.
fn shards_to_retry(id: &JobId, earlier: &JobReport) -> Result<Vec<ShardId>, ApiError> {
    let shards: Vec<_> = earlier.shards.iter().filter(|shard| !shard.is_done()).map(|shard| shard.shard).collect();
    let refused = |reason| Err(ApiError::Refused { reason });
    earlier.known_spec()?;
    // A job that ended before it was planned has no shard on record, so all of them run.
    if shards.is_empty() && (!earlier.shards.is_empty() || earlier.cause.is_none()) {
        return refused(format!("every shard of job {id} is done; `tailor shard replay` runs one again all the same"));
    }
    Ok(shards)
}

/// Answers the submission of a name that is taken: the same request again is fine.
pub(super) fn known(asked: &JobSpec, there: &JobSpec) -> Result<v1::SubmitJobResponse, ApiError> {
    if asked.is_same(there) {
        return Ok(v1::SubmitJobResponse { job: asked.job.to_string(), existed: true });
    }
    let reason = format!(
        "there is a job {} already, and it was asked for something else; give another --job, or look at `tailor job get {}`",
        asked.job, asked.job
    );
    Err(ApiError::AlreadyExists { reason })
}

fn no_job(id: &JobId) -> ApiError {
    ApiError::NotFound { what: format!("job {id}; see `tailor job list`") }
}

/// Builds the reply to a request while another one is creating this job. Two copies of one request must not both find
/// that there is no record yet, or the job would run twice.
fn just_begun(job: &JobId) -> ApiError {
    ApiError::Away { reason: format!("job {job} is just being submitted by another request") }
}

fn still_runs(id: &JobId) -> ApiError {
    ApiError::Refused { reason: format!("job {id} still runs; `tailor job wait {id}`, or cancel it first") }
}

fn too_many() -> ApiError {
    let reason = format!("{OPEN_JOBS_MAX} jobs are open, the most that a cluster has at once; wait for some to end");
    ApiError::Refused { reason }
}
