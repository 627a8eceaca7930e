//! JSON lines: one object per row.
//!
//! Ids are text, because many readers take every number for a double (docs/commands.md). Values are printed in the
//! fewest digits that read back as the same double; NaN and the infinities, which JSON does not have, are `"NaN"`,
//! `"inf"` and `"-inf"`.

use std::io::Write as _;
use std::marker::PhantomData;
use std::mem;

use model::SeriesKey;

use crate::csv::TimestampStyle;
use crate::csv::rfc3339::Rfc3339;
use crate::error::WriteError;
use crate::order::RowGate;
use crate::sink::{RowSink, RowSummary};
use crate::table::{Cells, Table, TableRows as _};

/// Writes a table as JSON lines.
#[derive(Debug)]
pub struct JsonLinesWriter<T: Table> {
    timestamps: TimestampStyle,
    /// Metadata of the current series as JSON, if it is wanted.
    metadata: Option<String>,
    lines: Vec<u8>,
    bytes_taken: u64,
    gate: RowGate,
    table: PhantomData<fn() -> T>,
}

impl<T: Table> JsonLinesWriter<T> {
    /// Creates a file without rows, with the metadata of series if `with_metadata`.
    pub fn new(timestamps: TimestampStyle, with_metadata: bool) -> Self {
        let (lines, gate) = (Vec::new(), RowGate::default());
        let metadata = with_metadata.then(|| "null".to_owned());
        Self { timestamps, metadata, lines, bytes_taken: 0, gate, table: PhantomData }
    }

    fn write_instant(&mut self, key: SeriesKey, timestamp_ms: i64) -> Result<(), WriteError> {
        match self.timestamps {
            TimestampStyle::Millis => self.write(format_args!("{timestamp_ms}")),
            TimestampStyle::Rfc3339 => {
                let beyond = WriteError::BeyondRfc3339 { key, timestamp_ms };
                let instant = Rfc3339::of(timestamp_ms).ok_or(beyond)?;
                self.write(format_args!("\"{instant}\""));
            }
        }
        Ok(())
    }

    fn write_value(&mut self, value: f64) {
        match value.is_finite() {
            true => self.write(format_args!("{value}")),
            false => self.write(format_args!("\"{value}\"")),
        }
    }

    fn write(&mut self, text: std::fmt::Arguments<'_>) {
        self.lines.write_fmt(text).expect("writing to memory cannot fail");
    }
}

impl<T: Table> RowSink<T> for JsonLinesWriter<T> {
    fn describe(&mut self, metadata: Option<&str>) {
        if let Some(json) = &mut self.metadata {
            metadata.unwrap_or("null").clone_into(json);
        }
    }

    fn append(&mut self, key: SeriesKey, rows: T::Rows<'_>) -> Result<(), WriteError> {
        self.gate.admit::<T>(key, &rows)?;
        let columns = rows.columns();
        let start = format!("{{\"org_id\":\"{}\",\"metric_id\":\"{}\"", key.org, key.metric);
        for row in 0..rows.timestamps_ms().len() {
            self.lines.extend_from_slice(start.as_bytes());
            for ((name, _), cells) in T::COLUMNS.iter().zip(columns.as_ref()) {
                self.write(format_args!(",\"{name}\":"));
                match cells {
                    Cells::Instants(cells) => self.write_instant(key, cells[row])?,
                    Cells::Counts(cells) => self.write(format_args!("{}", cells[row])),
                    Cells::Values(cells) => self.write_value(cells[row]),
                }
            }
            if let Some(metadata) = &self.metadata {
                write!(self.lines, ",\"metadata\":{metadata}").expect("writing to memory cannot fail");
            }
            self.lines.extend_from_slice(b"}\n");
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
mod tests {
    use super::*;
    use crate::{Raw, RawRows, Rollup, RollupRows};

    #[test]
    fn a_row_is_an_object_with_ids_as_text() {
        let mut sink: Box<dyn RowSink<Raw>> = Box::new(JsonLinesWriter::new(TimestampStyle::Rfc3339, true));
        let rows = RawRows { timestamps_ms: &[0, 1], values: &[0.1, f64::NAN] };
        sink.describe(Some(r#"{"name":"cpu"}"#));
        sink.append(SeriesKey::new(1, u64::MAX), rows).expect("in order");
        sink.describe(None);
        let rows = RawRows { timestamps_ms: &[2], values: &[f64::NEG_INFINITY] };
        sink.append(SeriesKey::new(2, 7), rows).expect("in order");
        let (bytes, summary) = sink.finish().expect("rows are in order");
        assert_eq!((summary.series, summary.rows, summary.bytes), (2, 3, bytes.len() as u64));
        assert_eq!(
            String::from_utf8(bytes).expect("text"),
            r#"{"org_id":"1","metric_id":"18446744073709551615","timestamp":"1970-01-01T00:00:00.000Z","value":0.1,"metadata":{"name":"cpu"}}
{"org_id":"1","metric_id":"18446744073709551615","timestamp":"1970-01-01T00:00:00.001Z","value":"NaN","metadata":{"name":"cpu"}}
{"org_id":"2","metric_id":"7","timestamp":"1970-01-01T00:00:00.002Z","value":"-inf","metadata":null}
"#
        );
    }

    #[test]
    fn a_bucket_has_all_its_columns() {
        let mut sink: Box<dyn RowSink<Rollup>> = Box::new(JsonLinesWriter::new(TimestampStyle::Millis, false));
        let one = [1.5];
        let rows = RollupRows {
            bucket_start_ms: &[60_000],
            count: &[2],
            sum: &one,
            min: &one,
            max: &one,
            first: &one,
            last: &one,
        };
        sink.append(SeriesKey::new(1, 2), rows).expect("in order");
        assert_eq!(
            String::from_utf8(sink.take()).expect("text"),
            r#"{"org_id":"1","metric_id":"2","timestamp":60000,"count":2,"sum":1.5,"min":1.5,"max":1.5,"first":1.5,"last":1.5}
"#
        );
    }
}
