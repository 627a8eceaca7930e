use std::io::Write;

use flate2::write::GzEncoder;
use model::OrgId;

use super::*;
use crate::import::testing::{Read, imported};
use crate::import::{Imported, find_files};

mod dialects; //  options, one by one
mod faults; //    rows that are none
mod reruns; //    what was imported before
mod times; //     timestamps

/// Outcome of an import of one file.
struct Seen {
    summary: Result<CsvSummary, String>,
    bad_rows: Vec<String>,
    remarks: Vec<String>,
    read: Read,
}

impl Seen {
    fn summary(&self) -> &CsvSummary {
        self.summary.as_ref().unwrap_or_else(|error| panic!("{error}"))
    }

    fn refusal(&self) -> &str {
        self.summary.as_ref().expect_err("it is refused")
    }

    /// Formats every series as `name{label="text"} time=value ...`.
    fn series(&self) -> Vec<String> {
        let shown = |(metadata, points): (&String, &Vec<(i64, u64)>)| {
            let points: Vec<_> = points.iter().map(|(at, bits)| format!(" {at}={}", f64::from_bits(*bits))).collect();
            let metadata: serde_json::Value = serde_json::from_str(metadata).unwrap_or_default();
            let labels = metadata["attributes"].as_object().cloned().unwrap_or_default();
            let labels: Vec<_> =
                labels.iter().map(|(label, text)| format!("{label}={}", text.as_str().unwrap_or_default())).collect();
            format!("{}{{{}}}{}", metadata["name"].as_str().unwrap_or_default(), labels.join(","), points.concat())
        };
        self.read.series.iter().map(shown).collect()
    }
}

/// Imports one file of `content`.
fn import(name: &str, content: &[u8], settings: &CsvSettings) -> Seen {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(name);
    std::fs::write(&path, content).expect("a file");
    let (mut bad_rows, mut remarks) = (Vec::new(), Vec::new());
    let files = find_files(&[path], &EXTENSIONS).expect("a file").files;
    let (summary, read) = imported(|output| {
        let mut listener = |notice: Notice<'_>| match notice {
            Notice::Skipped(row) => bad_rows.push(row.to_string()),
            Notice::Remark(_, text) => remarks.push(text),
            Notice::Left(_) | Notice::Imported(..) => {}
        };
        import_csv(&files, settings, &Target::new(output, OrgId(7)), Rerun::Refuse, &mut listener)
    });
    let without_folder = |text: String| text.replace(&format!("{}/", folder.path().display()), "");
    let bad_rows = bad_rows.into_iter().map(without_folder).collect();
    Seen { summary: summary.map_err(|error| without_folder(chain(&error))), bad_rows, remarks, read }
}

/// Formats an error with its causes.
fn chain(error: &ImportError) -> String {
    let source = std::error::Error::source(error).map(|source| format!(": {source}"));
    format!("{error}{}", source.unwrap_or_default())
}

/// Imports one file, and returns the result with its series.
fn read(name: &str, content: &[u8], settings: &CsvSettings) -> (Result<CsvSummary, String>, Vec<String>, Read) {
    let Seen { summary, bad_rows, read, .. } = import(name, content, settings);
    (summary, bad_rows, read)
}

/// Returns the times of headless rows, each a time and a value of 1.
fn times_by(settings: &CsvSettings, rows: &[&str]) -> Result<Vec<i64>, String> {
    let settings = CsvSettings { has_header: false, ..settings.clone() };
    let content: String = rows.iter().map(|row| format!("\"{row}\",1\n")).collect();
    let (summary, _, read) = read("x.csv", content.as_bytes(), &settings);
    summary?;
    Ok(read.series.into_values().flat_map(|points| points.into_iter().map(|(timestamp, _)| timestamp)).collect())
}

