//! Options of `tailor import otlp`.

use anyhow::Result;
use ingest::import::otlp::EXTENSIONS;
use ingest::import::{OtlpSummary, import_otlp};

use super::report::ImportReport;
use super::{TargetArgs, with_target};
use crate::exit::{Code, Exit};

/// Options of `tailor import otlp`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(super) target: TargetArgs,
}

pub(super) fn run(args: &Args) -> Result<ImportReport> {
    if args.target.preview {
        return Err(Exit::error(Code::Usage, "--preview is for CSV: OTLP has no options to find"));
    }
    if args.target.org.is_none() {
        return Err(Exit::error(Code::Usage, "give --org, whose points they become"));
    }
    let files = args.target.files(&EXTENSIONS)?.files;
    let imported =
        with_target(&args.target, |target, listener| import_otlp(&files, target, args.target.rerun(), listener));
    let OtlpSummary { outcome, details } = imported?;
    let left_out = vec![
        ("inexact integers (kept, rounded)", details.integers_inexact),
        ("data points without a value", details.left_out.without_value),
        ("data points without a time", details.left_out.without_time),
        ("malformed buckets", details.left_out.buckets_malformed),
        ("minima and maxima of histograms", details.left_out.extremes),
        ("exponential buckets", details.left_out.exponential_buckets),
        ("quantiles", details.left_out.quantiles),
        ("exemplars", details.left_out.exemplars),
        ("metrics without data", details.left_out.metrics_empty),
    ];
    Ok(ImportReport { left_out, ..ImportReport::of(outcome) })
}
