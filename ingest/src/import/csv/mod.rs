//! Rows of text: one timestamp and one or more values a row.
//!
//! ```text
//! file -> decode (input) -> reader: rows -> columns: which fields -> rows: time, values, group of labels -> sink
//! ```
//!
//! Every value column becomes a series, named after the file's stem (or `CsvSettings::metric`), or `<stem>.<column>`
//! if there are several; label columns make one series for each group of their texts. Values keep their bits as
//! `f64::from_str` reads them: `nan`, `inf` and `-0` are values too. An empty value field is not a point, but is
//! counted. Anything else that cannot be read makes the whole row bad: it is reported with file and line, and is
//! skipped or ends the import. `docs/import.md` has the rules, each with an example.

pub mod reader; //  reader of rows and fields
mod columns; //     columns by name or number
mod groups; //      series of the rows, by their labels
mod rows; //        conversion of rows to points
mod settings;
pub mod time; //    parser of timestamps
mod value; //       parser of values
pub mod preview; // preview of a file, and the options to type

use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

pub use super::input::TextEncoding;
pub use columns::Column;
pub use settings::{CsvSettings, Dialect, OnBadRow};
pub use time::{RepeatedTime, SkippedTime, TimeFormat, parse_zone};
pub use value::NumberFormat;

use columns::{ColumnError, Columns, looks_like_data};
use reader::{CsvItem, CsvRow, RowReader};
use rows::{Refusal, RowIntake};

use super::importing::{ImportOutcome, Importing, Listener, Notice, Rerun};
use super::input::{Content, FoundFile, InputFile, decode, looks_like_utf16, name_files};
use super::sink::Sink;
use super::{ImportBooks, ImportError, Target};

/// Endings of the files that a folder is searched for, compressed or not.
pub const EXTENSIONS: [&str; 2] = [".csv", ".tsv"];

/// Summary of an import of CSV.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CsvSummary {
    /// Files, books, and totals.
    pub outcome: ImportOutcome,
    /// Details that the books do not have.
    pub details: Details,
}

/// Details of an import that its books do not have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Details {
    /// Number of lines of rows that were skipped.
    pub lines_skipped: u64,
    /// Number of blank lines, comments, and lines before the header.
    pub lines_passed: u64,
    /// Number of times that were finer than a millisecond and were rounded down.
    pub times_rounded: u64,
    /// Number of times with second 60, placed at the last millisecond of second 59.
    pub leap_seconds: u64,
    /// Number of integers that are not exact as doubles.
    pub integers_inexact: u64,
}

impl Details {
    fn add(&mut self, other: &Self) {
        self.lines_skipped += other.lines_skipped;
        self.lines_passed += other.lines_passed;
        self.times_rounded += other.times_rounded;
        self.leap_seconds += other.leap_seconds;
        self.integers_inexact += other.integers_inexact;
    }
}

/// A row that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadRow {
    /// Path of the file.
    pub path: PathBuf,
    /// First line of the row, counted from 1.
    pub line: u64,
    /// Number of lines that the row takes.
    pub lines: u64,
    /// Description of the fault.
    pub cause: String,
}

impl fmt::Display for BadRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, line, lines, cause } = self;
        write!(f, "{}:{line}", path.display())?;
        if *lines > 1 {
            write!(f, "-{}", line + lines - 1)?;
        }
        write!(f, ": {cause}")
    }
}

/// Imports CSV files, one after another; `listener` is called for every row that is skipped, and for every file.
/// Blocks.
///
/// # Errors
/// See [`ImportError`]; a bad row is one only with [`OnBadRow::Fail`].
pub fn import_csv(
    files: &[FoundFile],
    settings: &CsvSettings,
    target: &Target<'_>,
    rerun: Rerun,
    listener: &mut Listener<'_>,
) -> Result<CsvSummary, ImportError> {
    let mut details = Details::default();
    let mut importing = Importing::begin(target, rerun, settings.digest(), listener)?;
    for file in name_files(files, &EXTENSIONS)? {
        importing.import(&file, |file, content, sink, listener| {
            let (books, found) = import_file(file, content, settings, sink, listener)?;
            details.add(&found);
            Ok(books)
        })?;
    }
    Ok(CsvSummary { outcome: importing.finish()?, details })
}

