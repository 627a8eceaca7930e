use model::SeriesKey;

use super::*;
use crate::fixture::Fixture;
use crate::report::Class;

const KEY: SeriesKey = SeriesKey::new(7, 1);

#[tokio::test]
async fn versions_of_equal_parts_are_equal_by_digest() {
    let (fixture, mut output, first) = Fixture::committed().await;
    output.version = 2;
    let second = fixture.commit(&output).await;
    let side = |manifests| Side { catalog: &fixture.catalog, manifests };
    let diff = diff(side(&[first]), side(&[second])).await.expect("sound parts");
    assert!(diff.by_digest && diff.differences.is_empty());
}

#[tokio::test]
async fn every_class_is_found_however_the_sides_are_partitioned() {
    for partitions in [3, 5] {
        let (fixture, mut output, first) = Fixture::committed().await;
        output.version = 2;
        output.partitions = partitions;
        output.series.remove(&SeriesKey::new(7, 2));
        let (metadata, points) = output.series.get_mut(&KEY).expect("a series of the fixture");
        *metadata = b"new".to_vec();
        points.values[2] = -1.0;
        points.values[3] = -2.0;
        points.push(599_999, 1.0);
        let second = fixture.commit(&output).await;
        let side = |manifests| Side { catalog: &fixture.catalog, manifests };
        let diff = diff(side(&[first]), side(&[second])).await.expect("sound parts");
        let found: Vec<_> = diff.differences.by_class.into_iter().collect();
        let wanted = [(Class::Metadata, 1), (Class::Missing, 10), (Class::Extra, 1), (Class::Changed, 2)];
        assert_eq!(found, wanted, "{partitions} partitions");
        let gone = diff.differences.listed.iter().find(|difference| difference.class == Class::Missing);
        let gone = gone.map(|gone| (gone.series, gone.first_ms, gone.last_ms, gone.count));
        assert_eq!(gone, Some((Some(SeriesKey::new(7, 2)), Some(0), Some(540_000), 10)));
    }
}
