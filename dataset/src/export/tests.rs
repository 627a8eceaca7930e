use bytes::Bytes;
use interchange::parquet::{RawBatch, RawParquetReader};
use model::{OutputFormat, Window};

use super::*;
use crate::error::ErrorKind;
use crate::fixture::{Fixture, step};

fn options(format: ExportFormat, rollup: Option<RollupStep>) -> ExportOptions {
    ExportOptions { selection: Selection::default(), rollup, format, with_metadata: false }
}

const CSV: ExportFormat = ExportFormat::Csv { timestamps: TimestampStyle::Millis };

async fn exported(fixture: &Fixture, options: &ExportOptions) -> Result<(Export, Vec<u8>), DatasetError> {
    let path = fixture.path("out/points");
    let (root, key) = target(&path.display().to_string())?;
    let export = export(&fixture.catalog, options, (&root, &key)).await?;
    Ok((export, std::fs::read(path).expect("it was just written")))
}

#[tokio::test]
async fn csv_holds_every_row_of_all_parts_and_windows_sorted() {
    let (fixture, mut output, _) = Fixture::committed().await;
    output.window = Window::of(-600_000, 0);
    for (_, points) in output.series.values_mut() {
        points.timestamps.iter_mut().for_each(|at| *at -= 600_000);
    }
    fixture.commit(&output).await;
    let (export, bytes) = exported(&fixture, &options(CSV, None)).await.expect("sound parts");
    assert_eq!((export.series, export.rows, export.bytes), (8, 160, bytes.len() as u64));
    let text = String::from_utf8(bytes).expect("text");
    let rows: Vec<(u64, u64, i64)> = text
        .lines()
        .skip(1)
        .map(|line| {
            let mut fields = line.split(',');
            let mut next = || fields.next().expect("four fields");
            (next().parse().expect("org"), next().parse().expect("metric"), next().parse().expect("instant"))
        })
        .collect();
    assert_eq!(rows.len(), 160);
    assert!(rows.is_sorted());
}

#[tokio::test]
async fn parquet_reads_back_bit_for_bit() {
    let (fixture, output, _) = Fixture::committed().await;
    let (export, bytes) = exported(&fixture, &options(ExportFormat::Parquet, None)).await.expect("sound parts");
    assert_eq!(export.rows, 80);
    let mut reader = RawParquetReader::open(Bytes::from(bytes)).expect("it was just written");
    let mut batch = RawBatch::default();
    assert!(reader.read_batch(&mut batch).expect("it was just written"));
    let wanted = output.series.values().flat_map(|(_, points)| points.values.iter().map(|value| value.to_bits()));
    assert!(batch.rows.values.iter().map(|value| value.to_bits()).eq(wanted));
}

#[tokio::test]
async fn a_rollup_is_exported_by_its_step_and_another_step_is_not_found() {
    let (fixture, _, _) = Fixture::committed().await;
    let (export, bytes) = exported(&fixture, &options(CSV, Some(step()))).await.expect("sound parts");
    assert_eq!((export.series, export.rows), (8, 16));
    assert!(bytes.starts_with(b"org_id,metric_id,timestamp,count,sum,min,max,first,last\n7,1,0,5,"));
    let hour = "1h".parse().expect("an hour divides a day");
    let error = exported(&fixture, &options(CSV, Some(hour))).await.expect_err("nobody asked for it");
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn rollups_in_parquet_are_exported_as_those_in_parts() {
    let mut exports = Vec::new();
    for format in [OutputFormat::Part, OutputFormat::Parquet] {
        let fixture = Fixture::new();
        let mut output = fixture.output().await;
        output.settings.format = format;
        fixture.commit(&output).await;
        exports.push(exported(&fixture, &options(CSV, Some(step()))).await.expect("sound parts").1);
    }
    assert_eq!(exports[0], exports[1]);
}

#[tokio::test]
async fn an_export_that_fails_leaves_nothing_behind() {
    let (fixture, _, manifest) = Fixture::committed().await;
    let raw = manifest.partitions.iter().filter_map(|entry| entry.raw.as_ref()).next_back();
    let path = fixture.object_path(&raw.expect("the fixture has points").key);
    let mut bytes = std::fs::read(&path).expect("it is there");
    bytes[20] ^= 1;
    std::fs::write(&path, bytes).expect("the folder is ours");
    let error = exported(&fixture, &options(CSV, None)).await.expect_err("a part is damaged");
    assert_eq!(error.kind(), ErrorKind::Damaged);
    let left: Vec<_> = std::fs::read_dir(fixture.path("out")).expect("it was made").collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_target_is_a_file_in_a_folder() {
    for text in ["", "a/", "a/..", ".", "-"] {
        assert!(matches!(target(text), Err(DatasetError::Refused(_))), "{text}");
    }
    for text in ["file:points.csv", "file:out/points.csv"] {
        let error = target(text).expect_err("it would be a folder called `file:`");
        assert!(error.to_string().contains("file:///PATH"), "{error}");
    }
}

#[tokio::test]
async fn every_format_carries_the_metadata_of_series_where_it_is_wanted() {
    let (fixture, mut output, _) = Fixture::committed().await;
    // Longer than a block, so that its metadata lies blocks behind its first rows.
    let long = SeriesKey::new(7, 1);
    let (_, points) = output.series.get_mut(&long).expect("a series of the fixture");
    points.clear();
    (0..40_000).for_each(|at| points.push(at, (at % 7) as f64));
    output.version = 2;
    fixture.commit(&output).await;
    let timestamps = TimestampStyle::Millis;
    for format in [CSV, ExportFormat::JsonLines { timestamps }] {
        for rollup in [None, Some(step())] {
            let options = ExportOptions { with_metadata: true, ..options(format, rollup) };
            let (_, bytes) = exported(&fixture, &options).await.expect("sound parts");
            let text = String::from_utf8(bytes).expect("text");
            let rows = text.lines().skip(usize::from(format == CSV));
            for row in rows {
                let metric = row.split(['"', ',', ':']).filter(|text| text.parse::<u64>().is_ok()).nth(1);
                let metadata = format!("\"metric-{}\"", metric.expect("org and metric"));
                assert!(row.trim_end_matches('}').ends_with(&metadata), "{row}");
            }
        }
    }
    let options = ExportOptions { with_metadata: true, ..options(ExportFormat::Parquet, None) };
    let (export, bytes) = exported(&fixture, &options).await.expect("sound parts");
    assert_eq!((export.rows, export.warnings.len()), (40_070, 0));
    assert!(bytes.windows(8).any(|window| window == b"metadata"));
}

#[tokio::test]
async fn parts_without_metadata_are_exported_with_a_warning() {
    let fixture = Fixture::new();
    let mut output = fixture.output().await;
    output.settings.format = OutputFormat::Parquet;
    fixture.commit(&output).await;
    let options = ExportOptions { with_metadata: true, ..options(CSV, None) };
    let (export, bytes) = exported(&fixture, &options).await.expect("sound parts");
    assert!(export.warnings[0].contains("no metadata"), "{:?}", export.warnings);
    let text = String::from_utf8(bytes).expect("text");
    assert!(text.lines().skip(1).all(|row| row.ends_with(',')), "{text}");
}
