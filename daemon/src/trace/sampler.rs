//! Decision which traces are kept: a share of the first attempts, every later attempt, and every trace of another kind.

use opentelemetry::trace::{Link, SpanKind, TraceContextExt as _, TraceId};
use opentelemetry::{Context, KeyValue, Value};
use opentelemetry_sdk::trace::{Sampler, SamplingDecision, SamplingResult, ShouldSample};

/// Attribute with the number of an attempt.
const ATTEMPT: &str = "tailor.attempt";

/// Sampler of traces. The root decides for its trace.
#[derive(Debug, Clone)]
pub(super) struct AttemptSampler {
    share: Sampler,
}

impl AttemptSampler {
    /// Creates a sampler that keeps `ratio` of the traces that begin with a first attempt, and all others: submissions and
    /// commits are few, and attempts are linked to them.
    pub(super) fn new(ratio: f64) -> Self {
        Self { share: Sampler::TraceIdRatioBased(ratio) }
    }
}

impl ShouldSample for AttemptSampler {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        trace: TraceId,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        let mut result = self.share.should_sample(parent, trace, name, kind, attributes, links);
        let parent = parent.filter(|parent| parent.has_active_span());
        let is_first = attributes.iter().any(|attribute| {
            attribute.key.as_str() == ATTEMPT && matches!(attribute.value, Value::I64(number) if number <= 1)
        });
        match parent {
            Some(parent) if parent.span().span_context().is_sampled() => {
                result.decision = SamplingDecision::RecordAndSample;
            }
            Some(_) => result.decision = SamplingDecision::Drop,
            None if !is_first => result.decision = SamplingDecision::RecordAndSample,
            None => {}
        }
        result
    }
}
