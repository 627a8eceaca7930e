//! Changes that operators ask for: each checks the request, asks the leader, and gives the audit log the name of the
//! job.

use std::collections::BTreeSet;

use model::admission::{check_name, check_reason};
use model::limits::REASON_BYTES_MAX;
use model::{JobId, JobSpec, ShardId};
use proto::{ApiError, convert::parsed, v1};
use tracing::Span;

use super::change::Change;
use super::operator::{Operators, read_spec};
use super::patience::in_time;
use super::{ended, jobs};
use crate::history;
use crate::leader::{Ask, Handle};
use crate::report::JobReport;

impl Operators {
    pub(super) async fn submit(
        &self,
        request: v1::SubmitJobRequest,
        change: &mut Change<'_>,
    ) -> Result<v1::SubmitJobResponse, ApiError> {
        let _permit = self.door.gates.operator()?;
        let mut spec = Box::new(read_spec(&request.spec)?);
        change.names(format!("job {} into {}", spec.job, spec.dataset), &spec.reason);
        self.check_places(change.caller(), "SubmitJob", &spec)?;
        // A proven name replaces the one that the client gives itself.
        spec.submitted_by = change.caller().proven().unwrap_or(spec.submitted_by);
        let leader = self.door.leader()?;
        let (job, dataset) = (spec.job.clone(), spec.dataset.clone());
        let trace = daemon::trace::parent_of(&Span::current());
        let submitted = leader.ask(|reply| Ask::Submit { spec, trace, reply }).await?;
        change.is_of(&job, &dataset);
        Ok(submitted)
    }

    pub(super) async fn cancel(
        &self,
        request: v1::CancelJobRequest,
        change: &mut Change<'_>,
    ) -> Result<v1::CancelJobResponse, ApiError> {
        let _permit = self.door.gates.operator()?;
        let (job, reason): (JobId, _) = (parsed("job", &request.job)?, reason(request.reason)?);
        let leader = self.door.leader()?;
        if change.caller().role.is_some() {
            let live = leader.ask(|reply| Ask::Job { job: job.clone(), reply }).await?;
            if let Some(live) = live.and_then(|live| live.job) {
                change.is_of(&job, &live.dataset);
            }
        }
        let id = JobId::clone(&job);
        match leader.ask(|reply| Ask::Cancel { job, reason, reply }).await {
            // The job may have ended by now, over an earlier request of the same kind.
            Err(ApiError::NotFound { .. }) => {
                ended::cancelled(&id, jobs::find_record(&leader, &self.env.stores, &id, "").await?.as_ref())?
            }
            cancelled => cancelled?,
        }
        Ok(v1::CancelJobResponse {})
    }

    pub(super) async fn retry(
        &self,
        request: v1::RetryJobRequest,
        change: &mut Change<'_>,
    ) -> Result<v1::RetryJobResponse, ApiError> {
        let _permit = self.door.gates.operator()?;
        let job: JobId = parsed("job", &request.job)?;
        let reason = reason(request.reason)?;
        self.check_dataset(change.caller(), "RetryJob", &request.dataset)?;
        let leader = self.door.leader()?;
        let earlier = jobs::find_record(&leader, &self.env.stores, &job, &request.dataset).await?.map(Box::new);
        // The leader refuses a job whose spec is lost, unless the name belongs to a job that runs by now.
        if let Some(earlier) = earlier.as_ref().filter(|earlier| !earlier.has_lost_spec()) {
            // The record was read from a dataset, where its spec may have been changed.
            self.check_places(change.caller(), "RetryJob", &earlier.spec)?;
            change.is_of(&job, &earlier.spec.dataset);
        }
        let shards = leader.ask(|reply| Ask::Retry { job, reason, earlier, reply }).await?;
        Ok(v1::RetryJobResponse { shards: shards.iter().map(ToString::to_string).collect() })
    }

