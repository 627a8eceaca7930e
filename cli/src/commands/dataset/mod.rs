//! `tailor dataset`: reads, checks and repairs committed data. One file a verb.

mod cat;
mod coverage;
mod diff;
mod export;
mod gc;
mod manifests;
mod rollback;
mod series;
mod verify;

use anyhow::Result;
use dataset::{Catalog, Selection};
use model::{ShardId, Window};

use crate::args::WindowArg;
use crate::exit::Code;

/// Verbs of `tailor dataset`.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Dataset {
    /// Check that committed data is complete, in order, and equal to a second computation from the input
    Verify(verify::Args),
    /// List manifests: every version of every window and shard
    Manifests(manifests::Args),
    /// Tell whether windows are complete: for every shard, or for one organisation
    Coverage(coverage::Args),
    /// List series, with number of points and range of times
    Series(series::Args),
    /// Print one series: one footer and one ranged read
    Cat(cat::Args),
    /// Write all rows, sorted, to one file: Parquet, CSV or JSON lines
    Export(export::Args),
    /// Compare two versions of a shard, or two datasets, point by point
    Diff(diff::Args),
    /// Restore an older version of a shard, as a new version
    Rollback(rollback::Args),
    /// Find, and with --delete remove, objects that no manifest names
    Gc(gc::Args),
}

/// Runs the verb to its end.
pub(crate) async fn run(dataset: Dataset) -> Result<Code> {
    match dataset {
        Dataset::Verify(args) => verify::run(args).await,
        Dataset::Manifests(args) => manifests::run(args).await,
        Dataset::Coverage(args) => coverage::run(args).await,
        Dataset::Series(args) => series::run(args).await,
        Dataset::Cat(args) => cat::run(args).await,
        Dataset::Export(args) => export::run(args).await,
        Dataset::Diff(args) => diff::run(args).await,
        Dataset::Rollback(args) => rollback::run(args).await,
        Dataset::Gc(args) => gc::run(args).await,
    }
}

/// Dataset to look at, and part of it.
#[derive(Debug, clap::Args)]
struct Scope {
    /// Dataset: a path, file:// or s3:// URI.
    ///
    /// For example `tailor dataset verify s3://metrics/dataset`.
    #[arg(value_name = "URI")]
    dataset: String,
    /// Window to look at, as it was run: START/END, START/DURATION, or its name in listings, such as `all`. Without
    /// it, every window.
    ///
    /// For example `--window 2026-01-01/P1D`.
    #[arg(long, value_name = "START/END")]
    window: Option<WindowArg>,
    /// Shard to look at; repeatable. Without it, every shard.
    ///
    /// For example `--shard org-7`.
    #[arg(long = "shard", value_name = "NAME")]
    shards: Vec<ShardId>,
}

impl Scope {
    fn catalog(&self) -> Result<Catalog> {
        Ok(Catalog::open(&self.dataset)?)
    }

    fn window(&self) -> Option<Window> {
        self.window.map(|window| window.0)
    }

    fn selection(&self) -> Selection {
        Selection { window: self.window(), shards: self.shards.clone() }
    }
}
