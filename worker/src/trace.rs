//! Spans of attempts: the worker's part of the traces that the leader begins.
//!
//! Without `trace.endpoint` every span here is disabled, and costs some nanoseconds.

use daemon::trace::{self, TARGET};
use model::{FailureClass, Grant, LeaseId, Stage, StageTimes};
use tonic::metadata::AsciiMetadataValue;
use tracing::Span;
use tracing::field::Empty;

use crate::slot::AttemptOutcome;

/// Begins the span of an attempt: a child of the leader's, or a root if the leader is not traced. The second span is for
/// log lines, and names the trace if a collector gets it.
pub(crate) fn begin(grant: &Grant, worker: LeaseId) -> (Span, Span) {
    let span = tracing::info_span!(
        target: TARGET,
        parent: None,
        "attempt",
        "tailor.job" = %grant.task.job,
        "tailor.shard" = %grant.task.shard,
        "tailor.task" = %grant.task.task,
        "tailor.attempt" = i64::from(grant.attempt.number),
        "tailor.token" = %grant.attempt.token,
        "tailor.worker" = %worker,
        "tailor.outcome" = Empty,
        "error.type" = Empty,
        "otel.status_code" = Empty,
    );
    if let Some(parent) = grant.trace {
        trace::set_parent(&span, parent);
    }
    let trace_id = trace::parent_of(&span).and_then(|parent| parent.shown_id());
    let log = span
        .in_scope(|| tracing::info_span!("attempt", task = %grant.task, attempt = %grant.attempt, trace_id = Empty));
    if let Some(trace_id) = trace_id {
        log.record("trace_id", trace_id);
    }
    (span, log)
}

/// Notes the result of the computing: the time of each stage, or the class of the failure.
pub(crate) fn computed(span: &Span, outcome: &AttemptOutcome) {
    match outcome {
        AttemptOutcome::Mapped(report) => note_stages(span, &report.stages),
        AttemptOutcome::Reduced(report) => note_stages(span, &report.stages),
        AttemptOutcome::Failed(failure) => {
            span.record("error.type", tracing::field::debug(failure.class));
            if failure.class != FailureClass::Cancelled {
                span.record("otel.status_code", "ERROR");
            }
        }
    }
}

/// Ends the span of an attempt. Its end is the time at which it was left last, so it is entered once more.
pub(crate) fn end(span: &Span, outcome: &str) {
    span.in_scope(|| span.record("tailor.outcome", outcome));
}

fn note_stages(span: &Span, stages: &StageTimes) {
    if span.is_disabled() {
        return;
    }
    for stage in Stage::ALL {
        let wall_ms = i64::try_from(stages.of(stage).wall.as_millis()).unwrap_or(i64::MAX);
        if wall_ms > 0 {
            trace::note(span, format!("tailor.stage.{stage}_ms"), wall_ms);
        }
    }
}

/// Builds a request whose metadata carries the position of the current span, so that the leader's spans belong to it.
pub(crate) fn carried<T>(message: T) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    let value = trace::parent_of(&Span::current()).map(|parent| AsciiMetadataValue::try_from(parent.to_string()));
    if let Some(Ok(value)) = value {
        request.metadata_mut().insert(trace::HEADER, value);
    }
    request
}
