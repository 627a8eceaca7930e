//! Columns by name or number, resolved against a file's header.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use super::reader::CsvRow;
use super::settings::Dialect;
use super::{CsvSettings, TimeFormat};

/// Column as an operator names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Column {
    /// Number of the column, counted from 1.
    Number(usize),
    /// Name in the header.
    Name(String),
}

/// Parses digits as a number; a column whose name is digits is named by its number.
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

/// Column with its name; the number stands for a missing name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) index: usize,
    pub(super) name: String,
    /// True if the column has no name and no option names it: a value in it is an error.
    pub(super) is_nameless: bool,
}

/// Columns of one table, by their role.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Columns {
    /// Number of fields in every row.
    pub(super) width: usize,
    pub(super) timestamp: Vec<usize>,
    pub(super) labels: Vec<Named>,
    pub(super) values: Vec<Named>,
    /// Names of the columns that are not used.
    pub(super) unused: Vec<String>,
}

/// Reason for which the columns of a table cannot be found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ColumnError {
    /// The file breaks the rules.
    File(String),
    /// The options contradict themselves, whatever the file is.
    Options(String),
}

/// Columns of InfluxDB that say nothing about a series or a point.
const INFLUXDB_NOT_LABELS: [&str; 5] = ["", "result", "table", "_start", "_stop"];

/// Columns of an export that name a series.
const EXPORT_LABELS: [&str; 2] = ["org_id", "metric_id"];

/// Column of an export that has the metadata of the series.
pub(super) const EXPORT_METADATA: &str = "metadata";

impl Columns {
    /// Resolves the columns of `settings` in a table by its first row.
    pub(super) fn resolve(settings: &CsvSettings, first: &CsvRow<'_>) -> Result<Self, ColumnError> {
        let table = Table { names: settings.has_header.then(|| names(first)).transpose()?, width: first.len() };
        let timestamp = match settings.timestamp.as_slice() {
            [] => table.find_all(&[default_timestamp(settings)])?,
            chosen => table.find_all(chosen)?,
        };
        let labels = table.find_all(&default_labels(settings, &table))?;
        let values = table.values(settings, &timestamp, &labels)?;
        check_roles(&table, &timestamp, &labels, &values, settings)?;
        let is_used = |index: &usize| timestamp.contains(index) || labels.contains(index) || values.contains(index);
        let unused = (0..table.width).filter(|index| !is_used(index)).map(|index| table.named(index, true).name);
        let is_asked_for = !settings.values.is_empty();
        Ok(Self {
            width: table.width,
            unused: unused.collect(),
            labels: labels.iter().map(|index| table.named(*index, true)).collect(),
            values: values.iter().map(|index| table.named(*index, is_asked_for)).collect(),
            timestamp,
        })
    }
}

fn default_timestamp(settings: &CsvSettings) -> Column {
    match settings.dialect {
        Dialect::Plain => Column::Number(1),
        Dialect::InfluxDb => Column::Name("_time".to_owned()),
        Dialect::Tailor => Column::Name("timestamp".to_owned()),
    }
}

/// Returns the default labels of the dialect: for InfluxDB, the group key.
fn default_labels(settings: &CsvSettings, table: &Table) -> Vec<Column> {
    let name = |name: &str| Column::Name(name.to_owned());
    let names = table.names.iter().flatten();
    match settings.dialect {
        _ if !settings.labels.is_empty() => settings.labels.clone(),
        Dialect::Plain => Vec::new(),
        Dialect::InfluxDb if !settings.values.is_empty() => Vec::new(),
        Dialect::InfluxDb => {
            let is_label = |name: &&String| {
                !INFLUXDB_NOT_LABELS.contains(&name.as_str()) && !["_time", "_value"].contains(&name.as_str())
            };
            names.filter(is_label).map(|label| name(label)).collect()
        }
        Dialect::Tailor => {
            let metadata = names.filter(|name| *name == EXPORT_METADATA).map(|_| EXPORT_METADATA);
            EXPORT_LABELS.into_iter().chain(metadata).map(name).collect()
        }
    }
}

struct Table {
    names: Option<Vec<String>>,
    width: usize,
}

impl Table {
    fn values(&self, settings: &CsvSettings, timestamp: &[usize], labels: &[usize]) -> Result<Vec<usize>, ColumnError> {
        if !settings.values.is_empty() {
            return self.find_all(&settings.values);
        }
        match settings.dialect {
            Dialect::InfluxDb => return self.find_all(&[Column::Name("_value".to_owned())]),
            Dialect::Tailor => return self.find_all(&[Column::Name("value".to_owned())]),
            Dialect::Plain => {}
        }
        let is_other = |index: &usize| !timestamp.contains(index) && !labels.contains(index);
        let values: Vec<_> = (0..self.width).filter(is_other).collect();
        if values.is_empty() {
            let cause = "it has no column but those of timestamps and labels; give the right --delimiter";
            return Err(ColumnError::File(cause.to_owned()));
        }
        Ok(values)
    }

