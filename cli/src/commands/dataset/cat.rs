//! `tailor dataset cat`: one series.

use std::io::Write;
use std::ops::ControlFlow;

use anyhow::Result;
use dataset::Parts;
use dataset::cat::{CatOptions, cat};
use dataset::rows::{Chunk, Rows};
use format::part::RollupRow;
use model::{RollupStep, SeriesKey};
use serde_json::{Value, json};

use super::Scope;
use crate::args::{Instant, RowStyle, shown};
use crate::documents;
use crate::exit::Code;
use crate::out::ignore_broken_pipe;

/// Options of `tailor dataset cat`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    scope: Scope,
    /// Style of the rows.
    ///
    /// For example `-o jsonl`.
    #[arg(short, long, value_enum, default_value_t)]
    output: RowStyle,
    /// Organisation of the series.
    ///
    /// For example `--org 7`.
    #[arg(long)]
    org: u64,
    /// Metric of the series.
    ///
    /// For example `--metric 42`.
    #[arg(long)]
    metric: u64,
    /// First instant to print. Without it, the first of the series.
    ///
    /// For example `--from 2026-01-01T06:00:00Z`.
    #[arg(long, value_name = "TIME")]
    from: Option<Instant>,
    /// Instant before which to stop. Without it, the end of the series.
    ///
    /// For example `--to 2026-01-02`.
    #[arg(long, value_name = "TIME")]
    to: Option<Instant>,
    /// Rollup whose rows to print. Without it, the points.
    ///
    /// For example `--rollup 5m`.
    #[arg(long, value_name = "STEP")]
    rollup: Option<RollupStep>,
}

pub(super) async fn run(args: Args) -> Result<Code> {
    let catalog = args.scope.catalog()?;
    let parts = Parts::new(catalog.root());
    let options = CatOptions {
        selection: args.scope.selection(),
        key: SeriesKey::new(args.org, args.metric),
        from_ms: args.from.map(|at| at.0),
        to_ms: args.to.map(|at| at.0),
        rollup: args.rollup,
    };
    let mut out = std::io::BufWriter::new(std::io::stdout());
    let mut failed = None;
    let style = args.output;
    let mut on_rows = |chunk: Chunk| match write_chunk(&mut out, &chunk, style) {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => {
            failed = Some(error);
            ControlFlow::Break(())
        }
    };
    let rows = cat(&catalog, &parts, &options, &mut on_rows).await?;
    ignore_broken_pipe(failed.map_or_else(|| out.flush(), Err))?;
    let reads = parts.reads();
    tracing::info!(rows, requests = reads.requests, bytes = reads.bytes, "series read");
    Ok(Code::Done)
}

/// Writes each row on a line: tab-separated, or as one object.
fn write_chunk(out: &mut impl Write, chunk: &Chunk, style: RowStyle) -> std::io::Result<()> {
    match &chunk.rows {
        Rows::Points(points) => {
            for (at, value) in points.timestamps.iter().zip(&points.values) {
                match style {
                    RowStyle::Table => writeln!(out, "{}\t{value}", shown(*at))?,
                    RowStyle::Jsonl => {
                        let point = json!({"timestamp_ms": at, "value": number(*value)});
                        writeln!(out, "{}", documents::line("Point", &point)?)?;
                    }
                }
            }
        }
        Rows::Buckets(buckets) => {
            for row in (0..buckets.len()).map(|row| buckets.row(row)) {
                write_bucket(out, &row, style)?;
            }
        }
    }
    Ok(())
}

fn write_bucket(out: &mut impl Write, row: &RollupRow, style: RowStyle) -> std::io::Result<()> {
    let RollupRow { bucket_start_ms, count, sum, min, max, first, last } = *row;
    match style {
        RowStyle::Table => {
            writeln!(
                out,
                "{}\tcount {count}\tsum {sum}\tmin {min}\tmax {max}\tfirst {first}\tlast {last}",
                shown(bucket_start_ms)
            )
        }
        RowStyle::Jsonl => {
            let (sum, min, max) = (number(sum), number(min), number(max));
            let (first, last) = (number(first), number(last));
            let bucket = json!({
                "timestamp_ms": bucket_start_ms, "count": count, "sum": sum, "min": min, "max": max, "first": first, "last": last
            });
            writeln!(out, "{}", documents::line("Bucket", &bucket)?)
        }
    }
}

/// Converts a number to JSON, which has no NaN and no infinity: those become text.
fn number(value: f64) -> Value {
    serde_json::Number::from_f64(value).map_or_else(|| Value::String(value.to_string()), Value::Number)
}
