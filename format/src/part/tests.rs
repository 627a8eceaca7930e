//! Parts come back as they were written, in few bytes, for every order of calls and reads.

mod damage;
mod golden;
mod support;

use proptest::prelude::*;

use model::{Broken, Columns, Invariant, SeriesKey, limits};

use super::*;
use crate::column::{ColumnDecoder, Encoding};
use support::*;

/// A series with more points than three blocks hold, between two short ones.
fn hot() -> Vec<Series<Columns>> {
    let mut all = small_raw();
    let hot = &mut all[2].columns;
    *hot = Columns::default();
    for i in 0..3 * limits::BLOCK_POINTS_MAX as i64 + 5 {
        hot.push(i / 2, (i % 1000) as f64);
    }
    all
}

#[test]
fn a_series_longer_than_a_block_goes_on_in_the_next() {
    let all = hot();
    let bytes = write_raw(Encoding::Packed, &all);
    assert_same_raw(&read_raw(&bytes).expect("undamaged"), &all);
    let footer = footer_of(&bytes).expect("undamaged");
    assert_eq!(footer.blocks_of(all[2].key), 1..5);
    assert_eq!([0, 3, 5].map(|i| footer.blocks_of(all[i].key)), [0..1, 4..5, 4..5]);
    assert_eq!(footer.blocks_of(SeriesKey::new(0, 0)), 0..0);
    assert!(footer.blocks_of(SeriesKey::new(99, 0)).is_empty());
}

#[test]
fn bytes_do_not_depend_on_how_points_were_divided_among_calls() {
    let all = hot();
    let mut writer = PartWriter::new(PartKind::Raw, Encoding::Packed);
    let mut bytes = Vec::new();
    for series in &all {
        writer.begin_series(series.key);
        for (timestamps, values) in series.columns.timestamps.chunks(777).zip(series.columns.values.chunks(777)) {
            writer.append(timestamps, values);
            bytes.extend(writer.take());
        }
        writer.end_series(&series.metadata);
    }
    bytes.extend(writer.finish().0);
    assert_eq!(bytes, write_raw(Encoding::Packed, &all));
}

#[test]
fn one_series_is_read_with_the_footer_and_one_range() {
    let all = small_raw();
    let bytes = write_raw(Encoding::Packed, &all);
    let footer = footer_of(&bytes).expect("undamaged");
    let range = footer.byte_range(footer.blocks_of(all[3].key));
    let block = Block::open(&footer, 0, &bytes[range.start as usize..range.end as usize]).expect("undamaged");
    let index = block.directory().position(all[3].key).expect("the series is in the block");
    let mut columns = Columns::default();
    block.points(index, &mut ColumnDecoder::new(), &mut columns).expect("undamaged");
    assert_eq!((&columns, block.metadata(index)), (&all[3].columns, Some(all[3].metadata.as_slice())));
    assert!(block.rollups(index, &mut ColumnDecoder::new(), &mut RollupColumns::default()).is_err());
}

#[test]
fn a_directory_alone_lists_the_series() {
    let all = small_raw();
    let bytes = write_raw(Encoding::Packed, &all);
    let footer = footer_of(&bytes).expect("undamaged");
    let range = footer.directory_range(0);
    let directory = Directory::open(&footer, 0, &bytes[range.start as usize..range.end as usize]).expect("undamaged");
    let found: Vec<_> = directory.series().map(|entry| (entry.key, entry.points)).collect();
    assert_eq!(found, all.iter().map(|series| (series.key, series.columns.len())).collect::<Vec<_>>());
}

/// Scraped series of three points, at the times that all others have.
fn tiny(metric: u64) -> Series<Columns> {
    let columns = Columns { timestamps: vec![5, 9, 9], values: vec![1.0, 2.0, metric as f64] };
    Series { key: SeriesKey::new(1, metric), columns, metadata: vec![b'm'; metric as usize % 300] }
}

#[test]
fn tiny_series_share_blocks_up_to_the_limit() {
    let all: Vec<_> = (0..2 * limits::BLOCK_SERIES_MAX as u64 + 1).map(tiny).collect();
    let bytes = write_raw(Encoding::Packed, &all);
    assert_same_raw(&read_raw(&bytes).expect("undamaged"), &all);
    assert!(bytes.len() < all.len() * 8, "{} bytes for {} series", bytes.len(), all.len());
}

