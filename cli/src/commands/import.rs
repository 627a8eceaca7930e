//! `tailor import`: other formats to segments.

use std::path::PathBuf;

use anyhow::{Context, Result};
use format::manifest::API_VERSION;
use ingest::import::csv::{Column, TimeFormat, parse_zone};
use ingest::import::{
    CsvSettings, CsvSummary, Imported, OnBadRow, OtlpSummary, Target, csv, find_files, import_csv, import_otlp, otlp,
};
use ingest::segment::Output;
use jiff::tz::TimeZone;
use model::{ByteSize, OrgId};
use serde::Serialize;
use storage::Root;

use super::runtime;
use super::shard::route::read_map;
use crate::args::OutputStyle;
use crate::exit::Code;
use crate::out;

/// Formats.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Import {
    /// Rows of text: a timestamp and one or more values each; gzip too.
    Csv(Box<CsvArgs>),
    /// OpenTelemetry metrics: `MetricsData` messages, each behind its `u32` big-endian length; zstd and gzip too.
    Otlp(OtlpArgs),
}

/// Where imported points go.
#[derive(Debug, clap::Args)]
struct TargetArgs {
    /// Files, or folders to search.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Where the segments go: a path, file:// or s3:// URI.
    #[arg(long, value_name = "URI")]
    out: String,
    /// The organisation whose points they become.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    org: u64,
    /// The shard map; without one, 64 shared shards.
    #[arg(long, value_name = "FILE")]
    shard_config: Option<PathBuf>,
    /// Points of a payload at the most.
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=65536))]
    payload_points: u32,
    /// How to show the summary.
    #[arg(short, long, value_enum, default_value_t)]
    output: OutputStyle,
}

/// Options of `tailor import csv`.
#[derive(Debug, clap::Args)]
pub(crate) struct CsvArgs {
    #[command(flatten)]
    target: TargetArgs,
    /// The column of timestamps, by name or by number from 1.
    #[arg(long, value_name = "COLUMN", default_value = "1")]
    timestamp: Column,
    /// A column of values, by name or number; without it, every other. Repeatable, or with commas.
    #[arg(long = "value", value_name = "COLUMN", value_delimiter = ',')]
    values: Vec<Column>,
    /// What separates fields; without it, a comma, or a tab in .tsv files.
    #[arg(long, value_name = "CHAR")]
    delimiter: Option<char>,
    /// The first row is data, not names.
    #[arg(long)]
    no_header: bool,
    /// How timestamps are written: rfc3339, unix-s, unix-ms, unix-us, unix-ns, or a strptime pattern.
    #[arg(long, value_name = "FORMAT", default_value = "rfc3339")]
    time_format: TimeFormat,
    /// Zone of timestamps that name none: an IANA name or an offset.
    #[arg(long, value_name = "ZONE", default_value = "UTC", value_parser = parse_zone)]
    zone: TimeZone,
    /// The metric's name; without it, the file's.
    #[arg(long, value_name = "NAME")]
    metric: Option<String>,
    /// An attribute of every series, NAME=VALUE. Repeatable.
    #[arg(long = "attribute", value_name = "NAME=VALUE", value_parser = parse_attribute)]
    attributes: Vec<(String, String)>,
    /// What a row that cannot be read does: fail stops the import, skip reports it and goes on.
    #[arg(long, value_name = "RULE", default_value_t)]
    on_bad_row: OnBadRow,
}

/// Options of `tailor import otlp`.
#[derive(Debug, clap::Args)]
pub(crate) struct OtlpArgs {
    #[command(flatten)]
    target: TargetArgs,
}

fn parse_attribute(text: &str) -> Result<(String, String), String> {
    let split = text.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
    split.ok_or_else(|| format!("'{text}' is no attribute: give NAME=VALUE"))
}

