//! What the columns mean.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use jiff::tz::TimeZone;

use super::{Column, TimeFormat};

/// How CSV files are read.
#[derive(Debug, Clone)]
pub struct CsvSettings {
    /// The column of the timestamps.
    pub timestamp: Column,
    /// The columns of the values; empty takes every other column.
    pub values: Vec<Column>,
    /// What separates fields; where nothing is given, a tab in files that are called `.tsv` and a comma in others.
    pub delimiter: Option<u8>,
    /// Whether the first row names the columns.
    pub has_header: bool,
    /// How timestamps are written.
    pub time_format: TimeFormat,
    /// The zone of timestamps that name none.
    pub zone: TimeZone,
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
            timestamp: Column::Number(1),
            values: Vec::new(),
            delimiter: None,
            has_header: true,
            time_format: TimeFormat::Rfc3339,
            zone: TimeZone::UTC,
            metric: None,
            attributes: BTreeMap::new(),
            on_bad_row: OnBadRow::Fail,
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
