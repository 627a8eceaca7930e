//! Parts come back as they went in, and no damage goes unseen.

mod golden;

use proptest::prelude::*;

use model::time::RollupStep;
use model::{Columns, SeriesKey, limits};

use super::*;
use crate::column::{ColumnDecoder, Encoding};

/// A series with its metadata, raw or rolled up.
#[derive(Debug, Clone, PartialEq)]
struct Series<C> {
    key: SeriesKey,
    columns: C,
    metadata: Vec<u8>,
}

const ENCODINGS: [Encoding; 2] = [Encoding::Packed, Encoding::Pco];

fn rollup() -> PartKind {
    PartKind::Rollup("5m".parse::<RollupStep>().expect("5m divides a day"))
}

fn write_raw(encoding: Encoding, all: &[Series<Columns>]) -> Vec<u8> {
    let mut writer = PartWriter::new(PartKind::Raw, encoding);
    let mut bytes = Vec::new();
    for series in all {
        writer.begin_series(series.key);
        writer.append(&series.columns.timestamps, &series.columns.values);
        writer.end_series(&series.metadata);
        bytes.extend(writer.take());
    }
    let (rest, summary) = writer.finish();
    bytes.extend(rest);
    assert_eq!(footer_of(&bytes).expect("own footer").summary(), summary);
    assert_eq!(summary.series as usize, all.iter().filter(|series| !series.columns.is_empty()).count());
    bytes
}

fn write_rollups(encoding: Encoding, all: &[Series<RollupColumns>]) -> Vec<u8> {
    let mut writer = PartWriter::new(rollup(), encoding);
    for series in all {
        writer.begin_series(series.key);
        writer.append_rollup(&series.columns);
        writer.end_series(&series.metadata);
    }
    writer.finish().0
}

fn footer_of(bytes: &[u8]) -> Result<PartFooter, PartError> {
    let size = bytes.len() as u64;
    match read_tail(&bytes[bytes.len().saturating_sub(40)..], size)? {
        Tail::Footer(footer) => Ok(footer),
        Tail::NeedBytes(need) => match read_tail(&bytes[bytes.len() - need as usize..], size)? {
            Tail::Footer(footer) => Ok(footer),
            Tail::NeedBytes(_) => panic!("the footer was given all the bytes that it asked for"),
        },
    }
}

/// Reads a whole part with `decode`, which appends one series of a block to its columns.
fn read<C: Default>(
    bytes: &[u8],
    mut decode: impl FnMut(&Block<'_>, usize, &mut C) -> Result<(), PartError>,
) -> Result<Vec<Series<C>>, PartError> {
    let footer = footer_of(bytes)?;
    let mut all: Vec<Series<C>> = Vec::new();
    for (ordinal, info) in footer.blocks().iter().enumerate() {
        let block = Block::open(&footer, ordinal, &bytes[info.range.start as usize..info.range.end as usize])?;
        for (index, entry) in block.series().enumerate() {
            if !entry.is_continued {
                all.push(Series { key: entry.key, columns: C::default(), metadata: Vec::new() });
            }
            let series = all.last_mut().expect("a first block continues nothing");
            decode(&block, index, &mut series.columns)?;
            series.metadata.extend(block.metadata(index).unwrap_or_default());
        }
    }
    Ok(all)
}

fn read_raw(bytes: &[u8]) -> Result<Vec<Series<Columns>>, PartError> {
    let mut decoder = ColumnDecoder::new();
    read(bytes, |block, index, columns| block.points(index, &mut decoder, columns))
}

fn read_rollups(bytes: &[u8]) -> Result<Vec<Series<RollupColumns>>, PartError> {
    let mut decoder = ColumnDecoder::new();
    read(bytes, |block, index, columns| block.rollups(index, &mut decoder, columns))
}

/// Doubles are compared by their bits, in which NaNs equal themselves.
fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|value| value.to_bits()).collect()
}

