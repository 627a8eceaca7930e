//! Seeds of OpenTelemetry's metrics, in the forms that collectors write.

use opentelemetry_proto::tonic::common::v1::any_value::Value as Attribute;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use opentelemetry_proto::tonic::metrics::v1::{
    Gauge, Histogram, HistogramDataPoint, Metric, MetricsData, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum,
};
use prost::Message as _;

use super::write;

const SECOND_NS: u64 = 1_000_000_000;

fn message() -> MetricsData {
    let host = AnyValue { value: Some(Attribute::StringValue("a".to_owned())) };
    let attributes = vec![KeyValue { key: "host".to_owned(), value: Some(host), ..KeyValue::default() }];
    let number = |at: u64, value: f64| NumberDataPoint {
        attributes: attributes.clone(),
        time_unix_nano: at,
        value: Some(Value::AsDouble(value)),
        ..NumberDataPoint::default()
    };
    let gauge = Gauge { data_points: vec![number(SECOND_NS, 0.5), number(0, 1.0)] };
    let deltas = vec![number(SECOND_NS, 1.0), number(SECOND_NS + 1, 2.0), number(SECOND_NS, 1.0)];
    let sum = Sum { data_points: deltas, aggregation_temporality: 1, is_monotonic: true };
    let bucketed = HistogramDataPoint {
        time_unix_nano: SECOND_NS,
        count: 3,
        sum: Some(4.0),
        bucket_counts: vec![1, 2],
        explicit_bounds: vec![1.0],
        ..HistogramDataPoint::default()
    };
    let histogram = Histogram { data_points: vec![bucketed], aggregation_temporality: 2 };
    let metric = |name: &str, data| Metric { name: name.to_owned(), data: Some(data), ..Metric::default() };
    let metrics =
        vec![metric("g", Data::Gauge(gauge)), metric("d", Data::Sum(sum)), metric("h", Data::Histogram(histogram))];
    let scope_metrics = vec![ScopeMetrics { metrics, ..ScopeMetrics::default() }];
    MetricsData { resource_metrics: vec![ResourceMetrics { scope_metrics, ..ResourceMetrics::default() }] }
}

fn behind_length(message: &[u8]) -> Vec<u8> {
    [&(message.len() as u32).to_be_bytes()[..], message].concat()
}

/// Reads the seeds, or writes them again with `WRITE_GOLDEN=1`.
#[test]
fn the_seeds_of_collectors_are_what_is_written_today() {
    let body = message().encode_to_vec();
    let stored = zstd::bulk::compress(&body, 1).expect("zstd compresses");
    let json = concat!(
        r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"g","unit":"s","gauge":{"dataPoints":[{"#,
        r#""timeUnixNano":"1000000000","asInt":"7","attributes":[{"key":"k","value":{"boolValue":true}}]}]}}]}]}]}"#,
        "\n"
    );
    write("otlp", "body", &body);
    write("otlp", "framed", &[behind_length(&body), behind_length(&body)].concat());
    write("otlp", "framed-zstd", &behind_length(&stored));
    write("otlp", "lines.json", json.repeat(2).as_bytes());
}
