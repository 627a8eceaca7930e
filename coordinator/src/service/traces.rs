//! Spans of calls that continue a trace of the caller.

use daemon::trace;
use model::TraceParent;
use tonic::Request;
use tracing::Span;

/// Returns the span of the caller that the metadata of a call names; none if they name none.
pub(super) fn parent_of_call<T>(request: &Request<T>) -> Option<TraceParent> {
    request.metadata().get(trace::HEADER)?.to_str().ok()?.parse().ok()
}

/// Makes `span` a child of the caller's, if there is one. Create it once the caller is admitted: strangers have no spans.
pub(super) fn continued(parent: Option<TraceParent>, span: Span) -> Span {
    if let Some(parent) = parent {
        trace::set_parent(&span, parent);
    }
    span
}
