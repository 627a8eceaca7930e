//! What the columns mean, and how text is written.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use jiff::tz::TimeZone;
use model::OrgId;
use model::digest::Digest;

use super::reader::Punctuation;
use super::value::NumberFormat;
use super::{Column, RepeatedTime, SkippedTime, TimeFormat};
use crate::import::input::Encoding;

/// Whose conventions a file follows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Dialect {
    /// A header, then rows.
    #[default]
    Plain,
    /// InfluxDB's annotated CSV: tables one after another, each with annotations and a header of its own.
    InfluxDb,
    /// What `tailor dataset export --format csv` writes: rows name their series by id.
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
        found.ok_or_else(|| format!("'{text}' is none of plain, influxdb, tailor"))
    }
}

/// How CSV files are read.
#[derive(Debug, Clone)]
pub struct CsvSettings {
    /// Whose conventions the files follow.
    pub dialect: Dialect,
    /// The only organisation whose rows an export may have.
    pub org: Option<OrgId>,
    /// The columns of the timestamps; the texts of several are joined by a space. Empty: the dialect's.
    pub timestamp: Vec<Column>,
    /// The columns of the values; empty takes every other column.
    pub values: Vec<Column>,
    /// Columns that tell series apart: their texts become attributes.
    pub labels: Vec<Column>,
    /// What separates fields; where nothing is given, a tab in files that are called `.tsv` and a comma in others.
    pub delimiter: Option<u8>,
    /// If not set, quotes are characters like any other.
    pub has_quotes: bool,
    /// Begins a line that is no row.
    pub comment: Option<u8>,
    /// Lines before the header, or before the first row.
    pub skip_lines: u64,
    /// If not set, the first row is data and names no columns.
    pub has_header: bool,
    /// The encoding of files that have no byte-order mark.
    pub encoding: Encoding,
    /// How timestamps are written.
    pub time_format: TimeFormat,
    /// The zone of timestamps that name none.
    pub zone: TimeZone,
    /// What a local time leads to that comes twice.
    pub repeated_time: RepeatedTime,
    /// What a local time leads to that never comes.
    pub skipped_time: SkippedTime,
    /// How values are written.
    pub numbers: NumberFormat,
    /// The metric's name; the file's stem where there is none.
    pub metric: Option<String>,
    /// Attributes of every series.
    pub attributes: BTreeMap<String, String>,
    /// What a row that cannot be read leads to.
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
            encoding: Encoding::default(),
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
    /// Of two imports with one digest, the same content becomes the same points.
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

    /// The format of times: the dialect's own where it has one.
    pub(super) fn time_format(&self) -> &TimeFormat {
        match self.dialect {
            Dialect::Tailor => &TimeFormat::Export,
            _ => &self.time_format,
        }
    }
}

/// What a row that cannot be read leads to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnBadRow {
    /// It is reported and counted, and the import goes on.
    Skip,
    /// The import stops and names it.
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
