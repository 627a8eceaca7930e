//! Lines that are not rows: named by line, counted by reason, skipped or the end of the import.

use super::*;

#[test]
fn bad_rows_are_named_by_line_and_skipped_or_the_end() {
    let content = b"t,v\n2026-01-01T00:00:00Z,1\nnonsense,2\n2026-01-01T00:00:02Z\n2026-01-01T00:00:03Z,x\n\
        2026-01-01T00:00:04Z,\xff\n2026-01-01T00:00:05Z,6\n";
    let skip = CsvSettings { on_bad_row: OnBadRow::Skip, ..CsvSettings::default() };
    let (summary, bad_rows, _) = read("x.csv", content, &skip);
    let summary = summary.expect("bad rows are skipped");
    assert_eq!(
        (
            summary.outcome.books.rows.read,
            summary.outcome.books.rows.written,
            summary.outcome.books.rows.skipped_total()
        ),
        (6, 2, 4)
    );
    assert_eq!(
        bad_rows,
        [
            "x.csv:3: 'nonsense' is not a time in the format rfc3339",
            "x.csv:4: it has 1 fields and the header 2",
            "x.csv:5: 'x' is not a number; if it stands for a missing value, give --null 'x'",
            "x.csv:6: '\u{fffd}' is not a number: it is not UTF-8; give --encoding, such as latin1",
        ]
    );
    let (failed, _, read) = read("x.csv", content, &CsvSettings::default());
    assert_eq!(
        failed.expect_err("the first bad row ends it"),
        "x.csv:3: 'nonsense' is not a time in the format rfc3339; mend it, or skip such rows with --on-bad-row skip"
    );
    assert!(read.keys.is_empty(), "nothing of the file is left");
}

fn skip() -> CsvSettings {
    CsvSettings { on_bad_row: OnBadRow::Skip, ..CsvSettings::default() }
}

#[test]
fn a_quote_that_is_never_closed_is_named_and_costs_its_line() {
    let content = b"time,value,note\n2024-03-01T00:00:00Z,1,\"5 inch pipe\n2024-03-01T00:01:00Z,2,ok\n2024-03-01T00:02:00Z,3,ok\n";
    let settings = CsvSettings { values: vec!["value".parse().expect("a name")], ..CsvSettings::default() };
    let seen = import("q.csv", content, &settings);
    assert!(seen.refusal().starts_with("q.csv:2: the quote of field 3 is never closed"), "{}", seen.refusal());
    assert!(seen.read.keys.is_empty());
    let seen = import("q.csv", content, &CsvSettings { on_bad_row: OnBadRow::Skip, ..settings });
    assert_eq!(seen.series(), ["q{} 1709251260000=2 1709251320000=3"]);
    let rows = &seen.summary().outcome.books.rows;
    assert_eq!(rows.to_string(), "read 3 = written 2 + blank 0 + skipped 1 (quoting 1) + refused 0");
}

#[test]
fn a_bad_row_of_several_lines_counts_them() {
    let content = b"time,value\n2024-03-01T00:00:00Z,1\n2024-03-01T00:01:00Z,\"2\n3\n4\"\n2024-03-01T00:02:00Z,5\n";
    let seen = import("q.csv", content, &skip());
    assert_eq!(seen.bad_rows, ["q.csv:3-5: '2\\n3\\n4' is not a number"]);
    assert_eq!(seen.summary().details.lines_skipped, 3);
}

#[test]
fn lines_are_counted_with_every_line_end_and_blank_lines() {
    for end in ["\n", "\r\n", "\r"] {
        let content = ["time,value", "", "2024-03-01T00:00:00Z,1", "2024-03-01T00:01:00Z,x", "", "y"].join(end);
        let seen = import("a.csv", content.as_bytes(), &skip());
        assert_eq!(
            seen.bad_rows,
            [
                "a.csv:4: 'x' is not a number; if it stands for a missing value, give --null 'x'",
                "a.csv:6: it has 1 fields and the header 2"
            ],
            "{end:?}"
        );
        assert_eq!(seen.summary().details.lines_passed, 2);
    }
}

