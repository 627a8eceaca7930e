//! Helpers that write and read whole parts, and the series for them.

use model::time::RollupStep;
use model::{Columns, SeriesKey};

use super::super::*;
use crate::column::{ColumnDecoder, Encoding};

/// A series with its metadata, raw or rolled up.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Series<C> {
    pub(super) key: SeriesKey,
    pub(super) columns: C,
    pub(super) metadata: Vec<u8>,
}

pub(super) const ENCODINGS: [Encoding; 2] = [Encoding::Packed, Encoding::Pco];

pub(super) fn rollup() -> PartKind {
    PartKind::Rollup("5m".parse::<RollupStep>().expect("5m divides a day"))
}

pub(super) fn write_raw(encoding: Encoding, all: &[Series<Columns>]) -> Vec<u8> {
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

pub(super) fn write_rollups(encoding: Encoding, all: &[Series<RollupColumns>]) -> Vec<u8> {
    let mut writer = PartWriter::new(rollup(), encoding);
    for series in all {
        writer.begin_series(series.key);
        writer.append_rollup(&series.columns);
        writer.end_series(&series.metadata);
    }
    writer.finish().0
}

pub(super) fn footer_of(bytes: &[u8]) -> Result<PartFooter, PartError> {
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
pub(super) fn read<C: Default>(
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

pub(super) fn read_raw(bytes: &[u8]) -> Result<Vec<Series<Columns>>, PartError> {
    let mut decoder = ColumnDecoder::new();
    read(bytes, |block, index, columns| block.points(index, &mut decoder, columns))
}

pub(super) fn read_rollups(bytes: &[u8]) -> Result<Vec<Series<RollupColumns>>, PartError> {
    let mut decoder = ColumnDecoder::new();
    read(bytes, |block, index, columns| block.rollups(index, &mut decoder, columns))
}

/// Compares doubles by their bits, in which NaNs equal themselves.
pub(super) fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|value| value.to_bits()).collect()
}

pub(super) fn assert_same_raw(found: &[Series<Columns>], expected: &[Series<Columns>]) {
    let view = |all: &[Series<Columns>]| -> Vec<_> {
        let view =
            |s: &Series<Columns>| (s.key, s.columns.timestamps.clone(), bits(&s.columns.values), s.metadata.clone());
        all.iter().map(view).collect()
    };
    assert_eq!(view(found), view(expected));
}

pub(super) fn assert_same_rollups(found: &[Series<RollupColumns>], expected: &[Series<RollupColumns>]) {
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

/// Series of every kind for a small part: regular and jittered, decimal, noisy, constant, special.
pub(super) fn small_raw() -> Vec<Series<Columns>> {
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
        // Long and skewed enough that entropy coding wins, in values and timestamps.
        series(10, 300, 1 << 10, &|i| if i % 11 == 0 { (i * i % 1000) as f64 } else { 0.5 }),
    ]
}

pub(super) fn rows_of(columns: &Columns, points_a_bucket: usize) -> RollupColumns {
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

pub(super) fn small_rollups() -> Vec<Series<RollupColumns>> {
    let roll = |s: Series<Columns>| Series { key: s.key, columns: rows_of(&s.columns, 2), metadata: s.metadata };
    small_raw().into_iter().map(roll).collect()
}
