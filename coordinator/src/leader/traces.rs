//! Traces of a leader.
//!
//! ```text
//! job.submit --- job.plan                  the trace of a submission
//!     ^
//!     | linked
//! attempt.assign --- attempt (worker) --- resolve, compute, report ...   a trace for each attempt
//!     ^
//!     | linked
//! attempt.assign of the next attempt at the task
//! shard.commit                             linked to the submission
//! ```
//!
//! A job lasts hours and its leader may change, so its work is no single trace: spans are sent when they end, and die with
//! their process. Without `trace.endpoint` no span exists, and every function here returns at once.

use daemon::trace::{self, TARGET};
use model::{AttemptId, JobId, ShardId, TaskPath, TraceParent};
use tracing::Span;

use super::Leader;

impl Leader {
    /// Begins the trace of an attempt, linked to the submission of its job and to the attempt before.
    pub(super) fn begin_trace(&mut self, task: &TaskPath, attempt: AttemptId) -> Option<TraceParent> {
        let view = self.state.attempt(task, attempt)?;
        let span = tracing::info_span!(
            target: TARGET,
            parent: None,
            "attempt.assign",
            "tailor.job" = %task.job,
            "tailor.shard" = %task.shard,
            "tailor.task" = %task.task,
            "tailor.attempt" = i64::from(attempt.number),
            "tailor.token" = %attempt.token,
            "tailor.worker" = %view.worker,
            "tailor.speculative" = view.is_speculative,
        );
        if span.is_disabled() {
            return None;
        }
        let live = self.jobs.get_mut(&task.job)?;
        let shard = live.shards.get_mut(&task.shard)?;
        let earlier = shard.traces.get(&task.task).copied();
        live.submitted.into_iter().chain(earlier).for_each(|earlier| trace::link(&span, earlier));
        let parent = trace::parent_of(&span)?;
        if parent.is_sampled() {
            shard.traces.insert(task.task, parent);
        }
        Some(parent)
    }

    /// Creates the span of a job's planning, which belongs to the trace of its submission.
    pub(super) fn planning_span(&self, job: &JobId) -> Span {
        let span = tracing::info_span!(target: TARGET, parent: None, "job.plan", "tailor.job" = %job);
        if let Some(submitted) = self.jobs.get(job).and_then(|live| live.submitted) {
            trace::set_parent(&span, submitted);
        }
        span
    }

    /// Creates the span of a shard's commit, linked to the submission of its job.
    pub(super) fn commit_span(&self, job: &JobId, shard: ShardId) -> Span {
        let span = tracing::info_span!(
            target: TARGET, parent: None, "shard.commit", "tailor.job" = %job, "tailor.shard" = %shard
        );
        if let Some(submitted) = self.jobs.get(job).and_then(|live| live.submitted) {
            trace::link(&span, submitted);
        }
        span
    }
}
