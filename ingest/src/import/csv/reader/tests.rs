use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// Reader that returns a few bytes at a time, so that every row crosses the end of a read.
struct Trickle<'a>(&'a [u8], usize);

impl Read for Trickle<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.1.min(self.0.len()).min(buffer.len());
        buffer[..count].copy_from_slice(&self.0[..count]);
        self.0 = &self.0[count..];
        Ok(count)
    }
}

/// Formats a text as the reader sees it: `LINE: a|b`, `LINE! fault`, `LINE~` for a blank line, `LINE#` for a comment.
fn read_by(text: &[u8], punctuation: Punctuation, chunk: usize) -> Vec<String> {
    let mut reader = RowReader::new(Trickle(text, chunk), punctuation);
    let mut seen = Vec::new();
    loop {
        let line = reader.line();
        match reader.next_row().expect("memory") {
            CsvItem::Row(row) => {
                let fields: Vec<_> = row.fields().map(|field| String::from_utf8_lossy(field).into_owned()).collect();
                seen.push(format!("{}: {}", row.line, fields.join("|")));
            }
            CsvItem::BlankLine => seen.push(format!("{line}~")),
            CsvItem::Comment => seen.push(format!("{line}#")),
            CsvItem::Fault(fault) => seen.push(format!("{}! {:?} field {}", fault.line, fault.kind, fault.field)),
            CsvItem::End => return seen,
        }
    }
}

fn check(text: &str, expected: &[&str]) {
    for chunk in [1, 2, 3, 7, 1 << 20] {
        assert_eq!(read_by(text.as_bytes(), Punctuation::default(), chunk), expected, "{text:?} in pieces of {chunk}");
    }
}

#[test]
fn rows_end_with_lf_crlf_or_cr_and_lines_are_counted_alike() {
    check("a,b\n1,2\n", &["1: a|b", "2: 1|2"]);
    check("a,b\r\n1,2\r\n\r\n3,4", &["1: a|b", "2: 1|2", "3~", "4: 3|4"]);
    check("a,b\r1,2\r\r3,4\r", &["1: a|b", "2: 1|2", "3~", "4: 3|4"]);
    check("a\n\n\nb", &["1: a", "2~", "3~", "4: b"]);
    check("a,\n,\n", &["1: a|", "2: |"]);
    check("", &[]);
    check("\n", &["1~"]);
}

#[test]
fn quotes_hold_delimiters_line_ends_and_quotes() {
    check("\"a,b\",\"c \"\"d\"\"\"\n1,2", &["1: a,b|c \"d\"", "2: 1|2"]);
    check("a,\"x\r\ny\nz\rw\"\r\n1,2", &["1: a|x\r\ny\nz\rw", "5: 1|2"]);
    check("\"\",\"\"\n\"\"", &["1: |", "2: "]);
    check("a,\"b\"\r\nc,\"d\"\r", &["1: a|b", "2: c|d"]);
}

#[test]
fn a_fault_costs_its_line_and_the_rows_behind_it_are_read() {
    check("a,\"b\n1,2\n3,4\n", &["1! Unclosed field 2", "2: 1|2", "3: 3|4"]);
    check("a,b\"c\n1,2\n", &["1! Stray field 2", "2: 1|2"]);
    check("a, \"b\"\n1,2\n", &["1! Stray field 2", "2: 1|2"]);
    check("a,\"b\" \n1,2\n", &["1! AfterQuote field 2", "2: 1|2"]);
    check("a,\"b\n1,2\nx,\"y\"\n3,4", &["1! AfterQuote field 2", "2: 1|2", "3: x|y", "4: 3|4"]);
    check("\"", &["1! Unclosed field 1"]);
    check("a,\"b\r\n1,2\r\n", &["1! Unclosed field 2", "2: 1|2"]);
}

#[test]
fn comments_and_quotes_are_what_the_punctuation_says() {
    let punctuation = Punctuation { delimiter: b'\t', has_quotes: false, comment: Some(b'#') };
    let seen = read_by(b"#a\t\"\nb\t5\" pipe\n  #c\n", punctuation, 3);
    assert_eq!(seen, ["1#", "2: b|5\" pipe", "3:   #c"]);
}

#[test]
fn a_row_longer_than_the_bound_ends_in_bounded_memory_and_the_next_is_read() {
    let long = CSV_ROW_BYTES_MAX * 9;
    for (row, kind) in [
        (vec![b'x'; long], FaultKind::TooLong),
        ([&b"a,\""[..], &vec![b'x'; long]].concat(), FaultKind::UnclosedTooLong),
    ] {
        let text = [&row[..], b"\n1,2\n"].concat();
        let mut reader = RowReader::new(&text[..], Punctuation::default());
        let CsvItem::Fault(fault) = reader.next_row().expect("memory") else { panic!("a fault") };
        assert_eq!((fault.kind, fault.line), (kind, 1));
        let CsvItem::Row(row) = reader.next_row().expect("memory") else { panic!("a row") };
        assert_eq!((row.line, row.field(1)), (2, &b"2"[..]));
        assert!(reader.buffer.len() <= CSV_ROW_BYTES_MAX + 3 * CHUNK_BYTES, "{} bytes", reader.buffer.len());
    }
    let longest = [&vec![b'x'; CSV_ROW_BYTES_MAX][..], b"\n"].concat();
    let mut reader = RowReader::new(&longest[..], Punctuation::default());
    assert!(matches!(reader.next_row().expect("memory"), CsvItem::Row(row) if row.field(0).len() == CSV_ROW_BYTES_MAX));
}

#[test]
fn a_quote_unclosed_over_many_lines_costs_one_line_and_not_the_file() {
    let rows: String = (0..200_000).map(|i| format!("{i},1\n")).collect();
    let text = format!("a,\"b\n{rows}");
    let mut reader = RowReader::new(text.as_bytes(), Punctuation::default());
    let (mut rows, mut faults) = (0, 0);
    loop {
        match reader.next_row().expect("memory") {
            CsvItem::Row(_) => rows += 1,
            CsvItem::Fault(_) => faults += 1,
            CsvItem::End => break,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((rows, faults), (200_000, 1));
}

proptest! {
    /// Fields that are written by the rules of RFC 4180 come back; the most widely used CSV reader in Rust agrees.
    #[test]
    fn what_is_quoted_by_the_rules_comes_back(
        rows in vec(vec("[a\" ,\r\n;é]{0,6}", 1..5), 1..8),
        chunk in 1usize..9,
    ) {
        let mut writer = ::csv::WriterBuilder::new().flexible(true).quote_style(::csv::QuoteStyle::Always).from_writer(Vec::new());
        rows.iter().for_each(|row| writer.write_record(row).expect("memory"));
        let text = writer.into_inner().expect("memory");
        let mut reader = RowReader::new(Trickle(&text, chunk), Punctuation::default());
        for expected in &rows {
            let CsvItem::Row(row) = reader.next_row().expect("memory") else { panic!("a row") };
            let fields: Vec<_> = row.fields().map(|field| String::from_utf8_lossy(field).into_owned()).collect();
            prop_assert_eq!(&fields, expected);
        }
        prop_assert!(matches!(reader.next_row().expect("memory"), CsvItem::End));
    }

    /// The pieces in which a text comes make no difference.
    #[test]
    fn the_pieces_of_a_text_make_no_difference(text in "[a,\"\r\n#]{0,40}", chunk in 1usize..9) {
        let punctuation = Punctuation { comment: Some(b'#'), ..Punctuation::default() };
        prop_assert_eq!(read_by(text.as_bytes(), punctuation, chunk), read_by(text.as_bytes(), punctuation, 1 << 20));
    }
}