fn times(format: &str, zone: &str, rows: &[&str]) -> Vec<i64> {
    let settings = CsvSettings {
        time_format: format.parse().expect("a format"),
        zone: parse_zone(zone).expect("a zone"),
        ..CsvSettings::default()
    };
    times_by(&settings, rows).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn rows_become_payloads_in_file_order_and_values_keep_their_bits() {
    let texts = ["0.1", "-0", "nan", "inf", "-inf", "5e-324", "1.7976931348623157e308", " 42.0 ", "9007199254740993"];
    let rows: String = texts.iter().map(|text| format!("1000,{text}\n")).collect();
    let settings = CsvSettings { time_format: "unix-s".parse().expect("a format"), ..CsvSettings::default() };
    let (summary, _, read) = read("cpu.user.csv", format!("t,v\n{rows}").as_bytes(), &settings);
    assert_eq!(summary.expect("good rows").outcome.books.rows.written, 9);
    let points = &read.series[r#"{"name":"cpu.user","attributes":{}}"#];
    let expected = texts.map(|text| (1_000_000, text.trim().parse::<f64>().expect("a double").to_bits()));
    assert_eq!(points.as_slice(), expected);
    assert_eq!(read.keys, ["shard=org-mod-07/import/00000-cpu.user-0000.seg"]);
}

#[test]
fn a_payload_has_as_many_points_as_asked_and_a_segment_as_many_bytes() {
    let rows: String = (0..1000).map(|i| format!("{i},{}\n", f64::from(i).sin())).collect();
    let settings =
        CsvSettings { time_format: "unix-ms".parse().expect("a format"), has_header: false, ..CsvSettings::default() };
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("sin.csv");
    std::fs::write(&path, rows).expect("a file");
    let files = find_files(&[path], &EXTENSIONS).expect("a file").files;
    let (summary, read) = imported(|output| {
        let target = Target { payload_points: 7, segment_bytes: 1, ..Target::new(output, OrgId(9)) };
        import_csv(&files, &settings, &target, Rerun::Refuse, &mut |_| ())
    });
    let Imported { series, points, payloads, segments, .. } = summary.expect("good rows").outcome.imported;
    assert_eq!((series, points, payloads, segments), (1, 1000, 143, 143));
    assert_eq!(read.series.into_values().next().expect("one series").len(), 1000);
}

#[test]
fn several_columns_become_several_series_and_blank_fields_no_points() {
    let settings =
        CsvSettings { delimiter: Some(b';'), attributes: [("host".into(), "a".into())].into(), ..Default::default() };
    let content = "\u{feff}at;in;out\n2026-01-01T00:00:00Z;1;2\n2026-01-01T00:00:01Z;;3\n";
    let (summary, _, read) = read("net.csv", content.as_bytes(), &settings);
    let summary = summary.expect("good rows");
    assert_eq!(
        (summary.outcome.books.rows.written, summary.outcome.books.values.blank, summary.outcome.imported.points),
        (2, 1, 3)
    );
    let names: Vec<_> = read.series.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [r#"{"name":"net.in","attributes":{"host":"a"}}"#, r#"{"name":"net.out","attributes":{"host":"a"}}"#]
    );
    let one = CsvSettings { values: vec!["out".parse().expect("a name")], metric: Some("m".into()), ..settings };
    let (_, _, one) = self::read("net.csv", content.as_bytes(), &one);
    assert_eq!(one.series[r#"{"name":"m","attributes":{"host":"a"}}"#].len(), 2);
}

#[test]
fn a_file_without_a_header_starts_with_its_first_row_and_an_empty_one_has_none() {
    let headless = CsvSettings { has_header: false, ..CsvSettings::default() };
    let row = b"2026-01-01T00:00:00Z,1,2\n";
    for (settings, content, rows, series) in [
        (&headless, &row[..], 1, vec![r#"{"name":"x.2","attributes":{}}"#, r#"{"name":"x.3","attributes":{}}"#]),
        (&headless, b"", 0, vec![]),
        (&CsvSettings::default(), b"", 0, vec![]),
    ] {
        let (summary, _, read) = read("x.csv", content, settings);
        assert_eq!(summary.expect("good rows").outcome.books.rows.written, rows);
        assert_eq!(read.series.keys().map(String::as_str).collect::<Vec<_>>(), series);
    }
}

#[test]
fn a_tsv_file_is_separated_by_tabs() {
    let (summary, ..) = read("cpu.tsv", b"t\tv\n2026-01-01T00:00:00Z\t1\n", &CsvSettings::default());
    assert_eq!(summary.expect("a good row").outcome.imported.points, 1);
}

#[test]
fn compressed_files_are_read_whatever_they_are_called() {
    let mut gzip = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(b"t,v\n2026-01-01T00:00:00Z,1\n").expect("memory");
    let gzip = gzip.finish().expect("memory");
    for name in ["cpu.csv.gz", "cpu.csv"] {
        let (summary, _, read) = read(name, &gzip, &CsvSettings::default());
        assert_eq!(summary.expect("a good row").outcome.imported.points, 1);
        assert_eq!(read.keys, ["shard=org-mod-07/import/00000-cpu-0000.seg"]);
    }
}

#[test]
fn what_makes_no_sense_is_refused_with_what_would() {
    assert!(parse_zone("Mars/Olympus").expect_err("no zone").contains("Europe/Berlin"));
    assert!("iso".parse::<TimeFormat>().expect_err("no format").contains("rfc3339"));
    let settings = CsvSettings { timestamp: vec![Column::Name("time".into())], ..CsvSettings::default() };
    let (refused, ..) = read("x.csv", b"at,v\n", &settings);
    let refused = refused.expect_err("no such column");
    assert_eq!(refused, "x.csv is not what it should be: no column is called 'time'; there are: at, v");
}
