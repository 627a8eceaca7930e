//! `tailor dataset rollback`: an older version becomes current again.

use anyhow::Result;
use dataset::rollback::{RollbackOptions, rollback};
use model::SystemClock;

use super::Scope;
use crate::args::OutputStyle;
use crate::exit::{Code, Exit};
use crate::out;

/// Options of `tailor dataset rollback`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    scope: Scope,
    /// Style of the result.
    ///
    /// For example `-o json`.
    #[arg(short, long, value_enum, default_value_t)]
    output: OutputStyle,
    /// Version whose parts become current again.
    ///
    /// For example `--to 3`.
    #[arg(long, value_name = "N")]
    to: u32,
    /// Reason, kept in the manifest. Without it, none.
    ///
    /// For example `--reason "v4 was made of test data"`.
    #[arg(long, value_name = "TEXT", default_value = "", value_parser = crate::args::reason)]
    reason: String,
    /// Do it. Without it, the command only says what would be replaced.
    ///
    /// For example `tailor dataset rollback dataset --shard org-7 --to 3 --yes`.
    #[arg(short, long)]
    yes: bool,
}

pub(super) async fn run(args: Args) -> Result<Code> {
    let [shard] = args.scope.shards.as_slice() else {
        return Err(Exit::error(Code::Usage, "name the one --shard to roll back"));
    };
    let catalog = args.scope.catalog()?;
    if !args.yes {
        let current = catalog.current_name(args.scope.window(), *shard).await?;
        let what =
            format!("{current} would be replaced by a new version with the parts of v{}; say --yes to do it", args.to);
        return Err(Exit::error(Code::NeedsYes, what));
    }
    let options = RollbackOptions { window: args.scope.window(), shard: *shard, to: args.to, reason: args.reason };
    let done = rollback(&catalog, &options, &SystemClock).await?;
    out::show(args.output, &done, |done| {
        format!("{}: v{} replaces v{} ({})\n", done.manifest, done.version, done.replaces, done.reason)
    })?;
    Ok(Code::Done)
}
