//! Options of `tailor import csv`.

use anyhow::Result;
use ingest::import::csv::preview::preview as preview_file;
use ingest::import::csv::{
    Column, Details, Dialect, EXTENSIONS, NumberFormat, RepeatedTime, SkippedTime, TextEncoding, TimeFormat, parse_zone,
};
use ingest::import::{CsvSettings, CsvSummary, ImportError, OnBadRow, import_csv};
use jiff::tz::TimeZone;
use model::OrgId;

use super::report::ImportReport;
use super::{TargetArgs, with_target};
use crate::args::OutputStyle;
use crate::exit::{Code, Exit};
use crate::out;

/// Options of `tailor import csv`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(super) target: TargetArgs,
    /// Conventions of the files: plain, influxdb (annotated CSV), or tailor (Tailor's own exports).
    ///
    /// For example `--dialect influxdb`.
    #[arg(long, value_name = "DIALECT", default_value_t)]
    dialect: Dialect,
    /// Column of timestamps, by name or by number from 1; the texts of several are joined by a space. Without it,
    /// column 1.
    ///
    /// For example `--timestamp date,time`.
    #[arg(long, visible_alias = "time", value_name = "COLUMN", value_delimiter = ',')]
    timestamp: Vec<Column>,
    /// Column of values, by name or number; repeatable, or with commas. Without it, every column that is not a
    /// timestamp or a label.
    ///
    /// For example `--value cpu,memory`.
    #[arg(long = "value", value_name = "COLUMN", value_delimiter = ',')]
    values: Vec<Column>,
    /// Column that tells series apart, by name or number; its texts become attributes. Repeatable, or with commas.
    /// Without it, none.
    ///
    /// For example `--labels host,region`.
    #[arg(long, visible_alias = "label-columns", value_name = "COLUMN", value_delimiter = ',')]
    labels: Vec<Column>,
    /// Separator of fields: a character, \t, or tab. Without it, a comma, or a tab in .tsv files.
    ///
    /// For example `--delimiter ";"`.
    #[arg(long, value_name = "CHAR", value_parser = parse_delimiter, allow_hyphen_values = true)]
    delimiter: Option<u8>,
    /// Treat quotes as ordinary characters.
    ///
    /// For example `--delimiter tab --no-quotes`.
    #[arg(long)]
    no_quotes: bool,
    /// Character that begins a comment line. Without it, no line is a comment.
    ///
    /// For example `--comment "#"`.
    #[arg(long, value_name = "CHAR", value_parser = parse_ascii)]
    comment: Option<u8>,
    /// Number of lines to skip before the header, or before the first row.
    ///
    /// For example `--skip-lines 3`.
    #[arg(long, visible_alias = "skip-rows", value_name = "N", default_value_t = 0)]
    skip_lines: u64,
    /// Read the first row as data. Without it, the first row has the names of the columns.
    ///
    /// For example `--no-header --timestamp 1 --value 2`.
    #[arg(long)]
    no_header: bool,
    /// Encoding of files without a byte-order mark: utf-8, utf-16le, latin1, and others.
    ///
    /// For example `--encoding latin1`.
    #[arg(long, value_name = "ENCODING", default_value_t)]
    encoding: TextEncoding,
    /// Form of timestamps: rfc3339, unix-s, unix-ms, unix-us, unix-ns, or a strptime pattern.
    ///
    /// For example `--time-format "%d.%m.%Y %H:%M"`.
    #[arg(long, value_name = "FORMAT", default_value = "rfc3339")]
    time_format: TimeFormat,
    /// Zone of timestamps that name none: an IANA name or an offset.
    ///
    /// For example `--zone Europe/Berlin`.
    #[arg(long, value_name = "ZONE", default_value = "UTC", value_parser = parse_zone, allow_hyphen_values = true)]
    zone: TimeZone,
    /// Rule for local times that occur twice, where clocks are put back: refuse, earlier, later, or infer (by the
    /// order of rows).
    ///
    /// For example `--repeated-time infer`.
    #[arg(long, visible_alias = "ambiguous-time", value_name = "RULE", default_value_t)]
    repeated_time: RepeatedTime,
    /// Rule for local times that do not exist, where clocks are put forward: refuse, or forward (by the gap).
    ///
    /// For example `--skipped-time forward`.
    #[arg(long, value_name = "RULE", default_value_t)]
    skipped_time: SkippedTime,
    /// Word for a missing value, besides the empty field; repeatable, or with commas. Without it, only the empty
    /// field.
    ///
    /// For example `--null NA,-`.
    #[arg(long = "null", value_name = "WORD", value_delimiter = ',', allow_hyphen_values = true)]
    nulls: Vec<String>,
    /// Read a comma as the decimal separator. Without it, the separator is a point.
    ///
    /// For example `--decimal-comma --delimiter ";"`.
    #[arg(long)]
    decimal_comma: bool,
    /// Separator of groups of three digits: a character, or space. Without it, none.
    ///
    /// For example `--thousands space`.
    #[arg(long, value_name = "CHAR", value_parser = parse_thousands)]
    thousands: Option<char>,
    /// Name of the metric. Without it, the file's name.
    ///
    /// For example `--metric temperature`.
    #[arg(long, value_name = "NAME")]
    metric: Option<String>,
    /// Attribute of every series, NAME=VALUE; repeatable. Without it, none.
    ///
    /// For example `--attribute site=berlin`.
    #[arg(long = "attribute", value_name = "NAME=VALUE", value_parser = parse_attribute)]
    attributes: Vec<(String, String)>,
    /// Rule for a row that cannot be read: fail stops the import, skip reports the row and goes on.
    ///
    /// For example `--on-bad-row skip`.
    #[arg(long, value_name = "RULE", default_value_t)]
    on_bad_row: OnBadRow,
}

