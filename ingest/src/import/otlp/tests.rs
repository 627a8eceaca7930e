use std::collections::BTreeMap;

use model::OrgId;
use opentelemetry_proto::tonic::common::v1::any_value::Value as AnyValueKind;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use opentelemetry_proto::tonic::metrics::v1::summary_data_point::ValueAtQuantile;
use opentelemetry_proto::tonic::metrics::v1::{
    DataPointFlags, Exemplar, ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram,
    HistogramDataPoint, Metric, MetricsData, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, Summary,
    SummaryDataPoint,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message as _;

use super::*;
use crate::import::find_files;
use crate::import::testing::{Read, imported};

fn attributes(pairs: &[(&str, &str)]) -> Vec<KeyValue> {
    let value = |text: &str| Some(AnyValue { value: Some(AnyValueKind::StringValue(text.to_owned())) });
    let pair =
        |(key, text): &(&str, &str)| KeyValue { key: (*key).to_owned(), value: value(text), ..Default::default() };
    pairs.iter().map(pair).collect()
}

/// Builds a point at `ms`, one nanosecond before the next millisecond.
fn number(ms: u64, value: Value, pairs: &[(&str, &str)]) -> NumberDataPoint {
    let time_unix_nano = ms * 1_000_000 + 999_999;
    NumberDataPoint { time_unix_nano, value: Some(value), attributes: attributes(pairs), ..Default::default() }
}

fn message(metrics: Vec<(&str, Data)>) -> MetricsData {
    let metric = |(name, data): (&str, Data)| Metric { name: name.to_owned(), data: Some(data), ..Default::default() };
    let scope = InstrumentationScope { attributes: attributes(&[("lib", "x")]), ..Default::default() };
    let scope_metrics =
        ScopeMetrics { scope: Some(scope), metrics: metrics.into_iter().map(metric).collect(), ..Default::default() };
    let resource = Resource { attributes: attributes(&[("host", "a")]), ..Default::default() };
    let resource_metrics =
        ResourceMetrics { resource: Some(resource), scope_metrics: vec![scope_metrics], ..Default::default() };
    MetricsData { resource_metrics: vec![resource_metrics] }
}

fn framed(messages: &[MetricsData]) -> Vec<u8> {
    let framed = messages.iter().flat_map(|message| {
        let message = message.encode_to_vec();
        [&(message.len() as u32).to_be_bytes()[..], &message].concat()
    });
    framed.collect()
}

fn read(name: &str, content: &[u8]) -> (Result<OtlpSummary, ImportError>, Read) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(name);
    std::fs::write(&path, content).expect("a file");
    let files = find_files(&[path], &EXTENSIONS).expect("a file").files;
    imported(|output| import_otlp(&files, &Target::new(output, OrgId(7)), Rerun::Refuse, &mut |_| ()))
}

