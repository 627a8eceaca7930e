//! Kinds of columns, by their content.

use std::collections::BTreeSet;
use std::fmt;

use super::super::CsvSettings;
use super::super::time::guess;
use super::super::value::Value;
use super::shape::Shape;

/// Number of texts of a column that are shown.
const SAMPLES: usize = 3;

/// Words for a missing value that are common in files.
const NULLS: [&str; 12] = ["NA", "N/A", "n/a", "NULL", "null", "nil", "None", "-", "--", ".", "?", "\\N"];

/// Likely content of a column.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    /// Times, in each of these formats.
    Time(Vec<String>),
    /// Hours or times of day beside a column of dates.
    PartOfTime,
    Number {
        nulls: Vec<String>,
        decimal_comma: bool,
        thousands: Option<char>,
    },
    /// Texts that repeat: they distinguish series.
    Label,
    Text,
    Blank,
}

/// Column with its likely content.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) index: usize,
    pub(super) name: String,
    pub(super) kind: Kind,
    samples: Vec<String>,
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.kind {
            Kind::Time(formats) => format!("times ({})", formats.join(" or ")),
            Kind::PartOfTime => "times of day".to_owned(),
            Kind::Number { nulls, .. } if nulls.is_empty() => "numbers".to_owned(),
            Kind::Number { nulls, .. } => format!("numbers, and {}", nulls.join(", ")),
            Kind::Label => "texts that come again".to_owned(),
            Kind::Text => "texts".to_owned(),
            Kind::Blank => "blank".to_owned(),
        };
        write!(f, "{:>3}  {:<24} {:<32} {}", self.index + 1, self.name, kind, self.samples.join("  "))
    }
}

/// Finds the kind of each column. The first column of times is that of the timestamps.
pub(super) fn kinds(shape: &Shape, settings: &CsvSettings) -> Vec<Seen> {
    let (header, rows) = match shape.has_header {
        true => shape.rows.split_first().map_or((None, &[][..]), |(header, rows)| (Some(header), rows)),
        false => (None, shape.rows.as_slice()),
    };
    let width = shape.rows.first().map_or(0, Vec::len);
    let text = |field: &Vec<u8>| String::from_utf8_lossy(field).trim().to_owned();
    let mut columns: Vec<Seen> = Vec::new();
    for index in 0..width {
        let texts: Vec<String> = rows.iter().map(|row| text(&row[index])).filter(|text| !text.is_empty()).collect();
        let name = header.map(|header| text(&header[index])).filter(|name| !name.is_empty());
        let has_time = columns.iter().any(|column| matches!(column.kind, Kind::Time(_)));
        let samples = texts.iter().take(SAMPLES).map(|text| text.escape_debug().take(40).collect()).collect();
        let name = name.unwrap_or_else(|| (index + 1).to_string());
        let kind = kind(&name, &texts, has_time, settings);
        columns.push(Seen { index, name, kind, samples });
    }
    columns
}

fn kind(name: &str, texts: &[String], has_time: bool, settings: &CsvSettings) -> Kind {
    if texts.is_empty() {
        return Kind::Blank;
    }
    if !has_time && let Some(formats) = common_formats(texts) {
        return Kind::Time(formats);
    }
    let is_of_day = |text: &String| {
        text.len() >= 4 && text.contains(':') && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b':')
    };
    let is_hour = ["hour", "hr", "time"].contains(&name.to_lowercase().as_str())
        && texts.iter().all(|text| text.parse::<u32>().is_ok_and(|hour| hour < 25));
    if has_time && (texts.iter().all(is_of_day) || is_hour) {
        return Kind::PartOfTime;
    }
    number(texts, settings).unwrap_or_else(|| {
        let distinct: BTreeSet<_> = texts.iter().collect();
        if distinct.len() * 2 <= texts.len() || (distinct.len() < texts.len() && texts.len() < 10) {
            Kind::Label
        } else {
            Kind::Text
        }
    })
}

/// Returns the formats in which every text is a time; small plain numbers are not times.
fn common_formats(texts: &[String]) -> Option<Vec<String>> {
    let mut formats = guess::formats(texts[0].as_bytes());
    for text in texts {
        let of_text = guess::formats(text.as_bytes());
        formats.retain(|format| of_text.contains(format));
    }
    (!formats.is_empty()).then_some(formats)
}