/// Returns the invariant whose breach stops the writer.
fn broken_by(all: &[Series<Columns>]) -> Invariant {
    let written = std::panic::catch_unwind(|| write_raw(Encoding::Packed, all));
    written.expect_err("it is not written").downcast_ref::<Broken>().expect("an invariant").invariant
}

#[test]
fn a_key_out_of_order_is_a_bug_of_the_caller() {
    let mut all = small_raw();
    all.swap(0, 1);
    assert_eq!(broken_by(&all), Invariant::Dt2);
}

#[test]
fn a_timestamp_out_of_order_is_a_bug_of_the_caller() {
    let mut all = small_raw();
    all[0].columns.timestamps.swap(3, 4);
    assert_eq!(broken_by(&all), Invariant::Dt2);
}

#[test]
fn a_series_without_points_leaves_nothing_behind() {
    let mut all = small_raw();
    all[1].columns.clear();
    let found = read_raw(&write_raw(Encoding::Packed, &all)).expect("undamaged");
    all.remove(1);
    assert_same_raw(&found, &all);
}

fn any_double() -> impl Strategy<Value = f64> {
    let decimal = (-1000i32..1000).prop_map(|i| f64::from(i) / 100.0);
    prop_oneof![3 => decimal, 1 => Just(-0.0), 1 => any::<u64>().prop_map(f64::from_bits)]
}

/// Series with distinct keys in order; `build` makes their columns from rows in any order.
fn any_series<R: std::fmt::Debug, C: std::fmt::Debug>(
    row: impl Strategy<Value = R> + 'static,
    build: impl Fn(Vec<R>) -> C,
) -> impl Strategy<Value = Vec<Series<C>>> {
    let series = (prop::collection::vec(row, 1..60), prop::collection::vec(any::<u8>(), 0..20));
    let all = prop::collection::btree_map((any::<u64>(), any::<u64>()), series, 0..12);
    all.prop_map(move |all| {
        let series = |((org, metric), (rows, metadata))| Series {
            key: SeriesKey::new(org, metric),
            columns: build(rows),
            metadata,
        };
        all.into_iter().map(series).collect()
    })
}

fn any_timestamp() -> impl Strategy<Value = i64> {
    prop_oneof![8 => 0i64..1000, 1 => any::<i64>(), 1 => prop::sample::select(vec![i64::MIN, i64::MAX])]
}

fn any_raw() -> impl Strategy<Value = Vec<Series<Columns>>> {
    any_series((any_timestamp(), any_double()), |mut rows| {
        rows.sort_by_key(|row| row.0);
        let (timestamps, values) = rows.into_iter().unzip();
        Columns { timestamps, values }
    })
}

fn any_rollups() -> impl Strategy<Value = Vec<Series<RollupColumns>>> {
    let count = prop_oneof![0u64..40, any::<u64>()];
    let doubles = prop_oneof![
        prop::array::uniform5((-1000i32..1000).prop_map(|i| f64::from(i) / 10.0)),
        prop::array::uniform5(any_double()),
    ];
    any_series((any_timestamp(), count, doubles), |mut rows| {
        rows.sort_by_key(|row| row.0);
        let mut columns = RollupColumns::default();
        for (bucket_start_ms, count, [sum, min, max, first, last]) in rows {
            columns.push(RollupRow { bucket_start_ms, count, sum, min, max, first, last });
        }
        columns
    })
}

proptest! {
    #[test]
    fn any_points_survive(all in any_raw(), encoding in prop::sample::select(ENCODINGS.to_vec())) {
        assert_same_raw(&read_raw(&write_raw(encoding, &all)).expect("undamaged"), &all);
    }

    #[test]
    fn any_rollups_survive(all in any_rollups(), encoding in prop::sample::select(ENCODINGS.to_vec())) {
        assert_same_rollups(&read_rollups(&write_rollups(encoding, &all)).expect("undamaged"), &all);
    }
}
