//! `tailor shard get`.

use anyhow::Result;
use model::ShardId;

use super::OfJob;
use crate::documents::{self, ShardOfJob};
use crate::exit::Code;

/// Options of `tailor shard get`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The shard.
    shard: ShardId,
    #[command(flatten)]
    of: OfJob,
}

pub(super) async fn run(Args { shard, of }: Args) -> Result<Code> {
    let shard = of.context.cluster()?.shard(&of.job, &shard.to_string(), of.dataset.as_deref()).await?;
    documents::show(of.output.style, &ShardOfJob { job: of.job, shard: shard.into() })?;
    Ok(Code::Done)
}
