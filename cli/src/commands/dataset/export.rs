//! `tailor dataset export`: a file for other tools.

use anyhow::Result;
use clap::ValueEnum;
use dataset::export::{ExportFormat, ExportOptions, export, target};
use interchange::csv::TimestampStyle;
use model::{ByteSize, RollupStep};

use super::Scope;
use crate::args::OutputStyle;
use crate::exit::Code;
use crate::out;

/// Options of `tailor dataset export`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    scope: Scope,
    /// Style of the result.
    ///
    /// For example `-o json`.
    #[arg(short, long, value_enum, default_value_t)]
    output: OutputStyle,
    /// Format of the file.
    ///
    /// For example `--format parquet`.
    #[arg(long, value_enum)]
    format: FileFormat,
    /// File to write: a path or file:// URI. The file appears whole, or not at all.
    ///
    /// For example `--to points.parquet`.
    #[arg(long, value_name = "PATH")]
    to: String,
    /// Rollup whose rows to write. Without it, the points.
    ///
    /// For example `--rollup 1h`.
    #[arg(long, value_name = "STEP")]
    rollup: Option<RollupStep>,
    /// Write timestamps in CSV and JSON lines as RFC 3339. Without it, as milliseconds.
    ///
    /// For example `--format csv --rfc3339`.
    #[arg(long)]
    rfc3339: bool,
    /// Add a column `metadata` with name and labels of the series to each row. The points are then read twice.
    ///
    /// For example `--format csv --metadata`.
    #[arg(long)]
    metadata: bool,
}

/// Format that other tools read.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum FileFormat {
    /// A row for each point or bucket, sorted.
    Parquet,
    /// The same rows as text; `import csv --dialect tailor` reads them.
    Csv,
    /// An object for each row, on one line; ids are text.
    Jsonl,
}

pub(super) async fn run(args: Args) -> Result<Code> {
    let timestamps = if args.rfc3339 { TimestampStyle::Rfc3339 } else { TimestampStyle::Millis };
    let format = match args.format {
        FileFormat::Parquet => ExportFormat::Parquet,
        FileFormat::Csv => ExportFormat::Csv { timestamps },
        FileFormat::Jsonl => ExportFormat::JsonLines { timestamps },
    };
    let catalog = args.scope.catalog()?;
    let (selection, rollup) = (args.scope.selection(), args.rollup);
    let options = ExportOptions { selection, rollup, format, with_metadata: args.metadata };
    let (root, key) = target(&args.to)?;
    let written = export(&catalog, &options, (&root, &key)).await?;
    out::show(args.output, &written, |written| {
        let bytes = ByteSize(written.bytes);
        format!("{}: {} rows of {} series, {bytes}\n", written.object, written.rows, written.series)
    })?;
    for warning in &written.warnings {
        crate::out::say(format_args!("tailor: warning: {warning}"));
    }
    Ok(Code::Done)
}
