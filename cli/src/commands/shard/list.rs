//! `tailor shard list`: the shards of a job.

use anyhow::Result;

use super::OfJob;
use crate::documents::{self, ShardEntry, ShardList};
use crate::exit::Code;

/// Options of `tailor shard list`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    of: OfJob,
}

pub(super) async fn run(Args { of }: Args) -> Result<Code> {
    let job = of.context.cluster()?.job(&of.job, of.dataset.as_deref()).await?;
    let shards = job.shards.into_iter().map(ShardEntry::from).collect();
    documents::show(of.output.style, &ShardList { job: of.job, shards })?;
    Ok(Code::Done)
}
