//! The points of one message.

use model::TimestampMs;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use opentelemetry_proto::tonic::metrics::v1::{
    DataPointFlags, ExponentialHistogramDataPoint, HistogramDataPoint, MetricsData, NumberDataPoint, SummaryDataPoint,
};

use super::{Details, attributes};
use crate::import::identity::Attributes;
use crate::import::sink::Sink;
use crate::import::{Books, ImportError, SeriesIdentity};

const NS_PER_MS: u64 = 1_000_000;

/// The bound of a histogram's last bucket.
const INFINITY: &str = "+Inf";

/// What was not imported, by reason.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Data points that say that there is no value, or have none.
    pub without_value: u64,
    /// Histograms whose buckets and bounds do not fit together: their count and sum are imported.
    pub buckets_malformed: u64,
    /// Minima and maxima of histograms.
    pub extremes: u64,
    /// Exponential histograms whose buckets were left out.
    pub exponential_buckets: u64,
    /// Quantiles of summaries.
    pub quantiles: u64,
    /// Exemplars.
    pub exemplars: u64,
    /// Metrics without data.
    pub metrics_empty: u64,
}

/// Reads messages into a sink.
pub(super) struct MetricsReader<'s, 'a> {
    sink: &'s mut Sink<'a>,
    details: &'s mut Details,
    books: &'s mut Books,
}

/// The series of one data point: the metric's name and the attributes.
struct PointSeries<'a> {
    name: &'a str,
    attributes: Attributes,
    timestamp: TimestampMs,
}

impl<'s, 'a> MetricsReader<'s, 'a> {
    pub(super) fn new(sink: &'s mut Sink<'a>, details: &'s mut Details, books: &'s mut Books) -> Self {
        Self { sink, details, books }
    }

    pub(super) fn read(&mut self, metrics: MetricsData) -> Result<(), ImportError> {
        for resource_metrics in metrics.resource_metrics {
            let resource = attributes::of_resource(resource_metrics.resource.unwrap_or_default().attributes);
            for scope_metrics in resource_metrics.scope_metrics {
                let scope = attributes::with_scope(&resource, scope_metrics.scope.unwrap_or_default());
                for metric in scope_metrics.metrics {
                    self.read_metric(&metric.name, metric.data, &scope)?;
                }
            }
        }
        Ok(())
    }

    fn read_metric(&mut self, name: &str, data: Option<Data>, scope: &Attributes) -> Result<(), ImportError> {
        match data {
            Some(Data::Gauge(gauge)) => self.each(gauge.data_points, name, scope, Self::read_number),
            Some(Data::Sum(sum)) => self.each(sum.data_points, name, scope, Self::read_number),
            Some(Data::Histogram(histogram)) => self.each(histogram.data_points, name, scope, Self::read_histogram),
            Some(Data::ExponentialHistogram(histogram)) => {
                self.each(histogram.data_points, name, scope, Self::read_exponential)
            }
            Some(Data::Summary(summary)) => self.each(summary.data_points, name, scope, Self::read_summary),
            None => {
                self.details.left_out.metrics_empty += 1;
                Ok(())
            }
        }
    }

    fn each<P: DataPoint>(
        &mut self,
        points: Vec<P>,
        name: &str,
        scope: &Attributes,
        read: fn(&mut Self, P, PointSeries<'_>) -> Result<(), ImportError>,
    ) -> Result<(), ImportError> {
        for mut point in points {
            self.details.data_points += 1;
            self.books.rows.read += 1;
            self.details.left_out.exemplars += point.exemplars();
            let values_before = self.books.values.read;
            if point.flags() & DataPointFlags::NoRecordedValueMask as u32 != 0 {
                self.details.left_out.without_value += 1;
            } else {
                let attributes = attributes::with_point(scope, point.take_attributes());
                let timestamp = (point.time_unix_nano() / NS_PER_MS) as TimestampMs; // 2^64 ns are 2^44 ms
                read(self, point, PointSeries { name, attributes, timestamp })?;
            }
            match self.books.values.read - values_before {
                0 => self.books.rows.skip("without a value", 1),
                _ => self.books.rows.written += 1,
            }
        }
        Ok(())
    }

    fn read_number(&mut self, point: NumberDataPoint, series: PointSeries<'_>) -> Result<(), ImportError> {
        match point.value {
            Some(Value::AsDouble(value)) => self.put(&series, series.name, value),
            Some(Value::AsInt(value)) => {
                self.details.integers_inexact += u64::from(value as f64 as i128 != i128::from(value));
                self.put(&series, series.name, value as f64)
            }
            None => {
                self.details.left_out.without_value += 1;
                Ok(())
            }
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
        let name = format!("{}.bucket", series.name);
        let bounds = point.explicit_bounds.iter().map(f64::to_string).chain([INFINITY.to_owned()]);
        let mut at_most: u64 = 0;
        for (bound, count) in bounds.zip(&point.bucket_counts) {
            at_most = at_most.saturating_add(*count);
            series.attributes.insert("le".to_owned(), bound.into());
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
        self.put_integer(series, &format!("{}.count", series.name), count)?;
        sum.map_or(Ok(()), |sum| self.put(series, &format!("{}.sum", series.name), sum))
    }

    fn put_integer(&mut self, series: &PointSeries<'_>, name: &str, value: u64) -> Result<(), ImportError> {
        self.details.integers_inexact += u64::from(value as f64 as u128 != u128::from(value));
        self.put(series, name, value as f64)
    }

    fn put(&mut self, series: &PointSeries<'_>, name: &str, value: f64) -> Result<(), ImportError> {
        let target = self.sink.target();
        let identity = SeriesIdentity::new(name, &series.attributes);
        let handle = self.sink.series.intern(target.org, target.shard(), identity)?;
        self.books.values.read += 1;
        self.sink.push(handle, series.timestamp, value)
    }
}

/// What all kinds of data points have.
trait DataPoint {
    fn flags(&self) -> u32;
    fn time_unix_nano(&self) -> u64;
    fn take_attributes(&mut self) -> Vec<KeyValue>;
    fn exemplars(&self) -> u64;
}

macro_rules! data_point {
    ($type:ty, $exemplars:expr) => {
        impl DataPoint for $type {
            fn flags(&self) -> u32 {
                self.flags
            }

            fn time_unix_nano(&self) -> u64 {
                self.time_unix_nano
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

data_point!(NumberDataPoint, |point| point.exemplars.len());
data_point!(HistogramDataPoint, |point| point.exemplars.len());
data_point!(ExponentialHistogramDataPoint, |point| point.exemplars.len());
data_point!(SummaryDataPoint, |_| 0);
