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
    of: OfJob,
}

pub(super) async fn run(Args { shard, of }: Args) -> Result<Code> {
    let shard = of.context.cluster()?.shard(&of.job, &shard.to_string(), of.dataset.as_deref()).await?;
    documents::show(of.output.style, &ShardOfJob { job: of.job, shard: shard.into() })?;
    Ok(Code::Done)
}
