//! Conversion of rows to points; every row and every value enters the books.

use std::borrow::Cow;

use super::columns::Columns;
use super::groups::{Groups, Naming};
use super::reader::{CsvRow, FaultKind, RowFault};
use super::time::TimeReader;
use super::value::Value;
use super::{BadRow, CsvSettings, Details};
use crate::import::sink::Sink;
use crate::import::{ImportBooks, ImportError};

/// Refusal of a row: the reason in the books, and the words for it.
pub(super) struct Refusal {
    reason: &'static str,
    cause: String,
}

impl Refusal {
    fn new(reason: &'static str, cause: impl Into<String>) -> Self {
        Self { reason, cause: cause.into() }
    }
}

/// Fate of a row.
enum Fate {
    Written,
    Blank,
    Refused(Refusal),
}

/// Intake of the rows of one table after another.
pub(super) struct RowIntake<'s> {
    settings: &'s CsvSettings,
    naming: Naming<'s>,
    times: TimeReader<'s>,
    columns: Columns,
    groups: Groups,
    values: Vec<Value>,
    pub(super) books: ImportBooks,
    pub(super) details: Details,
}

impl<'s> RowIntake<'s> {
    pub(super) fn new(settings: &'s CsvSettings, stem: &'s str, columns: Columns) -> Self {
        Self {
            settings,
            naming: Naming::new(settings, stem),
            times: TimeReader::new(settings.time_format(), &settings.zone, settings.skipped_time),
            columns,
            groups: Groups::default(),
            values: Vec::new(),
            books: ImportBooks::default(),
            details: Details::default(),
        }
    }

    /// Continues with a table of other columns.
    pub(super) fn begin_table(&mut self, columns: Columns) {
        self.columns = columns;
        self.groups = Groups::default();
    }

    /// Imports a row; returns a refusal if the row is bad.
    #[inline]
    pub(super) fn import_row(&mut self, row: &CsvRow<'_>, sink: &mut Sink<'_>) -> Result<Option<Refusal>, ImportError> {
        self.books.rows.read += 1;
        let is_whole = row.len() == self.columns.width;
        let values = if is_whole { self.columns.values.len() as u64 } else { 0 };
        self.books.values.read += values;
        match self.read(row, is_whole, sink)? {
            Fate::Written => self.books.rows.written += 1,
            Fate::Blank => {
                self.books.rows.blank += 1;
                self.books.values.blank += values;
            }
            Fate::Refused(refusal) => {
                self.books.rows.skip(refusal.reason, 1);
                self.books.values.skip(refusal.reason, values);
                self.details.lines_skipped += row.lines;
                return Ok(Some(refusal));
            }
        }
        Ok(None)
    }

    /// Counts a line that is not a row.
    pub(super) fn refuse_line(&mut self, fault: &RowFault) -> Refusal {
        let refusal = refusal_of(fault);
        self.books.rows.read += 1;
        self.books.rows.skip(refusal.reason, 1);
        self.details.lines_skipped += 1;
        refusal
    }

    fn read(&mut self, row: &CsvRow<'_>, is_whole: bool, sink: &mut Sink<'_>) -> Result<Fate, ImportError> {
        match self.parse(row, is_whole) {
            Ok((at, group)) => {
                let mut has_value = false;
                for index in 0..self.values.len() {
                    let Value::Number(value, is_inexact) = self.values[index] else { continue };
                    let series = self.groups.series(group, index, &self.naming, &self.columns, sink)?;
                    sink.push(series, at, value)?;
                    self.details.integers_inexact += u64::from(is_inexact);
                    has_value = true;
                }
                // The values of a blank row are counted with the row, those of a written row here.
                if has_value {
                    self.books.values.blank +=
                        self.values.iter().filter(|value| **value == Value::Blank).count() as u64;
                }
                Ok(if has_value { Fate::Written } else { Fate::Blank })
            }
            Err(_) if row.fields().all(|field| field.trim_ascii().is_empty()) => Ok(Fate::Blank),
            Err(refusal) => Ok(Fate::Refused(refusal)),
        }
    }