    fn find_all(&self, columns: &[Column]) -> Result<Vec<usize>, ColumnError> {
        columns.iter().map(|column| self.find(column)).collect::<Result<_, _>>().map_err(ColumnError::File)
    }

    fn find(&self, column: &Column) -> Result<usize, String> {
        let width = self.width;
        match (column, &self.names) {
            (Column::Number(number @ 1..), _) if *number <= width => Ok(number - 1),
            (Column::Number(number), _) => Err(format!("it has {width} columns, and no column {number}")),
            (Column::Name(name), None) => Err(format!("without a header, column '{name}' must be given by its number")),
            (Column::Name(name), Some(names)) => {
                let mut found = names.iter().enumerate().filter(|(_, other)| *other == name).map(|(index, _)| index);
                match (found.next(), found.next()) {
                    (Some(index), None) => Ok(index),
                    (Some(one), Some(other)) => Err(format!(
                        "columns {} and {} are both called '{name}': give one by its number",
                        one + 1,
                        other + 1
                    )),
                    (None, _) => Err(format!("no column is called '{name}'; there are: {}", shown(names))),
                }
            }
        }
    }

    fn named(&self, index: usize, is_asked_for: bool) -> Named {
        let name = self.names.as_ref().map(|names| names[index].clone()).filter(|name| !name.is_empty());
        let is_nameless = self.names.is_some() && name.is_none() && !is_asked_for;
        Named { index, name: name.unwrap_or_else(|| (index + 1).to_string()), is_nameless }
    }
}

/// Returns the names of a header. A name that is not UTF-8 is refused, because two such names could become one.
fn names(first: &CsvRow<'_>) -> Result<Vec<String>, ColumnError> {
    let name = |(index, field): (usize, &[u8])| {
        let refused = |what: &str| {
            let column = index + 1;
            ColumnError::File(format!("{what} (column {column}); give --encoding, such as latin1 or utf-16le"))
        };
        let text = std::str::from_utf8(field).map_err(|_| refused("the header is not UTF-8"))?.trim();
        match text.contains('\0') {
            true => Err(refused("the header has zero bytes")),
            false => Ok(text.to_owned()),
        }
    };
    first.fields().enumerate().map(name).collect()
}

/// Formats names for a message: the first ones of many.
fn shown(names: &[String]) -> String {
    const NAMES_MAX: usize = 30;
    let shown: Vec<_> = names.iter().take(NAMES_MAX).map(|name| name.escape_debug().to_string()).collect();
    let more = if names.len() > NAMES_MAX { format!(" and {} more", names.len() - NAMES_MAX) } else { String::new() };
    format!("{}{more}", shown.join(", "))
}

/// Refuses a column that has two roles, and two value columns that would become one series.
fn check_roles(
    table: &Table,
    timestamp: &[usize],
    labels: &[usize],
    values: &[usize],
    settings: &CsvSettings,
) -> Result<(), ColumnError> {
    let mut roles: Vec<usize> = [timestamp, labels, values].concat();
    roles.sort_unstable();
    if let Some(pair) = roles.windows(2).find(|pair| pair[0] == pair[1]) {
        let name = table.named(pair[0], true).name;
        return Err(ColumnError::Options(format!("column '{name}' is named twice")));
    }
    for columns in [labels, values] {
        // Nameless columns are numbered, and refused if they hold a value.
        let mut names: Vec<_> = columns.iter().map(|index| (table.named(*index, true).name, *index)).collect();
        names.sort_unstable();
        if let Some([(name, one), (_, other)]) = names.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(ColumnError::File(format!(
                "columns {} and {} are both called '{name}', and would become one series; rename one, or import them apart \
                 (--value {} --metric NAME)",
                one + 1,
                other + 1,
                one + 1,
            )));
        }
    }
    let label =
        labels.iter().map(|index| table.named(*index, true).name).find(|name| settings.attributes.contains_key(name));
    match label {
        Some(name) => Err(ColumnError::Options(format!("'{name}' is both a label column and an --attribute"))),
        None => Ok(()),
    }
}

/// True if the first row, read as a header, is a row of data: it has a time in the column of times.
pub(super) fn looks_like_data(settings: &CsvSettings, columns: &Columns, first: &CsvRow<'_>) -> bool {
    let is_by_name = settings.timestamp.iter().any(|column| matches!(column, Column::Name(_)));
    if is_by_name || settings.dialect != Dialect::Plain {
        return false;
    }
    let text = super::rows::joined(first, &columns.timestamp);
    let reader = super::time::TimeReader::new(&settings.time_format, &settings.zone, settings.skipped_time);
    // A year may well name a column: the header of a table by years is not a row of data.
    let is_bare_year = matches!(&settings.time_format, TimeFormat::Pattern(pattern) if pattern.to_string() == "%Y");
    !is_bare_year && reader.read(&text).is_ok()
}
