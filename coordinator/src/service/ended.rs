//! Answers to operators about jobs that have ended, or have not yet.

use model::JobId;
use proto::{ApiError, v1};

use crate::history_view;
use crate::report::JobReport;

/// Answers a cancellation of a job that does not run, from its record: it succeeds if the job was already cancelled.
pub(super) fn cancelled(id: &JobId, record: Option<&JobReport>) -> Result<(), ApiError> {
    let Some(record) = record else {
        return Err(ApiError::NotFound { what: format!("job {id}; see `tailor job list`") });
    };
    let state = history_view::state(record);
    if record.is_cancelled() || state == v1::JobState::Cancelled {
        return Ok(());
    }
    let how = match state {
        v1::JobState::Done => "every shard of it is done",
        v1::JobState::PartlyDone => "some shards of it are done, some failed",
        _ => "it failed",
    };
    Err(ApiError::Refused { reason: format!("job {id} has ended already: {how}; see `tailor job get {id}`") })
}

/// Error for a replay of a job that still runs.
pub(super) fn not_yet(id: &JobId) -> ApiError {
    let reason = format!(
        "job {id} still runs; a shard is replayed once its job has ended: `tailor job wait {id}`, then replay it"
    );
    ApiError::Refused { reason }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use model::{JobSettings, JobSpec};

    use super::*;

    fn record(cause: Option<&str>) -> JobReport {
        let spec = JobSpec {
            job: "j".parse().expect("a name"),
            input: "in".to_owned(),
            dataset: "out".to_owned(),
            shards: Vec::new(),
            settings: JobSettings::default(),
            shard_map: String::new(),
            reason: String::new(),
            weight: 10,
            running_max: None,
            force_replace: None,
            replay_of: None,
            submitted_by: String::new(),
            submitted_at_ms: 0,
        };
        let mut report = JobReport::of(&spec, 1, Vec::new(), Vec::new(), 0, Duration::ZERO);
        report.cause = cause.map(str::to_owned);
        report
    }

    #[test]
    fn a_job_is_cancelled_as_often_as_one_likes_and_one_that_ended_otherwise_is_not() {
        let id: JobId = "j".parse().expect("a name");
        assert!(cancelled(&id, Some(&record(Some("cancelled: no longer wanted")))).is_ok());
        let refused = |cause| matches!(cancelled(&id, Some(&record(cause))), Err(ApiError::Refused { .. }));
        assert!(refused(None) && refused(Some("no segments under in")));
        assert!(matches!(cancelled(&id, None), Err(ApiError::NotFound { .. })));
    }
}
