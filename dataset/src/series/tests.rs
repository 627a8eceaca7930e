use super::*;
use crate::fixture::{Fixture, SHARD, WINDOW};

async fn listed(fixture: &Fixture, options: &SeriesOptions) -> Vec<SeriesRow> {
    let (parts, mut rows) = (Parts::new(fixture.catalog.root()), Vec::new());
    let mut on_series = |row| {
        rows.push(row);
        ControlFlow::Continue(())
    };
    list_series(&fixture.catalog, &parts, options, &mut on_series).await.expect("sound parts");
    rows.sort_by_key(|row| row.key);
    rows
}

#[tokio::test]
async fn every_series_is_listed_once_with_what_it_spans() {
    let (fixture, mut output, _) = Fixture::committed().await;
    // The series is longer than a block, so it comes in pieces.
    let long = SeriesKey::new(7, 1);
    let (_, points) = output.series.get_mut(&long).expect("a series of the fixture");
    points.clear();
    (0..40_000).for_each(|at| points.push(at, (at % 7) as f64));
    output.version = 2;
    fixture.commit(&output).await;
    for with_metadata in [false, true] {
        let rows = listed(&fixture, &SeriesOptions { with_metadata, ..SeriesOptions::default() }).await;
        assert_eq!(rows.len(), 8);
        let metadata = with_metadata.then(|| "metric-1".to_owned());
        let (window, shard) = (WINDOW, SHARD);
        let row = SeriesRow { key: long, window, shard, points: 40_000, first_ms: 0, last_ms: 39_999, metadata };
        assert_eq!(rows[0], row);
        assert_eq!(rows[7].metadata.as_deref(), with_metadata.then_some("metric-4"));
    }
    let rows = listed(&fixture, &SeriesOptions { org: Some(OrgId(71)), ..SeriesOptions::default() }).await;
    assert_eq!(rows.iter().map(|row| row.key.metric.0).collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert_eq!(listed(&fixture, &SeriesOptions { org: Some(OrgId(8)), ..SeriesOptions::default() }).await, []);
}

#[tokio::test]
async fn a_reader_that_has_heard_enough_is_left_alone() {
    let (fixture, _, _) = Fixture::committed().await;
    let (parts, mut heard) = (Parts::new(fixture.catalog.root()), 0);
    let mut on_series = |_| {
        heard += 1;
        ControlFlow::Break(())
    };
    list_series(&fixture.catalog, &parts, &SeriesOptions::default(), &mut on_series).await.expect("sound parts");
    assert_eq!(heard, 1);
}

#[tokio::test]
async fn a_parquet_part_is_listed_by_its_rows() {
    let fixture = Fixture::new();
    let mut output = fixture.output().await;
    output.settings.format = OutputFormat::Parquet;
    output.settings.rollups.clear();
    fixture.commit(&output).await;
    let rows = listed(&fixture, &SeriesOptions { with_metadata: true, ..SeriesOptions::default() }).await;
    assert_eq!(rows.len(), 8);
    assert!(rows.iter().all(|row| (row.points, row.first_ms, row.last_ms) == (10, 0, 540_000)));
}
