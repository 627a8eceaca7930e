//! Messages that come twice: a collector that gets no answer in time sends a message again, and its file has both.
//!
//! A message of the same bytes has the same points at the same times, so the second one adds nothing. It is counted
//! but not written: under `--duplicates sum` its points would count double.

use std::collections::HashSet;

use model::digest::Digest;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{Metric, MetricsData};
use prost::Message as _;

/// Number of messages in one half of the memory: a message is remembered for at least as many messages, and at most
/// twice as many.
const HALF: usize = 1 << 18;

/// Digests of the latest messages of a file: 16 MiB at most.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    latest: HashSet<Digest>,
    before: HashSet<Digest>,
}

impl Repeats {
    /// True if a message of these bytes came before; remembers the message. A message without a point is never a
    /// repeated one.
    pub(super) fn is_repeated(&mut self, metrics: &MetricsData) -> bool {
        let digest = Digest::of(&metrics.encode_to_vec());
        if self.latest.len() >= HALF {
            self.before = std::mem::take(&mut self.latest);
        }
        let is_known = self.before.contains(&digest) || !self.latest.insert(digest);
        is_known && data_points(metrics) > 0
    }
}

/// Counts the data points of any kind in a message.
pub(super) fn data_points(metrics: &MetricsData) -> u64 {
    let scopes = metrics.resource_metrics.iter().flat_map(|resource| &resource.scope_metrics);
    scopes.flat_map(|scope| &scope.metrics).map(|metric| points_of(metric) as u64).sum()
}

fn points_of(metric: &Metric) -> usize {
    match &metric.data {
        Some(Data::Gauge(gauge)) => gauge.data_points.len(),
        Some(Data::Sum(sum)) => sum.data_points.len(),
        Some(Data::Histogram(histogram)) => histogram.data_points.len(),
        Some(Data::ExponentialHistogram(histogram)) => histogram.data_points.len(),
        Some(Data::Summary(summary)) => summary.data_points.len(),
        None => 0,
    }
}
