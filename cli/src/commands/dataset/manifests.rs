//! `tailor dataset manifests`: the versions of each window and shard.

use anyhow::Result;
use dataset::catalog::ListedManifest;

use super::Scope;
use crate::args::{OutputStyle, shown};
use crate::exit::Code;
use crate::out;
use crate::tables::Table;

/// Options of `tailor dataset manifests`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    scope: Scope,
    /// Style of the result.
    ///
    /// For example `-o json`.
    #[arg(short, long, value_enum, default_value_t)]
    output: OutputStyle,
}

pub(super) async fn run(args: Args) -> Result<Code> {
    let manifests = args.scope.catalog()?.manifests(&args.scope.selection()).await?;
    out::show(args.output, &manifests, |list| table(&list.manifests))?;
    Ok(Code::Done)
}

fn table(manifests: &[ListedManifest]) -> Table {
    let header = ["SHARD", "WINDOW", "VERSION", "JOB", "COMMITTED", "SERIES", "POINTS", "PARTS", "CONTENT", "REASON"];
    let mut table = Table::new(&header);
    for ListedManifest { is_current, content_digest, manifest, .. } in manifests {
        let mark = if *is_current { "*" } else { "" };
        table.row(vec![
            manifest.shard.to_string(),
            manifest.window.to_string(),
            format!("v{}{mark}", manifest.version),
            manifest.job.to_string(),
            shown(manifest.committed_at_ms),
            manifest.books.reduce.series_written.to_string(),
            manifest.books.reduce.points_written.to_string(),
            manifest.partitions.len().to_string(),
            content_digest.to_string()[..12].to_owned(),
            manifest.reason.clone(),
        ]);
    }
    table
}
