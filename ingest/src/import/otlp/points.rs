//! Reader of the points of one message.

use model::TimestampMs;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, DataPointFlags, ExponentialHistogramDataPoint, HistogramDataPoint, Metric, MetricsData,
    NumberDataPoint, SummaryDataPoint,
};

use super::Details;
use super::delta::{Deltas, Interval};
use super::repeats::{Repeats, data_points};
use super::stream::{Kind, Labels, Origin, to_map};
use crate::import::books::DELIVERED_TWICE;
use crate::import::identity::Attributes;
use crate::import::sink::Sink;
use crate::import::{ImportBooks, ImportError};

const NS_PER_MS: u64 = 1_000_000;

/// Attribute with the bound of a bucket.
const BOUND: &str = "le";

/// Bound of a histogram's last bucket.
const INFINITY: &str = "+Inf";

/// Counts of data that were not imported, by reason.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Data points without a value, or flagged as such.
    pub without_value: u64,
    /// Data points with a value but without a time: 0 stands for an unknown time.
    pub without_time: u64,
    /// Histograms whose buckets and bounds do not match; their count and sum are imported.
    pub buckets_malformed: u64,
    /// Minima and maxima of histograms.
    pub extremes: u64,
    /// Exponential histograms whose buckets were left out.
    pub exponential_buckets: u64,
    /// Quantiles of summaries, which are not imported.
    pub quantiles: u64,
    /// Exemplars, which are not imported.
    pub exemplars: u64,
    /// Metrics without any data.
    pub metrics_empty: u64,
}

/// Reads the messages of a file into a sink.
pub(super) struct MetricsReader<'s, 'a> {
    sink: &'s mut Sink<'a>,
    details: &'s mut Details,
    books: ImportBooks,
    deltas: Deltas,
    repeats: Repeats,
}

/// Metric without its points.
struct MetricStream<'a> {
    name: &'a str,
    origin: &'a Origin,
    kind: Kind<'a>,
}

/// Stream of one data point, and its place in that stream.
struct PointSeries<'a> {
    stream: &'a MetricStream<'a>,
    point: Attributes,
    labels: Labels,
    interval: Interval,
}

impl<'s, 'a> MetricsReader<'s, 'a> {
    pub(super) fn new(sink: &'s mut Sink<'a>, details: &'s mut Details) -> Self {
        Self { sink, details, books: ImportBooks::default(), deltas: Deltas::default(), repeats: Repeats::default() }
    }

    pub(super) fn read(&mut self, metrics: MetricsData) -> Result<(), ImportError> {
        self.details.messages += 1;
        if self.repeats.is_repeated(&metrics) {
            let points = data_points(&metrics);
            self.details.data_points += points;
            self.books.rows.read += points;
            self.books.rows.skip(DELIVERED_TWICE, points);
            return Ok(());
        }
        for resource_metrics in metrics.resource_metrics {
            let resource = Origin::of_resource(resource_metrics.resource.unwrap_or_default().attributes);
            for scope_metrics in resource_metrics.scope_metrics {
                let origin = resource.with_scope(scope_metrics.scope.unwrap_or_default());
                for metric in scope_metrics.metrics {
                    self.read_metric(metric, &origin)?;
                }
            }
        }
        Ok(())
    }

    /// Writes the waiting points, and returns the books.
    pub(super) fn finish(self) -> Result<ImportBooks, ImportError> {
        self.deltas.finish(self.sink)?;
        Ok(self.books)
    }

