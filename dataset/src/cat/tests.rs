use model::{Columns, OutputFormat, Window};

use super::*;
use crate::error::ErrorKind;
use crate::fixture::{Fixture, step};
use crate::rows::Rows;

const KEY: SeriesKey = SeriesKey::new(7, 1);

fn options(key: SeriesKey) -> CatOptions {
    CatOptions { selection: Selection::default(), key, from_ms: None, to_ms: None, rollup: None }
}

async fn rows_of(fixture: &Fixture, parts: &Parts, options: &CatOptions) -> Result<Vec<Rows>, DatasetError> {
    let mut rows = Vec::new();
    let mut on_rows = |chunk: Chunk| {
        assert_eq!(chunk.key, options.key);
        rows.push(chunk.rows);
        ControlFlow::Continue(())
    };
    cat(&fixture.catalog, parts, options, &mut on_rows).await?;
    Ok(rows)
}

async fn points_of(fixture: &Fixture, options: &CatOptions) -> Result<Columns, DatasetError> {
    let mut columns = Columns::default();
    for rows in rows_of(fixture, &Parts::new(fixture.catalog.root()), options).await? {
        let Rows::Points(points) = rows else { panic!("points were asked for") };
        points.timestamps.iter().zip(&points.values).for_each(|(at, value)| columns.push(*at, *value));
    }
    Ok(columns)
}

#[tokio::test]
async fn every_series_is_found_with_its_points_bit_for_bit() {
    let (fixture, output, _) = Fixture::committed().await;
    for (key, (_, wanted)) in &output.series {
        let found = points_of(&fixture, &options(*key)).await.expect("it is there");
        let bits = |points: &Columns| points.values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        assert_eq!((&found.timestamps, bits(&found)), (&wanted.timestamps, bits(wanted)));
    }
}

#[tokio::test]
async fn a_time_range_is_half_open_and_nothing_in_it_is_not_found() {
    let (fixture, _, _) = Fixture::committed().await;
    let range = CatOptions { from_ms: Some(60_000), to_ms: Some(180_000), ..options(KEY) };
    assert_eq!(points_of(&fixture, &range).await.expect("two points").timestamps, [60_000, 120_000]);
    for nothing in [CatOptions { from_ms: Some(1), to_ms: Some(2), ..options(KEY) }, options(SeriesKey::new(7, 5))] {
        let error = points_of(&fixture, &nothing).await.expect_err("there is nothing");
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }
}

#[tokio::test]
async fn rollup_rows_come_by_bucket_from_either_format() {
    for format in [OutputFormat::Part, OutputFormat::Parquet] {
        let fixture = Fixture::new();
        let mut output = fixture.output().await;
        output.settings.format = format;
        fixture.commit(&output).await;
        let options = CatOptions { rollup: Some(step()), from_ms: Some(300_000), ..options(KEY) };
        let rows = rows_of(&fixture, &Parts::new(fixture.catalog.root()), &options).await.expect("a bucket");
        let [Rows::Buckets(buckets)] = rows.as_slice() else { panic!("one chunk of buckets: {rows:?}") };
        assert_eq!((&buckets.bucket_start_ms, &buckets.count), (&vec![300_000], &vec![5]), "{format:?}");
    }
}

#[tokio::test]
async fn windows_are_joined_in_time_order_and_the_current_version_of_each_counts() {
    let (fixture, mut output, _) = Fixture::committed().await;
    output.window = Window::of(-600_000, 0);
    for (_, points) in output.series.values_mut() {
        points.timestamps.iter_mut().for_each(|at| *at -= 600_000);
    }
    output.partitions = 5;
    fixture.commit(&output).await;
    output.version = 2;
    output.series.values_mut().for_each(|(_, points)| points.values.fill(4.0));
    fixture.commit(&output).await;
    let found = points_of(&fixture, &options(KEY)).await.expect("it is in both windows");
    assert_eq!(found.timestamps, (-10..10).map(|minute| minute * 60_000).collect::<Vec<_>>());
    assert_eq!(found.values[..10], [4.0; 10]);
}

#[tokio::test]
async fn a_series_that_lies_in_a_foreign_shard_too_is_merged_equal_instants_by_shard() {
    let (fixture, mut output, _) = Fixture::committed().await;
    output.shard = model::ShardId::Shared(9);
    output.series.retain(|key, _| *key == KEY);
    let (_, points) = output.series.get_mut(&KEY).expect("it was kept");
    points.timestamps.truncate(2);
    points.values = vec![-1.0, -2.0];
    fixture.commit(&output).await;
    let found = points_of(&fixture, &options(KEY)).await.expect("it is in both shards");
    assert_eq!(found.timestamps[..5], [0, 0, 60_000, 60_000, 120_000]);
    assert_eq!(found.values[..5], [0.1, -1.0, 1.1, -2.0, 2.1]);
    let own = Selection { shards: vec![crate::fixture::SHARD], ..Selection::default() };
    let found = points_of(&fixture, &CatOptions { selection: own, ..options(KEY) }).await.expect("it is in its shard");
    assert_eq!(found.len(), 10);
}

#[tokio::test]
async fn one_series_of_many_takes_a_footer_and_a_ranged_read() {
    let fixture = Fixture::new();
    let mut output = fixture.output().await;
    output.partitions = 1;
    output.series = (1..3000u64)
        .map(|metric| {
            let mut points = Columns::default();
            (0..500).for_each(|at| points.push(at * 1000 + (at * metric as i64) % 17, (at * 31 % 101) as f64 / 7.0));
            (SeriesKey::new(7, metric), (b"host:a".to_vec(), points))
        })
        .collect();
    let manifest = fixture.commit(&output).await;
    let size = manifest.partitions[0].raw.as_ref().expect("there are points").size;
    assert!(size > 4 << 20, "{size} bytes are too few to tell");
    let parts = Parts::new(fixture.catalog.root());
    let rows = rows_of(&fixture, &parts, &options(SeriesKey::new(7, 1500))).await.expect("it is there");
    assert_eq!(rows.iter().map(Rows::len).sum::<usize>(), 500);
    let reads = parts.reads();
    assert!(reads.requests <= 2 && reads.bytes < 2 << 20, "{reads:?}");
}
