//! `tailor dataset`: look at, check and mend what was committed. One file a verb.

mod cat;
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

/// Verbs on datasets.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Dataset {
    /// Check that what was committed is whole, in order, and what the input gives.
    Verify(verify::Args),
    /// List manifests: every version of every window and shard.
    Manifests(manifests::Args),
    /// List series, with their points and range.
    Series(series::Args),
    /// Print one series: a footer and one ranged read.
    Cat(cat::Args),
    /// Write everything, sorted, to one file: Parquet, CSV or JSON lines.
    Export(export::Args),
    /// Compare two versions of a shard, or two datasets, point by point.
    Diff(diff::Args),
    /// Make the parts of an older version count again, as a new version.
    Rollback(rollback::Args),
    /// Find, and with --delete remove, what no manifest names.
    Gc(gc::Args),
}

/// Runs a verb to its end.
pub(crate) async fn run(dataset: Dataset) -> Result<Code> {
    match dataset {
        Dataset::Verify(args) => verify::run(args).await,
        Dataset::Manifests(args) => manifests::run(args).await,
        Dataset::Series(args) => series::run(args).await,
        Dataset::Cat(args) => cat::run(args).await,
        Dataset::Export(args) => export::run(args).await,
        Dataset::Diff(args) => diff::run(args).await,
        Dataset::Rollback(args) => rollback::run(args).await,
        Dataset::Gc(args) => gc::run(args).await,
    }
}

/// Which dataset, and which part of it.
#[derive(Debug, clap::Args)]
struct Scope {
    /// The dataset: a path, file:// or s3:// URI.
    #[arg(value_name = "URI")]
    dataset: String,
    /// This window alone, as it was run: START/END or START/DURATION, or its name in listings, such as `all`.
    #[arg(long, value_name = "START/END")]
    window: Option<WindowArg>,
    /// This shard alone. Repeatable.
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