    fn read_metric(&mut self, metric: Metric, origin: &Origin) -> Result<(), ImportError> {
        let Metric { name, unit, data, .. } = metric;
        let stream = |kind: &'static str, temporality: i32, is_monotonic: bool| MetricStream {
            name: &name,
            origin,
            kind: Kind { unit: &unit, name: kind, temporality: temporality_name(temporality), is_monotonic },
        };
        match data {
            Some(Data::Gauge(gauge)) => self.each(gauge.data_points, &stream("", 0, false), Self::read_number),
            Some(Data::Sum(sum)) => {
                let stream = stream("sum", sum.aggregation_temporality, sum.is_monotonic);
                self.each(sum.data_points, &stream, Self::read_number)
            }
            Some(Data::Histogram(histogram)) => {
                let stream = stream("histogram", histogram.aggregation_temporality, false);
                self.each(histogram.data_points, &stream, Self::read_histogram)
            }
            Some(Data::ExponentialHistogram(histogram)) => {
                let stream = stream("exponential_histogram", histogram.aggregation_temporality, false);
                self.each(histogram.data_points, &stream, Self::read_exponential)
            }
            Some(Data::Summary(summary)) => {
                self.each(summary.data_points, &stream("summary", 0, false), Self::read_summary)
            }
            None => {
                self.details.left_out.metrics_empty += 1;
                Ok(())
            }
        }
    }

    fn each<P: DataPoint>(
        &mut self,
        points: Vec<P>,
        stream: &MetricStream<'_>,
        read: fn(&mut Self, P, PointSeries<'_>) -> Result<(), ImportError>,
    ) -> Result<(), ImportError> {
        for mut point in points {
            self.details.data_points += 1;
            self.books.rows.read += 1;
            self.details.left_out.exemplars += point.exemplars();
            let interval = point.interval();
            if !point.has_value() || point.flags() & DataPointFlags::NoRecordedValueMask as u32 != 0 {
                self.details.left_out.without_value += 1;
                self.books.rows.blank += 1;
            } else if interval.end_ns == 0 {
                self.details.left_out.without_time += 1;
                self.books.rows.skip("without a time", 1);
            } else {
                let attributes = to_map(point.take_attributes());
                let labels = Labels::new(stream.origin, &attributes, None);
                read(self, point, PointSeries { stream, point: attributes, labels, interval })?;
                self.books.rows.written += 1;
            }
        }
        Ok(())
    }

    fn read_number(&mut self, point: NumberDataPoint, series: PointSeries<'_>) -> Result<(), ImportError> {
        match point.value {
            Some(Value::AsDouble(value)) => self.put(&series, series.stream.name, value),
            Some(Value::AsInt(value)) => {
                self.details.integers_inexact += u64::from(value as f64 as i128 != i128::from(value));
                self.put(&series, series.stream.name, value as f64)
            }
            None => Ok(()),
        }
    }

    fn read_histogram(&mut self, point: HistogramDataPoint, mut series: PointSeries<'_>) -> Result<(), ImportError> {
        self.put_count_and_sum(&series, point.count, point.sum)?;
        self.details.left_out.extremes += u64::from(point.min.is_some()) + u64::from(point.max.is_some());
        if point.bucket_counts.is_empty() {
            return Ok(());
        }
        if point.bucket_counts.len() != point.explicit_bounds.len() + 1 {
            self.details.left_out.buckets_malformed += 1;
            return Ok(());
        }
        let name = format!("{}.bucket", series.stream.name);
        let bounds = point.explicit_bounds.iter().map(f64::to_string).chain([INFINITY.to_owned()]);
        series.labels = Labels::new(series.stream.origin, &series.point, Some(BOUND));
        let mut at_most: u64 = 0;
        for (bound, count) in bounds.zip(&point.bucket_counts) {
            at_most = at_most.saturating_add(*count);
            series.labels.set(BOUND, bound.into());
            self.put_integer(&series, &name, at_most)?;
        }
        Ok(())
    }

    fn read_exponential(
        &mut self,
        point: ExponentialHistogramDataPoint,
        series: PointSeries<'_>,
    ) -> Result<(), ImportError> {
        self.details.left_out.extremes += u64::from(point.min.is_some()) + u64::from(point.max.is_some());
        self.details.left_out.exponential_buckets += 1;
        self.put_count_and_sum(&series, point.count, point.sum)
    }

    fn read_summary(&mut self, point: SummaryDataPoint, series: PointSeries<'_>) -> Result<(), ImportError> {
        self.details.left_out.quantiles += point.quantile_values.len() as u64;
        self.put_count_and_sum(&series, point.count, Some(point.sum))
    }

    fn put_count_and_sum(&mut self, series: &PointSeries<'_>, count: u64, sum: Option<f64>) -> Result<(), ImportError> {
        self.put_integer(series, &format!("{}.count", series.stream.name), count)?;
        sum.map_or(Ok(()), |sum| self.put(series, &format!("{}.sum", series.stream.name), sum))
    }

    fn put_integer(&mut self, series: &PointSeries<'_>, name: &str, value: u64) -> Result<(), ImportError> {
        self.details.integers_inexact += u64::from(value as f64 as u128 != u128::from(value));
        self.put(series, name, value as f64)
    }

    fn put(&mut self, series: &PointSeries<'_>, name: &str, value: f64) -> Result<(), ImportError> {
        let target = self.sink.target();
        let identity = series.labels.identity(name, &series.stream.kind);
        let handle = self.sink.series.intern(target.org, target.shard(), identity)?;
        self.books.values.read += 1;
        if series.stream.kind.is_delta() {
            return self.deltas.add(handle, series.interval, value, (&mut *self.sink, &mut self.books));
        }
        self.sink.push(handle, (series.interval.end_ns / NS_PER_MS) as TimestampMs, value) // 2^64 ns are 2^44 ms
    }
}

/// Returns the name of a temporality; the default for a number that a later version may add.
fn temporality_name(temporality: i32) -> &'static str {
    match AggregationTemporality::try_from(temporality) {
        Ok(AggregationTemporality::Delta) => "delta",
        Ok(AggregationTemporality::Cumulative) => "cumulative",
        _ => "",
    }
}

/// Properties that all kinds of data points have.
trait DataPoint {
    fn flags(&self) -> u32;
    fn has_value(&self) -> bool;
    fn interval(&self) -> Interval;
    fn take_attributes(&mut self) -> Vec<KeyValue>;
    fn exemplars(&self) -> u64;
}

macro_rules! data_point {
    ($type:ty, $exemplars:expr, $has_value:expr) => {
        impl DataPoint for $type {
            fn flags(&self) -> u32 {
                self.flags
            }

            fn has_value(&self) -> bool {
                let has_value: fn(&Self) -> bool = $has_value;
                has_value(self)
            }

            fn interval(&self) -> Interval {
                Interval { start_ns: self.start_time_unix_nano, end_ns: self.time_unix_nano }
            }

            fn take_attributes(&mut self) -> Vec<KeyValue> {
                std::mem::take(&mut self.attributes)
            }

            fn exemplars(&self) -> u64 {
                let count: fn(&Self) -> usize = $exemplars;
                count(self) as u64
            }
        }
    };
}

data_point!(NumberDataPoint, |point| point.exemplars.len(), |point| point.value.is_some());
data_point!(HistogramDataPoint, |point| point.exemplars.len(), |_| true);
data_point!(ExponentialHistogramDataPoint, |point| point.exemplars.len(), |_| true);
data_point!(SummaryDataPoint, |_| 0, |_| true);