fn assert_same_raw(found: &[Series<Columns>], expected: &[Series<Columns>]) {
    let view = |all: &[Series<Columns>]| -> Vec<_> {
        let view =
            |s: &Series<Columns>| (s.key, s.columns.timestamps.clone(), bits(&s.columns.values), s.metadata.clone());
        all.iter().map(view).collect()
    };
    assert_eq!(view(found), view(expected));
}

fn assert_same_rollups(found: &[Series<RollupColumns>], expected: &[Series<RollupColumns>]) {
    let view = |all: &[Series<RollupColumns>]| -> Vec<_> {
        let view = |s: &Series<RollupColumns>| {
            let c = &s.columns;
            let doubles = [&c.sum, &c.min, &c.max, &c.first, &c.last].map(|column| bits(column));
            (s.key, c.bucket_start_ms.clone(), c.count.clone(), doubles, s.metadata.clone())
        };
        all.iter().map(view).collect()
    };
    assert_eq!(view(found), view(expected));
}

/// A small part's worth of every kind of series: regular and jittered, decimal, noisy, constant, special.
fn small_raw() -> Vec<Series<Columns>> {
    let series = |metric: u64, points: i64, jitter: i64, value: &dyn Fn(i64) -> f64| {
        let mut columns = Columns::default();
        for i in 0..points {
            columns.push(1_700_000_000_000 + i * 10_000 + i * i % 7 * jitter, value(i));
        }
        let metadata = format!("name:requests,host:web-{metric},env:prod,team:web").into_bytes();
        Series { key: SeriesKey::new(7 + metric / 4, metric), columns, metadata }
    };
    vec![
        series(1, 20, 0, &|i| (i * i % 13) as f64 / 100.0),
        series(2, 40, 5, &|i| (1000 + i * 90 + i % 3) as f64),
        series(3, 40, 5, &|_| 42.5),
        series(4, 9, 1, &|i| (i as f64).sqrt()),
        series(6, 12, 0, &|i| [0.0, -0.0, f64::NAN, f64::INFINITY][i as usize % 4]),
        series(9, 1, 0, &|_| 1.0),
    ]
}

fn rows_of(columns: &Columns, points_a_bucket: usize) -> RollupColumns {
    let mut rows = RollupColumns::default();
    for (i, values) in columns.values.chunks(points_a_bucket).enumerate() {
        rows.push(RollupRow {
            bucket_start_ms: i as i64 * 300_000,
            count: values.len() as u64,
            sum: values.iter().sum(),
            min: values.iter().copied().min_by(f64::total_cmp).expect("chunks are not empty"),
            max: values.iter().copied().max_by(f64::total_cmp).expect("chunks are not empty"),
            first: values[0],
            last: values[values.len() - 1],
        });
    }
    rows
}

fn small_rollups() -> Vec<Series<RollupColumns>> {
    let roll = |s: Series<Columns>| Series { key: s.key, columns: rows_of(&s.columns, 3), metadata: s.metadata };
    small_raw().into_iter().map(roll).collect()
}

/// Calls `check` with each copy of `bytes` that has one bit flipped, and with each that is cut short.
fn for_each_damage(bytes: &[u8], check: impl Fn(&[u8], &dyn std::fmt::Display)) {
    let mut damaged = bytes.to_vec();
    for bit in 0..bytes.len() * 8 {
        damaged[bit / 8] ^= 1 << (bit % 8);
        check(&damaged, &format_args!("bit {bit} of byte {} flipped", bit / 8));
        damaged[bit / 8] ^= 1 << (bit % 8);
    }
    for len in 0..bytes.len() {
        check(&bytes[..len], &format_args!("cut to {len} bytes"));
    }
}

#[test]
fn every_flipped_bit_and_every_cut_is_seen() {
    for encoding in ENCODINGS {
        for all in [small_raw(), Vec::new()] {
            let raw = write_raw(encoding, &all);
            assert_same_raw(&read_raw(&raw).expect("undamaged"), &all);
            for_each_damage(&raw, |bytes, damage| assert!(read_raw(bytes).is_err(), "raw {encoding}: {damage}"));
        }
        let rollups = write_rollups(encoding, &small_rollups());
        assert_same_rollups(&read_rollups(&rollups).expect("undamaged"), &small_rollups());
        for_each_damage(&rollups, |bytes, damage| assert!(read_rollups(bytes).is_err(), "rollup {encoding}: {damage}"));
    }
}

