//! Promises of every import, tested for OpenTelemetry: books, collisions, whole files, their order.

use model::OrgId;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use opentelemetry_proto::tonic::metrics::v1::{
    Gauge, Metric, MetricsData, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum,
};
use proptest::prelude::*;
use prost::Message as _;

use super::*;
use crate::import::find_files;
use crate::segment::SegmentOutput;

/// Files of OTLP, and a place that keeps the imported segments.
struct Place {
    folder: tempfile::TempDir,
    output: SegmentOutput,
    _runtime: tokio::runtime::Runtime,
}

impl Place {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().expect("a runtime");
        let store = std::sync::Arc::new(object_store::memory::InMemory::new());
        let output = SegmentOutput::new(storage::Root::of_store("memory://", store), runtime.handle().clone());
        Self { folder: tempfile::tempdir().expect("a folder"), output, _runtime: runtime }
    }

    fn write(&self, name: &str, content: &[u8]) {
        std::fs::write(self.folder.path().join(name), content).expect("a file");
    }

    fn import(&self, names: &[&str], rerun: Rerun) -> Result<OtlpSummary, ImportError> {
        let paths: Vec<_> = names.iter().map(|name| self.folder.path().join(name)).collect();
        let files = find_files(&paths, &EXTENSIONS)?.files;
        import_otlp(&files, &Target::new(&self.output, OrgId(7)), rerun, &mut |_| ())
    }

    fn segments(&self) -> Vec<String> {
        let objects = self.output.wait(self.output.root().list("")).expect("a listing");
        let keys = objects.into_iter().map(|object| object.location.to_string());
        keys.filter(|key| key.ends_with(".seg")).collect()
    }
}

/// Builds a point of the gauge `up` at `ms`.
fn up(ms: u64, value: f64) -> Vec<u8> {
    let value = Some(Value::AsDouble(value));
    let points = vec![NumberDataPoint { time_unix_nano: ms * 1_000_000, value, ..NumberDataPoint::default() }];
    message("up", Data::Gauge(Gauge { data_points: points })).encode_to_vec()
}

fn message(name: &str, data: Data) -> MetricsData {
    let metric = Metric { name: name.to_owned(), data: Some(data), ..Metric::default() };
    let scope_metrics = vec![ScopeMetrics { metrics: vec![metric], ..ScopeMetrics::default() }];
    MetricsData { resource_metrics: vec![ResourceMetrics { scope_metrics, ..ResourceMetrics::default() }] }
}

fn behind_length(message: &[u8]) -> Vec<u8> {
    [&(message.len() as u32).to_be_bytes()[..], message].concat()
}

#[test]
fn points_of_one_series_and_time_are_told_across_messages_and_files() {
    let place = Place::new();
    place.write("a.otlp.pb", &[behind_length(&up(1, 1.0)), behind_length(&up(2, 2.0))].concat());
    place.write("b.otlp.pb", &[behind_length(&up(2, 2.0)), behind_length(&up(1, 3.0))].concat());
    let collisions = place.import(&["a.otlp.pb", "b.otlp.pb"], Rerun::Refuse).expect("an import").outcome.collisions;
    assert_eq!((collisions.points, collisions.series), (1, 1), "the second of 2 ms has the value of the first");
}

#[test]
fn files_are_imported_in_the_order_given_whole_or_not_at_all() {
    let place = Place::new();
    place.write("b.otlp.pb", &up(1, 1.0));
    place.write("a.otlp.pb", &[behind_length(&up(1, 2.0)), vec![0, 0, 0, 9, 1]].concat());
    place.import(&["b.otlp.pb", "a.otlp.pb"], Rerun::Refuse).expect_err("a is cut");
    assert_eq!(place.segments(), ["shard=org-mod-07/import/00000-b-0000.seg"], "nothing of the cut file is left");
    place.write("a.otlp.pb", &behind_length(&up(1, 2.0)));
    let again = place.import(&["b.otlp.pb", "a.otlp.pb"], Rerun::Refuse).expect("a is mended").outcome;
    assert_eq!((again.files, again.files_left, again.imported.points), (1, 1, 1));
    assert_eq!(place.segments(), ["00000-b", "00001-a"].map(|name| format!("shard=org-mod-07/import/{name}-0000.seg")));
    place.write("a.otlp.pb", &behind_length(&up(1, 3.0)));
    let refused = place.import(&["a.otlp.pb"], Rerun::Refuse);
    assert!(matches!(refused, Err(ImportError::ImportedBefore { .. })), "{refused:?}");
    place.import(&["a.otlp.pb"], Rerun::Replace).expect("replaced");
    assert_eq!(place.segments().len(), 2);
}

/// Point of a delta sum: its time in quarters of a millisecond, so that several share one; its value; and its flag.
type Point = (u64, Option<f64>, bool);

proptest! {
    /// Books balance whether points wait, add up, contradict or are left out.
    #[test]
    fn books_balance_over_delta_points_in_any_order(
        points in prop::collection::vec((0u64..40, prop::option::of(0u32..5), any::<bool>()), 0..60),
    ) {
        let points: Vec<Point> = points.into_iter().map(|(at, value, is_stale)| (at, value.map(f64::from), is_stale)).collect();
        let data_points = points.iter().map(|(at, value, is_stale)| NumberDataPoint {
            time_unix_nano: at * 250_000,
            value: value.map(Value::AsDouble),
            flags: u32::from(*is_stale),
            ..NumberDataPoint::default()
        });
        let sum = Sum { data_points: data_points.collect(), aggregation_temporality: 1, is_monotonic: true };
        let place = Place::new();
        place.write("d.otlp.pb", &message("d", Data::Sum(sum)).encode_to_vec());
        let OtlpSummary { outcome, details } = place.import(&["d.otlp.pb"], Rerun::Refuse).expect("books balance");
        let rows = &outcome.books.rows;
        prop_assert_eq!(rows.read, points.len() as u64);
        prop_assert_eq!(rows.blank, points.iter().filter(|(_, value, is_stale)| *is_stale || value.is_none()).count() as u64);
        prop_assert_eq!(rows.read, rows.written + rows.blank + rows.skipped_total());
        prop_assert_eq!(details.left_out.without_time, rows.skipped_total());
        let values = &outcome.books.values;
        prop_assert_eq!(values.read, rows.written);
        prop_assert_eq!(values.read, outcome.imported.points + values.skipped_total());
    }
}