/// The object behind `-o json`.
#[derive(Debug, Serialize)]
struct ImportReport {
    api_version: &'static str,
    kind: &'static str,
    files: u64,
    rows_read: u64,
    rows_imported: u64,
    rows_skipped: u64,
    /// What the input has and Tailor does not keep, by name.
    left_out: Vec<(&'static str, u64)>,
    series: u64,
    points: u64,
    payloads: u64,
    segments: u64,
    bytes: u64,
}

pub(crate) fn run(import: &Import) -> Result<Code> {
    let (args, report) = match import {
        Import::Csv(csv) => (&csv.target, with_target(&csv.target, |files, target| run_csv(csv, files, target))?),
        Import::Otlp(otlp) => (&otlp.target, with_target(&otlp.target, run_otlp)?),
    };
    out::show(args.output, &report, shown)?;
    Ok(if report.rows_skipped > 0 { Code::Partly } else { Code::Done })
}

fn with_target(
    args: &TargetArgs,
    import: impl FnOnce(&[PathBuf], &Target<'_>) -> Result<ImportReport>,
) -> Result<ImportReport> {
    let (map, _) = read_map(args.shard_config.as_deref())?;
    let runtime = runtime()?;
    let output = Output::new(Root::create(&args.out)?, runtime.handle().clone());
    let route = |org| map.shard(org);
    let target =
        Target { route: &route, payload_points: args.payload_points as usize, ..Target::new(&output, OrgId(args.org)) };
    import(&args.paths, &target)
}

fn run_csv(args: &CsvArgs, paths: &[PathBuf], target: &Target<'_>) -> Result<ImportReport> {
    let delimiter = args.delimiter.map(u8::try_from).transpose().context("the delimiter must be one byte")?;
    let settings = CsvSettings {
        timestamp: args.timestamp.clone(),
        values: args.values.clone(),
        delimiter,
        has_header: !args.no_header,
        time_format: args.time_format.clone(),
        zone: args.zone.clone(),
        metric: args.metric.clone(),
        attributes: args.attributes.iter().cloned().collect(),
        on_bad_row: args.on_bad_row,
    };
    let files = find_files(paths, &csv::EXTENSIONS)?;
    let CsvSummary { files, rows_read, rows_imported, rows_skipped, values_blank, imported } =
        import_csv(&files, &settings, target, &mut |row| crate::out::say(format_args!("tailor: skipped {row}")))?;
    let left_out = vec![("blank values", values_blank)];
    Ok(ImportReport { files, rows_read, rows_imported, rows_skipped, left_out, ..report(&imported) })
}

fn run_otlp(paths: &[PathBuf], target: &Target<'_>) -> Result<ImportReport> {
    let files = find_files(paths, &otlp::EXTENSIONS)?;
    let OtlpSummary { files, data_points, integers_inexact, left_out, imported, .. } = import_otlp(&files, target)?;
    let left_out = vec![
        ("inexact integers (kept, rounded)", integers_inexact),
        ("data points without a value", left_out.without_value),
        ("malformed buckets", left_out.buckets_malformed),
        ("minima and maxima of histograms", left_out.extremes),
        ("exponential buckets", left_out.exponential_buckets),
        ("quantiles", left_out.quantiles),
        ("exemplars", left_out.exemplars),
        ("metrics without data", left_out.metrics_empty),
    ];
    Ok(ImportReport { files, rows_read: data_points, rows_imported: data_points, left_out, ..report(&imported) })
}

fn report(imported: &Imported) -> ImportReport {
    ImportReport {
        api_version: API_VERSION,
        kind: "Import",
        files: 0,
        rows_read: 0,
        rows_imported: 0,
        rows_skipped: 0,
        left_out: Vec::new(),
        series: imported.series,
        points: imported.points,
        payloads: imported.payloads,
        segments: imported.segments,
        bytes: imported.bytes,
    }
}

fn shown(report: &ImportReport) -> String {
    let mut text = format!(
        "{} files, {} rows read, {} skipped: {} points of {} series in {} segments, {}\n",
        report.files,
        report.rows_read,
        report.rows_skipped,
        report.points,
        report.series,
        report.segments,
        ByteSize(report.bytes),
    );
    for (what, count) in report.left_out.iter().filter(|(_, count)| *count > 0) {
        text.push_str(&format!("left out: {count} {what}\n"));
    }
    text
}