#[test]
fn rows_of_another_length_than_the_header_are_refused() {
    let long = import("a.csv", b"time,value\n2024-03-01T00:00:00Z,12,5\n", &CsvSettings::default());
    assert!(long.refusal().starts_with("a.csv:2: it has 3 fields and the header 2"), "{}", long.refusal());
    let short = import("a.csv", b"time,a,b\n2024-03-01T00:00:00Z,12\n", &CsvSettings::default());
    assert!(short.refusal().contains("it has 2 fields and the header 3"));
    let surplus = import("a.csv", b"time,a\n2024-03-01T00:00:00Z,12,\n", &CsvSettings::default());
    assert!(surplus.refusal().contains("it has 3 fields"), "a surplus delimiter may stand for a lost value");
}

#[test]
fn rows_and_columns_without_a_value_are_blank() {
    let content = b"time,a,\n2024-03-01T00:00:00Z,1,\n2024-03-01T00:01:00Z,,\n,,\n,\n";
    let seen = import("i.csv", content, &CsvSettings::default());
    assert_eq!(seen.series(), ["i.a{} 1709251200000=1"]);
    let summary = seen.summary();
    assert_eq!(summary.outcome.imported.series, 1);
    assert_eq!(summary.outcome.books.rows.to_string(), "read 4 = written 1 + blank 3 + skipped 0 + refused 0");
    assert_eq!(summary.outcome.books.values.to_string(), "read 6 = written 1 + blank 5 + skipped 0 + refused 0");
    let nameless = import("i.csv", b"time,a,\n2024-03-01T00:00:00Z,1,2\n", &CsvSettings::default());
    assert!(nameless.refusal().contains("column 3 has no name"), "{}", nameless.refusal());
}

#[test]
fn a_file_without_a_point_leaves_nothing() {
    for content in [&b""[..], b"time,value\n", b"\n\n", b"time,value\n2024-03-01T00:00:00Z,\n"] {
        let seen = import("e.csv", content, &CsvSettings::default());
        assert_eq!((seen.summary().outcome.imported.points, seen.summary().outcome.imported.series), (0, 0));
        assert!(seen.read.keys.is_empty());
    }
}

#[test]
fn control_characters_and_long_fields_are_shown_as_text() {
    let long = format!("time,value\n\u{1b}[31m\0{},1\n", "x".repeat(1000));
    let seen = import("c.csv", long.as_bytes(), &CsvSettings::default());
    let refusal = seen.refusal();
    assert!(refusal.len() < 300 && !refusal.contains('\u{1b}') && refusal.contains("\\u{1b}[31m\\0xxx"), "{refusal}");
}

#[test]
fn headers_that_cannot_tell_columns_apart_are_refused() {
    for (content, words) in [
        (&b"time,temp,temp\n"[..], "columns 2 and 3 are both called 'temp'"),
        (b"time,temp \xb5\xe9\n", "the header is not UTF-8 (column 2)"),
        (b"time,a\0\n", "zero bytes"),
        (b"2024-03-01T00:00:00Z,1\n2024-03-01T00:01:00Z,2\n", "--no-header"),
        (b"time,\"a\n", "the header cannot be read"),
        (b"time\n", "--delimiter"),
        (b"#datatype,string\n", "--dialect influxdb"),
    ] {
        let seen = import("h.csv", content, &CsvSettings::default());
        assert!(seen.refusal().contains(words), "{}", seen.refusal());
    }
    let twice = CsvSettings {
        values: ["temp", "2", "hum"].map(|name| name.parse().expect("a column")).to_vec(),
        ..CsvSettings::default()
    };
    assert!(import("d.csv", b"time,temp,hum\n", &twice).refusal().contains("column 'temp' is named twice"));
}
