//! Preview of a file: its layout, and the options to type. A preview suggests; an import never guesses.
//!
//! ```text
//! first bytes -> shape: delimiter, lines before the header -> columns: times, numbers, texts -> options
//!             -> rows as the options would import them
//! ```

mod shape; // delimiter, lines before the header, and the header
mod kinds; // kinds of columns, by their content

use std::fmt::Write as _;
use std::io::Read as _;

use jiff::Timestamp;

use super::reader::{CsvItem, RowReader};
use super::rows::joined;
use super::time::{Instants, TimeReader};
use super::value::Value;
use super::{CsvSettings, EXTENSIONS};
use crate::import::ImportError;
use crate::import::input::{FoundFile, decode, looks_like_utf16, name_files};

use kinds::{Kind, kinds};
use shape::Shape;

/// Number of bytes that a preview reads.
const SAMPLE_BYTES: u64 = 256 << 10;

/// Number of rows that are shown as they would be imported.
const ROWS_SHOWN: usize = 5;

/// Describes `file`: dialect, columns, the options to type, and the first rows under these options. Options in
/// `settings` that differ from the defaults are kept.
///
/// # Errors
/// Those of opening the file.
pub fn preview(file: &FoundFile, settings: &CsvSettings) -> Result<String, ImportError> {
    let file = name_files(std::slice::from_ref(file), &EXTENSIONS)?.remove(0);
    let mut content = file.open()?;
    let mut settings = settings.clone();
    let mut options = Vec::new();
    if let Some(encoding) = looks_like_utf16(&content.start) {
        settings.encoding = encoding.name().to_lowercase().parse().expect("a name of an encoding");
        options.push(format!("--encoding {}", settings.encoding));
    }
    let (mut text, mut encoding) = decode(std::mem::take(&mut content.start), content.rest, settings.encoding)
        .map_err(|cause| file.malformed(cause))?;
    let mut sample = Vec::new();
    let read = text.by_ref().take(SAMPLE_BYTES).read_to_end(&mut sample);
    read.map_err(|source| file.cannot_read(source))?;
    cut_at_line(&mut sample);
    if std::str::from_utf8(&sample).is_err() {
        options.push("--encoding latin1".to_owned());
        settings.encoding = "latin1".parse().expect("a name of an encoding");
        encoding = settings.encoding;
        sample = sample.iter().map(|byte| char::from(*byte)).collect::<String>().into_bytes();
    }
    let shape = Shape::of(&sample, &settings, super::is_tabbed(&file.path));
    let columns = kinds(&shape, &settings);
    options.extend(shape.options());
    options.extend(kinds::options(&columns, &mut settings));
    shape.apply(&mut settings);

    let mut shown = format!("{}: {encoding}, {shape}\n\ncolumns\n", file.path.display());
    for column in &columns {
        writeln!(shown, "  {column}").expect("memory");
    }
    write_rows(&mut shown, &sample, &settings, &columns);
    writeln!(shown, "\ntype\n  tailor import csv {} {} --org N --out URI", file.path.display(), options.join(" "))
        .expect("memory");
    Ok(shown)
}

/// Removes the last line, which may be cut.
fn cut_at_line(sample: &mut Vec<u8>) {
    if sample.len() as u64 == SAMPLE_BYTES
        && let Some(at) = memchr::memrchr2(b'\n', b'\r', sample)
    {
        sample.truncate(at + 1);
    }
}

/// Writes the first rows as the options would import them: time, labels, values.
fn write_rows(shown: &mut String, sample: &[u8], settings: &CsvSettings, columns: &[kinds::Seen]) {
    let indexes =
        |kind: fn(&Kind) -> bool| columns.iter().filter(move |column| kind(&column.kind)).map(|column| column.index);
    let timestamp: Vec<usize> = indexes(|kind| matches!(kind, Kind::Time(_) | Kind::PartOfTime)).collect();
    let labels: Vec<usize> = indexes(|kind| matches!(kind, Kind::Label)).collect();
    let values: Vec<usize> = indexes(|kind| matches!(kind, Kind::Number { .. })).collect();
    if timestamp.is_empty() || values.is_empty() {
        shown.push_str("\nno column of times, or none of numbers: name them by --timestamp and --value, and the time's form by --time-format\n");
        return;
    }
    shown.push_str("\nfirst rows as they would be imported (times in UTC)\n");
    let mut reader = RowReader::new(sample, settings.punctuation(false));
    for _ in 0..settings.skip_lines {
        let _ = reader.skip_line();
    }
    let times = TimeReader::new(settings.time_format(), &settings.zone, settings.skipped_time);
    let mut is_header = settings.has_header;
    let mut rows = 0;
    while rows < ROWS_SHOWN {
        let row = match reader.next_row() {
            Ok(CsvItem::Row(_)) if is_header => {
                is_header = false;
                continue;
            }
            Ok(CsvItem::Row(row)) if row.len() == columns.len() => row,
            Ok(CsvItem::End) | Err(_) => break,
            _ => continue,
        };
        let at = match times.read(&joined(&row, &timestamp)).map(|reading| reading.at) {
            Ok(Instants::One(at)) => {
                Timestamp::from_millisecond(at).map_or_else(|_| format!("{at} ms"), |at| at.to_string())
            }
            Ok(Instants::Two { .. }) => "ambiguous (--repeated-time)".to_owned(),
            Err(cause) => cause,
        };
        let text = |index: usize| String::from_utf8_lossy(row.field(index).trim_ascii()).escape_debug().to_string();
        let labels: Vec<_> = labels.iter().map(|index| format!("{}={}", columns[*index].name, text(*index))).collect();
        let value = |index: &usize| match settings.numbers.read(row.field(*index).trim_ascii()) {
            Ok(Value::Number(number, _)) => format!("{}={number}", columns[*index].name),
            Ok(Value::Blank) => format!("{} blank", columns[*index].name),
            Err(cause) => cause,
        };
        let values: Vec<_> = values.iter().map(value).collect();
        writeln!(shown, "  {at}  {{{}}}  {}", labels.join(","), values.join("  ")).expect("memory");
        rows += 1;
    }
    let groups = if labels.is_empty() { "1".to_owned() } else { "one for each group of labels".to_owned() };
    writeln!(shown, "series: {} value columns, {groups} each", values.len()).expect("memory");
}

#[cfg(test)]
mod tests;
