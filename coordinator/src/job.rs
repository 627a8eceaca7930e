//! Opened job: settings and stores.

use std::sync::Arc;

use model::{Clock, JobId, JobSettings, JobSpec, ShardId};
use shard_config::ShardMap;
use storage::Root;

use crate::Env;
use crate::JobError;
use crate::bases::Bases;

/// Job with its opened stores.
#[derive(Debug, Clone)]
pub struct Job {
    /// Name of the job.
    pub id: JobId,
    /// Settings that shape the output.
    pub settings: JobSettings,
    /// Root of the segments.
    pub input: Root,
    /// Root of parts and manifests.
    pub dataset: Root,
    /// Shards to run; empty for all that have segments. A named shard without segments runs as empty.
    pub shards: Vec<ShardId>,
    /// Rule that assigns organisations to shards.
    pub shard_map: Arc<ShardMap>,
    /// Reason for the job, kept in its manifests.
    pub reason: String,
    /// Reason to replace a version whose input the job does not contain, if it may.
    pub force_replace: Option<String>,
    /// Versions over which it was planned.
    pub(crate) bases: Arc<Bases>,
    /// Time of the submission, as its client says.
    pub submitted_at_ms: i64,
    /// Clock for the time of commits.
    pub clock: Arc<dyn Clock>,
}

impl Job {
    /// Opens the places that a spec names.
    ///
    /// # Errors
    /// A place cannot be opened, or the shard map cannot be parsed.
    pub async fn open(spec: &JobSpec, env: &Env) -> Result<Self, JobError> {
        let dataset = env.stores.reach_or_make(&spec.dataset).await?;
        Self::reading(spec, dataset, env).await
    }

    /// Opens a spec with a given dataset, for a dry run, which must not create one.
    ///
    /// # Errors
    /// As for [`Self::open`].
    pub async fn reading(spec: &JobSpec, dataset: Root, env: &Env) -> Result<Self, JobError> {
        let shard_map = match spec.shard_map.as_str() {
            "" => ShardMap::default(),
            text => ShardMap::parse(text, "the job's shard map")?,
        };
        Ok(Self {
            id: spec.job.clone(),
            settings: spec.settings.clone(),
            input: env.stores.reach(&spec.input).await?,
            dataset,
            shards: spec.shards.clone(),
            shard_map: Arc::new(shard_map),
            reason: spec.reason.clone(),
            force_replace: spec.force_replace.clone(),
            bases: Arc::default(),
            submitted_at_ms: spec.submitted_at_ms,
            clock: Arc::clone(&env.clock),
        })
    }
}