#[test]
fn a_damaged_block_is_named_with_its_offset_and_both_checksums() {
    let mut bytes = write_raw(Encoding::Packed, &small_raw());
    let block = footer_of(&bytes).expect("undamaged").blocks()[0].range;
    bytes[block.end as usize - 20] ^= 1;
    let error = read_raw(&bytes).expect_err("a bit was flipped").to_string();
    assert!(error.starts_with("the whole of block 0 at offset 0 has checksum 0x"), "{error}");
}

/// One series of more points than three blocks hold, between two short ones.
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

#[test]
fn tiny_series_share_blocks_up_to_the_limit() {
    let tiny = |metric: u64| {
        let columns = Columns { timestamps: vec![5, 9, 9], values: vec![1.0, 2.0, metric as f64] };
        Series { key: SeriesKey::new(1, metric), columns, metadata: vec![b'm'; metric as usize % 300] }
    };
    let all: Vec<_> = (0..2 * limits::BLOCK_SERIES_MAX as u64 + 1).map(tiny).collect();
    let bytes = write_raw(Encoding::Packed, &all);
    assert_same_raw(&read_raw(&bytes).expect("undamaged"), &all);
    assert!(bytes.len() < all.len() * 8, "{} bytes for {} series", bytes.len(), all.len());
}

#[test]
#[should_panic(expected = "DT-2")]
fn a_key_out_of_order_is_a_bug_of_the_caller() {
    let mut all = small_raw();
    all.swap(0, 1);
    write_raw(Encoding::Packed, &all);
}

#[test]
#[should_panic(expected = "DT-2")]
fn a_timestamp_out_of_order_is_a_bug_of_the_caller() {
    let mut all = small_raw();
    all[0].columns.timestamps.swap(3, 4);
    write_raw(Encoding::Packed, &all);
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

/// Series with distinct keys in order, whose columns are made of rows in any order by `build`.
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

    #[test]
    fn readers_are_total_behind_good_checksums(
        all in any_raw(), directory_only in any::<bool>(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = write_raw(Encoding::Packed, &all);
        let footer = footer_of(&bytes).expect("undamaged");
        for (at, byte) in damage {
            let Some(info) = footer.blocks().first() else { break };
            let range = footer.directory_range(0);
            let (start, end) = if directory_only {
                (range.start as usize, range.end as usize)
            } else {
                (range.end as usize, info.range.end as usize)
            };
            bytes[start + at.index(end - start - 4)] = byte;
            reseal(&mut bytes, range.start as usize, range.end as usize);
            reseal(&mut bytes, range.start as usize, info.range.end as usize);
        }
        let _ = read_raw(&bytes);
    }

    #[test]
    fn footers_are_total_behind_good_checksums(
        all in any_raw(), damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = write_raw(Encoding::Packed, &all);
        let footer = footer_of(&bytes).expect("undamaged");
        let start = footer.blocks().last().map_or(16, |info| info.range.end as usize);
        let end = bytes.len() - 16;
        for (at, byte) in damage {
            bytes[start + at.index(end - start)] = byte;
        }
        let length = (end - start) as u32;
        let crc = crc32c::crc32c_append(crc32c::crc32c(&bytes[start..end]), &length.to_le_bytes());
        bytes[end..end + 4].copy_from_slice(&crc.to_le_bytes());
        let _ = read_raw(&bytes);
    }

    #[test]
    fn tails_are_total_on_random_bytes(tail in prop::collection::vec(any::<u8>(), 0..100), more in 0u64..1000) {
        assert!(!matches!(read_tail(&tail, tail.len() as u64 + more), Ok(Tail::Footer(_))));
    }
}

/// Gives the bytes from `start` to `end` the checksum that they should have at their end.
fn reseal(bytes: &mut [u8], start: usize, end: usize) {
    let crc = crc32c::crc32c(&bytes[start..end - 4]);
    bytes[end - 4..end].copy_from_slice(&crc.to_le_bytes());
}
