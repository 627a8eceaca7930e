//! Layout of a text: delimiter, lines before the header, header.

use std::fmt;

use super::super::CsvSettings;
use super::super::reader::{CsvItem, Punctuation, RowReader};
use super::super::settings::Dialect;
use super::super::time::guess;

/// Delimiters that are tried.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// Most rows that are examined.
const ROWS_MAX: usize = 200;

/// Most lines before the header that are tried.
const SKIP_LINES_MAX: usize = 30;

/// Layout of a text.
pub(super) struct Shape {
    pub(super) delimiter: u8,
    default_delimiter: u8,
    pub(super) skip_lines: u64,
    pub(super) has_header: bool,
    is_influxdb: bool,
    /// Header and the rows behind it.
    pub(super) rows: Vec<Vec<Vec<u8>>>,
}

impl Shape {
    /// Finds the delimiter by which most rows have one length, and the line from which on they do.
    pub(super) fn of(sample: &[u8], settings: &CsvSettings, is_tabbed: bool) -> Self {
        let default_delimiter = if is_tabbed { b'\t' } else { b',' };
        let is_influxdb =
            sample.starts_with(b"#group") || sample.starts_with(b"#datatype") || sample.starts_with(b"#default");
        let comment = settings.comment.or(is_influxdb.then_some(b'#'));
        let candidates: Vec<u8> = settings.delimiter.map_or_else(|| DELIMITERS.to_vec(), |delimiter| vec![delimiter]);
        let layout = |delimiter: u8| {
            let punctuation = Punctuation { delimiter, has_quotes: settings.has_quotes, comment };
            let rows = rows(sample, punctuation, settings.skip_lines);
            let width = usual_width(&rows);
            let fitting = rows.iter().filter(|(_, row)| row.len() == width).count();
            // A delimiter that cuts every row alike, and more finely, is better; the default wins a draw.
            let score =
                if width > 1 { fitting * 1000 + width * 2 + usize::from(delimiter == default_delimiter) } else { 0 };
            (score, delimiter, rows, width)
        };
        let best = candidates.into_iter().map(layout).max_by_key(|(score, ..)| *score).expect("a delimiter at least");
        let (_, delimiter, rows, width) = best;
        let first = rows.iter().take(SKIP_LINES_MAX).position(|(_, row)| row.len() == width).unwrap_or(0);
        let skip_lines = if first == 0 { settings.skip_lines } else { rows[first].0 - 1 };
        let rows: Vec<_> = rows.into_iter().skip(first).map(|(_, row)| row).filter(|row| row.len() == width).collect();
        let has_header = settings.has_header && rows.first().is_none_or(|row| is_header(row));
        Self { delimiter, default_delimiter, skip_lines, has_header, is_influxdb, rows }
    }

    pub(super) fn options(&self) -> Vec<String> {
        let mut options = Vec::new();
        if self.delimiter != self.default_delimiter {
            options.push(match self.delimiter {
                b'\t' => "--delimiter tab".to_owned(),
                other => format!("--delimiter '{}'", char::from(other)),
            });
        }
        if self.skip_lines > 0 {
            options.push(format!("--skip-lines {}", self.skip_lines));
        }
        if !self.has_header {
            options.push("--no-header".to_owned());
        }
        if self.is_influxdb {
            options.push("--dialect influxdb".to_owned());
        }
        options
    }

    pub(super) fn apply(&self, settings: &mut CsvSettings) {
        settings.delimiter = Some(self.delimiter);
        settings.skip_lines = self.skip_lines;
        settings.has_header = self.has_header;
        if self.is_influxdb {
            settings.dialect = Dialect::InfluxDb;
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let delimiter = char::from(self.delimiter).escape_debug();
        let header = if self.has_header { "a header" } else { "no header" };
        write!(f, "fields separated by '{delimiter}', {header}")?;
        if self.skip_lines > 0 { write!(f, ", {} lines before it", self.skip_lines) } else { Ok(()) }
    }
}

/// Returns the first rows, with their lines.
fn rows(sample: &[u8], punctuation: Punctuation, skip_lines: u64) -> Vec<(u64, Vec<Vec<u8>>)> {
    let mut reader = RowReader::new(sample, punctuation);
    for _ in 0..skip_lines {
        let _ = reader.skip_line();
    }
    let mut rows = Vec::new();
    while rows.len() < ROWS_MAX {
        match reader.next_row() {
            Ok(CsvItem::Row(row)) => rows.push((row.line, row.fields().map(<[u8]>::to_vec).collect())),
            Ok(CsvItem::End) | Err(_) => break,
            Ok(_) => {}
        }
    }
    rows
}

/// Returns the length that most rows have.
fn usual_width(rows: &[(u64, Vec<Vec<u8>>)]) -> usize {
    let mut widths: Vec<usize> = rows.iter().map(|(_, row)| row.len()).collect();
    widths.sort_unstable();
    let most = widths.chunk_by(|a, b| a == b).max_by_key(|chunk| chunk.len());
    most.map_or(1, |chunk| chunk[0])
}

/// True if no field is a number or a time.
fn is_header(row: &[Vec<u8>]) -> bool {
    let is_data = |field: &Vec<u8>| {
        let text = std::str::from_utf8(field).unwrap_or_default().trim();
        let is_year = text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_digit());
        !text.is_empty() && !is_year && (text.parse::<f64>().is_ok() || !guess::formats(text.as_bytes()).is_empty())
    };
    !row.iter().any(is_data)
}