    /// Parses the row's time, values and group; nothing of a bad row is kept.
    fn parse(&mut self, row: &CsvRow<'_>, is_whole: bool) -> Result<(i64, usize), Refusal> {
        if !is_whole {
            return Err(self.wrong_length(row));
        }
        let text = joined(row, &self.columns.timestamp);
        if text.is_empty() {
            return Err(Refusal::new("time", "it has no time"));
        }
        let reading = self.times.read(&text).map_err(|cause| Refusal::new("time", cause))?;
        self.values.clear();
        for column in &self.columns.values {
            let field = row.field(column.index).trim_ascii();
            let value = self.settings.numbers.read(field).map_err(|cause| self.bad_value(&column.name, cause))?;
            if column.is_nameless && value != Value::Blank {
                let cause = format!("column {} has no name, and a value; choose the columns with --value", column.name);
                return Err(Refusal::new("nameless column", cause));
            }
            self.values.push(value);
        }
        let group = self.groups.of(row, &self.columns, &self.naming).map_err(|cause| Refusal::new("label", cause))?;
        let at = self.groups.instant(group, reading.at, self.settings.repeated_time).map_err(|cause| {
            Refusal::new("repeated time", format!("{} is ambiguous: {cause}", super::time::quoted(&text)))
        })?;
        self.details.times_rounded += u64::from(reading.is_rounded);
        self.details.leap_seconds += u64::from(reading.is_leap);
        Ok((at, group))
    }

    /// Adds the name of the column to `cause`, if there are several columns.
    fn bad_value(&self, column: &str, cause: String) -> Refusal {
        let is_alone = self.columns.values.len() == 1;
        Refusal::new("value", if is_alone { cause } else { format!("column '{column}': {cause}") })
    }

    fn wrong_length(&self, row: &CsvRow<'_>) -> Refusal {
        let (found, width) = (row.len(), self.columns.width);
        let what = if self.settings.has_header { "the header" } else { "the first row" };
        let hint = match found > width {
            true => "; is its comma a decimal one, or is a text with the delimiter not quoted?",
            false => "",
        };
        Refusal::new("row length", format!("it has {found} fields and {what} {width}{hint}"))
    }
}

impl Refusal {
    pub(super) fn at(self, path: &std::path::Path, line: u64, lines: u64) -> BadRow {
        BadRow { path: path.to_owned(), line, lines, cause: self.cause }
    }
}

fn refusal_of(fault: &RowFault) -> Refusal {
    let RowFault { kind, field, quote_line, line } = *fault;
    let place = if quote_line == line { String::new() } else { format!(" on line {quote_line}") };
    match kind {
        FaultKind::Unclosed => Refusal::new("quoting", format!("the quote of field {field}{place} is never closed")),
        FaultKind::UnclosedTooLong => {
            Refusal::new("quoting", format!("the quote of field {field}{place} is not closed within 1 MiB"))
        }
        FaultKind::Stray => Refusal::new(
            "quoting",
            format!(
                "field {field}{place} has a quote and does not start with one; double it inside quotes, or give --no-quotes"
            ),
        ),
        FaultKind::AfterQuote => Refusal::new(
            "quoting",
            format!(
                "text follows the closing quote of field {field}{place}; double quotes inside quotes, or give --no-quotes"
            ),
        ),
        FaultKind::TooLong => Refusal::new("row too long", "it is longer than 1 MiB"),
        FaultKind::TooManyFields => Refusal::new("row too long", format!("it has {field} fields or more")),
    }
}

/// Joins the texts of several columns by a space.
#[inline]
pub(super) fn joined<'r>(row: &CsvRow<'r>, columns: &[usize]) -> Cow<'r, [u8]> {
    match columns {
        [one] => Cow::Borrowed(row.field(*one).trim_ascii()),
        several => {
            let texts: Vec<_> = several.iter().map(|index| row.field(*index).trim_ascii()).collect();
            let is_blank = texts.iter().all(|text| text.is_empty());
            Cow::Owned(if is_blank { Vec::new() } else { texts.join(&b' ') })
        }
    }
}
