//! Traces: spans of the jobs' work, sent by OTLP over gRPC to a collector.
//!
//! ```text
//! span!(target: TARGET, ..) -> layer -> sampler -> Counted: queue of 2,048 -> thread of the SDK -> collector
//! ```
//!
//! Without `trace.endpoint` no layer is installed, and a span is disabled. A collector that hangs or refuses costs
//! nothing but its spans: the queue is bounded, nobody waits for it, and the end of the process waits for 2 s at most.
//!
//! | metric | kind | tells |
//! |---|---|---|
//! | `tailor_trace_spans_dropped_total` | counter | spans that were to be kept, and did not reach the collector |

mod sampler; // decision which traces are kept
mod dropped; // count of the spans that are lost
#[cfg(test)]
mod tests;

use std::time::Duration;

use model::TraceParent;
use opentelemetry::trace::{
    SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState, TracerProvider as _,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::{Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::registry::LookupSpan;

use crate::settings::Key;
use crate::{Layers, SettingsError};
use dropped::{CountedExporter, CountedProcessor, Waiting};
use sampler::AttemptSampler;

/// Target of every span that belongs to a trace. Spans of libraries have others, and are left out.
pub const TARGET: &str = "tailor::trace";

/// Header of calls with the position of the caller's span
/// (<https://www.w3.org/TR/trace-context/#traceparent-header>).
pub const HEADER: &str = "traceparent";

/// Longest time that the exporter is given for one batch.
const EXPORT_MAX: Duration = Duration::from_secs(10);

/// Longest time that the end of the process waits for the last spans.
pub const END_MAX: Duration = Duration::from_secs(2);

/// Table of the settings of traces.
pub const KEYS: &[Key] = &[
    Key::new(
        "trace.endpoint",
        None,
        "Address of an OTLP collector (gRPC) that gets the traces. Without it, nothing is traced",
        "http://127.0.0.1:4317",
    ),
    Key::new(
        "trace.sample-ratio",
        Some("0.01"),
        "Share of the attempts that are traced, 0 to 1; second attempts and those after a failure always are",
        "1",
    ),
];

/// Settings of traces, resolved.
#[derive(Debug, Clone, PartialEq)]
pub struct TraceSettings {
    /// Address of the collector.
    pub endpoint: String,
    /// Share of the first attempts that are kept, 0 to 1.
    pub sample_ratio: f64,
}

impl TraceSettings {
    /// Resolves the settings; none if nothing is to be traced.
    ///
    /// # Errors
    /// The address is no `http://` address, or the share is not between 0 and 1.
    pub fn resolve(layers: &Layers) -> Result<Option<Self>, SettingsError> {
        let form = "a number from 0 to 1";
        let sample_ratio: f64 = layers.parse("trace.sample-ratio", form)?;
        if !(0.0..=1.0).contains(&sample_ratio) {
            return Err(layers.refuse("trace.sample-ratio", form));
        }
        let Some(endpoint) = layers.optional("trace.endpoint") else { return Ok(None) };
        if !endpoint.starts_with("http://") {
            let form = "the address of a collector beside this process, http://host:port, which adds TLS on its way";
            return Err(layers.refuse("trace.endpoint", form));
        }
        Ok(Some(Self { endpoint, sample_ratio }))
    }
}

/// Process that is traced, as the collector sees it.
#[derive(Debug, Clone, Copy)]
pub struct Traced<'a> {
    /// `coordinator` or `worker`; the service is called `tailor-` and this.
    pub program: &'a str,
    /// Version of the program.
    pub version: &'a str,
    /// Name of the process, such as its pod's.
    pub name: &'a str,
}

/// Traces of this process.
#[derive(Debug, Default)]
pub struct Traces {
    provider: Option<SdkTracerProvider>,
    waiting: Waiting,
}

impl Traces {
    /// Prepares the sending of spans; nothing is connected yet. Without settings nothing is traced.
    ///
    /// # Errors
    /// The address cannot be parsed.
    pub fn new(settings: Option<&TraceSettings>, traced: Traced<'_>) -> Result<Self, ExporterBuildError> {
        metrics::describe_counter!(dropped::DROPPED, "Spans that were to be kept, and did not reach the collector");
        metrics::counter!(dropped::DROPPED).absolute(0);
        let Some(settings) = settings else { return Ok(Self::default()) };
        let exporter =
            SpanExporter::builder().with_tonic().with_endpoint(&settings.endpoint).with_timeout(EXPORT_MAX).build()?;
        let waiting = Waiting::default();
        let processor = CountedProcessor::new(CountedExporter::new(exporter, waiting.clone()), waiting.clone());
        let resource = Resource::builder_empty().with_attributes([
            KeyValue::new("service.name", format!("tailor-{}", traced.program)),
            KeyValue::new("service.version", traced.version.to_owned()),
            KeyValue::new("service.instance.id", traced.name.to_owned()),
        ]);
        let provider = SdkTracerProvider::builder()
            .with_sampler(AttemptSampler::new(settings.sample_ratio))
            .with_span_processor(processor)
            .with_resource(resource.build())
            .build();
        Ok(Self { provider: Some(provider), waiting })
    }

    /// Builds the layer through which spans are sent; none if nothing is traced.
    pub(crate) fn layer<S>(&self) -> Option<impl Layer<S> + Send + Sync + use<S>>
    where
        S: Subscriber + Send + Sync + for<'span> LookupSpan<'span>,
    {
        let tracer = self.provider.as_ref()?.tracer("tailor");
        let layer = tracing_opentelemetry::layer().with_tracer(tracer);
        let layer = layer.with_location(false).with_threads(false).with_tracked_inactivity(false);
        Some(layer.with_filter(Targets::new().with_target(TARGET, tracing::Level::INFO)))
    }

    /// Sends the spans that wait, for at most [`END_MAX`]; the others are counted as dropped.
    pub async fn end(self) {
        let Self { provider: Some(provider), waiting } = self else { return };
        // The SDK blocks its caller meanwhile.
        let ended = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(END_MAX)).await;
        if !matches!(ended, Ok(Ok(()))) {
            let count = waiting.give_up();
            tracing::warn!(count, "failed to send the last spans to the collector; they are lost");
        }
    }
}

/// Returns the position of a span in its trace; none if the span is not traced.
pub fn parent_of(span: &Span) -> Option<TraceParent> {
    if span.is_disabled() {
        return None;
    }
    let context = span.context();
    let context = context.span().span_context().clone();
    let (trace, span) = (u128::from_be_bytes(context.trace_id().to_bytes()), context.span_id().to_bytes());
    TraceParent::new(trace, u64::from_be_bytes(span), context.is_sampled())
}

/// Makes a span that has no child yet a child of a span of another process.
pub fn set_parent(span: &Span, parent: TraceParent) {
    // The error says that nothing is traced, or that the span has begun; neither is anything to act on.
    let _ = span.set_parent(Context::new().with_remote_span_context(remote(parent)));
}

/// Links a span to another one.
pub fn link(span: &Span, to: TraceParent) {
    span.add_link(remote(to));
}

/// Adds an attribute that the span's fields do not name.
pub fn note(span: &Span, key: String, value: i64) {
    span.set_attribute(key, value);
}

fn remote(parent: TraceParent) -> SpanContext {
    let flags = if parent.is_sampled() { TraceFlags::SAMPLED } else { TraceFlags::default() };
    let (trace, span) = (TraceId::from_bytes(parent.trace().to_be_bytes()), SpanId::from(parent.span()));
    SpanContext::new(trace, span, flags, true, TraceState::NONE)
}
