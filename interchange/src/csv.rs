//! CSV: a header, then one line per row.
//!
//! Every field except metadata is a number, or a time without a comma, so nothing else is ever quoted. Values are printed
//! in the fewest digits that read back as the same double; -0.0 is `-0`, infinities are `inf` and `-inf`. Every NaN is
//! `NaN`: only the payload of a NaN is lost in text.

pub(crate) mod rfc3339; // instants as people write them

use std::io::Write as _;
use std::marker::PhantomData;
use std::mem;

use model::SeriesKey;

use self::rfc3339::Rfc3339;
use crate::error::WriteError;
use crate::order::RowGate;
use crate::sink::{RowSink, RowSummary};
use crate::table::{Cells, METADATA, Raw, Rollup, Table, TableRows as _, all_columns};

/// Writer with one line per point.
pub type RawCsvWriter = CsvWriter<Raw>;

/// Writer with one line per bucket.
pub type RollupCsvWriter = CsvWriter<Rollup>;

/// Text form of instants.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TimestampStyle {
    /// Milliseconds since the UNIX epoch: `1700000000000`.
    #[default]
    Millis,
    /// UTC, with milliseconds: `2023-11-14T22:13:20.000Z`.
    Rfc3339,
}

/// Writes a table as CSV.
#[derive(Debug)]
pub struct CsvWriter<T: Table> {
    timestamps: TimestampStyle,
    /// The last field of every line, quoted, where it is wanted.
    metadata: Option<String>,
    lines: Vec<u8>,
    bytes_taken: u64,
    gate: RowGate,
    table: PhantomData<fn() -> T>,
}

impl<T: Table> CsvWriter<T> {
    /// Creates a file that has only the header.
    pub fn new(timestamps: TimestampStyle) -> Self {
        Self::with_header(timestamps, all_columns::<T>().map(|(name, _)| name).collect())
    }

    /// The same, with the metadata of series behind the other columns.
    pub fn with_metadata(timestamps: TimestampStyle) -> Self {
        let names = all_columns::<T>().map(|(name, _)| name).chain([METADATA]).collect();
        Self { metadata: Some(String::new()), ..Self::with_header(timestamps, names) }
    }

    fn with_header(timestamps: TimestampStyle, names: Vec<&str>) -> Self {
        let lines = format!("{}\n", names.join(",")).into_bytes();
        Self { timestamps, metadata: None, lines, bytes_taken: 0, gate: RowGate::default(), table: PhantomData }
    }

    fn write_instant(&mut self, key: SeriesKey, timestamp_ms: i64) -> Result<(), WriteError> {
        match self.timestamps {
            TimestampStyle::Millis => self.write_field(format_args!("{timestamp_ms}")),
            TimestampStyle::Rfc3339 => {
                let beyond = WriteError::BeyondRfc3339 { key, timestamp_ms };
                let instant = Rfc3339::of(timestamp_ms).ok_or(beyond)?;
                self.write_field(format_args!("{instant}"));
            }
        }
        Ok(())
    }

    fn write_field(&mut self, field: std::fmt::Arguments<'_>) {
        write!(self.lines, ",{field}").expect("writing to memory cannot fail");
    }
}

impl<T: Table> RowSink<T> for CsvWriter<T> {
    fn describe(&mut self, metadata: Option<&str>) {
        if let Some(field) = &mut self.metadata {
            *field = metadata.map_or_else(String::new, |text| format!("\"{}\"", text.replace('"', "\"\"")));
        }
    }

    fn append(&mut self, key: SeriesKey, rows: T::Rows<'_>) -> Result<(), WriteError> {
        self.gate.admit::<T>(key, &rows)?;
        let columns = rows.columns();
        let key_fields = format!("{},{}", key.org, key.metric);
        for row in 0..rows.timestamps_ms().len() {
            self.lines.extend_from_slice(key_fields.as_bytes());
            for cells in columns.as_ref() {
                match cells {
                    Cells::Instants(cells) => self.write_instant(key, cells[row])?,
                    Cells::Counts(cells) => self.write_field(format_args!("{}", cells[row])),
                    Cells::Values(cells) => self.write_field(format_args!("{}", cells[row])),
                }
            }
            if let Some(metadata) = &self.metadata {
                self.lines.push(b',');
                self.lines.extend_from_slice(metadata.as_bytes());
            }
            self.lines.push(b'\n');
        }
        Ok(())
    }

    fn take(&mut self) -> Vec<u8> {
        self.bytes_taken += self.lines.len() as u64;
        mem::take(&mut self.lines)
    }

    fn finish(mut self: Box<Self>) -> Result<(Vec<u8>, RowSummary), WriteError> {
        let lines = self.take();
        Ok((lines, RowSummary { bytes: self.bytes_taken, ..self.gate.summary() }))
    }
}

#[cfg(test)]
mod tests;