    pub(super) async fn replay(
        &self,
        request: v1::ReplayShardRequest,
        change: &mut Change<'_>,
    ) -> Result<v1::ReplayShardResponse, ApiError> {
        let _permit = self.door.gates.operator()?;
        let job: JobId = parsed("job", &request.job)?;
        let shard: ShardId = parsed("shard", &request.shard)?;
        let reason = reason(request.reason)?;
        self.check_dataset(change.caller(), "ReplayShard", &request.dataset)?;
        let leader = self.door.leader()?;
        let live = job.clone();
        if leader.ask(|reply| Ask::Job { job: live, reply }).await?.is_some() {
            return Err(ended::not_yet(&job));
        }
        let Some(earlier) = jobs::find_record(&leader, &self.env.stores, &job, &request.dataset).await? else {
            return Err(ApiError::NotFound { what: format!("job {job}; see `tailor job list`") });
        };
        self.check_places(change.caller(), "ReplayShard", earlier.known_spec()?)?;
        if earlier.shards.iter().all(|known| known.shard != shard) {
            let what = format!("shard {shard} in job {job}; see `tailor shard list --job {job}`");
            return Err(ApiError::NotFound { what });
        }
        let force_replace = Some(request.force_replace).filter(|given| !given.is_empty());
        let spec = self.replay_of(&leader, &earlier, shard, (&reason, force_replace)).await?;
        let submitted_by = change.caller().proven().unwrap_or_else(|| spec.submitted_by.clone());
        let spec = Box::new(JobSpec { submitted_by, ..spec });
        spec.validate().map_err(|error| ApiError::from(error.within("spec")))?;
        let (name, dataset) = (spec.job.clone(), spec.dataset.clone());
        let trace = daemon::trace::parent_of(&Span::current());
        leader.ask(|reply| Ask::Submit { spec, trace, reply }).await?;
        change.is_of(&name, &dataset);
        Ok(v1::ReplayShardResponse { job: name.to_string() })
    }

    pub(super) async fn drain(&self, request: v1::DrainWorkerRequest) -> Result<v1::DrainWorkerResponse, ApiError> {
        let _permit = self.door.gates.operator()?;
        let v1::DrainWorkerRequest { worker, reason: why, cancel } = request;
        check_name("worker", &worker)?;
        let reason = reason(why)?;
        let leader = self.door.leader()?;
        let worker = match cancel {
            false => leader.ask(|reply| Ask::Drain { worker, reason, reply }).await?,
            true => leader.ask(|reply| Ask::Undrain { worker, reason, reply }).await?,
        };
        Ok(v1::DrainWorkerResponse { worker: worker.to_string() })
    }

    /// Builds the spec of a job that replays one shard of `earlier`; its name counts on from earlier replays.
    async fn replay_of(
        &self,
        leader: &Handle,
        earlier: &JobReport,
        shard: ShardId,
        (reason, force_replace): (&str, Option<String>),
    ) -> Result<JobSpec, ApiError> {
        /// Most names that are tried for replays of one job.
        const REPLAYS_MAX: u32 = 10_000;
        let uri = &earlier.spec.dataset;
        let named = async { history::jobs(&self.env.stores.reach(uri).await?).await };
        let taken: BTreeSet<_> = in_time("the dataset", uri, named).await?.into_iter().collect();
        let live = leader.ask(|reply| Ask::Jobs { reply }).await?;
        let is_free = |job: &JobId| !taken.contains(job) && live.iter().all(|live| live.job != job.as_str());
        let named = (1..=REPLAYS_MAX).map(|ordinal| earlier.job.replay(ordinal));
        let job = named.into_iter().find(is_free).ok_or_else(|| ApiError::Refused {
            reason: format!("job {} has {REPLAYS_MAX} replays; submit another job instead", earlier.job),
        })?;
        Ok(JobSpec {
            job,
            shards: vec![shard],
            reason: replay_reason(&earlier.job, reason),
            // The earlier job's permission to replace does not extend to this one.
            force_replace,
            replay_of: Some(earlier.job.clone()),
            submitted_at_ms: self.env.clock.now_ms(),
            ..earlier.spec.clone()
        })
    }
}

/// Checks a reason that will be kept.
fn reason(reason: String) -> Result<String, ApiError> {
    check_reason(&reason)?;
    Ok(reason)
}

/// Builds the reason of a replay, cut to the length that a reason may have.
fn replay_reason(job: &JobId, reason: &str) -> String {
    let mut text = format!("replay of {job}: {reason}");
    text.truncate(text.floor_char_boundary(REASON_BYTES_MAX));
    text
}
