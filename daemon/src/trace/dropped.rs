//! Count of the spans that are lost: the SDK reports them only at its end, in a log line.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, Span, SpanData, SpanExporter, SpanProcessor};

/// Counter of the spans that are lost.
pub(super) const DROPPED: &str = "tailor_trace_spans_dropped_total";

/// Most spans that wait for the exporter.
const QUEUE_MAX: usize = 2_048;

/// Number of spans that wait for the exporter.
#[derive(Debug, Clone, Default)]
pub(super) struct Waiting(Arc<AtomicU64>);

impl Waiting {
    /// Adds a span; false if as many wait as may.
    fn add(&self) -> bool {
        let more = |waiting| (waiting < QUEUE_MAX as u64).then_some(waiting + 1);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    fn subtract(&self, count: usize) {
        self.0.fetch_sub(count as u64, Ordering::Relaxed);
    }

    /// Counts the spans that wait as dropped; returns their number.
    pub(super) fn give_up(&self) -> u64 {
        let count = self.0.swap(0, Ordering::Relaxed);
        drop_spans(count);
        count
    }
}

fn drop_spans(count: u64) {
    metrics::counter!(DROPPED).increment(count);
}

/// Processor that hands spans on while there is room, and counts the others as dropped.
#[derive(Debug)]
pub(super) struct CountedProcessor {
    inner: BatchSpanProcessor,
    waiting: Waiting,
}

impl CountedProcessor {
    pub(super) fn new(exporter: impl SpanExporter + 'static, waiting: Waiting) -> Self {
        // The queue of the SDK is never full before ours: a batch under way is in neither.
        let config = BatchConfigBuilder::default().with_max_queue_size(QUEUE_MAX).build();
        Self { inner: BatchSpanProcessor::builder(exporter).with_batch_config(config).build(), waiting }
    }
}

impl SpanProcessor for CountedProcessor {
    fn on_start(&self, span: &mut Span, context: &Context) {
        self.inner.on_start(span, context);
    }

    fn on_end(&self, span: SpanData) {
        if !span.span_context.is_sampled() {
            return;
        }
        if self.waiting.add() {
            self.inner.on_end(span);
        } else {
            drop_spans(1);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

/// Exporter that counts the spans that it could not send.
#[derive(Debug)]
pub(super) struct CountedExporter<E> {
    inner: E,
    waiting: Waiting,
}

impl<E> CountedExporter<E> {
    pub(super) fn new(inner: E, waiting: Waiting) -> Self {
        Self { inner, waiting }
    }
}

impl<E: SpanExporter> SpanExporter for CountedExporter<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let count = batch.len();
        let sent = self.inner.export(batch).await;
        self.waiting.subtract(count);
        if sent.is_err() {
            drop_spans(count as u64);
        }
        sent
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}
