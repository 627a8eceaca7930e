//! Settings of an import of CSV: the meaning of columns, and the notation of texts.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use jiff::tz::TimeZone;
use model::OrgId;
use model::digest::Digest;

use super::reader::Punctuation;
use super::value::NumberFormat;
use super::{Column, RepeatedTime, SkippedTime, TimeFormat};
use crate::import::input::TextEncoding;

/// Conventions that a file follows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Dialect {
    /// A header, then rows.
    #[default]
    Plain,
    /// InfluxDB's annotated CSV: tables one after another, each with annotations and a header of its own.
    InfluxDb,
    /// Output of `tailor dataset export --format csv`: rows name their series by id.
    Tailor,
}

impl Dialect {
    const ALL: [(Self, &'static str); 3] =
        [(Self::Plain, "plain"), (Self::InfluxDb, "influxdb"), (Self::Tailor, "tailor")];
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::ALL.iter().find(|(dialect, _)| dialect == self).map(|(_, name)| *name);
        f.write_str(name.expect("every dialect has its name"))
    }
}

impl FromStr for Dialect {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.iter().find(|(_, name)| *name == text).map(|(dialect, _)| *dialect);
        found.ok_or_else(|| format!("'{text}' is not one of plain, influxdb, tailor"))
    }
}

/// Settings of an import of CSV.
#[derive(Debug, Clone)]
pub struct CsvSettings {
    /// Conventions that the files follow.
    pub dialect: Dialect,
    /// Organisation of the points; for an export, the only one whose rows are accepted.
    pub org: Option<OrgId>,
    /// Columns of the timestamps; the texts of several are joined by a space. If empty, the default of the dialect.
    pub timestamp: Vec<Column>,
    /// Columns of the values; if empty, every other column.
    pub values: Vec<Column>,
    /// Columns that distinguish series: their texts become attributes.
    pub labels: Vec<Column>,
    /// Separator of fields. Without one, a tab in files named `.tsv` and a comma in others.
    pub delimiter: Option<u8>,
    /// False if quotes are ordinary characters.
    pub has_quotes: bool,
    /// Character that begins a comment line.
    pub comment: Option<u8>,
    /// Number of lines before the header, or before the first row.
    pub skip_lines: u64,
    /// False if the first row is data and names no columns.
    pub has_header: bool,
    /// Encoding of files without a byte-order mark.
    pub encoding: TextEncoding,
    /// Format of the timestamps.
    pub time_format: TimeFormat,
    /// Zone of timestamps that name none.
    pub zone: TimeZone,
    /// Rule for local times that occur twice.
    pub repeated_time: RepeatedTime,
    /// Rule for local times that do not exist.
    pub skipped_time: SkippedTime,
    /// Notation of the values.
    pub numbers: NumberFormat,
    /// Name of the metric; the file's stem if there is none.
    pub metric: Option<String>,
    /// Attributes of every series.
    pub attributes: BTreeMap<String, String>,
    /// Rule for rows that cannot be read.
    pub on_bad_row: OnBadRow,
}

impl Default for CsvSettings {
    fn default() -> Self {
        Self {
            dialect: Dialect::Plain,
            org: None,
            timestamp: Vec::new(),
            values: Vec::new(),
            labels: Vec::new(),
            delimiter: None,
            has_quotes: true,
            comment: None,
            skip_lines: 0,
            has_header: true,
            encoding: TextEncoding::default(),
            time_format: TimeFormat::Rfc3339,
            zone: TimeZone::UTC,
            repeated_time: RepeatedTime::Refuse,
            skipped_time: SkippedTime::Refuse,
            numbers: NumberFormat::default(),
            metric: None,
            attributes: BTreeMap::new(),
            on_bad_row: OnBadRow::Fail,
        }
    }
}

impl CsvSettings {
    /// Returns the digest of the settings: under equal digests, the same content becomes the same points.
    pub(super) fn digest(&self) -> Digest {
        Digest::of(format!("csv {self:?}").as_bytes())
    }

    pub(super) fn punctuation(&self, is_tabbed: bool) -> Punctuation {
        Punctuation {
            delimiter: self.delimiter.unwrap_or(if is_tabbed { b'\t' } else { b',' }),
            has_quotes: self.has_quotes,
            comment: self.comment.or((self.dialect == Dialect::InfluxDb).then_some(b'#')),
        }
    }

    /// Returns the format of times: the dialect's own if it has one.
    pub(super) fn time_format(&self) -> &TimeFormat {
        match self.dialect {
            Dialect::Tailor => &TimeFormat::Export,
            _ => &self.time_format,
        }
    }
}

/// Rule for rows that cannot be read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnBadRow {
    /// The row is reported and counted, and the import goes on.
    Skip,
    /// The import stops and names the row.
    #[default]
    Fail,
}

impl fmt::Display for OnBadRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Skip => "skip",
            Self::Fail => "fail",
        })
    }
}

impl FromStr for OnBadRow {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let all = [Self::Skip, Self::Fail];
        all.into_iter()
            .find(|rule| rule.to_string() == text)
            .ok_or_else(|| format!("'{text}' is neither skip nor fail"))
    }
}
