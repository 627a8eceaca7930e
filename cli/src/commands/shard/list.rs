//! `tailor shard list`: the shards of a job.

use anyhow::Result;

use super::OfJob;
use crate::documents::{self, ShardEntry, ShardList};
use crate::exit::Code;

/// Options of `tailor shard list`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    target: OfJob,
}

pub(super) async fn run(Args { target }: Args) -> Result<Code> {
    let job = target.context.cluster()?.job(&target.job, target.dataset.as_deref()).await?;
    let shards = job.shards.into_iter().map(ShardEntry::from).collect();
    documents::show(target.output.style, &ShardList { job: target.job, shards })?;
    Ok(Code::Done)
}
