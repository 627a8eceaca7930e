//! Progress of jobs, shards and workers, as operators see it.

use std::collections::BTreeMap;
use std::time::Duration;

use format::state_records::{JobPhase, ShardPhase};
use model::limits::OPEN_TASKS_MAX;
use model::{Effort, JobId, LeaseId, ShardId};
use proto::v1;
use scheduler::Phase;
use scheduler::life::Life;
use scheduler::view::ShardView;
use tokio::time::Instant;

use super::Leader;
use super::conduct::add_conduct;
use super::live::{LiveJob, LiveShard};
use crate::history_view;

impl Leader {
    pub(super) fn job_summaries(&self) -> Vec<v1::JobSummary> {
        let live = self.jobs.iter().map(|(id, live)| self.summary(id, live, &self.shard_summaries(id, live)));
        live.chain(self.recovering_summaries()).collect()
    }

    pub(super) fn job_view(&self, id: &JobId) -> Option<v1::GetJobResponse> {
        let live = self.jobs.get(id).map(|live| {
            let mut shards = self.shard_summaries(id, live);
            let job = self.summary(id, live, &shards);
            let earlier = live.earlier.iter().flat_map(|earlier| &earlier.shards);
            shards.extend(earlier.filter(|shard| shard.is_done()).map(history_view::shard));
            v1::GetJobResponse { job: Some(job), shards, ..Default::default() }
        });
        live.or_else(|| self.recovering_view(id))
    }

    fn summary(&self, id: &JobId, live: &LiveJob, shards: &[v1::ShardSummary]) -> v1::JobSummary {
        let state = match live.head.phase {
            JobPhase::Planning => v1::JobState::Planning,
            // The head that releases the job is being written; its shards open, and are seen, once it is on record.
            JobPhase::Running if !live.planned.is_empty() => v1::JobState::Planning,
            JobPhase::Cancelling => v1::JobState::Cancelling,
            JobPhase::Running | JobPhase::Ended => v1::JobState::Running,
        };
        let count = |state: v1::ShardState| shards.iter().filter(|shard| shard.state == state as i32).count() as u32;
        v1::JobSummary {
            job: id.to_string(),
            state: state.into(),
            dataset: live.spec.dataset.clone(),
            input: live.spec.input.clone(),
            window: live.spec.settings.window.to_string(),
            submitted_at_ms: live.head.submitted_at_ms,
            ended_at_ms: 0,
            shards: shards.len() as u32,
            shards_done: count(v1::ShardState::Done),
            shards_failed: count(v1::ShardState::Failed),
            bytes: shards.iter().map(|shard| shard.bytes).sum(),
            bytes_read: shards.iter().map(|shard| shard.bytes_read).sum(),
            weight: live.spec.weight as i32,
            reason: live.spec.reason.clone(),
            cause: live.head.cause.as_ref().map(ToString::to_string).unwrap_or_default(),
            waiting_for: self.waiting_for(live),
            attempts: shards.iter().map(|shard| u64::from(shard.attempts)).sum(),
            attempts_failed: shards.iter().map(|shard| u64::from(shard.attempts_failed)).sum(),
            effort: Some((&self.effort(id, live)).into()),
            wasted: Some((&live.wasted()).into()),
            effort_since_ms: live.head.submitted_at_ms.max(self.began_at_ms),
        }
    }

    /// Sums the effort of the attempts of a job that count, as far as this leader saw them, and of those that run.
    fn effort(&self, id: &JobId, live: &LiveJob) -> Effort {
        let mut effort = live.counting();
        for (worker, live) in &self.workers {
            for (held, watched) in &live.attempts {
                if held.task.job == *id && self.state.runs(&held.task, held.attempt, *worker) {
                    effort += &watched.effort;
                }
            }
        }
        effort
    }

    /// Returns the reason for which a job does not go on right now; empty if there is none.
    fn waiting_for(&self, live: &LiveJob) -> String {
        if self.state.life(&live.spec.job).is_some_and(Life::has_ended) {
            return "its record to be written".to_owned();
        }
        if let Some(trouble) = self.troubles().into_iter().next() {
            return trouble;
        }
        // Credentials have to be renewed, or a policy mended: nothing goes on before somebody does that.
        if let Some((shard, said)) = self.state.turned_away(&live.spec.job) {
            let minutes = self.settings.policy.throttled_max.as_secs() / 60;
            return format!(
                "a store, which turns shard {shard} away (the shard fails after {minutes} minutes of that): {said}"
            );
        }
        if self.state.running() >= OPEN_TASKS_MAX {
            format!("attempts of other tasks to end: {OPEN_TASKS_MAX} run, the most that a cluster has at once")
        } else if self.workers.is_empty() {
            "workers: none is there; start some, and see `tailor worker list`".to_owned()
        } else if self.workers.values().all(super::LiveWorker::rests) {
            "workers: all that are there drain or are unfit; see `tailor worker list`".to_owned()
        } else {
            String::new()
        }
    }

    fn troubles(&self) -> Vec<String> {
        let is_fresh = |(_, until): &&(String, Instant)| Instant::now() < *until + Duration::from_secs(2);
        self.blocked.iter().filter(is_fresh).map(|(reason, _)| reason.clone()).collect()
    }

