use bytes::Bytes;
use expect_test::{Expect, expect};
use model::SeriesKey;
use parquet::basic::Encoding;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};
use parquet::file::statistics::Statistics;
use parquet::schema::printer::print_schema;
use proptest::prelude::*;

use super::*;
use crate::{Raw, RawRows, ReadError, Rollup, RollupRows, RowSink, RowSummary};

type Row = (u64, u64, i64, u64);

fn raw_sink() -> Box<dyn RowSink<Raw>> {
    Box::new(RawParquetWriter::new())
}

/// Writes rows of (org, metric, timestamp, bits of the value), `batch` rows per append; takes bytes after each if
/// `eager`.
fn write_raw(rows: &[Row], batch: usize, eager: bool) -> (Vec<u8>, RowSummary) {
    let mut sink = raw_sink();
    let mut file = Vec::new();
    for series in rows.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
        for part in series.chunks(batch) {
            let timestamps_ms: Vec<_> = part.iter().map(|row| row.2).collect();
            let values: Vec<_> = part.iter().map(|row| f64::from_bits(row.3)).collect();
            let rows = RawRows { timestamps_ms: &timestamps_ms, values: &values };
            sink.append(SeriesKey::new(part[0].0, part[0].1), rows).expect("the rows are sorted");
            if eager {
                file.extend(sink.take());
            }
        }
    }
    let (rest, summary) = sink.finish().expect("the encoder takes every row");
    file.extend(rest);
    (file, summary)
}

fn read_raw(file: Vec<u8>) -> Result<Vec<Row>, ReadError> {
    let mut reader = RawParquetReader::open(Bytes::from(file))?;
    let (mut rows, mut batch) = (Vec::new(), RawBatch::default());
    while reader.read_batch(&mut batch)? {
        let bits = batch.rows.values.iter().map(|value| value.to_bits());
        let keys = batch.org_ids.iter().copied().zip(batch.metric_ids.iter().copied());
        rows.extend(keys.zip(batch.rows.timestamps_ms.iter().copied().zip(bits)).map(|((o, m), (t, v))| (o, m, t, v)));
    }
    Ok(rows)
}

fn metadata(file: Vec<u8>) -> ParquetMetaData {
    use parquet::file::metadata::PageIndexPolicy;
    let mut reader = ParquetMetaDataReader::new().with_page_index_policy(PageIndexPolicy::Required);
    reader.try_parse(&Bytes::from(file)).expect("the file has a footer and a page index");
    reader.finish().expect("it was just parsed")
}

fn many_rows(series: u64, points: i64) -> Vec<Row> {
    let point = |s: u64, p: i64| (s / 3, s, p * 10_000, ((s as i64 + p) as f64).to_bits());
    (0..series).flat_map(|s| (0..points).map(move |p| point(s, p))).collect()
}

fn sorted_rows() -> impl Strategy<Value = Vec<Row>> {
    let special = prop::sample::select(vec![f64::NAN.to_bits(), 0x7ff0_0000_dead_beef, 1 << 63, 0, 0x7ff0 << 48]);
    let row = (0..4u64, prop_oneof![0..5u64, any::<u64>()], any::<i64>(), prop_oneof![any::<u64>(), special]);
    prop::collection::vec(row, 0..300).prop_map(|mut rows| {
        rows.sort_by_key(|row| (row.0, row.1, row.2));
        rows
    })
}

proptest! {
    #[test]
    fn every_row_reads_back_bit_for_bit(rows in sorted_rows(), batch in 1..50usize) {
        let (file, summary) = write_raw(&rows, batch, true);
        prop_assert_eq!((summary.rows, summary.bytes), (rows.len() as u64, file.len() as u64));
        prop_assert_eq!(read_raw(file).expect("an undamaged file"), rows);
    }

    #[test]
    fn the_bytes_depend_on_the_rows_alone(rows in sorted_rows(), batch in 1..50usize) {
        prop_assert_eq!(write_raw(&rows, batch, true), write_raw(&rows, usize::MAX, false));
    }

    #[test]
    fn a_damaged_file_is_an_error_or_rows_but_no_panic(
        rows in sorted_rows(),
        at in any::<prop::sample::Index>(),
        flip in 1..=255u8,
        truncate in any::<bool>(),
    ) {
        let (mut file, _) = write_raw(&rows, 20, false);
        let at = at.index(file.len());
        if truncate { file.truncate(at) } else { file[at] ^= flip }
        let _ = read_raw(file);
    }
}

