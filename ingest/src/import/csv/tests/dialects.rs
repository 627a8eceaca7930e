//! Options of text, one by one, and files of other programs.

use super::*;

fn columns(names: &[&str]) -> Vec<Column> {
    names.iter().map(|name| name.parse().expect("a column")).collect()
}

#[test]
fn label_columns_tell_series_apart() {
    let content = b"symbol,date,price,volume\nA,2024-03-01,1,10\nB,2024-03-01,2,20\nA,2024-03-02,3,\n";
    let settings = CsvSettings {
        timestamp: columns(&["date"]),
        labels: columns(&["symbol"]),
        values: columns(&["price"]),
        ..CsvSettings::default()
    };
    let seen = import("s.csv", content, &settings);
    assert_eq!(seen.series(), ["s{symbol=A} 1709251200000=1 1709337600000=3", "s{symbol=B} 1709251200000=2"]);
    assert_eq!(seen.remarks, ["columns that are not imported: volume"]);
    let both = import("s.csv", content, &CsvSettings { values: Vec::new(), ..settings.clone() });
    assert_eq!(both.series().len(), 4, "{:?}", both.series());
    let own = CsvSettings { attributes: [("symbol".to_owned(), "x".to_owned())].into(), ..settings };
    assert!(import("s.csv", content, &own).refusal().contains("both a label column and an --attribute"));
}

