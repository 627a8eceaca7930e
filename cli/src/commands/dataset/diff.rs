//! `tailor dataset diff`: comparison of two versions or two datasets.

use anyhow::Result;
use dataset::Catalog;
use dataset::diff::{Diff, Side, diff};
use format::manifest::Manifest;

use super::Scope;
use crate::args::OutputStyle;
use crate::exit::{Code, Exit};
use crate::out;

/// Options of `tailor dataset diff`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    scope: Scope,
    /// Style of the result.
    ///
    /// For example `-o json`.
    #[arg(short, long, value_enum, default_value_t)]
    output: OutputStyle,
    /// Other dataset to compare the current versions with: a path, file:// or s3:// URI. Without it, two versions of
    /// one shard are compared.
    ///
    /// For example `tailor dataset diff dataset s3://metrics/dataset`.
    #[arg(value_name = "OTHER", conflicts_with_all = ["before", "after"])]
    other: Option<String>,
    /// Older version of one shard. Without it, the version that `--after` replaced.
    ///
    /// For example `--before 3`.
    #[arg(long, value_name = "N")]
    before: Option<u32>,
    /// Newer version of one shard. Without it, the current version.
    ///
    /// For example `--after 4`.
    #[arg(long, value_name = "N")]
    after: Option<u32>,
}

pub(super) async fn run(args: Args) -> Result<Code> {
    let catalog = args.scope.catalog()?;
    let found = match &args.other {
        Some(other) => {
            let other = Catalog::open(other)?;
            let selection = args.scope.selection();
            let (before, after) = (catalog.current(&selection).await?, other.current(&selection).await?);
            compare((&catalog, &before), (&other, &after)).await?
        }
        None => {
            let (before, after) = versions(&args, &catalog).await?;
            compare((&catalog, &[before]), (&catalog, &[after])).await?
        }
    };
    out::show(args.output, &found, shown)?;
    Ok(if found.differences.is_empty() { Code::Done } else { Code::Difference })
}

async fn compare(before: (&Catalog, &[Manifest]), after: (&Catalog, &[Manifest])) -> Result<Diff> {
    let side = |(catalog, manifests)| Side { catalog, manifests };
    Ok(diff(side(before), side(after)).await?)
}

async fn versions(args: &Args, catalog: &Catalog) -> Result<(Manifest, Manifest)> {
    let [shard] = args.scope.shards.as_slice() else {
        return Err(Exit::error(Code::Usage, "name one --shard to compare two versions of, or another dataset"));
    };
    let after = catalog.one(args.scope.window(), *shard, args.after).await?;
    let Some(before) = args.before.or(after.replaces) else {
        return Err(Exit::error(Code::NotFound, format!("{shard} has no version before v{}", after.version)));
    };
    let before = catalog.one(Some(after.window), *shard, Some(before)).await?;
    Ok((before, after))
}

fn shown(diff: &Diff) -> String {
    let mut text = String::new();
    for difference in &diff.differences.listed {
        text.push_str(&format!("{difference}\n"));
    }
    let how = if diff.by_digest { " (by digest)" } else { "" };
    let total = diff.differences.total;
    text.push_str(&format!(
        "{} before, {} after: {total} differences{how}\n",
        diff.before.join(" "),
        diff.after.join(" ")
    ));
    text
}