/// Tries the notations of numbers; returns the one in which every text, apart from words, is a number.
fn number(texts: &[String], settings: &CsvSettings) -> Option<Kind> {
    let notations = [(false, None), (false, Some(',')), (true, None), (true, Some('.')), (true, Some(' '))];
    notations.into_iter().find_map(|(decimal_comma, thousands)| {
        let mut numbers = settings.numbers.clone();
        (numbers.decimal_comma, numbers.thousands) = (decimal_comma, thousands);
        let is_number = |text: &String| matches!(numbers.read(text.as_bytes()), Ok(Value::Number(..) | Value::Blank));
        let others: BTreeSet<_> = texts.iter().filter(|text| !is_number(text)).cloned().collect();
        let are_nulls = others.iter().all(|text| NULLS.contains(&text.as_str())) && others.len() < texts.len();
        are_nulls.then(|| Kind::Number { nulls: others.into_iter().collect(), decimal_comma, thousands })
    })
}

/// Returns the options that these columns need, and sets them in `settings`.
pub(super) fn options(columns: &[Seen], settings: &mut CsvSettings) -> Vec<String> {
    let mut options = Vec::new();
    let name = |column: &Seen| {
        if column.name.contains([',', ' ', '"', '\'']) || column.name.parse::<usize>().is_ok() {
            (column.index + 1).to_string()
        } else {
            column.name.clone()
        }
    };
    let names =
        |kind: fn(&Kind) -> bool| columns.iter().filter(|column| kind(&column.kind)).map(name).collect::<Vec<_>>();
    let time = columns.iter().find_map(|column| match &column.kind {
        Kind::Time(formats) => Some((column, formats)),
        _ => None,
    });
    let parts = names(|kind| *kind == Kind::PartOfTime);
    if let Some((column, formats)) = time {
        if column.index > 0 || !parts.is_empty() {
            options.push(format!("--timestamp {}", [vec![name(column)], parts.clone()].concat().join(",")));
        }
        let format = match parts.as_slice() {
            [] => formats[0].clone(),
            _ => of_day(columns, if formats[0] == "rfc3339" { "%Y-%m-%d" } else { &formats[0] }),
        };
        if format != "rfc3339" {
            options.push(format!("--time-format '{format}'"));
        }
        if let Ok(format) = format.parse() {
            settings.time_format = format;
        }
    }
    let labels = names(|kind| *kind == Kind::Label);
    if !labels.is_empty() {
        options.push(format!("--labels {}", labels.join(",")));
    }
    if columns.iter().any(|column| column.kind == Kind::Text) {
        options.push(format!("--value {}", names(|kind| matches!(kind, Kind::Number { .. })).join(",")));
    }
    options.extend(number_options(columns, settings));
    options
}

/// Returns the pattern of a date with the time of day beside it.
fn of_day(columns: &[Seen], date: &str) -> String {
    let sample =
        columns.iter().find(|column| column.kind == Kind::PartOfTime).and_then(|column| column.samples.first());
    let time = match sample.map_or(0, |text| text.matches(':').count()) {
        0 => "%H",
        1 => "%H:%M",
        _ => "%H:%M:%S",
    };
    format!("{date} {time}")
}

fn number_options(columns: &[Seen], settings: &mut CsvSettings) -> Vec<String> {
    let mut options = Vec::new();
    let mut words = BTreeSet::new();
    for column in columns {
        if let Kind::Number { nulls, decimal_comma, thousands } = &column.kind {
            words.extend(nulls.iter().cloned());
            settings.numbers.decimal_comma |= decimal_comma;
            settings.numbers.thousands = settings.numbers.thousands.or(*thousands);
        }
    }
    if settings.numbers.decimal_comma {
        options.push("--decimal-comma".to_owned());
    }
    if let Some(separator) = settings.numbers.thousands {
        options.push(format!("--thousands '{separator}'"));
    }
    if !words.is_empty() {
        settings.numbers.nulls.extend(words.iter().cloned());
        options.push(format!("--null '{}'", words.into_iter().collect::<Vec<_>>().join(",")));
    }
    options
}