#[test]
fn points_of_one_series_and_time_are_counted_across_rows_and_not_if_they_are_equal() {
    let content =
        b"time,value\n2024-03-01T00:00:00Z,1\n2024-03-01T00:00:00Z,2\n2024-03-02T00:00:00Z,3\n2024-03-02T00:00:00Z,3\n";
    let seen = import("s.csv", content, &CsvSettings::default());
    let collisions = &seen.summary().outcome.collisions;
    assert_eq!((collisions.points, collisions.series), (1, 1));
    assert_eq!(collisions.examples, [(r#"{"name":"s","attributes":{}}"#.to_owned(), 1_709_251_200_000)]);
    // Newest first, and apart.
    let content =
        b"time,value\n2024-03-03T00:00:00Z,1\n2024-03-01T00:00:00Z,2\n2024-03-02T00:00:00Z,3\n2024-03-03T00:00:00Z,4\n";
    assert_eq!(import("s.csv", content, &CsvSettings::default()).summary().outcome.collisions.points, 1);
}

#[test]
fn words_for_missing_values_decimal_commas_and_thousands_are_options() {
    let numbers = |numbers| CsvSettings { numbers, ..CsvSettings::default() };
    let nulls = numbers(NumberFormat { nulls: vec!["NA".to_owned()], ..NumberFormat::default() });
    let seen = import("s.csv", b"time,a,b\n2024-03-01T00:00:00Z,1,NA\n", &nulls);
    assert_eq!(
        (seen.series(), seen.summary().outcome.books.values.blank),
        (vec!["s.a{} 1709251200000=1".to_owned()], 1)
    );
    let comma = numbers(NumberFormat { decimal_comma: true, thousands: Some('.'), ..NumberFormat::default() });
    let comma = CsvSettings { delimiter: Some(b';'), ..comma };
    assert_eq!(
        import("s.csv", b"time;a\n2024-03-01T00:00:00Z;1.234,5\n", &comma).series(),
        ["s{} 1709251200000=1234.5"]
    );
}

#[test]
fn lines_before_the_header_and_comments_are_passed_over() {
    let content = b"station,17,\"Sand Point\n# local standard time\ntime,value\n2024-03-01T00:00:00Z,1\n";
    let skip = CsvSettings { skip_lines: 2, ..CsvSettings::default() };
    let seen = import("p.csv", content, &skip);
    assert_eq!((seen.series(), seen.summary().details.lines_passed), (vec!["p{} 1709251200000=1".to_owned()], 2));
    let bad = import("p.csv", b"a\nb\ntime,value\nx,1\n", &skip);
    assert!(bad.refusal().starts_with("p.csv:4: "), "{}", bad.refusal());
    let comment = CsvSettings { comment: Some(b'#'), ..CsvSettings::default() };
    assert_eq!(import("p.csv", b"# a\ntime,value\n# b\n2024-03-01T00:00:00Z,1\n", &comment).series().len(), 1);
    let too_many = CsvSettings { skip_lines: 9, ..CsvSettings::default() };
    assert!(import("p.csv", content, &too_many).refusal().contains("it has 4 lines"));
}

#[test]
fn other_encodings_are_read_by_mark_or_by_option_and_told_apart() {
    let text = "time,temp µ\r\n2024-03-01T00:00:00Z,1\r\n";
    let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let marked = import(
        "a.csv",
        &utf16(&format!("\u{feff}{text}")),
        &CsvSettings { timestamp: columns(&["time"]), ..CsvSettings::default() },
    );
    assert_eq!(marked.series().len(), 1);
    let unmarked = import("a.csv", &utf16(text), &CsvSettings::default());
    assert!(unmarked.refusal().contains("--encoding utf-16le"), "{}", unmarked.refusal());
    let named =
        |encoding: &str| CsvSettings { encoding: encoding.parse().expect("an encoding"), ..CsvSettings::default() };
    assert_eq!(import("a.csv", &utf16(text), &named("utf-16le")).series().len(), 1);
    let latin = import("a.csv", b"time,\xb5,\xe9\n2024-03-01T00:00:00Z,1,2\n", &named("latin1"));
    assert_eq!(latin.series(), ["a.µ{} 1709251200000=1", "a.é{} 1709251200000=2"]);
}

#[test]
fn compressed_text_is_told_by_its_first_bytes() {
    let text = b"time,value\n2024-03-01T00:00:00Z,1\n";
    let mut skippable = vec![0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4];
    skippable.extend(zstd::encode_all(&text[..], 1).expect("memory"));
    assert_eq!(import("a.csv", &skippable, &CsvSettings::default()).series().len(), 1);
    for (start, words) in
        [(&b"BZh91AY"[..], "bzip2"), (b"PK\x03\x04", "zip"), (b"\xfd7zXZ\0", "xz"), (b"PAR1", "Parquet")]
    {
        let seen = import("a.csv", start, &CsvSettings::default());
        assert!(seen.refusal().contains(words), "{}", seen.refusal());
    }
    let whole = zstd::encode_all(&text[..], 1).expect("memory");
    let cut = import("a.csv", &whole[..whole.len() - 3], &CsvSettings::default());
    assert!(cut.refusal().contains("cannot read a.csv"), "{}", cut.refusal());
}

#[test]
fn tables_of_influxdb_are_read_with_their_group_keys() {
    let content = b"#group,false,false,true,true,false,false,true,true,true\n\
#datatype,string,long,dateTime:RFC3339,dateTime:RFC3339,dateTime:RFC3339,double,string,string,string\n\
#default,_result,,,,,,,,\n\
,result,table,_start,_stop,_time,_value,_field,_measurement,host\n\
,,0,2024-02-01T00:00:00Z,2024-03-02T00:00:00Z,2024-03-01T00:00:00Z,1.5,used,mem,a\n\
,,1,2024-02-01T00:00:00Z,2024-03-02T00:00:00Z,2024-03-01T00:00:00Z,2.5,used,mem,b\n\
\n\
#group,false,false,false,false,true,true\n\
#datatype,string,long,dateTime:RFC3339,long,string,string\n\
#default,_result,,,,,\n\
,result,table,_time,_value,_field,_measurement\n\
,,2,2024-03-01T00:00:00Z,7,n,cpu\n";
    let seen = import("i.csv", content, &CsvSettings { dialect: Dialect::InfluxDb, ..CsvSettings::default() });
    assert_eq!(
        seen.series(),
        ["cpu.n{} 1709251200000=7", "mem.used{host=a} 1709251200000=1.5", "mem.used{host=b} 1709251200000=2.5"]
    );
    assert_eq!(seen.summary().outcome.books.rows.read, 3);
}

#[test]
fn rows_of_our_own_exports_keep_their_ids() {
    let content = b"org_id,metric_id,timestamp,value,metadata\n7,11,1709251200000,1,\"{\"\"name\"\":\"\"x\"\"}\"\n71,11,2024-03-01T00:00:00.000Z,-0,\n";
    let seen = import("e.csv", content, &CsvSettings { dialect: Dialect::Tailor, ..CsvSettings::default() });
    assert_eq!(seen.summary().outcome.imported.series, 2);
    assert_eq!(seen.read.keys, ["shard=org-mod-07/import/00000-e-0000.seg"]);
    assert_eq!(seen.series().concat(), "{} 1709251200000=-0x{} 1709251200000=1");
    let one = CsvSettings { dialect: Dialect::Tailor, org: Some(OrgId(7)), ..CsvSettings::default() };
    assert!(import("e.csv", content, &one).refusal().contains("its organisation is 71"));
    let bad = import(
        "e.csv",
        b"org_id,metric_id,timestamp,value\n7,x,1,1\n",
        &CsvSettings { dialect: Dialect::Tailor, ..CsvSettings::default() },
    );
    assert!(bad.refusal().contains("e.csv:2: 'x' is not an id (metric_id)"), "{}", bad.refusal());
}

#[test]
fn integers_past_2_to_the_53_are_counted() {
    let seen = import("n.csv", b"time,value\n2024-03-01T00:00:00Z,9007199254740993\n", &CsvSettings::default());
    assert_eq!(seen.summary().details.integers_inexact, 1);
}