    fn shard_summaries(&self, id: &JobId, live: &LiveJob) -> Vec<v1::ShardSummary> {
        let under_way = self.bytes_under_way(id);
        live.shards.iter().map(|(shard, live_shard)| self.shard_summary(id, *shard, live_shard, &under_way)).collect()
    }

    /// Sums the segment bytes that running attempts of each shard of a job have read.
    fn bytes_under_way(&self, job: &JobId) -> BTreeMap<ShardId, u64> {
        let mut bytes = BTreeMap::new();
        for (worker, live) in &self.workers {
            for (held, watched) in &live.attempts {
                let is_map = held.task.job == *job && held.task.task.kind == model::TaskKind::Map;
                if is_map && self.state.runs(&held.task, held.attempt, *worker) {
                    *bytes.entry(held.task.shard).or_default() += watched.bytes;
                }
            }
        }
        bytes
    }

    fn shard_summary(
        &self,
        id: &JobId,
        shard: ShardId,
        live_shard: &LiveShard,
        under_way: &BTreeMap<ShardId, u64>,
    ) -> v1::ShardSummary {
        let mut summary = history_view::shard(&live_shard.report);
        if matches!(live_shard.record.phase, ShardPhase::Running | ShardPhase::Committing)
            && let Some(view) = self.state.shard(id, shard)
        {
            let more = under_way.get(&shard).copied().unwrap_or_default();
            open_shard(&mut summary, &view, more, live_shard.elapsed());
            summary.waits_for = match self.state.shard_turned_away(id, shard) {
                Some(said) => format!("a store, which turns it away: {said}"),
                None if view.running == 0 && is_open(view.phase) => "a free slot of a worker".to_owned(),
                None => String::new(),
            };
        }
        summary
    }

    pub(super) fn worker_views(&self) -> Vec<v1::WorkerSummary> {
        let conduct = self.conduct_views();
        let view = |(lease, live): (&LeaseId, &super::LiveWorker)| {
            let mut summary = v1::WorkerSummary {
                worker: lease.to_string(),
                name: live.record.name.to_string(),
                version: live.record.version.to_string(),
                slots: live.record.slots,
                running: self.state.running_on(*lease) as u32,
                memory_bytes: live.record.memory_bytes,
                since_ms: live.since_ms,
                silent_ms: live.heard.map_or(0, |heard| heard.elapsed().as_millis() as u64),
                draining: live
                    .record
                    .draining
                    .as_ref()
                    .map(ToString::to_string)
                    .or(live.drain.clone())
                    .unwrap_or_default(),
                unfit: live.record.unfit.as_ref().map(ToString::to_string).unwrap_or_default(),
                ..v1::WorkerSummary::default()
            };
            if let Some(conduct) = conduct.get(live.record.name.as_str()) {
                add_conduct(&mut summary, conduct);
            }
            summary
        };
        self.workers.iter().map(view).collect()
    }

    pub(super) fn cluster_view(&self) -> v1::GetClusterResponse {
        v1::GetClusterResponse {
            leader: self.settings.replica.clone(),
            address: self.settings.address.clone(),
            token: self.journal.leadership().revision().0,
            since_ms: self.began_at_ms,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            troubles: self.troubles(),
            workers: self.workers.len() as u32,
            slots: self.workers.values().map(|live| live.record.slots).sum(),
            jobs: (self.jobs.len() + self.recovering.len()) as u32,
        }
    }
}

const fn is_open(phase: Phase) -> bool {
    matches!(phase, Phase::Mapping | Phase::Reducing)
}

/// Puts the progress of a shard that runs into its summary.
fn open_shard(summary: &mut v1::ShardSummary, view: &ShardView, bytes_under_way: u64, elapsed: Duration) {
    summary.state = match view.phase {
        Phase::Mapping => v1::ShardState::Mapping,
        Phase::Reducing => v1::ShardState::Reducing,
        Phase::Committing | Phase::Ended => v1::ShardState::Committing,
    }
    .into();
    summary.bytes_read = (view.bytes.1 + bytes_under_way).min(view.bytes.0);
    (summary.map_tasks_done, summary.partitions_done) = (view.maps.1 as u32, view.reduces.1 as u32);
    summary.running = view.running as u32;
    (summary.attempts, summary.attempts_failed) = (view.counts.attempts, view.counts.failed);
    (summary.points_read, summary.points_written) = view.points;
    summary.elapsed_ms = elapsed.as_millis() as u64;
    summary.eta_ms = eta(summary).as_millis() as u64;
}

/// Estimates the time left by the pace so far; mapping and reducing take about as long as each other.
fn eta(summary: &v1::ShardSummary) -> Duration {
    let share = |done: u64, all: u64| if all == 0 { 1.0 } else { done as f64 / all as f64 };
    let mapped = share(summary.bytes_read, summary.bytes);
    let reduced = share(u64::from(summary.partitions_done), u64::from(summary.partitions));
    let done = (mapped + reduced) / 2.0;
    if done < 0.01 || summary.elapsed_ms == 0 {
        return Duration::ZERO;
    }
    Duration::from_millis(summary.elapsed_ms).mul_f64((1.0 - done).max(0.0) / done)
}
