//! Views of ended jobs and shards for operators, from their records.

use model::Effort;
use proto::v1;

use crate::report::{JobReport, ShardReport, ShardState};

/// Builds the view of a shard from its report.
pub(crate) fn shard(report: &ShardReport) -> v1::ShardSummary {
    let state = match report.state {
        ShardState::Open => v1::ShardState::Mapping,
        ShardState::Done => v1::ShardState::Done,
        ShardState::Failed => v1::ShardState::Failed,
        ShardState::Cancelled => v1::ShardState::Cancelled,
    };
    let is_done = report.is_done();
    let (books, all) = (&report.totals.books, |count: u32| if is_done { count } else { 0 });
    v1::ShardSummary {
        shard: report.shard.to_string(),
        state: state.into(),
        cause: report.cause.clone().unwrap_or_default(),
        version: report.version.unwrap_or_default(),
        content_digest: report.content_digest.map(|digest| digest.to_string()).unwrap_or_default(),
        replaces: report.replaces.unwrap_or_default(),
        same_content: report.same_content,
        segments: report.segments as u64,
        bytes: report.totals.bytes_in,
        bytes_read: if is_done { report.totals.bytes_in } else { 0 },
        map_tasks: report.map_tasks as u32,
        map_tasks_done: all(report.map_tasks as u32),
        partitions: report.partitions,
        partitions_done: all(report.partitions),
        running: 0,
        attempts: report.attempts,
        attempts_failed: report.attempts_failed,
        points_read: books.map.points_read,
        points_written: books.reduce.points_written,
        elapsed_ms: report.elapsed.as_millis() as u64,
        eta_ms: 0,
        warnings: report.warnings.clone(),
        waits_for: String::new(),
    }
}

/// Builds the view of a job from its record.
pub(crate) fn job(report: &JobReport) -> v1::GetJobResponse {
    let shards: Vec<_> = report.shards.iter().map(shard).collect();
    v1::GetJobResponse {
        job: Some(v1::JobSummary {
            effort: Some((&report.totals.effort).into()),
            wasted: Some((&wasted(report)).into()),
            effort_since_ms: report.started_at_ms,
            ..summary(report)
        }),
        shards,
        record: serde_json::to_vec(report).expect("a report is numbers and names").into(),
        more: false,
    }
}

/// Builds the summary of a job from its record.
pub(crate) fn summary(report: &JobReport) -> v1::JobSummary {
    let count = |state: ShardState| report.shards.iter().filter(|shard| shard.state == state).count() as u32;
    let elapsed_ms = report.elapsed.as_millis() as i64;
    v1::JobSummary {
        job: report.job.to_string(),
        state: state(report).into(),
        dataset: report.spec.dataset.clone(),
        input: report.spec.input.clone(),
        window: report.window.to_string(),
        submitted_at_ms: report.started_at_ms,
        ended_at_ms: report.started_at_ms + elapsed_ms,
        shards: report.shards.len() as u32,
        shards_done: count(ShardState::Done),
        shards_failed: count(ShardState::Failed),
        bytes: report.totals.bytes_in,
        bytes_read: report.shards.iter().filter(|shard| shard.is_done()).map(|shard| shard.totals.bytes_in).sum(),
        weight: report.spec.weight as i32,
        reason: report.spec.reason.clone(),
        cause: report.cause.clone().unwrap_or_default(),
        waiting_for: String::new(),
        attempts: report.shards.iter().map(|shard| u64::from(shard.attempts)).sum(),
        attempts_failed: report.shards.iter().map(|shard| u64::from(shard.attempts_failed)).sum(),
        // Lists leave the effort out: the index of ended jobs, of which they are made, does not have it.
        effort: None,
        wasted: None,
        effort_since_ms: 0,
    }
}

/// Sums the effort of attempts that do not count.
pub(crate) fn wasted(report: &JobReport) -> Effort {
    let mut wasted = Effort::default();
    report.shards.iter().for_each(|shard| wasted += &shard.wasted);
    wasted
}

/// Returns the final state of a job.
pub(crate) fn state(report: &JobReport) -> v1::JobState {
    let is_any = |state: ShardState| report.shards.iter().any(|shard| shard.state == state);
    match (is_any(ShardState::Done), is_any(ShardState::Failed), is_any(ShardState::Cancelled)) {
        (true, false, false) => v1::JobState::Done,
        (true, _, _) => v1::JobState::PartlyDone,
        (false, false, true) => v1::JobState::Cancelled,
        // Without any shard, the job failed as a whole, or there was nothing to do.
        (false, false, false) if report.cause.is_none() => v1::JobState::Done,
        (false, false, false) if report.is_cancelled() => v1::JobState::Cancelled,
        (false, _, _) => v1::JobState::Failed,
    }
}