fn import_file(
    file: &InputFile,
    content: Content,
    settings: &CsvSettings,
    sink: &mut Sink<'_>,
    listener: &mut Listener<'_>,
) -> Result<(ImportBooks, Details), ImportError> {
    let mut reader = open(file, content, settings)?;
    let mut lines_passed = skip_lines(file, settings, &mut reader)?;
    let mut intake: Option<RowIntake<'_>> = None;
    let mut expects_header = true;
    loop {
        let next = reader.next_row().map_err(|source| file.cannot_read(source))?;
        match next {
            CsvItem::Row(row) if expects_header => {
                expects_header = false;
                let columns = begin_table(file, settings, &row, listener)?;
                match &mut intake {
                    Some(intake) => intake.begin_table(columns),
                    None => intake = Some(RowIntake::new(settings, &file.stem, columns)),
                }
                if !settings.has_header {
                    let intake = intake.as_mut().expect("begun above");
                    import_row(file, settings, intake, &row, sink, listener)?;
                }
            }
            CsvItem::Row(row) => {
                import_row(file, settings, intake.as_mut().expect("the first row begins it"), &row, sink, listener)?;
            }
            CsvItem::Fault(fault) => {
                let Some(intake) = intake.as_mut().filter(|_| !expects_header) else {
                    let refusal = RowIntake::new(settings, &file.stem, Columns::default()).refuse_line(&fault);
                    return Err(
                        file.malformed(format!("the header cannot be read: {}", refusal.at(&file.path, fault.line, 1)))
                    );
                };
                let refusal = intake.refuse_line(&fault);
                refuse(settings, refusal.at(&file.path, fault.line, 1), listener)?;
            }
            CsvItem::BlankLine => {
                lines_passed += 1;
                // InfluxDB separates tables with a blank line.
                expects_header |= settings.dialect == Dialect::InfluxDb;
            }
            CsvItem::Comment => lines_passed += 1,
            CsvItem::End => break,
        }
    }
    let Some(RowIntake { books, mut details, .. }) = intake else {
        listener(Notice::Remark(&file.path, "it has no row".to_owned()));
        return Ok((ImportBooks::default(), Details { lines_passed, ..Details::default() }));
    };
    details.lines_passed = lines_passed;
    Ok((books, details))
}

fn open(file: &InputFile, content: Content, settings: &CsvSettings) -> Result<RowReader<Box<dyn Read>>, ImportError> {
    if settings.encoding == TextEncoding::default()
        && let Some(encoding) = looks_like_utf16(&content.start)
    {
        let label = encoding.name().to_lowercase();
        return Err(file.malformed(format!("every other byte is zero, as in UTF-16; give --encoding {label}")));
    }
    let (text, _) = decode(content.start, content.rest, settings.encoding).map_err(|cause| file.malformed(cause))?;
    Ok(RowReader::new(text, settings.punctuation(is_tabbed(&file.path))))
}

fn is_tabbed(path: &Path) -> bool {
    let name = path.to_string_lossy().to_lowercase();
    let name = [".gz", ".zst"].iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(&name);
    name.ends_with(".tsv")
}

fn skip_lines<R: Read>(
    file: &InputFile,
    settings: &CsvSettings,
    reader: &mut RowReader<R>,
) -> Result<u64, ImportError> {
    for skipped in 0..settings.skip_lines {
        if !reader.skip_line().map_err(|source| file.cannot_read(source))? {
            return Err(
                file.malformed(format!("it has {skipped} lines, and --skip-lines asks for {}", settings.skip_lines))
            );
        }
    }
    Ok(settings.skip_lines)
}

/// Finds the columns by the first row of a table.
fn begin_table(
    file: &InputFile,
    settings: &CsvSettings,
    first: &CsvRow<'_>,
    listener: &mut Listener<'_>,
) -> Result<Columns, ImportError> {
    let is_annotated =
        ["#datatype", "#group", "#default"].iter().any(|name| first.field(0).starts_with(name.as_bytes()));
    if is_annotated && settings.dialect != Dialect::InfluxDb {
        return Err(file.malformed("it is annotated CSV of InfluxDB; give --dialect influxdb"));
    }
    let columns = Columns::resolve(settings, first).map_err(|error| match error {
        ColumnError::File(cause) => file.malformed(cause),
        ColumnError::Options(cause) => ImportError::Options { cause },
    })?;
    if settings.has_header && looks_like_data(settings, &columns, first) {
        let cause = format!("line {} is taken for the header and looks like data; give --no-header", first.line);
        return Err(file.malformed(cause));
    }
    if !columns.unused.is_empty() && settings.dialect == Dialect::Plain {
        listener(Notice::Remark(&file.path, format!("columns that are not imported: {}", columns.unused.join(", "))));
    }
    Ok(columns)
}

#[inline]
fn import_row(
    file: &InputFile,
    settings: &CsvSettings,
    intake: &mut RowIntake<'_>,
    row: &CsvRow<'_>,
    sink: &mut Sink<'_>,
    listener: &mut Listener<'_>,
) -> Result<(), ImportError> {
    let refusal: Option<Refusal> = intake.import_row(row, sink)?;
    match refusal {
        None => Ok(()),
        Some(refusal) => refuse(settings, refusal.at(&file.path, row.line, row.lines), listener),
    }
}

fn refuse(settings: &CsvSettings, row: BadRow, listener: &mut Listener<'_>) -> Result<(), ImportError> {
    match settings.on_bad_row {
        OnBadRow::Fail => Err(ImportError::BadRow(row)),
        OnBadRow::Skip => {
            listener(Notice::Skipped(&row));
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests;
