use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;
use crate::{RawRows, RollupRows};

fn write_raw(timestamps: TimestampStyle, timestamps_ms: &[i64], values: &[f64]) -> Result<String, WriteError> {
    let mut sink: Box<dyn RowSink<Raw>> = Box::new(RawCsvWriter::new(timestamps));
    sink.append(SeriesKey::new(1, u64::MAX), RawRows { timestamps_ms, values })?;
    let mut file = sink.take();
    let (rest, summary) = sink.finish()?;
    file.extend(rest);
    assert_eq!((summary.rows, summary.bytes), (values.len() as u64, file.len() as u64));
    Ok(String::from_utf8(file).expect("CSV is text"))
}

fn check(timestamps: TimestampStyle, timestamps_ms: &[i64], values: &[f64], expected: Expect) {
    let text = write_raw(timestamps, timestamps_ms, values).unwrap_or_else(|error| error.to_string());
    expected.assert_eq(&text);
}

#[test]
fn special_values_have_a_spelling() {
    let values = [0.1, -0.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
    check(
        TimestampStyle::Millis,
        &[-1, 0, 1, 2, 3],
        &values,
        expect![[r#"
        org_id,metric_id,timestamp,value
        1,18446744073709551615,-1,0.1
        1,18446744073709551615,0,-0
        1,18446744073709551615,1,NaN
        1,18446744073709551615,2,inf
        1,18446744073709551615,3,-inf
    "#]],
    );
}

#[test]
fn instants_are_written_as_rfc_3339_where_asked() {
    let instants = [-62_167_219_200_000, -1, 1_700_000_000_000, 253_402_300_799_999];
    check(
        TimestampStyle::Rfc3339,
        &instants,
        &[0.0; 4],
        expect![[r#"
        org_id,metric_id,timestamp,value
        1,18446744073709551615,0000-01-01T00:00:00.000Z,0
        1,18446744073709551615,1969-12-31T23:59:59.999Z,0
        1,18446744073709551615,2023-11-14T22:13:20.000Z,0
        1,18446744073709551615,9999-12-31T23:59:59.999Z,0
    "#]],
    );
    check(
        TimestampStyle::Rfc3339,
        &[253_402_300_800_000],
        &[0.0],
        expect![
            "org 1 metric 18446744073709551615 at 253402300800000 ms lies outside the years 0 to 9999, which RFC 3339 cannot say; write timestamps in milliseconds instead"
        ],
    );
}

#[test]
fn rollups_have_their_columns() {
    let mut sink: Box<dyn RowSink<Rollup>> = Box::new(RollupCsvWriter::new(TimestampStyle::Millis));
    let rows = RollupRows {
        bucket_start_ms: &[300_000],
        count: &[u64::MAX],
        sum: &[1.5],
        min: &[-0.5],
        max: &[2.0],
        first: &[1e300],
        last: &[f64::MIN_POSITIVE],
    };
    sink.append(SeriesKey::new(1, 2), rows).expect("the rows are sorted");
    let (file, _) = sink.finish().expect("text takes every row");
    let text = String::from_utf8(file).expect("CSV is text");
    assert_eq!(text.lines().next(), Some("org_id,metric_id,timestamp,count,sum,min,max,first,last"));
    assert!(text.contains("\n1,2,300000,18446744073709551615,1.5,-0.5,2,1000"), "{text}");
}

proptest! {
    #[test]
    fn finite_values_read_back_as_the_same_bits(bits in any::<u64>()) {
        let value = f64::from_bits(bits);
        let text = write_raw(TimestampStyle::Millis, &[0], &[value]).expect("text takes every row");
        let read: f64 = text.trim_end().rsplit(',').next().and_then(|field| field.parse().ok()).expect("a number");
        prop_assert!(read.to_bits() == bits || (read.is_nan() && value.is_nan()));
    }
}

#[test]
fn metadata_is_a_quoted_field_where_it_is_wanted() {
    let mut sink: Box<dyn RowSink<Raw>> = Box::new(RawCsvWriter::with_metadata(TimestampStyle::Millis));
    let rows = RawRows { timestamps_ms: &[1], values: &[0.5] };
    sink.describe(Some("{\"name\":\"a,b\"}\n"));
    sink.append(SeriesKey::new(1, 2), rows).expect("in order");
    sink.describe(None);
    sink.append(SeriesKey::new(1, 3), rows).expect("in order");
    expect![[r#"
        org_id,metric_id,timestamp,value,metadata
        1,2,1,0.5,"{""name"":""a,b""}
        "
        1,3,1,0.5,
    "#]]
    .assert_eq(&String::from_utf8(sink.take()).expect("text"));
}
