//! `tailor dataset manifests`.

use anyhow::Result;
use format::keys::ManifestName;
use format::manifest::Manifest;
use serde::Serialize;

use super::Scope;
use crate::args::{OutputStyle, shown};
use crate::commands::print_json;
use crate::exit::{Code, Exit};
use crate::tables::Table;

/// Options of `tailor dataset manifests`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    scope: Scope,
}

/// The object behind `-o json`.
#[derive(Debug, Serialize)]
struct ManifestList {
    api_version: &'static str,
    kind: &'static str,
    manifests: Vec<Listed>,
}

#[derive(Debug, Serialize)]
struct Listed {
    key: String,
    is_current: bool,
    content_digest: String,
    manifest: Manifest,
}

pub(super) async fn run(args: Args) -> Result<Code> {
    let catalog = args.scope.catalog()?;
    let mut manifests = Vec::new();
    for ((window, shard), versions) in catalog.versions(&args.scope.selection()).await? {
        let current = versions.last().copied();
        for version in versions {
            let name = ManifestName { window, shard, version };
            let manifest = catalog.read(name).await?;
            let content_digest = manifest.content_digest().to_string();
            manifests.push(Listed {
                key: name.to_string(),
                is_current: current == Some(version),
                content_digest,
                manifest,
            });
        }
    }
    if manifests.is_empty() {
        return Err(Exit::error(
            Code::NotFound,
            format!("{} has no manifest of that window and shard", args.scope.dataset),
        ));
    }
    match args.scope.output {
        OutputStyle::Table => print!("{}", table(&manifests)),
        OutputStyle::Json => print_json(&ManifestList { api_version: "tailor/v1", kind: "ManifestList", manifests })?,
    }
    Ok(Code::Done)
}

fn table(manifests: &[Listed]) -> Table {
    let header = ["SHARD", "WINDOW", "VERSION", "JOB", "COMMITTED", "SERIES", "POINTS", "PARTS", "CONTENT", "REASON"];
    let mut table = Table::new(&header);
    for Listed { is_current, content_digest, manifest, .. } in manifests {
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
            content_digest[..12].to_owned(),
            manifest.reason.clone(),
        ]);
    }
    table
}
