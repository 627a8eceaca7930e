use std::io::Write;
use std::path::Path;

use flate2::write::GzEncoder;
use model::OrgId;

use super::*;
use crate::import::find_files;
use crate::import::testing::{Read, imported};

/// Imports one file of `content`, and shows each series' points.
fn read(name: &str, content: &[u8], settings: &CsvSettings) -> (Result<CsvSummary, String>, Vec<String>, Read) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(name);
    std::fs::write(&path, content).expect("a file");
    let mut bad_rows = Vec::new();
    let (summary, read) = imported(|output| {
        let mut report = |row: &BadRow| bad_rows.push(format!("{}: {}", row.line, row.cause));
        import_csv(&[path], settings, &Target::new(output, OrgId(7)), &mut report)
    });
    let without_folder = |error: ImportError| error.to_string().replace(&format!("{}/", folder.path().display()), "");
    (summary.map_err(without_folder), bad_rows, read)
}

fn times(format: &str, zone: &str, rows: &[&str]) -> Vec<i64> {
    let settings = CsvSettings {
        time_format: format.parse().expect("a format"),
        zone: parse_zone(zone).expect("a zone"),
        has_header: false,
        ..CsvSettings::default()
    };
    let content: String = rows.iter().map(|row| format!("{row},1\n")).collect();
    let (summary, _, read) = read("x.csv", content.as_bytes(), &settings);
    summary.expect("good rows");
    read.series.into_values().flat_map(|points| points.into_iter().map(|(timestamp, _)| timestamp)).collect()
}

