//! Spans of calls that continue a trace of the caller.

use daemon::trace;
use model::TraceParent;
use tonic::Request;
use tracing::Span;

/// Makes `span` a child of the span that the caller's metadata names, if they name one.
pub(super) fn continued<T>(request: &Request<T>, span: Span) -> Span {
    let header = request.metadata().get(trace::HEADER).and_then(|value| value.to_str().ok());
    if let Some(parent) = header.and_then(|header| header.parse::<TraceParent>().ok()) {
        trace::set_parent(&span, parent);
    }
    span
}
