//! Columns by name or number, found in a file's header.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use super::CsvSettings;

/// A column as an operator names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Column {
    /// Counted from 1.
    Number(usize),
    /// As the header has it.
    Name(String),
}

/// Digits are a number; to name a column that is called so, give its number.
impl FromStr for Column {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(text.parse().map_or_else(|_| Self::Name(text.to_owned()), Self::Number))
    }
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Name(name) => name.fmt(f),
        }
    }
}

/// Where the columns of one file are.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Columns {
    pub(super) timestamp: usize,
    /// Index and name of each value column; the name is its number where there is no header.
    pub(super) values: Vec<(usize, String)>,
}

impl Columns {
    /// Finds the columns of `settings` in a file by its first row.
    pub(super) fn resolve(settings: &CsvSettings, first: &csv::ByteRecord) -> Result<Self, String> {
        let width = first.len();
        let names: Option<Vec<String>> = settings.has_header.then(|| first.iter().map(clean_name).collect());
        let find = |column: &Column| find(column, names.as_deref(), width);
        let timestamp = find(&settings.timestamp)?;
        let indexes: Vec<usize> = match settings.values.as_slice() {
            [] => (0..width).filter(|index| *index != timestamp).collect(),
            chosen => chosen.iter().map(find).collect::<Result<_, _>>()?,
        };
        if indexes.is_empty() {
            return Err("it has no column but that of the timestamps; give the right delimiter".to_owned());
        }
        let name = |index: usize| names.as_ref().map_or_else(|| (index + 1).to_string(), |names| names[index].clone());
        Ok(Self { timestamp, values: indexes.into_iter().map(|index| (index, name(index))).collect() })
    }
}

/// A header field as text, without the byte-order mark that some exporters begin a file with.
fn clean_name(field: &[u8]) -> String {
    String::from_utf8_lossy(field).trim_start_matches('\u{feff}').trim().to_owned()
}

fn find(column: &Column, names: Option<&[String]>, width: usize) -> Result<usize, String> {
    match (column, names) {
        (Column::Number(number @ 1..), _) if *number <= width => Ok(number - 1),
        (Column::Number(number), _) => Err(format!("it has {width} columns, and no column {number}")),
        (Column::Name(name), None) => Err(format!("without a header, column '{name}' must be given by its number")),
        (Column::Name(name), Some(names)) => {
            let mut found = names.iter().enumerate().filter(|(_, other)| *other == name).map(|(index, _)| index);
            match (found.next(), found.next()) {
                (Some(index), None) => Ok(index),
                (Some(_), Some(_)) => Err(format!("several columns are called '{name}': give one by its number")),
                (None, _) => Err(format!("no column is called '{name}'; there are: {}", names.join(", "))),
            }
        }
    }
}
