//! `tailor dataset export`.

use anyhow::Result;
use clap::ValueEnum;
use dataset::export::{ExportFormat, ExportOptions, export, target};
use interchange::csv::TimestampStyle;
use model::{ByteSize, RollupStep};

use super::Scope;
use crate::exit::Code;
use crate::out;

/// Options of `tailor dataset export`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    scope: Scope,
    /// The format of the file.
    #[arg(long, value_enum)]
    format: FileFormat,
    /// The file to write: a path or file:// URI. It appears whole, or not at all.
    #[arg(long, value_name = "PATH")]
    to: String,
    /// Rows of this rollup instead of points.
    #[arg(long, value_name = "STEP")]
    rollup: Option<RollupStep>,
    /// Timestamps of CSV as RFC 3339 instead of milliseconds.
    #[arg(long)]
    rfc3339: bool,
}

/// A format that other tools read.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum FileFormat {
    /// One row a point or bucket, sorted.
    Parquet,
    /// The same as text.
    Csv,
}

pub(super) async fn run(args: Args) -> Result<Code> {
    let timestamps = if args.rfc3339 { TimestampStyle::Rfc3339 } else { TimestampStyle::Millis };
    let format = match args.format {
        FileFormat::Parquet => ExportFormat::Parquet,
        FileFormat::Csv => ExportFormat::Csv { timestamps },
    };
    let catalog = args.scope.catalog()?;
    let options = ExportOptions { selection: args.scope.selection(), rollup: args.rollup, format };
    let (root, key) = target(&args.to)?;
    let written = export(&catalog, &options, (&root, &key)).await?;
    out::show(args.scope.output, &written, |written| {
        let bytes = ByteSize(written.bytes);
        format!("{}: {} rows of {} series, {bytes}\n", written.object, written.rows, written.series)
    })?;
    for warning in &written.warnings {
        crate::out::say(format_args!("tailor: warning: {warning}"));
    }
    Ok(Code::Done)
}
