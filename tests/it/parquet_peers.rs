//! Other readers of Parquet see the same rows: DuckDB and pyarrow agree with our export as text, row by row.

use std::path::{Path, PathBuf};

use tests::contents::contents;
use tests::python::python;
use tests::{Place, SegmentBuilder};

/// Compares Parquet files with an export as CSV; returns the number of rows.
fn compare(csv: &Path, parquet: &[PathBuf]) -> usize {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/it/peers.py");
    let files: Vec<_> = [csv].into_iter().chain(parquet.iter().map(PathBuf::as_path)).collect();
    python(&[script], &files).trim().parse().expect("a number of rows")
}

fn export(place: &Place, format: &str, options: &str) -> PathBuf {
    let file = place.path().join(format!("export.{format}"));
    place.dataset_verb("export", &format!("--format {format} --to {} {options}", file.display())).done();
    file
}

/// Creates a place with synthetic series, and one of odd values.
fn place() -> Place {
    let place = Place::generated("--points 60000 --orgs 3 --partitions 1 --big-share 0.2 --tiny-series 500");
    let odd = [0.0, -0.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MIN_POSITIVE, f64::MAX, 0.1 + 0.2];
    let points: Vec<_> = (0i64..).zip(odd).map(|(at, value)| (at * 1000 - 3000, value)).collect();
    let segment = SegmentBuilder::new().points((u64::MAX, u64::MAX), &points).build();
    place.put_segment("shard=org-mod-63/odd.seg", segment);
    place
}

#[test]
fn duckdb_and_pyarrow_read_parquet_parts_as_we_export_them() {
    let place = place();
    place.run("--format parquet --partition-size 128KiB").done();
    let parts = place.files("dataset").into_iter().filter(|key| key.ends_with(".parquet"));
    let parts: Vec<_> = parts.map(|key| place.dataset().join(key)).collect();
    assert!(parts.len() > 4, "{parts:?}");
    let points: usize = contents(&place.dataset()).values().map(Vec::len).sum();
    assert_eq!(compare(&export(&place, "csv", ""), &parts), points);
}

#[test]
fn duckdb_and_pyarrow_read_an_export_as_parquet_as_they_read_one_as_text() {
    let place = place();
    place.run("--rollup 5m").done();
    for options in ["", "--rollup 5m"] {
        let csv = export(&place, "csv", options);
        let rows = compare(&csv, &[export(&place, "parquet", options)]);
        assert!(rows > 2000, "{rows}");
    }
}

#[test]
fn duckdb_and_pyarrow_read_rollup_parts_as_parquet() {
    let place = place();
    place.run("--rollup 5m --job text").done();
    let csv = export(&place, "csv", "--rollup 5m");
    place.run("--rollup 5m --format parquet --job peers").done();
    let is_rollup = |key: &String| key.contains("/peers/") && key.ends_with(".rollup-5m.parquet");
    let parts = place.files("dataset").into_iter().filter(is_rollup).map(|key| place.dataset().join(key));
    assert!(compare(&csv, &parts.collect::<Vec<_>>()) > 2000);
}
