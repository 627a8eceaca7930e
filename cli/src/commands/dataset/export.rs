//! `tailor dataset export`.

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
    /// How to show the result.
    #[arg(short, long, value_enum, default_value_t)]
    output: OutputStyle,
    /// The format of the file.
    #[arg(long, value_enum)]
    format: FileFormat,
    /// The file to write: a path or file:// URI. It appears whole, or not at all.
    #[arg(long, value_name = "PATH")]
    to: String,
    /// Rows of this rollup instead of points.
    #[arg(long, value_name = "STEP")]
    rollup: Option<RollupStep>,
    /// Timestamps of text as RFC 3339 instead of milliseconds.
    #[arg(long)]
    rfc3339: bool,
    /// A column `metadata` in each row: name and labels of the series. The points are read twice for it.
    #[arg(long)]
    metadata: bool,
}

/// A format that other tools read.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum FileFormat {
    /// One row a point or bucket, sorted.
    Parquet,
    /// The same as text; `import csv --dialect tailor` reads it.
    Csv,
    /// An object a row, a line each; ids are text.
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