fn parse_attribute(text: &str) -> Result<(String, String), String> {
    let split = text.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
    split.ok_or_else(|| format!("'{text}' is not an attribute; give NAME=VALUE"))
}

fn parse_ascii(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        [byte] if byte.is_ascii() && !matches!(byte, b'"' | b'\n' | b'\r') => Ok(*byte),
        _ => Err(format!("'{text}' must be one ASCII character, and no quote or line end")),
    }
}

fn parse_delimiter(text: &str) -> Result<u8, String> {
    let names = [("\\t", b'\t'), ("tab", b'\t'), ("comma", b','), ("semicolon", b';'), ("pipe", b'|'), ("space", b' ')];
    let named = names.iter().find(|(name, _)| text.eq_ignore_ascii_case(name)).map(|(_, byte)| *byte);
    named.map_or_else(|| parse_ascii(text), Ok)
}

fn parse_thousands(text: &str) -> Result<char, String> {
    let mut characters = text.chars();
    match (text, characters.next(), characters.next()) {
        ("space", ..) => Ok(' '),
        (_, Some(one), None) if !one.is_ascii_digit() && !"+-eE".contains(one) => Ok(one),
        _ => Err(format!("'{text}' must be one character, and no digit or sign")),
    }
}

impl Args {
    fn settings(&self) -> Result<CsvSettings> {
        let separators =
            [(self.decimal_comma && self.thousands == Some(',')), (!self.decimal_comma && self.thousands == Some('.'))];
        if separators.contains(&true) {
            return Err(Exit::error(Code::Usage, "decimals and thousands cannot have the same separator"));
        }
        if self.dialect == Dialect::InfluxDb && self.no_header {
            return Err(Exit::error(Code::Usage, "--dialect influxdb has headers: leave out --no-header"));
        }
        Ok(CsvSettings {
            dialect: self.dialect,
            org: self.target.org.map(OrgId),
            timestamp: self.timestamp.clone(),
            values: self.values.clone(),
            labels: self.labels.clone(),
            delimiter: self.delimiter,
            has_quotes: !self.no_quotes,
            comment: self.comment,
            skip_lines: self.skip_lines,
            has_header: !self.no_header,
            encoding: self.encoding,
            time_format: self.time_format.clone(),
            zone: self.zone.clone(),
            repeated_time: self.repeated_time,
            skipped_time: self.skipped_time,
            numbers: NumberFormat {
                decimal_comma: self.decimal_comma,
                thousands: self.thousands,
                nulls: self.nulls.clone(),
            },
            metric: self.metric.clone(),
            attributes: self.attributes.iter().cloned().collect(),
            on_bad_row: self.on_bad_row,
        })
    }
}

pub(super) fn run(args: &Args) -> Result<ImportReport> {
    if args.target.org.is_none() && args.dialect != Dialect::Tailor {
        return Err(Exit::error(Code::Usage, "give --org, whose points they become"));
    }
    let settings = args.settings()?;
    let files = args.target.files(&EXTENSIONS)?.files;
    let imported = with_target(&args.target, |target, listener| {
        import_csv(&files, &settings, target, args.target.rerun(), listener).inspect_err(suggest_preview)
    });
    let CsvSummary { outcome, details } = imported?;
    let left_out = vec![
        ("blank values", outcome.books.values.blank),
        ("leap seconds (kept, placed at 23:59:59.999)", details.leap_seconds),
        ("inexact integers (kept, rounded)", details.integers_inexact),
    ];
    let Details { lines_skipped, lines_passed, times_rounded, .. } = details;
    Ok(ImportReport { left_out, lines_skipped, lines_passed, times_rounded, ..ImportReport::of(outcome) })
}

/// Suggests a preview after an error in a file's content; standard input cannot be read again.
fn suggest_preview(error: &ImportError) {
    let path = match error {
        ImportError::BadRow(row) => &row.path,
        ImportError::Malformed { path, .. } => path,
        _ => return,
    };
    if path.as_os_str() != "-" {
        crate::out::say(format_args!(
            "tailor: to see what the file looks like: tailor import csv --preview {}",
            path.display()
        ));
    }
}

/// Shows the layout of the first file, and the options to type.
pub(super) fn preview(args: &Args) -> Result<Code> {
    if args.target.output != OutputStyle::Table {
        return Err(Exit::error(Code::Usage, "a preview is for people alone: leave out -o"));
    }
    let settings = args.settings()?;
    let files = args.target.files(&EXTENSIONS)?.files;
    for file in files.iter().take(1) {
        out::text(preview_file(file, &settings).map_err(super::coded)?)?;
    }
    if files.len() > 1 {
        crate::out::say(format_args!("tailor: {} more files; this is the first", files.len() - 1));
    }
    Ok(Code::Done)
}