/// Returns timestamps and values of each series, by metadata without the attributes that all series have.
fn shown(read: &Read) -> BTreeMap<String, Vec<(i64, f64)>> {
    let show = |(metadata, points): (&String, &Vec<(i64, u64)>)| {
        let short = metadata.replace(r#""host":"a","#, "").replace(r#""lib":"x""#, "");
        let short = short.replace(r#","resource":["host"],"scope":["lib"]"#, "");
        (short, points.iter().map(|(timestamp, bits)| (*timestamp, f64::from_bits(*bits))).collect())
    };
    read.series.iter().map(show).collect()
}

#[test]
fn gauges_and_sums_are_series_by_name_and_all_attributes_in_order_of_arrival() {
    let gauge = |points| Data::Gauge(Gauge { data_points: points });
    let inexact = (1 << 53) + 1;
    let messages = [
        message(vec![(
            "g",
            gauge(vec![
                number(5, Value::AsDouble(0.5), &[("core", "1")]),
                number(5, Value::AsDouble(1.5), &[("core", "2")]),
                number(3, Value::AsDouble(-0.0), &[("core", "1")]),
            ]),
        )]),
        message(vec![
            ("g", gauge(vec![number(5, Value::AsDouble(7.0), &[("core", "1")])])),
            ("s", Data::Sum(Sum { data_points: vec![number(1, Value::AsInt(inexact), &[])], ..Default::default() })),
            ("shadow", gauge(vec![number(1, Value::AsInt(1), &[("host", "b")])])),
        ]),
    ];
    let plain = framed(&messages);
    let zstd = zstd::bulk::compress(&plain, 1).expect("zstd compresses");
    for (name, content) in [("m.otlp.pb", &plain), ("m.otlp.pb.zst", &zstd)] {
        let (summary, read) = read(name, content);
        let summary = summary.expect("good messages");
        assert_eq!(
            (summary.details.messages, summary.details.data_points, summary.details.integers_inexact),
            (2, 6, 1)
        );
        assert_eq!((summary.outcome.imported.series, summary.outcome.imported.points), (4, 6));
        assert_eq!(read.keys, ["shard=org-mod-07/import/00000-m-0000.seg"]);
        let expected = BTreeMap::from(
            [
                (r#"{"name":"g","attributes":{"core":"1",}}"#, vec![(5, 0.5), (3, -0.0), (5, 7.0)]),
                (r#"{"name":"g","attributes":{"core":"2",}}"#, vec![(5, 1.5)]),
                (r#"{"name":"s","attributes":{},"type":"sum"}"#, vec![(1, 9_007_199_254_740_992.0)]),
                (
                    concat!(
                        r#"{"name":"shadow","attributes":{"host":"b",,"resource.host":"a"},"resource":["resource.host"],"#,
                        r#""scope":["lib"],"renamed":{"resource.host":"host"}}"#
                    ),
                    vec![(1, 1.0)],
                ),
            ]
            .map(|(metadata, points)| (metadata.to_owned(), points)),
        );
        assert_eq!(shown(&read), expected);
    }
}

#[test]
fn histograms_become_counts_sums_and_buckets() {
    let point = HistogramDataPoint {
        count: 6,
        sum: Some(2.5),
        bucket_counts: vec![1, 2, 3],
        explicit_bounds: vec![0.1, 5.0],
        min: Some(0.0),
        max: Some(9.0),
        exemplars: vec![Exemplar::default()],
        time_unix_nano: 1,
        ..Default::default()
    };
    let (bucket_counts, explicit_bounds) = (vec![1], vec![1.0]);
    let malformed =
        HistogramDataPoint { time_unix_nano: 1, bucket_counts, explicit_bounds, count: 1, ..Default::default() };
    let data_points = vec![point, malformed];
    let (summary, read) = read(
        "h.otlp.pb",
        &framed(&[message(vec![("h", Data::Histogram(Histogram { data_points, ..Default::default() }))])]),
    );
    let summary = summary.expect("a good message");
    let left_out = LeftOut { extremes: 2, exemplars: 1, buckets_malformed: 1, ..LeftOut::default() };
    assert_eq!(summary.details.left_out, left_out);
    let expected = [
        (r#"{"name":"h.bucket","attributes":{"le":"+Inf",},"type":"histogram"}"#, vec![6.0]),
        (r#"{"name":"h.bucket","attributes":{"le":"0.1",},"type":"histogram"}"#, vec![1.0]),
        (r#"{"name":"h.bucket","attributes":{"le":"5",},"type":"histogram"}"#, vec![3.0]),
        (r#"{"name":"h.count","attributes":{},"type":"histogram"}"#, vec![6.0, 1.0]),
        (r#"{"name":"h.sum","attributes":{},"type":"histogram"}"#, vec![2.5]),
    ];
    let shown: Vec<_> = shown(&read)
        .into_iter()
        .map(|(metadata, points)| (metadata, points.into_iter().map(|(_, value)| value).collect::<Vec<_>>()))
        .collect();
    assert_eq!(shown, expected.map(|(metadata, values)| (metadata.to_owned(), values)));
}

#[test]
fn what_is_left_out_is_counted() {
    let silent =
        NumberDataPoint { flags: DataPointFlags::NoRecordedValueMask as u32, ..number(1, Value::AsInt(1), &[]) };
    let empty = NumberDataPoint::default();
    let exponential =
        ExponentialHistogramDataPoint { time_unix_nano: 1, count: 2, sum: Some(1.0), ..Default::default() };
    let timeless = NumberDataPoint { value: Some(Value::AsInt(1)), ..NumberDataPoint::default() };
    let quantile = ValueAtQuantile { quantile: 0.5, value: 1.0 };
    let summary_point = SummaryDataPoint {
        time_unix_nano: 1,
        count: 3,
        sum: 4.0,
        quantile_values: vec![quantile; 2],
        ..Default::default()
    };
    let metrics = vec![
        ("g", Data::Gauge(Gauge { data_points: vec![silent, empty, timeless] })),
        (
            "e",
            Data::ExponentialHistogram(ExponentialHistogram { data_points: vec![exponential], ..Default::default() }),
        ),
        ("q", Data::Summary(Summary { data_points: vec![summary_point] })),
    ];
    let (summary, read) = read("l.otlp.pb", &framed(&[message(metrics)]));
    let summary = summary.expect("a good message");
    let left_out =
        LeftOut { without_value: 2, without_time: 1, exponential_buckets: 1, quantiles: 2, ..LeftOut::default() };
    assert_eq!((summary.details.data_points, summary.details.left_out), (5, left_out));
    let rows = summary.outcome.books.rows;
    assert_eq!((rows.read, rows.written, rows.blank, rows.skipped["without a time"]), (5, 2, 2, 1));
    assert_eq!(rows.lost(), 1);
    assert_eq!(read.series.len(), 4, "counts and sums");
}

#[test]
fn a_file_that_is_no_otlp_is_refused_with_the_place() {
    let good = framed(&[message(Vec::new())]);
    let cut = &good[..good.len() - 1];
    let long = [&good[..], &[0xff; 8]].concat();
    let wrong = [&good[..], &[0, 0, 0, 2, 0xff, 0xff]].concat();
    for (content, said) in
        [(cut, "ends inside the message at byte 0"), (&long, "says that it has"), (&wrong, "is not MetricsData")]
    {
        let (failed, read) = read("x.otlp.pb", content);
        let failed = failed.expect_err("a malformed file").to_string();
        assert!(failed.contains(said), "{failed}");
        assert!(read.keys.is_empty());
    }
}

fn delta_at(time_unix_nano: u64, value: f64) -> NumberDataPoint {
    NumberDataPoint { time_unix_nano, value: Some(Value::AsDouble(value)), ..Default::default() }
}

#[test]
fn delta_points_of_one_millisecond_add_up_and_second_deliveries_are_counted() {
    // The first and the third are of one millisecond; the last is the first, delivered again.
    let points = [(1_000_000, 1.0), (3_000_000, 8.0), (1_000_001, 2.0), (1_999_999, 1.0), (1_000_000, 1.0)];
    let data_points = points.map(|(at, value)| delta_at(at, value)).to_vec();
    let sum = Sum { data_points, aggregation_temporality: 1, is_monotonic: true };
    let (summary, read) = read("d.otlp.pb", &framed(&[message(vec![("d", Data::Sum(sum))])]));
    let outcome = summary.expect("a good message").outcome;
    assert_eq!(shown(&read).into_values().collect::<Vec<_>>(), [vec![(1, 4.0), (3, 8.0)]]);
    let values = outcome.books.values;
    assert_eq!((values.read, values.written, values.skipped_total()), (5, 2, 3));
    assert_eq!(values.skipped["delta delivered twice"], 1);
    assert_eq!(outcome.collisions.points, 0);
}

#[test]
fn delta_points_of_other_intervals_add_up_and_of_one_interval_contradict_each_other() {
    let from = |start_time_unix_nano, value| NumberDataPoint { start_time_unix_nano, ..delta_at(5_000_000, value) };
    let deltas = |points: Vec<NumberDataPoint>| {
        let sum = Sum { data_points: points, aggregation_temporality: 1, is_monotonic: true };
        let (summary, read) = read("d.otlp.pb", &framed(&[message(vec![("d", Data::Sum(sum))])]));
        (summary.expect("a good message").outcome, shown(&read).into_values().flatten().collect::<Vec<_>>())
    };
    // Two processes under one name report at one instant, each since its own start.
    let (outcome, points) = deltas(vec![from(1, 2.0), from(2, 2.0), from(2, 2.0)]);
    assert_eq!((points, outcome.collisions.points), (vec![(5, 4.0)], 0));
    assert_eq!(outcome.books.values.skipped["delta delivered twice"], 1);
    let (outcome, points) = deltas(vec![from(1, 2.0), from(1, 3.0)]);
    assert_eq!((points.len(), outcome.collisions.points), (2, 1));
}

#[test]
fn a_message_that_comes_twice_is_read_once_in_any_packing() {
    let gauge =
        |value| message(vec![("g", Data::Gauge(Gauge { data_points: vec![number(5, Value::AsInt(value), &[])] }))]);
    let behind_length = |message: Vec<u8>| [&(message.len() as u32).to_be_bytes()[..], &message].concat();
    let zstd = zstd::bulk::compress(&gauge(1).encode_to_vec(), 1).expect("zstd compresses");
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut gzip, &gauge(1).encode_to_vec()).expect("memory");
    let padded = [gzip.finish().expect("memory"), vec![0; 3]].concat();
    let messages = [framed(&[gauge(1), gauge(2)]), behind_length(zstd), behind_length(padded)].concat();
    let (summary, read) = read("m.otlp.pb", &messages);
    let OtlpSummary { outcome, details } = summary.expect("good messages");
    assert_eq!((details.messages, details.data_points), (4, 4));
    assert_eq!(shown(&read).into_values().collect::<Vec<_>>(), [vec![(5, 1.0), (5, 2.0)]]);
    let rows = outcome.books.rows;
    assert_eq!((rows.read, rows.written, rows.skipped["delivered twice"], rows.lost()), (4, 2, 2, 0));
}

#[test]
fn a_producers_own_bound_and_a_derived_name_stay_apart() {
    let bucketed = |le: &str, count| HistogramDataPoint {
        attributes: attributes(&[("le", le)]),
        count,
        bucket_counts: vec![count, 0],
        explicit_bounds: vec![1.0],
        time_unix_nano: 1,
        ..Default::default()
    };
    let histogram = Histogram { data_points: vec![bucketed("a", 1), bucketed("b", 10)], ..Default::default() };
    let gauge = Gauge { data_points: vec![delta_at(1, 99.0)] };
    let (summary, read) = read(
        "h.otlp.pb",
        &framed(&[message(vec![("h", Data::Histogram(histogram)), ("h.count", Data::Gauge(gauge))])]),
    );
    assert_eq!(summary.expect("a good message").outcome.collisions.points, 0);
    let shown = shown(&read);
    let buckets = shown.keys().filter(|key| key.contains(r#""name":"h.bucket""#) && key.contains("point.le"));
    assert_eq!((shown.len(), buckets.count()), (7, 4), "{shown:?}");
}

#[test]
fn every_form_of_file_gives_the_same_points() {
    let gauge = |value| Gauge { data_points: vec![number(5, Value::AsInt(value), &[("core", "1")])] };
    let metrics = message(vec![("g", Data::Gauge(gauge(7)))]);
    let body = metrics.encode_to_vec();
    let behind_length = |message: Vec<u8>| [&(message.len() as u32).to_be_bytes()[..], &message].concat();
    let zstd = zstd::bulk::compress(&body, 1).expect("zstd compresses");
    let skippable = [&[0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 9, 9][..], &zstd].concat();
    let json: &str = concat!(
        r#"{"resourceMetrics":[{"resource":{"attributes":[{"key":"host","value":{"stringValue":"a"}}]},"scopeMetrics":[{"#,
        r#""scope":{"attributes":[{"key":"lib","value":{"stringValue":"x"}}]},"metrics":[{"name":"g","gauge":{"dataPoints":[{"#,
        r#""attributes":[{"key":"core","value":{"stringValue":"1"}}],"timeUnixNano":"5999999","asInt":"7"}]}}]}]}]}"#
    );
    let numbers = json.replace(r#""5999999""#, "5999999").replace(r#""7""#, "7");
    let forms: [Vec<u8>; 7] = [
        framed(std::slice::from_ref(&metrics)),
        body.clone(),
        behind_length(zstd),
        behind_length(skippable),
        behind_length(json.as_bytes().to_vec()),
        json.as_bytes().to_vec(),
        format!("\n{numbers}\n").into_bytes(),
    ];
    let expected = shown(&read("m.otlp.pb", &forms[0]).1);
    assert_eq!(expected.len(), 1);
    for form in &forms {
        let (summary, read) = read("m.otlp.pb", form);
        assert_eq!(summary.expect("a form that is read").details.messages, 1);
        assert_eq!(shown(&read), expected);
    }
    for (content, said) in [
        (&br#"{"resourceSpans":[]}"#[..], "resourceSpans"),
        (&body[..body.len() - 1], "may be cut"),
        (b"\xff\xff\xff\xffno", "cannot be a length"),
    ] {
        let failed = read("x.otlp.pb", content).0.expect_err("no metrics").to_string();
        assert!(failed.contains(said) && !failed.contains("copy it again"), "{failed}");
    }
}
