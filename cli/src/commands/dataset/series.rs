//! `tailor dataset series`: the series of a dataset.

use std::io::Write;
use std::ops::ControlFlow;

use anyhow::{Context, Result};
use dataset::Parts;
use dataset::series::{SeriesOptions, SeriesRow, list_series};
use model::OrgId;

use super::Scope;
use crate::args::{RowStyle, shown};
use crate::documents;
use crate::exit::Code;
use crate::out::ignore_broken_pipe;

/// Options of `tailor dataset series`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    scope: Scope,
    /// Style of the rows.
    ///
    /// For example `-o jsonl`.
    #[arg(short, long, value_enum, default_value_t)]
    output: RowStyle,
    /// Organisation whose series to list. Without it, every organisation.
    ///
    /// For example `--org 7`.
    #[arg(long)]
    org: Option<u64>,
    /// Show metadata too; reads whole blocks for it.
    ///
    /// For example `tailor dataset series dataset --metadata`.
    #[arg(long)]
    metadata: bool,
    /// Most series to list. Without it, all.
    ///
    /// For example `--limit 20`.
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
}

pub(super) async fn run(args: Args) -> Result<Code> {
    let catalog = args.scope.catalog()?;
    let parts = Parts::new(catalog.root());
    let options =
        SeriesOptions { selection: args.scope.selection(), org: args.org.map(OrgId), with_metadata: args.metadata };
    let mut out = std::io::BufWriter::new(std::io::stdout());
    let mut left = args.limit.unwrap_or(u64::MAX);
    let mut failed = None;
    if args.output == RowStyle::Table {
        writeln!(out, "ORG\tMETRIC\tPOINTS\tFIRST\tLAST\tSHARD\tWINDOW\tMETADATA").context("write the header")?;
    }
    let mut on_series = |row: SeriesRow| {
        if left == 0 {
            return ControlFlow::Break(());
        }
        left -= 1;
        match write_row(&mut out, &row, args.output) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                failed = Some(error);
                ControlFlow::Break(())
            }
        }
    };
    list_series(&catalog, &parts, &options, &mut on_series).await?;
    ignore_broken_pipe(failed.map_or_else(|| out.flush(), Err))?;
    Ok(Code::Done)
}

/// Writes one row on a line: a dataset has more series than a table or an array should hold.
fn write_row(out: &mut impl Write, row: &SeriesRow, style: RowStyle) -> std::io::Result<()> {
    match style {
        RowStyle::Jsonl => writeln!(out, "{}", crate::text::printable(&documents::line("Series", row)?)),
        RowStyle::Table => writeln!(
            out,
            "{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}",
            row.key.org,
            row.key.metric,
            row.points,
            shown(row.first_ms),
            shown(row.last_ms),
            row.shard,
            row.window,
            crate::text::line(row.metadata.as_deref().unwrap_or("-")),
        ),
    }
}