#[test]
fn rows_become_payloads_in_file_order_and_values_keep_their_bits() {
    let texts = ["0.1", "-0", "nan", "inf", "-inf", "5e-324", "1.7976931348623157e308", " 42.0 ", "9007199254740993"];
    let rows: String = texts.iter().map(|text| format!("1000,{text}\n")).collect();
    let settings = CsvSettings { time_format: TimeFormat::Unix(time::UnixUnit::Seconds), ..CsvSettings::default() };
    let (summary, _, read) = read("cpu.user.csv", format!("t,v\n{rows}").as_bytes(), &settings);
    assert_eq!(summary.expect("good rows").rows_imported, 9);
    let points = &read.series[r#"{"name":"cpu.user","attributes":{}}"#];
    let expected = texts.map(|text| (1_000_000, text.trim().parse::<f64>().expect("a double").to_bits()));
    assert_eq!(points.as_slice(), expected);
    assert_eq!(read.keys, ["shard=org-mod-07/import/cpu.user-0000.seg"]);
}

#[test]
fn a_payload_has_as_many_points_as_asked_and_a_segment_as_many_bytes() {
    let rows: String = (0..1000).map(|i| format!("{i},{}\n", f64::from(i).sin())).collect();
    let settings =
        CsvSettings { time_format: "unix-ms".parse().expect("a format"), has_header: false, ..CsvSettings::default() };
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("sin.csv");
    std::fs::write(&path, rows).expect("a file");
    let (summary, read) = imported(|output| {
        let target = Target { payload_points: 7, segment_bytes: 1, ..Target::new(output, OrgId(9)) };
        import_csv(&[path], &settings, &target, &mut |_| ())
    });
    let Imported { series, points, payloads, segments, .. } = summary.expect("good rows").imported;
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
    assert_eq!((summary.rows_imported, summary.values_blank, summary.imported.points), (2, 1, 3));
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
fn bad_rows_are_named_by_line_and_skipped_or_the_end() {
    let content = b"t,v\n2026-01-01T00:00:00Z,1\nnonsense,2\n2026-01-01T00:00:02Z\n2026-01-01T00:00:03Z,x\n\
        2026-01-01T00:00:04Z,\xff\n2026-01-01T00:00:05Z,6\n";
    let skip = CsvSettings { on_bad_row: OnBadRow::Skip, ..CsvSettings::default() };
    let (summary, bad_rows, _) = read("x.csv", content, &skip);
    let summary = summary.expect("bad rows are skipped");
    assert_eq!((summary.rows_read, summary.rows_imported, summary.rows_skipped), (6, 2, 4));
    assert_eq!(
        bad_rows,
        [
            "3: 'nonsense' is not a time in the format rfc3339",
            "4: it has 1 fields and no field 2",
            "5: 'x' is not a number",
            "6: field 2 is not UTF-8",
        ]
    );
    let (failed, _, read) = read("x.csv", content, &CsvSettings::default());
    assert_eq!(
        failed.expect_err("the first bad row ends it"),
        "x.csv:3: 'nonsense' is not a time in the format rfc3339; mend it, or skip such rows with --on-bad-row skip"
    );
    assert!(read.keys.is_empty(), "nothing of the file is left");
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
        assert_eq!(summary.expect("good rows").rows_imported, rows);
        assert_eq!(read.series.keys().map(String::as_str).collect::<Vec<_>>(), series);
    }
}

#[test]
fn a_tsv_file_is_separated_by_tabs() {
    let (summary, ..) = read("cpu.tsv", b"t\tv\n2026-01-01T00:00:00Z\t1\n", &CsvSettings::default());
    assert_eq!(summary.expect("a good row").imported.points, 1);
}

#[test]
fn compressed_files_are_read_whatever_they_are_called() {
    let mut gzip = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(b"t,v\n2026-01-01T00:00:00Z,1\n").expect("memory");
    let gzip = gzip.finish().expect("memory");
    for name in ["cpu.csv.gz", "cpu.csv"] {
        let (summary, _, read) = read(name, &gzip, &CsvSettings::default());
        assert_eq!(summary.expect("a good row").imported.points, 1);
        assert_eq!(read.keys, ["shard=org-mod-07/import/cpu-0000.seg"]);
    }
}

#[test]
fn times_are_read_in_every_format_and_rounded_down() {
    let new_year = 1_767_225_600_000;
    assert_eq!(times("rfc3339", "UTC", &["2026-01-01T00:00:00.0009Z", "2026-01-01 01:00:00+01:00"]), [new_year; 2]);
    assert_eq!(times("rfc3339", "+05:30", &["2026-01-01 05:30:00"]), [new_year]);
    assert_eq!(times("rfc3339", "UTC", &["1969-12-31T23:59:59.9991Z"]), [-1]);
    assert_eq!(times("unix-s", "UTC", &["1767225600", "1767225600.0019", "-0.0001"]), [new_year, new_year + 1, -1]);
    assert_eq!(times("unix-us", "UTC", &["1767225600000999", "-1"]), [new_year, -1]);
    assert_eq!(times("unix-ns", "UTC", &["1767225600000999999"]), [new_year]);
    assert_eq!(times("%d.%m.%Y %H:%M", "Europe/Berlin", &["01.01.2026 01:00"]), [new_year]);
    assert_eq!(times("%Y-%m-%d", "UTC", &["2026-01-01"]), [new_year]);
    assert_eq!(times("%Y-%m-%dT%H:%M:%S%z", "UTC", &["2026-01-01T02:00:00+0200"]), [new_year]);
}

#[test]
fn a_repeated_local_time_is_its_first_occurrence_and_a_skipped_one_moves_forward() {
    let hour = 3_600_000;
    let [before, repeated, after] =
        times("rfc3339", "Europe/Berlin", &["2025-10-26T01:30:00", "2025-10-26T02:30:00", "2025-10-26T03:30:00"])[..]
    else {
        panic!("three points");
    };
    assert_eq!((repeated - before, after - repeated), (hour, 2 * hour));
    let [skipped, moved] = times("rfc3339", "Europe/Berlin", &["2025-03-30T02:30:00", "2025-03-30T03:30:00"])[..]
    else {
        panic!("two points");
    };
    assert_eq!(skipped, moved);
}

#[test]
fn what_makes_no_sense_is_refused_with_what_would() {
    assert!(parse_zone("Mars/Olympus").expect_err("no zone").contains("Europe/Berlin"));
    assert!("iso".parse::<TimeFormat>().expect_err("no format").contains("rfc3339"));
    let settings = CsvSettings { timestamp: Column::Name("time".into()), ..CsvSettings::default() };
    let (refused, ..) = read("x.csv", b"at,v\n", &settings);
    let refused = refused.expect_err("no such column");
    assert_eq!(refused, "x.csv is not what it should be: no column is called 'time'; there are: at, v");
}

#[test]
fn two_files_of_one_stem_and_a_second_import_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["a/cpu.csv", "b/cpu.csv"] {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, "t,v\n2026-01-01T00:00:00Z,1\n").expect("a file");
    }
    let find = |folder: &Path| find_files(&[folder.to_owned()], &EXTENSIONS).expect("a folder");
    let import = |files: &[PathBuf], target: &Target<'_>| {
        import_csv(files, &CsvSettings::default(), target, &mut |_| ()).map(|summary| summary.imported.points)
    };
    let (refused, _) = imported(|output| {
        let target = Target::new(output, OrgId(1));
        let both = import(&find(folder.path()), &target);
        assert!(matches!(both, Err(ImportError::SameStem { .. })), "{both:?}");
        let one = find(&folder.path().join("a"));
        assert_eq!(import(&one, &target).expect("the first import"), 1);
        import(&one, &target)
    });
    assert!(matches!(refused, Err(ImportError::ImportedBefore { .. })), "{refused:?}");
}
