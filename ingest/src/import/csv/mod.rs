//! Rows of text: one timestamp and one or more values a row.
//!
//! Every value column becomes a series, named after the file's stem (`CsvSettings::metric` says otherwise), or
//! `<stem>.<column>` where there are several. Values keep their bits as `f64::from_str` reads them:
//! `nan`, `inf` and `-0` are values too. An empty value field is no point; it is counted. Anything else that cannot be
//! read makes the whole row bad: it is reported with file and line, and skipped or the end of the import.

mod columns;
mod settings;
// Timestamps as text.
pub mod time;

use std::fmt;
use std::path::PathBuf;

use model::TimestampMs;

pub use columns::Column;
pub use settings::{CsvSettings, OnBadRow};
pub use time::{TimeFormat, parse_zone};

use columns::Columns;
use time::TimeReader;

use super::input::{InputFile, name_files};
use super::sink::{SeriesHandle, SeriesSeen, Sink};
use super::{ImportError, Imported, SeriesIdentity, Target};

/// What a folder is searched for.
pub const EXTENSIONS: [&str; 4] = [".csv", ".csv.gz", ".tsv", ".tsv.gz"];

/// What an import of CSV found and wrote.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CsvSummary {
    /// Files.
    pub files: u64,
    /// Rows after the headers.
    pub rows_read: u64,
    /// Rows whose points were taken.
    pub rows_imported: u64,
    /// Bad rows that were skipped.
    pub rows_skipped: u64,
    /// Empty value fields in imported rows.
    pub values_blank: u64,
    /// What was written.
    pub imported: Imported,
}

/// A row that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadRow {
    /// The file.
    pub path: PathBuf,
    /// Its line, counted from 1.
    pub line: u64,
    /// Why not.
    pub cause: String,
}

impl fmt::Display for BadRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path.display(), self.line, self.cause)
    }
}

/// Imports CSV files, one after another; `report` hears of every row that is skipped. Blocks.
///
/// # Errors
/// See [`ImportError`]; a bad row is one only with [`OnBadRow::Fail`].
pub fn import_csv(
    files: &[PathBuf],
    settings: &CsvSettings,
    target: &Target<'_>,
    report: &mut dyn FnMut(&BadRow),
) -> Result<CsvSummary, ImportError> {
    let mut summary = CsvSummary::default();
    let mut series = SeriesSeen::default();
    for file in name_files(files, &EXTENSIONS)? {
        let sink = Sink::new(target, &file.key_stem(), &mut series)?;
        import_file(&file, settings, sink, report, &mut summary)?;
        summary.files += 1;
    }
    Ok(summary)
}

fn import_file(
    file: &InputFile,
    settings: &CsvSettings,
    mut sink: Sink<'_>,
    report: &mut dyn FnMut(&BadRow),
    summary: &mut CsvSummary,
) -> Result<(), ImportError> {
    let mut reader = ::csv::ReaderBuilder::new()
        .delimiter(delimiter(file, settings))
        .has_headers(settings.has_header)
        .flexible(true) // a row of the wrong length is a bad row, not the end of the file
        .from_reader(file.open()?);
    // Read again as a row where it is no header.
    let first = reader.byte_headers().map_err(|error| csv_error(file, error))?.clone();
    if first.is_empty() {
        return Ok(sink.finish(&mut summary.imported)?);
    }
    let columns = Columns::resolve(settings, &first).map_err(|cause| file.malformed(cause))?;
    let handles = intern_columns(file, settings, &columns, &mut sink)?;
    let mut rows = RowReader::new(settings, &columns);
    let mut row = ::csv::ByteRecord::new();
    while reader.read_byte_record(&mut row).map_err(|error| csv_error(file, error))? {
        summary.rows_read += 1;
        let timestamp = match rows.read(&row) {
            Ok(timestamp) => timestamp,
            Err(cause) => {
                let line = row.position().map_or(0, ::csv::Position::line);
                let bad = BadRow { path: file.path.clone(), line, cause };
                if settings.on_bad_row == OnBadRow::Fail {
                    return Err(ImportError::BadRow(bad));
                }
                report(&bad);
                summary.rows_skipped += 1;
                continue;
            }
        };
        summary.rows_imported += 1;
        for (handle, value) in handles.iter().zip(&rows.values) {
            match value {
                Some(value) => sink.push(*handle, timestamp, *value)?,
                None => summary.values_blank += 1,
            }
        }
    }
    Ok(sink.finish(&mut summary.imported)?)
}

fn delimiter(file: &InputFile, settings: &CsvSettings) -> u8 {
    let name = file.path.to_string_lossy();
    let is_tabbed = [".tsv", ".tsv.gz"].iter().any(|extension| name.ends_with(extension));
    settings.delimiter.unwrap_or(if is_tabbed { b'\t' } else { b',' })
}

/// The series of each value column.
fn intern_columns(
    file: &InputFile,
    settings: &CsvSettings,
    columns: &Columns,
    sink: &mut Sink<'_>,
) -> Result<Vec<SeriesHandle>, ImportError> {
    let metric = settings.metric.as_ref().unwrap_or(&file.stem);
    let attributes = settings.attributes.iter().map(|(key, value)| (key.clone(), value.as_str().into())).collect();
    let is_alone = columns.values.len() == 1;
    let name = |column: &str| if is_alone { metric.clone() } else { format!("{metric}.{column}") };
    let identities = columns.values.iter().map(|(_, column)| SeriesIdentity::new(&name(column), &attributes));
    identities.map(|identity| sink.series.intern(identity)).collect()
}

fn csv_error(file: &InputFile, error: ::csv::Error) -> ImportError {
    let text = error.to_string();
    match error.into_kind() {
        ::csv::ErrorKind::Io(source) => file.cannot_read(source),
        _ => file.malformed(text),
    }
}

/// Reads one row after another; holds the values of the last.
struct RowReader<'a> {
    columns: &'a Columns,
    times: TimeReader<'a>,
    /// `None` for an empty field.
    values: Vec<Option<f64>>,
}

impl<'a> RowReader<'a> {
    fn new(settings: &'a CsvSettings, columns: &'a Columns) -> Self {
        Self { columns, times: TimeReader::new(&settings.time_format, &settings.zone), values: Vec::new() }
    }

    fn read(&mut self, row: &::csv::ByteRecord) -> Result<TimestampMs, String> {
        let timestamp = self.times.read(field(row, self.columns.timestamp)?)?;
        self.values.clear();
        for (index, _) in &self.columns.values {
            let text = field(row, *index)?;
            let value = match text {
                "" => None,
                text => Some(text.parse().map_err(|_| format!("'{text}' is not a number"))?),
            };
            self.values.push(value);
        }
        Ok(timestamp)
    }
}

fn field(row: &::csv::ByteRecord, index: usize) -> Result<&str, String> {
    let bytes = row.get(index).ok_or_else(|| format!("it has {} fields and no field {}", row.len(), index + 1))?;
    let text = std::str::from_utf8(bytes).map_err(|_| format!("field {} is not UTF-8", index + 1))?;
    Ok(text.trim_ascii())
}

#[cfg(test)]
mod tests;