#[test]
fn no_single_damaged_byte_panics() {
    let (file, _) = write_raw(&many_rows(3, 2), 2, false);
    for at in 0..file.len() {
        for flip in [0x01, 0x40, 0x80, 0xff] {
            let mut damaged = file.clone();
            damaged[at] ^= flip;
            let _ = read_raw(damaged);
        }
    }
}

#[test]
fn a_file_of_several_pages_and_row_groups_reads_back() {
    let rows = many_rows(ROW_GROUP_SERIES_MAX as u64 + 10, 1);
    let (file, summary) = write_raw(&rows, 1, true);
    assert_eq!(summary.series, rows.len() as u64);
    let metadata = metadata(file.clone());
    let group_rows: Vec<_> = metadata.row_groups().iter().map(|group| group.num_rows()).collect();
    assert_eq!(group_rows, [ROW_GROUP_SERIES_MAX as i64, 10]);
    assert_eq!(read_raw(file).expect("an undamaged file"), rows);
}

#[test]
fn the_bytes_depend_on_the_rows_alone_where_a_row_group_ends_too() {
    let rows = many_rows(ROW_GROUP_SERIES_MAX as u64 + 1, 2);
    assert!(write_raw(&rows, 1, true) == write_raw(&rows, 2, false));
}

#[test]
fn a_long_series_crosses_pages_and_ends_row_groups_by_rows() {
    let rows = many_rows(1, ROW_GROUP_ROWS_MAX as i64 + 5);
    let (file, _) = write_raw(&rows, 100_000, true);
    let metadata = metadata(file.clone());
    let group_rows: Vec<_> = metadata.row_groups().iter().map(|group| group.num_rows()).collect();
    assert_eq!(group_rows, [ROW_GROUP_ROWS_MAX as i64, 5]);
    assert!(read_raw(file).expect("an undamaged file") == rows);
}

