//! `tailor shard get`: one shard of a job.

use anyhow::Result;
use model::ShardId;

use super::OfJob;
use crate::documents::{self, ShardOfJob};
use crate::exit::Code;

/// Options of `tailor shard get`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Name of the shard.
    ///
    /// For example `tailor shard get org-7 --job nightly`.
    shard: ShardId,
    #[command(flatten)]
    target: OfJob,
}

pub(super) async fn run(Args { shard, target }: Args) -> Result<Code> {
    let shard = target.context.cluster()?.shard(&target.job, &shard.to_string(), target.dataset.as_deref()).await?;
    documents::show(target.output.style, &ShardOfJob { job: target.job, shard: shard.into() })?;
    Ok(Code::Done)
}
