use std::collections::VecDeque;
use std::ops::ControlFlow;

use interchange::csv::TimestampStyle;
use model::{Columns, OutputFormat, SeriesKey, Window};
use proptest::prelude::*;

use super::*;
use crate::cat::{CatOptions, cat};
use crate::catalog::Selection;
use crate::export::{ExportFormat, ExportOptions, export, target};
use crate::fixture::{Fixture, SHARD, SeriesMap, step};
use crate::parts::Parts;
use crate::rollup::RollupBuilder;
use crate::verify::{Level, VerifyOptions, verify};

/// Chunks held in memory.
struct Memory(VecDeque<Chunk>);

impl ChunkSource for Memory {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Chunk>, DatasetError>> {
        let chunk = self.0.pop_front();
        async { Ok(chunk) }.boxed()
    }
}

const KEY: SeriesKey = SeriesKey::new(7, 1);

fn rolled(points: &Columns) -> RollupColumns {
    let mut builder = RollupBuilder::new(step());
    builder.add(points);
    builder.take(true)
}

async fn drained(mut source: impl ChunkSource) -> Vec<(SeriesKey, RollupRow)> {
    let mut rows = Vec::new();
    while let Some(chunk) = source.next().await.expect("it is at hand") {
        let Rows::Buckets(buckets) = &chunk.rows else { panic!("rollups were merged") };
        assert!(!buckets.is_empty(), "a chunk has a row at least");
        rows.extend((0..buckets.len()).map(|at| (chunk.key, buckets.row(at))));
    }
    rows
}

proptest! {
    /// Values are whole numbers, so that a sum of sums is exact.
    #[test]
    fn wherever_windows_cut_the_rows_are_those_of_all_points(
        gaps in prop::collection::vec(1i64..200_000, 1..200),
        values in prop::collection::vec(-1000i32..1000, 200),
        cuts in prop::collection::btree_set(0usize..200, 0..12),
        chunk_rows in 1usize..5,
    ) {
        let mut points = Columns::default();
        let mut at = -3_000_000;
        for (gap, value) in gaps.iter().zip(&values) {
            at += gap;
            points.push(at, f64::from(*value));
        }
        let mut chunks = VecDeque::new();
        let ends = cuts.into_iter().filter(|cut| *cut < points.len()).chain([points.len()]);
        let mut start = 0;
        for end in ends {
            let window = Columns {
                timestamps: points.timestamps[start..end].to_vec(),
                values: points.values[start..end].to_vec(),
            };
            let rows = Rows::Buckets(rolled(&window));
            for from in (0..rows.len()).step_by(chunk_rows) {
                let to = rows.len().min(from + chunk_rows);
                chunks.push_back(Chunk { key: KEY, metadata: None, rows: rows.slice(from..to) });
            }
            start = end;
        }
        let source = OneRowABucket { source: Memory(chunks), held: None };
        let found = futures::executor::block_on(drained(source));
        let whole = rolled(&points);
        let expected: Vec<_> = (0..whole.len()).map(|at| (KEY, whole.row(at))).collect();
        prop_assert_eq!(found, expected);
    }
}

#[tokio::test]
async fn rows_of_other_series_and_buckets_are_left_as_they_are() {
    let row = |bucket_start_ms, value| RollupRow {
        bucket_start_ms,
        count: 1,
        sum: value,
        min: value,
        max: value,
        first: value,
        last: value,
    };
    let chunk = |metric, rows: &[RollupRow]| {
        let mut columns = RollupColumns::default();
        rows.iter().for_each(|row| columns.push(*row));
        Chunk { key: SeriesKey::new(1, metric), metadata: None, rows: Rows::Buckets(columns) }
    };
    let chunks = [chunk(1, &[row(0, 1.0)]), chunk(2, &[row(0, 2.0)]), chunk(2, &[row(0, -0.0), row(5, 4.0)])];
    let rows = drained(OneRowABucket { source: Memory(chunks.into()), held: None }).await;
    let shown: Vec<_> = rows.iter().map(|(key, row)| (key.metric.0, row.bucket_start_ms, row.count, row.min)).collect();
    assert_eq!(shown, [(1, 0, 1, 1.0), (2, 0, 2, -0.0), (2, 5, 1, 4.0)]);
    assert_eq!((rows[1].1.first, rows[1].1.last, rows[1].1.sum), (2.0, -0.0, 2.0));
    assert!(drained(OneRowABucket { source: Memory(VecDeque::new()), held: None }).await.is_empty());
}

/// Creates two windows that meet in the middle of a bucket of five minutes.
async fn two_windows(format: OutputFormat) -> (Fixture, Columns) {
    let fixture = Fixture::new();
    let mut output = fixture.output().await;
    output.settings.format = format;
    let mut all = Columns::default();
    for (start_ms, end_ms) in [(0, 420_000), (420_000, 1_200_000)] {
        let mut points = Columns::default();
        (start_ms / 60_000..end_ms / 60_000).for_each(|minute| points.push(minute * 60_000, minute as f64));
        points.timestamps.iter().zip(&points.values).for_each(|(at, value)| all.push(*at, *value));
        output.window = Window::of(start_ms, end_ms);
        output.settings.window = output.window;
        output.map.points_read = points.len() as u64;
        output.map.points_routed = points.len() as u64;
        (output.map.points_early, output.map.points_late) = (0, 0);
        output.series = SeriesMap::from([(KEY, (Vec::new(), points))]);
        fixture.commit(&output).await;
    }
    (fixture, all)
}

#[tokio::test]
async fn a_bucket_that_two_windows_share_is_one_row_for_every_reader_and_for_verify() {
    for format in [OutputFormat::Part, OutputFormat::Parquet] {
        let (fixture, all) = two_windows(format).await;
        let whole = rolled(&all);
        let parts = Parts::new(fixture.catalog.root());
        let options = CatOptions {
            selection: Selection { window: None, shards: vec![SHARD] },
            key: KEY,
            from_ms: None,
            to_ms: None,
            rollup: Some(step()),
        };
        let mut rows = RollupColumns::default();
        let mut on_rows = |chunk: Chunk| {
            if let Rows::Buckets(buckets) = &chunk.rows {
                (0..buckets.len()).for_each(|at| rows.push(buckets.row(at)));
            }
            ControlFlow::Continue(())
        };
        let count = cat(&fixture.catalog, &parts, &options, &mut on_rows).await.expect("sound parts");
        assert_eq!((count, &rows), (4, &whole));

        let (root, key) = target(&fixture.path("out/rows.csv").display().to_string()).expect("a folder");
        let csv = ExportFormat::Csv { timestamps: TimestampStyle::Millis };
        let options =
            ExportOptions { selection: Selection::default(), rollup: Some(step()), format: csv, with_metadata: false };
        let exported = export(&fixture.catalog, &options, (&root, &key)).await.expect("sound parts");
        assert_eq!((exported.rows, exported.series), (4, 1));

        let options = VerifyOptions { level: Level::Rows, ..VerifyOptions::default() };
        let verified = verify(&fixture.catalog, &options).await.expect("a folder does not fail");
        assert!(verified.is_clean(), "{:?}", verified.differences);
        assert_eq!(verified.checked.buckets, 4);
    }
}