#[test]
fn a_row_group_of_noise_ends_by_bytes_and_is_drained_as_it_ends() {
    let noise = |index: i64| (index as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let timestamps_ms: Vec<_> = (0..PAGE_ROWS as i64).collect();
    let mut sink = raw_sink();
    let mut taken_max = 0;
    for metric in 0..200 {
        let values: Vec<_> = timestamps_ms.iter().map(|at| f64::from_bits(noise(at + metric * 99_991))).collect();
        let rows = RawRows { timestamps_ms: &timestamps_ms, values: &values };
        sink.append(SeriesKey::new(1, metric as u64), rows).expect("the rows are sorted");
        taken_max = taken_max.max(sink.take().len());
    }
    assert!((ROW_GROUP_BYTES_MAX / 4..ROW_GROUP_BYTES_MAX + (1 << 20)).contains(&taken_max), "{taken_max}");
}

#[test]
fn the_footer_declares_order_and_page_index() {
    let (file, _) = write_raw(&many_rows(30, 1440), 1440, false);
    let metadata = metadata(file);
    let group = metadata.row_group(0);
    let sorted = group.sorting_columns().expect("the order is declared");
    let sorted: Vec<_> = sorted.iter().map(|c| (c.column_idx, c.descending, c.nulls_first)).collect();
    assert_eq!(sorted, [(0, false, false), (1, false, false), (2, false, false)]);

    let file_metadata = metadata.file_metadata();
    let pairs = file_metadata.key_value_metadata().expect("there are pairs");
    assert!(
        pairs.iter().any(|pair| pair.key == SORT_KEY && pair.value.as_deref() == Some("org_id,metric_id,timestamp"))
    );
    assert_eq!(file_metadata.created_by(), Some(CREATED_BY));

    let pages = (30 * 1440usize).div_ceil(PAGE_ROWS);
    for column in group.columns() {
        assert!(column.column_index_offset().is_some() && column.offset_index_offset().is_some());
        assert!(column.statistics().is_some_and(|stats| stats.null_count_opt() == Some(0)));
        let data_pages: i32 = column.page_encoding_stats().map_or(pages as i32, |stats| {
            stats.iter().filter(|s| s.encoding != Encoding::PLAIN).map(|s| s.count).sum()
        });
        assert!(data_pages == pages as i32 || data_pages == 0, "{data_pages}");
    }
}

#[test]
fn statistics_of_ids_are_unsigned() {
    let rows = [(1, 5, 0, 0), (1, u64::MAX, 0, 0)];
    let (file, _) = write_raw(&rows, 1, false);
    let metadata = metadata(file);
    let Some(Statistics::Int64(metrics)) = metadata.row_group(0).column(1).statistics() else {
        panic!("the metric column has integer statistics");
    };
    assert_eq!((metrics.min_opt(), metrics.max_opt()), (Some(&5), Some(&-1)));
}

#[test]
fn statistics_of_values_leave_nan_out_and_count_it() {
    let bits = [f64::NAN, -0.0, 0.0, -f64::NAN].map(f64::to_bits);
    let rows: Vec<_> = bits.iter().enumerate().map(|(index, bits)| (1, 1, index as i64, *bits)).collect();
    let (file, _) = write_raw(&rows, 4, false);
    let metadata = metadata(file);
    let Some(Statistics::Double(values)) = metadata.row_group(0).column(3).statistics() else {
        panic!("the value column has double statistics");
    };
    let bits = |value: Option<&f64>| value.map(|value| value.to_bits());
    assert_eq!(bits(values.min_opt()), Some((-0.0f64).to_bits()));
    assert_eq!(bits(values.max_opt()), Some(0.0f64.to_bits()));
    assert_eq!(values.nan_count_opt(), Some(2));
}

fn check_schema(metadata: &ParquetMetaData, expected: Expect) {
    let mut text = Vec::new();
    print_schema(&mut text, metadata.file_metadata().schema());
    expected.assert_eq(&String::from_utf8(text).expect("the schema is text"));
}

#[test]
fn the_schema_of_raw_points_is_fixed() {
    check_schema(
        &metadata(write_raw(&many_rows(1, 1), 1, false).0),
        expect![[r#"
        message raw {
          REQUIRED INT64 org_id (INTEGER(64,false));
          REQUIRED INT64 metric_id (INTEGER(64,false));
          REQUIRED INT64 timestamp (TIMESTAMP(MILLIS,true));
          REQUIRED DOUBLE value;
        }
    "#]],
    );
}

#[test]
fn the_schema_of_rollups_is_fixed_and_their_rows_survive() {
    let mut sink: Box<dyn RowSink<Rollup>> = Box::new(RollupParquetWriter::new());
    let rows = RollupRows {
        bucket_start_ms: &[0, 300_000],
        count: &[30, u64::MAX],
        sum: &[1.5, f64::INFINITY],
        min: &[-0.0, 1.0],
        max: &[2.0, 3.0],
        first: &[4.0, 5.0],
        last: &[6.0, 7.0],
    };
    sink.append(SeriesKey::new(7, 8), rows).expect("the rows are sorted");
    let (file, summary) = sink.finish().expect("the encoder takes every row");
    assert_eq!((summary.series, summary.rows), (1, 2));
    check_schema(
        &metadata(file.clone()),
        expect![[r#"
        message rollup {
          REQUIRED INT64 org_id (INTEGER(64,false));
          REQUIRED INT64 metric_id (INTEGER(64,false));
          REQUIRED INT64 timestamp (TIMESTAMP(MILLIS,true));
          REQUIRED INT64 count (INTEGER(64,false));
          REQUIRED DOUBLE sum;
          REQUIRED DOUBLE min;
          REQUIRED DOUBLE max;
          REQUIRED DOUBLE first;
          REQUIRED DOUBLE last;
        }
    "#]],
    );
    check_rows(
        file,
        expect![[r#"
        {org_id: 7, metric_id: 8, timestamp: 1970-01-01 00:00:00.000 +00:00, count: 30, sum: 1.5, min: -0E0, max: 2.0, first: 4.0, last: 6.0}
        {org_id: 7, metric_id: 8, timestamp: 1970-01-01 00:05:00.000 +00:00, count: 18446744073709551615, sum: inf, min: 1.0, max: 3.0, first: 5.0, last: 7.0}"#]],
    );
}

fn check_rows(file: Vec<u8>, expected: Expect) {
    use parquet::file::reader::{FileReader, SerializedFileReader};
    let reader = SerializedFileReader::new(Bytes::from(file)).expect("an undamaged file");
    let rows = reader.get_row_iter(None).expect("a flat schema");
    let lines: Vec<_> = rows.map(|row| row.expect("an undamaged page").to_string()).collect();
    expected.assert_eq(&lines.join("\n"));
}

fn check_refused(rows: &[Row], expected: Expect) {
    let mut sink = raw_sink();
    let refusal = rows.iter().find_map(|row| {
        let rows = RawRows { timestamps_ms: &[row.2], values: &[f64::from_bits(row.3)] };
        sink.append(SeriesKey::new(row.0, row.1), rows).err()
    });
    expected.assert_eq(&refusal.map(|error| error.to_string()).unwrap_or_default());
}

#[test]
fn rows_out_of_order_are_refused_by_name() {
    check_refused(&[(1, 2, 5, 0), (1, 2, 5, 0)], expect![[r#""#]]);
    check_refused(
        &[(1, 2, 5, 0), (1, 2, 4, 0)],
        expect![
            "DT-2: org 1 metric 2 at 4 ms comes after org 1 metric 2 at 5 ms; rows must be appended by organisation, metric and time: verify the part they come from, and report this if it is sound"
        ],
    );
    check_refused(
        &[(2, 1, 5, 0), (1, 2, 6, 0)],
        expect![
            "DT-2: org 1 metric 2 at 6 ms comes after org 2 metric 1 at 5 ms; rows must be appended by organisation, metric and time: verify the part they come from, and report this if it is sound"
        ],
    );
}

#[test]
fn ragged_columns_are_refused_by_name() {
    let rows = RawRows { timestamps_ms: &[1, 2], values: &[1.0] };
    let error = raw_sink().append(SeriesKey::new(1, 2), rows).expect_err("one value is missing");
    expect!["the raw columns of org 1 metric 2 have [2, 1] rows; give each column as many, and report this"]
        .assert_eq(&error.to_string());
}

#[test]
fn buckets_read_back_bit_for_bit_over_pages_and_row_groups() {
    let rows = PAGE_ROWS * 3 + 7;
    let noise = |column: u64| -> Vec<f64> {
        let bits = |at: u64| (at * 8 + column).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (0..rows as u64).map(|at| f64::from_bits(bits(at))).collect()
    };
    let bucket_start_ms: Vec<i64> = (0..rows as i64).map(|at| at * 300_000).collect();
    let count: Vec<u64> = (0..rows as u64).map(|at| u64::MAX - at * at).collect();
    let [sum, min, max, first, last] = [1, 2, 3, 4, 5].map(noise);
    let mut sink: Box<dyn RowSink<Rollup>> = Box::new(RollupParquetWriter::new());
    let keys = [(7, 8), (7, u64::MAX)];
    for (org, metric) in keys {
        let bucket_start_ms = &bucket_start_ms;
        let (count, sum, min, max, first, last) = (&count, &sum, &min, &max, &first, &last);
        let rows = RollupRows { bucket_start_ms, count, sum, min, max, first, last };
        sink.append(SeriesKey::new(org, metric), rows).expect("the rows are sorted");
    }
    let (file, _) = sink.finish().expect("the encoder takes every row");

    let mut reader = RollupParquetReader::open(Bytes::from(file)).expect("it was just written");
    let (mut batch, mut read) = (RollupBatch::default(), 0);
    assert_eq!(reader.rows_declared(), 2 * rows as u64);
    while reader.read_batch(&mut batch).expect("it was just written") {
        let found = &batch.rows;
        for at in 0..found.count.len() {
            let (key, row) = (keys[read / rows], read % rows);
            assert_eq!((batch.org_ids[at], batch.metric_ids[at]), key);
            assert_eq!((found.bucket_start_ms[at], found.count[at]), (bucket_start_ms[row], count[row]));
            let doubles = [found.sum[at], found.min[at], found.max[at], found.first[at], found.last[at]];
            let wanted = [sum[row], min[row], max[row], first[row], last[row]];
            assert_eq!(doubles.map(f64::to_bits), wanted.map(f64::to_bits));
            read += 1;
        }
    }
    assert_eq!(read, 2 * rows);
}

#[test]
fn a_file_of_another_table_is_refused_by_its_columns() {
    let sink: Box<dyn RowSink<Rollup>> = Box::new(RollupParquetWriter::new());
    let (file, _) = sink.finish().expect("an empty file");
    let error = read_raw(file).expect_err("a rollup file");
    expect!["the Parquet file has the columns (REQUIRED INT64 org_id (INTEGER(64,false)); REQUIRED INT64 metric_id (INTEGER(64,false)); REQUIRED INT64 timestamp (TIMESTAMP(MILLIS,true)); REQUIRED INT64 count (INTEGER(64,false)); REQUIRED DOUBLE sum; REQUIRED DOUBLE min; REQUIRED DOUBLE max; REQUIRED DOUBLE first; REQUIRED DOUBLE last;), not (REQUIRED INT64 org_id (INTEGER(64,false)); REQUIRED INT64 metric_id (INTEGER(64,false)); REQUIRED INT64 timestamp (TIMESTAMP(MILLIS,true)); REQUIRED DOUBLE value;); give a file that tailor exported"].assert_eq(&error.to_string());
    let (file, _) = raw_sink().finish().expect("an empty file");
    assert!(matches!(RollupParquetReader::open(Bytes::from(file)), Err(ReadError::Schema { .. })));
}

#[test]
fn metadata_is_a_column_of_its_own_where_it_is_wanted() {
    use parquet::file::reader::{FileReader as _, SerializedFileReader};
    use parquet::record::RowAccessor as _;
    let mut sink: Box<dyn RowSink<Raw>> = Box::new(RawParquetWriter::with_metadata());
    let timestamps_ms: Vec<i64> = (0..40_000).collect();
    let values = vec![0.5; timestamps_ms.len()];
    for (metric, metadata) in [(1, Some("{\"name\":\"a\"}")), (2, None), (3, Some("c"))] {
        sink.describe(metadata);
        sink.append(SeriesKey::new(7, metric), RawRows { timestamps_ms: &timestamps_ms, values: &values })
            .expect("rows");
    }
    let (bytes, _) = sink.finish().expect("rows are in order");
    let file = SerializedFileReader::new(Bytes::from(bytes)).expect("it was just written");
    let mut rows = 0;
    for row in file.get_row_iter(None).expect("a schema") {
        let row = row.expect("it was just written");
        let expected = match row.get_ulong(1).expect("an id") {
            1 => "{\"name\":\"a\"}",
            2 => "",
            _ => "c",
        };
        assert_eq!(row.get_string(4).expect("text"), expected);
        rows += 1;
    }
    assert_eq!(rows, 120_000);
}
