//! Plan of a job that was not submitted.

use model::ByteSize;
use proto::v1;
use serde::Serialize;

use super::Document;
use crate::tables::Table;

/// Shard of a plan.
#[derive(Debug, Serialize)]
struct PlannedShard {
    shard: String,
    segments: u64,
    bytes: u64,
    map_tasks: u32,
    partitions: u32,
}

/// Plan of a job that was not submitted.
#[derive(Debug, Serialize)]
pub(crate) struct JobPlan {
    job: String,
    shards: Vec<PlannedShard>,
    pub(crate) warnings: Vec<String>,
}

impl JobPlan {
    pub(crate) fn new(job: String, plan: v1::PlanJobResponse) -> Self {
        let planned = |shard: v1::PlannedShard| PlannedShard {
            shard: shard.shard,
            segments: shard.segments,
            bytes: shard.bytes,
            map_tasks: shard.map_tasks,
            partitions: shard.partitions,
        };
        Self { job, shards: plan.shards.into_iter().map(planned).collect(), warnings: plan.warnings }
    }
}

impl Document for JobPlan {
    const KIND: &'static str = "JobPlan";

    fn table(&self, _is_wide: bool) -> String {
        let mut table = Table::new(&["SHARD", "SEGMENTS", "BYTES", "MAP TASKS", "PARTITIONS"]);
        for shard in &self.shards {
            table.row(vec![
                shard.shard.clone(),
                shard.segments.to_string(),
                ByteSize(shard.bytes).to_string(),
                shard.map_tasks.to_string(),
                shard.partitions.to_string(),
            ]);
        }
        let bytes = ByteSize(self.shards.iter().map(|shard| shard.bytes).sum());
        format!("{table}\n{} shards, {bytes}; nothing was submitted\n", self.shards.len())
    }

    fn names(&self) -> Vec<String> {
        self.shards.iter().map(|shard| shard.shard.clone()).collect()
    }
}
